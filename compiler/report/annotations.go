package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// This file owns findings as workflow commands of GitHub Actions, which shows
// them beside the lines of a pull request. What SARIF needs as well is here too:
// which finding weighs most, and a position as GitHub counts it.

// maxAnnotations is how many of each kind GitHub keeps of one step.
const maxAnnotations = 10

// maxFinding is the longest text of one finding in bytes; GitHub cuts annotations
// at 64 KiB, and nobody reads that much.
const maxFinding = 4 << 10

// Annotations writes findings as workflow commands:
//
//	::error file=intents/shop.yaml,line=9,col=12,endColumn=20,title=KT3002%3A ...::message
//
// The weightiest come first, see weigh. GitHub drops what is beyond ten of a kind
// without a word; here the tenth then says how many are not shown. o.File has to
// map files to the repository's root: a finding in a file outside of it is shown
// without a place.
func Annotations(w io.Writer, diags []diag.Diagnostic, o Options) error {
	var b bytes.Buffer
	kinds := map[diag.Severity][]diag.Diagnostic{}
	for _, d := range weigh(diags) {
		kinds[d.Severity] = append(kinds[d.Severity], d)
	}
	for _, severity := range []diag.Severity{diag.Error, diag.Warning, diag.Note} {
		found, more := kinds[severity], 0
		if len(found) > maxAnnotations {
			found, more = found[:maxAnnotations-1], len(found)-maxAnnotations+1
		}
		for _, d := range found {
			b.WriteString(annotation(d, o))
		}
		if more > 0 {
			fmt.Fprintf(&b, "::%s title=kubeteus::%s not shown here: the log has all of them\n", workflowCommand[severity], plural(more, "more "+severity.String()))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

var workflowCommand = map[diag.Severity]string{diag.Error: "error", diag.Warning: "warning", diag.Note: "notice"}

func annotation(d diag.Diagnostic, o Options) string {
	var properties []string
	add := func(name, value string) {
		properties = append(properties, name+"="+workflowProperty.Replace(value))
	}
	place := o.locate(d.Pos, d.Message)
	if Escape(place.File) != place.File {
		place = location{} // GitHub would look for a file that is called like the escapes
	}
	if place.File != "" {
		add("file", place.File)
		if place.Line > 0 {
			add("line", fmt.Sprint(place.Line))
		}
		if place.Column > 0 {
			add("col", fmt.Sprint(place.Column))
		}
		if place.End > 0 {
			add("endColumn", fmt.Sprint(place.End))
		}
	}
	title := string(d.ID)
	if help := d.ID.Help(); help.Title != "" {
		title += ": " + help.Title
	}
	add("title", clip(Escape(title), 200))
	return "::" + workflowCommand[d.Severity] + " " + strings.Join(properties, ",") + "::" + workflowData.Replace(findingText(d, place)) + "\n"
}

// The escapes of the runner: what stands between "::" and "::" ends at a colon,
// a comma or a line's end, what stands behind at a line's end.
var (
	workflowProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	workflowData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
)

// findingText is a finding's message, and a line for each hint. The lines are
// escaped.
func findingText(d diag.Diagnostic, place location) string {
	text := flat(d.Message)
	if place.File == "" && d.Pos.File != "" {
		text += " (" + Escape(d.Pos.String()) + ")"
	}
	text = clip(text, maxFinding)
	for _, h := range d.Hints {
		line := "\nhint: " + flat(h)
		if len(text)+len(line) > 2*maxFinding {
			break
		}
		text += line
	}
	return text
}

// clip cuts escaped text between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// family is what the thousands of an id say about it.
type family struct {
	prefix, tag string
	// precision is SARIF's: how seldom a finding is a false alarm.
	precision string
	// weight orders findings of one severity, the smallest first.
	weight int
}

// families are those of ids.go. What statements mean and what is proven of them
// comes before what keeps it from being written, and that before the files.
var families = []family{
	{"KT6", "proof", "very-high", 1},
	{"KT3", "statement", "high", 2},
	{"KT4", "target", "very-high", 3},
	{"KT1", "intents", "very-high", 4},
	{"KT7", "lock", "very-high", 5},
	{"KT5", "policies", "high", 6},
	{"KT2", "manifests", "high", 7},
}

func familyOf(id diag.ID) family {
	for _, f := range families {
		if strings.HasPrefix(string(id), f.prefix) {
			return f
		}
	}
	return family{tag: "other", precision: "medium", weight: len(families) + 1}
}

// weigh orders findings for a reader who sees only the first: errors, then
// warnings, then notes; of these a lock that says something else than its
// statement, since that is how a wider reading is slipped in, then what is about
// an intent, then by family; and else as they were.
func weigh(diags []diag.Diagnostic) []diag.Diagnostic {
	out := slices.Clone(diags)
	last := func(b bool) int {
		if b {
			return 0
		}
		return 1
	}
	slipped := func(d diag.Diagnostic) bool { return d.ID == diag.ReadDisagree || d.ID == diag.ReadUnfounded }
	slices.SortStableFunc(out, func(a, b diag.Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(last(slipped(a)), last(slipped(b))),
			cmp.Compare(last(a.Intent != ""), last(b.Intent != "")),
			cmp.Compare(familyOf(a.ID).weight, familyOf(b.ID).weight),
		)
	})
	return out
}

// location is a position as GitHub counts it: the file relative to the
// repository's root, columns from 1 in UTF-16 code units, the end behind the last
// one. What is not known is zero.
type location struct {
	File              string
	Line, Column, End int
}

// locate turns a position into a location. Positions count bytes, so that a
// column is only known with the line's text.
func (o Options) locate(p diag.Position, message string) location {
	file := o.path(p.File)
	if !inRepository(file) {
		return location{}
	}
	out := location{File: path.Clean(file), Line: max(0, p.Line)}
	if out.Line == 0 || p.Column < 1 {
		return out
	}
	line := ""
	if o.Line != nil {
		line = strings.TrimSuffix(o.Line(p.File, p.Line), "\r")
	}
	if start := p.Column - 1; start < len(line) && utf8.RuneStart(line[start]) {
		end := min(len(line), start+span(line[start:], message))
		out.Column = 1 + units(line[:start])
		out.End = out.Column + units(line[start:end])
	} else if p.Column == 1 {
		out.Column = 1 // of any line
	}
	return out
}

// units counts UTF-16 code units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// inRepository says whether file is relative and leads nowhere else.
func inRepository(file string) bool {
	drive := len(file) > 1 && file[1] == ':'
	clean := path.Clean(file)
	return file != "" && !drive && !path.IsAbs(file) && clean != "." && clean != ".." && !strings.HasPrefix(clean, "../") && !strings.HasPrefix(file, `\`)
}
