package compare

import (
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

func workload(name string, labels ...string) *inventory.Workload {
	w := &inventory.Workload{Kind: "Deployment", Namespace: "shop", Name: name, Labels: map[string]string{"app": name}, Ports: []inventory.Port{{Number: 80, Protocol: "TCP"}}}
	for _, l := range labels {
		w.Labels[l] = "yes"
	}
	return w
}

// closing closes the ingress, or the egress, of the pods with a label, but for
// peers with others.
func closing(name string, egress bool, label string, intents string, peers ...string) policy.Object {
	np := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	if intents != "" {
		np.Annotations = map[string]string{policy.IntentAnnotation: intents}
	}
	key, value, _ := strings.Cut(label, "=")
	np.Spec.PodSelector.MatchLabels = map[string]string{key: value}
	for _, p := range peers {
		peer := networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": p}}}
		if egress {
			np.Spec.Egress = append(np.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{peer}})
		} else {
			np.Spec.Ingress = append(np.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{peer}})
		}
	}
	np.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	if egress {
		np.Spec.PolicyTypes[0] = networkingv1.PolicyTypeEgress
	}
	return policy.Object{NetworkPolicy: np}
}

func TestCauses(t *testing.T) {
	web, db := workload("web"), workload("db")
	two := []*inventory.Workload{web, db}
	tests := []struct {
		name          string
		before, after made
		kind          Kind
		why           string // of the flows from web to db
		intents       string
	}{
		{"a policy of ours is gone", made{two, []policy.Object{closing("p", false, "app=db", "set/a,set/b")}}, made{two, nil}, Gained,
			"nothing closes what comes in any more: it was closed by set/a, set/b", "[set/a set/b]"},
		{"somebody else's is gone", made{two, []policy.Object{closing("p", true, "app=web", "")}}, made{two, nil}, Gained,
			"nothing closes what goes out any more: it was closed by NetworkPolicy/shop/p", "[]"},
		{"a policy gains a rule", made{two, []policy.Object{closing("p", false, "app=db", "")}}, made{two, []policy.Object{closing("p", false, "app=db", "", "web")}}, Gained,
			"allowed by NetworkPolicy/shop/p", "[]"},
		{"a label lets a workload in", made{two, []policy.Object{closing("p", false, "app=db", "", "fat")}},
			made{[]*inventory.Workload{{Kind: "Deployment", Namespace: "shop", Name: "web", Labels: map[string]string{"app": "fat"}}, db}, []policy.Object{closing("p", false, "app=db", "", "fat")}}, Gained,
			"allowed by NetworkPolicy/shop/p", "[]"},
		{"a policy comes", made{two, nil}, made{two, []policy.Object{closing("p", false, "app=db", "set/a")}}, Lost, "closed by set/a", "[set/a]"},
		{"a label puts a workload under one", made{two, []policy.Object{closing("p", false, "quiet=yes", "")}},
			made{[]*inventory.Workload{web, workload("db", "quiet")}, []policy.Object{closing("p", false, "quiet=yes", "")}}, Lost,
			"labels or ports changed: closed by NetworkPolicy/shop/p", "[]"},
		{"both ends", made{two, nil}, made{two, []policy.Object{closing("p", false, "app=db", "set/a"), closing("q", true, "app=web", "set/b")}}, Lost,
			"closed by set/a; and at the other end: closed by set/b", "[set/a set/b]"},
		{"a workload comes, and nothing closes", made{[]*inventory.Workload{db}, nil}, made{two, nil}, Arrived, "shop/web is new, and nothing closes either end", "[]"},
		{"a workload goes", made{two, nil}, made{[]*inventory.Workload{db}, nil}, Departed, "shop/web is gone", "[]"},
	}
	for _, tt := range tests {
		found := ""
		for _, g := range States(tt.before.state(), tt.after.state()).Groups[tt.kind] {
			if strings.Contains(strings.Join(g.From, " ")+" ", "shop/web ") && strings.Contains(strings.Join(g.To, " ")+" ", "shop/db ") {
				found += g.Cause.Why + " " + fmt.Sprint(g.Cause.Intents)
			}
		}
		if want := tt.why + " " + tt.intents; found != want {
			t.Errorf("%s: %q, want %q", tt.name, found, want)
		}
	}
}

// TestKept: what passes at both sides is listed between the parties of what does
// not, and nowhere else.
func TestKept(t *testing.T) {
	web, db, idle := workload("web"), workload("db"), workload("idle")
	all := []*inventory.Workload{web, db, idle}
	after := made{all, []policy.Object{closing("p", false, "app=db", "set/a", "web", "idle")}}
	changes := States(made{all, nil}.state(), after.state())
	for _, g := range changes.Groups[Kept] {
		if g.Cause.Why != "" {
			t.Errorf("%+v has a cause", g)
		}
	}
	got := fmt.Sprint(changes.Groups[Kept])
	// db lost itself and outside: who still reaches it is kept, and db -> outside.
	if want := "[{4 [shop/db] [outside] TCP 443 { [] []}} {4 [shop/idle shop/web] [shop/db] TCP 80 { [] []}}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
