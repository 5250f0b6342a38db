package report

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// MarkdownOptions bear on the comment. The zero value writes all there is.
type MarkdownOptions struct {
	// Limit is the most bytes, and so the most characters, that are written; 0 is
	// no limit.
	Limit int
	// File turns a position's file into what people are shown; nil shows it as it is.
	File func(file string) string
	// Link is the address of the full report, if it has one.
	Link string
	// Untrusted says that the difference was made by code of a fork.
	Untrusted bool
}

// Markdown writes the difference as GitHub shows it in a comment or in the summary
// of a run: for a reviewer with two minutes, the weightiest first. Where the limit
// leaves no room for all, the least weighty sections are shortened by whole rows,
// then left out, and the end says so.
func Markdown(w io.Writer, d *Difference, o MarkdownOptions) error {
	m := &markdown{MarkdownOptions: o, d: d, cast: newCast(d)}
	text, err := m.fit(m.sections())
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// markdown is a comment that is being written.
type markdown struct {
	MarkdownOptions
	d    *Difference
	cast cast
}

// mdWeight orders sections: those of little weight make room for the others.
type mdWeight int

const (
	mdPolicies mdWeight = iota
	mdGraph
	mdNotes
	mdOthers // intents that do not differ
	mdRest   // the long rest of a table
	mdGone
	mdWarnings
	mdIntents
	mdArrived
	mdLost
	mdCut
	mdErrors
	mdReadings
	mdWider
	mdQuestions
	mdVerdict
)

// mdSection is a part of the comment: a beginning, rows, and an end. It is written
// with all of its rows, with the first of them, or not at all.
type mdSection struct {
	weight     mdWeight
	name       string // what is left out, where it is: "the graph"
	row        string // what one row is: "flow"
	least      int    // so many rows are always written
	head, tail string
	rows       []string
}

func (s *mdSection) render(n int) string {
	if n == 0 && len(s.rows) > 0 {
		return ""
	}
	return s.head + strings.Join(s.rows[:n], "") + s.more(n) + s.tail + "\n"
}

// more says how many rows are not written.
func (s *mdSection) more(n int) string {
	if n == len(s.rows) {
		return ""
	}
	return "\n…and " + strings.Replace(plural(len(s.rows)-n, s.row), " ", " more ", 1) + "\n"
}

// mdDraft is a choice of how many rows of each section are written.
type mdDraft struct {
	*markdown
	sections []*mdSection
	shown    []int
	sizes    [][]int // of the first n rows of each section, in bytes
}

func (m *markdown) draft(sections []*mdSection) *mdDraft {
	d := &mdDraft{markdown: m, sections: sections}
	for _, s := range sections {
		sizes := []int{0}
		for i, r := range s.rows {
			sizes = append(sizes, sizes[i]+len(r))
		}
		d.shown, d.sizes = append(d.shown, len(s.rows)), append(d.sizes, sizes)
	}
	return d
}

// fits says whether the draft is within the limit, without writing it.
func (d *mdDraft) fits() bool {
	size := len(d.end())
	for i, s := range d.sections {
		if n := d.shown[i]; n > 0 || len(s.rows) == 0 {
			size += len(s.head) + d.sizes[i][n] + len(s.more(n)) + len(s.tail) + 1
		}
	}
	return d.Limit <= 0 || size <= d.Limit
}

func (d *mdDraft) String() string {
	var b strings.Builder
	for i, s := range d.sections {
		b.WriteString(s.render(d.shown[i]))
	}
	return b.String() + d.end()
}

// end says what is missing.
func (d *mdDraft) end() string {
	var missing []string
	for i, s := range d.sections {
		switch n := d.shown[i]; {
		case n == len(s.rows):
		case n == 0:
			missing = append(missing, s.name)
		default:
			missing = append(missing, "some of "+s.name)
		}
	}
	return d.footer(missing)
}

// fit renders the sections within the limit: those of little weight make room,
// each as far as it has to.
func (m *markdown) fit(sections []*mdSection) (string, error) {
	d := m.draft(sections)
	if d.fits() {
		return d.String(), nil
	}
	order := make([]int, len(sections))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sections[a].weight, sections[b].weight) })
	for _, i := range order {
		low, high := min(sections[i].least, len(sections[i].rows)), len(sections[i].rows)
		if d.shown[i] = low; !d.fits() {
			continue
		}
		for low < high { // low fits, what is above high does not
			d.shown[i] = (low + high + 1) / 2
			if d.fits() {
				low = d.shown[i]
			} else {
				high = d.shown[i] - 1
			}
		}
		d.shown[i] = low
		return d.String(), nil
	}
	verdict := sections[0].head
	if len(verdict) > m.Limit {
		return "", fmt.Errorf("a comment of at most %d bytes has no room for the verdict", m.Limit)
	}
	return verdict, nil
}

func (m *markdown) footer(missing []string) string {
	out := ""
	if len(missing) > 0 {
		slices.Sort(missing)
		out = "Left out for length: " + enumerated(slices.Compact(missing), 0) + ". "
	}
	link := m.link()
	switch {
	case link != "":
		out += "[The full report](<" + link + ">)."
	case out != "":
		out += "The full report is in the summary of the workflow run and among its artifacts."
	default:
		return ""
	}
	return "---\n" + out + "\n"
}

// link is the address of the full report, if it is one that can be written.
func (m *markdown) link() string {
	u, err := url.Parse(m.Link)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(m.Link) > 2000 {
		return ""
	}
	for _, r := range m.Link {
		if r <= ' ' || r > '~' || strings.ContainsRune("<>\\`\"", r) {
			return ""
		}
	}
	return m.Link
}

// mdTable makes sections of a table: the first rows are seen at once, and the rest
// when asked for.
func mdTable(weight mdWeight, name, row, before, columns string, visible int, rows []string) []*mdSection {
	if len(rows) == 0 {
		return nil
	}
	table := columns + "\n|" + strings.Repeat(" --- |", strings.Count(columns, "|")-1) + "\n"
	first := min(visible, len(rows))
	if len(rows)-first < 3 {
		first = len(rows)
	}
	out := []*mdSection{{weight: weight, name: name, row: row, head: before + "\n\n" + table, rows: rows[:first]}}
	if rest := rows[first:]; len(rest) > 0 {
		out = append(out, &mdSection{weight: mdRest, name: "the rest of " + name, row: row, rows: rest,
			head: fmt.Sprintf("<details><summary>%d more %ss</summary>\n\n", len(rest), row) + table, tail: "\n</details>\n"})
	}
	return out
}

// mdRow is a row of a table.
func mdRow(cells ...string) string {
	for i, c := range cells {
		if c == "" {
			cells[i] = " "
		}
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func mdDetails(weight mdWeight, name, row, summary string, rows []string) *mdSection {
	return &mdSection{weight: weight, name: name, row: row, rows: rows, head: "<details><summary>" + summary + "</summary>\n\n", tail: "\n</details>\n"}
}
