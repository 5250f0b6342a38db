package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// statement parses every sentence; false means that something was left over.
func (p *parser) parse() bool {
	for {
		for p.take(".", ";") {
		}
		if p.done() {
			return p.steps <= maxSteps
		}
		p.header = nil
		p.number++
		if !p.sentence() {
			return false
		}
	}
}

// sentence is clauses up to a full stop. Where one reading of a clause leaves
// words over, the next is tried.
func (p *parser) sentence() bool {
	p.skip(politely)
	p.seqs("by default ,?")
	p.place()
	if p.is(".") || p.done() {
		return true
	}
	for _, clause := range []func() bool{p.headed, p.continued, p.scoped, p.rest, p.remark, p.onlyOf, p.imperative, p.flowClause, p.declarative, p.terse} {
		s := p.save()
		if clause() && p.rejoin() {
			return true
		}
		p.back(s)
	}
	p.expect()
	return false
}

// rejoin goes on after a clause: the end, or a separator and another clause.
func (p *parser) rejoin() bool {
	p.reason()
	if p.done() || p.is(".") {
		return true
	}
	if p.aside() {
		return p.rejoin()
	}
	if !p.is(",", ";", "-", "and", "but", "while", "whereas", "so", "then", ":") {
		p.expect()
		return false
	}
	for p.take(",", ";", "-", "and", "but", "while", "whereas", "so", "that", "also", "then", ":") {
	}
	if p.is(".") || p.done() {
		return p.at(-1).kind == mark
	}
	return p.sentence()
}

// aside is a parenthesis that is understood as a clause of its own.
func (p *parser) aside() bool {
	s := p.save()
	if !p.take("(") {
		return false
	}
	n := len(p.frames)
	for _, clause := range []func() bool{p.rest, p.remark} {
		if clause() && p.take(")") {
			return true
		}
		p.back(s)
		p.i++
	}
	if n > 0 && p.tail(&p.frames[n-1]) && p.take(")") {
		return true
	}
	return p.back(s)
}

// add ends a clause: the frame gets its span and its missing side from the
// header or the topic.
func (p *parser) add(f frame, from int) bool {
	f.span, f.sentence, f.headed = p.span(from), p.number, p.header != nil
	p.frames = append(p.frames, f)
	return true
}

// fill gives a frame that names one side only the header, or what the sentences
// before were about, as its other side.
func (p *parser) fill(f *frame) bool {
	who := p.header
	if who == nil && p.topic != nil && !p.topic.unsure {
		who = p.topic.peers
	}
	if len(who) == 0 {
		return len(f.from) > 0 && len(f.to) > 0
	}
	switch {
	case len(f.to) == 0 && len(f.from) > 0:
		f.to = []party{{peers: who}}
	case len(f.from) == 0 && len(f.to) > 0:
		f.from = []party{{peers: who}}
	}
	return len(f.from) > 0 && len(f.to) > 0
}

// about sets what pronouns refer to from here on.
func (p *parser) about(list []party) {
	if peers := all(list); len(peers) > 0 && arePods(peers) {
		p.topic = &topic{peers: peers}
	}
}

// unsure is a clause with two parties of which neither is the subject.
func (p *parser) unsure(f frame) {
	from, to := all(f.from), all(f.to)
	switch {
	case len(from) == 0 || !arePods(from):
		p.about(f.to)
	case len(to) == 0 || !arePods(to):
		p.about(f.from)
	case p.topic != nil && !p.topic.unsure && (subset(p.topic.peers, from) || subset(p.topic.peers, to)):
	default:
		p.topic = &topic{peers: append(slices.Clone(from), to...), unsure: true}
	}
}

// headed is "Backend: ingress from frontend only, egress to redis": the header
// is what the clauses up to the full stop are about.
func (p *parser) headed() bool {
	if p.is("within", "inside") { // "within x, only a may reach b": it could bound either side
		return false
	}
	p.take("for")
	p.take("on")
	list, ok := p.parties(false)
	if !ok || !p.take(":", "-", ",") || p.isAt(-1, ",") && p.i < 2 {
		return false
	}
	if p.isAt(-1, ",") && !p.is("allow", "deny", "block", "only", "incoming", "outgoing", "no", "permit") {
		return false
	}
	if !arePods(all(list)) || slices.ContainsFunc(list, func(n party) bool { return len(n.ports) > 0 }) {
		return false
	}
	p.header = all(list)
	p.about(list)
	for _, clause := range []func() bool{p.rest, p.imperative, p.terse, p.flowClause, p.declarative} {
		s := p.save()
		if clause() && p.rejoin() {
			return true
		}
		p.back(s)
	}
	return false
}

// terse is a clause without a verb: "ingress from frontend only on port 80",
// "only from web", "a -> b: allow", "web to db on 5432", "no egress".
func (p *parser) terse() bool {
	from := p.i
	s := p.save()
	if p.arrow() {
		return true
	}
	p.back(s)
	var f frame
	switch {
	case p.header != nil && p.is("only", "from", "to", "on"):
		f.toward = ir.Ingress
		p.complement(&f, flowRoles)
		if len(f.from) > 0 && len(f.to) > 0 {
			return false // the header is neither
		}
		if p.i == from || !p.fill(&f) && !f.onlyPort {
			return false
		}
		if len(f.to) == 0 {
			f.to = []party{{peers: p.header}}
		}
		return p.add(f, from)
	case p.header == nil:
		// "port 80 of web only from api", "web to db on 5432"
		list, ok := p.parties(false)
		if !ok {
			return false
		}
		if p.is("only", "from", "exclusively") {
			f.to, f.toward = list, ir.Ingress
			p.complement(&f, roles{from: flowRoles.from})
			if len(f.from) == 0 {
				return false
			}
			p.about(f.to)
			return p.add(f, from)
		}
		if !p.is("to") {
			return false
		}
		f.from = list
		p.complement(&f, roles{to: flowRoles.to})
		if len(f.to) == 0 || p.i == from {
			return false
		}
		p.verdict(&f)
		p.unsure(f)
		return p.add(f, from)
	}
	return false
}

// arrow is "a -> b: allow", "a -> b:8080", "deny a -> b".
func (p *parser) arrow() bool {
	from := p.i
	var f frame
	p.takeVerb(vAllow)
	f.deny = p.at(-1).kind == word && p.i == from && p.takeVerb(vDeny)
	if p.i == from && p.takeVerb(vDeny) {
		f.deny = true
	}
	list, ok := p.parties(false)
	if !ok || !p.is("->", "<-", "<->") {
		return false
	}
	how := p.tok().word
	p.i++
	other, ok := p.parties(false)
	if !ok {
		return false
	}
	f.from, f.to, f.both = list, other, how == "<->"
	if how == "<-" {
		f.from, f.to = other, list
	}
	f.ports, _ = p.ports(false)
	p.take("only")
	if p.isAt(-1, "only") {
		return false
	}
	p.take(":", ",", "=", "-")
	p.verdict(&f)
	p.unsure(f)
	return p.add(f, from)
}

// continued is a second predicate of one subject: "web may reach orders but must
// not reach orders-db".
func (p *parser) continued() bool {
	from := p.i
	n := len(p.frames)
	if n == 0 || p.subject == nil || !p.isAt(-1, "but", "and", ",") || !p.recent(n) || p.verb() == "" && !p.is("may", "must", "can", "should", "not", "never", "be", "shall", "will", "only") {
		return false
	}
	return p.subjectClause(&frame{from: p.subject}, from, false)
}

// scoped is "from outside, only web may be reached": the source comes first.
func (p *parser) scoped() bool {
	from := p.i
	if !p.take("from") {
		return false
	}
	source, ok := p.parties(false)
	if !ok {
		return false
	}
	p.take(",")
	f := frame{from: source, toward: ir.Egress}
	f.onlyTo = p.take("only")
	if f.deny = p.seqs("nothing|nobody"); f.deny {
		return false
	}
	if f.to, ok = p.parties(true); !ok {
		return false
	}
	g := p.verbGroup()
	if !g.be || g.only || g.not && f.onlyTo || !p.takeVerb(vReach) && !p.seqs("reachable", "accessible", "open", "available", "visible") {
		return false
	}
	f.deny = g.not
	p.complement(&f, roles{})
	return p.add(f, from)
}

// verdict is the word at a clause's end: "allowed", "is denied", "ok".
func (p *parser) verdict(f *frame) bool {
	s := p.save()
	p.seqs("be", "must be", "should be", "may be", "shall be", "to be", "will be", "can be", "need to be", "have to be")
	not := p.take("not")
	only := p.take("only")
	p.take("be")
	p.skip(adverbs)
	switch {
	case p.takeVerb(vAllow) || p.seqs("ok", "okay", "fine", "possible", "open", "yes"):
		f.deny = f.deny != not
	case p.takeVerb(vDeny, vPrevent) || p.seqs("no", "off-limits", "closed"):
		if not {
			return p.back(s)
		}
		f.deny = true
	default:
		return p.back(s)
	}
	if only {
		p.i-- // "only" before a verdict: the caller looks for what it restricts
		return p.back(s)
	}
	return true
}
