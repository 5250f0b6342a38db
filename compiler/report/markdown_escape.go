package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file makes text of the input harmless in GitHub's Markdown. Three things act
// on a comment: the Markdown parser, the HTML that it makes, and filters that then
// look at the text of that HTML for @names, #numbers, commits and addresses. An
// entity stops the first two and not the third, which sees it decoded; a zero width
// space, written as an entity, stops the third.

// mdBreak is a zero width space: it comes between the characters of what would
// otherwise be taken for a mention, a reference or an address.
const mdBreak = "&#8203;"

// The lengths, in characters, at which long texts are cut.
const (
	mdStatement = 400
	mdReading   = 300
	mdMessage   = 600
	mdName      = 120
	mdPorts     = 80
	mdWhy       = 240
)

// mdText writes text of the input so that it is shown as it is, on one line, and
// does nothing: in a paragraph, in a cell of a table and within HTML.
func mdText(s string, most int) string {
	s = mdLine(s, most)
	var b strings.Builder
	runes := []rune(s)
	hex := hexRuns(runes)
	for i, r := range runes {
		if b.Len() > 4*most { // all of it is markup
			b.WriteRune('…')
			break
		}
		if breaksBefore(runes, i) || hex[i] {
			b.WriteString(mdBreak)
		}
		switch {
		case r == '$': // as GitHub documents it for a dollar sign that is no formula
			b.WriteString("<span>&#36;</span>")
		case strings.ContainsRune("&<>\"'`\\*_[](){}|~!#^=+", r), i == 0 && !unicode.IsLetter(r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// mdLine is text on one line, escaped, of so many characters. Of a very long text
// the end is not looked at.
func mdLine(s string, most int) string {
	if enough := 8 * most; len(s) > enough {
		for !utf8.RuneStart(s[enough]) && enough > 0 {
			enough--
		}
		return shortened(flat(s[:enough])+" …", most)
	}
	return shortened(flat(s), most)
}

// breaksBefore says whether a reference could go on with the character at i:
// behind "@", "#" and ":", in "www." and in "GH-1".
func breaksBefore(s []rune, i int) bool {
	if i == 0 || unicode.IsSpace(s[i]) {
		return false
	}
	switch s[i-1] {
	case '@', '#', ':':
		return true
	case '-':
		return unicode.IsDigit(s[i]) && i > 1 && unicode.IsLetter(s[i-2])
	}
	return s[i] == '.' && i >= 3 && strings.EqualFold(string(s[i-3:i]), "www")
}

// hexRuns returns the indices at which words that could be the name of a commit
// are to be broken.
func hexRuns(s []rune) map[int]bool {
	const shortest = 7
	out := map[int]bool{}
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j] >= 'a' && s[j] <= 'f' || s[j] >= 'A' && s[j] <= 'F') {
			j++
		}
		if j-i >= shortest {
			for k := i + shortest/2; k < j; k += shortest / 2 {
				out[k] = true
			}
		}
		i = max(j, i+1)
	}
	return out
}

// mdCode writes a name of the input as code, where no filter looks. What a span of
// backticks cannot hold in every place goes into an element.
func mdCode(s string, most int) string {
	s = mdLine(s, most)
	if s == "" {
		return "–"
	}
	if strings.ContainsAny(s, "`|\\$<>&") {
		return mdElement(s, most)
	}
	return "`" + s + "`"
}

// mdElement is mdCode for places where Markdown is not parsed, such as the summary
// of a collapsed section.
func mdElement(s string, most int) string {
	return "<code>" + mdText(s, most) + "</code>"
}

// mdFence writes lines of the input as a block of code. The fence is longer than
// any run of backticks inside.
func mdFence(language, s string, most int) string {
	var lines []string
	size, left := 0, 0
	for l := range strings.Lines(s) {
		if left > 0 || size > most {
			left++
			continue
		}
		l = strings.TrimRight(l, "\r\n")
		if len(l) > 4*mdMessage {
			l = strings.ToValidUTF8(l[:4*mdMessage], "")
		}
		l = shortened(escapeTabs(l), mdMessage)
		if size += len(l) + 1; size > most {
			left++
			continue
		}
		lines = append(lines, l)
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("(%s more)", plural(left, "line")))
	}
	text := strings.Join(lines, "\n")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + text + "\n" + fence + "\n"
}

// shortened cuts text to so many characters, and says that it did.
func shortened(s string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:most-1]), " ") + "…"
}
