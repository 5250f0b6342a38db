package kubernetes

import (
	"maps"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// lowerer lowers one program.
type lowerer struct {
	program *ir.Program
	inv     *inventory.Inventory
	project string
	before  before
	sel     *selectors
	diags   diag.List

	pods, services, nodes *netipx.IPSet // addresses known

	// universe is the addresses that flows may have at the end that is no pod: those
	// of the cluster's families, but for pods' addresses, and for Services', which
	// are translated before policies see them, unless a statement names them.
	universe *netipx.IPSet

	families []netip.Prefix
	said     map[netip.Prefix]bool // prefixes that a statement names

	peers map[*ir.Party][]where
	wants map[string]region // by end and rules

	edges []inventory.Port
}

// before is the policies in force. Nil: there are none.
type before interface {
	// Isolates says whether one of them restricts that end of w's pods.
	Isolates(w *inventory.Workload, end ir.End) bool
	// Passes says whether they let f pass at that end on any dataplane: some match
	// pods by ipBlocks, some do not.
	Passes(f ir.Flow, end ir.End) bool
}

func newLowerer(p *ir.Program, project string, b before) *lowerer {
	f := p.Inventory.Facts
	l := &lowerer{program: p, inv: p.Inventory, project: project, before: b, sel: newSelectors(p.Inventory),
		pods: prefixes(f.PodCIDRs...), services: prefixes(f.ServiceCIDRs...), nodes: prefixes(f.NodeCIDRs...),
		said: map[netip.Prefix]bool{}, peers: map[*ir.Party][]where{}, wants: map[string]region{}}
	l.families = slices.Clone(f.PodCIDRs)
	for _, b := range p.Rules {
		each(b, func(party *ir.Party) {
			if party.Peer.Kind == ir.CIDR && len(f.PodCIDRs) > 0 {
				l.families = append(l.families, party.Peer.Prefix)
			}
			if party.Peer.Kind == ir.CIDR {
				l.said[party.Peer.Prefix.Masked()] = true
			}
		})
	}
	l.families = families(l.families)
	l.universe = exclude(exclude(prefixes(l.families...), l.pods), exclude(l.services, l.named()))
	return l
}

// named returns the addresses that statements name.
func (l *lowerer) named() *netipx.IPSet {
	return build(func(b *netipx.IPSetBuilder) {
		for p := range l.said {
			b.AddPrefix(p)
		}
	})
}

// families returns the whole address space of each family of the prefixes; of
// both if there are none.
func families(list []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		p := netip.MustParsePrefix(all)
		if len(list) == 0 || slices.ContainsFunc(list, func(q netip.Prefix) bool { return q.Addr().Is4() == p.Addr().Is4() }) {
			out = append(out, p)
		}
	}
	return out
}

// each calls do for every party of a rule, those taken out of others included.
func each(b *ir.Bound, do func(*ir.Party)) {
	var walk func(list []*ir.Party)
	walk = func(list []*ir.Party) {
		for _, p := range list {
			do(p)
			walk(p.Minus)
		}
	}
	if b.Allow != nil {
		walk(b.Allow.From)
		walk(b.Allow.To)
		return
	}
	walk(b.Close.Subject)
	for _, t := range slices.Concat(b.Close.Scope, b.Close.Except) {
		walk(t.Peers)
	}
}

func (l *lowerer) refuse(b *ir.Bound, id diag.ID, hint, format string, args ...any) {
	d := diag.Errorf(id, b.Intent.Position(b.Span), format, args...).About(b.Intent.Name)
	if hint != "" {
		d = d.Hint("%s", hint)
	}
	l.diags = append(l.diags, d)
}

// narrow says whether a party means declared workloads and nothing else; other
// parties of pods are known by labels, undeclared pods included.
func narrow(p *ir.Party) bool {
	switch p.Peer.Kind {
	case ir.Workload, ir.ServiceAccount, ir.IngressController:
		return true
	}
	return false
}

// where returns the peers that a party means. What cannot be said is refused
// once, on the first rule that needs it.
func (l *lowerer) where(b *ir.Bound, p *ir.Party) []where {
	out, ok := l.peers[p]
	if !ok {
		out = l.whole(b, p)
		for _, m := range p.Minus {
			for _, w := range l.where(b, m) {
				var rest []where
				for _, x := range out {
					rest = append(rest, x.minus(w)...)
				}
				out = rest
			}
		}
		l.peers[p] = out
	}
	return out
}

func (l *lowerer) whole(b *ir.Bound, p *ir.Party) []where {
	addresses := func(s *netipx.IPSet) []where {
		if s = exclude(s, l.pods); vacant(s) {
			return nil
		}
		return []where{{addrs: s}}
	}
	switch p.Peer.Kind {
	case ir.Workload, ir.ServiceAccount, ir.IngressController:
		return l.workloads(b, p.Workloads)
	case ir.Pods, ir.ClusterDNS:
		if box, ok := labelled(p.Peer); ok {
			return []where{{pods: box}}
		}
		return nil
	case ir.CIDR:
		return addresses(p.Addrs)
	case ir.World:
		return addresses(exclude(l.universe, l.services))
	case ir.Anybody:
		return append(addresses(l.universe), everyPod())
	case ir.Host:
		if vacant(l.nodes) {
			l.refuse(b, diag.LowerUnknownCIDR, "give an inventory with the Nodes' addresses, or use target cilium, which can say it",
				"the nodes' addresses are unknown, and a NetworkPolicy names nodes by address only")
		}
		return addresses(l.nodes)
	case ir.APIServer:
		l.refuse(b, diag.LowerUnsayable, "give its addresses as a CIDR, or use target cilium, which can say it",
			"a NetworkPolicy cannot name the API server")
	case ir.Domain:
		l.refuse(b, diag.LowerUnsayable, "give its addresses as a CIDR, or use target cilium or calico, which can say it",
			"a NetworkPolicy cannot name the domain %s", p.Peer.Name)
	}
	return nil
}

// labelled is the box of pods by namespace and label.
func labelled(p ir.Peer) (box, bool) {
	b, ok := box(nil), true
	meet := func(namespace bool, r ir.Requirement) {
		if c := requirement(namespace, r); ok && c.empty() {
			ok = false
		} else if ok {
			b, ok = b.and(box{c})
		}
	}
	if n := p.In; n != nil {
		if len(n.Names) > 0 {
			meet(true, ir.Requirement{Key: inventory.NameLabel, Operator: ir.In, Values: n.Names})
		}
		if len(n.Not) > 0 {
			meet(true, ir.Requirement{Key: inventory.NameLabel, Operator: ir.NotIn, Values: n.Not})
		}
		for _, r := range n.Labels {
			meet(true, r)
		}
	}
	for _, r := range p.Labels {
		meet(false, r)
	}
	return b, ok
}

// workloads is the boxes of workloads by their selectors. Pods on the host's
// network are none that a selector could match.
func (l *lowerer) workloads(b *ir.Bound, list []*inventory.Workload) []where {
	var boxes []box
	for _, w := range list {
		if w.HostNetwork {
			continue
		}
		if labels, ok := l.selector(b, w, list); ok {
			boxes = append(boxes, labels.with(requirement(true, ir.Requirement{Key: inventory.NameLabel, Operator: ir.In, Values: []string{w.Namespace}})))
		}
	}
	var out []where
	for _, x := range tidy(boxes) {
		out = append(out, where{pods: x})
	}
	return out
}

// selector returns the labels that stand for w among the workloads of its
// namespace, those of also aside.
func (l *lowerer) selector(b *ir.Bound, w *inventory.Workload, also []*inventory.Workload) (box, bool) {
	labels, other, ok := l.sel.of(w, also)
	switch {
	case ok:
	case other != nil:
		l.refuse(b, diag.LowerUnsayable, "add a label to the pod template of "+w.Ref()+" that "+other.Ref()+" does not have",
			"no label tells the pods of %s from those of %s", w.Ref(), other.Ref())
	default:
		l.refuse(b, diag.LowerUnsayable, "add a label to the pod template of "+w.Ref(),
			"the pods of %s have no label to select them by", w.Ref())
	}
	return labels, ok
}

// traffic is peers with ports as a region. Ports are the destination's: at
// ingress those of at, the subject; at egress each peer has its own.
func (l *lowerer) traffic(i int, end ir.End, at ir.Endpoint, parties []*ir.Party, ports ir.PortMap) region {
	b := l.program.Rules[i]
	var peers []where
	if len(parties) == 0 {
		peers = []where{everyPod(), {addrs: l.universe}}
	}
	for _, p := range parties {
		peers = append(peers, l.where(b, p)...)
	}
	if end == ir.Ingress {
		return over(i, peers, ports.On(at))
	}
	var out region
	for _, group := range l.samePorts(parties, ports) {
		own := ports.Per[group[0]]
		for _, x := range l.workloads(b, group) {
			var rest []where
			for _, y := range peers {
				if part, ok := x.and(y); ok {
					out = append(out, over(i, []where{part}, own)...)
				}
				rest = append(rest, y.minus(x)...)
			}
			peers = rest
		}
	}
	return append(out, over(i, peers, ports.On(ir.Endpoint{}))...).tidy()
}

// samePorts groups the workloads of the parties (of everybody, if none) whose
// ports are not the default ones, by their ports.
func (l *lowerer) samePorts(parties []*ir.Party, ports ir.PortMap) [][]*inventory.Workload {
	byPorts := map[string][]*inventory.Workload{}
	for w, set := range ports.Per {
		if set.Equal(ports.Default) || w.HostNetwork || len(parties) > 0 && ir.HasAny(parties, l.endpoint(w)) != ir.Yes {
			continue
		}
		byPorts[set.String()] = append(byPorts[set.String()], w)
	}
	var out [][]*inventory.Workload
	for _, k := range slices.Sorted(maps.Keys(byPorts)) {
		group := byPorts[k]
		slices.SortFunc(group, func(a, b *inventory.Workload) int { return l.inv.Index(a) - l.inv.Index(b) })
		out = append(out, group)
	}
	return out
}

func (l *lowerer) endpoint(w *inventory.Workload) ir.Endpoint {
	return ir.Endpoint{Workload: w, Namespace: l.inv.Namespace(w.Namespace), Labels: w.Labels}
}

func over(i int, peers []where, ports ir.PortSet) region {
	if ports.Empty() {
		return nil
	}
	var out region
	for _, w := range peers {
		out = append(out, piece{where: w, ports: ports, by: []int{i}})
	}
	return out.tidy()
}
