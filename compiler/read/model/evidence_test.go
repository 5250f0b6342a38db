package model_test

import (
	"testing"

	"github.com/kubeteus/kubeteus/compiler/read/model"
)

// TestEvidenceOfReadings holds what the embedded reader understands against its own
// statements: nothing is missing.
func TestEvidenceOfReadings(t *testing.T) {
	for _, p := range allPairs(t) {
		if problems := model.Evidence(model.Answer{Outcome: model.Rules, Rules: p.rules}, p.shortlist); len(problems) > 0 {
			t.Errorf("%q: %s\n%v", p.statement, messages(problems), p.rules)
		}
	}
}
