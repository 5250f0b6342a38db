package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// predicate is a verb phrase. f.from holds its subject; where the verb makes the
// subject the destination, the sides are swapped.
func (p *parser) predicate(f *frame) bool {
	s := p.save()
	g := p.verbGroup()
	if g.vague {
		return p.back(s)
	}
	if g.not {
		f.deny = !f.deny
		if !f.deny { // "nobody may not"
			return p.back(s)
		}
	}
	if g.still {
		f.open = true
	}
	outer := p.object
	p.object = true
	defer func() { p.object = outer }()
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
	case vReach, vOpen, vFrom, vTo:
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
	if f.onlyTo && !f.deny && slices.ContainsFunc(f.to, func(n party) bool { return n.named }) {
		switch {
		case len(f.from) == 0 && len(f.to) == 1: // "only port 80 of B is open"
			f.onlyTo, f.onlyPort = false, true
		case arePods(all(f.from)):
			p.errorf(diag.ReadAmbiguous, f.to[0].peers[0].Span, "the port could be all that they reach there, or all that they reach", "write \"A may reach B on port P only\", or \"A may only reach port P of B\"")
		}
	}
	if f.onlyPort && len(f.from) > 0 && !anybody(f.from) && !f.onlyTo && (g.only || !worldly(f.from)) {
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
	case p.is("isolated", "quarantined") && p.isAt(1, "from") && !f.deny:
		p.i += 2
		other, ok := p.parties(false)
		f.to, f.from, f.deny, f.both = f.from, other, true, true
		return ok && !anybody(other)
	case p.takeVerb(vIsolate):
		f.soft, f.deny = true, true
		list := f.from
		f.from = nil
		f.to = list
		return p.denySides(f)
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
		p.complement(f, roles{})
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
	reserved, meant := p.isAt(-1, "reserved"), p.isAt(-1, "meant")
	vague := f.deny && p.isAt(-1, "open", "available", "visible", "exposed", "closed", "there", "meant", "reserved")
	f.swap()
	f.toward = ir.Ingress
	if !p.received(f, g, openRoles) || vague && len(f.from) == 0 {
		return false
	}
	f.onlyFrom = f.onlyFrom || reserved && !f.deny
	return !meant || f.onlyFrom
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

// turnsAway is "allows traffic from A only", "rejects all traffic except from A",
// of the destination itself.
func (p *parser) turnsAway(f *frame, g group, deny bool) bool {
	s := p.save()
	p.take("only")
	var h frame
	if f.deny && deny || f.onlyFrom || !p.flowNoun(&h) || slices.Contains(h.dirs, ir.Egress) || !p.is("from", "except", "only", "coming") {
		return p.back(s)
	}
	p.back(s)
	if !deny {
		return p.accepts(f, g)
	}
	if g.only {
		return false
	}
	p.flowNoun(f)
	f.swap()
	f.dirs, f.deny, f.toward = nil, true, ir.Ingress
	p.complement(f, acceptRoles)
	return !f.onlyFrom && !f.onlyPort
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
	if (only || g.only) && f.onlyPort && len(f.from) > 0 && !anybody(f.from) { // "accepts only port 80 from A"
		f.onlyFrom, f.onlyPort = true, false
	}
	return len(f.from) > 0 || f.onlyPort || f.deny
}
