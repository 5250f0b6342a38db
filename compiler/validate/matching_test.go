package validate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// shop is a cluster of three namespaces, of which one is known by its pods only.
func shop() *inventory.Inventory {
	at := func(line int) diag.Position { return diag.Position{File: "shop.yaml", Line: line, Column: 1} }
	w := func(ns, name string, l map[string]string, ports ...inventory.Port) *inventory.Workload {
		return &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Labels: l, Ports: ports}
	}
	tcp := func(name string, n int) inventory.Port { return inventory.Port{Name: name, Number: n, Protocol: "TCP"} }
	scraped := w("shop", "scraped", map[string]string{"app": "scraped"}, tcp("", 80))
	scraped.Annotations = map[string]string{"prometheus.io/port": "9100"}
	host := w("shop", "host", map[string]string{"app": "host"}, tcp("", 80))
	host.HostNetwork = true
	return inventory.Build(inventory.Inventory{
		Namespaces: []*inventory.Namespace{{Name: "shop", Labels: map[string]string{"team": "a"}}, {Name: "pay", Labels: map[string]string{"team": "b"}}, {Name: "empty"}},
		Workloads: []*inventory.Workload{
			w("shop", "cart", map[string]string{"app": "cart", "tier": "back"}, tcp("grpc", 7070), inventory.Port{Number: 53, Protocol: "UDP"}),
			w("shop", "frontend", map[string]string{"app": "frontend", "tier": "front"}, tcp("http", 8080)),
			w("shop", "quiet", map[string]string{"app": "quiet"}),
			w("pay", "ledger", map[string]string{"app": "ledger"}, tcp("sql", 5432)),
			w("legacy", "mainframe", map[string]string{"app": "mainframe"}, tcp("", 23)),
			scraped, host,
		},
		Services: []*inventory.Service{
			{Namespace: "shop", Name: "cart", Selector: map[string]string{"app": "cart"}, Ports: []inventory.ServicePort{{Number: 80, Protocol: "TCP", TargetNumber: 7071}}},
			{Namespace: "shop", Name: "carts", Selector: map[string]string{"app": "carts"}, Origin: at(7)},
			{Namespace: "shop", Name: "back", Selector: map[string]string{"app": "frontend", "tier": "back"}, Origin: at(9)},
			{Namespace: "shop", Name: "stateful", Selector: map[string]string{"statefulset.kubernetes.io/pod-name": "db-0"}},
			{Namespace: "shop", Name: "outside", ExternalName: "example.com", Selector: map[string]string{"app": "x"}},
			{Namespace: "shop", Name: "by-hand"},
			{Namespace: "pay", Name: "bank", Selector: map[string]string{"app": "bank"}, Origin: at(11)},
			{Namespace: "kube-system", Name: "kube-dns", Selector: map[string]string{"k8s-app": "kube-dns"}},
		},
		Facts: inventory.Facts{DNS: inventory.DNS{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}, Assumed: true,
			Ports: []inventory.Port{{Number: 53, Protocol: "UDP"}, {Number: 53, Protocol: "TCP"}}}},
	})
}

// matches returns what Matching says of a spec in namespace shop: one line per
// finding that is about the object, as "id line:column severity message hints".
func matches(t *testing.T, spec string) []string {
	t.Helper()
	file := "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: p\n  namespace: shop\n  annotations:\n    kubeteus.dev/intents: set/intent\nspec:\n  " +
		strings.ReplaceAll(strings.TrimSpace(spec), "\n", "\n  ") + "\n"
	objects, diags := policy.Decode("p.yaml", []byte(file))
	if len(diags) != 0 || len(objects) != 1 {
		t.Fatal(diags)
	}
	var out []string
	for _, d := range Matching(shop(), objects) {
		if d.Pos.File != "p.yaml" {
			continue
		}
		if d.Intent != "intent" {
			t.Errorf("%s is about intent %q", d.Message, d.Intent)
		}
		message, ok := strings.CutPrefix(d.Message, "NetworkPolicy/shop/p: spec.")
		if !ok {
			t.Errorf("%s does not open with the object and the field", d.Message)
		}
		out = append(out, fmt.Sprintf("%s %d:%d %s %s %s", d.ID, d.Pos.Line, d.Pos.Column, d.Severity, message, d.Hints))
	}
	return out
}

func TestMatching(t *testing.T) {
	const all = "podSelector: {}\n"
	tests := []struct{ name, spec, want string }{
		{"everything", all, ""},
		{"a workload", "podSelector: {matchLabels: {app: cart}}", ""},
		{"a slip", "podSelector: {matchLabels: {app: catr}}",
			`KT5002 1:1 warning podSelector: no declared workload of shop has app=catr [Deployment shop/cart has app=cart]`},
		{"one of two labels", "podSelector: {matchLabels: {app: cart, tier: front}}",
			`KT5002 1:1 warning podSelector: no declared workload of shop has app=cart,tier=front [Deployment shop/cart has tier=back]`},
		{"a label that it lacks", "podSelector: {matchLabels: {app: cart, role: x}}",
			`KT5002 1:1 warning podSelector: no declared workload of shop has app=cart,role=x [Deployment shop/cart has no label role]`},
		{"nothing like it", "podSelector: {matchLabels: {app: observability}}",
			`KT5002 1:1 warning podSelector: no declared workload of shop has app=observability []`},
		{"an expression", "podSelector: {matchExpressions: [{key: app, operator: In, values: [cart, frontend]}]}", ""},
		{"an expression that fits nothing", "podSelector: {matchExpressions: [{key: tier, operator: Exists}, {key: app, operator: NotIn, values: [cart, frontend]}]}",
			`KT5002 1:1 warning podSelector: no declared workload of shop has app notin (cart,frontend),tier [Deployment shop/cart has app=cart]`},
		{"a label of controllers", "podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}", ""},
		{"a peer of another namespace", all + "ingress:\n- from:\n  - podSelector: {matchLabels: {app: ledger}}",
			`KT5002 11:5 warning ingress[0].from[0].podSelector: no declared workload of shop has app=ledger []`},
		{"a peer there", all + "ingress:\n- from:\n  - namespaceSelector: {matchLabels: {team: b}}\n    podSelector: {matchLabels: {app: ledger}}", ""},
		{"an empty namespace", all + "ingress:\n- from:\n  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: empty}}", ""},
		{"no namespace", all + "egress:\n- to:\n  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pya}}",
			`KT5004 11:5 warning egress[0].to[0].namespaceSelector: no namespace "pya" exists [did you mean pay?]`},
		{"one of two namespaces", all + "egress:\n- to:\n  - namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [pay, observability]}]}",
			`KT5004 11:5 warning egress[0].to[0].namespaceSelector: no namespace "observability" exists [add the Namespace to the manifests or to the inventory]`},
		{"a label of namespaces that one may have", all + "egress:\n- to:\n  - namespaceSelector: {matchLabels: {team: c}}", ""},
		{"not by a name", all + "egress:\n- to:\n  - namespaceSelector: {matchLabels: {team: c}, matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [legacy]}]}",
			`KT5004 11:5 warning egress[0].to[0].namespaceSelector: no namespace has kubernetes.io/metadata.name notin (legacy),team=c [label a namespace so, or name it by kubernetes.io/metadata.name]`},
		{"DNS that is only assumed", all + "egress:\n- to:\n  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}\n    podSelector: {matchLabels: {k8s-app: kube-dns}}\n  ports: [{protocol: UDP, port: 53}, {port: 53}]", ""},
		{"a port", "podSelector: {matchLabels: {app: cart}}\ningress:\n- ports: [{port: 7070}, {port: grpc}, {protocol: UDP, port: 53}]", ""},
		{"a port that a Service sends to", "podSelector: {matchLabels: {app: cart}}\ningress:\n- ports: [{port: 7071}]", ""},
		{"a port of the Service", "podSelector: {matchLabels: {app: cart}}\ningress:\n- ports: [{port: 80}]",
			`KT5003 11:5 warning ingress[0].ports[0]: nothing that the rule is about listens on port 80, TCP [they listen on 53/UDP, 7070/TCP (grpc)]`},
		{"another protocol", "podSelector: {matchLabels: {app: cart}}\ningress:\n- {}\n- ports: [{port: 53}]",
			`KT5003 12:5 warning ingress[1].ports[0]: nothing that the rule is about listens on port 53, TCP [they listen on 53/UDP, 7070/TCP (grpc)]`},
		{"a name that none has", "podSelector: {matchLabels: {app: cart}}\ningress:\n- ports: [{port: 7070}, {port: http}]",
			`KT5003 11:5 warning ingress[0].ports[1]: nothing that the rule is about listens on a port called "http", TCP [they listen on 53/UDP, 7070/TCP (grpc)]`},
		{"a port that Prometheus is told of", "podSelector: {matchLabels: {app: scraped}}\ningress:\n- ports: [{port: 9100}]", ""},
		{"a port of one of two", "podSelector: {matchExpressions: [{key: app, operator: In, values: [cart, frontend]}]}\ningress:\n- ports: [{port: 8080}]", ""},
		{"ports of pods that declare none", "podSelector: {matchExpressions: [{key: app, operator: In, values: [cart, quiet]}]}\ningress:\n- ports: [{port: 9999}]", ""},
		{"ports of the node", "podSelector: {matchLabels: {app: host}}\ningress:\n- ports: [{port: 9999}]", ""},
		{"a range", "podSelector: {matchLabels: {app: cart}}\ningress:\n- ports: [{port: 1, endPort: 7069}]", ""},
		{"ports of anybody", "podSelector: {matchLabels: {app: cart}}\negress:\n- ports: [{port: 9999}]", ""},
		{"ports of the world", "podSelector: {matchLabels: {app: cart}}\negress:\n- to: [{ipBlock: {cidr: 0.0.0.0/0}}, {podSelector: {matchLabels: {app: cart}}}]\n  ports: [{port: 9999}]", ""},
		{"ports of peers", "podSelector: {matchLabels: {app: cart}}\negress:\n- to: [{podSelector: {matchLabels: {app: frontend}}}]\n  ports: [{port: 7070}]",
			`KT5003 11:5 warning egress[0].ports[0]: nothing that the rule is about listens on port 7070, TCP [they listen on 8080/TCP (http)]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(matches(t, tt.spec), "\n"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestMatchingServices(t *testing.T) {
	got := func(namespaces ...string) []string {
		var objects []policy.Object
		for _, n := range namespaces {
			np := good()
			np.Namespace, np.Spec.PodSelector.MatchLabels, np.Spec.PodSelector.MatchExpressions, np.Spec.Ingress, np.Spec.Egress = n, nil, nil, nil, nil
			objects = append(objects, policy.Object{NetworkPolicy: np})
		}
		var out []string
		for _, d := range Matching(shop(), objects) {
			out = append(out, fmt.Sprintf("%s %s %s %s %s", d.ID, d.Pos, d.Severity, d.Message, d.Hints))
		}
		return out
	}
	want := []string{
		"KT5005 shop.yaml:7:1 note Service shop/carts has no endpoints: no declared workload of shop has app=carts [Deployment shop/cart has app=cart]",
		"KT5005 shop.yaml:9:1 note Service shop/back has no endpoints: no declared workload of shop has app=frontend,tier=back [Deployment shop/cart has app=cart]",
	}
	if l := got("shop", "shop"); !slices.Equal(l, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(l, "\n"), strings.Join(want, "\n"))
	}
	if l := got("legacy", "empty"); len(l) != 0 {
		t.Errorf("of namespaces without Services: %v", l)
	}
}

// TestMatchingBounded: findings are counted, and the rest is said in one.
func TestMatchingBounded(t *testing.T) {
	inv, objects := large(2000)
	for _, o := range objects {
		o.NetworkPolicy.Spec.PodSelector.MatchLabels["app"] += "x"
	}
	got := Matching(inv, objects)
	if len(got) != maxMatches+1 || !strings.Contains(got[maxMatches].Message, "more") {
		t.Errorf("%d findings, the last %v", len(got), got[len(got)-1])
	}
}

// large is a cluster of n workloads with a policy and a Service each.
func large(n int) (*inventory.Inventory, []policy.Object) {
	var inv inventory.Inventory
	var objects []policy.Object
	for i := range n {
		name, ns := fmt.Sprintf("w%d", i), fmt.Sprintf("n%d", i%20)
		l := map[string]string{"app": name, "tier": "back"}
		inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Labels: l, Ports: []inventory.Port{{Number: 80, Protocol: "TCP"}}})
		inv.Services = append(inv.Services, &inventory.Service{Namespace: ns, Name: name, Selector: labels.Set{"app": name}, Ports: []inventory.ServicePort{{Number: 80, Protocol: "TCP"}}})
		np := good()
		np.Name, np.Namespace = name, ns
		np.Spec.PodSelector.MatchLabels, np.Spec.PodSelector.MatchExpressions = map[string]string{"app": name}, nil
		objects = append(objects, policy.Object{NetworkPolicy: np})
	}
	return inventory.Build(inv), objects
}

// TestMatchingOfManyIsQuick guards against a search of all workloads per selector.
func TestMatchingOfManyIsQuick(t *testing.T) {
	inv, objects := large(5000)
	start := time.Now()
	Matching(inv, objects)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("5,000 policies took %v", d)
	}
}

func BenchmarkMatching(b *testing.B) {
	inv, objects := large(10000)
	for b.Loop() {
		Matching(inv, objects)
	}
}
