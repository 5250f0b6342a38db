package report

import (
	"fmt"
	"slices"
	"strings"
)

// matrixParties is how many rows a table of everybody may have.
const matrixParties = 20

// reachability writes who may reach whom: as one table where it is small, that
// shows before and after at once, then as a list by destination.
func (t *text) reachability() {
	r := t.r.Reachability
	if r == nil {
		return
	}
	s := t.r.Summary
	t.heading("Who may reach whom", fmt.Sprintf("%s before, %d after; %d gained, %d lost, %d on other ports",
		plural(s.PairsBefore, "pair"), s.PairsAfter, s.PairsGained, s.PairsLost, s.PairsChanged))
	n := t.names()
	small := len(r.Parties) <= matrixParties
	if small {
		t.matrix(n)
	} else {
		t.classes("before", n, r.Before)
	}
	t.classes("now", n, r.After)
	if len(r.Gained) > 0 {
		t.classes("gained", n, r.Gained)
	}
	if len(r.Lost) > 0 && (!small || t.Verbose) {
		t.classes("lost", n, r.Lost)
	}
	t.line("")
	if n.home != "" {
		t.hang("  ", 2, dim, "names without a namespace are in "+Escape(n.home))
	}
	for _, note := range r.Notes {
		t.hang("  ", 2, dim, flat(note))
	}
}

// names shortens the names of parties.
type names struct {
	home        string            // the namespace that is left out
	short       map[string]string // escaped
	order       []string          // all parties
	inhabitants map[string]int    // parties by namespace
	everyone    bool              // no list is cut
}

// names leaves out the namespace that most parties are in.
func (t *text) names() names {
	n := names{short: map[string]string{}, inhabitants: map[string]int{}, everyone: t.Verbose}
	for _, p := range t.r.Reachability.Parties {
		n.order = append(n.order, p.Name)
		if ns := namespace(p.Name); ns != "" {
			n.inhabitants[ns]++
			if n.inhabitants[ns] > max(1, n.inhabitants[n.home]) {
				n.home = ns
			}
		}
	}
	for _, name := range n.order {
		short := name
		if rest, ok := strings.CutPrefix(name, n.home+"/"); ok && n.home != "" && rest != Outside {
			short = rest
		}
		n.short[name] = Escape(short)
	}
	return n
}

// of returns the short name; a class may name what is no party.
func (n names) of(name string) string {
	if s, ok := n.short[name]; ok {
		return s
	}
	return Escape(name)
}

// list words a list of parties, as its complement where that is shorter.
func (n names) list(members []string) string {
	in := map[string]bool{}
	for _, m := range members {
		in[m] = true
	}
	var rest []string
	for _, m := range n.order {
		if !in[m] {
			rest = append(rest, m)
		}
	}
	switch {
	case len(members) < 3 || len(rest) >= len(members):
		return n.all(members)
	case len(rest) == 0:
		return "everybody"
	default:
		return "everybody but " + n.all(rest)
	}
}

// all joins names: "a, b and c". A namespace that is named as a whole is one
// name, and of a long list only the first are named, unless all are asked for.
func (n names) all(members []string) string {
	const many, most = 4, 12
	in := map[string]int{}
	for _, m := range members {
		in[namespace(m)]++
	}
	var out []string
	for _, m := range members {
		ns := namespace(m)
		switch {
		case ns == "" || in[ns] < many || in[ns] != n.inhabitants[ns]:
			out = append(out, n.of(m))
		case in[ns] > 0 && !slices.Contains(out, "all of "+Escape(ns)):
			out = append(out, "all of "+Escape(ns))
		}
	}
	if len(out) > most && !n.everyone {
		out = append(out[:most-1], fmt.Sprintf("%d more", len(out)-most+1))
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	last := len(out) - 1
	return strings.Join(out[:last], ", ") + " and " + out[last]
}

// namespace returns the namespace of a party's name, "" for outside.
func namespace(name string) string {
	ns, _, ok := strings.Cut(name, "/")
	if !ok {
		return ""
	}
	return ns
}

// byDestination takes classes apart into one per destination and ports, in the
// order of the parties.
func byDestination(r *Reachability, classes []Class) []Class {
	var out []Class
	for _, p := range r.Parties {
		for _, c := range classes {
			if !slices.Contains(c.To, p.Name) {
				continue
			}
			c.To = []string{p.Name}
			if c.Ports == AnyPort {
				c.Ports = p.Ports
			}
			out = append(out, c)
		}
	}
	return out
}

// classes writes a list of classes under a title.
func (t *text) classes(title string, n names, classes []Class) {
	t.line("")
	if len(classes) == 0 {
		t.line("  %s: nobody reaches anybody", t.paint(bold, title))
		return
	}
	t.line("  %s", t.paint(bold, title))
	if len(n.order) <= matrixParties {
		classes = byDestination(t.r.Reachability, classes)
	}
	const most = 32
	to, ports := 0, 0
	for _, c := range classes {
		if w := columns(n.list(c.To)); w <= most {
			to = max(to, w)
		}
		if w := columns(Escape(c.Ports)); w <= most {
			ports = max(ports, w)
		}
	}
	for _, c := range classes {
		whom, on, from := n.list(c.To), Escape(c.Ports), "from "+n.list(c.From)
		if columns(whom) <= to && columns(on) <= ports && t.width() >= to+ports+40 {
			t.hang("    "+pad(whom, to)+"  "+pad(on, ports), 8+to+ports, "", from)
			continue
		}
		t.hang("", 4, "", whom)
		t.hang("", 8, "", on+" "+from)
	}
}

// marks are the symbols of the matrix: what became of a pair.
var marks = []struct {
	change        pairChange
	symbol, style string
	words         string
}{
	{pairOpen, "o", bold, "may reach, as before"},
	{pairGained, "+", green, "may reach now"},
	{pairLost, "-", red, "no longer"},
	{pairChanged, "~", yellow, "on other ports than before"},
	{pairClosed, ".", dim, "may not, as before"},
}

// matrix writes one table of all pairs, before and after.
func (t *text) matrix(n names) {
	width := len("from")
	for _, name := range n.order {
		width = max(width, columns(n.of(name)))
	}
	t.line("")
	head := pad("    from", width+9) + "to"
	for i := range n.order {
		head += fmt.Sprintf("%3d", i+1)
	}
	t.line("%s", t.paint(dim, head))
	var legend []string
	used := map[pairChange]bool{}
	for i, row := range t.r.Reachability.table() {
		line := fmt.Sprintf("    %2d  %s  ", i+1, pad(n.of(n.order[i]), width+1))
		for j, c := range row {
			if n.order[i] == Outside && n.order[j] == Outside {
				continue
			}
			for _, m := range marks {
				if m.change == c.change() {
					used[m.change] = true
					line += "  " + t.paint(m.style, m.symbol)
				}
			}
		}
		t.line("%s", line)
	}
	for _, m := range marks {
		if used[m.change] {
			legend = append(legend, m.symbol+" "+m.words)
		}
	}
	t.line("")
	t.hang("    ", 4, dim, strings.Join(legend, "; "))
}
