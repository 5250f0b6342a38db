package forge

// Upsert: one comment, whatever is there and whoever else is writing.

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v75/github"
)

// Comment is what to say about one project and target.
type Comment struct {
	Project, Target string
	Body            string
	// Line replaces the body of a comment that is there when Quiet. Quiet means
	// that there is nothing to say, so that no comment is created.
	Line  string
	Quiet bool
	// Run is the run that says it. The comment of a newer run is left alone.
	Run Run
}

// Run is a workflow's run: GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT. The zero Run is
// not known, and neither older nor newer than any.
type Run struct {
	ID      int64
	Attempt int
}

func (r Run) known() bool { return r.ID > 0 }

func (r Run) newer(than Run) bool {
	return r.known() && than.known() && (r.ID > than.ID || r.ID == than.ID && r.Attempt > than.Attempt)
}

// What an Upsert did.
const (
	Created    = "created"
	Updated    = "updated"
	Unchanged  = "unchanged"
	Replaced   = "replaced"   // by Line
	None       = "none"       // nothing to say, and no comment to replace
	Superseded = "superseded" // a newer run has said its own
)

// Outcome is what an Upsert did. URL is the comment's page, or "".
type Outcome struct {
	Action  string
	URL     string
	Removed int // younger comments of ours that were deleted
}

const (
	maxRounds = 12
	maxPosts  = 4
	// lookAgain is when a newer run looks a last time, if others were writing. What
	// an older one had sent by then has arrived.
	lookAgain = 2 * time.Second
)

// Upsert makes a pull request hold one comment of ours about the project and the
// target, with what c says. Its failures are *Error, or those of ctx.
func (c *Client) Upsert(ctx context.Context, p Pull, comment Comment) (Outcome, error) {
	if err := p.check(); err != nil {
		return Outcome{}, err
	}
	text, m, err := comment.text()
	if err != nil {
		return Outcome{}, err
	}
	j := &job{Client: c, left: patience, pull: p}
	w := &writer{job: j, text: text, marker: m, quiet: comment.Quiet, wrote: map[int64]bool{}, gone: map[int64]bool{}}
	if f := w.prepare(ctx); f != nil {
		return Outcome{}, j.err(ctx, f)
	}
	for range maxRounds {
		done, f := w.round(ctx)
		if f != nil {
			return w.out, j.err(ctx, f)
		}
		if done {
			return w.out, nil
		}
	}
	return w.out, &Error{Class: Unsettled, Message: fmt.Sprintf("commenting on %s: other runs keep changing the comment", p),
		Hint: "give the workflow a concurrency group, so that one run comments at a time"}
}

// err is the failure that a caller sees: that of ctx where it ended.
func (j *job) err(ctx context.Context, f *failure) error {
	if ctx.Err() != nil {
		return fmt.Errorf("commenting on %s: %w", j.pull, ctx.Err())
	}
	return f.Error
}

// writer is one Upsert under way.
type writer struct {
	*job
	text    string
	marker  marker
	quiet   bool
	author  string
	guessed bool // the author was not told by anybody

	posts   int
	created *stored        // by us, and nobody deleted it as far as we know
	wrote   map[int64]bool // by us, in this Upsert
	gone    map[int64]bool // deleted, whatever a list says
	raced   bool           // others were writing as well
	looked  bool           // again, after a pause
	out     Outcome
}

// stored is a comment of the pull request, as far as we look at it.
type stored struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	URL  string `json:"html_url"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
}

// prepare looks at the pull request, and finds out who we are.
func (w *writer) prepare(ctx context.Context) *failure {
	doing := fmt.Sprintf("looking at %s", w.pull)
	p, f := w.get(ctx, doing)
	switch {
	case f != nil && (f.Class == NotFound || f.Class == Permission):
		// The token may comment, and not look: the comments are there in that case.
		w.once = true
		_, unlisted := w.own(ctx)
		w.once = false
		if unlisted != nil {
			return f
		}
	case f != nil:
		return f
	default:
		if f := w.open(p); f != nil {
			return f
		}
	}
	if w.author = w.Client.author; w.author != "" {
		return nil
	}
	var login string
	f = w.call(ctx, "asking who the token belongs to", true, func(ctx context.Context) (*github.Response, error) {
		u, resp, err := w.api.Users.Get(ctx, "")
		login = u.GetLogin()
		return resp, err
	})
	switch {
	case f != nil && (f.status == http.StatusForbidden || f.status == http.StatusNotFound) && f.Class != RateLimited:
		w.author, w.guessed = actionsAuthor, true
		return nil
	case f != nil:
		return f
	case !loginForm.MatchString(login):
		return &failure{Error: w.badAnswer("asking who the token belongs to", "it names nobody")}
	}
	w.author = login
	return nil
}

// open refuses a pull request that is not, and notes where it comes from.
func (w *writer) open(p *pullRequest) *failure {
	w.foreign = p.foreign()
	if p.State == "open" {
		return nil
	}
	what := "closed"
	if p.Merged {
		what = "merged"
	}
	return &failure{Error: &Error{Class: Closed, Message: fmt.Sprintf("%s is %s: nobody waits for a comment", w.pull, what),
		Hint: "run the workflow on opened, synchronize and reopened, as on: pull_request does by default"}}
}

// round looks at the comments and does what is to be done. It says whether there
// was nothing left to do.
func (w *writer) round(ctx context.Context) (bool, *failure) {
	own, f := w.own(ctx)
	if f != nil {
		return false, f
	}
	if len(own) == 0 {
		if w.quiet {
			w.out.Action = None
			return true, nil
		}
		return false, w.post(ctx)
	}
	keep := own[0]
	w.out.URL = page(keep.URL)
	w.raced = w.raced || len(own) > 1
	switch {
	case w.mayWrite(keep):
		w.looked = false
		if f := w.edit(ctx, keep); f != nil || w.gone[keep.ID] {
			return false, f
		}
	case len(own) > 1:
	case w.raced && !w.looked && w.wrote[keep.ID] && w.marker.run.known():
		w.looked = true
		// Where ctx ends, the next request says so.
		_ = w.sleep(ctx, lookAgain)
		return false, nil
	default:
		w.settled(keep)
		return true, nil
	}
	for _, younger := range own[1:] {
		if f := w.remove(ctx, younger); f != nil {
			return false, f
		}
	}
	return false, nil
}

// mayWrite says whether a comment is to get our text. What we wrote once and
// another run changed since is its to say, unless it is known to be older.
func (w *writer) mayWrite(s *stored) bool {
	if same(s.Body, w.text) {
		return false
	}
	theirs := w.marker.runOf(s.Body)
	if w.wrote[s.ID] {
		return w.marker.run.newer(theirs)
	}
	return !theirs.newer(w.marker.run)
}

// settled names what was done, now that nothing is left to do.
func (w *writer) settled(keep *stored) {
	switch {
	case !same(keep.Body, w.text):
		w.out.Action = Superseded
	case w.created != nil && w.created.ID == keep.ID:
		w.out.Action = Created
	case w.wrote[keep.ID] && w.quiet:
		w.out.Action = Replaced
	case w.wrote[keep.ID]:
		w.out.Action = Updated
	default:
		w.out.Action = Unchanged
	}
}

// own lists our comments about the project and the target, the oldest first.
func (w *writer) own(ctx context.Context) ([]*stored, *failure) {
	doing := fmt.Sprintf("listing the comments of %s", w.pull)
	path := fmt.Sprintf("repos/%s/%s/issues/%d/comments", w.pull.Owner, w.pull.Repo, w.pull.Number)
	var own []*stored
	f := pages(ctx, w.job, doing, path, nil, func(s *stored) int64 { return s.ID }, func(s *stored) {
		if strings.EqualFold(s.User.Login, w.author) && strings.HasPrefix(s.Body, w.marker.prefix()) && !w.gone[s.ID] {
			own = append(own, s)
		}
	})
	if f != nil {
		return nil, f
	}
	slices.SortFunc(own, func(a, b *stored) int { return cmp.Compare(a.ID, b.ID) })
	// A list may lag behind what was just written. If ours is not there, it is
	// either the only one, or a younger one that is to go.
	if w.created != nil && !slices.ContainsFunc(own, func(s *stored) bool { return s.ID == w.created.ID }) &&
		(len(own) == 0 || own[0].ID < w.created.ID) {
		own = append(own, w.created)
	}
	return own, nil
}

// post creates a comment. Where it may have been created without our being told,
// the next round looks for it first.
func (w *writer) post(ctx context.Context) *failure {
	w.posts++
	var made *github.IssueComment
	f := w.call(ctx, fmt.Sprintf("commenting on %s", w.pull), false, func(ctx context.Context) (*github.Response, error) {
		var resp *github.Response
		var err error
		made, resp, err = w.api.Issues.CreateComment(ctx, w.pull.Owner, w.pull.Repo, w.pull.Number, &github.IssueComment{Body: &w.text})
		return resp, err
	})
	if f != nil && f.unsure && w.posts < maxPosts && ctx.Err() == nil {
		if err := w.sleep(ctx, backoff(w.posts)); err == nil {
			return nil
		}
	}
	if f != nil {
		return f
	}
	if made.GetID() <= 0 {
		return &failure{Error: w.badAnswer(fmt.Sprintf("commenting on %s", w.pull), "it names no comment")}
	}
	w.created = &stored{ID: made.GetID(), Body: w.text, URL: made.GetHTMLURL()}
	w.wrote[w.created.ID] = true
	if login := made.GetUser().GetLogin(); w.guessed && loginForm.MatchString(login) {
		w.author = login
	}
	return nil
}

// edit gives a comment our text. One that was deleted meanwhile is gone.
func (w *writer) edit(ctx context.Context, s *stored) *failure {
	f := w.call(ctx, fmt.Sprintf("editing the comment on %s", w.pull), true, func(ctx context.Context) (*github.Response, error) {
		_, resp, err := w.api.Issues.EditComment(ctx, w.pull.Owner, w.pull.Repo, s.ID, &github.IssueComment{Body: &w.text})
		return resp, err
	})
	if f != nil && f.Class == NotFound {
		w.forget(s)
		return nil
	}
	if f == nil {
		w.wrote[s.ID] = true
	}
	return f
}

func (w *writer) remove(ctx context.Context, s *stored) *failure {
	f := w.call(ctx, fmt.Sprintf("deleting a second comment on %s", w.pull), true, func(ctx context.Context) (*github.Response, error) {
		return w.api.Issues.DeleteComment(ctx, w.pull.Owner, w.pull.Repo, s.ID)
	})
	if f != nil && f.Class != NotFound {
		return f
	}
	if f == nil {
		w.out.Removed++
	}
	w.forget(s)
	return nil
}

func (w *writer) forget(s *stored) {
	w.gone[s.ID] = true
	if w.created != nil && w.created.ID == s.ID {
		w.created = nil
	}
}

// page is a comment's address if it is one that can be shown.
func page(address string) string {
	u, err := url.Parse(address)
	if err != nil || len(address) > 2048 || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.Host == "" {
		return ""
	}
	for _, b := range []byte(address) {
		if b <= ' ' || b > '~' || strings.IndexByte("<>\"'`()[]\\", b) >= 0 {
			return ""
		}
	}
	return address
}

const (
	maxPages  = 100
	perPage   = 100
	maxNumber = 1<<31 - 1
)

// pages hands every item of a list to each, once. GitHub names the next page in
// the Link header; Gitea does, or says in X-Total-Count how many there are, and
// gives all of some lists at once. Its page size is called limit.
func pages[T any](ctx context.Context, j *job, doing, path string, query url.Values, id func(*T) int64, each func(*T)) *failure {
	seen := map[int64]bool{}
	q := url.Values{"per_page": {strconv.Itoa(perPage)}, "limit": {strconv.Itoa(perPage)}}
	for name, values := range query {
		q[name] = values
	}
	for number := 1; ; {
		if number > maxPages {
			return &failure{Error: &Error{Class: BadAnswer, Message: fmt.Sprintf("%s: there are more than %d pages of them", doing, maxPages)}}
		}
		q.Set("page", strconv.Itoa(number))
		var items []*T
		var resp *github.Response
		f := j.call(ctx, doing, true, func(ctx context.Context) (*github.Response, error) {
			items = nil
			req, err := j.api.NewRequest(http.MethodGet, path+"?"+q.Encode(), nil)
			if err != nil {
				return nil, err
			}
			resp, err = j.api.Do(ctx, req, &items)
			return resp, err
		})
		if f != nil {
			return f
		}
		if items == nil {
			return &failure{Error: j.badAnswer(doing, "it is no list")}
		}
		fresh := 0
		for _, item := range items {
			if item == nil || id(item) <= 0 {
				return &failure{Error: j.badAnswer(doing, "an item has no number")}
			}
			if !seen[id(item)] {
				seen[id(item)] = true
				fresh++
				each(item)
			}
		}
		total, _ := strconv.Atoi(resp.Header.Get("X-Total-Count"))
		switch {
		case resp.NextPage > number:
			number = resp.NextPage
		case resp.NextPage == 0 && total > len(seen) && fresh > 0:
			number++
		default:
			return nil
		}
	}
}
