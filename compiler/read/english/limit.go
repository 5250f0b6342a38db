package english

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// isolate is "isolate A", "isolate A for ingress", "isolate A from B", "lock
// down A".
func (p *parser) isolate(from int) bool {
	down := p.take("down", "up") || p.isAt(-1, "lock", "locks", "locked")
	f := frame{deny: true, soft: true}
	var list []party
	if p.flow(&f) && p.ended() && len(f.dirs) > 0 && !down {
		return p.denySides(&f) && p.add(f, from)
	}
	f = frame{deny: true, soft: true}
	list, ok := p.parties(false)
	if !ok {
		return false
	}
	p.seqs("down", "completely", "fully", "entirely", "totally")
	s := p.save()
	switch {
	case p.seqs("for|in both? directions|ways", "from everything|everybody else?", "from anything|anybody else?", "from the? rest of? the? cluster|namespace?"):
	case p.seqs("for|on both?") && p.flowNoun(&f):
	case p.take("from"):
		other, ok := p.parties(false)
		if !ok {
			return false
		}
		p.about(list)
		return p.add(frame{deny: true, from: other, to: list, both: true}, from)
	default:
		p.back(s)
	}
	f.to = list
	p.about(list)
	p.complement(&f, roles{})
	if down && p.explained() {
		p.aim(list)
		return true
	}
	return p.denySides(&f) && p.add(f, from)
}

// explained says whether a clause follows that says what "lock down" means.
func (p *parser) explained() bool {
	s := p.save()
	p.take(",")
	ok := p.is("so", ":", "-") || p.is("only")
	p.back(s)
	return ok
}

// aim makes list what the clause after "so that" is about: who may connect there
// may connect to it.
func (p *parser) aim(list []party) {
	p.about(list)
	p.target, p.aimed = list, p.number
}

// limit is "restrict access to B to A", "limit ingress of B to A", "limit
// egress of A to B".
func (p *parser) limit(f *frame) bool {
	s := p.save()
	if peers, _, ok := p.peers(nil); ok && p.take("'s") && p.flowNoun(f) && len(f.dirs) == 1 && p.is("to") {
		return p.limited(f, []party{{peers: peers}}, f.hasDir(ir.Egress)) || p.back(s)
	}
	p.back(s)
	*f = frame{policy: f.policy}
	if !p.flowNoun(f) {
		return p.back(s)
	}
	egress := f.hasDir(ir.Egress)
	if !p.take("to", "of", "from", "for", "into", "on", "in") {
		return p.back(s)
	}
	if p.isAt(-1, "from") && !egress || p.isAt(-1, "to") && egress {
		return p.back(s)
	}
	list, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	return p.limited(f, list, egress) || p.back(s)
}

// limitSo is "restrict B so that only A may reach it": the next clause says it.
func (p *parser) limitSo() bool {
	s := p.save()
	list, ok := p.parties(false)
	if !ok || !p.explained() {
		return p.back(s)
	}
	p.aim(list)
	return true
}

// limited is "to A and B", "to port 80" after what is restricted.
func (p *parser) limited(f *frame, list []party, egress bool) bool {
	p.take("only")
	if !p.take("to") {
		return false
	}
	p.take("only")
	p.seqs("traffic|connections|requests|calls from|to")
	p.seqs("from")
	if ports, ok := p.ports(true); ok && !egress && !p.is("of", "on") {
		f.to, f.ports, f.onlyPort = list, ports, true
		p.complement(f, roles{from: []string{"from"}})
		if len(f.from) > 0 && !anybody(f.from) {
			f.onlyFrom, f.onlyPort = true, false
		}
		return true
	}
	other, ok := p.parties(false)
	if !ok {
		return false
	}
	if p.take("only") && !p.ended() {
		return false
	}
	if egress {
		f.from, f.to, f.onlyTo, f.toward = list, other, true, ir.Egress
	} else {
		f.from, f.to, f.onlyFrom, f.toward = other, list, true, ir.Ingress
	}
	p.about(list)
	p.complement(f, roles{})
	return true
}

// keep is "keep A out of B", "keep A away from B", "keep A from reaching B",
// "cut A off from B", "shut A out of B".
func (p *parser) keep(f *frame, verb string) bool {
	f.deny = true
	if p.take("off") {
		list, ok := p.parties(false)
		if !ok {
			return false
		}
		f.from = list
		if p.seqs("from") {
			if f.to, ok = p.parties(false); !ok {
				return false
			}
			return true
		}
		return false
	}
	list, ok := p.parties(false)
	if !ok {
		return false
	}
	f.from = list
	if p.prevention(f) {
		return true
	}
	if p.take("out") && p.ended() && p.namespace != "" {
		f.to = []party{{peers: []ir.Peer{p.own(p.span(max(0, p.i-1)))}}}
		return p.foreigners(all(f.from))
	} else if p.isAt(-1, "out") {
		p.i--
	}
	if !p.seqs("out of", "away from", "off from", "off of?", "outside of", "from touching") {
		return false
	}
	if f.to, ok = p.parties(false); !ok {
		return false
	}
	p.complement(f, roles{})
	return true
}

// open is "open port 80 of B to A", "expose B to A", "open B to the internet".
func (p *parser) open(f *frame) bool {
	s := p.save()
	p.take("up")
	only := p.take("only")
	list, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	f.to = list
	p.complement(f, openRoles)
	if p.is("outside") && len(f.from) == 0 {
		f.from, _ = p.parties(false)
	}
	if len(f.from) == 0 || only && (f.deny || f.onlyFrom) {
		return p.back(s)
	}
	if only {
		f.onlyTo = true
		if arePods(all(f.from)) {
			p.errorf(diag.ReadAmbiguous, p.span(s.i), "it could mean that nothing else is open to them, or that they reach nothing else", "write \"A may only reach B\", or \"only A may reach B\"")
		}
	}
	// "expose B to the internet on port 80 only" is about the internet's ports.
	if n := len(f.from); f.onlyFrom && n == 1 && worldly(f.from) && len(f.from[0].ports) > 0 {
		f.onlyFrom, f.onlyPort = false, true
	}
	p.about(f.to)
	return true
}

// give is "give A access to B", "grant access to B to A".
func (p *parser) give(f *frame) bool {
	s := p.save()
	only := p.take("only")
	list, ok := p.parties(false)
	if ok && p.seqs("only? network? access to", "permission to") {
		f.from, f.onlyFrom = list, only
		if p.isAt(-2, "permission") {
			return p.predicate(f)
		}
		if f.to, ok = p.parties(false); ok {
			p.complement(f, roles{})
			return true
		}
	}
	p.back(s)
	if p.seqs("network? access to") {
		if f.to, ok = p.parties(false); ok {
			p.complement(f, openRoles)
			return len(f.from) > 0
		}
	}
	return p.back(s)
}
