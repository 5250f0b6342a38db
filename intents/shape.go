package intents

import (
	"encoding/json"
	"regexp"
)

// The format is one table of shapes. Parse checks nodes against it and Schema
// prints it, so that an editor and the compiler cannot disagree on what a file
// may hold.

// shape is what a YAML node may be. Exactly one of fields, item, options and
// text says of what sort it is.
type shape struct {
	doc     string
	fields  []field // a mapping
	item    *shape  // a list
	filled  bool    // the list holds an item
	options []*shape
	text    *text
}

// field is a key of a mapping.
type field struct {
	key      string
	required bool
	*shape
}

// text is a scalar. number admits an integer beside the words that pattern admits.
type text struct {
	enum    []string
	pattern *regexp.Regexp
	max     int    // length in bytes, if not 0
	like    string // an example that the pattern admits
	number  int    // the largest integer admitted, if not 0
}

const (
	apiVersion = "kubeteus.dev/v1alpha1"
	kind       = "IntentSet"
)

var (
	labelName     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	subdomainName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	intentName    = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$`)
	portName      = regexp.MustCompile(`^[-0-9]*[a-z][-a-z0-9]*$`)
	cutPattern    = regexp.MustCompile(`^\s*([^\s:>]+)\s*->\s*([^\s:>]+?)(?::([^\s:>]+))?\s*$`)
	notBlank      = regexp.MustCompile(`\S`)
)

const maxPort = 65535

func oneOf(doc string, words ...string) *shape { return &shape{doc: doc, text: &text{enum: words}} }

var nameText = &text{pattern: intentName, max: 63, like: "cart-from-shop"}

var cutShape = &shape{doc: "A declared connection that the intent may cut.", text: &text{pattern: cutPattern, like: "loadgenerator -> cartservice:7070"}}

var statementShape = &shape{doc: "Who may, or may not, reach whom.", text: &text{pattern: notBlank}}

var intentShape = &shape{doc: "One statement, as a string or with a name.", options: []*shape{statementShape, {
	doc: "A named statement.",
	fields: []field{
		{key: "name", shape: &shape{doc: "The intent's stable identity.", text: nameText}},
		{key: "statement", required: true, shape: statementShape},
		{key: "cuts", shape: &shape{doc: "Declared connections that this intent may cut.", item: cutShape}},
	},
}}}

var peerShape = &shape{doc: "A workload, namespace/workload, address range, or an entity such as world.", text: &text{pattern: notBlank}}

var expectShape = &shape{doc: "A test of the result.", fields: []field{
	{key: "from", required: true, shape: peerShape},
	{key: "to", required: true, shape: peerShape},
	{key: "port", shape: &shape{doc: "The destination's port by number or name; every port if absent.", text: &text{pattern: portName, max: 63, like: "http", number: maxPort}}},
	{key: "protocol", shape: oneOf("The protocol of the port.", "TCP", "UDP", "SCTP", "ICMP")},
	{key: "verdict", required: true, shape: oneOf("Whether the flow passes.", "allow", "deny")},
}}

var specShape = &shape{doc: "What the set says.", fields: []field{
	{key: "namespace", shape: &shape{doc: "Where unqualified names are looked up first.", text: &text{pattern: labelName, max: 63, like: "boutique"}}},
	{key: "isolation", shape: oneOf("Whether an allowing statement also closes the end it is about.", "implied", "explicit")},
	{key: "dns", shape: oneOf("Whether DNS stays open where egress is closed.", "auto", "keep", "close")},
	{key: "intents", required: true, shape: &shape{doc: "The statements.", item: intentShape, filled: true}},
	{key: "expect", shape: &shape{doc: "Tests of the result.", item: expectShape}},
}}

var setShape = &shape{doc: "A set of natural-language network policy intents.", fields: []field{
	{key: "apiVersion", required: true, shape: oneOf("The version of the format.", apiVersion)},
	{key: "kind", required: true, shape: oneOf("The kind of file.", kind)},
	{key: "metadata", required: true, shape: &shape{doc: "What the set is called.", fields: []field{
		{key: "name", required: true, shape: &shape{doc: "The set's name.", text: &text{pattern: subdomainName, max: 63, like: "cart"}}},
	}}},
	{key: "spec", required: true, shape: specShape},
}}

// Schema returns the JSON Schema (draft 2020-12) of the format.
func Schema() []byte {
	s := setShape.schema()
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.ID = "https://kubeteus.dev/schemas/v1alpha1/intentset.json"
	s.Title = kind
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // only strings and numbers are in it
	}
	return append(out, '\n')
}

// jsonSchema is the part of JSON Schema that the format needs.
type jsonSchema struct {
	Schema      string        `json:"$schema,omitempty"`
	ID          string        `json:"$id,omitempty"`
	Title       string        `json:"title,omitempty"`
	Description string        `json:"description,omitempty"`
	OneOf       []*jsonSchema `json:"oneOf,omitempty"`
	Type        string        `json:"type,omitempty"`
	Enum        []string      `json:"enum,omitempty"`
	Pattern     string        `json:"pattern,omitempty"`
	MaxLength   int           `json:"maxLength,omitempty"`
	Minimum     int           `json:"minimum,omitempty"`
	Maximum     int           `json:"maximum,omitempty"`
	Properties  properties    `json:"properties,omitempty"`
	Required    []string      `json:"required,omitempty"`
	Additional  *bool         `json:"additionalProperties,omitempty"`
	Items       *jsonSchema   `json:"items,omitempty"`
	MinItems    int           `json:"minItems,omitempty"`
}

// properties keeps the order of the table.
type properties []property

type property struct {
	key    string
	schema *jsonSchema
}

// MarshalJSON writes an object in the order of the table.
func (p properties) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, f := range p {
		if i > 0 {
			out = append(out, ',')
		}
		value, err := json.Marshal(f.schema)
		if err != nil {
			return nil, err
		}
		out = append(out, '"')
		out = append(out, f.key...) // keys of the table need no escapes
		out = append(append(out, `":`...), value...)
	}
	return append(out, '}'), nil
}

func (s *shape) schema() *jsonSchema {
	out := &jsonSchema{Description: s.doc}
	switch {
	case s.fields != nil:
		closed := false
		out.Type, out.Additional = "object", &closed
		for _, f := range s.fields {
			out.Properties = append(out.Properties, property{f.key, f.schema()})
			if f.required {
				out.Required = append(out.Required, f.key)
			}
		}
	case s.item != nil:
		out.Type, out.Items = "array", s.item.schema()
		if s.filled {
			out.MinItems = 1
		}
	case s.options != nil:
		for _, o := range s.options {
			out.OneOf = append(out.OneOf, o.schema())
		}
	default:
		words := &jsonSchema{Type: "string", Enum: s.text.enum, MaxLength: s.text.max}
		if s.text.pattern != nil {
			words.Pattern = s.text.pattern.String()
		}
		if s.text.number > 0 {
			out.OneOf = []*jsonSchema{{Type: "integer", Minimum: 1, Maximum: s.text.number}, words}
			break
		}
		words.Description = s.doc
		return words
	}
	return out
}
