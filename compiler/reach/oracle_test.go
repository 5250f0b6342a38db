package reach_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

const oracles = "../../testdata/oracles/"

type cluster struct {
	Namespaces []struct {
		Name   string
		Labels map[string]string
	}
	Pods []struct {
		Namespace, Name, IP string
		Labels              map[string]string
		HostNetwork         bool
		Ports               []struct {
			Name     string
			Port     int
			Protocol string
		}
	}
}

// world is a cluster as the engine sees it, and its pods by name and address.
type world struct {
	inv  *inventory.Inventory
	ends map[string]ir.Endpoint
}

func (c cluster) build() world {
	var inv inventory.Inventory
	for _, n := range c.Namespaces {
		labels := map[string]string{}
		for k, v := range n.Labels {
			labels[k] = v
		}
		inv.Namespaces = append(inv.Namespaces, &inventory.Namespace{Name: n.Name, Labels: labels})
	}
	for _, p := range c.Pods {
		w := &inventory.Workload{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, Labels: p.Labels, HostNetwork: p.HostNetwork}
		for _, port := range p.Ports {
			w.Ports = append(w.Ports, inventory.Port{Name: port.Name, Number: port.Port, Protocol: port.Protocol})
		}
		inv.Workloads = append(inv.Workloads, w)
	}
	out := world{inv: inventory.Build(inv), ends: map[string]ir.Endpoint{}}
	for _, p := range c.Pods {
		w := out.inv.Workload(p.Namespace, p.Name)[0]
		e := ir.Endpoint{Workload: w, Namespace: out.inv.Namespace(p.Namespace), Labels: p.Labels, Addr: netip.MustParseAddr(p.IP)}
		out.ends[w.Ref()], out.ends[p.IP] = e, e
	}
	return out
}

func (w world) end(name string) ir.Endpoint {
	if e, ok := w.ends[name]; ok {
		return e
	}
	return ir.Endpoint{Addr: netip.MustParseAddr(name)}
}

func decode(t *testing.T, documents []string) []policy.Object {
	t.Helper()
	objects, diags := policy.Decode("policies.yaml", []byte(strings.Join(documents, "\n---\n")))
	if len(diags) > 0 || len(objects) != len(documents) {
		t.Fatalf("%d of %d objects decoded: %v", len(objects), len(documents), diags)
	}
	return objects
}

// TestSpecification asks what the Kubernetes documentation answers.
func TestSpecification(t *testing.T) {
	data, err := os.ReadFile(oracles + "networkpolicy.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cluster cluster
		Cases   []struct {
			Name, Spec, NS string
			Open           bool
			Policies       []json.RawMessage
			Queries        [][5]any
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	w, settled := file.Cluster.build(), 0
	for _, c := range file.Cases {
		if c.Open {
			continue
		}
		settled++
		t.Run(c.Name, func(t *testing.T) {
			var documents []string
			for i, spec := range c.Policies {
				namespace := c.NS
				if namespace == "" {
					namespace = "a"
				}
				documents = append(documents, fmt.Sprintf(`{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p%d", "namespace": %q}, "spec": %s}`, i, namespace, spec))
			}
			objects := decode(t, documents)
			for _, q := range c.Queries {
				f := ir.Flow{From: w.end(q[0].(string)), To: w.end(q[1].(string)), Protocol: q[2].(string), Port: int(q[3].(float64))}
				if f.From.Workload != nil && f.From.Workload == f.To.Workload {
					continue // a pod and itself is open before any policy is asked
				}
				for _, o := range []reach.Options{{}, {BlocksCoverPods: true}} {
					if got := reach.New(w.inv, objects, o).Decide(f); got.Allowed != q[4].(bool) {
						t.Errorf("%v %v -> %v: got %v, the documentation says %v: %s", o, q[0], q[1:4], got.Allowed, q[4], c.Spec)
					}
				}
			}
		})
	}
	if settled != 37 {
		t.Errorf("%d cases, want 37", settled)
	}
}

type golden struct {
	Features string
	Seed     int
	Input    struct {
		cluster
		Policies []json.RawMessage
		Queries  []struct {
			From, To struct{ Pod, IP string }
			Protocol string
			Port     int
		}
	}
	Answers map[string]string
}

// TestEngines compares with engines that nobody here wrote, flow by flow and in
// bulk.
func TestEngines(t *testing.T) {
	file, err := os.Open(oracles + "networkpolicy.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<22)
	inputs, compared := 0, 0
	for lines.Scan() {
		var g golden
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		inputs++
		compared += compare(t, g)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if inputs != 520 || compared < 100000 {
		t.Errorf("%d inputs, %d answers compared", inputs, compared)
	}
}

// references are the engines held against each reading of ipBlock, with the
// features under which they are wrong against the specification.
var references = []struct {
	name    string
	options reach.Options
	wrong   map[string]string
}{
	{"knp", reach.Options{BlocksCoverPods: true}, nil},
	{"calico", reach.Options{BlocksCoverPods: true}, nil},
	{"cilium-cidr-pods", reach.Options{BlocksCoverPods: true}, map[string]string{
		"types": "enforces rules of a direction that policyTypes leaves out", "extra": "selects by no labels outside its identity labels"}},
	{"cilium", reach.Options{}, map[string]string{
		"types": "enforces rules of a direction that policyTypes leaves out", "extra": "selects by no labels outside its identity labels"}},
}

func compare(t *testing.T, g golden) int {
	w := g.Input.build()
	var documents []string
	for _, p := range g.Input.Policies {
		documents = append(documents, string(p))
	}
	objects := decode(t, documents)
	compared := 0
	for _, ref := range references {
		excused := false
		for f := range strings.SplitSeq(g.Features, ",") {
			excused = excused || ref.wrong[f] != ""
		}
		if excused {
			continue
		}
		engine := reach.New(w.inv, objects, ref.options)
		var ends []ir.Endpoint
		for _, q := range g.Input.Queries {
			ends = append(ends, w.end(q.From.Pod+q.From.IP), w.end(q.To.Pod+q.To.IP))
		}
		space := engine.Over(ends)
		for i, q := range g.Input.Queries {
			f := ir.Flow{From: ends[2*i], To: ends[2*i+1], Protocol: q.Protocol, Port: q.Port}
			got := engine.Decide(f).Allowed
			if bulk := space.Into(space.Of[2*i+1], f.Protocol, f.Port).Has(space.Of[2*i]); bulk != got {
				t.Errorf("%s seed %d: %s -> %s %s %d: alone %v, in bulk %v", g.Features, g.Seed, f.From, f.To, f.Protocol, f.Port, got, bulk)
			}
			if f.From.Workload != nil && f.From.Workload == f.To.Workload {
				continue // the engines disagree about a pod and itself, which is open
			}
			answer := g.Answers[ref.name][i]
			if answer == '-' {
				continue
			}
			compared++
			if want := answer == '1'; got != want {
				t.Errorf("%s seed %d: %s -> %s %s %d: got %v, %s says %v", g.Features, g.Seed, f.From, f.To, f.Protocol, f.Port, got, ref.name, want)
			}
		}
	}
	return compared
}
