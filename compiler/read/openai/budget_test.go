package openai_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/openai"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

// TestBudget: calls side by side stop before the limit, and what they reserved
// and did not use is there for the next.
func TestBudget(t *testing.T) {
	const limit = 20000
	srv := start(t, scripted.Always(scripted.Chat(good)))
	c, _ := client(t, srv.URL, func(o *openai.Options) { o.MaxTokens, o.MaxAnswer = limit, 500 })
	var wg sync.WaitGroup
	var answered, refused atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 10 {
				_, e := ask(t, c, question())
				switch {
				case e == nil:
					answered.Add(1)
				case e.Kind == chat.Budget:
					refused.Add(1)
				default:
					t.Error(e)
				}
			}
		})
	}
	wg.Wait()
	prompt, completion := c.Used()
	each := scripted.PromptTokens + scripted.CompletionTokens
	if n := int(answered.Load()); prompt+completion != n*each || n != len(srv.Requests()) {
		t.Errorf("%d answers, used %d and %d", n, prompt, completion)
	}
	if prompt+completion > limit || prompt+completion < limit-3*each {
		t.Errorf("used %d of %d", prompt+completion, limit)
	}
	if refused.Load() == 0 {
		t.Error("nothing was refused")
	}
}

// TestBudgetTooSmall: not even one question is asked.
func TestBudgetTooSmall(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Chat(good)))
	c, _ := client(t, srv.URL, func(o *openai.Options) { o.MaxTokens = 100 })
	_, e := ask(t, c, question())
	if e == nil || e.Kind != chat.Budget || srv.Connections() != 0 {
		t.Errorf("%+v, %d connections", e, srv.Connections())
	}
}

// TestBudgetEstimates: without a count what was reserved is taken as used; what
// the server refused costs nothing; what it may have worked on costs.
func TestBudgetEstimates(t *testing.T) {
	tests := []struct {
		name  string
		reply scripted.Reply
		costs bool
	}{
		{"no usage", scripted.NoUsage(good), true},
		{"negative usage", scripted.JSON(`{"choices":[{"message":{"content":"{}"}}],"usage":{"prompt_tokens":-5,"completion_tokens":-7}}`), true},
		{"refused", scripted.Error(400, "", "", "no"), false},
		{"limited", scripted.Error(429, "insufficient_quota", "", "no"), false},
		{"a page", scripted.HTML(200, ""), true},
		{"slow", scripted.Hang(), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := start(t, scripted.Always(tt.reply))
			c, _ := client(t, srv.URL, func(o *openai.Options) { o.MaxAnswer, o.Timeout = 300, 200*time.Millisecond })
			ask(t, c, question())
			_, body := c.Body(question())
			prompt, completion := c.Used()
			if tt.costs && (prompt < len(body)/4 || prompt > len(body) || completion != 300) || !tt.costs && prompt+completion != 0 {
				t.Errorf("used %d, %d for %d bytes", prompt, completion, len(body))
			}
		})
	}
}

// TestBudgetLearns: a server whose tokens are smaller than thought is believed.
func TestBudgetLearns(t *testing.T) {
	srv := start(t, scripted.List(
		scripted.JSON(`{"choices":[{"message":{"content":"{}"}}],"usage":{"prompt_tokens":999999999999,"completion_tokens":1}}`),
		scripted.NoUsage(good)))
	c, _ := client(t, srv.URL)
	ask(t, c, question())
	before, _ := c.Used()
	ask(t, c, question())
	after, _ := c.Used()
	_, body := c.Body(question())
	if before != 1<<30 || after != 1<<30 {
		t.Errorf("a lying count: %d, then %d for %d bytes", before, after, len(body))
	}
}

// TestQuotaEndsTheRun: once the day's limit is reached, nobody asks again.
func TestQuotaEndsTheRun(t *testing.T) {
	srv := start(t, scripted.List(scripted.Chat(good), scripted.Error(429, "RateLimitReached", "", "limit", "Retry-After", "52220"), scripted.Chat(good)))
	c, n := client(t, srv.URL)
	for i := range 10 {
		_, e := ask(t, c, question())
		if i == 0 && e != nil || i > 0 && (e == nil || e.Kind != chat.Quota || e.RetryAfter != 52220*time.Second) {
			t.Errorf("%d: %+v", i, e)
		}
	}
	if len(srv.Requests()) != 2 || len(n.all()) != 0 {
		t.Errorf("%d requests, slept %v", len(srv.Requests()), n.all())
	}
}

// TestPauseIsShared: one call is told to wait, and the others do.
func TestPauseIsShared(t *testing.T) {
	srv := start(t, scripted.List(scripted.Error(429, "", "", "slow down", "Retry-After", "15"), scripted.Chat(good)))
	c, n := client(t, srv.URL)
	for range 3 {
		if _, e := ask(t, c, question()); e != nil {
			t.Fatal(e)
		}
	}
	slept := n.all()
	if len(slept) != 3 || len(srv.Requests()) != 4 {
		t.Fatalf("slept %v, %d requests", slept, len(srv.Requests()))
	}
	for _, d := range slept { // the clock of this test does not move: all wait for the same moment
		if d < 14*time.Second || d > 16*time.Second {
			t.Errorf("slept %s", d)
		}
	}
}

// TestRefusalEndsTheRun: a server that refuses the key, or has no such model or
// path, is not asked once for every intent.
func TestRefusalEndsTheRun(t *testing.T) {
	fine := scripted.Chat(good)
	for _, tt := range []struct {
		name     string
		replies  []scripted.Reply
		kind     chat.Kind
		requests int // of ten questions
	}{
		{"401", []scripted.Reply{scripted.Error(401, "", "", "no")}, chat.Unauthorized, 1},
		{"403", []scripted.Reply{scripted.Error(403, "", "", "no")}, chat.Unauthorized, 1},
		{"404 model", []scripted.Reply{scripted.Error(404, "model_not_found", "model", "no such model")}, chat.NotFound, 1},
		{"404 path", []scripted.Reply{scripted.HTML(404, "")}, chat.NotFound, 1},
		{"redirect", []scripted.Reply{scripted.Redirect(307, "https://elsewhere.example/")}, chat.NotFound, 1},
		{"the key expires", []scripted.Reply{fine, fine, scripted.Error(401, "", "", "expired")}, chat.Unauthorized, 3},
		{"gone", []scripted.Reply{scripted.Error(500, "", "", "no")}, chat.Server, 8 * 5}, // eight questions, each with its retries
		// These may be about the question: others may be answered.
		{"403 later", []scripted.Reply{fine, scripted.HTML(403, "blocked"), fine}, chat.Unauthorized, 10},
		{"404 later", []scripted.Reply{fine, scripted.HTML(404, ""), fine}, chat.NotFound, 10},
		{"filtered", []scripted.Reply{scripted.ChatFinish("", "content_filter"), fine}, chat.Filtered, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := start(t, scripted.List(tt.replies...))
			c, _ := client(t, srv.URL)
			failed := 0
			for range 10 {
				if _, e := ask(t, c, question()); e != nil {
					failed++
					if e.Kind != tt.kind || e.Hint == "" {
						t.Errorf("%+v", e)
					}
				}
			}
			if n := len(srv.Requests()); n != tt.requests || failed == 0 {
				t.Errorf("%d requests, want %d; %d failed", n, tt.requests, failed)
			}
		})
	}
}
