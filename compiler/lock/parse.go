package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

const (
	maxSize  = 4 << 20 // bytes of a lock
	maxDepth = 40      // levels of a rule
)

// Parse decodes a lock. path is only used in positions; the file is nil if it has
// errors. Where git left conflict markers, both sides are read: what they agree on,
// and what only one of them has, is kept, and the rest is left out, to be read anew.
// So is what a merge without a conflict put together wrongly; a warning says so.
func Parse(path string, data []byte) (*File, diag.List) {
	if len(data) > maxSize {
		return nil, diag.List{mend(diag.Errorf(diag.LockSyntax, diag.Position{File: path, Line: 1, Column: 1}, "lock of %d bytes: at most %d are read", len(data), maxSize))}
	}
	if at := marker.FindIndex(data); at != nil {
		return conflict(path, data, 1+bytes.Count(data[:at[0]], []byte("\n")))
	}
	p := parser{path: path}
	f := p.file(data)
	if p.diags.HasErrors() {
		return nil, p.diags.Sorted()
	}
	return f, p.diags
}

// mend adds the hint that helps whatever is wrong with a lock.
func mend(d diag.Diagnostic) diag.Diagnostic {
	return d.Hint("restore it from version control, or remove it and run kubeteus compile, which reads every statement anew")
}

var marker = regexp.MustCompile(`(?m)^(<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)( |\r?$)`)

// conflict reads both sides of a merge that git could not finish.
func conflict(path string, data []byte, line int) (*File, diag.List) {
	at := diag.Position{File: path, Line: line, Column: 1}
	a, b := sides(string(data))
	ours, theirs := parser{path: path, merged: true}, parser{path: path, merged: true}
	x, y := ours.file([]byte(a)), theirs.file([]byte(b))
	if ours.diags.HasErrors() || theirs.diags.HasErrors() {
		return nil, diag.List{mend(diag.Errorf(diag.LockSyntax, at, "merge conflict: git left conflict markers in the lock, and a side of it does not parse"))}
	}
	f := &File{}
	if x.Project == y.Project {
		f.Project = x.Project
	}
	if x.Overlay == y.Overlay {
		f.Overlay = x.Overlay
	}
	mine, other := byIntent(x), byIntent(y)
	for _, e := range x.Entries {
		if o, both := other[key(e)]; !both || reflect.DeepEqual(e, o) {
			f.Entries = append(f.Entries, e)
		}
	}
	for _, e := range y.Entries {
		if _, both := mine[key(e)]; !both {
			f.Entries = append(f.Entries, e)
		}
	}
	slices.SortFunc(f.Entries, compareEntries)
	return f, diag.List{diag.Warningf(diag.LockSyntax, at, "merge conflict: git left conflict markers in the lock; readings that the two sides agree on are kept").
		Hint("run kubeteus compile: it reads the other statements anew and writes the lock without markers")}
}

func key(e Entry) [2]string { return [2]string{e.Set, e.Intent} }

func byIntent(f *File) map[[2]string]Entry {
	out := map[[2]string]Entry{}
	for _, e := range f.Entries {
		out[key(e)] = e
	}
	return out
}

// sides returns the two texts that git could not merge; what a diff3 marker
// opens, their common ancestor, is left out.
func sides(text string) (ours, theirs string) {
	var a, b strings.Builder
	in := byte(' ')
	for line := range strings.Lines(text) {
		if marker.MatchString(line) {
			if in = line[0]; in == '>' {
				in = ' '
			}
			continue
		}
		if in == ' ' || in == '<' {
			a.WriteString(line)
		}
		if in == ' ' || in == '=' {
			b.WriteString(line)
		}
	}
	return a.String(), b.String()
}

// parser decodes one text. merged says that it is a side of a conflict: entries
// that do not parse are then left out.
type parser struct {
	path   string
	merged bool
	diags  diag.List
}

// anew warns of an entry that is left out.
func (p *parser) anew(n *yaml.Node, e Entry, why string) {
	p.diags = append(p.diags, diag.Warningf(diag.LockSyntax, p.at(n), "the reading of intent %q of set %q is not taken: %s", e.Intent, e.Set, why).
		Hint("run kubeteus compile: it reads the statement anew"))
}

func (p *parser) at(n *yaml.Node) diag.Position {
	return diag.Position{File: p.path, Line: n.Line, Column: n.Column}
}

func (p *parser) errorf(at diag.Position, format string, args ...any) {
	p.diags = append(p.diags, mend(diag.Errorf(diag.LockSyntax, at, format, args...)))
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// file decodes the only document of data.
func (p *parser) file(data []byte) *File {
	var root, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	err := d.Decode(&root)
	if err == nil {
		if next := d.Decode(&second); next == nil {
			p.errorf(p.at(&second), "a second YAML document in the lock")
			return nil
		} else if !errors.Is(next, io.EOF) {
			err = next
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		p.errorf(diag.Position{File: p.path, Line: 1, Column: 1}, "the lock is empty")
		return nil
	case err != nil:
		line := 1
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
			line, _ = strconv.Atoi(m[1]) // digits
		}
		p.errorf(diag.Position{File: p.path, Line: max(line, 1)}, "not YAML: %s", yamlLine.ReplaceAllString(err.Error(), ""))
		return nil
	}
	n := root.Content[0]
	top := p.fields(n, "the lock", "apiVersion", "kind", "project", "overlay", "entries")
	if top == nil {
		return nil
	}
	if v, k := p.text(top["apiVersion"]), p.text(top["kind"]); v != apiVersion || k != kind {
		p.errorf(p.at(n), "not a lock that this version reads: apiVersion %q, kind %q", v, k)
		return nil
	}
	f := &File{Project: p.text(top["project"]), Overlay: p.text(top["overlay"])}
	seen, twins := map[[2]string]Entry{}, map[[2]string]bool{}
	for _, n := range p.items(top["entries"]) {
		before := len(p.diags)
		e, ok := p.entry(n)
		if !ok {
			if p.merged {
				p.diags = p.diags[:before]
			}
			continue
		}
		if other, twice := seen[key(e)]; !twice {
			seen[key(e)] = e
			f.Entries = append(f.Entries, e)
		} else if !reflect.DeepEqual(other, e) {
			twins[key(e)] = true
			p.anew(n, e, "the lock has two that differ, as a merge without a conflict leaves them")
		}
	}
	f.Entries = slices.DeleteFunc(f.Entries, func(e Entry) bool { return twins[key(e)] })
	slices.SortStableFunc(f.Entries, compareEntries)
	return f
}

// entry decodes one entry, and says whether it is to be taken.
func (p *parser) entry(n *yaml.Node) (Entry, bool) {
	before := len(p.diags)
	m := p.fields(n, "an entry", "set", "intent", "digest", "rules", "reader?", "version?", "model?", "prompt?", "samples?", "notes?", "seal?")
	if m == nil {
		return Entry{}, false
	}
	e := Entry{Set: p.text(m["set"]), Intent: p.text(m["intent"]), Digest: p.text(m["digest"])}
	p.provenance(&e, m)
	for _, r := range p.items(m["rules"]) {
		e.Rules = append(e.Rules, p.rule(r))
	}
	for _, s := range p.items(m["notes"]) {
		e.Notes = append(e.Notes, p.text(s))
	}
	if e.Set == "" || e.Intent == "" || e.Digest == "" {
		p.errorf(p.at(n), "an entry without a set, an intent or a digest")
	}
	if seal := p.text(m["seal"]); len(p.diags) == before && seal != e.seal() {
		p.anew(n, e, "it is not as it was written, but edited, or put together from two by a merge")
	}
	return e, len(p.diags) == before
}

const maxProvenance = 256 // bytes of each field; no model and no digest has a longer name

var samples = regexp.MustCompile(`^([1-9][0-9]?)/([1-9][0-9]?)$`)

// provenance decodes where a reading came from. It is shown to people, so it is
// one line of text; a field that is there says something, since Encode leaves
// empty ones out.
func (p *parser) provenance(e *Entry, m map[string]*yaml.Node) {
	for _, f := range []struct {
		key string
		to  *string
	}{{"reader", &e.Reader}, {"version", &e.Version}, {"model", &e.Model}, {"prompt", &e.Prompt}, {"samples", &e.Samples}} {
		n := m[f.key]
		if n == nil {
			continue
		}
		*f.to = p.text(n)
		if *f.to == "" || len(*f.to) > maxProvenance || strings.ContainsFunc(*f.to, func(r rune) bool { return !unicode.IsPrint(r) }) {
			p.errorf(p.at(n), "%s is empty, longer than %d bytes, or not one line of text", f.key, maxProvenance)
		}
	}
	if n := m["samples"]; n != nil {
		agreed, of := 0, 0
		if s := samples.FindStringSubmatch(e.Samples); s != nil {
			agreed, _ = strconv.Atoi(s[1]) // two digits at most
			of, _ = strconv.Atoi(s[2])
		}
		if of == 0 || agreed > of {
			p.errorf(p.at(n), "samples %q: it is how many answers agreed, of how many, such as 3/3", e.Samples)
		}
	}
}

// fields returns the values of a mapping whose keys are known; a key with a
// question mark may be absent. It returns nil after an error.
func (p *parser) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		p.errorf(p.at(n), "%s is not a mapping", what)
		return nil
	}
	out := map[string]*yaml.Node{}
	ok := true
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case !slices.Contains(known, key.Value) && !slices.Contains(known, key.Value+"?"):
			p.errorf(p.at(key), "unknown key %q in %s", key.Value, what)
			ok = false
		case out[key.Value] != nil:
			p.errorf(p.at(key), "key %q of %s given twice", key.Value, what)
			ok = false
		default:
			out[key.Value] = n.Content[i+1]
		}
	}
	for _, key := range known {
		if out[key] == nil && !strings.HasSuffix(key, "?") {
			p.errorf(p.at(n), "missing key %q in %s", key, what)
			ok = false
		}
	}
	if !ok {
		return nil
	}
	return out
}

// text returns a string; "" for an absent one.
func (p *parser) text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.ShortTag() != "!!str" {
		p.errorf(p.at(n), "not a string")
		return ""
	}
	return n.Value
}

func (p *parser) items(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || n.Anchor != "" {
		p.errorf(p.at(n), "not a list")
		return nil
	}
	return n.Content
}

// rule decodes one rule by way of JSON, since its json tags are its format. What
// encoding/json is lenient about (case, nulls, zeros) shows when the rule is
// written again: it must come out as it went in.
func (p *parser) rule(n *yaml.Node) ir.Rule {
	var r ir.Rule
	tree, err := plainTree(n, 0)
	if err != nil {
		p.errorf(p.at(err.node), "%s", err.message)
		return r
	}
	data, fail := json.Marshal(tree)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if fail == nil {
		fail = d.Decode(&r)
	}
	if fail == nil {
		fail = check(r)
	}
	if fail != nil {
		p.errorf(p.at(n), "not a rule: %s", strings.TrimPrefix(fail.Error(), "json: "))
		return ir.Rule{}
	}
	again, _ := json.Marshal(r) // as Encode does
	if !bytes.Equal(canonical(data), canonical(again)) {
		p.errorf(p.at(n), "not a rule in the form that kubeteus writes")
		return ir.Rule{}
	}
	return r
}

// canonical sorts the keys of a JSON document.
func canonical(data []byte) []byte {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return nil
	}
	out, _ := json.Marshal(v)
	return out
}

// nodeError is what is wrong with a node.
type nodeError struct {
	node    *yaml.Node
	message string
}

// plainTree returns a node as maps, lists, strings, whole numbers and booleans.
func plainTree(n *yaml.Node, depth int) (any, *nodeError) {
	switch {
	case depth > maxDepth:
		return nil, &nodeError{n, "nested too deeply"}
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return nil, &nodeError{n, "anchors and aliases are not used in a lock"}
	case n.Kind == yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, twice := out[key.Value]; twice || key.Kind != yaml.ScalarNode {
				return nil, &nodeError{key, fmt.Sprintf("key %q given twice, or no string", key.Value)}
			}
			v, err := plainTree(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			out[key.Value] = v
		}
		return out, nil
	case n.Kind == yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			v, err := plainTree(c, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	switch n.ShortTag() {
	case "!!str":
		return n.Value, nil
	case "!!bool":
		return n.Value == "true", nil
	case "!!int":
		if v, err := strconv.Atoi(n.Value); err == nil {
			return v, nil
		}
	}
	return nil, &nodeError{n, fmt.Sprintf("%q is no string, whole number or truth value", n.Value)}
}
