package load

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// Kustomizations are built by kustomize itself, but only after their references
// have been walked here: kustomize fetches what looks like a URL and starts git
// for what looks like a repository, and neither may happen. So every path that a
// kustomization names, and every one that those name in turn, must be a file or
// folder of the tree; build.go then hands kustomize a file system that holds
// nothing else, and kustomization files without the fields that run or reveal
// anything (Helm charts, Secrets).

// kustomization is one kustomization file and what it refers to.
type kustomization struct {
	dir, file string
	component bool
	bases     []string // folders with kustomizations
	files     []string // files of any kind
	charts    bool     // it renders Helm charts
	problems  diag.List
	doc       *yaml.Node
}

// graph is the kustomizations of one tree.
type graph struct {
	t     Tree
	known map[string]*kustomization
	skip  []string
}

// kustomizations builds the roots among the kustomizations that were found, and
// returns the files that any of them refers to.
func (l *loader) kustomizations(ctx context.Context, t Tree, w *walked) (map[string]bool, error) {
	if len(w.kustomizations) == 0 {
		return nil, nil
	}
	g := &graph{t: t, known: map[string]*kustomization{}}
	if sameFS(t.FS, l.options.Project.FS) {
		for _, s := range l.options.Skip {
			g.skip = append(g.skip, path.Clean("./"+s))
		}
	}
	used, referenced := map[string]bool{}, map[string]bool{}
	for _, dir := range w.kustomizations {
		reached, err := g.reach(ctx, dir)
		if err != nil {
			return nil, err
		}
		for _, k := range reached {
			for _, f := range k.files {
				referenced[f] = true
			}
			for _, b := range k.bases {
				used[b] = true
			}
		}
	}
	b := &builder{l: l, g: g, sources: map[string]*sourceIndex{}}
	built := map[string]bool{}
	for _, dir := range w.kustomizations {
		k := g.known[dir]
		if used[dir] && !w.explicit {
			continue
		}
		if k.component && !w.explicit {
			l.skipped.add("kustomize component that nothing uses", skip{t.file(dir), diag.Position{File: t.file(k.file)}})
			continue
		}
		reached, err := g.reach(ctx, dir)
		if err != nil {
			return nil, err
		}
		for _, r := range reached {
			built[r.dir] = true
		}
		if err := b.build(ctx, k, reached); err != nil {
			return nil, err
		}
	}
	l.circles(g, w, built)
	return referenced, nil
}

// circles refuses kustomizations that only use each other.
func (l *loader) circles(g *graph, w *walked, built map[string]bool) {
	for _, dir := range w.kustomizations {
		if k := g.known[dir]; !built[dir] && !k.component && inCircle(g, k) {
			l.diags = append(l.diags, diag.Errorf(diag.ManifestBuild, diag.Position{File: g.t.file(k.file), Line: 1, Column: 1},
				"this kustomization uses itself, by way of its bases"))
			return
		}
	}
}

func inCircle(g *graph, from *kustomization) bool {
	seen := map[string]bool{}
	var visit func(k *kustomization) bool
	visit = func(k *kustomization) bool {
		for _, b := range k.bases {
			if b == from.dir {
				return true
			}
			if next := g.known[b]; next != nil && !seen[b] {
				seen[b] = true
				if visit(next) {
					return true
				}
			}
		}
		return false
	}
	return visit(from)
}

// reach returns the kustomization of dir and all that it uses, in the order in
// which they are met.
func (g *graph) reach(ctx context.Context, dir string) ([]*kustomization, error) {
	var out []*kustomization
	seen := map[string]bool{dir: true}
	for queue := []string{dir}; len(queue) > 0; queue = queue[1:] {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k, err := g.load(queue[0])
		if err != nil {
			return nil, err
		}
		out = append(out, k)
		for _, b := range k.bases {
			if !seen[b] {
				seen[b] = true
				queue = append(queue, b)
			}
		}
	}
	return out, nil
}

// load reads the kustomization of a folder, once.
func (g *graph) load(dir string) (*kustomization, error) {
	if k := g.known[dir]; k != nil {
		return k, nil
	}
	k := &kustomization{dir: dir, file: kustomizationIn(g.t.FS, dir)}
	g.known[dir] = k
	name := g.t.file(k.file)
	data, d, err := readLimited(g.t.FS, k.file, name, maxFile)
	if err != nil {
		return nil, err
	}
	var docs []*yaml.Node
	if d == nil {
		docs, d = parse(name, data)
	}
	switch {
	case d != nil:
		k.problems = diag.List{*d}
		return k, nil
	case len(docs) != 1 || docs[0].Kind != yaml.MappingNode:
		k.problems = diag.List{diag.Errorf(diag.ManifestBuild, diag.Position{File: name, Line: 1, Column: 1}, "a kustomization is one YAML mapping")}
		return k, nil
	}
	k.doc = docs[0]
	k.component = child(k.doc, "kind") != nil && child(k.doc, "kind").Value == "Component"
	g.references(k)
	return k, nil
}

// The fields of a kustomization that hold paths. What stands in the first group
// may be a folder with a kustomization of its own.
var (
	resourceFields = []string{"resources", "bases", "components", "generators", "transformers", "validators"}
	fileFields     = []string{"crds", "configurations", "patchesStrategicMerge"}
	pathFields     = []string{"patches", "patchesJson6902", "replacements"}
	chartFields    = []string{"helmCharts", "helmGlobals", "helmChartInflationGenerator"}
)

// references resolves every path that k names.
func (g *graph) references(k *kustomization) {
	for _, field := range resourceFields {
		for _, n := range sequence(child(k.doc, field)) {
			g.reference(k, n, n.Value, field)
		}
	}
	for _, field := range fileFields {
		for _, n := range sequence(child(k.doc, field)) {
			g.reference(k, n, n.Value, field)
		}
	}
	for _, field := range pathFields {
		for _, n := range sequence(child(k.doc, field)) {
			if p := child(n, "path"); p != nil {
				g.reference(k, p, p.Value, field)
			}
		}
	}
	if p := child(child(k.doc, "openapi"), "path"); p != nil {
		g.reference(k, p, p.Value, "openapi")
	}
	for _, generator := range sequence(child(k.doc, "configMapGenerator")) {
		if env := child(generator, "env"); env != nil {
			g.reference(k, env, env.Value, "env")
		}
		for _, field := range []string{"envs", "files"} {
			for _, n := range sequence(child(generator, field)) {
				value := n.Value
				if _, file, ok := strings.Cut(value, "="); ok && field == "files" {
					value = file
				}
				g.reference(k, n, value, field)
			}
		}
	}
	for _, field := range chartFields {
		k.charts = k.charts || child(k.doc, field) != nil
	}
}

func sequence(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		out[i] = resolve(c)
	}
	return out
}

// reference resolves one path of k.
func (g *graph) reference(k *kustomization, n *yaml.Node, value, field string) {
	refuse := func(hint, format string, args ...any) {
		d := diag.Errorf(diag.ManifestBuild, diag.Position{File: g.t.file(k.file), Line: n.Line, Column: n.Column}, format, args...)
		if hint != "" {
			d = d.Hint("%s", hint)
		}
		k.problems = append(k.problems, d)
	}
	if strings.Contains(value, "\n") { // the thing itself, inline
		if isPlugin(field) && strings.Contains(value, "://") {
			refuse("build it beforehand and list the result: kustomize build %s > FILE.yaml", "a %s entry that names a URL is not run", field)
		}
		return
	}
	p := path.Join(k.dir, value)
	if within(p, g.skip) {
		return // the overlay and the intents: never part of what is in force
	}
	var info fs.FileInfo
	err := fs.ErrInvalid
	if fs.ValidPath(p) && !path.IsAbs(value) && !strings.Contains(value, "://") {
		info, err = fs.Stat(g.t.FS, p)
	}
	switch {
	case err == nil && info.IsDir() && slices.Contains(resourceFields, field):
		if kustomizationIn(g.t.FS, p) == "" {
			refuse("", "%s: the folder %q holds no kustomization.yaml", field, value)
			return
		}
		k.bases = append(k.bases, p)
	case err == nil && !info.IsDir():
		k.files = append(k.files, p)
		if isPlugin(field) {
			g.plugin(p, refuse)
		}
	case err == nil:
		refuse("", "%s: %q is a folder", field, value)
	case isRemote(value):
		refuse(fmt.Sprintf("commit a copy, and list it instead: kustomize build %q > FILE.yaml", value), "%s: %q is remote, and nothing is fetched", field, value)
	case !fs.ValidPath(p) || path.IsAbs(value):
		refuse("", "%s: %q leads out of the project", field, value)
	default:
		refuse("", "%s: %q is not there", field, value)
	}
}

func isPlugin(field string) bool {
	return field == "generators" || field == "transformers" || field == "validators"
}

// plugin refuses the configuration of a built-in generator or transformer that
// would fetch something.
func (g *graph) plugin(p string, refuse func(hint, format string, args ...any)) {
	data, d, err := readLimited(g.t.FS, p, g.t.file(p), maxFile)
	if err != nil || d != nil || strings.Contains(string(data), "://") {
		refuse("build it beforehand and list the result: kustomize build DIR > FILE.yaml", "%q names a URL, or cannot be read: it is not run", g.t.file(p))
	}
}

// isRemote says whether kustomize would fetch a path that is not there.
func isRemote(value string) bool {
	if strings.Contains(value, "://") || strings.HasPrefix(value, "git@") || strings.Contains(value, "?ref=") || strings.HasPrefix(value, "git::") {
		return true
	}
	host, _, found := strings.Cut(value, "/")
	return found && strings.Contains(strings.TrimLeft(host, "."), ".")
}

// within says whether p is one of the folders or inside one.
func within(p string, folders []string) bool {
	for _, f := range folders {
		if p == f || f != "." && strings.HasPrefix(p, f+"/") {
			return true
		}
	}
	return false
}
