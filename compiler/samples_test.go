package compiler_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/probe"
)

var table = flag.Bool("table", false, "print the outcome of every sample")

// compileDir compiles the project in dir and writes its overlay.
func compileDir(t testing.TB, dir string) *compiler.Result {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	r, err := compiler.Compile(context.Background(), compiler.Options{Project: root.FS(), Disk: compiler.Disk{Root: root},
		Manifests: []load.Tree{{FS: root.FS(), Path: "manifests"}}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// judge compiles one sample and has its probes decide.
func judge(t *testing.T, c *probe.Case) (probe.Outcome, *compiler.Result) {
	t.Helper()
	dir := t.TempDir()
	if err := c.WriteProject(dir); err != nil {
		t.Fatal(err)
	}
	r := compileDir(t, dir)
	out, err := c.Judge(filepath.Join(dir, "policies"), !r.Clean)
	if err != nil {
		t.Fatal(err)
	}
	return out, r
}

// TestSamples compiles every sample. None may be wrong, and at least 18 of the
// 20 that NetworkPolicy can say must be right.
func TestSamples(t *testing.T) {
	cases, err := probe.Cases("../testdata/samples")
	if err != nil {
		t.Fatal(err)
	}
	count := map[probe.Verdict]int{}
	compilable := 0
	for _, c := range cases {
		out, r := judge(t, c)
		count[out.Verdict]++
		if c.Expect == "policy" && r.Clean && out.Verdict == probe.Right {
			compilable++
		}
		if *table {
			fmt.Printf("%-10s %-8s %q\n", c.ID, out.Verdict, c.Statements)
			for _, reason := range out.Reasons {
				fmt.Printf("%20s %s\n", "", reason)
			}
			for _, d := range r.Diags {
				if d.Severity == diag.Error {
					fmt.Printf("%20s %s: %s\n", "", d.Pos, d.Message)
				}
			}
		}
		if out.Verdict == probe.Wrong {
			t.Errorf("%s is wrong: %v", c.ID, out.Reasons)
		}
		alarms(t, c.ID, r)
	}
	if *table {
		fmt.Printf("right %d, refused %d, wrong %d\n", count[probe.Right], count[probe.Refused], count[probe.Wrong])
	}
	if compilable < 18 {
		t.Errorf("%d samples compiled right, want at least 18", compilable)
	}
}

// alarms demands that what is written for a statement that is understood passes
// the embedded rules and matches what is declared: a finding about our own output
// is a false one, or a fault of the lowering.
func alarms(t *testing.T, id string, r *compiler.Result) {
	t.Helper()
	for _, d := range r.Diags {
		switch d.ID {
		case diag.RegoRule, diag.RegoBroken, diag.MatchSelector, diag.MatchPort, diag.MatchNamespace:
			if d.Severity != diag.Note {
				t.Errorf("%s: %s: %s [%s]", id, d.Pos, d.Message, d.ID)
			}
		}
	}
}

// TestSamplesRenamed gives every workload, label and port of every sample
// another name: the outcomes stay.
func TestSamplesRenamed(t *testing.T) {
	cases, err := probe.Cases("../testdata/samples")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		want, _ := judge(t, c)
		for seed := range int64(3) {
			renamed, err := c.Rename(seed)
			if err != nil {
				t.Fatalf("%s, seed %d: %v", c.ID, seed, err)
			}
			got, r := judge(t, renamed)
			if got.Verdict != want.Verdict {
				t.Errorf("%s, seed %d: %s, want %s: %q: %v %v", c.ID, seed, got.Verdict, want.Verdict, renamed.Statements, got.Reasons, r.Diags)
			}
		}
	}
}
