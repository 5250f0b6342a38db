package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/forge"
	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/gitfs"
	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// This file is kubeteus review: what a pull request's run says, everywhere it says
// it. First come the files, the annotations, the step's summary, its outputs and
// the comment, and then it fails, so that whoever looks at a red check finds why.

func reviewCommand() *cli.Command {
	return &cli.Command{
		Name: "review", Usage: "check a pull request, and say on it what changes; reads what GitHub Actions sets", ArgsUsage: "[INTENTS]",
		Flags: slices.Concat(projectFlags(), modelFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "locked", Usage: "forbid reading: an intent that is not in the lock is an error"},
			&cli.StringFlag{Name: "base", Usage: "compare with this `REV`, and take guardrails and the model from it (default: what the event says, else the merge base with the default branch)"},
			&cli.StringFlag{Name: "trusted", Usage: "take guardrails, clusters and the model's settings from this `REV` instead (the tip of the base branch, where --base is older)"},
			&cli.StringFlag{Name: "reports", Usage: "write report.json, report.md, report.html, kubeteus.sarif, and kubeteus.patch where the overlay is stale, into `DIR`"},
			&cli.StringFlag{Name: "fail-on", Value: "error", Usage: "error, warning or widening: exit 3 on that and on what comes before it; or never"},
			&cli.StringFlag{Name: "comment", Value: "auto", Usage: "auto: where there is a pull request and a token that may; always: fail otherwise; never"},
			&cli.BoolFlag{Name: "annotations", Usage: "print GitHub annotations on stdout"},
			&cli.StringFlag{Name: "report", Usage: "post the comment of this report.json (`FILE`) of another run, which is trusted with nothing, and do nothing else"},
			&cli.StringFlag{Name: "repository", EnvVars: []string{"GITHUB_REPOSITORY"}, Usage: "`OWNER/NAME` of the pull request"},
			&cli.IntFlag{Name: "pull", Usage: "`NUMBER` of the pull request (default: the event's)"},
			&cli.StringFlag{Name: "api-url", EnvVars: []string{"GITHUB_API_URL"}, Usage: "`URL` of the forge's API (default https://api.github.com)"},
			&cli.StringFlag{Name: "token-file", Usage: "read the token from `FILE` (default: GITHUB_TOKEN of the environment)"},
			&cli.StringFlag{Name: "author", Usage: "`LOGIN` that the token's comments are written under, where it cannot say so itself (default github-actions[bot])"},
		}),
		Action: review,
	}
}

// failures are the values of --fail-on, each including those before it.
var failures = []string{"never", "error", "warning", "widening"}

func refuseReviewFlags(c *cli.Context) error {
	if c.NArg() > 1 {
		return misused("give one intents folder", "unexpected argument %q", c.Args().Get(1))
	}
	if f := c.String("fail-on"); !slices.Contains(failures, f) {
		return misused("values are "+strings.Join(failures, ", "), "unknown --fail-on %q", f)
	}
	if f := c.String("comment"); !slices.Contains([]string{"auto", "always", "never"}, f) {
		return misused("values are auto, always, never", "unknown --comment %q", f)
	}
	if c.Int("pull") < 0 {
		return misused("pull requests count from 1", "--pull is negative")
	}
	return refuseModelFlags(c)
}

func review(c *cli.Context) error {
	if err := refuseReviewFlags(c); err != nil {
		return err
	}
	event, err := readEvent()
	if err != nil {
		return err
	}
	if c.String("report") != "" {
		return reviewReport(c, event)
	}
	p, err := openProject(c, c.Args().First())
	if err != nil {
		return first(err, outputs("verdict", "failed"))
	}
	defer p.Close()
	d, r, err := reviewed(c, p, event)
	if d == nil {
		return first(err, outputs("verdict", "failed"))
	}
	if published := publish(c, p, d, r, err != nil); published != nil {
		return published
	}
	fmt.Fprintln(c.App.Writer, inShort(d, err))
	commented := comment(c, event, d, false)
	if err != nil {
		return err
	}
	return first(verdict(c, d, r), commented)
}

// first is the first of what went wrong.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// reviewed compares the working tree with the base. On a pull request, what the
// base says is not the pull request's to choose.
func reviewed(c *cli.Context, p *project, event forge.Event) (*report.Difference, *compiler.Result, error) {
	rev := c.String("base")
	bound := rev != "" || slices.Contains([]string{"pull_request", "pull_request_target", "merge_group"}, event.Name)
	if bound && p.linked() {
		return nil, nil, misused("name the folder that it leads to", "the project is reached through a symbolic link, which a pull request can lead elsewhere")
	}
	if rev == "" {
		rev = event.Base
	}
	base, err := p.compareWith(rev)
	if err != nil {
		return nil, nil, err
	}
	if base.revision.Name == base.revision.Commit && event.BaseBranch != "" {
		base.revision.Name = event.BaseBranch
	}
	if bound {
		p.opts.Base = base.opts.Project // nil where the base does not have the project
		if err := p.trust(c.String("trusted")); err != nil {
			return nil, nil, err
		}
	}
	d, r, err := compareProject(c, p, base)
	if d == nil {
		return nil, nil, err
	}
	if bound && p.opts.Base == nil {
		d.Also = append(d.Also, "the base does not have this project: guardrails and settings are the pull request's own")
	}
	return d, r, errors.Join(err, diagnostics(c, p, r))
}

// trust takes what a pull request does not choose from a revision other than the
// one that it is compared with: a branch that left its base long ago is compared
// with where it did, and held against what the base is now. One that has no such
// project any more leaves it at the other.
func (p *project) trust(rev string) error {
	if rev == "" {
		return nil
	}
	if _, err := gitfs.Commit(p.dir, rev); err != nil {
		return gitMisuse(err, "--trusted")
	}
	tree, err := gitfs.Open(p.dir, rev)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return gitMisuse(err, "--trusted")
	}
	p.opts.Base = tree
	return nil
}

// linked says whether the project's folder is reached through a symbolic link of
// its repository.
func (p *project) linked() bool {
	top, real := repositoryRoot(p.dir), resolved(p.dir)
	inside, _ := within(top, p.dir)
	there, ok := within(resolved(top), real)
	return top != "" && (!ok || inside != there)
}

// publish writes everything but the comment.
func publish(c *cli.Context, p *project, d *report.Difference, r *compiler.Result, failed bool) error {
	if c.Bool("annotations") {
		if err := report.Annotations(c.App.Writer, slices.Concat(r.Diags, r.Outdated()), report.Options{File: p.inRepository(), Line: p.line}); err != nil {
			return err
		}
	}
	said := string(d.Verdict)
	if failed {
		said = "failed"
	}
	out := []string{"verdict", said, "changed", strconv.FormatBool(!d.Empty())}
	if dir := c.String("reports"); dir != "" {
		files, err := reportFiles(p, d, r)
		if err == nil {
			err = writeFiles(dir, files)
		}
		if err != nil {
			return err
		}
		out = append(out, "reports", dir)
		if files[patchName] != nil {
			out = append(out, "patch", dir+"/"+patchName)
		}
	}
	var summary bytes.Buffer
	if err := report.Markdown(&summary, d, report.MarkdownOptions{Limit: maxSummary, File: p.inRepository()}); err != nil {
		return err
	}
	return first(appendTo("GITHUB_STEP_SUMMARY", summary.Bytes()), outputs(out...))
}

// inShort is the review in one line. It begins with the verdict, so that a runner
// never takes it for a command, whatever the base is called.
func inShort(d *report.Difference, err error) string {
	base := report.Escape(cmp.Or(d.Base.Name, d.Base.Commit))
	switch {
	case err != nil:
		return "failed: " + report.Escape(err.Error())
	case d.Verdict == report.Rejected:
		return "rejected: " + countable(d.Head.Summary.Errors, "error", "errors")
	}
	s := d.Summary
	var parts []string
	add := func(n int, one, many string) {
		if n > 0 {
			parts = append(parts, countable(n, one, many))
		}
	}
	add(len(d.Intents), "intent differs", "intents differ")
	add(s.PoliciesAdded+s.PoliciesChanged+s.PoliciesRemoved, "policy differs", "policies differ")
	if d.Reachability != nil {
		add(d.Reachability.Pairs.Gained, "pair is gained", "pairs are gained")
		add(d.Reachability.Pairs.Lost, "pair is lost", "pairs are lost")
	}
	against := "nothing differs from " + base
	switch {
	case len(parts) > 0:
		against = "against " + base + " " + strings.Join(parts, ", ")
	case !d.Empty():
		against = "what differs from " + base + " is no intent, policy or pair"
	}
	if d.Verdict == report.Stale {
		return "stale: the overlay is not what the intents say; " + against
	}
	return string(d.Verdict) + ": " + against
}

// countable is a number of things, or of one.
func countable(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// verdict is how the review ends.
func verdict(c *cli.Context, d *report.Difference, r *compiler.Result) error {
	level := slices.Index(failures, c.String("fail-on"))
	widened := d.Reachability != nil && (len(d.Reachability.Gained) > 0 || slices.ContainsFunc(d.Reachability.Arrived, func(f report.FlowChange) bool { return len(f.Intents) > 0 }))
	switch {
	case level == 0:
		return nil
	case d.Verdict == report.Rejected:
		return exit{code: exitRejected, err: rejected(c, r)}
	case d.Verdict == report.Stale:
		return exit{code: exitRejected, err: errors.New("the overlay is not what the intents say"), hint: "run kubeteus compile and commit what it writes"}
	case level >= 2 && d.Head.Summary.Warnings > 0:
		return exit{code: exitRejected, err: fmt.Errorf("%s, and --fail-on %s", countable(d.Head.Summary.Warnings, "warning", "warnings"), c.String("fail-on"))}
	case level >= 3 && widened:
		return exit{code: exitRejected, err: fmt.Errorf("%s gained, and --fail-on widening", countable(d.Reachability.Pairs.Gained, "pair is", "pairs are"))}
	}
	return nil
}

// readEvent reads what GitHub Actions says the run is for; elsewhere it is empty.
func readEvent() (forge.Event, error) {
	name, file := os.Getenv("GITHUB_EVENT_NAME"), os.Getenv("GITHUB_EVENT_PATH")
	if name == "" || file == "" {
		return forge.Event{}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return forge.Event{}, exit{code: exitFailed, err: fmt.Errorf("GITHUB_EVENT_PATH: %w", err),
			hint: "a workflow's runner writes that file; elsewhere unset GITHUB_EVENT_NAME and GITHUB_EVENT_PATH"}
	}
	defer f.Close()
	event, err := forge.ReadEvent(f, name)
	return event, forged(err)
}

// forged gives a failure of the forge its exit code.
func forged(err error) error {
	var e *forge.Error
	if !errors.As(err, &e) {
		return err
	}
	code := exitFailed
	if e.Misused() {
		code = exitMisused
	}
	return exit{code: code, err: e, hint: e.Hint}
}

// reviewReport posts the comment of a report that another run wrote.
func reviewReport(c *cli.Context, event forge.Event) error {
	f, err := os.Open(c.String("report"))
	if errors.Is(err, os.ErrNotExist) {
		return misused("", "--report %s does not exist", c.String("report"))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	d, err := report.ReadDifference(f)
	if err != nil {
		return exit{code: exitRejected, err: fmt.Errorf("--report %s: %w", c.String("report"), err)}
	}
	return comment(c, event, d, true)
}

// comment posts or updates the comment. With --comment auto, a run that has no pull
// request, or whose token may not comment, says so and goes on.
func comment(c *cli.Context, event forge.Event, d *report.Difference, untrusted bool) error {
	mode := c.String("comment")
	if mode == "never" {
		return nil
	}
	said, err := posted(c, event, d, untrusted)
	var e *forge.Error
	switch {
	case errors.As(err, &e) && mode == "auto" && slices.Contains(optional, e.Class):
		fmt.Fprintf(c.App.ErrWriter, "kubeteus: no comment: %s\n", report.Escape(e.Message))
		return nil
	case err != nil:
		return forged(err)
	}
	fmt.Fprintf(c.App.ErrWriter, "kubeteus: comment %s\n", report.Escape(said))
	return nil
}

// optional are the reasons for which --comment auto does without a comment.
var optional = []forge.Class{forge.NoToken, forge.NotPull, forge.Closed, forge.Locked, forge.ReadOnly, forge.Permission}

func posted(c *cli.Context, event forge.Event, d *report.Difference, untrusted bool) (string, error) {
	if c.Int("pull") == 0 && event.Name == "" { // then no token would help
		return "", &forge.Error{Class: forge.NotPull, Message: "no pull request is named", Hint: "give --repository OWNER/NAME and --pull NUMBER"}
	}
	token, err := forgeToken(c)
	if err != nil {
		return "", err
	}
	client, err := forge.New(forge.Options{API: c.String("api-url"), Token: token, Author: c.String("author")})
	if err != nil {
		return "", err
	}
	pull, err := pullOf(c.Context, c, client, event)
	if err != nil {
		return "", err
	}
	var body bytes.Buffer
	o := report.MarkdownOptions{Limit: maxComment, Link: runURL(), Untrusted: untrusted}
	if err := report.Markdown(&body, d, o); err != nil {
		return "", err
	}
	id, _ := strconv.ParseInt(os.Getenv("GITHUB_RUN_ID"), 10, 64)
	attempt, _ := strconv.Atoi(os.Getenv("GITHUB_RUN_ATTEMPT"))
	// The folder and not the name, which the pull request can change.
	project := cmp.Or(d.Folder, ".")
	if untrusted {
		// Which project it is about is the stranger's word. It has a comment of its
		// own, and never takes the place of one that was made from reviewed code.
		project = "claimed:" + project
	}
	outcome, err := client.Upsert(c.Context, pull, forge.Comment{Project: project, Target: d.Target, Body: body.String(),
		Line: report.Quiet(d, untrusted), Quiet: d.Empty() && d.Verdict == report.Pass, Run: forge.Run{ID: id, Attempt: attempt}})
	return strings.TrimSpace(outcome.Action + " " + outcome.URL), err
}

// pullOf is the pull request that flags name, or that the event is about.
func pullOf(ctx context.Context, c *cli.Context, client *forge.Client, event forge.Event) (forge.Pull, error) {
	if n := c.Int("pull"); n > 0 {
		owner, repo, _ := strings.Cut(c.String("repository"), "/")
		return forge.Pull{Owner: owner, Repo: repo, Number: n}, nil
	}
	return client.PullOf(ctx, event)
}

// forgeToken reads the token, from a file if one is named.
func forgeToken(c *cli.Context) (string, error) {
	name := c.String("token-file")
	if name == "" {
		return os.Getenv("GITHUB_TOKEN"), nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	const most = 64 << 10
	if !info.Mode().IsRegular() || info.Size() > most {
		return "", misused("give a file that holds the token and nothing else", "--token-file %s holds no token", name)
	}
	data, err := os.ReadFile(name)
	return strings.TrimSpace(string(data)), err
}

// runURL is the page of the workflow's run, which has the whole report.
func runURL() string {
	server, repository, run := os.Getenv("GITHUB_SERVER_URL"), os.Getenv("GITHUB_REPOSITORY"), os.Getenv("GITHUB_RUN_ID")
	if server == "" || repository == "" || run == "" {
		return ""
	}
	return server + "/" + repository + "/actions/runs/" + run
}
