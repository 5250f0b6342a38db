package compare

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// opened is a policy of db that lets a peer in on a port, 0 for all.
func opened(peer *networkingv1.NetworkPolicyPeer, port int32) policy.Object {
	o := closing("p", false, "app=db", "set/a")
	if peer != nil {
		r := networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{*peer}}
		if port > 0 {
			n := intstr.FromInt32(port)
			r.Ports = []networkingv1.NetworkPolicyPort{{Port: &n}}
		}
		o.NetworkPolicy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{r}
	}
	return o
}

// TestPeers: what a policy lets in, and no workload is or declares, is gained.
func TestPeers(t *testing.T) {
	web, db := workload("web"), workload("db")
	many := workload("db")
	many.Ports = nil
	for n := range 70 {
		many.Ports = append(many.Ports, inventory.Port{Number: 100 + n, Protocol: "TCP"})
	}
	block := func(cidr string, except ...string) *networkingv1.NetworkPolicyPeer {
		return &networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}}
	}
	pods := func(namespaces, pods map[string]string) *networkingv1.NetworkPolicyPeer {
		p := &networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: pods}}
		if namespaces != nil {
			p.NamespaceSelector = &metav1.LabelSelector{MatchLabels: namespaces}
		}
		return p
	}
	fromWeb := pods(nil, map[string]string{"app": "web"})
	tests := []struct {
		name          string
		db            *inventory.Workload
		before, after policy.Object
		want          string // of what is gained
	}{
		{"a range of addresses", db, opened(nil, 0), opened(block("203.0.113.0/24"), 6379), "203.0.113.0/24 -> shop/db TCP 6379"},
		{"an exception less", db, opened(block("203.0.0.0/16", "203.0.113.0/24"), 80), opened(block("203.0.0.0/16"), 80), "203.0.113.0/24 -> shop/db TCP 80"},
		{"everywhere", db, opened(nil, 0), opened(block("0.0.0.0/0"), 80), "outside -> shop/db TCP 80"},
		{"a range of nodes behind an exception of pods", db, opened(nil, 0), opened(block("10.0.0.0/8", "10.244.0.0/16"), 80), "10.0.0.0/8 -> shop/db TCP 80"},
		{"a namespace without workloads", db, opened(nil, 0), opened(pods(map[string]string{inventory.NameLabel: "empty"}, nil), 80), "any pod of empty -> shop/db TCP 80"},
		{"namespaces that nobody declared", db, opened(nil, 0), opened(pods(map[string]string{"team": "x"}, nil), 80), "any pod of namespaces with team=x -> shop/db TCP 80"},
		{"pods that nobody declared", db, opened(nil, 0), opened(pods(nil, map[string]string{"role": "debug"}), 80), "pods of shop with role=debug -> shop/db TCP 80"},
		{"a port that nothing declares", db, opened(nil, 0), opened(fromWeb, 9999), "shop/web -> shop/db TCP 9999"},
		{"every port", db, opened(fromWeb, 80), opened(fromWeb, 0), "shop/web -> shop/db every other port"},
		{"and every other", db, opened(nil, 0), opened(fromWeb, 0), "shop/web -> shop/db TCP 80 and every other"},
		{"behind seventy ports", many, opened(nil, 0), opened(fromWeb, 6379), "shop/web -> shop/db TCP 6379"},
	}
	for _, tt := range tests {
		state := func(o policy.Object) State {
			inv := inventory.Build(inventory.Inventory{Workloads: []*inventory.Workload{web, tt.db}, Namespaces: []*inventory.Namespace{{Name: "empty", Labels: map[string]string{inventory.NameLabel: "empty"}}},
				Facts: inventory.Facts{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}}})
			return State{Inventory: inv, Engine: reach.New(inv, []policy.Object{o}, reach.Options{})}
		}
		var got []string
		for _, g := range States(state(tt.before), state(tt.after)).Groups[Gained] {
			got = append(got, fmt.Sprint(strings.Join(g.From, ","), " -> ", strings.Join(g.To, ","), " ", g.Ports))
		}
		if !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestHosts: a workload that moves to the host network is named.
func TestHosts(t *testing.T) {
	host := workload("db")
	host.HostNetwork = true
	changes := States(made{[]*inventory.Workload{workload("db")}, nil}.state(), made{[]*inventory.Workload{host}, nil}.state())
	if !slices.Equal(changes.Hosts, []string{"shop/db"}) {
		t.Errorf("%v", changes.Hosts)
	}
}
