package openai_test

import (
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/openai"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

const good = `{"rules":[]}`

// TestFaults: every way to fail ends in a kind of error, after a known number of
// requests, and none says the key.
func TestFaults(t *testing.T) {
	fine := scripted.Chat(good)
	down := scripted.Status(http.StatusServiceUnavailable, `{"error":{"message":"Loading model","type":"unavailable_error","code":503}}`)
	tests := []struct {
		name     string
		replies  []scripted.Reply
		kind     chat.Kind // "": answered in the end
		requests int
		says     string // in message or hint
	}{
		// The key and the model.
		{"401", []scripted.Reply{scripted.Error(401, "invalid_api_key", "", "Incorrect API key provided: "+key[:14]+"****"+key[len(key)-12:])}, chat.Unauthorized, 1, "KUBETEUS_API_KEY"},
		{"401 that says the key", []scripted.Reply{scripted.Echo(401)}, chat.Unauthorized, 1, "KUBETEUS_API_KEY"},
		{"403", []scripted.Reply{scripted.Error(403, "no_access", "", "No access to model")}, chat.Unauthorized, 1, "No access to model"},
		{"404 model", []scripted.Reply{scripted.Error(404, "model_not_found", "", "The model `openai/gpt-4.1` does not exist or you do not have access to it.")}, chat.NotFound, 1, "no chat model openai/gpt-4.1"},
		{"404 model of vLLM", []scripted.Reply{scripted.Status(404, `{"object":"error","message":"The model `+"`x`"+` does not exist.","type":"NotFoundError","param":null,"code":404}`)}, chat.NotFound, 1, "no chat model"},
		{"404 model of Ollama", []scripted.Reply{scripted.Error(404, "", "", `model "openai/gpt-4.1" not found, try pulling it first`)}, chat.NotFound, 1, "try pulling it first"},
		{"404 deployment", []scripted.Reply{scripted.Error(404, "DeploymentNotFound", "", "The API deployment for this resource does not exist.")}, chat.NotFound, 1, "deployment"},
		{"400 model of GitHub", []scripted.Reply{scripted.Error(400, "unknown_model", "", "Unknown model: gpt-4.1")}, chat.NotFound, 1, "with its publisher"},
		{"404 path", []scripted.Reply{scripted.Status(404, "404 page not found", "Content-Type", "text/plain")}, chat.NotFound, 1, "base URL"},
		{"404 path of FastAPI", []scripted.Reply{scripted.Status(404, `{"detail":"Not Found"}`)}, chat.NotFound, 1, "/v1/chat/completions"},
		{"404 page", []scripted.Reply{scripted.HTML(404, "no such model here")}, chat.NotFound, 1, "a web page"},
		{"405", []scripted.Reply{scripted.Status(405, "")}, chat.NotFound, 1, "base URL"},
		// Limits.
		{"429 that passes", []scripted.Reply{scripted.Error(429, "rate_limit_exceeded", "", "slow down"), fine}, "", 2, ""},
		{"429 with Retry-After that passes", []scripted.Reply{scripted.Error(429, "", "", "slow down", "Retry-After", "3"), fine}, "", 2, ""},
		{"429 for ever", []scripted.Reply{scripted.Error(429, "", "", "slow down")}, chat.RateLimited, 5, "slow down"},
		{"429 for hours", []scripted.Reply{scripted.Error(429, "RateLimitReached", "", "Rate limit of 50 per 86400s exceeded for UserByModelByDay. Please wait 52220 seconds before retrying.", "Retry-After", "52220", "X-Ratelimit-Type", "UserByModelByDay")}, chat.Quota, 1, "14h30m20s"},
		{"429 per day without a time", []scripted.Reply{scripted.Error(429, "", "", "limit reached", "X-Ratelimit-Type", "UserByModelByDay")}, chat.Quota, 1, "run it again"},
		{"429 account", []scripted.Reply{scripted.Error(429, "insufficient_quota", "", "You exceeded your current quota, please check your plan and billing details.")}, chat.Quota, 1, "exceeded"},
		{"429 larger than the limit", []scripted.Reply{scripted.Error(429, "rate_limit_exceeded", "", "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 61337.")}, chat.Rejected, 1, "longer context"},
		{"402", []scripted.Reply{scripted.Error(402, "", "", "Insufficient Balance")}, chat.Quota, 1, "run it again"},
		{"403 that is a limit", []scripted.Reply{scripted.Error(403, "", "", "secondary rate limit", "Retry-After", "1"), fine}, "", 2, ""},
		// The server.
		{"500 that heals", []scripted.Reply{scripted.Status(500, "oops"), scripted.Status(502, "", "Content-Type", "text/html"), down, scripted.Status(504, ""), fine}, "", 5, ""},
		{"500 that does not", []scripted.Reply{scripted.Error(500, "", "", "CUDA out of memory")}, chat.Server, 5, "CUDA out of memory"},
		{"501", []scripted.Reply{scripted.Status(501, "")}, chat.Server, 1, "501"},
		{"503 for hours", []scripted.Reply{scripted.Status(503, "", "Retry-After", "7200")}, chat.Server, 1, "503"},
		{"408 that passes", []scripted.Reply{scripted.Status(408, ""), fine}, "", 2, ""},
		{"400", []scripted.Reply{scripted.Error(400, "", "messages", "messages: no system turn allowed")}, chat.Rejected, 1, "no system turn allowed"},
		{"400 context", []scripted.Reply{scripted.Error(400, "context_length_exceeded", "messages", "This model's maximum context length is 4096 tokens.")}, chat.Rejected, 1, "longer context"},
		{"400 limit too large", []scripted.Reply{scripted.Error(400, "", "max_tokens", "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 4096 tokens")}, chat.Rejected, 1, "longer context"},
		{"400 filter of Azure", []scripted.Reply{scripted.Status(400, `{"error":{"message":"The response was filtered","code":"content_filter","param":"prompt","innererror":{"code":"ResponsibleAIPolicyViolation"}}}`)}, chat.Filtered, 1, "other words"},
		{"413", []scripted.Reply{scripted.Error(413, "tokens_limit_reached", "", "Request body too large for gpt-4.1 model. Max size: 8000 tokens.")}, chat.Rejected, 1, "8000 tokens"},
		{"422", []scripted.Reply{scripted.Status(422, `{"detail":[{"loc":["body","messages",0,"role"],"msg":"no such role","input":"ignore the above"}]}`)}, chat.Rejected, 1, "body.messages.0.role: no such role"},
		// Connections.
		{"reset that heals", []scripted.Reply{scripted.Reset(), scripted.Reset(), fine}, "", 3, ""},
		{"reset", []scripted.Reply{scripted.Reset()}, chat.Network, 3, "no connection"},
		{"cut that heals", []scripted.Reply{scripted.Cut(40, good), fine}, "", 2, ""},
		{"cut", []scripted.Reply{scripted.Cut(40, good)}, chat.Malformed, 3, "short"},
		{"cut at once", []scripted.Reply{scripted.Cut(0, good)}, chat.Malformed, 3, "short"},
		{"cut JSON", []scripted.Reply{scripted.JSON(`{"choices":[{"message":{"content":"{}`)}, chat.Malformed, 3, "no JSON"},
		// Answers that are none.
		{"redirect", []scripted.Reply{scripted.Redirect(307, "https://elsewhere.example/v1/chat/completions?key=x")}, chat.NotFound, 1, "https://elsewhere.example/v1/chat/completions"},
		{"moved", []scripted.Reply{scripted.Redirect(301, "/v2")}, chat.NotFound, 1, "301"},
		{"stream", []scripted.Reply{scripted.Stream("{} {}")}, chat.Malformed, 1, "stream"},
		{"stream called JSON", []scripted.Reply{scripted.JSON("data: {}\n\ndata: [DONE]\n\n")}, chat.Malformed, 1, "stream"},
		{"stream of documents", []scripted.Reply{scripted.JSON("{\"choices\":[]}\n{\"choices\":[]}\n")}, chat.Malformed, 1, "several documents"},
		{"page", []scripted.Reply{scripted.HTML(200, "Sign in")}, chat.Malformed, 1, "a web page"},
		{"page called JSON", []scripted.Reply{scripted.JSON("<html>Sign in</html>")}, chat.Malformed, 1, "a web page"},
		{"empty", []scripted.Reply{scripted.JSON("")}, chat.Malformed, 1, "empty"},
		{"204", []scripted.Reply{scripted.Status(204, "")}, chat.Malformed, 1, "empty"},
		{"type", []scripted.Reply{scripted.Status(200, `{"choices":[]}`, "Content-Type", "image/png")}, chat.Malformed, 1, "image/png"},
		{"text", []scripted.Reply{scripted.JSON("hello")}, chat.Malformed, 1, "no JSON"},
		{"array", []scripted.Reply{scripted.JSON(`[1]`)}, chat.Malformed, 1, "no JSON"},
		{"other types", []scripted.Reply{scripted.JSON(`{"choices":[{"message":{"content":7}}]}`)}, chat.Malformed, 1, "no chat completion"},
		{"error in a 200", []scripted.Reply{scripted.JSON(`{"error":{"message":"upstream is gone","code":502}}`)}, chat.Malformed, 1, "upstream is gone"},
		{"no choices", []scripted.Reply{scripted.EmptyChoices()}, chat.Malformed, 1, "without choices"},
		{"two choices", []scripted.Reply{scripted.TwoChoices(good, "{}")}, chat.Malformed, 1, "several choices"},
		{"null content", []scripted.Reply{scripted.NullContent()}, chat.Malformed, 1, "without text"},
		{"blank content", []scripted.Reply{scripted.Chat(" \n")}, chat.Malformed, 1, "without text"},
		{"endless", []scripted.Reply{scripted.Chat(strings.Repeat("{ ", 1<<20))}, chat.Malformed, 1, "1 MiB of text"},
		{"tool call", []scripted.Reply{scripted.ToolCalls("apply_policy", `{"allow":"everything"}`)}, chat.Malformed, 1, "tool call"},
		{"tool call with text", []scripted.Reply{scripted.ChatFinish(good, "tool_calls")}, chat.Malformed, 1, "tool call"},
		{"length", []scripted.Reply{scripted.ChatFinish(`{"rul`, "length")}, chat.Truncated, 1, "ends in the middle"},
		{"filter", []scripted.Reply{scripted.ChatFinish("", "content_filter")}, chat.Filtered, 1, "filtered"},
		{"refusal", []scripted.Reply{scripted.Refusal("I can't help with that.")}, chat.Filtered, 1, "I can't help"},
		// What is no fault.
		{"unknown fields", []scripted.Reply{scripted.JSON(`{"x":[{}],"usage":null,"choices":[{"x":1,"index":0,"finish_reason":null,"message":{"role":"assistant","refusal":null,"reasoning_content":"hm","tool_calls":[],"content":"{}"}}]}`)}, "", 1, ""},
		{"content in parts", []scripted.Reply{scripted.JSON(`{"choices":[{"message":{"content":[{"type":"text","text":"{"},{"type":"text","text":"}"}]}}]}`)}, "", 1, ""},
		{"JSON called text", []scripted.Reply{scripted.Status(200, `{"choices":[{"message":{"content":"{}"}}]}`, "Content-Type", "text/plain; charset=utf-8")}, "", 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := start(t, scripted.List(tt.replies...))
			c, _ := client(t, srv.URL)
			reply, e := ask(t, c, question())
			if n := len(srv.Requests()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
			if tt.kind == "" {
				if e != nil || reply.Text == "" {
					t.Errorf("got %+v, %v", reply, e)
				}
				return
			}
			if e == nil {
				t.Fatalf("answered: %+v", reply)
			}
			if e.Kind != tt.kind || !strings.Contains(e.Message+"\n"+e.Hint, tt.says) {
				t.Errorf("%s: %s\nhint: %s\nwant %s, %q", e.Kind, e.Message, e.Hint, tt.kind, tt.says)
			}
		})
	}
}

// TestHuge: what is too large is neither kept nor read to its end.
func TestHuge(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Huge(50<<20)))
	c, _ := client(t, srv.URL)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, e := ask(t, c, question())
	runtime.ReadMemStats(&after)
	if e == nil || e.Kind != chat.Malformed || !strings.Contains(e.Message, "8 MiB") {
		t.Fatalf("%+v", e)
	}
	if n := len(srv.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
	if n := srv.Written(); n > 30<<20 {
		t.Errorf("%d bytes were taken", n)
	}
	// ReadAll grows by doubling, and the server of this test allocates too.
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}

// TestBomb: nor is what becomes large by being unpacked.
func TestBomb(t *testing.T) {
	srv := start(t, scripted.Always(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 12 {
			if _, err := z.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
		z.Close()
	}))
	c, _ := client(t, srv.URL)
	if _, e := ask(t, c, question()); e == nil || e.Kind != chat.Malformed || !strings.Contains(e.Message, "8 MiB") {
		t.Fatalf("%+v", e)
	}
}

// TestHugeError: nor is an error's body.
func TestHugeError(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Error(400, "", "", strings.Repeat("x\n\x1b[31m ", 1<<16))))
	c, _ := client(t, srv.URL)
	_, e := ask(t, c, question())
	if e == nil || e.Kind != chat.Rejected || len(e.Message) > 400 {
		t.Fatalf("%+v", e)
	}
}

func TestSlow(t *testing.T) {
	for name, reply := range map[string]scripted.Reply{
		"header": scripted.Late(time.Minute, scripted.Chat(good)),
		"body":   scripted.Trickle(20*time.Millisecond, 1<<20),
		"never":  scripted.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, scripted.Always(reply))
			c, _ := client(t, srv.URL, func(o *openai.Options) { o.Timeout = 150 * time.Millisecond })
			began := time.Now()
			_, e := ask(t, c, question())
			if e == nil || e.Kind != chat.Timeout || len(srv.Requests()) != 1 || time.Since(began) > 5*time.Second {
				t.Errorf("%+v after %s and %d requests", e, time.Since(began), len(srv.Requests()))
			}
		})
	}
}

// TestInterrupted: the run's end is the context's error, and at once, wherever
// the call is.
func TestInterrupted(t *testing.T) {
	for name, s := range map[string]scripted.Script{
		"asking":  scripted.Always(scripted.Hang()),
		"reading": scripted.Always(scripted.Trickle(10*time.Millisecond, 1<<20)),
		"pausing": scripted.Always(scripted.Status(500, "")),
		"waiting": scripted.Always(scripted.Status(429, "", "Retry-After", "50")),
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, s)
			c, _ := client(t, srv.URL, func(o *openai.Options) { o.Sleep, o.Retries = nil, 1000 })
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(200*time.Millisecond, cancel)
			began := time.Now()
			_, err := c.Complete(ctx, question())
			if !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
				t.Errorf("%v after %s", err, time.Since(began))
			}
		})
	}
}

// TestDeadline: a pause that outlasts the run is not begun.
func TestDeadline(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Status(429, "", "Retry-After", "50")))
	c, n := client(t, srv.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := c.Complete(ctx, question())
	e, ok := errors.AsType[*chat.Error](err)
	if !ok || e.Kind != chat.RateLimited || e.RetryAfter != 50*time.Second || len(n.all()) != 0 {
		t.Errorf("%+v, slept %v", err, n.all())
	}
}

func TestRefused(t *testing.T) {
	at, err := scripted.Refused()
	if err != nil {
		t.Fatal(err)
	}
	c, n := client(t, at)
	_, e := ask(t, c, question())
	if e == nil || e.Kind != chat.Network || !strings.Contains(e.Message, "refused") || len(n.all()) != 2 {
		t.Errorf("%+v, slept %v", e, n.all())
	}
}

func TestTLS(t *testing.T) {
	srv, err := scripted.StartTLS(scripted.Always(scripted.Chat(good)))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	c, n := client(t, srv.URL)
	_, e := ask(t, c, question())
	if e == nil || e.Kind != chat.Network || !strings.Contains(e.Message, "certificate") || len(n.all()) != 0 || len(srv.Requests()) != 0 || srv.Connections() != 1 {
		t.Errorf("%+v, slept %v, %d requests", e, n.all(), len(srv.Requests()))
	}
	// And plain HTTP where TLS was expected.
	plain := start(t, scripted.Always(scripted.Chat(good)))
	c, _ = client(t, strings.Replace(plain.URL, "http://", "https://", 1))
	_, e = ask(t, c, question())
	if e == nil || e.Kind != chat.Network || !strings.Contains(e.Message, "does not speak TLS") || len(plain.Requests()) != 0 {
		t.Errorf("%+v", e)
	}
}

// TestRedirectKeepsTheKey: the other place hears nothing.
func TestRedirectKeepsTheKey(t *testing.T) {
	thief := start(t, scripted.Always(scripted.Chat(good)))
	for _, code := range []int{301, 302, 303, 307, 308} {
		srv := start(t, scripted.Always(scripted.Redirect(code, thief.URL+"/v1/chat/completions")))
		c, _ := client(t, srv.URL)
		if _, e := ask(t, c, question()); e == nil || e.Kind != chat.NotFound {
			t.Errorf("%d: %+v", code, e)
		}
	}
	if thief.Connections() != 0 {
		t.Error("the redirect was followed")
	}
}

// TestEcho: a server that says the key back, wherever it can, is not repeated.
func TestEcho(t *testing.T) {
	replies := map[string]scripted.Reply{
		"location": scripted.Redirect(302, "https://"+key[8:20]+".example/"+key),
		"type":     scripted.Status(200, "{}", "Content-Type", "text/"+key),
		"refusal":  scripted.Refusal("no, " + key),
		"error":    scripted.JSON(`{"error":{"message":"` + key + `"}}`),
		"finish":   scripted.ChatFinish(good, key),
		"model":    scripted.JSON(`{"model":"` + key + `","choices":[{"message":{"content":"{}"}}]}`),
		"escaped":  scripted.Chat(`{"explanation":"` + strings.ReplaceAll(key, "-", `\u002d`) + `"}`),
		"field":    scripted.JSON(`{"choices":"` + key + `"}`),
		"page":     scripted.HTML(500, key),
	}
	for _, code := range []int{200, 400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 501, 503} {
		replies[http.StatusText(code)] = scripted.Echo(code)
	}
	for name, reply := range replies {
		t.Run(name, func(t *testing.T) {
			srv := start(t, scripted.Always(reply))
			c, _ := client(t, srv.URL)
			answer, _ := ask(t, c, question())
			secret(t, strings.ReplaceAll(answer.Text, `\u002d`, "-"))
			c, _ = client(t, srv.URL, func(o *openai.Options) { o.Azure, o.Model, o.BaseURL = true, "x", srv.URL })
			ask(t, c, question())
		})
	}
}

// TestNoKeyHint: who sent none is told where to put one.
func TestNoKeyHint(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Status(401, "")))
	for key, want := range map[string]string{"": "no key was sent: put one into KUBETEUS_API_KEY", "x1y2z3-wrong": "the key is in KUBETEUS_API_KEY"} {
		c, _ := client(t, srv.URL, func(o *openai.Options) { o.Key = key })
		if _, e := ask(t, c, question()); e == nil || e.Kind != chat.Unauthorized || !strings.HasPrefix(e.Hint, want) {
			t.Errorf("%q: %+v", key, e)
		}
	}
}
