package reach_test

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// large is n workloads in namespaces of twenty, each with a policy that lets
// three of the others in on one port and names DNS, and a default deny for each
// namespace.
func large(n int) (*inventory.Inventory, []policy.Object) {
	var inv inventory.Inventory
	var objects []policy.Object
	tcp, udp := corev1.ProtocolTCP, corev1.ProtocolUDP
	port := func(p int, protocol *corev1.Protocol) []networkingv1.NetworkPolicyPort {
		v := intstr.FromInt32(int32(p))
		return []networkingv1.NetworkPolicyPort{{Protocol: protocol, Port: &v}}
	}
	app := func(i int) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprint("w", i)}}
	}
	namespace := func(i int) string { return fmt.Sprint("n", i/20) }
	for i := range n {
		inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: namespace(i), Name: fmt.Sprint("w", i), Labels: map[string]string{"app": fmt.Sprint("w", i)}})
		var from []networkingv1.NetworkPolicyPeer
		for j := 1; j <= 3; j++ {
			sender := (i*7 + j*131) % n
			from = append(from, networkingv1.NetworkPolicyPeer{PodSelector: app(sender),
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{inventory.NameLabel: namespace(sender)}}})
		}
		objects = append(objects, policy.Object{NetworkPolicy: &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace(i), Name: fmt.Sprint("p", i)},
			Spec: networkingv1.NetworkPolicySpec{PodSelector: *app(i), Ingress: []networkingv1.NetworkPolicyIngressRule{{From: from, Ports: port(8080, &tcp)}},
				Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}, Ports: port(53, &udp)}, {}}}}})
		if i%20 == 0 {
			objects = append(objects, policy.Object{NetworkPolicy: &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace(i), Name: "deny"}}})
		}
	}
	return inventory.Build(inv), objects
}

func endpoints(inv *inventory.Inventory) []ir.Endpoint {
	var out []ir.Endpoint
	for _, w := range inv.Workloads {
		out = append(out, ir.Endpoint{Workload: w, Namespace: inv.Namespace(w.Namespace), Labels: w.Labels})
	}
	return out
}

func BenchmarkAllPairs(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		inv, objects := large(n)
		ends := endpoints(inv)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				s := reach.New(inv, objects, reach.Options{}).Over(ends)
				pairs := 0
				for to, in := range s.Matrix("TCP", 8080) {
					pairs += in.Len()
					if in.Has(to) {
						pairs--
					}
				}
				if pairs == 0 {
					b.Fatal("nobody reaches anybody")
				}
			}
		})
	}
}

// TestLarge holds the design's measure: ten thousand workloads and as many
// policies in well under the seconds that one test may take.
func TestLarge(t *testing.T) {
	const n = 10000
	inv, objects := large(n)
	start := time.Now()
	s := reach.New(inv, objects, reach.Options{}).Over(endpoints(inv))
	pairs := 0
	for _, in := range s.Matrix("TCP", 8080) {
		pairs += in.Len()
	}
	if pairs != 3*n {
		t.Errorf("%d pairs pass, want %d", pairs, 3*n)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}
