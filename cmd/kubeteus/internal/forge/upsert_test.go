package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/forge/scripted"
)

const (
	botToken  = "ghs_bot0123456789"
	readToken = "ghs_read123456789"
	annToken  = "ghp_ann0123456789"
)

var (
	here = Pull{"acme", "shop", 7}
	bot  = actionsAuthor
)

func sha(b byte) string { return strings.Repeat(string(b), 40) }

// start runs a forge with one open pull request of its own, one from a fork, one
// that is closed and one that is locked.
func start(t *testing.T, change func(*scripted.Server)) (*scripted.Server, *httptest.Server) {
	t.Helper()
	pull := func(n int, state, head string) scripted.Pull {
		return scripted.Pull{Number: n, State: state, Author: "ann", HeadRepo: head, HeadRef: "topic", HeadSHA: sha('a'), BaseRepo: "acme/shop", BaseRef: "main"}
	}
	s := &scripted.Server{Repo: "acme/shop", Prefix: "/api/v3",
		Tokens: map[string]scripted.Token{
			botToken:  {Login: bot, Installation: true},
			readToken: {Login: bot, Installation: true, ReadOnly: true},
			annToken:  {Login: "ann"},
		},
		Pulls: []scripted.Pull{pull(7, "open", "acme/shop"), pull(8, "open", "eve/shop"), pull(9, "closed", "acme/shop"), pull(10, "open", "acme/shop")},
	}
	s.Pulls[2].Merged, s.Pulls[3].Locked = true, true
	if change != nil {
		change(s)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h
}

// naps records what a client would have waited.
type naps struct {
	mu   sync.Mutex
	took []time.Duration
}

func (n *naps) sleep(ctx context.Context, d time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.took = append(n.took, d)
	return ctx.Err()
}

func client(t *testing.T, h *httptest.Server, o Options) *Client {
	t.Helper()
	o.API = h.URL + "/api/v3"
	if o.Token == "" {
		o.Token = botToken
	}
	if o.Sleep == nil {
		o.Sleep = (&naps{}).sleep
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func about(body string) Comment {
	return Comment{Project: "shop", Target: "kubernetes", Body: body, Line: "This pull request changes nothing any more."}
}

func upsert(t *testing.T, c *Client, comment Comment, action string) Outcome {
	t.Helper()
	out, err := c.Upsert(t.Context(), here, comment)
	if err != nil {
		t.Fatal(err)
	}
	if out.Action != action {
		t.Fatalf("action %q, want %q", out.Action, action)
	}
	return out
}

// only demands that a forge holds one comment by us, and returns its body without
// the marker.
func only(t *testing.T, s *scripted.Server) string {
	t.Helper()
	var own []scripted.Comment
	for _, c := range s.Comments() {
		if strings.HasPrefix(c.Body, "<!-- kubeteus:comment project=shop target=kubernetes ") && c.Author == bot {
			own = append(own, c)
		}
	}
	if len(own) != 1 {
		t.Fatalf("there are %d comments of ours: %v", len(own), own)
	}
	_, body, _ := strings.Cut(own[0].Body, "\n")
	return body
}

func TestUpsert(t *testing.T) {
	s, h := start(t, nil)
	c := client(t, h, Options{})
	quiet := about("")
	quiet.Quiet = true

	if out := upsert(t, c, quiet, None); out.URL != "" || len(s.Comments()) != 0 {
		t.Errorf("with nothing to say: %+v, %v", out, s.Comments())
	}
	out := upsert(t, c, about("first"), Created)
	if out.URL != "https://github.example/acme/shop/pull/7#issuecomment-1" {
		t.Errorf("URL %q", out.URL)
	}
	if got := only(t, s); got != "first" {
		t.Errorf("body %q", got)
	}
	upsert(t, c, about("first"), Unchanged)
	upsert(t, c, about("first\r\n"), Unchanged)
	if n := s.Comments()[0].Edits; n != 0 {
		t.Errorf("an unchanged comment was edited %d times", n)
	}
	upsert(t, c, about("second"), Updated)
	if got := only(t, s); got != "second" {
		t.Errorf("body %q", got)
	}
	upsert(t, c, quiet, Replaced)
	if got := only(t, s); got != quiet.Line {
		t.Errorf("body %q", got)
	}
	upsert(t, c, quiet, Unchanged)
	upsert(t, c, about("third"), Updated)
	if n := s.Count("POST "); n != 1 {
		t.Errorf("%d comments were created", n)
	}
}

// Projects and targets keep their comments apart, and nothing closes the marker.
func TestProjects(t *testing.T) {
	s, h := start(t, nil)
	c := client(t, h, Options{})
	names := []string{"shop", "shop -->", "shop --", "shop-", "a b", "a%20b", "<!--", "é\x00\n", strings.Repeat("long", 500), strings.Repeat("long", 499)}
	for round, action := range []string{Created, Unchanged} {
		for _, project := range names {
			for _, target := range []string{"kubernetes", "cilium", ""} {
				comment := Comment{Project: project, Target: target, Body: "of " + fmt.Sprintf("%q %q", project, target)}
				upsert(t, c, comment, action)
			}
		}
		if n := len(s.Comments()); n != 3*len(names) {
			t.Fatalf("round %d: %d comments, want %d", round, n, 3*len(names))
		}
	}
	for _, c := range s.Comments() {
		first, _, _ := strings.Cut(c.Body, "\n")
		if strings.Count(first, "-->") != 1 || !strings.HasSuffix(first, " -->") || strings.Contains(strings.TrimSuffix(strings.TrimPrefix(first, "<!--"), "-->"), "--") {
			t.Errorf("the marker %s can be closed early", first)
		}
		if len(first) > Room {
			t.Errorf("the marker has %d bytes", len(first))
		}
	}
}

// A marker in somebody else's comment means nothing, and neither does one that is
// not at the beginning.
func TestStrangersMarker(t *testing.T) {
	s, h := start(t, nil)
	marker := markerOf(about("x"), "x").String()
	s.Add(7, "eve", marker+"\nx")
	s.Add(7, "eve", "<!-- kubeteus:comment project=shop target=kubernetes digest="+strings.Repeat("0", 32)+" run=999999999999.1 -->\nx")
	s.Add(7, bot, "see "+marker+"\nx")
	s.Add(7, bot+"x", marker+"\nx")
	s.Add(7, "GitHub-Actions", marker+"\nx")
	c := client(t, h, Options{})
	upsert(t, c, about("ours"), Created)
	upsert(t, c, about("ours again"), Updated)
	if got := only(t, s); got != "ours again" {
		t.Errorf("body %q", got)
	}
	if len(s.Comments()) != 6 || s.Comments()[0].Body != marker+"\nx" {
		t.Errorf("somebody else's comment was touched: %v", s.Comments())
	}
}

func TestAuthor(t *testing.T) {
	t.Run("GET /user", func(t *testing.T) {
		s, h := start(t, nil)
		s.Add(7, "Ann", markerOf(about("x"), "x").String()+"\nold")
		// Logins differ in no case.
		out, err := client(t, h, Options{Token: annToken}).Upsert(t.Context(), here, about("new"))
		if err == nil || s.Count("POST") != 0 || s.Count("PATCH") != 1 {
			t.Errorf("%+v, %v, %v: want an attempt to edit", out, err, s.Requests())
		}
	})
	t.Run("Author", func(t *testing.T) {
		s, h := start(t, func(s *scripted.Server) {
			s.Tokens["ghs_app"] = scripted.Token{Login: "my-app[bot]", Installation: true}
		})
		c := client(t, h, Options{Token: "ghs_app", Author: "my-app[bot]"})
		upsert(t, c, about("a"), Created)
		upsert(t, c, about("b"), Updated)
		if s.Count("GET /user") != 0 || len(s.Comments()) != 1 {
			t.Errorf("%v, %v", s.Requests(), s.Comments())
		}
	})
	t.Run("another App", func(t *testing.T) {
		s, h := start(t, func(s *scripted.Server) {
			s.Tokens["ghs_app"] = scripted.Token{Login: "my-app[bot]", Installation: true}
		})
		c := client(t, h, Options{Token: "ghs_app"})
		upsert(t, c, about("a"), Created)
		if out := upsert(t, c, about("b"), Updated); out.Removed != 1 {
			t.Errorf("%+v", out)
		}
		if out := upsert(t, c, about("b"), Unchanged); out.Removed != 1 {
			t.Errorf("%+v", out)
		}
		if len(s.Comments()) != 1 || s.Comments()[0].ID != 1 {
			t.Errorf("%v", s.Comments())
		}
	})
}

func TestPages(t *testing.T) {
	s, h := start(t, nil)
	for i := range 250 {
		s.Add(7, "ann", fmt.Sprint("comment ", i))
	}
	c := client(t, h, Options{})
	upsert(t, c, about("first"), Created)
	for i := range 60 {
		s.Add(7, "ann", fmt.Sprint("comment ", i))
	}
	upsert(t, c, about("second"), Updated)
	if got := only(t, s); got != "second" {
		t.Errorf("body %q", got)
	}
	before := s.Count("GET /repos/acme/shop/issues")
	upsert(t, c, about("second"), Unchanged)
	if n := s.Count("GET /repos/acme/shop/issues") - before; n != 4 {
		t.Errorf("311 comments were listed in %d pages", n)
	}
}

// A comment that is deleted between list and edit is created anew.
func TestDeletedMeanwhile(t *testing.T) {
	var s *scripted.Server
	s, h := start(t, func(s *scripted.Server) {
		s.Script = func(_ int, r *http.Request) *scripted.Answer {
			if r.Method == http.MethodPatch && s.Count("PATCH") == 1 {
				s.Remove(1)
			}
			return nil
		}
	})
	c := client(t, h, Options{})
	upsert(t, c, about("first"), Created)
	upsert(t, c, about("second"), Created)
	if got := only(t, s); got != "second" || s.Comments()[0].ID != 2 {
		t.Errorf("body %q, %v", got, s.Comments())
	}
}

// Left-overs of runs that broke off are deleted, the oldest stays.
func TestLeftovers(t *testing.T) {
	s, h := start(t, nil)
	for i := range 5 {
		s.Add(7, bot, markerOf(about("x"), "x").String()+fmt.Sprint("\nleft ", i))
	}
	if out := upsert(t, client(t, h, Options{}), about("new"), Updated); out.Removed != 4 {
		t.Errorf("%+v", out)
	}
	if got := only(t, s); got != "new" || s.Comments()[0].ID != 1 {
		t.Errorf("%v", s.Comments())
	}
}

// 30 runs that start at once end with one comment. Every request of every run
// takes another time, and every run has its own client.
func TestConcurrent(t *testing.T) {
	for _, known := range []bool{true, false} {
		for seed := range 4 {
			t.Run(fmt.Sprint("run known ", known, ", seed ", seed), func(t *testing.T) {
				const runs = 30
				var mu sync.Mutex
				state := uint32(seed*7919 + 1)
				s, h := start(t, func(s *scripted.Server) {
					s.Delay = func(*http.Request) time.Duration {
						mu.Lock()
						defer mu.Unlock()
						state = state*1664525 + 1013904223
						return time.Duration(state>>16%25) * time.Millisecond
					}
				})
				for i := range 150 {
					s.Add(7, "ann", fmt.Sprint("comment ", i))
				}
				var wg sync.WaitGroup
				outs, errs := make([]Outcome, runs), make([]error, runs)
				for i := range runs {
					short := func(ctx context.Context, d time.Duration) error { return sleep(ctx, min(d, 200*time.Millisecond)) }
					c := client(t, h, Options{Sleep: short})
					wg.Go(func() {
						comment := about(fmt.Sprint("run ", i))
						if known {
							comment.Run = Run{int64(1000 + i), 1}
						}
						outs[i], errs[i] = c.Upsert(t.Context(), here, comment)
					})
				}
				wg.Wait()
				for i, err := range errs {
					if err != nil {
						t.Errorf("run %d: %v", i, err)
					}
				}
				body := only(t, s)
				if known && body != "run 29" {
					t.Errorf("the newest run is 29, and the comment says %q", body)
				}
				if !strings.HasPrefix(body, "run ") {
					t.Errorf("body %q", body)
				}
				t.Logf("%d created, %d edits, %d deletions, %d requests", s.Count("POST"), s.Count("PATCH"), s.Count("DELETE"), len(s.Requests()))
			})
		}
	}
}

// An older run does not overwrite what a newer one said; a repeated one does.
func TestOlderRun(t *testing.T) {
	s, h := start(t, nil)
	c := client(t, h, Options{})
	say := func(run Run, body, action string) {
		t.Helper()
		comment := about(body)
		comment.Run = run
		upsert(t, c, comment, action)
	}
	say(Run{20, 1}, "a", Created)
	say(Run{19, 3}, "b", Superseded)
	say(Run{19, 3}, "a", Unchanged)
	say(Run{20, 2}, "c", Updated)
	say(Run{20, 1}, "d", Superseded)
	say(Run{}, "e", Updated)
	say(Run{1, 1}, "f", Updated)
	if got := only(t, s); got != "f" {
		t.Errorf("body %q", got)
	}
}

// What an older run had sent before the newer one wrote, and what arrives behind
// it, is put right by the newer one.
func TestLateEdit(t *testing.T) {
	sent, release := make(chan bool), make(chan bool)
	s, h := start(t, func(s *scripted.Server) {
		s.Script = func(_ int, r *http.Request) *scripted.Answer {
			if r.Method == http.MethodPatch && s.Count("PATCH") == 1 {
				close(sent)
				<-release
			}
			return nil
		}
	})
	s.Add(7, bot, markerOf(about("x"), "x").String()+"\nx")
	s.Add(7, bot, markerOf(about("x"), "x").String()+"\nx")
	older, newer := about("older"), about("newer")
	older.Run, newer.Run = Run{1, 1}, Run{2, 1}
	arrived := make(chan error)
	go func() {
		_, err := client(t, h, Options{}).Upsert(t.Context(), here, older)
		arrived <- err
	}()
	<-sent
	var once sync.Once
	late := func(context.Context, time.Duration) (err error) {
		once.Do(func() {
			close(release)
			err = <-arrived
		})
		return err
	}
	if upsert(t, client(t, h, Options{Sleep: late}), newer, Updated); only(t, s) != "newer" {
		t.Errorf("body %q", only(t, s))
	}
	if n := s.Count("PATCH"); n != 3 {
		t.Errorf("%d edits, want 3: the newer, the older, and the newer again", n)
	}
}

// A list that lags behind what was written makes no second comment.
func TestLaggingList(t *testing.T) {
	s, h := start(t, func(s *scripted.Server) {
		s.Script = func(_ int, r *http.Request) *scripted.Answer {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/comments") {
				return &scripted.Answer{Status: 200, Body: "[]"}
			}
			return nil
		}
	})
	upsert(t, client(t, h, Options{}), about("a"), Created)
	if n := s.Count("POST"); n != 1 {
		t.Errorf("%d comments were created", n)
	}
}

func TestTooLong(t *testing.T) {
	s, h := start(t, nil)
	c := client(t, h, Options{})
	long := Comment{Project: strings.Repeat("-", 2000), Target: strings.Repeat("é", 2000), Run: Run{999999999999999999, 999999}, Body: strings.Repeat("é", MaxText-Room)}
	if _, err := c.Upsert(t.Context(), here, long); err != nil {
		t.Errorf("a body of %d characters: %v", MaxText-Room, err)
	}
	asked := len(s.Requests())
	long.Body = strings.Repeat("é", MaxText)
	_, err := c.Upsert(t.Context(), here, long)
	wantError(t, err, Misuse, "characters, and 65536 are allowed")
	for _, bad := range []Comment{{Project: "p"}, {Project: "p", Body: " \r\n "}, {Body: "b"}, {Project: "p", Body: "\xff"}, {Project: "p", Body: "a\x00"}, {Project: "p", Body: "b", Run: Run{-1, 1}}, {Project: "p", Body: "b", Quiet: true}} {
		_, err := c.Upsert(t.Context(), here, bad)
		wantError(t, err, Misuse, "")
	}
	for _, p := range []Pull{{}, {"..", "shop", 7}, {"acme", "..", 7}, {"acme/x", "shop", 7}, {"acme", "shop?", 7}, {"acme", "shop", 0}, {"acme", "shop", -7}} {
		_, err := c.Upsert(t.Context(), p, about("b"))
		wantError(t, err, Misuse, "")
	}
	if n := len(s.Requests()); n != asked {
		t.Errorf("%d requests were sent", n-asked)
	}
}

// wantError demands an *Error of a class whose message holds a text and none of
// the tokens.
func wantError(t *testing.T, err error, class Class, holds string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want one of class %q", err, class)
	}
	if e.Class != class || !strings.Contains(e.Message, holds) {
		t.Errorf("class %q, message %q; want %q, %q", e.Class, e.Message, class, holds)
	}
	for _, secret := range []string{botToken, readToken, annToken} {
		if strings.Contains(e.Message+e.Hint+fmt.Sprintf("%+v", err), secret) {
			t.Errorf("the message holds the token: %q", e.Message)
		}
	}
	if strings.ContainsFunc(e.Message+e.Hint, func(r rune) bool { return r < ' ' }) {
		t.Errorf("the message holds control characters: %q", e.Message)
	}
	if slices.Contains([]Class{NoToken, Misuse, NotPull}, class) != e.Misused() {
		t.Errorf("%q is misuse: %v", class, e.Misused())
	}
	return e
}

// TestNarrowToken: a token that may comment on issues, and neither look at pull
// requests nor say whose it is, comments all the same.
func TestNarrowToken(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound} {
		s, h := start(t, func(s *scripted.Server) {
			s.Script = func(_ int, r *http.Request) *scripted.Answer {
				if r.Method == http.MethodGet && (strings.HasSuffix(r.URL.Path, "/pulls/7") || strings.HasSuffix(r.URL.Path, "/user")) {
					return &scripted.Answer{Status: status, Body: `{"message": "Resource not accessible"}`}
				}
				return nil
			}
		})
		c := client(t, h, Options{})
		upsert(t, c, about("one"), Created)
		upsert(t, c, about("two"), Updated)
		if body := only(t, s); !strings.Contains(body, "two") {
			t.Errorf("%d: %q", status, body)
		}
	}
}
