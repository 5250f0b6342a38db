package verify

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// Expect is one expectation of an intent set, as it is written: From and To are
// workloads or Services (name or namespace/name), "world", an address or a CIDR;
// Port is a number or a name, as the destination or its Service has it, or empty
// for every port.
type Expect struct {
	From, To, Port, Protocol string
	Allow                    bool
	Pos                      diag.Position
}

// Expectations says which of the expectations of a set do not hold under after.
// Names are looked up in the namespace first. An allowed expectation holds if
// every flow that it names passes, a denied one if none does.
func Expectations(p *ir.Program, after *reach.Engine, namespace string, expects []Expect) diag.List {
	var out diag.List
	for _, e := range expects {
		x := expectation{p: p, after: after, namespace: namespace, Expect: e}
		if d, bad := x.judge(); bad {
			out = append(out, d)
		}
	}
	return out.Sorted()
}

type expectation struct {
	Expect
	p         *ir.Program
	after     *reach.Engine
	namespace string
}

func (x expectation) judge() (diag.Diagnostic, bool) {
	from, ok := x.party(x.From)
	if !ok {
		return x.unknown(x.From), true
	}
	to, ok := x.party(x.To)
	if !ok {
		return x.unknown(x.To), true
	}
	judged := false
	for _, d := range to {
		ports, ok := x.ports(d)
		if !ok {
			return diag.Errorf(diag.IntentExpect, x.Pos, "%s has no port %q", d, x.Port).
				Hint("write a number, or a name that the pod or its Service has"), true
		}
		for _, s := range from {
			if !s.IsPod() && !d.IsPod() || s.Workload != nil && s.Workload == d.Workload && len(from)*len(to) > 1 {
				continue
			}
			for _, f := range ports {
				f.From, judged = s, true
				if got := x.after.Decide(f); got.Allowed != x.Allow {
					return x.broken(f, got), true
				}
			}
		}
	}
	if !judged {
		return diag.Errorf(diag.IntentExpect, x.Pos, "no policy is about traffic from %q to %q: neither is a pod of the pod network", x.From, x.To), true
	}
	return diag.Diagnostic{}, false
}

func (x expectation) unknown(name string) diag.Diagnostic {
	return diag.Errorf(diag.IntentExpect, x.Pos, "no workload or Service is called %q", name).
		Hint("write a name, namespace/name, world, an address or a CIDR")
}

func (x expectation) broken(f ir.Flow, got reach.Decision) diag.Diagnostic {
	is, want := "denied", "allow"
	if got.Allowed {
		is, want = "allowed", "deny"
	}
	d := diag.Errorf(diag.VerifyExpect, x.Pos, "expected %s, but %s is %s", want, words(f), is)
	for _, end := range []reach.End{got.Egress, got.Ingress} {
		if end.Isolated && end.Allowed == got.Allowed {
			for _, r := range end.By {
				d = d.Relate(r.Pos, "%s", reasonWords(r))
			}
		}
	}
	if got.Allowed && !got.Ingress.Isolated && !got.Egress.Isolated {
		d = d.Hint("no policy closes either end: write an intent that does")
	}
	return d
}

// party resolves one name to endpoints.
func (x expectation) party(name string) ([]ir.Endpoint, bool) {
	inv := x.p.Inventory
	if name == "world" {
		return x.addresses(func(a netip.Addr) bool {
			return !within(inv.Facts.NodeCIDRs, a) && !within(inv.Facts.ServiceCIDRs, a)
		}), true
	}
	if prefix, ok := prefixOf(name); ok {
		return x.addresses(prefix.Contains, prefix), true
	}
	var out []ir.Endpoint
	for _, w := range x.workloads(name) {
		if !w.HostNetwork {
			out = append(out, pod(inv, w))
		}
	}
	return out, len(out) > 0
}

func (x expectation) addresses(in func(netip.Addr) bool, others ...netip.Prefix) []ir.Endpoint {
	var out []ir.Endpoint
	for _, e := range NewUniverse(x.p, x.after.Objects(), others...).Endpoints {
		if !e.IsPod() && in(e.Addr) {
			out = append(out, e)
		}
	}
	return out
}

// workloads finds a name: in its own namespace if it says one, else in the
// set's, else in the only namespace that has it.
func (x expectation) workloads(name string) []*inventory.Workload {
	inv := x.p.Inventory
	in := func(namespace, name string) []*inventory.Workload {
		if found := inv.Workload(namespace, name); len(found) > 0 {
			return found
		}
		if s := inv.Service(namespace, name); s != nil {
			return inv.Backends(s)
		}
		return nil
	}
	if namespace, name, ok := strings.Cut(name, "/"); ok {
		return in(namespace, name)
	}
	if found := in(x.namespace, name); len(found) > 0 {
		return found
	}
	var out []*inventory.Workload
	for _, n := range inv.Namespaces {
		found := in(n.Name, name)
		if len(found) > 0 && len(out) > 0 {
			return nil
		}
		out = append(out, found...)
	}
	return out
}

// ports returns the flows to d, without their source.
func (x expectation) ports(d ir.Endpoint) ([]ir.Flow, bool) {
	protocol := strings.ToUpper(x.Protocol)
	flow := func(protocol string, n int) ir.Flow { return ir.Flow{To: d, Protocol: protocol, Port: n} }
	var out []ir.Flow
	if x.Port == "" {
		if d.Workload != nil && x.Allow {
			for _, p := range exposed(x.p.Inventory, d.Workload) {
				if protocol == "" || protocol == p.Protocol {
					out = append(out, flow(p.Protocol, p.Number))
				}
			}
			if len(out) > 0 {
				return out, true
			}
		}
		s := x.after.Over([]ir.Endpoint{d})
		for _, p := range portClasses(x.cuts(s), d) {
			if protocol == "" || protocol == p.protocol {
				out = append(out, flow(p.protocol, p.number))
			}
		}
		return out, true
	}
	number, err := strconv.Atoi(x.Port)
	if err == nil && (number < 1 || number > 65535) {
		return nil, false
	}
	matches := func(name string, n int, p string) bool {
		return (protocol == "" || p == protocol) && (err != nil && name == x.Port || err == nil && n == number)
	}
	add := func(protocol string, n int) {
		if f := flow(protocol, n); !slices.ContainsFunc(out, func(g ir.Flow) bool { return g.Protocol == f.Protocol && g.Port == f.Port }) {
			out = append(out, f)
		}
	}
	if w := d.Workload; w != nil {
		for _, s := range x.p.Inventory.ServicesOf(w) {
			for _, sp := range s.Ports {
				if n, ok := sp.PodPort(w); ok && matches(sp.Name, sp.Number, sp.Protocol) {
					add(sp.Protocol, n)
				}
			}
		}
		for _, p := range w.Ports {
			if len(out) == 0 && matches(p.Name, p.Number, p.Protocol) {
				add(p.Protocol, p.Number)
			}
		}
	}
	if len(out) == 0 && err == nil {
		if protocol == "" {
			protocol = "TCP"
		}
		add(protocol, number)
	}
	return out, len(out) > 0
}

// cuts returns the port sets of every rule that may be about flows to the only
// class of s, and single ports of each protocol, so that no class mixes them.
func (x expectation) cuts(s *reach.Space) []ir.PortSet {
	sets := s.Ports(0)
	for _, protocol := range ir.Protocols {
		sets = append(sets, ir.Ports(protocol, 1, 65535))
	}
	return sets
}
