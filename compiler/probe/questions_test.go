package probe

import (
	"net/netip"
	"os"
	"testing"

	"go.yaml.in/yaml/v3"
)

// question is one entry of testdata/networkpolicy.json: specs of policies, and
// flows whose verdict the API documentation gives.
type question struct {
	Name      string      `yaml:"name"`
	Namespace string      `yaml:"ns"` // of the policies, "a" if not said
	Open      bool        `yaml:"open"`
	Policies  []yaml.Node `yaml:"policies"`
	Queries   [][]any     `yaml:"queries"` // from, to, protocol, port, allowed
}

// testCluster is a cluster as test data writes it down.
type testCluster struct {
	Namespaces []metadata `yaml:"namespaces"`
	Pods       []struct {
		metadata `yaml:",inline"`
		IP       string `yaml:"ip"`
		Ports    []struct {
			Name     string `yaml:"name"`
			Port     int    `yaml:"port"`
			Protocol string `yaml:"protocol"`
		} `yaml:"ports"`
	} `yaml:"pods"`
}

func (tc testCluster) build() *cluster {
	cl := &cluster{namespaces: map[string]map[string]string{}, pods: map[string]*pod{}}
	for _, n := range tc.Namespaces {
		cl.namespaces[n.Name] = map[string]string{"kubernetes.io/metadata.name": n.Name}
		for k, v := range n.Labels {
			cl.namespaces[n.Name][k] = v
		}
	}
	for _, p := range tc.Pods {
		made := &pod{namespace: p.Namespace, labels: p.Labels, addrs: []netip.Addr{netip.MustParseAddr(p.IP)}}
		for _, cp := range p.Ports {
			made.ports = append(made.ports, containerPort{cp.Name, cp.Port, cp.Protocol})
		}
		cl.pods[p.Namespace+"/"+p.Name] = made
	}
	return cl
}

// TestDocumentedVerdicts asks what the documentation answers. Two kinds of
// question are not this evaluator's: what the documentation leaves open, and a
// pod and itself (in a probe, from and to of one workload are two replicas).
func TestDocumentedVerdicts(t *testing.T) {
	data, err := os.ReadFile("testdata/networkpolicy.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cluster testCluster `yaml:"cluster"`
		Cases   []question  `yaml:"cases"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	cl := file.Cluster.build()
	asked := 0
	for _, q := range file.Cases {
		if q.Open {
			continue
		}
		var policies []*networkPolicy
		for i := range q.Policies {
			p := new(networkPolicy)
			if err := strict(&q.Policies[i], &p.Spec); err != nil {
				t.Fatalf("%s: %v", q.Name, err)
			}
			p.Metadata.Namespace = q.Namespace
			if q.Namespace == "" {
				p.Metadata.Namespace = "a"
			}
			policies = append(policies, p)
		}
		for _, ask := range q.Queries {
			flow := Probe{From: ask[0].(string), To: ask[1].(string), Protocol: ask[2].(string), Port: ask[3].(int)}
			if flow.From == flow.To {
				continue
			}
			asked++
			for _, mode := range []Mode{ByAddress, ExternalOnly} {
				if got, err := cl.decide(policies, flow, mode); err != nil || got != ask[4].(bool) {
					t.Errorf("%s: %s passes %v, want %v (mode %s, error %v)", q.Name, flow, got, ask[4], mode, err)
				}
			}
		}
	}
	if asked < 80 {
		t.Errorf("%d verdicts asked, want 80 or more", asked)
	}
}
