package verify

import (
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// Fault is what a proof found, for a caller who has more to say of it than
// Policies: a flow that is not what the program wants.
type Fault struct {
	Flow    ir.Flow
	Wanted  ir.Verdict // AsBefore where no statement is about the flow
	By      *ir.Bound  // the rule that wants it; nil where none does
	Intent  *ir.Intent // the rule's, else that of a deciding policy, else the first
	Passes  bool
	Reasons []reach.Reason // what decided the flow, newly written policies first
	Mode    reach.Options  // the dataplane that Reasons are of
	Only    string         // the dataplanes on which alone it is so: "" for all
}

// Words says the flow in words.
func (f Fault) Words() string { return words(f.Flow) }

// Rule says in words the rule that wants the flow to be otherwise, "" if none does.
func (f Fault) Rule() string {
	if f.By == nil {
		return ""
	}
	return ruleWords(f.By)
}

// Faults is the proof of Policies: one fault for each rule that does not hold,
// and for each policy that changes what no rule is about.
func Faults(p *ir.Program, before, after []policy.Object) []Fault {
	r := prove(p, before, after)
	var out []Fault
	for _, k := range r.order {
		c := r.findings[k]
		reasons := r.reasons(c.flow, c.passes, c.mode)
		out = append(out, Fault{Flow: c.flow, Wanted: c.want, By: k.by, Intent: r.intent(k.by, reasons), Passes: c.passes,
			Reasons: reasons, Mode: modes[c.mode], Only: r.dataplane(c)})
	}
	return out
}
