package rego

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// pci is the three lines that the design promises.
const pci = `package kubeteus.guardrails
deny contains sprintf("outside reaches %s", [e.to.name]) if {
	some e in input.reachability
	e.from.kind == "outside"; e.to.namespace == "pci"
}
`

func folder(files ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		out["guardrails/"+files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return out
}

func rules(t testing.TB, files ...string) *Guardrails {
	t.Helper()
	g, diags := Load(folder(files...), "guardrails")
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return g
}

func run(t testing.TB, g *Guardrails, in Input) diag.List {
	t.Helper()
	diags, err := g.Check(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return diags
}

func edges(list ...Edge) iter.Seq[Edge] { return slices.Values(list) }

func shop(t testing.TB) Input {
	in := Input{Target: "kubernetes", Inventory: loaded(t, "testdata/town", "manifests.yaml", "one-family.yaml"), Reachable: edges()}
	in.Policies = decoded(t, "policies/web.yaml", []byte(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop, annotations: {kubeteus.dev/intents: shop/front}}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: api}}
`))
	in.Rules = []Rule{{Set: "shop", Intent: "front", Statement: "Only api may reach web.", Rule: ir.Rule{Allow: &ir.Allow{
		From: []ir.Peer{{Kind: ir.Workload, Namespace: "shop", Name: "api"}}, To: []ir.Peer{{Kind: ir.Workload, Namespace: "shop", Name: "web"}}}}}}
	return in
}

func TestReachability(t *testing.T) {
	g := rules(t, "pci.rego", pci)
	if !g.Reachability() {
		t.Error("reachability is not asked for")
	}
	outside, web := Party{Kind: Outside}, Party{Kind: Workload, Namespace: "shop", Name: "web"}
	in := Input{Reachable: edges(
		Edge{From: outside, To: Party{Kind: Workload, Namespace: "pci", Name: "vault"}, Ports: []string{"TCP 443"}},
		Edge{From: web, To: Party{Kind: Workload, Namespace: "pci", Name: "ledger"}, Ports: []string{"TCP 443"}},
		Edge{From: outside, To: web, Ports: []string{"TCP 80"}})}
	want := "guardrails/pci.rego:2:1: error: outside reaches vault\n"
	if got := lines(run(t, g, in)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	in.Reachable = edges(Edge{From: outside, To: web})
	if got := run(t, g, in); len(got) > 0 {
		t.Error(got)
	}
}

// TestReachabilityLimit: a guardrail is never run on a part of the edges, and
// what yields them is stopped.
func TestReachabilityLimit(t *testing.T) {
	g := rules(t, "pci.rego", pci)
	yielded := 0
	in := Input{Reachable: func(yield func(Edge) bool) {
		for yield(Edge{From: Party{Kind: Outside}, To: Party{Kind: Workload, Namespace: "shop", Name: "web"}, Ports: []string{"TCP 80"}}) {
			yielded++
		}
	}}
	got := run(t, g, in)
	if len(got) != 1 || got[0].ID != diag.RegoBroken || got[0].Severity != diag.Error || !strings.Contains(got[0].Message, "250,000") || yielded > maxEdges {
		t.Errorf("%v after %d", got, yielded)
	}
	in.Reachable = nil
	if got := run(t, g, in); len(got) != 1 || got[0].ID != diag.RegoBroken {
		t.Errorf("unknown reachability: %v", got)
	}
}

// TestReachabilityAsked: edges are computed only for those who may look at them.
func TestReachabilityAsked(t *testing.T) {
	for text, want := range map[string]bool{
		`deny contains "x" if { some p in input.policies; p.name == "reachability" }`:                          false,
		`deny contains "x" if count(input.inventory.workloads) > 0`:                                            false,
		`deny contains "x" if count(input.reachability) > 0`:                                                   true,
		`deny contains "x" if count(input["reachability"]) > 0`:                                                true,
		`deny contains "x" if { some k in ["reachability"]; count(input[k]) > 0 }`:                             true,
		`deny contains "x" if { d := input; count(d.reachability) > 0 }`:                                       true,
		`deny contains "x" if { walk(input, [p, _]); count(p) > 99 }`:                                          true,
		`deny contains "x" if { some p in input.policies; input.policies[count(input.rules)].name == p.name }`: false,
		"import input.reachability as edges\ndeny contains \"x\" if count(edges) > 0":                          true,
	} {
		g := rules(t, "a.rego", "package kubeteus.guardrails\n"+text)
		if g.Reachability() != want {
			t.Errorf("%s: %v, want %v", text, g.Reachability(), want)
		}
		asked := false
		in := shop(t)
		in.Reachable = func(func(Edge) bool) { asked = true }
		run(t, g, in)
		if asked != want {
			t.Errorf("%s: asked %v, want %v", text, asked, want)
		}
	}
}

// TestFindings: what members of deny and warn become.
func TestFindings(t *testing.T) {
	const head = "package kubeteus.guardrails\n"
	tests := []struct{ text, want, intent string }{
		{`warn contains "plain" if true`, "guardrails/a.rego:2:1: warning: plain\n", ""},
		{`deny contains {"msg": "short"} if true`, "guardrails/a.rego:2:1: error: short\n", ""},
		{`deny contains {"message": "m", "policy": p.key} if some p in input.policies`, "policies/web.yaml:2:1: error: NetworkPolicy/shop/web: m\n", "front"},
		{`deny contains {"message": "m", "policy": p.key, "field": r.field} if { some p in input.policies; some r in p.rules }`, "policies/web.yaml:8:5: error: NetworkPolicy/shop/web: spec.ingress[0]: m\n", "front"},
		{`deny contains {"message": "m", "field": "spec.ingress[-1]", "policy": p.key} if some p in input.policies`, "policies/web.yaml:2:1: error: NetworkPolicy/shop/web: spec.ingress[-1]: m\n", "front"},
		{`deny contains {"message": r.allow.to[0].name, "intent": sprintf("%s/%s", [r.set, r.intent])} if some r in input.rules`, "guardrails/a.rego:2:1: error: web\n", "front"},
		{`deny contains {"message": "m", "policy": "nobody"} if true`, "guardrails/a.rego:2:1: error: nobody: m\n", ""},
		{`deny contains w.ref if { some w in input.inventory.workloads; w.hostNetwork }`, "guardrails/a.rego:2:1: error: monitoring/node-agent\n", ""},
		{`deny contains w.ref if { some p in input.policies; some i in p.rules[0].peers[0].selects; w := input.inventory.workloads[i] }`, "guardrails/a.rego:2:1: error: shop/api\n", ""},
		{`deny contains s.name if some s in input.inventory.services`, "guardrails/a.rego:2:1: error: web\n", ""},
		{`deny contains n.labels.team if some n in input.inventory.namespaces`, "guardrails/a.rego:2:1: error: ops\n", ""},
		{`deny contains input.policies[0].spec.ingress[0].from[0].podSelector.matchLabels.app if true`, "guardrails/a.rego:2:1: error: api\n", ""},
		{`deny contains 1 if true`, "guardrails/a.rego:2:1: error: data.kubeteus.guardrails.deny holds 1, which is no message\n", ""},
		{`deny contains "" if true`, "guardrails/a.rego:2:1: error: \n", ""},
		{`deny contains {"policy": "a"} if true`, "guardrails/a.rego:2:1: error: data.kubeteus.guardrails.deny holds {\"policy\": \"a\"}, which is no message\n", ""},
		{`deny contains "never" if false`, "", ""},
		{`deny contains "x" if { print("secret"); true }`, "guardrails/a.rego:2:1: error: x\n", ""},
		{`deny contains to_number("many") if true`, "guardrails/a.rego:2:15: error: the guardrail was not checked: to_number: strconv.ParseFloat: parsing \"many\": invalid syntax\n", ""},
	}
	for _, tt := range tests {
		diags := run(t, rules(t, "a.rego", head+tt.text), shop(t))
		if got := lines(diags); got != tt.want {
			t.Errorf("%s\ngot  %q\nwant %q", tt.text, got, tt.want)
		}
		for _, d := range diags {
			if d.Intent != tt.intent {
				t.Errorf("%s: intent %q, want %q", tt.text, d.Intent, tt.intent)
			}
		}
	}
}

// TestPackages: files of one package share their rules, packages below are asked
// too, tests are no guardrails.
func TestPackages(t *testing.T) {
	g := rules(t,
		"lib.rego", "package kubeteus.guardrails.lib\nname(p) := p.name",
		"a.rego", "package kubeteus.guardrails\nimport data.kubeteus.guardrails.lib\ndeny contains lib.name(p) if some p in input.policies",
		"b.rego", "package kubeteus.guardrails\ndeny contains \"b\" if true\nwarn contains \"w\" if true",
		"deep/c.rego", "package kubeteus.guardrails.team\ndeny contains \"c\" if true",
		"a_test.rego", "not rego", "README.md", "nor this", "comment.rego", "# nothing")
	want := "guardrails/a.rego:3:1: error: b\nguardrails/a.rego:3:1: error: web\nguardrails/b.rego:3:1: warning: w\nguardrails/deep/c.rego:2:1: error: c\n"
	if got := lines(run(t, g, shop(t))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestNoGuardrails(t *testing.T) {
	for _, fsys := range []fs.FS{fstest.MapFS{}, folder("README.md", "")} {
		g, diags := Load(fsys, "guardrails")
		if g != nil || len(diags) > 0 || g.Reachability() {
			t.Error(g, diags)
		}
		if found, err := g.Check(context.Background(), Input{}); found != nil || err != nil {
			t.Error(found, err)
		}
	}
}

// TestRefused: what does not load, with its place.
func TestRefused(t *testing.T) {
	const head = "package kubeteus.guardrails\n"
	tests := []struct{ name, text, pos, want string }{
		{"syntax", head + "deny contains if {", "guardrails/a.rego:2:", ""},
		{"old syntax", head + "deny[msg] { msg := \"x\" }", "guardrails/a.rego:2:1", "keyword is required"},
		{"unsafe", head + "deny contains x if true", "guardrails/a.rego:2:", "unsafe"},
		{"recursion", head + "deny contains \"x\" if a\na if b\nb if a", "guardrails/a.rego:3:1", "recursive"},
		{"type", head + "deny contains \"x\" if count(1) > 2", "guardrails/a.rego:2:", "invalid argument"},
		{"misspelt field", head + "deny contains \"x\" if count(input.reachabilty) > 0", "guardrails/a.rego:2:", "undefined ref"},
		{"misspelt deep field", head + "deny contains p.nmae if some p in input.policies", "guardrails/a.rego:2:", "undefined ref"},
		{"package", "package main\ndeny contains \"x\" if true", "guardrails/a.rego:1:1", "guardrails are of package kubeteus.guardrails"},
		{"package beside", "package kubeteus.guardrailsx\ndeny contains \"x\" if true", "guardrails/a.rego:1:1", "guardrails are of package"},
		{"our rules", "package kubeteus.rules.security\nfindings contains \"x\" if true", "guardrails/a.rego:1:1", "guardrails are of package"},
		{"data", head + "deny contains \"x\" if data.secrets.key", "guardrails/a.rego:2:", "no data but"},
		{"imported data", head + "import data.secrets\ndeny contains \"x\" if secrets.key", "guardrails/a.rego:2:", "no data but"},
		{"all data", head + "deny contains \"x\" if walk(data, [_, \"x\"])", "guardrails/a.rego:", "no data but"},
		{"no set", head + "deny := \"x\"", "guardrails/a.rego:2:1", "not a set of messages"},
		{"boolean", head + "deny if true", "guardrails/a.rego:2:1", "not a set of messages"},
		{"object", head + "deny[\"x\"] := 1", "guardrails/a.rego:2:1", "not a set of messages"},
		{"nested", head + "deny[\"x\"] contains 1 if true", "guardrails/a.rego:2:1", "not a set of messages"},
		{"nothing asked", head + "denies contains \"x\" if true", "guardrails/a.rego", "no guardrail has a rule deny or warn"},
		{"nesting", head + "x := " + strings.Repeat("[", 300) + strings.Repeat("]", 300), "guardrails/a.rego", "nested deeper"},
		{"deep nesting", head + "x := " + strings.Repeat("[", 1<<19), "guardrails/a.rego", "nested deeper"},
		{"long sum", head + "x := 1" + strings.Repeat("+1", 1<<18), "guardrails/a.rego", ""},
		{"size", head + strings.Repeat("#", 1<<20), "guardrails/a.rego", "larger than 1 MiB"},
		{"binary", head + "# \xff", "guardrails/a.rego", "not UTF-8"},
		{"remote schema", "# METADATA\n# schemas:\n# - input: {$ref: \"http://127.0.0.1:1/x\"}\n" + head + "deny contains 1 if input.a.b", "guardrails/a.rego:", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, diags := Load(folder("a.rego", tt.text), "guardrails")
			if len(diags) == 0 || diags[0].ID != diag.RegoBroken || !strings.HasPrefix(diags[0].Pos.String(), tt.pos) || !strings.Contains(diags[0].Message, tt.want) {
				t.Errorf("%v", diags)
			}
			if diags.HasErrors() && g != nil {
				t.Error("guardrails beside errors")
			}
		})
	}
}

// TestRefusedFiles: what is no file of a sane size.
func TestRefusedFiles(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.rego")
	if err := os.WriteFile(outside, []byte(pci), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.rego")); err != nil {
		t.Skip(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if g, diags := Load(root.FS(), "."); g != nil || len(diags) != 1 || !strings.Contains(diags[0].Message, "regular") {
		t.Error(diags)
	}
	many := fstest.MapFS{}
	for i := range maxFiles + 1 {
		many[fmt.Sprintf("guardrails/%d.rego", i)] = &fstest.MapFile{Data: []byte("package kubeteus.guardrails")}
	}
	if g, diags := Load(many, "guardrails"); g != nil || len(diags) != 1 || !strings.Contains(diags[0].Message, "more than 500") {
		t.Error(diags)
	}
	large := fstest.MapFS{}
	for i := range 9 {
		large[fmt.Sprintf("guardrails/%d.rego", i)] = &fstest.MapFile{Data: []byte("package kubeteus.guardrails\n#" + strings.Repeat("x", 1<<20-100))}
	}
	if g, diags := Load(large, "guardrails"); g != nil || len(diags) != 1 || !strings.Contains(diags[0].Message, "together") {
		t.Error(diags)
	}
}

// TestBuiltins: nothing that reaches outside the document can be called. What OPA
// has and the list has not is refused, each by its name.
func TestBuiltins(t *testing.T) {
	refused := 0
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		if slices.Contains(builtins, b.Name) || b.Infix != "" || strings.HasPrefix(b.Name, "internal.") {
			continue
		}
		args := make([]string, len(b.Decl.FuncArgs().Args))
		for i := range args {
			args[i] = `"x"`
		}
		text := fmt.Sprintf("package kubeteus.guardrails\ndeny contains \"x\" if %s(%s)", b.Name, strings.Join(args, ", "))
		_, diags := Load(folder("a.rego", text), "guardrails")
		if !diags.HasErrors() || !strings.Contains(diags[0].Message, "undefined function "+b.Name) {
			t.Errorf("%s: %v", b.Name, diags)
		}
		refused++
	}
	for _, name := range []string{"http.send", "net.lookup_ip_addr", "opa.runtime", "rego.parse_module", "time.now_ns", "rand.intn", "uuid.rfc4122", "io.jwt.decode", "trace",
		"crypto.x509.parse_certificates", "providers.aws.sign_req", "bits.lsh", "net.cidr_expand"} {
		if ast.BuiltinMap[name] == nil || slices.Contains(builtins, name) {
			t.Errorf("%s is allowed, or unknown", name)
		}
	}
	for _, name := range builtins {
		if ast.BuiltinMap[name] == nil {
			t.Errorf("%s is listed, and OPA does not have it", name)
		}
	}
	if refused < 80 {
		t.Errorf("only %d builtins tried", refused)
	}
}

// TestEndless: what does not finish, or takes all memory, ends as an error in
// the time that is given.
func TestEndless(t *testing.T) {
	const head = "package kubeteus.guardrails\n"
	tests := []struct{ name, text, want string }{
		{"product", `deny contains "x" if { n := numbers.range(1, 3000); count([1 | some a in n; some b in n; some c in n; a + b == c + 100000]) > 1 }`, "did not finish"},
		{"range", `deny contains "x" if count(numbers.range(1, 1000000000000)) > 5`, ""},
		{"doubling", "s0 := \"xxxxxxxxxxxxxxxx\"\n" + doubling(40) + "\ndeny contains \"x\" if count(s40) > 1", ""},
		{"squares", "n0 := 1000000000000000000000000001\n" + squares(40) + "\ndeny contains \"x\" if n40 > 1", ""},
		{"memory", "deny contains \"x\" if count({sprintf(\"%d\", [n]) | some n in numbers.range(1, 3000000)}) > 1", "MiB of memory"},
		{"patterns", `deny contains "x" if { n := numbers.range(1, 5000); some a in n; some b in n; regex.match(sprintf("^(%d|%d|x*)*y$", [a, b]), "xxxxxxxxxxxxxxxxxxxxxxxxxxxx") }`, "did not finish"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := rules(t, "a.rego", head+tt.text)
			g.program.limits = limits{time: 150 * time.Millisecond, memory: 256 << 20}
			if tt.name == "memory" {
				g.program.limits = limits{time: 10 * time.Second, memory: 32 << 20}
			}
			start := time.Now()
			diags := run(t, g, shop(t))
			if took := time.Since(start); took > g.program.limits.time+grace+5*time.Second { // slack for a busy machine
				t.Errorf("took %s", took)
			}
			if len(diags) != 1 || diags[0].ID != diag.RegoBroken || diags[0].Severity != diag.Error || !strings.Contains(diags[0].Message, tt.want) {
				t.Error(diags)
			}
			t.Log(diags)
		})
	}
}

func doubling(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "s%d := sprintf(\"%%s%%s\", [s%d, s%d])\n", i+1, i, i)
	}
	return b.String()
}

func squares(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "n%d := n%d * n%d\n", i+1, i, i)
	}
	return b.String()
}

// TestCancelled: Ctrl-C is no finding.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if diags, err := rules(t, "pci.rego", pci).Check(ctx, shop(t)); err == nil || len(diags) > 0 {
		t.Error(diags, err)
	}
	if diags, err := engine(t).Check(ctx, shop(t)); err == nil || len(diags) > 0 {
		t.Error(diags, err)
	}
}

// TestHostileStrings: names and labels are values, whatever they look like.
func TestHostileStrings(t *testing.T) {
	in := shop(t)
	for _, s := range []string{`"] } deny contains "owned" if true #`, "${input}", "{{input}}", "\x1b[2J", "%s%d", "`", "\n---\n"} {
		in.Policies[0].NetworkPolicy.Labels = map[string]string{s: s}
		in.Inventory.Workloads[0].Labels[s] = s
		in.Rules[0].Statement = s
		g := rules(t, "a.rego", "package kubeteus.guardrails\ndeny contains r.statement if some r in input.rules")
		if diags := run(t, g, in); len(diags) != 1 || diags[0].Message != s {
			t.Errorf("%q: %v", s, diags)
		}
		if _, err := engine(t).Check(context.Background(), in); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestManyFindings(t *testing.T) {
	g := rules(t, "a.rego", "package kubeteus.guardrails\ndeny contains sprintf(\"%d\", [n]) if some n in numbers.range(1, 10000)")
	diags := run(t, g, shop(t))
	if len(diags) != maxFound+1 || !slices.ContainsFunc(diags, func(d diag.Diagnostic) bool { return d.Message == "and 9500 more findings of this guardrail" }) {
		t.Errorf("%d findings", len(diags))
	}
	g = rules(t, "a.rego", "package kubeteus.guardrails\ndeny contains sprintf(\"%5000d\", [1]) if true")
	if diags := run(t, g, shop(t)); len(diags) != 1 || len(diags[0].Message) > 1100 {
		t.Error(diags)
	}
}

// FuzzLoad: no source makes loading or running fail in another way than by a
// diagnostic.
func FuzzLoad(f *testing.F) {
	f.Add(pci)
	f.Add("package kubeteus.guardrails\ndeny contains {\"msg\": x} if { some x in {1, \"a\"} }")
	f.Add("package kubeteus.guardrails.a\nimport data.kubeteus.guardrails\nwarn contains $\"{input.target}\" if not 1 == 2")
	f.Fuzz(func(t *testing.T, text string) {
		g, diags := Load(folder("a.rego", text), "guardrails")
		if g == nil {
			return
		}
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		g.program.limits = limits{time: 200 * time.Millisecond, memory: 256 << 20}
		if _, err := g.Check(context.Background(), Input{Reachable: edges()}); err != nil {
			t.Fatal(err)
		}
	})
}
