package kubernetes

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// values is a constraint on one label: which values it may have (those of list,
// or with not all others), and whether it may be absent. Such constraints are
// closed under intersection, union and complement.
type values struct {
	not    bool
	list   []string // sorted
	absent bool
}

func anyValue() values { return values{not: true, absent: true} }

func (v values) none() bool { return !v.not && len(v.list) == 0 && !v.absent }
func (v values) all() bool  { return v.not && len(v.list) == 0 && v.absent }

func (v values) complement() values { return values{not: !v.not, list: v.list, absent: !v.absent} }

func (v values) and(w values) values {
	out := values{absent: v.absent && w.absent}
	switch {
	case v.not && w.not:
		out.not, out.list = true, union(v.list, w.list)
	case v.not:
		out.list = without(w.list, v.list)
	case w.not:
		out.list = without(v.list, w.list)
	default:
		out.list = without(v.list, without(v.list, w.list))
	}
	return out
}

func (v values) or(w values) values { return v.complement().and(w.complement()).complement() }

func (v values) equal(w values) bool {
	return v.not == w.not && v.absent == w.absent && slices.Equal(v.list, w.list)
}

// sayable says whether one label selector can hold v: "one of these, or absent"
// takes two.
func (v values) sayable() bool { return v.not || !v.absent || len(v.list) == 0 }

func union(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

func without(a, b []string) []string {
	var out []string
	for _, s := range a {
		if _, found := slices.BinarySearch(b, s); !found {
			out = append(out, s)
		}
	}
	return out
}

// constraint is values of one key of the pod's labels, or of its namespace's.
type constraint struct {
	namespace bool
	key       string
	values
}

// named says whether the key is the one that every namespace has.
func (c constraint) named() bool { return c.namespace && c.key == inventory.NameLabel }

// norm brings the label that is never absent into one form.
func (c constraint) norm() constraint {
	if c.named() {
		c.absent = c.not
	}
	return c
}

func (c constraint) empty() bool { return c.none() }

// order puts the namespace's name first, then its labels, then the pod's.
func (c constraint) order(d constraint) int {
	rank := func(c constraint) int {
		switch {
		case c.named():
			return 0
		case c.namespace:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(c), rank(d)), cmp.Compare(c.key, d.key))
}

// box is a set of pods: those that meet every constraint, sorted by key. The
// empty box is every pod. A box is never changed once made.
type box []constraint

// requirement is one condition of a selector as a constraint.
func requirement(namespace bool, r ir.Requirement) constraint {
	list := union(r.Values, nil)
	c := constraint{namespace: namespace, key: r.Key}
	switch r.Operator {
	case ir.In:
		c.values = values{list: list}
	case ir.NotIn:
		c.values = values{not: true, list: list, absent: true}
	case ir.Exists:
		c.values = values{not: true}
	default:
		c.values = values{absent: true}
	}
	return c.norm()
}

// on returns the constraint of b on the same key as c.
func (b box) on(c constraint) values {
	i, found := slices.BinarySearchFunc(b, c, constraint.order)
	if !found {
		return anyValue()
	}
	return b[i].values
}

// with returns b with the constraint on c's key replaced by c.
func (b box) with(c constraint) box {
	c = c.norm()
	i, found := slices.BinarySearchFunc(b, c, constraint.order)
	out := slices.Clone(b)
	if found {
		out = slices.Delete(out, i, i+1)
	}
	if c.all() {
		return out
	}
	return slices.Insert(out, i, c)
}

// and returns b ∩ c, and false if it is empty.
func (b box) and(c box) (box, bool) {
	for _, x := range c {
		x.values = x.values.and(b.on(x))
		b = b.with(x)
		if x.norm().empty() {
			return nil, false
		}
	}
	return b, true
}

// within says whether b ⊆ c.
func (b box) within(c box) bool {
	for _, x := range c {
		x.values = x.values.complement().and(b.on(x))
		if !x.norm().empty() {
			return false
		}
	}
	return true
}

// minus returns b without c, as boxes that do not overlap.
func (b box) minus(c box) []box {
	if _, meet := b.and(c); !meet {
		return []box{b}
	}
	var out []box
	for _, x := range c {
		rest := x
		rest.values = x.values.complement().and(b.on(x))
		if !rest.norm().empty() {
			out = append(out, b.with(rest))
		}
		x.values = x.values.and(b.on(x))
		b = b.with(x)
	}
	return out
}

// join returns b ∪ c if it is one box: if they differ in one key only.
func (b box) join(c box) (box, bool) {
	if b.within(c) {
		return c, true
	}
	if c.within(b) {
		return b, true
	}
	if len(b) != len(c) {
		return nil, false
	}
	differs := -1
	for i := range b {
		if b[i].order(c[i]) != 0 {
			return nil, false
		}
		if !b[i].equal(c[i].values) {
			if differs >= 0 {
				return nil, false
			}
			differs = i
		}
	}
	x := b[differs]
	x.values = x.values.or(c[differs].values)
	if !x.norm().sayable() {
		return nil, false
	}
	return b.with(x), true
}

// sayable returns b as boxes that one selector each can hold.
func (b box) sayable() []box {
	for _, x := range b {
		if x.values.sayable() {
			continue
		}
		present, absent := x, x
		present.values = values{list: x.list}
		absent.values = values{absent: true}
		return slices.Concat(b.with(present).sayable(), b.with(absent).sayable())
	}
	return []box{b}
}

// meets says whether a pod's labels meet b's constraints on pods.
func (b box) meets(labels map[string]string) bool {
	for _, x := range b {
		if !x.namespace && !x.holds(labels) {
			return false
		}
	}
	return true
}

func (c constraint) holds(labels map[string]string) bool {
	v, ok := labels[c.key]
	if !ok {
		return c.absent
	}
	_, in := slices.BinarySearch(c.list, v)
	return in != c.not
}

// inside returns the part of b that lies in the namespace, as constraints on
// pods alone, and false if there is none.
func (b box) inside(n *inventory.Namespace) (box, bool) {
	var out box
	for _, x := range b {
		switch {
		case !x.namespace:
			out = append(out, x)
		case !x.holds(n.Labels):
			return nil, false
		}
	}
	return out, true
}

// String is a canonical form: equal boxes have equal strings.
func (b box) String() string {
	var s strings.Builder
	for _, x := range b {
		if x.namespace {
			s.WriteString("ns:")
		}
		s.WriteString(x.key)
		if x.not {
			s.WriteString("!")
		}
		if x.absent {
			s.WriteString("?")
		}
		s.WriteString("=" + strings.Join(x.list, ",") + ";")
	}
	return s.String()
}

// tidy removes boxes that lie within others, and joins what can be joined.
func tidy(boxes []box) []box {
	out := slices.Clone(boxes)
	for again := true; again; {
		again = false
		for i := 0; i < len(out); i++ {
			for j := i + 1; j < len(out); j++ {
				if both, ok := out[i].join(out[j]); ok {
					out[i], again = both, true
					out = slices.Delete(out, j, j+1)
					j--
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b box) int { return cmp.Compare(a.String(), b.String()) })
	return out
}

// subtract returns the boxes without those of what.
func subtract(boxes, what []box) []box {
	for _, w := range what {
		var rest []box
		for _, b := range boxes {
			rest = append(rest, b.minus(w)...)
		}
		boxes = rest
	}
	return boxes
}

// intersect returns the boxes' common parts.
func intersect(a, b []box) []box {
	var out []box
	for _, x := range a {
		for _, y := range b {
			if z, ok := x.and(y); ok {
				out = append(out, z)
			}
		}
	}
	return out
}

func key(boxes []box) string {
	var s strings.Builder
	for _, b := range boxes {
		s.WriteString(b.String() + "|")
	}
	return s.String()
}

func meetsAny(boxes []box, labels map[string]string) bool {
	return slices.ContainsFunc(boxes, func(b box) bool { return b.meets(labels) })
}
