package compiler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/compiler/report"
	"github.com/kubeteus/kubeteus/intents"
)

// This file compares the intents of two states: what people wrote, what it was
// taken to mean, and the settings beside it.

// intentChanges lists the intents that differ, the weightiest first.
func (r *Result) intentChanges(b *Result, d *report.Difference) []report.IntentChange {
	reported := map[string]report.Intent{}
	for _, i := range d.Head.Intents {
		reported[i.Set+"/"+i.Name] = i
	}
	there := map[string]bool{}
	for _, s := range r.Sets {
		there[s.Name] = true
	}
	var out []report.IntentChange
	unread := 0
	for _, p := range partnered(b.statements, r.written()) {
		if p.after == nil && !r.Clean && !there[p.before.set.Name] {
			continue // its file does not parse, which an error says
		}
		c := report.IntentChange{}
		if p.before != nil {
			c.Set, c.Name, c.Before = p.before.set.Name, p.before.intent.Name, side(p.before)
			if p.before.fresh() {
				c.Before.ReadsAs = ir.Words(p.before.entry.Rules)
			} else {
				unread++
			}
		}
		if p.after != nil {
			c.Set, c.Name, c.After = p.after.set.Name, p.after.intent.Name, side(p.after)
			in := reported[c.Set+"/"+c.Name]
			c.After.ReadsAs, c.After.Implied, c.After.Status = in.ReadsAs, in.Implied, in.Status
		}
		if c.Kind = p.kind(&c); c.Kind != "" {
			out = append(out, c)
		}
	}
	if unread > 0 && !d.New {
		d.Notes = append(d.Notes, fmt.Sprintf("the base's lock does not say how %d of its intents were read", unread))
	}
	order := []report.IntentKind{report.Relocked, report.Reread, report.Reworded, report.Resettled, report.IntentGone, report.IntentArrive}
	slices.SortStableFunc(out, func(a, b report.IntentChange) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	return out
}

// written are the statements of the intent sets, also of a project that was
// rejected before they were read.
func (r *Result) written() []*statement {
	if r.statements != nil {
		return r.statements
	}
	bare := &Result{Sets: r.Sets, Inventory: inventory.Build(inventory.Inventory{}), recorded: &lock.File{}}
	return bare.listed()
}

func side(s *statement) *report.IntentSide {
	return &report.IntentSide{Statement: s.intent.Statement, Namespace: s.set.Namespace, File: s.intent.Pos.File, Line: s.intent.Pos.Line}
}

// pair is an intent at both sides, or at one.
type pair struct{ before, after *statement }

// partnered puts the intents of one name together. One without a name is known by its
// words: where, between the same neighbours, as many of these went as came, they
// are taken for the same ones, reworded.
func partnered(before, after []*statement) []pair {
	key := func(s *statement) string { return s.set.Name + "/" + s.intent.Name }
	was, is := map[string]*statement{}, map[string]bool{}
	for _, s := range before {
		was[key(s)] = s
	}
	for _, s := range after {
		is[key(s)] = true
	}
	gone := map[string][]*statement{} // by the neighbour before them that stayed
	neighbour := ""
	for _, s := range before {
		if is[key(s)] {
			neighbour = key(s)
		} else {
			gone[s.set.Name+" after "+neighbour] = append(gone[s.set.Name+" after "+neighbour], s)
		}
	}
	var out []pair
	came := map[string][]int{}
	neighbour = ""
	for _, s := range after {
		if was[key(s)] != nil {
			neighbour = key(s)
		} else {
			k := s.set.Name + " after " + neighbour
			came[k] = append(came[k], len(out))
		}
		out = append(out, pair{was[key(s)], s})
	}
	taken := map[*statement]bool{}
	for k, indices := range came {
		if len(gone[k]) != len(indices) {
			continue
		}
		for n, i := range indices {
			if !gone[k][n].named && !out[i].after.named {
				out[i].before = gone[k][n]
				taken[gone[k][n]] = true
			}
		}
	}
	for _, s := range before {
		if !is[key(s)] && !taken[s] {
			out = append(out, pair{before: s})
		}
	}
	return out
}

// kind says how the two sides differ, "" if they do not.
func (p pair) kind(c *report.IntentChange) report.IntentKind {
	switch {
	case p.before == nil:
		return report.IntentArrive
	case p.after == nil:
		return report.IntentGone
	}
	known := p.before.fresh() && len(p.after.intent.Rules) > 0
	c.SameReading = known && sameRules(p.before.entry.Rules, p.after.intent.Rules)
	c.Settings = settings(p.before, p.after)
	switch {
	case p.before.intent.Statement != p.after.intent.Statement:
		return report.Reworded
	case known && !c.SameReading && p.before.digest == p.after.digest && len(c.Settings) == 0:
		return report.Relocked
	case known && !c.SameReading:
		return report.Reread
	case len(c.Settings) > 0:
		return report.Resettled
	}
	return ""
}

// sameRules compares readings as the lock records them: what words leave out
// (which end a sentence is about) bears on the meaning, too.
func sameRules(a, b []ir.Rule) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// settings words the settings that differ.
func settings(before, after *statement) []string {
	out := []string{}
	add := func(what, was, is string) {
		if was != is {
			out = append(out, fmt.Sprintf("%s: %s, was %s", what, or(is, "none"), or(was, "none")))
		}
	}
	isolation := func(s *ir.Set) string {
		if s.Explicit {
			return "explicit"
		}
		return "implied"
	}
	add("namespace", before.set.Namespace, after.set.Namespace)
	add("isolation", isolation(before.set), isolation(after.set))
	add("dns", string(before.set.DNS), string(after.set.DNS))
	add("cuts", strings.Join(before.cuts, ", "), strings.Join(after.cuts, ", "))
	return out
}

// droppedExpectations notes tests of the result that the base has and the head
// has not: with them gone, a check proves less.
func droppedExpectations(before, after []*intents.File) []string {
	words := func(f *intents.File, e intents.Expect) string {
		verdict := "deny"
		if e.Allow {
			verdict = "allow"
		}
		to := e.To
		if e.Port != "" {
			to += ":" + e.Port
		}
		return fmt.Sprintf("%s: %s -> %s: %s", f.Name, e.From, to, verdict)
	}
	kept := map[string]bool{}
	for _, f := range after {
		for _, e := range f.Expects {
			kept[words(f, e)] = true
		}
	}
	var out []string
	for _, f := range before {
		for _, e := range f.Expects {
			if w := words(f, e); !kept[w] {
				out = append(out, "an expectation was removed: "+w)
			}
		}
	}
	return out
}
