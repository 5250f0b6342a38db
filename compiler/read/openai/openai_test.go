package openai_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/openai"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

const (
	key   = "sk-proj-7Qd/Zx81+vT_0mKw-LrE93hB=sYc"
	model = "openai/gpt-4.1"
)

// question is a request as package model makes it, in little.
func question() chat.Request {
	return chat.Request{
		Intent:     "cart/one",
		Messages:   []chat.Message{{Role: "system", Content: "Answer in JSON."}, {Role: "user", Content: `{"statement":"Only a may reach b."}`}},
		SchemaName: "rules",
		Schema:     json.RawMessage(`{"type": "object", "properties": {"rules": {"type": "array"}}, "required": ["rules"]}`),
	}
}

// naps records what a client would have slept.
type naps struct {
	mu sync.Mutex
	d  []time.Duration
}

func (n *naps) sleep(ctx context.Context, d time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.d = append(n.d, d)
	return ctx.Err()
}

func (n *naps) all() []time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]time.Duration(nil), n.d...)
}

func start(t *testing.T, s scripted.Script) *scripted.Server {
	t.Helper()
	srv, err := scripted.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// client never sleeps really.
func client(t *testing.T, base string, change ...func(*openai.Options)) (*openai.Client, *naps) {
	t.Helper()
	n := &naps{}
	o := openai.Options{
		BaseURL: base + "/v1", Model: model, Key: key, KeyFrom: "KUBETEUS_API_KEY",
		Timeout: 15 * time.Second, Sleep: n.sleep, Jitter: func() float64 { return 0.5 },
	}
	for _, f := range change {
		f(&o)
	}
	c, err := openai.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, n
}

// ask fails the test if the answer takes long or says the key.
func ask(t *testing.T, c chat.Completer, r chat.Request) (chat.Reply, *chat.Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	reply, err := c.Complete(ctx, r)
	if ctx.Err() != nil {
		t.Fatal("the call hangs")
	}
	if err == nil {
		secret(t, fmt.Sprintf("%+v", reply))
		return reply, nil
	}
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	harmless(t, e)
	return reply, e
}

// harmless checks what every error has to be.
func harmless(t *testing.T, e *chat.Error) {
	t.Helper()
	if e.Message == "" || e.Hint == "" && e.Kind != chat.Malformed || e.Err != nil {
		t.Errorf("an error without words, or with another one inside: %+v", e)
	}
	for _, text := range []string{e.Message, e.Hint} {
		if len(text) > 700 || strings.ContainsAny(text, "\n\r\t\x1b\x00") {
			t.Errorf("not a short plain line: %q", text)
		}
	}
	secret(t, fmt.Sprintf("%+v %#v %v", *e, *e, e))
}

// secret looks for the key in all its forms, and for large parts of it.
func secret(t *testing.T, text string) {
	t.Helper()
	low := strings.ToLower(text)
	for _, form := range []string{
		key, key[:12], key[len(key)-12:], url.QueryEscape(key), url.PathEscape(key), hex.EncodeToString([]byte(key)),
		base64.StdEncoding.EncodeToString([]byte(key))[:24], base64.URLEncoding.EncodeToString([]byte(key))[:24],
		base64.StdEncoding.EncodeToString([]byte("Bearer " + key))[12:36],
	} {
		if strings.Contains(low, strings.ToLower(form)) {
			t.Errorf("the key is in %q", text)
		}
	}
}

func TestAnswer(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Chat(`{"rules":[]}`)))
	c, _ := client(t, srv.URL)
	got, e := ask(t, c, question())
	if e != nil {
		t.Fatal(e)
	}
	want := chat.Reply{Text: `{"rules":[]}`, Model: "scripted", Finish: "stop", PromptTokens: scripted.PromptTokens, CompletionTokens: scripted.CompletionTokens}
	if got != want {
		t.Errorf("got %+v", got)
	}
	r := srv.Requests()[0]
	a := r.Asked()
	if r.Method != "POST" || r.Path != "/v1/chat/completions" || r.Query != "" || r.Header.Get("Authorization") != "Bearer "+key || r.Header.Get("User-Agent") != "kubeteus" {
		t.Errorf("%s %s?%s %v", r.Method, r.Path, r.Query, r.Header)
	}
	if a.Model != model || a.Stream || len(a.Messages) != 2 || a.Messages[1].Content != question().Messages[1].Content {
		t.Errorf("%s", r.Body)
	}
	if a.ResponseFormat.Type != "json_schema" || !a.ResponseFormat.JSONSchema.Strict || a.ResponseFormat.JSONSchema.Name != "rules" || !bytes.Contains(a.ResponseFormat.JSONSchema.Schema, []byte(`"required"`)) {
		t.Errorf("%s", r.Body)
	}
	if a.Temperature == nil || *a.Temperature != 0 || a.Seed == nil || *a.Seed != 0 || *a.MaxTokens != 4000 || a.MaxCompletionTokens != nil {
		t.Errorf("%s", r.Body)
	}
	if bytes.Contains(r.Body, []byte("cart/one")) || bytes.Contains(r.Body, []byte(key)) {
		t.Errorf("the intent's name or the key left: %s", r.Body)
	}
	if p, n := c.Used(); p != scripted.PromptTokens || n != scripted.CompletionTokens {
		t.Errorf("used %d, %d", p, n)
	}
}

// TestSamples: later samples are independent, the first is not left to chance.
func TestSamples(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Chat("{}")))
	c, _ := client(t, srv.URL, func(o *openai.Options) { o.Temperature = 0.4 })
	for i := range 3 {
		q := question()
		q.Sample = i
		if _, e := ask(t, c, q); e != nil {
			t.Fatal(e)
		}
		a := srv.Requests()[i].Asked()
		if *a.Seed != i || (i == 0) != (*a.Temperature == 0) || i > 0 && *a.Temperature != 0.4 {
			t.Errorf("sample %d: seed %d, temperature %v", i, *a.Seed, *a.Temperature)
		}
	}
}

// TestBody: what --dump prompt shows is what is sent, byte for byte, and showing
// it sends nothing.
func TestBody(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Chat("{}")))
	tests := map[string]func(*openai.Options){
		"openai":    func(*openai.Options) {},
		"reasoning": func(o *openai.Options) { o.Model = "gpt-5-mini" },
		"azure":     func(o *openai.Options) { o.Azure, o.Model, o.BaseURL = true, "my-gpt.4.1", srv.URL },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			c, _ := client(t, srv.URL, change)
			before := len(srv.Requests())
			at, body := c.Body(question())
			if len(srv.Requests()) != before {
				t.Fatal("Body sent something")
			}
			if _, e := ask(t, c, question()); e != nil {
				t.Fatal(e)
			}
			got := srv.Requests()[before]
			sent := srv.URL + got.Path
			if got.Query != "" {
				sent += "?" + got.Query
			}
			if sent != at || !bytes.Equal(got.Body, body) {
				t.Errorf("shown %s\n%s\nsent %s\n%s", at, body, sent, got.Body)
			}
		})
	}
}

func TestAzure(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Chat("{}")))
	c, _ := client(t, srv.URL, func(o *openai.Options) { o.Azure, o.Model, o.BaseURL = true, "gpt-3.5.prod", srv.URL+"/" })
	if _, e := ask(t, c, question()); e != nil {
		t.Fatal(e)
	}
	r := srv.Requests()[0]
	if r.Path != "/openai/deployments/gpt-3.5.prod/chat/completions" || r.Query != "api-version=2024-10-21" || r.Header.Get("Api-Key") != key || r.Header.Get("Authorization") != "" {
		t.Errorf("%s?%s %v", r.Path, r.Query, r.Header)
	}
}

// TestNoKey: a server of one's own needs none, and gets none.
func TestNoKey(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Chat("{}")))
	c, _ := client(t, srv.URL, func(o *openai.Options) { o.Key = "" })
	if _, e := ask(t, c, question()); e != nil {
		t.Fatal(e)
	}
	if _, ok := srv.Requests()[0].Header["Authorization"]; ok {
		t.Error("an Authorization without a key")
	}
}

// TestGitHubModels: the workflow's own token is a bearer token like any other.
func TestGitHubModels(t *testing.T) {
	c, _ := client(t, "", func(o *openai.Options) { o.BaseURL = "https://models.github.ai/inference" })
	if at, _ := c.Body(question()); at != "https://models.github.ai/inference/chat/completions" {
		t.Error(at)
	}
	c, _ = client(t, "", func(o *openai.Options) { o.BaseURL = "" })
	if at, _ := c.Body(question()); at != "https://api.openai.com/v1/chat/completions" {
		t.Error(at)
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name   string
		change func(*openai.Options)
		want   string // "": taken
	}{
		{"loopback", func(o *openai.Options) { o.BaseURL = "http://localhost:11434/v1" }, ""},
		{"loopback address", func(o *openai.Options) { o.BaseURL = "http://[::1]:8080" }, ""},
		{"cleartext", func(o *openai.Options) { o.BaseURL = "http://vllm.models.svc:8000/v1" }, "unencrypted"},
		{"looks like loopback", func(o *openai.Options) { o.BaseURL = "http://localhost.evil.example/v1" }, "unencrypted"},
		{"cleartext is meant", func(o *openai.Options) { o.BaseURL, o.Insecure = "http://vllm.models.svc:8000/v1", true }, ""},
		{"other scheme", func(o *openai.Options) { o.BaseURL = "ftp://x/v1" }, "no http(s) URL"},
		{"no host", func(o *openai.Options) { o.BaseURL = "api.openai.com/v1" }, "no http(s) URL"},
		{"key in the URL", func(o *openai.Options) { o.BaseURL = "https://" + url.QueryEscape(key) + "@x/v1" }, "user or password"},
		{"key in the query", func(o *openai.Options) { o.BaseURL = "https://x/v1?key=" + key }, "more than a base"},
		{"whole path", func(o *openai.Options) { o.BaseURL = "https://x/v1/chat/completions/" }, "more than a base"},
		{"no model", func(o *openai.Options) { o.Model = "" }, "name of a model"},
		{"model of two lines", func(o *openai.Options) { o.Model = "a\nb" }, "name of a model"},
		{"no chat model", func(o *openai.Options) { o.Model = "text-davinci-003" }, "no chat model"},
		{"key with a line break", func(o *openai.Options) { o.Key += "\n" }, "line break"},
		{"azure path", func(o *openai.Options) { o.Azure, o.Model, o.BaseURL = true, "../../x", "https://n.openai.azure.com" }, "deployment"},
		{"azure without a resource", func(o *openai.Options) { o.Azure = true }, "no base URL"},
		{"azure deployment in the URL", func(o *openai.Options) {
			o.Azure, o.Model, o.BaseURL = true, "x", "https://n.openai.azure.com/openai/deployments/x"
		}, "holds a deployment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := openai.Options{Model: model, Key: key, KeyFrom: "KUBETEUS_API_KEY"}
			tt.change(&o)
			_, err := openai.New(o)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*chat.Error](err)
			if !ok || !strings.Contains(e.Message, tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			harmless(t, e)
		})
	}
}
