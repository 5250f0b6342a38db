package model

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// The schema of an answer.
//
// It keeps to what servers call strict structured output, and to the narrowest
// limits that any of them states: every property is required and none may be added,
// an absent one is null, the root is an object and no anyOf, the objects of an anyOf
// differ in their first key (which is why a peer opens with its kind), at most 5
// objects lie within each other, and there are at most 100 properties, 500 values of
// enums and 15,000 characters of names and values. A list of the shortlist that is
// too long for that is left a plain string, the longest first: the decoder checks
// every name anyway, the schema only spares a model the attempt. What has nothing to
// choose from is left out.

const (
	schemaName = "network_policy_rules"
	maxValues  = 500
	maxLetters = 15_000
)

// property is a key and what may stand there. The order of properties is the order
// in which a model writes them.
type property struct {
	name  string
	value any
}

// properties is a JSON object that keeps its order.
type properties []property

// MarshalJSON implements json.Marshaler.
func (ps properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range ps {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := encode(p.name)
		if err != nil {
			return nil, err
		}
		value, err := encode(p.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode writes JSON without escapes for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

func objectOf(ps ...property) properties {
	var required []string
	for _, p := range ps {
		required = append(required, p.name)
	}
	return properties{{"type", "object"}, {"properties", properties(ps)}, {"required", required}, {"additionalProperties", false}}
}

func ref(name string) properties { return properties{{"$ref", "#/$defs/" + name}} }

func listOf(item properties) properties { return properties{{"type", "array"}, {"items", item}} }

func listOrNull(item properties) properties {
	return properties{{"type", []string{"array", "null"}}, {"items", item}}
}

func oneOfWords(words ...string) properties {
	return properties{{"type", "string"}, {"enum", words}}
}

// choice is a list of the shortlist as a definition of its own, so that its values
// are counted once.
type choice struct {
	name   string
	values []string
	open   bool // too long: any string
}

func (c *choice) letters() int {
	n := 0
	for _, v := range c.values {
		n += len(v)
	}
	return n
}

// choices are the definitions that have values, short enough to be enums.
func choices(s *names.Shortlist) []*choice {
	var workloads, namespaces []string
	for _, w := range s.Workloads {
		workloads = append(workloads, w.Ref())
	}
	for _, n := range s.Namespaces {
		namespaces = append(namespaces, n.Name)
	}
	all := []*choice{
		{name: "workload_name", values: workloads}, {name: "namespace_name", values: namespaces}, {name: "port", values: portChoices(s)},
		{name: "pod_label", values: withNot(s.Labels)}, {name: "namespace_label", values: withNot(s.NamespaceLabels)},
		{name: "prefix", values: s.CIDRs}, {name: "domain_name", values: s.Domains}, {name: "account", values: s.ServiceAccounts},
	}
	all = slices.DeleteFunc(all, func(c *choice) bool { return len(c.values) == 0 })
	// The fixed words of the schema take some of both limits.
	for {
		values, letters := 40, 1500
		for _, c := range all {
			if !c.open {
				values, letters = values+len(c.values), letters+c.letters()
			}
		}
		if values <= maxValues && letters <= maxLetters {
			return all
		}
		longest := slices.MaxFunc(all, func(a, b *choice) int {
			if a.open != b.open {
				return cmp.Compare(btoi(b.open), btoi(a.open))
			}
			return cmp.Compare(a.letters()+100*len(a.values), b.letters()+100*len(b.values))
		})
		longest.open = true
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// schema returns the JSON Schema of an answer about the shortlist.
func schema(s *names.Shortlist) json.RawMessage {
	var defs properties
	has := map[string]bool{}
	for _, c := range choices(s) {
		has[c.name] = true
		if c.open {
			defs = append(defs, property{c.name, properties{{"type", "string"}}})
		} else {
			defs = append(defs, property{c.name, oneOfWords(c.values...)})
		}
	}
	defs = append(defs, peerDefs(has)...)
	var ports []property
	if has["port"] {
		ports = []property{{"ports", listOrNull(ref("port"))}}
	}
	traffic := append([]property{{"peers", listOrNull(ref("peer"))}}, ports...)
	allow := append([]property{{"from", listOf(ref("peer"))}, {"to", listOf(ref("peer"))}}, ports...)
	allow = append(allow, property{"about", oneOfWords("ingress", "egress", "none")})
	defs = append(defs,
		property{"traffic", objectOf(traffic...)},
		property{"allow", objectOf(allow...)},
		property{"close", objectOf(
			property{"close", oneOfWords("ingress", "egress")},
			property{"subject", listOf(ref("peer"))},
			property{"scope", listOrNull(ref("traffic"))},
			property{"except", listOrNull(ref("traffic"))},
			property{"firm", properties{{"type", "boolean"}}},
			property{"dns", oneOfWords("auto", string(ir.DNSKeep), string(ir.DNSClose))})})
	root := objectOf(
		property{"explanation", properties{{"type", "string"}}},
		property{"outcome", oneOfWords(string(Rules), string(Ambiguous), string(OutOfScope))},
		property{"question", properties{{"type", []string{"string", "null"}}}},
		property{"rules", listOf(anyOf("allow", "close"))})
	out, err := encode(append(root, property{"$defs", defs}))
	if err != nil {
		return nil // strings, booleans and lists of them always encode
	}
	return printable(out)
}

func anyOf(names ...string) properties {
	var list []properties
	for _, n := range names {
		list = append(list, ref(n))
	}
	return properties{{"anyOf", list}}
}

// peerDefs are the kinds of peers that have something to name, with others taken
// out of them ("peer") and without ("taken").
func peerDefs(has map[string]bool) properties {
	in := listOf(oneOfWords(everywhere))
	if has["namespace_name"] {
		in = listOf(properties{{"anyOf", []properties{oneOfWords(everywhere), ref("namespace_name")}}})
	}
	pods := []property{{"pods_in", in}}
	for _, p := range [][2]string{{"not_in", "namespace_name"}, {"namespace_labels", "namespace_label"}, {"labels", "pod_label"}} {
		if has[p[1]] {
			pods = append(pods, property{p[0], listOrNull(ref(p[1]))})
		}
	}
	minus := property{"minus", listOrNull(ref("taken"))}
	var defs properties
	var peers, taken []string
	add := func(kind string, simple []property, more ...property) {
		if len(more) == 0 {
			defs = append(defs, property{kind, objectOf(simple...)})
			peers, taken = append(peers, kind), append(taken, kind)
			return
		}
		defs = append(defs, property{kind, objectOf(append(simple, more...)...)}, property{"plain_" + kind, objectOf(simple...)})
		peers, taken = append(peers, kind), append(taken, "plain_"+kind)
	}
	for _, p := range [][2]string{{"workload", "workload_name"}, {"service_account", "account"}, {"domain", "domain_name"}} {
		if has[p[1]] {
			add(p[0], []property{{p[0], ref(p[1])}})
		}
	}
	add("pods", pods, minus)
	if has["prefix"] {
		add("cidr", []property{{"cidr", ref("prefix")}}, property{"without", listOrNull(ref("prefix"))})
	}
	add("entity", []property{{"entity", oneOfWords(entities...)}}, minus)
	return append(defs, property{"taken", anyOf(taken...)}, property{"peer", anyOf(peers...)})
}

// printable escapes what could leave its place in JSON text: control characters,
// also those that JSON lets stand, characters that change the direction or the
// joining of text, and "<", with which the special tokens of many models begin.
func printable(doc []byte) []byte {
	var b strings.Builder
	for _, r := range string(doc) {
		if r == '<' || hidden(r) {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return []byte(b.String())
}
