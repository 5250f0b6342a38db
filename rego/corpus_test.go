package rego

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata/rules")

// loaded is the inventory of a folder's manifests and a snapshot.
func loaded(t testing.TB, dir, manifests, snapshot string) *inventory.Inventory {
	t.Helper()
	tree := load.Tree{FS: os.DirFS(dir)}
	m, s := tree, tree
	m.Path, s.Path = manifests, snapshot
	inv, diags, err := load.Inventory(context.Background(), load.Options{Project: tree, Manifests: []load.Tree{m}, Inventory: []load.Tree{s}})
	if err != nil || diags.HasErrors() {
		t.Fatal(err, diags)
	}
	return inv
}

// decoded is the policies of a file.
func decoded(t testing.TB, name string, data []byte) []policy.Object {
	t.Helper()
	objects, diags := policy.Decode(name, data)
	if len(diags) > 0 || len(objects) == 0 {
		t.Fatal(name, len(objects), diags)
	}
	return objects
}

func check(t testing.TB, e *Engine, in Input) diag.List {
	t.Helper()
	diags, err := e.Check(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return diags
}

func lines(diags diag.List) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s: %s\n", d.Pos, d.Severity, d.Message)
	}
	return b.String()
}

// TestCorpus holds each rule against real policies: an archive per rule with
// policies that it finds something in, and others, like them, in which no rule
// finds anything.
func TestCorpus(t *testing.T) {
	e := engine(t)
	for _, r := range e.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			file := filepath.Join("testdata", "rules", strings.ReplaceAll(r.Name, "/", "_")+".txtar")
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			section := map[string][]byte{}
			for _, f := range a.Files {
				section[f.Name] = f.Data
			}
			in := Input{Target: "kubernetes", Inventory: loaded(t, "testdata/town", "manifests.yaml", strings.TrimSpace(string(section["facts"])))}

			in.Policies = decoded(t, "good.yaml", section["good.yaml"])
			if got := lines(check(t, e, in)); got != "" {
				t.Errorf("good policies are found fault with:\n%s", got)
			}
			in.Policies = decoded(t, "bad.yaml", section["bad.yaml"])
			diags := check(t, e, in)
			got := lines(diags)
			if !strings.Contains(got, r.Severity.String()+": ") || !strings.Contains(got, "("+r.Name+")\n") {
				t.Errorf("the rule does not fire:\n%s", got)
			}
			for _, d := range diags {
				if d.ID != diag.RegoRule || d.Pos.Line == 0 || len(d.Hints) != 1 {
					t.Errorf("%+v", d)
				}
			}
			if *update {
				for i, f := range a.Files {
					if f.Name == "want" {
						a.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(section["want"]) {
				t.Errorf("got:\n%swant:\n%s", got, section["want"])
			}

			// Nobody can reject what is in force.
			in.Policies, in.InForce = nil, in.Policies
			if diags := check(t, e, in); len(diags) == 0 || diags.HasErrors() {
				t.Errorf("in force: %v", diags)
			}
		})
	}
	files, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(files) != len(e.Rules()) {
		t.Errorf("%d archives for %d rules, %v", len(files), len(e.Rules()), err)
	}
}

// TestExample: the example's overlay is found no fault with.
func TestExample(t *testing.T) {
	const dir = "../examples/online-boutique"
	in := Input{Target: "kubernetes", Inventory: loaded(t, dir, "manifests", "inventory.yaml")}
	files, err := filepath.Glob(dir + "/policies/*/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		in.Policies = append(in.Policies, decoded(t, f, data)...)
	}
	if got := lines(check(t, engine(t), in)); got != "" {
		t.Error(got)
	}
}
