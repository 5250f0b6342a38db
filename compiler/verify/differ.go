package verify

import (
	"fmt"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// Difference is a flow of which two programs want different things. Opposed says
// that they do once another statement of the set allows the flow: one of them
// forbids it firmly, the other does not.
type Difference struct {
	Flow    ir.Flow
	A, B    ir.Verdict
	Opposed bool
}

// String words the flow and the two verdicts.
func (d Difference) String() string {
	s := fmt.Sprintf("%s is %s in the first and %s in the second", words(d.Flow), d.A, d.B)
	if d.Opposed {
		s += ", when another statement allows it"
	}
	return s
}

// Differ returns the best-known flow of which two programs over one inventory
// want different things, or nil if they mean the same: section 4.2 gives the same
// verdict for every flow, alone and beside a statement that allows everything,
// which is what tells a firm Close from a soft one. Where one promises nothing,
// they do not differ. Parties that no address is known of (domains, the API
// server) are in no flow: the caller compares those by what they name.
func Differ(a, b *ir.Program, before []policy.Object) *Difference {
	both := &ir.Program{Inventory: a.Inventory, Rules: slices.Concat(a.Rules, b.Rules)}
	u := NewUniverse(both, before)
	if d := differ(a, b, u); d != nil {
		return d
	}
	d := differ(opposed(a), opposed(b), u)
	if d != nil {
		d.Opposed = true
	}
	return d
}

// opposed returns p with an Allow of everything in each of its sets.
func opposed(p *ir.Program) *ir.Program {
	out := &ir.Program{Inventory: p.Inventory, Rules: slices.Clone(p.Rules)}
	all := []*ir.Party{{Peer: ir.Peer{Kind: ir.Anybody}}}
	var seen []*ir.Set
	for _, b := range p.Rules {
		if !slices.Contains(seen, b.Set) {
			seen = append(seen, b.Set)
			out.Rules = append(out.Rules, &ir.Bound{Intent: b.Intent, Set: b.Set, Allow: &ir.BoundAllow{From: all, To: all, Ports: ir.PortMap{Any: true}}})
		}
	}
	return out
}

func differ(a, b *ir.Program, u *Universe) *Difference {
	x, y := newJudge(a, u), newJudge(b, u)
	ends := merged(x, y)
	var best *Difference
	for _, to := range ends {
		ports := portClasses(slices.Concat(x.ports(to), y.ports(to)), x.ends[to])
		first, second := x.touched(to), y.touched(to)
		for _, from := range ends {
			if !x.judged(from, to) || !first(from) && !second(from) {
				continue
			}
			wantsX, wantsY := x.about(from, to), y.about(from, to)
			for _, p := range ports {
				f := x.flow(from, to, p)
				v, w := wantsX.Wants(f).Verdict, wantsY.Wants(f).Verdict
				if v == w || v == ir.Free || w == ir.Free {
					continue
				}
				if best == nil || telling(f) > telling(best.Flow) {
					best = &Difference{Flow: f, A: v, B: w}
				}
			}
		}
	}
	return best
}

// telling is higher for flows that show a difference better: those that people
// have heard of, and of those the ones between two workloads.
func telling(f ir.Flow) int {
	n := 2 * rank(f)
	if f.From.Workload != f.To.Workload {
		n++
	}
	return n
}

// merged returns one endpoint of each class that neither program tells apart.
func merged(x, y *judge) []int {
	seen := map[string]bool{}
	var out []int
	for i := range x.ends {
		key := fmt.Sprint(x.ends[i].IsPod(), x.classes[i], "\x00", y.classes[i])
		if !seen[key] {
			seen[key] = true
			out = append(out, i)
		}
	}
	return out
}
