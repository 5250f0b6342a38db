package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// This file places the boxes of a page's graph in columns, so that arrows run
// from left to right as far as they can: cycles are opened, each box comes one
// column after the last that leads to it, long arrows are led through the columns
// in between, and the order in a column follows the neighbours'.

const (
	boxHeight   = 30
	boxGap      = 16
	threadSpace = 12  // what an arrow takes that passes a column
	columnGap   = 110 // between columns
	graphMargin = 12
	letterWidth = 7 // of the boxes' text, about
	layoutTurns = 12
)

// layoutNode is a box, or a place where a long arrow passes a column.
type layoutNode struct {
	box        *graphNode // nil: an arrow passes
	order      int
	layer      int
	x, y, w, h float64
	weight     float64
	left       []*layoutNode // neighbours in the column before, and after
	right      []*layoutNode
}

// layoutEdge is an arrow; back ones are laid out the other way round.
type layoutEdge struct {
	edge *graphEdge
	path []*layoutNode
	back bool
	// from and to are how far from the middle of its boxes' sides it ends.
	from, to float64
}

// place fills positions and paths.
func (g *graphView) place() {
	nodes := make([]*layoutNode, len(g.Nodes))
	byKey := map[string]*layoutNode{}
	for i := range g.Nodes {
		b := &g.Nodes[i]
		nodes[i] = &layoutNode{box: b, order: i, h: boxHeight, w: float64(24 + letterWidth*columns(b.Label))}
		byKey[b.key] = nodes[i]
	}
	edges := make([]*layoutEdge, len(g.Edges))
	for i := range g.Edges {
		e := &g.Edges[i]
		edges[i] = &layoutEdge{edge: e, path: []*layoutNode{byKey[e.from], byKey[e.to]}}
	}
	openCycles(nodes, edges)
	layers := layered(nodes, edges)
	layers = thread(layers, edges)
	arrange(layers)
	g.measure(layers)
	spread(edges)
	for _, e := range edges {
		e.edge.Path = e.curve()
	}
}

// openCycles turns arrows that lead back to where a walk came from.
func openCycles(nodes []*layoutNode, edges []*layoutEdge) {
	out := map[*layoutNode][]*layoutEdge{}
	incoming := map[*layoutNode]int{}
	for _, e := range edges {
		out[e.path[0]] = append(out[e.path[0]], e)
		incoming[e.path[1]]++
	}
	const walking, done = 1, 2
	state := map[*layoutNode]int{}
	var walk func(n *layoutNode)
	walk = func(n *layoutNode) {
		state[n] = walking
		for _, e := range out[n] {
			switch state[e.path[1]] {
			case walking:
				e.back = true
			case 0:
				walk(e.path[1])
			}
		}
		state[n] = done
	}
	starts := slices.Clone(nodes) // those that nothing leads to first
	slices.SortStableFunc(starts, func(a, b *layoutNode) int {
		return cmp.Or(cmp.Compare(incoming[a], incoming[b]), byOrder(a, b))
	})
	for _, n := range starts {
		if state[n] == 0 {
			walk(n)
		}
	}
	for _, e := range edges {
		if e.back {
			slices.Reverse(e.path)
		}
	}
}

// layered returns the boxes by column.
func layered(nodes []*layoutNode, edges []*layoutEdge) [][]*layoutNode {
	for range nodes { // a longest path has at most as many steps as boxes
		moved := false
		for _, e := range edges {
			if from, to := e.path[0], e.path[1]; to.layer <= from.layer {
				to.layer, moved = from.layer+1, true
			}
		}
		if !moved {
			break
		}
	}
	// A box that only sends stands just before the first that it sends to.
	for _, n := range nodes {
		first, receives := -1, false
		for _, e := range edges {
			receives = receives || e.path[1] == n
			if e.path[0] == n && (first < 0 || e.path[1].layer < first) {
				first = e.path[1].layer
			}
		}
		if !receives && first > 0 {
			n.layer = first - 1
		}
	}
	var layers [][]*layoutNode
	for _, n := range nodes {
		for len(layers) <= n.layer {
			layers = append(layers, nil)
		}
		layers[n.layer] = append(layers[n.layer], n)
	}
	return layers
}

// thread leads long arrows through the columns that they pass.
func thread(layers [][]*layoutNode, edges []*layoutEdge) [][]*layoutNode {
	for _, e := range edges {
		from, to := e.path[0], e.path[1]
		path := []*layoutNode{from}
		for l := from.layer + 1; l < to.layer; l++ {
			pass := &layoutNode{order: len(layers[l]) + 1000, layer: l, h: threadSpace}
			layers[l] = append(layers[l], pass)
			path = append(path, pass)
		}
		e.path = append(path, to)
		for i := 1; i < len(e.path); i++ {
			e.path[i-1].right = append(e.path[i-1].right, e.path[i])
			e.path[i].left = append(e.path[i].left, e.path[i-1])
		}
	}
	return layers
}

// arrange orders each column by the middle of its neighbours, there and back,
// and then moves boxes towards them.
func arrange(layers [][]*layoutNode) {
	for _, l := range layers {
		stack(l)
	}
	for turn := range layoutTurns {
		for i := range layers {
			if turn%2 == 1 {
				i = len(layers) - 1 - i
			}
			for _, n := range layers[i] {
				near := n.left
				if turn%2 == 1 {
					near = n.right
				}
				if len(near) == 0 {
					near = append(slices.Clone(n.left), n.right...)
				}
				n.weight = n.y
				if len(near) > 0 {
					n.weight = 0
					for _, m := range near {
						n.weight += (m.y + m.h/2) / float64(len(near))
					}
				}
			}
			slices.SortStableFunc(layers[i], func(a, b *layoutNode) int { return cmp.Or(cmp.Compare(a.weight, b.weight), byOrder(a, b)) })
			stack(layers[i])
		}
	}
}

// stack gives a column its heights, around the middle of where its weights are.
func stack(layer []*layoutNode) {
	y, middle := 0.0, 0.0
	for _, n := range layer {
		n.y = y
		y += n.h + boxGap
		middle += n.weight / float64(len(layer))
	}
	for _, n := range layer {
		n.y += middle - (y-boxGap)/2
	}
}

// measure sets the columns side by side and everything into view.
func (g *graphView) measure(layers [][]*layoutNode) {
	x, top, bottom := float64(graphMargin), 0.0, 0.0
	for i, l := range layers {
		width := 0.0
		for j, n := range l {
			width = max(width, n.w)
			if i+j == 0 {
				top, bottom = n.y, n.y
			}
			top, bottom = min(top, n.y), max(bottom, n.y+n.h)
		}
		for _, n := range l {
			n.x, n.w = x, width
		}
		x += width + columnGap
	}
	for _, l := range layers {
		for _, n := range l {
			n.y += graphMargin - top
			if b := n.box; b != nil {
				b.X, b.Y, b.W, b.H = int(n.x), int(n.y), int(n.w), int(n.h)
			}
		}
	}
	g.Width, g.Height = int(x)-columnGap+graphMargin, int(bottom-top)+2*graphMargin
}

// spread sets the ends of arrows at one side of a box apart, in the order of where
// they come from, so that their heads do not hide each other.
func spread(edges []*layoutEdge) {
	apart := func(end func(*layoutEdge) *layoutNode, near func(*layoutEdge) *layoutNode, off func(*layoutEdge) *float64) {
		at := map[*layoutNode][]*layoutEdge{}
		for _, e := range edges {
			at[end(e)] = append(at[end(e)], e)
		}
		for _, e := range edges {
			all := at[end(e)]
			slices.SortStableFunc(all, func(a, b *layoutEdge) int { return cmp.Compare(near(a).y, near(b).y) })
			step := min(7, (boxHeight-12)/float64(max(1, len(all)-1)))
			for i, f := range all {
				*off(f) = (float64(i) - float64(len(all)-1)/2) * step
			}
		}
	}
	apart(func(e *layoutEdge) *layoutNode { return e.path[0] }, func(e *layoutEdge) *layoutNode { return e.path[1] }, func(e *layoutEdge) *float64 { return &e.from })
	apart(func(e *layoutEdge) *layoutNode { return e.path[len(e.path)-1] }, func(e *layoutEdge) *layoutNode { return e.path[len(e.path)-2] }, func(e *layoutEdge) *float64 { return &e.to })
}

// curve is the path of an arrow, from its source's side to its destination's.
func (e *layoutEdge) curve() string {
	type point struct{ x, y float64 }
	var points []point
	for i, n := range e.path {
		y := n.y + n.h/2
		switch {
		case i == 0:
			points = append(points, point{n.x + n.w, y + e.from})
		case i == len(e.path)-1:
			points = append(points, point{n.x, y + e.to})
		default:
			points = append(points, point{n.x, y}, point{n.x + n.w, y})
		}
	}
	if e.back {
		slices.Reverse(points)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "M%.0f %.0f", points[0].x, points[0].y)
	for i := 1; i < len(points); i++ {
		p, q := points[i-1], points[i]
		if p.y == q.y {
			fmt.Fprintf(&b, "L%.0f %.0f", q.x, q.y)
			continue
		}
		bend := (q.x - p.x) / 2
		fmt.Fprintf(&b, "C%.0f %.0f %.0f %.0f %.0f %.0f", p.x+bend, p.y, q.x-bend, q.y, q.x, q.y)
	}
	return b.String()
}
