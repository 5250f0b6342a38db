package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/compiler/names"
)

// Exit codes, the same for every command.
const (
	exitDone     = 0 // done
	exitFailed   = 1 // could not run
	exitMisused  = 2 // the command line is wrong
	exitRejected = 3 // the input is rejected, or the overlay is out of date
)

// exit is an error with an exit code. A nil err prints nothing more.
type exit struct {
	code int
	err  error
	hint string
}

func (e exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func misused(hint, format string, args ...any) error {
	return exit{exitMisused, fmt.Errorf(format, args...), hint}
}

func interrupted(command string) error { return errors.New("interrupted" + unwritten(command)) }

// run is the program without its process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "kubeteus: internal error: %v\n%s", p, debug.Stack())
			code = exitFailed
		}
	}()
	app := newApp(stdout, stderr)
	err := app.RunContext(ctx, append([]string{"kubeteus"}, flagsFirst(app, args)...))
	if err == nil {
		return exitDone
	}
	var e exit
	switch {
	case errors.As(err, &e):
	case ctx.Err() != nil:
		e = exit{code: exitFailed, err: interrupted(slices.Concat(args, []string{""})[0])}
	default:
		e = exit{code: exitFailed, err: err}
	}
	if e.err != nil {
		fmt.Fprintf(stderr, "kubeteus: %v\n", e.err)
	}
	if e.hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", e.hint)
	}
	return e.code
}

func newApp(stdout, stderr io.Writer) *cli.App {
	usage := func(c *cli.Context, err error, _ bool) error {
		return misused("kubeteus "+strings.TrimSpace(c.Command.Name+" --help")+" lists the flags", "%v", err)
	}
	app := &cli.App{
		Name: "kubeteus", Usage: "compile statements about who may talk to whom into proven network policies",
		Writer: stdout, ErrWriter: stderr,
		HideHelpCommand: true, HideVersion: true, DisableSliceFlagSeparator: true,
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usage,
		Commands:       []*cli.Command{compileCommand(), checkCommand(), diffCommand(), reviewCommand(), explainCommand(), initCommand(), lockCommand(), schemaCommand(), versionCommand()},
		Action:         unknownCommand,
	}
	for _, c := range app.Commands {
		c.HideHelpCommand = true
		c.OnUsageError = usage
	}
	return app
}

func unknownCommand(c *cli.Context) error {
	if c.NArg() == 0 {
		return cli.ShowAppHelp(c)
	}
	var known []string
	for _, command := range c.App.Commands {
		known = append(known, command.Name)
	}
	hint := "commands are " + strings.Join(known, ", ")
	nearest := 3
	for _, n := range known {
		if d := names.Distance(c.Args().First(), n, nearest); d < nearest {
			nearest, hint = d, "did you mean kubeteus "+n+"?"
		}
	}
	return misused(hint, "unknown command %q", c.Args().First())
}

// flagsFirst moves a command's flags ahead of its arguments, since the flag
// parser stops at the first argument and people write flags behind it.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	command := app.Command(args[0])
	if command == nil {
		return args
	}
	var flags, rest []string
	for i := 1; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		if takesValue(command, a) && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	return slices.Concat(args[:1], flags, rest)
}

func takesValue(command *cli.Command, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range command.Flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

// isTerminal says whether w is a terminal that a person watches.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	// The null device is a character device, too, and nobody is behind it.
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// colours says whether output to w may be coloured (no-color.org).
func colours(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
