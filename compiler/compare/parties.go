package compare

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file says what stands for what: the ports on which a workload is looked
// at, and the address that stands for outside.

// Undeclared is where a workload is looked at that declares no port.
var Undeclared = inventory.Port{Number: 80, Protocol: "TCP"}

// Ports returns the pod ports of w's containers and of its Services, sorted.
func Ports(inv *inventory.Inventory, w *inventory.Workload) []inventory.Port {
	var out []inventory.Port
	for _, p := range w.Ports {
		out = append(out, inventory.Port{Number: p.Number, Protocol: p.Protocol})
	}
	for _, s := range inv.ServicesOf(w) {
		for _, p := range s.Ports {
			if n, ok := p.PodPort(w); ok {
				out = append(out, inventory.Port{Number: n, Protocol: p.Protocol})
			}
		}
	}
	return Union(nil, out)
}

// Union returns the ports of both lists, sorted, each once.
func Union(a, b []inventory.Port) []inventory.Port {
	out := slices.Concat(a, b)
	slices.SortFunc(out, func(a, b inventory.Port) int {
		return cmp.Or(cmp.Compare(slices.Index(ir.Protocols[:], a.Protocol), slices.Index(ir.Protocols[:], b.Protocol)), cmp.Compare(a.Number, b.Number))
	})
	return slices.Compact(out)
}

// outsides are public addresses; the first that lies in no range of the cluster
// stands for outside.
var outsides = []netip.Addr{
	netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("198.41.0.4"), netip.MustParseAddr("9.9.9.9"),
	netip.MustParseAddr("2606:2800:220:1:248:1893:25c8:1946"), netip.MustParseAddr("2001:503:ba3e::2:30"),
}

// Address returns an address that stands for outside: of the family that the pods
// have, in no range of the clusters.
func Address(clusters ...inventory.Facts) netip.Addr {
	var pods, ranges []netip.Prefix
	for _, f := range clusters {
		pods = append(pods, f.PodCIDRs...)
		ranges = slices.Concat(ranges, f.PodCIDRs, f.ServiceCIDRs, f.NodeCIDRs)
	}
	six := len(pods) > 0 && !slices.ContainsFunc(pods, func(p netip.Prefix) bool { return p.Addr().Is4() })
	for _, a := range outsides {
		if a.Is6() == six && !slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return a
		}
	}
	return outsides[0]
}
