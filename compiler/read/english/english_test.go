package english_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/read"
	"github.com/kubeteus/kubeteus/compiler/read/english"
)

var update = flag.Bool("update", false, "rewrite testdata")

// column gives offsets as columns of line 1.
func column(offset int) diag.Position { return diag.Position{Line: 1, Column: offset + 1} }

func statement(inv *inventory.Inventory, namespace, s string, before ...string) read.Request {
	return read.Request{Statement: s, Namespace: namespace, Before: before, Inventory: inv, At: column}
}

func mustRead(t *testing.T, r read.Reader, q read.Request) (read.Reading, diag.List) {
	t.Helper()
	out, list, err := r.Read(context.Background(), q)
	if err != nil {
		t.Fatalf("%q: %v", q.Statement, err)
	}
	if list.HasErrors() != (len(out.Rules) == 0) {
		t.Errorf("%q: %d rules beside %v", q.Statement, len(out.Rules), list)
	}
	return out, list
}

// word is a rule with what String does not say.
func word(r ir.Rule) string {
	s := r.String()
	if a := r.Allow; a != nil && a.About != "" {
		s += " (about " + string(a.About) + ")"
	}
	return s
}

// wording is a reading as testdata holds it: rules, or the errors' columns and
// ids.
func wording(out read.Reading, list diag.List) string {
	var b strings.Builder
	for _, r := range out.Rules {
		fmt.Fprintf(&b, "  %s\n", word(r))
	}
	for _, d := range list {
		if d.Severity == diag.Error {
			fmt.Fprintf(&b, "  error %s at %d: %s\n", d.ID, d.Pos.Column, d.Message)
		}
	}
	return b.String()
}

// TestRead reads every statement of testdata. A file is lines: "# cluster
// NAMESPACE" sets the cluster, "< text" is an earlier statement of the set, "> text" a
// statement, and the indented lines below it what it is read as.
func TestRead(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	read, refused := 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, n, m := readFile(t, string(data))
		read, refused = read+n, refused+m
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got != string(data) {
			want, have := strings.Split(string(data), "\n"), strings.Split(got, "\n")
			for i := range min(len(want), len(have)) {
				if want[i] != have[i] {
					t.Errorf("%s:%d:\n got %s\nwant %s", file, i+1, have[i], want[i])
					break
				}
			}
		}
	}
	if read < 150 || refused < 40 {
		t.Errorf("%d statements read and %d refused; 150 and 40 at least are wanted", read, refused)
	}
}

func readFile(t *testing.T, data string) (got string, read, refused int) {
	var b strings.Builder
	var reader = english.New(clusters["shop"])
	var inv *inventory.Inventory
	var namespace string
	var before []string
	for line := range strings.Lines(data) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			fields := strings.Fields(line)
			if inv = clusters[fields[1]]; inv == nil {
				t.Fatalf("no cluster %q", fields[1])
			}
			namespace = strings.Join(fields[2:], "")
			reader = english.New(inv)
		case strings.HasPrefix(line, "< "):
			before = append(before, line[2:])
		case strings.HasPrefix(line, "> "):
			out, list := mustRead(t, reader, statement(inv, namespace, line[2:], before...))
			fmt.Fprintf(&b, "%s\n%s", line, wording(out, list))
			before = nil
			if list.HasErrors() {
				refused++
			} else {
				read++
			}
			continue
		case strings.HasPrefix(line, "  "):
			continue
		}
		b.WriteString(line + "\n")
	}
	return b.String(), read, refused
}

// TestMutations changes one word of a statement that is read: the reading must
// change with it, or be refused.
func TestMutations(t *testing.T) {
	r := english.New(clusters["shop"])
	reading := func(s string) string {
		out, list := mustRead(t, r, statement(clusters["shop"], "shop", s))
		return wording(out, list)
	}
	for _, s := range []string{
		"Only cartservice may reach redis-cart on port 6379.", "web must not reach orders-db.", "Block web from reaching orders-db.", "redis-cart accepts connections only from cartservice.",
		"Nobody but cartservice may reach redis-cart.", "web may only reach orders and payment.", "Deny all egress from mailer except to 10.0.0.0/8.", "payment must not be reachable from outside the cluster.",
		"Pods labelled tier=api may reach orders-db on TCP port 5432.", "Allow ingress to orders from the monitoring namespace on port 9102.", "Isolate payment for ingress.", "web: egress to orders only",
	} {
		whole := reading(s)
		if strings.Contains(whole, "error") {
			t.Errorf("%q is not read: %s", s, whole)
			continue
		}
		words := strings.Fields(s)
		for i, w := range words {
			bare := strings.ToLower(strings.Trim(w, ".:"))
			if strings.Contains(" only not except but nobody block deny must outside namespace ", " "+bare+" ") {
				if got := reading(strings.Join(append(append([]string{}, words[:i]...), words[i+1:]...), " ")); got == whole && bare != "must" && bare != "namespace" {
					t.Errorf("%q without %q reads the same", s, w)
				}
			}
			if got := reading(strings.Join(append(append([]string{}, words[:i]...), append([]string{"zzyzx"}, words[i:]...)...), " ")); !strings.Contains(got, "error") {
				t.Errorf("%q with an unknown word before %q reads as\n%s", s, w, got)
			}
			other := map[string]string{"web": "mailer", "orders": "payment", "orders-db": "redis-cart", "redis-cart": "orders-db", "cartservice": "web", "payment": "orders", "mailer": "web",
				"6379": "6380", "9102": "8080", "5432": "5433", "tier=api": "role=db", "10.0.0.0/8": "10.0.0.0/9", "monitoring": "legacy", "ingress": "egress"}[bare]
			if other == "" {
				continue
			}
			if got := reading(strings.Join(append(append(append([]string{}, words[:i]...), strings.Replace(strings.ToLower(w), bare, other, 1)), words[i+1:]...), " ")); got == whole {
				t.Errorf("%q with %q for %q reads the same", s, other, w)
			}
		}
	}
}

// TestSpans holds spans to the words they are of.
func TestSpans(t *testing.T) {
	r := english.New(clusters["shop"])
	s := "Nobody cares. web may reach cartservice on port 7070."
	if _, list := mustRead(t, r, statement(clusters["shop"], "shop", s)); !list.HasErrors() {
		t.Errorf("%q is read", s)
	}
	s = "web may reach cartservice on port 7070."
	out, _ := mustRead(t, r, statement(clusters["shop"], "shop", s))
	a := out.Rules[0].Allow
	for _, c := range []struct {
		span ir.Span
		want string
	}{{a.From[0].Span, "web"}, {a.To[0].Span, "cartservice"}, {a.Ports[0].Span, "port 7070"}} {
		if got := s[c.span.Start:c.span.End]; got != c.want {
			t.Errorf("span of %q is %q", c.want, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	data, err := os.ReadFile("testdata/read.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if s, ok := strings.CutPrefix(line, "> "); ok {
			f.Add(strings.TrimSpace(s))
		}
	}
	f.Add("\xff\x00 'web' \"may")
	inv := clusters["shop"]
	r := english.New(inv)
	f.Fuzz(func(t *testing.T, s string) {
		out, list, err := r.Read(context.Background(), statement(inv, "shop", s))
		if err != nil {
			t.Fatal(err)
		}
		if list.HasErrors() == (len(out.Rules) > 0) {
			t.Fatalf("%d rules, %v", len(out.Rules), list)
		}
		again, _, _ := r.Read(context.Background(), statement(inv, "shop", s))
		if fmt.Sprint(again) != fmt.Sprint(out) && wording(again, nil) != wording(out, nil) {
			t.Fatal("two readings of one statement")
		}
	})
}

// TestLong holds the reader to a bound on hostile statements.
func TestLong(t *testing.T) {
	inv := clusters["shop"]
	r := english.New(inv)
	for _, s := range []string{strings.Repeat("web and ", 5000), strings.Repeat("only ", 500), strings.Repeat("(", 590), strings.Repeat("web may reach orders and ", 110), strings.Repeat("except web ", 250), strings.Repeat("zzz ", 590), strings.Repeat("web, ", 290) + "may reach orders"} {
		if _, list := mustRead(t, r, statement(inv, "shop", s)); !list.HasErrors() && len(s) > 20_000 {
			t.Errorf("%.40q is read", s)
		}
	}
}

// large is an inventory of n workloads in n/100 namespaces.
func large(n int) *inventory.Inventory {
	var inv inventory.Inventory
	for i := range n {
		ns, name := fmt.Sprintf("team-%d", i/100), fmt.Sprintf("service-%c%d", 'a'+i%26, i)
		inv.Workloads = append(inv.Workloads, workload("Deployment", ns, name, "i:1", "app="+name+" part-of="+ns, port("http", 8080)))
		inv.Services = append(inv.Services, service(ns, name, "app="+name, inventory.ServicePort{Name: "http", Number: 80, Protocol: "TCP", TargetNumber: 8080}))
	}
	return inventory.Build(inv)
}

func BenchmarkRead(b *testing.B) {
	inv := large(10_000)
	r := english.New(inv)
	q := statement(inv, "team-3", "Only service-o300 and service-p301 may reach service-q302 on port 8080, and service-r303 must not reach the internet.")
	if out, list, _ := r.Read(context.Background(), q); len(out.Rules) == 0 {
		b.Fatal(list)
	}
	for b.Loop() {
		r.Read(context.Background(), q)
	}
}

func BenchmarkRefuse(b *testing.B) {
	inv := large(10_000)
	r := english.New(inv)
	q := statement(inv, "team-3", "Only servis-o300 may reach service-q302.")
	for b.Loop() {
		r.Read(context.Background(), q)
	}
}

func BenchmarkNew(b *testing.B) {
	inv := large(10_000)
	for b.Loop() {
		english.New(inv)
	}
}
