package emit

import (
	"fmt"
	"slices"
	"strings"
)

// A unified diff by the greedy algorithm of Myers (1986), which finds a shortest
// edit script: v[k] is the furthest line of the old text reached on diagonal k
// with d edits, and the v of each d is kept to walk the script back. Memory is the
// square of the number of edits, so beyond maxEdits the rest is shown as replaced
// as a whole: a valid diff, though not a shortest one.

const (
	around   = 3
	maxEdits = 2000
)

// edit is a line kept (' '), removed ('-') or added ('+').
type edit struct {
	op   byte
	line string
}

// NoFile stands in a diff for a file that is not there.
const NoFile = "/dev/null"

// Unified returns the unified diff from old to new; nil means that there is no
// such file. It is empty if the two are equal.
func Unified(name string, old, new []byte) string {
	from, to := "a/"+name, "b/"+name
	if old == nil {
		from = NoFile
	}
	if new == nil {
		to = NoFile
	}
	edits := script(lines(old), lines(new))
	var out strings.Builder
	for _, h := range hunks(edits) {
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, to)
		}
		h.write(&out, edits)
	}
	return out.String()
}

// lines splits data behind each line break.
func lines(data []byte) []string {
	out := strings.SplitAfter(string(data), "\n")
	if out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// script returns a shortest list of edits from a to b.
func script(a, b []string) []edit {
	var head, tail []edit
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, edit{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, edit{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	return slices.Concat(head, middle(a, b), tail)
}

// middle is script for texts that differ in their first and last lines.
func middle(a, b []string) []edit {
	offset := len(a) + len(b) + 1
	v := make([]int, 2*offset+1)
	var trace [][]int // of each d, v from diagonal -d-1 to d+1
	for d := 0; d <= min(len(a)+len(b), maxEdits); d++ {
		trace = append(trace, slices.Clone(v[offset-d-1:offset+d+2]))
		for k := -d; k <= d; k += 2 {
			x := v[offset+k-1] + 1
			if k == -d || k != d && v[offset+k-1] < v[offset+k+1] {
				x = v[offset+k+1]
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			if v[offset+k] = x; x >= len(a) && x-k >= len(b) {
				return backtrack(a, b, trace)
			}
		}
	}
	var out []edit
	for _, l := range a {
		out = append(out, edit{'-', l})
	}
	for _, l := range b {
		out = append(out, edit{'+', l})
	}
	return out
}

// backtrack walks the script back from the ends of a and b.
func backtrack(a, b []string, trace [][]int) []edit {
	var out []edit
	x, y := len(a), len(b)
	for d := len(trace) - 1; d >= 0; d-- {
		v := func(k int) int { return trace[d][k+d+1] }
		k := x - y
		before := k - 1
		if k == -d || k != d && v(k-1) < v(k+1) {
			before = k + 1
		}
		fromX := v(before)
		fromY := fromX - before
		if d == 0 {
			fromX, fromY = 0, 0
		}
		for x > fromX && y > fromY {
			x, y = x-1, y-1
			out = append(out, edit{' ', a[x]})
		}
		switch {
		case d == 0:
		case before < k:
			x--
			out = append(out, edit{'-', a[x]})
		default:
			y--
			out = append(out, edit{'+', b[y]})
		}
	}
	slices.Reverse(out)
	return out
}

// hunk is a range of edits with where it begins in both texts.
type hunk struct{ start, end, old, new int }

// hunks groups edits that lie within twice the context of each other.
func hunks(edits []edit) []hunk {
	var out []hunk
	old, new := 0, 0
	last := -1 // end of the last change
	for i, e := range edits {
		if e.op != ' ' {
			if last < 0 || i-last > 2*around {
				lead := min(around, i)
				if last >= 0 {
					out[len(out)-1].end = last + around
				}
				out = append(out, hunk{start: i - lead, old: old - lead, new: new - lead})
			}
			last = i + 1
		}
		if e.op != '+' {
			old++
		}
		if e.op != '-' {
			new++
		}
	}
	if last >= 0 {
		out[len(out)-1].end = min(last+around, len(edits))
	}
	return out
}

// write writes the hunk's header and lines.
func (h hunk) write(out *strings.Builder, edits []edit) {
	old, new := 0, 0
	for _, e := range edits[h.start:h.end] {
		if e.op != '+' {
			old++
		}
		if e.op != '-' {
			new++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(h.old, old), span(h.new, new))
	for _, e := range edits[h.start:h.end] {
		out.WriteString(string(rune(e.op)) + e.line)
		if !strings.HasSuffix(e.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// span writes a range as diff does: an empty one names the line before it.
func span(start, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", start)
	case 1:
		return fmt.Sprint(start + 1)
	default:
		return fmt.Sprintf("%d,%d", start+1, count)
	}
}
