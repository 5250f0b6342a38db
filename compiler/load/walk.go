package load

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// Limits on trees. Deep enough for any repository, and an end for those that
// were made to have none.
const (
	maxFiles = 50_000
	maxDepth = 64
)

// walked is what a walk found: candidates to read, and the folders that hold a
// kustomization.
type walked struct {
	files          []string
	kustomizations []string
	explicit       bool // one kustomization, named by the user
}

type walker struct {
	l    *loader
	t    Tree
	out  *walked
	skip []string
}

var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// walk finds what to read in t. It returns nil, having said why, when t is not
// there.
func (l *loader) walk(ctx context.Context, t Tree) (*walked, error) {
	start := t.clean()
	info, err := fs.Stat(t.FS, start)
	if err != nil {
		if !notThere(err) && !isLink(t.FS, start) {
			return nil, err
		}
		l.diags = append(l.diags, diag.Errorf(diag.ManifestSyntax, diag.Position{File: t.file(start)}, "no such file or folder"))
		return nil, nil
	}
	explicit := len(l.options.Manifests) > 0
	out := &walked{}
	if !info.IsDir() {
		out.files = []string{start}
		return out, nil
	}
	if explicit && kustomizationIn(t.FS, start) != "" {
		out.kustomizations, out.explicit = []string{start}, true
		return out, nil
	}
	w := &walker{l: l, t: t, out: out}
	if sameFS(t.FS, l.options.Project.FS) {
		for _, s := range l.options.Skip {
			w.skip = append(w.skip, path.Clean("./"+s))
		}
	}
	for _, inv := range l.options.Inventory {
		if sameFS(inv.FS, t.FS) {
			w.skip = append(w.skip, inv.clean())
		}
	}
	if err := w.folder(ctx, start, 0); err != nil {
		return nil, err
	}
	if len(out.files) > maxFiles {
		l.diags = append(l.diags, diag.Errorf(diag.ManifestLimit, diag.Position{File: t.file(start)}, "more than %d YAML files", maxFiles).
			Hint("list the folders to read in kubeteus.yaml: manifests: [DIR]"))
		return nil, nil
	}
	return out, nil
}

// sameFS says whether two file systems are one value; some are not comparable.
func sameFS(a, b fs.FS) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	if !va.IsValid() || !vb.IsValid() || va.Type() != vb.Type() {
		return false
	}
	if va.Kind() == reflect.Map {
		return va.Pointer() == vb.Pointer()
	}
	return va.Comparable() && a == b
}

// kustomizationIn returns the path of the folder's kustomization file, or "".
func kustomizationIn(fsys fs.FS, dir string) string {
	for _, name := range kustomizationNames {
		p := path.Join(dir, name)
		if info, err := fs.Stat(fsys, p); err == nil && info.Mode().IsRegular() {
			return p
		}
	}
	return ""
}

func (w *walker) folder(ctx context.Context, dir string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		w.l.diags = append(w.l.diags, diag.Errorf(diag.ManifestLimit, diag.Position{File: w.t.file(dir)}, "folders nested deeper than %d", maxDepth))
		return nil
	}
	entries, err := fs.ReadDir(w.t.FS, dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", w.t.file(dir), err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	if slices.ContainsFunc(kustomizationNames, has) && kustomizationIn(w.t.FS, dir) != "" {
		w.out.kustomizations = append(w.out.kustomizations, dir)
	}
	chart := has("Chart.yaml")
	if chart {
		w.l.skipped.add("Helm chart", skip{w.t.file(dir), diag.Position{File: w.t.file(path.Join(dir, "Chart.yaml"))}})
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		if len(w.out.files) > maxFiles {
			return nil
		}
		if strings.HasPrefix(e.Name(), ".") || slices.Contains(w.skip, p) || chart && ofChart(e) {
			continue
		}
		switch {
		case e.IsDir():
			if err := w.enter(ctx, p, e.Name(), depth); err != nil {
				return err
			}
		case slices.Contains(kustomizationNames, e.Name()):
		case e.Type()&fs.ModeSymlink != 0:
			w.link(p)
		case isYAML(e.Name()):
			w.out.files = append(w.out.files, p)
		}
	}
	return nil
}

// ofChart says whether an entry of a chart's folder belongs to the chart.
func ofChart(e fs.DirEntry) bool {
	switch name := e.Name(); name {
	case "templates", "charts", "Chart.yaml", "values.schema.json":
		return true
	default:
		return !e.IsDir() && strings.HasPrefix(name, "values")
	}
}

// enter looks into a folder, unless it is none of this project's own.
func (w *walker) enter(ctx context.Context, p, name string, depth int) error {
	switch name {
	case "testdata", "node_modules", "vendor":
		return nil
	}
	if info, err := fs.Stat(w.t.FS, path.Join(p, "intents")); err == nil && info.IsDir() && !slices.Contains(w.skip, path.Join(p, "intents")) {
		w.l.skipped.add("project of its own", skip{w.t.file(p), diag.Position{File: w.t.file(path.Join(p, "intents"))}})
		return nil
	}
	return w.folder(ctx, p, depth+1)
}

// link looks at a symbolic link. What it leads to inside the tree is read where
// it lies; a manifest outside is refused when it is read.
func (w *walker) link(p string) {
	_, err := fs.Stat(w.t.FS, p)
	switch {
	case err == nil:
	case isYAML(p):
		w.out.files = append(w.out.files, p)
	default:
		w.l.skipped.add("link that leads out of the tree or nowhere", skip{w.t.file(p), diag.Position{File: w.t.file(p)}})
	}
}

func isYAML(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// snapshotFiles returns the YAML files of an inventory.
func (l *loader) snapshotFiles(ctx context.Context, t Tree) ([]string, error) {
	start := t.clean()
	info, err := fs.Stat(t.FS, start)
	if err != nil {
		if !notThere(err) && !isLink(t.FS, start) {
			return nil, err
		}
		l.diags = append(l.diags, diag.Errorf(diag.ManifestSyntax, diag.Position{File: t.file(start)}, "no such inventory"))
		return nil, nil
	}
	if !info.IsDir() {
		return []string{start}, nil
	}
	var out []string
	err = fs.WalkDir(t.FS, start, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case strings.HasPrefix(e.Name(), ".") && p != start && e.IsDir():
			return fs.SkipDir
		case !e.IsDir() && isYAML(p) && !strings.HasPrefix(e.Name(), "."):
			out = append(out, p)
		}
		return nil
	})
	return out, err
}
