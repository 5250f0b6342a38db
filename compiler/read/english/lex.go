package english

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// kind says what a token is.
type kind int

const (
	word   kind = iota // letters, digits and what names and labels hold besides
	quoted             // text in quotes or backticks
	mark               // punctuation: , ; : . ( ) -> - and 's
)

// token is a piece of the statement. text is as written, word its lower-case
// canonical form: aliases and contractions are resolved.
type token struct {
	kind       kind
	text, word string
	start, end int
	known      bool // word is in the lexicon
}

func (t token) span() ir.Span { return ir.Span{Start: t.start, End: t.end} }

// lex splits a statement into tokens. Every byte that is no space belongs to
// one. Two tokens may share a place: "don't" is "do" and "not".
func lex(s string) []token {
	l := lexer{s: s}
	for l.i < len(s) {
		l.next()
	}
	return l.out
}

type lexer struct {
	s   string
	i   int
	out []token
}

var quotes = map[rune]rune{'"': '"', '\'': '\'', '`': '`', '“': '”', '‘': '’', '«': '»'}

// arrows and other marks of several characters, longest first.
var marks = []struct{ text, word string }{
	{"-->", "->"}, {"==>", "->"}, {"<->", "<->"}, {"<-", "<-"}, {"->", "->"}, {"=>", "->"}, {"→", "->"}, {"⇒", "->"}, {"↔", "<->"}, {"←", "<-"}, {"—", "-"}, {"–", "-"}, {"…", "."},
}

func (l *lexer) next() {
	r, n := utf8.DecodeRuneInString(l.s[l.i:])
	rest := l.s[l.i:]
	switch {
	case unicode.IsSpace(r):
		if strings.HasPrefix(strings.TrimLeft(rest, " \t\r"), "\n") && strings.Count(rest[:len(rest)-len(strings.TrimLeftFunc(rest, unicode.IsSpace))], "\n") > 1 {
			l.mark(0, ".")
		}
		l.i += n
		return
	case quotes[r] != 0:
		if end := strings.IndexRune(rest[n:], quotes[r]); end > 0 && end < 200 {
			l.add(token{kind: quoted, text: rest[n : n+end], word: strings.ToLower(rest[n : n+end])}, n+end+utf8.RuneLen(quotes[r]))
			return
		}
	}
	for _, m := range marks {
		if strings.HasPrefix(rest, m.text) {
			l.mark(len(m.text), m.word)
			return
		}
	}
	if strings.ContainsRune(",;:()!?.[]-+&", r) && !strings.HasPrefix(rest, "*.") {
		l.mark(n, map[rune]string{'!': ".", '?': ".", '[': "(", ']': ")", '+': "and", '&': "and"}[r])
		return
	}
	if possessive(rest) {
		end := 1
		if r == '’' {
			end = n
		}
		if len(rest) > end && (rest[end] == 's' || rest[end] == 'S') {
			end++
		}
		l.mark(end, "'s")
		return
	}
	l.words()
}

// possessive says whether rest begins with 's, or with the apostrophe after a
// plural.
func possessive(rest string) bool {
	for _, a := range []string{"'", "’"} {
		if after, ok := strings.CutPrefix(rest, a); ok {
			after = strings.TrimPrefix(strings.TrimPrefix(after, "s"), "S")
			r, _ := utf8.DecodeRuneInString(after)
			return after == "" || !unicode.IsLetter(r) && !unicode.IsDigit(r)
		}
	}
	return false
}

func (l *lexer) add(t token, n int) {
	t.start, t.end = l.i, l.i+n
	l.out = append(l.out, t)
	l.i += n
}

func (l *lexer) mark(n int, w string) {
	text := l.s[l.i : l.i+n]
	if w == "" {
		w = text
	}
	k := mark
	if w == "and" {
		k = word
	}
	l.add(token{kind: k, text: text, word: w, known: true}, n)
}

// words adds the word at l.i: an address, a label or a name is one token with
// all its dots, slashes and colons; an apostrophe belongs to it if it is a
// contraction's.
func (l *lexer) words() {
	rest := l.s[l.i:]
	end := strings.IndexFunc(rest, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",;()[]!?\"`“”→—…", r)
	})
	if end < 0 {
		end = len(rest)
	}
	// "app=web,tier=db" is one label set.
	for end < len(rest) && rest[end] == ',' && strings.Contains(rest[:end], "=") {
		more := strings.IndexFunc(rest[end+1:], func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;()!?", r) })
		if more < 0 {
			more = len(rest) - end - 1
		}
		if !strings.Contains(rest[end+1:end+1+more], "=") {
			break
		}
		end += 1 + more
	}
	text := strings.TrimRight(rest[:end], ".:'’-")
	if text == "" {
		text = rest[:max(1, utf8.RuneLen(firstRune(rest)))]
	}
	if _, err := netip.ParsePrefix(text); err != nil {
		if _, err := netip.ParseAddr(text); err != nil {
			text = l.cut(text)
		}
	}
	l.contracted(text)
}

func firstRune(s string) rune { r, _ := utf8.DecodeRuneInString(s); return r }

// cut ends a word at an arrow, an apostrophe of possession, or a colon that no
// number follows.
func (l *lexer) cut(text string) string {
	for _, m := range []string{"->", "=>", "<-"} {
		if i := strings.Index(text, m); i > 0 {
			text = text[:i]
		}
	}
	for _, a := range []string{"'s", "’s", "'S"} {
		if i := strings.Index(text, a); i > 0 && i+len(a) == len(text) && !contraction[strings.ToLower(strings.ReplaceAll(text, "’", "'"))] {
			text = text[:i]
		}
	}
	if strings.Contains(text, "://") {
		return text
	}
	if i := strings.IndexByte(text, ':'); i > 0 && !strings.Contains(text, "=") {
		text = text[:i]
	}
	return text
}

// contracted adds text, as two tokens if it is a contraction.
func (l *lexer) contracted(text string) {
	lower := strings.ToLower(strings.ReplaceAll(text, "’", "'"))
	if parts, ok := contractions[strings.ReplaceAll(lower, "'", "")]; ok && (strings.Contains(lower, "'") || !strings.Contains(ambiguousContractions, " "+lower+" ")) {
		start := l.i
		for _, p := range parts {
			l.i = start
			l.add(token{text: text, word: p, known: true}, len(text))
		}
		return
	}
	t := token{text: text, word: lower}
	if a, ok := aliases[lower]; ok {
		t.word = a
	}
	t.known = lexicon[t.word]
	l.add(t, len(text))
}
