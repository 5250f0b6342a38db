package rego

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"golang.org/x/sync/errgroup"
	networkingv1 "k8s.io/api/networking/v1"
)

// categories are the folders that hold rules.
var categories = []string{"correctness", "security", "hygiene"}

// modules parses every Rego file, tests included.
func modules(t *testing.T) map[string]*ast.Module {
	t.Helper()
	out := map[string]*ast.Module{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".rego" || strings.HasPrefix(name, "testdata/") {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		m, err := ast.ParseModuleWithOpts(name, string(data), ast.ParserOptions{ProcessAnnotation: true})
		out[name] = m
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRegoTests runs every rule_test.rego. Each rule needs a test that finds
// something, test_found..., and one that does not, test_not_found....
func TestRegoTests(t *testing.T) {
	ctx := context.Background()
	store := inmem.New()
	all := modules(t)
	err := storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		results, err := tester.NewRunner().SetStore(store).SetModules(all).CapturePrintOutput(true).RunTests(ctx, txn)
		if err != nil {
			return err
		}
		found, clean := map[string]int{}, map[string]int{}
		for r := range results {
			if !r.Pass() {
				t.Errorf("%s: %s: %v\n%s", r.Location, r.Name, r.Error, r.Output)
				continue
			}
			dir := path.Dir(r.Location.File)
			switch {
			case strings.HasPrefix(r.Name, "test_found"):
				found[dir]++
			case strings.HasPrefix(r.Name, "test_not_found"):
				clean[dir]++
			default:
				t.Errorf("%s: %s is neither test_found... nor test_not_found...", r.Location, r.Name)
			}
		}
		for name := range all {
			if dir := path.Dir(name); path.Base(name) == "rule.rego" && (found[dir] == 0 || clean[dir] == 0) {
				t.Errorf("%s: %d passing tests find something and %d do not, each must be at least 1", dir, found[dir], clean[dir])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRuleFolders holds the layout: a folder per rule, named as its package, with
// metadata, and no file beside.
func TestRuleFolders(t *testing.T) {
	all := modules(t)
	e := engine(t)
	var folders []string
	for _, c := range categories {
		entries, err := os.ReadDir(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range entries {
			dir := path.Join(c, d.Name())
			folders = append(folders, dir)
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != 2 || files[0].Name() != "rule.rego" || files[1].Name() != "rule_test.rego" {
				t.Errorf("%s: %v %v: want rule.rego and rule_test.rego", dir, files, err)
				continue
			}
			want := dataRef("kubeteus", "rules", c, d.Name())
			if got := all[dir+"/rule.rego"].Package.Path; !got.Equal(want) {
				t.Errorf("%s: package %s, want %s", dir, got, want)
			}
		}
	}
	slices.Sort(folders)
	var names []string
	for _, r := range e.Rules() {
		names = append(names, r.Name)
		if strings.HasSuffix(r.Title, ".") || !strings.HasSuffix(r.Help, ".") {
			t.Errorf("%s: a title has no full stop, help text does: %q, %q", r.Name, r.Title, r.Help)
		}
	}
	if !slices.Equal(names, folders) {
		t.Errorf("rules %v, folders %v", names, folders)
	}
	if len(names) < 14 {
		t.Errorf("%d rules", len(names))
	}
}

// engine is the built-in rules, compiled once.
func engine(t testing.TB) *Engine {
	t.Helper()
	e, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var built = sync.OnceValues(func() (*Engine, error) { return New(context.Background()) })

// TestSideBySide: one engine serves many at once.
func TestSideBySide(t *testing.T) {
	e, in := engine(t), shop(t)
	in.InForce = in.Policies
	in.InForce[0].NetworkPolicy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	in.Policies = nil
	want := lines(check(t, e, in))
	var all errgroup.Group
	for range 8 {
		all.Go(func() error {
			diags, err := e.Check(context.Background(), in)
			if got := lines(diags); err == nil && got != want {
				err = fmt.Errorf("got %q, want %q", got, want)
			}
			return err
		})
	}
	if err := all.Wait(); err != nil || want == "" {
		t.Error(err, want)
	}
}

// TestFormatted: the sources are as opa fmt writes them.
func TestFormatted(t *testing.T) {
	for name := range modules(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := format.SourceWithOpts(name, data, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if string(want) == string(data) {
			continue
		}
		if !*update {
			t.Errorf("%s is not formatted: go test ./rego -update", name)
		} else if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
