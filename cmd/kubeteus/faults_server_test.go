package main

import (
	"strings"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

// serverFaults are a server's: no answer comes, or not at once. thief is where a
// redirect leads, nowhere a port that nothing listens on.
func serverFaults(thief, nowhere string) []fault {
	always := scripted.Always
	quick := []string{"--call-timeout", "300ms"}
	both := func(r scripted.Reply) scripted.Script { return sometimes(r, r) }
	unauthorized := "the key is in KUBETEUS_API_KEY"
	return []fault{
		// The key, the model, the address.
		{name: "401", script: always(scripted.Error(401, "invalid_api_key", "", "Incorrect API key provided: "+faultKey)), outcome: unasked, id: diag.ReadUnasked, says: "401", hint: unauthorized},
		{name: "403", script: always(scripted.Error(403, "", "", "no")), outcome: unasked, id: diag.ReadUnasked, says: "403", hint: unauthorized},
		{name: "404, no such model", script: always(scripted.Error(404, "model_not_found", "model", "The model `scripted` does not exist")), outcome: unasked, id: diag.ReadUnasked, says: "no chat model scripted", hint: "the model's name"},
		{name: "404, no such path", script: always(scripted.HTML(404, "Not Found")), outcome: unasked, id: diag.ReadUnasked, says: "404", hint: "base URL"},
		{name: "redirect to another host", script: always(scripted.Redirect(307, thief+"/v1/chat/completions")), outcome: unasked, id: diag.ReadUnasked, says: thief, hint: "write the new base URL"},
		{name: "connection refused", script: sometimes(), base: nowhere + "/v1", outcome: unasked, id: diag.ReadUnasked, says: "connection refused", hint: "base URL", asked: -1},
		{name: "TLS, a certificate nobody vouches for", script: sometimes(), tls: true, outcome: unasked, id: diag.ReadUnasked, says: "certificate", hint: "authority", asked: -1},
		{name: "a key in the base URL", script: sometimes(), base: "https://user:" + strings.ReplaceAll(faultKey, "/", "%2F") + "@127.0.0.1/v1", outcome: misusedAt, asked: -1},
		{name: "plain http to another machine", script: sometimes(), base: "http://model.example/v1", outcome: misusedAt, asked: -1},

		// Limits and failures that pass, and that do not.
		{name: "429, Retry-After 1, heals", script: both(scripted.Error(429, "", "", "slow down", "Retry-After", "1")), outcome: taken, asked: 4},
		{name: "429 without Retry-After, heals", script: both(scripted.Error(429, "", "", "slow down")), outcome: taken, asked: 4},
		{name: "429 for ever", script: always(scripted.Error(429, "", "", "slow down")), outcome: unasked, id: diag.ReadUnasked, says: "429", hint: "what was read so far is kept"},
		{name: "429, the day's limit", script: always(scripted.Error(429, "RateLimitReached", "", "limit of 150 per day", "Retry-After", "52220")), outcome: unasked, id: diag.ReadUnasked, says: "429", hint: "run it again when the limit is over"},
		{name: "429, no money", script: always(scripted.Error(429, "insufficient_quota", "", "You exceeded your current quota")), outcome: unasked, id: diag.ReadUnasked, says: "quota", hint: "use another model"},
		{name: "500, heals", script: both(scripted.Status(500, "")), outcome: taken, asked: 4},
		{name: "502 with a web page, heals", script: both(scripted.HTML(502, "Bad Gateway")), outcome: taken, asked: 4},
		{name: "500 for ever", script: always(scripted.Status(500, "")), outcome: unasked, id: diag.ReadUnasked, says: "500", hint: "run it again later"},
		{name: "connection reset, heals", script: both(scripted.Reset()), outcome: taken},
		{name: "connection reset for ever", script: always(scripted.Reset()), outcome: unasked, id: diag.ReadUnasked, says: "no connection", hint: "base URL"},
		{name: "400, no response_format, falls back", script: fallback, outcome: taken},

		// Bodies.
		{name: "slow first byte", script: always(scripted.Late(time.Minute, scripted.Chat(right[permit]))), flags: quick, outcome: unasked, id: diag.ReadUnasked, says: "within 300ms", hint: "more time"},
		{name: "slow body", script: always(scripted.Trickle(20*time.Millisecond, 1<<20)), flags: quick, outcome: unasked, id: diag.ReadUnasked, says: "within 300ms", hint: "more time"},
		{name: "body cut in the middle, heals", script: both(scripted.Cut(120, right[permit])), outcome: taken, asked: 4},
		{name: "body cut in the middle for ever", script: always(scripted.Cut(120, right[permit])), outcome: unasked, id: diag.ReadUnasked, says: "cut its answer short", hint: "try again"},
		{name: "50 MB body", script: always(scripted.Huge(50 << 20)), outcome: unasked, id: diag.ReadUnasked, says: "8 MiB", more: func(t *testing.T, r result) {
			if n := r.server.Written(); n > 60<<20 {
				t.Errorf("%d bytes of two answers were taken", n)
			}
		}},
		{name: "a stream instead of a body", script: always(scripted.Stream(right[permit])), outcome: unasked, id: diag.ReadUnasked, says: "a stream", hint: "streaming off"},
		{name: "a web page", script: always(scripted.HTML(200, "Sign in")), outcome: unasked, id: diag.ReadUnasked, says: "a web page", hint: "base URL"},
		{name: "an empty body", script: always(scripted.JSON("")), outcome: unasked, id: diag.ReadUnasked, says: "an empty answer"},
		{name: "an error in a 200", script: always(scripted.JSON(`{"error":{"message":"upstream is gone"}}`)), outcome: unasked, id: diag.ReadUnasked, says: "upstream is gone"},

		// Answers that are none.
		{name: "empty choices", script: always(scripted.EmptyChoices()), outcome: unasked, id: diag.ReadUnasked, says: "without choices"},
		{name: "two choices", script: always(scripted.TwoChoices(right[permit], right[permit])), outcome: unasked, id: diag.ReadUnasked, says: "several choices"},
		{name: "null content", script: always(scripted.NullContent()), outcome: unasked, id: diag.ReadUnasked, says: "without text"},
		{name: "finish_reason length", script: always(scripted.ChatFinish(right[permit], "length")), outcome: unasked, id: diag.ReadUnasked, says: "ends in the middle", hint: "say less"},
		{name: "finish_reason content_filter", script: always(scripted.ChatFinish(right[permit], "content_filter")), outcome: unasked, id: diag.ReadUnasked, says: "filtered", hint: "in other words"},
		{name: "a refusal", script: always(scripted.Refusal("I cannot help with that.")), outcome: unasked, id: diag.ReadUnasked, says: "I cannot help with that.", hint: "in other words"},
		{name: "tool calls nobody asked for", script: always(scripted.ToolCalls("apply_policy", right[permit])), outcome: unasked, id: diag.ReadUnasked, says: "a tool call", hint: "tools off"},

		// The key, said back.
		{name: "the key in a 400", script: always(scripted.Echo(400)), outcome: unasked, id: diag.ReadUnasked, says: "[key]"},
		{name: "the key as an answer", script: always(scripted.Echo(200)), outcome: refused, id: diag.ReadAnswer},

		// The run's own limits.
		{name: "--max-tokens too small for a question", script: sometimes(), flags: []string{"--max-tokens", "100"}, outcome: unasked, id: diag.ReadUnasked, says: "budget of 100 tokens", hint: "larger budget", asked: -1},
		{name: "--time-limit", script: always(scripted.Hang()), flags: []string{"--time-limit", "500ms"}, outcome: ended, more: func(t *testing.T, r result) {
			if !strings.Contains(r.stderr, "longer than --time-limit 500ms; nothing was written") || !strings.Contains(r.stderr, "hint: run it again") || r.took > 5*time.Second {
				t.Errorf("after %s: %s", r.took, r.stderr)
			}
		}},
	}
}

// fallback is a server that knows neither JSON Schema nor JSON mode.
func fallback(n int, r scripted.Recorded) scripted.Reply {
	if r.Format() != "" {
		return scripted.Error(400, "unsupported_parameter", "response_format", "response_format is not supported")
	}
	return sometimes()(n, r)
}
