package report

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/compare"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file asks an engine who reaches whom and sorts the answers into classes.
//
// The parties are the declared workloads and one address that stands for
// outside. Each ordered pair is asked on the ports that the destination
// declares: its containers' and those its Services send to. The answers form a
// matrix of port sets. Destinations with the same column (the same ports, or
// each all of its own, from the same sources) are one class' To, and each value
// in that column gives one class, whose From is the sources with that value.
// Every pair lies in at most one class, so classes can be counted and read back
// into the matrix.

const (
	// maxDecisions bounds the work of one Reach: an engine decides a flow in
	// a microsecond or few.
	maxDecisions = 100_000
	// maxPorts is how many ports of one destination are looked at.
	maxPorts = 64
)

// Flows is what an engine answered for every pair of parties.
type Flows struct {
	parties []party
	passes  [][]uint64 // [from][to]: one bit per port of to
	notes   []string
}

// party is one row and column.
type party struct {
	name  string
	end   ir.Endpoint
	ports []inventory.Port
}

func (p party) all() uint64 { return 1<<len(p.ports) - 1 } // 64 ports: wraps to all ones

// words are the ports of a mask.
func (p party) words(mask uint64) string {
	var set ir.PortSet
	for i, port := range p.ports {
		if mask>>i&1 == 1 {
			set = set.Union(ir.Ports(port.Protocol, port.Number, port.Number))
		}
	}
	return set.String()
}

// Reach asks decide for every ordered pair of declared workloads and outside,
// on each port that the destination declares. Host-network workloads are left
// out, as policies cannot select them. Of a cluster that is too large, as many
// workloads are looked at as time allows, those of the focus namespaces first;
// Notes say so. Two calls for one inventory and focus look at the same pairs.
func Reach(inv *inventory.Inventory, decide func(ir.Flow) bool, focus ...string) *Flows {
	f := &Flows{}
	f.choose(inv, focus)
	for i, from := range f.parties {
		row := make([]uint64, len(f.parties))
		for j, to := range f.parties {
			if from.end.Workload == nil && to.end.Workload == nil {
				continue // no pod at either end
			}
			for k, p := range to.ports {
				if decide(ir.Flow{From: f.parties[i].end, To: to.end, Protocol: p.Protocol, Port: p.Number}) {
					row[j] |= 1 << k
				}
			}
		}
		f.passes = append(f.passes, row)
	}
	return f
}

// choose fills parties and notes.
func (f *Flows) choose(inv *inventory.Inventory, focus []string) {
	f.notes = append(f.notes, "a workload is looked at on the ports that its containers and Services declare")
	var candidates []party
	var hosts, silent, cut []string
	for _, w := range inv.Workloads {
		if w.HostNetwork {
			hosts = append(hosts, w.Ref())
			continue
		}
		p := party{name: w.Ref(), end: ir.Endpoint{Workload: w, Namespace: inv.Namespace(w.Namespace), Labels: w.Labels}, ports: compare.Ports(inv, w)}
		if len(inv.Workload(w.Namespace, w.Name)) > 1 {
			p.name += " (" + w.Kind + ")"
		}
		if len(p.ports) == 0 {
			silent = append(silent, p.name)
			p.ports = []inventory.Port{compare.Undeclared}
		}
		if len(p.ports) > maxPorts {
			cut = append(cut, p.name)
			p.ports = p.ports[:maxPorts]
		}
		candidates = append(candidates, p)
	}
	f.parties = within(candidates, focus)
	if n := len(candidates); len(f.parties) < n {
		f.notes = append(f.notes, fmt.Sprintf("%d of %d workloads are looked at", len(f.parties), n))
	}
	address := compare.Address(inv.Facts)
	f.parties = append(f.parties, party{name: Outside, end: ir.Endpoint{Addr: address}, ports: []inventory.Port{{Number: 443, Protocol: "TCP"}}})
	f.notes = append(f.notes, fmt.Sprintf("outside is the address %s, looked at on TCP 443", address))
	for _, n := range []struct {
		names []string
		words string
	}{
		{silent, "declares no port and is looked at on TCP 80"},
		{cut, fmt.Sprintf("is looked at on the first %d of its ports", maxPorts)},
		{hosts, "uses the host network, which policies cannot select, and is left out"},
	} {
		if len(n.names) > 0 {
			f.notes = append(f.notes, some(n.names)+" "+n.words)
		}
	}
}

// some names the first of many.
func some(names []string) string {
	switch {
	case len(names) == 1:
		return names[0]
	case len(names) > 3:
		return fmt.Sprintf("each of %d workloads (%s, ...)", len(names), strings.Join(names[:3], ", "))
	default:
		return fmt.Sprintf("each of %d workloads (%s)", len(names), strings.Join(names, ", "))
	}
}

// within returns the workloads that maxDecisions allows, in their own order:
// those of the focus namespaces are taken first.
func within(all []party, focus []string) []party {
	order := slices.Clone(all)
	rank := func(p party) int {
		if i := slices.Index(focus, p.end.Workload.Namespace); i >= 0 {
			return i
		}
		return len(focus)
	}
	slices.SortStableFunc(order, func(a, b party) int { return cmp.Compare(rank(a), rank(b)) })
	taken, ports := map[*inventory.Workload]bool{}, 1
	for n, p := range order {
		ports += len(p.ports)
		if (n+2)*ports > maxDecisions {
			break
		}
		taken[p.end.Workload] = true
	}
	var out []party
	for _, p := range all {
		if taken[p.end.Workload] {
			out = append(out, p)
		}
	}
	return out
}

// Compare sorts two answers about one inventory into classes: before is what
// the policies in force let pass, after what passes with the overlay.
func Compare(before, after *Flows) *Reachability {
	r := &Reachability{Notes: after.notes}
	for _, p := range after.parties {
		r.Parties = append(r.Parties, Party{Name: p.name, Ports: p.words(p.all())})
	}
	at := func(f *Flows, i, j int) uint64 {
		if i < len(f.passes) && j < len(f.passes[i]) {
			return f.passes[i][j]
		}
		return 0
	}
	r.Before = classes(before.parties, func(i, j int) uint64 { return at(before, i, j) })
	r.After = classes(after.parties, func(i, j int) uint64 { return at(after, i, j) })
	r.Gained = classes(after.parties, func(i, j int) uint64 { return at(after, i, j) &^ at(before, i, j) })
	r.Lost = classes(after.parties, func(i, j int) uint64 { return at(before, i, j) &^ at(after, i, j) })
	return r
}

// classes sorts the pairs of a matrix into classes, by destination.
func classes(parties []party, cell func(i, j int) uint64) []Class {
	// value is 0 for no port, 1 for all ports of the destination, else the
	// index of the ports' words.
	words := []string{"", AnyPort}
	index := map[string]int{}
	value := func(i, j int) int {
		switch mask := cell(i, j); mask {
		case 0:
			return 0
		case parties[j].all():
			return 1
		default:
			s := parties[j].words(mask)
			if index[s] == 0 {
				index[s] = len(words)
				words = append(words, s)
			}
			return index[s]
		}
	}
	type group struct {
		column []int
		to     []int
	}
	var groups []*group
	byColumn := map[string]*group{}
	for j := range parties {
		column := make([]int, len(parties))
		var bytes []byte
		for i := range parties {
			column[i] = value(i, j)
			bytes = binary.AppendUvarint(bytes, uint64(column[i]))
		}
		key := string(bytes)
		if byColumn[key] == nil {
			byColumn[key] = &group{column: column}
			groups = append(groups, byColumn[key])
		}
		byColumn[key].to = append(byColumn[key].to, j)
	}
	var out []Class
	for _, g := range groups {
		values := slices.Clone(g.column)
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			if v == 0 {
				continue
			}
			c := Class{Ports: words[v]}
			for i, x := range g.column {
				if x == v {
					c.From = append(c.From, parties[i].name)
				}
			}
			for _, j := range g.to {
				c.To = append(c.To, parties[j].name)
			}
			if v == 1 {
				c.Ports = same(parties, g.to)
			}
			out = append(out, c)
		}
	}
	return out
}

// same returns the ports of the destinations if they have the same ones.
func same(parties []party, to []int) string {
	first := parties[to[0]].words(parties[to[0]].all())
	for _, j := range to[1:] {
		if parties[j].words(parties[j].all()) != first {
			return AnyPort
		}
	}
	return first
}
