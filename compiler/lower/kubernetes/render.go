package kubernetes

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// written is one rule of a policy. No peers: everybody. No ports: all.
type written struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
	by    []int // rules of the program that ask for it
	kept  bool  // at least in part, no rule takes it away
}

// rules writes a region as the rules of a policy of the namespace: one for each
// set of ports, with all the peers that have it. Where every pod and every
// address is allowed, a rule names no peers.
func (l *lowerer) rules(namespace string, r region, closes, about []int) []written {
	pods := r.portsOf(everyPod())
	open := pods.Intersect(r.portsOf(where{addrs: l.universe}))
	var groups []*piecesOf
	group := func(ports ir.PortSet) *piecesOf {
		for _, g := range groups {
			if g.ports.Equal(ports) {
				return g
			}
		}
		g := &piecesOf{ports: ports}
		groups = append(groups, g)
		return g
	}
	if !open.Empty() {
		g := group(open)
		g.open = true
		for _, p := range r {
			if everyPod().within(p.where) {
				g.cite(p)
			}
		}
	}
	for i, p := range r {
		covered := open
		for j, q := range r {
			if i != j && p.where.within(q.where) && (!q.where.within(p.where) || j < i) {
				covered = covered.Union(q.ports)
			}
		}
		rest := p.ports.Minus(covered)
		if rest.Empty() {
			continue
		}
		if size(p.ports) <= size(rest) {
			rest = p.ports
		}
		g := group(rest)
		if g.open {
			continue
		}
		g.where = append(g.where, p.where)
		g.cite(p)
	}
	var out []written
	for _, g := range groups {
		w := written{ports: portList(g.ports), by: g.by, kept: g.kept}
		if !g.open {
			w.peers = l.peerList(namespace, g, pods, about)
			if len(w.peers) == 0 {
				continue // addresses of pods only, which no block stands for
			}
		}
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b written) int { return cmp.Compare(a.String(), b.String()) })
	return out
}

// piecesOf is what a region says of one set of ports.
type piecesOf struct {
	ports ir.PortSet
	where []where
	open  bool // everybody
	by    []int
	kept  bool
}

func (g *piecesOf) cite(p piece) {
	g.by, g.kept = indices(g.by, p.by), g.kept || len(p.by) == 0
}

// size is how many entries a set of ports takes in a policy.
func size(s ir.PortSet) int {
	if s.All() {
		return 0
	}
	n := 0
	for _, list := range s {
		n += len(list)
	}
	return n
}

func (w written) String() string {
	var s strings.Builder
	for _, p := range w.peers {
		s.WriteString(p.String())
	}
	for _, p := range w.ports {
		fmt.Fprintf(&s, "%s %5s", *p.Protocol, p.Port)
	}
	return s.String()
}

// portList writes a set of ports; nothing for all of them.
func portList(s ir.PortSet) []networkingv1.NetworkPolicyPort {
	if s.All() {
		return nil
	}
	var out []networkingv1.NetworkPolicyPort
	for i, list := range s {
		for _, v := range list {
			protocol := corev1.Protocol(ir.Protocols[i])
			p := networkingv1.NetworkPolicyPort{Protocol: &protocol}
			if v.Lo != 1 || v.Hi != 65535 {
				lo, hi := intstr.FromInt32(int32(v.Lo)), int32(v.Hi)
				p.Port = &lo
				if v.Hi > v.Lo {
					p.EndPort = &hi
				}
			}
			out = append(out, p)
		}
	}
	return out
}

// peerList writes the peers of a group: pods first, then addresses. pods is the
// ports that every pod may use anyway: there, a block may cover pods.
func (l *lowerer) peerList(namespace string, g *piecesOf, pods ir.PortSet, about []int) []networkingv1.NetworkPolicyPeer {
	var boxes []box
	addrs := new(netipx.IPSet)
	for _, w := range g.where {
		if w.addrs != nil {
			addrs = combine(addrs, w.addrs)
		} else {
			boxes = append(boxes, w.pods)
		}
	}
	var out []networkingv1.NetworkPolicyPeer
	for _, b := range tidy(boxes) {
		for _, b := range b.sayable() {
			out = append(out, podPeer(namespace, b))
		}
	}
	slices.SortStableFunc(out, func(a, b networkingv1.NetworkPolicyPeer) int {
		if own := a.NamespaceSelector == nil; own != (b.NamespaceSelector == nil) {
			if own {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.String(), b.String())
	})
	if vacant(addrs) {
		return out
	}
	all := addrs // with pods, where they may be in it
	if g.ports.Minus(pods).Empty() {
		all = combine(addrs, l.pods)
	} else if len(l.inv.Facts.PodCIDRs) == 0 && addrs.Overlaps(private) {
		l.unknown(g, about)
	}
	for _, family := range []string{"0.0.0.0/0", "::/0"} {
		blocks, fewer := l.blocks(netip.MustParsePrefix(family), addrs), l.blocks(netip.MustParsePrefix(family), all)
		if entries(fewer) < entries(blocks) {
			blocks = fewer
		}
		for _, b := range blocks {
			out = append(out, networkingv1.NetworkPolicyPeer{IPBlock: &b})
		}
	}
	return out
}

// private is where pods may live if nothing is known of them (RFC 1918, RFC
// 6598, RFC 4193).
var private = prefixes(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"))

// unknown refuses a block that might cover pods.
func (l *lowerer) unknown(g *piecesOf, about []int) {
	blame := about[0]
	if len(g.by) > 0 {
		blame = g.by[0]
	}
	l.refuse(l.program.Rules[blame], diag.LowerUnknownCIDR,
		"give an inventory that holds the pod CIDRs: the cluster's Nodes (spec.podCIDRs), or podCIDRs in a file of kind Inventory",
		"the pods' addresses are unknown, so addresses outside cannot be told from them")
}

// blocks writes the addresses of set within p as few blocks and exceptions: a
// prefix with what is missing as exceptions, or the blocks of its two halves.
func (l *lowerer) blocks(p netip.Prefix, set *netipx.IPSet) []networkingv1.IPBlock {
	here := overlap(set, prefixes(p))
	if vacant(here) {
		return nil
	}
	missing := exclude(prefixes(p), here).Prefixes()
	whole := networkingv1.IPBlock{CIDR: p.String()}
	for _, m := range missing {
		whole.Except = append(whole.Except, m.String())
	}
	if len(missing) == 0 || p.Bits() == p.Addr().BitLen() || l.said[p] {
		return []networkingv1.IPBlock{whole}
	}
	half := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	upper := netip.PrefixFrom(netipx.RangeOfPrefix(half).To().Next(), half.Bits())
	halves := slices.Concat(l.blocks(half, here), l.blocks(upper, here))
	if entries(halves) < 1+len(missing) {
		return halves
	}
	return []networkingv1.IPBlock{whole}
}

func entries(blocks []networkingv1.IPBlock) int {
	n := len(blocks)
	for _, b := range blocks {
		n += len(b.Except)
	}
	return n
}

// podPeer writes the pods of a box, which one pair of selectors can say.
func podPeer(namespace string, b box) networkingv1.NetworkPolicyPeer {
	pods, namespaces := selector(b, false), selector(b, true)
	own := box{requirement(true, ir.Requirement{Key: inventory.NameLabel, Operator: ir.In, Values: []string{namespace}})}
	var ofNamespace box
	for _, x := range b {
		if x.namespace {
			ofNamespace = append(ofNamespace, x)
		}
	}
	if ofNamespace.String() == own.String() {
		return networkingv1.NetworkPolicyPeer{PodSelector: &pods}
	}
	peer := networkingv1.NetworkPolicyPeer{NamespaceSelector: &namespaces}
	if len(ofNamespace) < len(b) {
		peer.PodSelector = &pods
	}
	return peer
}

// selector writes the constraints of a box on pods, or on namespaces.
func selector(b box, namespace bool) metav1.LabelSelector {
	var s metav1.LabelSelector
	expression := func(key string, op metav1.LabelSelectorOperator, list []string) {
		s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: op, Values: list})
	}
	for _, x := range b {
		switch {
		case x.namespace != namespace:
		case !x.not && !x.absent && len(x.list) == 1:
			if s.MatchLabels == nil {
				s.MatchLabels = map[string]string{}
			}
			s.MatchLabels[x.key] = x.list[0]
		case !x.not && x.absent:
			expression(x.key, metav1.LabelSelectorOpDoesNotExist, nil)
		case !x.not:
			expression(x.key, metav1.LabelSelectorOpIn, x.list)
		default:
			if !x.absent {
				expression(x.key, metav1.LabelSelectorOpExists, nil)
			}
			if len(x.list) > 0 {
				expression(x.key, metav1.LabelSelectorOpNotIn, x.list)
			}
		}
	}
	return s
}
