package gitfs

import (
	"container/heap"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// A merge base is found by painting. Both ends are painted in a colour of their
// own, and a queue hands out commits, newest first, whose colours go to their
// parents. A commit that has both is a common ancestor; what is behind it is
// painted stale, and of no interest. Once the queue holds nothing but stale
// commits, the common ancestors that did not become stale are the bases.
//
// Clocks lie: a commit may be older than its parent by its date, and is then
// handed out late. So a commit whose colours change goes through the queue again,
// and what turned out to be behind another base is dropped in the end.

// Colours of a commit.
const (
	ours = 1 << iota
	theirs
	stale
)

// MergeBase returns the commit that two revisions have in common, as git
// merge-base does. Of several it is the newest, and of equally old ones the first
// by name.
func MergeBase(dir, a, b string) (string, error) {
	r, err := openRepository(dir)
	if err != nil {
		return "", err
	}
	x, err := r.commit(a)
	if err != nil {
		return "", err
	}
	y, err := r.commit(b)
	if err != nil {
		return "", err
	}
	bases, err := r.bases(x, y)
	if err != nil {
		return "", err
	}
	if len(bases) == 0 {
		e := &Error{Message: fmt.Sprintf("%s and %s have no commit in common", a, b)}
		if len(r.shallow) > 0 {
			e.Message, e.Hint = e.Message+" within what this shallow clone holds", "git fetch --unshallow"
		}
		return "", e
	}
	return bases[0].Hash.String(), nil
}

// bases returns all merge bases, newest first.
func (r *repository) bases(x, y *object.Commit) ([]*object.Commit, error) {
	found, err := r.paint(x, y)
	if err != nil || len(found) < 2 {
		return found, err
	}
	var out []*object.Commit
	for i, c := range found {
		behind := false
		for j, d := range found {
			if i == j || behind {
				continue
			}
			common, err := r.paint(c, d)
			if err != nil {
				return nil, err
			}
			behind = slices.ContainsFunc(common, func(b *object.Commit) bool { return b.Hash == c.Hash })
		}
		if !behind {
			out = append(out, c)
		}
	}
	return out, nil
}

// paint returns the common ancestors of two commits that are not known to be
// behind another.
func (r *repository) paint(x, y *object.Commit) ([]*object.Commit, error) {
	colours := map[plumbing.Hash]int{}
	var q queue
	add := func(c *object.Commit, colour int) {
		if colours[c.Hash]|colour != colours[c.Hash] {
			colours[c.Hash] |= colour
			heap.Push(&q, c)
		}
	}
	add(x, ours)
	add(y, theirs)
	var common []*object.Commit
	for slices.ContainsFunc(q, func(c *object.Commit) bool { return colours[c.Hash]&stale == 0 }) {
		c := heap.Pop(&q).(*object.Commit)
		colour := colours[c.Hash]
		if colour&(ours|theirs) == ours|theirs {
			if !slices.ContainsFunc(common, func(d *object.Commit) bool { return d.Hash == c.Hash }) {
				common = append(common, c)
			}
			colour |= stale
		}
		if r.shallow[c.Hash] {
			continue
		}
		for _, h := range c.ParentHashes {
			if colours[h]|colour == colours[h] {
				continue
			}
			p, err := r.load(h)
			if err != nil {
				return nil, err
			}
			add(p, colour)
		}
	}
	common = slices.DeleteFunc(common, func(c *object.Commit) bool { return colours[c.Hash]&stale != 0 })
	slices.SortFunc(common, func(a, b *object.Commit) int {
		if newer(a, b) {
			return -1
		}
		return 1
	})
	return common, nil
}

func newer(a, b *object.Commit) bool {
	if !a.Committer.When.Equal(b.Committer.When) {
		return a.Committer.When.After(b.Committer.When)
	}
	return a.Hash.String() < b.Hash.String()
}

// queue is a heap of commits, newest first.
type queue []*object.Commit

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return newer(q[i], q[j]) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(c any)        { *q = append(*q, c.(*object.Commit)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
