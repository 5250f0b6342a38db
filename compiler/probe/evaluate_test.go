package probe

import (
	"net/netip"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// small is a cluster of two namespaces with an a in each.
func small() *cluster {
	web := func(ns, name, ip string, labels map[string]string) *pod {
		return &pod{namespace: ns, labels: labels, addrs: []netip.Addr{netip.MustParseAddr(ip)}, ports: []containerPort{{"http", 8080, "TCP"}, {"stat", 8125, "UDP"}}}
	}
	return &cluster{
		namespaces: map[string]map[string]string{"one": {"kubernetes.io/metadata.name": "one", "team": "x"}, "two": {"kubernetes.io/metadata.name": "two"}},
		pods: map[string]*pod{
			"one/a": web("one", "a", "10.0.0.1", map[string]string{"app": "a"}),
			"one/b": web("one", "b", "10.0.0.2", map[string]string{"app": "b", "tier": "back"}),
			"two/a": web("two", "a", "10.0.1.1", map[string]string{"app": "a"}),
		},
	}
}

func TestEvaluator(t *testing.T) {
	const both, never, byAddress = "ip ext", "", "ip"
	tests := []struct {
		name, spec string
		flow       Probe
		passes     string // the modes in which it passes
	}{
		{"no policy selects", `podSelector: {matchLabels: {app: z}}`, Probe{From: "one/a", To: "one/b", Port: 80}, both},
		{"isolated without rules", `podSelector: {}`, Probe{From: "one/a", To: "one/b", Port: 80}, never},
		{"no types and no egress rule: egress is free", `podSelector: {}`, Probe{From: "one/a", To: "world", Port: 80}, both},
		{"no types and an egress rule: both ends", `{podSelector: {}, egress: [{ports: [{port: 53}]}]}`, Probe{From: "one/a", To: "world", Port: 80}, never},
		{"an empty rule matches everything", `{podSelector: {}, ingress: [{}]}`, Probe{From: "world", To: "one/b", Port: 80}, both},
		{"an empty from matches everything", `{podSelector: {}, ingress: [{from: [], ports: [{port: 80}]}]}`, Probe{From: "world", To: "one/b", Port: 80}, both},
		{"podSelector is of the policy's namespace", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: a}}}]}]}`, Probe{From: "two/a", To: "one/b", Port: 80}, never},
		{"podSelector finds its own", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: a}}}]}]}`, Probe{From: "one/a", To: "one/b", Port: 80}, both},
		{"an empty namespaceSelector is every namespace", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}`, Probe{From: "two/a", To: "one/b", Port: 80}, both},
		{"an empty namespaceSelector is not the world", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}`, Probe{From: "world", To: "one/b", Port: 80}, never},
		{"both selectors must hold", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}, podSelector: {matchLabels: {app: a}}}]}]}`, Probe{From: "two/a", To: "one/b", Port: 80}, never},
		{"NotIn holds without the key", `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [back]}]}}]}]}`, Probe{From: "one/a", To: "one/b", Port: 80}, both},
		{"NotIn refuses the value", `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [back]}]}}]}]}`, Probe{From: "one/b", To: "one/a", Port: 80}, never},
		{"In wants the key", `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: In, values: [back]}]}}]}]}`, Probe{From: "one/a", To: "one/b", Port: 80}, never},
		{"Exists", `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}]}]}`, Probe{From: "one/b", To: "one/a", Port: 80}, both},
		{"DoesNotExist", `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}]}]}`, Probe{From: "one/b", To: "one/a", Port: 80}, never},
		{"a number", `{podSelector: {}, ingress: [{ports: [{port: 80}]}]}`, Probe{From: "one/a", To: "one/b", Port: 81}, never},
		{"a range", `{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}`, Probe{From: "one/a", To: "one/b", Port: 90}, both},
		{"beyond a range", `{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}`, Probe{From: "one/a", To: "one/b", Port: 91}, never},
		{"the protocol is TCP", `{podSelector: {}, ingress: [{ports: [{port: 80}]}]}`, Probe{From: "one/a", To: "one/b", Port: 80, Protocol: "UDP"}, never},
		{"every port of a protocol", `{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}`, Probe{From: "one/a", To: "one/b", Port: 80, Protocol: "UDP"}, both},
		{"a named port", `{podSelector: {}, ingress: [{ports: [{port: http}]}]}`, Probe{From: "one/a", To: "one/b", Port: 8080}, both},
		{"a named port of another protocol", `{podSelector: {}, ingress: [{ports: [{port: stat}]}]}`, Probe{From: "one/a", To: "one/b", Port: 8125}, never},
		{"a named port has no meaning outside", `{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}`, Probe{From: "one/a", To: "world", Port: 8080}, never},
		{"a named port of the destination for egress", `{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}`, Probe{From: "one/a", To: "two/a", Port: 8080}, both},
		{"an address", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}}]}]}`, Probe{From: "172.17.0.9", To: "one/b", Port: 80}, both},
		{"an excepted address", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}}]}]}`, Probe{From: "172.17.1.9", To: "one/b", Port: 80}, never},
		{"a pod behind an ipBlock", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`, Probe{From: "one/a", To: "one/b", Port: 80}, byAddress},
		{"an IPv6 block", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: "2001:db8::/32"}}]}]}`, Probe{From: "2001:db8::7", To: "one/b", Port: 80}, both},
		{"an IPv6 block holds no IPv4", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: "::/0"}}]}]}`, Probe{From: "world", To: "one/b", Port: 80}, never},
		{"the source's egress counts too", `{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress]}`, Probe{From: "one/a", To: "one/b", Port: 80}, never},
		{"policies are of their namespace", `{podSelector: {}, policyTypes: [Ingress, Egress]}`, Probe{From: "world", To: "two/a", Port: 80}, both},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := policyOf(t, tt.spec)
			if tt.flow.Protocol == "" {
				tt.flow.Protocol = "TCP"
			}
			var passes []string
			for _, mode := range []Mode{ByAddress, ExternalOnly} {
				ok, err := small().decide([]*networkPolicy{p}, tt.flow, mode)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					passes = append(passes, string(mode))
				}
			}
			got := ""
			for i, m := range passes {
				got += map[bool]string{true: " "}[i > 0] + m
			}
			if got != tt.passes {
				t.Errorf("%s passes in modes %q, want %q", tt.flow, got, tt.passes)
			}
		})
	}
}

func policyOf(t testing.TB, spec string) *networkPolicy {
	t.Helper()
	p, err := parsePolicy(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parsePolicy(spec string) (*networkPolicy, error) {
	docs, err := parseDocs([]byte(`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: one}}`))
	if err != nil {
		return nil, err
	}
	s, err := parseDocs([]byte(spec))
	if err != nil {
		return nil, err
	}
	key := clone(docs[0].Content[0])
	key.Value = "spec"
	docs[0].Content = append(docs[0].Content, key, s[0])
	return decodePolicy(docs[0])
}

func TestPoliciesAreAdditive(t *testing.T) {
	deny, allow := policyOf(t, `podSelector: {}`), policyOf(t, `{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`)
	flow := Probe{From: "one/a", To: "one/b", Port: 80, Protocol: "TCP"}
	for _, ps := range [][]*networkPolicy{{deny, allow}, {allow, deny}} {
		if ok, err := small().decide(ps, flow, ByAddress); err != nil || !ok {
			t.Errorf("a deny and an allow: %v, %v", ok, err)
		}
	}
}

// mutants are the usual mistakes; spoil says false where it changes nothing.
var mutants = []struct {
	name  string
	spoil func(p *networkPolicy) bool
}{
	{"selects all", func(p *networkPolicy) bool {
		spoiled := len(p.Spec.PodSelector.MatchLabels) > 0
		p.Spec.PodSelector = selector{}
		return spoiled
	}},
	{"rules dropped", func(p *networkPolicy) bool {
		spoiled := len(p.Spec.Ingress)+len(p.Spec.Egress) > 0
		p.Spec.Ingress, p.Spec.Egress = nil, nil
		return spoiled
	}},
	{"peers dropped", func(p *networkPolicy) (spoiled bool) {
		for j := range p.Spec.Ingress {
			spoiled = spoiled || len(p.Spec.Ingress[j].From) > 0
			p.Spec.Ingress[j].From = nil
		}
		for j := range p.Spec.Egress {
			spoiled = spoiled || len(p.Spec.Egress[j].To) > 0
			p.Spec.Egress[j].To = nil
		}
		return spoiled
	}},
	{"ports dropped", func(p *networkPolicy) (spoiled bool) {
		for j := range p.Spec.Ingress {
			spoiled = spoiled || len(p.Spec.Ingress[j].Ports) > 0
			p.Spec.Ingress[j].Ports = nil
		}
		for j := range p.Spec.Egress {
			spoiled = spoiled || len(p.Spec.Egress[j].Ports) > 0
			p.Spec.Egress[j].Ports = nil
		}
		return spoiled
	}},
	{"elsewhere", func(p *networkPolicy) bool { p.Metadata.Namespace = "kube-system"; return true }},
	{"types swapped", func(p *networkPolicy) bool {
		if len(p.Spec.PolicyTypes) != 1 {
			return false
		}
		p.Spec.PolicyTypes = map[bool][]string{true: {"Ingress"}, false: {"Egress"}}[p.Spec.PolicyTypes[0] == "Egress"]
		return true
	}},
}

func decodeAll(t testing.TB, docs []*yaml.Node) []*networkPolicy {
	t.Helper()
	var out []*networkPolicy
	for _, doc := range docs {
		p, err := decodePolicy(doc)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// TestMutantsAreNoticed spoils the references in the usual ways. The probes were
// not written against this evaluator, so nearly all mutants must fail them.
func TestMutantsAreNoticed(t *testing.T) {
	noticed, total := 0, 0
	for _, c := range cases(t) {
		ref := reference(t, c)
		if ref == nil {
			continue
		}
		cl, err := c.cluster()
		if err != nil {
			t.Fatal(err)
		}
		inForce := decodeAll(t, c.existing)
		for i := range ref {
			for _, m := range mutants {
				ps := decodeAll(t, ref)
				if !m.spoil(ps[i]) {
					continue
				}
				total++
				var o Outcome
				if err := c.ask(cl, slices.Concat(inForce, ps), &o); err != nil {
					t.Fatal(err)
				}
				if o.Verdict == Wrong {
					noticed++
				} else {
					t.Logf("%s policy %d, %s: not noticed", c.ID, i, m.name)
				}
			}
		}
	}
	if total < 100 || noticed*100 < total*90 {
		t.Errorf("%d of %d mutants noticed", noticed, total)
	}
}

// FuzzPolicy decodes what no compiler should write and decides a flow by it.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{
		`podSelector: {}`, `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: http}, {port: 1, endPort: 9}]}]}`,
		`{podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}`, `{podSelector: null, egress: [null]}`, `[]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		docs, err := parseDocs([]byte(spec))
		if err != nil || len(docs) == 0 {
			return
		}
		p, err := parsePolicy(spec)
		if err != nil {
			return
		}
		for _, flow := range []Probe{{From: "one/a", To: "one/b", Port: 80, Protocol: "TCP"}, {From: "world", To: "one/a", Port: 53, Protocol: "UDP"}} {
			if _, err := small().decide([]*networkPolicy{p}, flow, ByAddress); err != nil {
				t.Fatal(err)
			}
		}
	})
}
