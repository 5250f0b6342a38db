// Package forge says one thing on a pull request: it writes one comment, and
// from then on edits that comment in place. It is the only part of kubeteus that
// speaks to a forge, and the only importer of google/go-github. GitHub, GitHub
// Enterprise Server (its API is https://HOST/api/v3) and Gitea (https://HOST/api/v1)
// are understood. It renders nothing: the body of a comment comes from report.
//
// # Which comment is ours
//
// A comment is ours if it begins with the marker of the project and the target,
// and was written by our author. Anybody who may comment can write a marker, so
// that one in somebody else's comment means nothing. The author is, in this order:
// Options.Author; the login that GET /user gives; and where GitHub answers 403
// there, as it does for every installation token, "github-actions[bot]", whose
// token a workflow has. The token of another App names its author with
// Options.Author ("my-app[bot]"); without it the answer to the first comment says
// who wrote it, and the older ones are found then, at the price of a comment that
// comes and goes.
//
// What is trusted with that: other programs that comment as the same author. One
// that repeats a stranger's text from the first byte of its comments would let the
// stranger write a marker.
//
// # How runs that race end with one comment
//
// No forge knows a conditional write, so that two runs which find no comment both
// create one. Whoever wrote lists the comments again, keeps the oldest of ours,
// gives it the newest body, and deletes the younger ones, and again until a look
// finds nothing to do. The oldest is never deleted, because only who sees an older
// one deletes. Which body is newer is known where Comment.Run says so, and the
// body of a newer run is left alone; else the last to write wins. What is not
// covered: a forge whose list lags behind its writes may keep two, and the next
// run mends that; and an older run whose edit is on its way for longer than the
// newer one looks back has the last word. A workflow's concurrency group prevents
// both.
//
// # What is repeated
//
// Limits on rates are waited for, as far as a cap allows; failures of the network
// and of the forge are repeated with growing pauses. A comment that may have been
// created is looked for before it is created again.
//
// The token goes to the API's own host alone, encrypted unless that is this
// machine, and into no message. Answers are capped in size and in pages.
package forge

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-github/v75/github"
)

const (
	defaultAPI     = "https://api.github.com/"
	actionsAuthor  = "github-actions[bot]"
	requestTimeout = 30 * time.Second
	agent          = "kubeteus"
)

// Options say which forge, and as whom. Only Token must be given.
type Options struct {
	API      string                                     // root of the REST API; "" is https://api.github.com
	Token    string                                     // sent to API's host only
	Author   string                                     // login whose comments are ours; "" finds out
	HTTP     http.RoundTripper                          // nil is http.DefaultTransport
	Sleep    func(context.Context, time.Duration) error // nil waits
	Timeout  time.Duration                              // of one request; 0 is 30 s
	Insecure bool                                       // allows http to another machine
}

// Client comments on the pull requests of one forge. It may be used by several
// goroutines.
type Client struct {
	api     *github.Client
	host    string
	token   string
	author  string
	sleep   func(context.Context, time.Duration) error
	timeout time.Duration
}

// Pull is a pull request.
type Pull struct {
	Owner, Repo string
	Number      int
}

func (p Pull) String() string { return fmt.Sprintf("%s/%s#%d", p.Owner, p.Repo, p.Number) }

// New returns a client, or an *Error about the options. It sends nothing.
func New(o Options) (*Client, error) {
	base, err := apiURL(o.API, o.Insecure)
	if err != nil {
		return nil, err
	}
	if o.Token == "" {
		return nil, &Error{Class: NoToken, Message: "there is no token to comment with",
			Hint: "set GITHUB_TOKEN; in a workflow: env: GITHUB_TOKEN: ${{ github.token }}, with permissions: pull-requests: write"}
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) || len(o.Token) > 4096 {
		return nil, &Error{Class: Misuse, Message: "the token holds characters that no token has",
			Hint: "look for a line end or a space in the secret"}
	}
	if o.Author != "" && !loginForm.MatchString(o.Author) {
		return nil, &Error{Class: Misuse, Message: fmt.Sprintf("%q is no login", o.Author), Hint: "give a login such as github-actions[bot]"}
	}
	rt := o.HTTP
	if rt == nil {
		rt = http.DefaultTransport
	}
	api := github.NewClient(&http.Client{
		Transport:     &guard{next: rt, base: base},
		CheckRedirect: sameHost(base),
	}).WithAuthToken(o.Token)
	api.BaseURL, api.UploadURL = base, base
	api.UserAgent = agent
	// Limits are waited for in call, on the clock of the forge.
	api.DisableRateLimitCheck = true
	c := &Client{api: api, host: base.Host, token: o.Token, author: o.Author, sleep: o.Sleep, timeout: o.Timeout}
	if c.sleep == nil {
		c.sleep = sleep
	}
	if c.timeout <= 0 {
		c.timeout = requestTimeout
	}
	return c, nil
}

// What GitHub and Gitea allow in names. Neither is ever "." or "..", which would
// be another path of the API.
var (
	loginForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(\[bot\])?$`)
	ownerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)
	repoForm  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
)

func (p Pull) check() error {
	if !ownerForm.MatchString(p.Owner) || !repoForm.MatchString(p.Repo) || strings.Trim(p.Repo, ".") == "" {
		return &Error{Class: Misuse, Message: fmt.Sprintf("%q is no repository", p.Owner+"/"+p.Repo), Hint: "give it as owner/name"}
	}
	if p.Number < 1 || p.Number > maxNumber {
		return &Error{Class: Misuse, Message: fmt.Sprintf("%d is no number of a pull request", p.Number)}
	}
	return nil
}

// apiURL is the root of the API, with a slash at its end.
func apiURL(text string, insecure bool) (*url.URL, error) {
	if text == "" {
		text = defaultAPI
	}
	const hint = "give the root of the API: https://api.github.com, https://HOST/api/v3 or https://HOST/api/v1"
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, &Error{Class: Misuse, Message: "the API's address is no URL of a server", Hint: hint}
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, &Error{Class: Misuse, Message: "the API's address holds a user, a query or a fragment", Hint: hint}
	}
	if u.Scheme == "http" && !insecure && !loopback(u.Hostname()) {
		return nil, &Error{Class: Misuse, Message: fmt.Sprintf("the token would go to %s unencrypted", clean(u.Host)), Hint: "give the API's address with https://"}
	}
	if !strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("/")
	}
	return u, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// sleep waits, or returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// hostport is a host with its port, so that two ways to write one are equal.
func hostport(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
