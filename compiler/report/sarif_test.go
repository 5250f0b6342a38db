package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// sarifValidator is the schema of OASIS; testdata/sarif.md says where it is from.
var sarifValidator = sync.OnceValues(func() (*jsonschema.Schema, error) {
	data, err := os.ReadFile(filepath.Join("testdata", "sarif-schema-2.1.0.json"))
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(sarifSchema, doc); err != nil {
		return nil, err
	}
	return c.Compile(sarifSchema)
})

func validSARIF(t testing.TB, log []byte) error {
	t.Helper()
	schema, err := sarifValidator()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(log))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}

// sarifOf renders a report, holds it against the schema, and reads it back.
func sarifOf(t testing.TB, r *Report, o Options) sarifRun {
	t.Helper()
	var b bytes.Buffer
	if err := SARIF(&b, r, o); err != nil {
		t.Fatal(err)
	}
	if err := validSARIF(t, b.Bytes()); err != nil {
		t.Fatalf("%v\n%.2000s", err, b.String())
	}
	var log sarifLog
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&log); err != nil {
		t.Fatal(err)
	}
	return log.Runs[0]
}

// shopLines is a source of lines for Options.
func shopLines(file string, n int) string {
	if file == "intents/boutique.yaml" && n == 9 {
		return "  - 😀 日本 Only cartservice may reach redis-crat."
	}
	return ""
}

func TestSARIFRecorded(t *testing.T) {
	for name, r := range map[string]*Report{"refused": recordRefused(), "boutique": recordBoutique(), "empty": {Version: Version}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := SARIF(&b, r, Options{Line: shopLines}); err != nil {
				t.Fatal(err)
			}
			if err := validSARIF(t, b.Bytes()); err != nil {
				t.Error(err)
			}
			golden(t, "sarif."+name+".json", b.Bytes())
		})
	}
}

// TestSARIFSchema: the schema refuses what is no log, so that passing it says
// something.
func TestSARIFSchema(t *testing.T) {
	var b bytes.Buffer
	if err := SARIF(&b, recordRefused(), Options{}); err != nil {
		t.Fatal(err)
	}
	for _, broken := range []struct{ name, old, new string }{
		{"another version", `"version": "2.1.0"`, `"version": "2.2.0"`},
		{"a level that is none", `"level": "error"`, `"level": "fatal"`},
		{"a key that is none", `"results"`, `"resluts"`},
		{"no driver", `"driver"`, `"pilot"`},
		{"a line of zero", `"startLine": `, `"startLine": -`},
		{"a text that is a number", `"text": "`, `"text": 1, "x": "`},
		{"a URI that is none", `"uri": "intents/`, `"uri": "int%ents/`},
	} {
		log := bytes.Replace(b.Bytes(), []byte(broken.old), []byte(broken.new), 1)
		if bytes.Equal(log, b.Bytes()) {
			t.Errorf("%s: the log has no %s", broken.name, broken.old)
		}
		if validSARIF(t, log) == nil {
			t.Errorf("%s: the schema takes it", broken.name)
		}
	}
}

// TestSARIFRules: every rule has help, whatever the id.
func TestSARIFRules(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../diag/ids.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := &Report{}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			id, _ := strconv.Unquote(lit.Value)
			r.Diagnostics = append(r.Diagnostics, diag.Errorf(diag.ID(id), diag.Position{File: "a.yaml", Line: 1}, "found"))
		}
		return true
	})
	known := len(r.Diagnostics)
	r.Diagnostics = append(r.Diagnostics, diag.Errorf("KT9999\x1b[m", diag.Position{File: "a.yaml", Line: 1}, "found"))
	run := sarifOf(t, r, Options{})
	rules := run.Tool.Driver.Rules
	if known < 40 || len(rules) != known+1 || !slices.IsSortedFunc(rules, func(a, b sarifRule) int { return strings.Compare(a.ID, b.ID) }) {
		t.Fatalf("%d ids, %d rules", known, len(rules))
	}
	for _, rule := range rules {
		if rule.Short.Text == "" || rule.Full.Text == "" || rule.Help.Text == "" || rule.Help.Markdown == "" || rule.Properties.Severity == "" || len(rule.Properties.Tags) != 3 {
			t.Errorf("%+v", rule)
		}
		if own := strings.HasPrefix(rule.ID, "KT9"); own == (rule.Properties.Tags[2] != "other") || own == (rule.Name != "") {
			t.Errorf("%s: name %q, tags %q", rule.ID, rule.Name, rule.Properties.Tags)
		}
	}
	for i, result := range run.Results {
		if rules[result.Index].ID != result.Rule {
			t.Errorf("result %d is of rule %s and points at %s", i, result.Rule, rules[result.Index].ID)
		}
	}
}

// TestSARIFColumns: columns are UTF-16 code units, or are left out.
func TestSARIFColumns(t *testing.T) {
	line := shopLines("intents/boutique.yaml", 9)
	name := strings.Index(line, "redis-crat") + 1 // in bytes
	at := func(line, column int) diag.Diagnostic {
		return diag.Errorf(diag.ReadName, diag.Position{File: "intents/boutique.yaml", Line: line, Column: column}, `no workload is called "redis-crat"`)
	}
	for _, c := range []struct {
		name string
		d    diag.Diagnostic
		o    Options
		want sarifRegion
	}{
		// "  - " 4, the emoji 2, a space, two characters, and " Only cartservice may reach ".
		{"behind an emoji", at(9, name), Options{Line: shopLines}, sarifRegion{9, 4 + 2 + 1 + 2 + 28 + 1, 4 + 2 + 1 + 2 + 28 + 1 + 10}},
		{"the emoji", at(9, 5), Options{Line: shopLines}, sarifRegion{9, 5, 7}},
		{"within the emoji", at(9, 6), Options{Line: shopLines}, sarifRegion{Line: 9}},
		{"behind the line", at(9, len(line)+1), Options{Line: shopLines}, sarifRegion{Line: 9}},
		{"an unknown line", at(10, 4), Options{Line: shopLines}, sarifRegion{Line: 10}},
		{"no lines", at(9, name), Options{}, sarifRegion{Line: 9}},
		{"the first column", at(9, 1), Options{}, sarifRegion{Line: 9, Column: 1}},
	} {
		got := sarifOf(t, &Report{Diagnostics: []diag.Diagnostic{c.d}}, c.o).Results[0].Locations[0].Physical.Region
		if got == nil || *got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := sarifOf(t, &Report{Diagnostics: []diag.Diagnostic{at(0, 0)}}, Options{}).Results[0].Locations[0].Physical; got.Region != nil {
		t.Errorf("a region without a line: %+v", got.Region)
	}
}

// TestSARIFPlaces: every result lies in a file of the repository, whose name is
// read back from the URI as it was.
func TestSARIFPlaces(t *testing.T) {
	intents := []Intent{{Set: "a", Name: "x", File: "intents/a.yaml", Line: 7}, {Set: "b", Name: "y", File: "intents/b.yaml", Line: 3}}
	for _, c := range []struct {
		file, intent string
		intents      []Intent
		want         string
		unplaced     bool
	}{
		{"intents/a.yaml", "", nil, "intents/a.yaml", false},
		{"./a/../b.yaml", "", nil, "b.yaml", false},
		{"a b/ü#?%20:é&.yaml", "", nil, "a b/ü#?%20:é&.yaml", false},
		{"c:d.yaml", "", nil, "kubeteus.yaml", true}, // could be a drive
		{"javascript:alert(1)", "", nil, "javascript:alert(1)", false},
		{"\xff.yaml", "", nil, "\xff.yaml", false},
		{"", "", nil, "kubeteus.yaml", true},
		{"", "", intents, "intents/a.yaml", true},
		{"", "y", intents, "intents/b.yaml", true},
		{"/etc/passwd", "y", intents, "intents/b.yaml", true},
		{"../other/x.yaml", "", intents, "intents/a.yaml", true},
		{"..", "", nil, "kubeteus.yaml", true},
		{`\\host\share`, "", nil, "kubeteus.yaml", true},
	} {
		d := diag.Errorf(diag.ReadName, diag.Position{File: c.file, Line: 2}, "found").About(c.intent)
		got := sarifOf(t, &Report{Intents: c.intents, Diagnostics: []diag.Diagnostic{d}}, Options{}).Results[0]
		artifact := got.Locations[0].Physical.Artifact
		u, err := url.Parse(artifact.URI)
		if err != nil || u.IsAbs() || u.Host != "" || u.Path != c.want || artifact.Base != sourceRoot {
			t.Errorf("%q: %+v is %+v (%v), want %q", c.file, artifact, u, err, c.want)
		}
		if (got.Properties != nil) != c.unplaced {
			t.Errorf("%q: properties %+v", c.file, got.Properties)
		}
		if told := strings.Contains(got.Message.Text, c.file); c.unplaced && c.file != "" && !strings.HasPrefix(c.file, `\`) && !told {
			t.Errorf("%q is nowhere in %q", c.file, got.Message.Text)
		}
	}
}

func TestSARIFIntents(t *testing.T) {
	r := &Report{Intents: []Intent{{Set: "a", Name: "x", File: "a.yaml", Line: 1}, {Set: "b", Name: "x", File: "b.yaml", Line: 1}}}
	r.Diagnostics = []diag.Diagnostic{
		diag.Errorf(diag.ReadName, diag.Position{File: "b.yaml", Line: 1}, "in b").About("x"),
		diag.Errorf(diag.ReadName, diag.Position{File: "a.yaml", Line: 1}, "in a").About("x"),
		diag.Errorf(diag.ReadName, diag.Position{File: "a.yaml", Line: 1}, "of no intent known").About("z"),
		diag.Errorf(diag.ReadName, diag.Position{File: "a.yaml", Line: 1}, "of none"),
	}
	var got []string
	for _, result := range sarifOf(t, r, Options{}).Results {
		for _, logical := range result.Locations[0].Logical {
			got = append(got, logical.Name+" "+logical.Full)
		}
	}
	if want := []string{"x b/x", "x a/x", "z "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSARIFFingerprints: a finding keeps its fingerprint when it moves, and no two
// share one.
func TestSARIFFingerprints(t *testing.T) {
	report := func(shift int) *Report {
		at := func(line int) diag.Position { return diag.Position{File: "a.yaml", Line: line + shift} }
		return &Report{Diagnostics: []diag.Diagnostic{
			diag.Errorf(diag.ReadName, at(3), "no %q", "x").About("one"), diag.Errorf(diag.ReadName, at(4), "no %q", "x").About("two"),
			diag.Errorf(diag.ReadName, at(5), "no %q", "y").About("two"), diag.Errorf(diag.ReadPort, at(5), "no %q", "y").About("two"),
			diag.Errorf(diag.ReadName, at(9), "twice"), diag.Errorf(diag.ReadName, at(11), "twice"),
			diag.Errorf(diag.ReadName, diag.Position{File: "b.yaml", Line: 9}, "twice"),
		}}
	}
	prints := func(r *Report) []string {
		var out []string
		for _, result := range sarifOf(t, r, Options{}).Results {
			out = append(out, slices.Collect(maps.Values(result.Fingerprints))...)
		}
		return out
	}
	before, moved := prints(report(0)), prints(report(40))
	if !slices.Equal(before, moved) {
		t.Errorf("moved by 40 lines:\n%q\n%q", before, moved)
	}
	slices.Sort(before)
	if n := len(slices.Compact(before)); n != 7 {
		t.Errorf("%d fingerprints of 7 findings: %q", n, before)
	}
}

// TestSARIFCategory: the logs of two projects do not replace each other.
func TestSARIFCategory(t *testing.T) {
	for want, r := range map[string]*Report{
		"kubeteus/shop/kubernetes/": {Project: "shop", Target: "kubernetes"}, "kubeteus/": {}, "kubeteus/a%20b%1B/cilium/": {Project: "a b\x1b", Target: "cilium"},
	} {
		if got := sarifOf(t, r, Options{}).Automation.ID; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestSARIFLimits: what is beyond the limits of code scanning is the least, and it
// is said how much it is.
func TestSARIFLimits(t *testing.T) {
	r := &Report{}
	for i := range maxResults + 10 {
		r.Diagnostics = append(r.Diagnostics, diag.Notef(diag.ReadNote, diag.Position{File: "a.yaml", Line: i + 1}, "n"))
	}
	last := diag.Errorf(diag.ReadName, diag.Position{File: "z.yaml", Line: 1}, "%s", strings.Repeat("ü", 1<<20))
	for i := range 2000 {
		last = last.Relate(diag.Position{File: "z.yaml", Line: i + 1}, "there").Hint("%s", strings.Repeat("h", 100))
	}
	r.Diagnostics = append(r.Diagnostics, last)
	var b bytes.Buffer
	if err := SARIF(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Results) != maxResults || run.Results[0].Rule != string(diag.ReadName) {
		t.Errorf("%d results, the first of %s", len(run.Results), run.Results[0].Rule)
	}
	if n := len(run.Results[0].Related); n != maxRelated {
		t.Errorf("%d related places", n)
	}
	if n := len(run.Results[0].Message.Text); n > 3*maxFinding {
		t.Errorf("a message of %d bytes", n)
	}
	if got := fmt.Sprint(run.Invocations); !strings.Contains(got, "11 findings left out") {
		t.Errorf("%s", got)
	}
	run.Results = run.Results[:10]
	small, err := json.Marshal(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
	if err != nil {
		t.Fatal(err)
	}
	if err := validSARIF(t, small); err != nil {
		t.Error(err)
	}
}
