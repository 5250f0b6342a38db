package compiler

import (
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/emit"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// Stale says whether the overlay or the lock on disk is not what the intents say.
func (r *Result) Stale() bool { return len(r.Changes) > 0 || r.LockChange != "" }

// Unasked says whether a statement was not read because the model gave no answer.
func (r *Result) Unasked() bool {
	return slices.ContainsFunc(r.Diags, func(d diag.Diagnostic) bool { return d.ID == diag.ReadUnasked })
}

// Errors counts the errors among the diagnostics.
func (r *Result) Errors() int {
	n := 0
	for _, d := range r.Diags {
		if d.Severity == diag.Error {
			n++
		}
	}
	return n
}

// Report is the report pass: what people and programs read of the result.
func (r *Result) Report() *report.Report {
	out := &report.Report{Project: r.Project, Target: r.Target, Overlay: r.Overlay, Diagnostics: r.Diags}
	carried := r.policies(out)
	for _, s := range r.statements {
		out.Intents = append(out.Intents, r.intent(s, carried))
	}
	if r.after != nil && len(r.Inventory.Workloads) > 0 {
		decide := func(e *reach.Engine) func(ir.Flow) bool {
			return func(f ir.Flow) bool { return e.Decide(f).Allowed }
		}
		var focus []string
		for _, s := range r.sets {
			focus = append(focus, s.Namespace)
		}
		out.Reachability = report.Compare(report.Reach(r.Inventory, decide(r.inForce), focus...), report.Reach(r.Inventory, decide(r.after), focus...))
	}
	out.Summarize()
	return out
}

// policies lists the overlay's policies and returns the paths that carry each
// set/intent.
func (r *Result) policies(out *report.Report) map[string][]string {
	changes := map[string]report.Change{}
	for _, c := range r.Changes {
		changes[c.Path] = report.Change(c.Kind)
	}
	carried := map[string][]string{}
	yaml := map[string]string{}
	for _, f := range r.files {
		yaml[f.Path] = string(f.Data)
	}
	for _, o := range r.Policies {
		p := report.Policy{Path: strings.TrimPrefix(o.Origin.File, r.Overlay+"/"), Kind: o.Kind(), Namespace: o.Namespace(), Name: o.Name(), Change: report.Unchanged}
		p.YAML = yaml[p.Path]
		p.Intents = o.Intents()
		if c, ok := changes[p.Path]; ok {
			p.Change = c
		}
		for _, i := range p.Intents {
			carried[i] = append(carried[i], p.Path)
		}
		out.Policies = append(out.Policies, p)
	}
	for _, c := range r.Changes {
		if path.Dir(c.Path) == "." { // policies lie in a folder of their namespace
			out.Files = append(out.Files, report.File{Path: path.Join(r.Overlay, c.Path), Change: report.Change(c.Kind)})
		}
		if c.Kind == emit.Removed && path.Dir(c.Path) != "." {
			name := strings.TrimSuffix(path.Base(c.Path), ".yaml")
			out.Policies = append(out.Policies, report.Policy{Path: c.Path, Kind: "NetworkPolicy", Namespace: path.Dir(c.Path), Name: name, Change: report.Removed})
		}
	}
	if r.LockChange != "" {
		change := report.Changed
		if len(r.lockBytes) == 0 {
			change = report.Added
		}
		out.Files = append(out.Files, report.File{Path: r.LockPath, Change: change})
	}
	return carried
}

// intent reports one statement.
func (r *Result) intent(s *statement, carried map[string][]string) report.Intent {
	set, intent := s.set, s.intent
	out := report.Intent{Set: set.Name, Name: intent.Name, File: intent.Pos.File, Line: intent.Pos.Line, Column: intent.Pos.Column,
		Statement: intent.Statement, Rules: intent.Rules, Policies: carried[set.Name+"/"+intent.Name],
	}
	if len(intent.Rules) > 0 || len(s.reading.Attempts) > 0 {
		out.Reader, out.Model, out.Samples = s.entry.Reader, s.entry.Model, s.entry.Samples
	}
	for _, a := range s.reading.Attempts {
		out.Attempts = append(out.Attempts, report.Attempt(a))
	}
	out.ReadsAs = ir.Words(intent.Rules)
	if r.Program != nil {
		for _, b := range r.Program.Rules {
			if b.Intent == intent && b.Implied != "" {
				out.Implied = append(out.Implied, b.Words())
			}
		}
	}
	switch {
	case len(intent.Rules) == 0: // Summarize refuses those that an error is about
		out.Status = report.Refused
	case len(out.Policies) == 0 && r.Clean:
		out.Status = report.Holds
	default:
		out.Status = report.Compiled
	}
	return out
}
