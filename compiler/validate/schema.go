package validate

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	openapierrors "k8s.io/kube-openapi/pkg/validation/errors"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	openapi "k8s.io/kube-openapi/pkg/validation/validate"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

//go:generate go run ../../.github/tools/openapi/main.go v1.37.2 networkpolicy.json

//go:embed networkpolicy.json
var networkPolicyJSON []byte

// networkPolicySchema is parsed when the first object is held against it: most
// commands never need it. The file is part of the program, and a test reads it.
var networkPolicySchema = sync.OnceValues(func() (*spec.Schema, error) {
	var file struct {
		Schema *spec.Schema `json:"schema"`
	}
	err := json.Unmarshal(networkPolicyJSON, &file)
	if err == nil && file.Schema == nil {
		err = errors.New("no schema in it")
	}
	return file.Schema, err
})

const (
	// maxFile is the most bytes of a file that is parsed: an object of the largest
	// size that an API server stores, with as many comments again.
	maxFile = 2 * maxObject
	// maxFindings is the most findings of one document: whoever has more has
	// written something else than a policy.
	maxFindings = 50
)

// Encoded returns an error for everything in an encoded file that an API server
// with strict field validation refuses before it knows what the object means:
// YAML that does not parse, unknown and duplicate fields (a field in the wrong
// case is unknown), wrong types, missing fields. A Kustomization is passed over,
// and every other kind is refused, since nothing else is known here.
//
// One thing is stricter. An API server reads null in a list as an empty item,
// and an empty rule allows everything; here it is an error.
func Encoded(path string, data []byte) diag.List {
	if len(data) > maxFile {
		return diag.List{diag.Errorf(diag.ValidateObject, diag.Position{File: path}, "the file is larger than %d bytes", maxFile)}
	}
	documents, out := policy.Documents(path, data)
	for _, d := range documents {
		apiVersion, _ := d.Value["apiVersion"].(string)
		kind, _ := d.Value["kind"].(string)
		switch {
		case kind == "Kustomization" && strings.HasPrefix(apiVersion, "kustomize.config.k8s.io/"):
		case kind == "NetworkPolicy" && apiVersion == "networking.k8s.io/v1":
			out = append(out, held(d)...)
		default:
			out = append(out, diag.Errorf(diag.ValidateObject, d.At("kind"), "no schema is known for kind %s of apiVersion %s", value(kind), value(apiVersion)))
		}
	}
	return out.Sorted()
}

// held holds a document against the schema.
func held(d policy.Document) diag.List {
	schema, err := networkPolicySchema()
	if err != nil {
		return diag.List{diag.Errorf(diag.ValidateObject, d.At(""), "the schema of this program: %v", err)}
	}
	result := openapi.NewSchemaValidator(schema, nil, "", strfmt.Default).Validate(d.Value)
	type finding struct{ field, message string }
	var found []finding
	for _, e := range result.Errors {
		field, message := fault(e)
		found = append(found, finding{field, message})
	}
	// The validator walks maps in no order.
	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.field, b.field), cmp.Compare(a.message, b.message))
	})
	var out diag.List
	for i, f := range found {
		if i == maxFindings {
			out = append(out, diag.Errorf(diag.ValidateObject, d.At(""), "%s: %d more fields are wrong", key(d), len(found)-i))
			break
		}
		out = append(out, diag.Errorf(diag.ValidateObject, d.At(f.field), "%s: %s", key(d), f.message))
	}
	return out
}

// key is the key that the object would have, as far as the document says it.
func key(d policy.Document) string {
	m, _ := d.Value["metadata"].(map[string]any)
	namespace, _ := m["namespace"].(string)
	name, _ := m["name"].(string)
	return "NetworkPolicy/" + cut(namespace) + "/" + cut(name)
}

// fault returns the field that an error of the validator is about, and words
// for both.
func fault(err error) (field, message string) {
	var v *openapierrors.Validation
	if !errors.As(err, &v) {
		return "", cut(err.Error())
	}
	field = strings.TrimPrefix(v.Name, ".") // "." is how the validator writes a field of the root
	switch v.Code() {
	case openapierrors.UnallowedPropertyCode:
		unknown := fmt.Sprint(v.Value)
		if field != "" {
			return field + "." + unknown, cut(field) + ": unknown field " + value(unknown)
		}
		return unknown, "unknown field " + value(unknown)
	case openapierrors.RequiredFailCode:
		return field, cut(field) + ": required value"
	default:
		return field, cut(field) + ": " + cut(strings.TrimPrefix(v.Error(), v.Name+" in "+v.In+" "))
	}
}
