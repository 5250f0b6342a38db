package rego

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

//go:embed lib/lib.rego correctness/*/rule.rego security/*/rule.rego hygiene/*/rule.rego
var sources embed.FS

//go:embed input.schema.json
var inputSchema []byte

// Engine runs the built-in rules. It is safe for concurrent use.
type Engine struct {
	program program
	rules   []Info
	known   known
}

// Info describes a built-in rule. Name is category/rule.
type Info struct {
	Name     string
	Title    string
	Help     string // what to do about a finding
	Severity diag.Severity
}

// rulesRef is the package that all built-in rules lie in.
var rulesRef = []string{"kubeteus", "rules"}

// New compiles the built-in rules.
func New(ctx context.Context) (*Engine, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	modules := map[string]*ast.Module{}
	err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sources, name)
		if err != nil {
			return err
		}
		modules[name], err = ast.ParseModuleWithOpts(name, string(data), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the built-in rules: %w", err)
	}
	e := &Engine{}
	for _, name := range sortedKeys(modules) {
		if path.Base(name) != "rule.rego" {
			continue
		}
		info, err := describe(path.Dir(name), modules[name])
		if err != nil {
			return nil, fmt.Errorf("reading the built-in rules: %s: %w", name, err)
		}
		e.rules = append(e.rules, info)
	}
	compiler, err := compile(modules)
	if err != nil {
		return nil, fmt.Errorf("compiling the built-in rules: %w", err)
	}
	e.program = program{compiler, limits{time: 20 * time.Second, memory: 2 << 30}}
	return e, nil
}

// compile compiles modules under the sandbox's capabilities and the input's
// schema. Its errors are ast.Errors.
func compile(modules map[string]*ast.Module) (*ast.Compiler, error) {
	var schema any
	if err := util.UnmarshalJSON(inputSchema, &schema); err != nil {
		return nil, err
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema)
	c := ast.NewCompiler().WithCapabilities(capabilities()).WithSchemas(schemas).WithEnablePrintStatements(false).WithDefaultRegoVersion(ast.RegoV1)
	c.Compile(modules)
	if c.Failed() {
		return nil, c.Errors
	}
	return c, nil
}

// describe reads a rule's metadata.
func describe(name string, m *ast.Module) (Info, error) {
	info := Info{Name: name}
	for _, a := range m.Annotations {
		if a.Scope != "package" {
			continue
		}
		info.Title, info.Help = a.Title, strings.Join(strings.Fields(a.Description), " ")
		word, _ := a.Custom["severity"].(string)
		if err := info.Severity.UnmarshalText([]byte(word)); err != nil {
			return info, err
		}
	}
	if info.Title == "" || info.Help == "" {
		return info, errors.New("metadata of scope package need a title and a description")
	}
	return info, nil
}

// Rules lists the built-in rules by name.
func (e *Engine) Rules() []Info { return slices.Clone(e.rules) }

// Check runs the built-in rules. Findings are ordered by place.
func (e *Engine) Check(ctx context.Context, in Input) (diag.List, error) {
	if len(in.Policies)+len(in.InForce) == 0 {
		return nil, ctx.Err()
	}
	doc, err := document(in, &e.known)
	if err != nil {
		return nil, fmt.Errorf("preparing the policies for Rego: %w", err)
	}
	value, err := e.program.eval(ctx, dataRef(rulesRef...), doc)
	if s := new(stopped); errors.As(err, &s) {
		return diag.List{diag.Warningf(diag.RegoBroken, diag.Position{}, "the built-in rules were not checked: running them %s", s.why)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("running the built-in rules: %w", err)
	}
	places := newPlaces(in)
	var out diag.List
	for _, r := range e.rules {
		set, err := findings(value, r.Name)
		if err != nil {
			return nil, fmt.Errorf("running the built-in rules: %w", err)
		}
		for _, f := range set {
			if _, known := places.objects[f.policy]; !known {
				return nil, fmt.Errorf("running the built-in rules: %s finds fault with %q, which is no policy", r.Name, f.policy)
			}
			out = append(out, places.finding(r, f))
		}
	}
	return out.Sorted(), nil
}

// dataRef is data, followed by strings.
func dataRef(elements ...string) ast.Ref {
	ref := ast.Ref{ast.DefaultRootDocument}
	for _, s := range elements {
		ref = append(ref, ast.StringTerm(s))
	}
	return ref
}

// finding is what a rule says of a policy.
type finding struct{ policy, field, message, intent string }

// findings returns what the rule found, in order.
func findings(all ast.Value, rule string) ([]finding, error) {
	category, name := path.Split(rule)
	v, err := all.Find(ast.Ref{ast.StringTerm(path.Clean(category)), ast.StringTerm(name), ast.StringTerm("findings")})
	if err != nil {
		return nil, fmt.Errorf("%s has no findings: %w", rule, err)
	}
	set, ok := v.(ast.Set)
	if !ok {
		return nil, fmt.Errorf("%s: its findings are no set", rule)
	}
	var out []finding
	for _, t := range set.Slice() {
		o, ok := t.Value.(ast.Object)
		if !ok {
			return nil, fmt.Errorf("%s: a finding is no object", rule)
		}
		f := finding{policy: text(o, "policy"), field: text(o, "field"), message: text(o, "message")}
		if f.policy == "" || f.message == "" {
			return nil, fmt.Errorf("%s: a finding lacks its policy or its message", rule)
		}
		out = append(out, f)
	}
	return out, nil
}

// text is a string of an object, or "".
func text(o ast.Object, key string) string {
	if t := o.Get(ast.StringTerm(key)); t != nil {
		if s, ok := t.Value.(ast.String); ok {
			return string(s)
		}
	}
	return ""
}

// places finds what findings are about.
type places struct {
	objects map[string]policy.Object
	written map[string]bool
}

func newPlaces(in Input) *places {
	p := &places{objects: map[string]policy.Object{}, written: map[string]bool{}}
	for _, o := range in.InForce {
		p.objects[o.Key()] = o
	}
	for _, o := range in.Policies {
		p.objects[o.Key()], p.written[o.Key()] = o, true
	}
	return p
}

// finding words what a built-in rule found.
func (p *places) finding(r Info, f finding) diag.Diagnostic {
	o := p.objects[f.policy]
	d := diag.Diagnostic{ID: diag.RegoRule, Severity: r.Severity, Pos: position(o, f.field), Message: message(f) + " (" + r.Name + ")"}
	if !p.written[f.policy] {
		d.Severity = diag.Note
		if r.Severity == diag.Error {
			d.Severity = diag.Warning
		}
	}
	if list := intentsOf(o); len(list) == 1 && p.written[f.policy] {
		d = d.About(intentName(list[0]))
	}
	return d.Hint("%s", r.Help)
}

// message opens with the policy and the field.
func message(f finding) string {
	parts := []string{f.policy, f.field, clip(f.message)}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// clip cuts text to what a message can hold.
func clip(s string) string {
	const most = 1000
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// intentName is an intent's name without its set's.
func intentName(s string) string {
	if _, name, ok := strings.Cut(s, "/"); ok {
		return name
	}
	return s
}

// position is the place of a field's rule, else of the object.
func position(o policy.Object, field string) diag.Position {
	var i int
	if n, _ := fmt.Sscanf(field, "spec.ingress[%d]", &i); n == 1 && i >= 0 && i < len(o.IngressAt) {
		return o.IngressAt[i]
	}
	if n, _ := fmt.Sscanf(field, "spec.egress[%d]", &i); n == 1 && i >= 0 && i < len(o.EgressAt) {
		return o.EgressAt[i]
	}
	return o.Origin
}

// failure words what stopped a guardrail, and where.
func failure(err error) (diag.Position, string) {
	e := new(topdown.Error)
	if !errors.As(err, &e) {
		return diag.Position{}, err.Error()
	}
	return at(e.Location), cmp.Or(e.Message, e.Code)
}

// at is a place in a Rego file.
func at(l *ast.Location) diag.Position {
	if l == nil {
		return diag.Position{}
	}
	return diag.Position{File: l.File, Line: l.Row, Column: l.Col}
}
