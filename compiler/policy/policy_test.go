package policy

import (
	"bytes"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// draw makes a random policy with the corners of the API.
func draw(rng *rand.Rand) Object {
	pick := func(s ...string) string { return s[rng.Intn(len(s))] }
	selector := func() metav1.LabelSelector {
		var s metav1.LabelSelector
		if rng.Intn(2) == 0 {
			s.MatchLabels = map[string]string{pick("app", "a.b/c", "y"): pick("x", "true", "1", "", "null", "0x1f", "~")}
		}
		if rng.Intn(3) == 0 {
			s.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "k", Operator: metav1.LabelSelectorOperator(pick("In", "NotIn")), Values: []string{pick("on", "2e3"), "v"}}, {Key: "e", Operator: "Exists"}}
		}
		return s
	}
	np := &networkingv1.NetworkPolicy{TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: pick("a", "b.c", "0"), Namespace: pick("n", "1")},
		Spec:       networkingv1.NetworkPolicySpec{PodSelector: selector(), PolicyTypes: []networkingv1.PolicyType{"Ingress", "Egress"}}}
	if rng.Intn(2) == 0 {
		np.Annotations = map[string]string{IntentAnnotation: pick("a/b", "yes", "a: b # c", "two\nlines", "\u2028\x07")}
	}
	o := Object{NetworkPolicy: np, Comment: pick("", "one", "two\nlines\r\x1b[2J")}
	for range rng.Intn(3) {
		var ports []networkingv1.NetworkPolicyPort
		for range rng.Intn(3) {
			proto, port, end := corev1.Protocol(pick("TCP", "UDP", "SCTP")), intstr.FromInt32(80), int32(90)
			p := networkingv1.NetworkPolicyPort{Protocol: &proto}
			switch rng.Intn(4) {
			case 0:
				p.Port, p.EndPort = &port, &end
			case 1:
				p.Port = &port
			case 2:
				named := intstr.FromString(pick("http", "y", "null"))
				p.Port = &named
			}
			ports = append(ports, p)
		}
		var peers []networkingv1.NetworkPolicyPeer
		for range rng.Intn(3) {
			a, b := selector(), selector()
			switch rng.Intn(3) {
			case 0:
				peers = append(peers, networkingv1.NetworkPolicyPeer{PodSelector: &a})
			case 1:
				peers = append(peers, networkingv1.NetworkPolicyPeer{PodSelector: &a, NamespaceSelector: &b})
			default:
				peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16"}}})
			}
		}
		np.Spec.Ingress = append(np.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peers, Ports: ports})
		np.Spec.Egress = append(np.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: peers, Ports: ports})
		o.Ingress = append(o.Ingress, pick("", "why: \"this\" - # and\n- {that}", "\u202e kind: Secret"))
	}
	return o
}

// TestRoundTrip holds Decode against Encode, whatever comments say.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 1000 {
		o := draw(rng)
		data := Encode(o)
		got, diags := Decode("p.yaml", data)
		if len(diags) > 0 || len(got) != 1 {
			t.Fatalf("%v\n%s", diags, data)
		}
		if !reflect.DeepEqual(got[0].NetworkPolicy, o.NetworkPolicy) {
			t.Fatalf("got %+v\nwant %+v\n%s", got[0].NetworkPolicy, o.NetworkPolicy, data)
		}
		lines := strings.Split(string(data), "\n")
		for i, at := range got[0].IngressAt {
			if c := o.Ingress[i]; c != "" && !strings.HasPrefix(strings.TrimSpace(lines[at.Line-2]), "# ") {
				t.Fatalf("no comment above line %d:\n%s", at.Line, data)
			}
		}
		o.IngressAt, o.EgressAt = nil, nil
		if !bytes.Equal(Encode(o), data) {
			t.Fatal("two encodings differ")
		}
	}
}

func TestDecode(t *testing.T) {
	tests := []struct{ in, line, want string }{
		{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec:\n  podSelectr: {}\n", "p.yaml:4:3", `unknown field "podSelectr"`},
		{"a: b\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {}, podSelector: {}}\n", "p.yaml:5:25", "already"},
		{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: [\n", "p.yaml:", "did not find"},
		{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {ingress: {}}\n", "p.yaml:1", "cannot unmarshal"},
	}
	for _, tt := range tests {
		_, diags := Decode("p.yaml", []byte(tt.in))
		if len(diags) != 1 || !strings.HasPrefix(diags[0].Pos.String(), tt.line) || !strings.Contains(diags[0].Message, tt.want) {
			t.Errorf("%q: %v", tt.in, diags)
		}
	}
	got, diags := Decode("p.yaml", []byte("kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Secret}\n- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n  metadata: {name: x}\n  status: {}\n  spec: {podSelector: {}, egress: [{ports: [{port: 1}]}]}\n"))
	if len(diags) > 0 || len(got) != 1 {
		t.Fatal(got, diags)
	}
	spec := got[0].NetworkPolicy.Spec
	if len(spec.PolicyTypes) != 2 || *spec.Egress[0].Ports[0].Protocol != "TCP" || got[0].EgressAt[0].Line != 9 {
		t.Errorf("not defaulted: %+v at %v", spec, got[0].EgressAt)
	}
}

func FuzzDecode(f *testing.F) {
	rng := rand.New(rand.NewSource(2))
	for range 20 {
		f.Add(Encode(draw(rng)))
	}
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, _ := Decode("p.yaml", data)
		for _, o := range objects {
			if again, diags := Decode("p.yaml", Encode(o)); len(diags) > 0 || len(again) != 1 {
				t.Fatalf("%v\n%s", diags, Encode(o))
			}
		}
	})
}
