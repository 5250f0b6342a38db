package gitfs

import (
	"errors"
	"fmt"
	"math/rand"
	"os/exec"
	"strings"
	"testing"
)

func TestDefaultBranch(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	check := func(dir, want string) {
		t.Helper()
		if got, err := DefaultBranch(dir); err != nil || got != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	check(dir, "main")
	git(t, dir, "branch", "-m", "main", "trunk")
	var e *Error
	if _, err := DefaultBranch(dir); !errors.As(err, &e) || e.Hint == "" {
		t.Error(err)
	}
	clone := t.TempDir()
	git(t, dir, "clone", "-q", "file://"+dir, clone)
	check(clone, "origin/trunk")
	git(t, clone, "remote", "set-head", "origin", "--delete")
	git(t, clone, "update-ref", "refs/remotes/origin/master", "HEAD")
	check(clone, "origin/master")
	git(t, clone, "update-ref", "refs/remotes/origin/main", "HEAD")
	check(clone, "origin/main")
}

// TestMergeBase compares with git on histories drawn at random, whose clocks lie.
func TestMergeBase(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	for n := range 6 {
		dir := t.TempDir()
		git(t, dir, "init", "-q")
		const commits = 14
		var script strings.Builder
		for i := range commits {
			fmt.Fprintf(&script, "commit refs/heads/c%d\nmark :%d\ncommitter a <a@example.com> %d +0000\ndata 1\n%c\n", i, i+1, 1000+r.Intn(20), 'a'+rune(i))
			if i > 0 {
				first := max(0, i-1-r.Intn(4))
				fmt.Fprintf(&script, "from :%d\n", first+1)
				if other := r.Intn(i); r.Intn(2) == 0 && other != first {
					fmt.Fprintf(&script, "merge :%d\n", other+1)
				}
			}
			script.WriteString("\n")
		}
		cmd := exec.Command("git", "fast-import", "--quiet")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(script.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		repo, err := openRepository(dir)
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			a, b := fmt.Sprintf("c%d", r.Intn(commits)), fmt.Sprintf("c%d", r.Intn(commits))
			want := map[string]bool{}
			for l := range strings.FieldsSeq(git(t, dir, "merge-base", "--all", a, b)) {
				want[l] = true
			}
			x, errX := repo.commit(a)
			y, errY := repo.commit(b)
			if errX != nil || errY != nil {
				t.Fatal(errX, errY)
			}
			got, err := repo.bases(x, y)
			if err != nil {
				t.Fatal(err)
			}
			same := len(got) == len(want)
			for _, c := range got {
				same = same && want[c.Hash.String()]
			}
			if !same {
				t.Errorf("history %d, %s and %s: %v, want %v", n, a, b, got, want)
			}
			if base, err := MergeBase(dir, a, b); err != nil || !want[base] {
				t.Errorf("history %d, %s and %s: %s %v", n, a, b, base, err)
			}
		}
	}
	dir := shop(t)
	git(t, dir, "checkout", "-q", "--orphan", "alone")
	commit(t, dir, "alone")
	var e *Error
	if _, err := MergeBase(dir, "alone", "main"); !errors.As(err, &e) || e.Message != "alone and main have no commit in common" || e.Hint != "" {
		t.Errorf("%v", err)
	}
}

func FuzzSplitRev(f *testing.F) {
	for _, s := range []string{"main", "HEAD~1^2", "@", "v1^{commit}", "a..b", "-x", "../x", "x~", "ä/ö"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rev string) {
		name, steps, err := splitRev(rev)
		if err != nil {
			return
		}
		if name == "" || strings.Contains(name, "..") || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "-") || strings.ContainsAny(name, "~^:\x00\n") || len(steps) > maxRev {
			t.Errorf("%q: %q %v", rev, name, steps)
		}
	})
}
