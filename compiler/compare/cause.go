package compare

import (
	"reflect"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// This file finds causes.
//
// A flow is lost because, at the later side, the policies at one of its ends do not
// let it pass. The statements that close that end are found once for each end;
// which of them cover the flow is a word of bits, and equal words are one cause. A
// flow is gained because an end that did not let it pass now does: either nothing
// closes it any more, which the policies of the earlier side explain, or a
// statement, or somebody's policy, allows the flow.

// end is a direction at a party.
type end struct {
	party int
	dir   ir.End
}

// causes caches what is known of each end.
type causes struct {
	closers [2]map[end][]*policy.Object
	closes  map[end][]*ir.Bound
	allows  map[int][]*ir.Bound // by destination
	known   map[causeKey]*Cause
	joined  map[[2]*Cause]*Cause
}

type causeKey struct {
	kind Kind
	end  end
	bits uint64
	more string
}

// prepare empties the caches and says which policies each side has as the other.
func (c *comparison) prepare() {
	c.causes = causes{closers: [2]map[end][]*policy.Object{{}, {}}, closes: map[end][]*ir.Bound{}, allows: map[int][]*ir.Bound{}, known: map[causeKey]*Cause{}, joined: map[[2]*Cause]*Cause{}}
	var sides [2]map[string]*networkingv1.NetworkPolicySpec
	for side, s := range c.states {
		sides[side] = map[string]*networkingv1.NetworkPolicySpec{}
		for _, o := range s.Engine.Objects() {
			sides[side][o.Key()] = &o.NetworkPolicy.Spec
		}
	}
	c.same = map[string]bool{}
	for key, spec := range sides[is] {
		c.same[key] = sides[was][key] != nil && reflect.DeepEqual(spec, sides[was][key])
	}
}

// closers are the policies that close an end at a side.
func (c *comparison) closers(side int, e end) []*policy.Object {
	if found, ok := c.causes.closers[side][e]; ok {
		return found
	}
	var out []*policy.Object
	if w := c.parties[e.party].at[side]; w != nil {
		out = c.states[side].Engine.Closers(w, e.dir)
	}
	c.causes.closers[side][e] = out
	return out
}

// makers are those of a side's policies that the other has not, or has otherwise:
// what made the difference. Where there is none, labels or workloads did, and all
// are returned.
func (c *comparison) makers(objects []*policy.Object) []*policy.Object {
	var out []*policy.Object
	for _, o := range objects {
		if !c.same[o.Key()] {
			out = append(out, o)
		}
	}
	if len(out) == 0 {
		return objects
	}
	return out
}

// closes are the statements of the later side that close an end, whatever for.
func (c *comparison) closes(e end) []*ir.Bound {
	if found, ok := c.causes.closes[e]; ok {
		return found
	}
	var out []*ir.Bound
	if p := c.states[is].Program; p != nil && c.parties[e.party].there(is) {
		at := c.endpoint(is, e.party)
		for _, b := range p.Rules {
			if b.Close != nil && b.Close.End == e.dir && ir.HasAny(b.Close.Subject, at) != ir.No {
				out = append(out, b)
			}
		}
	}
	c.causes.closes[e] = out
	return out
}

// allows are the statements of the later side that allow flows to a destination.
func (c *comparison) allows(to int) []*ir.Bound {
	if found, ok := c.causes.allows[to]; ok {
		return found
	}
	var out []*ir.Bound
	if p := c.states[is].Program; p != nil {
		at := c.endpoint(is, to)
		for _, b := range p.Rules {
			if b.Allow != nil && ir.HasAny(b.Allow.To, at) != ir.No {
				out = append(out, b)
			}
		}
	}
	c.causes.allows[to] = out
	return out
}

// covering is the word of those rules that cover a flow.
func covering(rules []*ir.Bound, f ir.Flow) uint64 {
	var bits uint64
	for i, b := range rules[:min(len(rules), 64)] {
		if b.Close != nil && b.Close.Covers(f) != ir.No || b.Allow != nil && b.Allow.Covers(f) != ir.No {
			bits |= 1 << i
		}
	}
	return bits
}

// intentsOf names the intents of the rules whose bits are set.
func intentsOf(rules []*ir.Bound, bits uint64) []string {
	var out []string
	for i, b := range rules[:min(len(rules), 64)] {
		if bits>>i&1 == 1 {
			out = append(out, b.Intent.Set+"/"+b.Intent.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// carried are the intents that policies name as theirs.
func carried(objects []*policy.Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.Intents()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// flow is a flow as a side knows it.
func (c *comparison) flow(side, from, to int, port inventory.Port) ir.Flow {
	return ir.Flow{From: c.endpoint(side, from), To: c.endpoint(side, to), Protocol: port.Protocol, Port: port.Number}
}

// remember returns the cause of a key, made once.
func (c *comparison) remember(k causeKey, make func() Cause) *Cause {
	if known := c.causes.known[k]; known != nil {
		return known
	}
	cause := make()
	c.causes.known[k] = &cause
	return &cause
}

// joined is the cause at one end, or at both.
func (c *comparison) joined(ends []end, cause func(end) *Cause) *Cause {
	first := cause(ends[0])
	if len(ends) == 1 {
		return first
	}
	k := [2]*Cause{first, cause(ends[1])}
	if known := c.causes.joined[k]; known != nil {
		return known
	}
	out := &Cause{Why: k[0].Why, Intents: slices.Concat(k[0].Intents, k[1].Intents), Objects: slices.Concat(k[0].Objects, k[1].Objects)}
	if k[1].Why != out.Why {
		out.Why += "; and at the other end: " + k[1].Why
	}
	slices.Sort(out.Intents)
	out.Intents = slices.Compact(out.Intents)
	c.causes.joined[k] = out
	return out
}

// lost is why the later side does not let a flow pass at an end.
func (c *comparison) lost(e end, f ir.Flow) *Cause {
	rules := c.closes(e)
	bits := covering(rules, f)
	return c.remember(causeKey{kind: Lost, end: e, bits: bits}, func() Cause {
		objects := c.makers(c.closers(is, e))
		out := Cause{Intents: intentsOf(rules, bits), Objects: objects}
		if len(out.Intents) == 0 {
			out.Intents = carried(objects)
		}
		out.Why = "closed by " + sources(out.Intents, objects)
		if len(objects) > 0 && c.same[objects[0].Key()] {
			out.Why = "labels or ports changed: closed by " + sources(out.Intents, objects)
		}
		return out
	})
}

// gained is why the later side lets a flow pass at an end that did not.
func (c *comparison) gained(e end, to int, f ir.Flow) *Cause {
	before, after := c.closers(was, e), c.closers(is, e)
	if len(after) == 0 {
		return c.remember(causeKey{kind: Gained, end: e}, func() Cause {
			objects := c.makers(before)
			why := map[ir.End]string{ir.Ingress: "nothing closes what comes in any more", ir.Egress: "nothing closes what goes out any more"}[e.dir]
			out := Cause{Why: why, Intents: carried(objects), Objects: objects}
			if by := sources(out.Intents, objects); by != "" {
				out.Why += ": it was closed by " + by
			}
			return out
		})
	}
	rules := c.allows(to)
	bits := covering(rules, f)
	if bits != 0 {
		return c.remember(causeKey{kind: Gained, end: e, bits: bits}, func() Cause {
			out := Cause{Intents: intentsOf(rules, bits), Objects: c.makers(after)}
			out.Why = "allowed by " + sources(out.Intents, nil)
			return out
		})
	}
	decision := c.states[is].Engine.Decide(f)
	by := decision.Ingress.By
	if e.dir == ir.Egress {
		by = decision.Egress.By
	}
	var objects []*policy.Object
	key := ""
	for _, r := range by {
		objects = append(objects, r.Object)
		key += r.Object.Key() + " "
	}
	objects = slices.Compact(objects) // a policy's rules follow each other
	return c.remember(causeKey{kind: Gained, end: e, more: key}, func() Cause {
		out := Cause{Intents: carried(objects), Objects: objects}
		out.Why = "allowed by " + sources(out.Intents, objects)
		return out
	})
}

// one is why flows pass, or passed, that have an end on one side only.
func (c *comparison) one(kind Kind, from, to int, f ir.Flow) *Cause {
	side, what := is, "new"
	if kind == Departed {
		side, what = was, "gone"
	}
	var names []string
	which := uint64(0)
	for i, p := range []int{from, to} {
		if !c.parties[p].there(1 - side) {
			names = append(names, c.parties[p].name)
			which |= 1 << i
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	verb := " is "
	if len(names) > 1 {
		verb = " are "
	}
	why := strings.Join(names, " and ") + verb + what
	if kind == Departed {
		return c.remember(causeKey{kind: kind, more: why}, func() Cause { return Cause{Why: why} })
	}
	open := len(c.closers(is, end{from, ir.Egress}))+len(c.closers(is, end{to, ir.Ingress})) == 0
	if open {
		return c.remember(causeKey{kind: kind, more: why}, func() Cause { return Cause{Why: why + ", and nothing closes either end"} })
	}
	rules := c.allows(to)
	bits := covering(rules, f)
	return c.remember(causeKey{kind: kind, end: end{party: to}, bits: bits, more: why}, func() Cause {
		out := Cause{Why: why, Intents: intentsOf(rules, bits)}
		if len(out.Intents) > 0 {
			out.Why += "; allowed by " + sources(out.Intents, nil)
		}
		return out
	})
}

// sources words what made it so: statements where there are any, else policies.
func sources(intents []string, objects []*policy.Object) string {
	const enough = 3
	names := intents
	if len(names) == 0 {
		for _, o := range objects {
			names = append(names, o.Key())
		}
	}
	if n := len(names); n > enough {
		return strings.Join(names[:enough], ", ") + " and more"
	}
	return strings.Join(names, ", ")
}
