package report

import (
	"bytes"
	"strings"
	"testing"
)

// TestAttempts: which model read an intent, and why answers were not taken, is
// shown; in JSON the lists are always there.
func TestAttempts(t *testing.T) {
	r := &Report{Project: "p", Intents: []Intent{{Set: "s", Name: "i", Statement: "x", Status: Compiled, Reader: "openai", Model: "m\x1b[31m", Samples: "3/3",
		Attempts: []Attempt{{Sample: 1, Problems: []string{"no answer in it"}}, {Sample: 1, ReadsAs: []string{"a may reach b"}}}},
		{Set: "s", Name: "j", Statement: "y", Status: Compiled, Reader: "replay", Samples: "1/1"},
		{Set: "s", Name: "k", Statement: "z", Status: Compiled, Reader: "english"}}}
	var text, doc bytes.Buffer
	if err := Text(&text, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := JSON(&doc, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`read by:  m\u{1b}[31m, 3/3 answers agree`, "answer 1 was not taken: no answer in it", "read by:  a recorded answer\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if strings.Count(text.String(), "read by") != 2 {
		t.Errorf("the embedded reader needs no mention:\n%s", text.String())
	}
	for _, want := range []string{`"reads_as": []`, `"problems": []`, `"samples": "3/3"`} {
		if !strings.Contains(doc.String(), want) {
			t.Errorf("no %s in\n%s", want, doc.String())
		}
	}
}
