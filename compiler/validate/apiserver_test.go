package validate

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

var update = flag.Bool("update", false, "write down what the API server in BIN says")

// verdictsFile holds what a real API server said of every document.
const verdictsFile = "testdata/apiserver/verdicts.json"

type verdicts struct {
	Server   string             `json:"server"`
	Verdicts map[string]verdict `json:"verdicts"`
}

// stricter are the documents that are refused although the API server takes
// them, each with the reason.
var stricter = map[string]string{
	"documents/kind-empty":               untyped,
	"documents/no-kind":                  untyped,
	"documents/no-version":               untyped,
	"documents/version-empty":            untyped,
	"metadata/managed-fields-operation":  dropped,
	"metadata/managed-fields-string":     dropped,
	"metadata/managed-fields-type":       dropped,
	"names/generated":                    "a file is applied, again and again, and that needs a name",
	"metadata/resource-version-nonsense": "a resource version is nothing that a file can know, be it a number or not",
	"peers/null-rule":                    nullItem,
	"ports/null-item":                    nullItem,
	"selectors/values-null-item":         nullItem,
}

const (
	untyped  = "the URL says the kind to the API server; a file has to say it, or no client knows where to send it"
	dropped  = "the API server drops managedFields that it cannot read; in a file they are a mistake"
	nullItem = "null in a list is an empty item to the API server: an empty rule or port allows everything, an empty value is another value"
)

// namespaces are those that exist.
var namespaces = []string{"shop"}

// corpus returns the documents by name: group/case.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	out := generated()
	files, err := filepath.Glob("testdata/apiserver/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		a, err := txtar.ParseFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range a.Files {
			name := strings.TrimSuffix(filepath.Base(f), ".txtar") + "/" + c.Name
			if out[name] != nil {
				t.Fatalf("%s: twice", name)
			}
			out[name] = c.Data
		}
	}
	return out
}

// generated are documents too large to be written down.
func generated() map[string][]byte {
	annotated := func(n int) []byte {
		return []byte("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: a\n  namespace: shop\n  annotations:\n    k: " +
			strings.Repeat("v", n) + "\nspec:\n  podSelector: {}\n")
	}
	const most = 256 << 10
	ports := func(n int) []byte {
		return []byte("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: a\n  namespace: shop\nspec:\n  podSelector: {}\n  ingress:\n  - ports:\n" +
			strings.Repeat("    - {port: 65535}\n", n))
	}
	return map[string][]byte{
		"size/annotations-most":     annotated(most - 1),
		"size/annotations-too-many": annotated(most),
		"size/ports":                ports(90000),
		"size/ports-too-many":       ports(110000),
		"size/nested":               []byte("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: a\n  namespace: shop\nspec: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "\n"),
		"size/request":              annotated(3<<20 + 1),
	}
}

// ours is what the compiler says of a document that it is to write.
func ours(data []byte) diag.List {
	var inv inventory.Inventory
	for _, n := range namespaces {
		inv.Namespaces = append(inv.Namespaces, &inventory.Namespace{Name: n})
	}
	objects, out := policy.Decode("case.yaml", data)
	out = append(out, Encoded("case.yaml", data)...)
	return append(out, Objects(inventory.Build(inv), objects)...)
}

// namespaceOf is where a client would send the document.
func namespaceOf(data []byte) string {
	var doc struct{ Metadata map[string]any }
	if err := sigsyaml.Unmarshal(data, &doc); err != nil || doc.Metadata == nil {
		return namespaces[0]
	}
	switch n := doc.Metadata["namespace"].(type) {
	case string:
		return n
	case nil:
		return ""
	}
	return namespaces[0]
}

// TestAPIServer has a real API server decide on every document, and holds the
// recorded verdicts against it; with -update it records them. It runs where BIN
// is a folder with a kube-apiserver.
func TestAPIServer(t *testing.T) {
	bin := os.Getenv("BIN")
	if bin == "" {
		t.Skip("BIN is not set: no kube-apiserver")
	}
	s := startServer(t, bin)
	for _, n := range namespaces {
		s.namespace(t, n)
	}
	got := verdicts{Server: s.version(t), Verdicts: map[string]verdict{}}
	cases := corpus(t)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		got.Verdicts[name] = s.create(t, namespaceOf(cases[name]), cases[name])
	}
	files := written(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		ns := namespaceOf(files[name])
		s.namespace(t, ns)
		if v := s.create(t, ns, files[name]); v.Code != 201 || v.Words != "" {
			t.Errorf("%s was written by the compiler, and %s says %d %s", name, got.Server, v.Code, v.Words)
		}
	}
	t.Logf("%s decided on %d documents, and on %d that the compiler wrote", got.Server, len(cases), len(files))
	if *update {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(got); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(verdictsFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := recorded(t)
	for name, v := range got.Verdicts {
		if w := want.Verdicts[name]; v.Code != w.Code {
			t.Errorf("%s: %s says %d (%s), %s said %d", name, got.Server, v.Code, v.Words, want.Server, w.Code)
		}
	}
	agree(t, cases, got)
}

// TestVerdicts holds the compiler against what the API server said. Objects of
// megabytes take a second each, and are left to TestAPIServer.
func TestVerdicts(t *testing.T) {
	cases, said := corpus(t), recorded(t)
	if len(cases) != len(said.Verdicts) {
		t.Errorf("%d documents, %d verdicts: run TestAPIServer with -update", len(cases), len(said.Verdicts))
	}
	for name, data := range cases {
		if len(data) > 1<<20 {
			delete(cases, name)
		}
	}
	agree(t, cases, said)
}

// TestWritten: what the compiler writes is taken, as it lies in the examples and
// in the archives of the passes.
func TestWritten(t *testing.T) {
	for name, data := range written(t) {
		objects, diags := policy.Decode(name, data)
		diags = append(append(diags, Encoded(name, data)...), Objects(nil, objects)...)
		if len(diags) != 0 {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

// written returns policies that the compiler wrote, by file.
func written(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	files, err := filepath.Glob("../../examples/*/policies/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if out[f], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	archives, err := filepath.Glob("../../testdata/pass/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(archives, "testdata/apiserver/samples/written.txtar") {
		a, err := txtar.ParseFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range a.Files {
			if bytes.HasPrefix(file.Data, []byte(policy.Header)) && !strings.HasSuffix(file.Name, "kustomization.yaml") {
				out[f+"/"+file.Name] = file.Data
			}
		}
	}
	if len(out) < 30 {
		t.Fatalf("only %d files found", len(out))
	}
	return out
}

func recorded(t *testing.T) verdicts {
	t.Helper()
	data, err := os.ReadFile(verdictsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v verdicts
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// agree compares verdict by verdict, and where the server names the fields that
// are wrong, that each is named here.
func agree(t *testing.T, cases map[string][]byte, server verdicts) {
	t.Helper()
	good, bad := 0, 0
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		v, ok := server.Verdicts[name]
		if !ok {
			t.Errorf("%s: no verdict", name)
			continue
		}
		list := ours(cases[name])
		taken := v.Code == 201
		if taken {
			good++
		} else {
			bad++
		}
		switch reason := stricter[name]; {
		case reason != "" && taken && list.HasErrors():
		case reason != "":
			t.Errorf("%s is in the list of what is refused on purpose, and is no difference", name)
		case taken == list.HasErrors():
			t.Errorf("%s: %s says %d %s\nbut we say %v", name, server.Server, v.Code, v.Words, list)
		}
		for _, f := range v.Fields {
			if !slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return strings.Contains(d.Message, f) }) {
				t.Errorf("%s: %s says of %s %s\nbut we say only %v", name, server.Server, f, v.Words, list)
			}
		}
	}
	t.Logf("%d documents taken and %d refused by %s; %d of them refused here alone", good, bad, server.Server, len(stricter))
}
