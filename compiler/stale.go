package compiler

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/compare"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/emit"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// Outdated is the finding that what lies on disk is not what the intents say, for
// formats that list findings; nil where it is. It stands at the lock, or where
// there is none at the first intent.
func (r *Result) Outdated() diag.List {
	if !r.Clean || !r.Stale() {
		return nil
	}
	const named = 5
	var files []string
	for _, c := range r.Changes {
		if len(files) == named {
			files = append(files, fmt.Sprintf("and %d more", len(r.Changes)-named))
			break
		}
		files = append(files, path.Join(r.Overlay, c.Path)+" "+map[string]string{emit.Added: "is missing", emit.Changed: "is another", emit.Removed: "is no policy's any more"}[c.Kind])
	}
	if r.LockChange != "" {
		files = append(files, r.LockPath+" is another")
	}
	pos := diag.Position{File: r.LockPath, Line: 1}
	if len(r.lockBytes) == 0 && len(r.statements) > 0 {
		pos = r.statements[0].intent.Pos
	}
	return diag.List{diag.Errorf(diag.OverlayStale, pos, "the overlay is not what the intents say: %s", strings.Join(files, ", ")).
		Hint("run kubeteus compile and commit what it writes")}
}

// Strays says, a line each, which flows the overlay as it lies on disk lets pass
// or blocks against what the intents say. It is empty where only the text differs,
// and is of use where Stale: two branches that were each up to date can make an
// overlay that is not.
func (r *Result) Strays(o Options) ([]string, error) { return r.strays(o, nil) }

// strays leaves out what a difference says anyhow: where the overlay on disk is the
// base's, everything that the head changes is wrong on disk.
func (r *Result) strays(o Options, said *report.ReachabilityChange) ([]string, error) {
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
	line := func(from, to []string, ports, words string) string {
		return fmt.Sprintf("%s -> %s on %s %s", strings.Join(from, ", "), strings.Join(to, ", "), ports, words)
	}
	const passes, blocked = "passes on disk, and should be blocked", "is blocked on disk, and should pass"
	known := map[string]bool{}
	if said != nil {
		for _, f := range said.Lost {
			known[line(f.From, f.To, f.Ports, passes)] = true
		}
		for _, f := range said.Gained {
			known[line(f.From, f.To, f.Ports, blocked)] = true
		}
	}
	var out []string
	add := func(groups []compare.Group, words string) {
		for _, g := range groups {
			if l := line(g.From, g.To, g.Ports, words); !known[l] {
				out = append(out, l+": "+g.Cause.Why)
			}
		}
	}
	add(changes.Groups[compare.Lost], passes)
	add(changes.Groups[compare.Gained], blocked)
	return out, nil
}
