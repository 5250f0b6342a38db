package openai_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/openai"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

// server refuses what it does not know, in words of its own, and answers what
// is left.
type server struct {
	refuse func(a scripted.Asked, format string) scripted.Reply // nil: it knows all of it
}

func (s server) script(_ int, r scripted.Recorded) scripted.Reply {
	if reply := s.refuse(r.Asked(), r.Format()); reply != nil {
		return reply
	}
	return scripted.Chat(good)
}

// noFormat refuses formats.
func noFormat(status int, body string, formats ...string) server {
	return server{func(_ scripted.Asked, format string) scripted.Reply {
		for _, f := range formats {
			if f == format {
				return scripted.Status(status, body)
			}
		}
		return nil
	}}
}

// shape is a request in short: format, whether the schema is text, limit,
// temperature, seed.
func shape(r scripted.Recorded) string {
	a := r.Asked()
	out := []string{r.Format()}
	if out[0] == "" {
		out[0] = "words"
	}
	if strings.Contains(a.Messages[len(a.Messages)-1].Content, `{"type":"object","properties":{"rules"`) {
		out = append(out, "schema")
	}
	if a.MaxTokens != nil {
		out = append(out, "max_tokens")
	}
	if a.MaxCompletionTokens != nil {
		out = append(out, "max_completion_tokens")
	}
	if a.Temperature != nil {
		out = append(out, "temperature")
	}
	if a.Seed != nil {
		out = append(out, "seed")
	}
	return strings.Join(out, " ")
}

func TestLadder(t *testing.T) {
	const full = "json_schema max_tokens temperature seed"
	tests := []struct {
		name   string
		server server
		model  string
		want   []string // the requests of the first call; the last is the second call's too
	}{
		{"OpenAI's older models", noFormat(400, `{"error":{"message":"Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.","type":"invalid_request_error","param":"response_format","code":null}}`, "json_schema"), "",
			[]string{full, "json_object schema max_tokens temperature seed"}},
		{"OpenAI's strict subset", noFormat(400, `{"error":{"message":"Invalid schema for response_format 'rules': In context=('properties', 'temperature'), 'minimum' is not permitted.","type":"invalid_request_error","param":"response_format","code":null}}`, "json_schema"), "",
			[]string{full, "json_object schema max_tokens temperature seed"}},
		{"Azure's older versions", noFormat(400, `{"error":{"code":"BadRequest","message":"response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later"}}`, "json_schema"), "",
			[]string{full, "json_object schema max_tokens temperature seed"}},
		{"llama.cpp's forks", noFormat(500, `{"error":{"code":500,"message":"response_format type must be one of \"text\" or \"json_object\", but got: json_schema","type":"server_error"}}`, "json_schema"), "",
			[]string{full, "json_object schema max_tokens temperature seed"}},
		{"vLLM's grammars", noFormat(400, `{"error":{"message":"The provided JSON schema contains features not supported by xgrammar.","type":"BadRequestError","param":null,"code":400}}`, "json_schema"), "",
			[]string{full, "json_object schema max_tokens temperature seed"}},
		{"FastAPI", noFormat(422, `{"detail":[{"type":"literal_error","loc":["body","response_format","type"],"msg":"Input should be 'text'","input":"temperature seed max_tokens"}]}`, "json_schema", "json_object"), "",
			[]string{full, "json_object schema max_tokens temperature seed", "words schema max_tokens temperature seed"}},
		{"LM Studio", noFormat(400, `{"error":"'response_format.type' must be 'text'"}`, "json_schema", "json_object"), "",
			[]string{full, "json_object schema max_tokens temperature seed", "words schema max_tokens temperature seed"}},
		{"not implemented", noFormat(501, `structured outputs are not implemented`, "json_schema", "json_object"), "",
			[]string{full, "json_object schema max_tokens temperature seed", "words schema max_tokens temperature seed"}},
		{"no route", noFormat(404, `{"error":{"message":"No endpoints found that support response_format json_schema","code":404}}`, "json_schema"), "",
			[]string{full, "json_object schema max_tokens temperature seed"}},
		{"a reasoning model", server{func(a scripted.Asked, _ string) scripted.Reply {
			switch {
			case a.MaxTokens != nil:
				return scripted.Error(400, "unsupported_parameter", "max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
			case a.Temperature != nil:
				return scripted.Error(400, "unsupported_value", "temperature", "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported.")
			case a.Seed != nil:
				return scripted.Error(400, "", "", "Unknown parameter: 'seed'.")
			}
			return nil
		}}, "", []string{full, "json_schema max_completion_tokens temperature seed", "json_schema max_completion_tokens seed", "json_schema max_completion_tokens"}},
		{"no limit at all", server{func(a scripted.Asked, _ string) scripted.Reply {
			switch {
			case a.MaxTokens != nil:
				return scripted.Error(400, "", "", "Unrecognized request argument supplied: max_tokens")
			case a.MaxCompletionTokens != nil:
				return scripted.Error(400, "", "", "Unrecognized request argument supplied: max_completion_tokens")
			}
			return nil
		}}, "", []string{full, "json_schema max_completion_tokens temperature seed", "json_schema temperature seed"}},
		{"no system turn", server{func(a scripted.Asked, _ string) scripted.Reply {
			if a.Messages[0].Role == "system" {
				return scripted.Error(400, "BadRequestError", "", "System role not supported")
			}
			if len(a.Messages) != 1 || a.Messages[0].Content != "Answer in JSON.\n\n"+question().Messages[1].Content {
				return scripted.Error(500, "", "", "what became of the messages")
			}
			return nil
		}}, "", []string{full, full}},
		{"a model that is known", server{func(scripted.Asked, string) scripted.Reply { return nil }}, "gpt-5-mini",
			[]string{"json_schema max_completion_tokens seed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := start(t, tt.server.script)
			c, n := client(t, srv.URL, func(o *openai.Options) {
				if tt.model != "" {
					o.Model = tt.model
				}
			})
			for range 2 {
				if _, e := ask(t, c, question()); e != nil {
					t.Fatal(e)
				}
			}
			var got []string
			for _, r := range srv.Requests() {
				got = append(got, shape(r))
			}
			want := append(tt.want[:len(tt.want):len(tt.want)], tt.want[len(tt.want)-1])
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if len(n.all()) != 0 {
				t.Errorf("slept %v", n.all())
			}
		})
	}
}

// TestLadderEnds: a server that refuses every form is asked each once.
func TestLadderEnds(t *testing.T) {
	srv := start(t, scripted.Always(scripted.Error(400, "", "", "response_format, max_tokens, max_completion_tokens, temperature and seed are not supported")))
	c, _ := client(t, srv.URL)
	_, e := ask(t, c, question())
	if e == nil || e.Kind != chat.Rejected || len(srv.Requests()) != 3 {
		t.Errorf("%+v after %d requests", e, len(srv.Requests()))
	}
	if got := shape(srv.Requests()[2]); got != "words schema" {
		t.Error(got)
	}
}

// TestLadderHolds: what passes by itself, or is about something else, takes
// nothing away.
func TestLadderHolds(t *testing.T) {
	for name, reply := range map[string]scripted.Reply{
		"429":   scripted.Error(429, "", "", "response_format json_schema is limited: unsupported at this rate"),
		"503":   scripted.Error(503, "", "response_format", "response_format is not supported while loading"),
		"500":   scripted.Error(500, "", "", "crashed in response_format handling"),
		"reset": scripted.Reset(),
		"cut":   scripted.Cut(30, "response_format"),
		"409":   scripted.Error(409, "", "", "json_schema not supported"),
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, scripted.List(reply, scripted.Chat(good)))
			c, _ := client(t, srv.URL)
			if _, e := ask(t, c, question()); e != nil {
				t.Fatal(e)
			}
			for _, r := range srv.Requests() {
				if shape(r) != "json_schema max_tokens temperature seed" {
					t.Error(shape(r))
				}
			}
		})
	}
}

// TestLadderTogether: calls side by side learn the same thing, and none fails
// for it.
func TestLadderTogether(t *testing.T) {
	srv := start(t, noFormat(400, `{"error":{"message":"response_format is not supported"}}`, "json_schema", "json_object").script)
	c, _ := client(t, srv.URL)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			q := question()
			q.Sample = i
			if _, e := ask(t, c, q); e != nil {
				t.Error(e)
			}
		})
	}
	wg.Wait()
	before := len(srv.Requests())
	if _, e := ask(t, c, question()); e != nil || len(srv.Requests()) != before+1 {
		t.Errorf("%v, %d requests more", e, len(srv.Requests())-before)
	}
	if shape(srv.Requests()[before]) != "words schema max_tokens temperature seed" {
		t.Error(shape(srv.Requests()[before]))
	}
}

// TestMessagesAreNotChanged: the schema as text goes into a copy.
func TestMessagesAreNotChanged(t *testing.T) {
	srv := start(t, noFormat(http.StatusBadRequest, `{"error":{"message":"response_format"}}`, "json_schema").script)
	c, _ := client(t, srv.URL)
	q := question()
	before, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if _, e := ask(t, c, q); e != nil {
		t.Fatal(e)
	}
	if after, err := json.Marshal(q); err != nil || string(after) != string(before) {
		t.Errorf("%s, %v", after, err)
	}
}
