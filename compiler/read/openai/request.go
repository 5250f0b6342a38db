package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	api "github.com/sashabaranov/go-openai"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// asText goes before the schema where the server takes none.
const asText = "\n\nAnswer with one JSON document and nothing else. It has to satisfy this JSON Schema:\n"

// request says r in a dialect. Temperature is not in it, see wire.
func (c *Client) request(d dialect, r chat.Request) api.ChatCompletionRequest {
	out := api.ChatCompletionRequest{Model: c.o.Model}
	for _, m := range turns(d, r.Messages) {
		out.Messages = append(out.Messages, api.ChatCompletionMessage{Role: m.Role, Content: m.Content})
	}
	switch d.limit {
	case maxTokens:
		//lint:ignore SA1019 only OpenAI deprecates it: many servers know no other
		out.MaxTokens = c.o.MaxAnswer
	case maxCompletionTokens:
		out.MaxCompletionTokens = c.o.MaxAnswer
	}
	if !d.noSeed {
		out.Seed = &r.Sample
	}
	if len(r.Schema) == 0 {
		return out
	}
	switch d.form {
	case asSchema:
		out.ResponseFormat = &api.ChatCompletionResponseFormat{
			Type:       api.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &api.ChatCompletionResponseFormatJSONSchema{Name: r.SchemaName, Schema: r.Schema, Strict: true},
		}
		return out
	case asObject:
		out.ResponseFormat = &api.ChatCompletionResponseFormat{Type: api.ChatCompletionResponseFormatTypeJSONObject}
	}
	if n := len(out.Messages); n > 0 {
		out.Messages[n-1].Content += asText + compact(r.Schema)
	}
	return out
}

// turns are the messages, with the system's part of the user's first turn where
// the model takes no other.
func turns(d dialect, messages []chat.Message) []chat.Message {
	i := slices.IndexFunc(messages, func(m chat.Message) bool { return m.Role == "user" })
	if !d.noSystem || i < 0 {
		return messages
	}
	var out []chat.Message
	var system strings.Builder
	for j, m := range messages {
		switch {
		case m.Role == "system":
			system.WriteString(m.Content + "\n\n")
		case j == i:
			out = append(out, chat.Message{Role: m.Role, Content: system.String() + m.Content})
		default:
			out = append(out, m)
		}
	}
	return out
}

func compact(schema json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, schema) != nil {
		return string(schema)
	}
	return b.String()
}

// wire is the request as it is sent. go-openai leaves out a temperature of 0,
// and what it advises instead, the smallest float, is not 0 everywhere: vLLM
// raises everything between 0 and 0.01 to 0.01. Without any, servers use 1.
type wire struct {
	api.ChatCompletionRequest
	Temperature *float32 `json:"temperature,omitempty"`
}

func (c *Client) encode(d dialect, r chat.Request) ([]byte, error) {
	w := wire{ChatCompletionRequest: c.request(d, r)}
	if !d.noTemperature {
		var t float32
		if r.Sample > 0 {
			t = c.o.Temperature
		}
		w.Temperature = &t
	}
	return json.Marshal(w)
}

// maxBody is what is read of one answer: far more than any that is short enough
// to be rules, and little enough to be read for eight calls at once.
const maxBody = 8 << 20

// errDry ends a dry run before anything is sent.
var errDry = errors.New("dry run")

// exchange is one request and its answer, as go-openai's HTTP client. It puts
// the encoded body in place, and lets through to go-openai's decoder what is
// whole, not too large, and one JSON document; the rest is a *failure.
type exchange struct {
	client *Client
	body   []byte
	dry    bool
	url    string
}

// Do implements api.HTTPDoer.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	c := x.client
	x.url = req.URL.String()
	if x.dry {
		return nil, errDry
	}
	req.Header.Set("User-Agent", "kubeteus")
	req.ContentLength = int64(len(x.body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
	req.Body = io.NopCloser(bytes.NewReader(x.body))

	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(req.Context(), err, false)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, c.broken(req.Context(), err, true)
	case len(data) > maxBody:
		return nil, c.malformed("an answer of more than 8 MiB", hintBase)
	case resp.StatusCode < 200 || resp.StatusCode >= 300:
		return nil, c.refused(resp.StatusCode, resp.Header, data)
	}
	if f := c.inspect(resp.Header, data); f != nil {
		return nil, f
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return resp, nil
}
