package english

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// group is the words between subject and verb: what they do to the clause.
type group struct {
	modal, not, only, still bool
	be                      bool
}

// verbGroup takes modals, "not", "only", adverbs and "be", up to the verb.
func (p *parser) verbGroup() group {
	var g group
	for {
		switch {
		case p.is("need", "have", "want", "get", "be") && p.isAt(1, "to") && (!p.is("get") || verbs[p.at(2).word] != ""):
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
	if p.subjectClause(&f, from, only) {
		return true
	}
	return false
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
		return party1(ir.Peer{Kind: ir.Pods, In: in})
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
	} else {
		p.about(subject)
	}
	if f.deny && single && len(f.dirs) == 0 {
		switch {
		case len(f.from) == 0:
			f.dirs = []ir.End{ir.Ingress}
		case len(f.to) == 0:
			f.dirs = []ir.End{ir.Egress}
		}
	}
	p.subject = subject
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
	own := p.own(q.Span)
	own.Minus = q.Minus
	if p.everyClusterPod(q.Span) {
		return
	}
	if len(f.to) > 0 && samePeer(f.to[0].peers[0], q) {
		f.to = []party{{peers: []ir.Peer{own}}}
	} else if len(f.from) > 0 && (len(f.to) == 0 || !arePods(all(f.to))) {
		f.from = []party{{peers: []ir.Peer{own}}}
	}
}

// everyClusterPod says whether the phrase itself speaks of the whole cluster.
func (p *parser) everyClusterPod(s ir.Span) bool {
	return slices.ContainsFunc(p.tokens, func(t token) bool {
		return t.start >= s.Start && t.end <= s.End && (t.word == "cluster" || t.word == "namespace")
	})
}

// predicate is a verb phrase. f.from holds its subject; where the verb makes the
// subject the destination, the sides are swapped.
func (p *parser) predicate(f *frame) bool {
	s := p.save()
	g := p.verbGroup()
	if g.not {
		f.deny = !f.deny
		if !f.deny { // "nobody may not"
			return p.back(s)
		}
	}
	if g.still {
		f.open = true
	}
	before := *f
	for _, phrase := range []func(*frame, group) bool{p.passive, p.copula, p.active} {
		at := p.save()
		*f = before
		if phrase(f, g) && p.claims(f) {
			return true
		}
		p.back(at)
	}
	*f = before
	return p.back(s)
}

// claims turns "A talks to nothing but B" and "A may reach nothing" into what
// they say.
func (p *parser) claims(f *frame) bool { return !f.deny || !f.onlyFrom && !f.onlyTo || f.onlyPort }

// swap makes the subject the destination.
func (f *frame) swap() {
	f.to, f.from = f.from, nil
	f.onlyTo, f.onlyFrom = f.onlyFrom, f.onlyTo
	if len(f.to) > 0 && len(f.to[0].ports) > 0 && f.to[0].named {
		f.scoped = true
	}
}

// passive is "be reached by A", "be used by A", "be called from A only".
func (p *parser) passive(f *frame, g group) bool {
	if !g.be {
		return false
	}
	switch p.verb() {
	case vReach, vOpen, vFrom, vTo, vExpose:
		if p.is("go", "goes", "going", "come", "comes", "open", "opens", "calling", "using", "accessing", "reaching", "talking", "connecting") {
			return false
		}
		p.i++
	default:
		return false
	}
	p.take("to")
	f.swap()
	if f.onlyTo { // "only B may be reached by A"
		f.toward = ir.Egress
	} else {
		f.toward = ir.Ingress
	}
	return p.received(f, g, roles{from: []string{"by", "from", "for"}, to: nil})
}

// received is the complement of a clause whose subject is the destination.
func (p *parser) received(f *frame, g group, r roles) bool {
	if g.only {
		if !p.claimsNext(f, r) {
			return false
		}
	}
	p.noneFrom(f, r)
	p.complement(f, r)
	if f.onlyPort && len(f.from) > 0 && !anybody(f.from) && !f.onlyTo {
		f.onlyFrom, f.onlyPort = true, false
	}
	if len(f.from) == 0 && !f.onlyPort && !f.deny {
		return false
	}
	return true
}

// claimsNext gives "only" before the verb to the next phrase.
func (p *parser) claimsNext(f *frame, r roles) bool {
	kind, ok := p.onePhrase(f, r)
	if !ok {
		return false
	}
	f.only(kind)
	return true
}

// noneFrom is "by nobody", "from nothing but A", "from nowhere".
func (p *parser) noneFrom(f *frame, r roles) {
	s := p.save()
	if !p.preposition(r.from) || !p.seqs("nobody", "nothing", "nowhere", "none", "no one", "no pod") {
		p.back(s)
		return
	}
	if p.seqs("but", "except", "other than", "apart from", "else but|than") {
		if list, ok := p.parties(false); ok && !f.deny {
			f.from, f.onlyFrom = list, true
			return
		}
		p.back(s)
		return
	}
	f.deny = !f.deny
	if p.is("else") {
		p.back(s)
		f.deny = !f.deny
	}
}

// copula is "be reachable from A", "be only for A", "be open to A", "be
// isolated", "be allowed to B".
func (p *parser) copula(f *frame, g group) bool {
	if !g.be {
		return p.belongs(f, g)
	}
	switch {
	case p.seqs("reachable", "accessible", "available", "visible", "open", "exposed", "usable", "reserved", "meant", "there", "contactable"):
	case p.seqs("unreachable", "inaccessible", "off-limits", "off limits", "closed"):
		if f.deny {
			return false
		}
		f.deny = true
	case p.is("for", "private") && !f.deny:
		if p.take("private") {
			f.onlyTo = true
			if p.take("to") {
				p.i--
			}
		}
		private := f.onlyTo
		f.onlyTo = false
		f.swap()
		f.toward = ir.Ingress
		if g.only && !p.claimsNext(f, roles{from: []string{"for", "to"}}) {
			return false
		}
		f.onlyFrom = f.onlyFrom || private
		p.complement(f, roles{from: []string{"for", "to"}})
		return len(f.from) > 0 && f.onlyFrom
	case p.takeVerb(vIsolate):
		f.soft, f.deny = true, true
		list := f.from
		f.from = nil
		f.to = list
		return p.denySides(f)
	case p.takeVerb(vLimit):
		list := f.from
		f.from = nil
		return !f.deny && p.limited(f, list, false) && false
	case p.takeVerb(vDeny, vPrevent):
		if f.deny {
			return false
		}
		f.deny = true
		if p.prevention(f) {
			return true
		}
		p.seqs("access to", "any access to")
		if !p.isAt(-1, "to") {
			return false
		}
		list, ok := p.parties(false)
		f.to = list
		return ok
	case p.takeVerb(vKeep):
		if f.deny || !p.seqs("out of", "away from", "off from?") {
			return false
		}
		f.deny = true
		list, ok := p.parties(false)
		f.to = list
		return ok
	case p.takeVerb(vAllow):
		if g.only {
			return false
		}
		r := roles{to: []string{"to", "into"}}
		p.seqs("access")
		p.complement(f, r)
		return len(f.to) > 0
	default:
		return false
	}
	f.swap()
	f.toward = ir.Ingress
	return p.received(f, g, openRoles)
}

// belongs is "belongs to A alone".
func (p *parser) belongs(f *frame, g group) bool {
	if !p.seqs("belongs|belong only? to") {
		return false
	}
	p.i--
	f.swap()
	p.complement(f, openRoles)
	return len(f.from) > 0 && f.onlyFrom
}

// active is a verb whose subject acts: it reaches, talks, sends, accepts.
func (p *parser) active(f *frame, g group) bool {
	if g.be && !p.ing() {
		return false
	}
	if s := p.save(); p.take("have", "get", "need") {
		no := p.take("no")
		if h := *f; no && !f.deny && p.flowNoun(f) && len(f.dirs) == 1 {
			f.deny = true
			if f.hasDir(ir.Ingress) {
				f.swap()
			}
			p.complement(f, roles{})
			return true
		} else {
			*f = h
			p.back(s)
			p.i++
			no = p.take("no")
		}
		only := p.take("only")
		if p.seqs("network? access to", "network? connectivity to") && !(no && (only || f.deny)) {
			p.i--
			f.deny = f.deny || no
			g.only = g.only || only
			r := reachRoles
			r.bare = noPhrase
			return p.reaches(f, g, r)
		}
		p.back(s)
	}
	verb, word := p.verb(), p.tok().word
	if verb == "" {
		return false
	}
	p.i++
	switch verb {
	case vAccept:
		return p.accepts(f, g)
	case vLeave:
		if !f.deny || !anybody(f.from) || f.onlyFrom {
			return false
		}
		list, ok := p.parties(false)
		f.from = list
		p.complement(f, roles{})
		return ok
	case vExpose:
		ports, ok := p.ports(true)
		f.swap()
		f.ports = ports
		return ok && p.received(f, g, openRoles)
	case vOpen:
		p.connections(f)
		return p.reaches(f, g, reachRoles)
	case vKeep:
		if f.deny || !p.seqs("out of", "away from", "off") || word != "stay" && word != "stays" {
			return false
		}
		list, ok := p.parties(false)
		f.to, f.deny = list, true
		return ok
	case vReach:
		if strings.HasPrefix(word, "ping") {
			f.ports = []ir.Port{{Protocol: "ICMP", Span: p.at(-1).span()}}
		}
		p.seqs("out", "back", "in")
		if p.isAt(-1, "out") {
			f.sender = true
		}
		s, before := p.save(), *f
		if p.connections(f) && p.is("from", "of") {
			return p.reaches(f, g, roles{to: []string{"from", "of"}})
		}
		p.back(s)
		*f = before
		r := reachRoles
		if (p.isAt(-1, "out") || p.is("to", "into")) && !p.is("anywhere", "outside", "anything", "anybody") {
			r.bare = noPhrase
		}
		return p.reaches(f, g, r)
	case vTo:
		if word == "get" && p.seqs("access", "traffic|data|requests|connections|metrics|calls") {
			if p.isAt(-1, "access") {
				return p.reaches(f, g, reachRoles)
			}
			return p.accepts(f, g)
		}
		p.seqs("out", "back", "directly", "through")
		if p.isAt(-1, "out") {
			f.sender = true
		}
		r := reachRoles
		r.bare = noPhrase
		if !p.is("to", "with", "into", "outside", "only", "anywhere", "anybody", "out") {
			p.connections(f)
		}
		if p.is("outside", "anywhere", "nowhere") {
			r.bare = toPhrase
		}
		return p.reaches(f, g, r)
	case vFrom:
		p.connections(f)
		r := readRoles
		if p.is("from") || p.is("only") && p.isAt(1, "from") {
			return p.reaches(f, g, r)
		}
		r.bare = toPhrase
		return p.reaches(f, g, r)
	case vSend:
		f.sender = slices.Contains([]string{"send", "sends", "sending", "push", "pushes", "pushing", "upload", "emit", "emits", "ship", "ships", "shipping"}, word)
		if !p.connections(f) {
			p.seqs("anything|everything")
		}
		p.seqs("out")
		r := reachRoles
		r.bare = noPhrase
		return p.reaches(f, g, r)
	}
	return false
}

// ing says whether the next verb is a participle in -ing: "is talking to".
func (p *parser) ing() bool {
	w := p.tok().word
	return len(w) > 4 && w[len(w)-3:] == "ing"
}

// connections takes what is sent or opened: "connections", "TCP traffic",
// "statsd metrics".
func (p *parser) connections(f *frame) bool {
	s := p.save()
	p.takeIn(dets)
	p.seqs("outgoing")
	g := frame{}
	if word := p.at(0); word.kind == 0 && !word.known && flowNouns[p.at(1).word] && p.x.Known(word.text) {
		p.i++ // "statsd metrics": what they are called
	} else if word.kind == 0 && flowNouns[p.at(1).word] && (flowAdjs[word.word] || !word.known) && !protocols[word.word] && !p.is("dns") && flowAdjs[word.word] {
		p.i++
	}
	if p.flowNoun(&g) && !slices.Contains(g.dirs, ir.Ingress) {
		if len(g.dirs) > 0 {
			f.sender = true
		}
		if len(g.ports) > 0 {
			f.ports = g.ports
		}
		return true
	}
	return p.back(s)
}

// reaches is the complement of a verb whose subject is the source.
func (p *parser) reaches(f *frame, g group, r roles) bool {
	if !f.deny {
		f.toward = ir.Egress
	}
	if g.only {
		if !p.claimsNext(f, r) {
			return false
		}
	}
	if p.noneTo(f, r) {
		p.complement(f, r)
		return p.more(f, r)
	}
	p.complement(f, r)
	if len(f.to) == 0 && f.deny && p.i > 0 {
		return p.ended()
	}
	return len(f.to) > 0 && p.more(f, r)
}

// noneTo is "to nothing but B", "nothing", "nowhere", "no pod".
func (p *parser) noneTo(f *frame, r roles) bool {
	s := p.save()
	p.preposition(r.to)
	if !p.seqs("nothing", "nobody", "nowhere", "none", "no one") || p.is("else") {
		return p.back(s)
	}
	if f.deny {
		return p.back(s)
	}
	if p.seqs("but", "except for?", "other than", "apart from", "except") {
		p.preposition(r.to)
		list, ok := p.parties(false)
		if !ok {
			return p.back(s)
		}
		f.to, f.onlyTo = list, true
		return true
	}
	f.deny = true
	f.to = nil
	return true
}

// more is a second verb of the same subject: "may connect to A and push metrics
// to B". An exclusive "only" before the first holds for both.
func (p *parser) more(f *frame, r roles) bool {
	for {
		s := p.save()
		p.take(",")
		if !p.take("and", "or") {
			p.back(s)
			return true
		}
		p.take("only")
		if p.isAt(-1, "only") {
			p.back(s)
			return true
		}
		verb := p.verb()
		if verb != vReach && verb != vTo && verb != vSend && verb != vFrom {
			p.back(s)
			return true
		}
		g := frame{from: f.from, deny: f.deny, onlyTo: f.onlyTo, onlyFrom: f.onlyFrom}
		if !p.active(&g, group{}) || len(g.to) == 0 || g.deny != f.deny {
			p.back(s)
			return true
		}
		spread(f)
		f.ports = nil
		spread(&g)
		f.to = append(f.to, g.to...)
		f.onlyTo = f.onlyTo || g.onlyTo
		f.outside = f.outside || g.outside
		if g.dns != "" {
			f.dns = g.dns
		}
	}
}

// accepts is "accepts traffic from A only on port P", "listens to A".
func (p *parser) accepts(f *frame, g group) bool {
	f.swap()
	f.toward = ir.Ingress
	none := p.take("no", "nothing", "none")
	if none {
		if f.deny {
			return false
		}
		p.flowNoun(f)
		f.dirs = nil
		if p.seqs("but", "except", "other than", "apart from") {
			p.flowNoun(f)
			f.dirs = nil
			p.take("from")
			list, ok := p.parties(false)
			f.from, f.onlyFrom = list, true
			p.complement(f, roles{})
			return ok
		}
		f.deny = true
		p.complement(f, acceptRoles)
		return true
	}
	only := p.take("only")
	if !p.flowNoun(f) {
		p.seqs("anything|everything")
	}
	f.dirs = nil
	if only || g.only {
		if len(f.ports) > 0 && !p.is("from", "on") {
			f.onlyPort = true
		} else if !p.claimsNext(f, acceptRoles) {
			return false
		}
	}
	p.noneFrom(f, acceptRoles)
	p.complement(f, acceptRoles)
	return len(f.from) > 0 || f.onlyPort || f.deny
}
