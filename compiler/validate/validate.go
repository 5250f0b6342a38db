// Package validate checks each policy object alone: whether an API server would
// take it, and whether anything is there that it could be about. Decoding is
// package policy's business and what objects do together is package verify's.
//
// Encoded holds a file against the OpenAPI schema of the API, as an API server
// does while it decodes. Objects applies the rules that come after that; they
// follow ValidateNetworkPolicy of Kubernetes, which is no library, with the
// helpers of k8s.io/apimachinery that it is built from. Matching looks for what
// the objects select among what is declared.
//
// testdata/apiserver holds hundreds of documents that a real API
// server took or refused, with its words. The package agrees with it on each, but
// for a few that it refuses on purpose: apiserver_test.go lists them with the
// reasons.
package validate

import (
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// maxObject is the most bytes of one object that an API server can store: etcd in
// its default configuration takes 1.5 MiB (--max-request-bytes) of what the server
// makes of the object, which adds fields of its own.
const maxObject = 3<<19 - 4<<10

// Objects returns an error for everything about the objects that an API server
// with the namespaces of inv would refuse. A nil inv knows no namespaces, and
// none is missed. Each message opens with the object's key and the field.
func Objects(inv *inventory.Inventory, objects []policy.Object) diag.List {
	var out diag.List
	seen := map[string]diag.Position{}
	for _, o := range objects {
		key := o.Key()
		if first, twice := seen[key]; twice {
			d := diag.Errorf(diag.ValidateObject, o.Origin, "%s: written twice", key)
			if first != (diag.Position{}) {
				d = d.Relate(first, "first written here")
			}
			out = append(out, d)
		} else {
			seen[key] = o.Origin
		}
		if ns := o.Namespace(); inv != nil && ns != "" && inv.Namespace(ns) == nil {
			out = append(out, diag.Errorf(diag.ValidateObject, o.Origin, "%s: metadata.namespace: no namespace %q exists", key, ns).
				Hint("add the Namespace to the manifests or to the inventory"))
		}
		for _, e := range object(o) {
			out = append(out, diag.Errorf(diag.ValidateObject, position(o, e.Field), "%s: %s", key, message(e)))
		}
	}
	return out.Sorted()
}

// object applies the API server's rules for the object's kind.
func object(o policy.Object) field.ErrorList {
	np := o.NetworkPolicy
	errs := meta(np.ObjectMeta, field.NewPath("metadata"))
	errs = append(errs, networkPolicy(&np.Spec, field.NewPath("spec"))...)
	if np.Size() > maxObject {
		errs = append(errs, field.TooLong(nil, nil, maxObject))
	}
	return errs
}

// position returns the place of the field: of its rule where that is known,
// else of the object.
func position(o policy.Object, path string) diag.Position {
	var i int
	if n, _ := fmt.Sscanf(path, "spec.ingress[%d]", &i); n == 1 && i < len(o.IngressAt) {
		return o.IngressAt[i]
	}
	if n, _ := fmt.Sscanf(path, "spec.egress[%d]", &i); n == 1 && i < len(o.EgressAt) {
		return o.EgressAt[i]
	}
	return o.Origin
}

// message words a field error as "field: value: what is wrong".
func message(e *field.Error) string {
	var parts []string
	if e.Field != "" && e.Field != "<nil>" {
		parts = append(parts, e.Field)
	}
	switch e.Type {
	case field.ErrorTypeInvalid, field.ErrorTypeNotSupported, field.ErrorTypeDuplicate:
		if v := value(e.BadValue); v != "" {
			parts = append(parts, v)
		}
	}
	switch detail := strings.TrimSpace(e.Detail); {
	case e.Type == field.ErrorTypeTooLong && e.Field == "<nil>":
		parts = append(parts, "the object is larger than an API server stores: "+detail)
	case detail != "":
		parts = append(parts, detail)
	default:
		parts = append(parts, strings.ToLower(e.Type.String()))
	}
	return strings.Join(parts, ": ")
}

// value writes a bad value if it is a scalar, cut to what a line can hold.
func value(v any) string {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		return fmt.Sprint(v)
	case reflect.String:
		return fmt.Sprintf("%q", cut(r.String()))
	}
	return ""
}

// cut shortens text to what a line can hold.
func cut(text string) string {
	const most = 80
	if s := []rune(text); len(s) > most {
		return string(s[:most]) + "..."
	}
	return text
}
