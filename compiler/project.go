package compiler

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/intents"
)

// This file is what Compile gathers before it reads a statement: the intent
// sets, the lock, the inventory.

// folder is where the intents and the lock lie.
func folder(o Options) string { return path.Clean(or(o.Intents, "intents")) }

// load parses the intent sets and the lock and gathers the inventory.
func (r *Result) load(ctx context.Context, o Options) error {
	if err := r.intentSets(o); err != nil {
		return err
	}
	if err := r.lockFile(o.Project); err != nil {
		return err
	}
	r.target()
	r.Project = r.name()
	if r.Diags.HasErrors() {
		return nil
	}
	inv, diags, err := r.gather(ctx, o)
	r.Diags = append(r.Diags, diags...)
	r.Inventory = inv
	return err
}

// gather reads the manifests and the inventory.
func (r *Result) gather(ctx context.Context, o Options) (*inventory.Inventory, diag.List, error) {
	return load.Inventory(ctx, load.Options{
		Project: load.Tree{FS: o.Project, Path: "."}, Manifests: o.Manifests, Inventory: o.Inventory,
		Skip: []string{folder(o), r.Overlay}, Namespace: r.namespace(), Own: r.Project,
	})
}

// intentFiles are the paths of the intent files, in order.
func intentFiles(o Options) ([]string, error) {
	p := folder(o)
	entries, err := fs.ReadDir(o.Project, p)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if ext := path.Ext(e.Name()); (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, path.Join(p, e.Name()))
		}
	}
	return files, nil
}

func (r *Result) intentSets(o Options) error {
	p := folder(o)
	files, err := intentFiles(o)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		r.Diags = append(r.Diags, diag.Errorf(diag.IntentEmpty, diag.Position{File: p}, "no intent file: the folder holds no .yaml file").
			Hint("commit a file such as %s/shop.yaml; `kubeteus schema` prints its format", p))
		return nil
	}
	for _, name := range files {
		data, err := readLimited(o.Project, name)
		if errors.Is(err, errTooBig) || errors.Is(err, errNotRegular) {
			r.Diags = append(r.Diags, diag.Errorf(diag.IntentText, diag.Position{File: name}, "%v", err))
			continue
		}
		if err != nil {
			return err
		}
		f, diags := intents.Parse(name, data)
		r.Diags = append(r.Diags, diags...)
		if f != nil {
			r.Sets = append(r.Sets, f)
		}
	}
	r.Diags = append(r.Diags, intents.Duplicates(r.Sets)...)
	return nil
}

const maxIntents = 4 << 20 // bytes; intents.Parse has the exact limit and words it

var (
	errTooBig     = errors.New("larger than 4 MiB")
	errNotRegular = errors.New("not a regular file")
)

func readLimited(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > maxIntents:
		return nil, errTooBig
	}
	return fs.ReadFile(fsys, name)
}

func (r *Result) lockFile(fsys fs.FS) error {
	data, err := readLimited(fsys, r.LockPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.recorded = &lock.File{}
		return nil
	case errors.Is(err, errTooBig) || errors.Is(err, errNotRegular):
		r.add(diag.List{diag.Errorf(diag.LockSyntax, diag.Position{File: r.LockPath}, "%v", err).
			Hint("restore it from version control, or remove it and run kubeteus compile, which reads every statement anew")})
		return nil
	}
	if err != nil {
		return err
	}
	f, diags := lock.Parse(r.LockPath, data)
	r.Diags = append(r.Diags, diags...)
	r.recorded, r.lockBytes = f, data
	return nil
}

// target refuses what cannot be written yet.
func (r *Result) target() {
	switch r.Target {
	case "auto", "kubernetes":
		r.Target = "kubernetes"
	case "cilium", "calico":
		r.Diags = append(r.Diags, diag.Errorf(diag.TargetUnknown, diag.Position{}, "target %s is not written yet", r.Target).
			Hint("use --target kubernetes: NetworkPolicy is enforced by both"))
	default:
		r.Diags = append(r.Diags, diag.Errorf(diag.TargetUnknown, diag.Position{}, "unknown target %q", r.Target).
			Hint("targets are auto, kubernetes, cilium and calico"))
	}
}

// name is the project's name: what the lock says, so that it survives a new
// intent set, else the first set's.
func (r *Result) name() string {
	if r.recorded != nil && r.recorded.Project != "" {
		return r.recorded.Project
	}
	if len(r.Sets) == 0 {
		return ""
	}
	return r.Sets[0].Name
}

// namespace is where objects without one live: the sets' only namespace.
func (r *Result) namespace() string {
	var found []string
	for _, s := range r.Sets {
		if s.Namespace != "" && !slices.Contains(found, s.Namespace) {
			found = append(found, s.Namespace)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}
