// Package load gathers what runs: manifests (plain YAML and kustomizations) and
// snapshots become an inventory.Inventory, each object with its file, line and
// column.
//
// What it finds without being told is section 3 of the design; walk.go says
// which files, kustomize.go which of them are built, assemble.go how the parts
// become one inventory. It opens files through fs.FS alone: no network, no
// commands, no plugins, nothing outside the tree. It never looks into Secrets,
// renders no Helm charts, and decides nothing about policies.
package load

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sync"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// Tree is a place to read from. Name stands before the paths in positions and
// may be empty. Path is a folder or a file in FS; "" and "." are all of it.
type Tree struct {
	FS   fs.FS
	Name string
	Path string
}

func (t Tree) clean() string { return path.Clean("./" + t.Path) }

// file returns the name that positions have for a path in t.
func (t Tree) file(p string) string { return path.Join(t.Name, p) }

// Options say what to load. With Manifests nothing is discovered in Project.
type Options struct {
	Project   Tree
	Manifests []Tree   // explicit sources: folders, kustomizations, files
	Inventory []Tree   // snapshots: files, or folders whose YAML is all read
	Skip      []string // folders of Project that are not looked into: the intents, the overlay
	Namespace string   // of objects that name none; "" makes them errors
	Own       string   // the project whose policies are not in force
}

// part is what one root holds: a kustomization, a file, a snapshot.
type part struct {
	root     string // the path that a person would list under manifests
	built    bool   // by kustomize
	snapshot bool
	contents
}

type loader struct {
	options Options
	skipped skips
	diags   diag.List
	parts   []part
	twice   duplicates
}

// Inventory loads everything. The inventory is nil when the list has errors.
func Inventory(ctx context.Context, o Options) (*inventory.Inventory, diag.List, error) {
	inv, _, diags, err := Sources(ctx, o)
	return inv, diags, err
}

// Dispute is which sources show the same objects. Pairs are as a person would
// list them under manifests; Others are the sources that nothing is asked about.
type Dispute struct {
	Pairs  [][2]string
	Others []string
}

// Sources is Inventory for those who answer the question that it asks about
// objects from more than one place.
func Sources(ctx context.Context, o Options) (*inventory.Inventory, Dispute, diag.List, error) {
	l := &loader{options: o}
	trees := o.Manifests
	if len(trees) == 0 {
		trees = []Tree{o.Project}
	}
	for _, t := range trees {
		if err := l.manifests(ctx, t); err != nil {
			return nil, Dispute{}, nil, err
		}
	}
	for _, t := range o.Inventory {
		if err := l.snapshot(ctx, t); err != nil {
			return nil, Dispute{}, nil, err
		}
	}
	for _, p := range l.parts {
		l.diags = append(l.diags, p.diags...)
		for _, s := range p.pods {
			l.skipped.add("custom resource that runs pods", s)
		}
	}
	l.diags = append(l.diags, l.skipped.notes()...)
	inv := l.assemble()
	diags, dispute := l.diags.Sorted(), l.twice.dispute(l.parts)
	if diags.HasErrors() {
		return nil, dispute, diags, nil
	}
	return inv, dispute, diags, nil
}

// manifests reads one source of manifests.
func (l *loader) manifests(ctx context.Context, t Tree) error {
	w, err := l.walk(ctx, t)
	if err != nil || w == nil {
		return err
	}
	files, err := l.files(ctx, t, w.files, false)
	if err != nil {
		return err
	}
	referenced, err := l.kustomizations(ctx, t, w)
	if err != nil {
		return err
	}
	for _, f := range files {
		if referenced[f.path] {
			continue
		}
		if f.skip != "" {
			l.skipped.add(f.skip, skip{name: t.file(f.path), pos: diag.Position{File: t.file(f.path)}})
		}
		l.parts = append(l.parts, part{root: f.path, contents: f.contents})
	}
	return nil
}

// snapshot reads one inventory: a file, or all YAML of a folder.
func (l *loader) snapshot(ctx context.Context, t Tree) error {
	paths, err := l.snapshotFiles(ctx, t)
	if err != nil {
		return err
	}
	files, err := l.files(ctx, t, paths, true)
	for _, f := range files {
		l.parts = append(l.parts, part{root: f.path, snapshot: true, contents: f.contents})
	}
	return err
}

// files reads and decodes files side by side; the result is in their order.
func (l *loader) files(ctx context.Context, t Tree, paths []string, snapshot bool) ([]*file, error) {
	out := make([]*file, len(paths))
	errs := make([]error, len(paths))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(len(paths), 1)) {
		workers.Go(func() {
			for i := range next {
				if errs[i] = ctx.Err(); errs[i] == nil {
					out[i], errs[i] = readFile(t, paths[i], snapshot)
				}
			}
		})
	}
	for i := range paths {
		next <- i
	}
	close(next)
	workers.Wait()
	if err := errors.Join(slices.DeleteFunc(errs, func(err error) bool { return err == nil })...); err != nil {
		return nil, err
	}
	return out, nil
}
