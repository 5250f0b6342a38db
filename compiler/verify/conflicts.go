package verify

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// share is what became of a part of an Allow: a peer or a port that it names.
type share struct {
	left    bool
	example ir.Flow
	by      *ir.Bound // blocked the example; nil: no flow of the part was seen
}

func (s *share) take(f ir.Flow, by *ir.Bound) {
	switch {
	case by == nil:
		s.left = true
	case s.by == nil || rank(f) > rank(s.example):
		s.example, s.by = f, by
	}
}

func (s *share) gone() bool { return !s.left && s.by != nil }

// Conflicts finds the Allows that other rules leave nothing of, or nothing of a
// peer or a port that they name (section 4.2 of the design): an error at the
// Allow that names the rule in its way. An Allow of every port that a Close of
// another statement narrows is a note.
func Conflicts(p *ir.Program, u *Universe) diag.List {
	j := newJudge(p, u)
	var found []conflict
	refuted := map[*ir.Intent]bool{}
	for i, b := range p.Rules {
		if b.Allow == nil || b.Implied != "" {
			continue
		}
		for _, c := range j.conflict(i, b) {
			found = append(found, c)
			if c.Severity == diag.Error && c.by.Implied == "" {
				refuted[b.Intent] = true
			}
		}
	}
	var out diag.List
	for _, c := range found {
		// What only the isolation of a statement closes that is itself in conflict
		// with what another says is open again once that statement is gone.
		if c.by.Implied == "" || !refuted[c.by.Intent] {
			out = append(out, c.Diagnostic)
		}
	}
	return out.Sorted()
}

// conflict is a finding, and the rule that is in the Allow's way.
type conflict struct {
	diag.Diagnostic
	by *ir.Bound
}

// account is what is left of one Allow, by the peers and ports that it names.
type account struct {
	*ir.Bound
	from, to []share
	ports    map[ir.Interval]*share
	narrowed *narrowing
}

// conflict asks what of one Allow is left.
func (j *judge) conflict(rule int, b *ir.Bound) []conflict {
	a := &account{Bound: b, from: make([]share, len(b.Allow.From)), to: make([]share, len(b.Allow.To)), ports: map[ir.Interval]*share{}}
	sources := j.members(rule, j.from)
	for _, d := range j.members(rule, j.to) {
		classes := portClasses(j.ports(d), j.ends[d])
		for _, s := range sources {
			if j.judged(s, d) {
				j.settle(a, s, d, classes)
			}
		}
	}
	return j.conflictWords(a)
}

// settle enters the flows between two endpoints.
func (j *judge) settle(a *account, from, to int, classes []port) {
	rules := j.about(from, to)
	named := intervals(a.Allow.Ports.On(j.ends[to]))
	var left ir.PortSet
	var other *ir.Bound // of another statement, in the way
	for _, p := range classes {
		f := j.flow(from, to, p)
		if a.Allow.Covers(f) != ir.Yes {
			continue
		}
		var by *ir.Bound
		if want := rules.Wants(f); want.Verdict == ir.Block {
			by = want.By
		}
		a.take(f, by)
		for _, v := range named {
			if touches(p.class, v) {
				if a.ports[v] == nil {
					a.ports[v] = &share{}
				}
				a.ports[v].take(f, by)
			}
		}
		if by == nil {
			left = left.Union(p.class)
		} else if by.Intent != a.Intent {
			other = by
		}
	}
	if a.narrowed == nil && other != nil && !left.Empty() {
		a.narrowed = &narrowing{j.flow(from, to, port{}), left, other}
	}
}

// take enters one flow for the peers that it is of.
func (a *account) take(f ir.Flow, by *ir.Bound) {
	for i, p := range a.Allow.From {
		if p.Has(f.From) == ir.Yes {
			a.from[i].take(f, by)
		}
	}
	for i, p := range a.Allow.To {
		if p.Has(f.To) == ir.Yes {
			a.to[i].take(f, by)
		}
	}
}

// narrowing is an Allow of every port of which only some are left.
type narrowing struct {
	flow ir.Flow
	left ir.PortSet
	by   *ir.Bound
}

// members returns the endpoints that an Allow may be about at one end, one of
// each class.
func (j *judge) members(rule int, side []ruleSet) []int {
	type class struct {
		pod   bool
		words string
	}
	var out []int
	seen := map[class]bool{}
	for e := range j.ends {
		if k := (class{j.ends[e].IsPod(), j.classes[e]}); side[e].has(rule) && !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	return out
}

// intervals returns the ports of a set whatever their protocol: "port 53" is one
// port, though it is one of UDP and one of TCP.
func intervals(s ir.PortSet) []ir.Interval {
	var out []ir.Interval
	for _, list := range s {
		for _, v := range list {
			if !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}

func touches(s ir.PortSet, v ir.Interval) bool {
	for _, list := range s {
		if slices.ContainsFunc(list, func(w ir.Interval) bool { return w.Lo <= v.Hi && v.Lo <= w.Hi }) {
			return true
		}
	}
	return false
}

func (j *judge) conflictWords(a *account) []conflict {
	b := a.Bound
	for _, parts := range [][]share{a.from, a.to} {
		if len(parts) > 0 && !slices.ContainsFunc(parts, func(s share) bool { return !s.gone() }) {
			return []conflict{j.contradiction(b, parts[0], "nothing is left of it")}
		}
	}
	var out []conflict
	for i, s := range a.from {
		if s.gone() {
			out = append(out, j.contradiction(b, s, fmt.Sprintf("nothing is left of it for %s", b.Allow.From[i].Peer)))
		}
	}
	for i, s := range a.to {
		if s.gone() {
			out = append(out, j.contradiction(b, s, fmt.Sprintf("nothing is left of it toward %s", b.Allow.To[i].Peer)))
		}
	}
	switch n := a.narrowed; {
	case len(out) > 0 || b.Allow.Ports.Any && n == nil:
		return out
	case b.Allow.Ports.Any:
		note := diag.Notef(diag.VerifyNarrowed, b.Intent.Position(b.Span), "%s: between %s and %s this is narrowed to %s, since another statement closes the other ports",
			ruleWords(b), n.flow.From, n.flow.To, n.left)
		return []conflict{{relate(note, n.by).About(b.Intent.Name), n.by}}
	}
	var lost []ir.Interval
	for v, s := range a.ports {
		if s.gone() {
			lost = append(lost, v)
		}
	}
	slices.SortFunc(lost, func(a, b ir.Interval) int { return cmp.Or(a.Lo-b.Lo, a.Hi-b.Hi) })
	for _, v := range lost {
		name := fmt.Sprintf("port %d", v.Lo)
		if v.Hi > v.Lo {
			name = fmt.Sprintf("ports %d-%d", v.Lo, v.Hi)
		}
		out = append(out, j.contradiction(b, *a.ports[v], "nothing is left of it on "+name))
	}
	return out
}

// contradiction words what is lost, names the rule in the way and every other
// that is in the way of the same flow.
func (j *judge) contradiction(b *ir.Bound, s share, what string) conflict {
	by := s.by
	who := fmt.Sprintf("intent %q", by.Intent.Name)
	if by.Intent == b.Intent {
		who = "the same statement"
	} else if by.Set != b.Set {
		who += fmt.Sprintf(" of set %q", by.Set.Name)
	}
	d := diag.Errorf(diag.VerifyContradiction, b.Intent.Position(b.Span), "%s: %s, since %s closes it: %s is blocked", ruleWords(b), what, who, words(s.example)).About(b.Intent.Name)
	d = relate(d, by)
	for _, other := range j.p.Rules {
		if c := other.Close; other != by && c != nil && (c.Firm || other.Set != b.Set) && other.Implied == "" && c.Covers(s.example) == ir.Yes {
			d = relate(d, other)
		}
	}
	switch {
	case by.Intent == b.Intent:
		d = d.Hint("say one of the two")
	case by.Close.Firm:
		d = d.Hint("take one of the two statements back, or name the exception in %q", by.Intent.Name)
	case by.Implied != "":
		d = d.Hint("write both statements into one file, or set isolation: explicit in set %q", by.Set.Name)
	default:
		d = d.Hint("write both statements into one file, where %q yields to what others allow", by.Intent.Name)
	}
	return conflict{d, by}
}

func relate(d diag.Diagnostic, by *ir.Bound) diag.Diagnostic {
	reads := "reads as"
	if by.Implied != "" {
		reads = "implies"
	}
	return d.Relate(by.Intent.Position(by.Span), "%q %s: %s", by.Intent.Statement, reads, ruleWords(by))
}
