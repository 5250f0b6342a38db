package english

import (
	"reflect"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file turns frames into rules, by the table of section 4.1 of the design.
//
// Exclusivity is a firm Close with what the clause allows as its exception; at
// which end depends on the side that is exclusive. A source that is no pod
// ("outside may open only web") cannot be closed itself: there every pod of the
// set's namespace is closed to it. A destination that is no pod ("only web may
// reach the internet") likewise: there everybody else's egress is.

// emit appends the rules of f.
func (p *parser) emit(f frame) {
	if f.both && len(f.from) > 0 && len(f.to) > 0 {
		g := f
		g.both = false
		back := g
		back.from, back.to = g.to, g.from
		p.emit(g)
		p.emit(back)
		return
	}
	if m := butPeers(f.to); m != nil && f.deny && !f.soft && p.saysOutside(f.to[0].peers[0].Span) && len(f.from) > 0 && !anybody(f.from) && len(f.exceptTo)+len(f.exceptFrom)+len(f.to[0].ports)+len(f.ports) == 0 {
		// "must not reach anything outside x" allows nothing in x.
		f.to, f.exceptTo, f.firm = nil, []party{{peers: m}}, true
	}
	f.allBut()
	if dnsOnly(all(f.to)) && anybody(f.from) { // "DNS for everybody"
		f.from = []party{{peers: []ir.Peer{p.own(f.span)}}}
	}
	spread(&f)
	for _, s := range f.from {
		for _, d := range f.to {
			f.joined(d.ports, s.ports)
		}
	}
	switch {
	case f.sender && dnsOnly(all(f.from)):
		p.errorf(diag.ReadAmbiguous, f.span, "it is not clear whose traffic to cluster DNS is meant", "write \"A may reach cluster DNS\"")
	case f.bareElse && f.ordered:
		p.errorf(diag.ReadAmbiguous, f.span, "\"nothing else\" could mean that the one reaches nothing else, or that nothing else reaches the other", "write \"A may only reach B\", or \"only A may reach B\"")
	case f.clash:
		p.errorf(diag.ReadAmbiguous, f.span, "two phrases name different ports for the same traffic", "name the ports once")
	case f.deny:
		p.emitDeny(f)
	case len(f.from) == 0 && len(f.to) > 0 && f.onlyPort && !f.onlyFrom:
		for _, t := range f.to {
			p.rule(ir.Rule{Close: &ir.Close{End: ir.Ingress, Subject: t.peers, Except: []ir.Traffic{{Ports: t.ports}}, Firm: true, Span: f.span}})
		}
	case len(f.from) == 0 || len(f.to) == 0:
		p.errorf(diag.ReadAmbiguous, f.span, "it does not say "+missing(f), "say who may reach whom: \"A may reach B on port P\"")
	default:
		p.emitAllow(f)
	}
}

// allBut turns "must not reach anything but B" and "everybody but A must not
// reach B" into what they say: B is the only one.
func (f *frame) allBut() {
	if !f.deny || f.soft {
		return
	}
	if m := butPeers(f.to); m != nil && len(f.from) > 0 && !anybody(f.from) {
		f.to, f.deny, f.onlyTo = []party{{peers: m, ports: f.to[0].ports}}, false, true
	} else if m := butPeers(f.from); m != nil && len(f.to) > 0 && !anybody(f.to) && m[0].Kind != ir.Pods {
		f.from, f.deny, f.onlyFrom = []party{{peers: m}}, false, true
		f.scoped = f.scoped || f.ported() // "deny everyone but A access to B on port 80"
	}
}

// butPeers is the exceptions of "anybody but ...".
func butPeers(list []party) []ir.Peer {
	if len(list) == 1 && len(list[0].peers) == 1 && list[0].peers[0].Kind == ir.Anybody {
		return list[0].peers[0].Minus
	}
	return nil
}

func missing(f frame) string {
	if len(f.from) == 0 && len(f.to) == 0 {
		return "who may reach whom"
	} else if len(f.from) == 0 {
		return "from where"
	}
	return "to where"
}

// spread hands the clause's ports to the destinations that have none of their
// own.
func spread(f *frame) {
	f.to = slices.Clone(f.to)
	for i := range f.to {
		f.scoped = (f.scoped || f.to[i].named) && !f.wide
		f.to[i].ports = f.joined(f.to[i].ports, f.ports)
	}
}

// joined is join, and marks the frame where the two cannot both hold.
func (f *frame) joined(a, b []ir.Port) []ir.Port {
	out, ok := join(a, b)
	f.clash = f.clash || !ok
	return out
}

// join is ports that two phrases of a clause say: "TCP traffic ... on port 80"
// is port 80 over TCP. It fails where both name ports.
func join(a, b []ir.Port) ([]ir.Port, bool) {
	switch {
	case len(a) == 0 || len(b) > 0 && reflect.DeepEqual(plainPorts(a), plainPorts(b)):
		return b, true
	case len(b) == 0:
		return a, true
	case protocolsOnly(b):
		a, b = b, a
	case !protocolsOnly(a):
		return a, false
	}
	var protos []string
	for _, q := range a {
		protos = append(protos, q.Protocol)
	}
	for _, q := range b {
		if q.Protocol != "" && !slices.Contains(protos, q.Protocol) {
			return b, false
		}
	}
	return withProtos(b, protos), true
}

func protocolsOnly(ports []ir.Port) bool {
	return !slices.ContainsFunc(ports, func(q ir.Port) bool { return q.Number != 0 || q.Name != "" })
}

// flow is one source list, one destination list and the ports between them.
type flow struct {
	from, to []ir.Peer
	ports    []ir.Port
	each     bool
}

// flows is the frame's pairs, merged where only one side differs.
func (f frame) flows() []flow {
	var out []flow
	for _, s := range f.from {
		for _, d := range f.to {
			if (s.each || d.each) && max(len(f.from), len(f.to)) > 1 && subset(s.peers, d.peers) && subset(d.peers, s.peers) {
				continue
			}
			n := flow{from: s.peers, to: d.peers, each: s.each || d.each}
			n.ports, _ = join(d.ports, s.ports)
			out = append(out, n)
		}
	}
	merge := func(list []flow, same func(a, b flow) bool, join func(a *flow, b flow)) []flow {
		var merged []flow
	next:
		for _, n := range list {
			for i := range merged {
				if same(merged[i], n) && reflect.DeepEqual(plainPorts(merged[i].ports), plainPorts(n.ports)) {
					join(&merged[i], n)
					continue next
				}
			}
			merged = append(merged, n)
		}
		return merged
	}
	out = merge(out, func(a, b flow) bool { return reflect.DeepEqual(a.from, b.from) }, func(a *flow, b flow) { a.to = union(a.to, b.to) })
	return merge(out, func(a, b flow) bool { return reflect.DeepEqual(a.to, b.to) }, func(a *flow, b flow) { a.from = union(a.from, b.from) })
}

func plainPorts(ports []ir.Port) []ir.Port {
	out := slices.Clone(ports)
	for i := range out {
		out[i].Span = ir.Span{}
	}
	return out
}

func union(a, b []ir.Peer) []ir.Peer {
	out := slices.Clone(a)
	for _, q := range b {
		if !slices.ContainsFunc(out, func(have ir.Peer) bool { return samePeer(have, q) }) {
			out = append(out, q)
		}
	}
	return out
}

func plainPeers(peers []ir.Peer) []ir.Peer {
	out := slices.Clone(peers)
	for i := range out {
		out[i].Span = ir.Span{}
	}
	return out
}

func samePeer(a, b ir.Peer) bool {
	a.Span, b.Span = ir.Span{}, ir.Span{}
	return reflect.DeepEqual(a, b)
}

func all(list []party) []ir.Peer {
	var out []ir.Peer
	for _, n := range list {
		out = union(out, n.peers)
	}
	return out
}

// arePods says whether every peer means pods and nothing else.
func arePods(peers []ir.Peer) bool {
	return !slices.ContainsFunc(peers, func(q ir.Peer) bool {
		switch q.Kind {
		case ir.Workload, ir.Pods, ir.ServiceAccount, ir.ClusterDNS, ir.IngressController:
			return false
		}
		return true
	})
}

func (p *parser) rule(r ir.Rule) { p.rules = append(p.rules, r) }

// emitAllow adds the frame's Allows.
func (p *parser) emitAllow(f frame) {
	f.carve()
	about := ir.Ingress
	if f.sender {
		about = ir.Egress
	}
	exclusive := f.onlyFrom || f.onlyTo || f.onlyPort
	if f.open || exclusive {
		about = ""
	}
	flows := f.flows()
	for _, n := range flows {
		if !arePods(n.from) && !arePods(n.to) || !n.each && len(n.from) == 1 && n.from[0].Kind == ir.Workload && reflect.DeepEqual(plainPeers(n.from), plainPeers(n.to)) {
			p.errorf(diag.ReadAmbiguous, f.span, "it does not say which two sides are meant", "name workloads, labels or namespaces on one side, and others on the other")
			return
		}
		p.rule(ir.Rule{Allow: &ir.Allow{From: n.from, To: n.to, Ports: n.ports, About: about, Span: f.span}})
	}
	f.redirect()
	if kinds := func(list []party) bool {
		return slices.ContainsFunc(all(list), func(q ir.Peer) bool { return q.Kind == ir.Pods })
	}; len(f.exceptTo) > 0 && kinds(f.exceptTo) && kinds(f.from) && !kinds(f.to) {
		p.errorf(diag.ReadAmbiguous, f.span, "the exception could be about either side", "write two sentences")
		return
	}
	if len(f.exceptFrom)+len(f.exceptTo)+len(f.exceptPorts) > 0 {
		p.emitExceptions(f, exclusive)
	} else if m := minus(f.to); !exclusive && len(m) > 0 && arePods(m) {
		f.exceptTo = []party{{peers: m}}
		p.emitExceptions(f, exclusive)
	}
	if f.onlyFrom {
		p.closeSources(f, flows)
	}
	if f.onlyTo {
		p.closeDestinations(f, flows)
	}
	if f.onlyPort && !f.onlyFrom && !f.onlyTo {
		for _, n := range flows {
			p.closeFlow(n.from, n.to, nil, n.ports, f)
		}
	}
}

// redirect moves an exception of pods to the senders where the destination is no
// pod and could not hold it: "all pods may reach the internet except db".
func (f *frame) redirect() {
	if len(f.exceptTo) > 0 && arePods(all(f.exceptTo)) && !slices.ContainsFunc(all(f.to), func(q ir.Peer) bool { return arePods([]ir.Peer{q}) || q.Kind == ir.Anybody }) {
		f.exceptFrom, f.exceptTo = append(f.exceptFrom, f.exceptTo...), nil
	}
}

// dnsOnly says whether the peers are the cluster's DNS: nobody's own pods, so
// that what is said of them is about the senders.
func dnsOnly(peers []ir.Peer) bool { return len(peers) == 1 && peers[0].Kind == ir.ClusterDNS }

// closeFlow forbids flows from from to to: on ports, or on all but except.
func (p *parser) closeFlow(from, to []ir.Peer, ports, except []ir.Port, f frame) {
	if len(from) == 1 && from[0].Kind == ir.Workload && reflect.DeepEqual(plainPeers(from), plainPeers(to)) {
		p.errorf(diag.ReadAmbiguous, f.span, "it does not say which two sides are meant", "repeat the names")
		return
	}
	if !f.near {
		from, to = p.widen(from, to)
	}
	from, to = p.others(from, to), p.others(to, from)
	c := &ir.Close{End: ir.Ingress, Subject: to, Firm: true, Span: f.span}
	other := from
	if !arePods(to) || dnsOnly(to) && arePods(from) {
		c.End, c.Subject, other = ir.Egress, from, to
	}
	if !arePods(c.Subject) {
		p.errorf(diag.ReadAmbiguous, f.span, "neither side of it is pods, so no policy can be about it", "name workloads, labels or namespaces on one side")
		return
	}
	if c.End == ir.Egress {
		c.DNS = f.dns
	}
	c.Scope = []ir.Traffic{{Peers: other, Ports: ports}}
	if len(except) > 0 {
		c.Except = []ir.Traffic{{Ports: except}}
	}
	p.rule(ir.Rule{Close: c})
}

// closeSources is exclusivity among sources: only they may reach the
// destinations.
func (p *parser) closeSources(f frame, flows []flow) {
	for _, d := range destinations(flows) {
		var except []ir.Traffic
		var from []ir.Peer
		var ports []ir.Port
		for _, n := range flows {
			if !subset(d, n.to) {
				continue
			}
			t := ir.Traffic{Peers: n.from, Ports: n.ports}
			if f.scoped {
				t.Ports = nil
				ports = append(ports, n.ports...)
			}
			except = append(except, t)
			from = append(from, n.from...)
		}
		if !arePods(d) || dnsOnly(d) {
			p.closeOthers(f, d, from, ports)
			for _, n := range flows {
				if len(n.ports) > 0 && !f.scoped && subset(d, n.to) {
					p.closeFlow(n.from, d, nil, n.ports, f)
				}
			}
			continue
		}
		c := &ir.Close{End: ir.Ingress, Subject: d, Except: except, Firm: true, Span: f.span}
		switch {
		case f.outside:
			c.Scope = []ir.Traffic{{Peers: []ir.Peer{{Kind: ir.World}}, Ports: ports}}
		case f.scoped && len(ports) > 0:
			c.Scope = []ir.Traffic{{Ports: ports}}
		}
		p.rule(ir.Rule{Close: c})
	}
}

// closeOthers is "only web may reach the internet": everybody else in the set's
// namespace may not.
func (p *parser) closeOthers(f frame, to, from []ir.Peer, ports []ir.Port) {
	others := p.own(f.span)
	if others.In == nil {
		return
	}
	others.Minus = from
	p.rule(ir.Rule{Close: &ir.Close{End: ir.Egress, Subject: []ir.Peer{others}, Scope: []ir.Traffic{{Peers: to, Ports: ports}}, Firm: true, Span: f.span}})
}

// destinations is the flows' destination lists, split so that a peer is in one.
func destinations(flows []flow) [][]ir.Peer {
	var out [][]ir.Peer
	each := slices.ContainsFunc(flows, func(n flow) bool { return n.each })
	for _, n := range flows {
		list := [][]ir.Peer{n.to}
		if len(flows) > 1 || each {
			list = nil
			for _, q := range n.to {
				list = append(list, []ir.Peer{q})
			}
		}
		for _, d := range list {
			if !slices.ContainsFunc(out, func(have []ir.Peer) bool { return subset(d, have) }) {
				out = append(out, d)
			}
		}
	}
	return out
}

func subset(sub, of []ir.Peer) bool {
	return !slices.ContainsFunc(sub, func(q ir.Peer) bool {
		return !slices.ContainsFunc(of, func(o ir.Peer) bool { return samePeer(q, o) })
	})
}

// closeDestinations is exclusivity among destinations: the sources may reach
// nothing else.
func (p *parser) closeDestinations(f frame, flows []flow) {
	from := all(f.from)
	if !arePods(from) {
		p.closeInward(f, from, flows)
		return
	}
	if p.namespace != "" && p.foreigners(from) && slices.ContainsFunc(from, func(q ir.Peer) bool { return q.Kind == ir.Pods && len(q.Labels) == 0 }) {
		p.errorf(diag.ReadAmbiguous, f.span, "it could restrict all that another namespace sends, or only what it sends into this one", "write \"block A from all pods of this namespace except B\", or put it in an intent set of that namespace")
		return
	}
	var except []ir.Traffic
	for _, n := range flows {
		except = append(except, ir.Traffic{Peers: n.to, Ports: n.ports})
	}
	c := &ir.Close{End: ir.Egress, Subject: from, Except: except, Firm: true, DNS: f.dns, Span: f.span}
	if f.outside {
		c.Scope = []ir.Traffic{{Peers: []ir.Peer{{Kind: ir.World}}}}
	}
	p.rule(ir.Rule{Close: c})
}

// closeInward is "outside may open only web": every other pod of the namespace
// is closed to it, and web on its other ports.
func (p *parser) closeInward(f frame, from []ir.Peer, flows []flow) {
	rest := p.own(f.span)
	if rest.In == nil {
		return
	}
	var named []ir.Peer
	for _, n := range flows {
		named = union(named, n.to)
	}
	if !arePods(named) || slices.ContainsFunc(from, func(q ir.Peer) bool { return q.Kind == ir.Anybody }) {
		p.errorf(diag.ReadAmbiguous, f.span, "what is exclusive here cannot be told", "say \"only A may reach B\"")
		return
	}
	rest.Minus = named
	p.rule(ir.Rule{Close: &ir.Close{End: ir.Ingress, Subject: []ir.Peer{rest}, Scope: []ir.Traffic{{Peers: from}}, Firm: true, Span: f.span}})
	for _, n := range flows {
		if len(n.ports) > 0 {
			p.rule(ir.Rule{Close: &ir.Close{End: ir.Ingress, Subject: n.to, Scope: []ir.Traffic{{Peers: from}}, Except: []ir.Traffic{{Ports: n.ports}}, Firm: true, Span: f.span}})
		}
	}
}
