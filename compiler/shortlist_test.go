package compiler_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/probe"
	"github.com/kubeteus/kubeteus/compiler/read"
	"github.com/kubeteus/kubeteus/compiler/read/english"
	"github.com/kubeteus/kubeteus/intents"
)

// TestShortlistHoldsWhatRulesName reads every statement of the samples and of
// the example with the embedded reader: whatever its rules name is in the
// statement's shortlist.
func TestShortlistHoldsWhatRulesName(t *testing.T) {
	cases, err := probe.Cases("../testdata/samples")
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{"example": "../examples/online-boutique"}
	for _, c := range cases {
		for seed := range int64(3) { // as it is, and with other names
			id := c.ID
			if seed > 0 {
				if c, err = c.Rename(seed); err != nil {
					t.Fatal(err)
				}
				id = fmt.Sprint(id, " renamed ", seed)
			}
			dirs[id] = t.TempDir()
			if err := c.WriteProject(dirs[id]); err != nil {
				t.Fatal(err)
			}
		}
	}
	read, tokens, largest := 0, 0, 0
	for id, dir := range dirs {
		for _, q := range requests(t, dir) {
			rules := understood(t, q)
			s, err := names.New(q.Inventory).Shortlist(q.Statement, q.Namespace, q.Before, 0)
			if err != nil {
				t.Errorf("%s: %q: %v", id, q.Statement, err)
				continue
			}
			tokens, largest = tokens+s.Tokens, max(largest, s.Tokens)
			if len(rules) == 0 {
				continue
			}
			read++
			if missing := unlisted(q.Inventory, rules, s); len(missing) > 0 {
				t.Errorf("%s: %q: the shortlist lacks %q", id, q.Statement, missing)
			}
		}
	}
	if read < 90 {
		t.Errorf("only %d statements were read", read)
	}
	t.Logf("%d statements read; %d tokens on average, %d at most", read, tokens/read, largest)
}

// requests are the statements of a project folder with its inventory.
func requests(t *testing.T, dir string) []read.Request {
	t.Helper()
	var sets []*intents.File
	files, err := filepath.Glob(filepath.Join(dir, "intents", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, diags := intents.Parse(name, data)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		sets = append(sets, f)
	}
	o := load.Options{Project: load.Tree{FS: os.DirFS(dir), Path: "."}, Manifests: []load.Tree{{FS: os.DirFS(dir), Path: "manifests"}}, Namespace: sets[0].Namespace, Own: "own"}
	if _, err := fs.Stat(o.Project.FS, "inventory.yaml"); err == nil {
		o.Inventory = []load.Tree{{FS: o.Project.FS, Path: "inventory.yaml"}}
	}
	inv, diags, err := load.Inventory(context.Background(), o)
	if err != nil || diags.HasErrors() {
		t.Fatal(err, diags)
	}
	var out []read.Request
	for _, f := range sets {
		var before []string
		for _, i := range f.Intents {
			out = append(out, read.Request{Statement: i.Statement, Namespace: f.Namespace, Before: before, Inventory: inv})
			before = append(slices.Clone(before), i.Statement)
		}
	}
	return out
}

// understood are the rules that the embedded reader finds, none if it refuses.
func understood(t *testing.T, q read.Request) []ir.Rule {
	t.Helper()
	out, _, err := english.New(q.Inventory).Read(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return out.Rules
}

// unlisted returns what rules name that a shortlist does not hold.
func unlisted(inv *inventory.Inventory, rules []ir.Rule, s *names.Shortlist) []string {
	l := lister{inv: inv, s: s}
	for _, r := range rules {
		if a := r.Allow; a != nil {
			l.peers(a.From)
			l.peers(a.To)
			l.ports(a.Ports)
		}
		if c := r.Close; c != nil {
			l.peers(c.Subject)
			for _, t := range slices.Concat(c.Scope, c.Except) {
				l.peers(t.Peers)
				l.ports(t.Ports)
			}
		}
	}
	return l.missing
}

type lister struct {
	inv     *inventory.Inventory
	s       *names.Shortlist
	missing []string
}

func (l *lister) need(list []string, s string) {
	if !slices.Contains(list, s) {
		l.missing = append(l.missing, s)
	}
}

func (l *lister) peers(peers []ir.Peer) {
	var workloads, spaces []string
	for _, w := range l.s.Workloads {
		workloads = append(workloads, w.Ref())
	}
	for _, n := range l.s.Namespaces {
		spaces = append(spaces, n.Name)
	}
	for _, p := range peers {
		switch p.Kind {
		case ir.Workload:
			l.need(workloads, names.ShortWorkload{Namespace: p.Namespace, Name: p.Name, Kind: p.Type}.Ref())
		case ir.ServiceAccount:
			l.need(l.s.ServiceAccounts, p.Namespace+"/"+p.Name)
		case ir.CIDR:
			l.need(l.s.CIDRs, p.Prefix.String())
		case ir.Domain:
			l.need(l.s.Domains, p.Name)
		}
		for _, x := range p.Except {
			l.need(l.s.CIDRs, x.String())
		}
		l.labels(l.s.Labels, p.Labels)
		if p.In != nil {
			l.labels(l.s.NamespaceLabels, p.In.Labels)
			for _, n := range slices.Concat(p.In.Names, p.In.Not) {
				l.need(spaces, n)
			}
		}
		l.peers(p.Minus)
	}
}

func (l *lister) labels(known []string, rs []ir.Requirement) {
	for _, r := range rs {
		if len(r.Values) == 0 {
			l.need(known, r.Key)
		}
		for _, v := range r.Values {
			l.need(known, r.Key+"="+v)
		}
	}
}

func (l *lister) ports(ports []ir.Port) {
	for _, p := range ports {
		switch {
		case p.Name != "":
			l.need(l.s.Ports, p.Name)
		case p.End > 0:
			l.need(l.s.Ports, fmt.Sprintf("%d-%d", p.Number, p.End))
		case p.Number > 0:
			l.need(l.s.Ports, fmt.Sprint(p.Number))
		}
		if p.Protocol != "" {
			l.need(l.s.Protocols, p.Protocol)
		}
	}
}
