package scaffold

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/infer"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// Set is a first intent set with one statement. It claims something about the
// repository that only a compilation proves.
type Set struct {
	Name, Namespace   string
	Explicit          bool
	Intent, Statement string
	Expect            []Expectation
}

// Expectation is one line of the set's tests.
type Expectation struct {
	From, To string
	Port     int
	Verdict  string
}

// Render renders the intents file.
func (s Set) Render() ([]byte, error) { return render("intents.yaml.tmpl", s) }

const (
	maxClients = 6  // named in one statement
	maxSets    = 12 // proposed
)

// stores are what images of databases, caches and queues are called.
var stores = []string{"postgres", "mysql", "mariadb", "redis", "valkey", "mongo", "memcached", "cassandra", "rabbitmq", "nats", "kafka", "elasticsearch",
	"opensearch", "etcd", "minio", "clickhouse", "cockroach", "influxdb", "couchdb", "neo4j", "zookeeper", "vault"}

func isStore(w *inventory.Workload) bool {
	holds := func(s string) bool {
		return slices.ContainsFunc(stores, func(n string) bool { return strings.Contains(strings.ToLower(s), n) })
	}
	return w.Kind == "StatefulSet" || holds(w.Name) || slices.ContainsFunc(w.Images, func(i string) bool { return holds(path.Base(i)) })
}

// target is a workload with all declared clients.
type target struct {
	w       *inventory.Workload
	clients []string
	port    int
	plain   bool // the clients are few workloads of its namespace, and on one port
}

// Propose proposes sets for a namespace, the best first: who alone may reach a
// database, then another workload with few clients, then statements that close
// nothing.
func Propose(inv *inventory.Inventory, connections []infer.Connection, name, namespace string) []Set {
	var out []Set
	targets := targetsOf(connections, namespace)
	for _, t := range targets {
		if t.plain {
			out = append(out, t.only(inv, name, namespace))
		}
	}
	out = out[:min(len(out), maxSets-2)]
	for _, t := range targets {
		if len(t.clients) > 0 && t.port > 0 {
			out = append(out, Set{Name: name, Namespace: namespace, Explicit: true, Intent: "declared",
				Statement: fmt.Sprintf("%s may reach %s on port %d.", t.clients[0], t.w.Name, t.port)})
			break
		}
	}
	return append(out, Set{Name: name, Namespace: namespace, Explicit: true, Intent: "names-resolve", Statement: "All pods may use the cluster DNS."})
}

// targetsOf gathers the workloads of a namespace that something connects to.
func targetsOf(connections []infer.Connection, namespace string) []*target {
	byWorkload := map[*inventory.Workload]*target{}
	var out []*target
	for _, c := range connections {
		if c.To.Namespace != namespace || c.To.HostNetwork {
			continue
		}
		t := byWorkload[c.To]
		if t == nil {
			t = &target{w: c.To, port: c.Port, plain: true}
			byWorkload[c.To] = t
			out = append(out, t)
		}
		if c.From == nil || c.From == c.To || c.From.Namespace != namespace || c.From.HostNetwork || c.Port == 0 || c.Port != t.port || c.Protocol != "TCP" {
			t.plain = false
			continue
		}
		if !slices.Contains(t.clients, c.From.Name) {
			t.clients = append(t.clients, c.From.Name)
		}
	}
	for _, t := range out {
		slices.Sort(t.clients)
		t.plain = t.plain && len(t.clients) > 0 && len(t.clients) <= maxClients
	}
	slices.SortStableFunc(out, func(a, b *target) int {
		return cmp.Or(-compareBool(isStore(a.w), isStore(b.w)), cmp.Compare(len(a.clients), len(b.clients)), cmp.Compare(a.w.Name, b.w.Name), cmp.Compare(a.w.Kind, b.w.Kind))
	})
	return out
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// only says that nobody but its clients reaches the target.
func (t *target) only(inv *inventory.Inventory, name, namespace string) Set {
	who := t.clients[len(t.clients)-1]
	if n := len(t.clients); n > 1 {
		who = strings.Join(t.clients[:n-1], ", ") + " and " + who
	}
	s := Set{Name: name, Namespace: namespace, Intent: cmp.Or(Slug(t.w.Name), "first") + "-clients",
		Statement: fmt.Sprintf("Only %s may reach %s on port %d.", who, t.w.Name, t.port)}
	for _, c := range t.clients {
		s.Expect = append(s.Expect, Expectation{c, t.w.Name, t.port, "allow"})
	}
	for _, w := range inv.Workloads {
		if w.Namespace == namespace && w != t.w && !w.HostNetwork && !slices.Contains(t.clients, w.Name) {
			s.Expect = append(s.Expect, Expectation{w.Name, t.w.Name, t.port, "deny"})
			break
		}
	}
	return s
}

// Namespaces returns the namespaces that workloads live in, the one with most of
// them first. Those of the cluster itself come last.
func Namespaces(inv *inventory.Inventory) []string {
	count := map[string]int{}
	var out []string
	for _, w := range inv.Workloads {
		if count[w.Namespace]++; count[w.Namespace] == 1 {
			out = append(out, w.Namespace)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Or(compareBool(strings.HasPrefix(a, "kube-"), strings.HasPrefix(b, "kube-")), -cmp.Compare(count[a], count[b]), cmp.Compare(a, b))
	})
	return out
}
