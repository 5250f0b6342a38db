package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// This file draws what changes in who reaches whom as a flowchart in the language of
// Mermaid, which GitHub renders. Parties that do the same in every flow are one node,
// so that "everybody but one loses access" is one arrow and not forty.

const (
	// chartNodes and chartEdges bound what is legible in the width of a comment.
	chartNodes = 36
	chartEdges = 60
	// chartFan is how many nodes one end of a flow may be, before it becomes one.
	chartFan = 3
	// chartNames is how many parties of a node are named.
	chartNames = 3
	// chartBytes is below Mermaid's maxTextSize of 50,000 characters.
	chartBytes = 40_000
)

// chartKind is what became of the flows of an edge.
type chartKind int

const (
	chartGained chartKind = iota
	chartLost
	chartArrived
	chartDeparted
	chartKept
)

// chartEdgeKinds say how an edge of each kind looks: gained is thick, lost dotted
// with a cross at its end, kept thin, so that nobody has to tell green from red.
var chartEdgeKinds = [...]struct{ arrow, label, style string }{
	chartGained:   {"==>", "+", "stroke:#2da44e,stroke-width:4px"},
	chartLost:     {"-.-x", "−", "stroke:#e5534b,stroke-width:2px"},
	chartArrived:  {"==>", "+ new", "stroke:#2da44e,stroke-width:2px"},
	chartDeparted: {"-.-x", "− gone", "stroke:#e5534b,stroke-width:1px"},
	chartKept:     {"-->", "", "stroke:#8b949e,stroke-width:1px"},
}

// Mermaid draws the flows that are gained and lost, those that come and go with
// workloads, and those that stay between the same parties, as far as there is room
// for them. It is false where the gained and the lost are too many to be legible,
// or where nothing changes.
func Mermaid(d *Difference) (string, bool) {
	r := d.Reachability
	if d.Head != nil && d.Base == (Revision{}) {
		r = inForce(d.Head)
	}
	if r == nil || len(r.Gained)+len(r.Lost)+len(r.Arrived)+len(r.Departed) == 0 {
		return "", false
	}
	// What weighs less is left out first: what stays, then what comes and goes.
	flows := [][]FlowChange{chartGained: r.Gained, chartLost: r.Lost, chartArrived: r.Arrived, chartDeparted: r.Departed, chartKept: r.Kept}
	c := newCast(d)
	for last := chartKept; last >= chartLost; last-- {
		if g := newChart(flows[:last+1], c); g != nil {
			if text := g.text(); len(text) <= chartBytes {
				return text, true
			}
		}
		if last == chartArrived {
			last-- // both or neither: departed alone is half of what happens to workloads
		}
	}
	return "", false
}

// chart is a drawing: nodes, and edges between them.
type chart struct {
	nodes []chartGroup
	edges []chartLine
}

// chartGroup are parties of one namespace that do the same in every flow, or, with
// words for them, all parties of one end of a flow.
type chartGroup struct {
	namespace string
	members   []string
	words     string
}

type chartLine struct {
	from, to int
	kind     chartKind
}

// newChart is nil where there is nothing to draw, or too much.
func newChart(flows [][]FlowChange, c cast) *chart {
	_, of := chartGroups(flows)
	words := map[string]string{} // of ends that are one node, by the name that stands for them
	end := func(members, others []string, both bool) []string {
		if len(chartNodesOf(members, of)) <= chartFan {
			return members
		}
		name := "\x00" + soleNamespace(others) + "\x00" + strings.Join(members, "\x00")
		words[name] = c.words(members, chartNames, both, func(s string) string { return s })
		return []string{name}
	}
	bundled := make([][]FlowChange, len(flows))
	for kind, changes := range flows {
		both := chartKind(kind) != chartArrived && chartKind(kind) != chartDeparted
		for _, f := range changes {
			bundled[kind] = append(bundled[kind], FlowChange{From: end(f.From, f.To, both), To: end(f.To, f.From, both)})
		}
	}
	g := &chart{}
	g.nodes, of = chartGroups(bundled)
	for i, n := range g.nodes {
		g.nodes[i].words = words[n.members[0]]
	}
	if len(g.nodes) > chartNodes || !g.connect(bundled, of) {
		return nil
	}
	return g
}

// soleNamespace is where all of them are, or "": what stands for many is drawn beside
// what they reach.
func soleNamespace(members []string) string {
	for _, m := range members {
		if namespace(m) != namespace(members[0]) {
			return ""
		}
	}
	if len(members) == 0 {
		return ""
	}
	return namespace(members[0])
}

// chartGroups puts parties that do the same in every flow together, and returns which
// group each is in.
func chartGroups(flows [][]FlowChange) ([]chartGroup, map[string]int) {
	part := map[string][]byte{} // what each party does, flow by flow
	n := 0
	for _, changes := range flows {
		for _, f := range changes {
			for end, members := range [][]string{f.From, f.To} {
				for _, m := range members {
					part[m] = fmt.Appendf(part[m], "%d.%d ", n, end)
				}
			}
			n++
		}
	}
	home := func(m string) string {
		if at, ok := strings.CutPrefix(m, "\x00"); ok {
			ns, _, _ := strings.Cut(at, "\x00")
			return ns
		}
		return namespace(m)
	}
	names := slices.SortedFunc(maps.Keys(part), func(a, b string) int { return cmp.Or(cmp.Compare(home(a), home(b)), cmp.Compare(a, b)) })
	var groups []chartGroup
	of, known := map[string]int{}, map[string]int{}
	for _, m := range names {
		key := home(m) + " " + string(part[m])
		if m == Outside || strings.HasPrefix(m, "\x00") {
			key = m
		}
		i, ok := known[key]
		if !ok {
			i = len(groups)
			known[key] = i
			groups = append(groups, chartGroup{namespace: home(m)})
		}
		groups[i].members = append(groups[i].members, m)
		of[m] = i
	}
	return groups, of
}

// chartNodesOf are the nodes that parties are in.
func chartNodesOf(members []string, of map[string]int) []int {
	var out []int
	for _, m := range members {
		out = append(out, of[m])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// connect adds the edges, one per kind and pair of nodes, and is false where they
// are too many.
func (g *chart) connect(flows [][]FlowChange, of map[string]int) bool {
	drawn := map[chartLine]bool{}
	for kind, changes := range flows {
		for _, f := range changes {
			from, to := chartNodesOf(f.From, of), chartNodesOf(f.To, of)
			for _, i := range from {
				for _, j := range to {
					e := chartLine{i, j, chartKind(kind)}
					if drawn[e] || i == j && len(g.nodes[i].members) == 1 {
						continue
					}
					if drawn[e] = true; len(drawn) > chartEdges {
						return false
					}
					g.edges = append(g.edges, e)
				}
			}
		}
	}
	return len(g.edges) > 0
}

// text writes the drawing. Every id is made here; every name is in quotes, with
// what is no letter or digit as an entity.
func (g *chart) text() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	indent, open := "  ", ""
	for i, n := range g.nodes {
		if n.namespace != open {
			if open != "" {
				b.WriteString("  end\n")
			}
			if open, indent = n.namespace, "  "; open != "" {
				fmt.Fprintf(&b, "  subgraph s%d[\"%s\"]\n    direction LR\n", i+1, chartLabel(open))
				indent = "    "
			}
		}
		shape := [2]string{`["`, `"]`}
		switch {
		case n.words != "":
			shape = [2]string{`{{"`, `"}}`}
		case n.members[0] == Outside:
			shape = [2]string{`(["`, `"])`}
		case len(n.members) > 1:
			shape = [2]string{`[["`, `"]]`}
		}
		fmt.Fprintf(&b, "%sn%d%s%s%s\n", indent, i+1, shape[0], n.label(), shape[1])
	}
	if open != "" {
		b.WriteString("  end\n")
	}
	styled := map[chartKind][]string{}
	for i, e := range g.edges {
		k := chartEdgeKinds[e.kind]
		label := ""
		if k.label != "" {
			label = `|"` + chartLabel(k.label) + `"|`
		}
		fmt.Fprintf(&b, "  n%d %s%s n%d\n", e.from+1, k.arrow, label, e.to+1)
		styled[e.kind] = append(styled[e.kind], fmt.Sprint(i))
	}
	for kind, k := range chartEdgeKinds {
		if edges := styled[chartKind(kind)]; len(edges) > 0 {
			fmt.Fprintf(&b, "  linkStyle %s %s\n", strings.Join(edges, ","), k.style)
		}
	}
	return b.String()
}

// label names the members, without the namespace that is drawn around them.
func (n chartGroup) label() string {
	if n.words != "" {
		return chartLabel(n.words)
	}
	var lines []string
	shown := len(n.members)
	if shown > chartNames+1 {
		shown = chartNames
	}
	for _, m := range n.members[:shown] {
		lines = append(lines, chartLabel(strings.TrimPrefix(m, n.namespace+"/")))
	}
	if left := len(n.members) - shown; left > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", left))
	}
	return strings.Join(lines, "<br>")
}

// chartLabel writes text so that Mermaid shows it: neither its grammar, nor the
// Markdown and the HTML that it knows in labels, see anything but letters, digits
// and entities.
func chartLabel(s string) string {
	var b strings.Builder
	if s = shortened(flat(s), 80); s == "" {
		s = "–" // an empty label does not parse
	}
	for _, r := range s {
		switch {
		case r == ' ', r == '-' && b.Len() > 0, r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
