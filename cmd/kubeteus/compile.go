package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/report"
)

func compileFlags() []cli.Flag {
	return append(projectFlags(),
		&cli.StringSliceFlag{Name: "guardrails", Usage: "hold the result against the Rego rules in `DIR` (repeatable; default guardrails)"},
		&cli.StringFlag{Name: "base", Usage: "take guardrails and the model from this `REV` of the repository instead of the working tree"},
		&cli.StringFlag{Name: "format", Value: "text", Usage: "report as text, json, sarif, html, or github for annotations"},
	)
}

func compileCommand() *cli.Command {
	return &cli.Command{
		Name: "compile", Usage: "read the statements, prove their policies, write the overlay", ArgsUsage: "[INTENTS]",
		Flags: slices.Concat(compileFlags(), modelFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "locked", Usage: "forbid reading: an intent that is not in the lock is an error"},
			&cli.StringFlag{Name: "dump", Usage: "prompt: show what a model would be sent, and send nothing"},
		}),
		Action: func(c *cli.Context) error { return compile(c, c.Bool("locked"), true) },
	}
}

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "compile from the lock, write nothing, exit 3 when the overlay on disk is not what the intents say", ArgsUsage: "[INTENTS]",
		Flags:  append(compileFlags(), renderedFlags()...),
		Action: func(c *cli.Context) error { return compile(c, true, false) },
	}
}

// refuseFlags refuses what compile and check cannot do, before any work.
func refuseFlags(c *cli.Context) error {
	if f, known := formatNamed(c.String("format")); f == nil {
		return misused("formats are "+known, "unknown format %q", c.String("format"))
	}
	if c.NArg() > 1 {
		return misused("give one intents folder", "unexpected argument %q", c.Args().Get(1))
	}
	switch dump := c.String("dump"); {
	case dump != "" && dump != "prompt":
		return misused("--dump prompt shows what a model would be sent", "nothing called %q can be dumped", dump)
	case dump != "" && c.Bool("locked"):
		return misused("leave --locked out", "--locked asks no model, so that there is no prompt to dump")
	}
	return refuseModelFlags(c)
}

func compile(c *cli.Context, locked, write bool) error {
	if err := refuseFlags(c); err != nil {
		return err
	}
	p, err := openProject(c, c.Args().First())
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.bind(c); err != nil {
		return err
	}
	synced, err := p.rendered(c)
	if err != nil {
		return err
	}
	p.opts.Locked = locked
	var a *asker
	if !locked {
		if a, err = ask(c, p); err != nil {
			return err
		}
		defer a.Close()
		p.opts.Model = a.options()
	}
	if c.String("dump") != "" {
		return dumpPrompts(c, p, a)
	}
	if write {
		p.write()
	}
	if p.opts.Base == nil && strings.HasPrefix(os.Getenv("GITHUB_EVENT_NAME"), "pull_request") {
		fmt.Fprintln(c.App.ErrWriter, "kubeteus: without --base the guardrails are those of the pull request itself")
	}
	progress, done := watch(c.App.ErrWriter)
	p.opts.Progress = progress
	ctx, cancel := a.limit(c)
	defer cancel()
	result, err := compiler.Compile(ctx, p.opts)
	if err == nil && synced != nil && !result.Stale() {
		err = result.Rendered(ctx, *synced)
	}
	done()
	if ended := a.ended(c, err); ended != nil {
		return ended
	}
	var stale diag.List
	if !write {
		stale = result.Outdated()
	}
	if printErr := show(c, p, result, stale); printErr != nil {
		return printErr
	}
	a.tell(c)
	switch {
	case err != nil:
		return err
	case result.Unasked():
		return exit{code: exitFailed, err: errors.New("the model could not be asked about every statement; nothing was written"), hint: a.resume()}
	case !result.Clean:
		return exit{code: exitRejected, err: rejected(c, result), hint: perhaps(a, locked, result)}
	case !write && result.Stale():
		return outdated(c, p, result)
	}
	return nil
}

// maxStrays is how many flows are told; the diffs tell the rest.
const maxStrays = 10

// outdated says what lies on disk that is not what the intents say: as diffs, and
// as flows.
func outdated(c *cli.Context, p *project, r *compiler.Result) error {
	if c.String("format") == "text" {
		differences(c.App.Writer, r)
	}
	strays, err := r.Strays(p.opts)
	if err != nil {
		return err
	}
	for i, s := range strays {
		if i == maxStrays {
			fmt.Fprintf(c.App.ErrWriter, "and %d more\n", len(strays)-i)
			break
		}
		fmt.Fprintln(c.App.ErrWriter, report.Escape(s))
	}
	return exit{code: exitRejected, err: errors.New("the overlay is not what the intents say"), hint: "run kubeteus compile and commit what it writes"}
}

// perhaps points to models where the embedded reader alone has read, and did not
// understand.
func perhaps(a *asker, locked bool, r *compiler.Result) string {
	words := slices.ContainsFunc(r.Diags, func(d diag.Diagnostic) bool {
		return d.Severity == diag.Error && (d.ID == diag.ReadWords || d.ID == diag.ReadName)
	})
	if a != nil || locked || !words {
		return ""
	}
	return "say it in other words, or let a model read what the embedded reader does not: --model NAME"
}

func rejected(c *cli.Context, r *compiler.Result) error {
	return errors.New(countable(r.Errors(), "error", "errors") + unwritten(c.Command.Name))
}

// unwritten ends the words of a run that stopped: a command that never writes has
// no need to say that it did not.
func unwritten(command string) string {
	if slices.Contains([]string{"check", "diff", "review", "explain", "lock", "schema", "version"}, command) {
		return ""
	}
	return "; nothing was written"
}

// show prints diagnostics on stderr and the report on stdout. That the overlay is
// stale is a finding for programs; people are told at the end.
func show(c *cli.Context, p *project, result *compiler.Result, stale diag.List) error {
	if err := diagnostics(c, p, result); err != nil {
		return err
	}
	f, _ := formatNamed(c.String("format"))
	if f.name != "text" {
		result.Diags = append(result.Diags, stale...)
	}
	return f.write(c.App.Writer, p, result)
}

func diagnostics(c *cli.Context, p *project, result *compiler.Result) error {
	return report.Diagnostics(c.App.ErrWriter, result.Diags, report.Options{Color: colours(c.App.ErrWriter), File: p.display, Line: p.line})
}

// differences prints what compile would change on disk, as unified diffs.
func differences(w io.Writer, r *compiler.Result) {
	fmt.Fprintln(w)
	for _, change := range r.Changes {
		printDiff(w, change.Diff)
	}
	printDiff(w, r.LockChange)
}

// printDiff escapes a diff line by line: files on disk may hold anything.
func printDiff(w io.Writer, diff string) {
	for line := range strings.Lines(diff) {
		fmt.Fprintln(w, report.Escape(strings.TrimRight(line, "\r\n")))
	}
}

// watch tells a person at a terminal which pass is running.
func watch(w io.Writer) (progress func(string), done func()) {
	if !isTerminal(w) {
		return nil, func() {}
	}
	return func(pass string) { fmt.Fprintf(w, "\r\x1b[K%s ...", pass) }, func() { fmt.Fprint(w, "\r\x1b[K") }
}
