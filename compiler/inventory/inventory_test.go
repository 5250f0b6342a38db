package inventory

import (
	"testing"
)

func small() *Inventory {
	labels := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	return Build(Inventory{
		Namespaces: []*Namespace{{Name: "b", Labels: labels("team", "x", NameLabel, "forged")}},
		Workloads: []*Workload{
			{Kind: "Deployment", Namespace: "b", Name: "web", Labels: labels("app", "web", "v", ""), Ports: []Port{{"http", 8080, "TCP"}, {"http", 8081, "UDP"}}},
			{Kind: "StatefulSet", Namespace: "b", Name: "web", Labels: labels("app", "webs")},
			{Kind: "Deployment", Namespace: "a", Name: "web", Labels: labels("app", "web")},
			{Kind: "Deployment", Namespace: "edge", Name: "c", Labels: labels("app.kubernetes.io/name", "ingress-nginx", "app.kubernetes.io/component", "controller")},
			{Kind: "Job", Namespace: "edge", Name: "w", Labels: labels("app.kubernetes.io/name", "ingress-nginx", "app.kubernetes.io/component", "admission-webhook")},
		},
		Services: []*Service{
			{Namespace: "b", Name: "web", Selector: labels("app", "web"), Ports: []ServicePort{{Number: 80, Protocol: "TCP", TargetName: "http"}}},
			{Namespace: "b", Name: "manual"},
			{Namespace: "b", Name: "empty", Selector: labels("v", "")},
		},
		Ingresses: []*Ingress{{Namespace: "b", Backends: []Backend{{Namespace: "b", Service: "web"}}}},
	})
}

func TestBuild(t *testing.T) {
	inv := small()
	if n := inv.Namespace("b"); n.Labels[NameLabel] != "b" || n.Implied {
		t.Errorf("%+v: the API server sets the name label", n)
	}
	if n := inv.Namespace("edge"); n == nil || !n.Implied {
		t.Errorf("%+v: a namespace exists if anything lives in it", n)
	}
	for i, w := range inv.Workloads {
		if inv.Index(w) != i || i > 0 && inv.Workloads[i-1].Ref() > w.Ref() {
			t.Errorf("%s at %d", w.Ref(), i)
		}
	}
	if got := inv.Workload("b", "web"); len(got) != 2 || len(inv.Named("web")) != 3 || len(inv.Workload("b", "nobody")) != 0 {
		t.Errorf("%d workloads are b/web", len(got))
	}
}

func TestServices(t *testing.T) {
	inv := small()
	web := inv.Workload("b", "web")[0]
	if got := inv.Backends(inv.Service("b", "web")); len(got) != 1 || got[0] != web {
		t.Errorf("b/web selects %d workloads", len(got))
	}
	if got := inv.Backends(inv.Service("b", "manual")); len(got) != 0 {
		t.Error("a Service without a selector selects nothing")
	}
	if got := inv.Backends(inv.Service("b", "empty")); len(got) != 1 {
		t.Error("an empty value is met by a label of that value only")
	}
	if port, ok := inv.Service("b", "web").Ports[0].PodPort(web); !ok || port != 8080 {
		t.Errorf("http/TCP is pod port %d", port)
	}
	if _, ok := inv.Service("b", "web").Ports[0].PodPort(inv.Workload("a", "web")[0]); ok {
		t.Error("a workload without that port name has no pod port")
	}
	if !inv.Routed(web) || inv.Routed(inv.Workload("a", "web")[0]) {
		t.Error("Routed")
	}
}

func TestIngressControllers(t *testing.T) {
	if got := small().IngressControllers(); len(got) != 1 || got[0].Name != "c" {
		t.Errorf("%d controllers: admission webhooks route nothing", len(got))
	}
}
