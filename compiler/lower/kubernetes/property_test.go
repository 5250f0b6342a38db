package kubernetes

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// drawn draws random clusters and programs.
type drawn struct {
	*rand.Rand
	inv  *inventory.Inventory
	sets []*ir.Set
}

func pick[T any](d *drawn, of ...T) T { return of[d.Intn(len(of))] }

func (d *drawn) inventory(inForce bool) {
	var inv inventory.Inventory
	namespaces := []string{"a", "b", "kube-system"}
	for _, n := range namespaces {
		inv.Namespaces = append(inv.Namespaces, &inventory.Namespace{Name: n, Labels: map[string]string{"team": pick(d, "red", "blue")}})
	}
	for _, n := range namespaces[:2] {
		for i := range 2 + d.Intn(3) {
			name := fmt.Sprint("w", i)
			w := &inventory.Workload{Kind: "Deployment", Namespace: n, Name: name, ServiceAccount: pick(d, "default", "robot"),
				Labels: map[string]string{"pod-template-hash": name, "tier": pick(d, "web", "db")}}
			switch d.Intn(12) {
			case 0:
				w.Labels["version"] = name
				w.Labels["app"] = "shared"
			case 1:
				w.Labels["k8s-app"] = name
			case 2:
				w.HostNetwork = true
				w.Labels["app"] = name
			default:
				w.Labels["app"] = name
			}
			if d.Intn(3) > 0 {
				w.Ports = append(w.Ports, inventory.Port{Name: "http", Number: pick(d, 80, 8080), Protocol: "TCP"})
			}
			if d.Intn(3) == 0 {
				w.Ports = append(w.Ports, inventory.Port{Name: "dns", Number: 53, Protocol: "UDP"})
			}
			inv.Workloads = append(inv.Workloads, w)
			if d.Intn(3) == 0 && w.Labels["app"] == name {
				inv.Services = append(inv.Services, &inventory.Service{Namespace: n, Name: name, Selector: map[string]string{"app": name},
					Ports: []inventory.ServicePort{{Number: 80, Protocol: "TCP", TargetNumber: pick(d, 80, 8080)}}})
			}
		}
	}
	inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: "kube-system", Name: "coredns", Labels: map[string]string{"k8s-app": "kube-dns"},
		Ports: []inventory.Port{{Number: 53, Protocol: "UDP"}, {Number: 53, Protocol: "TCP"}}})
	inv.Facts.DNS = inventory.DNS{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}, Ports: inv.Workloads[len(inv.Workloads)-1].Ports}
	if d.Intn(5) > 0 {
		inv.Facts.PodCIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}
		if d.Intn(3) == 0 {
			inv.Facts.PodCIDRs = append(inv.Facts.PodCIDRs, netip.MustParsePrefix("fd00:1::/48"))
		}
	}
	if d.Intn(2) == 0 {
		inv.Facts.ServiceCIDRs = []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12")}
	}
	if d.Intn(2) == 0 {
		inv.Facts.NodeCIDRs = []netip.Prefix{netip.MustParsePrefix("172.18.0.2/31")}
	}
	if inForce {
		for i := range 1 + d.Intn(3) {
			inv.Policies = append(inv.Policies, &inventory.Policy{Object: policy.Object{NetworkPolicy: d.policy(pick(d, "a", "b"), fmt.Sprint("p", i))}})
		}
	}
	d.inv = inventory.Build(inv)
}

func (d *drawn) policy(namespace, name string) *networkingv1.NetworkPolicy {
	selector := func() *metav1.LabelSelector {
		return pick(d, &metav1.LabelSelector{}, &metav1.LabelSelector{MatchLabels: map[string]string{"tier": pick(d, "web", "db")}},
			&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{pick(d, "w0", "w1")}}}},
			&metav1.LabelSelector{MatchLabels: map[string]string{"app": pick(d, "w0", "w1", "w2")}})
	}
	peers := func() []networkingv1.NetworkPolicyPeer {
		switch d.Intn(5) {
		case 0:
			return nil
		case 1:
			return []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: pick(d, "203.0.113.0/24", "203.0.113.0/24", "10.0.0.0/8")}}}
		case 2:
			return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}}, PodSelector: selector()}}
		}
		return []networkingv1.NetworkPolicyPeer{{PodSelector: selector()}}
	}
	ports := func() []networkingv1.NetworkPolicyPort {
		if d.Intn(2) == 0 {
			return nil
		}
		tcp, port := corev1.ProtocolTCP, intstr.FromInt32(int32(pick(d, 80, 8080)))
		return []networkingv1.NetworkPolicyPort{{Protocol: &tcp, Port: &port}}
	}
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	p.Spec.PodSelector = *selector()
	if d.Intn(3) > 0 {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
		for range d.Intn(3) {
			p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peers(), Ports: ports()})
		}
	}
	if d.Intn(3) == 0 || len(p.Spec.PolicyTypes) == 0 {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		for range d.Intn(3) {
			p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: peers(), Ports: ports()})
		}
	}
	return p
}

// pods draws a peer of pods.
func (d *drawn) pods() ir.Peer {
	switch d.Intn(10) {
	case 0:
		return ir.Peer{Kind: ir.Pods, In: pick(d, nil, &ir.Namespaces{Names: []string{"a"}}, &ir.Namespaces{Not: []string{"b"}}),
			Labels: []ir.Requirement{pick(d, ir.Requirement{Key: "tier", Operator: ir.In, Values: []string{"web"}}, ir.Requirement{Key: "tier", Operator: ir.NotIn, Values: []string{"web"}},
				ir.Requirement{Key: "app", Operator: ir.Exists}, ir.Requirement{Key: "k8s-app", Operator: ir.DoesNotExist})}}
	case 1, 2:
		return ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{pick(d, "a", "b")}}, Minus: d.minus()}
	case 3:
		return ir.Peer{Kind: ir.Pods, In: pick(d, nil, &ir.Namespaces{Labels: []ir.Requirement{{Key: "team", Operator: ir.In, Values: []string{"red"}}}}, &ir.Namespaces{Not: []string{"a"}}), Minus: d.minus()}
	case 4:
		return ir.Peer{Kind: ir.ServiceAccount, Namespace: pick(d, "a", "b"), Name: pick(d, "default", "robot")}
	}
	w := pick(d, d.inv.Workloads...)
	return ir.Peer{Kind: ir.Workload, Namespace: w.Namespace, Name: w.Name}
}

func (d *drawn) minus() []ir.Peer {
	if d.Intn(4) > 0 {
		return nil
	}
	w := pick(d, d.inv.Workloads...)
	return []ir.Peer{{Kind: ir.Workload, Namespace: w.Namespace, Name: w.Name}}
}

func (d *drawn) peer() ir.Peer {
	switch d.Intn(12) {
	case 0:
		return ir.Peer{Kind: ir.World}
	case 1:
		return ir.Peer{Kind: ir.CIDR, Prefix: netip.MustParsePrefix(pick(d, "203.0.113.0/24", "203.0.113.128/25", "198.51.100.7/32", "2001:db8::/32", "10.0.0.0/8"))}
	case 2:
		return ir.Peer{Kind: ir.CIDR, Prefix: netip.MustParsePrefix("203.0.113.0/24"), Except: []netip.Prefix{netip.MustParsePrefix("203.0.113.64/26")}}
	case 3:
		return ir.Peer{Kind: pick(d, ir.Host, ir.Anybody, ir.ClusterDNS, ir.Anybody), Minus: d.minus()}
	}
	return d.pods()
}

func some[T any](d *drawn, draw func() T) []T {
	out := []T{draw()}
	if d.Intn(4) == 0 {
		out = append(out, draw())
	}
	return out
}

func (d *drawn) ports() []ir.Port {
	if d.Intn(2) == 0 {
		return nil
	}
	return some(d, func() ir.Port {
		return pick(d, ir.Port{Number: 80}, ir.Port{Number: 8080}, ir.Port{Name: "http"}, ir.Port{Number: 53}, ir.Port{Protocol: "UDP"}, ir.Port{Number: 8000, End: 9000}, ir.Port{Number: 53, Protocol: "UDP"})
	})
}

func (d *drawn) traffic() []ir.Traffic {
	return some(d, func() ir.Traffic {
		if d.Intn(4) == 0 {
			return ir.Traffic{Ports: some(d, func() ir.Port { return pick(d, ir.Port{Number: 80}, ir.Port{Protocol: "TCP"}) })}
		}
		return ir.Traffic{Peers: some(d, d.peer), Ports: d.ports()}
	})
}

func (d *drawn) rule() ir.Rule {
	if d.Intn(2) == 0 {
		from, to := some(d, d.pods), some(d, d.pods)
		switch d.Intn(4) {
		case 0:
			from = some(d, d.peer)
		case 1:
			to = some(d, d.peer)
		}
		return ir.Rule{Allow: &ir.Allow{From: from, To: to, Ports: d.ports(), About: pick(d, ir.Ingress, ir.Egress, "")}}
	}
	subject := func() ir.Peer {
		p := d.pods()
		if p.Kind == ir.Pods && d.Intn(8) > 0 {
			p.In = &ir.Namespaces{Names: []string{pick(d, "a", "b")}} // others are refused
		}
		return p
	}
	c := &ir.Close{End: pick(d, ir.Ingress, ir.Egress), Subject: some(d, subject), Firm: d.Intn(3) > 0}
	if d.Intn(2) == 0 {
		c.Scope = d.traffic()
	}
	if d.Intn(2) == 0 {
		c.Except = d.traffic()
	}
	return ir.Rule{Close: c}
}

// program draws rules until n of them link, and links them.
func (d *drawn) program(closed func(*inventory.Workload, ir.End) bool, n int) *ir.Program {
	sets := []*ir.Set{{Name: "s", Namespace: "a", Explicit: d.Intn(2) == 0}, {Name: "t", Namespace: "b"}}
	for k := range 20 * n {
		if n == 0 {
			break
		}
		set := sets[d.Intn(10)/8]
		intent := &ir.Intent{Set: set.Name, Name: fmt.Sprint("i", k), Statement: "statement", Rules: []ir.Rule{d.rule()}}
		set.Intents = append(set.Intents, intent)
		if _, diags := ir.Link(d.inv, sets, closed); diags.HasErrors() {
			set.Intents = set.Intents[:len(set.Intents)-1]
			continue
		}
		n--
	}
	p, _ := ir.Link(d.inv, sets, closed)
	d.sets = sets
	return p
}

// endpoints are the parties whose flows are judged. Addresses of the pods'
// ranges are none: whoever has one is a pod.
func (d *drawn) endpoints() []ir.Endpoint {
	var out []ir.Endpoint
	sel := newSelectors(d.inv)
	for _, w := range d.inv.Workloads {
		if !w.HostNetwork {
			out = append(out, ir.Endpoint{Workload: w, Namespace: d.inv.Namespace(w.Namespace), Labels: w.Labels})
		}
	}
	other := &inventory.Namespace{Name: "z", Labels: map[string]string{inventory.NameLabel: "z", "team": "red"}}
	for _, n := range append(slices.Clone(d.inv.Namespaces), other) {
		for _, labels := range []map[string]string{nil, {"tier": "web"}, {"tier": "db", "app": "nobody"}, {"k8s-app": "nobody", "app": "w9"}} {
			// Who has the labels of a workload is one of its pods.
			if !slices.ContainsFunc(sel.in[n.Name], func(w *inventory.Workload) bool { b, _, ok := sel.of(w, nil); return !ok || b.meets(labels) }) && !d.identity(n.Name, labels) {
				out = append(out, ir.Endpoint{Namespace: n, Labels: labels})
			}
		}
	}
	for _, a := range []string{"203.0.113.1", "203.0.113.65", "203.0.113.200", "198.51.100.7", "198.51.100.8", "8.8.8.8", "10.100.0.1", "10.1.1.1", "172.18.0.3", "2001:db8::1", "2001:4860::1"} {
		addr := netip.MustParseAddr(a)
		if a == "10.100.0.1" && len(d.inv.Facts.ServiceCIDRs) > 0 && !d.names(addr) {
			continue // a Service's address is translated before policies see it
		}
		if addr.Is4() || len(d.inv.Facts.PodCIDRs) != 1 {
			out = append(out, ir.Endpoint{Addr: addr})
		}
	}
	return out
}

// identity says whether a selector in force means one declared workload of the
// namespace by these labels.
func (d *drawn) identity(namespace string, labels map[string]string) bool {
	for k, v := range labels {
		n := 0
		for _, w := range d.inv.Workloads {
			if w.Namespace == namespace && w.Labels[k] == v {
				n++
			}
		}
		if n == 1 && len(d.inv.Policies) > 0 {
			return true
		}
	}
	return false
}

// names says whether a statement names the address.
func (d *drawn) names(a netip.Addr) bool {
	return slices.ContainsFunc(d.sets, func(s *ir.Set) bool {
		return slices.ContainsFunc(s.Intents, func(i *ir.Intent) bool {
			data, _ := json.Marshal(i.Rules)
			return a.Is4() && strings.Contains(string(data), "10.0.0.0/8")
		})
	})
}

// podAddrs are addresses that a pod may have: at the edges of the pods' ranges,
// or of the private ranges if these are unknown.
func podAddrs(f inventory.Facts) []netip.Addr {
	if len(f.PodCIDRs) == 0 {
		return []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.200.0.1"), netip.MustParseAddr("192.168.3.4"), netip.MustParseAddr("172.18.0.3"), netip.MustParseAddr("fd12::1")}
	}
	var out []netip.Addr
	for _, p := range f.PodCIDRs {
		out = append(out, p.Addr(), p.Addr().Next())
	}
	return append(out, netip.MustParseAddr("10.244.255.255"))
}

// property lowers a drawn program and judges every flow. It returns the refusal,
// if any.
func property(t *testing.T, seed int64, inForce bool) diag.List {
	t.Helper()
	d := &drawn{Rand: rand.New(rand.NewSource(seed))}
	d.inventory(inForce)
	addrs := podAddrs(d.inv.Facts)
	reading := func(policies []*networkingv1.NetworkPolicy, covers bool) naive {
		return naive{policies: policies, covers: covers, addr: func(ir.Endpoint) []netip.Addr { return addrs }}
	}
	var old []*networkingv1.NetworkPolicy
	for _, p := range d.inv.Policies {
		old = append(old, p.NetworkPolicy)
	}
	var b before
	if inForce {
		b = either{reading(old, false), reading(old, true)}
	}
	program := d.program(reading(old, false).Isolates, 1+d.Intn(5))
	objects, diags := lower(program, "test", b)
	if diags.HasErrors() {
		return diags
	}
	if again, _ := lower(program, "test", b); !reflect.DeepEqual(again, objects) {
		t.Fatalf("seed %d: lowering again gives other objects", seed)
	}
	all := slices.Clone(old)
	for _, o := range objects {
		all = append(all, o.NetworkPolicy)
	}
	ends := d.endpoints()
	for _, covers := range []bool{false, true} {
		was, is := reading(old, covers), reading(all, covers)
		for _, from := range ends {
			for _, to := range ends {
				if !from.IsPod() && !to.IsPod() {
					continue
				}
				for _, port := range []inventory.Port{{Number: 80, Protocol: "TCP"}, {Number: 8080, Protocol: "TCP"}, {Number: 8500, Protocol: "TCP"}, {Number: 22, Protocol: "TCP"}, {Number: 53, Protocol: "UDP"}, {Number: 53, Protocol: "TCP"}, {Number: 9, Protocol: "SCTP"}} {
					f := ir.Flow{From: from, To: to, Protocol: port.Protocol, Port: port.Number}
					want := program.Wants(f)
					passes := is.passes(f)
					if ok := want.Verdict == ir.Free || want.Verdict == ir.Pass && passes || want.Verdict == ir.Block && !passes || want.Verdict == ir.AsBefore && passes == was.passes(f); !ok {
						t.Fatalf("seed %d (blocks cover pods: %v): %s to %s %s %d is wanted %s, passes: %v (before: %v)\n%s\n%s", seed, covers,
							describe(from), describe(to), port.Protocol, port.Number, want.Verdict, passes, was.passes(f), words(program), dump(all))
					}
				}
			}
		}
	}
	return diags
}

func describe(e ir.Endpoint) string { return fmt.Sprint(e, " ", e.Labels) }

func words(p *ir.Program) string {
	var out []string
	for _, w := range p.Inventory.Workloads {
		out = append(out, fmt.Sprint("# ", w.Ref(), " ", w.Labels, " ", w.Ports, " host ", w.HostNetwork, " sa ", w.ServiceAccount))
	}
	for _, n := range p.Inventory.Namespaces {
		out = append(out, fmt.Sprint("# ", n.Name, " ", n.Labels))
	}
	out = append(out, fmt.Sprint("# ", p.Inventory.Facts))
	for _, b := range p.Rules {
		if b.Implied == "" {
			for _, r := range b.Intent.Rules {
				out = append(out, b.Set.Name+"/"+b.Intent.Name+": "+r.String())
			}
		} else {
			out = append(out, b.Set.Name+"/"+b.Intent.Name+": implied "+b.Implied)
		}
	}
	return strings.Join(out, "\n")
}

func dump(policies []*networkingv1.NetworkPolicy) string {
	var out []string
	for _, p := range policies {
		spec, _ := json.Marshal(p.Spec)
		out = append(out, fmt.Sprintf("%s/%s %s", p.Namespace, p.Name, spec))
	}
	return strings.Join(out, "\n")
}

// TestProperty holds every flow of drawn programs against what the program
// wants, decided by the naive evaluator in both readings of ipBlock.
func TestProperty(t *testing.T) {
	const n = int64(150)
	for _, inForce := range []bool{false, true} {
		refused := map[diag.ID]int{}
		total := 0
		for seed := range n {
			if diags := property(t, seed, inForce); diags.HasErrors() {
				total++
				refused[diags[0].ID]++
			}
		}
		t.Logf("in force %v: %d of %d refused: %v", inForce, total, n, refused)
	}
}

// FuzzProperty is TestProperty on any seed.
func FuzzProperty(f *testing.F) {
	for seed := range int64(10) {
		f.Add(seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed int64, inForce bool) { property(t, seed, inForce) })
}
