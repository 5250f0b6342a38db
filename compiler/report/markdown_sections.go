package report

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// This file says what stands in the comment, and in which order.

func (m *markdown) sections() []*mdSection {
	out := []*mdSection{m.opening()}
	add := func(more ...*mdSection) {
		for _, s := range more {
			if s != nil {
				out = append(out, s)
			}
		}
	}
	add(m.sentences(mdErrors, "what is wrong on disk", "#### ⚠️ On disk, against what the intents say", m.d.OnDisk), m.questions(), m.errors())
	add(m.readings()...)
	if m.plain() {
		add(m.reachability(inForce(m.d.Head))...)
	} else {
		add(m.reachability(m.d.Reachability)...)
	}
	add(m.sentences(mdErrors, "what else differs", "#### What else differs", m.d.Also))
	add(m.intents()...)
	add(m.otherIntents(), m.graph())
	add(m.policies()...)
	add(m.findings(diag.Warning, mdWarnings, "warning"), m.notes())
	return out
}

// plain says that there is no base: the head is reported, and not compared.
func (m *markdown) plain() bool { return m.d.Base == Revision{} }

// mdClaim says of a report what it is worth.
const mdClaim = "> Computed by the workflow of a fork, from code that nobody here has reviewed. Read it as a claim of the fork's.\n"

// opening is the verdict in a line, and what one has to know to read the rest.
func (m *markdown) opening() *mdSection {
	d := m.d
	name := "The project"
	if d.Project != "" {
		name = mdText(d.Project, mdName)
	}
	verdict := map[Verdict]string{Pass: "✅ " + name + " passes", Stale: "⚠️ " + name + " is stale", Rejected: "❌ " + name + " is rejected"}[d.Verdict]
	head := "### " + verdict + ": " + m.matters() + "\n\n"
	if m.Untrusted {
		head += mdClaim + "\n"
	}
	head += m.compared() + "\n"
	if d.Verdict == Stale {
		head += "\nThe overlay or the lock in this branch is not what the intents say. Run this and commit what it writes:\n\n" + mdFence("sh", m.command(), mdMessage)
	}
	return &mdSection{weight: mdVerdict, name: "the verdict", head: head}
}

// matters counts what the verdict rests on.
func (m *markdown) matters() string {
	d, s := m.d, m.d.Summary
	var out []string
	add := func(n int, one, many string) {
		if n == 1 {
			out = append(out, "1 "+one)
		} else if n > 1 {
			out = append(out, fmt.Sprintf("%d %s", n, many))
		}
	}
	questions := len(d.Questions())
	if d.Verdict == Rejected {
		add(questions, "question", "questions")
		add(d.Head.Summary.Errors-questions, "error", "errors")
	}
	add(s.IntentsRelocked+s.IntentsReread, "intent reads differently with the same words", "intents read differently with the same words")
	switch r := d.Reachability; {
	case m.plain():
		add(d.Head.Summary.Intents, "intent", "intents")
		add(d.Head.Summary.Policies, "policy", "policies")
	case d.Empty():
		out = append(out, "nothing changes")
	case r != nil && len(d.Also) > 0 && len(d.Intents)+len(d.Policies)+r.Pairs.Gained+r.Pairs.Lost == 0:
		add(len(d.Also), "thing beside the policies changes", "things beside the policies change")
	case r != nil:
		add(r.Pairs.Gained, "pair gains access"+fromOutside(r.Gained), "pairs gain access"+fromOutside(r.Gained))
		add(r.Pairs.Lost, "pair loses it", "pairs lose it")
		if r.Pairs.Gained == 0 && r.Pairs.Lost > 0 {
			out[len(out)-1] = strings.Replace(out[len(out)-1], " it", " access", 1)
		}
		switch {
		case r.Pairs.Gained+r.Pairs.Lost > 0:
		case s.PoliciesAdded+s.PoliciesChanged+s.PoliciesRemoved > 0 && r.Pairs.Arrived+r.Pairs.Departed == 0:
			// They do something else than they did: for a port that nobody declares, an
			// address, or pods that nobody declares.
			out = append(out, "policies differ, and no pair that was looked at gains or loses access")
		default:
			out = append(out, "no workload that was there gains or loses access")
		}
		add(r.Pairs.Arrived, "pair comes with what is new", "pairs come with what is new")
		add(s.Cut, "declared connection is cut", "declared connections are cut")
	}
	if len(out) == 0 {
		out = append(out, "nobody gains or loses access")
	}
	return strings.Join(out, ", ")
}

// fromOutside counts who is opened to outside.
func fromOutside(gained []FlowChange) string {
	opened := map[string]bool{}
	for _, f := range gained {
		if slices.Contains(f.From, Outside) {
			for _, to := range f.To {
				opened[to] = true
			}
		}
	}
	if len(opened) == 0 {
		return ""
	}
	return fmt.Sprintf(" (**%d from outside**)", len(opened))
}

// compared says what differs, and from what.
func (m *markdown) compared() string {
	d := m.d
	target := ""
	if d.Target != "" {
		target = " Target " + mdText(d.Target, mdName) + "."
	}
	if m.plain() {
		return "The whole report of the working tree; there is no other state that it was compared with." + target
	}
	base := mdCode(d.Base.Name, mdName)
	if d.Base.Commit != "" && d.Base.Commit != d.Base.Name {
		base += " (" + mdCode(d.Base.Commit[:min(10, len(d.Base.Commit))], mdName)
		if d.Base.Why != "" {
			base += ", " + mdText(d.Base.Why, mdName)
		}
		base += ")"
	}
	if d.Unknown() {
		target += " Who gains and who loses access is known once this is mended."
	}
	if d.New {
		return "There is nothing to compare with: " + base + " has no intents here, so all of them are new." + target
	}
	if d.Unknown() && len(d.Intents)+len(d.Policies) == 0 {
		return "Nothing can be compared with " + base + " yet." + target
	}
	if d.Empty() {
		return "Intents, policies and who reaches whom are those of " + base + "." + target
	}
	intents, policies := plural(len(d.Intents), "intent"), fmt.Sprintf("%d policies", len(d.Policies))
	if len(d.Policies) == 1 {
		policies = "1 policy"
	}
	verb := "differ"
	if len(d.Intents)+len(d.Policies) == 1 {
		verb = "differs"
	}
	workloads := ""
	if d.Reachability != nil {
		workloads = fmt.Sprintf(" Between %s and outside, every pair was looked at.", plural(d.Reachability.Workloads, "workload"))
	}
	return intents + " and " + policies + " " + verb + " from " + base + "." + workloads + target
}

// command is what mends a stale project, from the repository's root.
func (m *markdown) command() string {
	dir := "intents"
	if i := m.d.Head.Intents; len(i) > 0 && i[0].File != "" {
		dir = path.Dir(m.path(i[0].File))
	}
	if !strings.HasPrefix(dir, "/") && !strings.HasPrefix(dir, "../") {
		dir = "./" + strings.TrimPrefix(dir, "./")
	}
	return "kubeteus compile " + shellWord(dir)
}

// shellWord quotes what a shell would not take for one word.
func shellWord(s string) string {
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./", r) {
			return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
	}
	return s
}

// path is a file as people are shown it: where nothing else is asked for, from the
// repository's root.
func (m *markdown) path(file string) string {
	if m.File == nil && m.d.Folder != "" && file != "" {
		return path.Join(m.d.Folder, file)
	}
	return Options{File: m.File}.path(file)
}

func (m *markdown) place(p diag.Position) string {
	p.File, p.Column = m.path(p.File), 0
	if p.File == "" {
		return ""
	}
	return mdCode(p.String(), mdName)
}

// questions are what only a person can answer: both readings, the flow on which
// they differ, and what to write.
func (m *markdown) questions() *mdSection {
	q := m.d.Questions()
	var rows []string
	for _, d := range q {
		rows = append(rows, m.finding(d))
	}
	if len(rows) == 0 {
		return nil
	}
	title := "A question for you"
	if len(rows) > 1 {
		title = fmt.Sprintf("%d questions for you", len(rows))
	}
	return &mdSection{weight: mdQuestions, name: "the questions", row: "question", least: 1, head: "#### ❓ " + title + "\n\n", rows: rows}
}

// errors are the others, for which the head is rejected.
func (m *markdown) errors() *mdSection {
	var rows []string
	asked := m.d.Questions()
	for _, d := range m.d.Head.Diagnostics {
		isQuestion := slices.ContainsFunc(asked, func(q diag.Diagnostic) bool { return q.ID == d.ID })
		if d.Severity == diag.Error && !isQuestion {
			rows = append(rows, m.finding(d))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return &mdSection{weight: mdErrors, name: "the errors", row: "error", least: 1, head: "#### ❌ " + plural(len(rows), "error") + "\n\n", rows: rows}
}

// finding is a diagnostic as an item of a list.
func (m *markdown) finding(d diag.Diagnostic) string {
	const related, hints = 5, 3
	var b strings.Builder
	title := m.place(d.Pos)
	if d.Intent != "" {
		title = strings.TrimSuffix("**"+mdText(d.Intent, mdName)+"** "+title, " ")
	}
	if title != "" {
		title += ": "
	}
	fmt.Fprintf(&b, "- %s%s [%s]\n", title, mdText(d.Message, mdMessage), mdText(string(d.ID), 20))
	if s := m.statement(d); s != "" {
		fmt.Fprintf(&b, "  - the statement: “%s”\n", mdText(s, mdStatement))
	}
	var places []string
	for _, r := range d.Related[:min(related, len(d.Related))] {
		place := ""
		if r.Pos.Line > 0 {
			place = m.place(r.Pos) + ": "
		}
		line := fmt.Sprintf("  - %s%s\n", place, mdText(r.Message, mdReading))
		if !slices.Contains(places, line) { // both ends of a flow may be closed by one
			places = append(places, line)
		}
	}
	b.WriteString(strings.Join(places, ""))
	for _, h := range d.Hints[:min(hints, len(d.Hints))] {
		fmt.Fprintf(&b, "  - **hint:** %s\n", mdText(h, mdReading))
	}
	return b.String()
}

// statement is the one that a diagnostic is about, if one is.
func (m *markdown) statement(d diag.Diagnostic) string {
	if d.Intent == "" {
		return ""
	}
	for _, i := range m.d.Head.Intents {
		if i.Name == d.Intent && (i.File == d.Pos.File || d.Pos.File == "") {
			return i.Statement
		}
	}
	return ""
}

// findings are the warnings, collapsed.
func (m *markdown) findings(severity diag.Severity, weight mdWeight, word string) *mdSection {
	var rows []string
	for _, d := range m.d.Head.Diagnostics {
		if d.Severity == severity {
			rows = append(rows, m.finding(d))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return mdDetails(weight, "the "+word+"s", word, plural(len(rows), word), rows)
}

// sentences are a list of those.
func (m *markdown) sentences(weight mdWeight, name, head string, list []string) *mdSection {
	var rows []string
	for _, s := range list {
		rows = append(rows, "- "+mdText(s, mdMessage)+"\n")
	}
	if len(rows) == 0 {
		return nil
	}
	return &mdSection{weight: weight, name: name, row: "line", head: head + "\n\n", rows: rows}
}

// notes say what was taken for granted and what could not be compared.
func (m *markdown) notes() *mdSection {
	var rows []string
	add := func(notes []string) {
		for _, n := range notes {
			rows = append(rows, "- "+mdText(n, mdMessage)+"\n")
		}
	}
	if m.cast.home != "" {
		add([]string{"names without a namespace are in " + m.cast.home})
	}
	add(m.d.Notes)
	if r := m.d.Reachability; r != nil {
		add(r.Notes)
	} else if r := m.d.Head.Reachability; r != nil {
		add(r.Notes)
	}
	for _, d := range m.d.Head.Diagnostics {
		if d.Severity == diag.Note {
			rows = append(rows, m.finding(d))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return mdDetails(mdNotes, "the notes", "note", plural(len(rows), "note"), rows)
}
