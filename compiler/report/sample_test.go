package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// boutique is the shop that the recorded reports are about.
func boutique() *inventory.Inventory {
	var inv inventory.Inventory
	add := func(namespace, name string, ports ...inventory.Port) {
		w := &inventory.Workload{Kind: "Deployment", Namespace: namespace, Name: name, Labels: map[string]string{"app": name}, Ports: ports}
		inv.Workloads = append(inv.Workloads, w)
		if len(ports) > 0 {
			s := &inventory.Service{Namespace: namespace, Name: name, Selector: w.Labels}
			for _, p := range ports {
				s.Ports = append(s.Ports, inventory.ServicePort{Name: p.Name, Number: p.Number, Protocol: p.Protocol, TargetNumber: p.Number})
			}
			inv.Services = append(inv.Services, s)
		}
	}
	tcp := func(n int) inventory.Port { return inventory.Port{Number: n, Protocol: "TCP"} }
	for name, port := range map[string]int{"adservice": 9555, "cartservice": 7070, "checkoutservice": 5050, "currencyservice": 7000, "emailservice": 8080, "frontend": 8080,
		"paymentservice": 50051, "productcatalogservice": 3550, "recommendationservice": 8080, "redis-cart": 6379, "shippingservice": 50051} {
		add("boutique", name, tcp(port))
	}
	add("boutique", "loadgenerator")
	add("kube-system", "coredns", inventory.Port{Number: 53, Protocol: "UDP"}, tcp(53), tcp(9153))
	inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "DaemonSet", Namespace: "kube-system", Name: "kube-proxy", HostNetwork: true})
	return inventory.Build(inv)
}

// calls are the flows that the recorded overlay lets pass, besides DNS.
var calls = []string{
	"frontend adservice", "frontend cartservice", "frontend checkoutservice", "frontend currencyservice", "frontend productcatalogservice",
	"frontend recommendationservice", "frontend shippingservice", "checkoutservice cartservice", "checkoutservice currencyservice", "checkoutservice emailservice",
	"checkoutservice paymentservice", "checkoutservice productcatalogservice", "checkoutservice shippingservice", "recommendationservice productcatalogservice",
	"cartservice redis-cart", "loadgenerator frontend", "outside frontend", "frontend outside",
}

func after(f ir.Flow) bool {
	name := func(e ir.Endpoint) string {
		if e.Workload == nil {
			return Outside
		}
		return e.Workload.Name
	}
	if f.To.Workload != nil && f.To.Workload.Name == "coredns" {
		return f.Port == 53 && f.From.IsPod() || f.From.IsPod() && f.From.Namespace.Name == "kube-system"
	}
	return slices.Contains(calls, name(f.From)+" "+name(f.To))
}

// before lets everything pass, but for scrapes of coredns from outside.
func before(f ir.Flow) bool { return f.From.IsPod() || f.Port != 9153 }

func workload(name string) ir.Peer {
	return ir.Peer{Kind: ir.Workload, Namespace: "boutique", Name: name}
}

func recordBoutique() *Report {
	r := &Report{Project: "boutique", Target: "kubernetes", Overlay: "policies"}
	line := 9
	say := func(name, statement string, status Status, implied []string, policies []string, rules ...ir.Rule) {
		i := Intent{Set: "boutique", Name: name, File: "intents/boutique.yaml", Line: line, Column: 5, Statement: statement, Status: status, Implied: implied, Rules: rules, Policies: policies}
		for _, rule := range rules {
			i.ReadsAs = append(i.ReadsAs, rule.String())
		}
		r.Intents = append(r.Intents, i)
		line += 2
	}
	allow := func(from []ir.Peer, to ir.Peer, ports ...ir.Port) ir.Rule {
		return ir.Rule{Allow: &ir.Allow{From: from, To: []ir.Peer{to}, Ports: ports, About: ir.Ingress}}
	}
	redis := []ir.Peer{workload("redis-cart")}
	cart := []ir.Peer{workload("cartservice")}
	say("only-cartservice-may-reach-redis-cart-5f1c", "Only cartservice may reach redis-cart.", Compiled, nil, []string{"boutique/redis-cart.yaml"},
		allow(cart, redis[0]), ir.Rule{Close: &ir.Close{End: ir.Ingress, Subject: redis, Except: []ir.Traffic{{Peers: cart}}, Firm: true}})
	say("cart-from-shop", "Let the frontend and checkoutservice call\ncartservice on its gRPC port.", Compiled,
		[]string{"traffic to boutique/cartservice is blocked, unless another statement of the set allows it; loadgenerator loses access"}, []string{"boutique/cartservice.yaml"},
		allow([]ir.Peer{workload("frontend"), workload("checkoutservice")}, cart[0], ir.Port{Name: "grpc"}))
	say("catalog", "The product catalog is used by frontend, checkoutservice and the recommendation service, and by nobody else.", Compiled, nil, []string{"boutique/productcatalogservice.yaml"},
		allow([]ir.Peer{workload("frontend"), workload("checkoutservice"), workload("recommendationservice")}, workload("productcatalogservice")),
		ir.Rule{Close: &ir.Close{End: ir.Ingress, Subject: []ir.Peer{workload("productcatalogservice")}, Firm: true,
			Except: []ir.Traffic{{Peers: []ir.Peer{workload("frontend"), workload("checkoutservice"), workload("recommendationservice")}}}}})
	say("metrics", "coredns may be scraped on port 9153 by kube-system.", Holds, nil, nil,
		allow([]ir.Peer{{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{"kube-system"}}}}, ir.Peer{Kind: ir.Workload, Namespace: "kube-system", Name: "coredns"}, ir.Port{Number: 9153}))
	for _, p := range []struct {
		name    string
		change  Change
		intents []string
	}{
		{"cartservice", Changed, []string{"boutique/cart-from-shop"}},
		{"productcatalogservice", Unchanged, []string{"boutique/catalog"}},
		{"redis-cart", Added, []string{"boutique/only-cartservice-may-reach-redis-cart-5f1c"}},
		{"zipkin", Removed, nil},
	} {
		yaml := ""
		if p.change != Removed {
			yaml = fmt.Sprintf("# %s\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: %s\n", strings.Join(p.intents, ", "), p.name)
		}
		r.Policies = append(r.Policies, Policy{Path: "boutique/" + p.name + ".yaml", Kind: "NetworkPolicy", Namespace: "boutique", Name: p.name, Intents: p.intents, Change: p.change, YAML: yaml})
	}
	r.Diagnostics = []diag.Diagnostic{
		diag.Notef(diag.InventoryAssumed, diag.Position{}, "no inventory: target kubernetes is taken, and DNS is k8s-app=kube-dns in kube-system on port 53"),
		diag.Warningf(diag.VerifyDeclared, diag.Position{File: "intents/boutique.yaml", Line: 9, Column: 5}, "cuts a declared connection: loadgenerator names redis-cart:6379 in env REDIS_ADDR").
			Relate(diag.Position{File: "manifests/loadgenerator.yaml", Line: 41, Column: 18}, "declared here").About("only-cartservice-may-reach-redis-cart-5f1c"),
	}
	r.Reachability = Compare(Reach(boutique(), before), Reach(boutique(), after))
	r.Summarize()
	return r
}

func recordRefused() *Report {
	r := &Report{Project: "boutique", Target: "kubernetes", Overlay: "policies", Intents: []Intent{
		{Set: "cart", Name: "cart-only", File: "intents/cart.yaml", Line: 9, Column: 5, Statement: "Only cartservice may reach redis-cart.", Status: Compiled, ReadsAs: []string{"boutique/cartservice may reach boutique/redis-cart"}},
		{Set: "load", Name: "load", File: "intents/load.yaml", Line: 8, Column: 5, Statement: "Let loadgenerator reach redis-crat.", Status: Compiled},
	}}
	r.Diagnostics = refusals()
	r.Summarize()
	return r
}

func refusals() diag.List {
	at := func(file string, line, column int) diag.Position {
		return diag.Position{File: file, Line: line, Column: column}
	}
	return diag.List{
		diag.Notef(diag.InventoryAssumed, diag.Position{}, "no inventory: target kubernetes is taken").Hint("write one with `kubeteus snapshot > inventory.yaml`"),
		diag.Errorf(diag.ManifestSyntax, diag.Position{File: "manifests/broken.yaml"}, "not YAML: could not find expected ':'"),
		diag.Errorf(diag.VerifyContradiction, at("intents/cart.yaml", 9, 5), "nothing is left of what another intent allows").
			Relate(at("intents/load.yaml", 8, 27), "allowed here: \"redis-crat\"").About("cart-only").Hint("say it in one intent: Only cartservice and loadgenerator may reach redis-cart."),
		diag.Errorf(diag.ReadName, at("intents/load.yaml", 8, 29), "no workload or Service is called %q", "redis-crat").About("load").Hint("did you mean redis-cart?"),
		diag.Warningf(diag.ReadWords, at("intents/load.yaml", 10, 6), "words that were not understood: %q", "ünlikely 数据库 words"),
		diag.Errorf(diag.ReadWords, at("intents/load.yaml", 12, 412), "words that were not understood: \"frobnicate\""),
	}
}

// sources are the files that refusals quotes.
func sources(file string, line int) string {
	switch fmt.Sprint(file, ":", line) {
	case "intents/cart.yaml:9":
		return "  - Only cartservice may reach redis-cart."
	case "intents/load.yaml:8":
		return "  - Let loadgenerator reach \tredis-crat."
	case "intents/load.yaml:10":
		return "    \tünlikely 数据库 words, and more"
	case "intents/load.yaml:12":
		return "  - " + strings.Repeat("Let frontend reach cartservice. ", 13)[:407] + "frobnicate it" + strings.Repeat(", and more", 20)
	}
	return ""
}
