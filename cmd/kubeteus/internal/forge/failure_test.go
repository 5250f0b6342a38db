package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/forge/scripted"
)

func TestRefusals(t *testing.T) {
	at := func(number int) Pull { return Pull{"acme", "shop", number} }
	for _, r := range []struct {
		name, token string
		pull        Pull
		class       Class
		message     string
		hint        string
	}{
		{"wrong token", "ghp_none12345", here, BadToken, `127.0.0.1`, "wrong, expired or revoked"},
		{"no permission", readToken, here, Permission, "it needs pull-requests: write", "permissions: pull-requests: write"},
		{"fork", readToken, at(8), ReadOnly, "from a fork or from Dependabot", "workflow_run"},
		{"closed", botToken, at(9), Closed, "acme/shop#9 is merged", "synchronize"},
		{"locked", botToken, at(10), Locked, "the conversation is locked", "unlock"},
		{"no such pull request", botToken, at(11), NotFound, "acme/shop#11", "the number"},
		{"no such repository", botToken, Pull{"acme", "none", 7}, NotFound, "the token cannot see it", "private repository"},
	} {
		t.Run(r.name, func(t *testing.T) {
			s, h := start(t, nil)
			n := &naps{}
			_, err := client(t, h, Options{Token: r.token, Sleep: n.sleep}).Upsert(t.Context(), r.pull, about("b"))
			e := wantError(t, err, r.class, r.message)
			if !strings.Contains(e.Hint, r.hint) {
				t.Errorf("hint %q", e.Hint)
			}
			if len(n.took) != 0 || len(s.Comments()) != 0 {
				t.Errorf("a refusal was repeated: %v, %v", n.took, s.Requests())
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for _, r := range []struct {
		o     Options
		class Class
	}{
		{Options{}, NoToken},
		{Options{Token: "a b"}, Misuse},
		{Options{Token: "abc\n"}, Misuse},
		{Options{Token: "abc", API: "http://ghe.example/api/v3"}, Misuse},
		{Options{Token: "abc", API: "http://localhost.example/api/v3"}, Misuse},
		{Options{Token: "abc", API: "ghe.example"}, Misuse},
		{Options{Token: "abc", API: "https://"}, Misuse},
		{Options{Token: "abc", API: "https://:443"}, Misuse},
		{Options{Token: "abc", API: "ftp://ghe.example"}, Misuse},
		{Options{Token: "abc", API: "https://user:secret@ghe.example"}, Misuse},
		{Options{Token: "abc", API: "https://ghe.example/api/v3?x=y"}, Misuse},
		{Options{Token: "abc", API: "https://ghe.example/\x00"}, Misuse},
		{Options{Token: "abc", Author: "a b"}, Misuse},
	} {
		_, err := New(r.o)
		if e := wantError(t, err, r.class, ""); strings.Contains(e.Message, "secret") {
			t.Errorf("the message holds a password: %q", e.Message)
		}
	}
	for api, want := range map[string]string{
		"":                              "https://api.github.com/",
		"https://ghe.example/api/v3":    "https://ghe.example/api/v3/",
		"https://ghe.example/api/v3/":   "https://ghe.example/api/v3/",
		"http://127.0.0.1:3000/api/v1":  "http://127.0.0.1:3000/api/v1/",
		"http://[::1]/api/v1":           "http://[::1]/api/v1/",
		"http://localhost:3000/api/v1/": "http://localhost:3000/api/v1/",
	} {
		c, err := New(Options{Token: "abc", API: api})
		if err != nil || c.api.BaseURL.String() != want {
			t.Errorf("%q: %v, %v", api, c, err)
		}
	}
	if _, err := New(Options{Token: "abc", API: "http://ghe.example/api/v3", Insecure: true}); err != nil {
		t.Error(err)
	}
}

// answers makes a forge answer the first requests with a method and a suffix by a.
func answers(s *scripted.Server, method, suffix string, times int, a scripted.Answer) {
	var n atomic.Int64
	s.Script = func(_ int, r *http.Request) *scripted.Answer {
		if r.Method == method && strings.HasSuffix(r.URL.Path, suffix) && n.Add(1) <= int64(times) {
			return &a
		}
		return nil
	}
}

// Whatever becomes of a request, it is repeated, and there is one comment. What
// may have been created is looked for.
func TestRepeated(t *testing.T) {
	const reset = 1800000000
	date := time.Unix(reset-90, 0).UTC().Format(http.TimeFormat)
	limited := `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	primary := `{"message":"API rate limit exceeded for installation ID 1.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"}`
	spent := map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.Itoa(reset), "Date": date}
	for _, r := range []struct {
		name  string
		a     scripted.Answer
		times int
		waits []time.Duration // at least, for each time
	}{
		{"502", scripted.Answer{Status: 502, Body: "<html>Bad Gateway</html>"}, 2, []time.Duration{time.Second, 2 * time.Second}},
		{"503 done", scripted.Answer{Status: 503, Done: true}, 1, []time.Duration{time.Second}},
		{"cut", scripted.Answer{Cut: true}, 2, []time.Duration{time.Second, 2 * time.Second}},
		{"cut and done", scripted.Answer{Cut: true, Done: true}, 1, []time.Duration{time.Second}},
		{"hang", scripted.Answer{Hang: true}, 1, []time.Duration{time.Second}},
		{"hang and done", scripted.Answer{Hang: true, Done: true}, 1, []time.Duration{time.Second}},
		{"half an answer", scripted.Answer{Status: 200, Body: `[{"id":`, Done: true}, 1, []time.Duration{time.Second}},
		{"202", scripted.Answer{Status: 202, Body: "{}"}, 1, []time.Duration{time.Second}},
		{"secondary with Retry-After", scripted.Answer{Status: 403, Body: limited, Header: map[string]string{"Retry-After": "17"}}, 2, []time.Duration{17 * time.Second, 17 * time.Second}},
		{"secondary without", scripted.Answer{Status: 403, Body: limited}, 2, []time.Duration{time.Minute, 2 * time.Minute}},
		{"429", scripted.Answer{Status: 429, Body: limited}, 1, []time.Duration{time.Minute}},
		{"429 with a date", scripted.Answer{Status: 429, Header: map[string]string{"Retry-After": time.Unix(reset, 0).UTC().Format(http.TimeFormat), "Date": date}}, 1, []time.Duration{90 * time.Second}},
		{"primary", scripted.Answer{Status: 403, Body: primary, Header: spent}, 1, []time.Duration{91 * time.Second}},
		{"primary by 429", scripted.Answer{Status: 429, Body: primary, Header: spent}, 1, []time.Duration{91 * time.Second}},
		{"nonsense Retry-After", scripted.Answer{Status: 429, Header: map[string]string{"Retry-After": "-99999999999999999999"}}, 1, []time.Duration{time.Minute}},
		{"negative Retry-After", scripted.Answer{Status: 429, Header: map[string]string{"Retry-After": "-7"}}, 1, []time.Duration{time.Second}},
	} {
		for _, step := range []struct{ method, suffix string }{{"GET", "/pulls/7"}, {"GET", "/user"}, {"GET", "/comments"}, {"POST", "/comments"}, {"PATCH", "/1"}, {"DELETE", "/2"}} {
			t.Run(r.name+" "+step.method+step.suffix, func(t *testing.T) {
				s, h := start(t, func(s *scripted.Server) { answers(s, step.method, step.suffix, r.times, r.a) })
				if step.method != "POST" {
					for range 2 {
						s.Add(7, bot, markerOf(about("x"), "x").String()+"\nx")
					}
				}
				n := &naps{}
				o := Options{Sleep: n.sleep}
				if r.a.Hang {
					o.Timeout = 200 * time.Millisecond
				}
				_, err := client(t, h, o).Upsert(t.Context(), here, about("said"))
				if err != nil {
					t.Fatal(err)
				}
				if got := only(t, s); got != "said" {
					t.Errorf("body %q", got)
				}
				// Another 200 than a list is a comment's answer, and needs no repeat; the
				// same goes for what a DELETE that was done answers.
				if r.a.Status == 200 && (step.method == "DELETE" || step.method == "POST") {
					return
				}
				// Go's transport repeats by itself what was cut on a connection that it
				// used before.
				if r.a.Cut && step.method == "GET" {
					return
				}
				if len(n.took) != len(r.waits) {
					t.Fatalf("waited %v, want %v", n.took, r.waits)
				}
				for i, d := range n.took {
					if d < r.waits[i] || d > r.waits[i]+time.Second {
						t.Errorf("waited %v, want %v", n.took, r.waits)
					}
				}
			})
		}
	}
}

// What does not get better ends in an error that says so, after a few attempts.
func TestGivesUp(t *testing.T) {
	for _, r := range []struct {
		name    string
		a       scripted.Answer
		class   Class
		message string
	}{
		{"503", scripted.Answer{Status: 503, Body: `{"message":"No server is currently available"}`}, Unavailable, `answers 503 again and again: it says "No server is currently available"`},
		{"cut", scripted.Answer{Cut: true}, Unavailable, "cannot be reached"},
		{"hour", scripted.Answer{Status: 429, Header: map[string]string{"Retry-After": "3600"}}, RateLimited, "until 20"},
		{"forever", scripted.Answer{Status: 429, Header: map[string]string{"Retry-After": "999999999999999"}}, RateLimited, "until 20"},
		{"secondary", scripted.Answer{Status: 403, Body: `{"message":"You have exceeded a secondary rate limit"}`}, RateLimited, "limits how often"},
		{"invalid JSON", scripted.Answer{Status: 200, Body: "<html>sign in</html>"}, BadAnswer, "not the JSON"},
		{"empty", scripted.Answer{Status: 200}, BadAnswer, ""},
		{"null", scripted.Answer{Status: 200, Body: "null"}, BadAnswer, ""},
		{"list of nothing", scripted.Answer{Status: 200, Body: "[null]"}, BadAnswer, ""},
		{"wrong types", scripted.Answer{Status: 200, Body: `[{"id":"one","body":7}]`}, BadAnswer, ""},
		{"wrong object", scripted.Answer{Status: 200, Body: `{"id":[],"number":"7","login":3}`}, BadAnswer, ""},
		{"no number", scripted.Answer{Status: 200, Body: `[{"body":"b"}]`}, BadAnswer, ""},
		{"deep", scripted.Answer{Status: 200, Body: strings.Repeat("[", 20000)}, BadAnswer, ""},
		{"another host", scripted.Answer{Status: 302, Header: map[string]string{"Location": "https://evil.example/api/v3/"}}, BadAnswer, "redirects to evil.example"},
		{"unencrypted", scripted.Answer{Status: 307, Header: map[string]string{"Location": "http://evil.example:80/%1b[31m"}}, BadAnswer, "redirects to evil.example:80"},
		{"circle", scripted.Answer{Status: 307, Header: map[string]string{"Location": "?again"}}, BadAnswer, "redirects again and again"},
		{"teapot", scripted.Answer{Status: 418, Body: `{"message":"\u001b[31m::error::\nshort and stout"}`}, Refused, `it says "[31m::error:: short and stout"`},
	} {
		for _, step := range []struct{ method, suffix string }{{"GET", "/pulls/7"}, {"GET", "/user"}, {"GET", "/comments"}} {
			t.Run(r.name+" "+step.suffix, func(t *testing.T) {
				s, h := start(t, func(s *scripted.Server) { answers(s, step.method, step.suffix, 1000, r.a) })
				n := &naps{}
				_, err := client(t, h, Options{Sleep: n.sleep}).Upsert(t.Context(), here, about("b"))
				wantError(t, err, r.class, r.message)
				if len(s.Comments()) != 0 || s.Count(step.method) > 10 {
					t.Errorf("%v, %v", s.Comments(), s.Requests())
				}
				var sum time.Duration
				for _, d := range n.took {
					sum += d
				}
				if sum > patience {
					t.Errorf("waited %v", n.took)
				}
			})
		}
	}
}

// Writes that fail for good say so, and leave what is there.
func TestWritesFail(t *testing.T) {
	for _, step := range []struct{ method, suffix, message string }{
		{"POST", "/comments", "commenting on acme/shop#7: "}, {"PATCH", "/1", "editing the comment on acme/shop#7: "}, {"DELETE", "/2", "deleting a second comment on acme/shop#7: "},
	} {
		for class, a := range map[Class]scripted.Answer{
			Unavailable: {Status: 500}, Permission: {Status: 403, Body: `{"message":"Resource not accessible by integration"}`},
			Refused: {Status: 422, Body: `{"message":"Validation Failed","errors":[{"resource":"IssueComment","code":"unprocessable","field":"data","message":"Body is too long"}]}`},
		} {
			t.Run(step.method+" "+string(class), func(t *testing.T) {
				s, h := start(t, func(s *scripted.Server) { answers(s, step.method, step.suffix, 1000, a) })
				before := 0
				if step.method != "POST" {
					for range 2 {
						s.Add(7, bot, markerOf(about("x"), "x").String()+"\nx")
					}
					before = 2
				}
				_, err := client(t, h, Options{}).Upsert(t.Context(), here, about("b"))
				if e := wantError(t, err, class, step.message); class == Refused && !strings.Contains(e.Message, "Body is too long") {
					t.Errorf("message %q", e.Message)
				}
				if n := len(s.Comments()); n != before || s.Count(step.method) > maxAttempts {
					t.Errorf("%d comments, %v", n, s.Requests())
				}
			})
		}
	}
}

// A POST that never comes to an end is looked for each time, and made a few times
// at most; what it made is found.
func TestLostPosts(t *testing.T) {
	for _, done := range []bool{false, true} {
		s, h := start(t, func(s *scripted.Server) {
			answers(s, "POST", "/comments", 1000, scripted.Answer{Cut: true, Done: done})
		})
		_, err := client(t, h, Options{}).Upsert(t.Context(), here, about("b"))
		if done {
			if err != nil || s.Count("POST") != 1 || only(t, s) != "b" {
				t.Errorf("%v, %v", err, s.Requests())
			}
			continue
		}
		wantError(t, err, Unavailable, "cannot be reached")
		if s.Count("POST") != maxPosts {
			t.Errorf("%v", s.Requests())
		}
	}
}

// A redirect on the same host is followed where the method stays.
func TestRenamedRepository(t *testing.T) {
	s, h := start(t, func(s *scripted.Server) {
		s.Script = func(_ int, r *http.Request) *scripted.Answer {
			if to, ok := strings.CutPrefix(r.URL.Path, "/api/v3/repos/acme/store/"); ok {
				return &scripted.Answer{Status: 307, Header: map[string]string{"Location": "/api/v3/repos/acme/shop/" + to}}
			}
			return nil
		}
	})
	if out, err := client(t, h, Options{}).Upsert(t.Context(), Pull{"acme", "store", 7}, about("b")); err != nil || out.Action != Created || only(t, s) != "b" {
		t.Errorf("%+v, %v", out, err)
	}
	s, h = start(t, func(s *scripted.Server) {
		answers(s, "POST", "/comments", 1000, scripted.Answer{Status: 301, Header: map[string]string{"Location": "/api/v3/repos/acme/shop/issues/7/comments"}})
	})
	_, err := client(t, h, Options{}).Upsert(t.Context(), here, about("b"))
	wantError(t, err, BadAnswer, "redirects a POST")
	if len(s.Comments()) != 0 {
		t.Errorf("%v", s.Comments())
	}
}

// The token goes nowhere else, whatever a forge answers.
func TestTokenStays(t *testing.T) {
	var got []string
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
	}))
	defer evil.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		_, h := start(t, func(s *scripted.Server) {
			answers(s, "GET", "/pulls/7", 1000, scripted.Answer{Status: status, Header: map[string]string{"Location": evil.URL + "/api/v3/repos/acme/shop/pulls/7"}})
		})
		_, err := client(t, h, Options{}).Upsert(t.Context(), here, about("b"))
		wantError(t, err, BadAnswer, "redirects to 127.0.0.1")
	}
	if len(got) != 0 {
		t.Errorf("another server was asked: %q", got)
	}
	// Nor does what carries it ask another host if something else redirects.
	c, err := New(Options{Token: botToken, API: "https://forge.example/api/v3", HTTP: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.api.Client().Get(evil.URL)
	if err == nil {
		resp.Body.Close()
		t.Error("a request to another host went out")
	}
	if len(got) != 0 {
		t.Errorf("another server was asked: %q", got)
	}
}

// A forge that says the token back does not get it into a message.
func TestTokenSaidBack(t *testing.T) {
	for _, said := range []string{botToken, strings.ToUpper(botToken), "prefix" + botToken[3:14]} {
		_, h := start(t, func(s *scripted.Server) {
			answers(s, "GET", "/pulls/7", 1000, scripted.Answer{Status: 401, Body: fmt.Sprintf(`{"message":"the token %s is wrong"}`, said)})
		})
		_, err := client(t, h, Options{}).Upsert(t.Context(), here, about("b"))
		if e := wantError(t, err, BadToken, ""); strings.Contains(e.Message, "is wrong") {
			t.Errorf("message %q", e.Message)
		}
	}
}

func TestEndlessPages(t *testing.T) {
	next := 1
	s, h := start(t, func(s *scripted.Server) {
		s.Script = func(_ int, r *http.Request) *scripted.Answer {
			if !strings.HasSuffix(r.URL.Path, "/comments") {
				return nil
			}
			next++
			return &scripted.Answer{Status: 200, Body: fmt.Sprintf(`[{"id":%d,"body":"b","user":{"login":"ann"}}]`, next),
				Header: map[string]string{"Link": fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, next)}}
		}
	})
	_, err := client(t, h, Options{}).Upsert(t.Context(), here, about("b"))
	wantError(t, err, BadAnswer, "more than 100 pages")
	if n := s.Count("GET /repos/acme/shop/issues"); n != maxPages {
		t.Errorf("%d pages were listed", n)
	}
	// A next page that is not behind this one is none, nor are items that were had.
	for _, header := range []map[string]string{{"Link": `<x?page=1>; rel="next"`}, {"X-Total-Count": "999999"}} {
		s, h := start(t, func(s *scripted.Server) {
			answers(s, "GET", "/comments", 1000, scripted.Answer{Status: 200, Body: `[{"id":5,"body":"b"}]`, Header: header})
		})
		upsert(t, client(t, h, Options{}), about("b"), Created)
		if n := s.Count("GET /repos/acme/shop/issues"); n > 4 {
			t.Errorf("%v: %d pages were listed", header, n)
		}
	}
}

func TestHugeAnswer(t *testing.T) {
	huge := `[{"id":5,"body":"` + strings.Repeat("x", maxAnswer) + `"}]`
	_, h := start(t, func(s *scripted.Server) {
		answers(s, "GET", "/comments", 1000, scripted.Answer{Status: 200, Body: huge})
	})
	_, err := client(t, h, Options{}).Upsert(t.Context(), here, about("b"))
	wantError(t, err, BadAnswer, "too large")
	_, h = start(t, func(s *scripted.Server) {
		answers(s, "GET", "/comments", 1000, scripted.Answer{Status: 404, Body: `{"message":"` + strings.Repeat("x", 2<<20) + `"}`})
	})
	_, err = client(t, h, Options{}).Upsert(t.Context(), here, about("b"))
	if e := wantError(t, err, NotFound, ""); len(e.Message) > 1000 {
		t.Errorf("the message has %d bytes", len(e.Message))
	}
}

// A context that ends, ends everything: a request, a wait, and a race.
func TestContext(t *testing.T) {
	for name, a := range map[string]scripted.Answer{"request": {Hang: true}, "pause": {Status: 503}, "limit": {Status: 429}} {
		for _, step := range []struct{ method, suffix string }{{"GET", "/pulls/7"}, {"GET", "/user"}, {"GET", "/comments"}, {"POST", "/comments"}} {
			t.Run(name+" "+step.method+step.suffix, func(t *testing.T) {
				_, h := start(t, func(s *scripted.Server) { answers(s, step.method, step.suffix, 1000, a) })
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				began := time.Now()
				_, err := client(t, h, Options{Sleep: sleep}).Upsert(ctx, here, about("b"))
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
}

func TestNoServer(t *testing.T) {
	_, h := start(t, nil)
	c := client(t, h, Options{})
	h.Close()
	_, err := c.Upsert(t.Context(), here, about("b"))
	wantError(t, err, Unavailable, "cannot be reached: ")
}

func TestPage(t *testing.T) {
	for address, want := range map[string]bool{
		"https://github.com/acme/shop/pull/7#issuecomment-1": true,
		"http://127.0.0.1:3000/acme/shop/pulls/1":            true,
		"": false, "javascript:alert(1)": false, "https://a\n::error::b": false, "https://a/<b>": false, "https://u:p@a/": false, "https://a/](x)": false,
	} {
		if got := page(address); got != "" != want {
			t.Errorf("page(%q) = %q", address, got)
		}
	}
}
