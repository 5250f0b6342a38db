package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// maxNodes bounds a document after its aliases are expanded: an alias bomb of a
// few hundred bytes otherwise grows to gigabytes in whoever expands it.
const maxNodes = 5_000_000

// parse returns the documents of a YAML file, or one diagnostic that says why
// there are none.
func parse(file string, data []byte) ([]*yaml.Node, *diag.Diagnostic) {
	if at := notText(data); at >= 0 {
		d := diag.Errorf(diag.ManifestSyntax, position(file, data, at), "not a text file in UTF-8")
		return nil, &d
	}
	var docs []*yaml.Node
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			d := syntaxError(file, err)
			return nil, &d
		}
		if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
			continue
		}
		if reason := tooBig(&doc); reason != "" {
			d := diag.Errorf(diag.ManifestLimit, diag.Position{File: file, Line: doc.Content[0].Line, Column: doc.Content[0].Column}, "%s", reason)
			return nil, &d
		}
		docs = append(docs, doc.Content[0])
	}
}

// notText returns the offset of the first byte that text does not have, or -1.
func notText(data []byte) int {
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return at
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func position(file string, data []byte, offset int) diag.Position {
	before := data[:offset]
	return diag.Position{File: file, Line: bytes.Count(before, []byte("\n")) + 1, Column: offset - bytes.LastIndexByte(before, '\n')}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxError gives a parser's error its position; it words it as "yaml: line
// 3: did not find expected key".
func syntaxError(file string, err error) diag.Diagnostic {
	pos, message := diag.Position{File: file}, err.Error()
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	return diag.Errorf(diag.ManifestSyntax, pos, "not YAML: %s", message)
}

// tooBig says why a document cannot be expanded, or "".
func tooBig(root *yaml.Node) string {
	sizes := map[*yaml.Node]int{}
	var size func(n *yaml.Node) int
	size = func(n *yaml.Node) int {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
			known, seen := sizes[n]
			if !seen {
				return size(n)
			}
			return known // 0 while n is being measured: it contains itself
		}
		anchored := n.Anchor != ""
		if anchored {
			sizes[n] = maxNodes + 1
		}
		total := 1
		for _, c := range n.Content {
			if total += size(c); total > maxNodes {
				total = maxNodes + 1
				break
			}
		}
		if anchored {
			sizes[n] = total
		}
		return total
	}
	if size(root) > maxNodes {
		return fmt.Sprintf("a document of more than %d values once its aliases are expanded, or an alias to itself", maxNodes)
	}
	return ""
}

// view is a node of an object, or of no node where the object lacks it. Views of
// absent nodes have no children and zero values, so that paths can be walked
// without asking at each step.
type view struct {
	n *yaml.Node
	d *decoder
}

// decoder turns the nodes of one object into inventory values and collects what
// the API server would refuse about them.
type decoder struct {
	at    func(*yaml.Node) diag.Position
	what  string // "Deployment cart", for messages
	diags diag.List
}

func (d *decoder) invalid(v view, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if d.what != "" {
		message = d.what + ": " + message
	}
	d.diags = append(d.diags, diag.Errorf(diag.ManifestInvalid, v.pos(), "%s", message))
}

func (d *decoder) view(n *yaml.Node) view { return view{resolve(n), d} }

// resolve follows aliases; tooBig has refused those that lead to themselves.
func resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n != nil && n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return resolve(n.Content[0])
	}
	return n
}

func (v view) pos() diag.Position {
	if v.n == nil {
		return diag.Position{}
	}
	return v.d.at(v.n)
}

// there says whether v is present and not null.
func (v view) there() bool { return v.n != nil && v.n.ShortTag() != "!!null" }

// get returns the value at a path of keys.
func (v view) get(keys ...string) view {
	for _, k := range keys {
		v = view{child(v.n, k), v.d}
	}
	return v
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i].Kind == yaml.ScalarNode {
			return resolve(n.Content[i+1])
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() != "!!merge" {
			continue
		}
		merged := resolve(n.Content[i+1])
		if merged != nil && merged.Kind == yaml.SequenceNode {
			for _, m := range merged.Content {
				if c := child(resolve(m), key); c != nil {
					return c
				}
			}
		} else if c := child(merged, key); c != nil {
			return c
		}
	}
	return nil
}

// text returns the value of a scalar, and "" for anything else.
func (v view) text() string {
	if v.n == nil || v.n.Kind != yaml.ScalarNode || !v.there() {
		return ""
	}
	return v.n.Value
}

// str is text where the API wants a string: a bare 1.0 or true is no string.
func (v view) str() string {
	if v.there() && v.n.ShortTag() != "!!str" {
		kind := strings.TrimPrefix(v.n.ShortTag(), "!!")
		if v.n.Kind == yaml.ScalarNode {
			v.d.invalid(v, "%s is of type %s where a string is needed: quote it", strconv.Quote(v.n.Value), kind)
		} else {
			v.d.invalid(v, "a %s where a string is needed", kind)
		}
		return ""
	}
	return v.text()
}

func (v view) integer() (int, bool) {
	if v.n == nil || v.n.ShortTag() != "!!int" {
		return 0, false
	}
	i, err := strconv.ParseInt(v.n.Value, 0, 64)
	return int(i), err == nil
}

func (v view) boolean() bool { return v.text() == "true" }

func (v view) list() []view {
	if v.n == nil || v.n.Kind != yaml.SequenceNode {
		if v.there() {
			v.d.invalid(v, "a list is needed here")
		}
		return nil
	}
	out := make([]view, len(v.n.Content))
	for i, c := range v.n.Content {
		out[i] = view{resolve(c), v.d}
	}
	return out
}

type pair struct {
	key   string
	value view
}

// pairs returns the entries of a mapping in their order; merged ones come last
// and yield to the mapping's own.
func (v view) pairs() []pair {
	if v.n == nil || v.n.Kind != yaml.MappingNode {
		if v.there() {
			v.d.invalid(v, "a mapping is needed here")
		}
		return nil
	}
	var out, merged []pair
	seen := map[string]bool{}
	for i := 0; i+1 < len(v.n.Content); i += 2 {
		k, value := v.n.Content[i], view{resolve(v.n.Content[i+1]), v.d}
		switch {
		case k.ShortTag() == "!!merge" && value.n.Kind == yaml.SequenceNode:
			for _, m := range value.list() {
				merged = append(merged, m.pairs()...)
			}
		case k.ShortTag() == "!!merge":
			merged = append(merged, value.pairs()...)
		case !seen[k.Value]:
			seen[k.Value] = true
			out = append(out, pair{k.Value, value})
		}
	}
	for _, p := range merged {
		if !seen[p.key] {
			seen[p.key] = true
			out = append(out, p)
		}
	}
	return out
}

// strings returns a mapping of strings.
func (v view) strings() map[string]string {
	pairs := v.pairs()
	if len(pairs) == 0 {
		return nil
	}
	out := make(map[string]string, len(pairs))
	for _, p := range pairs {
		out[p.key] = p.value.str()
	}
	return out
}
