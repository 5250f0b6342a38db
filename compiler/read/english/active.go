package english

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

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
	case vAllow, vDeny:
		return p.turnsAway(f, g, verb == vDeny)
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
		return (p.connections(f) || !p.is("to", "for", "from")) && p.reaches(f, g, reachRoles) // "open to A" is of the destination
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
		if !p.reaches(f, g, r) {
			return false
		}
		if strings.HasPrefix(word, "us") && f.onlyTo && len(f.to) == 1 && f.to[0].named {
			p.errorf(diag.ReadAmbiguous, p.span(s.i), "it could be about the other ports there, or about all that is reached", "write \"A may only reach B on port P\", or \"A may reach B on port P only\"")
		}
		return true
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
	if len(f.to) == 0 && f.onlyFrom && p.aimed == p.number && p.ended() {
		f.to = p.target
		return true
	}
	if len(f.to) == 0 && f.deny && p.i > 0 {
		return p.ended()
	}
	return len(f.to) > 0 && p.more(f, r)
}

// noneTo is "to nothing but B", "nothing", "nowhere", "no pod".
func (p *parser) noneTo(f *frame, r roles) bool {
	s := p.save()
	p.preposition(r.to)
	if p.take("neither") {
		list, ok := p.parties(false)
		if !ok || f.deny || f.onlyTo {
			return p.back(s)
		}
		f.to, f.deny = list, true
		return true
	}
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
