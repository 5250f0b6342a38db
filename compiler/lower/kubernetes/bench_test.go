package kubernetes

import (
	"fmt"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// BenchmarkLower lowers a default deny for each of 20 namespaces of 500
// workloads, and 1,000 statements of who alone may reach whom.
func BenchmarkLower(b *testing.B) {
	var inv inventory.Inventory
	for n := range 20 {
		for w := range 500 {
			name := fmt.Sprint("w", w)
			inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: fmt.Sprint("n", n), Name: name,
				Labels: map[string]string{"app": name}, Ports: []inventory.Port{{Number: 80, Protocol: "TCP"}}})
		}
	}
	built := inventory.Build(inv)
	set := &ir.Set{Name: "s", Namespace: "n0"}
	add := func(rules ...ir.Rule) {
		set.Intents = append(set.Intents, &ir.Intent{Set: "s", Name: fmt.Sprint("i", len(set.Intents)), Rules: rules})
	}
	for n := range 20 {
		subject := []ir.Peer{{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{fmt.Sprint("n", n)}}}}
		add(ir.Rule{Close: &ir.Close{End: ir.Ingress, Subject: subject}}, ir.Rule{Close: &ir.Close{End: ir.Egress, Subject: subject}})
		for i := range 50 {
			from := []ir.Peer{{Kind: ir.Workload, Namespace: fmt.Sprint("n", n), Name: fmt.Sprint("w", i)}}
			to := []ir.Peer{{Kind: ir.Workload, Namespace: fmt.Sprint("n", n), Name: fmt.Sprint("w", i+1)}}
			add(ir.Rule{Allow: &ir.Allow{From: from, To: to, Ports: []ir.Port{{Number: 80}}}},
				ir.Rule{Close: &ir.Close{End: ir.Ingress, Subject: to, Except: []ir.Traffic{{Peers: from}}, Firm: true}})
		}
	}
	p, diags := ir.Link(built, []*ir.Set{set}, nil)
	if diags.HasErrors() {
		b.Fatal(diags[0])
	}
	for b.Loop() {
		objects, diags := lower(p, "bench", nil)
		if len(objects) < 1000 || diags.HasErrors() {
			b.Fatal(len(objects), diags)
		}
	}
}
