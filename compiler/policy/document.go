package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// Document is one YAML document as an API server reads it, before any type is
// known: plain values with YAML 1.1's notion of them ("no" is false, 010 is 8),
// integers as int64. At knows where they stand.
type Document struct {
	Value map[string]any

	file string
	node *yaml.Node
}

// Documents returns the documents of a YAML file; empty ones are passed over.
// A document that is no mapping, or has a key twice, is an error.
func Documents(path string, data []byte) ([]Document, diag.List) {
	var out []Document
	var refusals diag.List
	syntax := nodes(path, data, func(n *yaml.Node) {
		if n.Tag == "!!null" {
			return
		}
		value, err := plainValue(n)
		if err != nil {
			refusals = append(refusals, refused(path, n, err))
			return
		}
		out = append(out, Document{Value: value, file: path, node: n})
	})
	return out, append(refusals, syntax...)
}

// nodes hands on what each document of a YAML file holds, up to one that is no
// YAML, which is what it returns.
func nodes(path string, data []byte, each func(*yaml.Node)) diag.List {
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return diag.List{syntax(path, 0, err)}
		}
		if len(doc.Content) == 1 {
			each(doc.Content[0])
		}
	}
}

// plainValue takes the way of the API server: YAML to JSON, JSON to values.
func plainValue(n *yaml.Node) (map[string]any, error) {
	if n.Kind != yaml.MappingNode {
		return nil, errors.New("a document has to be a mapping")
	}
	raw, err := yaml.Marshal(n)
	if err != nil {
		return nil, err
	}
	if raw, err = sigsyaml.YAMLToJSONStrict(raw); err != nil {
		return nil, err
	}
	var value map[string]any
	err = utiljson.Unmarshal(raw, &value)
	return value, err
}

// At returns the place of a field, written as the API server writes it
// (spec.ingress[0].ports[1].port): of its key, or of the item of a list. Where the
// document lacks the field, it is the place of the nearest field around it.
func (d Document) At(field string) diag.Position {
	n, at := d.node, d.node
	for field != "" && n != nil {
		key, value, rest := step(n, field)
		if value == nil {
			break
		}
		n, at, field = value, key, rest
	}
	if at == nil {
		return diag.Position{File: d.file}
	}
	return diag.Position{File: d.file, Line: at.Line, Column: at.Column}
}

// step goes one key or index into n. Keys may hold dots and brackets: the
// longest that fits is taken.
func step(n *yaml.Node, field string) (key, value *yaml.Node, rest string) {
	switch n.Kind {
	case yaml.MappingNode:
		field = strings.TrimPrefix(field, ".")
		for i := 0; i+1 < len(n.Content); i += 2 {
			after, ok := strings.CutPrefix(field, n.Content[i].Value)
			if !ok || after != "" && after[0] != '.' && after[0] != '[' || key != nil && len(after) >= len(rest) {
				continue
			}
			key, value, rest = n.Content[i], n.Content[i+1], after
		}
	case yaml.SequenceNode:
		var i int
		if _, err := fmt.Sscanf(field, "[%d]", &i); err != nil || i < 0 || i >= len(n.Content) {
			return nil, nil, ""
		}
		_, rest, _ = strings.Cut(field, "]")
		return n.Content[i], n.Content[i], rest
	}
	return key, value, rest
}
