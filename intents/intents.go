// Package intents owns the intent set file format of section 3 of the design:
// it decodes one file strictly, with the position of every byte of every
// statement, and writes the JSON Schema of the format.
//
// It does not read files, does not look into folders, and does not know what a
// statement means: readers do. A default example set lies beside the code.
package intents

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// File is one intent set file.
type File struct {
	Path      string
	Name      string // metadata.name: the set
	Namespace string // where unqualified names are looked up first; may be ""
	Explicit  bool   // isolation: explicit
	DNS       ir.DNSMode
	Intents   []*Intent
	Expects   []Expect

	NamespacePos diag.Position // of Namespace, if it is given
}

// Intent is one statement. Name is unique in its set; Named says that the file
// gives it, else it is derived from the statement.
type Intent struct {
	Name      string
	Named     bool
	Statement string
	Pos       diag.Position // of the statement's first byte
	Cuts      []Cut

	nameAt diag.Position
	at     func(offset int) diag.Position
}

// At returns the place in the file of a byte of Statement, whatever the style of
// the scalar. An offset outside of the statement is moved to its nearer end.
func (i *Intent) At(offset int) diag.Position {
	if i.at == nil {
		return i.Pos
	}
	return i.at(min(max(offset, 0), len(i.Statement)))
}

// Cut is a declared connection that an intent may cut: "From -> To:Port". Port
// is "" where every port is meant.
type Cut struct {
	From, To string
	Port     string
	Pos      diag.Position
}

// String writes the cut as an intent file lists it.
func (c Cut) String() string {
	if c.Port == "" {
		return c.From + " -> " + c.To
	}
	return c.From + " -> " + c.To + ":" + c.Port
}

// Expect is a test of the result. Port is a number or a name, "" where every port
// is meant; Protocol is "" where the file names none.
type Expect struct {
	From, To, Port, Protocol string
	Allow                    bool
	Pos                      diag.Position
}

// Duplicates reports intents of one name within a set, over the files of a
// project: a name is what an intent is known by in the lock and in policies.
func Duplicates(files []*File) diag.List {
	type key struct{ set, name string }
	first := map[key]*Intent{}
	var out diag.List
	for _, f := range files {
		for _, i := range f.Intents {
			k := key{f.Name, i.Name}
			earlier, twice := first[k]
			switch {
			case !twice:
				first[k] = i
			case !i.Named && !earlier.Named:
				out = append(out, diag.Errorf(diag.IntentDuplicate, i.nameAt, "the same statement twice in set %q", f.Name).
					Relate(earlier.nameAt, "first stated here").About(i.Name).
					Hint("remove one of the two, or give each a name"))
			default:
				out = append(out, diag.Errorf(diag.IntentDuplicate, i.nameAt, "two intents named %q in set %q", i.Name, f.Name).
					Relate(earlier.nameAt, "first named here").About(i.Name).
					Hint("give each intent of a set a name of its own"))
			}
		}
	}
	return out
}

const slugLength = 40

// derivedName is what an intent without a name is known by: words of its
// statement, and a digest that tells apart statements that begin alike. Line
// breaks and spacing do not bear on it.
func derivedName(statement string) string {
	words := strings.FieldsFunc(strings.ToLower(statement), func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	slug := ""
	for _, w := range words {
		if len(slug)+1+len(w) > slugLength {
			break
		}
		slug = strings.TrimPrefix(slug+"-"+w, "-")
	}
	if slug == "" {
		slug = "intent"
	}
	sum := sha256.Sum256([]byte(strings.Join(strings.Fields(statement), " ")))
	return slug + "-" + hex.EncodeToString(sum[:4])
}
