package kubernetes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// shop is the cluster of the table tests.
func shop(facts inventory.Facts, policies ...*networkingv1.NetworkPolicy) *inventory.Inventory {
	w := func(ns, name string, labels map[string]string, ports ...int) *inventory.Workload {
		w := &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Labels: labels, ServiceAccount: name}
		for _, p := range ports {
			w.Ports = append(w.Ports, inventory.Port{Name: "main", Number: p, Protocol: "TCP"})
		}
		return w
	}
	app := func(name string) map[string]string {
		return map[string]string{"app": name, "pod-template-hash": "x", "version": "v1"}
	}
	inv := inventory.Inventory{
		Namespaces: []*inventory.Namespace{{Name: "lab", Labels: map[string]string{"team": "lab"}}},
		Workloads: []*inventory.Workload{w("shop", "web", app("web"), 8080), w("shop", "cart", app("cart"), 7070), w("shop", "redis", app("redis"), 6379),
			w("shop", "pair-a", map[string]string{"app": "pair", "role": "a", "tier": "first"}, 80), w("shop", "pair-b", map[string]string{"app": "pair", "role": "b"}, 80),
			w("shop", "twin", app("twins"), 80), w("shop", "twin-too", app("twins"), 80), w("shop", "bare", map[string]string{"pod-template-hash": "y"}, 80),
			w("lab", "probe", app("probe")), w("kube-system", "coredns", map[string]string{"k8s-app": "kube-dns"}, 53)},
		Services: []*inventory.Service{{Namespace: "shop", Name: "web", Selector: map[string]string{"app": "web"}, Ports: []inventory.ServicePort{{Number: 80, Protocol: "TCP", TargetName: "main"}}}},
		Facts:    facts,
	}
	inv.Facts.DNS = inventory.DNS{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}, Ports: []inventory.Port{{Number: 53, Protocol: "UDP"}}}
	for _, p := range policies {
		inv.Policies = append(inv.Policies, &inventory.Policy{Object: policy.Object{NetworkPolicy: p}})
	}
	return inventory.Build(inv)
}

var cidrs = inventory.Facts{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}, ServiceCIDRs: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12")}}

func wl(ref string) ir.Peer {
	ns, name, ok := strings.Cut(ref, "/")
	if !ok {
		ns, name = "shop", ref
	}
	return ir.Peer{Kind: ir.Workload, Namespace: ns, Name: name}
}

func all(ns string) ir.Peer { return ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{ns}}} }

func cidr(s string, except ...string) ir.Peer {
	p := ir.Peer{Kind: ir.CIDR, Prefix: netip.MustParsePrefix(s)}
	for _, x := range except {
		p.Except = append(p.Except, netip.MustParsePrefix(x))
	}
	return p
}

func list(ps ...ir.Peer) []ir.Peer { return ps }

func may(from, to ir.Peer, ports ...int) ir.Rule {
	a := &ir.Allow{From: list(from), To: list(to)}
	for _, p := range ports {
		a.Ports = append(a.Ports, ir.Port{Number: p})
	}
	return ir.Rule{Allow: a}
}

func shut(end ir.End, firm bool, subject ir.Peer, scope, except []ir.Traffic) ir.Rule {
	return ir.Rule{Close: &ir.Close{End: end, Subject: list(subject), Firm: firm, Scope: scope, Except: except}}
}

func traffic(peers []ir.Peer, ports ...int) []ir.Traffic {
	t := ir.Traffic{Peers: peers}
	for _, p := range ports {
		t.Ports = append(t.Ports, ir.Port{Number: p})
	}
	return []ir.Traffic{t}
}

// linked links each list of rules as an intent of one explicit set of shop.
func linked(t *testing.T, inv *inventory.Inventory, intents ...[]ir.Rule) *ir.Program {
	t.Helper()
	set := &ir.Set{Name: "s", Namespace: "shop", Explicit: true, DNS: ir.DNSClose}
	for i, rules := range intents {
		set.Intents = append(set.Intents, &ir.Intent{Set: "s", Name: fmt.Sprint("i", i), Statement: fmt.Sprintf("statement %d.", i),
			Pos: diag.Position{File: "intents/s.yaml", Line: 10 + i, Column: 5}, Rules: rules})
	}
	p, diags := ir.Link(inv, []*ir.Set{set}, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

// short words objects, one line for each object and rule.
func short(objects []policy.Object) string {
	var out []string
	for _, o := range objects {
		out = append(out, fmt.Sprintf("%s/%s %s %v", o.Namespace(), o.Name(), labelsOf(&o.NetworkPolicy.Spec.PodSelector), o.NetworkPolicy.Spec.PolicyTypes))
		for _, r := range o.NetworkPolicy.Spec.Ingress {
			out = append(out, "  from "+peersOfRule(r.From)+portsOfRule(r.Ports))
		}
		for _, r := range o.NetworkPolicy.Spec.Egress {
			out = append(out, "  to "+peersOfRule(r.To)+portsOfRule(r.Ports))
		}
	}
	return strings.Join(out, "\n")
}

func labelsOf(s *metav1.LabelSelector) string {
	if s == nil {
		return ""
	}
	var out []string
	for k, v := range s.MatchLabels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	for _, e := range s.MatchExpressions {
		out = append(out, fmt.Sprintf("%s %s %v", e.Key, e.Operator, e.Values))
	}
	return "{" + strings.ReplaceAll(strings.Join(out, " "), inventory.NameLabel, "name") + "}"
}

func peersOfRule(peers []networkingv1.NetworkPolicyPeer) string {
	var out []string
	for _, p := range peers {
		switch {
		case p.IPBlock != nil && len(p.IPBlock.Except) > 0:
			out = append(out, fmt.Sprintf("%s except %v", p.IPBlock.CIDR, p.IPBlock.Except))
		case p.IPBlock != nil:
			out = append(out, p.IPBlock.CIDR)
		case p.NamespaceSelector != nil:
			out = append(out, "namespaces "+labelsOf(p.NamespaceSelector)+labelsOf(p.PodSelector))
		default:
			out = append(out, labelsOf(p.PodSelector))
		}
	}
	if len(out) == 0 {
		return "anybody"
	}
	return strings.Join(out, ", ")
}

func portsOfRule(ports []networkingv1.NetworkPolicyPort) string {
	var out []string
	for _, p := range ports {
		s := string(*p.Protocol)
		if p.Port != nil {
			s += " " + p.Port.String()
		}
		if p.EndPort != nil {
			s += fmt.Sprint("-", *p.EndPort)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return ""
	}
	return " on " + strings.Join(out, ", ")
}

func TestLower(t *testing.T) {
	world := ir.Peer{Kind: ir.World}
	dual := inventory.Facts{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00::/48")}}
	tests := []struct {
		name    string
		facts   inventory.Facts
		intents [][]ir.Rule
		want    string
	}{
		{"only A may reach B", inventory.Facts{}, [][]ir.Rule{{may(wl("cart"), wl("redis"), 6379), shut(ir.Ingress, true, wl("redis"), nil, traffic(list(wl("cart")), 6379))}}, `
shop/redis {app=redis} [Ingress]
  from {app=cart} on TCP 6379`},
		{"from another namespace, any port", inventory.Facts{}, [][]ir.Rule{{may(wl("lab/probe"), wl("redis")), shut(ir.Ingress, true, wl("redis"), nil, traffic(list(wl("lab/probe"))))}}, `
shop/redis {app=redis} [Ingress]
  from namespaces {name=lab}{app=probe}`},
		{"a Service port is the pod's port", inventory.Facts{}, [][]ir.Rule{{may(wl("cart"), wl("web"), 80), shut(ir.Ingress, true, wl("web"), nil, traffic(list(wl("cart")), 80))}}, `
shop/web {app=web} [Ingress]
  from {app=cart} on TCP 8080`},
		{"nothing closed, nothing written", inventory.Facts{}, [][]ir.Rule{{may(wl("cart"), wl("redis"))}}, ``},
		{"default deny, and both ends opened", inventory.Facts{}, [][]ir.Rule{
			{shut(ir.Ingress, false, all("shop"), nil, nil), shut(ir.Egress, false, all("shop"), nil, nil)}, {may(wl("cart"), wl("redis"), 6379)}, {may(wl("web"), wl("redis"), 6379)}}, `
shop/cart {app=cart} [Egress]
  to {app=redis} on TCP 6379
shop/redis {app=redis} [Ingress]
  from {app In [cart web]} on TCP 6379
shop/shop-default-deny {} [Ingress Egress]
shop/web {app=web} [Egress]
  to {app=redis} on TCP 6379`},
		{"a pod must not reach", cidrs, [][]ir.Rule{{shut(ir.Ingress, true, wl("redis"), traffic(list(wl("web"))), nil)}}, `
shop/redis {app=redis} [Ingress]
  from {app NotIn [web]}, namespaces {name NotIn [shop]}, 0.0.0.0/0 except [10.96.0.0/12 10.244.0.0/16]`},
		{"two pods must not reach: intersected", cidrs, [][]ir.Rule{{shut(ir.Ingress, true, wl("redis"), traffic(list(wl("web"))), nil)}, {shut(ir.Ingress, true, wl("redis"), traffic(list(wl("lab/probe"))), nil)}}, `
shop/redis {app=redis} [Ingress]
  from {app NotIn [web]}, namespaces {name=lab}{app NotIn [probe]}, namespaces {name NotIn [lab shop]}, 0.0.0.0/0 except [10.96.0.0/12 10.244.0.0/16]`},
		{"a narrower close is carved out of a broad one", cidrs, [][]ir.Rule{{shut(ir.Ingress, true, all("shop"), traffic(list(all("lab"))), nil)},
			{may(wl("cart"), wl("redis")), shut(ir.Ingress, true, wl("redis"), nil, traffic(list(wl("cart"))))}}, `
shop/redis {app=redis} [Ingress]
  from {app=cart}
shop/shop-default {app NotIn [redis]} [Ingress]
  from namespaces {name NotIn [lab]}, 0.0.0.0/0 except [10.96.0.0/12 10.244.0.0/16]`},
		{"port P only for A: the other ports stay open, no addresses needed", inventory.Facts{}, [][]ir.Rule{{may(wl("cart"), wl("redis"), 6379), shut(ir.Ingress, true, wl("redis"), traffic(nil, 6379), traffic(list(wl("cart"))))}}, `
shop/redis {app=redis} [Ingress]
  from {app=cart}
  from anybody on TCP 1-6378, TCP 6380-65535, UDP, SCTP`},
		{"not the internet", inventory.Facts{}, [][]ir.Rule{{shut(ir.Egress, true, wl("web"), traffic(list(world)), nil)}}, `
shop/web {app=web} [Egress]
  to namespaces {}`},
		{"the internet, but for one network", cidrs, [][]ir.Rule{{shut(ir.Egress, true, wl("web"), traffic(list(world)), traffic(list(cidr("203.0.113.0/24")), 443))}}, `
shop/web {app=web} [Egress]
  to namespaces {}
  to 203.0.113.0/24 on TCP 443`},
		{"not one network: pods are allowed anyway, so their addresses need not be known", inventory.Facts{}, [][]ir.Rule{{shut(ir.Egress, true, wl("web"), traffic(list(cidr("169.254.169.254/32"))), nil)}}, `
shop/web {app=web} [Egress]
  to namespaces {}, 0.0.0.0/0 except [169.254.169.254/32], ::/0`},
		{"a network as it was said", cidrs, [][]ir.Rule{{shut(ir.Egress, true, wl("web"), nil, traffic(list(cidr("198.51.100.0/24", "198.51.100.128/25"))))}}, `
shop/web {app=web} [Egress]
  to 198.51.100.0/24 except [198.51.100.128/25]`},
		{"outside, in both families", dual, [][]ir.Rule{{shut(ir.Ingress, true, wl("web"), nil, traffic(list(world), 80))}}, `
shop/web {app=web} [Ingress]
  from 0.0.0.0/0 except [10.244.0.0/16], ::/0 except [fd00::/48] on TCP 8080`},
		{"everybody on one port", inventory.Facts{}, [][]ir.Rule{{shut(ir.Ingress, true, wl("web"), nil, traffic(nil, 80))}}, `
shop/web {app=web} [Ingress]
  from anybody on TCP 8080`},
		{"two labels where one does not do", inventory.Facts{}, [][]ir.Rule{{shut(ir.Ingress, true, wl("pair-a"), nil, traffic(list(wl("pair-b"))))}}, `
shop/pair-a {role=a} [Ingress]
  from {role=b}`},
		{"a label set is one object", inventory.Facts{}, [][]ir.Rule{{shut(ir.Ingress, true, ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{"shop"}}, Labels: []ir.Requirement{{Key: "app", Operator: ir.In, Values: []string{"pair"}}}}, nil, traffic(list(wl("web"))))}}, `
shop/app-pair {app=pair} [Ingress]
  from {app=web}`},
		{"several protocols and a range", inventory.Facts{}, [][]ir.Rule{{shut(ir.Egress, true, wl("cart"), nil, []ir.Traffic{{Peers: list(all("lab")), Ports: []ir.Port{{Protocol: "UDP"}, {Number: 8000, End: 8010}}}})}}, `
shop/cart {app=cart} [Egress]
  to namespaces {name=lab} on TCP 8000-8010, UDP`},
		{"every pod but one", inventory.Facts{}, [][]ir.Rule{{shut(ir.Ingress, true, ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{"lab"}}, Minus: list(wl("lab/probe"))}, nil, nil)}}, `
lab/app-not-probe {app NotIn [probe]} [Ingress]`},
		{"a domain where nothing is closed", inventory.Facts{}, [][]ir.Rule{{may(wl("web"), ir.Peer{Kind: ir.Domain, Name: "example.org"})}}, ``},
		{"alike pods that want the same share a selector", inventory.Facts{}, [][]ir.Rule{{shut(ir.Ingress, true, ir.Peer{Kind: ir.ServiceAccount, Namespace: "shop", Name: "twin"}, nil, nil)}, {shut(ir.Ingress, true, wl("twin-too"), nil, nil)}}, `
shop/twin {app=twins} [Ingress]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects, diags := lower(linked(t, shop(tt.facts), tt.intents...), "p", nil)
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			if got := short(objects); got != strings.TrimPrefix(tt.want, "\n") {
				t.Errorf("got\n%s\nwant%s", got, tt.want)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	world := ir.Peer{Kind: ir.World}
	tests := []struct {
		name  string
		rule  ir.Rule
		id    diag.ID
		words string
		hint  string
	}{
		{"no label tells two apart", shut(ir.Ingress, true, wl("twin"), nil, nil), diag.LowerUnsayable, "no label tells the pods of shop/twin from those of shop/twin-too", "add a label"},
		{"no label", shut(ir.Ingress, true, wl("bare"), nil, nil), diag.LowerUnsayable, "no label to select", "add a label"},
		{"pods unknown", shut(ir.Ingress, true, wl("web"), nil, traffic(list(world))), diag.LowerUnknownCIDR, "pods' addresses are unknown", "podCIDRs"},
		{"a network where pods may be", shut(ir.Ingress, true, wl("web"), nil, traffic(list(cidr("10.0.0.0/8")))), diag.LowerUnknownCIDR, "pods' addresses are unknown", "podCIDRs"},
		{"nodes unknown", shut(ir.Ingress, true, wl("web"), nil, traffic(list(ir.Peer{Kind: ir.Host}))), diag.LowerUnknownCIDR, "nodes' addresses are unknown", "cilium"},
		{"domain", shut(ir.Egress, true, wl("web"), nil, traffic(list(ir.Peer{Kind: ir.Domain, Name: "example.org"}))), diag.LowerUnsayable, "domain example.org", "cilium or calico"},
		{"API server", shut(ir.Egress, true, wl("web"), nil, traffic(list(ir.Peer{Kind: ir.APIServer}))), diag.LowerUnsayable, "API server", "cilium"},
		{"anybody as subject", shut(ir.Egress, true, ir.Peer{Kind: ir.Anybody}, nil, nil), diag.LowerUnsayable, "no NetworkPolicy can select anybody", "turn the sentence around"},
		{"namespaces yet to come", shut(ir.Egress, true, ir.Peer{Kind: ir.Pods}, nil, nil), diag.LowerUnsayable, "yet to come", "name the namespaces"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects, diags := lower(linked(t, shop(inventory.Facts{}), []ir.Rule{tt.rule}), "p", nil)
			if len(objects) > 0 || len(diags) != 1 {
				t.Fatalf("%d objects, %v", len(objects), diags)
			}
			d := diags[0]
			if d.ID != tt.id || !strings.Contains(d.Message, tt.words) || len(d.Hints) != 1 || !strings.Contains(d.Hints[0], tt.hint) || d.Intent != "i0" || d.Pos.Line != 10 {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func TestInForce(t *testing.T) {
	policyOf := func(name string, selector map[string]string, from ...networkingv1.NetworkPolicyPeer) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: selector}, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{From: from}}}}
	}
	pods := func(app string) networkingv1.NetworkPolicyPeer {
		return networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}}
	}
	run := func(p *networkingv1.NetworkPolicy, intents ...[]ir.Rule) (string, diag.List) {
		inv := shop(cidrs, p)
		objects, diags := lower(linked(t, inv, intents...), "p", naive{policies: []*networkingv1.NetworkPolicy{p}})
		return short(objects), diags
	}
	got, diags := run(policyOf("redis", map[string]string{"app": "redis"}, pods("cart")), []ir.Rule{may(wl("web"), wl("redis"), 6379)})
	if len(diags) > 0 || !strings.HasPrefix(got, "shop/redis-") || !strings.HasSuffix(got, " {app=redis} [Ingress]\n  from {app=web} on TCP 6379") {
		t.Errorf("an allow that a policy in force would block: %s %v", got, diags)
	}
	got, diags = run(policyOf("old", map[string]string{"app": "redis"}, pods("cart")), []ir.Rule{shut(ir.Ingress, true, wl("redis"), nil, traffic(list(wl("cart"))))})
	if len(diags) > 0 || got != "" {
		t.Errorf("a policy in force that closes enough: %s %v", got, diags)
	}
	role := networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "first"}}}
	got, diags = run(policyOf("old", map[string]string{"app": "redis"}, role), []ir.Rule{shut(ir.Ingress, true, wl("redis"), nil, traffic(list(wl("pair-a"))))})
	if len(diags) > 0 || got != "" {
		t.Errorf("a policy in force that names the allowed by other labels: %s %v", got, diags)
	}
	got, diags = run(policyOf("old", map[string]string{"app": "redis"}, pods("cart"), pods("web")), []ir.Rule{shut(ir.Ingress, true, wl("redis"), nil, traffic(list(wl("cart"))))})
	if len(diags) == 0 || diags[0].ID != diag.LowerInForce || !strings.Contains(diags[0].Message, "shop/web reach shop/redis") || !strings.Contains(diags[0].Hints[0], "NetworkPolicy old of namespace shop") {
		t.Errorf("a policy in force that opens what is closed: %s %v", got, diags)
	}
	got, diags = run(policyOf("old", map[string]string{"app": "redis"}, pods("cart")), []ir.Rule{shut(ir.Ingress, true, all("shop"), traffic(list(all("lab"))), nil)})
	if len(diags) > 0 || !strings.HasPrefix(got, "shop/shop-default {app NotIn [redis]} [Ingress]\n  from namespaces {name NotIn [lab]}, ") {
		t.Errorf("a broad close beside a policy in force must not open its pods: %s %v", got, diags)
	}
}

// TestComments pins what people read in the overlay.
func TestComments(t *testing.T) {
	program := linked(t, shop(cidrs), []ir.Rule{may(wl("cart"), wl("redis")), shut(ir.Ingress, true, wl("redis"), nil, traffic(list(wl("cart"))))},
		[]ir.Rule{shut(ir.Egress, true, wl("redis"), traffic(list(ir.Peer{Kind: ir.World})), nil)})
	program.Rules[0].Intent.Statement = "only cart\nmay\treach \u202eredis " + strings.Repeat("x", 300)
	objects, diags := lower(program, "p", nil)
	if len(objects) != 1 || len(diags) > 0 {
		t.Fatal(short(objects), diags)
	}
	o := objects[0]
	statement := `i0 (s.yaml): "only cart may reach \u{202e}redis ` + strings.Repeat("x", 173) + `..."`
	if want := []string{statement}; !slices.Equal(o.Ingress, want) {
		t.Errorf("ingress: %q, want %q", o.Ingress, want)
	}
	if want := []string{`left open by i1 (s.yaml): "statement 1."`}; !slices.Equal(o.Egress, want) {
		t.Errorf("egress: %q, want %q", o.Egress, want)
	}
	if want := "closed by " + statement + "\nclosed by i1 (s.yaml): \"statement 1.\""; o.Comment != want {
		t.Errorf("comment: %q, want %q", o.Comment, want)
	}
	if got := o.NetworkPolicy.Annotations[policy.IntentAnnotation]; got != "s/i0, s/i1" {
		t.Errorf("annotation: %q", got)
	}
	if !o.Own("p") {
		t.Errorf("labels: %v", o.NetworkPolicy.Labels)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("n", 70)
	l := &lowerer{inv: shop(inventory.Facts{}, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "taken"}})}
	n := l.inv.Namespace("shop")
	var drafts []*draft
	for i, name := range []string{"taken", "same", "same", long, "My_App.v1", "---"} {
		b := box(nil)
		for range i {
			b = b.with(requirement(false, ir.Requirement{Key: fmt.Sprint("k", len(b)), Operator: ir.Exists}))
		}
		drafts = append(drafts, &draft{namespace: n, pods: b, units: []unit{{name: name}}})
	}
	l.names(drafts)
	seen := map[string]bool{"taken": true}
	for _, d := range drafts {
		if seen[d.name] || len(d.name) > 63 || d.name == "" || strings.Trim(d.name, "-") != d.name {
			t.Errorf("%q becomes %q", d.units[0].name, d.name)
		}
		seen[d.name] = true
	}
	if !seen["same"] || !seen["my-app-v1"] {
		t.Error(seen)
	}
}
