package report

import (
	"strconv"
	"strings"
)

// This file prepares who reaches whom for a page: as numbers for the script,
// which draws what is in view, and as a table and lists for readers without it.

// staticParties is how many rows the page's own table may have: that many fit on
// a printed page.
const staticParties = 40

// pageParties is how many rows a page's matrix and graph may have: the work is
// their square. Reach stays far below it; what was read from a file may not.
const pageParties = 1000

// reachView is who reaches whom, for the template.
type reachView struct {
	Summary Summary
	Home    string // the namespace that names leave out
	Notes   []string
	Table   *staticTable // nil where it would be too large
	Lists   []reachList
	Data    *matrixData // nil where there are too many parties
}

// reachList is the classes of one kind.
type reachList struct {
	Title string
	Rows  []reachRow
}

// reachRow is a class in words, escaped.
type reachRow struct{ To, Ports, From string }

// staticTable is the matrix as a table.
type staticTable struct {
	Heads []string
	Rows  []staticRow
}

type staticRow struct {
	Head  string
	Cells []staticCell
}

type staticCell struct{ Kind, Symbol, Words string }

// matrixData is what the script reads. Parties are numbered, and lists of
// numbers are written as ranges: "0-3 7". Texts are escaped.
type matrixData struct {
	Home    string          `json:"home"`
	Base    string          `json:"base"`
	Parties [][2]string     `json:"parties"` // name, ports
	Lists   [4][]matrixFlow `json:"lists"`   // before, after, gained, lost: against the policies in force
	// Changes are gained, lost, arrived, departed against the base, and null
	// where there is none.
	Changes *[4][]matrixChange `json:"changes"`
	AnyPort string             `json:"any"`
}

// matrixFlow is from, to, ports.
type matrixFlow [3]string

// matrixChange is a change and what made it so.
type matrixChange struct {
	Flow     matrixFlow `json:"f"`
	Why      string     `json:"w"`
	Intents  []pageLink `json:"i"`
	Policies []pageLink `json:"p"`
}

// reach returns nil where the report has none.
func (v *pageViewer) reach() *reachView {
	r := v.d.Head.Reachability
	if r == nil {
		return nil
	}
	n := v.names()
	out := &reachView{Summary: v.d.Head.Summary, Home: n.home, Notes: r.Notes, Table: newStaticTable(r, n)}
	for _, l := range []struct {
		title   string
		classes []Class
	}{{"gained", r.Gained}, {"lost", r.Lost}, {"now", r.After}, {"before", r.Before}} {
		rows := reachList{Title: l.title}
		for _, c := range l.classes {
			rows.Rows = append(rows.Rows, reachRow{To: n.list(c.To), Ports: Escape(c.Ports), From: n.list(c.From)})
		}
		out.Lists = append(out.Lists, rows)
	}
	if len(r.Parties) <= pageParties {
		out.Data = v.matrix(r, n)
	}
	return out
}

// names shortens parties' names where at least half of them are in one namespace:
// below that, a missing namespace would tell more riddles than it saves room.
func (v *pageViewer) names() names {
	n := (&text{r: v.d.Head, Options: Options{Verbose: true}}).names()
	if 2*n.inhabitants[n.home] >= len(n.order) {
		return n
	}
	n.home = ""
	for _, name := range n.order {
		n.short[name] = Escape(name)
	}
	return n
}

func newStaticTable(r *Reachability, n names) *staticTable {
	if len(r.Parties) > staticParties {
		return nil
	}
	t := &staticTable{}
	for i, row := range r.table() {
		head := n.of(n.order[i])
		t.Heads = append(t.Heads, head)
		cells := staticRow{Head: head}
		for j, c := range row {
			kind := pairKinds[c.change()]
			if n.order[i] == Outside && n.order[j] == Outside {
				kind = pairKind{"none", "", "not looked at"}
			}
			cells.Cells = append(cells.Cells, staticCell{kind.class, kind.symbol, kind.words})
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// pairKind is how a page shows what became of a pair.
type pairKind struct{ class, symbol, words string }

var pairKinds = map[pairChange]pairKind{
	pairClosed:  {"none", "", "may not, as before"},
	pairOpen:    {"kept", "•", "may reach, as before"},
	pairGained:  {"gained", "+", "may reach now"},
	pairLost:    {"lost", "−", "no longer"},
	pairChanged: {"moved", "~", "on other ports than before"},
}

// matrix numbers the parties and writes the lists with these numbers.
func (v *pageViewer) matrix(r *Reachability, n names) *matrixData {
	d := &matrixData{Home: Escape(n.home), AnyPort: AnyPort, Parties: [][2]string{}}
	index := map[string]int{}
	for i, p := range r.Parties {
		index[p.Name] = i
		d.Parties = append(d.Parties, [2]string{Escape(p.Name), Escape(p.Ports)})
	}
	for i, classes := range [][]Class{r.Before, r.After, r.Gained, r.Lost} {
		d.Lists[i] = []matrixFlow{}
		for _, c := range classes {
			d.Lists[i] = append(d.Lists[i], matrixFlow{partyRanges(c.From, index), partyRanges(c.To, index), Escape(c.Ports)})
		}
	}
	if v.based() && v.d.Reachability != nil {
		c := v.d.Reachability
		d.Base, d.Changes = v.baseName(), &[4][]matrixChange{}
		for i, flows := range [][]FlowChange{c.Gained, c.Lost, c.Arrived, c.Departed} {
			d.Changes[i] = []matrixChange{}
			for _, f := range flows {
				m := matrixFlow{partyRanges(f.From, index), partyRanges(f.To, index), Escape(f.Ports)}
				if m[0] != "" && m[1] != "" {
					d.Changes[i] = append(d.Changes[i], matrixChange{m, Escape(f.Why), v.intentLinks(f.Intents), v.policyLinks(f.Policies)})
				}
			}
		}
	}
	return d
}

// partyRanges writes the numbers of parties, in their order: "0-3 7". Names that are
// no party's are passed over.
func partyRanges(parties []string, index map[string]int) string {
	var b strings.Builder
	first, last := -1, -1
	flush := func() {
		if first < 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(first))
		if last > first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(last))
		}
	}
	for _, p := range parties {
		i, ok := index[p]
		switch {
		case !ok:
		case first >= 0 && i == last+1:
			last = i
		default:
			flush()
			first, last = i, i
		}
	}
	flush()
	return b.String()
}
