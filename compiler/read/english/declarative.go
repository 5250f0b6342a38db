package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// group is the words between subject and verb: what they do to the clause.
type group struct {
	modal, not, only, still bool
	be                      bool
	vague                   bool // "does not have to": no prohibition
}

// verbGroup takes modals, "not", "only", adverbs and "be", up to the verb.
func (p *parser) verbGroup() group {
	var g group
	if p.is("only") && p.isAt(1, "may", "can", "must", "should", "shall") {
		p.errorf(diag.ReadAmbiguous, p.tok().span(), "\"only\" could be about the one before it or about what follows", "write \"only A may reach B\", or \"A may only reach B\"")
	}
	for {
		switch {
		case p.is("need", "have", "want", "get", "be") && p.isAt(1, "to") && (!p.is("get") || verbs[p.at(2).word] != ""):
			g.vague = g.vague || g.not && p.is("have", "want", "get")
			p.i += 2
			g.modal = true
		case p.seqs("no longer"), p.take("not", "never"):
			g.not = !g.not
		case p.seqs("be allowed|able|supposed|free|entitled|meant to"), p.seqs("be allowed only to"):
			g.only = g.only || p.isAt(-2, "only")
			g.modal = true
		case p.seqs("be only allowed|able|supposed to"), p.seqs("be allowed to only"):
			g.modal, g.only = true, true
		case p.seqs("be not|never allowed|able|supposed|permitted to"):
			g.modal, g.not = true, !g.not
		case p.take("only"):
			g.only = true
		case p.is("be"):
			p.i++
			g.be = true
		case p.is("do") || p.in(modals) && !p.is("be", "need", "have", "want", "get"):
			p.i++
			g.modal = true
		case p.is("still"):
			p.i++
			g.still = true
		case p.in(adverbs) && !p.is("directly") || p.is("directly"):
			p.i++
		default:
			return g
		}
	}
}

// declarative is a statement with a subject: "A may reach B", "B accepts traffic
// from A only", "nobody may reach B".
func (p *parser) declarative() bool {
	from := p.i
	var f frame
	wanted := p.preambleThat()
	only := p.take("only")
	none := false
	var subject []party
	switch {
	case !only && p.seqs("nobody|nothing else"):
		return false
	case !only && p.seqs("nobody|nothing") && p.is("outside", "in", "inside", "within", "from"):
		none = true
		list, ok := p.outsideOf(from, ir.Anybody)
		if !ok {
			return false
		}
		subject = list
	case !only && (p.i > from && p.isAt(-1, "nobody", "nothing") || p.seqs("no one")):
		none = true
		subject = []party{{peers: []ir.Peer{{Kind: ir.Anybody, Span: p.span(from)}}}}
		if p.seqs("except for?", "but", "other than", "apart from") {
			list, ok := p.parties(true)
			if !ok {
				return false
			}
			subject, none, f.onlyFrom = list, false, true
		}
	case !only && p.take("no"):
		none = true
		list, ok := p.noParty()
		if !ok {
			return false
		}
		subject = list
	default:
		p.seqs("neither")
		none = p.isAt(-1, "neither") && p.i > from
		list, ok := p.parties(true)
		if !ok {
			return false
		}
		subject = list
	}
	if only || p.take("alone") {
		f.onlyFrom = true
	}
	p.subjectElse(&f)
	if p.theOnly() {
		f.onlyFrom, f.scoped = true, true
	}
	if wanted && !p.take("to") {
		return false
	}
	f.from = subject
	f.deny = none
	return p.subjectClause(&f, from, only)
}

// theOnly is "is the only one that", "is the only pod allowed to".
func (p *parser) theOnly() bool {
	s := p.save()
	if !p.seqs("be|must|should|may be? the only") {
		return p.back(s)
	}
	if !p.take("one", "ones", "client", "clients", "party") && !p.takeIn(podNouns) {
		return p.back(s)
	}
	if p.seqs("that|which|who be? allowed|able to", "allowed|able to", "that|which|who") {
		return true
	}
	return p.back(s)
}

// preambleThat is "I want", "make sure that" before a subject.
func (p *parser) preambleThat() bool {
	p.skip(politely)
	wanted := p.seqs("we|i want|need", "we|i should|will like")
	p.seqs("make sure that?", "ensure that?", "it be important that", "please")
	return wanted
}

// noParty is "no pod", "no pod of namespace x", "no other pod": everybody of a kind.
func (p *parser) noParty() ([]party, bool) {
	s := p.save()
	from := p.i
	if p.seqs("external client|clients|traffic|source|sources|address|host|hosts|user|users") || p.outside() {
		return []party{{peers: []ir.Peer{{Kind: ir.World, Span: p.span(from)}}}}, true
	}
	p.back(s)
	if p.take("other") {
		if noun := p.takeIn(podNouns) || p.takeIn(set("client clients source sources")); !noun || !p.seqs("than", "except", "but") {
			return nil, false
		}
		list, ok := p.parties(true)
		return []party{{peers: []ir.Peer{{Kind: ir.Pods, Minus: all(list), Span: p.span(from)}}}}, ok
	}
	if p.takeIn(podNouns) || p.takeIn(set("client source workload")) {
		if !p.is("in", "of", "with", "label", "labelled", "except", "other", "but", "outside", "running", "from") {
			return []party{{peers: []ir.Peer{{Kind: ir.Pods, Span: p.span(from)}}}}, true
		}
		if p.seqs("except for?", "other than", "but", "apart from") {
			peer := ir.Peer{Kind: ir.Pods, Span: p.span(from)}
			list, ok := p.parties(true)
			peer.Minus = all(list)
			return []party{{peers: []ir.Peer{peer}}}, ok
		}
		if p.is("outside") {
			return p.outsideOf(from, ir.Pods)
		}
	}
	p.back(s)
	return p.parties(true)
}

// outsideOf is "outside the cluster", "outside namespace x", "in namespace x",
// after a word that means everything (Anybody) or every pod (Pods).
func (p *parser) outsideOf(from int, kind ir.PeerKind) ([]party, bool) {
	party1 := func(q ir.Peer) ([]party, bool) {
		q.Span = p.span(from)
		return []party{{peers: []ir.Peer{q}}}, true
	}
	if p.is("outside") || p.is("from") && p.isAt(1, "outside") {
		from := p.take("from")
		s := p.save()
		if p.seqs("outside of? the? cluster") || from && p.outside() {
			return party1(ir.Peer{Kind: ir.World})
		}
		p.back(s)
		p.seqs("outside of?")
		in, _, ok := p.spaces()
		if !ok || len(in.Names) == 0 {
			return nil, false
		}
		if kind == ir.Pods {
			return party1(ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Not: in.Names}})
		}
		return party1(ir.Peer{Kind: ir.Anybody, Minus: []ir.Peer{{Kind: ir.Pods, In: in}}})
	}
	if in, ok := p.inNamespace(); ok {
		q := []ir.Peer{{Kind: ir.Pods, In: in, Span: p.span(from)}}
		p.minus(q)
		return party1(q[0])
	}
	p.take("from")
	return p.parties(true)
}

// subjectElse is "A and nobody else", "A, and only A,", between subject and verb.
func (p *parser) subjectElse(f *frame) {
	s := p.save()
	p.take(",")
	p.take("and", "but")
	if p.seqs("nobody else", "no one else", "nothing else", "no other pods|pod|service|services|workload|workloads|client|clients|app|apps") {
		p.take(",")
		f.onlyFrom = true
		return
	}
	p.back(s)
}

// subjectClause is what follows the subject, which is held in f.from until the
// verb says which side it is.
func (p *parser) subjectClause(f *frame, from int, onlyWord bool) bool {
	subject := f.from
	p.take(",")
	if !p.predicate(f) {
		return false
	}
	if f.deny && anybody(subject) && len(f.exceptFrom) > 0 && len(f.exceptTo)+len(f.exceptPorts) == 0 && anybody(f.from) {
		f.scoped = f.scoped || f.ported() // "nobody may reach B on port 80 except A"
		f.from, f.exceptFrom, f.deny, f.onlyFrom = f.exceptFrom, nil, false, true
	}
	if f.deny && f.onlyFrom {
		return false // "only A may not reach B" can be read in two ways
	}
	p.ownPods(f, subject)
	single := len(f.from) == 0 || len(f.to) == 0
	if !f.deny && single && !(f.onlyPort && len(f.to) > 0) {
		return false
	}
	if onlyWord && len(all(f.to)) > 0 && len(all(f.from)) > 0 && arePods(all(f.from)) {
		p.unsure(*f)
	} else if arePods(all(subject)) {
		p.about(subject)
		if other := all(f.to); p.topic != nil && len(other) > 0 && arePods(other) && !subset(other, p.topic.peers) {
			p.topic.other = other
		}
	} else {
		p.unsure(*f)
	}
	if f.deny && single && len(f.dirs) == 0 {
		switch {
		case len(f.from) == 0:
			f.dirs = []ir.End{ir.Ingress}
		case len(f.to) == 0:
			f.dirs = []ir.End{ir.Egress}
		}
	}
	if p.subject = subject; everybody(subject) && !everybody(f.from) && !everybody(f.to) {
		p.subject = nil // an exception was taken out of it
	}
	return p.add(*f, from)
}

// ownPods narrows "no pod may ..." to the set's namespace where the clause closes
// those pods themselves; as the peers of another's Close they are every pod.
func (p *parser) ownPods(f *frame, subject []party) {
	if !f.deny || len(subject) != 1 || len(subject[0].peers) != 1 {
		return
	}
	q := subject[0].peers[0]
	if q.Kind != ir.Pods || q.In != nil || len(q.Labels) > 0 || !slices.ContainsFunc(p.tokens[:p.i], func(t token) bool { return t.word == "no" && t.end <= q.Span.Start+1 || t.start == q.Span.Start }) {
		return
	}
	if p.everyClusterPod(q.Span) {
		return
	}
	own := func(list []party) []party {
		q := p.own(q.Span)
		q.Minus = list[0].peers[0].Minus
		return []party{{peers: []ir.Peer{q}}}
	}
	if len(f.to) > 0 && f.to[0].peers[0].Kind == ir.Pods && f.to[0].peers[0].Span == q.Span {
		f.to = own(f.to)
	} else if len(f.from) > 0 && (len(f.to) == 0 || !arePods(all(f.to))) {
		f.from = own(f.from)
	}
}

// everyClusterPod says whether the phrase itself speaks of the whole cluster.
func (p *parser) everyClusterPod(s ir.Span) bool {
	return slices.ContainsFunc(p.tokens, func(t token) bool {
		return t.start >= s.Start && t.end <= s.End && (t.word == "cluster" || t.word == "namespace")
	})
}

// nobody is "nobody", "nobody but A" after "let".
func (p *parser) nobody(f *frame) bool {
	from := p.i
	s := p.save()
	if !p.seqs("nobody|nothing", "no one") || p.is("else") {
		return p.back(s)
	}
	if !p.seqs("except for?", "but", "other than", "apart from") {
		f.from, f.deny = []party{{peers: []ir.Peer{{Kind: ir.Anybody, Span: p.span(from)}}}}, true
		return true
	}
	list, ok := p.parties(true)
	f.from, f.onlyFrom = list, true
	return ok || p.back(s)
}
