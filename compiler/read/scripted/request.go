package scripted

import (
	"encoding/json"
	"slices"
	"strings"
)

// Message is one turn of a request.
type Message struct {
	Role, Content string
}

// Asked is what a test may want to know of a chat request. Pointers are nil
// where the request says nothing.
type Asked struct {
	Model               string    `json:"model"`
	Messages            []Message `json:"messages"`
	MaxTokens           *int      `json:"max_tokens"`
	MaxCompletionTokens *int      `json:"max_completion_tokens"`
	Temperature         *float64  `json:"temperature"`
	Seed                *int      `json:"seed"`
	Stream              bool      `json:"stream"`
	ResponseFormat      *struct {
		Type       string `json:"type"`
		JSONSchema *struct {
			Name   string          `json:"name"`
			Strict bool            `json:"strict"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// Asked decodes the request; the zero value stands for one that is no JSON.
func (r Recorded) Asked() Asked {
	var a Asked
	if json.Unmarshal(r.Body, &a) != nil {
		return Asked{}
	}
	return a
}

// Format is the type of the response_format asked for, "" if none was.
func (r Recorded) Format() string {
	a := r.Asked()
	if a.ResponseFormat == nil {
		return ""
	}
	return a.ResponseFormat.Type
}

// Document returns the JSON object with a "statement" in the last turn of the
// user that holds one, into which v is decoded. Worked examples stand in
// earlier turns, and what went wrong with an answer in later ones.
func (r Recorded) Document(v any) bool {
	for _, m := range slices.Backward(r.Asked().Messages) {
		if m.Role != "user" {
			continue
		}
		if raw := withStatement(m.Content); raw != nil {
			return json.Unmarshal(raw, v) == nil
		}
	}
	return false
}

// Statement returns the statement that the request is about.
func (r Recorded) Statement() (string, bool) {
	var d struct{ Statement string }
	ok := r.Document(&d)
	return d.Statement, ok
}

// withStatement returns the last outermost JSON object in the text that has a
// statement.
func withStatement(text string) json.RawMessage {
	var found json.RawMessage
	for {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			return found
		}
		text = text[i:]
		dec := json.NewDecoder(strings.NewReader(text))
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			text = text[1:]
			continue
		}
		var d struct{ Statement *string }
		if json.Unmarshal(raw, &d) == nil && d.Statement != nil {
			found = raw
		}
		text = text[dec.InputOffset():]
	}
}
