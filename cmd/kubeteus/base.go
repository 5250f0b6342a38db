package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/gitfs"
	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// This file finds what the working tree is compared with: a revision of its
// repository, read from git's objects.

// comparison is a revision, and the project in it. Options.Project is nil where
// the revision has no such folder.
type comparison struct {
	revision report.Revision
	opts     compiler.Options
	trees    []gitfs.FS
	notes    []string
}

// compareWith opens the project in a revision; "" is the merge base of HEAD with
// the default branch.
func (p *project) compareWith(rev string) (*comparison, error) {
	c := &comparison{revision: report.Revision{Name: rev}}
	if rev == "" {
		branch, err := gitfs.DefaultBranch(p.dir)
		if err != nil {
			return nil, gitMisuse(err, "there is nothing to compare with")
		}
		if rev, err = gitfs.MergeBase(p.dir, branch, "HEAD"); err != nil {
			return nil, gitMisuse(err, "the merge base with "+branch)
		}
		c.revision = report.Revision{Name: branch, Why: "the merge base with " + branch}
	}
	commit, err := gitfs.Commit(p.dir, rev)
	if err != nil {
		return nil, gitMisuse(err, "the revision to compare with")
	}
	c.revision.Commit = commit
	tree, err := c.open(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, gitMisuse(err, commit)
	}
	c.opts = compiler.Options{Project: tree, Intents: p.opts.Intents, Overlay: p.opts.Overlay, Target: p.opts.Target}
	c.opts.Manifests = c.counterparts(p, "manifests", p.opts.Manifests)
	c.opts.Inventory = c.counterparts(p, "inventory", p.opts.Inventory)
	if d := p.opts.Disk; d.FS != nil {
		c.opts.Disk = compiler.Disk{Overlay: d.Overlay, Prefix: d.Prefix}
		c.opts.Disk.FS, err = c.beside(p, p.disk.Name())
		if errors.Is(err, fs.ErrNotExist) {
			c.notes = append(c.notes, "the overlay lies outside of the repository: the base has none")
			c.opts.Disk.FS, err = compiler.NoFiles{}, nil
		}
		if err != nil {
			return nil, gitMisuse(err, "the overlay in "+commit)
		}
	}
	return c, nil
}

func (c *comparison) open(dir string) (gitfs.FS, error) {
	tree, err := gitfs.Open(dir, c.revision.Commit)
	if err == nil {
		c.trees = append(c.trees, tree)
	}
	return tree, err
}

// counterparts are the trees of flags in the revision. What lies outside of the
// repository is taken as it is.
func (c *comparison) counterparts(p *project, what string, trees []load.Tree) []load.Tree {
	var out []load.Tree
	for _, t := range trees {
		if t.Name == "" {
			if _, err := fs.Stat(c.opts.Project, t.Path); errors.Is(err, fs.ErrNotExist) {
				c.notes = append(c.notes, fmt.Sprintf("%s %s is not there at the base", what, t.Path))
				continue
			}
			out = append(out, load.Tree{FS: c.opts.Project, Path: t.Path})
			continue
		}
		tree, err := c.beside(p, filepath.FromSlash(t.Name))
		if err != nil {
			c.notes = append(c.notes, fmt.Sprintf("%s %s is compared with itself: the base does not have it", what, p.display(t.Name)))
			out = append(out, t)
			continue
		}
		out = append(out, load.Tree{FS: tree, Name: t.Name, Path: t.Path})
	}
	return out
}

// beside is a folder outside of the project, in the revision of the project's
// repository: in a submodule it is the commit that the revision names, and none of
// the submodule's own.
func (c *comparison) beside(p *project, dir string) (fs.FS, error) {
	top := repositoryRoot(resolved(p.dir))
	inside, ok := within(top, resolved(dir))
	if top == "" || !ok {
		return nil, fs.ErrNotExist
	}
	tree, err := c.open(top)
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(tree, inside); err != nil {
		return nil, err
	}
	return fs.Sub(tree, inside)
}

// settle puts what is known of the base into a difference.
func (c *comparison) settle(p *project, d *report.Difference) {
	d.Base = c.revision
	d.Folder = p.folder()
	for _, t := range c.trees {
		for _, commit := range t.Absent() {
			c.notes = append(c.notes, fmt.Sprintf("a submodule at commit %s is not here, and is compared as if it were empty: git submodule update --init", commit))
		}
	}
	d.Notes = append(c.notes, d.Notes...)
}

// gitMisuse is a revision that is not to be had.
func gitMisuse(err error, what string) error {
	var e *gitfs.Error
	if !errors.As(err, &e) {
		return err
	}
	return misused(cmp.Or(e.Hint, "give a revision: kubeteus diff origin/main"), "%s: %s", what, e.Message)
}

// folder is the project's in its repository, "" where it has none.
func (p *project) folder() string {
	dir := resolved(p.dir)
	top := repositoryRoot(dir)
	if top == "" {
		return ""
	}
	inside, _ := within(top, dir)
	return inside
}
