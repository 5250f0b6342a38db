package model_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read"
	"github.com/kubeteus/kubeteus/compiler/read/english"
	"github.com/kubeteus/kubeteus/compiler/read/model"
)

// pair is a statement of the embedded reader's testdata, with its rules and what a
// model would be told.
type pair struct {
	statement string
	rules     []ir.Rule
	shortlist *names.Shortlist
}

// pairs reads every statement that the embedded reader understands.
var pairs = sync.OnceValues(func() ([]pair, error) {
	files, err := filepath.Glob("../english/testdata/*.txt")
	if err != nil {
		return nil, err
	}
	var out []pair
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if out, err = pairsOf(out, string(data)); err != nil {
			return nil, err
		}
	}
	return out, nil
})

func pairsOf(out []pair, data string) ([]pair, error) {
	var before []string
	var reader read.Reader
	var x *names.Index
	namespace := ""
	for line := range strings.Lines(data) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			fields := strings.Fields(line)
			namespace = strings.Join(fields[2:], "")
			inv := clusters()[fields[1]]
			reader, x = english.New(inv), names.New(inv)
		case strings.HasPrefix(line, "< "):
			before = append(before, line[2:])
		case strings.HasPrefix(line, "> "):
			reading, diags, err := reader.Read(context.Background(), read.Request{Statement: line[2:], Namespace: namespace, Before: before})
			if err != nil {
				return nil, err
			}
			if !diags.HasErrors() {
				s, err := x.Shortlist(line[2:], namespace, before, 0)
				if err != nil {
					return nil, err
				}
				out = append(out, pair{line[2:], reading.Rules, s})
			}
			before = nil
		}
	}
	return out, nil
}

func allPairs(t *testing.T) []pair {
	t.Helper()
	all, err := pairs()
	if err != nil || len(all) < 500 {
		t.Fatal(len(all), err)
	}
	return all
}

func words(rules []ir.Rule) string {
	data, err := json.Marshal(rules)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func messages(problems []model.Problem) string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Message)
	}
	return strings.Join(out, "\n")
}

// answerTo encodes rules as a model would.
func answerTo(t *testing.T, rules []ir.Rule) string {
	t.Helper()
	text, err := model.Encode(rules, "")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func pods(s string) map[string]string {
	out := map[string]string{}
	for _, l := range strings.Fields(s) {
		k, v, _ := strings.Cut(l, "=")
		out[k] = v
	}
	return out
}

func listen(name string, n int) inventory.Port {
	protocol := "TCP"
	if name == "statsd" || name == "dns" {
		protocol = "UDP"
	}
	return inventory.Port{Name: name, Number: n, Protocol: protocol}
}

func deploy(kind, ns, name, image, labels string, ports ...inventory.Port) *inventory.Workload {
	if labels == "" {
		labels = "app=" + name
	}
	return &inventory.Workload{Kind: kind, Namespace: ns, Name: name, Labels: pods(labels), ServiceAccount: "default", Ports: ports, Images: []string{image}}
}

func front(ns, name, selector string, ports ...inventory.ServicePort) *inventory.Service {
	return &inventory.Service{Namespace: ns, Name: name, Selector: pods(selector), Ports: ports}
}

// clusters are the inventories that the embedded reader's testdata is written
// against (english/inventory_test.go).
var clusters = sync.OnceValue(func() map[string]*inventory.Inventory {
	dns := inventory.Facts{DNS: inventory.DNS{Namespace: "kube-system", Labels: pods("k8s-app=kube-dns")}}
	return map[string]*inventory.Inventory{
		"shop": inventory.Build(inventory.Inventory{
			Namespaces: []*inventory.Namespace{{Name: "shop", Labels: pods("team=store")}, {Name: "monitoring", Labels: pods("purpose=ops")}, {Name: "legacy"}},
			Workloads: []*inventory.Workload{
				deploy("Deployment", "shop", "web", "web:1", "app=web tier=front", listen("http", 8080)),
				deploy("Deployment", "shop", "cartservice", "cart:1", "", listen("grpc", 7070)),
				deploy("Deployment", "shop", "redis-cart", "redis:7", "app=redis-cart role=cache", listen("redis", 6379)),
				deploy("StatefulSet", "shop", "orders-db", "postgres:16", "app=orders-db role=db", listen("postgres", 5432)),
				deploy("Deployment", "shop", "orders", "orders:1", "app=orders tier=api", listen("http", 8080), listen("metrics", 9102)),
				deploy("Deployment", "shop", "payment", "pay:1", "app=payment tier=api", listen("grpc", 50051), listen("metrics", 9102)),
				deploy("Deployment", "shop", "mailer", "mail:1", ""),
				deploy("Deployment", "shop", "worker-a", "w:1", "app=worker shard=a"),
				deploy("Deployment", "shop", "worker-b", "w:1", "app=worker shard=b"),
				deploy("Deployment", "monitoring", "prometheus", "prom/prometheus:1", "", listen("web", 9090)),
				deploy("Deployment", "monitoring", "grafana", "grafana/grafana:1", "", listen("", 3000)),
				deploy("Deployment", "legacy", "billing", "b:1", "", listen("http", 80)),
				deploy("Deployment", "legacy", "web", "b:1", "", listen("http", 80)),
				deploy("Deployment", "kube-system", "coredns", "coredns:1", "k8s-app=kube-dns", listen("dns", 53)),
			},
			Services: []*inventory.Service{
				front("shop", "web", "app=web", inventory.ServicePort{Name: "http", Number: 80, Protocol: "TCP", TargetNumber: 8080}),
				front("shop", "api-gateway", "tier=api", inventory.ServicePort{Number: 80, Protocol: "TCP", TargetNumber: 8080}),
				front("shop", "workers", "app=worker"),
			},
			Facts: dns,
		}),
		"clinic": inventory.Build(inventory.Inventory{
			Namespaces: []*inventory.Namespace{{Name: "clinic"}, {Name: "lab-systems", Labels: pods("kind=lab")}},
			Workloads: []*inventory.Workload{
				deploy("Deployment", "clinic", "patient-portal", "portal:2", "app=portal component=ui", listen("http", 3000)),
				deploy("Deployment", "clinic", "appointment-service", "appt:1", "", listen("http", 8080), listen("admin", 9000)),
				deploy("Deployment", "clinic", "scheduler", "sched:1", ""),
				deploy("StatefulSet", "clinic", "records", "mysql:8", "app=records", listen("mysql", 3306)),
				deploy("CronJob", "clinic", "backup", "bk:1", "app=backup"),
				deploy("Deployment", "clinic", "backup", "bk:1", "app=backup-api", listen("", 7000)),
				deploy("StatefulSet", "clinic", "events", "rabbitmq:3", "app=events", listen("amqp", 5672)),
				deploy("DaemonSet", "clinic", "log-agents", "fluentd:1", "app=log-agent"),
				deploy("Deployment", "lab-systems", "analyzer", "an:1", "", listen("http", 80)),
				deploy("Deployment", "lab-systems", "statsd", "statsd:1", "", listen("statsd", 8125)),
			},
			Services: []*inventory.Service{
				front("clinic", "records-db", "app=records", inventory.ServicePort{Number: 3306, Protocol: "TCP"}),
				front("clinic", "portal", "app=portal", inventory.ServicePort{Number: 80, Protocol: "TCP", TargetName: "http"}),
				front("clinic", "ghost", ""),
			},
			Facts: dns,
		}),
		"plant": inventory.Build(inventory.Inventory{
			Namespaces: []*inventory.Namespace{{Name: "line-a", Labels: pods("area=floor")}, {Name: "line-b", Labels: pods("area=floor")}, {Name: "office", Labels: pods("area=desk")}},
			Workloads: []*inventory.Workload{
				deploy("Deployment", "line-a", "controller", "c:1", "role=controller", listen("modbus", 502)),
				deploy("Deployment", "line-a", "sensor", "s:1", "role=sensor", listen("statsd", 8125)),
				deploy("Deployment", "line-b", "controller", "c:1", "role=controller", listen("modbus", 502)),
				deploy("Deployment", "line-b", "historian", "h:1", "role=store", listen("", 5432)),
				deploy("Deployment", "office", "dashboard", "d:1", "role=view", listen("https", 8443)),
			},
			Facts: dns,
		}),
	}
})
