// Package browser holds the pages that the browser test opens: one that the
// compiler made of an example, and one of many workloads whose texts attack.
package browser

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// Compiled is the page of a project that holds the folder intents. With edits,
// pairs of an old text and a new one, it is what a pull request that makes them in
// the intents changes.
func Compiled(ctx context.Context, project fs.FS, edits []string) ([]byte, error) {
	options := compiler.Options{Project: project, Intents: "intents"}
	if edits == nil {
		result, err := compiler.Compile(ctx, options)
		if err != nil {
			return nil, err
		}
		r := result.Report()
		return render(&report.Difference{Project: r.Project, Target: r.Target, Head: r})
	}
	edited, err := edit(project, strings.NewReplacer(edits...))
	if err != nil {
		return nil, err
	}
	d, _, err := compiler.Difference(ctx, compiler.Options{Project: edited, Intents: "intents"}, options)
	if err != nil {
		return nil, err
	}
	d.Base = report.Revision{Name: "origin/main", Commit: strings.Repeat("5d8f3f1f6b", 4), Why: "the merge base with origin/main"}
	return render(d)
}

// edit copies a project and edits its intents.
func edit(project fs.FS, edits *strings.Replacer) (fs.FS, error) {
	out := fstest.MapFS{}
	err := fs.WalkDir(project, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(project, name)
		if strings.HasPrefix(name, "intents/") && strings.HasSuffix(name, ".yaml") {
			data = []byte(edits.Replace(string(data)))
		}
		out[name] = &fstest.MapFile{Data: data, Mode: 0o644}
		return err
	})
	return out, err
}

// Attack is a text that runs, or leaves the page, wherever it is not taken for
// text.
const Attack = `</script><script>window.pwned=1</script><img src=//192.0.2.1/x onerror="window.pwned=2;alert(1)">'"--><svg onload=window.pwned=3>`

// Crowd is the page of a pull request on a project of n workloads in namespaces
// of twelve. Every text that the input can choose attacks.
func Crowd(n int) ([]byte, error) {
	base, head := crowd(n, func(f ir.Flow) bool { return number(f.From)%3 == number(f.To)%3 }), crowd(n, talks)
	d := &report.Difference{Project: "crowd", Target: "kubernetes", Verdict: report.Stale, Base: report.Revision{Name: "origin/main", Commit: strings.Repeat("5d8f3f1f6b", 4), Why: "the merge base with " + Attack}, Head: head}
	d.Reachability = changes(base, head)
	for i, in := range head.Intents[:3] {
		side := &report.IntentSide{Statement: in.Statement, Namespace: "ns0", File: in.File, Line: in.Line, ReadsAs: in.ReadsAs}
		d.Intents = append(d.Intents, report.IntentChange{Set: in.Set, Name: in.Name, Kind: []report.IntentKind{report.Relocked, report.Reworded, report.IntentArrive}[i], Before: side, After: side})
	}
	d.Policies = []report.PolicyChange{{Path: head.Policies[0].Path, Kind: "NetworkPolicy", Change: report.Changed, Intents: head.Policies[0].Intents, Diff: "--- a\n+++ b\n@@ -1,2 +1,2 @@\n-" + Attack + "\n+" + Attack + "\n"}}
	d.Cut = []report.Connection{{From: head.Reachability.Parties[0].Name, To: head.Reachability.Parties[1].Name, Ports: "TCP 80", Quote: "env X=" + Attack, Intents: []string{"crowd/" + Attack}}}
	d.Notes = []string{Attack}
	head.Summarize()
	d.Summarize()
	return render(d)
}

func render(d *report.Difference) ([]byte, error) {
	var b bytes.Buffer
	err := report.HTML(&b, d, report.Options{})
	return b.Bytes(), err
}

// crowd is a report of n workloads in which decide tells which flows the overlay
// lets pass; without it, a third of them pass.
func crowd(n int, decide func(ir.Flow) bool) *report.Report {
	r := &report.Report{Project: "crowd", Target: "kubernetes", Overlay: "policies"}
	inv := &inventory.Inventory{}
	for i := range n {
		name := fmt.Sprintf("service-%03d", i)
		ns := fmt.Sprintf("team-%c", 'a'+i/12%26)
		inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: ns, Name: name, Labels: map[string]string{"n": fmt.Sprint(i)},
			Ports: []inventory.Port{{Number: 8000 + i%7, Protocol: "TCP"}}})
	}
	built := inventory.Build(*inv)
	r.Reachability = report.Compare(report.Reach(built, func(f ir.Flow) bool { return number(f.From)%3 == number(f.To)%3 }), report.Reach(built, decide))
	for i := range min(n, 60) {
		name := fmt.Sprintf("intent-%02d", i)
		if i == 1 {
			name = Attack
		}
		path := fmt.Sprintf("team-a/%s.yaml", name)
		r.Intents = append(r.Intents, report.Intent{Set: "crowd", Name: name, File: "intents/" + Attack + ".yaml", Line: 9 + i, Statement: fmt.Sprintf("Let service-%03d reach service-%03d. %s", i, i+1, Attack),
			Status: report.Compiled, ReadsAs: []string{"a may reach b " + Attack}, Implied: []string{Attack}, Model: Attack, Policies: []string{path}})
		r.Policies = append(r.Policies, report.Policy{Path: path, Kind: "NetworkPolicy", Namespace: "team-a", Name: name, Intents: []string{"crowd/" + name}, Change: report.Unchanged, YAML: "# " + Attack + "\nkind: NetworkPolicy\nmetadata:\n  name: x\n"})
	}
	r.Diagnostics = []diag.Diagnostic{diag.Warningf(diag.ReadAmbiguous, diag.Position{File: Attack, Line: 3}, "%s", Attack).About("intent-00").Hint("%s", Attack)}
	return r
}

// talks lets a workload reach the few after it in its namespace, and the first.
func talks(f ir.Flow) bool {
	from, to := number(f.From), number(f.To)
	return to == 0 || from >= 0 && to > from && to-from < 4 && from/12 == to/12 || from < 0 && to%12 == 0
}

// number is a workload's, -1 for what is none.
func number(e ir.Endpoint) int {
	n := -1
	if e.Workload != nil {
		fmt.Sscanf(e.Workload.Name, "service-%d", &n)
	}
	return n
}

// changes are some of the head's gains and losses, told as those against a base.
func changes(base, head *report.Report) *report.ReachabilityChange {
	out := &report.ReachabilityChange{Workloads: len(base.Reachability.Parties) - 1}
	some := func(classes []report.Class, why, intent, policy string) (flows []report.FlowChange, pairs int) {
		for _, c := range classes[:min(8, len(classes))] {
			f := report.FlowChange{From: c.From[:min(5, len(c.From))], To: c.To[:min(2, len(c.To))], Ports: c.Ports, Why: why, Intents: []string{intent}, Policies: []string{policy}}
			flows, pairs = append(flows, f), pairs+len(f.From)*len(f.To)
		}
		return flows, pairs
	}
	out.Gained, out.Pairs.Gained = some(head.Reachability.Gained, Attack, "crowd/intent-00", "team-a/intent-00.yaml")
	out.Lost, out.Pairs.Lost = some(head.Reachability.Lost, "closed", "crowd/"+Attack, "team-a/"+Attack+".yaml")
	return out
}
