package policy

import (
	"reflect"
	"strings"
	"testing"
)

// TestDocuments: values are what an API server makes of the YAML, which is YAML
// 1.1 turned into JSON.
func TestDocuments(t *testing.T) {
	docs, diags := Documents("f.yaml", []byte("# none\n---\na: yes\nb: 010\nc: 1e3\nd: 1.5\n1: ~\ne: &e {x: z}\nf: *e\n---\n~\n---\n{}\n"))
	if len(diags) != 0 || len(docs) != 2 {
		t.Fatalf("%d documents, %v", len(docs), diags)
	}
	want := map[string]any{"a": true, "b": int64(8), "c": int64(1000), "d": 1.5, "1": nil, "e": map[string]any{"x": "z"}, "f": map[string]any{"x": "z"}}
	if !reflect.DeepEqual(docs[0].Value, want) {
		t.Errorf("got %#v", docs[0].Value)
	}
}

func TestDocumentsBad(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "*" + string(c-1) + "]\n"
	}
	for _, tt := range []struct{ file, want string }{
		{"- a\n", "a document has to be a mapping"},
		{"a: 1\na: 2\n", `key "a" already set in map`},
		{"a: [\n", "did not find"},
		{"a: .inf\n", "unsupported value"},
		{"a: \xff\n", "invalid"},
		{bomb, "excessive aliasing"},
	} {
		docs, diags := Documents("f.yaml", []byte(tt.file))
		if len(docs) != 0 || len(diags) != 1 || !strings.Contains(diags[0].Message, tt.want) || diags[0].Pos.File != "f.yaml" {
			t.Errorf("%.40q: %d documents, %v, want %q", tt.file, len(docs), diags, tt.want)
		}
	}
}

func TestDocumentAt(t *testing.T) {
	docs, diags := Documents("f.yaml", []byte(`metadata:
  labels:
    a.b: x
    a.b/c[0].d: y
spec:
  ingress:
  - ports:
    - {port: 1}
    - port: 2
  egress: &e
  - to: []
  again: *e
`))
	if len(diags) != 0 {
		t.Fatal(diags)
	}
	for field, want := range map[string]string{
		"":                                  "f.yaml:1:1",
		"metadata.labels.a.b":               "f.yaml:3:5",
		"metadata.labels.a.b/c[0].d":        "f.yaml:4:5",
		"metadata.annotations":              "f.yaml:1:1",
		"metadata.labels.z":                 "f.yaml:2:3",
		"spec.ingress[0].ports[1].port":     "f.yaml:9:7",
		"spec.ingress[0].ports[0].port":     "f.yaml:8:8",
		"spec.ingress[0].ports[7].port":     "f.yaml:7:5",
		"spec.ingress[-1]":                  "f.yaml:6:3",
		"spec.ingress[x]":                   "f.yaml:6:3",
		"spec.ingress.ports":                "f.yaml:6:3",
		"spec.again[0].to":                  "f.yaml:12:3",
		"spec.egress[99999999999999999999]": "f.yaml:10:3",
	} {
		if got := docs[0].At(field).String(); got != want {
			t.Errorf("%s: at %s, want %s", field, got, want)
		}
	}
}
