package report

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
)

// recordDifference is what a pull request does to the recorded shop: it rewrites
// a statement, adds one, drops one, and somebody changed the lock.
func recordDifference() *Difference {
	head := recordBoutique()
	d := &Difference{
		Project: "boutique", Target: "kubernetes", Verdict: Pass, Head: head,
		Base: Revision{Name: "origin/main", Commit: "5d8f3f1f6b1c2f0e9a7b4c3d2e1f0a9b8c7d6e5f", Why: "the merge base with origin/main"},
		Intents: []IntentChange{
			{Set: "boutique", Name: "catalog", Kind: Relocked,
				Before: &IntentSide{Statement: head.Intents[2].Statement, Namespace: "boutique", File: "intents/boutique.yaml", Line: 12,
					ReadsAs: []string{"boutique/frontend and boutique/checkoutservice may reach boutique/productcatalogservice"}},
				After: side(head.Intents[2])},
			{Set: "boutique", Name: "cart-from-shop", Kind: Reworded,
				Before: &IntentSide{Statement: "Let the frontend call cartservice on its gRPC port.", Namespace: "boutique", File: "intents/boutique.yaml", Line: 11,
					ReadsAs: []string{"boutique/frontend may reach boutique/cartservice on port grpc"}},
				After: side(head.Intents[1])},
			{Set: "boutique", Name: "zipkin", Kind: IntentGone,
				Before: &IntentSide{Statement: "Only checkoutservice may reach zipkin.", Namespace: "boutique", File: "intents/boutique.yaml", Line: 19,
					ReadsAs: []string{"boutique/checkoutservice may reach boutique/zipkin"}}},
			{Set: "boutique", Name: head.Intents[0].Name, Kind: IntentArrive, After: side(head.Intents[0])},
		},
		Policies: []PolicyChange{
			{Path: "boutique/cartservice.yaml", Kind: "NetworkPolicy", Namespace: "boutique", Name: "cartservice", Change: Changed, Intents: []string{"boutique/cart-from-shop"},
				Diff: "--- a/policies/boutique/cartservice.yaml\n+++ b/policies/boutique/cartservice.yaml\n@@ -12,3 +12,6 @@\n     - podSelector:\n         matchLabels:\n           app: frontend\n+    - podSelector:\n+        matchLabels:\n+          app: checkoutservice\n"},
			{Path: "boutique/redis-cart.yaml", Kind: "NetworkPolicy", Namespace: "boutique", Name: "redis-cart", Change: Added, Intents: []string{"boutique/" + head.Intents[0].Name},
				Diff: "--- /dev/null\n+++ b/policies/boutique/redis-cart.yaml\n@@ -0,0 +1,4 @@\n+apiVersion: networking.k8s.io/v1\n+kind: NetworkPolicy\n+metadata:\n+  name: redis-cart\n"},
			{Path: "boutique/zipkin.yaml", Kind: "NetworkPolicy", Namespace: "boutique", Name: "zipkin", Change: Removed, Intents: []string{"boutique/zipkin"},
				Diff: "--- a/policies/boutique/zipkin.yaml\n+++ /dev/null\n@@ -1,4 +0,0 @@\n-apiVersion: networking.k8s.io/v1\n-kind: NetworkPolicy\n-metadata:\n-  name: zipkin\n"},
		},
		Reachability: &ReachabilityChange{
			Workloads: 13,
			Gained: []FlowChange{
				{From: []string{Outside}, To: []string{"boutique/frontend"}, Ports: "TCP 8080", Why: "no policy isolates boutique/frontend any more: removed", Intents: []string{"boutique/zipkin"}, Policies: []string{"boutique/zipkin.yaml"}},
				{From: []string{"boutique/checkoutservice"}, To: []string{"boutique/cartservice"}, Ports: "TCP 7070", Why: "boutique/cart-from-shop allows it",
					Intents: []string{"boutique/cart-from-shop"}, Policies: []string{"boutique/cartservice.yaml"}},
			},
			Lost: []FlowChange{
				{From: []string{"boutique/frontend", "boutique/loadgenerator", Outside}, To: []string{"boutique/redis-cart"}, Ports: "TCP 6379",
					Why: "boutique/" + head.Intents[0].Name + " closes it", Intents: []string{"boutique/" + head.Intents[0].Name}, Policies: []string{"boutique/redis-cart.yaml"}},
			},
			Arrived:       []FlowChange{{From: []string{"boutique/loadgenerator"}, To: []string{"boutique/frontend"}, Ports: "TCP 8080", Why: "boutique/loadgenerator is new, and no policy isolates boutique/frontend"}},
			Departed:      []FlowChange{{From: []string{"boutique/zipkin"}, To: []string{Outside}, Ports: "TCP 443", Why: "boutique/zipkin is gone"}},
			Kept:          []FlowChange{{From: []string{"boutique/frontend"}, To: []string{"boutique/cartservice", "boutique/checkoutservice"}, Ports: AnyPort}},
			Pairs:         PairCounts{Gained: 2, Lost: 3, Arrived: 1, Departed: 1},
			NewWorkloads:  []string{"boutique/loadgenerator"},
			GoneWorkloads: []string{"boutique/zipkin"},
			Notes:         []string{"outside is the address 93.184.216.34, looked at on TCP 443"},
		},
		Cut: []Connection{{From: "boutique/frontend", To: "boutique/redis-cart", Ports: "TCP 6379", Quote: "env REDIS_ADDR=redis-cart:6379",
			Pos: diag.Position{File: "manifests/frontend.yaml", Line: 41, Column: 18}, Intents: []string{"boutique/" + head.Intents[0].Name}}},
	}
	d.Summarize()
	return d
}

// side is the head's side of a reported intent.
func side(i Intent) *IntentSide {
	return &IntentSide{Statement: i.Statement, Namespace: "boutique", File: i.File, Line: i.Line, ReadsAs: i.ReadsAs, Status: i.Status}
}

// recordRejected is a pull request whose head is refused.
func recordRejected() *Difference {
	head := recordRefused()
	d := &Difference{Project: head.Project, Target: head.Target, Verdict: Rejected, Head: head, New: true,
		Base: Revision{Name: "main", Commit: "0123456789abcdef0123456789abcdef01234567"}}
	for _, i := range head.Intents {
		d.Intents = append(d.Intents, IntentChange{Set: i.Set, Name: i.Name, Kind: IntentArrive, After: side(i)})
	}
	d.Summarize()
	return d
}
