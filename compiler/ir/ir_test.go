package ir_test

import (
	"fmt"
	"math/rand"
	"net/netip"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// lab is a small cluster: namespace lab with a web, an api behind a Service
// that translates 80 to 8080, a db, and a host-network agent; namespace other
// with a client; DNS in kube-system; an ingress controller that routes to web.
func lab() *inventory.Inventory {
	w := func(ns, name string, ports ...inventory.Port) *inventory.Workload {
		return &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Labels: map[string]string{"app": name}, ServiceAccount: "default", Ports: ports}
	}
	tcp := func(name string, n int) inventory.Port {
		return inventory.Port{Name: name, Number: n, Protocol: "TCP"}
	}
	agent := w("lab", "agent")
	agent.HostNetwork = true
	dns := w("kube-system", "coredns", inventory.Port{Name: "dns", Number: 53, Protocol: "UDP"}, tcp("dns-tcp", 53))
	dns.Labels = map[string]string{"k8s-app": "kube-dns"}
	edge := w("edge", "edge", tcp("http", 80))
	edge.Labels = map[string]string{"app.kubernetes.io/name": "ingress-nginx"}
	svc := func(name string, ports ...inventory.ServicePort) *inventory.Service {
		return &inventory.Service{Namespace: "lab", Name: name, Selector: map[string]string{"app": name}, Ports: ports}
	}
	return inventory.Build(inventory.Inventory{
		Workloads: []*inventory.Workload{w("lab", "web", tcp("http", 8080)), w("lab", "api", tcp("grpc", 8080), tcp("metrics", 9100)),
			w("lab", "db", tcp("", 5432)), w("other", "client"), agent, dns, edge},
		Services: []*inventory.Service{svc("api", inventory.ServicePort{Name: "grpc", Number: 80, Protocol: "TCP", TargetName: "grpc"}),
			svc("web", inventory.ServicePort{Number: 80, Protocol: "TCP", TargetNumber: 8080})},
		Ingresses: []*inventory.Ingress{{Kind: "Ingress", Namespace: "lab", Name: "web", Backends: []inventory.Backend{{Namespace: "lab", Service: "web", Number: 80}}}},
		Facts: inventory.Facts{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}, NodeCIDRs: []netip.Prefix{netip.MustParsePrefix("172.18.0.2/32")},
			DNS: inventory.DNS{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}, Ports: []inventory.Port{{Number: 53, Protocol: "UDP"}, {Number: 53, Protocol: "TCP"}}}},
	})
}

func pod(name string) ir.Peer { return ir.Peer{Kind: ir.Workload, Namespace: "lab", Name: name} }
func namespace(name string) ir.Peer {
	return ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{name}}}
}

func one(p ir.Peer) []ir.Peer { return []ir.Peer{p} }

func allow(from, to ir.Peer, about ir.End, ports ...ir.Port) ir.Rule {
	return ir.Rule{Allow: &ir.Allow{From: one(from), To: one(to), About: about, Ports: ports}}
}

func link(t *testing.T, set *ir.Set, rules ...ir.Rule) *ir.Program {
	t.Helper()
	for i, r := range rules {
		set.Intents = append(set.Intents, &ir.Intent{Set: set.Name, Name: fmt.Sprint("i", i), Rules: []ir.Rule{r}})
	}
	p, diags := ir.Link(lab(), []*ir.Set{set}, nil)
	if diags.HasErrors() {
		t.Fatalf("link: %v", diags)
	}
	return p
}

// ask decides "from to port/PROTOCOL", where a party is ns/name or an address.
func ask(t *testing.T, p *ir.Program, question string) ir.Verdict {
	t.Helper()
	f := strings.Fields(question)
	end := func(s string) ir.Endpoint {
		if a, err := netip.ParseAddr(s); err == nil {
			return ir.Endpoint{Addr: a}
		}
		ns, name, _ := strings.Cut(s, "/")
		if name == "?" {
			return ir.Endpoint{Namespace: p.Inventory.Namespace(ns)}
		}
		w := p.Inventory.Workload(ns, name)[0]
		return ir.Endpoint{Workload: w, Namespace: p.Inventory.Namespace(ns), Labels: w.Labels}
	}
	flow := ir.Flow{From: end(f[0]), To: end(f[1])}
	if _, err := fmt.Sscanf(strings.Replace(f[2], "/", " ", 1), "%d %s", &flow.Port, &flow.Protocol); err != nil {
		t.Fatal(err)
	}
	return p.Wants(flow).Verdict
}

func TestWants(t *testing.T) {
	world := ir.Peer{Kind: ir.World}
	tests := []struct {
		name  string
		set   ir.Set
		rules []ir.Rule
		wants map[string]ir.Verdict
	}{
		{"implied isolation closes the destination, softly", ir.Set{Namespace: "lab"}, []ir.Rule{allow(pod("web"), pod("api"), ir.Ingress, ir.Port{Number: 80})}, map[string]ir.Verdict{
			"lab/web lab/api 8080/TCP": ir.Pass, "lab/web lab/api 80/TCP": ir.Block, "lab/db lab/api 8080/TCP": ir.Block,
			"lab/api lab/web 8080/TCP": ir.AsBefore, "lab/? lab/api 8080/TCP": ir.Block, "203.0.113.1 lab/api 8080/TCP": ir.Block}},
		{"explicit closes nothing", ir.Set{Namespace: "lab", Explicit: true}, []ir.Rule{allow(pod("web"), pod("api"), ir.Ingress)}, map[string]ir.Verdict{
			"lab/web lab/api 1/SCTP": ir.Pass, "lab/db lab/api 8080/TCP": ir.AsBefore}},
		{"another namespace is never closed", ir.Set{Namespace: "other"}, []ir.Rule{allow(pod("web"), pod("api"), ir.Ingress)}, map[string]ir.Verdict{
			"lab/db lab/api 8080/TCP": ir.AsBefore}},
		{"the sender's side, with DNS", ir.Set{Namespace: "lab"}, []ir.Rule{allow(pod("web"), pod("api"), ir.Egress)}, map[string]ir.Verdict{
			"lab/web lab/db 5432/TCP": ir.Block, "lab/web kube-system/coredns 53/UDP": ir.Pass, "lab/web kube-system/coredns 53/TCP": ir.Pass,
			"lab/web kube-system/coredns 9153/TCP": ir.Block, "lab/db lab/api 8080/TCP": ir.AsBefore}},
		{"dns: close", ir.Set{Namespace: "lab", DNS: ir.DNSClose}, []ir.Rule{allow(pod("web"), pod("api"), ir.Egress)}, map[string]ir.Verdict{
			"lab/web kube-system/coredns 53/UDP": ir.Block}},
		{"egress to addresses only brings no DNS", ir.Set{Namespace: "lab"}, []ir.Rule{allow(pod("web"), ir.Peer{Kind: ir.CIDR, Prefix: netip.MustParsePrefix("198.51.100.0/24")}, ir.Ingress)}, map[string]ir.Verdict{
			"lab/web 198.51.100.7 443/TCP": ir.Pass, "lab/web 198.51.101.7 443/TCP": ir.Block, "lab/web kube-system/coredns 53/UDP": ir.Block}},
		{"firm beats allow; soft yields", ir.Set{Namespace: "lab", Explicit: true}, []ir.Rule{
			allow(pod("web"), pod("db"), ""), {Close: &ir.Close{End: ir.Ingress, Subject: one(ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{"lab"}}, Minus: one(pod("agent"))})}},
			allow(pod("api"), pod("db"), ""), {Close: &ir.Close{End: ir.Ingress, Subject: one(pod("db")), Scope: []ir.Traffic{{Peers: one(pod("api"))}}, Firm: true}}}, map[string]ir.Verdict{
			"lab/web lab/db 5432/TCP": ir.Pass, "lab/api lab/db 5432/TCP": ir.Block, "other/client lab/db 5432/TCP": ir.Block, "lab/web other/client 1/TCP": ir.AsBefore}},
		{"outside: pods are not in it, nodes may be; the controller comes along", ir.Set{Namespace: "lab"}, []ir.Rule{
			allow(world, pod("web"), "", ir.Port{Number: 80}), {Close: &ir.Close{End: ir.Ingress, Subject: one(pod("web")), Firm: true, Except: []ir.Traffic{{Peers: one(world), Ports: []ir.Port{{Number: 80}}}}}}}, map[string]ir.Verdict{
			"203.0.113.1 lab/web 8080/TCP": ir.Pass, "203.0.113.1 lab/web 22/TCP": ir.Block, "10.244.3.3 lab/web 8080/TCP": ir.Block,
			"172.18.0.2 lab/web 8080/TCP": ir.Free, "edge/edge lab/web 8080/TCP": ir.Pass, "lab/db lab/web 8080/TCP": ir.Block}},
		{"but", ir.Set{Namespace: "lab"}, []ir.Rule{{Close: &ir.Close{End: ir.Egress, Subject: one(ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{"lab"}}, Minus: []ir.Peer{pod("web"), pod("agent")}})}}}, map[string]ir.Verdict{
			"lab/web other/client 1/TCP": ir.AsBefore, "lab/db other/client 1/TCP": ir.Block, "lab/? other/client 1/TCP": ir.Block}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := link(t, &tt.set, tt.rules...)
			for q, want := range tt.wants {
				if got := ask(t, p, q); got != want {
					t.Errorf("%s: %s, want %s", q, got, want)
				}
			}
		})
	}
}

func TestLinkRefuses(t *testing.T) {
	tests := []struct {
		rule ir.Rule
		want string
	}{
		{allow(pod("wbe"), pod("api"), ""), `no workload "wbe"`},
		{allow(pod("web"), pod("agent"), ""), "uses the host's network"},
		{allow(pod("web"), pod("api"), "", ir.Port{Number: 81}), "nothing listens on port 81 of lab/api"},
		{allow(pod("web"), pod("api"), "", ir.Port{Name: "https"}), `nothing listens on port "https"`},
		{allow(pod("web"), pod("api"), "", ir.Port{Protocol: "ICMP"}), "ICMP cannot be said"},
		{allow(namespace("nowhere"), pod("api"), ""), `no namespace "nowhere"`},
		{allow(ir.Peer{Kind: ir.Pods, Labels: []ir.Requirement{{Key: "app", Operator: ir.In, Values: []string{"x"}}}}, pod("api"), ""), "no pod is pods labelled app=x"},
		{allow(ir.Peer{Kind: ir.CIDR, Prefix: netip.MustParsePrefix("10.244.1.0/24")}, pod("api"), ""), "within the pod network"},
		{allow(ir.Peer{Kind: ir.CIDR, Prefix: netip.MustParsePrefix("192.0.2.0/24"), Except: []netip.Prefix{netip.MustParsePrefix("192.0.3.0/24")}}, pod("api"), ""), "does not lie within"},
		{ir.Rule{Close: &ir.Close{End: ir.Ingress, Subject: one(namespace("lab"))}}, "uses the host's network"},
	}
	for _, tt := range tests {
		_, diags := ir.Link(lab(), []*ir.Set{{Namespace: "lab", Intents: []*ir.Intent{{Rules: []ir.Rule{tt.rule}}}}}, nil)
		if !diags.HasErrors() || !strings.Contains(diags[0].Message, tt.want) {
			t.Errorf("%s: got %v, want %q", tt.rule, diags, tt.want)
		}
	}
}

// TestPortSet holds the interval algebra against one bit per port.
func TestPortSet(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	const n = 40
	draw := func() (ir.PortSet, [n + 1]bool) {
		var s ir.PortSet
		var bits [n + 1]bool
		for range rng.Intn(4) {
			lo := 1 + rng.Intn(n)
			hi := min(n, lo+rng.Intn(9))
			s = s.Union(ir.Ports("UDP", lo, hi))
			for p := lo; p <= hi; p++ {
				bits[p] = true
			}
		}
		return s, bits
	}
	for range 2000 {
		a, x := draw()
		b, y := draw()
		union, minus, both := a.Union(b), a.Minus(b), a.Intersect(b)
		for p := 1; p <= n; p++ {
			if union.Has("UDP", p) != (x[p] || y[p]) || minus.Has("UDP", p) != (x[p] && !y[p]) || both.Has("UDP", p) != (x[p] && y[p]) {
				t.Fatalf("%s and %s at %d: union %s, minus %s, both %s", a, b, p, union, minus, both)
			}
		}
	}
}
