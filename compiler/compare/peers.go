package compare

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// This file finds what would otherwise be missed: policies that differ can name
// ranges of addresses, pods that nobody declared, and ports that nothing declares.
// Each such peer gets a party, and each such port is looked at; one more port
// stands for every other. Policies that both sides have alike need none of it:
// between ends that no policy tells apart, nothing differs.

// maxPeers is how many parties policies may add.
const maxPeers = 64

// differing calls f for each policy that the other side does not have alike.
func (c *comparison) differing(f func(side int, o *policy.Object)) {
	for side, s := range c.states {
		for _, o := range s.Engine.Objects() {
			if !c.same[o.Key()] {
				f(side, &o)
			}
		}
	}
}

// namedPorts are the ports that policies which differ name for what comes into a
// workload, by party.
func (c *comparison) namedPorts() map[int][]inventory.Port {
	out := map[int][]inventory.Port{}
	c.differing(func(side int, o *policy.Object) {
		var ports []inventory.Port
		for _, r := range o.NetworkPolicy.Spec.Ingress {
			ports = append(ports, numbers(r.Ports)...)
		}
		selector, err := metav1.LabelSelectorAsSelector(&o.NetworkPolicy.Spec.PodSelector)
		if len(ports) == 0 || err != nil {
			return
		}
		for i, p := range c.parties {
			if w := p.at[side]; w != nil && w.Namespace == o.Namespace() && selector.Matches(labels.Set(w.Labels)) {
				out[i] = Union(out[i], ports)
			}
		}
	})
	return out
}

// outsidePorts are the ports that policies which differ name for what goes out.
func (c *comparison) outsidePorts() []inventory.Port {
	var out []inventory.Port
	c.differing(func(_ int, o *policy.Object) {
		for _, r := range o.NetworkPolicy.Spec.Egress {
			out = append(out, numbers(r.Ports)...)
		}
	})
	out = Union(out, nil)
	return out[:min(len(out), maxPorts-2)]
}

// numbers are the ends of the port ranges of a rule. A port by name is one that a
// container declares.
func numbers(ports []networkingv1.NetworkPolicyPort) []inventory.Port {
	var out []inventory.Port
	for _, p := range ports {
		if p.Port == nil || p.Port.IntVal == 0 {
			continue
		}
		protocol := "TCP"
		if p.Protocol != nil {
			protocol = string(*p.Protocol)
		}
		out = append(out, inventory.Port{Number: int(p.Port.IntVal), Protocol: protocol})
		if p.EndPort != nil {
			out = append(out, inventory.Port{Number: int(*p.EndPort), Protocol: protocol})
		}
	}
	return out
}

// other gives each party the port that stands for every other: one that no party
// is looked at on, and no policy which differs names.
func (c *comparison) other() {
	used := map[int]bool{}
	for _, p := range c.parties {
		for _, port := range p.ports {
			used[port.Number] = true
		}
	}
	c.out.Other = inventory.Port{Number: 65535, Protocol: "TCP"}
	for used[c.out.Other.Number] {
		c.out.Other.Number--
	}
	c.out.Looked = map[string][]inventory.Port{}
	for i := range c.parties {
		p := &c.parties[i]
		p.ports = append(p.ports, c.out.Other)
		c.out.Looked[p.name] = p.ports
	}
}

// hosts notes the workloads that the later side has on the host network.
func (c *comparison) hosts() {
	for _, w := range c.states[is].Inventory.Workloads {
		if w.HostNetwork && slices.ContainsFunc(c.parties, func(p party) bool { return p.at[was] != nil && p.at[was].Ref() == w.Ref() }) {
			c.out.Hosts = append(c.out.Hosts, w.Ref())
		}
	}
	slices.Sort(c.out.Hosts)
	c.out.Hosts = slices.Compact(c.out.Hosts)
}

// peers adds the parties that policies which differ name and no other party is. It
// returns how many were left out.
func (c *comparison) peers(outside ir.Endpoint) int {
	found := map[string]party{}
	c.differing(func(side int, o *policy.Object) {
		each := func(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
			for _, peer := range peers {
				for _, p := range c.peer(side, o.Namespace(), peer, outside) {
					if old, ok := found[p.name]; ok {
						p = old
					}
					p.ports = Union(p.ports, append(numbers(ports), inventory.Port{Number: 443, Protocol: "TCP"}))
					found[p.name] = p
				}
			}
		}
		for _, r := range o.NetworkPolicy.Spec.Ingress {
			each(r.From, nil)
		}
		for _, r := range o.NetworkPolicy.Spec.Egress {
			each(r.To, r.Ports)
		}
	})
	names := slices.Sorted(maps.Keys(found))
	for _, name := range names[:min(len(names), maxPeers)] {
		p := found[name]
		p.ports = p.ports[:min(len(p.ports), maxPorts-1)]
		c.parties = append(c.parties, p)
	}
	return max(0, len(names)-maxPeers)
}

// peer is what one peer of a rule adds: nothing, where a party stands for it.
func (c *comparison) peer(side int, namespace string, peer networkingv1.NetworkPolicyPeer, outside ir.Endpoint) []party {
	if peer.IPBlock != nil {
		return c.block(peer.IPBlock, outside)
	}
	pods, err := selectorOf(peer.PodSelector)
	if err != nil {
		return nil
	}
	spaces, err := selectorOf(peer.NamespaceSelector)
	if err != nil {
		return nil
	}
	meant := func(n *inventory.Namespace) bool {
		if peer.NamespaceSelector == nil {
			return n.Name == namespace
		}
		return spaces.Matches(labels.Set(n.Labels))
	}
	inv := c.states[side].Inventory
	for _, p := range c.parties {
		if w := p.at[side]; w != nil && meant(inv.Namespace(w.Namespace)) && pods.Matches(labels.Set(w.Labels)) {
			return nil
		}
	}
	set, ok := satisfying(peer.PodSelector, pods)
	if !ok {
		return nil
	}
	for _, n := range inv.Namespaces {
		if meant(n) {
			return []party{c.undeclared(n, set)}
		}
	}
	if peer.NamespaceSelector == nil {
		return nil
	}
	of, ok := satisfying(peer.NamespaceSelector, spaces)
	if !ok {
		return nil
	}
	name := of[inventory.NameLabel]
	if name == "" {
		name = "namespaces with " + words(of)
		of[inventory.NameLabel] = "any-such-namespace"
	}
	return []party{c.undeclared(&inventory.Namespace{Name: name, Labels: of, Implied: true}, set)}
}

// undeclared is a pod that nobody declared. Its namespace is each side's own.
func (c *comparison) undeclared(n *inventory.Namespace, set map[string]string) party {
	p := party{name: "any pod of " + n.Name}
	if len(set) > 0 {
		p.name = "pods of " + n.Name + " with " + words(set)
	}
	for side, s := range c.states {
		own := n
		if there := s.Inventory.Namespace(n.Name); there != nil {
			own = there
		}
		p.fixed[side] = &ir.Endpoint{Namespace: own, Labels: set}
	}
	return p
}

// block is an address of a block, and one of each of its exceptions, where these
// are no pods and the address of outside does not stand for them.
func (c *comparison) block(b *networkingv1.IPBlock, outside ir.Endpoint) []party {
	var out []party
	for i, text := range append([]string{b.CIDR}, b.Except...) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			continue
		}
		except := b.Except
		if i > 0 {
			except = nil
		}
		a, ok := c.address(prefix, except)
		if !ok || i == 0 && prefix.Contains(outside.Addr) && !within(outside.Addr, b.Except) {
			continue
		}
		e := ir.Endpoint{Addr: a}
		out = append(out, party{name: prefix.Masked().String(), fixed: [2]*ir.Endpoint{&e, &e}, address: true})
	}
	return out
}

// address is one of a prefix that lies in no exception and is no pod's or Service's
// at either side.
func (c *comparison) address(p netip.Prefix, except []string) (netip.Addr, bool) {
	var taken []netip.Prefix
	for _, s := range c.states {
		taken = slices.Concat(taken, s.Inventory.Facts.PodCIDRs, s.Inventory.Facts.ServiceCIDRs)
	}
	for _, e := range except {
		if x, err := netip.ParsePrefix(e); err == nil {
			taken = append(taken, x)
		}
	}
	// Behind each range that is taken there may be an address that is not.
	candidates := []netip.Addr{p.Masked().Addr().Next(), p.Masked().Addr()}
	for _, t := range taken {
		candidates = append(candidates, last(t).Next(), t.Masked().Addr().Prev())
	}
	for _, a := range candidates {
		if a.IsValid() && p.Contains(a) && !slices.ContainsFunc(taken, func(t netip.Prefix) bool { return t.Contains(a) }) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(bytes)*8; i++ {
		bytes[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(bytes)
	return a
}

func within(a netip.Addr, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(s string) bool {
		p, err := netip.ParsePrefix(s)
		return err == nil && p.Contains(a)
	})
}

// selectorOf compiles a selector; none selects everything.
func selectorOf(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// satisfying returns labels that a selector selects, if a few tries find some.
func satisfying(s *metav1.LabelSelector, selector labels.Selector) (map[string]string, bool) {
	out := map[string]string{}
	if s != nil {
		for _, r := range s.MatchExpressions {
			switch {
			case r.Operator == metav1.LabelSelectorOpIn && len(r.Values) > 0:
				out[r.Key] = r.Values[0]
			case r.Operator == metav1.LabelSelectorOpExists:
				out[r.Key] = "any"
			}
		}
		maps.Copy(out, s.MatchLabels)
	}
	return out, selector.Matches(labels.Set(out))
}

// words are labels as people write them.
func words(set map[string]string) string {
	var out []string
	for _, k := range slices.SortedFunc(maps.Keys(set), func(a, b string) int { return cmp.Compare(a, b) }) {
		out = append(out, k+"="+set[k])
	}
	return strings.Join(out, ",")
}
