package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// Text writes the report for people: the intents and how each was read, the
// policies, who may reach whom before and after, and where the overlay lies.
func Text(w io.Writer, r *Report, o Options) error {
	t := &text{Options: o, painter: painter(o.Color), r: r}
	if r.Project != "" {
		t.heading("Project", fmt.Sprintf("%s, target %s", Escape(r.Project), Escape(r.Target)))
	}
	t.intents()
	t.policies()
	t.reachability()
	t.overlay()
	_, err := w.Write(t.Bytes())
	return err
}

// text is a report that is being written.
type text struct {
	bytes.Buffer
	Options
	painter
	r *Report
}

func (t *text) line(format string, args ...any) {
	t.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// heading opens a section.
func (t *text) heading(title, rest string) {
	if t.Len() > 0 {
		t.line("")
	}
	if rest != "" {
		title += ":"
	}
	t.line("%s %s", t.paint(bold, title), rest)
}

// hang writes escaped text after a first column, wrapped and aligned below
// itself.
func (t *text) hang(first string, columns int, style, s string) {
	for i, l := range wrap(s, t.width()-columns) {
		if i > 0 {
			first = ""
		}
		t.line("%s%s", pad(first, columns), t.paint(style, l))
	}
}

// counts lists those of the counts that are not zero: "14 compiled, 1 holds".
func counts(pairs ...any) string {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != 0 {
			out = append(out, fmt.Sprintf("%d %s", pairs[i], pairs[i+1]))
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

var statusStyle = map[Status]string{Compiled: green, Holds: cyan, Refused: red}

func (t *text) intents() {
	s := t.r.Summary
	hold := "hold already"
	if s.Holds == 1 {
		hold = "holds already"
	}
	t.heading("Intents", counts(s.Compiled, t.word(Compiled), s.Holds, hold, s.Refused, "refused"))
	const in = 12
	for _, i := range t.r.Intents {
		place := t.place(diag.Position{File: i.File, Line: i.Line})
		t.line("")
		status := pad("  "+Escape(t.word(i.Status)), in)
		t.line("%s%s  %s", t.paint(statusStyle[i.Status], status), t.paint(bold, Escape(i.Name)), t.paint(dim, place))
		t.hang("", in, "", `"`+flat(i.Statement)+`"`)
		t.field("reads as", i.ReadsAs, in)
		t.field("implies", i.Implied, in)
		t.field("read by", readBy(i), in)
		if t.Verbose {
			t.field("written", i.Policies, in)
		}
		for _, d := range i.Diagnostics {
			t.hang(pad("", in)+d.Severity.String()+":", in+len(d.Severity.String())+2, severityStyle[d.Severity], flat(d.Message)+" ["+Escape(string(d.ID))+"]")
		}
	}
}

// readBy says which model read an intent, and which of its answers were not
// taken. The embedded reader needs no mention.
func readBy(i Intent) []string {
	var out []string
	if i.Model != "" || i.Reader == "replay" {
		by := i.Model
		if i.Reader == "replay" {
			by = strings.TrimSpace("a recorded answer " + by)
		}
		if i.Samples != "" && i.Samples != "1/1" {
			by += ", " + i.Samples + " answers agree"
		}
		out = append(out, by)
	}
	for n, a := range i.Attempts {
		for _, p := range a.Problems {
			out = append(out, fmt.Sprintf("answer %d was not taken: %s", n+1, p))
		}
	}
	return out
}

// word is a status as people read it: where nothing was written, an intent that
// is not at fault itself was understood, and no more.
func (t *text) word(s Status) string {
	if s == Compiled && t.r.Summary.Errors > 0 {
		return "read"
	}
	return string(s)
}

// field writes a name and its values, one below the other.
func (t *text) field(name string, values []string, indent int) {
	const label = 10
	first := pad("", indent) + name + ":"
	for _, v := range values {
		t.hang(first, indent+label, "", flat(v))
		first = ""
	}
}

var changeStyle = map[Change]string{Added: green, Changed: yellow, Unchanged: dim, Removed: red}

func (t *text) policies() {
	s := t.r.Summary
	if len(t.r.Policies) == 0 {
		return
	}
	t.heading("Policies", counts(s.Added, "added", s.Changed, "changed", s.Unchanged, "unchanged", s.Removed, "removed"))
	set := "" // the only one is not named
	for i, in := range t.r.Intents {
		if set = in.Set + "/"; i > 0 && in.Set != t.r.Intents[0].Set {
			set = ""
			break
		}
	}
	path := 0
	for _, p := range t.r.Policies {
		path = max(path, columns(Escape(p.Path)))
	}
	for _, p := range t.r.Policies {
		first := t.paint(changeStyle[p.Change], pad("  "+Escape(string(p.Change)), 11)) + "  " + pad(Escape(p.Path), path)
		var names []string
		for _, n := range p.Intents {
			names = append(names, Escape(strings.TrimPrefix(n, set)))
		}
		for i, l := range wrap(strings.Join(names, ", "), t.width()-path-15) {
			if i > 0 {
				first = pad("", 13+path)
			}
			t.line("%s  %s", first, t.paint(dim, l))
		}
		if t.Verbose && p.YAML != "" {
			t.line("")
			for l := range strings.Lines(p.YAML) {
				t.line("      | %s", Escape(strings.TrimRight(l, "\n")))
			}
			t.line("")
		}
	}
}

func (t *text) overlay() {
	s := t.r.Summary
	if s.Errors > 0 && t.ReadOnly {
		return
	}
	if s.Errors > 0 {
		t.heading("Overlay", t.paint(red, "nothing was written: "+plural(s.Errors, "error")))
		return
	}
	if t.r.Overlay == "" {
		return
	}
	path, rest := Escape(t.path(t.r.Overlay)), ""
	for _, change := range []Change{Added, Changed, Removed} {
		var files []string
		for _, f := range t.r.Files {
			if f.Change == change {
				files = append(files, Escape(t.path(f.Path)))
			}
		}
		if len(files) > 0 {
			rest += "; " + string(change) + " " + strings.Join(files, ", ")
		}
	}
	if s.Added+s.Changed+s.Removed+len(t.r.Files) == 0 {
		rest = ", nothing changed"
	}
	t.heading("Overlay", path+rest)
	if s.Policies > 0 {
		t.line("  Argo CD or Flux syncs that folder; by hand: kubectl apply -k %s", path)
	}
}
