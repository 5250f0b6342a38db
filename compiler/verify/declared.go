package verify

import (
	"fmt"
	"net/netip"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// Conn is a connection that a manifest declares (section 4.10 of the design).
// From is nil for one that comes from outside or from the control plane. Port is
// a pod port, 0 for any that the destination exposes.
type Conn struct {
	From, To *inventory.Workload
	Port     int
	Protocol string
	Quote    string
	Origin   diag.Position
}

// Declared finds declared connections that passed before and are blocked after.
// Cut by implied isolation, which nobody asked for, one is an error, unless cuts
// says that an intent accepts it; cut by a Close that somebody stated, it is a
// warning.
func Declared(p *ir.Program, conns []Conn, before, after *reach.Engine, cuts func(Conn) bool) diag.List {
	stated := &ir.Program{Inventory: p.Inventory}
	for _, b := range p.Rules {
		if b.Implied != "isolation" {
			stated.Rules = append(stated.Rules, b)
		}
	}
	var out diag.List
	for _, c := range conns {
		if !c.judged() {
			continue
		}
		f, cut := severed(p.Inventory, c, passes(before), passes(after))
		if !cut {
			continue
		}
		if want := stated.Wants(f); want.Verdict == ir.Block {
			out = append(out, cutDiagnostic(diag.Warningf, "this statement cuts", c, f, want.By))
			continue
		}
		want := p.Wants(f)
		if want.Verdict != ir.Block || want.By == nil || cuts != nil && cuts(c) {
			continue
		}
		d := cutDiagnostic(diag.Errorf, "nobody asked to cut", c, f, want.By)
		out = append(out, d.Hint("allow it: %q", wish(c, f)).
			Hint("or accept the cut: list %q under cuts: of intent %q", cutWords(c, f), want.By.Intent.Name))
	}
	return out.Sorted()
}

// passes is what an engine lets pass.
func passes(e *reach.Engine) func(ir.Flow) bool {
	return func(f ir.Flow) bool { return e.Decide(f).Allowed }
}

// Cut is a declared connection that is severed, with a flow of it.
type Cut struct {
	Conn Conn
	Flow ir.Flow
}

// Severed returns the declared connections of which a flow passes before and none
// after.
func Severed(inv *inventory.Inventory, conns []Conn, before, after func(ir.Flow) bool) []Cut {
	var out []Cut
	for _, c := range conns {
		if c.judged() {
			if f, cut := severed(inv, c, before, after); cut {
				out = append(out, Cut{c, f})
			}
		}
	}
	return out
}

// judged says whether policies bear on the connection.
func (c Conn) judged() bool {
	return c.To != nil && !c.To.HostNetwork && (c.From == nil || !c.From.HostNetwork && (c.From != c.To || c.To.Replicas > 1))
}

// severed returns a flow of the connection that passed before, if after none of
// its flows passes any more.
func severed(inv *inventory.Inventory, c Conn, before, after func(ir.Flow) bool) (ir.Flow, bool) {
	var lost ir.Flow
	cut := false
	for _, from := range sendersOf(inv, c) {
		for _, f := range flowsOf(inv, from, c) {
			if after(f) {
				return ir.Flow{}, false
			}
			if !cut && before(f) {
				lost, cut = f, true
			}
		}
	}
	return lost, cut
}

// sendersOf returns where a connection comes from. Outside traffic for what an
// Ingress routes to comes through the controller's pods, where there are any.
func sendersOf(inv *inventory.Inventory, c Conn) []ir.Endpoint {
	if c.From != nil {
		return []ir.Endpoint{pod(inv, c.From)}
	}
	var out []ir.Endpoint
	if inv.Routed(c.To) {
		for _, w := range inv.IngressControllers() {
			if !w.HostNetwork {
				out = append(out, pod(inv, w))
			}
		}
	}
	if len(out) == 0 {
		out = append(out, ir.Endpoint{Addr: samples[0]})
	}
	return out
}

func flowsOf(inv *inventory.Inventory, from ir.Endpoint, c Conn) []ir.Flow {
	to := pod(inv, c.To)
	if c.Port != 0 {
		protocol := c.Protocol
		if protocol == "" {
			protocol = "TCP"
		}
		return []ir.Flow{{From: from, To: to, Protocol: protocol, Port: c.Port}}
	}
	var out []ir.Flow
	for _, p := range exposed(inv, c.To) {
		if c.Protocol == "" || c.Protocol == p.Protocol {
			out = append(out, ir.Flow{From: from, To: to, Protocol: p.Protocol, Port: p.Number})
		}
	}
	return out
}

// exposed returns the pod ports of w: its containers' and those that Services
// translate to.
func exposed(inv *inventory.Inventory, w *inventory.Workload) []ir.Port {
	var out []ir.Port
	seen := map[ir.Port]bool{}
	add := func(number int, protocol string) {
		p := ir.Port{Number: number, Protocol: protocol}
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	for _, p := range w.Ports {
		add(p.Number, p.Protocol)
	}
	for _, s := range inv.ServicesOf(w) {
		for _, sp := range s.Ports {
			if n, ok := sp.PodPort(w); ok {
				add(n, sp.Protocol)
			}
		}
	}
	return out
}

func cutDiagnostic(make func(diag.ID, diag.Position, string, ...any) diag.Diagnostic, who string, c Conn, f ir.Flow, by *ir.Bound) diag.Diagnostic {
	return make(diag.VerifyDeclared, c.Origin, "%s a connection that this declares (%s): %s", who, c.Quote, words(f)).
		Relate(by.Intent.Position(by.Span), "intent %q: %s", by.Intent.Name, ruleWords(by)).About(by.Intent.Name)
}

func wish(c Conn, f ir.Flow) string {
	from := "outside"
	if c.From != nil {
		from = c.From.Name
	}
	return fmt.Sprintf("Let %s reach %s on port %d.", from, c.To.Name, f.Port)
}

// cutWords is the connection as `cuts:` lists it.
func cutWords(c Conn, f ir.Flow) string {
	from := "world"
	if c.From != nil {
		from = c.From.Name
		if c.From.Namespace != c.To.Namespace {
			from = c.From.Ref()
		}
	}
	return fmt.Sprintf("%s -> %s:%d", from, c.To.Name, f.Port)
}

func prefixOf(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}
