package lock

import (
	"fmt"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file says why an entry is not fresh. An entry holds one digest over all
// that makes it fresh, and a digest cannot say which part of it changed. It can
// be asked, though: the statement of today with another namespace either has the
// recorded digest or has not. The namespaces worth asking about are few, those
// that the recorded rules name and those of the project's intent sets. So nothing
// more has to be recorded, and no second field can disagree with the digest.

// State is how an intent stands to the lock.
type State string

// The states. Only Fresh needs no reader.
const (
	Fresh   State = "fresh"   // recorded as it now stands
	Stale   State = "stale"   // recorded as it no longer stands
	Missing State = "missing" // not recorded
	Orphan  State = "orphan"  // recorded, and in no intent set any more
)

// Want is one intent as an intent set has it now.
type Want struct {
	Set, Intent          string
	Statement, Namespace string
	Before               []string // what of the set's earlier statements it depends on: Context
}

func (w Want) digest() string { return Digest(w.Statement, w.Namespace, w.Before...) }

// Verdict is how one intent stands to the lock. Reasons say why it is not fresh,
// Entry is nil where it is missing.
type Verdict struct {
	Set, Intent string
	State       State
	Reasons     []string
	Entry       *Entry
}

// Verdicts returns how every intent stands to the lock, in the order of wants,
// and behind them what the lock holds beyond them.
func (f *File) Verdicts(wants []Want) []Verdict {
	var out []Verdict
	known := map[[2]string]bool{}
	entries := byIntent(f)
	for _, w := range wants {
		k := [2]string{w.Set, w.Intent}
		known[k] = true
		v := Verdict{Set: w.Set, Intent: w.Intent}
		if e, ok := entries[k]; ok {
			v.Entry = &e
			v.State, v.Reasons = w.stands(e, wants)
		} else {
			v.State, v.Reasons = Missing, w.missing(f)
		}
		out = append(out, v)
	}
	for _, e := range f.Entries {
		if !known[key(e)] {
			out = append(out, Verdict{Set: e.Set, Intent: e.Intent, State: Orphan, Entry: &e, Reasons: []string{"no intent set has an intent of this name"}})
		}
	}
	return out
}

// stands compares an intent with its own entry.
func (w Want) stands(e Entry, wants []Want) (State, []string) {
	digest := w.digest()
	switch {
	case e.Fresh(digest):
		return Fresh, nil
	case e.Digest == digest:
		return Stale, []string{"the lock records no rules for it"}
	}
	for _, n := range candidates(e, wants) {
		if n != w.Namespace && Digest(w.Statement, n, w.Before...) == e.Digest {
			return Stale, []string{fmt.Sprintf("the namespace of its intent set was %s and is %s now", quoted(n), quoted(w.Namespace))}
		}
	}
	for _, other := range wants {
		if other.digest() == e.Digest {
			return Stale, []string{fmt.Sprintf("the lock records the statement that is %s/%s now", other.Set, other.Intent)}
		}
	}
	if len(w.Before) > 0 {
		return Stale, []string{"the statement, or an earlier one that it looks back to, changed since it was recorded"}
	}
	return Stale, []string{"the statement changed since it was recorded"}
}

func quoted(namespace string) string {
	if namespace == "" {
		return "none"
	}
	return fmt.Sprintf("%q", namespace)
}

// missing says what is known of an intent that has no entry.
func (w Want) missing(f *File) []string {
	digest := w.digest()
	for _, e := range f.Entries {
		if e.Fresh(digest) {
			return []string{fmt.Sprintf("the lock has no entry of this name; it records the same statement as %s/%s", e.Set, e.Intent)}
		}
	}
	return []string{"the lock has no entry of this name"}
}

// candidates are the namespaces that an intent may have had when it was recorded.
func candidates(e Entry, wants []Want) []string {
	out := []string{""}
	for _, w := range wants {
		out = append(out, w.Namespace)
	}
	var peers func([]ir.Peer)
	peers = func(list []ir.Peer) {
		for _, p := range list {
			out = append(out, p.Namespace)
			if p.In != nil {
				out = append(out, p.In.Names...)
			}
			peers(p.Minus)
		}
	}
	for _, r := range e.Rules {
		if a := r.Allow; a != nil {
			peers(a.From)
			peers(a.To)
		}
		if c := r.Close; c != nil {
			peers(c.Subject)
			for _, t := range slices.Concat(c.Scope, c.Except) {
				peers(t.Peers)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
