package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func encoded(t testing.TB, d *Difference) string {
	t.Helper()
	var b bytes.Buffer
	if err := DiffJSON(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDifferenceJSON reads back what is written, and renders that: the artifact of
// a run is enough for the comment that another one posts.
func TestDifferenceJSON(t *testing.T) {
	for name, d := range recordedDifferences() {
		t.Run(name, func(t *testing.T) {
			doc := encoded(t, d)
			if name == "change" {
				golden(t, "difference.json", []byte(doc))
			}
			if strings.Contains(doc, ": null") {
				t.Error("the JSON has a null")
			}
			back, err := ReadDifference(strings.NewReader(doc))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, d.filled()) {
				t.Error("it does not read back the same")
			}
			if a, b := comment(t, d, MarkdownOptions{}), comment(t, back, MarkdownOptions{}); a != b {
				t.Errorf("the comment differs:\n%s\n%s", a, b)
			}
		})
	}
}

// TestReadDifferenceRefuses: an artifact is what its writer wants it to be.
func TestReadDifferenceRefuses(t *testing.T) {
	good := encoded(t, recordDifference())
	change := func(path string, to any) string {
		var doc map[string]any
		if err := json.Unmarshal([]byte(good), &doc); err != nil {
			t.Fatal(err)
		}
		at := any(doc)
		keys := strings.Split(path, ".")
		for _, k := range keys[:len(keys)-1] {
			if l, ok := at.([]any); ok {
				at = l[0]
			}
			at = at.(map[string]any)[k]
		}
		if l, ok := at.([]any); ok {
			at = l[0]
		}
		at.(map[string]any)[keys[len(keys)-1]] = to
		out, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	many := make([]string, maxCast+1)
	wide := make([]any, 0)
	for range 2 {
		wide = append(wide, map[string]any{"from": many[:2000], "to": many[:2000], "ports": "", "why": "", "intents": []string{}, "policies": []string{}})
	}
	for name, tt := range map[string]struct{ doc, want string }{
		"empty":          {"", "is empty"},
		"blank":          {" \n", "is empty"},
		"null":           {"null", "version"},
		"a list":         {"[]", "does not parse"},
		"cut short":      {good[:len(good)/2], "is not JSON"},
		"two":            {good + "{}", "behind the difference"},
		"twice":          {`{"project":"a","project":"b"}`, `"project" twice`},
		"deep":           {strings.Repeat("[", 100), "nested too deeply"},
		"unknown":        {change("surprise", 1), "unknown field"},
		"unknown inside": {change("head.surprise", 1), "unknown field"},
		"not UTF-8":      {`{"project":"` + "\xff" + `"}`, "UTF-8"},
		"large":          {strings.Repeat(" ", maxDifference+1), "larger than 8 MiB"},
		"version":        {change("version", "v2"), `version "v2"`},
		"head's version": {change("head.version", "v2"), "the head has version"},
		"no head":        {change("head", nil), "no head"},
		"verdict":        {change("verdict", "fine"), `verdict "fine"`},
		"commit":         {change("base.commit", "main"), "commit"},
		"kind":           {change("intents.kind", "moved"), `kind "moved"`},
		"sides":          {change("intents.kind", "added"), "its sides are not"},
		"no side":        {change("intents.before", nil), "its sides are not"},
		"status":         {change("intents.after.status", "great"), `status "great"`},
		"line":           {change("intents.after.line", -1), "line -1"},
		"change":         {change("policies.change", "unchanged"), `"unchanged"`},
		"cut":            {change("cut.position.line", -4), "the place -4"},
		"parties":        {change("reachability.gained.from", many), "more flows"},
		"flows":          {change("reachability.kept", wide), "more flows"},
		"pairs":          {change("reachability.pairs.lost", -1), "a count of -1"},
		"intent":         {change("head.intents.status", "moved"), `status "moved"`},
		"policy":         {change("head.policies.change", "moved"), `"moved"`},
		"classes":        {change("head.reachability.after.to", many), "more flows"},
		"table":          {change("head.reachability.parties", make([]Party, 1001)), "more parties"},
		"id":             {change("head.diagnostics.id", "</details>"), "a finding with the id"},
		"severity":       {change("head.diagnostics.severity", "fatal"), "unknown severity"},
		"summary":        {change("summary.cut", 7), "counts something else"},
		"number":         {change("reachability.workloads", "many"), "does not parse"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := ReadDifference(strings.NewReader(tt.doc))
			if err == nil || d != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzReadDifference: what is read is written the same again, and every format
// renders it.
func FuzzReadDifference(f *testing.F) {
	for _, d := range []*Difference{recordStale(), recordRejected(), recordSame()} {
		f.Add([]byte(encoded(f, d)))
	}
	f.Add([]byte(`{"version":"v1alpha1","project":"","target":"","base":{"name":"","commit":""},"new":false,"verdict":"pass","intents":null,"policies":null,"cut":null,"notes":null,"head":{"version":"v1alpha1"},"summary":{}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		d, err := ReadDifference(bytes.NewReader(doc))
		if err != nil {
			return
		}
		once := encoded(t, d)
		back, err := ReadDifference(strings.NewReader(once))
		if err != nil {
			t.Fatalf("what was read is refused once written: %v\n%s", err, once)
		}
		if again := encoded(t, back); again != once {
			t.Fatalf("it is written differently:\n%s\n%s", once, again)
		}
		inspect(t, comment(t, d, MarkdownOptions{Limit: 65_000}))
		if err := DiffText(&bytes.Buffer{}, d, Options{}); err != nil {
			t.Fatal(err)
		}
	})
}
