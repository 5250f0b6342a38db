package diag

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// declared reads the ids of ids.go: value to name.
func declared(t *testing.T) map[ID]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "ids.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[ID]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, v := range spec.Values {
			value, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out[ID(value)] = spec.Names[i].Name
		}
		return true
	})
	if len(out) < 40 {
		t.Fatalf("ids.go has %d ids", len(out))
	}
	return out
}

// TestHelp: every id is explained, no two alike, and nothing else is.
func TestHelp(t *testing.T) {
	ids, titles := declared(t), map[string]ID{}
	for id, name := range ids {
		h := id.Help()
		if h.Name != name {
			t.Errorf("%s is %s in ids.go, and its help is named %q", id, name, h.Name)
		}
		if twin, ok := titles[h.Title]; ok {
			t.Errorf("%s and %s have one title: %q", id, twin, h.Title)
		}
		titles[h.Title] = id
		if fault := plainTitle(h.Title); fault != "" {
			t.Errorf("%s: the title %s: %q", id, fault, h.Title)
		}
		if fault := plainText(h.Text); fault != "" {
			t.Errorf("%s: the text %s: %q", id, fault, h.Text)
		}
	}
	for id := range help {
		if ids[id] == "" {
			t.Errorf("help for %q, which ids.go does not have", id)
		}
	}
	if h := ID("KT0000").Help(); h != (Help{}) {
		t.Errorf("an id that does not exist has help: %+v", h)
	}
}

func plainTitle(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > 100:
		return "is too long for a list"
	case strings.HasSuffix(s, "."):
		return "ends with a full stop"
	case strings.ContainsAny(s, "`*_[]<>#|\n"):
		return "has markup"
	}
	return ""
}

func plainText(s string) string {
	sentences := strings.Count(s+" ", ". ")
	switch {
	case sentences < 1 || sentences > 4 || !strings.HasSuffix(s, "."):
		return "is not one to four sentences"
	case !unicode.IsUpper([]rune(s)[0]) && !strings.HasPrefix(s, "kubeteus"):
		return "does not begin like a sentence"
	case strings.ContainsAny(s, "`*_[]<>#|\n"):
		return "has markup"
	}
	return ""
}
