package compiler_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubeteus/kubeteus/compiler"
)

var update = flag.Bool("update", false, "rewrite the out/ sections of testdata/pass")

// TestPass compiles every archive of testdata/pass: its files are a project,
// its out/ sections what the passes made of it. out/read holds the readings,
// out/diags the diagnostics, out/overlay/... the files.
func TestPass(t *testing.T) {
	files, err := filepath.Glob("../testdata/pass/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			project := fstest.MapFS{}
			in := txtar.Archive{Comment: a.Comment}
			want := map[string]string{}
			for _, f := range a.Files {
				if strings.HasPrefix(f.Name, "out/") {
					want[f.Name] = string(f.Data)
					continue
				}
				in.Files = append(in.Files, f)
				project[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			}
			r, err := compiler.Compile(context.Background(), compiler.Options{Project: project})
			if err != nil {
				t.Fatal(err)
			}
			got := sections(t, r)
			if *update {
				in.Files = append(in.Files, got...)
				if err := os.WriteFile(file, txtar.Format(&in), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, f := range got {
				if want[f.Name] != string(f.Data) {
					t.Errorf("%s:\n%s\nwant:\n%s", f.Name, f.Data, want[f.Name])
				}
				delete(want, f.Name)
			}
			for name := range want {
				t.Errorf("%s is not made any more", name)
			}
		})
	}
}

// sections are the out/ sections of a result.
func sections(t *testing.T, r *compiler.Result) []txtar.File {
	t.Helper()
	var read, diags bytes.Buffer
	for _, i := range r.Report().Intents {
		fmt.Fprintf(&read, "%s: %s\n", i.Name, i.Status)
		for _, s := range i.ReadsAs {
			fmt.Fprintf(&read, "\t%s\n", s)
		}
		for _, s := range i.Implied {
			fmt.Fprintf(&read, "\t+ %s\n", s)
		}
	}
	for _, d := range r.Diags {
		fmt.Fprintf(&diags, "%s: %s: %s [%s]\n", d.Pos, d.Severity, d.Message, d.ID)
		for _, o := range d.Related {
			fmt.Fprintf(&diags, "\t%s: %s\n", o.Pos, o.Message)
		}
		for _, h := range d.Hints {
			fmt.Fprintf(&diags, "\thint: %s\n", h)
		}
	}
	out := []txtar.File{{Name: "out/read", Data: read.Bytes()}, {Name: "out/diags", Data: diags.Bytes()}}
	for _, p := range r.Report().Policies {
		if p.YAML != "" {
			out = append(out, txtar.File{Name: path.Join("out/overlay", p.Path), Data: []byte(p.YAML)})
		}
	}
	return out
}

// TestRepeatable compiles the example twice and from two file systems: the
// bytes are the same.
func TestRepeatable(t *testing.T) {
	var first string
	for range 3 {
		r, err := compiler.Compile(context.Background(), compiler.Options{Project: os.DirFS("../examples/online-boutique")})
		if err != nil || !r.Clean {
			t.Fatal(err, r.Diags)
		}
		var b strings.Builder
		for _, p := range r.Report().Policies {
			b.WriteString(p.YAML)
		}
		if first == "" {
			first = b.String()
		}
		if b.String() != first || first == "" {
			t.Fatal("two runs differ")
		}
	}
}
