package report

import (
	"regexp"
	"strings"
)

// This file marks the words of YAML and of unified diffs, for pages.

// codeSpan is a piece of code: Kind is "key", "comment", "added", "removed",
// "place" or nothing, Text is escaped and may hold line ends.
type codeSpan struct{ Kind, Text string }

// maxCode is how many bytes of one policy or diff a page shows.
const maxCode = 256 << 10

// yamlKey is the key that a line begins with, behind its dashes.
var yamlKey = regexp.MustCompile(`^([ ]*(?:- +)*)([A-Za-z0-9_./"'-]+)(:(?: .*)?)$`)

// yamlLines marks comments and keys. It takes text line by line, which is right
// for what the overlay holds; a block scalar would be marked as if it were not
// one, and its text is shown all the same.
func yamlLines(text string) []codeSpan {
	var c codeSpans
	for line := range strings.Lines(clipCode(text)) {
		line = escapeTabs(strings.TrimRight(line, "\r\n"))
		switch m := yamlKey.FindStringSubmatch(line); {
		case strings.HasPrefix(strings.TrimLeft(line, " "), "#"):
			c.add("comment", line)
		case m != nil:
			c.add("", m[1])
			c.add("key", m[2])
			c.add("", m[3])
		default:
			c.add("", line)
		}
		c.add("", "\n")
	}
	return c.spans
}

// diffLines marks the lines of a unified diff. Its first two, which name the
// files, are left out: the page names them.
func diffLines(diff string) []codeSpan {
	var c codeSpans
	inside := false
	for line := range strings.Lines(clipCode(diff)) {
		line = escapeTabs(strings.TrimRight(line, "\r\n"))
		kind := ""
		switch {
		case strings.HasPrefix(line, "@@"):
			kind, inside = "place", true
		case !inside:
			continue
		case strings.HasPrefix(line, "+"):
			kind = "added"
		case strings.HasPrefix(line, "-"):
			kind = "removed"
		}
		c.add(kind, line+"\n")
	}
	return c.spans
}

// codeSpans gathers spans; neighbours of one kind become one.
type codeSpans struct{ spans []codeSpan }

func (c *codeSpans) add(kind, text string) {
	if n := len(c.spans); n > 0 && c.spans[n-1].Kind == kind {
		c.spans[n-1].Text += text
		return
	}
	if text != "" {
		c.spans = append(c.spans, codeSpan{kind, text})
	}
}

// clipCode cuts what is too long, at a line's end, and says so.
func clipCode(text string) string {
	if len(text) <= maxCode {
		return text
	}
	text = text[:maxCode]
	return text[:strings.LastIndexByte(text, '\n')+1] + "# the rest is left out: it is too long for a page\n"
}
