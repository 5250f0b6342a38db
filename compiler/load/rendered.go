package load

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// This file reads what is rendered: the objects that a pipeline hands to the
// cluster. Unlike a source of manifests, all of it counts: what is no object, and
// what would be rendered by a program that is not run, is an error.

// maxRendered bounds one file of rendered objects.
const maxRendered = 64 << 20

// Rendered is what a kustomization, a file or a folder of YAML files hands to the
// cluster, in the order in which it stands there.
type Rendered struct {
	Policies   []policy.Object
	Workloads  []*inventory.Workload
	Services   []*inventory.Service
	Namespaces []*inventory.Namespace
	Foreign    []inventory.Foreign
	Pods       []diag.Diagnostic // a note for each custom resource that runs pods
}

// ReadRendered reads t: a folder with a kustomization is built, a folder without
// one and a file are read as they are. Objects that name no namespace get the one
// given; without one, they are errors. The result is nil when the list has errors.
func ReadRendered(ctx context.Context, t Tree, namespace string) (*Rendered, diag.List, error) {
	l := &loader{options: Options{Manifests: []Tree{t}, Namespace: namespace}}
	info, err := fs.Stat(t.FS, t.clean())
	switch {
	case err != nil && !notThere(err) && !isLink(t.FS, t.clean()):
		return nil, nil, err
	case err != nil:
		return nil, diag.List{diag.Errorf(diag.ManifestSyntax, diag.Position{File: t.file(t.clean())}, "no such file or folder")}, nil
	case info.IsDir() && kustomizationIn(t.FS, t.clean()) != "":
		err = l.renderedKustomization(ctx, t)
	default:
		err = l.renderedFiles(ctx, t)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, p := range l.parts {
		l.diags = append(l.diags, p.diags...)
	}
	out := l.rendered()
	diags := l.diags.Sorted()
	if diags.HasErrors() {
		return nil, diags, nil
	}
	return out, diags, nil
}

// renderedKustomization builds the kustomization of a folder. What kustomize would
// render with a program's help, and is left out of inventories, cannot be left out
// here.
func (l *loader) renderedKustomization(ctx context.Context, t Tree) error {
	if _, err := l.kustomizations(ctx, t, &walked{kustomizations: []string{t.clean()}, explicit: true}); err != nil {
		return err
	}
	const hint = "or render it where that is possible, and give the output: kustomize build DIR > rendered.yaml, then --rendered rendered.yaml"
	for i, d := range l.diags {
		if d.ID == diag.ManifestBuild {
			l.diags[i] = d.Hint(hint)
		}
	}
	for _, kind := range l.skipped.order {
		for _, s := range l.skipped.byKind[kind] {
			l.diags = append(l.diags, diag.Errorf(diag.ManifestBuild, s.pos, "not rendered here: %s", kind).
				Hint("give its output: kustomize build --enable-helm DIR > rendered.yaml, then --rendered rendered.yaml"))
		}
	}
	return nil
}

// renderedFiles reads a file, or all YAML files of a folder and of those below.
func (l *loader) renderedFiles(ctx context.Context, t Tree) error {
	paths, err := l.snapshotFiles(ctx, t)
	if err != nil {
		return err
	}
	if len(paths) > maxFiles {
		l.diags = append(l.diags, diag.Errorf(diag.ManifestLimit, diag.Position{File: t.file(t.clean())}, "more than %d YAML files", maxFiles))
		return nil
	}
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		if slices.Contains(kustomizationNames, path.Base(p)) {
			l.diags = append(l.diags, diag.Errorf(diag.ManifestBuild, diag.Position{File: t.file(p), Line: 1, Column: 1}, "a kustomization below a folder that has none is not built").
				Hint("give its own folder to --rendered, or the output of kustomize build"))
			continue
		}
		data, d, err := readLimited(t.FS, p, t.file(p), maxRendered)
		if err != nil {
			return err
		}
		if d != nil {
			l.diags = append(l.diags, *d)
			continue
		}
		l.parts = append(l.parts, part{root: t.clean(), contents: renderedFile(t.file(p), data)})
	}
	return nil
}

// renderedFile decodes one file, of which every document is an object.
func renderedFile(name string, data []byte) contents {
	docs, d := parse(name, []byte(strings.TrimPrefix(string(data), "\xef\xbb\xbf")))
	if d != nil {
		return contents{diags: diag.List{*d}}
	}
	r := &reader{file: name, at: func(n *yaml.Node) diag.Position {
		return diag.Position{File: name, Line: n.Line, Column: n.Column}
	}}
	for _, doc := range docs {
		switch {
		case isObject(doc):
			r.document(doc)
		case doc.ShortTag() != "!!null":
			r.diags = append(r.diags, diag.Errorf(diag.ManifestSyntax, r.at(doc), "not a Kubernetes object: it has no apiVersion and kind").
				Hint("give what is applied: the output of kustomize build, kubectl kustomize or helm template"))
		}
	}
	return r.contents
}

// rendered sorts the objects of all parts by what they are.
func (l *loader) rendered() *Rendered {
	out := &Rendered{}
	for _, p := range l.parts {
		out.Foreign = append(out.Foreign, p.foreign...)
		for _, s := range p.pods {
			out.Pods = append(out.Pods, diag.Notef(diag.ManifestSkipped, s.pos, "not read (custom resource that runs pods): %s", s.name))
		}
	}
	for _, o := range l.unique() {
		switch v := o.value.(type) {
		case *inventory.Namespace:
			out.Namespaces = append(out.Namespaces, v)
		case *inventory.Workload:
			v.Namespace = o.namespace
			out.Workloads = append(out.Workloads, v)
		case *inventory.Service:
			v.Namespace = o.namespace
			out.Services = append(out.Services, v)
		case *inventory.Policy:
			v.NetworkPolicy.Namespace = o.namespace
			out.Policies = append(out.Policies, v.Object)
		}
	}
	return out
}
