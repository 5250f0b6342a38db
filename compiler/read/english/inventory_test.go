package english_test

import (
	"fmt"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// labels turns "a=b c=d" into a map.
func labels(s string) map[string]string {
	m := map[string]string{}
	for len(s) > 0 {
		var k, v string
		n, _ := fmt.Sscanf(s, "%s", &k)
		if n == 0 {
			break
		}
		s = s[min(len(s), len(k)+1):]
		for i := range k {
			if k[i] == '=' {
				k, v = k[:i], k[i+1:]
				break
			}
		}
		m[k] = v
	}
	return m
}

func port(name string, n int) inventory.Port {
	protocol := "TCP"
	if name == "statsd" || name == "dns" {
		protocol = "UDP"
	}
	return inventory.Port{Name: name, Number: n, Protocol: protocol}
}

func workload(kind, ns, name, image, pods string, ports ...inventory.Port) *inventory.Workload {
	if pods == "" {
		pods = "app=" + name
	}
	return &inventory.Workload{Kind: kind, Namespace: ns, Name: name, Labels: labels(pods), ServiceAccount: "default", Ports: ports, Images: []string{image}}
}

func service(ns, name, selector string, ports ...inventory.ServicePort) *inventory.Service {
	return &inventory.Service{Namespace: ns, Name: name, Selector: labels(selector), Ports: ports}
}

var dns = inventory.Facts{DNS: inventory.DNS{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}}}

// clusters are the small inventories that testdata/*.txt is written against:
// shop with services of two words, a cluster with a twin of web, labels by tier
// and a Service in front of two workloads; clinic with split and plural names,
// two kinds under one name, service accounts; plant with many namespaces and
// the same names in several of them.
var clusters = map[string]*inventory.Inventory{
	"shop": inventory.Build(inventory.Inventory{
		Namespaces: []*inventory.Namespace{{Name: "shop", Labels: labels("team=store")}, {Name: "monitoring", Labels: labels("purpose=ops")}, {Name: "legacy"}},
		Workloads: []*inventory.Workload{
			workload("Deployment", "shop", "web", "web:1", "app=web tier=front", port("http", 8080)),
			workload("Deployment", "shop", "cartservice", "cart:1", "", port("grpc", 7070)),
			workload("Deployment", "shop", "redis-cart", "redis:7", "app=redis-cart role=cache", port("redis", 6379)),
			workload("StatefulSet", "shop", "orders-db", "postgres:16", "app=orders-db role=db", port("postgres", 5432)),
			workload("Deployment", "shop", "orders", "orders:1", "app=orders tier=api", port("http", 8080), port("metrics", 9102)),
			workload("Deployment", "shop", "payment", "pay:1", "app=payment tier=api", port("grpc", 50051), port("metrics", 9102)),
			workload("Deployment", "shop", "mailer", "mail:1", ""),
			workload("Deployment", "shop", "worker-a", "w:1", "app=worker shard=a"),
			workload("Deployment", "shop", "worker-b", "w:1", "app=worker shard=b"),
			workload("Deployment", "monitoring", "prometheus", "prom/prometheus:1", "", port("web", 9090)),
			workload("Deployment", "monitoring", "grafana", "grafana/grafana:1", "", port("", 3000)),
			workload("Deployment", "legacy", "billing", "b:1", "", port("http", 80)),
			workload("Deployment", "legacy", "web", "b:1", "", port("http", 80)),
			workload("Deployment", "kube-system", "coredns", "coredns:1", "k8s-app=kube-dns", port("dns", 53)),
		},
		Services: []*inventory.Service{
			service("shop", "web", "app=web", inventory.ServicePort{Name: "http", Number: 80, Protocol: "TCP", TargetNumber: 8080}),
			service("shop", "api-gateway", "tier=api", inventory.ServicePort{Number: 80, Protocol: "TCP", TargetNumber: 8080}),
			service("shop", "workers", "app=worker"),
		},
		Facts: dns,
	}),
	"clinic": inventory.Build(inventory.Inventory{
		Namespaces: []*inventory.Namespace{{Name: "clinic"}, {Name: "lab-systems", Labels: labels("kind=lab")}},
		Workloads: []*inventory.Workload{
			workload("Deployment", "clinic", "patient-portal", "portal:2", "app=portal component=ui", port("http", 3000)),
			workload("Deployment", "clinic", "appointment-service", "appt:1", "", port("http", 8080), port("admin", 9000)),
			workload("Deployment", "clinic", "scheduler", "sched:1", ""),
			workload("StatefulSet", "clinic", "records", "mysql:8", "app=records", port("mysql", 3306)),
			workload("CronJob", "clinic", "backup", "bk:1", "app=backup"),
			workload("Deployment", "clinic", "backup", "bk:1", "app=backup-api", port("", 7000)),
			workload("StatefulSet", "clinic", "events", "rabbitmq:3", "app=events", port("amqp", 5672)),
			workload("DaemonSet", "clinic", "log-agents", "fluentd:1", "app=log-agent"),
			workload("Deployment", "lab-systems", "analyzer", "an:1", "", port("http", 80)),
			workload("Deployment", "lab-systems", "statsd", "statsd:1", "", port("statsd", 8125)),
		},
		Services: []*inventory.Service{
			service("clinic", "records-db", "app=records", inventory.ServicePort{Number: 3306, Protocol: "TCP"}),
			service("clinic", "portal", "app=portal", inventory.ServicePort{Number: 80, Protocol: "TCP", TargetName: "http"}),
			service("clinic", "ghost", ""),
		},
		Facts: dns,
	}),
	"plant": inventory.Build(inventory.Inventory{
		Namespaces: []*inventory.Namespace{{Name: "line-a", Labels: labels("area=floor")}, {Name: "line-b", Labels: labels("area=floor")}, {Name: "office", Labels: labels("area=desk")}},
		Workloads: []*inventory.Workload{
			workload("Deployment", "line-a", "controller", "c:1", "role=controller", port("modbus", 502)),
			workload("Deployment", "line-a", "sensor", "s:1", "role=sensor", port("statsd", 8125)),
			workload("Deployment", "line-b", "controller", "c:1", "role=controller", port("modbus", 502)),
			workload("Deployment", "line-b", "historian", "h:1", "role=store", port("", 5432)),
			workload("Deployment", "office", "dashboard", "d:1", "role=view", port("https", 8443)),
		},
		Facts: dns,
	}),
}
