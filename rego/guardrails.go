package rego

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// What a guardrail folder may hold. Nesting counts brackets that are open at
// once: parsers and the compiler recurse on them.
const (
	maxFile    = 1 << 20
	maxTotal   = 8 << 20
	maxFiles   = 500
	maxNesting = 200
	maxFound   = 500 // findings of one rule; more are counted, not listed
)

// guardrailsRef is the package that all guardrails lie in.
var guardrailsRef = []string{"kubeteus", "guardrails"}

// Guardrails are the user's compiled rules. It is safe for concurrent use.
type Guardrails struct {
	program   program
	questions []question
	edges     bool // some rule may look at reachability
}

// question is one deny or warn document.
type question struct {
	ref      ast.Ref
	severity diag.Severity
	pos      diag.Position // of its first rule
}

// Load reads and compiles the guardrails below dir: every *.rego file that is not
// a *_test.rego file. A folder that does not exist holds none. Guardrails are nil
// if the list has errors, and where there are none; a nil *Guardrails finds
// nothing.
func Load(fsys fs.FS, dir string) (*Guardrails, diag.List) {
	files, diags := guardrailFiles(fsys, dir)
	if len(files) == 0 || diags.HasErrors() {
		return nil, diags
	}
	type result struct {
		g     *Guardrails
		diags diag.List
	}
	// Compiling cannot be cancelled; a source that the compiler does not come to
	// an end of is left behind.
	const limit = 10 * time.Second
	out := make(chan result, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				out <- result{diags: diag.List{broken(diag.Position{File: dir}, "the Rego compiler failed: %v", r)}}
			}
		}()
		g, diags := compiled(files)
		out <- result{g, diags}
	}()
	select {
	case r := <-out:
		return r.g, append(diags, r.diags...).Sorted()
	case <-time.After(limit):
		return nil, append(diags, broken(diag.Position{File: dir}, "guardrails did not compile within %s", limit))
	}
}

func broken(pos diag.Position, format string, args ...any) diag.Diagnostic {
	return diag.Errorf(diag.RegoBroken, pos, format, args...)
}

// file is one source.
type file struct {
	name string
	text []byte
}

// guardrailFiles reads the sources in order of their names.
func guardrailFiles(fsys fs.FS, dir string) ([]file, diag.List) {
	var files []file
	var diags diag.List
	total := 0
	refuse := func(name, format string, args ...any) {
		diags = append(diags, broken(diag.Position{File: name}, format, args...))
	}
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if name == dir && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			refuse(name, "guardrails cannot be read: %v", err)
			return nil
		}
		if !d.IsDir() && !d.Type().IsRegular() { // a link may lead to rules, which would then not be read
			refuse(name, "not a regular file")
			return nil
		}
		if d.IsDir() || path.Ext(name) != ".rego" || strings.HasSuffix(name, "_test.rego") {
			return nil
		}
		if len(files) == maxFiles {
			refuse(name, "more than %d guardrail files", maxFiles)
			return fs.SkipAll
		}
		text, why := source(fsys, name)
		if total += len(text); why == "" && total > maxTotal {
			refuse(name, "guardrails are larger than %d MiB together", maxTotal>>20)
			return fs.SkipAll
		}
		if why != "" {
			refuse(name, "%s", why)
			return nil
		}
		files = append(files, file{name, text})
		return nil
	})
	if err != nil {
		refuse(dir, "guardrails cannot be read: %v", err)
	}
	return files, diags
}

// source reads one file, or says why it is not read.
func source(fsys fs.FS, name string) (text []byte, why string) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Sprintf("cannot be read: %v", err)
	}
	defer f.Close()
	if text, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, fmt.Sprintf("cannot be read: %v", err)
	}
	switch {
	case len(text) > maxFile:
		return nil, fmt.Sprintf("larger than %d MiB", maxFile>>20)
	case !utf8.Valid(text):
		return nil, "not UTF-8"
	case nesting(text) > maxNesting:
		return nil, fmt.Sprintf("brackets are nested deeper than %d", maxNesting)
	}
	return text, ""
}

// nesting is the most brackets that are open at once, outside of strings and
// comments.
func nesting(text []byte) int {
	depth, most := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '(', '[', '{':
			depth++
			most = max(most, depth)
		case ')', ']', '}':
			depth--
		case '#':
			if n := bytes.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				return most
			}
		case '"', '`':
			for i++; i < len(text) && text[i] != c; i++ {
				if c == '"' && text[i] == '\\' {
					i++
				}
			}
		}
	}
	return most
}

// compiled parses and compiles the sources.
func compiled(files []file) (*Guardrails, diag.List) {
	var diags diag.List
	modules := map[string]*ast.Module{}
	for _, f := range files {
		if blank(f.text) {
			continue
		}
		m, err := ast.ParseModuleWithOpts(f.name, string(f.text), ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities()})
		if err != nil {
			diags = append(diags, faults(f.name, err)...)
			continue
		}
		modules[f.name] = m
		diags = append(diags, foreign(m)...)
	}
	if diags.HasErrors() || len(modules) == 0 {
		return nil, diags
	}
	compiler, err := compile(modules)
	if err != nil {
		return nil, faults(files[0].name, err)
	}
	g := &Guardrails{program: program{compiler, limits{time: 5 * time.Second, memory: 1 << 30}}}
	for _, name := range sortedKeys(compiler.Modules) {
		m := compiler.Modules[name]
		g.edges = g.edges || mentions(m)
		diags = append(diags, g.ask(m)...)
	}
	if len(g.questions) == 0 && !diags.HasErrors() {
		diags = append(diags, broken(diag.Position{File: files[0].name}, "no guardrail has a rule deny or warn, so none can find anything").
			Hint("write: deny contains \"message\" if { ... }"))
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return g, diags
}

// blank says that a source holds comments and nothing else.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// faults words the errors of OPA's parser and compiler.
func faults(name string, err error) diag.List {
	var list ast.Errors
	if !errors.As(err, &list) {
		return diag.List{broken(diag.Position{File: name}, "%s", clip(err.Error()))}
	}
	var out diag.List
	for _, e := range list {
		pos := at(e.Location)
		if pos.File == "" {
			pos.File = name
		}
		d := broken(pos, "%s", clip(e.Message))
		if f, ok := strings.CutPrefix(e.Message, "undefined function "); ok && ast.BuiltinMap[f] != nil {
			d = d.Hint("guardrails run without network, clock, environment or randomness; what they see is in input, and sprintf joins strings")
		}
		if strings.Contains(e.Message, "keyword is required") {
			d = d.Hint("guardrails are Rego v1: deny contains msg if { ... }; opa fmt --rego-v1 rewrites older files")
		}
		out = append(out, d)
	}
	return out
}

// foreign refuses packages and data that are not the guardrails' own: neither
// would ever be looked at.
func foreign(m *ast.Module) diag.List {
	var out diag.List
	own := dataRef(guardrailsRef...)
	if !m.Package.Path.HasPrefix(own) {
		out = append(out, broken(at(m.Package.Location), "package %s: guardrails are of package kubeteus.guardrails, or below it", clip(strings.TrimPrefix(m.Package.Path.String(), "data."))).
			Hint("write: package kubeteus.guardrails"))
	}
	refuse := func(l *ast.Location, what string) {
		out = append(out, broken(at(l), "%s: there is no data but the guardrails' own", clip(what)).
			Hint("what guardrails see is in input; import data.kubeteus.guardrails to use another file's rules"))
	}
	whole := 0
	ast.WalkVars(m, func(v ast.Var) bool {
		if v.Equal(ast.DefaultRootDocument.Value) {
			whole++
		}
		return false
	})
	ast.WalkRefs(m, func(r ast.Ref) bool {
		if len(r) > 0 && r[0].Equal(ast.DefaultRootDocument) {
			whole--
			if !r.HasPrefix(own) && !r.Equal(m.Package.Path) {
				refuse(r[0].Location, r.String())
			}
		}
		return false
	})
	if whole > 0 && len(out) == 0 {
		refuse(m.Package.Location, "data")
	}
	return out
}

// ask collects the deny and warn rules of a module.
func (g *Guardrails) ask(m *ast.Module) diag.List {
	var out diag.List
	for _, r := range m.Rules {
		if len(r.Head.Ref()) == 0 {
			continue
		}
		name, severity := r.Head.Ref()[0].String(), diag.Error
		switch name {
		case "deny":
		case "warn":
			severity = diag.Warning
		default:
			continue
		}
		if r.Head.RuleKind() != ast.MultiValue || len(r.Head.Ref()) != 1 {
			out = append(out, broken(at(r.Location), "%s is not a set of messages", name).Hint("write: %s contains \"message\" if { ... }", name))
			continue
		}
		ref := m.Package.Path.Append(ast.StringTerm(name))
		if !slices.ContainsFunc(g.questions, func(q question) bool { return q.ref.Equal(ref) }) {
			g.questions = append(g.questions, question{ref, severity, at(r.Location)})
		}
	}
	return out
}

// mentions says whether a module may look at input.reachability: by name, or by
// input as a whole or under a key that is computed.
func mentions(m *ast.Module) bool {
	byName, other := false, 0
	ast.WalkVars(m, func(v ast.Var) bool {
		if v.Equal(ast.InputRootDocument.Value) {
			other++
		}
		return false
	})
	ast.WalkRefs(m, func(r ast.Ref) bool {
		if len(r) > 1 && r[0].Equal(ast.InputRootDocument) {
			if key, constant := r[1].Value.(ast.String); constant {
				other--
				byName = byName || key == "reachability"
			}
		}
		return false
	})
	return byName || other > 0
}

// Reachability says whether Check will ask for Input.Reachable.
func (g *Guardrails) Reachability() bool { return g != nil && g.edges }

// Check runs the guardrails. A guardrail that fails, or does not finish, is an
// error in the list.
func (g *Guardrails) Check(ctx context.Context, in Input) (diag.List, error) {
	if g == nil || len(g.questions) == 0 {
		return nil, ctx.Err()
	}
	doc, err := document(in, nil)
	if err == nil && g.edges {
		doc, err = withEdges(doc, in)
		if s := new(stopped); errors.As(err, &s) {
			return diag.List{broken(g.questions[0].pos, "the guardrails were not checked: one %s", s.why)}, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("preparing the policies for Rego: %w", err)
	}
	// The limit is that of all of them together.
	whole, done := context.WithTimeout(ctx, g.program.limits.time)
	defer done()
	places := newPlaces(in)
	var out diag.List
	for _, q := range g.questions {
		value, err := g.program.eval(whole, q.ref, doc)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = ended(ctx, g.program.limits)
		}
		if err != nil {
			pos, why := failure(err)
			if pos.File == "" {
				pos = q.pos
			}
			out = append(out, broken(pos, "the guardrail was not checked: %s", clip(why)))
			continue
		}
		out = append(out, q.findings(value, places)...)
	}
	return out.Sorted(), nil
}

// findings words the members of a deny or warn set.
func (q question) findings(value ast.Value, p *places) diag.List {
	set, ok := value.(ast.Set)
	if !ok {
		return diag.List{broken(q.pos, "%s is not a set of messages", q.ref)}
	}
	var out diag.List
	for i, t := range set.Slice() {
		if i == maxFound {
			return append(out, diag.Diagnostic{ID: diag.RegoGuardrail, Severity: q.severity, Pos: q.pos, Message: fmt.Sprintf("and %d more findings of this guardrail", set.Len()-maxFound)})
		}
		f, ok := member(t)
		if !ok {
			out = append(out, broken(q.pos, "%s holds %s, which is no message", q.ref, clip(t.String())).
				Hint("a member is a string, or an object with a string message"))
			continue
		}
		out = append(out, q.finding(f, p))
	}
	return out
}

// member reads a message, or an object that has one.
func member(t *ast.Term) (finding, bool) {
	switch v := t.Value.(type) {
	case ast.String:
		return finding{message: string(v)}, true
	case ast.Object:
		f := finding{policy: text(v, "policy"), field: text(v, "field"), intent: text(v, "intent"), message: text(v, "message")}
		if f.message == "" {
			f.message = text(v, "msg")
		}
		return f, f.message != ""
	}
	return finding{}, false
}

// finding words one finding: at the policy that it names, else at the guardrail.
func (q question) finding(f finding, p *places) diag.Diagnostic {
	d := diag.Diagnostic{ID: diag.RegoGuardrail, Severity: q.severity, Pos: q.pos, Message: message(f)}
	if o, ok := p.objects[f.policy]; ok {
		if list := intentsOf(o); len(list) == 1 {
			d = d.About(intentName(list[0]))
		}
		if pos := position(o, f.field); pos.File != "" {
			d.Pos = pos
			d = d.Relate(q.pos, "the guardrail stands here")
		}
	}
	if f.intent != "" {
		d = d.About(intentName(clip(f.intent)))
	}
	return d
}
