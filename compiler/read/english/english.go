// Package english is the embedded reader: it turns plain English about who may
// reach whom into rules, always in the same way, with no model.
//
// # How it reads
//
// A statement becomes tokens with byte offsets (lex.go). A recursive-descent
// parser with backtracking (parser.go) reads them: noun phrases name parties
// (noun.go, label.go, name.go, against package names) and ports (port.go);
// clauses (sentence.go, imperative.go, declarative.go, flow.go, rest.go) put
// them into frames: who, whom, on which ports, with which polarity, and what is
// exclusive (frame.go). Frames become rules by the table of section 4.1 of the
// design (meaning.go, deny.go, exception.go). The words of the grammar, and nothing else, are in
// lexicon.go.
//
// # What it refuses
//
// Every token has to be taken by a production. A word that none takes, a name
// that nothing has, two meanings, an instruction to the reader, or an ask that
// is not about who reaches whom is a diagnostic at the words' place, and the
// statement has no rules at all: a wrong policy is worse than none. It mends
// slips in the words of its own grammar, and says so; it never mends names.
package english

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read"
)

// Version is the grammar's: it changes when a statement that was read is read
// differently.
const Version = "v1"

// maxTokens is more words than any statement needs.
const maxTokens = 600

type reader struct {
	inv *inventory.Inventory
	x   *names.Index
}

// New returns a reader of statements about inv. It builds the vocabulary of
// names once.
func New(inv *inventory.Inventory) read.Reader { return With(inv, names.New(inv)) }

// With is New with a vocabulary that was built already.
func With(inv *inventory.Inventory, x *names.Index) read.Reader { return &reader{inv: inv, x: x} }

// Read implements read.Reader. It never returns an error: it uses no machine.
func (r *reader) Read(_ context.Context, q read.Request) (read.Reading, diag.List, error) {
	var before *topic
	for _, s := range q.Before {
		p := r.parser(s, q.Namespace, before)
		if p.understood() {
			before = p.topic
		} else {
			before = nil
		}
	}
	p := r.parser(q.Statement, q.Namespace, before)
	ok := p.understood()
	var list diag.List
	for _, f := range p.findings {
		d := diag.Diagnostic{ID: f.id, Severity: f.severity, Pos: q.Position(f.span.Start), Message: f.message, Hints: f.hints}
		list = append(list, d)
	}
	list = list.Sorted()
	reading := read.Reading{Provenance: read.Provenance{Reader: "english", Version: Version}}
	if ok && !list.HasErrors() {
		reading.Rules = p.rules
	}
	return reading, list, nil
}

func (r *reader) parser(s, namespace string, before *topic) *parser {
	p := &parser{inv: r.inv, x: r.x, namespace: namespace, statement: s, topic: before}
	p.tokens = lex(s)
	return p
}

// understood reads the whole statement into p.rules, or records why not.
func (p *parser) understood() bool {
	if len(p.tokens) > maxTokens {
		p.errorf(diag.ReadWords, p.tokens[maxTokens].span(), fmt.Sprintf("the statement has more than %d words", maxTokens), "split it into several intents")
		return false
	}
	if len(p.tokens) == 0 {
		p.errorf(diag.ReadWords, ir.Span{}, "the statement is empty", "say who may reach whom")
		return false
	}
	if p.foreign() {
		return false
	}
	topic := p.topic
	if !p.parse() {
		if !p.mendAll() {
			p.leftover()
			return false
		}
		p.i, p.frames, p.topic, p.steps, p.far, p.number, p.subject = 0, nil, topic, 0, 0, 0, nil
		notes := p.findings
		if !p.parse() {
			p.findings = nil
			p.leftover()
			return false
		}
		p.findings = slices.Concat(notes, p.findings)
	}
	for i, f := range p.frames {
		p.emit(f)
		for len(p.owner) < len(p.rules) {
			p.owner = append(p.owner, i)
		}
	}
	if len(p.rules) == 0 && !p.hasErrors() {
		p.errorf(diag.ReadScope, p.tokens[0].span(), "the statement asks for nothing", "say who may reach whom")
		return false
	}
	p.finish()
	return !p.hasErrors()
}

func (p *parser) hasErrors() bool {
	return slices.ContainsFunc(p.findings, func(f finding) bool { return f.severity == diag.Error })
}

// finish settles what depends on all rules of the statement: an Allow implies no
// isolation where the statement itself says what it restricts (section 4.3).
func (p *parser) finish() {
	open := slices.ContainsFunc(p.frames, func(f frame) bool { return f.open })
	for i := range p.rules {
		if a := p.rules[i].Allow; a != nil && (open || p.restricted(i)) {
			a.About = ""
		}
	}
	var out []ir.Rule
	for _, r := range p.rules {
		if !slices.ContainsFunc(out, func(o ir.Rule) bool { return o.String() == r.String() }) {
			out = append(out, r)
		}
	}
	p.rules = out
}

// restricted says whether the sentence of rule i, an Allow, restricts something
// itself. The clauses of "Backend: ..." are about one direction each, and a
// sentence that describes a policy isolates whatever else it says.
func (p *parser) restricted(i int) bool {
	f := p.frames[p.owner[i]]
	for k, r := range p.rules {
		g := p.frames[p.owner[k]]
		if r.Close == nil || g.sentence != f.sentence {
			continue
		}
		if f.policy || f.headed && len(f.dirs) == 1 && f.dirs[0] != r.Close.End {
			continue
		}
		return true
	}
	return false
}

// mendAll corrects slips in words that are neither in the lexicon nor names. It
// returns whether it changed anything.
func (p *parser) mendAll() bool {
	changed := false
	p.findings = nil
	for i, t := range p.tokens {
		if t.kind != word || t.known || p.x.Known(t.text) || !plain(t.word) || t.text == strings.ToUpper(t.text) { // SMTP is no slip of SCTP
			continue
		}
		fixed := mend(t.word)
		if fixed == "" || len(p.x.Nearest(t.word)) > 0 {
			continue
		}
		parts := contractions[fixed]
		if len(parts) > 0 {
			continue
		}
		p.tokens[i].word, p.tokens[i].known = fixed, true
		p.note(t.span(), fmt.Sprintf("%q is taken as %q", t.text, fixed))
		changed = true
	}
	return changed
}

// plain says whether w is letters only.
func plain(w string) bool {
	return !slices.ContainsFunc([]byte(w), func(c byte) bool { return c < 'a' || c > 'z' })
}
