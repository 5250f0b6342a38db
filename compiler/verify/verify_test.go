package verify_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

// shop is namespace shop with web, api (Service port 80 is pod port 8080), db and
// job; namespace other with a client; DNS in kube-system; a host-network agent.
func shop() *inventory.Inventory {
	w := func(ns, name string, ports ...inventory.Port) *inventory.Workload {
		return &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Labels: map[string]string{"app": name}, Ports: ports, Replicas: 1}
	}
	tcp := func(name string, n int) inventory.Port {
		return inventory.Port{Name: name, Number: n, Protocol: "TCP"}
	}
	dns := w("kube-system", "coredns", inventory.Port{Name: "dns", Number: 53, Protocol: "UDP"}, tcp("dns-tcp", 53))
	dns.Labels = map[string]string{"k8s-app": "kube-dns"}
	agent := w("shop", "agent")
	agent.HostNetwork = true
	client := w("other", "client")
	client.Labels = map[string]string{"app": "web"} // as web of shop: only a namespace tells them apart
	return inventory.Build(inventory.Inventory{
		Workloads: []*inventory.Workload{w("shop", "web", tcp("http", 8080)), w("shop", "api", tcp("grpc", 8080), tcp("metrics", 9100)),
			w("shop", "db", tcp("", 5432)), w("shop", "job"), client, dns, agent},
		Services: []*inventory.Service{{Namespace: "shop", Name: "api", Selector: map[string]string{"app": "api"},
			Ports: []inventory.ServicePort{{Name: "grpc", Number: 80, Protocol: "TCP", TargetName: "grpc"}}}},
		Facts: inventory.Facts{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}, ServiceCIDRs: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12")},
			NodeCIDRs: []netip.Prefix{netip.MustParsePrefix("172.18.0.2/32")},
			DNS: inventory.DNS{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"},
				Ports: []inventory.Port{{Number: 53, Protocol: "UDP"}, {Number: 53, Protocol: "TCP"}}}},
	})
}

func named(name string) ir.Peer {
	namespace, name, _ := strings.Cut(name, "/")
	return ir.Peer{Kind: ir.Workload, Namespace: namespace, Name: name}
}

func peers(names ...string) []ir.Peer {
	var out []ir.Peer
	for _, n := range names {
		switch {
		case n == "world":
			out = append(out, ir.Peer{Kind: ir.World})
		case n == "anybody":
			out = append(out, ir.Peer{Kind: ir.Anybody})
		case strings.HasSuffix(n, "/*"):
			out = append(out, ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{strings.TrimSuffix(n, "/*")}}})
		case strings.Contains(n, "."):
			prefix, except, _ := strings.Cut(n, "!")
			p := ir.Peer{Kind: ir.CIDR, Prefix: netip.MustParsePrefix(prefix)}
			if except != "" {
				p.Except = []netip.Prefix{netip.MustParsePrefix(except)}
			}
			out = append(out, p)
		default:
			out = append(out, named(n))
		}
	}
	return out
}

func allow(about ir.End, from, to []ir.Peer, ports ...ir.Port) ir.Rule {
	return ir.Rule{Allow: &ir.Allow{From: from, To: to, About: about, Ports: ports}}
}

func tcp(n int) ir.Port { return ir.Port{Number: n, Protocol: "TCP"} }

func only(end ir.End, subject []ir.Peer, except ...ir.Traffic) ir.Rule {
	return ir.Rule{Close: &ir.Close{End: end, Subject: subject, Except: except, Firm: true}}
}

func deny(end ir.End, subject []ir.Peer, scope ...ir.Traffic) ir.Rule {
	return ir.Rule{Close: &ir.Close{End: end, Subject: subject, Scope: scope, Firm: true}}
}

func traffic(peers []ir.Peer, ports ...ir.Port) ir.Traffic {
	return ir.Traffic{Peers: peers, Ports: ports}
}

// set makes an intent set of one intent for each list of rules, named i0, i1...
// at lines 1, 2...
func set(name string, intents ...[]ir.Rule) *ir.Set {
	s := &ir.Set{Name: name, Namespace: "shop"}
	for i, rules := range intents {
		s.Intents = append(s.Intents, &ir.Intent{Set: name, Name: fmt.Sprint("i", i), Statement: fmt.Sprint("statement ", i),
			Pos: diag.Position{File: name + ".yaml", Line: i + 1, Column: 1}, Rules: rules})
	}
	return s
}

func link(t testing.TB, inv *inventory.Inventory, sets ...*ir.Set) *ir.Program {
	t.Helper()
	p, diags := ir.Link(inv, sets, nil)
	if diags.HasErrors() {
		t.Fatalf("link: %v", diags)
	}
	return p
}

// policies decodes specs of namespace shop.
func policies(t testing.TB, specs ...string) []policy.Object {
	t.Helper()
	var out []policy.Object
	for i, spec := range specs {
		doc := fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p%d, namespace: shop}\nspec: %s\n", i, spec)
		objects, diags := policy.Decode(fmt.Sprintf("p%d.yaml", i), []byte(doc))
		if len(diags) > 0 || len(objects) != 1 {
			t.Fatalf("decode %s: %v", doc, diags)
		}
		out = append(out, objects...)
	}
	return out
}

const (
	dnsRule = `{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]}`
	toAPI   = `{to: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 8080}]}`
	outside = `{ipBlock: {cidr: 0.0.0.0/0, except: [10.244.0.0/16]}}`
)

// TestSabotage proves right policies, and then finds every way of getting them
// wrong that a lowering could think of.
func TestSabotage(t *testing.T) {
	world := traffic(peers("world"))
	tests := []struct {
		name     string
		rules    []ir.Rule
		right    []string
		sabotage map[string][]string
	}{
		{"only two senders on a port", []ir.Rule{allow("", peers("shop/web", "shop/job"), peers("shop/api"), tcp(80)),
			only(ir.Ingress, peers("shop/api"), traffic(peers("shop/web", "shop/job"), tcp(80)))},
			[]string{`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}], ports: [{port: 8080}]}]}`},
			map[string][]string{
				"lose a peer":            {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}]}`},
				"lose the ports":         {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}]}]}`},
				"Service port":           {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}], ports: [{port: 80}]}]}`},
				"named port of another":  {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}], ports: [{port: metrics}]}]}`},
				"wrong protocol":         {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}], ports: [{port: 8080, protocol: UDP}]}]}`},
				"all namespaces":         {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}], ports: [{port: 8080}]}]}`},
				"empty from":             {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [], ports: [{port: 8080}]}]}`},
				"select the whole shop":  {`{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}], ports: [{port: 8080}]}]}`},
				"egress closed as well":  {`{podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}], ports: [{port: 8080}]}]}`},
				"nothing at all":         {},
				"port range":             {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}], ports: [{port: 8080, endPort: 8081}]}]}`},
				"an address beside them": {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: job}}}, {ipBlock: {cidr: 192.0.2.1/32}}], ports: [{port: 8080}]}]}`},
			}},
		{"a sender of another namespace", []ir.Rule{allow("", peers("other/client"), peers("shop/api")), only(ir.Ingress, peers("shop/api"), traffic(peers("other/client")))},
			[]string{`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}, podSelector: {matchLabels: {app: web}}}]}]}`},
			map[string][]string{
				"AND for OR":        {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}, {podSelector: {matchLabels: {app: web}}}]}]}`},
				"namespace alone":   {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}]}]}`},
				"lose its own home": {`{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`},
			}},
		{"only egress, DNS kept", []ir.Rule{allow("", peers("shop/web"), peers("shop/api"), tcp(80)), only(ir.Egress, peers("shop/web"), traffic(peers("shop/api"), tcp(80)))},
			[]string{`{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [` + toAPI + `, ` + dnsRule + `]}`},
			map[string][]string{
				"drop TCP DNS":       {`{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [` + toAPI + `, ` + strings.Replace(dnsRule, ", {protocol: TCP, port: 53}", "", 1) + `]}`},
				"drop DNS":           {`{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [` + toAPI + `]}`},
				"DNS anywhere":       {`{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [` + toAPI + `, {ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]}]}`},
				"the other way":      {`{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}`},
				"policyTypes forgot": {`{podSelector: {matchLabels: {app: web}}, egress: [` + toAPI + `, ` + dnsRule + `]}`},
				"rules ignored":      {`{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], egress: [` + toAPI + `, ` + dnsRule + `]}`},
			}},
		{"addresses with an exception", []ir.Rule{allow("", peers("192.0.2.0/24!192.0.2.128/25"), peers("shop/web")), only(ir.Ingress, peers("shop/web"), traffic(peers("192.0.2.0/24!192.0.2.128/25")))},
			[]string{`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}}]}]}`},
			map[string][]string{
				"drop an except":       {`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}`},
				"half of the except":   {`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/26]}}]}]}`},
				"too small a block":    {`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/25, except: [192.0.2.64/32]}}]}]}`},
				"give the except back": {`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}}, {ipBlock: {cidr: 192.0.2.200/32}}]}]}`},
			}},
		{"outside only", []ir.Rule{allow("", peers("world"), peers("shop/web")), only(ir.Ingress, peers("shop/web"), world)},
			[]string{`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.244.0.0/16]}}]}]}`},
			map[string][]string{
				"pods are in the block": {`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`},
				"pods beside it":        {`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.244.0.0/16]}}, {podSelector: {}}]}]}`},
				"half of the world":     {`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/1, except: [10.244.0.0/16]}}]}]}`},
			}},
		{"two complements", []ir.Rule{deny(ir.Ingress, peers("shop/db"), traffic(peers("shop/web"))), deny(ir.Ingress, peers("shop/db"), traffic(peers("shop/job")))},
			[]string{`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web, job]}]}}, {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}}, ` + outside + `]}]}`},
			map[string][]string{
				"side by side": {`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}, {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}}, ` + outside + `]}]}`,
					`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [job]}]}}, {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}}, ` + outside + `]}]}`},
				"pods in the block":   {`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web, job]}]}}, {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}}, {ipBlock: {cidr: 0.0.0.0/0}}]}]}`},
				"lose the addresses":  {`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web, job]}]}}, {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}}]}]}`},
				"lose the undeclared": {`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [api, db]}]}}, {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}}, ` + outside + `]}]}`},
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := link(t, shop(), set("cart", test.rules))
			if diags := verify.Policies(p, nil, policies(t, test.right...)); len(diags) > 0 {
				t.Fatalf("the right policies: %v", diags)
			}
			for name, specs := range test.sabotage {
				diags := verify.Policies(p, nil, policies(t, specs...))
				if !diags.HasErrors() {
					t.Errorf("%s: not found", name)
				}
				for _, d := range diags {
					if d.ID != diag.VerifyFlow || d.Intent != "i0" || d.Pos.Line != 1 || !strings.Contains(d.Message, " -> ") || len(d.Hints) == 0 {
						t.Errorf("%s: no counterexample at the intent: %+v", name, d)
					}
				}
			}
		})
	}
}

// TestCounterexample pins what a person reads.
func TestCounterexample(t *testing.T) {
	p := link(t, shop(), set("cart", []ir.Rule{allow("", peers("shop/web"), peers("shop/db"), tcp(5432)), only(ir.Ingress, peers("shop/db"), traffic(peers("shop/web"), tcp(5432)))}))
	diags := verify.Policies(p, nil, policies(t, `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 5432}]}]}`))
	if len(diags) != 1 {
		t.Fatalf("%d findings, want one for the rule: %v", len(diags), diags)
	}
	d := diags[0]
	want := "the policies do not do what the statement says (traffic to shop/db is blocked, except from shop/web on port 5432/TCP): shop/api -> shop/db on TCP 5432 is allowed, and should be blocked"
	if d.Message != want {
		t.Errorf("got  %s\nwant %s", d.Message, want)
	}
	if len(d.Related) != 1 || d.Related[0].Message != "rule 1 of shop/p0 allows it" || d.Related[0].Pos.String() != "p0.yaml:4:57" {
		t.Errorf("related: %+v", d.Related)
	}
}

// TestInForce: flows that no statement is about stay as they were, and what a
// policy in force allows is told from what kubeteus wrote.
func TestInForce(t *testing.T) {
	p := link(t, shop(), set("cart", []ir.Rule{only(ir.Ingress, peers("shop/db"), traffic(peers("shop/web")))}))
	before := policies(t, `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}`)
	diags := verify.Policies(p, before, before)
	if len(diags) != 1 || !strings.Contains(diags[0].Hints[0], "a policy in force allows it") {
		t.Errorf("a policy in force: %v", diags)
	}
	before = policies(t, `{podSelector: {matchLabels: {app: job}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`)
	after := policies(t, `{podSelector: {matchLabels: {app: job}}, ingress: [{from: [{podSelector: {}}]}]}`)
	diags = verify.Policies(link(t, shop(), set("cart", []ir.Rule{allow("", peers("shop/web"), peers("shop/api"))})), before, after)
	if len(diags) != 1 || !strings.Contains(diags[0].Message, "should stay blocked") {
		t.Errorf("a flow that nobody spoke of: %v", diags)
	}
}

// TestSpeed proves three hundred workloads under a hundred intents in the time
// that a person waits.
func TestSpeed(t *testing.T) {
	p, after := many(t, 300, 100)
	start := time.Now()
	if diags := verify.Policies(p, nil, after); len(diags) > 0 {
		t.Errorf("%d findings: %v", len(diags), diags[0])
	}
	d := time.Since(start)
	t.Log(d)
	if d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestLarge proves a few statements in a cluster of a thousand workloads that
// have as many policies of others.
func TestLarge(t *testing.T) {
	inForce, others := many(t, 1000, 1000)
	rules := []ir.Rule{allow("", peers("shop/w1"), peers("shop/w2")), deny(ir.Ingress, peers("shop/w3"), traffic(peers("shop/w10")))}
	p := link(t, inForce.Inventory, set("few", rules))
	start := time.Now()
	diags := verify.Policies(p, others, others)
	d := time.Since(start)
	t.Log(d)
	if len(diags) != 2 || !strings.Contains(diags[0].Message, "shop/w1 -> shop/w2") || !strings.Contains(diags[1].Message, "shop/w10 -> shop/w3") {
		t.Errorf("%d findings: %v", len(diags), diags)
	}
	if d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

// many is n workloads of which the first m are each for two others alone.
func many(t testing.TB, n, m int) (*ir.Program, []policy.Object) {
	var inv inventory.Inventory
	for i := range n {
		name := fmt.Sprint("w", i)
		inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: "shop", Name: name, Labels: map[string]string{"app": name},
			Ports: []inventory.Port{{Number: 8000 + i%7, Protocol: "TCP"}}})
	}
	var intents [][]ir.Rule
	var specs []string
	for i := range m {
		to, port := fmt.Sprint("shop/w", i), 8000+i%7
		a, b := (i*3+1)%n, (i*5+2)%n
		from := peers(fmt.Sprint("shop/w", a), fmt.Sprint("shop/w", b))
		intents = append(intents, []ir.Rule{allow("", from, peers(to), tcp(port)), only(ir.Ingress, peers(to), traffic(from, tcp(port)))})
		specs = append(specs, fmt.Sprintf(`{podSelector: {matchLabels: {app: w%d}}, ingress: [{from: [{podSelector: {matchLabels: {app: w%d}}}, {podSelector: {matchLabels: {app: w%d}}}], ports: [{port: %d}]}]}`, i, a, b, port))
	}
	return link(t, inventory.Build(inv), set("many", intents...)), policies(t, specs...)
}

func BenchmarkPolicies(b *testing.B) {
	for _, size := range [][2]int{{15, 15}, {300, 100}} {
		p, after := many(b, size[0], size[1])
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			for b.Loop() {
				verify.Policies(p, nil, after)
			}
		})
	}
}
