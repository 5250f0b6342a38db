package report

import (
	"bytes"
	"strings"
	"testing"
)

func TestDiffText(t *testing.T) {
	for name, d := range recordedDifferences() {
		var b bytes.Buffer
		if err := DiffText(&b, d, Options{}); err != nil {
			t.Fatal(err)
		}
		golden(t, "difference."+name+".txt", b.Bytes())
		for l := range strings.Lines(b.String()) {
			if columns(strings.TrimSuffix(l, "\n")) > 100 && strings.Count(strings.TrimSpace(l), " ") > 8 && !strings.Contains(l, ": error: ") && !strings.HasPrefix(l, "  intents/") {
				t.Errorf("%s: a line of %d columns: %q", name, columns(l), l)
			}
		}
	}
	var b bytes.Buffer
	if err := DiffText(&b, recordDifference(), Options{Width: 60, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	golden(t, "difference.verbose.txt", b.Bytes())
}

// TestDiffTextColor: colour adds colour, and nothing else.
func TestDiffTextColor(t *testing.T) {
	for name, d := range recordedDifferences() {
		var plain, colored bytes.Buffer
		if err := DiffText(&plain, d, Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if err := DiffText(&colored, d, Options{Verbose: true, Color: true}); err != nil {
			t.Fatal(err)
		}
		trim := func(s string) string {
			var out []string
			for l := range strings.Lines(s) {
				out = append(out, strings.TrimRight(l, " \n"))
			}
			return strings.Join(out, "\n")
		}
		if trim(ansi.ReplaceAllString(colored.String(), "")) != trim(plain.String()) || !strings.Contains(colored.String(), "\x1b[") {
			t.Errorf("%s: colour changes more than colour", name)
		}
	}
}

func FuzzDiffText(f *testing.F) {
	for _, s := range mdHostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, o := range []Options{{Verbose: true}, {Width: 40, Color: true}} {
			var b bytes.Buffer
			if err := DiffText(&b, everywhere(s), o); err != nil {
				t.Fatal(err)
			}
			harmless(t, ansi.ReplaceAllString(b.String(), ""))
		}
	})
}
