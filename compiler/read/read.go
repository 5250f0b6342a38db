// Package read states what a reader is: something that turns one natural-language
// statement into rules of package ir, or says why it will not.
//
// A reader proposes, code decides. Nothing here links, lowers or writes; the
// readers themselves are packages below this one:
//
//	english  the embedded, deterministic one
//	repair   asks a model, has the answer judged, and sends findings back
//	model    what a model is told, and what its answers are taken for
//	chat     requests and replies; openai asks a server, cache and replay
//	         stand before it, scripted is a server for tests
package read

import (
	"context"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// Request is one statement to read. Namespace is the intent set's ("" if it has
// none), Before holds the set's earlier statements, to which words such as
// "these pods" may refer. At gives the position of a byte of Statement; nil
// means that no position is known.
type Request struct {
	Intent    string // set/name, for progress and records
	Statement string
	Namespace string
	Before    []string
	Context   []string // those of Before that the statement looks back to
	Inventory *inventory.Inventory
	At        func(offset int) diag.Position
	// Judge says what is wrong with rules for this statement: they are linked,
	// lowered, validated and proven, alone. Nil judges nothing.
	Judge func(ctx context.Context, rules []ir.Rule) (diag.List, error)
	// Differ says on what flow two lists of rules for this statement differ in
	// meaning, and whether they do. It is set where Judge is.
	Differ func(a, b []ir.Rule) (flow string, different bool)
}

// Position returns the place of a byte of the statement.
func (r Request) Position(offset int) diag.Position {
	if r.At == nil {
		return diag.Position{}
	}
	return r.At(offset)
}

// Reading is what a statement means. Rules are empty where the list that comes
// with it has errors; where it came from is said all the same.
type Reading struct {
	Rules      []ir.Rule
	Provenance Provenance
	Attempts   []Attempt
	Alone      bool // a model's, and the embedded reader has no vote on it
}

// Provenance is where a reading came from, as the lock records it.
type Provenance struct {
	Reader  string // english, openai or replay
	Version string // of the embedded reader's grammar
	Model   string // as configured
	Prompt  string // digest of the prompt's template
	Samples string // "3/3": how many answers agreed, of how many
}

// Attempt is one answer of a model, and what was wrong with it: nothing, for the
// last of a reading that was taken.
type Attempt struct {
	Sample   int      // counted from 1
	ReadsAs  []string // one string per rule; empty if there were none
	Problems []string
}

// Reader reads statements. The list says what is wrong with the statement, the
// error that the reader could not run.
type Reader interface {
	Read(ctx context.Context, r Request) (Reading, diag.List, error)
}
