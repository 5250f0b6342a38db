// Package validate checks each policy object alone: whether an API server would
// take it. Decoding is package policy's business and what objects do together
// is package verify's; this package owns the rules in between, those that the
// API server applies to a NetworkPolicy after it has parsed it.
//
// The rules follow ValidateNetworkPolicy of Kubernetes, which is no library,
// with the helpers of k8s.io/apimachinery that it is built from. Two are
// stricter, as an API server with strict IP and CIDR validation is: addresses
// are in canonical form, and namespaces exist.
package validate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// maxObject is the most bytes of one object that etcd takes in its default
// configuration (--max-request-bytes).
const maxObject = 3 << 19

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
	errs := apivalidation.ValidateObjectMeta(&np.ObjectMeta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	errs = append(errs, networkPolicy(&np.Spec, field.NewPath("spec"))...)
	data, err := json.Marshal(np)
	switch {
	case err != nil:
		errs = append(errs, field.InternalError(field.NewPath("spec"), err))
	case len(data) > maxObject:
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
	const most = 80
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		return fmt.Sprint(v)
	case reflect.String:
		s := []rune(r.String())
		if len(s) > most {
			s = append(s[:most:most], []rune("...")...)
		}
		return fmt.Sprintf("%q", string(s))
	}
	return ""
}
