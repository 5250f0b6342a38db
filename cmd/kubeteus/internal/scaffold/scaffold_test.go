package scaffold

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/load"
)

func decode(t *testing.T, data []byte) []map[string]any {
	t.Helper()
	var out []map[string]any
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			break
		}
		out = append(out, m)
	}
	return out
}

func at(m any, keys ...string) any {
	for _, k := range keys {
		next, ok := m.(map[string]any)
		if !ok {
			return nil
		}
		m = next[k]
	}
	return m
}

// TestWorkflowIsTheExample: what init writes is what the action's page shows.
func TestWorkflowIsTheExample(t *testing.T) {
	want, err := os.ReadFile("../../../../.github/action/examples/minimal.yml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Workflow(".", "main", ".github/workflows/kubeteus.yml")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n%s\nis not .github/action/examples/minimal.yml", err, got)
	}
}

func TestGitOps(t *testing.T) {
	s := Source{Project: "shop", URL: "ssh://git@git.example/shop.git", Branch: "main", Path: "apps/policies"}
	data, err := Argo(s)
	docs := decode(t, data)
	if err != nil || len(docs) != 1 {
		t.Fatalf("%v: %d documents", err, len(docs))
	}
	automated := map[string]any{"prune": true, "selfHeal": true, "allowEmpty": false}
	for _, c := range []struct {
		want any
		keys []string
	}{
		{"argoproj.io/v1alpha1", []string{"apiVersion"}}, {"Application", []string{"kind"}},
		{automated, []string{"spec", "syncPolicy", "automated"}},
		{map[string]any{"server": "https://kubernetes.default.svc"}, []string{"spec", "destination"}},
		{s.URL, []string{"spec", "source", "repoURL"}}, {"main", []string{"spec", "source", "targetRevision"}}, {"apps/policies", []string{"spec", "source", "path"}},
		{[]any{"CreateNamespace=false", "ServerSideApply=true", "FailOnSharedResource=true", "PruneLast=true"}, []string{"spec", "syncPolicy", "syncOptions"}},
		{nil, []string{"spec", "ignoreDifferences"}}, {nil, []string{"metadata", "finalizers"}},
	} {
		if got := at(docs[0], c.keys...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v is %v, want %v", c.keys, got, c.want)
		}
	}

	data, err = Flux(s)
	docs = decode(t, data)
	if err != nil || len(docs) != 2 {
		t.Fatalf("%v: %d documents", err, len(docs))
	}
	for _, c := range []struct {
		doc  int
		want any
		keys []string
	}{
		{0, "source.toolkit.fluxcd.io/v1", []string{"apiVersion"}}, {0, s.URL, []string{"spec", "url"}}, {0, "main", []string{"spec", "ref", "branch"}},
		{0, "kubeteus-shop", []string{"spec", "secretRef", "name"}},
		{1, "kustomize.toolkit.fluxcd.io/v1", []string{"apiVersion"}}, {1, true, []string{"spec", "prune"}}, {1, true, []string{"spec", "wait"}},
		{1, "./apps/policies", []string{"spec", "path"}}, {1, nil, []string{"spec", "targetNamespace"}}, {1, at(docs[0], "metadata", "name"), []string{"spec", "sourceRef", "name"}},
	} {
		if got := at(docs[c.doc], c.keys...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v is %v, want %v", c.keys, got, c.want)
		}
	}
	s.URL = "https://git.example/shop"
	if data, _ = Flux(s); at(decode(t, data)[0], "spec", "secretRef") != nil {
		t.Error("a public address needs no Secret")
	}
}

// FuzzScalars: whatever a name is, it comes back as it was, and nothing beside it.
func FuzzScalars(f *testing.F) {
	for _, s := range []string{"shop", "", "true", "1.0", "- a", "a: b #c", "x\nkind: Pod", "\u2028\u202e", "<<x>>", "${{ x }}", "'\"", "\x00", "\xff", "null", strings.Repeat("a b ", 90), "{{.}}", "\x85", "@a", "%a", "*a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set := Set{Name: s, Namespace: s, Intent: s, Statement: s, Expect: []Expectation{{s, s, 1, "deny"}}}
		data, err := set.Render()
		if err != nil {
			return // refused, which is as good
		}
		docs := decode(t, data)
		if len(docs) != 1 || len(docs[0]) != 4 {
			t.Fatalf("%q became %d documents:\n%s", s, len(docs), data)
		}
		spec := docs[0]["spec"].(map[string]any)
		if at(docs[0], "metadata", "name") != s || spec["namespace"] != s || len(spec) != 3 {
			t.Errorf("%q became\n%s", s, data)
		}
		data, err = Workflow("x/"+s, s, s)
		if err != nil {
			return
		}
		docs = decode(t, data)
		if len(docs) != 1 || len(docs[0]) != 5 || len(docs[0]["jobs"].(map[string]any)) != 1 {
			t.Fatalf("%q became the workflow\n%s", s, data)
		}
		if rest := strings.ReplaceAll(string(data), "${{ github.event", ""); s != "" && strings.Count(rest, "${{") > 0 && !strings.Contains(s, "${{") {
			t.Errorf("%q made an expression:\n%s", s, data)
		}
	})
}

func TestCleanURL(t *testing.T) {
	for _, c := range []struct {
		raw   string
		plain bool
		want  string // "": refused
	}{
		{"https://u:p@git.example/a/b.git?x=y#z", false, "https://git.example/a/b.git"},
		{"https://token@git.example/a", true, "https://git.example/a"},
		{"ssh://git:p@git.example:22/a", false, "ssh://git@git.example:22/a"},
		{"git@git.example:a/b.git", false, "git@git.example:a/b.git"},
		{"git@git.example:a/b.git", true, "ssh://git@git.example/a/b.git"},
		{"u:p@git.example:a/b.git", false, ""},
		{"file:///srv/a", false, ""}, {"/srv/a", false, ""}, {"../a", false, ""}, {"ext::sh -c x", false, ""},
		{"https://git.example/a b", false, ""}, {"https://git.example/a\nb", false, ""}, {"https:///a", false, ""},
		{"https://git.example/" + strings.Repeat("a", maxURL), false, ""}, {"", false, ""}, {"javascript:x", false, ""}, {"https://u:secret%zz@x/", false, ""},
	} {
		got, err := CleanURL(c.raw, c.plain)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v, want %q", c.raw, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells it: %v", c.raw, err)
		}
	}
	for name, ok := range map[string]bool{"main": true, "release/1.x": true, "-x": false, "a..b": false, "a b": false, "": false, "a\nb": false, "${{x}}": false} {
		if (CheckBranch(name) == nil) != ok {
			t.Errorf("branch %q: %v", name, !ok)
		}
	}
}

func TestEnvironments(t *testing.T) {
	e := NewEnvironments(load.Dispute{Pairs: [][2]string{{"a/dev", "a/prod"}, {"b/dev", "b/prod"}, {"a/dev", "a/test"}}, Others: []string{"c"}})
	for _, c := range []struct {
		choices  []string
		open     []string
		unused   string
		want     []string
		conflict [2]string
	}{
		{nil, []string{"a/dev", "a/prod", "a/test"}, "", []string{"c"}, [2]string{}},
		{[]string{"prod"}, nil, "", []string{"a/prod", "b/prod", "c"}, [2]string{}},
		{[]string{"test"}, []string{"b/dev", "b/prod"}, "", []string{"a/test", "c"}, [2]string{}},
		{[]string{"test", "b/dev"}, nil, "", []string{"a/test", "b/dev", "c"}, [2]string{}},
		{[]string{"./a/dev/", "b"}, nil, "", nil, [2]string{"b/dev", "b/prod"}},
		{[]string{"c"}, []string{"a/dev", "a/prod", "a/test"}, "c", []string{"c"}, [2]string{}},
	} {
		got, conflict := e.Manifests(c.choices)
		if !slices.Equal(e.Open(c.choices), c.open) || e.Unused(c.choices) != c.unused || !slices.Equal(got, c.want) || conflict != c.conflict {
			t.Errorf("%v: open %v, unused %q, manifests %v, conflict %v", c.choices, e.Open(c.choices), e.Unused(c.choices), got, conflict)
		}
	}
}

func TestShadow(t *testing.T) {
	base := fstest.MapFS{"a/x.yaml": {Data: []byte("old")}, "b": {Data: []byte("file")}}
	s := Shadow(base, []File{{"a/x.yaml", []byte("new")}, {"a/y.yaml", []byte("y")}, {"c/d/z.yaml", []byte("z")}})
	var seen []string
	err := fs.WalkDir(s, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, readErr := fs.ReadFile(s, p)
			seen, err = append(seen, p+"="+string(data)), readErr
		}
		return err
	})
	if want := []string{"a/x.yaml=old", "a/y.yaml=y", "b=file", "c/d/z.yaml=z"}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("%v: %v", err, seen)
	}
	if _, err := fs.Stat(s, "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestWrite: all files or none, and none that is there.
func TestWrite(t *testing.T) {
	list := func(dir string) (out []string) {
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if rel, _ := filepath.Rel(dir, p); rel != "." {
				out = append(out, filepath.ToSlash(rel))
			}
			return err
		})
		return out
	}
	files := []File{{"a/b/x", []byte("x")}, {"a/y", []byte("y")}, {"z", []byte("z")}}
	for _, c := range []struct {
		name   string
		before func(t *testing.T, dir string)
		fails  bool
	}{
		{"empty", func(*testing.T, string) {}, false},
		{"last one there", func(t *testing.T, dir string) { put(t, dir, "z", "mine") }, true},
		{"file for a folder", func(t *testing.T, dir string) { put(t, dir, "a", "mine") }, true},
		{"link out", func(t *testing.T, dir string) {
			if err := os.Symlink(t.TempDir(), filepath.Join(dir, "a")); err != nil {
				t.Skip(err)
			}
		}, true},
		{"dangling link", func(t *testing.T, dir string) {
			if err := os.Symlink("nowhere", filepath.Join(dir, "z")); err != nil {
				t.Skip(err)
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.before(t, dir)
			before := list(dir)
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			err = Write(root, files)
			want := []string{"a", "a/b", "a/b/x", "a/y", "z"}
			if c.fails {
				want = before
			}
			if got := list(dir); (err != nil) != c.fails || !slices.Equal(got, want) {
				t.Errorf("%v: %v, want %v", err, got, want)
			}
			if data, _ := os.ReadFile(filepath.Join(dir, "z")); c.name == "last one there" && string(data) != "mine" {
				t.Errorf("z is %q", data)
			}
		})
	}
}

func put(t *testing.T, dir, name, data string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}
