package diag

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

func TestSorted(t *testing.T) {
	at := func(f string, l, c int) Position { return Position{f, l, c} }
	l := List{
		Notef(ReadNote, at("b", 1, 1), "n"), Errorf(ReadWords, at("a", 2, 1), "x"), Warningf(ReadPort, at("a", 1, 9), "w"),
		Errorf(ReadWords, at("a", 2, 1), "x"), Errorf(ReadName, at("a", 1, 9), "e"), Errorf(ReadWords, Position{}, "no place"),
	}
	var got []string
	for _, d := range l.Sorted() {
		got = append(got, d.Pos.String()+" "+d.Severity.String()+" "+d.Message)
	}
	want := []string{" error no place", "a:1:9 error e", "a:1:9 warning w", "a:2:1 error x", "b:1:1 note n"}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %q, want %q", i, got[i], want[i])
		}
	}
	if !l.HasErrors() || l[:1].HasErrors() {
		t.Error("HasErrors")
	}
}

// TestHintAndRelateCopy: a diagnostic that is handed on is never changed.
func TestHintAndRelateCopy(t *testing.T) {
	d := Errorf(ReadName, Position{}, "x").Hint("one")
	a, b := d.Hint("a").Relate(Position{}, "r"), d.Hint("b")
	if len(d.Hints) != 1 || a.Hints[1] != "a" || b.Hints[1] != "b" || len(d.Related) != 0 || len(a.Related) != 1 {
		t.Errorf("%v %v %v", d, a, b)
	}
}

func TestSeverityText(t *testing.T) {
	for _, s := range []Severity{Error, Warning, Note} {
		data, err := json.Marshal(s)
		var back Severity
		if err != nil || json.Unmarshal(data, &back) != nil || back != s {
			t.Errorf("%s: %s, %v", s, data, err)
		}
	}
	var s Severity
	if json.Unmarshal([]byte(`"fatal"`), &s) == nil {
		t.Error("an unknown severity was taken")
	}
}

// TestIDs: no id has two meanings.
func TestIDs(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "ids.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			if seen[lit.Value] {
				t.Errorf("%s twice", lit.Value)
			}
			seen[lit.Value] = true
		}
		return true
	})
	if len(seen) < 30 {
		t.Errorf("%d ids", len(seen))
	}
}
