package infer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// shop has Services of every shape: a port that is translated, a named target,
// a headless one with a StatefulSet, one in another namespace, an alias.
func shop(mentions ...inventory.Mention) inventory.Inventory {
	workload := func(ns, name string, ports ...inventory.Port) *inventory.Workload {
		return &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Labels: map[string]string{"app": name}, Replicas: 1, Ports: ports}
	}
	service := func(ns, name, app string, ports ...inventory.ServicePort) *inventory.Service {
		return &inventory.Service{Namespace: ns, Name: name, Type: "ClusterIP", Selector: map[string]string{"app": app}, Ports: ports}
	}
	client := workload("shop", "client")
	client.Mentions = mentions
	kafka := workload("shop", "kafka", inventory.Port{Name: "kafka", Number: 9092, Protocol: "TCP"}, inventory.Port{Name: "raft", Number: 9093, Protocol: "TCP"})
	kafka.Kind, kafka.Replicas, kafka.ServiceName = "StatefulSet", 3, "kafka-headless"
	headless := service("shop", "kafka-headless", "kafka", inventory.ServicePort{Number: 9092, Protocol: "TCP"})
	headless.Headless = true
	alias := &inventory.Service{Namespace: "shop", Name: "database", Type: "ExternalName", ExternalName: "postgres.data.svc.cluster.local"}
	return inventory.Inventory{
		Workloads: []*inventory.Workload{
			client, kafka,
			workload("shop", "cart", inventory.Port{Name: "grpc", Number: 7070, Protocol: "TCP"}),
			workload("shop", "web"), workload("shop", "redis"), workload("data", "postgres"),
		},
		Services: []*inventory.Service{
			service("shop", "cart", "cart", inventory.ServicePort{Number: 80, Protocol: "TCP", TargetName: "grpc"}),
			service("shop", "web", "web", inventory.ServicePort{Name: "http", Number: 80, Protocol: "TCP", TargetNumber: 8080}, inventory.ServicePort{Name: "admin", Number: 81, Protocol: "TCP"}),
			service("shop", "redis", "redis", inventory.ServicePort{Number: 6379, Protocol: "TCP"}),
			service("data", "postgres", "postgres", inventory.ServicePort{Number: 5432, Protocol: "TCP"}),
			headless, alias,
		},
	}
}

func show(list []Connection) string {
	var out []string
	for _, c := range list {
		from := "-"
		if c.From != nil {
			from = c.From.Name
		}
		out = append(out, fmt.Sprintf("%s>%s:%d", from, c.To.Ref(), c.Port))
	}
	return strings.Join(out, " ")
}

const peers = "kafka>shop/kafka:9092"

func TestMentions(t *testing.T) {
	for _, test := range []struct{ source, text, want string }{
		{"env CART_ADDR", "cart:80", "client>shop/cart:7070"},
		{"env CART_ADDR", "cart", "client>shop/cart:7070"},
		{"env CART", "cart", ""},
		{"env CART_ADDR", "cart:81", ""}, // no such port
		{"env CART_ADDR", "cart2:80", ""},
		{"env GREETING", "the cart is full", ""},
		{"env IMAGE", "registry/redis:6379", ""},
		{"env IMAGE", "my-redis:6379", ""},
		{"env X", "redis.internal:6379", ""},
		{"env X", "redis.shop:6379", "client>shop/redis:6379"},
		{"env X", "redis.shop.svc.cluster.local.:6379", "client>shop/redis:6379"},
		{"env X", "postgres:5432", ""}, // of another namespace
		{"env X", "postgres.data:5432", "client>data/postgres:5432"},
		{"env X", "postgres.data.svc", "client>data/postgres:5432"},
		{"env X", "postgres.data.svc.example.org:5432", "client>data/postgres:5432"},
		{"env DATABASE_URL", "postgres://user:p@ss@postgres.data/db", "client>data/postgres:5432"},
		{"env DATABASE_URL", "jdbc:postgresql://database/db", "client>data/postgres:5432"},
		{"env X", "http://web/path", "client>shop/web:8080"},
		{"env X", "http://web:81", "client>shop/web:81"},
		{"env X", "https://web", "client>shop/web:81 client>shop/web:8080"},
		{"env WEB_HOST", "web", "client>shop/web:81 client>shop/web:8080"},
		{"env X", "user:pw@tcp(redis:6379)/db", "client>shop/redis:6379"},
		{"env X", "host=redis port=6379 user=a", "client>shop/redis:6379"},
		{"arg", "--redis=redis:6379", "client>shop/redis:6379"},
		{"arg", "wait for redis:6379.", "client>shop/redis:6379"},
		{"configmap app/nginx.conf", "location / {\n  proxy_pass http://web;\n}", "client>shop/web:8080"},
		{"configmap app/redis-host", "redis", "client>shop/redis:6379"},
		{"env BROKERS", "kafka-0.kafka-headless:9092,kafka-1.kafka-headless:9092", "client>shop/kafka:9092"},
		{"env BROKERS", "other-0.kafka-headless:9092", ""},
		{"env X", "kafka-headless:9093", "client>shop/kafka:9093"}, // headless: the pod's own port
		{"env X", "kafka-headless:9999", ""},
		{"env REDIS_HOST", "10.0.0.7", ""},
	} {
		inv := inventory.Build(shop(inventory.Mention{Source: test.source, Text: test.text}))
		got := strings.TrimSpace(strings.Replace(show(Connections(inv)), peers, "", 1))
		if got != test.want {
			t.Errorf("%s: %q: got %q, want %q", test.source, test.text, got, test.want)
		}
	}
}

func TestCompanionPort(t *testing.T) {
	inv := inventory.Build(shop(inventory.Mention{Source: "env WEB_HOST", Text: "web"}, inventory.Mention{Source: "env WEB_PORT", Text: "81"}))
	if got, want := show(Connections(inv)), "client>shop/web:81 "+peers; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOutsideControlPlaneScrapesAndPeers(t *testing.T) {
	raw := shop()
	pos := diag.Position{File: "ingress.yaml", Line: 7}
	raw.Ingresses = []*inventory.Ingress{{Kind: "Ingress", Namespace: "shop", Name: "front", Backends: []inventory.Backend{{Namespace: "shop", Service: "web", PortName: "http", Origin: pos}}}}
	raw.Calls = []*inventory.Call{{Kind: "APIService", Name: "v1.example", Backend: inventory.Backend{Namespace: "shop", Service: "cart", Number: 80}}}
	for _, w := range raw.Workloads {
		if w.Name == "redis" {
			w.Annotations = map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "9121"}
		}
	}
	raw.Workloads = append(raw.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: "mon", Name: "prom", Images: []string{"quay.io/prometheus/prometheus:v3"}})
	got := Connections(inventory.Build(raw))
	if s, want := show(got), "->shop/cart:7070 ->shop/web:8080 prom>shop/redis:9121 "+peers; s != want {
		t.Fatalf("got %q, want %q", s, want)
	}
	quotes := []string{
		`APIService v1.example (called by the control plane): "cart:80"`, `Ingress shop/front: "web:http"`,
		`annotation prometheus.io/port: "9121"`, `serviceName of the StatefulSet: "kafka-headless"`,
	}
	for i, q := range quotes {
		if got[i].Quote != q && !slices.Contains(quotes, got[i].Quote) {
			t.Errorf("quote %d: got %q, want %q", i, got[i].Quote, q)
		}
	}
	if got[1].Origin != pos {
		t.Errorf("origin: got %v, want %v", got[1].Origin, pos)
	}
}

func TestOwnNameIsNoPeerOfASinglePod(t *testing.T) {
	raw := shop()
	raw.Workloads[2].Mentions = []inventory.Mention{{Source: "env ADVERTISED", Text: "cart:80"}}
	if got := show(Connections(inventory.Build(raw))); got != peers {
		t.Errorf("got %q", got)
	}
	raw = shop()
	raw.Workloads[2].Replicas, raw.Workloads[2].Mentions = 2, []inventory.Mention{{Source: "env ADVERTISED", Text: "cart:80"}}
	if got, want := show(Connections(inventory.Build(raw))), "cart>shop/cart:7070 "+peers; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzHosts(f *testing.F) {
	for _, s := range []string{"cart:80", "http://a,b:1", "mongodb://u:p@a:1,b:2/x", "a.b.svc", "host=x port=1", "((((a:1)", "$(X).kafka:9"} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, address bool) {
		for _, h := range hosts(text, address) {
			if h.name == "" || h.port < 0 || h.port > 65535 || !strings.Contains(strings.ToLower(text), h.name) {
				t.Errorf("%q: %+v", text, h)
			}
		}
	})
}
