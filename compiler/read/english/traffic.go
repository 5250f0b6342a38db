package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// otherSide completes "deny ingress from mailer" and "deny egress to orders-db":
// the party named is the far side of that direction, and the near one is the
// header or the namespace.
func (p *parser) otherSide(f *frame) *frame {
	ingress := f.hasDir(ir.Ingress) && len(f.from) > 0
	if !ingress && !(f.hasDir(ir.Egress) && len(f.to) > 0) {
		return nil
	}
	g := *f
	g.soft, g.dirs = false, nil
	near := []party{{peers: p.header}}
	if p.header == nil {
		near = []party{{peers: []ir.Peer{p.own(p.span(max(0, p.i-1)))}}}
	}
	if ingress {
		g.to = near
	} else {
		g.from = near
	}
	return &g
}

// foreignSide completes "block traffic from other namespaces": what is not this
// namespace's is blocked towards it, or from it, unless the direction says that
// the other namespace itself is meant.
func (p *parser) foreignSide(f *frame) bool {
	who := slices.Concat(f.from, f.to)
	if len(who) == 0 || p.namespace == "" || !p.foreigners(all(who)) {
		return false
	}
	own := []party{{peers: p.header}}
	if p.header == nil {
		own = []party{{peers: []ir.Peer{p.own(p.span(max(0, p.i-1)))}}}
	}
	switch {
	case f.toFrom && len(f.from) == 0:
		if p.header == nil && slices.ContainsFunc(all(f.to), func(q ir.Peer) bool { return q.Kind == ir.Workload || q.In != nil && len(q.In.Names) > 0 }) {
			p.errorf(diag.ReadAmbiguous, p.span(max(0, p.i-1)), "all of its traffic could be meant, or its traffic with this namespace", "say \"isolate A\", or \"isolate A from B\"")
		}
		f.from, f.both = own, true
	case len(f.from) > 0 && !f.hasDir(ir.Egress) && len(f.dirs) < 2:
		f.to = own
	case len(f.to) > 0 && !f.hasDir(ir.Ingress) && len(f.dirs) < 2:
		f.from = own
	default:
		return false
	}
	f.soft, f.dirs = false, nil
	return true
}

// foreigners says whether none of the peers is in the set's namespace.
func (p *parser) foreigners(peers []ir.Peer) bool {
	return !slices.ContainsFunc(peers, func(q ir.Peer) bool {
		switch q.Kind {
		case ir.Workload, ir.ServiceAccount:
			return q.Namespace == p.namespace
		case ir.Pods:
			return q.In == nil || slices.Contains(q.In.Names, p.namespace) || len(q.In.Names) == 0 && !slices.Contains(q.In.Not, p.namespace)
		}
		return q.Kind == ir.Anybody && len(q.Minus) == 0
	})
}

// flowNoun is "incoming TCP traffic", "all ingress and egress", "access",
// "connections": what moves, with its direction. It fills dirs, ports and
// outside.
func (p *parser) flowNoun(f *frame) bool {
	from := p.i
	adjective := false
	p.seqs("any and all")
	for p.takeIn(dets) || p.take("other") {
		f.every = f.every || p.isAt(-1, "all", "any", "every")
	}
	for {
		switch {
		case p.is("incoming", "outgoing") && !p.isAt(1, "controller", "controllers"):
			end := ir.Ingress
			if p.is("outgoing") {
				end = ir.Egress
			}
			p.i++
			if !slices.Contains(f.dirs, end) {
				f.dirs = append(f.dirs, end)
			}
			s, no := p.save(), from > 0 && p.tokens[from-1].word == "no"
			if (no && p.seqs("and|or no") || p.seqs("and|or all|any?", "and|or")) && !p.is("incoming", "outgoing") {
				p.back(s)
			}
			adjective = true
			continue
		case p.in(protocols):
			s := p.save()
			if ports, ok := p.ports(true); ok {
				f.ports = ports
				continue
			}
			p.back(s)
			f.ports = append(f.ports, ir.Port{Protocol: map[string]string{"tcp": "TCP", "udp": "UDP", "sctp": "SCTP", "icmp": "ICMP"}[p.tok().word], Span: p.tok().span()})
			p.i++
			continue
		case p.is("network", "direct", "new", "inter-pod", "pod-to-pod", "statsd", "client", "external", "internet", "user") && (flowNouns[p.at(1).word] || flowAdjs[p.at(1).word] || p.isAt(1, "incoming", "outgoing")):
			if p.is("external", "internet") {
				f.outside = true
			}
			p.i++
			continue
		}
		break
	}
	if p.in(flowNouns) && (adjective || len(f.ports) > 0 || f.outside || !p.exactName()) {
		p.i++
		if p.is("and", "or") && flowNouns[p.at(1).word] {
			p.i += 2
		}
		return true
	}
	if len(f.ports) > 0 && !adjective {
		adjective = p.is("from", "to", "into", "between")
	}
	if !adjective {
		p.i = from
	}
	return adjective
}

// hasDir says whether the frame's only direction is end.
func (f *frame) hasDir(end ir.End) bool { return len(f.dirs) == 1 && f.dirs[0] == end }

// flow takes "traffic from A to B on P" after a verb or before one. It is the
// shared middle of commands and statements about traffic.
func (p *parser) flow(f *frame) bool {
	s := p.save()
	if p.ownFlow(f) {
		return true
	}
	if !p.flowNoun(f) {
		if ports, ok := p.ports(true); ok && p.is("from", "to", "between") {
			f.ports = ports
		} else if !ok && p.i != s.i {
			return p.back(s)
		}
		if !p.is("from", "to", "only", "between", "within", "inside") || !p.phraseAhead(flowRoles) && !p.is("only", "between", "within", "inside") {
			return p.back(s)
		}
	}
	r := flowRoles
	switch {
	case f.hasDir(ir.Egress):
		f.sender, f.toward = true, ir.Egress
		r.from = append(slices.Clone(r.from), "of", "for", "in")
		r.to = []string{"to", "into", "towards"}
	case len(f.dirs) == 2:
		r.from = append(slices.Clone(r.from), "of", "for", "in")
		r.to = []string{"to", "into"}
	case f.hasDir(ir.Ingress):
		f.toward = ir.Ingress
		r.to = append(slices.Clone(r.to), "of", "for", "in")
	}
	access := p.isAt(-1, "access")
	if access && len(f.dirs) == 0 {
		r = roles{from: []string{"from", "for", "by"}, to: []string{"to"}}
	}
	if f.outside && !f.hasDir(ir.Ingress) {
		r.from = append(slices.Clone(r.from), "for", "of")
		r.to = []string{"to", "into"}
	}
	p.complement(f, r)
	if f.outside && !f.onlyFrom && !f.onlyTo {
		world := []party{{peers: []ir.Peer{{Kind: ir.World, Span: p.span(s.i)}}}}
		switch {
		case access && len(f.to) > 0 && p.internetAccess(s.i):
			p.errorf(diag.ReadAmbiguous, p.span(s.i), "internet access to something could be its own access to the internet, or access to it from there", "write \"A to the internet\", or \"the internet to A\"")
			f.from = world
		case len(f.from) == 0 && len(f.to) > 0 || f.hasDir(ir.Ingress):
			f.from = world
		case len(f.to) == 0 && len(f.from) > 0 || f.hasDir(ir.Egress):
			f.to = world
		case access && p.header != nil:
			f.to = world
		default:
			return p.back(s) // external to whom
		}
		f.outside = false
	}
	return true
}

// internetAccess says whether the words from token i on hold "internet access".
func (p *parser) internetAccess(i int) bool {
	for k := i; k+1 < p.i; k++ {
		if p.tokens[k].word == "internet" && p.tokens[k+1].word == "access" {
			return true
		}
	}
	return false
}

// ownFlow is "A's outgoing traffic", "A's egress".
func (p *parser) ownFlow(f *frame) bool {
	s := p.save()
	peers, _, ok := p.peers(nil)
	if !ok || !p.take("'s") || !p.flowNoun(f) || len(f.dirs) != 1 && !(len(f.dirs) == 0 && p.is("to")) {
		*f = frame{deny: f.deny, policy: f.policy}
		return p.back(s)
	}
	if len(f.dirs) == 0 {
		f.from = []party{{peers: peers}}
		p.complement(f, roles{to: flowRoles.to})
	} else if f.hasDir(ir.Egress) {
		f.from, f.sender, f.toward = []party{{peers: peers}}, true, ir.Egress
		p.complement(f, roles{to: flowRoles.to})
	} else {
		f.to, f.toward = []party{{peers: peers}}, ir.Ingress
		p.complement(f, roles{from: flowRoles.from})
	}
	return true
}

// exactName says whether the next word is the name of something as it stands.
func (p *parser) exactName() bool {
	p.i++
	ok := p.nameHere(p.i - 1)
	p.i--
	return ok
}

// flowDNS is "allow DNS", "allow DNS egress (UDP 53)", "allow DNS lookups".
func (p *parser) flowDNS(f *frame) bool {
	s := p.save()
	p.takeIn(dets)
	p.take("outgoing")
	if !p.seqs("dns", "name resolution") || !p.is("outgoing", "queries", "traffic", "lookups", "requests", "resolution", "(", ".", ",", "and", "for", "from", "on", "to") && !p.done() {
		return p.back(s)
	}
	name := []party{{peers: []ir.Peer{{Kind: ir.ClusterDNS, Span: p.span(s.i)}}}}
	p.seqs("outgoing")
	p.seqs("traffic|queries|lookups|requests|resolution")
	f.to, f.sender = name, true
	p.complement(f, roles{from: []string{"from", "for", "to"}})
	if !p.ended() {
		return p.back(s)
	}
	return len(f.from) > 0 || p.fill(f)
}

// denySides puts the one party of a general prohibition on the side that the
// direction says.
func (p *parser) denySides(f *frame) bool {
	who := f.from
	if len(f.from) > 0 && len(f.to) > 0 || p.foreignSide(f) {
		return true
	}
	if len(who) == 0 {
		who = f.to
	}
	if len(who) == 0 {
		if p.header != nil {
			who = []party{{peers: p.header}}
		} else if p.topic != nil && !p.topic.unsure {
			who = []party{{peers: p.topic.peers}}
		} else {
			own := p.own(p.span(max(0, p.i-1)))
			if own.In == nil {
				return true // refused with both readings
			}
			who = []party{{peers: []ir.Peer{own}}}
		}
	}
	if side := p.otherSide(f); side != nil {
		*f = *side
		return true
	}
	if len(f.dirs) == 0 {
		f.dirs = []ir.End{ir.Ingress, ir.Egress}
	}
	f.from, f.to = nil, nil
	p.about(who)
	if len(f.dirs) == 2 {
		p.frames = append(p.frames, frame{})
		twin := *f
		twin.dirs, twin.to = []ir.End{ir.Ingress}, who
		twin.span = p.span(max(0, p.i-1))
		p.frames[len(p.frames)-1] = twin
		f.dirs = []ir.End{ir.Egress}
	}
	if f.dirs[0] == ir.Ingress {
		f.to = who
	} else {
		f.from = who
	}
	return true
}

// everything is "everything coming into B", "everything from other namespaces":
// traffic by another word. "Everything from B" alone could also be everything
// that is kept from B.
func (p *parser) everything(f *frame) bool {
	s := p.save()
	if !p.seqs("everything|anything|all") {
		return false
	}
	switch {
	case p.is("coming", "going", "originating", "destined", "sent", "leaving", "entering", "arriving", "to", "into"):
		f.every = true
		p.complement(f, flowRoles)
		return len(f.from)+len(f.to) > 0 || p.back(s)
	case p.take("from"):
		list, ok := p.parties(false)
		if !ok || !p.ended() && !p.is("to", "into") {
			return p.back(s)
		}
		if f.from = list; p.ended() && !p.foreigners(all(list)) {
			p.errorf(diag.ReadAmbiguous, p.span(s.i), "everything from there could be what comes from it, or everybody who is kept from it", "write \"all traffic from A\", or \"everybody from reaching A\"")
		}
		p.complement(f, roles{to: flowRoles.to})
		return true
	}
	return p.back(s)
}
