package intents

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// checker holds nodes against shapes.
type checker struct {
	*source
	diags diag.List
}

func (c *checker) add(d diag.Diagnostic) { c.diags = append(c.diags, d) }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// shape checks n. path names it in messages ("spec.intents[2].name"), and at is
// its place, or that of its key where n is nothing at all.
func (c *checker) shape(n *yaml.Node, s *shape, path string, at diag.Position) {
	if !c.plain(n, path) {
		return
	}
	if path == "" {
		path = "the file"
	}
	switch {
	case s.options != nil:
		for _, o := range s.options {
			if (o.fields != nil) == (n.Kind == yaml.MappingNode) {
				c.shape(n, o, path, at)
				return
			}
		}
	case s.fields != nil:
		c.mapping(n, s, path, at)
	case s.item != nil:
		c.list(n, s, path, at)
	default:
		c.scalar(n, s, path, at)
	}
}

// plain refuses what the format has no use for: anchors, aliases and tags.
func (c *checker) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		c.add(diag.Errorf(diag.IntentSyntax, c.at(n), "alias *%s: intent sets are written without aliases", n.Value).
			Hint("write the value out; a statement that begins with * goes in quotes"))
	case n.Anchor != "":
		c.add(diag.Errorf(diag.IntentSyntax, c.at(n), "anchor &%s: intent sets are written without anchors", n.Anchor).
			Hint("remove &%s; a statement that begins with & goes in quotes", n.Anchor))
	case c.tagged(n):
		c.add(diag.Errorf(diag.IntentSyntax, c.at(n), "tag %s: intent sets are written without tags", n.Tag).
			Hint("remove the tag; a statement that begins with ! goes in quotes"))
	default:
		return true
	}
	return false
}

// tagged says whether a tag stands before n; yaml marks all but the lone "!".
func (s *source) tagged(n *yaml.Node) bool {
	at := s.offset(n)
	return n.Style&yaml.TaggedStyle != 0 || at < len(s.text) && s.text[at] == '!'
}

// wrongType reports n, which is not what the format has at path.
func (c *checker) wrongType(n *yaml.Node, path, want string, at diag.Position) *diag.Diagnostic {
	got := "a mapping"
	switch {
	case n.Kind == yaml.SequenceNode:
		got = "a list"
	case isNull(n):
		got = "empty"
	case n.Kind == yaml.ScalarNode:
		got = map[string]string{"!!int": "a number", "!!float": "a number", "!!bool": "a truth value", "!!timestamp": "a date"}[n.ShortTag()]
		if got == "" {
			got = "text"
		}
	}
	c.add(diag.Errorf(diag.IntentUnknown, at, "%s is %s, it must be %s", path, got, want))
	return &c.diags[len(c.diags)-1]
}

func (c *checker) mapping(n *yaml.Node, s *shape, path string, at diag.Position) {
	if n.Kind != yaml.MappingNode {
		d := c.wrongType(n, path, "a mapping", at)
		*d = d.Hint("its keys are %s", strings.Join(keys(s), ", "))
		return
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		if !c.plain(key, path) {
			continue
		}
		if key.Kind != yaml.ScalarNode {
			d := c.wrongType(key, "a key of "+path, "text", c.at(key))
			*d = d.Hint("keys here are %s", strings.Join(keys(s), ", "))
			continue
		}
		if earlier := first[key.Value]; earlier != nil {
			c.add(diag.Errorf(diag.IntentUnknown, c.at(key), "key %q of %s given twice", key.Value, path).
				Relate(c.at(earlier), "first given here").Hint("remove one of the two"))
			continue
		}
		first[key.Value] = key
		c.value(n, key, v, s, path)
	}
	for _, f := range s.fields {
		if f.required && first[f.key] == nil {
			c.missing(n, f, path)
		}
	}
}

// value checks the value of one key of a mapping.
func (c *checker) value(n, key, v *yaml.Node, s *shape, path string) {
	for _, f := range s.fields {
		if f.key != key.Value {
			continue
		}
		at := c.at(v)
		if isNull(v) {
			at = c.at(key)
		}
		c.shape(v, f.shape, join(path, f.key), at)
		return
	}
	d := diag.Errorf(diag.IntentUnknown, c.at(key), "unknown key %q in %s", key.Value, path)
	switch near := nearest(key.Value, keys(s)); {
	case near != "":
		d = d.Hint("did you mean %q?", near)
	case s == intentShape.options[1] && len(n.Content) == 2 && strings.Contains(key.Value, " "):
		d = d.Hint("a statement that holds a colon goes in quotes")
	default:
		d = d.Hint("keys here are %s", strings.Join(keys(s), ", "))
	}
	c.add(d)
}

func join(path, key string) string {
	if path == "the file" {
		return key
	}
	return path + "." + key
}

func keys(s *shape) []string {
	var out []string
	for _, f := range s.fields {
		out = append(out, f.key)
	}
	return out
}

func (c *checker) missing(n *yaml.Node, f field, path string) {
	where := ""
	if path != "" && path != "the file" {
		where = " in " + path
	}
	d := diag.Errorf(diag.IntentSyntax, c.at(n), "missing key %q%s", f.key, where)
	switch {
	case f.text != nil && len(f.text.enum) == 1:
		d = d.Hint("write %s: %s", f.key, f.text.enum[0])
	case f.text != nil && f.text.like != "":
		d = d.Hint("write one, such as %s: %s", f.key, f.text.like)
	default:
		d = d.Hint("add %s: %s", f.key, strings.ToLower(strings.TrimSuffix(f.doc, ".")))
	}
	c.add(d)
}

func (c *checker) list(n *yaml.Node, s *shape, path string, at diag.Position) {
	switch {
	case s.filled && (isNull(n) || n.Kind == yaml.SequenceNode && len(n.Content) == 0):
		c.add(diag.Errorf(diag.IntentEmpty, at, "%s holds nothing", path).
			Hint("write a statement under it, such as \"- Only cartservice may reach redis-cart.\""))
		return
	case n.Kind != yaml.SequenceNode:
		d := c.wrongType(n, path, "a list", at)
		*d = d.Hint("begin each item with \"- \"")
		return
	}
	for i, v := range n.Content {
		c.shape(v, s.item, fmt.Sprintf("%s[%d]", path, i), c.at(v))
	}
}

func (c *checker) scalar(n *yaml.Node, s *shape, path string, at diag.Position) {
	t := s.text
	tag := n.ShortTag()
	switch {
	case n.Kind == yaml.ScalarNode && s == statementShape && (isNull(n) || strings.TrimSpace(n.Value) == ""):
		c.add(diag.Errorf(diag.IntentEmpty, at, "empty statement").
			Hint("say who may reach whom, such as \"Only cartservice may reach redis-cart.\", or remove the item"))
		return
	case n.Kind == yaml.ScalarNode && t.number > 0 && (tag == "!!int" || tag == "!!float"):
		c.number(n, t, path)
		return
	case n.Kind != yaml.ScalarNode || tag != "!!str" && tag != "!!merge":
		d := c.wrongType(n, path, "text", at)
		if n.Kind == yaml.ScalarNode && !isNull(n) {
			*d = d.Hint("put it in quotes: %q", n.Value)
		} else {
			*d = d.Hint("write %s", t.example())
		}
		return
	}
	if c.hidden(n) {
		return
	}
	c.words(n, t, path)
}

// hidden refuses characters that an escape brought into a value.
func (c *checker) hidden(n *yaml.Node) bool {
	for i, r := range n.Value {
		if what := refused(r); what != "" {
			c.add(refusal(c.places(n)(i), what, r))
			return true
		}
	}
	return false
}

func (c *checker) number(n *yaml.Node, t *text, path string) {
	v, err := strconv.Atoi(n.Value)
	if err != nil || v < 1 || v > t.number || strconv.Itoa(v) != n.Value {
		c.add(diag.Errorf(diag.IntentUnknown, c.at(n), "%s is %s, it must be a whole number from 1 to %d", path, n.Value, t.number).
			Hint("write it in decimal digits"))
	}
}

// words holds the text of a scalar against what is admitted.
func (c *checker) words(n *yaml.Node, t *text, path string) {
	bad := diag.Errorf(diag.IntentUnknown, c.at(n), "%s is %q, which it cannot be", path, n.Value)
	switch {
	case t.enum != nil:
		for _, w := range t.enum {
			if w == n.Value {
				return
			}
		}
		c.add(bad.Hint("write %s", t.example()))
	case t.max > 0 && len(n.Value) > t.max:
		c.add(diag.Errorf(diag.IntentUnknown, c.at(n), "%s is longer than %d characters", path, t.max).Hint("shorten it"))
	case t.pattern != nil && !t.pattern.MatchString(n.Value):
		if t.number > 0 && strings.Trim(n.Value, "0123456789") == "" {
			c.add(bad.Hint("write a port number without quotes"))
		} else {
			c.add(bad.Hint("write %s", t.example()))
		}
	}
}

// example words what is admitted, for hints.
func (t *text) example() string {
	switch {
	case t.enum != nil:
		return strings.Join(t.enum, " or ")
	case t.like != "":
		return "it like " + t.like
	default:
		return "a name"
	}
}

// nearest returns the word that s was probably meant to be, "" if none is near.
func nearest(s string, words []string) string {
	best, by := "", len(s)/3+1
	for _, w := range words {
		if d := distance(strings.ToLower(s), strings.ToLower(w)); d <= by && (best == "" || d < by) {
			best, by = w, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var before, last, row []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := range len(a) {
		row = append([]int(nil), i+1)
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d := min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row = append(row, d)
		}
		before, last = last, row
	}
	return last[len(b)]
}
