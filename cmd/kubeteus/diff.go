package main

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/report"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "say what the working tree changes against a revision, in intents, policies and who reaches whom", ArgsUsage: "[REV [INTENTS]]",
		Flags: slices.Concat(projectFlags(), modelFlags(), []cli.Flag{
			&cli.StringSliceFlag{Name: "guardrails", Usage: "hold the result against the Rego rules in `DIR` (repeatable; default guardrails)"},
			&cli.BoolFlag{Name: "locked", Usage: "forbid reading: an intent that is not in the lock is an error"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text, json, markdown or html"},
			&cli.BoolFlag{Name: "exit-code", Usage: "exit 3 if anything differs"},
		}),
		Action: diff,
	}
}

// diffFormats write a difference.
var diffFormats = []struct {
	name  string
	write func(io.Writer, *report.Difference, report.Options) error
}{
	{"text", report.DiffText},
	{"json", func(w io.Writer, d *report.Difference, _ report.Options) error { return report.DiffJSON(w, d) }},
	{"markdown", func(w io.Writer, d *report.Difference, o report.Options) error {
		return report.Markdown(w, d, report.MarkdownOptions{File: o.File})
	}},
	{"html", report.HTML},
}

func diff(c *cli.Context) error {
	var write func(io.Writer, *report.Difference, report.Options) error
	var known []string
	for _, f := range diffFormats {
		known = append(known, f.name)
		if f.name == c.String("format") {
			write = f.write
		}
	}
	if write == nil {
		return misused("formats are "+strings.Join(known, ", "), "unknown format %q", c.String("format"))
	}
	rev, folder, err := diffArguments(c.Args().Slice())
	if err != nil {
		return err
	}
	if err := refuseModelFlags(c); err != nil {
		return err
	}
	p, err := openProject(c, folder)
	if err != nil {
		return err
	}
	defer p.Close()
	base, err := p.compareWith(rev)
	if err != nil {
		return err
	}
	d, r, err := compareProject(c, p, base)
	if d == nil {
		return err
	}
	if printErr := diagnostics(c, p, r); printErr != nil {
		return printErr
	}
	if printErr := write(c.App.Writer, d, report.Options{Color: colours(c.App.Writer), File: p.display, Line: p.line}); printErr != nil {
		return printErr
	}
	switch {
	case err != nil:
		return err
	case d.Verdict == report.Rejected:
		return exit{code: exitRejected, err: rejected(c, r)}
	case c.Bool("exit-code") && !d.Empty():
		return exit{code: exitRejected}
	}
	return nil
}

// diffArguments tells a revision from the intents folder. One argument alone is
// a folder if it is written as one.
func diffArguments(args []string) (rev, folder string, err error) {
	switch {
	case len(args) > 2:
		return "", "", misused("kubeteus diff REV INTENTS", "unexpected argument %q", args[2])
	case len(args) == 2:
		return args[0], args[1], nil
	case len(args) == 0:
		return "", "", nil
	}
	if info, err := os.Stat(args[0]); err == nil && info.IsDir() && (strings.HasPrefix(args[0], ".") || strings.ContainsRune(args[0], os.PathSeparator)) {
		return "", args[0], nil
	}
	return args[0], "", nil
}

// compareProject compiles the working tree, writes nothing, and compares. There is
// a difference, and an error beside it, where the model could not be asked.
func compareProject(c *cli.Context, p *project, base *comparison) (*report.Difference, *compiler.Result, error) {
	locked := c.Bool("locked")
	p.opts.Locked = locked
	var a *asker
	if !locked {
		var err error
		if a, err = ask(c, p); err != nil {
			return nil, nil, err
		}
		defer a.Close()
		p.opts.Model = a.options()
	}
	progress, done := watch(c.App.ErrWriter)
	p.opts.Progress = progress
	ctx, cancel := a.limit(c)
	defer cancel()
	d, r, err := compiler.Difference(ctx, p.opts, base.opts)
	done()
	if ended := a.ended(c, err); ended != nil {
		return nil, nil, ended
	}
	if err != nil {
		return nil, nil, err
	}
	base.settle(p, d)
	a.tell(c)
	if r.Unasked() {
		return d, r, exit{code: exitFailed, err: errors.New("the model could not be asked about every statement"), hint: a.resume()}
	}
	return d, r, nil
}
