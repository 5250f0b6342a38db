package names_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/names"
)

func yard() *inventory.Inventory {
	w := func(ns, name, image string, labels map[string]string, ports ...inventory.Port) *inventory.Workload {
		return &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Images: []string{image}, Labels: labels, Ports: ports}
	}
	l := func(k, v string) map[string]string { return map[string]string{k: v} }
	return inventory.Build(inventory.Inventory{
		Workloads: []*inventory.Workload{
			w("dock", "crane-service", "crane:1", l("app", "crane-service")), w("dock", "redis-leader", "valkey/valkey:8", map[string]string{"app": "redis", "role": "leader"}),
			w("dock", "redis-follower", "x:1", map[string]string{"app": "redis", "role": "follower"}), w("dock", "ledger", "docker.io/library/postgres:16@sha256:aa", l("app", "ledger")),
			w("dock", "boxes", "b:1", l("app", "boxes"), inventory.Port{Name: "grpc-web", Number: 8080}), w("pier", "crane-service", "crane:1", l("app", "crane-service")), w("pier", "gauge", "g:1", l("app", "gauge")),
		},
		Services: []*inventory.Service{
			{Namespace: "dock", Name: "cache", Selector: l("app", "redis")}, {Namespace: "dock", Name: "ledger", Selector: l("app", "ledger")}, {Namespace: "dock", Name: "external", Selector: nil},
		},
	})
}

func show(ms []names.Match) string {
	var out []string
	for _, m := range ms {
		var ws []string
		for _, w := range m.Workloads {
			ws = append(ws, w.Ref())
		}
		out = append(out, fmt.Sprintf("%d:%s", m.Tier, strings.Join(ws, "+")))
	}
	return strings.Join(out, " ")
}

func TestFind(t *testing.T) {
	x := names.New(yard())
	for _, c := range []struct{ words, namespace, want string }{
		{"crane-service", "dock", "0:dock/crane-service"},
		{"craneservice", "dock", "0:dock/crane-service"},
		{"crane", "pier", "1:pier/crane-service"},
		{"Cranes", "dock", "1:dock/crane-service"},
		{"crane", "", "1:dock/crane-service 1:pier/crane-service"},
		{"crane", "elsewhere", "1:dock/crane-service 1:pier/crane-service"},
		{"ledger", "dock", "0:dock/ledger"},
		{"ledgers", "dock", "1:dock/ledger"},
		{"box", "dock", "1:dock/boxes"},
		{"redis", "dock", "2:dock/redis-follower+dock/redis-leader"},
		{"leader", "dock", "2:dock/redis-leader"},
		{"redisleaders", "dock", "1:dock/redis-leader"},
		{"cache", "dock", "0:dock/redis-follower+dock/redis-leader"},
		{"database", "dock", "4:dock/ledger"},
		{"database", "pier", ""},
		{"gauge", "dock", "0:pier/gauge"},
		{"external", "dock", "0:"},
		{"nothing", "dock", ""},
	} {
		if got := show(x.Find(c.words, c.namespace)); got != c.want {
			t.Errorf("Find(%q, %q) = %q, want %q", c.words, c.namespace, got, c.want)
		}
	}
	if got := show(x.In("crane", "pier")); got != "1:pier/crane-service" {
		t.Errorf("In = %q", got)
	}
	if p, ok := x.Port("GRPC web"); !ok || p != "grpc-web" {
		t.Errorf("Port = %q %v", p, ok)
	}
	if ns := x.Namespaces("Dock"); len(ns) != 1 || ns[0].Name != "dock" {
		t.Errorf("Namespaces = %v", ns)
	}
}

func TestNearest(t *testing.T) {
	x := names.New(yard())
	for word, want := range map[string]string{"ledgre": "ledger", "crane-servise": "crane-service", "gauje": "gauge", "zebra": "", "redis-leeder": "redis-leader"} {
		if got := strings.Join(x.Nearest(word), ","); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"only", "olny", 1}, {"reach", "reach", 0}, {"reach", "rech", 1}, {"web", "db", 2}, {"abc", "xyz", 3}} {
		if got := names.Distance(c.a, c.b, 5); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
	if got := names.Distance("abcdef", "uvwxyz", 2); got != 3 {
		t.Errorf("beyond the limit: %d", got)
	}
}
