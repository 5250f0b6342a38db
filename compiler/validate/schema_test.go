package validate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// TestSchema: the schema that is embedded parses, and is of the release whose
// API server's verdicts are recorded.
func TestSchema(t *testing.T) {
	var file struct{ Version, Component string }
	if err := json.Unmarshal(networkPolicyJSON, &file); err != nil {
		t.Fatal(err)
	}
	schema, err := networkPolicySchema()
	if err != nil {
		t.Fatal(err)
	}
	if schema.Properties["spec"].Properties["podSelector"].AdditionalProperties.Allows {
		t.Error("a pod selector takes unknown fields")
	}
	if want := recorded(t).Server; file.Version != want {
		t.Errorf("the schema is of %s, the verdicts are of %s: run go generate and TestAPIServer -update", file.Version, want)
	}
}

func TestEncoded(t *testing.T) {
	const head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: a\n  namespace: shop\n"
	tests := []struct {
		name, file string
		want       []string
	}{
		{"what the compiler writes", string(policy.Encode(policy.Object{NetworkPolicy: good()})), nil},
		{"a kustomization", "# by kubeteus\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n", nil},
		{"nothing", "", nil},
		{"empty documents", "---\n---\n# none\n", nil},
		{"another kind", head + "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n",
			[]string{`f.yaml:8:1: no schema is known for kind "CiliumNetworkPolicy" of apiVersion "cilium.io/v2"`}},
		{"an unknown field", head + "spec:\n  podSelector: {}\n  ingress:\n  - from:\n    - podSelector: {}\n    to: []\n",
			[]string{`f.yaml:11:5: NetworkPolicy/shop/a: spec.ingress[0]: unknown field "to"`}},
		{"of the root", head + "rules: []\n", []string{`f.yaml:6:1: NetworkPolicy/shop/a: unknown field "rules"`}},
		{"in the wrong case", head + "spec:\n  podSelector: {}\n  ingress:\n  - ports:\n    - port: 80\n      endport: 90\n",
			[]string{`f.yaml:11:7: NetworkPolicy/shop/a: spec.ingress[0].ports[0]: unknown field "endport"`}},
		{"a type", head + "spec:\n  podSelector: []\n  policyTypes: Ingress\n",
			[]string{"f.yaml:7:3: NetworkPolicy/shop/a: spec.podSelector: must be of type object: \"array\"", "f.yaml:8:3: NetworkPolicy/shop/a: spec.policyTypes: must be of type array: \"string\""}},
		{"a port", head + "spec:\n  podSelector: {}\n  ingress:\n  - ports:\n    - port: [80]\n    - port: 80.5\n",
			[]string{"f.yaml:10:7: NetworkPolicy/shop/a: spec.ingress[0].ports[0].port: must be of type integer,string: \"array\"", "f.yaml:11:7: NetworkPolicy/shop/a: spec.ingress[0].ports[1].port: must be of type integer,string: \"number\""}},
		{"a missing field", head + "spec:\n  podSelector: {}\n  egress:\n  - to:\n    - ipBlock: {except: [10.0.0.0/8]}\n",
			[]string{"f.yaml:10:7: NetworkPolicy/shop/a: spec.egress[0].to[0].ipBlock.cidr: required value"}},
		{"a label with dots", head + "  labels:\n    a.b/c: x\n    a.b/c.d: 7\n", []string{"f.yaml:8:5: NetworkPolicy/shop/a: metadata.labels.a.b/c.d: must be of type string: \"integer\""}},
		{"null", head + "spec:\n  podSelector: null\n  ingress: null\n", nil},
		{"null in a list", head + "spec:\n  podSelector: {}\n  ingress:\n  - null\n", []string{"f.yaml:9:5: NetworkPolicy/shop/a: spec.ingress[0]: must be of type object: \"null\""}},
		{"twice", head + "spec:\n  podSelector: {}\n  podSelector: {}\n", []string{`f.yaml:8:3: not a NetworkPolicy that the API server takes: key "podSelector" already set in map`}},
		{"no YAML", head + "spec: {\n", []string{"f.yaml:6: not a NetworkPolicy that the API server takes: did not find expected node content"}},
		{"no mapping", "- a\n", []string{"f.yaml:1: not a NetworkPolicy that the API server takes: a document has to be a mapping"}},
		{"too large", "# " + strings.Repeat("x", maxFile), []string{"f.yaml: the file is larger than 3137536 bytes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, d := range Encoded("f.yaml", []byte(tt.file)) {
				if d.Severity != diag.Error {
					t.Errorf("%v is no error", d)
				}
				got = append(got, d.Pos.String()+": "+d.Message)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestEncodedBounded: a document of mistakes is told the first of them, in order
// and in lines that can be read.
func TestEncodedBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: " + strings.Repeat("n", 5000) + "\nspec:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  %s%d: x\n", strings.Repeat("k", 300), i)
	}
	first := Encoded("f.yaml", []byte(b.String()))
	if len(first) != maxFindings+1 {
		t.Fatalf("%d findings", len(first))
	}
	for _, d := range first {
		if len(d.Message) > 500 {
			t.Errorf("a message of %d bytes: %s", len(d.Message), d.Message)
		}
	}
	for range 5 {
		if !reflect.DeepEqual(first, Encoded("f.yaml", []byte(b.String()))) {
			t.Fatal("the findings differ from run to run")
		}
	}
}

// FuzzEncoded: no input breaks Encoded, and what all checks take is written as
// something that they take again.
func FuzzEncoded(f *testing.F) {
	f.Add(policy.Encode(policy.Object{NetworkPolicy: good()}))
	f.Add([]byte("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: b}\nspec: {podSelector: &a {}, ingress: [{from: [{podSelector: *a}]}]}\n"))
	f.Add([]byte("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {<<: {a: [[[]]]}, 1: 2}\nspec: [.nan, ~, !!binary aGk=, 0x10, yes]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range Encoded("f.yaml", data) {
			if d.Pos.File != "f.yaml" || d.Message == "" {
				t.Errorf("a finding without a file or words: %+v", d)
			}
		}
		if ours(data).HasErrors() {
			return
		}
		objects, _ := policy.Decode("f.yaml", data)
		for _, o := range objects {
			if l := Encoded("g.yaml", policy.Encode(o)); len(l) != 0 {
				t.Errorf("%s\nis taken, and written as what is not: %v", data, l)
			}
		}
	})
}

func BenchmarkEncoded(b *testing.B) {
	data := policy.Encode(policy.Object{NetworkPolicy: good()})
	for b.Loop() {
		if l := Encoded("f.yaml", data); len(l) != 0 {
			b.Fatal(l)
		}
	}
}
