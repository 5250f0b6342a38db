package kubernetes

import (
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// where is a set of peers: the pods of a box, or addresses.
type where struct {
	pods  box
	addrs *netipx.IPSet // nil: pods
}

func everyPod() where { return where{} }

func (w where) and(v where) (where, bool) {
	switch {
	case w.addrs == nil && v.addrs == nil:
		b, ok := w.pods.and(v.pods)
		return where{pods: b}, ok
	case w.addrs != nil && v.addrs != nil:
		both := overlap(w.addrs, v.addrs)
		return where{addrs: both}, !vacant(both)
	}
	return where{}, false
}

func (w where) minus(v where) []where {
	switch {
	case w.addrs == nil && v.addrs == nil:
		var out []where
		for _, b := range w.pods.minus(v.pods) {
			out = append(out, where{pods: b})
		}
		return out
	case w.addrs != nil && v.addrs != nil:
		if rest := exclude(w.addrs, v.addrs); !vacant(rest) {
			return []where{{addrs: rest}}
		}
		return nil
	}
	return []where{w}
}

func (w where) within(v where) bool {
	if w.addrs == nil || v.addrs == nil {
		return w.addrs == nil && v.addrs == nil && w.pods.within(v.pods)
	}
	return vacant(exclude(w.addrs, v.addrs))
}

// join returns w ∪ v if it is one where.
func (w where) join(v where) (where, bool) {
	switch {
	case w.addrs == nil && v.addrs == nil:
		b, ok := w.pods.join(v.pods)
		return where{pods: b}, ok
	case w.addrs != nil && v.addrs != nil:
		return where{addrs: combine(w.addrs, v.addrs)}, true
	}
	return where{}, false
}

// piece is peers with the ports they may use, or are to be denied, and the
// program's rules (by index) that say so; none means that no rule takes it away.
type piece struct {
	where
	ports ir.PortSet
	by    []int
}

// region is a set of traffic at one end: the union of its pieces.
type region []piece

// everything is all traffic of the cluster's address families.
func everything(addrs *netipx.IPSet) region {
	return region{{where: everyPod(), ports: ir.AllPorts()}, {where: where{addrs: addrs}, ports: ir.AllPorts()}}
}

// and returns r ∩ s.
func (r region) and(s region) region {
	var out region
	for _, a := range r {
		for _, b := range s {
			w, ok := a.where.and(b.where)
			if ports := a.ports.Intersect(b.ports); ok && !ports.Empty() {
				out = append(out, piece{where: w, ports: ports, by: indices(a.by, b.by)})
			}
		}
	}
	return out.tidy()
}

// minus returns r without s. Of the ways to cover what is left, it takes the
// pieces as large as they can be, though they overlap: large ones are short to
// write.
func (r region) minus(s region) region {
	for _, b := range s {
		var out region
		for _, a := range r {
			_, meet := a.where.and(b.where)
			if !meet || a.ports.Intersect(b.ports).Empty() {
				out = append(out, a)
				continue
			}
			for _, w := range a.where.minus(b.where) {
				out = append(out, piece{where: w, ports: a.ports, by: a.by})
			}
			if rest := a.ports.Minus(b.ports); !rest.Empty() {
				out = append(out, piece{where: a.where, ports: rest, by: a.by})
			}
		}
		r = out.tidy()
	}
	return r
}

// within says whether r ⊆ s.
func (r region) within(s region) bool { return len(r.minus(s)) == 0 }

// equal says whether r and s are the same traffic.
func (r region) equal(s region) bool { return r.within(s) && s.within(r) }

// tidy drops what lies within other pieces, and joins pieces of equal peers or
// equal ports.
func (r region) tidy() region {
	out := slices.Clone(r)
	for again := true; again; {
		again = false
		for i := 0; i < len(out); i++ {
			for j := 0; j < len(out); j++ {
				if i == j {
					continue
				}
				if p, ok := out[i].join(out[j]); ok {
					out[i], again = p, true
					out = slices.Delete(out, j, j+1)
					if j < i {
						i--
					}
					j--
				}
			}
		}
	}
	return out
}

// join returns p ∪ q if it is one piece.
func (p piece) join(q piece) (piece, bool) {
	switch less := q.ports.Minus(p.ports).Empty(); {
	case less && q.where.within(p.where):
		if q.where.within(p.where) && p.where.within(q.where) && q.ports.Equal(p.ports) {
			p.by = indices(p.by, q.by)
		}
		return p, true
	case q.ports.Equal(p.ports):
		if w, ok := p.where.join(q.where); ok {
			return piece{where: w, ports: p.ports, by: indices(p.by, q.by)}, true
		}
	case p.where.within(q.where) && q.where.within(p.where):
		return piece{where: p.where, ports: p.ports.Union(q.ports), by: indices(p.by, q.by)}, true
	}
	return piece{}, false
}

func indices(a, b []int) []int {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// portsOf returns the ports on which all of w lies in one piece of r.
func (r region) portsOf(w where) ir.PortSet {
	var out ir.PortSet
	for _, p := range r {
		if w.within(p.where) {
			out = out.Union(p.ports)
		}
	}
	return out
}

// Address sets. The builders only fail on invalid input, which neither an
// inventory nor a linked party holds.

func build(fill func(*netipx.IPSetBuilder)) *netipx.IPSet {
	var b netipx.IPSetBuilder
	fill(&b)
	s, err := b.IPSet()
	if err != nil {
		return new(netipx.IPSet)
	}
	return s
}

func combine(a, b *netipx.IPSet) *netipx.IPSet {
	return build(func(x *netipx.IPSetBuilder) { x.AddSet(a); x.AddSet(b) })
}

func exclude(a, b *netipx.IPSet) *netipx.IPSet {
	return build(func(x *netipx.IPSetBuilder) { x.AddSet(a); x.RemoveSet(b) })
}

func overlap(a, b *netipx.IPSet) *netipx.IPSet {
	return build(func(x *netipx.IPSetBuilder) { x.AddSet(a); x.Intersect(b) })
}

func vacant(a *netipx.IPSet) bool { return len(a.Ranges()) == 0 }

func prefixes(list ...netip.Prefix) *netipx.IPSet {
	return build(func(x *netipx.IPSetBuilder) {
		for _, p := range list {
			x.AddPrefix(p)
		}
	})
}
