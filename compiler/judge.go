package compiler

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

// This file is what the driver hands to readers: a judge of rules, and a measure
// of whether two lists of rules mean the same.

// judge runs link, lower, validate and the proof on one intent's rules alone.
// What only shows beside the other intents (declared connections, expectations,
// guardrails) is left to the passes.
func (r *Result) judge(ctx context.Context, set *ir.Set, intent *ir.Intent, rules []ir.Rule) (diag.List, error) {
	alone := &Result{Project: r.Project, Target: r.Target, Overlay: r.Overlay, Inventory: r.Inventory, sets: []*ir.Set{with(set, intent, rules)},
		before: r.before, inForce: r.inForce, engine: r.engine}
	err := alone.through(ctx, Options{}, alone.link, alone.lower, alone.validate, alone.prove)
	return alone.Diags, err
}

// with is a copy of the set that holds the one intent, with those rules.
func with(set *ir.Set, intent *ir.Intent, rules []ir.Rule) *ir.Set {
	s, i := *set, *intent
	i.Rules = rules
	s.Intents = []*ir.Intent{&i}
	return &s
}

// differ says whether two lists of rules for one intent mean different things,
// and on which flow. Rules that do not link mean nothing that could be compared:
// they differ from all but themselves.
func (r *Result) differ(set *ir.Set, intent *ir.Intent, a, b []ir.Rule) (string, bool) {
	if canonical(a, nil) == canonical(b, nil) {
		return "", false
	}
	if canonical(a, unaddressed) != canonical(b, unaddressed) {
		return "they differ in what they say of domains or of the API server", true
	}
	first, diags := ir.Link(r.Inventory, []*ir.Set{with(set, intent, a)}, r.inForce.Isolates)
	second, others := ir.Link(r.Inventory, []*ir.Set{with(set, intent, b)}, r.inForce.Isolates)
	if broken := append(diags, others...); broken.HasErrors() {
		i := slices.IndexFunc(broken, func(d diag.Diagnostic) bool { return d.Severity == diag.Error })
		return fmt.Sprintf("one of them names what is not there: %s", broken[i].Message), true
	}
	d := verify.Differ(first, second, r.before)
	if d == nil {
		return "", false
	}
	return d.String(), true
}

// canonical is the text of those rules that keep picks (nil: all), in any order.
func canonical(rules []ir.Rule, keep func(ir.Rule) bool) string {
	var lines []string
	for _, rule := range rules {
		if data, err := json.Marshal(rule); err == nil && (keep == nil || keep(rule)) {
			lines = append(lines, string(data))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// unaddressed says whether a rule names a party that no address is known of.
func unaddressed(rule ir.Rule) bool {
	var peers []ir.Peer
	if rule.Allow != nil {
		peers = slices.Concat(rule.Allow.From, rule.Allow.To)
	}
	if c := rule.Close; c != nil {
		peers = slices.Clone(c.Subject)
		for _, t := range slices.Concat(c.Scope, c.Except) {
			peers = append(peers, t.Peers...)
		}
	}
	for i := 0; i < len(peers); i++ {
		peers = append(peers, peers[i].Minus...)
	}
	return slices.ContainsFunc(peers, func(p ir.Peer) bool { return p.Kind == ir.Domain || p.Kind == ir.APIServer })
}
