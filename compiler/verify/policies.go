// Package verify proves that policies do what rules want, and no more.
//
// It judges the decoded objects with package reach and the rules with package
// ir, flow class by flow class, and shares no code with what reads or lowers. A
// finding is a diagnostic with a counterexample flow. It writes and repairs
// nothing.
package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// The proof in this file goes over every flow class there is.
//
// The universe has one endpoint of every class that rules and policies could
// tell apart. Endpoints are then merged that neither the rules (membership in
// every party, ports there) nor the policies (membership in the subjects and the
// peers of every rule) do tell apart. For every destination the ports fall into
// classes by the port sets that rules and policies have there. What is left is
// compared: for each source, destination and port class, what the program wants
// (ir's Wants) with what the policies let pass (one bitset of sources for each
// destination and port class), on a dataplane whose ipBlocks match pods and on
// one whose do not. Where no rule is about a source and a destination, the
// bitsets of before and after are compared as a whole.

// modes are the dataplanes that policies are proven for.
var modes = []reach.Options{{BlocksCoverPods: false}, {BlocksCoverPods: true}}

// proof is one run of Policies.
type proof struct {
	j             *judge
	before, after []*reach.Engine // by mode
	spaces        []*reach.Space  // before and after of each mode, by turns
	inForce       map[string]bool
	intents       map[string]*ir.Intent
	findings      map[finding]*counterexample
	order         []finding
}

// finding is what one diagnostic is about: a rule, or where no rule is about the
// flow, the policy that changed it.
type finding struct {
	by     *ir.Bound
	object string
	passes bool
}

// counterexample is a flow that is not what the program wants.
type counterexample struct {
	flow   ir.Flow
	want   ir.Verdict
	passes bool
	mode   int
	rank   int
}

// Policies proves section 4.2 of the design: under after, every flow that the
// program lets pass passes, every flow that it blocks is blocked, and every other
// is as it was under before. One error for each rule that does not hold.
func Policies(p *ir.Program, before, after []policy.Object) diag.List {
	return prove(p, before, after).report()
}

// prove is the proof, with its findings.
func prove(p *ir.Program, before, after []policy.Object) *proof {
	u := NewUniverse(p, slices.Concat(before, after))
	r := &proof{j: newJudge(p, u), inForce: map[string]bool{}, intents: map[string]*ir.Intent{}, findings: map[finding]*counterexample{}}
	for _, o := range before {
		r.inForce[o.Key()] = true
	}
	for _, b := range p.Rules {
		r.intents[b.Intent.Set+"/"+b.Intent.Name] = b.Intent
	}
	for _, m := range modes {
		r.before = append(r.before, reach.New(p.Inventory, before, m))
		r.after = append(r.after, reach.New(p.Inventory, after, m))
	}
	for i := range modes {
		r.spaces = append(r.spaces, r.before[i].Over(u.Endpoints), r.after[i].Over(u.Endpoints))
	}
	reps := r.representatives()
	for _, to := range reps {
		r.into(to, reps)
	}
	return r
}

// representatives returns one endpoint of each merged class, in order.
func (r *proof) representatives() []int {
	signatures := make([][]string, len(r.spaces))
	for i, s := range r.spaces {
		signatures[i] = s.Signatures()
	}
	seen := map[string]bool{}
	var out []int
	for i := range r.j.ends {
		key := []string{fmt.Sprint(r.j.ends[i].IsPod()), r.j.classes[i]}
		for _, s := range signatures {
			key = append(key, s[r.class(i)])
		}
		if k := strings.Join(key, "\x00"); !seen[k] {
			seen[k] = true
			out = append(out, i)
		}
	}
	return out
}

// into compares all flows to one endpoint.
func (r *proof) into(to int, sources []int) {
	sets := r.j.ports(to)
	for _, s := range r.spaces {
		sets = append(sets, s.Ports(r.class(to))...)
	}
	ports := portClasses(sets, r.j.ends[to])
	passing := make([][]reach.Set, len(ports))
	for i, p := range ports {
		for _, s := range r.spaces {
			passing[i] = append(passing[i], s.Into(r.class(to), p.protocol, p.number))
		}
	}
	touched := r.j.touched(to)
	for i := range ports {
		r.unchanged(to, sources, touched, ports[i], passing[i])
	}
	for _, from := range sources {
		if !touched(from) || !r.j.judged(from, to) {
			continue
		}
		rules := r.j.about(from, to)
		for i, p := range ports {
			f := r.j.flow(from, to, p)
			want := rules.Wants(f)
			if want.Verdict == ir.Free {
				continue
			}
			for m := range modes {
				before, after := passing[i][2*m].Has(r.class(from)), passing[i][2*m+1].Has(r.class(from))
				if wanted := want.Verdict == ir.Pass || want.Verdict == ir.AsBefore && before; wanted != after {
					r.found(want, f, after, m)
				}
			}
		}
	}
}

// class returns an endpoint's class, which is the same in all spaces: they have
// the same endpoints.
func (r *proof) class(endpoint int) int { return r.spaces[0].Of[endpoint] }

// unchanged compares the flows to one endpoint that no rule is about, all sources
// at once.
func (r *proof) unchanged(to int, sources []int, touched func(int) bool, p port, passing []reach.Set) {
	for m := range modes {
		before, after := passing[2*m], passing[2*m+1]
		if slices.Equal(before, after) {
			continue
		}
		for _, from := range sources {
			passes := after.Has(r.class(from))
			if before.Has(r.class(from)) != passes && !touched(from) && r.j.judged(from, to) {
				r.found(ir.Decision{}, r.j.flow(from, to, p), passes, m)
			}
		}
	}
}

// found keeps the best counterexample of each finding.
func (r *proof) found(want ir.Decision, f ir.Flow, passes bool, mode int) {
	k := finding{by: want.By, passes: passes}
	if want.By == nil {
		if reasons := r.reasons(f, passes, mode); len(reasons) > 0 {
			k.object = reasons[0].Object.Key()
		}
	}
	c := &counterexample{f, want.Verdict, passes, mode, rank(f)}
	if old := r.findings[k]; old == nil {
		r.order = append(r.order, k)
	} else if old.rank >= c.rank {
		return
	}
	r.findings[k] = c
}

// rank is higher for flows that people have heard of.
func rank(f ir.Flow) int {
	n := 0
	for _, e := range []ir.Endpoint{f.From, f.To} {
		if e.Workload != nil {
			n += 2
		}
	}
	if w := f.To.Workload; w != nil {
		for _, p := range w.Ports {
			if p.Number == f.Port && p.Protocol == f.Protocol {
				n++
				break
			}
		}
	}
	return n
}

// reasons returns what decided a flow under after: the rules that let it pass,
// or the policies that close an end of it; those that were not in force before
// come first.
func (r *proof) reasons(f ir.Flow, passes bool, mode int) []reach.Reason {
	d := r.after[mode].Decide(f)
	var out []reach.Reason
	for _, e := range []reach.End{d.Ingress, d.Egress} {
		if e.Isolated && e.Allowed == passes {
			out = append(out, e.By...)
		}
	}
	slices.SortStableFunc(out, func(a, b reach.Reason) int {
		return place(r.inForce[a.Object.Key()]) - place(r.inForce[b.Object.Key()])
	})
	return out
}

func place(last bool) int {
	if last {
		return 1
	}
	return 0
}

func (r *proof) report() diag.List {
	var out diag.List
	for _, k := range r.order {
		out = append(out, r.diagnostic(k, r.findings[k]))
	}
	return out.Sorted()
}

func (r *proof) diagnostic(k finding, c *counterexample) diag.Diagnostic {
	reasons := r.reasons(c.flow, c.passes, c.mode)
	intent := r.intent(k.by, reasons)
	is, should := "is blocked", "be allowed"
	if c.passes {
		is, should = "is allowed", "be blocked"
	}
	if c.want == ir.AsBefore {
		should = strings.Replace(should, "be", "stay", 1) + ", as no statement is about it"
	}
	var d diag.Diagnostic
	if k.by == nil {
		d = diag.Errorf(diag.VerifyFlow, intent.Pos, "the policies do more than the statements say: %s %s, and should %s%s", words(c.flow), is, should, r.dataplane(c))
	} else {
		d = diag.Errorf(diag.VerifyFlow, intent.Position(k.by.Span), "the policies do not do what the statement says (%s): %s %s, and should %s%s",
			ruleWords(k.by), words(c.flow), is, should, r.dataplane(c))
	}
	d = d.About(intent.Name)
	forced := false
	for _, reason := range reasons {
		forced = forced || c.passes && r.inForce[reason.Object.Key()]
		d = d.Relate(reason.Pos, "%s", reasonWords(reason))
	}
	switch {
	case forced:
		return d.Hint("a policy in force allows it, and policies only ever add: remove its rule, or say in the statement what may pass")
	case c.passes && len(reasons) == 0:
		return d.Hint("no policy closes either end of it")
	default:
		return d.Hint("this is a fault in how the statement was turned into policies: nothing was written; please report it with the statement")
	}
}

// dataplane says on which dataplanes alone the counterexample is one.
func (r *proof) dataplane(c *counterexample) string {
	d := r.after[1-c.mode].Decide(c.flow)
	if d.Allowed == c.passes {
		return ""
	}
	if modes[c.mode].BlocksCoverPods {
		return ", where the dataplane's ipBlocks match pods"
	}
	return ", where the dataplane's ipBlocks match no pods"
}

// intent returns the intent that a finding is reported at: the rule's, else one
// that a deciding policy was written for, else the first.
func (r *proof) intent(by *ir.Bound, reasons []reach.Reason) *ir.Intent {
	if by != nil {
		return by.Intent
	}
	for _, reason := range reasons {
		names := reason.Object.NetworkPolicy.Annotations[policy.IntentAnnotation]
		for _, name := range strings.FieldsFunc(names, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' }) {
			if i := r.intents[name]; i != nil {
				return i
			}
		}
	}
	if len(r.j.p.Rules) > 0 {
		return slices.MinFunc(r.j.p.Rules, byPlace).Intent
	}
	return &ir.Intent{}
}

func reasonWords(r reach.Reason) string {
	name := r.Object.Namespace() + "/" + r.Object.Name()
	if r.Rule < 0 {
		return fmt.Sprintf("%s selects the pods and has no rule for it", name)
	}
	return fmt.Sprintf("rule %d of %s allows it", r.Rule+1, name)
}
