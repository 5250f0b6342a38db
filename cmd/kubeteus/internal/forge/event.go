package forge

// Events: what GITHUB_EVENT_PATH says a workflow runs for.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxEvent is what GitHub says an event's payload may have.
const maxEvent = 25 << 20

// Repo is a repository of the forge.
type Repo struct{ Owner, Name string }

func (r Repo) String() string { return r.Owner + "/" + r.Name }

// Event is what a workflow runs for. What an event does not say is empty.
type Event struct {
	Name   string
	Repo   Repo // where the workflow runs, and its pull request is
	Number int  // of the pull request; 0 where the event names none
	// Base is the commit to compare with, and Head the one that is looked at. Base
	// is empty where there is none, as for the first push of a branch.
	Base, Head string
	BaseBranch string // of a pull request
	HeadRepo   Repo   // empty where it was deleted
	HeadBranch string
	Trigger    string // workflow_run: the event of the run that ended
	// Fork says that the head lies in another repository, and ReadOnly that the
	// workflow's own token can by default only read, which is so on pull_request
	// for forks and for what Dependabot started.
	Fork, Dependabot, ReadOnly, Closed bool
}

// Only these are about a pull request by themselves.
var pullEvents = []string{"pull_request", "pull_request_target"}

// payload is what is read of an event; everything else in it is left alone.
type payload struct {
	Number      int64        `json:"number"`
	PullRequest *pullRequest `json:"pull_request"`
	Repository  *struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Sender struct {
		Login string `json:"login"`
	} `json:"sender"`
	MergeGroup *struct {
		HeadSHA string `json:"head_sha"`
		BaseSHA string `json:"base_sha"`
	} `json:"merge_group"`
	Before      *string `json:"before"`
	After       *string `json:"after"`
	WorkflowRun *struct {
		Event          string `json:"event"`
		HeadSHA        string `json:"head_sha"`
		HeadBranch     string `json:"head_branch"`
		HeadRepository *struct {
			FullName string `json:"full_name"`
		} `json:"head_repository"`
	} `json:"workflow_run"`
}

var (
	shaForm  = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	noCommit = regexp.MustCompile(`^0+$`)
	known    = []string{"merge_group", "pull_request", "pull_request_target", "push", "schedule", "workflow_dispatch", "workflow_run"}
	// advised leaves pull_request_target out: it is read where somebody has it, and
	// runs with the repository's secrets on a stranger's files.
	advised = []string{"merge_group", "pull_request", "push", "schedule", "workflow_dispatch", "workflow_run"}
)

// ReadEvent reads the file that GITHUB_EVENT_PATH names, of the event that
// GITHUB_EVENT_NAME names. Its failures are *Error: BadEvent for a file that is no
// such event, and NotPull for an event that kubeteus does not know.
func ReadEvent(r io.Reader, name string) (Event, error) {
	if !slices.Contains(known, name) {
		return Event{}, &Error{Class: NotPull, Message: fmt.Sprintf("the event %q is none that is reviewed", clean(name)),
			Hint: "run on " + strings.Join(advised, ", ")}
	}
	data, err := io.ReadAll(io.LimitReader(r, maxEvent+1))
	if err != nil {
		return Event{}, fmt.Errorf("reading the event: %w", err)
	}
	e := Event{Name: name}
	var p payload
	switch {
	case len(data) > maxEvent:
		return e, e.bad("it is larger than %d MiB", maxEvent>>20)
	case !utf8.Valid(data):
		return e, e.bad("it is not UTF-8")
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return e, e.bad("%s", jsonError(err))
	}
	if p.Repository != nil {
		if e.Repo, err = e.repo("repository.full_name", p.Repository.FullName); err != nil {
			return e, err
		}
	} else if name != "schedule" && name != "workflow_dispatch" {
		return e, e.bad("it has no repository")
	}
	switch name {
	case "pull_request", "pull_request_target":
		err = e.pullRequest(&p)
	case "merge_group":
		if p.MergeGroup == nil {
			return e, e.bad("it has no merge_group")
		}
		e.Base, e.Head = p.MergeGroup.BaseSHA, p.MergeGroup.HeadSHA
		err = errors.Join(e.commit("merge_group.base_sha", e.Base), e.commit("merge_group.head_sha", e.Head))
	case "push":
		err = e.push(&p)
	case "workflow_run":
		err = e.workflowRun(&p)
	}
	if err != nil {
		return Event{}, first(err)
	}
	return e, nil
}

func (e *Event) pullRequest(p *payload) error {
	pull := p.PullRequest
	if pull == nil {
		return e.bad("it has no pull_request")
	}
	if pull.Number < 1 || pull.Number > maxNumber || (p.Number != 0 && p.Number != pull.Number) {
		return e.bad("pull_request.number is none of a pull request")
	}
	if pull.State != "open" && pull.State != "closed" {
		return e.bad("pull_request.state is neither open nor closed")
	}
	base, err := e.repo("pull_request.base.repo.full_name", pull.Base.repo())
	if err != nil {
		return err
	}
	if !strings.EqualFold(base.String(), e.Repo.String()) {
		return e.bad("the pull request's base lies in another repository")
	}
	if pull.Head.Repo != nil {
		if e.HeadRepo, err = e.repo("pull_request.head.repo.full_name", pull.Head.repo()); err != nil {
			return err
		}
	}
	e.Number, e.Base, e.Head = int(pull.Number), pull.Base.SHA, pull.Head.SHA
	e.BaseBranch, e.HeadBranch = pull.Base.Ref, pull.Head.Ref
	e.Fork, e.Dependabot, e.Closed = pull.fork(), pull.User.Login == dependabot, pull.State == "closed"
	e.ReadOnly = e.Name == "pull_request" && (e.Fork || p.Sender.Login == dependabot)
	return errors.Join(e.commit("pull_request.base.sha", e.Base), e.commit("pull_request.head.sha", e.Head),
		e.branch("pull_request.base.ref", e.BaseBranch), e.branch("pull_request.head.ref", e.HeadBranch))
}

func (e *Event) push(p *payload) error {
	if p.Before == nil || p.After == nil {
		return e.bad("it has no before and after")
	}
	e.Base, e.Head = *p.Before, *p.After
	err := errors.Join(e.commit("before", e.Base), e.commit("after", e.Head))
	// Zeros stand for a branch that was not there before, or is not any more.
	if noCommit.MatchString(e.Base) {
		e.Base = ""
	}
	if noCommit.MatchString(e.Head) {
		e.Head = ""
	}
	return err
}

func (e *Event) workflowRun(p *payload) error {
	run := p.WorkflowRun
	if run == nil {
		return e.bad("it has no workflow_run")
	}
	if run.HeadRepository == nil {
		return &Error{Class: NotPull, Message: "the repository that the run was about is gone", Hint: "there is no pull request to comment on any more"}
	}
	var err error
	if e.HeadRepo, err = e.repo("workflow_run.head_repository.full_name", run.HeadRepository.FullName); err != nil {
		return err
	}
	e.Head, e.HeadBranch, e.Trigger = run.HeadSHA, run.HeadBranch, run.Event
	e.Fork = !strings.EqualFold(e.HeadRepo.String(), e.Repo.String())
	if e.Trigger == "" {
		return e.bad("workflow_run.event is empty")
	}
	return errors.Join(e.commit("workflow_run.head_sha", e.Head), e.branch("workflow_run.head_branch", e.HeadBranch))
}

func (e *Event) repo(field, fullName string) (Repo, error) {
	owner, name, _ := strings.Cut(fullName, "/")
	if (Pull{owner, name, 1}).check() != nil {
		return Repo{}, e.bad("%s is no repository's name", field)
	}
	return Repo{owner, name}, nil
}

func (e *Event) commit(field, sha string) error {
	if !shaForm.MatchString(sha) {
		return e.bad("%s is no commit", field)
	}
	return nil
}

func (e *Event) branch(field, name string) error {
	if name == "" || len(name) > 1024 || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == ' ' || r == ':' }) {
		return e.bad("%s is no branch", field)
	}
	return nil
}

func (e *Event) bad(format string, args ...any) error {
	return &Error{Class: BadEvent, Message: fmt.Sprintf("the event file is no %s: ", e.Name) + fmt.Sprintf(format, args...),
		Hint: "GITHUB_EVENT_PATH and GITHUB_EVENT_NAME must be of the same event"}
}

// first is the first of joined errors, since one is enough to mend.
func first(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

// jsonError says where a file is wrong without quoting it.
func jsonError(err error) string {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return fmt.Sprintf("%s is of another type, at byte %d", clean(wrong.Field), wrong.Offset)
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is no JSON from byte %d on", syntax.Offset)
	}
	return "it is no JSON"
}
