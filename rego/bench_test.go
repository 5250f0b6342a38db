package rego

import (
	"context"
	"fmt"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// town is an inventory of n workloads in namespaces of 40, each with a Service,
// and policies of which each opens one workload to another and that to DNS.
func town(t testing.TB, workloads, policies int) Input {
	t.Helper()
	inv := inventory.Inventory{}
	for i := range workloads {
		ns, name := fmt.Sprintf("ns-%d", i/40), fmt.Sprintf("app-%d", i)
		labels := map[string]string{"app": name, "tier": fmt.Sprintf("t-%d", i%3)}
		inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Labels: labels,
			ServiceAccount: "default", Ports: []inventory.Port{{Name: "http", Number: 8080, Protocol: "TCP"}}})
		inv.Services = append(inv.Services, &inventory.Service{Namespace: ns, Name: name, Type: "ClusterIP", Selector: map[string]string{"app": name},
			Ports: []inventory.ServicePort{{Number: 80, Protocol: "TCP", TargetNumber: 8080}}})
	}
	inv.Facts.DNS = inventory.DNS{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}}
	in := Input{Target: "kubernetes", Inventory: inventory.Build(inv)}
	for i := range policies {
		objects, diags := policy.Decode("p.yaml", fmt.Appendf(nil, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p-%[1]d, namespace: ns-%[2]d}
spec:
  podSelector: {matchLabels: {app: app-%[1]d}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: app-%[3]d}}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ns-%[4]d}}
      podSelector: {matchLabels: {tier: t-1}}
    ports: [{port: 8080}]
  egress:
  - to:
    - podSelector: {matchLabels: {app: app-%[3]d}}
    ports: [{port: 8080}]
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
`, i, i/40, i/40*40, (i/40+1)%(workloads/40)))
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		in.Policies = append(in.Policies, objects...)
	}
	return in
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	e := engine(b)
	for _, size := range []struct{ policies, workloads int }{{13, 80}, {500, 2000}} {
		in := town(b, size.workloads, size.policies)
		b.Run(fmt.Sprintf("policies=%d/workloads=%d", size.policies, size.workloads), func(b *testing.B) {
			for b.Loop() {
				diags, err := e.Check(context.Background(), in)
				if err != nil || len(diags) > 0 {
					b.Fatal(diags, err)
				}
			}
		})
	}
}

// BenchmarkReachability runs a guardrail on as many edges as are taken.
func BenchmarkReachability(b *testing.B) {
	g := rules(b, "pci.rego", pci)
	in := Input{Reachable: func(yield func(Edge) bool) {
		for i := range maxEdges {
			from, to := Party{Kind: Workload, Namespace: "shop", Name: fmt.Sprint(i % 500)}, Party{Kind: Workload, Namespace: "shop", Name: fmt.Sprint(i / 500)}
			if !yield(Edge{From: from, To: to, Ports: []string{"TCP 8080"}}) {
				return
			}
		}
	}}
	b.ReportAllocs()
	for b.Loop() {
		if diags := run(b, g, in); len(diags) > 0 {
			b.Fatal(diags)
		}
	}
}
