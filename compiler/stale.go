package compiler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/compare"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// Strays says, a line each, which flows the overlay as it lies on disk lets pass
// or blocks against what the intents say. It is empty where only the text differs,
// and is of use where Stale: two branches that were each up to date can make an
// overlay that is not.
func (r *Result) Strays(o Options) ([]string, error) {
	if r.after == nil {
		return nil, nil
	}
	disk := &Result{Overlay: r.Overlay}
	if err := disk.onDisk(o); err != nil {
		return nil, err
	}
	changes := compare.States(
		compare.State{Inventory: r.Inventory, Engine: reach.New(r.Inventory, slices.Concat(r.before, disk.Policies), reach.Options{})},
		compare.State{Inventory: r.Inventory, Engine: r.after, Program: r.Program})
	var out []string
	for _, kind := range []struct {
		groups []compare.Group
		words  string
	}{
		{changes.Groups[compare.Lost], "passes on disk, and should be blocked"},
		{changes.Groups[compare.Gained], "is blocked on disk, and should pass"},
	} {
		for _, g := range kind.groups {
			out = append(out, fmt.Sprintf("%s -> %s on %s %s: %s", strings.Join(g.From, ", "), strings.Join(g.To, ", "), g.Ports, kind.words, g.Cause.Why))
		}
	}
	return out, nil
}
