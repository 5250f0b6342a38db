package lock

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// The lock is written from JSON, so that it holds what the json tags of package
// ir say, but laid out for people and for line-wise merges: down to a rule's
// fields one line each, below that on the key's line where it fits. Scalars are
// quoted unless both YAML 1.1 and 1.2 read them as the same string.

// value is one JSON value: a scalar as YAML text, a list or a mapping.
type value struct {
	scalar string
	keys   []string // of a mapping
	values []value  // of a list or mapping
	open   json.Delim
}

const (
	width     = 100 // columns that a line of flow style may take
	flowDepth = 6   // what lies this deep may be in flow style: a field of a rule
)

// toYAML lays out a JSON document.
func toYAML(data []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var out bytes.Buffer
	readValue(d).block(&out, 0, 0)
	return out.Bytes()
}

// readValue reads the next value of a document that json.Marshal wrote, which
// therefore has no errors.
func readValue(d *json.Decoder) value {
	token, _ := d.Token()
	switch t := token.(type) {
	case json.Delim:
		v := value{open: t}
		for d.More() {
			if t == '{' {
				key, _ := d.Token()
				v.keys = append(v.keys, key.(string))
			}
			v.values = append(v.values, readValue(d))
		}
		_, _ = d.Token()
		return v
	case string:
		return value{scalar: quote(t)}
	case json.Number:
		return value{scalar: t.String()}
	case bool:
		return value{scalar: strconv.FormatBool(t)}
	default:
		return value{scalar: "null"}
	}
}

var (
	plain  = regexp.MustCompile(`^([A-Za-z/]([-A-Za-z0-9._/:+]*[A-Za-z0-9])?|[0-9.]+/[0-9]+)$`)
	unsafe = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)
)

func quote(s string) string {
	if plain.MatchString(s) && !unsafe.MatchString(s) {
		return s
	}
	// Go's escapes of valid UTF-8 are YAML's.
	return strconv.Quote(strings.ToValidUTF8(s, "\ufffd"))
}

// flow returns v on one line.
func (v value) flow() string {
	if v.open == 0 {
		return v.scalar
	}
	var out []string
	for i, x := range v.values {
		s := x.flow()
		if v.open == '{' {
			s = v.keys[i] + ": " + s
		}
		out = append(out, s)
	}
	if v.open == '{' {
		return "{" + strings.Join(out, ", ") + "}"
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// line returns v as it stands behind a key or a dash, if it may and fits there.
func (v value) line(column, depth int) (string, bool) {
	if v.open == 0 || len(v.values) == 0 {
		return v.flow(), true
	}
	if depth < flowDepth {
		return "", false
	}
	s := v.flow()
	return s, column+len(s) <= width
}

// block writes a list or mapping line by line. The cursor stands at the indent.
func (v value) block(out *bytes.Buffer, indent, depth int) {
	for i, x := range v.values {
		if i > 0 {
			out.WriteString(strings.Repeat(" ", indent))
		}
		if v.open == '[' {
			out.WriteString("- ")
			if s, ok := x.line(indent+2, depth+1); ok {
				out.WriteString(s + "\n")
			} else {
				x.block(out, indent+2, depth+1)
			}
			continue
		}
		out.WriteString(v.keys[i] + ":")
		if s, ok := x.line(indent+len(v.keys[i])+2, depth+1); ok {
			out.WriteString(" " + s + "\n")
			continue
		}
		inner := indent
		if x.open == '{' {
			inner += 2
		}
		out.WriteString("\n" + strings.Repeat(" ", inner))
		x.block(out, inner, depth+1)
	}
}
