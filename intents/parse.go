package intents

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// Parse decodes one intent set file. path is only used in positions. The file is
// nil if it has errors.
func Parse(path string, data []byte) (*File, diag.List) {
	s := newSource(path, bytes.TrimPrefix(data, []byte("\ufeff")))
	if diags := s.check(); diags.HasErrors() {
		return nil, diags.Sorted()
	}
	root, diags := s.document()
	if diags.HasErrors() {
		return nil, diags
	}
	if root == nil || isNull(root) {
		return nil, diag.List{diag.Errorf(diag.IntentEmpty, diag.Position{File: path, Line: 1, Column: 1}, "the file holds no intent set").
			Hint("`kubeteus schema` prints the format of an intent set")}
	}
	c := checker{source: s}
	if c.header(root); !c.diags.HasErrors() {
		c.shape(root, setShape, "", s.at(root))
	}
	if c.diags.HasErrors() {
		return nil, c.diags.Sorted()
	}
	f := s.file(root)
	if diags := Duplicates([]*File{f}); diags.HasErrors() {
		return nil, diags.Sorted()
	}
	return f, nil
}

// header holds apiVersion and kind against the format first: what is no intent
// set should not be told what an intent set would lack.
func (c *checker) header(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		return
	}
	for _, f := range setShape.fields {
		if f.text == nil {
			continue
		}
		if n := get(root, f.key); n != nil {
			c.shape(n, f.shape, f.key, c.at(n))
		} else {
			c.missing(root, f, "")
		}
	}
}

// get returns the value of a key of a mapping, nil if it has none.
func get(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// value returns the text of a key, "" if it is absent.
func value(n *yaml.Node, key string) string {
	if v := get(n, key); v != nil {
		return v.Value
	}
	return ""
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	return n.Content
}

// file builds the set from a root that has the shape of one.
func (s *source) file(root *yaml.Node) *File {
	spec := get(root, "spec")
	f := &File{
		Path: s.path, Name: value(get(root, "metadata"), "name"), Namespace: value(spec, "namespace"),
		Explicit: value(spec, "isolation") == "explicit",
	}
	if n := get(spec, "namespace"); n != nil {
		f.NamespacePos = s.at(n)
	}
	if dns := value(spec, "dns"); dns != "auto" {
		f.DNS = ir.DNSMode(dns)
	}
	for _, n := range items(get(spec, "intents")) {
		f.Intents = append(f.Intents, s.intent(n))
	}
	for _, n := range items(get(spec, "expect")) {
		f.Expects = append(f.Expects, Expect{
			From: value(n, "from"), To: value(n, "to"), Port: value(n, "port"), Protocol: value(n, "protocol"),
			Allow: value(n, "verdict") == "allow", Pos: s.at(n),
		})
	}
	return f
}

func (s *source) intent(n *yaml.Node) *Intent {
	statement := n
	if n.Kind == yaml.MappingNode {
		statement = get(n, "statement")
	}
	i := &Intent{Statement: strings.TrimSpace(statement.Value)}
	lead := strings.Index(statement.Value, i.Statement)
	place := s.places(statement)
	i.at = func(offset int) diag.Position { return place(lead + offset) }
	i.Pos = i.at(0)
	i.Name, i.nameAt = derivedName(i.Statement), i.Pos
	if name := get(n, "name"); name != nil {
		i.Name, i.Named, i.nameAt = name.Value, true, s.at(name)
	}
	for _, c := range items(get(n, "cuts")) {
		m := cutPattern.FindStringSubmatch(c.Value)
		i.Cuts = append(i.Cuts, Cut{From: m[1], To: m[2], Port: m[3], Pos: s.at(c)})
	}
	return i
}

// places returns a function from byte offsets of a scalar's value to positions.
// Where the text cannot be followed it is the scalar's beginning throughout.
func (s *source) places(n *yaml.Node) func(int) diag.Position {
	start := s.at(n)
	offsets := s.offsets(n)
	return func(offset int) diag.Position {
		if offset < 0 || offset >= len(offsets) {
			return start
		}
		return s.position(offsets[offset])
	}
}
