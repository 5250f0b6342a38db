package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// DiffText writes the difference for people at a terminal: the verdict, what asks
// for a person, then who gains and who loses access, and what made it so.
func DiffText(w io.Writer, d *Difference, o Options) error {
	t := &diffText{text: &text{Options: o, painter: painter(o.Color), r: d.Head}, d: d, cast: newCast(d)}
	t.verdict()
	t.sentences("On disk, against what the intents say", t.d.OnDisk)
	t.questions()
	t.readings()
	t.reachability()
	t.cuts()
	t.sentences("What else differs", t.d.Also)
	t.intents()
	t.policies()
	t.notes()
	_, err := w.Write(t.Bytes())
	return err
}

// diffText is a difference that is being written.
type diffText struct {
	*text
	d    *Difference
	cast cast
}

var verdictStyle = map[Verdict]string{Pass: green, Stale: yellow, Rejected: red}

func (t *diffText) verdict() {
	d := t.d
	words := map[Verdict]string{Pass: "pass", Stale: "stale: overlay or lock on disk are not what the intents say; run kubeteus compile and commit what it writes",
		Rejected: "rejected: " + plural(d.Head.Summary.Errors, "error")}[d.Verdict]
	t.heading("Project", fmt.Sprintf("%s, target %s", Escape(d.Project), Escape(d.Target)))
	t.hang("Verdict: ", 9, verdictStyle[d.Verdict], words)
	if d.Base == (Revision{}) {
		return
	}
	base := Escape(d.Base.Name)
	if d.Base.Commit != d.Base.Name {
		base += " (" + Escape(d.Base.Commit[:min(10, len(d.Base.Commit))])
		if d.Base.Why != "" {
			base += ", " + flat(d.Base.Why)
		}
		base += ")"
	}
	t.hang("Against: ", 9, "", base)
	switch {
	case d.New:
		t.hang("", 9, dim, "there is nothing to compare with: no intents there, so all of them are new")
	case d.Unknown():
		t.hang("", 9, dim, "who gains and who loses access is known once this is mended")
	case d.Empty():
		t.hang("", 9, dim, "nothing differs: intents, policies and who reaches whom are the same")
	}
}

// questions are findings that only a person can answer.
// sentences are a list of those.
func (t *diffText) sentences(heading string, list []string) {
	if len(list) == 0 {
		return
	}
	t.heading(heading, fmt.Sprint(len(list)))
	for _, s := range list {
		t.hang("  - ", 4, "", flat(s))
	}
}

func (t *diffText) questions() {
	q := t.d.Questions()
	if len(q) == 0 {
		return
	}
	t.heading("Questions", fmt.Sprint(len(q)))
	t.line("")
	for _, f := range q {
		t.finding(f)
	}
}

// readings are the same words with another meaning.
func (t *diffText) readings() {
	first := true
	for _, c := range t.d.Intents {
		if c.Kind != Relocked && c.Kind != Reread || c.Before == nil || c.After == nil {
			continue
		}
		if first {
			t.heading("Same words, another reading", "")
			first = false
		}
		why := "what it refers to changed"
		if c.Kind == Relocked {
			why = "the lock was changed, and nothing else"
		}
		t.intent(string(c.Kind), yellow, c, c.After)
		t.hang("", 12, yellow, why)
		t.field("was", c.Before.ReadsAs, 12)
		t.field("reads as", c.After.ReadsAs, 12)
	}
}

// intent writes the first lines of one that differs.
func (t *diffText) intent(word, style string, c IntentChange, side *IntentSide) {
	t.line("")
	t.line("%s%s  %s", t.paint(style, pad("  "+Escape(word), 12)), t.paint(bold, Escape(t.cast.intent(c.Set+"/"+c.Name))), t.paint(dim, t.place(diag.Position{File: side.File, Line: side.Line})))
	t.hang("", 12, "", `"`+flat(side.Statement)+`"`)
}

func (t *diffText) reachability() {
	r := t.d.Reachability
	if t.d.Base == (Revision{}) {
		r = inForce(t.d.Head)
	}
	if r == nil {
		return
	}
	t.heading("Who reaches whom", fmt.Sprintf("between %s and outside", plural(r.Workloads, "workload")))
	changes := 0
	for _, k := range []struct {
		title, mark, style string
		pairs              int
		flows              []FlowChange
		both               bool
	}{
		{"wider, passes now and did not", "+", green, r.Pairs.Gained, r.Gained, true},
		{"closed, passed and does not any more", "-", red, r.Pairs.Lost, r.Lost, true},
		{"arrived with what is new", "+", green, r.Pairs.Arrived, r.Arrived, false},
		{"departed with what is gone", "-", red, r.Pairs.Departed, r.Departed, false},
	} {
		if len(k.flows) == 0 {
			continue
		}
		changes += len(k.flows)
		t.line("")
		t.line("  %s: %s", t.paint(bold, k.title), plural(k.pairs, "pair"))
		for _, f := range k.flows {
			t.flow(f, k.mark, k.style, k.both)
		}
	}
	if changes == 0 {
		t.line("  nobody gains or loses access")
	}
}

func (t *diffText) flow(f FlowChange, mark, style string, both bool) {
	most := 12
	if t.Verbose {
		most = 0
	}
	who := t.cast.words(f.From, most, both, Escape) + " -> " + t.cast.words(f.To, most, both, Escape) + "  " + flat(f.Ports)
	t.hang("    "+t.paint(style, mark)+" ", 6, style, who)
	why := flat(f.Why)
	if len(f.Policies) > 0 {
		var files []string
		for _, p := range f.Policies {
			files = append(files, Escape(p))
		}
		why += " [" + enumerated(files, 3) + "]"
	}
	if strings.TrimSpace(why) != "" {
		t.hang("", 8, dim, why)
	}
}

func (t *diffText) cuts() {
	if len(t.d.Cut) == 0 {
		return
	}
	t.heading("Declared connections that are cut", fmt.Sprint(len(t.d.Cut)))
	for _, c := range t.d.Cut {
		var by []string
		for _, i := range c.Intents {
			by = append(by, Escape(t.cast.intent(i)))
		}
		listed := ""
		if c.Listed {
			listed = ", listed under cuts"
		}
		t.hang("    "+t.paint(red, "-")+" ", 6, red, Escape(t.cast.short(c.From))+" -> "+Escape(t.cast.short(c.To))+"  "+flat(c.Ports))
		t.hang("", 8, dim, fmt.Sprintf("%s at %s, cut by %s%s", flat(c.Quote), t.place(c.Pos), enumerated(by, 3), listed))
	}
}

// intents are those that differ by more than their reading.
func (t *diffText) intents() {
	s := t.d.Summary
	if s.IntentsAdded+s.IntentsChanged+s.IntentsRemoved == 0 {
		return
	}
	t.heading("Intents", counts(s.IntentsAdded, "added", s.IntentsChanged, "changed", s.IntentsRemoved, "removed"))
	styles := map[IntentKind]string{Reworded: yellow, Resettled: yellow, IntentGone: red, IntentArrive: green}
	for _, c := range t.d.Intents {
		side := c.After
		if side == nil {
			side = c.Before
		}
		style, known := styles[c.Kind]
		if !known || side == nil {
			continue
		}
		t.intent(string(c.Kind), style, c, side)
		t.field("reads as", side.ReadsAs, 12)
		t.field("implies", side.Implied, 12)
		if c.Kind == Reworded && c.Before != nil {
			t.hang(pad("", 12)+"was:", 22, dim, `"`+flat(c.Before.Statement)+`"`)
			if c.SameReading {
				t.hang("", 22, dim, "which reads the same")
			} else {
				t.field("read as", c.Before.ReadsAs, 12)
			}
		}
		t.field("settings", c.Settings, 12)
	}
}

// policies are their paths, and their diffs if all is asked for.
func (t *diffText) policies() {
	if len(t.d.Policies) == 0 {
		return
	}
	t.heading("Policies", t.d.policyCounts())
	width := 9
	if t.d.Summary.PoliciesComments > 0 {
		width = len(commentsOnly)
	}
	for _, p := range t.d.weighed() {
		var by []string
		for _, i := range p.Intents {
			by = append(by, Escape(t.cast.intent(i)))
		}
		t.line("  %s  %s  %s", t.paint(changeStyle[p.Change], pad(Escape(p.words()), width)), Escape(p.Path), t.paint(dim, enumerated(by, 3)))
		if !t.Verbose {
			continue
		}
		for l := range strings.Lines(p.Diff) {
			style := map[byte]string{'+': green, '-': red, '@': cyan}[l[0]]
			t.line("      | %s", t.paint(style, escapeTabs(strings.TrimRight(l, "\r\n"))))
		}
	}
}

func (t *diffText) notes() {
	var notes []string
	if t.cast.home != "" {
		notes = append(notes, "names without a namespace are in "+t.cast.home)
	}
	notes = append(notes, t.d.Notes...)
	if t.d.Reachability != nil {
		notes = append(notes, t.d.Reachability.Notes...)
	}
	if len(notes) == 0 {
		return
	}
	t.line("")
	for _, n := range slices.Compact(notes) {
		t.hang("  ", 2, dim, flat(n))
	}
}
