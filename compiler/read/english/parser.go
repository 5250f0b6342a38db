package english

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// parser walks over the tokens of one statement. A production returns false and
// leaves the place where it was when it does not apply; findings made on the way
// are taken back with it.
type parser struct {
	inv       *inventory.Inventory
	x         *names.Index
	namespace string
	statement string
	tokens    []token

	i        int
	findings []finding
	steps    int // bounds the work on hostile input

	far    int    // the furthest token that no production could take
	wanted string // what would have been understood there

	topic  *topic  // what "it" and "these pods" refer to
	frames []frame // of the statement so far
	object bool    // a verb's object is being read
	// fromOK: "pods from namespace x" is one phrase here, since no "from" of the
	// clause itself can follow.
	fromOK  bool
	subject []party   // of the declarative clause before, for "... but must not ..."
	header  []ir.Peer // "Backend: ..." names whom the clauses are about
	rules   []ir.Rule
	owner   []int   // per rule, the frame it is from
	number  int     // of the sentence
	target  []party // "lock down B so that ...": what those may reach who may connect
	aimed   int     // in which sentence
	// unscoped are the phrases that say "every pod" and no namespace: see widen.
	unscoped []ir.Span
}

// maxSteps is far more than any sentence that people write needs.
const maxSteps = 200_000

// topic is what a pronoun refers to; two parties make it ambiguous.
type topic struct {
	peers  []ir.Peer
	other  []ir.Peer // the pods that its clause's object means
	unsure bool
}

// finding is a diagnostic of a token.
type finding struct {
	id       diag.ID
	severity diag.Severity
	span     ir.Span
	message  string
	hints    []string
}

// state is what backtracking restores.
type state struct {
	i, findings, frames int
	topic               *topic
	header              []ir.Peer
}

func (p *parser) save() state { return state{p.i, len(p.findings), len(p.frames), p.topic, p.header} }
func (p *parser) back(s state) bool {
	p.i, p.findings, p.frames, p.topic, p.header = s.i, p.findings[:s.findings], p.frames[:s.frames], s.topic, s.header
	return false
}

var end = token{kind: mark, word: ".", text: ""}

func (p *parser) at(n int) token {
	if p.steps++; p.i+n >= len(p.tokens) || p.i+n < 0 || p.steps > maxSteps {
		return end
	}
	return p.tokens[p.i+n]
}

func (p *parser) tok() token { return p.at(0) }
func (p *parser) done() bool { return p.i >= len(p.tokens) || p.steps > maxSteps }

// is says whether the next token is one of the words or marks.
func (p *parser) is(words ...string) bool { return p.isAt(0, words...) }

func (p *parser) isAt(n int, words ...string) bool {
	t := p.at(n)
	return t.kind != quoted && slices.Contains(words, t.word)
}

// take takes the next token if it is one of the words.
func (p *parser) take(words ...string) bool {
	if p.is(words...) && !p.done() {
		p.i++
		return true
	}
	p.expect()
	return false
}

// expect remembers how far the parse came.
func (p *parser) expect() { p.far = max(p.far, p.i) }

// seq takes a sequence of words; "a|b" is either, "x?" may be absent.
func (p *parser) seq(words string) bool {
	s := p.save()
	for w := range strings.FieldsSeq(words) {
		w, optional := strings.CutSuffix(w, "?")
		if !p.take(strings.Split(w, "|")...) && !optional {
			return p.back(s)
		}
	}
	return true
}

// seqs takes the first of the sequences that applies.
func (p *parser) seqs(sequences ...string) bool {
	return slices.ContainsFunc(sequences, p.seq)
}

func (p *parser) in(group map[string]bool) bool {
	t := p.tok()
	return t.kind != quoted && group[t.word] && !p.done()
}

func (p *parser) takeIn(group map[string]bool) bool {
	if p.in(group) {
		p.i++
		return true
	}
	p.expect()
	return false
}

// skip takes the words of a group while there are any.
func (p *parser) skip(group map[string]bool) {
	for p.takeIn(group) {
	}
}

// verb returns the class of the next word, if it is a verb.
func (p *parser) verb() string {
	if t := p.tok(); t.kind == word && !p.done() {
		return verbs[t.word]
	}
	return ""
}

func (p *parser) takeVerb(classes ...string) bool {
	if v := p.verb(); v != "" && slices.Contains(classes, v) {
		p.i++
		return true
	}
	p.expect()
	return false
}

// span is the bytes from token from up to the place of the parse.
func (p *parser) span(from int) ir.Span {
	if from >= len(p.tokens) || p.i == 0 {
		return ir.Span{}
	}
	return ir.Span{Start: p.tokens[from].start, End: p.tokens[max(from, p.i-1)].end}
}

func (p *parser) errorf(id diag.ID, s ir.Span, message string, hints ...string) {
	p.findings = append(p.findings, finding{id, diag.Error, s, message, hints})
}

func (p *parser) note(s ir.Span, message string) {
	p.findings = append(p.findings, finding{diag.ReadNote, diag.Note, s, message, nil})
}

// own is every pod of the intent set's namespace.
func (p *parser) own(s ir.Span) ir.Peer {
	if p.namespace == "" {
		p.errorf(diag.ReadAmbiguous, s, "the statement belongs to no namespace, and names none: it could be about every namespace or one of them", "say \"in namespace NAME\", or give the intent set spec.namespace")
		return ir.Peer{Kind: ir.Pods, Span: s}
	}
	return ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{p.namespace}}, Span: s}
}
