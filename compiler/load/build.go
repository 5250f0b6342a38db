package load

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// builder builds the kustomizations of one tree.
type builder struct {
	l       *loader
	g       *graph
	sources map[string]*sourceIndex
}

// build runs kustomize over one root whose references were found to be clean.
func (b *builder) build(ctx context.Context, k *kustomization, reached []*kustomization) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var problems diag.List
	for _, r := range reached {
		problems = append(problems, r.problems...)
		if r.charts {
			b.l.skipped.add("Helm chart of a kustomization", skip{b.g.t.file(r.dir), diag.Position{File: b.g.t.file(r.file)}})
		}
	}
	if len(problems) > 0 {
		b.l.diags = append(b.l.diags, problems...)
		return nil
	}
	result, err := run(newKustomizeFS(b.g), k.dir)
	if err != nil {
		b.l.diags = append(b.l.diags, b.failure(k, err))
		return nil
	}
	p := part{root: k.dir, built: true}
	for _, res := range result.Resources() {
		b.object(&p, k, res)
	}
	b.l.parts = append(b.l.parts, p)
	return nil
}

// run calls kustomize. It panics on some malformed input of its own format; that
// is bad input here, like any other.
func run(fsys *kustomizeFS, dir string) (m resmap.ResMap, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("kustomize gave up: %v", r)
		}
	}()
	return krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fsys, absolute(dir))
}

var spaces = regexp.MustCompile(`\s+`)

// failure words an error of kustomize: on one line, with paths as they are in
// the tree.
func (b *builder) failure(k *kustomization, err error) diag.Diagnostic {
	message := strings.ReplaceAll(spaces.ReplaceAllString(err.Error(), " "), "'/", "'")
	if len(message) > 600 {
		message = message[:600] + "..."
	}
	d := diag.Errorf(diag.ManifestBuild, diag.Position{File: b.g.t.file(k.file), Line: 1, Column: 1}, "the kustomization does not build: %s", message)
	if strings.Contains(message, "security;") {
		d = d.Hint("a file outside the kustomization's folder can be used by way of a base: a folder with a kustomization.yaml of its own")
	}
	return d
}

// object decodes one built resource, at the place that it came from.
func (b *builder) object(p *part, k *kustomization, res *resource.Resource) {
	file := k.file
	generated := true
	if origin, err := res.GetOrigin(); err == nil && origin != nil {
		switch {
		case origin.ConfiguredIn != "":
			file = path.Join(k.dir, origin.ConfiguredIn)
		case origin.Path != "":
			file, generated = path.Join(k.dir, origin.Path), false
		}
	}
	n := resolve(res.YNode())
	at := func(*yaml.Node) diag.Position { return diag.Position{File: b.g.t.file(file), Line: 1, Column: 1} }
	if !generated {
		at = b.source(file).places(b.g.t.file(file), n)
	}
	dropOrigin(n)
	r := &reader{file: b.g.t.file(file), at: at, built: true}
	r.document(n)
	p.objects = append(p.objects, r.objects...)
	p.pods = append(p.pods, r.pods...)
	p.foreign = append(p.foreign, r.foreign...)
	p.diags = append(p.diags, r.diags...)
}

// dropOrigin removes the annotation that this build asked for.
func dropOrigin(n *yaml.Node) {
	meta := child(n, "metadata")
	annotations := child(meta, "annotations")
	if annotations == nil {
		return
	}
	for i := 0; i+1 < len(annotations.Content); i += 2 {
		if annotations.Content[i].Value == "config.kubernetes.io/origin" {
			annotations.Content = slices.Delete(annotations.Content, i, i+2)
			return
		}
	}
}

// sourceIndex finds the places of built objects in the file they came from.
type sourceIndex struct {
	docs   []*yaml.Node
	values map[[2]int]string // line and column -> what stands there
}

func (b *builder) source(file string) *sourceIndex {
	if s := b.sources[file]; s != nil {
		return s
	}
	s := &sourceIndex{values: map[[2]int]string{}}
	b.sources[file] = s
	data, d, err := readLimited(b.g.t.FS, file, file, maxFile)
	if err != nil || d != nil {
		return s
	}
	docs, _ := parse(file, data)
	var add func(n *yaml.Node)
	add = func(n *yaml.Node) {
		if kind := child(n, "kind"); kind != nil && strings.HasSuffix(kind.Value, "List") {
			for _, item := range sequence(child(n, "items")) {
				add(item)
			}
			return
		}
		s.docs = append(s.docs, n)
	}
	for _, doc := range docs {
		s.index(doc)
		add(doc)
	}
	return s
}

func (s *sourceIndex) index(n *yaml.Node) {
	s.values[[2]int{n.Line, n.Column}] = mark(n)
	for _, c := range n.Content {
		s.index(c)
	}
}

func mark(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return "=" + n.Value
	}
	return ""
}

// places returns what gives the nodes of a built object their places. kustomize
// keeps the line and column that a node had in its document, in this file or in
// a patch: a place is believed only where the file has the same value there, and
// is the object's own otherwise.
func (s *sourceIndex) places(file string, built *yaml.Node) func(*yaml.Node) diag.Position {
	doc := s.find(built)
	if doc == nil {
		return func(*yaml.Node) diag.Position { return diag.Position{File: file, Line: 1, Column: 1} }
	}
	own := diag.Position{File: file, Line: doc.Line, Column: doc.Column}
	offset := 0
	if key := keyNode(built, "kind"); key != nil && key.Line > 0 {
		offset = keyNode(doc, "kind").Line - key.Line
	}
	return func(n *yaml.Node) diag.Position {
		if n == built || n.Line == 0 {
			return own
		}
		if value, ok := s.values[[2]int{n.Line + offset, n.Column}]; !ok || value != mark(n) {
			return own
		}
		return diag.Position{File: file, Line: n.Line + offset, Column: n.Column}
	}
}

func keyNode(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i]
		}
	}
	return nil
}

// find returns the document that built came from: of its kind and name, or of
// the longest name that its own was made of by prefixes and suffixes.
func (s *sourceIndex) find(built *yaml.Node) *yaml.Node {
	name := func(n *yaml.Node) string {
		v := (&decoder{}).view(n)
		return v.get("metadata", "name").text()
	}
	kind, want := child(built, "kind").Value, name(built)
	var best *yaml.Node
	for _, doc := range s.docs {
		if k := child(doc, "kind"); k == nil || k.Value != kind || keyNode(doc, "kind") == nil {
			continue
		}
		if got := name(doc); strings.Contains(want, got) && (best == nil || len(got) > len(name(best))) {
			best = doc
		}
	}
	return best
}
