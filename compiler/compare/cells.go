package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// This file walks all pairs and sorts what differs into groups.
//
// For each destination and port, package reach gives who may reach it as bitsets
// over classes, at both sides. Where they differ for a source, the pair has a cell
// of some kind, with a mask of ports and a cause. Cells of one destination with the
// same mask and cause make a row of sources; rows of several destinations with the
// same sources, ports and cause make a group.

// row is the sources of one destination whose flows differ alike.
type row struct {
	kind  Kind
	to    int
	mask  uint64
	cause *Cause
	from  []int
}

// column is who reaches a destination's port at a side: out and in, nil for all.
type column struct{ out, in reach.Set }

func (c column) passes(class int) bool {
	return c.out.Has(class) && (c.in == nil || c.in.Has(class))
}

// cells returns the rows, by destination.
func (c *comparison) cells() []*row {
	var rows []*row
	for to := range c.parties {
		rows = append(rows, c.into(to)...)
	}
	return append(rows, c.kept(rows)...)
}

// columns are those of a destination's ports, at the sides where it is there.
func (c *comparison) columns(to int) [2][]column {
	var out [2][]column
	for side, l := range c.lookups {
		if l.class[to] < 0 {
			continue
		}
		for _, p := range c.parties[to].ports {
			o, i := l.space.Ends(l.class[to], p.Protocol, p.Number)
			out[side] = append(out[side], column{o, i})
		}
	}
	return out
}

// pass is the mask of a destination's ports that a source reaches at a side.
func (c *comparison) pass(columns [2][]column, side, from int) uint64 {
	class := c.lookups[side].class[from]
	if class < 0 {
		return 0
	}
	var mask uint64
	for k, col := range columns[side] {
		if col.passes(class) {
			mask |= 1 << k
		}
	}
	return mask
}

// into returns the rows of one destination.
func (c *comparison) into(to int) []*row {
	columns := c.columns(to)
	type key struct {
		kind    Kind
		mask    uint64
		cause   *Cause
		outside bool // a row of its own: what comes from outside is read first
	}
	found := map[key]*row{}
	var order []*row
	for from := range c.parties {
		if !c.parties[from].workload() && !c.parties[to].workload() {
			continue
		}
		before, after := c.pass(columns, was, from), c.pass(columns, is, from)
		if before == after {
			continue
		}
		for _, cell := range c.cell(columns, from, to, before, after) {
			k := key{cell.kind, cell.mask, cell.cause, c.parties[from].address}
			r := found[k]
			if r == nil {
				r = &row{kind: cell.kind, to: to, mask: cell.mask, cause: cell.cause}
				found[k] = r
				order = append(order, r)
			}
			r.from = append(r.from, from)
		}
		c.count(from, to, before, after)
	}
	return order
}

// count counts a pair, once for each kind.
func (c *comparison) count(from, to int, before, after uint64) {
	gained, lost := Gained, Lost
	if !c.both(from, to) {
		gained, lost = Arrived, Departed
	}
	if after&^before != 0 {
		c.out.Pairs[gained]++
	}
	if before&^after != 0 {
		c.out.Pairs[lost]++
	}
}

// both says whether both ends are there at both sides.
func (c *comparison) both(from, to int) bool {
	f, t := &c.parties[from], &c.parties[to]
	return f.there(was) && f.there(is) && t.there(was) && t.there(is)
}

// cell returns what differs of one pair: rows with a mask and a cause each.
func (c *comparison) cell(columns [2][]column, from, to int, before, after uint64) []row {
	var out []row
	add := func(kind Kind, k int, cause *Cause) {
		for i := range out {
			if out[i].kind == kind && out[i].cause == cause {
				out[i].mask |= 1 << k
				return
			}
		}
		out = append(out, row{kind: kind, mask: 1 << k, cause: cause})
	}
	both, ports := c.both(from, to), c.parties[to].ports
	for k, port := range ports {
		was1, is1 := before>>k&1 == 1, after>>k&1 == 1
		switch {
		case was1 == is1:
		case k == len(ports)-1 && len(out) == 1 && out[0].mask == c.parties[to].all()&^c.parties[to].others() && (out[0].kind == Gained || out[0].kind == Arrived) == is1:
			// Every other port differs as all that are looked at do, for one reason.
			out[0].mask |= 1 << k
		case !both && is1:
			add(Arrived, k, c.one(Arrived, from, to, c.flow(is, from, to, port)))
		case !both:
			add(Departed, k, c.one(Departed, from, to, c.flow(was, from, to, port)))
		case is1:
			f := c.flow(is, from, to, port)
			add(Gained, k, c.joined(shut(columns[was][k], c.lookups[was].class[from], from, to), func(e end) *Cause { return c.gained(e, to, f) }))
		default:
			f := c.flow(is, from, to, port)
			add(Lost, k, c.joined(shut(columns[is][k], c.lookups[is].class[from], from, to), func(e end) *Cause { return c.lost(e, f) }))
		}
	}
	return out
}

// shut returns the ends that do not let a flow pass.
func shut(col column, class, from, to int) []end {
	var out []end
	if col.in != nil && !col.in.Has(class) {
		out = append(out, end{to, ir.Ingress})
	}
	if !col.out.Has(class) {
		out = append(out, end{from, ir.Egress})
	}
	return out
}

// maxKept is of how many parties the flows that stay are listed.
const maxKept = 60

// kept returns rows of what passes at both sides beside what was gained and lost:
// into a workload that gained or lost a source, and between the parties of these.
func (c *comparison) kept(rows []*row) []*row {
	touched, into := map[int]bool{}, map[int]bool{}
	for _, r := range rows {
		if r.kind == Gained || r.kind == Lost {
			touched[r.to], into[r.to] = true, c.parties[r.to].workload()
			for _, f := range r.from {
				touched[f] = true
			}
		}
		if len(touched) > maxKept {
			return nil
		}
	}
	none := &Cause{}
	var out []*row
	shown := map[int]bool{}
	for to := range c.parties {
		if !touched[to] {
			continue
		}
		columns := c.columns(to)
		byMask := map[uint64]*row{}
		for from := range c.parties {
			if !touched[from] && !into[to] || !c.parties[from].workload() && !c.parties[to].workload() || from == to {
				continue
			}
			mask := c.pass(columns, was, from) & c.pass(columns, is, from)
			if mask == 0 {
				continue
			}
			if byMask[mask] == nil {
				byMask[mask] = &row{kind: Kept, to: to, mask: mask, cause: none}
				out = append(out, byMask[mask])
			}
			byMask[mask].from = append(byMask[mask].from, from)
			shown[from] = true
		}
	}
	if len(shown) > maxKept {
		return nil
	}
	return out
}

// collect makes groups of the rows: those with the same sources, ports and cause.
func (c *comparison) collect(rows []*row) {
	type group struct {
		*row
		to []int
	}
	groups := map[string]*group{}
	var order []*group
	for _, r := range rows {
		p := &c.parties[r.to]
		// The ports of destinations that have others are alike where they are all.
		ports := p.words(r.kind, r.mask)
		switch r.mask {
		case p.all():
			ports = AnyPort
		case p.all() &^ p.others():
			ports = DeclaredPort
		}
		key := fmt.Sprintf("%d %t %s %p %v", r.kind, p.address, ports, r.cause, r.from)
		g := groups[key]
		if g == nil {
			g = &group{row: r}
			groups[key] = g
			order = append(order, g)
		}
		g.to = append(g.to, r.to)
	}
	for _, g := range order {
		c.out.Groups[g.kind] = append(c.out.Groups[g.kind], Group{Kind: g.kind, From: c.names(g.from), To: c.names(g.to), Ports: c.ports(g.kind, g.to, g.mask), Cause: *g.cause})
	}
	addresses := map[string]bool{}
	for _, p := range c.parties {
		addresses[p.name] = p.address
	}
	for kind := range c.out.Groups {
		slices.SortStableFunc(c.out.Groups[kind], func(a, b Group) int { return compareGroups(addresses, a, b) })
	}
}

// compareGroups puts what comes from outside first, then what goes there.
func compareGroups(addresses map[string]bool, a, b Group) int {
	rank := func(g Group) int {
		switch {
		case slices.ContainsFunc(g.From, func(name string) bool { return addresses[name] }):
			return 0
		case slices.ContainsFunc(g.To, func(name string) bool { return addresses[name] }):
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), slices.Compare(a.To, b.To), slices.Compare(a.From, b.From), cmp.Compare(a.Ports, b.Ports), cmp.Compare(a.Cause.Why, b.Cause.Why))
}

// ports words the ports of destinations that share a mask, or all of their own.
func (c *comparison) ports(kind Kind, to []int, mask uint64) string {
	first := &c.parties[to[0]]
	words := first.words(kind, mask)
	for _, t := range to[1:] {
		p := &c.parties[t]
		switch {
		case mask == first.all() && p.words(kind, p.all()) != words:
			return AnyPort
		case mask == first.all()&^first.others() && p.words(kind, p.all()&^p.others()) != words:
			return DeclaredPort
		}
	}
	return words
}

const (
	longList = 20 // names, beyond which a list is shortened
	fewNames = 5  // that a whole namespace may lack
)

// names are those of parties, shortened where there are many.
func (c *comparison) names(parties []int) []string {
	var out []string
	if len(parties) <= longList {
		for _, p := range parties {
			out = append(out, c.parties[p].name)
		}
		return out
	}
	has := map[int]bool{}
	for _, p := range parties {
		has[p] = true
	}
	for i := 0; i < len(c.parties); {
		j := i
		var in, but []string
		for ; j < len(c.parties) && c.parties[j].namespace == c.parties[i].namespace; j++ {
			if has[j] {
				in = append(in, c.parties[j].name)
			} else {
				but = append(but, c.parties[j].name)
			}
		}
		switch whole := c.parties[i].namespace + "/*"; {
		case !c.parties[i].workload() || len(in) <= fewNames || len(but) > fewNames:
			out = append(out, in...)
		case len(but) == 0:
			out = append(out, whole)
		default:
			out = append(out, whole+" but "+strings.Join(but, ", "))
		}
		i = j
	}
	return out
}
