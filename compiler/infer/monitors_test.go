package infer

import (
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// TestMonitors: ports are those of the Service by name, translated, or of the
// pod; selectors and namespaces narrow.
func TestMonitors(t *testing.T) {
	of := func(selector string) labels.Selector {
		s, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	raw := inventory.Inventory{
		Workloads: []*inventory.Workload{
			{Kind: "Deployment", Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}, Ports: []inventory.Port{{Name: "m", Number: 9102, Protocol: "TCP"}}},
			{Kind: "Deployment", Namespace: "shop", Name: "db", Labels: map[string]string{"app": "db"}, Ports: []inventory.Port{{Name: "metrics", Number: 9187, Protocol: "TCP"}}},
			{Kind: "Deployment", Namespace: "other", Name: "web", Labels: map[string]string{"app": "web"}, Ports: []inventory.Port{{Name: "m", Number: 1, Protocol: "TCP"}}},
			{Kind: "StatefulSet", Namespace: "mon", Name: "prom", Images: []string{"quay.io/prometheus/prometheus:v3"}},
		},
		Services: []*inventory.Service{
			{Namespace: "shop", Name: "web", Labels: map[string]string{"team": "a"}, Selector: map[string]string{"app": "web"},
				Ports: []inventory.ServicePort{{Name: "metrics", Number: 80, Protocol: "TCP", TargetName: "m"}, {Name: "http", Number: 81, Protocol: "TCP"}}},
			{Namespace: "other", Name: "web", Labels: map[string]string{"team": "a"}, Selector: map[string]string{"app": "web"},
				Ports: []inventory.ServicePort{{Name: "metrics", Number: 80, Protocol: "TCP", TargetName: "m"}}},
		},
		Monitors: []*inventory.Monitor{
			{Kind: "ServiceMonitor", Namespace: "mon", Name: "web", Selector: of("team in (a)"), Namespaces: []string{"shop"}, Ports: []inventory.MonitorPort{{Name: "metrics"}, {Name: "none"}}},
			{Kind: "PodMonitor", Namespace: "shop", Name: "db", Selector: of("app=db"), Ports: []inventory.MonitorPort{{Name: "metrics"}}},
			{Kind: "ServiceMonitor", Namespace: "mon", Name: "own", Selector: of(""), Ports: []inventory.MonitorPort{{Name: "metrics"}}},
			{Kind: "PodMonitor", Namespace: "mon", Name: "all", Selector: of("app=db"), Everywhere: true, Ports: []inventory.MonitorPort{{TargetNumber: 7}}},
		},
	}
	if got, want := show(Connections(inventory.Build(raw))), "prom>shop/db:7 prom>shop/db:9187 prom>shop/web:9102"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
