package compiler

import (
	"context"
	"sync"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/read"
	"github.com/kubeteus/kubeteus/compiler/read/english"
	"github.com/kubeteus/kubeteus/compiler/read/repair"
)

// Vote is what the embedded reader says of a fresh entry.
type Vote string

// The votes.
const (
	Agrees    Vote = "agrees"
	Disagrees Vote = "disagrees" // compile rejects the entry
	Abstains  Vote = "abstains"  // it does not understand the whole statement
)

// LockState is what the lock says of one intent, and what speaks for it. An
// orphan, an entry without an intent, has no position, statement or vote.
type LockState struct {
	lock.Verdict
	Pos       diag.Position
	Statement string
	Records   []string  // what the entry's rules say, in words
	Reads     []string  // what the embedded reader reads, in words; empty: it does not
	Findings  diag.List // what the embedded reader says of the statement
	Vote      Vote      // of a fresh entry
	Flow      string    // on which both readings differ, if the vote is Disagrees
	Unfounded []string  // what the statement's words do not bear out, if the vote is Abstains
}

// Lock says how every intent of the project stands to the lock, in the order of
// the intent files, with orphans behind them. No model is asked, and nothing is
// written. The project itself may be rejected; then the list is empty.
func Lock(ctx context.Context, o Options) ([]LockState, *Result, error) {
	r := prepare(o)
	defer func() { r.Diags = r.Diags.Sorted() }()
	if err := r.configure(&o); err != nil || r.Diags.HasErrors() {
		return nil, r, err
	}
	if err := r.through(ctx, o, r.load); err != nil || r.Diags.HasErrors() {
		return nil, r, err
	}
	r.stand()
	r.statements = r.listed()
	if r.Diags.HasErrors() {
		return nil, r, nil
	}
	var wants []lock.Want
	for _, s := range r.statements {
		wants = append(wants, lock.Want{Set: s.intent.Set, Intent: s.intent.Name, Statement: s.intent.Statement, Namespace: s.set.Namespace,
			Before: s.request.Context})
	}
	reader := english.With(r.Inventory, r.index())
	var out []LockState
	for i, v := range r.recorded.Verdicts(wants) {
		state := LockState{Verdict: v}
		if v.Entry != nil {
			state.Records = ir.Words(v.Entry.Rules)
		}
		if i < len(r.statements) {
			if err := r.vote(ctx, reader, r.statements[i], &state); err != nil {
				return nil, r, err
			}
		}
		out = append(out, state)
	}
	return out, r, nil
}

// stand finds what stands before anything is compiled: the policies in force, and
// the vocabulary of the inventory, which is made when it is asked for.
func (r *Result) stand() {
	r.index = sync.OnceValue(func() *names.Index { return names.New(r.Inventory) })
	for _, p := range r.Inventory.Policies {
		r.before = append(r.before, p.Object)
	}
	r.inForce = reach.New(r.Inventory, r.before, reach.Options{})
}

// vote has the embedded reader read the statement, and compares.
func (r *Result) vote(ctx context.Context, reader read.Reader, s *statement, state *LockState) error {
	reading, findings, err := reader.Read(ctx, s.request)
	if err != nil {
		return err
	}
	state.Pos, state.Statement, state.Findings = s.intent.Pos, s.intent.Statement, findings
	understood := !findings.HasErrors()
	if understood {
		state.Reads = ir.Words(reading.Rules)
	}
	switch {
	case state.State != lock.Fresh:
	case !understood:
		state.Vote = Abstains
		state.Unfounded = repair.Unfounded(r.index(), s.request, state.Entry.Rules)
	default:
		state.Vote = Agrees
		if flow, different := r.differ(s.set, s.intent, state.Entry.Rules, reading.Rules); different {
			state.Vote, state.Flow = Disagrees, flow
		}
	}
	return nil
}
