package scripted

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Usage is what Chat and ChatFinish say that they cost.
const (
	PromptTokens     = 700
	CompletionTokens = 60
)

// completion is a whole answer, with fields that a client need not know.
func completion(message map[string]any, finish any) []byte {
	message["role"] = "assistant"
	data, err := json.Marshal(map[string]any{
		"id": "chatcmpl-scripted", "object": "chat.completion", "created": 1700000000, "model": "scripted",
		"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": finish, "logprobs": nil}},
		"usage":   map[string]any{"prompt_tokens": PromptTokens, "completion_tokens": CompletionTokens, "total_tokens": PromptTokens + CompletionTokens, "queue_time": 0.1},
		"x_extra": map[string]any{"id": 1},
	})
	if err != nil {
		return []byte(`{}`) // strings, numbers and maps of them always encode
	}
	return data
}

// JSON answers 200 with a body that is called JSON, whatever it is.
func JSON(body string) Reply { return Status(http.StatusOK, body) }

// Chat is an answer with this text.
func Chat(text string) Reply { return ChatFinish(text, "stop") }

// ChatFinish is an answer that ended for a reason.
func ChatFinish(text, reason string) Reply {
	return JSON(string(completion(map[string]any{"content": text}, reason)))
}

// NoUsage is an answer that does not say what it cost.
func NoUsage(text string) Reply {
	content, err := json.Marshal(text)
	if err != nil {
		content = []byte(`""`)
	}
	return JSON(`{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":` + string(content) + `}}]}`)
}

// Refusal is an answer in which the model declines.
func Refusal(text string) Reply {
	return JSON(string(completion(map[string]any{"content": nil, "refusal": text}, "stop")))
}

// ToolCalls is an answer that calls a tool nobody offered.
func ToolCalls(name, arguments string) Reply {
	call := map[string]any{"id": "call_1", "type": "function", "function": map[string]any{"name": name, "arguments": arguments}}
	return JSON(string(completion(map[string]any{"content": nil, "tool_calls": []any{call}}, "tool_calls")))
}

// NullContent is an answer that says nothing.
func NullContent() Reply {
	return JSON(string(completion(map[string]any{"content": nil}, "stop")))
}

// EmptyChoices is an answer without any.
func EmptyChoices() Reply {
	return JSON(`{"id":"x","object":"chat.completion","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}`)
}

// TwoChoices is an answer with one too many.
func TwoChoices(a, b string) Reply {
	return func(w http.ResponseWriter, r *http.Request) {
		one, err := json.Marshal([]any{
			map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": a}},
			map[string]any{"index": 1, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": b}},
		})
		if err == nil {
			JSON(`{"choices":`+string(one)+`}`)(w, r)
		}
	}
}

// Status answers with a code and a body that is called JSON. Headers are pairs
// of name and value; Content-Type may be one of them.
func Status(code int, body string, headers ...string) Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // a client that went away is part of the test
	}
}

// Error answers as OpenAI does.
func Error(code int, kind, param, message string, headers ...string) Reply {
	data, err := json.Marshal(map[string]any{"error": map[string]any{"message": message, "type": "error", "param": param, "code": kind}})
	if err != nil {
		data = []byte(`{}`)
	}
	return Status(code, string(data), headers...)
}

// HTML answers as a proxy or a login page does.
func HTML(code int, body string) Reply {
	return Status(code, "<!DOCTYPE html><html><body>"+body+"</body></html>", "Content-Type", "text/html; charset=utf-8")
}

// Redirect sends the client elsewhere.
func Redirect(code int, to string) Reply { return Status(code, "", "Location", to) }

// Echo answers with a status and what the client sent as its credentials, as a
// careless or hostile server does.
func Echo(code int) Reply {
	return func(w http.ResponseWriter, r *http.Request) {
		said := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("Api-Key")
		if code == http.StatusOK {
			Chat(said)(w, r)
			return
		}
		Error(code, said, said, "you sent "+said)(w, r)
	}
}

// Stream answers with server-sent events, although none were asked for.
func Stream(text string) Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, word := range strings.Fields(text) {
			fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%q}}]}\n\n", word)
		}
		fmt.Fprint(w, "data: [DONE]\n\n")
	}
}

// Late waits before the first byte.
func Late(d time.Duration, then Reply) Reply {
	return func(w http.ResponseWriter, r *http.Request) {
		if wait(r, d) {
			then(w, r)
		}
	}
}

// Trickle sends the header at once and then n bytes, one at a time.
func Trickle(step time.Duration, n int) Reply {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(n))
		flush := http.NewResponseController(w)
		for range n {
			if _, err := w.Write([]byte(" ")); err != nil || flush.Flush() != nil || !wait(r, step) {
				return
			}
		}
	}
}

// Hang never answers: it lasts until the client gives up.
func Hang() Reply {
	return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
}

// wait returns false if the client is gone before d has passed.
func wait(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// Huge answers with this many bytes of one JSON string.
func Huge(bytes int) Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write([]byte(`{"choices":[{"message":{"content":"`)); err != nil {
			return
		}
		chunk := []byte(strings.Repeat("a", 64<<10))
		for n := 0; n < bytes; n += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		_, _ = w.Write([]byte(`"}}]}`)) // likewise
	}
}

// Cut promises the whole answer, sends so many bytes of it and closes the
// connection.
func Cut(after int, text string) Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		body := completion(map[string]any{"content": text}, "stop")
		conn, ok := hijack(w)
		if !ok {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:min(after, len(body))])
	}
}

// Reset breaks the connection before any answer.
func Reset() Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, ok := hijack(w)
		if !ok {
			return
		}
		if c, ok := conn.(*net.TCPConn); ok {
			_ = c.SetLinger(0) // close with RST; if that fails, close with FIN
		}
		_ = conn.Close()
	}
}

func hijack(w http.ResponseWriter) (net.Conn, bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	return conn, err == nil
}
