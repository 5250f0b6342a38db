package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/report"
)

func lockCommand() *cli.Command {
	return &cli.Command{
		Name: "lock", Usage: "say what the lock records, why an entry is stale, and why one is trusted; asks no model, writes nothing", ArgsUsage: "[INTENTS]",
		Flags: append(projectFlags(), &cli.StringFlag{Name: "why", Usage: "say all about one `INTENT`: its name, or set/name"}),
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return misused("kubeteus lock --why INTENT", "unexpected argument %q", c.Args().Get(1))
			}
			return lockStates(c)
		},
	}
}

func lockStates(c *cli.Context) error {
	p, err := openProject(c, c.Args().First())
	if err != nil {
		return err
	}
	defer p.Close()
	states, result, err := compiler.Lock(c.Context, p.opts)
	if err != nil {
		return err
	}
	if err := diagnostics(c, p, result); err != nil {
		return err
	}
	if result.Errors() > 0 {
		return exit{code: exitRejected}
	}
	if !c.IsSet("why") {
		return lockTable(c.App.Writer, states)
	}
	state, err := pickState(states, c.String("why"))
	if err != nil {
		return err
	}
	w := why{c.App.Writer, p.display(result.LockPath)}
	w.intent(state, p.display(state.Pos.File))
	return nil
}

// pickState finds an intent by its name, or by set/name.
func pickState(states []compiler.LockState, name string) (compiler.LockState, error) {
	var found, near []string
	var state compiler.LockState
	const slips = 4
	for _, s := range states {
		full := s.Set + "/" + s.Intent
		if name == full || name == s.Intent {
			state = s
			found = append(found, full)
		}
		if name != "" && (strings.Contains(full, name) || names.Distance(name, s.Intent, slips) < slips || names.Distance(name, full, slips) < slips) {
			near = append(near, full)
		}
	}
	const shown = 3
	switch {
	case len(found) == 1:
		return state, nil
	case len(found) > 1:
		return state, misused("say which: "+report.Escape(strings.Join(found, " or ")), "several intent sets have an intent %q", name)
	case len(near) > 0:
		return state, misused("did you mean "+report.Escape(strings.Join(near[:min(len(near), shown)], " or "))+"?", "there is no intent %q, and nothing of that name in the lock", name)
	}
	return state, misused("kubeteus lock lists them", "there is no intent %q, and nothing of that name in the lock", name)
}

// provenance says who read an entry.
func provenance(e *lock.Entry) string {
	if e == nil {
		return "-"
	}
	words := strings.Join(slices.DeleteFunc([]string{e.Reader, e.Version, e.Model}, func(s string) bool { return s == "" }), " ")
	return report.Escape(cmp.Or(words, "not recorded"))
}

// lockTable lists every intent on a line of its own.
func lockTable(w io.Writer, states []compiler.LockState) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATE\tINTENT\tREAD BY\tSAMPLES\tEMBEDDED READER")
	counts := map[lock.State]int{}
	for _, s := range states {
		counts[s.State]++
		samples := "-"
		if s.Entry != nil {
			samples = cmp.Or(s.Entry.Samples, samples)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.State, report.Escape(s.Set+"/"+s.Intent), provenance(s.Entry), report.Escape(samples), cmp.Or(s.Vote, "-"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var sum []string
	for _, state := range []lock.State{lock.Fresh, lock.Stale, lock.Missing, lock.Orphan} {
		if n := counts[state]; n > 0 {
			sum = append(sum, fmt.Sprintf("%d %s", n, state))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", cmp.Or(strings.Join(sum, ", "), "no intents, and an empty lock"))
	return err
}

// why prints all about one intent. lock is the lock's file.
type why struct {
	io.Writer
	lock string
}

// field prints a name and its values, one below the other.
func (w why) field(name string, values ...string) {
	for _, v := range values {
		if v != "" {
			fmt.Fprintf(w, "  %-10s  %s\n", name, report.Escape(v))
			name = ""
		}
	}
}

func (w why) intent(s compiler.LockState, file string) {
	fmt.Fprintf(w, "%s\n", report.Escape(s.Set+"/"+s.Intent))
	if s.State != lock.Orphan {
		w.field("at", diag.Position{File: file, Line: s.Pos.Line, Column: s.Pos.Column}.String())
		w.field("statement", `"`+strings.Join(strings.Fields(s.Statement), " ")+`"`)
	}
	w.field("state", string(s.State))
	w.field("because", s.Reasons...)
	if e := s.Entry; e != nil {
		w.field("records", s.Records...)
		w.field("notes", e.Notes...)
		w.field("read by", provenance(e))
		w.field("prompt", e.Prompt)
		w.field("agreed", samplesInWords(e.Samples))
	}
	trusted, mend := w.trust(s)
	w.field("trusted", trusted...)
	w.field("to mend it", mend)
}

func samplesInWords(samples string) string {
	agreed, of, ok := strings.Cut(samples, "/")
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s of %s independent answers", agreed, of)
}

// trust says whether compile takes what is recorded, what speaks for it, and what
// to type where that is too little.
func (w why) trust(s compiler.LockState) (trusted []string, mend string) {
	anew := fmt.Sprintf("remove the entry of %q from %s and run kubeteus compile", s.Intent, w.lock)
	switch s.State {
	case lock.Orphan:
		return []string{"no: nothing asks for it"}, "kubeteus compile, which drops the entry"
	case lock.Stale, lock.Missing:
		mend = "kubeteus compile, which has it read anew"
		if len(s.Reads) > 0 {
			return append([]string{"no: it has to be read; the embedded reader would read it as:"}, s.Reads...), mend
		}
		return []string{"no: it has to be read, and the embedded reader does not understand all of it: " + firstError(s.Findings)}, "say it in other words, or name a model, and run kubeteus compile"
	}
	switch s.Vote {
	case compiler.Disagrees:
		return append(append([]string{"no, compile rejects it: the embedded reader reads the statement as:"}, s.Reads...), "first the lock, second the statement: "+s.Flow), anew
	case compiler.Agrees:
		return []string{"yes: the embedded reader reads the statement the same way"}, ""
	}
	return w.unvoted(s, anew)
}

// unvoted is about an entry that the embedded reader has nothing to say of.
func (w why) unvoted(s compiler.LockState, anew string) (trusted []string, mend string) {
	silent := "the embedded reader does not understand all of the statement: " + firstError(s.Findings)
	if len(s.Unfounded) > 0 {
		return append([]string{"no, compile rejects it: the statement's words do not bear it out:"}, s.Unfounded...), "say it in other words; or " + anew
	}
	_, of, _ := strings.Cut(s.Entry.Samples, "/")
	switch {
	case s.Entry.Reader == "english" || s.Entry.Reader == "":
		return []string{"yes, as it is recorded, though nothing that runs now confirms it", silent}, anew
	case of != "" && of != "1":
		return []string{"yes, on the word of the model: " + samplesInWords(s.Entry.Samples) + " agreed", silent}, ""
	}
	return []string{"yes, on one answer of the model, that nobody else confirmed", silent},
		"read what it records beside the statement; or " + anew + " --samples 3"
}

func firstError(l diag.List) string {
	for _, d := range l {
		if d.Severity == diag.Error {
			return d.Message
		}
	}
	return ""
}
