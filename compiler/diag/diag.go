// Package diag holds what the compiler has to say about its input: positions,
// diagnostics with an id, and sorted lists of them.
//
// A diagnostic is about the input. A machine that failed (a full disk, a
// refused connection) is a Go error and never becomes a diagnostic. The
// package prints nothing; package report does.
package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Position is a place in an input file. File is slash-separated and relative
// to the root that was read. Line and Column count from 1, the column in
// bytes; 0 means unknown.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String formats the position as file:line:col and leaves out what is unknown.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Compare orders positions by file, line and column.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Severity says what a diagnostic does to the run.
type Severity int

const (
	// Error rejects the input: nothing is written.
	Error Severity = iota
	// Warning is printed and changes nothing.
	Warning
	// Note tells what was assumed or left alone.
	Note
)

// String returns "error", "warning" or "note".
func (s Severity) String() string {
	return [...]string{"error", "warning", "note"}[s]
}

// MarshalText writes the word that String returns.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word that String returns.
func (s *Severity) UnmarshalText(b []byte) error {
	for _, v := range []Severity{Error, Warning, Note} {
		if v.String() == string(b) {
			*s = v
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", b)
}

// Related is another place that the diagnostic is about.
type Related struct {
	Pos     Position `json:"position"`
	Message string   `json:"message"`
}

// Diagnostic is one finding about the input. Message is lower case without a
// full stop and may quote input text: printers escape it. Hints say what to
// type. Intent names the intent that the finding is about, if it is about one.
type Diagnostic struct {
	ID       ID        `json:"id"`
	Severity Severity  `json:"severity"`
	Pos      Position  `json:"position"`
	Message  string    `json:"message"`
	Related  []Related `json:"related,omitempty"`
	Hints    []string  `json:"hints,omitempty"`
	Intent   string    `json:"intent,omitempty"`
}

// Errorf makes an error.
func Errorf(id ID, pos Position, format string, args ...any) Diagnostic {
	return Diagnostic{ID: id, Severity: Error, Pos: pos, Message: fmt.Sprintf(format, args...)}
}

// Warningf makes a warning.
func Warningf(id ID, pos Position, format string, args ...any) Diagnostic {
	return Diagnostic{ID: id, Severity: Warning, Pos: pos, Message: fmt.Sprintf(format, args...)}
}

// Notef makes a note.
func Notef(id ID, pos Position, format string, args ...any) Diagnostic {
	return Diagnostic{ID: id, Severity: Note, Pos: pos, Message: fmt.Sprintf(format, args...)}
}

// Hint returns a copy of d with one more hint.
func (d Diagnostic) Hint(format string, args ...any) Diagnostic {
	d.Hints = append(slices.Clip(d.Hints), fmt.Sprintf(format, args...))
	return d
}

// Relate returns a copy of d with one more related place.
func (d Diagnostic) Relate(pos Position, format string, args ...any) Diagnostic {
	d.Related = append(slices.Clip(d.Related), Related{Pos: pos, Message: fmt.Sprintf(format, args...)})
	return d
}

// About returns a copy of d that names the intent it is about.
func (d Diagnostic) About(intent string) Diagnostic {
	d.Intent = intent
	return d
}

// List is a list of diagnostics. The zero value is empty and clean.
type List []Diagnostic

// HasErrors says whether the input is rejected.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sorted returns the list ordered by file, line, column, severity and message,
// without twins (same place, id and message).
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(a.Pos.Compare(b.Pos), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(out, func(a, b Diagnostic) bool {
		return a.Pos == b.Pos && a.ID == b.ID && a.Message == b.Message
	})
}
