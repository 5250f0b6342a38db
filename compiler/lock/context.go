package lock

import (
	"slices"
	"strings"
	"unicode"
)

// back are words that may stand for what an earlier statement said. Those of
// leading do so among a statement's first words; further on they are about what
// the statement itself has named. Those of joining carry a statement on.
var (
	back    = []string{"it", "itself", "they", "them", "themselves", "these", "those", "this", "that", "such", "same", "latter", "former", "ones", "both", "either"}
	leading = []string{"its", "their", "there", "else", "other", "others", "rest"}
	joining = []string{"and", "also", "but", "except"} // the first word alone
)

const first = 3 // words that leading is looked for in

// Context returns those of a set's earlier statements that a statement's meaning
// may depend on: none, if no word of it looks back; else the one before it, and
// what that one depends on. It knows words and no inventory, so that a changed
// cluster makes no reading stale. A word that looks back needlessly costs a
// reading; one that is missed would keep a reading whose ground has changed.
func Context(statement string, before []string) []string {
	for i := len(before); i > 0; i-- {
		if !looksBack(statement) {
			return before[i:]
		}
		statement = before[i-1]
	}
	return before
}

func looksBack(statement string) bool {
	words := strings.FieldsFunc(strings.ToLower(statement), func(r rune) bool { return !unicode.IsLetter(r) && r != '-' })
	in := func(list []string) func(string) bool {
		return func(w string) bool { return slices.Contains(list, w) }
	}
	return slices.ContainsFunc(words, in(back)) || slices.ContainsFunc(words[:min(first, len(words))], in(leading)) ||
		slices.ContainsFunc(words[:min(1, len(words))], in(joining))
}
