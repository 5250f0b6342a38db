package kubernetes

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file is about policies in force. What they allow cannot be taken back by
// adding policies, so a Close of what they allow is refused. Whether they allow
// something is asked of flows that stand for all others: every declared
// workload, a pod of nobody in each namespace, declared or not, and for each peer selector
// in force, an address at each edge of each address set, and the ports at the edges
// of each port set.

// held refuses the Closes of a class that policies in force isolate and that
// they still open.
func (l *lowerer) held(p *plot, c *class) {
	if len(c.closes) == 0 {
		return
	}
	if c.workload != nil {
		l.heldAt(p, c, l.endpoint(c.workload))
		return
	}
	for _, b := range c.cell {
		for _, labels := range examples(b) {
			l.heldAt(p, c, ir.Endpoint{Namespace: p.namespace, Labels: labels})
		}
	}
}

func (l *lowerer) heldAt(p *plot, c *class, at ir.Endpoint) {
	d := l.want(p.end, at, &class{closes: c.closes, allows: c.allows})
	for _, other := range l.samples() {
		for _, port := range l.samplePorts(p.end, at, other) {
			f := ir.Flow{From: other, To: at, Protocol: port.Protocol, Port: port.Number}
			if p.end == ir.Egress {
				f.From, f.To = at, other
			}
			if d.has(other, port) {
				continue
			}
			wants := l.program.Wants(f)
			flow, here := l.before.Passes(f, p.end)
			if wants.Verdict != ir.Block || !here || !flow && !l.opened(f) || l.elsewhere(p.end, f) {
				continue
			}
			l.blame(p, at, wants.By, f)
		}
	}
}

// opened says whether an Allow covers the flow, and so opens its other end.
func (l *lowerer) opened(f ir.Flow) bool {
	return slices.ContainsFunc(l.program.Rules, func(b *ir.Bound) bool { return b.Allow != nil && b.Allow.Covers(f) != ir.No })
}

// blame refuses a rule for a flow that stays open; once for the same policies.
func (l *lowerer) blame(p *plot, at ir.Endpoint, b *ir.Bound, f ir.Flow) {
	var names []string
	d := diag.Errorf(diag.LowerInForce, b.Intent.Position(b.Span), "a policy in force lets %s reach %s on %s port %d, and no NetworkPolicy can take that back",
		f.From, f.To, f.Protocol, f.Port).About(b.Intent.Name)
	for _, q := range l.inv.Policies {
		if q.Namespace() == p.namespace.Name && isolates(q.NetworkPolicy, p.end) && meetsAny(selected(q.NetworkPolicy), at.Labels) {
			names = append(names, q.Name())
			d = d.Relate(q.Origin, "%s selects these pods", q.Key())
		}
	}
	d = d.Hint("narrow or remove the NetworkPolicy %s of namespace %s", strings.Join(names, " or "), p.namespace.Name)
	if !slices.ContainsFunc(l.diags, func(o diag.Diagnostic) bool {
		return o.ID == d.ID && o.Pos == d.Pos && slices.Equal(o.Hints, d.Hints)
	}) {
		l.diags = append(l.diags, d)
	}
}

// elsewhere says whether the flow is blocked at its other end by what will be
// written there.
func (l *lowerer) elsewhere(end ir.End, f ir.Flow) bool {
	end, other := opposite(end), f.From
	if end == ir.Ingress {
		other = f.To
	}
	if !other.IsPod() || other.Workload == nil || l.before.Isolates(other.Workload, end) {
		return false
	}
	return slices.ContainsFunc(l.program.Rules, func(b *ir.Bound) bool {
		return b.Close != nil && b.Close.End == end && b.Close.Covers(f) == ir.Yes &&
			(b.Close.Firm || !slices.ContainsFunc(l.program.Rules, func(a *ir.Bound) bool {
				return a.Allow != nil && a.Set == b.Set && a.Allow.Covers(f) != ir.No
			}))
	})
}

func opposite(end ir.End) ir.End {
	if end == ir.Ingress {
		return ir.Egress
	}
	return ir.Ingress
}

// has says whether traffic with an endpoint on a port is in the region.
func (r region) has(e ir.Endpoint, port inventory.Port) bool {
	return slices.ContainsFunc(r, func(p piece) bool {
		if !p.ports.Has(port.Protocol, port.Number) || e.IsPod() != (p.addrs == nil) {
			return false
		}
		if !e.IsPod() {
			return p.addrs.Contains(e.Addr)
		}
		here, ok := p.pods.inside(e.Namespace)
		return ok && here.meets(e.Labels)
	})
}

// samples returns the endpoints that stand for all others.
func (l *lowerer) samples() []ir.Endpoint {
	if l.sampled != nil {
		return l.sampled
	}
	var out []ir.Endpoint
	for _, w := range l.inv.Workloads {
		if !w.HostNetwork {
			out = append(out, l.endpoint(w))
		}
	}
	edges := []*netipx.IPSet{l.universe, l.nodes, l.services}
	labels := []map[string]string{nil}
	namespaces := append(slices.Clone(l.inv.Namespaces), l.undeclared(nil))
	for _, q := range l.inv.Policies {
		for _, peer := range peersOf(q.NetworkPolicy) {
			for _, b := range chosen(peer.PodSelector) {
				labels = append(labels, examples(b)...)
			}
			for _, b := range chosen(peer.NamespaceSelector) {
				for _, x := range examples(b) {
					namespaces = append(namespaces, l.undeclared(x))
				}
			}
			if peer.IPBlock != nil {
				if block, err := netip.ParsePrefix(peer.IPBlock.CIDR); err == nil {
					edges = append(edges, prefixes(block))
				}
			}
		}
	}
	for _, b := range l.program.Rules {
		each(b, func(p *ir.Party) {
			if p.Addrs != nil {
				edges = append(edges, p.Addrs)
			}
		})
	}
	for _, n := range namespaces {
		for _, x := range labels {
			out = append(out, ir.Endpoint{Namespace: n, Labels: x})
		}
	}
	seen := map[netip.Addr]bool{}
	for _, set := range edges {
		for _, r := range set.Ranges() {
			for _, a := range []netip.Addr{r.From(), r.To(), r.From().Prev(), r.To().Next()} {
				if a.IsValid() && !seen[a] && l.universe.Contains(a) {
					seen[a] = true
					out = append(out, ir.Endpoint{Addr: a})
				}
			}
		}
	}
	l.sampled = out
	return out
}

// undeclared returns a namespace that nobody declared; its name is that of the
// labels, if they hold one.
func (l *lowerer) undeclared(labels map[string]string) *inventory.Namespace {
	n := &inventory.Namespace{Name: "any-other-namespace", Labels: map[string]string{}}
	maps.Copy(n.Labels, labels)
	if name := n.Labels[inventory.NameLabel]; name != "" {
		n.Name = name
	}
	for l.inv.Namespace(n.Name) != nil {
		n.Name += "-x"
	}
	n.Labels[inventory.NameLabel] = n.Name
	return n
}

func peersOf(p *networkingv1.NetworkPolicy) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for _, r := range p.Spec.Ingress {
		out = append(out, r.From...)
	}
	for _, r := range p.Spec.Egress {
		out = append(out, r.To...)
	}
	return out
}

// samplePorts returns the ports that stand for all others at the destination.
func (l *lowerer) samplePorts(end ir.End, at, other ir.Endpoint) []inventory.Port {
	if l.edges == nil {
		l.edges = l.portEdges()
	}
	to := at
	if end == ir.Egress {
		to = other
	}
	if to.Workload == nil {
		return l.edges
	}
	return slices.Concat(l.edges, to.Workload.Ports)
}

func (l *lowerer) portEdges() []inventory.Port {
	seen := map[inventory.Port]bool{}
	out := []inventory.Port{}
	add := func(protocol string, number int) {
		p := inventory.Port{Protocol: protocol, Number: number}
		if number >= 1 && number <= 65535 && !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	edge := func(s ir.PortSet) {
		for i, list := range s {
			for _, v := range list {
				for _, n := range []int{v.Lo - 1, v.Lo, v.Hi, v.Hi + 1} {
					add(ir.Protocols[i], n)
				}
			}
		}
	}
	edge(ir.AllPorts())
	for _, b := range l.program.Rules {
		if b.Allow != nil {
			portSets(b.Allow.Ports, edge)
			continue
		}
		for _, t := range slices.Concat(b.Close.Scope, b.Close.Except) {
			portSets(t.Ports, edge)
		}
	}
	for _, q := range l.inv.Policies {
		var ports []networkingv1.NetworkPolicyPort
		for _, r := range q.NetworkPolicy.Spec.Ingress {
			ports = append(ports, r.Ports...)
		}
		for _, r := range q.NetworkPolicy.Spec.Egress {
			ports = append(ports, r.Ports...)
		}
		for _, p := range ports {
			if p.Port == nil {
				continue
			}
			lo, hi := p.Port.IntValue(), p.Port.IntValue()
			if p.EndPort != nil {
				hi = int(*p.EndPort)
			}
			for _, protocol := range ir.Protocols {
				edge(ir.Ports(protocol, lo, hi))
			}
		}
	}
	slices.SortFunc(out, func(a, b inventory.Port) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number))
	})
	return out
}

// portSets calls do for every set of a map, in no order.
func portSets(m ir.PortMap, do func(ir.PortSet)) {
	do(m.Default)
	for _, s := range m.Per {
		do(s)
	}
}
