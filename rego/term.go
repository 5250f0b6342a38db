package rego

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// This file builds terms. Strings of the input become string values and never
// text of a query, so that no name or label is ever read as Rego.

// object is an object of key, value, key, value; nil values are left out.
func object(pairs ...any) *ast.Term {
	var out [][2]*ast.Term
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := term(pairs[i+1]); v != nil {
			out = append(out, [2]*ast.Term{ast.StringTerm(pairs[i].(string)), v})
		}
	}
	return ast.ObjectTerm(out...)
}

// term is the term of a scalar, of a map of strings, or of a list of either.
func term(v any) *ast.Term {
	switch v := v.(type) {
	case *ast.Term:
		return v
	case string:
		return ast.StringTerm(v)
	case bool:
		return ast.BooleanTerm(v)
	case int:
		return ast.IntNumberTerm(v)
	case []*ast.Term:
		return ast.ArrayTerm(v...)
	case []string:
		return list(v, ast.StringTerm)
	case []int:
		return list(v, ast.IntNumberTerm)
	case map[string]string:
		out := make([][2]*ast.Term, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, [2]*ast.Term{ast.StringTerm(k), ast.StringTerm(v[k])})
		}
		return ast.ObjectTerm(out...)
	}
	return nil
}

// list is an array of what of makes of each element.
func list[T any](elements []T, of func(T) *ast.Term) *ast.Term {
	out := make([]*ast.Term, len(elements))
	for i, e := range elements {
		out[i] = of(e)
	}
	return ast.ArrayTerm(out...)
}

// plain is the term of a value as encoding/json writes it.
func plain(v any) (*ast.Term, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var x any
	if err := util.UnmarshalJSON(data, &x); err != nil {
		return nil, err
	}
	value, err := ast.InterfaceToValue(x)
	return ast.NewTerm(value), err
}
