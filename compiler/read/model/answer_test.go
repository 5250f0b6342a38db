package model_test

import (
	"testing"

	"github.com/kubeteus/kubeteus/compiler/read/model"
)

// TestRoundTrip writes the rules of every statement that the embedded reader
// understands as an answer, and reads it back.
func TestRoundTrip(t *testing.T) {
	for _, p := range allPairs(t) {
		text := answerTo(t, p.rules)
		a, problems := model.Decode(text, p.shortlist)
		if len(problems) > 0 {
			t.Errorf("%q: %s\n%s", p.statement, messages(problems), text)
			continue
		}
		if got, want := words(a.Rules), words(p.rules); got != want {
			t.Errorf("%q:\n got %s\nwant %s", p.statement, got, want)
		}
	}
}
