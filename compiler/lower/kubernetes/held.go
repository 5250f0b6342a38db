package kubernetes

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file is about policies in force. What they allow cannot be taken back by
// adding policies, so a Close of what they allow is refused. What they allow at
// the pods in question is a region like any other; of its common part with what
// is to be blocked there, flows are taken that stand for the rest: a flow that
// another policy, or another rule, blocks at its other end does no harm.

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
	boxes := slices.Clone(c.cell)
	for _, q := range l.inv.Policies {
		if q.Namespace() == p.namespace.Name && isolates(q.NetworkPolicy, p.end) {
			boxes = append(boxes, intersect(c.cell, selected(q.NetworkPolicy))...)
		}
	}
	seen := map[string]bool{}
	for _, b := range boxes {
		if seen[b.String()] || l.identity(p.namespace, b) {
			continue
		}
		seen[b.String()] = true
		for _, labels := range examples(b) {
			l.heldAt(p, c, ir.Endpoint{Namespace: p.namespace, Labels: labels})
		}
	}
}

func (l *lowerer) heldAt(p *plot, c *class, at ir.Endpoint) {
	blocked := everything(l.universe).minus(l.want(p.end, at, &class{closes: c.closes, allows: c.allows}))
	for _, leak := range l.allowed(p, at).and(blocked) {
		l.leaks(p, at, leak)
	}
}

// leaks refuses the rule that wants a flow of the leak blocked.
func (l *lowerer) leaks(p *plot, at ir.Endpoint, leak piece) {
	for _, other := range l.samples(leak) {
		for _, port := range l.samplePorts(p.end, at, other, leak.ports) {
			f := ir.Flow{From: other, To: at, Protocol: port.Protocol, Port: port.Number}
			if p.end == ir.Egress {
				f.From, f.To = at, other
			}
			wants := l.program.Wants(f)
			if wants.Verdict != ir.Block || !l.before.Passes(f, p.end) || !l.before.Passes(f, opposite(p.end)) && !l.opened(f) ||
				l.elsewhere(p.end, f) {
				continue
			}
			l.blame(p, at, wants.By, f)
			return
		}
	}
}

// allowed returns what the policies in force that select at allow there, at
// most: an ipBlock may match pods, and a named port be any of its protocol.
func (l *lowerer) allowed(p *plot, at ir.Endpoint) region {
	var out region
	for _, q := range l.inv.Policies {
		np := q.NetworkPolicy
		if np.Namespace != p.namespace.Name || !isolates(np, p.end) || !meetsAny(selected(np), at.Labels) {
			continue
		}
		add := func(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
			set := portsIn(ports)
			if len(peers) == 0 {
				out = append(out, piece{where: everyPod(), ports: set}, piece{where: where{addrs: l.universe}, ports: set})
			}
			for _, peer := range peers {
				if peer.IPBlock == nil {
					for _, b := range podsIn(np.Namespace, peer) {
						out = append(out, piece{where: where{pods: b}, ports: set})
					}
					continue
				}
				addrs := block(peer.IPBlock)
				out = append(out, piece{where: where{addrs: overlap(addrs, l.universe)}, ports: set})
				if addrs.Overlaps(l.pods) || len(l.inv.Facts.PodCIDRs) == 0 && addrs.Overlaps(private) {
					out = append(out, piece{where: everyPod(), ports: set})
				}
			}
		}
		if p.end == ir.Ingress {
			for _, r := range np.Spec.Ingress {
				add(r.From, r.Ports)
			}
			continue
		}
		for _, r := range np.Spec.Egress {
			add(r.To, r.Ports)
		}
	}
	return out.tidy()
}

// portsIn reads the ports of a rule in force.
func portsIn(ports []networkingv1.NetworkPolicyPort) ir.PortSet {
	if len(ports) == 0 {
		return ir.AllPorts()
	}
	var out ir.PortSet
	for _, p := range ports {
		protocol := "TCP"
		if p.Protocol != nil {
			protocol = string(*p.Protocol)
		}
		lo, hi := 1, 65535
		if p.Port != nil && p.Port.Type == intstr.Int {
			lo, hi = p.Port.IntValue(), p.Port.IntValue()
			if p.EndPort != nil {
				hi = int(*p.EndPort)
			}
		}
		out = out.Union(ir.Ports(protocol, lo, hi))
	}
	return out
}

// podsIn reads a peer of pods of a rule in force.
func podsIn(namespace string, p networkingv1.NetworkPolicyPeer) []box {
	out := []box{nil}
	if p.PodSelector != nil {
		out = chosen(p.PodSelector, false)
	}
	if p.NamespaceSelector != nil {
		return intersect(out, chosen(p.NamespaceSelector, true))
	}
	return intersect(out, []box{{requirement(true, ir.Requirement{Key: inventory.NameLabel, Operator: ir.In, Values: []string{namespace}})}})
}

// block reads an ipBlock in force. What does not parse matches nothing.
func block(b *networkingv1.IPBlock) *netipx.IPSet {
	return build(func(x *netipx.IPSetBuilder) {
		if p, err := netip.ParsePrefix(b.CIDR); err == nil {
			x.AddPrefix(p)
		}
		for _, e := range b.Except {
			if p, err := netip.ParsePrefix(e); err == nil {
				x.RemovePrefix(p)
			}
		}
	})
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

// has says whether e is among the peers.
func (w where) has(e ir.Endpoint) bool {
	if w.addrs != nil {
		return !e.IsPod() && w.addrs.Contains(e.Addr)
	}
	if !e.IsPod() {
		return false
	}
	here, ok := w.pods.inside(e.Namespace)
	return ok && here.meets(e.Labels)
}

// samples returns endpoints that stand for all peers of a leak: the declared
// workloads among them, pods of nobody in each namespace, declared or not, and
// the addresses at the edges.
func (l *lowerer) samples(leak piece) []ir.Endpoint {
	var out []ir.Endpoint
	if leak.addrs != nil {
		for _, r := range leak.addrs.Ranges() {
			out = append(out, ir.Endpoint{Addr: r.From()}, ir.Endpoint{Addr: r.To()})
		}
		return out
	}
	add := func(e ir.Endpoint) {
		if leak.has(e) {
			out = append(out, e)
		}
	}
	for _, w := range l.inv.Workloads {
		if !w.HostNetwork {
			add(l.endpoint(w))
		}
	}
	var pods, spaces box
	for _, x := range leak.pods {
		if x.namespace {
			spaces = append(spaces, x)
		} else {
			pods = append(pods, x)
		}
	}
	namespaces := slices.Clone(l.inv.Namespaces)
	for _, labels := range examples(spaces) {
		namespaces = append(namespaces, l.undeclared(labels))
	}
	for _, n := range namespaces {
		if l.identity(n, pods) {
			continue
		}
		for _, labels := range examples(pods) {
			add(ir.Endpoint{Namespace: n, Labels: labels})
		}
	}
	return out
}

// identity says whether the labels that the box asks for are those of exactly one
// declared workload: then they are another name for it, and pods that nobody
// declared are not looked for behind it.
func (l *lowerer) identity(n *inventory.Namespace, pods box) bool {
	var asked box
	for _, x := range pods {
		if !x.absent {
			asked = append(asked, x)
		}
	}
	found := 0
	for _, w := range l.sel.in[n.Name] {
		if asked.meets(w.Labels) {
			found++
		}
	}
	return len(asked) > 0 && found == 1
}

// undeclared returns a namespace of these labels that nobody declared.
func (l *lowerer) undeclared(labels map[string]string) *inventory.Namespace {
	n := &inventory.Namespace{Name: cmp.Or(labels[inventory.NameLabel], "any-other-namespace"), Labels: maps.Clone(labels)}
	for l.inv.Namespace(n.Name) != nil {
		n.Name += "-x"
	}
	n.Labels[inventory.NameLabel] = n.Name
	return n
}

// samplePorts returns ports of the set that stand for all others of it at the
// destination.
func (l *lowerer) samplePorts(end ir.End, at, other ir.Endpoint, set ir.PortSet) []inventory.Port {
	if l.edges == nil {
		l.edges = l.portEdges()
	}
	ports := slices.Clone(l.edges)
	if end == ir.Egress {
		at = other
	}
	if at.Workload != nil {
		ports = append(ports, at.Workload.Ports...)
	}
	return slices.DeleteFunc(ports, func(p inventory.Port) bool { return !set.Has(p.Protocol, p.Number) })
}

// portEdges returns the ports at the edges of all sets of ports in sight.
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
		for _, r := range q.NetworkPolicy.Spec.Ingress {
			edge(portsIn(r.Ports))
		}
		for _, r := range q.NetworkPolicy.Spec.Egress {
			edge(portsIn(r.Ports))
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
