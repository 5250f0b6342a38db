package compiler

import (
	"context"
	"errors"
	"io/fs"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/infer"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/load"
)

// Discovery is what a project holds, whether or not anybody wrote an intent.
type Discovery struct {
	Inventory   *inventory.Inventory // nil if Diags has errors
	Connections []infer.Connection   // declared
	Dispute     load.Dispute
	Overlay     string
	Sets        []string  // files of intents that are there and parse
	Project     string    // the name that they give it
	Diags       diag.List // sorted
}

// Discover looks at a project as Compile would, and reads no statement. Of intents
// that are there it takes the namespace of objects that name none, and namespace
// where they name none or several; "" makes such objects errors. It writes nothing.
func Discover(ctx context.Context, o Options, namespace string) (*Discovery, error) {
	r := prepare(o)
	if err := r.configure(&o); err != nil {
		return nil, err
	}
	d := &Discovery{Overlay: r.Overlay, Diags: r.Diags.Sorted()}
	if r.Diags.HasErrors() {
		return d, nil
	}
	if err := r.present(o); err != nil {
		return nil, err
	}
	d.Project = r.name()
	for _, f := range r.Sets {
		d.Sets = append(d.Sets, f.Path)
	}
	inv, dispute, diags, err := load.Sources(ctx, load.Options{
		Project: load.Tree{FS: o.Project, Path: "."}, Manifests: o.Manifests, Inventory: o.Inventory,
		Skip: []string{folder(o), r.Overlay}, Namespace: or(r.namespace(), namespace), Own: d.Project,
	})
	if err != nil {
		return nil, err
	}
	d.Inventory, d.Dispute, d.Diags = inv, dispute, append(d.Diags, diags...).Sorted()
	if inv != nil {
		d.Connections = infer.Connections(inv)
	}
	return d, nil
}

// present parses the intents and the lock that are there. What is wrong with them
// is for Compile to say.
func (r *Result) present(o Options) error {
	if err := r.intentSets(o); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.lockFile(o.Project)
}
