package verify

import (
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
	case s.by == nil:
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
	var out diag.List
	for i, b := range p.Rules {
		if b.Allow != nil && b.Implied == "" {
			out = append(out, j.conflict(i, b)...)
		}
	}
	return out.Sorted()
}

// conflict asks what of one Allow is left.
func (j *judge) conflict(rule int, b *ir.Bound) diag.List {
	a := b.Allow
	from, to := make([]share, len(a.From)), make([]share, len(a.To))
	ports := map[ir.Interval]*share{}
	var narrowed *narrowing
	sources, dests := j.members(rule, j.from), j.members(rule, j.to)
	for _, d := range dests {
		classes := portClasses(j.ports(d), j.ends[d])
		named := intervals(a.Ports.On(j.ends[d]))
		for _, s := range sources {
			if !j.judged(s, d) {
				continue
			}
			rules := j.about(s, d)
			var left, lost ir.PortSet
			var by *ir.Bound
			for _, p := range classes {
				f := j.flow(s, d, p)
				if a.Covers(f) != ir.Yes {
					continue
				}
				var blocker *ir.Bound
				if want := rules.Wants(f); want.Verdict == ir.Block {
					blocker = want.By
				}
				for i, party := range a.From {
					if party.Has(f.From) == ir.Yes {
						from[i].take(f, blocker)
					}
				}
				for i, party := range a.To {
					if party.Has(f.To) == ir.Yes {
						to[i].take(f, blocker)
					}
				}
				for _, v := range named {
					if touches(p.class, v) {
						if ports[v] == nil {
							ports[v] = &share{}
						}
						ports[v].take(f, blocker)
					}
				}
				if blocker == nil {
					left = left.Union(p.class)
				} else if lost = lost.Union(p.class); blocker.Intent != b.Intent {
					by = blocker
				}
			}
			if narrowed == nil && by != nil && !left.Empty() {
				narrowed = &narrowing{j.flow(s, d, port{}), left, by}
			}
		}
	}
	return j.conflictWords(b, from, to, ports, narrowed)
}

// narrowing is an Allow of every port of which only some are left.
type narrowing struct {
	flow ir.Flow
	left ir.PortSet
	by   *ir.Bound
}

// members returns the endpoints that an Allow may be about at one end, one of
// each class.
func (j *judge) members(rule int, side [][]bool) []int {
	var out []int
	seen := map[string]bool{}
	for e := range j.ends {
		if k := fmt.Sprint(j.ends[e].IsPod(), j.classes[e]); side[e][rule] && !seen[k] {
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

func (j *judge) conflictWords(b *ir.Bound, from, to []share, ports map[ir.Interval]*share, narrowed *narrowing) diag.List {
	a := b.Allow
	gone := func(s share) bool { return s.gone() }
	if len(from) > 0 && len(to) > 0 && (!slices.ContainsFunc(from, func(s share) bool { return !s.gone() }) || !slices.ContainsFunc(to, func(s share) bool { return !s.gone() })) {
		return diag.List{contradiction(b, from[0], "nothing is left of it")}
	}
	var out diag.List
	for i, s := range from {
		if gone(s) {
			out = append(out, contradiction(b, s, fmt.Sprintf("nothing is left of it for %s", a.From[i].Peer)))
		}
	}
	for i, s := range to {
		if gone(s) {
			out = append(out, contradiction(b, s, fmt.Sprintf("nothing is left of it toward %s", a.To[i].Peer)))
		}
	}
	if len(out) > 0 {
		return out
	}
	if a.Ports.Any {
		if narrowed != nil {
			return diag.List{diag.Notef(diag.VerifyNarrowed, b.Intent.Position(b.Span), "%s: between %s and %s this is narrowed to %s, since another statement closes the other ports",
				ruleWords(b), narrowed.flow.From, narrowed.flow.To, narrowed.left).
				Relate(narrowed.by.Intent.Position(narrowed.by.Span), "%s: %s", narrowed.by.Intent.Name, ruleWords(narrowed.by)).About(b.Intent.Name)}
		}
		return nil
	}
	var lost []ir.Interval
	for v, s := range ports {
		if s.gone() {
			lost = append(lost, v)
		}
	}
	slices.SortFunc(lost, func(a, b ir.Interval) int { return a.Lo - b.Lo })
	for _, v := range lost {
		name := fmt.Sprintf("port %d", v.Lo)
		if v.Hi > v.Lo {
			name = fmt.Sprintf("ports %d-%d", v.Lo, v.Hi)
		}
		out = append(out, contradiction(b, *ports[v], "nothing is left of it on "+name))
	}
	return out
}

func contradiction(b *ir.Bound, s share, what string) diag.Diagnostic {
	by := s.by
	who := fmt.Sprintf("intent %q", by.Intent.Name)
	if by.Intent == b.Intent {
		who = "the same statement"
	} else if by.Set != b.Set {
		who += fmt.Sprintf(" of set %q", by.Set.Name)
	}
	reads := "reads as"
	if by.Implied != "" {
		reads = "implies"
	}
	d := diag.Errorf(diag.VerifyContradiction, b.Intent.Position(b.Span), "%s: %s, since %s closes it: %s is blocked", ruleWords(b), what, who, words(s.example)).
		Relate(by.Intent.Position(by.Span), "%q %s: %s", by.Intent.Statement, reads, ruleWords(by)).About(b.Intent.Name)
	switch {
	case by.Intent == b.Intent:
		return d.Hint("say one of the two")
	case by.Close.Firm:
		return d.Hint("take one of the two statements back, or name the exception in %q", by.Intent.Name)
	case by.Implied != "":
		return d.Hint("write both statements into one file, or set isolation: explicit in set %q", by.Set.Name)
	default:
		return d.Hint("write both statements into one file, where %q yields to what others allow", by.Intent.Name)
	}
}
