package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// flowClause is a sentence about traffic: "traffic from A to B on port 80 is
// allowed", "only traffic from A may enter B", "access to B is limited to A",
// "no traffic may leave A", "incoming traffic to B should only be allowed on
// port P", "ingress from A only".
func (p *parser) flowClause() bool {
	from := p.i
	var f frame
	only := p.take("only")
	no := !only && p.take("no")
	p.seqs("there must|should|shall|may be", "there be")
	no = no || !only && p.take("no")
	start := p.save()
	if !p.flowNoun(&f) && !p.ownFlow(&f) {
		return false
	}
	p.back(start)
	f = frame{}
	if !p.flow(&f) {
		return false
	}
	f.deny = no
	switch {
	case p.limitedFlow(&f):
	case p.entering(&f):
	case p.onlyVerdict(&f):
	case p.verdict(&f):
		p.complement(&f, flowRoles)
	case p.is("may", "must", "can", "should", "be", "shall", "will"):
		return false
	}
	if f.deny && no && only {
		return false
	}
	if only && !f.exclusive() {
		return false
	}
	return p.flowEnd(f, from)
}

// flowEnd completes the sides of a sentence about traffic.
func (p *parser) flowEnd(f frame, from int) bool {
	if f.deny && (len(f.from) == 0 || len(f.to) == 0) {
		f.soft = true
		if p.header != nil && len(f.from)+len(f.to) > 0 && len(f.dirs) == 0 {
			f.soft = false
			p.fill(&f)
			return p.add(f, from)
		}
		if p.foreignSide(&f) {
			return p.add(f, from)
		}
		if len(f.from) > 0 && len(f.dirs) == 0 {
			f.dirs = []ir.End{ir.Egress}
		}
		if len(f.to) > 0 && len(f.dirs) == 0 {
			f.dirs = []ir.End{ir.Ingress}
		}
		if p.header != nil && len(f.from)+len(f.to) > 0 && (f.hasDir(ir.Ingress) && len(f.from) > 0 || f.hasDir(ir.Egress) && len(f.to) > 0) {
			f.soft = false
			p.fill(&f)
			return p.add(f, from)
		}
		return p.denySides(&f) && p.add(f, from)
	}
	if !f.deny && (len(f.from) == 0 || len(f.to) == 0) && !(f.onlyPort && len(f.to) > 0) {
		if f.hasDir(ir.Egress) && len(f.from) > 0 || f.hasDir(ir.Ingress) && len(f.to) > 0 && len(f.from) == 0 {
			return false
		}
		if !p.fill(&f) {
			return false
		}
	}
	p.unsure(f)
	return p.add(f, from)
}

// limitedFlow is "is limited to A", "is restricted to port P".
func (p *parser) limitedFlow(f *frame) bool {
	s := p.save()
	p.verbGroup()
	if !p.takeVerb(vLimit) {
		return p.back(s)
	}
	egress := f.hasDir(ir.Egress)
	list := f.to
	if egress {
		list = f.from
	}
	if len(list) == 0 || f.deny {
		return p.back(s)
	}
	if len(f.from) > 0 && len(f.to) > 0 { // "access to B from A is limited to port 80"
		var ports []ir.Port
		ok := false
		if p.take("to") {
			ports, ok = p.ports(true)
		}
		if !ok || f.ported() {
			return p.back(s)
		}
		f.ports, f.onlyPort = ports, true
		return true
	}
	f.from, f.to = nil, nil
	return p.limited(f, list, egress) || p.back(s)
}

// entering is "may enter B", "may leave A", "may reach B", "may come from A".
func (p *parser) entering(f *frame) bool {
	s := p.save()
	g := p.verbGroup()
	switch {
	case p.takeVerb(vLeave):
		list, ok := p.parties(false)
		if !ok || len(f.from) > 0 {
			return p.back(s)
		}
		f.from, f.dirs, f.sender, f.toward = list, []ir.End{ir.Egress}, true, ir.Egress
	case p.takeVerb(vReach):
		list, ok := p.parties(false)
		if !ok || len(f.to) > 0 {
			return p.back(s)
		}
		f.to, f.dirs = list, []ir.End{ir.Ingress}
	case p.takeVerb(vTo):
		r, ported := flowRoles, f.ported()
		if g.only && !p.claimsNext(f, r) {
			return p.back(s)
		}
		g.only = false
		words := p.tokens[s.i:p.i]
		p.complement(f, r)
		if len(f.from)+len(f.to) == 0 {
			return p.back(s)
		}
		if !g.not && !f.deny {
			f.obliged(words)
		}
		f.scoped = f.scoped || ported && f.onlyFrom // "traffic on port 80 must only come from A"
	default:
		return p.back(s)
	}
	if g.only {
		return p.back(s)
	}
	if g.not {
		if f.deny {
			return p.back(s)
		}
		f.deny = true
	}
	p.complement(f, flowRoles)
	return true
}

// onlyVerdict is "should only be allowed on port P", "is allowed only from A".
func (p *parser) onlyVerdict(f *frame) bool {
	s := p.save()
	g := p.verbGroup()
	if g.not || !p.takeVerb(vAllow) && !p.seqs("allowed", "possible", "accepted") {
		return p.back(s)
	}
	only := g.only || p.take("only")
	if !only {
		return p.back(s)
	}
	r := flowRoles
	ported := f.ported()
	if !p.claimsNext(f, r) {
		return p.back(s)
	}
	p.complement(f, r)
	f.scoped = f.scoped || ported && f.onlyFrom // "traffic on port 80 is only allowed from A"
	return true
}

// onlyOf is a list after "only" that is allowed in the direction of the clause
// before: "deny-all egress for A: only B and C are allowed".
func (p *parser) onlyOf() bool {
	from := p.i
	n := len(p.frames)
	if !p.take("only") || n == 0 || !p.frames[n-1].deny || len(p.frames[n-1].dirs) != 1 {
		return false
	}
	prev := p.frames[n-1]
	list, ok := p.parties(true)
	if !ok {
		return false
	}
	var f frame
	if !p.verdict(&f) || f.deny {
		return false
	}
	if prev.dirs[0] == ir.Egress {
		f.from, f.to, f.onlyTo = prev.from, list, true
	} else {
		f.from, f.to, f.onlyFrom = list, prev.to, true
	}
	f.from, f.to = slices.Clone(f.from), slices.Clone(f.to)
	return p.add(f, from)
}

// obliged takes "all traffic to B must come from A", where words are those from
// the modal to the verb: what must come from A comes from nobody else.
func (f *frame) obliged(words []token) {
	has := func(any ...string) bool {
		return slices.ContainsFunc(words, func(t token) bool { return slices.Contains(any, t.word) })
	}
	if has("may", "can", "able", "allowed", "free") || !f.every && !has("must", "should", "shall", "have", "need") {
		return
	}
	switch {
	case has("come", "comes", "coming") && len(f.from) > 0:
		f.onlyFrom = true
	case has("go", "goes", "going") && len(f.to) > 0:
		f.onlyTo = true
	}
}

// ported says whether the frame's traffic is named by its ports.
func (f *frame) ported() bool {
	return len(f.ports) > 0 || slices.ContainsFunc(f.to, func(n party) bool { return len(n.ports) > 0 })
}
