package compiler_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/probe"
)

// mutation changes rendered policies as a kustomization could. It returns false
// where there is nothing to change.
type mutation struct {
	name string
	do   func(r *rand.Rand, ps []*networkingv1.NetworkPolicy) ([]*networkingv1.NetworkPolicy, bool)
}

// onPolicy is a mutation of one policy.
func onPolicy(name string, do func(*rand.Rand, *networkingv1.NetworkPolicy) bool) mutation {
	return mutation{name, func(r *rand.Rand, ps []*networkingv1.NetworkPolicy) ([]*networkingv1.NetworkPolicy, bool) {
		return ps, len(ps) > 0 && do(r, ps[r.IntN(len(ps))])
	}}
}

// anyPorts returns the ports of a rule.
func anyPorts(r *rand.Rand, p *networkingv1.NetworkPolicy) *[]networkingv1.NetworkPolicyPort {
	n := r.IntN(len(p.Spec.Ingress) + len(p.Spec.Egress) + 1)
	switch {
	case n < len(p.Spec.Ingress):
		return &p.Spec.Ingress[n].Ports
	case n < len(p.Spec.Ingress)+len(p.Spec.Egress):
		return &p.Spec.Egress[n-len(p.Spec.Ingress)].Ports
	}
	return nil
}

// anyPeers returns the peers of a rule.
func anyPeers(r *rand.Rand, p *networkingv1.NetworkPolicy) *[]networkingv1.NetworkPolicyPeer {
	n := r.IntN(len(p.Spec.Ingress) + len(p.Spec.Egress) + 1)
	switch {
	case n < len(p.Spec.Ingress):
		return &p.Spec.Ingress[n].From
	case n < len(p.Spec.Ingress)+len(p.Spec.Egress):
		return &p.Spec.Egress[n-len(p.Spec.Ingress)].To
	}
	return nil
}

func label(s *metav1.LabelSelector, key, value string) {
	labels := map[string]string{key: value}
	for k, v := range s.MatchLabels {
		labels[k] = v
	}
	s.MatchLabels = labels
}

var mutations = []mutation{
	{"nothing", func(_ *rand.Rand, ps []*networkingv1.NetworkPolicy) ([]*networkingv1.NetworkPolicy, bool) {
		return ps, true
	}},
	{"drop a policy", func(r *rand.Rand, ps []*networkingv1.NetworkPolicy) ([]*networkingv1.NetworkPolicy, bool) {
		i := r.IntN(len(ps))
		return slices.Delete(ps, i, i+1), len(ps) > 0
	}},
	{"add a policy", func(r *rand.Rand, ps []*networkingv1.NetworkPolicy) ([]*networkingv1.NetworkPolicy, bool) {
		p := ps[r.IntN(len(ps))].DeepCopy()
		p.Name, p.Labels, p.Annotations = "strange", nil, nil
		p.Spec.Ingress, p.Spec.Egress = nil, nil
		return append(ps, p), true
	}},
	onPolicy("rename", func(_ *rand.Rand, p *networkingv1.NetworkPolicy) bool { p.Name = "prod-" + p.Name; return true }),
	onPolicy("move", func(r *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		p.Namespace = []string{"kube-system", "monitoring"}[r.IntN(2)]
		return true
	}),
	onPolicy("widen the selector", func(_ *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		some := len(p.Spec.PodSelector.MatchLabels) > 0
		p.Spec.PodSelector = metav1.LabelSelector{}
		return some
	}),
	onPolicy("label the selector", func(_ *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		label(&p.Spec.PodSelector, "team", "shop")
		return true
	}),
	onPolicy("drop a rule", func(r *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		if n := len(p.Spec.Ingress); n > 0 && r.IntN(2) == 0 {
			i := r.IntN(n)
			p.Spec.Ingress = slices.Delete(p.Spec.Ingress, i, i+1)
			return true
		}
		if n := len(p.Spec.Egress); n > 0 {
			i := r.IntN(n)
			p.Spec.Egress = slices.Delete(p.Spec.Egress, i, i+1)
			return true
		}
		return false
	}),
	onPolicy("change a port", func(r *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		ports := anyPorts(r, p)
		if ports == nil || len(*ports) == 0 {
			return false
		}
		other := intstr.FromInt32([]int32{53, 8080, 7070, 4444}[r.IntN(4)])
		(*ports)[r.IntN(len(*ports))].Port = &other
		return true
	}),
	onPolicy("drop the ports", func(r *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		ports := anyPorts(r, p)
		if ports == nil {
			return false
		}
		*ports = nil
		return true
	}),
	onPolicy("drop the peers", func(r *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		peers := anyPeers(r, p)
		if peers == nil {
			return false
		}
		*peers = nil
		return true
	}),
	onPolicy("label a peer", func(r *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		peers := anyPeers(r, p)
		if peers == nil || len(*peers) == 0 {
			return false
		}
		peer := &(*peers)[r.IntN(len(*peers))]
		if peer.PodSelector == nil {
			return false
		}
		label(peer.PodSelector, "team", "shop")
		return true
	}),
	onPolicy("drop a policy type", func(r *rand.Rand, p *networkingv1.NetworkPolicy) bool {
		if len(p.Spec.PolicyTypes) < 2 {
			return false
		}
		i := r.IntN(2)
		p.Spec.PolicyTypes = slices.Delete(p.Spec.PolicyTypes, i, i+1)
		return true
	}),
}

// shopJudge asks probe's evaluator about rendered policies of the example.
type shopJudge struct {
	cluster *probe.Case
	ports   map[string]bool // "8080/TCP"
}

func newShopJudge(t *testing.T, r *compiler.Result) *shopJudge {
	t.Helper()
	c, err := probe.ReadProject("../examples/online-boutique", "10.244.1")
	if err != nil {
		t.Fatal(err)
	}
	j := &shopJudge{cluster: c, ports: map[string]bool{}}
	c.Probes = probesOf(r.Inventory)
	for _, p := range c.Probes {
		j.ports[fmt.Sprintf("%s %d", p.Protocol, p.Port)] = true
	}
	return j
}

// blocked returns the flows that the policies block, each with the dataplanes on
// which they do.
func (j *shopJudge) blocked(t *testing.T, files map[string][]byte) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := j.cluster.Judge(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	blocked := map[string]string{}
	for _, reason := range out.Reasons {
		m := blockedFlow.FindStringSubmatch(reason)
		if m == nil {
			t.Fatalf("the evaluator says %q", reason)
		}
		blocked[m[1]+" -> "+m[2]+" on "+m[4]+" "+m[3]] = m[5]
	}
	if out.Held+len(blocked) != len(j.cluster.Probes) {
		t.Fatalf("%d of %d probes were asked", out.Held+len(blocked), len(j.cluster.Probes))
	}
	return blocked
}

var (
	blockedFlow = regexp.MustCompile(`^probe \d+: (\S+) -> (\S+):(\d+)/(\w+) should be allow \(mode (.*)\)$`)
	foundFlow   = regexp.MustCompile(`: (\S+/\S+) -> (\S+/\S+) on (\w+ \d+) is (?:allowed|blocked)`)
)

// TestRenderedMutations renders the example's policies with random changes. Every
// change that an independent evaluator sees between declared workloads is refused,
// and every counterexample between these is one that it sees, too. What is refused
// beyond that is about pods that nobody declared, other addresses or other ports.
func TestRenderedMutations(t *testing.T) {
	clean, err := compiler.Compile(context.Background(), compiler.Options{Project: os.DirFS("../examples/online-boutique"), Locked: true})
	if err != nil || !clean.Clean {
		t.Fatal(err, clean.Diags)
	}
	j := newShopJudge(t, clean)
	render := func(ps []*networkingv1.NetworkPolicy) map[string][]byte {
		files := map[string][]byte{}
		for i, p := range ps {
			files[strconv.Itoa(i)+".yaml"] = policy.Encode(policy.Object{NetworkPolicy: p})
		}
		return files
	}
	before := j.blocked(t, render(copies(clean.Policies)))
	if len(before) < 100 {
		t.Fatalf("the example blocks %d flows", len(before))
	}
	rounds := 60
	if testing.Short() {
		rounds = 30
	}
	seen := map[string]int{}
	for seed := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, 14))
		ps, names := copies(clean.Policies), []string{}
		for range 1 + rnd.IntN(2) {
			m := mutations[rnd.IntN(len(mutations))]
			if changed, ok := m.do(rnd, ps); ok {
				ps = changed
				names = append(names, m.name)
			}
		}
		files := render(ps)
		after := j.blocked(t, files)
		r := rendered(t, clean, files)
		if r.Clean && !mapsEqual(before, after) {
			t.Errorf("seed %d (%s): taken, and yet the evaluator sees other flows", seed, strings.Join(names, ", "))
		}
		for _, d := range r.Diags {
			m := foundFlow.FindStringSubmatch(d.Message)
			if d.ID != diag.VerifyRendered || m == nil || !j.ports[m[3]] || m[1] == m[2] {
				continue
			}
			flow := m[1] + " -> " + m[2] + " on " + m[3]
			if before[flow] == after[flow] {
				t.Errorf("seed %d (%s): the evaluator sees no change of %s: %s", seed, strings.Join(names, ", "), flow, d.Message)
			}
			seen["counterexamples"]++
		}
		for _, n := range names {
			seen[n]++
		}
		seen[fmt.Sprintf("clean %t, same flows %t", r.Clean, mapsEqual(before, after))]++
	}
	for _, must := range []string{"clean true, same flows true", "clean false, same flows false", "counterexamples"} {
		if seen[must] < rounds/10 {
			t.Errorf("%s: %d times: the test shows little: %v", must, seen[must], seen)
		}
	}
	for _, m := range mutations {
		if seen[m.name] == 0 && !testing.Short() {
			t.Errorf("no seed came to %q", m.name)
		}
	}
}

func copies(objects []policy.Object) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, o := range objects {
		out = append(out, o.NetworkPolicy.DeepCopy())
	}
	return out
}

func mapsEqual(a, b map[string]string) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

// rendered holds files against a compilation, which stays as it was.
func rendered(t *testing.T, clean *compiler.Result, files map[string][]byte) *compiler.Result {
	t.Helper()
	tree := fstest.MapFS{}
	for name, data := range files {
		tree["out/"+name] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	r := *clean
	r.Diags = slices.Clone(clean.Diags)
	if err := r.Rendered(context.Background(), load.Tree{FS: tree, Path: "out"}); err != nil {
		t.Fatal(err)
	}
	return &r
}

// TestRenderedInput: what is no render is an error with a place, and no proof.
func TestRenderedInput(t *testing.T) {
	clean, err := compiler.Compile(context.Background(), compiler.Options{Project: os.DirFS("../examples/online-boutique"), Locked: true})
	if err != nil || !clean.Clean {
		t.Fatal(err, clean.Diags)
	}
	var overlay bytes.Buffer
	for _, p := range copies(clean.Policies) {
		overlay.WriteString("---\n")
		overlay.Write(policy.Encode(policy.Object{NetworkPolicy: p}))
	}
	whole := overlay.String()
	for _, tt := range []struct {
		name, file string
		id         diag.ID
		at, want   string
	}{
		{"whole", whole, "", "", ""},
		{"empty", "", diag.VerifyRendered, "out", "no NetworkPolicy is rendered"},
		{"comments", "# nothing\n---\n", diag.VerifyRendered, "out", "no NetworkPolicy is rendered"},
		{"other objects", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n", diag.VerifyRendered, "out", "no NetworkPolicy is rendered"},
		{"no YAML", whole + "---\na: [\n", diag.ManifestSyntax, "out/f.yaml", "not YAML"},
		{"no text", "\x00\x01", diag.ManifestSyntax, "out/f.yaml:1:1", "not a text file"},
		{"values", "replicas: 3\n", diag.ManifestSyntax, "out/f.yaml:1:1", "not a Kubernetes object"},
		{"twice", whole + whole, diag.ManifestInvalid, "out/f.yaml", "is there twice"},
		{"unknown field", strings.Replace(whole, "podSelector:", "podSelectors: {}\n  podSelector:", 1), diag.ManifestInvalid, "out/f.yaml", `unknown field "podSelectors"`},
		{"bad port", strings.Replace(whole, "port: 9555", "port: 99999", 1), diag.ValidateObject, "out/f.yaml", "99999"},
		{"old API", whole + "---\napiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: boutique}\n", diag.VerifyRendered, "out/f.yaml", "extensions/v1beta1 NetworkPolicy boutique/x"},
		{"Cilium", whole + "---\napiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: x}\n", diag.VerifyRendered, "out/f.yaml", "nothing is proven beside cilium.io/v2 CiliumClusterwideNetworkPolicy x"},
		{"Calico", whole + "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: x}\n", diag.VerifyRendered, "out/f.yaml", "GlobalNetworkPolicy x"},
		{"admin, in a List", whole + "---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: policy.networking.k8s.io/v1alpha1\n  kind: BaselineAdminNetworkPolicy\n  metadata: {name: default}\n", diag.VerifyRendered, "out/f.yaml", "BaselineAdminNetworkPolicy default"},
		{"no namespace, and two sets would not say", strings.Replace(whole, "  namespace: boutique\n", "", 1), "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rendered(t, clean, map[string][]byte{"f.yaml": []byte(tt.file)})
			if tt.want == "" {
				if !r.Clean {
					t.Fatal(r.Diags)
				}
				return
			}
			if r.Clean || !slices.ContainsFunc(r.Diags, func(d diag.Diagnostic) bool {
				return d.Severity == diag.Error && d.ID == tt.id && strings.Contains(d.Message, tt.want) && strings.HasPrefix(d.Pos.String(), tt.at)
			}) {
				t.Errorf("clean %t, %v: want %s at %s: %s", r.Clean, r.Diags, tt.id, tt.at, tt.want)
			}
		})
	}
}

// TestRenderedWords: what was done to a policy is said in words, where it matters.
func TestRenderedWords(t *testing.T) {
	clean, err := compiler.Compile(context.Background(), compiler.Options{Project: os.DirFS("../examples/online-boutique"), Locked: true})
	if err != nil || !clean.Clean {
		t.Fatal(err, clean.Diags)
	}
	other := intstr.FromInt32(4444)
	for _, tt := range []struct {
		policy, want, hint string
		do                 func(p *networkingv1.NetworkPolicy)
	}{
		{"adservice", "boutique/adservice: its podSelector gained tier and lost app=adservice", "add labels without selectors", func(p *networkingv1.NetworkPolicy) {
			p.Spec.PodSelector = metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpExists}}}
		}},
		{"adservice", "boutique/adservice: ingress rule 1 has other ports; it selects the pods and has no rule for it", "do not patch the overlay", func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress[0].Ports[0].Port = &other }},
		{"cartservice", "boutique/cartservice: no longer restricts egress", "do not patch", func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = p.Spec.PolicyTypes[:1] }},
		{"adservice", "; now restricts egress too; has 1 egress rule where the overlay has 0; it allows it by rule 1", "do not patch", func(p *networkingv1.NetworkPolicy) {
			p.Spec.PodSelector, p.Spec.PolicyTypes = metav1.LabelSelector{}, append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
			p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		}},
		{"cartservice", "boutique/cartservice: has 1 egress rule where the overlay has 2", "do not patch", func(p *networkingv1.NetworkPolicy) { p.Spec.Egress = p.Spec.Egress[1:] }},
		{"cartservice", "boutique/cartservice: has no ingress rule where the overlay has 1", "do not patch", func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress = nil }},
		{"cartservice", "boutique/cartservice: the podSelector of its peers in egress rule 1 gained team=shop", "add labels without selectors", func(p *networkingv1.NetworkPolicy) { label(p.Spec.Egress[0].To[0].PodSelector, "team", "shop") }},
		{"boutique-default-deny", "boutique/boutique-default-deny: the namespaceSelector of its peers in egress rule 1 was removed", "add labels without selectors", func(p *networkingv1.NetworkPolicy) { p.Spec.Egress[0].To[0].NamespaceSelector = nil }},
		{"adservice", "ingress rule 1 has 2 peers where the overlay has 1; it allows it by rule 1", "do not patch", func(p *networkingv1.NetworkPolicy) {
			p.Spec.Ingress[0].From = append(p.Spec.Ingress[0].From, networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}})
		}},
		{"cartservice", "boutique/cartservice: moved from namespace boutique to namespace monitoring; renamed to cartservice-v2; it no longer selects boutique/cartservice", "leave namespace:", func(p *networkingv1.NetworkPolicy) {
			p.Namespace, p.Name = "monitoring", "cartservice-v2"
		}},
	} {
		t.Run(tt.want, func(t *testing.T) {
			files := map[string][]byte{}
			for i, p := range copies(clean.Policies) {
				if p.Name == tt.policy {
					tt.do(p)
				}
				files[strconv.Itoa(i)+".yaml"] = policy.Encode(policy.Object{NetworkPolicy: p})
			}
			r := rendered(t, clean, files)
			for _, d := range r.Diags {
				said := slices.ContainsFunc(d.Related, func(o diag.Related) bool {
					return strings.Contains(o.Message, tt.want) && strings.HasPrefix(o.Pos.File, "out/")
				})
				if said && d.Intent != "" && slices.ContainsFunc(d.Hints, func(h string) bool { return strings.HasPrefix(h, tt.hint) }) {
					return
				}
			}
			t.Errorf("not said: %v", r.Diags)
		})
	}
}

// TestRenderedMesh: what a mesh enforces is named, and no reason to refuse.
func TestRenderedMesh(t *testing.T) {
	clean, err := compiler.Compile(context.Background(), compiler.Options{Project: os.DirFS("../examples/online-boutique"), Locked: true})
	if err != nil || !clean.Clean {
		t.Fatal(err, clean.Diags)
	}
	files := map[string][]byte{"mesh.yaml": []byte("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: x, namespace: boutique}\n")}
	for i, p := range copies(clean.Policies) {
		files[strconv.Itoa(i)+".yaml"] = policy.Encode(policy.Object{NetworkPolicy: p})
	}
	r := rendered(t, clean, files)
	if !r.Clean || !slices.ContainsFunc(r.Diags, func(d diag.Diagnostic) bool {
		return d.Severity == diag.Warning && strings.Contains(d.Message, "AuthorizationPolicy boutique/x is not looked at") && d.Pos.String() == "out/mesh.yaml:1:1"
	}) {
		t.Errorf("clean %t: %v", r.Clean, r.Diags)
	}
}

// BenchmarkRendered proves what is rendered of a repository of 500 intents and 2,000
// workloads: as it is, and with every selector labelled.
func BenchmarkRendered(b *testing.B) {
	dir := b.TempDir()
	large(b, dir)
	clean := compileDir(b, dir)
	if !clean.Clean {
		b.Fatal(clean.Diags)
	}
	for name, labelled := range map[string]bool{"same": false, "labelled": true} {
		var out bytes.Buffer
		for _, p := range copies(clean.Policies) {
			if labelled {
				label(&p.Spec.PodSelector, "team", "shop")
			}
			out.WriteString("---\n")
			out.Write(policy.Encode(policy.Object{NetworkPolicy: p}))
		}
		tree := load.Tree{FS: fstest.MapFS{"out.yaml": &fstest.MapFile{Data: out.Bytes()}}, Path: "out.yaml"}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := *clean
				r.Diags = slices.Clone(clean.Diags)
				if err := r.Rendered(context.Background(), tree); err != nil || r.Clean == labelled {
					b.Fatal(err, len(r.Diags))
				}
			}
		})
	}
}
