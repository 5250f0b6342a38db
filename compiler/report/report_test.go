package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

var update = flag.Bool("update", false, "rewrite testdata")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update rewrites it); got:\n%s", path, got)
	}
}

func decode(t *testing.T, data []byte) *Report {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r Report
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// TestRecorded renders reports to JSON, reads the JSON back, and renders that
// as text: what a program reads is enough for everything that people see.
func TestRecorded(t *testing.T) {
	for name, r := range map[string]*Report{"boutique": recordBoutique(), "refused": recordRefused(), "large": recordLarge(), "empty": {Version: Version}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := JSON(&b, r); err != nil {
				t.Fatal(err)
			}
			if name != "large" {
				golden(t, name+".json", b.Bytes())
			}
			back := decode(t, b.Bytes())
			if !reflect.DeepEqual(back, r.filled()) {
				t.Errorf("the JSON does not read back the same:\n%+v\n%+v", back, r.filled())
			}
			if strings.Contains(b.String(), "null") {
				t.Error("the JSON has a null")
			}
			for _, o := range []struct {
				name string
				Options
			}{{"", Options{}}, {".verbose", Options{Verbose: true}}, {".narrow", Options{Width: 60}}} {
				if o.name != "" && name != "boutique" {
					continue
				}
				var text bytes.Buffer
				if err := Text(&text, back, o.Options); err != nil {
					t.Fatal(err)
				}
				golden(t, name+o.name+".txt", text.Bytes())
			}
		})
	}
}

func TestColor(t *testing.T) {
	var plain, colored bytes.Buffer
	for color, b := range map[bool]*bytes.Buffer{false: &plain, true: &colored} {
		o := Options{Color: color, Line: sources}
		if err := errors.Join(Text(b, recordBoutique(), o), Diagnostics(b, refusals(), o)); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("escape sequences without Color")
	}
	stripped := ansi.ReplaceAllString(colored.String(), "")
	trim := func(s string) string { // spaces before a reset are not at the line's end
		var out []string
		for l := range strings.Lines(s) {
			out = append(out, strings.TrimRight(l, " \n"))
		}
		return strings.Join(out, "\n")
	}
	if trim(stripped) != trim(plain.String()) {
		t.Error("colour changes more than colour")
	}
	if !strings.Contains(colored.String(), "\x1b[31m-\x1b[0m") {
		t.Error("a lost pair is not red")
	}
}

func TestDiagnostics(t *testing.T) {
	for name, o := range map[string]Options{
		"diagnostics.txt":      {Line: sources},
		"diagnostics.bare.txt": {File: func(file string) string { return "../" + file }},
	} {
		var b bytes.Buffer
		if err := Diagnostics(&b, refusals(), o); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestUnderline(t *testing.T) {
	tests := []struct{ line, message, want string }{
		{"redis-cart.", "unknown", "redis-cart"},
		{"redis-cart.", `no "redis-cart." here`, "redis-cart."},
		{"two words more", `"two" and "two words"`, "two words"},
		{`say "it"`, `not "x" but "say "it""`, `say "it"`},
		{`say "it"`, `not "say`, "say"},
		{"10.0.0.0/8, and", "", "10.0.0.0/8"},
		{", and", "", ","},
		{"\xff\xfe", "", "\xff"},
		{"...", "", "."},
		{"x", "", "x"},
	}
	for _, tt := range tests {
		if got := tt.line[:span(tt.line, tt.message)]; got != tt.want {
			t.Errorf("span(%q, %q) = %q, want %q", tt.line, tt.message, got, tt.want)
		}
	}
}

func TestEscape(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain, ünïcode 数据", "plain, ünïcode 数据"},
		{"\x1b[31mred\x1b[0m", `\u{1b}[31mred\u{1b}[0m`},
		{"a\u202eb\u2066c\u200bd\ufeffe\u2028f", `a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{2028}f`},
		{"\u0085\u009b31m\x7f\r\n", `\u{85}\u{9b}31m\u{7f}\u{d}\u{a}`},
		{"\xff\xc0", `\x{ff}\x{c0}`},
		{"##[error]x", `##\u{5b}error]x`},
		{"\U000e0041", `\u{e0041}`},
	}
	for _, tt := range tests {
		if got := Escape(tt.in); got != tt.want {
			t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := wrap("aaa ::error::x ::1", 4); got[1] != `\u{3a}:error::x` {
		t.Errorf("a line begins like a workflow command: %q", got)
	}
}

func TestSummarize(t *testing.T) {
	r := &Report{
		Intents: []Intent{
			{Name: "a", File: "1.yaml", Status: Compiled}, {Name: "a", File: "2.yaml", Status: Compiled},
			{Name: "b", File: "1.yaml", Status: Holds}, {Name: "", File: "1.yaml", Status: Compiled},
		},
		Policies: []Policy{{Change: Added}, {Change: Removed}, {Change: Unchanged}},
		Diagnostics: []diag.Diagnostic{
			diag.Errorf(diag.ReadWords, diag.Position{File: "2.yaml"}, "one").About("a"),
			diag.Warningf(diag.VerifyDeclared, diag.Position{File: "manifest.yaml"}, "two").About("a"),
			diag.Notef(diag.ReadNote, diag.Position{}, "three"),
		},
		Reachability: &Reachability{Parties: []Party{{Name: "a"}, {Name: "b"}, {Name: "c"}}, Before: []Class{{From: []string{"a", "b"}, To: []string{"c"}}, {From: []string{"a"}, To: []string{"d", "e"}}}},
	}
	r.Summarize()
	r.Summarize() // a second time changes nothing
	want := Summary{Intents: 4, Compiled: 2, Holds: 1, Refused: 1, Policies: 2, Added: 1, Unchanged: 1, Removed: 1, Errors: 1, Warnings: 1, Notes: 1, PairsBefore: 2, PairsLost: 2}
	if r.Summary != want {
		t.Errorf("got %+v\nwant %+v", r.Summary, want)
	}
	if a, b := r.Intents[0], r.Intents[1]; a.Status != Compiled || len(a.Diagnostics) != 1 || b.Status != Refused || len(b.Diagnostics) != 2 {
		t.Errorf("the error is not with the intent of its file: %+v %+v", a, b)
	}
}

// TestOverlayFiles: what was written beside the policies is no "nothing changed",
// and a run that never writes has no overlay to speak of once it is rejected.
func TestOverlayFiles(t *testing.T) {
	said := func(r *Report, o Options) string {
		r.Summarize()
		var b bytes.Buffer
		if err := Text(&b, r, o); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	r := &Report{Overlay: "policies"}
	if got := said(r, Options{}); !strings.Contains(got, "Overlay: policies, nothing changed\n") {
		t.Error(got)
	}
	r.Files = []File{{"policies/kustomization.yaml", Added}, {"intents/kubeteus.lock", Added}}
	if got := said(r, Options{}); !strings.Contains(got, "Overlay: policies; added policies/kustomization.yaml, intents/kubeteus.lock\n") {
		t.Error(got)
	}
	r.Files = []File{{"policies/kustomization.yaml", Removed}, {"intents/kubeteus.lock", Changed}}
	if got := said(r, Options{}); !strings.Contains(got, "Overlay: policies; changed intents/kubeteus.lock; removed policies/kustomization.yaml\n") {
		t.Error(got)
	}
	r.Diagnostics = []diag.Diagnostic{diag.Errorf(diag.ReadWords, diag.Position{}, "no")}
	if got := said(r, Options{}); !strings.Contains(got, "nothing was written: 1 error") {
		t.Error(got)
	}
	if got := said(r, Options{ReadOnly: true}); strings.Contains(got, "written") || strings.Contains(got, "Overlay") {
		t.Error(got)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteError(t *testing.T) {
	for name, err := range map[string]error{
		"Text": Text(full{}, recordBoutique(), Options{}), "JSON": JSON(full{}, recordBoutique()), "Diagnostics": Diagnostics(full{}, refusals(), Options{}),
	} {
		if err == nil {
			t.Errorf("%s swallows a write error", name)
		}
	}
}

// FuzzHostile puts one text everywhere in a report and looks for anything that a
// terminal or a runner would act on.
func FuzzHostile(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[2J\x1b]0;title\x07", "a\u202eb", "x\n::error file=a::b", "::set-output name=a::b", "##[add-mask]x", "\r\x1b[1A", "\xff\xfe", "\u009b2J", "a\tb", `"`, "", "/", "outside", "b\u2028c", strings.Repeat("word ", 100)} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, column uint8) {
		pos := diag.Position{File: s, Line: 3, Column: int(column)}
		d := diag.Errorf(diag.ID(s), pos, "%s", s).Relate(pos, "%s", s).Hint("%s", s).About(s)
		class := []Class{{From: []string{s, Outside}, To: []string{s}, Ports: s}}
		r := &Report{Project: s, Target: s, Overlay: s, Diagnostics: []diag.Diagnostic{d, {Severity: diag.Note, Message: s}},
			Intents:      []Intent{{Set: s, Name: s, File: s, Line: 1, Statement: s, Status: Status(s), ReadsAs: []string{s, s}, Implied: []string{s}, Policies: []string{s}}},
			Policies:     []Policy{{Path: s, Kind: s, Namespace: s, Name: s, Intents: []string{s, s}, Change: Change(s), YAML: s + "\n" + s}},
			Reachability: &Reachability{Parties: []Party{{Name: s}, {Name: "a/" + s}, {Name: "a/b"}, {Name: Outside}}, Before: class, After: class, Gained: class, Lost: class, Notes: []string{s}},
		}
		r.Summarize()
		for _, o := range []Options{{Verbose: true}, {Width: 40, Color: true, Verbose: true}} {
			var b bytes.Buffer
			if err := Text(&b, r, o); err != nil {
				t.Fatal(err)
			}
			o.Line = func(string, int) string { return strings.ReplaceAll(s, "\n", " ") }
			if err := Diagnostics(&b, r.Diagnostics, o); err != nil {
				t.Fatal(err)
			}
			harmless(t, ansi.ReplaceAllString(b.String(), ""))
		}
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		harmless(t, b.String())
		if s == strings.ToValidUTF8(s, "\ufffd") && !reflect.DeepEqual(decode(t, b.Bytes()), r.filled()) {
			t.Error("the JSON does not read back the same")
		}
	})
}

func harmless(t testing.TB, out string) {
	t.Helper()
	for l := range strings.Lines(out) {
		for _, r := range strings.TrimSuffix(l, "\n") {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q has an unprintable character", l)
			}
		}
		if command(strings.TrimSpace(l)) {
			t.Fatalf("%q looks like a workflow command", l)
		}
	}
	if strings.Contains(out, "##[") {
		t.Fatalf("a workflow command:\n%s", out)
	}
}
