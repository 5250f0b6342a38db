package lock

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

func TestVerdicts(t *testing.T) {
	rules := []ir.Rule{{Allow: &ir.Allow{From: []ir.Peer{workload("old", "web")}, To: []ir.Peer{workload("old", "db")}}}}
	nested := []ir.Rule{{Close: &ir.Close{End: ir.Ingress, Subject: []ir.Peer{{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{"deep"}}}},
		Except: []ir.Traffic{{Peers: []ir.Peer{{Kind: ir.Anybody, Minus: []ir.Peer{workload("deeper", "x")}}}}}}}}
	f := &File{Entries: []Entry{
		{Set: "s", Intent: "fresh", Digest: Digest("web to db", "shop"), Rules: rules},
		{Set: "s", Intent: "statement", Digest: Digest("web to dc", "shop"), Rules: rules},
		{Set: "s", Intent: "namespace", Digest: Digest("n", "old"), Rules: rules},
		{Set: "s", Intent: "nested", Digest: Digest("n", "deeper"), Rules: nested},
		{Set: "s", Intent: "none", Digest: Digest("none", ""), Rules: rules},
		{Set: "s", Intent: "empty", Digest: Digest("e", "shop")},
		{Set: "s", Intent: "swapped", Digest: Digest("web to db", "shop"), Rules: rules},
		{Set: "s", Intent: "gone", Digest: Digest("renamed", "shop"), Rules: rules},
	}}
	wants := []Want{
		{"s", "fresh", "web to db", "shop", nil}, {"s", "statement", "web to db!", "shop", nil}, {"s", "namespace", "n", "shop", nil},
		{"s", "nested", "n", "shop", nil}, {"s", "none", "none", "shop", nil}, {"s", "empty", "e", "shop", nil}, {"s", "swapped", "other", "shop", nil},
		{"s", "new", "renamed", "shop", nil}, {"t", "newer", "never seen", "", nil},
	}
	want := []struct {
		intent string
		state  State
		reason string
	}{
		{"fresh", Fresh, ""},
		{"statement", Stale, "the statement changed since it was recorded"},
		{"namespace", Stale, `the namespace of its intent set was "old" and is "shop" now`},
		{"nested", Stale, `was "deeper" and is "shop" now`},
		{"none", Stale, `was none and is "shop" now`},
		{"empty", Stale, "records no rules"},
		{"swapped", Stale, "the statement that is s/fresh now"},
		{"new", Missing, "the same statement as s/gone"},
		{"newer", Missing, "no entry of this name"},
		{"gone", Orphan, "no intent set has an intent of this name"},
	}
	got := f.Verdicts(wants)
	if len(got) != len(want) {
		t.Fatalf("%d verdicts: %+v", len(got), got)
	}
	for i, w := range want {
		v := got[i]
		if v.Intent != w.intent || v.State != w.state || !strings.Contains(strings.Join(v.Reasons, "; "), w.reason) || (v.State == Fresh) != (len(v.Reasons) == 0) {
			t.Errorf("got %+v, want %+v", v, w)
		}
		if (v.Entry == nil) != (v.State == Missing) || v.Entry != nil && v.Entry.Intent != w.intent {
			t.Errorf("%s comes with entry %+v", w.intent, v.Entry)
		}
	}
}

func TestProvenance(t *testing.T) {
	e := Entry{Set: "s", Intent: "i", Digest: "d", Reader: "openai", Version: "2", Model: "org/model: 7b", Prompt: "sha256:ab", Samples: "2/3",
		Rules: []ir.Rule{{Allow: &ir.Allow{From: []ir.Peer{{Kind: ir.World}}, To: []ir.Peer{{Kind: ir.Host}}}}}}
	f := &File{Project: "p", Overlay: "o", Entries: []Entry{e}}
	data := f.Encode()
	const lines = "  reader: openai\n  version: \"2\"\n  model: \"org/model: 7b\"\n  prompt: sha256:ab\n  samples: 2/3\n  rules:\n"
	const seal = "\n  seal: "
	if !strings.Contains(string(data), lines) || !strings.Contains(string(data), seal) {
		t.Errorf("%s", data)
	}
	got, diags := Parse("l", data)
	if diags != nil || !reflect.DeepEqual(got.Entries[0], e) {
		t.Errorf("%+v %v", got, diags)
	}
	for _, c := range []struct{ field, message string }{
		{`samples: "3/2"`, "samples"}, {`samples: "0/0"`, "samples"}, {`samples: "03/3"`, "samples"}, {"samples: many", "samples"},
		{`samples: "111/111"`, "samples"}, {"samples: 3", "not a string"}, {`model: ""`, "model is empty"}, {`model: "a\nb"`, "not one line"},
		{`model: "a\u202eb"`, "not one line"}, {"version: 2", "not a string"}, {"prompt: [a]", "not a string"},
		{"model: " + strings.Repeat("m", maxProvenance+1), "longer than"}, {"mode: x", "unknown key"},
	} {
		text := "apiVersion: kubeteus.dev/v1alpha1\nkind: Lock\nproject: p\noverlay: o\nentries:\n- set: s\n  intent: i\n  digest: d\n  " + c.field + "\n  rules: []\n"
		got, diags := Parse("l", []byte(text))
		if got != nil || len(diags) == 0 || !strings.Contains(diags[0].Message, c.message) || diags[0].Pos.Line != 9 {
			t.Errorf("%s: %+v %v", c.field, got, diags)
		}
	}
}

// TestMergedWrongly: what git puts together from two entries is read anew, and
// the rest of the lock is taken.
func TestMergedWrongly(t *testing.T) {
	rule := func(name string) []ir.Rule {
		return []ir.Rule{{Allow: &ir.Allow{From: []ir.Peer{workload("shop", name)}, To: []ir.Peer{workload("shop", "db")}}}}
	}
	a := Entry{Set: "s", Intent: "a", Digest: "d", Reader: "openai", Model: "m", Rules: rule("web"), Notes: []string{"n"}}
	b := Entry{Set: "s", Intent: "b", Digest: "e", Reader: "english", Rules: rule("api")}
	data := string((&File{Project: "p", Overlay: "o", Entries: []Entry{a, b}}).Encode())
	if strings.Count(data, "seal:") != 1 {
		t.Fatalf("what a model read is sealed, and nothing else:\n%s", data)
	}
	again := func(e Entry) string {
		_, text, _ := strings.Cut(string((&File{Entries: []Entry{e}}).Encode()), "entries:\n")
		return text
	}
	changed := b
	changed.Digest = "f"
	for name, c := range map[string]struct {
		text     string
		kept     string
		warnings int
	}{
		"as written": {data, "a b", 0},
		"rules":      {strings.Replace(data, "name: web", "name: api", 1), "b", 1},
		"digest":     {strings.Replace(data, "digest: d", "digest: x", 1), "b", 1},
		"model":      {strings.Replace(data, "model: m", "model: n", 1), "b", 1},
		"no model":   {strings.Replace(data, "  model: m\n", "", 1), "b", 1},
		"no seal":    {data[:strings.Index(data, "  seal:")] + data[strings.Index(data, "- set: s\n  intent: b"):], "b", 1},
		"name":       {strings.Replace(data, "intent: a", "intent: c", 1), "b", 1},
		"twins":      {data + again(b), "a b", 0},
		"two":        {data + again(changed), "a", 1},
		"three":      {data + again(changed) + again(b), "a", 1},
		"four":       {data + again(b) + again(changed) + again(changed), "a", 2},
	} {
		f, diags := Parse("l", []byte(c.text))
		if f == nil || len(diags) != c.warnings {
			t.Errorf("%s: %v", name, diags)
			continue
		}
		var kept []string
		for _, e := range f.Entries {
			kept = append(kept, e.Intent)
		}
		if got := strings.Join(kept, " "); got != c.kept {
			t.Errorf("%s: kept %q, want %q", name, got, c.kept)
		}
		for _, d := range diags {
			if d.Severity != diag.Warning || !strings.Contains(d.Message, "is not taken") || !strings.Contains(d.Hints[0], "reads the statement anew") {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	data := []byte(header + strings.Repeat("#", maxSize))
	f, diags := Parse("l", data)
	if f != nil || len(diags) != 1 || !strings.Contains(diags[0].Message, "at most 4194304 are read") || len(diags[0].Hints) == 0 {
		t.Errorf("%v", diags)
	}
}
