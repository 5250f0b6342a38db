package reach_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

func small(facts inventory.Facts) *inventory.Inventory {
	w := func(name string) *inventory.Workload {
		return &inventory.Workload{Kind: "Deployment", Namespace: "shop", Name: name, Labels: map[string]string{"app": name}, Ports: []inventory.Port{{Name: "http", Number: 80, Protocol: "TCP"}}}
	}
	agent := w("agent")
	agent.HostNetwork = true
	return inventory.Build(inventory.Inventory{Workloads: []*inventory.Workload{w("web"), w("db"), agent}, Facts: facts})
}

func shopPolicy(t *testing.T, spec string) []policy.Object {
	t.Helper()
	return decode(t, []string{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n" + spec})
}

func end(inv *inventory.Inventory, name string) ir.Endpoint {
	if a, err := netip.ParseAddr(name); err == nil {
		return ir.Endpoint{Addr: a}
	}
	w := inv.Workload("shop", name)[0]
	return ir.Endpoint{Workload: w, Namespace: inv.Namespace("shop"), Labels: w.Labels}
}

// TestReasons: the rule and line that decided, and where a change could begin.
func TestReasons(t *testing.T) {
	inv := small(inventory.Facts{})
	e := reach.New(inv, shopPolicy(t, `  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: http}]
  - from: [{ipBlock: {cidr: 2001:db8::/32}}]
`), reach.Options{})
	tests := []struct {
		from     string
		protocol string
		port     int
		allowed  bool
		by, near string
	}{
		{"web", "TCP", 80, true, "[0 p 1 policies.yaml:7:5]", "[]"},
		{"web", "TCP", 81, false, "[-1 p 0 policies.yaml:1:1]", "[0 p 2 policies.yaml:7:5 1 p 3 policies.yaml:9:5]"},
		{"198.51.100.1", "TCP", 80, false, "[-1 p 0 policies.yaml:1:1]", "[0 p 3 policies.yaml:7:5 1 p 3 policies.yaml:9:5]"},
		{"2001:db8::1", "UDP", 9, true, "[1 p 1 policies.yaml:9:5]", "[]"},
		{"2001:db8::1", "ICMP", 0, true, "[1 p 1 policies.yaml:9:5]", "[]"}, // a rule without ports is about every protocol
		{"web", "ICMP", 0, false, "[-1 p 0 policies.yaml:1:1]", "[0 p 2 policies.yaml:7:5 1 p 3 policies.yaml:9:5]"},
	}
	words := func(rs []reach.Reason) string {
		var out []string
		for _, r := range rs {
			out = append(out, fmt.Sprint(r.Rule, " ", r.Object.Name(), " ", int(r.Match), " ", r.Pos))
		}
		return fmt.Sprint(out)
	}
	for _, test := range tests {
		d := e.Decide(ir.Flow{From: end(inv, test.from), To: end(inv, "db"), Protocol: test.protocol, Port: test.port})
		if d.Allowed != test.allowed || !d.Ingress.Isolated || d.Egress.Isolated || !d.Egress.Allowed || words(d.Ingress.By) != test.by || words(d.Ingress.Near) != test.near {
			t.Errorf("%s %s %d: %v by %s, near %s", test.from, test.protocol, test.port, d.Allowed, words(d.Ingress.By), words(d.Ingress.Near))
		}
	}
	if !e.Isolates(inv.Workload("shop", "db")[0], ir.Ingress) || e.Isolates(inv.Workload("shop", "db")[0], ir.Egress) || e.Isolates(inv.Workload("shop", "web")[0], ir.Ingress) {
		t.Error("Isolates is wrong about db's ingress, its egress or web")
	}
}

// TestUnknownAddresses: what blocks match of pods and nodes whose own addresses
// nobody knows.
func TestUnknownAddresses(t *testing.T) {
	cidrs := func(list ...string) (out []netip.Prefix) {
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	known := inventory.Facts{PodCIDRs: cidrs("10.244.0.0/16"), NodeCIDRs: cidrs("172.18.0.2/32", "172.18.0.3/32")}
	tests := []struct {
		facts     inventory.Facts
		block     string
		from      string
		off, over bool // without and with BlocksCoverPods
	}{
		{known, "{cidr: 0.0.0.0/0}", "web", false, true},
		{known, "{cidr: 0.0.0.0/0, except: [10.244.0.0/16]}", "web", false, false},
		{known, "{cidr: 0.0.0.0/0, except: [10.244.0.0/17]}", "web", false, true},
		{known, "{cidr: 192.168.0.0/16}", "web", false, false},
		{inventory.Facts{}, "{cidr: 192.168.0.0/24}", "web", false, true},
		{inventory.Facts{}, "{cidr: 203.0.113.0/24}", "web", false, false},
		{known, "{cidr: 172.18.0.0/16}", "agent", true, true},
		{known, "{cidr: 172.18.0.2/32}", "agent", false, false},
		{inventory.Facts{}, "{cidr: 0.0.0.0/0}", "agent", true, true},
		{inventory.Facts{}, "{cidr: 172.18.0.0/16}", "agent", false, false},
		{known, "{cidr: 192.0.2.0/24}", "::ffff:192.0.2.1", true, true},
		{known, "{cidr: 192.0.2.77/24}", "192.0.2.1", true, true},
	}
	for _, test := range tests {
		inv := small(test.facts)
		objects := shopPolicy(t, "  podSelector: {matchLabels: {app: db}}\n  ingress: [{from: [{ipBlock: "+test.block+"}]}]\n")
		for _, over := range []bool{false, true} {
			e := reach.New(inv, objects, reach.Options{BlocksCoverPods: over})
			f := ir.Flow{From: end(inv, test.from), To: end(inv, "db"), Protocol: "TCP", Port: 80}
			want := test.off && !over || test.over && over
			if got := e.Decide(f).Allowed; got != want {
				t.Errorf("%s from %s, blocks cover pods %v: %v", test.block, test.from, over, got)
			}
			s := e.Over([]ir.Endpoint{f.From, f.To})
			if got := s.Into(s.Of[1], "TCP", 80).Has(s.Of[0]); got != want {
				t.Errorf("%s from %s, blocks cover pods %v, in bulk: %v", test.block, test.from, over, got)
			}
		}
	}
}

// TestHostNetwork: no policy selects a pod of the host's network, as a subject or
// as a peer.
func TestHostNetwork(t *testing.T) {
	inv := small(inventory.Facts{})
	e := reach.New(inv, shopPolicy(t, "  podSelector: {}\n  policyTypes: [Ingress, Egress]\n  ingress: [{from: [{podSelector: {}}]}]\n"), reach.Options{})
	if d := e.Decide(ir.Flow{From: end(inv, "192.0.2.1"), To: end(inv, "agent"), Protocol: "TCP", Port: 80}); !d.Allowed {
		t.Error("an end on the host's network is isolated")
	}
	if d := e.Decide(ir.Flow{From: end(inv, "agent"), To: end(inv, "db"), Protocol: "TCP", Port: 80}); d.Allowed {
		t.Error("a peer on the host's network is selected")
	}
	if e.Isolates(inv.Workload("shop", "agent")[0], ir.Ingress) {
		t.Error("a pod on the host's network is isolated")
	}
}
