package names_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// This file measures shortlists over generated inventories: teams with a
// production and a staging namespace and the same kinds of things in each, named
// as people do, with shared prefixes and labels that whole namespaces bear. A
// question is a statement with the objects that its words determine.

var sizes = []int{100, 1_000, 10_000}

// kindOf is one kind of thing that teams run.
type kindOf struct {
	name, service, image, component, tier, role string
	ports                                       []inventory.Port
}

var (
	httpPorts = []inventory.Port{{Name: "http", Number: 8080, Protocol: "TCP"}, {Name: "metrics", Number: 9102, Protocol: "TCP"}}
	grpcPorts = []inventory.Port{{Name: "grpc", Number: 50051, Protocol: "TCP"}, {Name: "metrics", Number: 9102, Protocol: "TCP"}}
	products  = []string{"orders", "payments", "catalog", "search", "shipping", "billing", "accounts", "ledger", "reviews", "basket", "loyalty", "pricing", "returns", "stock", "tickets",
		"media", "profile", "fraud", "invoices", "reports"}
)

func kinds(product string) []kindOf {
	db := []inventory.Port{{Name: "postgres", Number: 5432, Protocol: "TCP"}}
	return []kindOf{
		{product + "-api", "", "registry.local/" + product + "-api:1.4", "api", "backend", "api", httpPorts},
		{product + "-web", "", "registry.local/" + product + "-web:2", "web", "frontend", "web", httpPorts},
		{product + "service", "", "registry.local/" + product + ":7", product, "backend", "api", grpcPorts},
		{product + "-worker", "", "registry.local/" + product + "-worker:1", "worker", "backend", "worker", nil},
		{product + "-db", product + "-postgres", "docker.io/library/postgres:16", "database", "data", "db", db},
		{product + "-redis-leader", product + "-cache", "redis:7.2", "leader", "data", "cache", []inventory.Port{{Name: "redis", Number: 6379, Protocol: "TCP"}}},
		{product + "-queue", "", "rabbitmq:3", "queue", "data", "queue", []inventory.Port{{Name: "amqp", Number: 5672, Protocol: "TCP"}}},
		{product + "-gateway-v2", product + "-gw", "registry.local/gateway:2", "gateway", "edge", "proxy", httpPorts},
	}
}

// generate makes an inventory of n workloads.
func generate(seed int64, n int) *inventory.Inventory {
	r := rand.New(rand.NewSource(seed))
	var inv inventory.Inventory
	for team := 0; len(inv.Workloads) < n; team++ {
		own := r.Perm(len(products))[:1+r.Intn(3)]
		for _, env := range []string{"prod", "staging"} {
			ns := fmt.Sprintf("team-%s-%d-%s", products[team%len(products)], team/len(products), env)
			inv.Namespaces = append(inv.Namespaces, &inventory.Namespace{Name: ns, Labels: map[string]string{"env": env, "team": fmt.Sprint("squad", team)}})
			for _, p := range own {
				for _, k := range kinds(products[p]) {
					if len(inv.Workloads) < n {
						place(&inv, r, ns, env, fmt.Sprint("squad", team), products[p], k)
					}
				}
			}
			for _, name := range []string{"api", "web", "prometheus"} { // what every team calls so
				if len(inv.Workloads) < n {
					place(&inv, r, ns, env, fmt.Sprint("squad", team), name, kindOf{name: name, image: "registry.local/" + name + ":1", component: name, tier: "shared", role: "common", ports: httpPorts})
				}
			}
		}
	}
	return inventory.Build(inv)
}

func place(inv *inventory.Inventory, r *rand.Rand, ns, env, team, product string, k kindOf) {
	labels := map[string]string{"app": k.name, "app.kubernetes.io/name": k.name, "app.kubernetes.io/instance": k.name + "-" + env, "app.kubernetes.io/component": k.component,
		"app.kubernetes.io/part-of": product + "-suite", "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "app-1.2.3", "team": team, "tier": k.tier, "role": k.role,
		"pod-template-hash": fmt.Sprintf("%x", r.Uint32())}
	inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: k.name, Labels: labels, ServiceAccount: k.name, Images: []string{k.image}, Ports: k.ports})
	service := k.service
	if service == "" {
		service = k.name
	}
	s := &inventory.Service{Namespace: ns, Name: service, Selector: map[string]string{"app": k.name}}
	for _, p := range k.ports {
		s.Ports = append(s.Ports, inventory.ServicePort{Name: p.Name, Number: p.Number, Protocol: p.Protocol})
	}
	if len(s.Ports) > 0 {
		inv.Services = append(inv.Services, s)
	}
}

// question is a statement with what it needs: workloads, and what has to stand
// in the lists of namespaces, labels and ports.
type question struct {
	form, statement, namespace                        string
	workloads, spaces, labels, ports, namespaceLabels []string
	sure                                              bool // the words determine it
}

// ask makes a question of each form about places of the inventory.
func ask(r *rand.Rand, inv *inventory.Inventory) []question {
	by := map[string][]*inventory.Workload{}
	for _, w := range inv.Workloads {
		if strings.Contains(w.Name, "-") {
			by[w.Namespace] = append(by[w.Namespace], w)
		}
	}
	spaces := slices.Sorted(maps.Keys(by))
	spaces = slices.DeleteFunc(spaces, func(n string) bool { return len(by[n]) < 6 })
	ns := spaces[r.Intn(len(spaces))]
	other := spaces[r.Intn(len(spaces))]
	pick := func(ns string) *inventory.Workload { return by[ns][r.Intn(len(by[ns]))] }
	a, b, c := pick(ns), pick(ns), pick(other)
	refs := func(ws ...*inventory.Workload) []string {
		var out []string
		for _, w := range ws {
			out = append(out, w.Ref())
		}
		return out
	}
	having := func(f func(*inventory.Workload) bool) []string {
		var out []string
		for _, w := range inv.Workloads {
			if w.Namespace == ns && f(w) {
				out = append(out, w.Ref())
			}
		}
		return out
	}
	image := func(name string) func(*inventory.Workload) bool {
		return func(w *inventory.Workload) bool { return strings.Contains(w.Images[0], name) }
	}
	words := func(w *inventory.Workload) string { return strings.ReplaceAll(w.Name, "-", " ") }
	camel := func(w *inventory.Workload) string {
		var out string
		for part := range strings.SplitSeq(w.Name, "-") {
			out += strings.ToUpper(part[:1]) + part[1:]
		}
		return out
	}
	out := []question{
		{form: "exact", statement: fmt.Sprintf("Only %s may reach %s.", a.Name, b.Name), namespace: ns, workloads: refs(a, b), sure: true},
		{form: "split", statement: fmt.Sprintf("Let the %s call the %s, and nothing else.", words(a), words(b)), namespace: ns, workloads: refs(a, b), sure: true},
		{form: "camel", statement: fmt.Sprintf("%s must not talk to %s", camel(a), camel(b)), namespace: ns, workloads: refs(a, b), sure: true},
		{form: "plural", statement: fmt.Sprintf("The %ss may use the %s pods.", a.Name, b.Name), namespace: ns, workloads: refs(a, b), sure: true},
		{form: "quoted", statement: fmt.Sprintf("Deny everything but `%s` to \"%s\" on port 8080.", a.Name, b.Name), namespace: ns, workloads: refs(a, b), ports: []string{"8080"}, sure: true},
		{form: "qualified", statement: fmt.Sprintf("%s may reach %s/%s on its metrics port.", a.Name, c.Namespace, c.Name), namespace: ns, workloads: refs(a, c), ports: []string{"metrics"}, sure: true},
		{form: "in namespace", statement: fmt.Sprintf("%s in namespace %s may be called by %s.", c.Name, other, a.Name), namespace: ns, workloads: refs(a, c), spaces: []string{other}, sure: true},
		{form: "no set namespace", statement: fmt.Sprintf("In %s, only %s may reach %s.", ns, a.Name, b.Name), workloads: refs(a, b), spaces: []string{ns}, sure: true},
		{form: "namespace", statement: fmt.Sprintf("All pods in %s may reach %s over TCP 8080-8090.", other, a.Name), namespace: ns, workloads: refs(a), spaces: []string{ns, other}, ports: []string{"8080-8090"}, sure: true},
		{form: "label", statement: fmt.Sprintf("Pods labelled role=cache may reach %s; those with tier: data may not.", a.Name), namespace: ns, workloads: refs(a), labels: []string{"role=cache", "tier=data"}, sure: true},
		{form: "label in words", statement: fmt.Sprintf("Everything of tier backend may reach %s.", a.Name), namespace: ns, workloads: refs(a), labels: []string{"tier=backend"}, sure: true},
		{form: "namespace label", statement: fmt.Sprintf("Namespaces labelled env=prod may reach %s.", a.Name), namespace: ns, workloads: refs(a), namespaceLabels: []string{"env=prod"}, sure: true},
		{form: "label value", statement: fmt.Sprintf("The backend may reach %s.", a.Name), namespace: ns, workloads: append(refs(a), having(func(w *inventory.Workload) bool { return w.Labels["tier"] == "backend" })...), sure: true},
		{form: "head", statement: fmt.Sprintf("Only the workers may reach %s.", a.Name), namespace: ns, workloads: append(refs(a), having(func(w *inventory.Workload) bool { return strings.HasSuffix(w.Name, "-worker") })...), sure: true},
		{form: "product", statement: fmt.Sprintf("%s may talk to the databases and to the message broker.", a.Name), namespace: ns, workloads: slices.Concat(refs(a), having(image("postgres")), having(image("rabbit"))), sure: true},
	}
	everywhere := question{form: "anywhere", statement: fmt.Sprintf("Nobody may reach %s.", c.Name), workloads: refs(inv.Named(c.Name)...), sure: true} // all of that name, or a refusal
	out = append(out, everywhere)
	if s := inv.ServicesOf(b); len(s) > 0 && s[0].Name != b.Name {
		out = append(out, question{form: "Service", statement: fmt.Sprintf("%s may use %s.", a.Name, s[0].Name), namespace: ns, workloads: refs(a, b), sure: true},
			question{form: "DNS name", statement: fmt.Sprintf("Block %s.%s.svc.cluster.local:80 from %s.", s[0].Name, ns, a.Name), namespace: ns, workloads: refs(a, b), sure: true})
	}
	for _, w := range by[ns] {
		if parts := strings.Split(w.Name, "-"); len(parts) == 3 {
			out = append(out, question{form: "parts", statement: fmt.Sprintf("Only %s may reach the %s of %s.", a.Name, parts[1], parts[0]), namespace: ns, workloads: refs(a, w)})
		}
	}
	return append(out,
		question{form: "slip", statement: fmt.Sprintf("Only %s may reach %s.", a.Name, swapped(b.Name)), namespace: ns, workloads: refs(a, b)},
		question{form: "part elsewhere", statement: fmt.Sprintf("%s may not reach the %s %s over there.", a.Name, strings.Split(c.Name, "-")[0], c.Labels["team"]), namespace: ns, workloads: refs(a, c)},
	)
}

// swapped swaps two neighbours in the middle of a name.
func swapped(s string) string {
	i := len(s)/2 - 1
	return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
}

// answered says whether all that q needs is in the shortlist.
func (q question) answered(s *names.Shortlist) bool {
	have := map[string]bool{}
	for _, w := range s.Workloads {
		have[w.Ref()] = true
	}
	for _, n := range s.Namespaces {
		have["namespace "+n.Name] = true
	}
	in := func(need, list []string) bool {
		return !slices.ContainsFunc(need, func(n string) bool { return !slices.Contains(list, n) })
	}
	return !slices.ContainsFunc(q.workloads, func(w string) bool { return !have[w] }) && !slices.ContainsFunc(q.spaces, func(n string) bool { return !have["namespace "+n] }) &&
		in(q.labels, s.Labels) && in(q.ports, s.Ports) && in(q.namespaceLabels, s.NamespaceLabels)
}

type tally struct{ asked, answered, refused, tokens, workloads int }

// TestRecall asks questions of every form over inventories of every size. Where
// the words determine what is meant, all of it is listed, or the statement is
// refused for pointing at too much; for the other forms it prints how often.
func TestRecall(t *testing.T) {
	for _, n := range sizes {
		inv := generate(1, n)
		x := names.New(inv)
		r := rand.New(rand.NewSource(2))
		by := map[string]*tally{}
		for range 12 {
			for _, q := range ask(r, inv) {
				if by[q.form] == nil {
					by[q.form] = &tally{}
				}
				c := by[q.form]
				c.asked++
				s, err := x.Shortlist(q.statement, q.namespace, nil, 0)
				var many *names.TooMany
				if errors.As(err, &many) {
					c.refused++
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				c.tokens += s.Tokens
				c.workloads += len(s.Workloads)
				if q.answered(s) {
					c.answered++
				} else if q.sure {
					t.Errorf("%d workloads: %q in %q lacks some of %q %q %q %q", n, q.statement, q.namespace, q.workloads, q.spaces, q.labels, q.ports)
				}
				if s.Tokens > names.DefaultBudget {
					t.Errorf("%q takes %d tokens", q.statement, s.Tokens)
				}
			}
		}
		for _, form := range slices.Sorted(maps.Keys(by)) {
			c := by[form]
			shown := max(1, c.asked-c.refused)
			t.Logf("%6d %-17s all listed %3d%%, refused %3d%%, %4d tokens, %5.1f workloads", n, form, 100*c.answered/c.asked, 100*c.refused/c.asked, c.tokens/shown, float64(c.workloads)/float64(shown))
		}
	}
}

// BenchmarkShortlist draws up shortlists one after the other. recall is the
// fraction of statements all of whose objects are listed, of those that are not
// refused; refused the fraction that points at too much.
func BenchmarkShortlist(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			inv := generate(1, n)
			x := names.New(inv)
			r := rand.New(rand.NewSource(3))
			var questions []question
			for range 20 {
				questions = append(questions, slices.DeleteFunc(ask(r, inv), func(q question) bool { return !q.sure })...)
			}
			if _, err := x.Shortlist("web", "", nil, 1<<30); err != nil { // builds the vocabulary
				b.Fatal(err)
			}
			var c tally
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q := questions[i%len(questions)]
				s, err := x.Shortlist(q.statement, q.namespace, nil, 0)
				c.asked++
				if err != nil {
					c.refused++
					continue
				}
				c.tokens += s.Tokens
				if q.answered(s) {
					c.answered++
				}
			}
			shown := float64(max(1, c.asked-c.refused))
			b.ReportMetric(float64(c.answered)/shown, "recall")
			b.ReportMetric(float64(c.tokens)/shown, "tokens")
			b.ReportMetric(float64(c.refused)/float64(c.asked), "refused")
		})
	}
}

// BenchmarkVocabulary is what the first Shortlist of an index costs beside.
func BenchmarkVocabulary(b *testing.B) {
	inv := generate(1, 10_000)
	for b.Loop() {
		b.StopTimer()
		x := names.New(inv)
		b.StartTimer()
		if _, err := x.Shortlist("web", "team-orders-0-prod", nil, 0); err != nil {
			b.Fatal(err)
		}
	}
}
