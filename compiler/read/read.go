// Package read states what a reader is: something that turns one natural-language
// statement into rules of package ir, or says why it will not.
//
// A reader proposes, code decides. Nothing here links, lowers or writes; the
// readers themselves are packages below this one.
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
	Statement string
	Namespace string
	Before    []string
	Inventory *inventory.Inventory
	At        func(offset int) diag.Position
}

// Position returns the place of a byte of the statement.
func (r Request) Position(offset int) diag.Position {
	if r.At == nil {
		return diag.Position{}
	}
	return r.At(offset)
}

// Reading is what a statement means. It is empty where the list that comes with
// it has errors.
type Reading struct {
	Rules []ir.Rule
}

// Reader reads statements. The list says what is wrong with the statement, the
// error that the reader could not run.
type Reader interface {
	Read(ctx context.Context, r Request) (Reading, diag.List, error)
}
