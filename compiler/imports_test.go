package compiler_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/kubeteus/kubeteus"

// ban forbids the packages that In selects to import those that Import selects.
// Both are lists of patterns, see match; packages of the module are named
// without the module's path. Except excuses packages of In, AlsoTests says that
// test files may not either.
type ban struct {
	In, Import, Except []string
	AlsoTests          bool
	Why                string
}

var (
	nouns = []string{"compiler/diag", "compiler/inventory", "compiler/ir", "compiler/policy", "compiler/names", "compiler/lock"}
	// passes in the order of Compile. infer and reach feed lower and verify.
	passes = []string{"compiler/load", "compiler/infer", "compiler/read", "compiler/reach", "compiler/lower", "compiler/validate", "compiler/verify", "compiler/compare", "compiler/emit", "compiler/report"}
	all    = []string{"..."}
)

// under returns patterns for the packages and everything below them.
func under(packages ...string) []string {
	var out []string
	for _, p := range packages {
		out = append(out, p, p+"/...")
	}
	return out
}

// bans are the arrows of DESIGN.md, section 2.
func bans() []ban {
	out := []ban{
		{In: all, Import: under("cmd"), Except: under("cmd"), AlsoTests: true,
			Why: "cmd is the top: what two packages need belongs below it"},
		{In: all, Import: []string{"compiler"}, Except: under("cmd", "compiler"), AlsoTests: true,
			Why: "only a command runs the compiler"},
		{In: under("compiler"), Import: []string{"compiler"}, Except: []string{"compiler"}, AlsoTests: true,
			Why: "the driver knows the passes, no pass knows the driver"},
		{In: nouns, Import: append(under(passes...), "intents", "rego"),
			Why: "nouns are what passes hand to each other, and know none of them"},
		{In: []string{"compiler/diag"}, Import: []string{module + "/..."}, AlsoTests: true,
			Why: "everything imports diag"},
		{In: nouns, Import: []string{"os", "os/...", "net", "net/http", "context", "io/ioutil", "syscall"},
			Why: "nouns do no I/O: a value that reads a file cannot be tested or compared as a value"},
		{In: under("compiler/reach", "compiler/verify"), Import: under("compiler/lower", "compiler/read"), AlsoTests: true,
			Why: "the judge shares no code with the accused"},
		{In: under("compiler/read"), Import: under("compiler/lower", "compiler/reach", "compiler/verify", "compiler/validate", "intents"),
			Why: "readers propose: the driver hands them a judge as a function"},
		{In: under("compiler/reach"), Import: under("compiler/infer", "compiler/load", "intents"),
			Why: "the semantics of policies depend on the policies and the inventory alone"},
		{In: []string{".../probe", ".../probe/..."}, Import: under("compiler/reach", "compiler/verify", "compiler/ir", "compiler/inventory", "compiler/policy", "compiler/lower"), AlsoTests: true,
			Why: "probe judges the judges: shared code would hide shared mistakes"},
		{In: all, Import: []string{".../probe"}, Except: []string{".../probe"},
			Why: "probe is an evaluator for tests, and decides nothing in the product"},
		{In: []string{"intents", "rego"}, Import: under(passes...),
			Why: "they are read by the driver, which hands on what a pass needs"},

		{In: all, Import: []string{"log", "log/..."}, AlsoTests: true,
			Why: "findings are diagnostics, failures are errors: nothing is logged"},
		{In: all, Import: []string{"flag", "os/signal"}, Except: under("cmd"),
			Why: "the command line and signals are a command's business"},
		{In: all, Import: []string{"os/exec", "plugin", "unsafe", "C"}, Except: under("cmd"),
			Why: "input never starts a program"},
		{In: all, Import: []string{"os"}, Except: append(under("cmd", "compiler/emit", "compiler/read/cache", "compiler/read/replay"), "compiler", "compiler/probe"),
			Why: "files come as fs.FS; emit, cache and replay alone write, through the os.Root that they are given (probe reads by itself, and for tests only)"},
		{In: all, Import: []string{"net", "net/http"}, Except: under("cmd", "compiler/read/openai", "compiler/read/scripted", "compiler/load/cluster"),
			Why: "nothing else opens a connection"},
		{In: all, Import: []string{".../scripted"}, Except: []string{".../scripted"},
			Why: "scripted are servers for tests, and serve nobody else"},
		{In: []string{"compiler/read/model", "compiler/read/repair", "compiler/read/chat"}, Import: under("compiler/read/openai", "compiler/read/cache", "compiler/read/replay"), AlsoTests: false,
			Why: "what is asked and what is made of an answer does not depend on who answers"},
		{In: all, Import: []string{"testing", "testing/..."},
			Why: "tests are test files"},
		{In: all, Import: []string{"math/rand", "math/rand/v2"}, Except: []string{"compiler/probe", "compiler/read/openai"},
			Why: "the same input gives the same bytes (probe renames samples by a seed, for tests; openai spreads its retries)"},
		{In: under("compiler"), Import: []string{"time"}, Except: under("compiler/read", "compiler/load/cluster"),
			Why: "no output bears a time; deadlines come with ctx"},
	}
	out = append(out, soleImporters()...)
	for i, pass := range passes {
		later := passes[i+1:]
		if pass == "compiler/infer" || pass == "compiler/reach" {
			later = slices.DeleteFunc(slices.Clone(passes), func(p string) bool { return p == pass || p == "compiler/load" && pass == "compiler/infer" })
		}
		if len(later) > 0 {
			out = append(out, ban{In: under(pass), Import: under(later...), Why: "a pass knows what came before it, and only as input: " + pass + " runs before these, or beside them"})
		}
	}
	return out
}

// soleImporters are the heavy libraries, each with the packages that may use it.
func soleImporters() []ban {
	const weight = "a heavy library has one importer, so that it can be replaced, and left out of what does not need it"
	var out []ban
	for _, l := range []struct {
		library string
		by      []string
		why     string
	}{
		{"sigs.k8s.io/kustomize", []string{"compiler/load"}, weight},
		{"github.com/urfave/cli", under("cmd"), weight},
		{"github.com/go-git/go-git", []string{"cmd/kubeteus/internal/gitfs"}, weight},
		{"github.com/google/go-github", []string{"cmd/kubeteus/internal/forge"}, weight},
		{"github.com/open-policy-agent/opa", []string{"rego"}, weight},
		{"github.com/sashabaranov/go-openai", []string{"compiler/read/openai", "cmd/kubeteus/internal/tune"}, weight},
		{"k8s.io/client-go", []string{"compiler/load/cluster"}, weight},
		{"helm.sh/helm", []string{"compiler/load"}, weight},
		{"go.yaml.in/yaml", []string{"intents", "cmd/kubeteus/internal/scaffold", "compiler", "compiler/load", "compiler/lock", "compiler/policy", "compiler/probe", "compiler/read/replay"}, "positions are needed where files are parsed; everybody else gets values"},
		{"sigs.k8s.io/yaml", []string{"compiler/load", "compiler/policy", "compiler/emit", "compiler/lock"}, "YAML ends where it is read, and begins where it is written"},
		{"go4.org/netipx", []string{"compiler/ir", "compiler/reach", "compiler/verify", "compiler/lower/kubernetes"}, "address sets belong to those who decide on addresses"},
		{"github.com/rogpeppe/go-internal", nil, "testscript is for tests"},
	} {
		out = append(out, ban{In: all, Import: under(l.library), Except: l.by, Why: l.library + ": " + l.why})
	}
	return out
}

// match says whether a package is selected by a pattern: a path, a path and
// "/..." for what lies below it, ".../" and a path for what ends in it, or "..."
// for every package.
func match(pattern, pkg string) bool {
	switch {
	case pattern == "...":
		return true
	case strings.HasPrefix(pattern, ".../"):
		rest := strings.TrimPrefix(pattern, ".../")
		if below, ok := strings.CutSuffix(rest, "/..."); ok {
			return strings.HasPrefix(pkg, below+"/") || strings.Contains(pkg, "/"+below+"/")
		}
		return pkg == rest || strings.HasSuffix(pkg, "/"+rest)
	case strings.HasSuffix(pattern, "/..."):
		return strings.HasPrefix(pkg, strings.TrimSuffix(pattern, "..."))
	default:
		return pkg == pattern
	}
}

func matchAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, pkg) })
}

// goFile is what the checks need of a file.
type goFile struct {
	path, pkg string
	test      bool
	imports   []string
	calls     []string // of what only a command may use, "os.Exit" for example
}

// commandOnly are calls and values that only a command may use, by package.
var commandOnly = map[string][]string{
	"os":  {"Exit", "Stdout", "Stderr", "Stdin", "Args", "Getenv", "LookupEnv", "Environ", "Getwd", "Chdir"},
	"fmt": {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

// parse reads the Go files of a tree, its hidden folders and testdata excluded.
func parse(tree fs.FS) ([]goFile, error) {
	var out []goFile
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "examples") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f, err := parseFile(name, data)
		out = append(out, f)
		return err
	})
	return out, err
}

func parseFile(name string, data []byte) (goFile, error) {
	f := goFile{path: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go")}
	file, err := parser.ParseFile(token.NewFileSet(), name, data, parser.SkipObjectResolution)
	if err != nil {
		return f, err
	}
	local := map[string]string{} // name in the file -> import path
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return f, err
		}
		f.imports = append(f.imports, p)
		local[path.Base(p)] = p
		if spec.Name != nil {
			local[spec.Name.Name] = p
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(commandOnly[local[x.Name]], sel.Sel.Name) {
			f.calls = append(f.calls, local[x.Name]+"."+sel.Sel.Name)
		}
		return true
	})
	return f, nil
}

// broken returns a line for every ban that a file breaks.
func broken(files []goFile, bans []ban) []string {
	var out []string
	for _, f := range files {
		for _, b := range bans {
			if f.test && !b.AlsoTests || !matchAny(b.In, f.pkg) || matchAny(b.Except, f.pkg) {
				continue
			}
			for _, imp := range f.imports {
				inside := strings.TrimPrefix(imp, module+"/")
				if (matchAny(b.Import, inside) || matchAny(b.Import, imp)) && inside != f.pkg {
					out = append(out, fmt.Sprintf("%s imports %q: %s", f.path, imp, b.Why))
				}
			}
		}
		if !f.test && !matchAny(under("cmd"), f.pkg) {
			for _, c := range f.calls {
				out = append(out, fmt.Sprintf("%s uses %s: only a command ends the process, prints, or looks at its environment", f.path, c))
			}
		}
	}
	return out
}

// tree parses the module.
func tree(t *testing.T) []goFile {
	t.Helper()
	root, err := os.OpenRoot("..")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	files, err := parse(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestImports(t *testing.T) {
	files := tree(t)
	if len(files) < 50 {
		t.Fatalf("only %d Go files found: is this the module's root?", len(files))
	}
	for _, line := range broken(files, bans()) {
		t.Error(line)
	}
}

// TestImportsOfEachPackage sees to it that a ban's packages exist in words that
// match: a package in no list is no noun, no pass and no command.
func TestImportsOfEachPackage(t *testing.T) {
	files := tree(t)
	known := slices.Concat(nouns, under(passes...), under("cmd", "rego"), []string{"compiler", "intents", ".../probe"})
	for _, f := range files {
		if !matchAny(known, f.pkg) {
			t.Errorf("%s: package %s is in no list of this test: is it a noun or a pass?", f.path, f.pkg)
		}
	}
}

// TestBansBite breaks bans on a made-up tree.
func TestBansBite(t *testing.T) {
	tests := []struct {
		file, source string
		want         string // what a line says; empty: nothing is broken
	}{
		{"compiler/ir/a.go", `import "os"`, "nouns do no I/O"},
		{"compiler/ir/a_test.go", `import "os"`, ""},
		{"compiler/ir/a.go", `import "net/netip"`, ""},
		{"compiler/lock/a.go", `import "` + module + `/compiler/ir"`, ""},
		{"compiler/lock/a.go", `import "` + module + `/compiler/emit"`, "nouns are what passes hand to each other"},
		{"compiler/diag/a.go", `import "` + module + `/compiler/ir"`, "everything imports diag"},
		{"compiler/verify/a_test.go", `import k "` + module + `/compiler/lower/kubernetes"`, "the judge shares no code"},
		{"compiler/reach/a.go", `import "` + module + `/compiler/read/english"`, "the judge shares no code"},
		{"compiler/lower/kubernetes/a.go", `import "` + module + `/compiler/reach"`, ""},
		{"compiler/lower/kubernetes/a.go", `import "` + module + `/compiler/verify"`, "compiler/lower runs before these"},
		{"compiler/load/a.go", `import "` + module + `/compiler/report"`, "compiler/load runs before these"},
		{"compiler/report/a.go", `import "` + module + `/compiler/emit"`, ""},
		{"compiler/read/english/a.go", `import "` + module + `/compiler/validate"`, "readers propose"},
		{"compiler/read/english/a.go", `import "` + module + `/compiler/read"`, ""},
		{"compiler/probe/a.go", `import "` + module + `/compiler/policy"`, "probe judges the judges"},
		{"compiler/verify/a.go", `import "` + module + `/compiler/probe"`, "probe is an evaluator for tests"},
		{"compiler/verify/a_test.go", `import "` + module + `/compiler/probe"`, ""},
		{"compiler/emit/a.go", `import "` + module + `/compiler"`, "no pass knows the driver"},
		{"intents/a.go", `import "` + module + `/cmd/kubeteus/internal/gitfs"`, "cmd is the top"},
		{"cmd/kubeteus/a.go", `import "` + module + `/cmd/kubeteus/internal/gitfs"`, ""},
		{"compiler/load/a.go", `import "sigs.k8s.io/kustomize/api/krusty"`, ""},
		{"compiler/emit/a.go", `import "sigs.k8s.io/kustomize/api/types"`, "sigs.k8s.io/kustomize: a heavy library"},
		{"compiler/compile.go", `import "github.com/urfave/cli/v2"`, "github.com/urfave/cli: a heavy library"},
		{"compiler/report/a.go", `import "go.yaml.in/yaml/v3"`, "go.yaml.in/yaml: positions"},
		{"compiler/report/a.go", `import "go4.org/netipx"`, "go4.org/netipx: address sets"},
		{"cmd/kubeteus/a.go", `import "github.com/rogpeppe/go-internal/testscript"`, "testscript is for tests"},
		{"cmd/kubeteus/a_test.go", `import "github.com/rogpeppe/go-internal/testscript"`, ""},
		{"cmd/kubeteus/a.go", `import "log"`, "nothing is logged"},
		{"cmd/kubeteus/a_test.go", `import "log/slog"`, "nothing is logged"},
		{"compiler/emit/a.go", `import "os"; var _ = os.Rename`, ""},
		{"compiler/emit/a.go", `import "os"; func f() { os.Exit(1) }`, "uses os.Exit"},
		{"compiler/emit/a.go", `import system "os"; var w = system.Stderr`, "uses os.Stderr"},
		{"compiler/emit/a_test.go", `import "os"; func f() { os.Exit(1) }`, ""},
		{"compiler/report/a.go", `import "fmt"; func f() { fmt.Println() }`, "uses fmt.Println"},
		{"compiler/report/a.go", `import "fmt"; func f() { fmt.Sprintln() }`, ""},
		{"cmd/kubeteus/main.go", `import "os"; func f() { os.Exit(1) }`, ""},
		{"compiler/validate/a.go", `import "os/exec"`, "input never starts a program"},
		{"compiler/validate/a.go", `import "time"`, "no output bears a time"},
		{"testdata/a.go", `import "log"`, ""},
		{".github/tools/a.go", `import "log"`, ""},
	}
	for _, tt := range tests {
		tree := fstest.MapFS{tt.file: &fstest.MapFile{Data: []byte("package p\n" + tt.source + "\n")}}
		files, err := parse(tree)
		if err != nil {
			t.Fatalf("%s: %v", tt.file, err)
		}
		lines := broken(files, bans())
		switch {
		case tt.want == "" && len(lines) > 0:
			t.Errorf("%s: %s\nwas refused: %s", tt.file, tt.source, strings.Join(lines, "\n"))
		case !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, tt.want) }) && tt.want != "":
			t.Errorf("%s: %s\nwas not refused with %q, but: %s", tt.file, tt.source, tt.want, strings.Join(lines, "\n"))
		}
	}
}

// TestBansHaveReasons: a ban that cannot say why is no rule of the design.
func TestBansHaveReasons(t *testing.T) {
	for i, b := range bans() {
		if b.Why == "" || len(b.In) == 0 || len(b.Import) == 0 {
			t.Errorf("ban %d lacks a part: %+v", i, b)
		}
	}
}
