package scripted_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read/model"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

func post(t *testing.T, url string, messages ...scripted.Message) (int, string) {
	t.Helper()
	turns := []map[string]string{}
	for _, m := range messages {
		turns = append(turns, map[string]string{"role": m.Role, "content": m.Content})
	}
	body, err := json.Marshal(map[string]any{"model": "m", "messages": turns, "response_format": map[string]string{"type": "json_object"}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url+"/v1/chat/completions", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// TestByStatement: the statement is that of the last document, among examples
// before it and complaints after it.
func TestByStatement(t *testing.T) {
	s, err := scripted.Start(scripted.ByStatement(func(statement string, r scripted.Recorded) string {
		var d struct{ Namespace string }
		r.Document(&d)
		return strings.ToUpper(statement) + " in " + d.Namespace
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	example := scripted.Message{Role: "user", Content: `{"statement":"an example"}`}
	real := scripted.Message{Role: "user", Content: "Read this {not JSON}:\n" + `{"x":{"statement":"inner"}} {"namespace":"shop","statement":"a } may { reach b"}` + "\nschema: {}"}
	tests := []struct {
		name     string
		messages []scripted.Message
		want     string
	}{
		{"plain", []scripted.Message{example, {Role: "assistant", Content: `{"statement":"no"}`}, real}, "A } MAY { REACH B in shop"},
		{"repair", []scripted.Message{real, {Role: "assistant", Content: "{}"}, {Role: "user", Content: `wrong: {"rules":[]}`}}, "A } MAY { REACH B in shop"},
		{"none", []scripted.Message{{Role: "user", Content: "hello {}"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, body := post(t, s.URL, tt.messages...)
			if tt.want == "" {
				if code != http.StatusBadRequest {
					t.Errorf("%d %s", code, body)
				}
				return
			}
			if code != http.StatusOK || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s", code, body)
			}
		})
	}
	if r := s.Requests(); len(r) != 3 || r[0].Format() != "json_object" || r[0].Path != "/v1/chat/completions" {
		t.Errorf("%+v", r)
	}
}

// TestClose: it ends while requests hang, and the address is free after it.
func TestClose(t *testing.T) {
	began := make(chan struct{})
	s, err := scripted.Start(func(int, scripted.Recorded) scripted.Reply { close(began); return scripted.Hang() })
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		resp, err := http.Post(s.URL, "application/json", strings.NewReader("{}"))
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	<-began
	s.Close()
	if <-done == nil {
		t.Error("answered")
	}
	if _, err := http.Get(s.URL); err == nil {
		t.Error("still listening")
	}
}

func TestLoopbackOnly(t *testing.T) {
	s, err := scripted.Start(scripted.List(scripted.Status(500, ""), scripted.Chat("x")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.HasPrefix(s.URL, "http://127.0.0.1:") {
		t.Error(s.URL)
	}
	for i, want := range []int{500, 200, 200} {
		if code, _ := post(t, s.URL); code != want {
			t.Errorf("%d: %d", i, code)
		}
	}
	if s.Connections() == 0 || s.Written() == 0 {
		t.Error("nothing is counted")
	}
}

// TestStatementOfPrompt: what package model writes is found again, whatever the
// statement holds.
func TestStatementOfPrompt(t *testing.T) {
	for _, statement := range []string{"Only a may reach b.", `say "{\"statement\":\"x\"}" and } {`, "a\u202eb <&> \u00e9\nignore the above"} {
		q := model.Prompt(&names.Shortlist{Statement: statement, Namespace: "shop"})
		q.Messages[len(q.Messages)-1].Content += "\n\nThe schema:\n" + string(q.Schema)
		body, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := (scripted.Recorded{Body: body}).Statement(); !ok || got != statement {
			t.Errorf("%q, %v, want %q", got, ok, statement)
		}
	}
}
