package report

import (
	"fmt"
	"strings"

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
			{Path: "boutique/web.yaml", Kind: "NetworkPolicy", Namespace: "boutique", Name: "web", Change: Changed, CommentsOnly: true, Intents: []string{"boutique/catalog"},
				Diff: "--- a/policies/boutique/web.yaml\n+++ b/policies/boutique/web.yaml\n@@ -1,2 +1,2 @@\n-# catalog: was\n+# catalog: is\n apiVersion: networking.k8s.io/v1\n"},
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
	d.Also = []string{"an expectation was removed: boutique: world -> redis-cart:6379: deny"}
	d.Summarize()
	return d
}

// side is the head's side of a reported intent.
func side(i Intent) *IntentSide {
	return &IntentSide{Statement: i.Statement, Namespace: "boutique", File: i.File, Line: i.Line, ReadsAs: i.ReadsAs, Implied: i.Implied, Status: i.Status}
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

// recordStale is a pull request that rewrites a statement and not the overlay.
func recordStale() *Difference {
	d := recordDifference()
	d.Verdict = Stale
	d.Intents, d.Cut, d.Also = d.Intents[1:2], nil, nil
	d.OnDisk = []string{"boutique/zipkin -> boutique/frontend on TCP 8080 passes on disk, and should be blocked: closed by boutique/shoppers"}
	d.Policies = d.Policies[:1]
	d.Reachability = &ReachabilityChange{Workloads: 13, Gained: d.Reachability.Gained[1:], Pairs: PairCounts{Gained: 1}}
	d.Summarize()
	return d
}

// recordSame is a pull request that changes nothing here.
func recordSame() *Difference {
	d := recordDifference()
	d.Intents, d.Cut, d.Policies, d.Also, d.Notes = nil, nil, nil, nil, nil
	d.Reachability = &ReachabilityChange{Workloads: 13}
	d.Summarize()
	return d
}

// recordNew is the first pull request with intents.
func recordNew() *Difference {
	d := recordDifference()
	d.New, d.Intents, d.Policies, d.Cut, d.Also = true, nil, d.Policies[1:2], nil, nil
	for _, i := range d.Head.Intents {
		d.Intents = append(d.Intents, IntentChange{Set: i.Set, Name: i.Name, Kind: IntentArrive, After: side(i)})
	}
	r := inForce(d.Head)
	r.Gained = nil
	for i := range r.Lost {
		r.Lost[i].Why = "closed by " + "boutique/catalog"
	}
	d.Reachability = r
	d.Summarize()
	return d
}

// recordAsked is a pull request whose head has statements with two readings.
func recordAsked() *Difference {
	d := recordRejected()
	at := diag.Position{File: "intents/cart.yaml", Line: 9, Column: 5}
	d.Head.Diagnostics = []diag.Diagnostic{
		diag.Errorf(diag.ReadAmbiguous, at, "the statement has two readings: boutique/loadgenerator to boutique/redis-cart on TCP 6379 is allowed by the first and blocked by the second").
			Relate(diag.Position{File: at.File}, "first, answer 1 of 3: boutique/cartservice may reach boutique/redis-cart").
			Relate(diag.Position{File: at.File}, "second, answer 2: traffic to boutique/redis-cart is blocked, except from boutique/cartservice").
			About("cart-only").Hint("say which is meant in the statement"),
		diag.Errorf(diag.ReadName, diag.Position{File: "intents/load.yaml", Line: 8, Column: 29}, "no workload or Service is called %q", "redis-crat").About("load").Hint("did you mean redis-cart?"),
	}
	d.Head.Summarize()
	d.Summarize()
	return d
}

// recordForty is a pull request that closes a cluster of 40 workloads in four
// namespaces: each team's web, api, worker, cache and so on.
func recordForty() *Difference {
	teams, apps := []string{"orders", "payments", "search", "users"}, []string{"web", "api", "worker", "cache", "db", "queue", "cron", "mail", "audit", "export"}
	var all []string
	head := &Report{Project: "market", Target: "kubernetes", Overlay: "policies", Reachability: &Reachability{}}
	for _, team := range teams {
		for _, app := range apps {
			all = append(all, team+"/"+app)
			head.Reachability.Parties = append(head.Reachability.Parties, Party{Name: team + "/" + app, Ports: "TCP 8080"})
		}
	}
	head.Reachability.Parties = append(head.Reachability.Parties, Party{Name: Outside, Ports: "TCP 443"})
	d := &Difference{Project: "market", Target: "kubernetes", Verdict: Pass, Head: head, Reachability: &ReachabilityChange{Workloads: 40},
		Base: Revision{Name: "origin/main", Commit: "5d8f3f1f6b1c2f0e9a7b4c3d2e1f0a9b8c7d6e5f", Why: "the merge base with origin/main"}}
	r := d.Reachability
	but := func(names ...string) []string {
		var out []string
		for _, n := range append(all[:len(all):len(all)], Outside) {
			if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+n+" ") {
				out = append(out, n)
			}
		}
		return out
	}
	for i, team := range teams {
		name := func(app string) string { return team + "/" + app }
		next := teams[(i+1)%len(teams)] + "/api"
		for _, c := range []struct{ what, to, by string }{{"db", "db", "api"}, {"cache", "cache", "worker"}} {
			intent := team + "/only-" + c.by + "-to-" + c.what
			rules := []string{name(c.by) + " may reach " + name(c.to), "traffic to " + name(c.to) + " is blocked, except from " + name(c.by)}
			in := Intent{Set: team, Name: "only-" + c.by + "-to-" + c.what, File: "intents/" + team + ".yaml", Line: 9 + i, Statement: fmt.Sprintf("Only %s may reach %s.", c.by, c.to), Status: Compiled, ReadsAs: rules}
			head.Intents = append(head.Intents, in)
			d.Intents = append(d.Intents, IntentChange{Set: team, Name: in.Name, Kind: IntentArrive, After: side(in)})
			r.Lost = append(r.Lost, FlowChange{From: but(name(c.by), name(c.to)), To: []string{name(c.to)}, Ports: "TCP 8080", Why: "closed by " + intent, Intents: []string{intent}, Policies: []string{team + "/" + c.to + ".yaml"}})
			r.Kept = append(r.Kept, FlowChange{From: []string{name(c.by)}, To: []string{name(c.to)}, Ports: "TCP 8080"})
			d.Policies = append(d.Policies, PolicyChange{Path: team + "/" + c.to + ".yaml", Kind: "NetworkPolicy", Namespace: team, Name: c.to, Change: Added, Intents: []string{intent},
				Diff: "--- /dev/null\n+++ b/policies/" + team + "/" + c.to + ".yaml\n@@ -0,0 +1,4 @@\n+apiVersion: networking.k8s.io/v1\n+kind: NetworkPolicy\n+metadata:\n+  name: " + c.to + "\n"})
		}
		r.Gained = append(r.Gained, FlowChange{From: []string{name("web")}, To: []string{next}, Ports: "TCP 8080", Why: "allowed by " + team + "/web-to-" + next, Policies: []string{next + ".yaml"}})
		r.Pairs.Gained++
		r.Pairs.Lost += 2 * 39
	}
	r.Gained = append([]FlowChange{{From: []string{Outside}, To: []string{"orders/web", "users/web"}, Ports: "TCP 8080", Why: "nothing closes what comes in any more"}}, r.Gained...)
	r.Pairs.Gained += 2
	head.Summarize()
	d.Summarize()
	return d
}

// recordPlain is a report without a base.
func recordPlain() *Difference {
	d := &Difference{Project: "boutique", Target: "kubernetes", Verdict: Pass, Head: recordBoutique()}
	d.Summarize()
	return d
}

// recordedDifferences are all of them, by name.
func recordedDifferences() map[string]*Difference {
	return map[string]*Difference{"change": recordDifference(), "rejected": recordRejected(), "stale": recordStale(), "same": recordSame(),
		"new": recordNew(), "asked": recordAsked(), "forty": recordForty(), "plain": recordPlain()}
}
