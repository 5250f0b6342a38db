package reach

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// compiled is one policy with its selectors, ports and addresses ready to be
// asked. A direction that policyTypes leaves out has isolates false and no rules,
// whatever the object says there.
type compiled struct {
	object    *policy.Object
	namespace string
	subject   selector
	isolates  [2]bool
	rules     [2][]rule
}

// direction indexes what a policy has for ingress and for egress.
const (
	ingress = 0
	egress  = 1
)

func direction(e ir.End) int {
	if e == ir.Egress {
		return egress
	}
	return ingress
}

// rule is one ingress or egress rule: any of peers (all: everybody) on ports.
type rule struct {
	all   bool
	peers []peer
	ports ports
	pos   diag.Position
}

// peer is one peer: pods by selectors, or addresses.
type peer struct {
	namespaces *selector // nil: the policy's own namespace
	pods       selector
	block      *netipx.IPSet
	// What the block matches of pods and of nodes whose addresses are unknown: all
	// pods if one may have an address in it, nodes if all have.
	coversPods, coversNodes bool
}

// selector is a label selector: all requirements have to be met, none selects
// everything.
type selector []ir.Requirement

func (s selector) meets(labels map[string]string) bool {
	for _, r := range s {
		if !r.Meets(labels) {
			return false
		}
	}
	return true
}

// key identifies the selector among those of one engine.
func (s selector) key() string {
	var b []byte
	for _, r := range s {
		b = append(b, r.Operator...)
		b = append(append(b, 0), r.Key...)
		for _, v := range r.Values {
			b = append(append(b, 0), v...)
		}
		b = append(b, 1)
	}
	return string(b)
}

func compileSelector(s *metav1.LabelSelector) selector {
	out := selector(ir.Equalities(s.MatchLabels))
	for _, e := range s.MatchExpressions {
		out = append(out, ir.Requirement{Key: e.Key, Operator: ir.Operator(e.Operator), Values: e.Values})
	}
	return out
}

// ports is the port list of a rule: numbers resolved, names left to the
// destination.
type ports struct {
	any     bool
	numbers ir.PortSet
	names   []ir.Port // Name and Protocol
}

// match says whether the ports of the rule hold the port at a destination. A
// named port means the container ports of that name and protocol; a destination
// that is no declared workload has none.
func (p ports) match(to ir.Endpoint, protocol string, port int) bool {
	if p.any || p.numbers.Has(protocol, port) {
		return true
	}
	return len(p.names) > 0 && p.named(to).Has(protocol, port)
}

// named returns what the rule's port names mean at a destination.
func (p ports) named(to ir.Endpoint) ir.PortSet {
	var set ir.PortSet
	if to.Workload == nil || to.Workload.HostNetwork {
		return set
	}
	for _, n := range p.names {
		for _, c := range to.Workload.Ports {
			if c.Name == n.Name && c.Protocol == n.Protocol {
				set = set.Union(ir.Ports(c.Protocol, c.Number, c.Number))
			}
		}
	}
	return set
}

// on returns the ports of the rule at a destination as one set.
func (p ports) on(to ir.Endpoint) ir.PortSet {
	switch {
	case p.any:
		return ir.AllPorts()
	case len(p.names) == 0:
		return p.numbers
	default:
		return p.numbers.Union(p.named(to))
	}
}

func compilePorts(list []networkingv1.NetworkPolicyPort) ports {
	out := ports{any: len(list) == 0}
	for _, p := range list {
		protocol := string(corev1.ProtocolTCP)
		if p.Protocol != nil {
			protocol = string(*p.Protocol)
		}
		switch {
		case p.Port == nil:
			out.numbers = out.numbers.Union(ir.Ports(protocol, 1, 65535))
		case p.Port.StrVal != "":
			out.names = append(out.names, ir.Port{Name: p.Port.StrVal, Protocol: protocol})
		default:
			lo := p.Port.IntValue()
			hi := lo
			if p.EndPort != nil {
				hi = int(*p.EndPort)
			}
			out.numbers = out.numbers.Union(ir.Ports(protocol, max(lo, 1), min(hi, 65535)))
		}
	}
	return out
}

// compilePeer returns false for a peer that the API server would refuse; such a
// peer matches nothing.
func compilePeer(p networkingv1.NetworkPolicyPeer, known addresses) (peer, bool) {
	if b := p.IPBlock; b != nil {
		prefix, err := netip.ParsePrefix(b.CIDR)
		if err != nil {
			return peer{}, false
		}
		var set netipx.IPSetBuilder
		set.AddPrefix(prefix.Masked())
		for _, x := range b.Except {
			if except, err := netip.ParsePrefix(x); err == nil {
				set.RemovePrefix(except.Masked())
			}
		}
		block, err := set.IPSet()
		if err != nil {
			return peer{}, false
		}
		whole := prefix.Bits() == 0 && len(b.Except) == 0
		return peer{block: block, coversPods: block.Overlaps(known.pods), coversNodes: whole || known.nodes != nil && contains(block, known.nodes)}, true
	}
	if p.NamespaceSelector == nil && p.PodSelector == nil {
		return peer{}, false
	}
	var out peer
	if p.NamespaceSelector != nil {
		s := compileSelector(p.NamespaceSelector)
		out.namespaces = &s
	}
	if p.PodSelector != nil {
		out.pods = compileSelector(p.PodSelector)
	}
	return out, true
}

func compileRule(peers []networkingv1.NetworkPolicyPeer, list []networkingv1.NetworkPolicyPort, at []diag.Position, i int, origin diag.Position, known addresses) rule {
	r := rule{all: len(peers) == 0, ports: compilePorts(list), pos: origin}
	for _, p := range peers {
		if c, ok := compilePeer(p, known); ok {
			r.peers = append(r.peers, c)
		}
	}
	if i < len(at) {
		r.pos = at[i]
	}
	return r
}

func compile(o *policy.Object, known addresses) compiled {
	spec := &o.NetworkPolicy.Spec
	c := compiled{object: o, namespace: o.Namespace(), subject: compileSelector(&spec.PodSelector)}
	types := spec.PolicyTypes
	c.isolates[ingress] = len(types) == 0 || slices.Contains(types, networkingv1.PolicyTypeIngress)
	c.isolates[egress] = len(types) == 0 && len(spec.Egress) > 0 || slices.Contains(types, networkingv1.PolicyTypeEgress)
	if c.isolates[ingress] {
		for i, r := range spec.Ingress {
			c.rules[ingress] = append(c.rules[ingress], compileRule(r.From, r.Ports, o.IngressAt, i, o.Origin, known))
		}
	}
	if c.isolates[egress] {
		for i, r := range spec.Egress {
			c.rules[egress] = append(c.rules[egress], compileRule(r.To, r.Ports, o.EgressAt, i, o.Origin, known))
		}
	}
	return c
}

// addresses is where the pods and nodes of a cluster may have theirs.
type addresses struct {
	pods  *netipx.IPSet
	nodes *netipx.IPSet // nil: unknown
}

// private are the ranges that pods have addresses of where the cluster's own
// ranges are unknown (RFC 1918, RFC 6598, RFC 4193).
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"),
}

func facts(f inventory.Facts) addresses {
	set := func(ps []netip.Prefix) *netipx.IPSet {
		var b netipx.IPSetBuilder
		for _, p := range ps {
			b.AddPrefix(p.Masked())
		}
		s, err := b.IPSet()
		if err != nil || len(ps) == 0 {
			return nil
		}
		return s
	}
	out := addresses{pods: set(f.PodCIDRs), nodes: set(f.NodeCIDRs)}
	if out.pods == nil {
		out.pods = set(private)
	}
	return out
}

func contains(set, sub *netipx.IPSet) bool {
	for _, r := range sub.Ranges() {
		if !set.ContainsRange(r) {
			return false
		}
	}
	return true
}
