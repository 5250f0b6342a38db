package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file decides whom an exception is taken from, what it does to what is
// allowed, and how far "every pod" goes.

// widen gives the other side of a prohibition its full reach: "every pod" of a
// rule's own side means the set's namespace, but who is kept from something, or
// what somebody is kept from, is every pod of the cluster.
func (p *parser) widen(from, to []ir.Peer) ([]ir.Peer, []ir.Peer) {
	wide := func(peers []ir.Peer) []ir.Peer {
		peers = slices.Clone(peers)
		for i, q := range peers {
			if q.Kind == ir.Pods && len(q.Labels) == 0 && slices.Contains(p.unscoped, q.Span) {
				peers[i].In = nil
			}
		}
		return peers
	}
	switch {
	case subset(from, to) && subset(to, from):
		return from, to
	case arePods(to) && p.namespace != "" && p.foreigners(to):
		return p.near(from), to
	case arePods(to) && !dnsOnly(to) && !slices.EqualFunc(from, wide(from), samePeer):
		return wide(from), to
	case arePods(from) && !p.foreigners(from):
		return from, wide(to)
	}
	return from, to
}

// everybody says whether the list is one phrase that means all of a kind, which
// an exception can be taken from.
func everybody(list []party) bool {
	if len(list) != 1 || len(list[0].peers) != 1 {
		return false
	}
	q := list[0].peers[0]
	return len(q.Minus) == 0 && (q.Kind == ir.Pods || q.Kind == ir.World || q.Kind == ir.Anybody)
}

// partOf says whether peers can be among what q means: no pod is outside, and no
// pod of one namespace is a pod of another.
func partOf(peers []ir.Peer, q ir.Peer) bool {
	return len(peers) > 0 && !slices.ContainsFunc(peers, func(x ir.Peer) bool {
		switch {
		case q.Kind == ir.Anybody:
			return false
		case q.Kind == ir.World:
			return x.Kind != ir.CIDR && x.Kind != ir.Domain
		case x.Kind == ir.Workload || x.Kind == ir.ServiceAccount:
			return !inside(q.In, []string{x.Namespace})
		case x.Kind == ir.Pods && x.In != nil && len(x.In.Names) > 0:
			return !inside(q.In, x.In.Names)
		case x.Kind == ir.Pods && x.In != nil && len(x.In.Not) > 0 && q.In != nil && len(q.In.Names) > 0:
			return !inside(x.In, q.In.Names)
		}
		return !arePods([]ir.Peer{x})
	})
}

// inside says whether in could hold each of the named namespaces.
func inside(in *ir.Namespaces, spaces []string) bool {
	if in == nil {
		return true
	}
	return !slices.ContainsFunc(spaces, func(s string) bool {
		return len(in.Names) > 0 && !slices.Contains(in.Names, s) || slices.Contains(in.Not, s)
	})
}

// exceptParty takes an exception without a preposition out of the side that it
// can be part of: "no pod may reach the internet except mailer". It fails where
// neither side can have it, and refuses where both can.
func (p *parser) exceptParty(f *frame, list []party) bool {
	if slices.ContainsFunc(list, func(n party) bool { return len(n.ports) > 0 }) {
		return false
	}
	peers := all(list)
	from := everybody(f.from) && partOf(peers, f.from[0].peers[0])
	to := everybody(f.to) && partOf(peers, f.to[0].peers[0])
	switch {
	case from && to:
		p.errorf(diag.ReadAmbiguous, f.span, "the exception could be about either side", "write the exception as a sentence of its own")
	case from:
		f.from = without(f.from[0], peers)
	case to:
		f.to = without(f.to[0], peers)
	default:
		return false
	}
	return true
}

func without(n party, peers []ir.Peer) []party {
	n.peers = slices.Clone(n.peers)
	n.peers[0].Minus = peers
	return []party{n}
}

// doubtful says whether an exception that the words attach to one side could as
// well be about the other: "no pod may reach pods of x except mailer".
func doubtful(f frame) bool {
	for _, sides := range [][2][]party{{f.from, f.to}, {f.to, f.from}} {
		has, lacks := sides[0], sides[1]
		if len(has) == 1 && len(has[0].peers) == 1 && has[0].peers[0].Kind != ir.Anybody && len(has[0].peers[0].Minus) > 0 && everybody(lacks) && partOf(has[0].peers[0].Minus, lacks[0].peers[0]) && has[0].peers[0].Span.End > lacks[0].peers[0].Span.End {
			return true
		}
	}
	return false
}

// takenOut says whether an exception was taken out of a side since before.
func takenOut(f, before *frame) bool {
	return everybody(before.from) && !everybody(f.from) || everybody(before.to) && !everybody(f.to)
}

// others leaves the set's own namespace out of "all namespaces except x" where
// that is kept from its pods: what moves within it comes from no other one.
func (p *parser) others(peers, side []ir.Peer) []ir.Peer {
	if p.namespace == "" || p.foreigners(side) {
		return peers
	}
	peers = slices.Clone(peers)
	for i, q := range peers {
		if q.Kind != ir.Pods || q.In == nil || len(q.In.Not) == 0 || len(q.In.Names) > 0 || slices.Contains(q.In.Not, p.namespace) {
			continue
		}
		in := *q.In
		in.Not = append(slices.Clone(in.Not), p.namespace)
		peers[i].In = &in
		p.note(q.Span, "traffic within namespace "+p.namespace+" is left as it is")
	}
	return peers
}

// minus is what is taken out of the list's phrases.
func minus(list []party) (out []ir.Peer) {
	for _, q := range all(list) {
		out = append(out, q.Minus...)
	}
	return out
}

// farExceptions takes "block all from a to the namespace, except to c" for what
// it says: c is not among what is kept from a, or only its other ports are.
func (p *parser) farExceptions(f *frame) {
	split := func(side, except []party, forbid func(party)) ([]party, []party) {
		if !everybody(side) || side[0].peers[0].Kind != ir.Pods || len(side[0].ports) > 0 || len(except) == 0 || !partOf(all(except), side[0].peers[0]) {
			return side, except
		}
		for _, n := range except {
			if len(n.ports) > 0 {
				forbid(n)
			}
		}
		return without(side[0], all(except)), nil
	}
	if len(f.ports)+len(f.exceptPorts) > 0 || len(f.from) == 0 || len(f.to) == 0 || anybody(f.from) || anybody(f.to) || len(f.exceptFrom) > 0 && len(f.exceptTo) > 0 {
		return
	}
	g := *f
	if arePods(all(f.to)) {
		f.to, f.exceptTo = split(f.to, f.exceptTo, func(n party) { p.closeFlow(all(g.from), n.peers, nil, n.ports, g) })
	} else {
		f.from, f.exceptFrom = split(f.from, f.exceptFrom, func(n party) { p.closeFlow(n.peers, all(g.to), nil, n.ports, g) })
	}
}

// near keeps "no pod may reach the pods of another namespace" to the pods of the
// set's own: it is their rule.
func (p *parser) near(peers []ir.Peer) []ir.Peer {
	peers = slices.Clone(peers)
	for i, q := range peers {
		if q.Kind == ir.Pods && q.In == nil && len(q.Labels) == 0 && !p.everyClusterPod(q.Span) {
			peers[i].In = p.own(q.Span).In
		}
	}
	return peers
}

// strangers says whether one of the exceptions could not be among any of peers,
// so that it would except nothing.
func strangers(except, peers []ir.Peer) bool {
	return slices.ContainsFunc(except, func(x ir.Peer) bool {
		return !slices.ContainsFunc(peers, func(q ir.Peer) bool {
			return q.Kind == ir.CIDR || samePeer(q, x) || (q.Kind == ir.Pods || q.Kind == ir.World || q.Kind == ir.Anybody) && partOf([]ir.Peer{x}, q)
		})
	})
}

// sharedPorts refuses "a, b on port 80 and c": whether a shares b's port cannot
// be told.
func (p *parser) sharedPorts(list []party) {
	for i := 1; i+1 < len(list); i++ {
		if len(list[i].ports) > 0 && !list[i].named && len(list[i-1].ports) == 0 && len(list[i+1].ports) == 0 && list[i-1].peers[0].Kind != ir.ClusterDNS && list[i+1].peers[0].Kind != ir.ClusterDNS {
			p.errorf(diag.ReadAmbiguous, list[i].ports[0].Span, "it is not clear which of the names before it the port is about", "give each name its port")
		}
	}
}

// otherPorts is "on any port except 80", "on ports other than 80 and 443".
func (p *parser) otherPorts(f *frame) bool {
	s := p.save()
	if !p.seqs("on|over any|all|every|the? port") || !p.seqs("except for?", "other than", "but not?", "apart from") {
		return p.back(s)
	}
	ports, ok := p.portItems(true)
	if !ok || f.onlyFrom || f.onlyTo || f.onlyPort || len(f.ports)+len(f.exceptPorts) > 0 {
		return p.back(s)
	}
	f.exceptPorts = ports
	return true
}

// saysOutside says whether the phrase is "anything outside x", not "anything but
// x".
func (p *parser) saysOutside(s ir.Span) bool {
	return slices.ContainsFunc(p.tokens, func(t token) bool { return t.start >= s.Start && t.end <= s.End && t.word == "outside" })
}

// exceptedToo refuses "10.0.0.0/8 except 10.1.0.0/16 and dns": what follows could
// be excepted as well, or be beside the range.
func (p *parser) exceptedToo(s state) {
	if p.is(",") || !p.separator() {
		p.back(s)
		return
	}
	at := p.i
	_, _, ok := p.peers(nil)
	clause := p.beginsClause()
	span := p.span(at)
	p.back(s)
	if ok && !clause {
		p.errorf(diag.ReadAmbiguous, span, "it could be excepted as well, or be meant beside the range", "write two sentences")
	}
}

// carve takes addresses that an exception names out of the range that is
// allowed: "to 0.0.0.0/0 on port 443 except 10.0.0.0/8".
func (f *frame) carve() {
	to, except := all(f.to), all(f.exceptTo)
	cidr := func(q ir.Peer) bool { return q.Kind == ir.CIDR }
	if len(to) != 1 || !cidr(to[0]) || len(except) == 0 || slices.ContainsFunc(except, func(q ir.Peer) bool { return !cidr(q) || len(q.Except) > 0 }) ||
		slices.ContainsFunc(f.exceptTo, func(n party) bool { return len(n.ports) > 0 }) {
		return
	}
	block := to[0]
	block.Except = slices.Clone(block.Except)
	for _, q := range except {
		block.Except = append(block.Except, q.Prefix)
	}
	f.to = []party{{peers: []ir.Peer{block}, ports: f.to[0].ports}}
	f.exceptTo = nil
}

// emitExceptions is "allow A to reach B, except C": C is forbidden.
func (p *parser) emitExceptions(f frame, exclusive bool) {
	for i := range p.rules {
		if a := p.rules[i].Allow; a != nil && a.Span == f.span {
			a.About = ""
		}
	}
	f.near = true
	if slices.ContainsFunc(f.flows(), func(n flow) bool { return n.each && !strangers(all(f.exceptTo), n.from) }) && len(f.exceptTo) > 0 {
		p.errorf(diag.ReadAmbiguous, f.span, "it does not say which direction the exception is about", "write \"A must not reach B\"")
		return
	}
	if exclusive {
		p.errorf(diag.ReadAmbiguous, f.span, "\"only\" and an exception in one sentence can be read in two ways: the exception is forbidden, or it is let through as well", "write two sentences")
		return
	}
	if len(f.exceptPorts) > 0 {
		p.closeFlow(all(f.from), all(f.to), f.exceptPorts, nil, f)
	}
	for _, n := range f.exceptFrom {
		p.closeFlow(n.peers, all(f.to), n.ports, nil, f)
	}
	for _, n := range f.exceptTo {
		p.closeFlow(all(f.from), n.peers, n.ports, nil, f)
	}
}
