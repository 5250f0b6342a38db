package kubernetes

import (
	"cmp"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// unit is rules for one end of the pods of one selector: a part of an object.
type unit struct {
	namespace *inventory.Namespace
	end       ir.End
	pods      box
	cells     []box // what pods is a part of, before workloads were carved out
	rules     region
	name      string
	closes    []int
	allows    []int
}

// plan chooses the units of one plot, so that for each class that needs them the
// rules of the units that select it are what it wants, and no unit selects
// another class that wants less.
func (l *lowerer) plan(p *plot) []unit {
	var broad, single []unit
	for _, t := range p.byBreadth() {
		general := p.general(t)
		if general != nil && general.need && len(p.terms[t].rules) > 0 {
			broad = append(broad, l.carve(p, p.terms[t].boxes, general)...)
		}
	}
	for _, c := range slices.Backward(p.classes) { // cells first: units of cells serve workloads too
		switch {
		case !c.need:
		case c.workload != nil && (c.named || !p.served(c, broad)):
			single = append(single, l.single(p, c)...)
		case c.workload == nil && !p.served(c, broad):
			broad = append(broad, l.carve(p, c.cell, c)...)
		}
	}
	return append(broad, single...)
}

// byBreadth returns the terms, those that hold the most cells first.
func (p *plot) byBreadth() []int {
	held := make([]int, len(p.terms))
	order := make([]int, len(p.terms))
	for i := range p.terms {
		order[i] = i
		for _, c := range p.classes {
			if c.workload == nil && c.terms[i] {
				held[i]++
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(held[b], held[a]), cmp.Compare(key(p.terms[a].boxes), key(p.terms[b].boxes)))
	})
	return order
}

// general returns the cell of the term that the fewest other terms hold.
func (p *plot) general(t int) *class {
	var best *class
	fewest := 0
	for _, c := range p.classes {
		if c.workload != nil || !c.terms[t] {
			continue
		}
		n := 0
		for _, in := range c.terms {
			if in {
				n++
			}
		}
		if best == nil || n < fewest {
			best, fewest = c, n
		}
	}
	return best
}

// bears says whether the class may be selected by a unit of those rules: not if
// nothing isolates it and nothing is to, nor if it wants less.
func (c *class) bears(rules region) bool {
	return (c.need || c.isolated) && rules.within(c.want)
}

// carve makes units of the boxes with what the general class wants, without the
// classes that cannot bear it.
func (l *lowerer) carve(p *plot, boxes []box, general *class) []unit {
	name := termName(p.namespace.Name, boxes, len(general.want) == 0)
	for _, c := range p.classes {
		if c.workload == nil && c != general && len(intersect(c.cell, boxes)) > 0 && !c.bears(general.want) {
			boxes = subtract(boxes, c.cell)
		}
	}
	cells := boxes
	for _, c := range p.classes {
		if c.workload == nil || !meetsAny(boxes, c.labels) || c.bears(general.want) {
			continue
		}
		labels, ok := l.labels(p, general, c)
		if !ok {
			return nil
		}
		boxes = subtract(boxes, []box{labels})
	}
	var units []unit
	for _, b := range tidy(boxes) {
		for _, b := range b.sayable() {
			units = append(units, unit{namespace: p.namespace, end: p.end, pods: b, cells: cells, rules: general.want, name: name, closes: general.closes, allows: general.allows})
		}
	}
	return units
}

// blamed returns the rule that a class's refusals are about.
func (l *lowerer) blamed(c *class) *ir.Bound {
	return l.program.Rules[slices.Concat(c.closes, c.allows)[0]]
}

// single makes a unit that selects one workload, and says all that it wants.
func (l *lowerer) single(p *plot, c *class) []unit {
	labels, ok := l.labels(p, c, c)
	if !ok {
		return nil
	}
	name := c.workload.Name
	if len(l.inv.Workload(c.workload.Namespace, name)) > 1 {
		name += "-" + c.workload.Kind
	}
	return []unit{{namespace: p.namespace, end: p.end, pods: labels, rules: c.want, name: name, closes: c.closes, allows: c.allows}}
}

// labels returns the labels that select the workload of c, and perhaps others
// that want the same.
func (l *lowerer) labels(p *plot, general, c *class) (box, bool) {
	if b, _, ok := l.sel.of(c.workload, nil); ok {
		return b, true
	}
	return l.selector(l.blamed(general), c.workload, p.alike(c))
}

// alike returns the workloads that want the same as c.
func (p *plot) alike(c *class) []*inventory.Workload {
	var out []*inventory.Workload
	for _, o := range p.classes {
		if o.workload != nil && o.need == c.need && o.isolated == c.isolated && o.want.equal(c.want) {
			out = append(out, o.workload)
		}
	}
	return out
}

// served says whether the units that select the class give it what it wants.
func (p *plot) served(c *class, units []unit) bool {
	var given region
	selected := c.isolated
	for _, u := range units {
		if c.workload != nil {
			if !u.pods.meets(c.labels) {
				continue
			}
		} else if len(subtract(c.cell, u.cells)) > 0 {
			continue
		}
		selected = true
		given = append(given, u.rules...)
	}
	return selected && c.want.within(given)
}
