package forge

// Pull requests: the state of one, and which one a run was about.

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-github/v75/github"
)

const dependabot = "dependabot[bot]"

// pullRequest is a pull request, as far as we look at it, in an answer of the API
// and in an event.
type pullRequest struct {
	Number int64  `json:"number"`
	State  string `json:"state"`
	Merged bool   `json:"merged"`
	User   struct {
		Login string `json:"login"`
	} `json:"user"`
	Head branch `json:"head"`
	Base branch `json:"base"`
}

type branch struct {
	Ref  string `json:"ref"`
	SHA  string `json:"sha"`
	Repo *struct {
		FullName string `json:"full_name"`
	} `json:"repo"` // null where a fork was deleted
}

func (b branch) repo() string {
	if b.Repo == nil {
		return ""
	}
	return b.Repo.FullName
}

// fork says whether the head lies in another repository.
func (p *pullRequest) fork() bool { return !strings.EqualFold(p.Head.repo(), p.Base.repo()) }

// foreign says whether a workflow on pull_request gets a token that only reads.
func (p *pullRequest) foreign() bool { return p.fork() || p.User.Login == dependabot }

func (j *job) get(ctx context.Context, doing string) (*pullRequest, *failure) {
	var p *pullRequest
	f := j.call(ctx, doing, true, func(ctx context.Context) (*github.Response, error) {
		p = nil
		req, err := j.api.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/pulls/%d", j.pull.Owner, j.pull.Repo, j.pull.Number), nil)
		if err != nil {
			return nil, err
		}
		return j.api.Do(ctx, req, &p)
	})
	switch {
	case f != nil:
		return nil, f
	case p == nil || p.Number != int64(j.pull.Number) || (p.State != "open" && p.State != "closed"):
		return nil, &failure{Error: j.badAnswer(doing, "it is no pull request")}
	}
	return p, nil
}

// PullOf returns the pull request that an event is about. For workflow_run that is
// the open one whose head is the commit that the run was about, and never what the
// run left behind: an artifact of a fork could name any number.
func (c *Client) PullOf(ctx context.Context, e Event) (Pull, error) {
	switch {
	case e.Closed:
		return Pull{}, &Error{Class: Closed, Message: fmt.Sprintf("%s/%s#%d is closed: nobody waits for a comment", e.Repo.Owner, e.Repo.Name, e.Number)}
	case e.Number > 0:
		p := Pull{e.Repo.Owner, e.Repo.Name, e.Number}
		return p, p.check()
	case e.Name != "workflow_run":
		return Pull{}, &Error{Class: NotPull, Message: fmt.Sprintf("the event %s is about no pull request", e.Name),
			Hint: "comment on pull_request, or on workflow_run after it"}
	case !slices.Contains(pullEvents, e.Trigger):
		return Pull{}, &Error{Class: NotPull, Message: fmt.Sprintf("the run that ended was started by %s, and is about no pull request", clean(e.Trigger)),
			Hint: "let the job run if: github.event.workflow_run.event == 'pull_request'"}
	}
	if err := (Pull{e.Repo.Owner, e.Repo.Name, 1}).check(); err != nil {
		return Pull{}, err
	}
	return c.openPull(ctx, e)
}

func (c *Client) openPull(ctx context.Context, e Event) (Pull, error) {
	j := &job{Client: c, left: patience}
	head := e.HeadRepo.Owner + ":" + e.HeadBranch
	doing := fmt.Sprintf("looking for the pull request of %s", clean(head))
	var found []int
	f := pages(ctx, j, doing, fmt.Sprintf("repos/%s/%s/pulls", e.Repo.Owner, e.Repo.Name),
		url.Values{"state": {"open"}, "head": {head}},
		func(p *pullRequest) int64 { return p.Number },
		func(p *pullRequest) {
			// Gitea does not know the filter head, and GitHub leaves out a wrong one.
			if p.State == "open" && p.Number <= maxNumber && p.Head.SHA == e.Head && p.Head.Ref == e.HeadBranch &&
				strings.EqualFold(p.Head.repo(), e.HeadRepo.String()) && strings.EqualFold(p.Base.repo(), e.Repo.String()) {
				found = append(found, int(p.Number))
			}
		})
	switch {
	case ctx.Err() != nil:
		return Pull{}, fmt.Errorf("%s: %w", doing, ctx.Err())
	case f != nil:
		return Pull{}, f.Error
	case len(found) == 0:
		return Pull{}, &Error{Class: NotPull, Message: fmt.Sprintf("no open pull request has the head %s at %.12s", clean(head), e.Head),
			Hint: "it was closed, or has a newer commit, whose own run comments"}
	case len(found) > 1:
		slices.Sort(found)
		return Pull{}, &Error{Class: NotPull, Message: fmt.Sprintf("%d open pull requests have the head %s, #%d and #%d among them", len(found), clean(head), found[0], found[1]),
			Hint: "give the number of the one that is meant"}
	}
	return Pull{e.Repo.Owner, e.Repo.Name, found[0]}, nil
}
