package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// This file chooses what a page's graph of flows shows: whole where it is
// legible, else what changes alone, else nothing but a workload's neighbours,
// which the script draws. html_layout.go places it.

const (
	graphNodes = 40 // at most so many boxes
	graphEdges = 90 // at most so many arrows
	graphGroup = 4  // ends of one kind at one party beyond which they are one box
)

// graphView is the graph, or why there is none.
type graphView struct {
	Title string
	// Words say what it shows and leaves out; escaped.
	Words         []string
	Width, Height int
	Nodes         []graphNode
	Edges         []graphEdge
}

// graphNode is a box. Its texts are escaped.
type graphNode struct {
	Label, Title string
	// Party is the party's number plus one, 0 for a group.
	Party      int
	Kind       string // "party", "outside" or "group"
	X, Y, W, H int

	key string
}

// graphEdge is an arrow. Kind is that of pairKinds.
type graphEdge struct {
	Kind, Title, Path string

	from, to string // keys of nodes
}

// pairEdge is an arrow before boxes are chosen.
type pairEdge struct{ from, to, kind string }

// graph returns nil where the report has no reachability.
func (v *pageViewer) graph() *graphView {
	r := v.d.Head.Reachability
	if r == nil {
		return nil
	}
	g := &graphView{Title: "Against the policies in force"}
	if len(r.Parties) > pageParties {
		g.Words = []string{fmt.Sprintf("There are %d parties, which is too much to draw.", len(r.Parties))}
		return g
	}
	var all []pairEdge
	if c := v.d.Reachability; v.based() && c != nil {
		g.Title = "Against " + v.baseName()
		all = changedEdges(c)
	} else {
		all = g.tableEdges(r)
	}
	changed := slices.DeleteFunc(slices.Clone(all), func(e pairEdge) bool { return e.kind == "kept" })
	n := v.names()
	for _, edges := range [][]pairEdge{all, changed} {
		if g.fill(edges, n) {
			if len(edges) < len(all) {
				g.Words = append(g.Words, "Only what changes is drawn; the rest is too much for one picture.")
			}
			g.place()
			return g
		}
	}
	if len(all) > 0 {
		g.Words = append(g.Words, "There is too much for one picture: choose a workload to see its neighbours.")
	} else {
		g.Words = append(g.Words, "There is nothing to draw.")
	}
	g.Nodes, g.Edges = nil, nil
	return g
}

// tableEdges are the pairs of a report. A destination that everybody reaches, as
// before, is named in words: its arrows would hide the others.
func (g *graphView) tableEdges(r *Reachability) []pairEdge {
	table := r.table()
	var out []pairEdge
	var open []string
	for j, to := range r.Parties {
		var in []pairEdge
		kept := 0
		for i, from := range r.Parties {
			kind := pairKinds[table[i][j].change()].class
			if i == j || kind == "none" {
				continue
			}
			if kind == "kept" {
				kept++
			}
			in = append(in, pairEdge{from.Name, to.Name, kind})
		}
		if kept == len(r.Parties)-1 && kept > graphGroup {
			open = append(open, to.Name)
			continue
		}
		out = append(out, in...)
	}
	if len(open) > 0 {
		g.Words = append(g.Words, "Everybody reaches "+Escape(some(open))+", as before, which is not drawn.")
	}
	return out
}

// changedEdges are the pairs that differ from the base, and those kept between
// their ends.
func changedEdges(c *ReachabilityChange) []pairEdge {
	kinds := map[[2]string]string{}
	var order [][2]string
	for _, l := range []struct {
		kind  string
		flows []FlowChange
	}{{"gained", c.Gained}, {"lost", c.Lost}, {"arrived", c.Arrived}, {"departed", c.Departed}, {"kept", c.Kept}} {
		for _, f := range l.flows {
			for _, from := range f.From {
				for _, to := range f.To {
					pair := [2]string{from, to}
					switch was, known := kinds[pair]; {
					case from == to:
					case !known:
						kinds[pair] = l.kind
						order = append(order, pair)
					case was != l.kind && (was == "gained" || was == "lost") && l.kind != "kept":
						kinds[pair] = "moved"
					case l.kind == "kept" && was != "kept":
						kinds[pair] = "moved"
					}
				}
			}
		}
	}
	var out []pairEdge
	for _, pair := range order {
		out = append(out, pairEdge{pair[0], pair[1], kinds[pair]})
	}
	return out
}

// fill chooses boxes and arrows, and says whether they are legible. Many ends of one kind at one party are one box.
// Outside is two boxes, one that sends and one that receives.
func (g *graphView) fill(edges []pairEdge, n names) bool {
	g.Nodes, g.Edges = nil, nil
	edges, groups := grouped(edges)
	if len(edges) == 0 || len(edges) > graphEdges {
		return false
	}
	number := map[string]int{}
	for i, name := range n.order {
		number[name] = i + 1
	}
	known := map[string]bool{}
	box := func(name, side string) string {
		key, kind, label := name, "party", n.of(name)
		if name == Outside {
			key, kind = side+name, "outside"
		}
		if members := groups[name]; members != nil {
			kind, label = "group", fmt.Sprintf("%d workloads", len(members))
			if slices.Contains(members, Outside) {
				label = fmt.Sprintf("%d workloads and outside", len(members)-1)
			}
		}
		if !known[key] {
			known[key] = true
			g.Nodes = append(g.Nodes, graphNode{Label: shorten(label, 30), Title: g.title(name, groups[name], n), Party: number[name], Kind: kind, key: key})
		}
		return key
	}
	for _, e := range edges {
		from, to := box(e.from, "from "), box(e.to, "to ")
		title := g.title(e.from, groups[e.from], n) + " → " + g.title(e.to, groups[e.to], n) + ": " + edgeWords[e.kind]
		g.Edges = append(g.Edges, graphEdge{Kind: e.kind, Title: title, from: from, to: to})
	}
	return len(g.Nodes) <= graphNodes
}

var edgeWords = map[string]string{"kept": "passes, as before", "gained": "passes now", "lost": "no longer", "moved": "on other ports than before",
	"arrived": "passes; an end is new", "departed": "passed; an end is gone"}

func (g *graphView) title(name string, members []string, n names) string {
	if members != nil {
		return n.all(members)
	}
	return Escape(name)
}

// grouped joins ends: first the sources at one destination, then the
// destinations of one source. It returns the members of each group by its key.
func grouped(edges []pairEdge) ([]pairEdge, map[string][]string) {
	groups := map[string][]string{}
	join := func(at, end func(*pairEdge) *string) {
		members := map[[2]string][]string{}
		key := func(e pairEdge) [2]string { return [2]string{*at(&e), e.kind} }
		for _, e := range edges {
			if groups[*end(&e)] == nil && groups[*at(&e)] == nil {
				members[key(e)] = append(members[key(e)], *end(&e))
			}
		}
		done := map[[2]string]bool{}
		var out []pairEdge
		for _, e := range edges {
			m := members[key(e)]
			switch {
			case len(m) <= graphGroup || !slices.Contains(m, *end(&e)):
				out = append(out, e)
			case !done[key(e)]:
				done[key(e)] = true
				// Groups of the same members and kind are one box: what was shut
				// off from many places at once is one thing that happened.
				name := "\x00" + e.kind + "\x00" + strings.Join(m, "\x00")
				groups[name] = m
				*end(&e) = name
				out = append(out, e)
			}
		}
		edges = out
	}
	from, to := func(e *pairEdge) *string { return &e.from }, func(e *pairEdge) *string { return &e.to }
	join(to, from)
	join(from, to)
	return edges, groups
}

// shorten cuts escaped text in the middle of a line.
func shorten(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// byOrder orders boxes as they were first named, for ties.
func byOrder(a, b *layoutNode) int { return cmp.Compare(a.order, b.order) }
