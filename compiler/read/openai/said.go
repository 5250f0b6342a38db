package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// speech is what a server says went wrong, in raw words.
type speech struct {
	message, param, code string
	html                 bool
}

// words is the whole of it, for looking things up.
func (s speech) words() string {
	return strings.ToLower(s.param + " " + s.code + " " + s.message)
}

// listen finds the words in an error's body. Servers agree on little:
//
//	{"error":{"message","param","type","code"}}     OpenAI, Azure, GitHub Models, llama.cpp, vLLM, Ollama
//	{"error":"text"}                                LM Studio, Ollama's older versions
//	{"object":"error","message","param","code"}     older vLLM, Mistral
//	{"detail":"text"}, {"detail":[{"loc","msg"}]}   whatever is built on FastAPI
//
// What FastAPI repeats of the input is left out: it is the statement, and not
// the server's words.
func listen(h http.Header, body []byte) speech {
	body = bytes.TrimSpace(body)
	if isHTML(h, body) {
		return speech{html: true}
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil {
		return speech{message: short(string(body))}
	}
	fields := top
	if inner, ok := top["error"]; ok && json.Unmarshal(inner, &fields) != nil {
		return speech{message: short(text(inner))}
	}
	s := speech{message: text(fields["message"]), param: text(fields["param"]), code: text(fields["code"])}
	if kind := text(fields["type"]); kind != "" {
		s.code = strings.TrimSpace(s.code + " " + kind)
	}
	if inner, ok := fields["innererror"]; ok {
		var e struct{ Code string }
		if json.Unmarshal(inner, &e) == nil {
			s.code += " " + e.Code
		}
	}
	if s.message == "" {
		s.message = detail(fields["detail"])
	}
	return speech{message: short(s.message), param: short(s.param), code: short(s.code)}
}

// short is enough to look things up in. What is shown is shorter still.
func short(words string) string { return words[:min(len(words), 4096)] }

// text reads a string, a number, or a list of strings.
func text(raw json.RawMessage) string {
	var s string
	var many []string
	var n json.Number
	switch {
	case len(raw) == 0:
		return ""
	case json.Unmarshal(raw, &s) == nil:
		return s
	case json.Unmarshal(raw, &many) == nil:
		return strings.Join(many, ", ")
	case json.Unmarshal(raw, &n) == nil:
		return n.String()
	}
	return ""
}

func detail(raw json.RawMessage) string {
	if s := text(raw); s != "" {
		return s
	}
	var list []struct {
		Loc []any
		Msg string
	}
	if json.Unmarshal(raw, &list) != nil {
		return ""
	}
	var out []string
	for _, d := range list[:min(len(list), 5)] {
		var at []string
		for _, l := range d.Loc {
			at = append(at, fmt.Sprint(l))
		}
		out = append(out, strings.Join(at, ".")+": "+d.Msg)
	}
	return strings.Join(out, "; ")
}

func isHTML(h http.Header, body []byte) bool {
	return strings.Contains(strings.ToLower(h.Get("Content-Type")), "html") || bytes.HasPrefix(body, []byte("<"))
}
