package english

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// preamble takes what comes before the command: "please", "make sure that",
// "create a policy that", "the network policy should". It returns whether the
// clause describes a policy, and whether it was negated ("don't").
func (p *parser) preamble() (policy, not bool) {
	p.skip(politely)
	p.seqs("can|will|may you please?", "can|may we please?", "i|we want|would|need to|like? to?", "we need to", "we should|must", "make sure that?", "ensure that?", "it be necessary to")
	s := p.save()
	p.skip(politely)
	made := p.takeIn(set("create add write apply set make"))
	p.takeIn(dets)
	p.takeIn(dets)
	p.seqs("default", "new", "network", "up", "deny-all", "default-deny")
	if p.seqs("network? policy|policies|rule|rules") {
		at := p.save()
		if p.seqs("for the? namespace") {
			if n, ok := p.spaceName(); ok {
				p.topic = &topic{peers: []ir.Peer{{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{n}}, Span: p.span(s.i)}}}
			} else {
				p.topic = &topic{peers: []ir.Peer{p.own(p.span(s.i))}}
			}
		} else if p.take("for", "in", "on") {
			if list, ok := p.parties(false); ok {
				p.about(list)
			} else {
				p.back(at)
			}
		}
		switch {
		case p.seqs("that|which must|should|shall|will?", "to", "must|should|shall|will|may|can", "that|which"):
			policy = true
		case p.verb() != "" && made:
			policy = true
		default:
			p.back(s)
		}
	} else {
		p.back(s)
	}
	if p.seqs("do not", "never", "not", "no longer") {
		not = true
	}
	p.skip(adverbs)
	return policy, not
}

// imperative is a command: allow, block, isolate, restrict, keep, expose, give.
func (p *parser) imperative() bool {
	from := p.i
	policy, not := p.preamble()
	if n := len(p.frames); n > 0 && p.frames[n-1].policy && p.isAt(-1, "but", "and", ",") {
		policy = true // "... should allow X but disallow Y"
	}
	s := p.save()
	only := p.take("only")
	if only && (not || p.verb() != vAllow) {
		return p.back(s)
	}
	verb := p.verb()
	if p.is("lock", "locks", "locked") && p.isAt(1, "down", "up") {
		verb = vIsolate
	}
	word := p.tok().word
	if p.isAt(-1, "make") || p.take("make") {
		list, ok := p.parties(false)
		f := frame{from: list}
		p.about(list)
		return ok && !not && p.copula(&f, group{be: true}) && p.add(f, from)
	}
	if verb == "" {
		return p.denyAll(from)
	}
	p.i++
	f := frame{policy: policy}
	switch verb {
	case vAllow:
		f.deny = not
		return p.allow(&f, only) && p.command(f, from)
	case vDeny:
		f.deny = true
		return !not && p.block(&f) && p.command(f, from)
	case vPrevent:
		f.deny = true
		return !not && (p.prevent(&f) || p.block(&f)) && p.command(f, from)
	case vIsolate:
		return !not && p.isolate(from)
	case vLimit:
		return !not && (p.limitSo() || p.limit(&f) && p.command(f, from))
	case vKeep:
		return !not && p.keep(&f, word) && p.command(f, from)
	case vExpose, vOpen:
		f.deny = not
		return p.open(&f) && p.command(f, from)
	case vGive:
		f.deny = not
		return p.give(&f) && p.command(f, from)
	}
	return false
}

// command ends an imperative clause.
func (p *parser) command(f frame, from int) bool {
	if !f.deny && (len(f.from) == 0 || len(f.to) == 0) && !p.fillCommand(&f) {
		if !(f.onlyPort && len(f.to) > 0) {
			return false
		}
	}
	p.unsure(f)
	return p.add(f, from)
}

// fillCommand finds the side that a command leaves out: "disallow traffic from
// the frontend" after "allow traffic to the database".
func (p *parser) fillCommand(f *frame) bool {
	if p.is("and") && p.isAt(1, "no") {
		return false // "allow ingress from a and no egress for b": b's ingress may be meant
	}
	if p.fill(f) || p.namespace == "" {
		return len(f.from) > 0 && len(f.to) > 0
	}
	own := []party{{peers: []ir.Peer{p.own(p.span(max(0, p.i-1)))}}}
	switch {
	case f.hasDir(ir.Ingress) && len(f.to) == 0 && len(f.from) > 0:
		f.to = own
	case f.hasDir(ir.Egress) && len(f.from) == 0 && len(f.to) > 0:
		f.from = own
	default:
		return false
	}
	p.note(own[0].peers[0].Span, "it names no pods of its own: every pod of the namespace is meant")
	return true
}

// denyAll is "deny-all egress for the workers", "default deny", "no egress for x".
func (p *parser) denyAll(from int) bool {
	f := frame{deny: true, soft: true}
	if !p.seqs("deny-all", "default-deny", "default deny", "deny all by default", "deny by default", "zero trust") {
		return false
	}
	p.seqs("all")
	p.takeIn(set("policy policies rule rules"))
	p.flowNoun(&f)
	near := []string{"for", "of", "in", "on"}
	r := roles{from: append(near, "from"), to: []string{"to"}}
	if f.hasDir(ir.Ingress) {
		r = roles{from: []string{"from"}, to: append(near, "to")}
	}
	p.complement(&f, r)
	return p.denySides(&f) && p.add(f, from)
}

// allow is what may follow "allow": "A to reach B", "A access to B", "traffic
// from A to B", "A to B on port P", "DNS".
func (p *parser) allow(f *frame, only bool) bool {
	s := p.save()
	let := p.isAt(-1, "let", "lets", "letting") // "let A reach B, nothing else" is about A
	only = p.take("only") || only
	if p.flowDNS(f) {
		return !only
	}
	if !only && !f.deny && p.nobody(f) {
		return p.infinitive(f)
	}
	at := p.save()
	if p.flow(f) && (len(f.from) > 0 || len(f.to) > 0) && len(f.dirs) < 2 && p.ended() {
		if f.every && !only && !f.deny && p.header == nil && len(f.to)+len(f.from) == 1 && !f.onlyPort {
			anyone := []party{{peers: []ir.Peer{{Kind: ir.Anybody, Span: p.span(at.i)}}}}
			if len(f.from) == 0 {
				f.from = anyone
			} else {
				f.to = anyone
			}
		}
		if only {
			return f.exclusive()
		}
		return true
	}
	p.back(at)
	*f = frame{deny: f.deny, policy: f.policy}
	p.fromOK = true
	list, ok := p.parties(false)
	p.fromOK = false
	if !ok {
		return p.back(s)
	}
	f.from = list
	f.onlyFrom = only
	if p.elseTail(f) && !f.onlyFrom {
		return p.back(s)
	}
	f.toward = ""
	g := *f
	if p.infinitive(f) {
		f.ordered = !let
		if only && f.toward == ir.Ingress && arePods(all(f.from)) {
			p.errorf(diag.ReadAmbiguous, p.span(at.i), "it could mean that nothing else reaches the one, or that the other reaches nothing else", "write \"only A may reach B\", or \"A may only reach B\"")
		}
		return !f.deny || !f.onlyFrom
	}
	*f = g
	if at := p.save(); p.flowNoun(f) && f.hasDir(ir.Egress) && p.is("to", "only") {
		f.sender, f.toward = true, ir.Egress
		p.complement(f, roles{to: []string{"to"}})
		return len(f.to) > 0 && !only
	} else {
		p.back(at)
	}
	*f = g
	if p.seqs("only? incoming? access to", "access", "a? connection to", "connections to", "traffic to", "into") || p.take("to") {
		if p.isAt(-1, "access") {
			p.take("to")
		}
		dest, ok := p.prepList([]string{"to"}, f, toPhrase)
		if !ok {
			return p.back(s)
		}
		f.to = dest
		p.complement(f, roles{})
		return true
	}
	return p.back(s)
}

// exclusive turns "allow only traffic from A to B" into the side that it
// restricts: the source where both are named.
func (f *frame) exclusive() bool {
	switch {
	case f.deny:
		return false
	case f.toward == ir.Egress:
		f.onlyTo = true
	case len(f.from) > 0:
		f.onlyFrom = true
	case len(f.ports) > 0:
		f.onlyPort = true
	default:
		return false
	}
	return true
}

// ended says whether the clause could end here.
func (p *parser) ended() bool {
	return p.done() || p.is(".", ",", ";", "-", ":", "and", "but", "while", "so", "(", ")")
}

// infinitive is "to reach B on port P", "to only talk to B", "reach B", "be
// reached by A": the verb phrase of somebody who is allowed or prevented.
func (p *parser) infinitive(f *frame) bool {
	s := p.save()
	p.take("to")
	not := p.take("not")
	if not {
		if f.deny || f.onlyFrom {
			return p.back(s)
		}
		f.deny = true
	}
	if !p.predicate(f) {
		return p.back(s)
	}
	return true
}

// block is what may follow "block": "A from reaching B", "traffic from A to B",
// "A from B", "A access to B", "access to B".
func (p *parser) block(f *frame) bool {
	s := p.save()
	if p.seqs("all", "everything") && p.is("in", "by", ".", ",", ";", ")") {
		p.complement(f, roles{to: []string{"to"}})
		return p.ended() && len(f.from) == 0 && (len(f.to) == 0 || len(f.dirs) == 2) && p.denySides(f)
	}
	p.back(s)
	if (p.everything(f) || p.flow(f)) && p.ended() {
		switch {
		case len(f.from) > 0 && len(f.to) > 0:
			return true
		case p.policyTopic(f):
			return true
		case p.foreignSide(f):
			return true
		case len(f.dirs) > 0 || len(f.from)+len(f.to) == 0:
			return p.denySides(f)
		}
		return true
	}
	p.back(s)
	*f = frame{deny: true, policy: f.policy}
	list, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	f.from = list
	switch {
	case p.prevention(f):
		return true
	case list[0].named && p.ended():
		f.from, f.to = nil, list
		return true
	case p.is("to") && p.infinitive(f):
		return f.deny
	case p.seqs("access to", "incoming? access to", "any access to"):
		dest, ok := p.parties(false)
		if !ok {
			return p.back(s)
		}
		f.to = dest
	case p.isAt(0, "access", "traffic") && p.isAt(1, "from"):
		return p.back(s)
	case p.seqs("all|any? outgoing|incoming traffic|access|connections?"):
		for k := s.i; k < p.i; k++ {
			if w := p.tokens[k].word; w == "outgoing" {
				f.dirs = []ir.End{ir.Egress}
			} else if w == "incoming" {
				f.dirs = []ir.End{ir.Ingress}
			}
		}
		return p.denySides(f)
	default:
		return p.back(s)
	}
	p.complement(f, roles{})
	return true
}

// policyTopic is the second half of "allow traffic from A to B but disallow
// traffic from C": about B as well.
func (p *parser) policyTopic(f *frame) bool {
	n := len(p.frames)
	if len(f.from) == 0 || len(f.to) > 0 || n == 0 || f.hasDir(ir.Egress) || len(p.frames[n-1].to) == 0 || !p.recent(n) {
		return false
	}
	f.to = p.frames[n-1].to
	for i := range f.to {
		f.to = slices.Clone(f.to)
		f.to[i].ports = nil
	}
	return true
}

// recent says whether the last frame is of the same sentence.
func (p *parser) recent(n int) bool {
	last := p.frames[n-1].span.End
	return !slices.ContainsFunc(p.tokens[:p.i], func(t token) bool { return t.kind == mark && t.word == "." && t.start >= last })
}

// prevent is "prevent A from reaching B", "stop A reaching B".
func (p *parser) prevent(f *frame) bool {
	s := p.save()
	list, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	f.from = list
	if p.prevention(f) || p.predicate(f) {
		return true
	}
	return p.back(s)
}

// prevention is "from reaching B", "from B", "from being reached by A".
func (p *parser) prevention(f *frame) bool {
	s := p.save()
	if !p.take("from") {
		return false
	}
	if p.predicate(f) {
		return true
	}
	p.back(s)
	p.i++
	dest, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	f.to = dest
	p.complement(f, roles{})
	return true
}
