package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/report"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "say whether FROM reaches TO, and what decides it", ArgsUsage: "FROM TO[:PORT[/PROTOCOL]] [INTENTS]",
		Flags: append(projectFlags(), &cli.BoolFlag{Name: "exit-code", Usage: "exit 3 when a flow is denied"}),
		Action: func(c *cli.Context) error {
			if c.NArg() < 2 || c.NArg() > 3 {
				return misused("kubeteus explain frontend redis-cart:6379", "explain takes a source and a destination")
			}
			return explain(c)
		},
	}
}

func explain(c *cli.Context) error {
	p, err := openProject(c, c.Args().Get(2))
	if err != nil {
		return err
	}
	defer p.Close()
	verdicts, result, err := compiler.Explain(c.Context, p.opts, c.Args().Get(0), c.Args().Get(1))
	if err != nil {
		return err
	}
	if err := diagnostics(c, p, result); err != nil {
		return err
	}
	if result.Errors() > 0 {
		return exit{code: exitRejected}
	}
	denied := false
	for i, v := range verdicts {
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		explainFlow(c.App.Writer, p, v)
		denied = denied || !v.Decision.Allowed
	}
	if denied && c.Bool("exit-code") {
		return exit{code: exitRejected}
	}
	return nil
}

func explainFlow(w io.Writer, p *project, v compiler.Verdict) {
	f, word := v.Flow, "denied"
	if v.Decision.Allowed {
		word = "allowed"
	}
	fmt.Fprintf(w, "%s -> %s on %s %d is %s\n", f.From, f.To, f.Protocol, f.Port, word)
	if f.From.IsPod() {
		explainEnd(w, p, "egress of "+f.From.String(), v.Decision.Egress)
	}
	if f.To.IsPod() {
		explainEnd(w, p, "ingress of "+f.To.String(), v.Decision.Ingress)
	}
	if !v.Decision.Allowed {
		fmt.Fprintf(w, "  to change it: write an intent such as %q, or change the intents named above\n", wish(f))
	}
}

func explainEnd(w io.Writer, p *project, what string, e reach.End) {
	if !e.Isolated {
		fmt.Fprintf(w, "  %s is open: no policy selects it in that direction\n", what)
		return
	}
	if e.Allowed {
		fmt.Fprintf(w, "  %s lets it pass:\n", what)
	} else {
		fmt.Fprintf(w, "  %s is closed, and no rule lets it pass:\n", what)
	}
	for _, r := range e.By {
		rule := "has no rule for this"
		if r.Rule >= 0 {
			rule = fmt.Sprintf("rule %d allows it", r.Rule+1)
		}
		explainReason(w, p, r, rule)
	}
	for _, r := range e.Near {
		rule := fmt.Sprintf("rule %d allows this peer, on other ports", r.Rule+1)
		if r.Match == reach.PortOnly {
			rule = fmt.Sprintf("rule %d allows this port, for other peers", r.Rule+1)
		}
		explainReason(w, p, r, rule)
	}
}

func explainReason(w io.Writer, p *project, r reach.Reason, rule string) {
	at := r.Pos
	at.File = p.display(at.File)
	line := fmt.Sprintf("%s: %s/%s %s", at, r.Object.Namespace(), r.Object.Name(), rule)
	if i := r.Object.NetworkPolicy.Annotations[policy.IntentAnnotation]; i != "" && r.Match == reach.Selects {
		line += " (intents " + i + ")"
	}
	fmt.Fprintf(w, "    %s\n", report.Escape(line))
}

// wish is a statement that would ask for f.
func wish(f ir.Flow) string {
	name := func(e ir.Endpoint) string {
		if e.Workload != nil {
			return e.Workload.Name
		}
		return strings.TrimPrefix(e.String(), "an ")
	}
	return fmt.Sprintf("Let %s reach %s on %s port %d.", name(f.From), name(f.To), f.Protocol, f.Port)
}
