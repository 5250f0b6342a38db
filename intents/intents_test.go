package intents

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

const head = "apiVersion: kubeteus.dev/v1alpha1\nkind: IntentSet\nmetadata:\n  name: cart\nspec:\n"

func TestParse(t *testing.T) {
	f, diags := Parse("intents/cart.yaml", []byte(head+`  namespace: boutique
  isolation: explicit
  dns: keep
  intents:
  - Only cartservice may reach redis-cart.
  - name: cart-from-shop
    statement: Let the frontend call cartservice.
    cuts: [loadgenerator -> cartservice:7070, "a/b->c"]
  expect:
  - {from: frontend, to: cartservice, port: 7070, verdict: allow}
  - {from: world, to: redis-cart, port: redis, protocol: TCP, verdict: deny}
`))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if f.Name != "cart" || f.Namespace != "boutique" || !f.Explicit || f.DNS != ir.DNSKeep || f.Path != "intents/cart.yaml" {
		t.Errorf("set is %+v", f)
	}
	if len(f.Intents) != 2 || len(f.Expects) != 2 {
		t.Fatalf("%d intents, %d expectations", len(f.Intents), len(f.Expects))
	}
	first, second := f.Intents[0], f.Intents[1]
	if first.Named || first.Statement != "Only cartservice may reach redis-cart." || !strings.HasPrefix(first.Name, "only-cartservice-may-reach-redis-cart-") {
		t.Errorf("first intent is %+v", first)
	}
	if want := pos("intents/cart.yaml", 10, 5); first.Pos != want {
		t.Errorf("first statement at %v, want %v", first.Pos, want)
	}
	if !second.Named || second.Name != "cart-from-shop" || second.Pos != pos("intents/cart.yaml", 12, 16) {
		t.Errorf("second intent is %+v", second)
	}
	if want := []Cut{{"loadgenerator", "cartservice", "7070", pos("intents/cart.yaml", 13, 12)}, {"a/b", "c", "", pos("intents/cart.yaml", 13, 47)}}; !slices.Equal(second.Cuts, want) {
		t.Errorf("cuts are %v, want %v", second.Cuts, want)
	}
	want := []Expect{
		{"frontend", "cartservice", "7070", "", true, pos("intents/cart.yaml", 15, 5)},
		{"world", "redis-cart", "redis", "TCP", false, pos("intents/cart.yaml", 16, 5)},
	}
	if !slices.Equal(f.Expects, want) {
		t.Errorf("expectations are %v, want %v", f.Expects, want)
	}
}

func pos(file string, line, column int) diag.Position {
	return diag.Position{File: file, Line: line, Column: column}
}

func TestRefused(t *testing.T) {
	set := func(spec string) string { return head + spec }
	for _, c := range []struct {
		name, text string
		id         diag.ID
		line, col  int
		message    string
		hint       string
	}{
		{"empty", "", diag.IntentEmpty, 1, 1, "no intent set", "schema"},
		{"comment only", "# nothing\n", diag.IntentEmpty, 1, 1, "no intent set", ""},
		{"null", "null\n", diag.IntentEmpty, 1, 1, "no intent set", ""},
		{"scalar", "hello\n", diag.IntentUnknown, 1, 1, "the file is text, it must be a mapping", "apiVersion"},
		{"list", "- a\n", diag.IntentUnknown, 1, 1, "the file is a list", ""},
		{"other kind", "apiVersion: apps/v1\nkind: Deployment\nspec: {}\n", diag.IntentUnknown, 1, 13, `apiVersion is "apps/v1"`, "kubeteus.dev/v1alpha1"},
		{"no kind", "apiVersion: kubeteus.dev/v1alpha1\n", diag.IntentSyntax, 1, 1, `missing key "kind"`, "kind: IntentSet"},
		{"no spec", strings.TrimSuffix(head, "spec:\n"), diag.IntentSyntax, 1, 1, `missing key "spec"`, ""},
		{"spec empty", head, diag.IntentUnknown, 5, 1, "spec is empty", "intents"},
		{"no intents", set("  namespace: a\n"), diag.IntentSyntax, 6, 3, `missing key "intents" in spec`, ""},
		{"intents nothing", set("  intents:\n"), diag.IntentEmpty, 6, 3, "spec.intents holds nothing", ""},
		{"intents empty", set("  intents: []\n"), diag.IntentEmpty, 6, 12, "spec.intents holds nothing", ""},
		{"intents text", set("  intents: a\n"), diag.IntentUnknown, 6, 12, "spec.intents is text, it must be a list", ""},
		{"unknown key", set("  intnets: [a]\n"), diag.IntentUnknown, 6, 3, `unknown key "intnets" in spec`, `did you mean "intents"?`},
		{"unknown key far", set("  intents: [a]\n  colour: red\n"), diag.IntentUnknown, 7, 3, `unknown key "colour"`, "namespace"},
		{"duplicate key", set("  intents: [a]\n  intents: [b]\n"), diag.IntentUnknown, 7, 3, `key "intents" of spec given twice`, "remove"},
		{"merge key", set("  intents: [a]\n  <<: {dns: keep}\n"), diag.IntentUnknown, 7, 3, `unknown key "<<"`, ""},
		{"list as key", set("  [a]: b\n  intents: [a]\n"), diag.IntentUnknown, 6, 3, "a key of spec is a list", ""},
		{"colon in statement", set("  intents:\n  - Note well: a may reach b.\n"), diag.IntentUnknown, 7, 5, "unknown key", "quotes"},
		{"empty statement", set("  intents:\n  - ''\n"), diag.IntentEmpty, 7, 5, "empty statement", ""},
		{"blank statement", set("  intents:\n  - name: a\n    statement: \"  \"\n"), diag.IntentEmpty, 8, 16, "empty statement", ""},
		{"null statement", set("  intents:\n  - name: a\n    statement:\n"), diag.IntentEmpty, 8, 5, "empty statement", ""},
		{"number statement", set("  intents:\n  - 42\n"), diag.IntentUnknown, 7, 5, "spec.intents[0] is a number, it must be text", `"42"`},
		{"name a number", set("  intents:\n  - {name: 1, statement: a}\n"), diag.IntentUnknown, 7, 12, "spec.intents[0].name is a number", `"1"`},
		{"bad name", set("  intents:\n  - {name: a b, statement: a}\n"), diag.IntentUnknown, 7, 12, `"a b"`, "cart-from-shop"},
		{"long name", set("  intents:\n  - {name: " + strings.Repeat("a", 64) + ", statement: a}\n"), diag.IntentUnknown, 7, 12, "longer than 63", ""},
		{"alias", set("  intents:\n  - &a x\n  - *a\n"), diag.IntentSyntax, 7, 5, "anchor &a", "quotes"},
		{"isolation", set("  isolation: implicit\n  intents: [a]\n"), diag.IntentUnknown, 6, 14, `"implicit"`, "implied or explicit"},
		{"dns", set("  dns: off\n  intents: [a]\n"), diag.IntentUnknown, 6, 8, `"off"`, "auto or keep or close"},
		{"namespace", set("  namespace: A_b\n  intents: [a]\n"), diag.IntentUnknown, 6, 14, `"A_b"`, "boutique"},
		{"tag", set("  intents:\n  - !custom a\n"), diag.IntentSyntax, 7, 5, "tag !custom", ""},
		{"two documents", set("  intents: [a]\n---\nb: c\n"), diag.IntentSyntax, 7, 1, "second YAML document", "file of its own"},
		{"cut", set("  intents:\n  - {statement: a, cuts: [a to b]}\n"), diag.IntentUnknown, 7, 27, `"a to b"`, "loadgenerator -> cartservice:7070"},
		{"port", set("  intents: [a]\n  expect:\n  - {from: a, to: b, port: 70000, verdict: allow}\n"), diag.IntentUnknown, 8, 28, "70000", "decimal"},
		{"port hex", set("  intents: [a]\n  expect:\n  - {from: a, to: b, port: 0x50, verdict: allow}\n"), diag.IntentUnknown, 8, 28, "0x50", "decimal"},
		{"port quoted", set("  intents: [a]\n  expect:\n  - {from: a, to: b, port: '80', verdict: allow}\n"), diag.IntentUnknown, 8, 28, `"80"`, "without quotes"},
		{"verdict", set("  intents: [a]\n  expect:\n  - {from: a, to: b, verdict: denied}\n"), diag.IntentUnknown, 8, 31, `"denied"`, "allow or deny"},
		{"duplicate names", set("  intents:\n  - {name: a, statement: x}\n  - {name: a, statement: y}\n"), diag.IntentDuplicate, 8, 12, `two intents named "a"`, ""},
		{"same statement", set("  intents:\n  - x y\n  - x  y\n"), diag.IntentDuplicate, 8, 5, "same statement twice", ""},
		{"binary", "\x7fELF\x00\x01", diag.IntentText, 1, 5, "binary file", "UTF-8"},
		{"latin1", "# caf\xe9\n", diag.IntentText, 1, 6, "0xe9", "UTF-8"},
		{"control", set("  intents: [\"a\x1b[31mb\"]\n"), diag.IntentText, 6, 15, "control character U+001B", "remove"},
		{"lone return", set("  intents: [\"a\rb\"]\n"), diag.IntentText, 6, 15, "control character U+000D", ""},
		{"bidi", set("  intents: [\"a\u202eb\"]\n"), diag.IntentText, 6, 15, "bidirectional control character U+202E", ""},
		{"zero width", set("  # a\u200bb\n  intents: [a]\n"), diag.IntentText, 6, 6, "invisible character U+200B", ""},
		{"escaped control", set("  intents: [\"ab\\u202ec\"]\n"), diag.IntentText, 6, 16, "U+202E", ""},
		{"size", "#" + strings.Repeat("x", maxSize), diag.IntentText, 1, 1, "at most 1048576", "split"},
		{"tab", set("  intents:\n\t- a\n"), diag.IntentSyntax, 7, 1, "not YAML", "schema"},
		{"open quote", set("  intents:\n  - a\n  - \"b\n  - c\n  - d\n"), diag.IntentSyntax, 8, 5, "not YAML", ""},
		{"open bracket", set("  intents: [a,\n  dns: keep\n"), diag.IntentSyntax, 6, 12, "not YAML", ""},
		{"two colons", set("  intents:\n  - name: a: b\n"), diag.IntentSyntax, 7, 12, "not YAML", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, diags := Parse("x.yaml", []byte(c.text))
			if f != nil || !diags.HasErrors() {
				t.Fatalf("parsed: %+v %v", f, diags)
			}
			i := slices.IndexFunc(diags, func(d diag.Diagnostic) bool { return strings.Contains(d.Message, c.message) })
			if i < 0 {
				t.Fatalf("no %q in %v", c.message, diags)
			}
			d := diags[i]
			if d.ID != c.id || d.Pos != pos("x.yaml", c.line, c.col) {
				t.Errorf("%s at %v, want %s at %d:%d: %s", d.ID, d.Pos, c.id, c.line, c.col, d.Message)
			}
			if len(d.Hints) == 0 || !strings.Contains(strings.Join(d.Hints, "\n"), c.hint) {
				t.Errorf("hints are %q, want %q", d.Hints, c.hint)
			}
		})
	}
}

func TestDuplicatesAcrossFiles(t *testing.T) {
	parse := func(path, name, statement string) *File {
		text := strings.Replace(head, "name: cart", "name: "+name, 1) + "  intents:\n  - {name: a, statement: " + statement + "}\n"
		f, diags := Parse(path, []byte(text))
		if diags != nil {
			t.Fatal(diags)
		}
		return f
	}
	one, two, other := parse("1.yaml", "cart", "x"), parse("2.yaml", "cart", "y"), parse("3.yaml", "shop", "z")
	diags := Duplicates([]*File{one, two, other})
	if len(diags) != 1 || diags[0].Pos != pos("2.yaml", 7, 12) || diags[0].Related[0].Pos != pos("1.yaml", 7, 12) || diags[0].ID != diag.IntentDuplicate {
		t.Errorf("got %+v", diags)
	}
}

var indented = regexp.MustCompile(`(?m)^[^\r\n]`)

func TestAt(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"plain", "- Only a may reach b, word here.\n"},
		{"plain lines", "- Only a\n  may reach\n\n    b, word\n  here.\n"},
		{"plain crlf", "- Only a\r\n  may reach b\r\n  word here.\r\n"},
		{"plain in flow", "- {statement: Only a\n     may reach b word here}\n"},
		{"single", "- 'Don''t let a ''reach'' word here'\n"},
		{"single lines", "- '  Don''t let a\n\n\n    reach  \n  word here'\n"},
		{"double", "- \"Let \\\"a\\\" \\u00e9 reach\\tb word\\x20here\"\n"},
		{"double lines", "- \"Let a\\\n    \\ reach b\\\n\n  and\n  word here\"\n"},
		{"double spaced", "- \"Let a   \n\n   reach word\n  here\"\n"},
		{"literal", "- |\n  Let a\n    reach b\n\n  word here\n"},
		{"literal strip", "- |-\n  Let a\n  word here\n- next\n"},
		{"literal keep", "- |+\n  Let a\n  word here\n\n\n- next\n"},
		{"literal indented", "- |2\n     Let a\n    word here\n"},
		{"literal leading blank", "- |\n\n\n  Let a\n  word here\n"},
		{"folded", "- >\n  Let a\n  reach b\n\n  and c\n  word here\n"},
		{"folded more", "- >-\n  Let a\n    list\n    more\n  reach b\n\n\n  word\n  here\n"},
		{"folded comment", "- > # said twice\n  Let a\n  word here"},
		{"folded crlf", "- >\r\n  Let a\r\n  reach\r\n\r\n  word here\r\n"},
		{"folded key", "- name: x\n  statement: >-\n    Let a\n    reach\n    word here\n"},
		{"wide", "- Käse → bücher dürfen word here\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := head + "  intents:\n" + indented.ReplaceAllString(c.text, "  $0")
			f, diags := Parse("x.yaml", []byte(text))
			if diags != nil {
				t.Fatal(diags)
			}
			i := f.Intents[0]
			offset := strings.Index(i.Statement, "word")
			if offset < 0 {
				t.Fatalf("statement is %q", i.Statement)
			}
			at := strings.Index(text, "word")
			want := pos("x.yaml", 1+strings.Count(text[:at], "\n"), at-strings.LastIndex(text[:at], "\n"))
			if got := i.At(offset); got != want {
				t.Errorf("word of %q at %v, want %v", i.Statement, got, want)
			}
			first := i.Statement[:1]
			lines := strings.Split(text, "\n")
			if line := lines[i.Pos.Line-1]; line[i.Pos.Column-1:i.Pos.Column] != first {
				t.Errorf("statement %q begins at %v, which is %q", i.Statement, i.Pos, line)
			}
			if i.At(-5) != i.Pos || i.At(1<<30) != i.At(len(i.Statement)) {
				t.Error("offsets outside are not moved to the nearer end")
			}
		})
	}
}

// TestDerivedName pins the names, which the lock is keyed by.
func TestDerivedName(t *testing.T) {
	for statement, want := range map[string]string{
		"Only cartservice may reach redis-cart.":   "only-cartservice-may-reach-redis-cart-0dc08e80",
		"Only cartservice may\n reach redis-cart.": "only-cartservice-may-reach-redis-cart-0dc08e80",
		"Only cartservice may reach redis cart.":   "only-cartservice-may-reach-redis-cart-64cbe2f7",
		"日本語":                                      "intent-77710aed",
	} {
		if got := derivedName(statement); got != want || len(got) > 63 || !intentName.MatchString(got) {
			t.Errorf("%q is %s, want %s", statement, got, want)
		}
	}
}

func TestSchema(t *testing.T) {
	var s struct {
		Schema     string `json:"$schema"`
		Properties map[string]json.RawMessage
		Required   []string
		Additional *bool `json:"additionalProperties"`
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "https://json-schema.org/draft/2020-12/schema" || s.Additional == nil || *s.Additional || len(s.Required) != 4 || len(s.Properties) != 4 {
		t.Errorf("schema is %+v", s)
	}
	if !bytes.Equal(Schema(), Schema()) {
		t.Error("two schemas differ")
	}
	for _, key := range []string{"statement", "cuts", "verdict", "isolation"} {
		if !bytes.Contains(Schema(), []byte(`"`+key+`": {`)) {
			t.Errorf("schema lacks %s", key)
		}
	}
}

func TestDefaultSet(t *testing.T) {
	data, err := os.ReadFile("default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, diags := Parse("default.yaml", data)
	if len(diags) > 0 || f.Name != "cluster-defaults" || f.Namespace != "default" || len(f.Intents) == 0 {
		t.Errorf("%+v %v", f, diags)
	}
}

// TestHostile holds Parse to a bound on files made to be slow.
func TestHostile(t *testing.T) {
	for name, text := range map[string]string{
		"deep":      strings.Repeat("[", maxSize/2),
		"deep map":  strings.Repeat("{a: ", maxSize/8),
		"one line":  head + "  intents: [" + strings.Repeat("{a: é},", maxSize/16) + "a]\n",
		"spaces":    head + "  intents:\n  - |\n" + strings.Repeat(" ", maxSize/2) + "\n    a\n",
		"statement": head + "  intents:\n  - >\n" + strings.Repeat("    word\n\n", maxSize/16),
		"no colon":  head + "  intents:\n" + strings.Repeat("  - a\n", maxSize/16) + "x\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := Parse("x.yaml", []byte(text))
			for _, d := range diags {
				if d.Pos.Line < 1 || d.Pos.Column < 1 {
					t.Fatalf("no position: %+v", d)
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"", head, head + "  intents: [a]\n", "a: &b c\nd: *b\n", "- |\n  a\n", "\ufeff" + head,
		head + "  intents:\n  - \"a\\\n   b\"\n  - 'c''d\n\n   e'\n  - >2-\n     f\n    g\n", head + "  intents:\n  - {name: a, statement: b, cuts: [a -> b:1]}\n  expect:\n  - {from: a, to: b, verdict: deny}\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, diags := Parse("x.yaml", data)
		if set == nil != diags.HasErrors() {
			t.Fatalf("set %v, diagnostics %v", set, diags)
		}
		for _, d := range diags {
			if d.Pos.Line < 1 || d.Pos.Column < 1 || len(d.Hints) == 0 {
				t.Fatalf("no position or hint: %+v", d)
			}
		}
		if set == nil {
			return
		}
		text := bytes.TrimPrefix(data, []byte("\ufeff"))
		lines := strings.SplitAfter(string(text), "\n")
		for _, i := range set.Intents {
			for offset := range i.Statement {
				at := i.At(offset)
				if at.Line > len(lines) || at.Column > len(lines[at.Line-1])+1 {
					t.Fatalf("byte %d of %q at %v, outside of the file", offset, i.Statement, at)
				}
			}
		}
	})
}

// FuzzOffsets holds that the second scan follows the parser: for every scalar
// that yaml decodes, each byte is found.
func FuzzOffsets(f *testing.F) {
	for _, text := range []string{"a b\n c", "'a''b\n\n c'", "\"a\\\n b\\u00e9 \\\n\n c\"", "|\n  a\n   b\n\n", ">+\n  a\n\n   b\n  c\n\n", "|1\n   a\n", "> #c\n a\n b", "? a\n b\n: c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newSource("x", []byte("- "+text))
		if s.check().HasErrors() {
			return
		}
		root, diags := s.document()
		if root == nil || diags.HasErrors() {
			return
		}
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			for _, c := range n.Content {
				walk(c)
			}
			if n.Kind != yaml.ScalarNode || n.Anchor != "" || s.tagged(n) || n.Value == "" {
				return
			}
			if got := s.offsets(n); len(got) != len(n.Value)+1 {
				t.Fatalf("%q in %q cannot be followed", n.Value, s.text)
			}
		}
		walk(root)
	})
}
