package kubernetes

import (
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// naive decides flows straight from the API reference of NetworkPolicy. covers
// says whether an ipBlock matches a pod; if it does, by addr.
type naive struct {
	policies []*networkingv1.NetworkPolicy
	covers   bool
	addr     func(ir.Endpoint) []netip.Addr // addresses that a pod may have
}

func (n naive) Isolates(w *inventory.Workload, end ir.End) bool {
	at := ir.Endpoint{Workload: w, Namespace: &inventory.Namespace{Name: w.Namespace}, Labels: w.Labels}
	isolated, _ := n.end(at, at, ir.Flow{}, end)
	return isolated
}

func (n naive) Passes(f ir.Flow, end ir.End) bool {
	at, other := f.To, f.From
	if end == ir.Egress {
		at, other = f.From, f.To
	}
	_, passes := n.end(at, other, f, end)
	return passes
}

// either is the policies in force in both readings.
type either struct{ apart, cover naive }

func (e either) Isolates(w *inventory.Workload, end ir.End) bool { return e.apart.Isolates(w, end) }
func (e either) Passes(f ir.Flow, end ir.End) bool {
	return e.apart.Passes(f, end) || e.cover.Passes(f, end)
}

func (n naive) passes(f ir.Flow) bool { return n.Passes(f, ir.Ingress) && n.Passes(f, ir.Egress) }

func (n naive) end(at, other ir.Endpoint, f ir.Flow, end ir.End) (isolated, passes bool) {
	if !at.IsPod() {
		return false, true
	}
	for _, p := range n.policies {
		if p.Namespace != at.Namespace.Name || !matches(&p.Spec.PodSelector, at.Labels) || !slices.Contains(p.Spec.PolicyTypes, map[ir.End]networkingv1.PolicyType{ir.Ingress: "Ingress", ir.Egress: "Egress"}[end]) {
			continue
		}
		isolated = true
		if end == ir.Ingress {
			for _, r := range p.Spec.Ingress {
				passes = passes || n.rule(p.Namespace, r.From, r.Ports, other, f)
			}
		} else {
			for _, r := range p.Spec.Egress {
				passes = passes || n.rule(p.Namespace, r.To, r.Ports, other, f)
			}
		}
	}
	return isolated, passes || !isolated
}

func (n naive) rule(namespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, other ir.Endpoint, f ir.Flow) bool {
	ok := len(ports) == 0
	for _, p := range ports {
		if string(*p.Protocol) != f.Protocol {
			continue
		}
		switch {
		case p.Port == nil:
			ok = true
		case p.EndPort != nil:
			ok = ok || p.Port.IntValue() <= f.Port && f.Port <= int(*p.EndPort)
		default:
			ok = ok || p.Port.IntValue() == f.Port
		}
	}
	if !ok {
		return false
	}
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool { return n.peer(namespace, p, other) })
}

func (n naive) peer(namespace string, p networkingv1.NetworkPolicyPeer, other ir.Endpoint) bool {
	if b := p.IPBlock; b != nil {
		if !other.IsPod() {
			return in(b, other.Addr)
		}
		return n.covers && slices.ContainsFunc(n.addr(other), func(a netip.Addr) bool { return in(b, a) })
	}
	if !other.IsPod() {
		return false
	}
	if p.NamespaceSelector == nil && other.Namespace.Name != namespace {
		return false
	}
	if p.NamespaceSelector != nil && !matches(p.NamespaceSelector, other.Namespace.Labels) {
		return false
	}
	return p.PodSelector == nil || matches(p.PodSelector, other.Labels)
}

func in(b *networkingv1.IPBlock, a netip.Addr) bool {
	return netip.MustParsePrefix(b.CIDR).Contains(a) && !slices.ContainsFunc(b.Except, func(x string) bool { return netip.MustParsePrefix(x).Contains(a) })
}

func matches(s *metav1.LabelSelector, labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		v, ok := labels[e.Key]
		in := ok && slices.Contains(e.Values, v)
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			ok = in
		case metav1.LabelSelectorOpNotIn:
			ok = !in
		case metav1.LabelSelectorOpDoesNotExist:
			ok = !ok
		}
		if !ok {
			return false
		}
	}
	return true
}
