package main

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/lock"
)

// entry is one of very few, so that neighbours in a lock look alike, which is
// what merging by line has to be wary of.
func entry(set, intent int, peer string) lock.Entry {
	w := func(name string) []ir.Peer {
		return []ir.Peer{{Kind: ir.Workload, Namespace: "shop", Name: name}}
	}
	return lock.Entry{Set: fmt.Sprintf("set-%d", set), Intent: fmt.Sprintf("intent-%d", intent), Digest: lock.Digest(fmt.Sprint(set, intent, peer), "shop"),
		Reader: "openai", Model: "m", Rules: []ir.Rule{{Allow: &ir.Allow{From: w(peer), To: w("db"), About: ir.Ingress}}}}
}

// merge is what git makes of two locks, and whether it needed no help.
func merge(t *testing.T, dir string, base, ours, theirs *lock.File) ([]byte, bool) {
	t.Helper()
	var files []string
	for i, f := range []*lock.File{ours, base, theirs} {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, f.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	out, err := exec.Command("git", append([]string{"merge-file", "-p", "-q"}, files...)...).Output()
	if code, ok := err.(*exec.ExitError); err != nil && (!ok || code.ExitCode() > 127) {
		t.Fatal(err)
	}
	return out, err == nil
}

// TestLockMerge has git merge locks of branches that add, change and remove many
// intents. Whatever git leaves, with conflicts or without, the lock parses, and
// no reading is taken that is not one of the branches'. Entries apart from each
// other merge by line.
func TestLockMerge(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	dir := t.TempDir()
	r := rand.New(rand.NewSource(7))
	clean, kept, of := 0, 0, 0
	const rounds = 150
	for round := range rounds {
		base := &lock.File{Project: "shop", Overlay: "sha256:0"}
		for i := range 12 {
			if r.Intn(3) > 0 {
				base.Entries = append(base.Entries, entry(i/4, i%4, "web"))
			}
		}
		// Whoever changes an intent changes the overlay too, mostly.
		ours, theirs := change(r, base, "api", "sha256:1"), change(r, base, "job", "sha256:2")
		if round%2 == 0 {
			theirs.Overlay = ours.Overlay
		}
		data, ok := merge(t, dir, base, ours, theirs)
		if ok {
			clean++
		}
		got, diags := lock.Parse("kubeteus.lock", data)
		if got == nil || !ok && len(diags) == 0 {
			t.Errorf("round %d: clean %v, %v\n%s", round, ok, diags, data)
			continue
		}
		inOurs, inTheirs, inGot := index(ours), index(theirs), index(got)
		for name, e := range inGot {
			if a, b := inOurs[name], inTheirs[name]; !reflect.DeepEqual(e, a) && !reflect.DeepEqual(e, b) {
				t.Errorf("round %d: %s is of no branch\n%s", round, name, data)
			}
		}
		for name, e := range inOurs {
			if reflect.DeepEqual(e, inTheirs[name]) {
				of++
				if reflect.DeepEqual(inGot[name], e) {
					kept++
				}
			}
		}
	}
	if clean == 0 || clean == rounds {
		t.Errorf("%d of %d merges were clean: the test shows nothing", clean, rounds)
	}
	if kept*100 < of*97 {
		t.Errorf("of %d readings that both branches have, %d are kept", of, kept)
	}

	// Far enough apart, two new entries are no conflict.
	base := &lock.File{Project: "shop", Overlay: "sha256:0", Entries: []lock.Entry{entry(1, 0, "web"), entry(1, 1, "web")}}
	ours, theirs := *base, *base
	ours.Entries = append(slices.Clone(base.Entries), entry(0, 0, "api"))
	theirs.Entries = append(slices.Clone(base.Entries), entry(2, 0, "job"))
	data, ok := merge(t, dir, base, &ours, &theirs)
	got, diags := lock.Parse("kubeteus.lock", data)
	if !ok || diags != nil || len(got.Entries) != 4 {
		t.Errorf("%v %v\n%s", ok, diags, data)
	}
}

// change adds, changes and removes some entries of a copy.
func change(r *rand.Rand, base *lock.File, peer, overlay string) *lock.File {
	out := &lock.File{Project: base.Project, Overlay: overlay}
	known := index(base)
	for i := range 12 {
		e, was := known[fmt.Sprintf("set-%d/intent-%d", i/4, i%4)]
		switch n := r.Intn(8); {
		case n == 0 && was: // removed
		case n == 1:
			out.Entries = append(out.Entries, entry(i/4, i%4, peer)) // added or changed
		case was:
			out.Entries = append(out.Entries, e)
		}
	}
	return out
}

func index(f *lock.File) map[string]lock.Entry {
	out := map[string]lock.Entry{}
	for _, e := range f.Entries {
		out[e.Set+"/"+e.Intent] = e
	}
	return out
}
