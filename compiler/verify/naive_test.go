package verify_test

import (
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

// The evaluator of this file reads NetworkPolicies as the API's documentation
// words them, one flow at a time, and shares nothing with reach.

func labelsMeet(s *metav1.LabelSelector, labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		got, ok := labels[e.Key]
		in := ok && slices.Contains(e.Values, got)
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			if !in {
				return false
			}
		case metav1.LabelSelectorOpNotIn:
			if in {
				return false
			}
		case metav1.LabelSelectorOpExists:
			if !ok {
				return false
			}
		case metav1.LabelSelectorOpDoesNotExist:
			if ok {
				return false
			}
		}
	}
	return true
}

func naivePorts(list []networkingv1.NetworkPolicyPort, f ir.Flow) bool {
	for _, p := range list {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		if string(protocol) != f.Protocol {
			continue
		}
		switch {
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			if f.To.Workload != nil {
				for _, c := range f.To.Workload.Ports {
					if c.Name == p.Port.StrVal && c.Protocol == f.Protocol && c.Number == f.Port {
						return true
					}
				}
			}
		case p.EndPort != nil:
			if f.Port >= int(p.Port.IntVal) && f.Port <= int(*p.EndPort) {
				return true
			}
		case f.Port == int(p.Port.IntVal):
			return true
		}
	}
	return len(list) == 0
}

func naivePeers(list []networkingv1.NetworkPolicyPeer, home string, e ir.Endpoint, podAddr netip.Addr) bool {
	for _, p := range list {
		if p.IPBlock != nil {
			a := e.Addr
			if e.IsPod() {
				a = podAddr
			}
			if !a.IsValid() || !netip.MustParsePrefix(p.IPBlock.CIDR).Contains(a) {
				continue
			}
			if !slices.ContainsFunc(p.IPBlock.Except, func(x string) bool { return netip.MustParsePrefix(x).Contains(a) }) {
				return true
			}
			continue
		}
		if !e.IsPod() || p.PodSelector != nil && !labelsMeet(p.PodSelector, e.Labels) {
			continue
		}
		if p.NamespaceSelector == nil && e.Namespace.Name == home || p.NamespaceSelector != nil && labelsMeet(p.NamespaceSelector, e.Namespace.Labels) {
			return true
		}
	}
	return len(list) == 0
}

func has(types []networkingv1.PolicyType, want networkingv1.PolicyType) bool {
	return slices.Contains(types, want)
}

// naive decides one flow. podAddr is the address of pods, if blocks match them.
func naive(objects []policy.Object, f ir.Flow, podAddr netip.Addr) bool {
	in, out := true, true
	for _, isEgress := range []bool{false, true} {
		at, other := f.To, f.From
		if isEgress {
			at, other = f.From, f.To
		}
		isolated, allowed := false, false
		for _, o := range objects {
			np := o.NetworkPolicy
			kind := networkingv1.PolicyTypeIngress
			if isEgress {
				kind = networkingv1.PolicyTypeEgress
			}
			if !at.IsPod() || np.Namespace != at.Namespace.Name || !has(np.Spec.PolicyTypes, kind) || !labelsMeet(&np.Spec.PodSelector, at.Labels) {
				continue
			}
			isolated = true
			for _, r := range np.Spec.Ingress {
				allowed = allowed || !isEgress && naivePorts(r.Ports, f) && naivePeers(r.From, np.Namespace, other, podAddr)
			}
			for _, r := range np.Spec.Egress {
				allowed = allowed || isEgress && naivePorts(r.Ports, f) && naivePeers(r.To, np.Namespace, other, podAddr)
			}
		}
		if isEgress {
			out = !isolated || allowed
		} else {
			in = !isolated || allowed
		}
	}
	return in && out
}

// violated returns the intents whose rules some flow breaks, "" for flows that no
// rule is about, by trying everything.
func violated(p *ir.Program, before, after []policy.Object) map[string]bool {
	var ends []ir.Endpoint
	for _, w := range p.Inventory.Workloads {
		if w.HostNetwork {
			continue
		}
		for _, n := range p.Inventory.Namespaces {
			if n.Name == w.Namespace {
				ends = append(ends, ir.Endpoint{Workload: w, Namespace: n, Labels: w.Labels})
			}
		}
	}
	for _, n := range p.Inventory.Namespaces {
		ends = append(ends, ir.Endpoint{Namespace: n})
	}
	ends = append(ends, ir.Endpoint{Namespace: &inventory.Namespace{Name: "zz", Labels: map[string]string{inventory.NameLabel: "zz"}}})
	for _, a := range []string{"192.0.2.1", "192.0.2.66", "192.0.2.129", "192.0.2.200", "198.51.100.1", "8.8.8.8", "172.18.0.2", "10.0.0.1"} {
		ends = append(ends, ir.Endpoint{Addr: netip.MustParseAddr(a)})
	}
	out := map[string]bool{}
	for _, from := range ends {
		for _, to := range ends {
			if !from.IsPod() && !to.IsPod() {
				continue
			}
			for _, protocol := range ir.Protocols {
				for _, port := range []int{1, 53, 80, 443, 5432, 8079, 8080, 8081, 8090, 8091, 9100, 65535} {
					f := ir.Flow{From: from, To: to, Protocol: protocol, Port: port}
					want := p.Wants(f)
					for _, podAddr := range []netip.Addr{{}, netip.MustParseAddr("10.244.1.1")} {
						got := naive(after, f, podAddr)
						ok := want.Verdict == ir.Free || want.Verdict == ir.Pass && got || want.Verdict == ir.Block && !got || want.Verdict == ir.AsBefore && got == naive(before, f, podAddr)
						switch {
						case !ok && want.By != nil:
							out[want.By.Intent.Name] = true
						case !ok:
							out[""] = true
						}
					}
				}
			}
		}
	}
	return out
}

// random makes policies and rules from small lists of parts, so that they meet.
type random struct{ *rand.Rand }

func pick[T any](r random, list ...T) T { return list[r.Intn(len(list))] }

func (r random) selector() *metav1.LabelSelector {
	return pick(r, &metav1.LabelSelector{}, &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}},
		&metav1.LabelSelector{MatchLabels: map[string]string{"app": ""}},
		&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: pick(r, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn), Values: []string{"db", "job"}}}},
		&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "k8s-app", Operator: pick(r, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}}})
}

func (r random) peer() networkingv1.NetworkPolicyPeer {
	namespaces := pick(r, &metav1.LabelSelector{}, &metav1.LabelSelector{MatchLabels: map[string]string{inventory.NameLabel: "other"}},
		&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: inventory.NameLabel, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"shop"}}}})
	return pick(r, networkingv1.NetworkPolicyPeer{PodSelector: r.selector()}, networkingv1.NetworkPolicyPeer{NamespaceSelector: namespaces},
		networkingv1.NetworkPolicyPeer{NamespaceSelector: namespaces, PodSelector: r.selector()},
		networkingv1.NetworkPolicyPeer{IPBlock: pick(r, &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}, &networkingv1.IPBlock{CIDR: "192.0.2.0/24", Except: []string{"192.0.2.128/25"}}, &networkingv1.IPBlock{CIDR: "192.0.2.64/26"},
			&networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.244.0.0/16"}})})
}

func (r random) ports() []networkingv1.NetworkPolicyPort {
	protocol := pick(r, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
	port := pick(r, intstr.FromInt32(8080), intstr.FromInt32(53), intstr.FromString("http"), intstr.FromString("dns"))
	high := intstr.FromInt32(8080)
	end := int32(8090)
	return pick(r, nil, []networkingv1.NetworkPolicyPort{{Port: &port}}, []networkingv1.NetworkPolicyPort{{Protocol: &protocol}},
		[]networkingv1.NetworkPolicyPort{{Protocol: &protocol, Port: &port}}, []networkingv1.NetworkPolicyPort{{Port: &high, EndPort: &end}})
}

func (r random) policies(n int) []policy.Object {
	var out []policy.Object
	for i := range n {
		np := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: pick(r, "shop", "shop", "other"), Name: fmt.Sprint("np", i)}}
		np.Spec.PodSelector = *r.selector()
		np.Spec.PolicyTypes = pick(r, []networkingv1.PolicyType{"Ingress"}, []networkingv1.PolicyType{"Egress"}, []networkingv1.PolicyType{"Ingress", "Egress"})
		for range r.Intn(3) {
			var peers []networkingv1.NetworkPolicyPeer
			for range r.Intn(3) {
				peers = append(peers, r.peer())
			}
			np.Spec.Ingress = append(np.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peers, Ports: r.ports()})
			np.Spec.Egress = append(np.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: slices.Clone(peers), Ports: r.ports()})
		}
		out = append(out, policy.Object{NetworkPolicy: np})
	}
	return out
}

func (r random) peers() []ir.Peer {
	return peers(pick(r, "shop/web", "shop/api", "shop/db", "other/client", "shop/*", "other/*", "world", "192.0.2.0/24!192.0.2.128/25", "anybody"))
}

func (r random) rule() ir.Rule {
	ports := pick(r, nil, []ir.Port{tcp(8080)}, []ir.Port{tcp(80), {Number: 53, Protocol: "UDP"}})
	if r.Intn(2) == 0 {
		return allow("", r.peers(), r.peers(), ports...)
	}
	c := &ir.Close{End: pick(r, ir.Ingress, ir.Egress), Subject: peers(pick(r, "shop/web", "shop/api", "shop/db", "shop/*")), Firm: r.Intn(2) == 0, DNS: ir.DNSClose}
	if r.Intn(2) == 0 {
		c.Scope = []ir.Traffic{traffic(r.peers(), ports...)}
	}
	if r.Intn(2) == 0 {
		c.Except = []ir.Traffic{traffic(r.peers())}
	}
	return ir.Rule{Close: c}
}

// TestNaive compares what the proof finds with trying every flow.
func TestNaive(t *testing.T) {
	held, broken := 0, 0
	for seed := range int64(400) {
		r := random{rand.New(rand.NewSource(seed))}
		var intents [][]ir.Rule
		for range 1 + r.Intn(3) {
			intents = append(intents, []ir.Rule{r.rule()})
		}
		p, diags := ir.Link(shop(), []*ir.Set{set("cart", intents...)}, nil)
		if diags.HasErrors() {
			continue // ports that nothing listens on
		}
		before := r.policies(r.Intn(2))
		after := slices.Concat(before, r.policies(r.Intn(3)))
		want, got := violated(p, before, after), map[string]bool{}
		for _, d := range verify.Policies(p, before, after) {
			if d.ID != diag.VerifyFlow {
				t.Fatalf("seed %d: %+v", seed, d)
			}
			got[d.Intent] = true
		}
		if len(want) == 0 {
			held++
		} else {
			broken++
		}
		// A flow that no rule is about is reported at an intent too.
		if (len(want) == 0) != (len(got) == 0) {
			t.Errorf("seed %d: trying every flow finds %v, the proof %v", seed, want, got)
		}
		for name := range want {
			if name != "" && !got[name] {
				t.Errorf("seed %d: the proof misses that %s is violated: %v", seed, name, got)
			}
		}
		if !want[""] {
			for name := range got {
				if !want[name] {
					t.Errorf("seed %d: the proof finds %s violated, and no flow shows it", seed, name)
				}
			}
		}
	}
	if held < 10 || broken < 100 {
		t.Errorf("%d programs held and %d did not: the test shows little", held, broken)
	}
}
