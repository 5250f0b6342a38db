package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// Decode returns the NetworkPolicies of a YAML file of any number of documents
// and Lists; other kinds are passed over. Unknown and duplicate keys are errors.
// What the API server would default is defaulted: policyTypes and protocol
// (networking/v1 NetworkPolicySpec, NetworkPolicyPort).
func Decode(path string, data []byte) ([]Object, diag.List) {
	var objects []Object
	var diags diag.List
	broken := nodes(path, data, func(n *yaml.Node) { decode(path, n, &objects, &diags) })
	return objects, append(diags, broken...)
}

// DecodeNode is Decode for one document that was parsed already.
func DecodeNode(path string, n *yaml.Node) ([]Object, diag.List) {
	var objects []Object
	var diags diag.List
	decode(path, n, &objects, &diags)
	return objects, diags
}

func decode(path string, n *yaml.Node, objects *[]Object, diags *diag.List) {
	kind := scalar(n, "kind")
	if strings.HasSuffix(kind, "List") {
		if items := child(n, "items"); items != nil {
			for _, item := range items.Content {
				decode(path, item, objects, diags)
			}
		}
		return
	}
	if kind != "NetworkPolicy" || scalar(n, "apiVersion") != "networking.k8s.io/v1" {
		return
	}
	raw, err := yaml.Marshal(withoutStatus(n))
	if err == nil {
		var np networkingv1.NetworkPolicy
		if err = sigsyaml.UnmarshalStrict(raw, &np); err == nil {
			defaults(&np)
			*objects = append(*objects, placed(path, n, &np))
			return
		}
	}
	*diags = append(*diags, refused(path, n, err))
}

// refused words what the strict decoder said of n, at the key that it names.
func refused(path string, n *yaml.Node, err error) diag.Diagnostic {
	d := syntax(path, n.Line, err)
	if m := fieldOf.FindStringSubmatch(d.Message); m != nil {
		if key := culprit(n, m[1]+m[2], m[2] != ""); key != nil {
			d.Pos = diag.Position{File: path, Line: key.Line, Column: key.Column}
		}
	}
	return d
}

// withoutStatus leaves the status out, which servers of Kubernetes 1.24 to 1.27
// set and the API no longer has.
func withoutStatus(n *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "status" {
			out := *n
			out.Content = slices.Delete(slices.Clone(n.Content), i, i+2)
			return &out
		}
	}
	return n
}

var fieldOf = regexp.MustCompile(`unknown field "([^"]+)"|key "([^"]+)" already set`)

// culprit is the first key of that name, or the first that its mapping has twice.
func culprit(n *yaml.Node, name string, twice bool) *yaml.Node {
	seen := false
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if c.Value == name && (seen || !twice) {
				return c
			}
			seen = seen || c.Value == name
			continue
		}
		if key := culprit(c, name, twice); key != nil {
			return key
		}
	}
	return nil
}

var lineOf = regexp.MustCompile(`line (\d+): `)

// syntax words a decoder's error at its line; the strict decoder counts lines
// from the object's own.
func syntax(path string, base int, err error) diag.Diagnostic {
	pos := diag.Position{File: path, Line: max(base, 1)}
	message := err.Error()
	if m := lineOf.FindStringSubmatch(message); m != nil {
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			pos.Line = max(base-1, 0) + n
		}
		message = lineOf.ReplaceAllString(message, "")
	}
	for _, p := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ", "while decoding JSON: ", "yaml: ", "unmarshal errors:\n  "} {
		message = strings.ReplaceAll(message, p, "")
	}
	return diag.Errorf(diag.ManifestInvalid, pos, "not a NetworkPolicy that the API server takes: %s", strings.TrimSpace(message))
}

// defaults is what the API server fills in.
func defaults(np *networkingv1.NetworkPolicy) {
	spec := &np.Spec
	if len(spec.PolicyTypes) == 0 {
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(spec.Egress) > 0 {
			spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	tcp := corev1.ProtocolTCP
	protocols := func(ports []networkingv1.NetworkPolicyPort) {
		for i := range ports {
			if ports[i].Protocol == nil {
				ports[i].Protocol = &tcp
			}
		}
	}
	for _, r := range spec.Ingress {
		protocols(r.Ports)
	}
	for _, r := range spec.Egress {
		protocols(r.Ports)
	}
}

// placed notes where the object and its rules stand.
func placed(path string, n *yaml.Node, np *networkingv1.NetworkPolicy) Object {
	at := func(n *yaml.Node) diag.Position { return diag.Position{File: path, Line: n.Line, Column: n.Column} }
	o := Object{NetworkPolicy: np, Origin: at(n)}
	rules := func(key string) (out []diag.Position) {
		if list := child(child(n, "spec"), key); list != nil {
			for _, r := range list.Content {
				out = append(out, at(r))
			}
		}
		return out
	}
	o.IngressAt, o.EgressAt = rules("ingress"), rules("egress")
	return o
}

// child is the value of a mapping's key, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalar(n *yaml.Node, key string) string {
	if v := child(n, key); v != nil {
		return v.Value
	}
	return ""
}
