package reach

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file decides in bulk. Endpoints that no policy can tell apart (pods of one
// namespace with the same labels and ports) are one class, and everything is a
// bitset over classes:
//
//   - A selector is the intersection of the sets of its requirements, which come
//     from an index by label; equal selectors are evaluated once.
//   - Rules of one direction with the same peers and the same ports are one
//     group, whichever policies they stand in: its subjects are the union of what
//     those policies select. A thousand policies with the same DNS rule are one.
//   - Who reaches a class on a port is then: the union of the peers of the ingress
//     groups whose subject it is, or everybody if it is not isolated; intersected
//     with the union of the subjects of the egress groups whose peer it is and all
//     that are not isolated for egress. Both are word-wide.
//
// Nothing depends on pods x pods x ports: a port class costs one such column for
// each class, and columns are made when asked for.

// Space is a list of endpoints in classes, with the policies of an engine
// evaluated over them.
type Space struct {
	Classes []ir.Endpoint // one endpoint of each class
	Of      []int         // the class of each endpoint

	engine   *Engine
	all      Set
	pods     Set // selectable ones
	isolated [2]Set
	ingress  [][]*group // of each class: the groups whose subject it is
	egress   [][]*group // of each class: the groups whose peer it is
	anywhere []*group   // egress groups to everybody
	groups   []*group
}

// group is the rules of one direction that have the same peers and ports.
type group struct {
	peers    Set // nil: everybody
	subjects Set
	ports    ports
}

// Over puts the endpoints into classes and evaluates the policies over them.
func (e *Engine) Over(endpoints []ir.Endpoint) *Space {
	s := &Space{engine: e, Of: make([]int, len(endpoints))}
	seen := map[string]int{}
	for i, p := range endpoints {
		k := classKey(p)
		c, ok := seen[k]
		if !ok {
			c = len(s.Classes)
			seen[k] = c
			s.Classes = append(s.Classes, p)
		}
		s.Of[i] = c
	}
	n := len(s.Classes)
	s.all, s.pods = fullSet(n), newSet(n)
	s.isolated = [2]Set{newSet(n), newSet(n)}
	s.ingress, s.egress = make([][]*group, n), make([][]*group, n)
	for i, p := range s.Classes {
		if selectable(p) {
			s.pods.add(i)
		}
	}
	s.evaluate()
	return s
}

// classKey is equal for endpoints that no policy tells apart.
func classKey(p ir.Endpoint) string {
	var b strings.Builder
	if p.IsPod() {
		fmt.Fprintf(&b, "%t/%s", selectable(p), p.Namespace.Name)
		for _, k := range slices.Sorted(maps.Keys(p.Labels)) {
			b.WriteString("\x00" + k + "=" + p.Labels[k])
		}
		if p.Workload != nil {
			for _, port := range p.Workload.Ports {
				if port.Name != "" {
					fmt.Fprintf(&b, "\x01%s/%s/%d", port.Name, port.Protocol, port.Number)
				}
			}
		}
	}
	if p.Addr.IsValid() {
		b.WriteString("\x02" + p.Addr.String())
	}
	return b.String()
}

// evaluate fills the groups.
func (s *Space) evaluate() {
	x := newIndex(s)
	groups := map[string]*group{}
	var order []*group
	directions := map[*group]int{}
	for i := range s.engine.policies {
		c := &s.engine.policies[i]
		subject := x.inNamespace(c.namespace).clone()
		subject.and(x.pods(c.subject))
		for dir := range c.rules {
			if !c.isolates[dir] {
				continue
			}
			s.isolated[dir].or(subject)
			for _, r := range c.rules[dir] {
				key := fmt.Sprint(dir, "\x02", r.ports.key(), "\x02", x.peersKey(c, r))
				g := groups[key]
				if g == nil {
					g = &group{subjects: newSet(len(s.Classes)), ports: r.ports, peers: x.peers(c, r)}
					groups[key] = g
					directions[g] = dir
					order = append(order, g)
				}
				g.subjects.or(subject)
			}
		}
	}
	s.groups = order
	for _, g := range order {
		switch {
		case directions[g] == ingress:
			g.subjects.Each(func(i int) { s.ingress[i] = append(s.ingress[i], g) })
		case g.peers == nil:
			s.anywhere = append(s.anywhere, g)
		default:
			g.peers.Each(func(i int) { s.egress[i] = append(s.egress[i], g) })
		}
	}
}

// Into returns the classes that reach the class to on a port. Whether a class
// reaches itself is said of two pods of it.
func (s *Space) Into(to int, protocol string, port int) Set {
	out, in := s.Ends(to, protocol, port)
	if in != nil {
		out.and(in)
	}
	return out
}

// Ends returns the two parts of Into: the classes whose own egress lets flows to
// the class to pass on a port, and those that its ingress lets in, nil for all.
func (s *Space) Ends(to int, protocol string, port int) (out, in Set) {
	dest := s.Classes[to]
	out = s.all.clone()
	out.andNot(s.isolated[egress])
	for _, list := range [][]*group{s.anywhere, s.egress[to]} {
		for _, g := range list {
			if g.ports.match(dest, protocol, port) {
				out.or(g.subjects)
			}
		}
	}
	if !s.isolated[ingress].Has(to) {
		return out, nil
	}
	in = newSet(len(s.Classes))
	for _, g := range s.ingress[to] {
		if !g.ports.match(dest, protocol, port) {
			continue
		}
		if g.peers == nil {
			return out, nil
		}
		in.or(g.peers)
	}
	return out, in
}

// Ports returns the port sets that rules about flows to the class name, each
// once: where they all agree on two ports, no policy tells the two apart.
func (s *Space) Ports(to int) []ir.PortSet {
	var out []ir.PortSet
	seen := map[string]bool{}
	for _, list := range [][]*group{s.anywhere, s.egress[to], s.ingress[to]} {
		for _, g := range list {
			if g.ports.any {
				continue
			}
			set := g.ports.on(s.Classes[to])
			if k := set.String(); !seen[k] {
				seen[k] = true
				out = append(out, set)
			}
		}
	}
	return out
}

// Signatures returns for each class what the policies tell it apart by: where two
// are equal, a flow with the one passes exactly if it passes with the other.
func (s *Space) Signatures() []string {
	ids := map[*group]int{}
	id := func(g *group) int {
		if _, ok := ids[g]; !ok {
			ids[g] = len(ids)
		}
		return ids[g]
	}
	parts := make([]strings.Builder, len(s.Classes))
	for i := range s.Classes {
		fmt.Fprint(&parts[i], s.isolated[ingress].Has(i), s.isolated[egress].Has(i))
		for dir, list := range [][]*group{s.ingress[i], s.egress[i]} {
			for _, g := range list {
				fmt.Fprint(&parts[i], " ", dir, ":", id(g))
				if len(g.ports.names) > 0 {
					fmt.Fprint(&parts[i], g.ports.named(s.Classes[i]))
				}
			}
		}
		for _, g := range s.anywhere {
			if len(g.ports.names) > 0 {
				fmt.Fprint(&parts[i], " n", g.ports.named(s.Classes[i]))
			}
		}
	}
	for _, g := range s.groups {
		n := id(g)
		g.peers.Each(func(i int) { fmt.Fprint(&parts[i], " p", n) })
		g.subjects.Each(func(i int) { fmt.Fprint(&parts[i], " s", n) })
	}
	out := make([]string, len(parts))
	for i := range parts {
		out[i] = parts[i].String()
	}
	return out
}

// Matrix is who reaches whom on one port, by class: Into(to).Has(from).
type Matrix []Set

// Matrix decides all pairs of classes on one port.
func (s *Space) Matrix(protocol string, port int) Matrix {
	out := make(Matrix, len(s.Classes))
	for to := range s.Classes {
		out[to] = s.Into(to, protocol, port)
	}
	return out
}
