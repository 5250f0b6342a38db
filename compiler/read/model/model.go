// Package model is what a model is told, and what its answers are taken for. It
// renders a statement and its shortlist as a prompt with a JSON Schema
// (prompt.go, schema.go), decodes an answer into rules (document.go, answer.go,
// peers.go), says whether the answer is about the statement (evidence.go), and
// hides names behind stand-ins (redact.go).
//
// # What an answer is taken for
//
// For hostile input. It may only choose from the shortlist: names, ports, labels,
// addresses and domains that are not there are refused with the nearest one that
// is, and what it selects by never comes from the model. A text with two answers
// has none. Rules that decode are those that a lock would take.
//
// The package asks nobody, links nothing and decides nothing about what is
// written: package repair asks, and the driver judges.
package model

import "github.com/kubeteus/kubeteus/compiler/ir"

// Outcome is what a model makes of a statement.
type Outcome string

// The outcomes. Only Rules comes with rules, and only the others with a question.
const (
	Rules      Outcome = "rules"
	Ambiguous  Outcome = "ambiguous"
	OutOfScope Outcome = "out_of_scope"
)

// Answer is a decoded answer. Question and Explanation are untrusted text, cut to
// maxProse bytes and otherwise as the model wrote them: who prints them escapes.
type Answer struct {
	Outcome     Outcome
	Question    string
	Explanation string
	Rules       []ir.Rule
}

// Problem is what is wrong with an answer, in words for the model that has to mend
// it and for the person who reads why it was not taken.
type Problem struct {
	Message string
}
