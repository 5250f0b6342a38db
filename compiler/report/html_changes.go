package report

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
)

// This file words what differs from the base, for a page: what widens comes
// first, then what was read anew without a word being changed.

// changesView is what differs.
type changesView struct {
	Count int
	// Unknown says that what differs could not be found out.
	Unknown bool
	// Loud are intents whose words are as they were and whose reading is not,
	// Quiet the others.
	Loud, Quiet                     []intentChangeView
	Gained, Lost, Arrived, Departed flowsView
	Cut                             []cutView
	Workloads                       int
	New, Gone                       []string
	Also, OnDisk, Notes             []string
}

// flowsView is a list of flows of one kind.
type flowsView struct {
	ID, Kind, Title, Words string
	Pairs                  int
	Flows                  []flowView
}

type flowView struct {
	FlowChange
	Intents, Policies []pageLink
}

type cutView struct {
	Connection
	Place   string // escaped
	Intents []pageLink
}

// intentChangeView is one intent that differs.
type intentChangeView struct {
	IntentChange
	Link        pageLink
	Words       string // of its kind
	BeforePlace string // escaped
	AfterPlace  string
}

// pageKindWords say how an intent differs, beside a badge that has the kind: where
// that says it all, there are none.
var pageKindWords = map[IntentKind]string{
	Relocked: "the statement is as it was; the lock records another reading",
	Reread:   "the statement is as it was and reads differently, since what it depends on has changed",
}

// changes returns nil where there is no base.
func (v *pageViewer) changes() *changesView {
	if !v.based() {
		return nil
	}
	d := v.d
	out := &changesView{Notes: d.Notes, Also: d.Also, OnDisk: d.OnDisk}
	for _, c := range d.Intents {
		if c.Kind == Relocked || c.Kind == Reread {
			out.Loud = append(out.Loud, v.intentChange(c))
		} else {
			out.Quiet = append(out.Quiet, v.intentChange(c))
		}
	}
	for _, c := range d.Cut {
		out.Cut = append(out.Cut, cutView{c, v.place(diag.Position{File: c.Pos.File, Line: c.Pos.Line}), v.intentLinks(c.Intents)})
	}
	r := d.Reachability
	if r == nil {
		r = &ReachabilityChange{}
	}
	out.Workloads, out.New, out.Gone = r.Workloads, r.NewWorkloads, r.GoneWorkloads
	out.Notes = append(append([]string{}, out.Notes...), r.Notes...)
	out.Gained = v.flows("gained", "Wider: passes now and did not", "Both ends were there before, so that this change opens it.", r.Pairs.Gained, r.Gained)
	out.Lost = v.flows("lost", "Closed: passed and does not any more", "Both ends are still there.", r.Pairs.Lost, r.Lost)
	out.Arrived = v.flows("arrived", "Arrived: passes, and an end is new", "", r.Pairs.Arrived, r.Arrived)
	out.Departed = v.flows("departed", "Departed: passed, and an end is gone", "", r.Pairs.Departed, r.Departed)
	out.Unknown = d.Unknown()
	out.Count = len(d.Also) + len(d.Intents) + len(d.Policies) + len(d.Cut) + len(r.Gained) + len(r.Lost) + len(r.Arrived) + len(r.Departed)
	return out
}

func (v *pageViewer) flows(kind, title, words string, pairs int, flows []FlowChange) flowsView {
	out := flowsView{ID: kind, Kind: kind, Title: title, Words: words, Pairs: pairs}
	for _, f := range flows {
		out.Flows = append(out.Flows, flowView{f, v.intentLinks(f.Intents), v.policyLinks(f.Policies)})
	}
	return out
}

func (v *pageViewer) intentChange(c IntentChange) intentChangeView {
	out := intentChangeView{IntentChange: c, Words: pageKindWords[c.Kind], Link: v.intentLinks([]string{c.Set + "/" + c.Name})[0]}
	switch {
	case c.Kind == Reworded && c.SameReading:
		out.Words = "means the same"
	case c.Kind == Reworded && c.After != nil && len(c.After.ReadsAs) == 0:
		out.Words = "is not understood"
	case c.Kind == Reworded:
		out.Words = "means something else"
	}
	if c.Before != nil {
		out.BeforePlace = v.place(diag.Position{File: c.Before.File, Line: c.Before.Line})
	}
	if c.After != nil {
		out.AfterPlace = v.place(diag.Position{File: c.After.File, Line: c.After.Line})
	}
	return out
}
