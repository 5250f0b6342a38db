package verify

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// Universe is one endpoint of every class that rules and policies can tell
// apart: the declared workloads of the pod network, a pod that nobody declared
// in each namespace and in a namespace that nobody declared, and an address of
// each atom of the partition that all the CIDRs in sight make of the addresses.
type Universe struct {
	Endpoints []ir.Endpoint
}

// Samples of outside, taken where an atom has them (RFC 5737, RFC 3849).
var samples = []netip.Addr{
	netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::7"),
}

// NewUniverse lists the endpoints that p and the objects, and any other of the
// prefixes, tell apart.
func NewUniverse(p *ir.Program, objects []policy.Object, others ...netip.Prefix) *Universe {
	u := &Universe{}
	for _, w := range p.Inventory.Workloads {
		if !w.HostNetwork {
			u.Endpoints = append(u.Endpoints, pod(p.Inventory, w))
		}
	}
	for _, n := range p.Inventory.Namespaces {
		u.Endpoints = append(u.Endpoints, ir.Endpoint{Namespace: n})
	}
	for _, n := range undeclared(p) {
		u.Endpoints = append(u.Endpoints, ir.Endpoint{Namespace: n})
	}
	named := namedPrefixes(p)
	facts := p.Inventory.Facts
	all := slices.Concat(named, blocks(objects), facts.PodCIDRs, facts.ServiceCIDRs, facts.NodeCIDRs, others)
	for _, a := range atoms(all) {
		// An address of the pod network is a pod, and one of a Service is another
		// address by the time that policies see it: neither is an address here,
		// unless a statement names it.
		if within(facts.PodCIDRs, a) || within(facts.ServiceCIDRs, a) && !within(named, a) {
			continue
		}
		u.Endpoints = append(u.Endpoints, ir.Endpoint{Addr: a})
	}
	return u
}

func pod(inv *inventory.Inventory, w *inventory.Workload) ir.Endpoint {
	return ir.Endpoint{Workload: w, Namespace: inv.Namespace(w.Namespace), Labels: w.Labels}
}

func within(ps []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
}

// undeclared returns namespaces that nobody declared: one without labels, and
// one for each list of labels that a rule picks namespaces by.
func undeclared(p *ir.Program) []*inventory.Namespace {
	var out []*inventory.Namespace
	seen := map[string]bool{}
	add := func(labels map[string]string) {
		name := "any-other-namespace"
		if len(out) > 0 {
			name = fmt.Sprintf("any-namespace-with-such-labels-%d", len(out))
		}
		for p.Inventory.Namespace(name) != nil {
			name += "-"
		}
		key := fmt.Sprint(labels)
		if seen[key] {
			return
		}
		seen[key] = true
		labels[inventory.NameLabel] = name
		out = append(out, &inventory.Namespace{Name: name, Labels: labels, Implied: true})
	}
	add(map[string]string{})
	for _, party := range parties(p) {
		if party.Peer.In == nil || len(party.Peer.In.Labels) == 0 {
			continue
		}
		labels := map[string]string{}
		for _, r := range party.Peer.In.Labels {
			switch {
			case r.Operator == ir.In && len(r.Values) > 0:
				labels[r.Key] = r.Values[0]
			case r.Operator == ir.Exists:
				labels[r.Key] = "any"
			}
		}
		delete(labels, inventory.NameLabel)
		add(labels)
	}
	return out
}

// parties returns every party of every rule.
func parties(p *ir.Program) []*ir.Party {
	var out []*ir.Party
	for _, b := range p.Rules {
		if a := b.Allow; a != nil {
			out = append(append(out, a.From...), a.To...)
			continue
		}
		out = append(out, b.Close.Subject...)
		for _, t := range slices.Concat(b.Close.Scope, b.Close.Except) {
			out = append(out, t.Peers...)
		}
	}
	return out
}

// namedPrefixes returns the prefixes of the rules.
func namedPrefixes(p *ir.Program) []netip.Prefix {
	var out []netip.Prefix
	var visit func(peer ir.Peer)
	visit = func(peer ir.Peer) {
		if peer.Kind == ir.CIDR {
			out = append(append(out, peer.Prefix), peer.Except...)
		}
		for _, m := range peer.Minus {
			visit(m)
		}
	}
	for _, party := range parties(p) {
		visit(party.Peer)
	}
	return out
}

// blocks returns the prefixes of the objects' ipBlocks.
func blocks(objects []policy.Object) []netip.Prefix {
	var out []netip.Prefix
	add := func(s string) {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p)
		}
	}
	for _, o := range objects {
		for _, peer := range peersOf(o) {
			if peer.IPBlock != nil {
				add(peer.IPBlock.CIDR)
				for _, x := range peer.IPBlock.Except {
					add(x)
				}
			}
		}
	}
	return out
}

// atoms returns one address of every class of addresses that the prefixes tell
// apart; of IPv6 only if a prefix is of that family.
func atoms(prefixes []netip.Prefix) []netip.Addr {
	families := []netip.Addr{netip.IPv4Unspecified()}
	starts := []netip.Addr{netip.IPv4Unspecified()}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	prefixes = slices.Compact(prefixes)
	for _, p := range prefixes {
		if p.Addr().Is6() && len(families) == 1 {
			families = append(families, netip.IPv6Unspecified())
			starts = append(starts, netip.IPv6Unspecified())
		}
		r := netipx.RangeOfPrefix(p)
		starts = append(starts, r.From())
		if next := r.To().Next(); next.IsValid() {
			starts = append(starts, next)
		}
	}
	slices.SortFunc(starts, netip.Addr.Compare)
	starts = slices.Compact(starts)
	var out []netip.Addr
	seen := map[string]bool{}
	add := func(a netip.Addr) {
		var b strings.Builder
		fmt.Fprint(&b, a.Is6())
		for i, p := range prefixes {
			if p.Contains(a) {
				fmt.Fprint(&b, " ", i)
			}
		}
		if !seen[b.String()] {
			seen[b.String()] = true
			out = append(out, a)
		}
	}
	for _, a := range samples {
		if a.Is4() || len(families) > 1 {
			add(a)
		}
	}
	for i, a := range starts {
		// The second address of a range reads better than the network's own.
		if next := a.Next(); a.Is4() == next.Is4() && (i+1 == len(starts) || next.Less(starts[i+1])) && next.IsValid() {
			a = next
		}
		add(a)
	}
	return out
}
