package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// made is a random state: workloads in two namespaces and policies over them.
type made struct {
	workloads []*inventory.Workload
	objects   []policy.Object
}

func (m made) state() State {
	inv := inventory.Build(inventory.Inventory{Workloads: m.workloads})
	return State{Inventory: inv, Engine: reach.New(inv, m.objects, reach.Options{})}
}

func randomState(r *rand.Rand, n int) made {
	var m made
	for i := range n {
		m.workloads = append(m.workloads, randomWorkload(r, i))
	}
	for i := range r.IntN(6) {
		m.objects = append(m.objects, randomPolicy(r, i))
	}
	return m
}

func randomWorkload(r *rand.Rand, i int) *inventory.Workload {
	w := &inventory.Workload{Kind: "Deployment", Namespace: []string{"shop", "pay"}[i%2], Name: fmt.Sprint("w", i), Labels: map[string]string{"app": fmt.Sprint("w", i), "tier": fmt.Sprint(r.IntN(3))}}
	for range r.IntN(3) {
		w.Ports = append(w.Ports, inventory.Port{Number: 8000 + r.IntN(3), Protocol: []string{"TCP", "UDP"}[r.IntN(2)]})
	}
	return w
}

func randomPolicy(r *rand.Rand, i int) policy.Object {
	selector := func() metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: [...]map[string]string{nil, {"tier": fmt.Sprint(r.IntN(3))}, {"app": fmt.Sprint("w", r.IntN(6))}}[r.IntN(3)]}
	}
	np := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: []string{"shop", "pay"}[r.IntN(2)], Name: fmt.Sprint("p", i)}}
	np.Spec.PodSelector = selector()
	peers := func() []networkingv1.NetworkPolicyPeer {
		var out []networkingv1.NetworkPolicyPeer
		for range r.IntN(3) {
			s := selector()
			p := networkingv1.NetworkPolicyPeer{PodSelector: &s}
			switch r.IntN(4) {
			case 0:
				p.NamespaceSelector = &metav1.LabelSelector{}
			case 1:
				p = networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}}
			}
			out = append(out, p)
		}
		return out
	}
	ports := func() []networkingv1.NetworkPolicyPort {
		if r.IntN(2) == 0 {
			return nil
		}
		n := intstr.FromInt32(int32(8000 + r.IntN(3)))
		return []networkingv1.NetworkPolicyPort{{Port: &n}}
	}
	if r.IntN(2) == 0 {
		np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
		for range r.IntN(3) {
			np.Spec.Ingress = append(np.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peers(), Ports: ports()})
		}
	}
	if r.IntN(2) == 0 || len(np.Spec.PolicyTypes) == 0 {
		np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		for range r.IntN(3) {
			np.Spec.Egress = append(np.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: peers(), Ports: ports()})
		}
	}
	return policy.Object{NetworkPolicy: np}
}

// changed returns a state that differs a little, or a lot.
func (m made) changed(r *rand.Rand) made {
	out := made{objects: slices.Clone(m.objects)}
	for i, w := range m.workloads {
		switch r.IntN(12) {
		case 0:
			continue
		case 1:
			w = randomWorkload(r, i)
		case 2: // of another kind, and still the same
			other := *w
			other.Kind = "StatefulSet"
			w = &other
		}
		out.workloads = append(out.workloads, w)
	}
	if r.IntN(3) == 0 {
		out.workloads = append(out.workloads, randomWorkload(r, 90+r.IntN(9)))
	}
	if len(out.objects) > 0 && r.IntN(2) == 0 {
		i := r.IntN(len(out.objects))
		out.objects = slices.Delete(out.objects, i, i+1)
	}
	if r.IntN(2) == 0 {
		out.objects = append(out.objects, randomPolicy(r, 50))
	}
	return out
}

// expand writes out a list of parties that may be shortened.
func expand(list, all []string) []string {
	var out []string
	for _, entry := range list {
		whole, but, _ := strings.Cut(entry, " but ")
		namespace, ok := strings.CutSuffix(whole, "/*")
		if !ok {
			out = append(out, entry)
			continue
		}
		except := strings.Split(but, ", ")
		for _, name := range all {
			if strings.HasPrefix(name, namespace+"/") && !slices.Contains(except, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// TestStatesAgainstFlows decides every pair on every port by itself, one flow at
// a time, and compares.
func TestStatesAgainstFlows(t *testing.T) {
	seen := map[Kind]int{}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 6
		if seed%10 == 0 {
			n = 60
		}
		before := randomState(r, n)
		after := before.changed(r)
		b, a := before.state(), after.state()
		changes := States(b, a)

		names := map[string][2]*inventory.Workload{}
		for side, s := range []State{b, a} {
			for _, w := range s.Inventory.Workloads {
				pair := names[w.Ref()]
				pair[side] = w
				names[w.Ref()] = pair
			}
		}
		var all []string
		for name := range names {
			all = append(all, name)
		}
		all = append(all, Outside)
		slices.Sort(all)
		want := map[string]Kind{}
		pairs := map[string]bool{}
		for _, from := range all {
			for _, to := range all {
				if from == Outside && to == Outside {
					continue
				}
				for _, p := range changes.Looked[to] {
					passes := [2]bool{}
					there := true
					for side, s := range []State{b, a} {
						f, ok := flowOf(s, names, from, to, side, p)
						there = there && ok
						passes[side] = ok && s.Engine.Decide(f).Allowed
					}
					if passes[0] == passes[1] {
						continue
					}
					kind := Lost
					switch {
					case there && passes[1]:
						kind = Gained
					case !there && passes[1]:
						kind = Arrived
					case !there:
						kind = Departed
					}
					want[fmt.Sprintf("%s -> %s %s %d", from, to, p.Protocol, p.Number)] = kind
					pairs[fmt.Sprintf("%d %s %s", kind, from, to)] = true
				}
			}
		}
		got := map[string]Kind{}
		counted, strangers := 0, false
		for _, kind := range []Kind{Gained, Lost, Arrived, Departed} {
			counted += changes.Pairs[kind]
			for _, g := range changes.Groups[kind] {
				if g.Cause.Why == "" {
					t.Errorf("seed %d: no cause: %+v", seed, g)
				}
				for _, from := range expand(g.From, all) {
					for _, to := range expand(g.To, all) {
						if !slices.Contains(all, from) || !slices.Contains(all, to) {
							strangers = true // what a policy names, and the flows below do not
							continue
						}
						for _, p := range changes.Looked[to] {
							if !says(g, to, p, changes) {
								continue
							}
							key := fmt.Sprintf("%s -> %s %s %d", from, to, p.Protocol, p.Number)
							if _, twice := got[key]; twice {
								t.Errorf("seed %d: %s is in two groups", seed, key)
							}
							got[key] = kind
							seen[kind]++
						}
					}
				}
			}
		}
		// Every port that a workload declares is looked at.
		for name, w := range names {
			for _, p := range portsOf(w, b, a) {
				if !slices.Contains(changes.Looked[name], p) {
					t.Errorf("seed %d: %s is not looked at on %v", seed, name, p)
				}
			}
		}
		if counted != len(pairs) && !strangers {
			t.Errorf("seed %d: %d pairs counted, want %d", seed, counted, len(pairs))
		}
		for key, kind := range want {
			if k, ok := got[key]; !ok || k != kind {
				t.Fatalf("seed %d: %s: %v (%v), want %v", seed, key, k, ok, kind)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d flows, want %d", seed, len(got), len(want))
		}
	}
	for kind := range Kept {
		if seen[kind] < 100 {
			t.Errorf("kind %d was seen %d times: the test says little", kind, seen[kind])
		}
	}
}

// says says whether a group is of flows to a party on a port.
func says(g Group, to string, p inventory.Port, c *Changes) bool {
	switch {
	case g.Ports == AnyPort:
		return true
	case g.Ports == DeclaredPort:
		return p != c.Other
	case p != c.Other:
		set := ir.Ports(p.Protocol, p.Number, p.Number)
		return saysPort(g.Ports, set.String())
	case strings.Contains(g.Ports, "every other"):
		return true
	case g.Kind != Lost && g.Kind != Departed || strings.HasSuffix(g.Ports, " only"):
		return false
	}
	// What is lost on all ports that are looked at is lost on every other.
	return !slices.ContainsFunc(c.Looked[to], func(p inventory.Port) bool { return p != c.Other && !says(g, to, p, c) })
}

// saysPort says whether words like "TCP 80, 443, UDP 53" hold "TCP 80".
func saysPort(words, port string) bool {
	protocol, number, _ := strings.Cut(port, " ")
	at := ""
	for _, w := range strings.FieldsFunc(words, func(r rune) bool { return r == ' ' || r == ',' }) {
		if w == "TCP" || w == "UDP" || w == "SCTP" {
			at = w
			continue
		}
		lo, hi, isRange := strings.Cut(w, "-")
		if at == protocol && (w == number || isRange && lo <= number && number <= hi) {
			return true
		}
	}
	return false
}

func portsOf(w [2]*inventory.Workload, sides ...State) []inventory.Port {
	if w[0] == nil && w[1] == nil {
		return []inventory.Port{{Number: 443, Protocol: "TCP"}}
	}
	var out []inventory.Port
	for side, s := range sides {
		if w[side] != nil {
			out = Union(out, Ports(s.Inventory, w[side]))
		}
	}
	if len(out) == 0 {
		out = []inventory.Port{Undeclared}
	}
	return out
}

func flowOf(s State, names map[string][2]*inventory.Workload, from, to string, side int, p inventory.Port) (ir.Flow, bool) {
	end := func(name string) (ir.Endpoint, bool) {
		if name == Outside {
			return ir.Endpoint{Addr: Address(s.Inventory.Facts)}, true
		}
		w := names[name][side]
		if w == nil {
			return ir.Endpoint{}, false
		}
		return ir.Endpoint{Workload: w, Namespace: s.Inventory.Namespace(w.Namespace), Labels: w.Labels}, true
	}
	f, okF := end(from)
	d, okD := end(to)
	return ir.Flow{From: f, To: d, Protocol: p.Protocol, Port: p.Number}, okF && okD
}
