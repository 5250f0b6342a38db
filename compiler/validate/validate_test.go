package validate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

func ptr[T any](v T) *T { return &v }

// good returns a policy that uses every form the API has, and is valid.
func good() *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "db.primary", Namespace: "shop", Labels: map[string]string{policy.ManagedByLabel: policy.ManagedBy, policy.ProjectLabel: "shop"},
			Annotations: map[string]string{policy.IntentAnnotation: "anything: \"goes\" here\nand here"}},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}, MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"a", ""}}, {Key: "example.com/old", Operator: metav1.LabelSelectorOpDoesNotExist}}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{}, {
				From: []networkingv1.NetworkPolicyPeer{
					{NamespaceSelector: &metav1.LabelSelector{}, PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}}},
					{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.0.0.0/8"}}},
					{IPBlock: &networkingv1.IPBlock{CIDR: "2001:db8::/32", Except: []string{"2001:db8:1::/48"}}},
				},
				Ports: []networkingv1.NetworkPolicyPort{
					{Protocol: ptr(corev1.ProtocolTCP), Port: ptr(intstr.FromInt32(5432)), EndPort: ptr(int32(5432))},
					{Protocol: ptr(corev1.ProtocolSCTP)}, {Port: ptr(intstr.FromString("postgres-1"))}, {},
				},
			}},
			Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}},
				Ports: []networkingv1.NetworkPolicyPort{{Protocol: ptr(corev1.ProtocolUDP), Port: ptr(intstr.FromInt32(53))}}}},
		},
	}
}

func cluster() *inventory.Inventory {
	return inventory.Build(inventory.Inventory{Namespaces: []*inventory.Namespace{{Name: "shop"}}})
}

func TestGood(t *testing.T) {
	if l := Objects(cluster(), []policy.Object{{NetworkPolicy: good()}}); len(l) != 0 {
		t.Fatalf("a valid policy was refused: %v", l)
	}
	if l := Objects(nil, nil); len(l) != 0 {
		t.Fatalf("no objects, but %v", l)
	}
}

func TestBad(t *testing.T) {
	port := func(p networkingv1.NetworkPolicyPort) func(*networkingv1.NetworkPolicy) {
		return func(np *networkingv1.NetworkPolicy) {
			np.Spec.Egress[0].Ports = []networkingv1.NetworkPolicyPort{p}
		}
	}
	peer := func(p networkingv1.NetworkPolicyPeer) func(*networkingv1.NetworkPolicy) {
		return func(np *networkingv1.NetworkPolicy) {
			np.Spec.Ingress[0].From = []networkingv1.NetworkPolicyPeer{p}
		}
	}
	block := func(cidr string, except ...string) func(*networkingv1.NetworkPolicy) {
		return peer(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}})
	}
	requirement := func(key string, op metav1.LabelSelectorOperator, values ...string) func(*networkingv1.NetworkPolicy) {
		return func(np *networkingv1.NetworkPolicy) {
			np.Spec.PodSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: key, Operator: op, Values: values}}
		}
	}
	const (
		portAt  = "spec.egress[0].ports[0]"
		peerAt  = "spec.ingress[0].from[0]"
		blockAt = peerAt + ".ipBlock"
		exprAt  = "spec.podSelector.matchExpressions[0]"
	)
	tests := []struct {
		name  string
		spoil func(*networkingv1.NetworkPolicy)
		want  []string // what each message contains, in the list's order
	}{
		{"no name", func(np *networkingv1.NetworkPolicy) { np.Name = "" }, []string{"metadata.name: name or generateName is required"}},
		{"name", func(np *networkingv1.NetworkPolicy) { np.Name = "Data Base" }, []string{`metadata.name: "Data Base": a lowercase RFC 1123 subdomain must consist of`}},
		{"long name", func(np *networkingv1.NetworkPolicy) { np.Name = strings.Repeat("a", 254) }, []string{"must be no more than 253 "}},
		{"no namespace", func(np *networkingv1.NetworkPolicy) { np.Namespace = "" }, []string{"metadata.namespace: required value"}},
		{"namespace", func(np *networkingv1.NetworkPolicy) { np.Namespace = "a.b" }, []string{`metadata.namespace: "a.b": `, `metadata.namespace: no namespace "a.b" exists`}},
		{"unknown namespace", func(np *networkingv1.NetworkPolicy) { np.Namespace = "prod" }, []string{`metadata.namespace: no namespace "prod" exists`}},
		{"label key", func(np *networkingv1.NetworkPolicy) { np.Labels = map[string]string{"a b": "c"} }, []string{`metadata.labels: "a b": name part must consist of`}},
		{"label value", func(np *networkingv1.NetworkPolicy) { np.Labels = map[string]string{"a": "-"} }, []string{`metadata.labels: "-": a valid label must be`}},
		{"label length", func(np *networkingv1.NetworkPolicy) { np.Labels = map[string]string{"a": strings.Repeat("b", 64)} }, []string{"metadata.labels: \"" + strings.Repeat("b", 64) + "\": must be no more than 63 "}},
		{"annotation key", func(np *networkingv1.NetworkPolicy) { np.Annotations = map[string]string{"/": ""} }, []string{`metadata.annotations: "/": name part must be non-empty`, `metadata.annotations: "/": name part must consist of`, `metadata.annotations: "/": prefix part must be non-empty`}},
		{"annotation size", func(np *networkingv1.NetworkPolicy) { np.Annotations["a"] = strings.Repeat("b", 256<<10) }, []string{"metadata.annotations: may not be more than 262144 bytes"}},
		{"pod selector", func(np *networkingv1.NetworkPolicy) {
			np.Spec.PodSelector.MatchLabels = map[string]string{"app": "a b"}
		}, []string{`spec.podSelector.matchLabels: "a b": a valid label must be`}},
		{"operator", requirement("a", "Is", "b"), []string{exprAt + `.operator: "Is": not a valid selector operator`}},
		{"in nothing", requirement("a", metav1.LabelSelectorOpIn), []string{exprAt + ".values: must be specified when `operator` is 'In' or 'NotIn'"}},
		{"exists something", requirement("a", metav1.LabelSelectorOpExists, "b"), []string{exprAt + ".values: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"}},
		{"requirement key", requirement("", metav1.LabelSelectorOpExists), []string{exprAt + `.key: "": name part must be non-empty`, exprAt + `.key: "": name part must consist of`}},
		{"requirement value", requirement("a", metav1.LabelSelectorOpNotIn, "ok", "not ok"), []string{exprAt + `.values[1]: "not ok": a valid label must be`}},
		{"peer selector", peer(networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"": "a"}}}), []string{peerAt + `.namespaceSelector.matchLabels: "": name part must be non-empty`, peerAt + ".namespaceSelector.matchLabels"}},
		{"no peer", peer(networkingv1.NetworkPolicyPeer{}), []string{peerAt + ": must specify a peer"}},
		{"two peers", peer(networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}, IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}), []string{peerAt + ": may not specify both ipBlock and another peer"}},
		{"no cidr", block(""), []string{blockAt + ".cidr: must be specified"}},
		{"an address", block("10.0.0.1"), []string{blockAt + `.cidr: "10.0.0.1": must be a valid CIDR value`}},
		{"host bits", block("10.0.0.1/8"), []string{blockAt + `.cidr: "10.0.0.1/8": must not have bits set beyond the prefix length`}},
		{"zeros", block("010.0.0.0/8"), []string{blockAt + `.cidr: "010.0.0.0/8": must not have leading 0s`}},
		{"IPv4 in IPv6", block("::ffff:10.0.0.0/104"), []string{blockAt + `.cidr: "::ffff:10.0.0.0/104": must not have an IPv4-mapped IPv6 address`}},
		{"finalizer", func(np *networkingv1.NetworkPolicy) { np.Finalizers = []string{"orphan", "keep"} }, []string{`metadata.finalizers[1]: "keep": name is neither a standard finalizer name nor is it fully qualified`}},
		{"resource version", func(np *networkingv1.NetworkPolicy) { np.ResourceVersion = "7" }, []string{"metadata.resourceVersion: may not be set"}},
		{"except itself", block("10.0.0.0/8", "10.0.0.0/8"), []string{blockAt + ".except[0]: \"10.0.0.0/8\": must be a strict subset of `cidr`"}},
		{"except wider", block("10.0.0.0/8", "10.0.0.0/9", "8.0.0.0/6"), []string{blockAt + ".except[1]: \"8.0.0.0/6\": must be a strict subset of `cidr`"}},
		{"except elsewhere", block("10.0.0.0/8", "11.0.0.0/16"), []string{"must be a strict subset of `cidr`"}},
		{"except of the other family", block("0.0.0.0/0", "2001:db8::/32"), []string{"must be a strict subset of `cidr`"}},
		{"except that is none", block("0.0.0.0/0", "x"), []string{blockAt + `.except[0]: "x": must be a valid CIDR value`}},
		{"protocol", port(networkingv1.NetworkPolicyPort{Protocol: ptr(corev1.Protocol("tcp"))}), []string{portAt + `.protocol: "tcp": supported values: "TCP", "UDP", "SCTP"`}},
		{"port 0", port(networkingv1.NetworkPolicyPort{Port: ptr(intstr.FromInt32(0))}), []string{portAt + ".port: 0: must be between 1 and 65535, inclusive"}},
		{"port 65536", port(networkingv1.NetworkPolicyPort{Port: ptr(intstr.FromInt32(65536))}), []string{portAt + ".port: 65536: must be between 1 and 65535, inclusive"}},
		{"port name", port(networkingv1.NetworkPolicyPort{Port: ptr(intstr.FromString("443"))}), []string{portAt + `.port: "443": must contain at least one letter`}},
		{"long port name", port(networkingv1.NetworkPolicyPort{Port: ptr(intstr.FromString("grpc-of-the-cart"))}), []string{portAt + `.port: "grpc-of-the-cart": must be no more than 15 `}},
		{"port name dashes", port(networkingv1.NetworkPolicyPort{Port: ptr(intstr.FromString("a--b"))}), []string{"must not contain consecutive hyphens"}},
		{"end before start", port(networkingv1.NetworkPolicyPort{Port: ptr(intstr.FromInt32(90)), EndPort: ptr(int32(80))}), []string{portAt + ".endPort: 80: must be greater than or equal to `port`"}},
		{"end too high", port(networkingv1.NetworkPolicyPort{Port: ptr(intstr.FromInt32(90)), EndPort: ptr(int32(70000))}), []string{portAt + ".endPort: 70000: must be between"}},
		{"end of a name", port(networkingv1.NetworkPolicyPort{Port: ptr(intstr.FromString("http")), EndPort: ptr(int32(80))}), []string{portAt + ".endPort: 80: may not be specified when `port` is non-numeric"}},
		{"end of nothing", port(networkingv1.NetworkPolicyPort{EndPort: ptr(int32(80))}), []string{portAt + ".endPort: 80: may not be specified when `port` is not specified"}},
		{"policy type", func(np *networkingv1.NetworkPolicy) { np.Spec.PolicyTypes[1] = "egress" }, []string{`spec.policyTypes[1]: "egress": supported values: "Ingress", "Egress"`}},
		{"policy types", func(np *networkingv1.NetworkPolicy) {
			np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}, []string{"spec.policyTypes: may not specify more than two policyTypes"}},
		{"size", func(np *networkingv1.NetworkPolicy) {
			np.Spec.Ingress[1].From = slices.Repeat(np.Spec.Ingress[1].From, 20000)
		}, []string{"the object is larger than an API server stores: may not be more than 1568768 bytes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			np := good()
			tt.spoil(np)
			o := policy.Object{NetworkPolicy: np}
			got := Objects(cluster(), []policy.Object{o})
			if len(got) != len(tt.want) {
				t.Fatalf("%d findings, want %d:\n%v", len(got), len(tt.want), got)
			}
			for i, d := range got {
				if d.ID != diag.ValidateObject || d.Severity != diag.Error || !strings.HasPrefix(d.Message, o.Key()+": ") {
					t.Errorf("finding %d is not an error about %s: %+v", i, o.Key(), d)
				}
				if !strings.Contains(d.Message, tt.want[i]) {
					t.Errorf("finding %d: %q, want it to contain %q", i, d.Message, tt.want[i])
				}
			}
		})
	}
}

func TestTwiceAndPositions(t *testing.T) {
	at := func(line int) diag.Position { return diag.Position{File: "p.yaml", Line: line, Column: 1} }
	bad := good()
	bad.Spec.Ingress[1].Ports[0].EndPort = ptr(int32(1))
	bad.Spec.PolicyTypes[0] = "x"
	objects := []policy.Object{
		{NetworkPolicy: good(), Origin: at(3)},
		{NetworkPolicy: bad, Origin: at(40), IngressAt: []diag.Position{at(50), at(60)}},
	}
	got := Objects(cluster(), objects)
	var lines []string
	for _, d := range got {
		lines = append(lines, fmt.Sprintf("%s: %s %v", d.Pos, d.Message, d.Related))
	}
	want := []string{
		`p.yaml:40:1: NetworkPolicy/shop/db.primary: spec.policyTypes[0]: "x": supported values: "Ingress", "Egress" []`,
		"p.yaml:40:1: NetworkPolicy/shop/db.primary: written twice [{p.yaml:3:1 first written here}]",
		"p.yaml:60:1: NetworkPolicy/shop/db.primary: spec.ingress[1].ports[0].endPort: 1: must be greater than or equal to `port` []",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}
