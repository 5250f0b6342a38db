package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

var severityStyle = map[diag.Severity]string{diag.Error: red, diag.Warning: yellow, diag.Note: cyan}

// Diagnostics writes findings for people, one below the other:
//
//	intents/shop.yaml:9:12: error: no workload is called "redis-crat" [KT3002]
//	    9 | - Only cartservice may reach redis-crat.
//	      |                              ^~~~~~~~~~
//	  intents/shop.yaml:4:3: the related place
//	  hint: what to type
//
// An unknown position prints none.
func Diagnostics(w io.Writer, l []diag.Diagnostic, o Options) error {
	t := &text{Options: o, painter: painter(o.Color)}
	for _, d := range l {
		t.finding(d)
	}
	_, err := w.Write(t.Bytes())
	return err
}

func (t *text) finding(d diag.Diagnostic) {
	message := flat(d.Message)
	place := t.place(d.Pos)
	if place != "" {
		place = t.paint(bold, place) + ": "
	}
	t.line("%s%s: %s [%s]", place, t.paint(severityStyle[d.Severity], d.Severity.String()), t.paint(bold, message), Escape(string(d.ID)))
	t.quote(d.Pos, d.Message, severityStyle[d.Severity])
	for _, r := range d.Related {
		place := t.place(r.Pos)
		if place != "" {
			place += ": "
		}
		t.line("  %s%s", place, flat(r.Message))
		t.quote(r.Pos, r.Message, cyan)
	}
	for _, h := range d.Hints {
		t.line("  %s %s", t.paint(cyan, "hint:"), flat(h))
	}
}

// quote shows the line of a position and marks the words at its column.
func (t *text) quote(p diag.Position, message, style string) {
	if t.Line == nil || p.Line == 0 || p.Column == 0 {
		return
	}
	line := strings.TrimSuffix(t.Line(p.File, p.Line), "\r")
	start := p.Column - 1
	if strings.Contains(line, "##[") { // cut into pieces, it would not be escaped
		return
	}
	if start < 0 || start >= len(line) || !utf8.RuneStart(line[start]) {
		return
	}
	number := fmt.Sprint(p.Line)
	room := t.width() - len(number) - 13 // bars and ellipses
	end := start + min(span(line[start:], message), room)
	for end < len(line) && !utf8.RuneStart(line[end]) {
		end++
	}
	left, right := window(line, start, end, room)
	before, ellipsis := escapeTabs(line[left:start]), ""
	if left > 0 {
		before = "..." + before
	}
	if right < len(line) {
		ellipsis = "..."
	}
	words := escapeTabs(line[start:end])
	t.line("    %s | %s%s%s%s", t.paint(dim, number), before, words, escapeTabs(line[end:right]), ellipsis)
	t.line("    %s | %s%s", pad("", len(number)), pad("", columns(before)), t.paint(style, "^"+strings.Repeat("~", max(0, columns(words)-1))))
}

// escapeTabs escapes a piece of a source line, whose tabs are legitimate.
func escapeTabs(s string) string { return Escape(strings.ReplaceAll(s, "\t", "    ")) }

// span returns how many bytes of s, a line from a column on, a message is about:
// the longest text that the message quotes and s begins with, else a word.
func span(s, message string) int {
	best := 0
	for quoted := message[:min(len(message), 2000)]; ; {
		_, rest, ok := strings.Cut(quoted, `"`)
		if !ok {
			break
		}
		for i, r := range rest {
			if r == '"' && i > best && strings.HasPrefix(s, rest[:i]) {
				best = i
			}
		}
		quoted = rest
	}
	if best > 0 {
		return best
	}
	for i, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./", r) {
			if i == 0 {
				_, n := utf8.DecodeRuneInString(s)
				return n
			}
			return max(1, len(strings.TrimRight(s[:i], "./")))
		}
	}
	return max(1, len(strings.TrimRight(s, "./")))
}

// window returns the part of a line around [start, end) that fits in width
// bytes, cut between characters.
func window(line string, start, end, width int) (left, right int) {
	right = len(line)
	if right <= width {
		return 0, right
	}
	left = max(0, min(start-width/3, len(line)-width))
	right = max(end, min(len(line), left+width))
	for left > 0 && !utf8.RuneStart(line[left]) {
		left--
	}
	for right < len(line) && !utf8.RuneStart(line[right]) {
		right++
	}
	return left, right
}
