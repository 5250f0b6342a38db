package replay

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// completer is a function that answers.
type completer func(context.Context, chat.Request) (chat.Reply, error)

func (f completer) Complete(ctx context.Context, r chat.Request) (chat.Reply, error) {
	return f(ctx, r)
}

func request(intent, system, user string) chat.Request {
	return chat.Request{Intent: intent, SchemaName: "rules", Schema: json.RawMessage(`{"type":"object"}`),
		Messages: []chat.Message{{Role: "system", Content: system}, {Role: "user", Content: user}}}
}

func folder(t *testing.T) (string, *os.Root) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return dir, root
}

// record answers every request with the reply, and keeps both.
func record(t *testing.T, root *os.Root, reply chat.Reply, requests ...chat.Request) {
	t.Helper()
	r := Record(root, completer(func(context.Context, chat.Request) (chat.Reply, error) { return reply, nil }))
	for _, q := range requests {
		if got, err := r.Complete(t.Context(), q); err != nil || got != reply {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestFile(t *testing.T) {
	dir, root := folder(t)
	q := request("shop/cart-from-shop", "You read statements.\nAnswer with JSON.\n", "Statement: \"Only web may reach cart.\"\n\nWorkloads:\n- shop/web\n")
	record(t, root, chat.Reply{Text: "{\n  \"outcome\": \"rules\"\n}", Model: "m-1", Finish: "stop", PromptTokens: 812, CompletionTokens: 40}, q)
	files := list(t, dir)
	if len(files) != 1 {
		t.Fatal(files)
	}
	const want = `# What a model was asked about an intent, and its answer. Recorded by kubeteus compile --record.
apiVersion: kubeteus.dev/v1alpha1
kind: Recording
intent: shop/cart-from-shop
sample: 0
schema: {name: rules, digest: 'sha256:a2c799262a3ce3c19ef5cdd983bf3d12b43ab3c426227091b909dcb7054738c0'}
messages:
  - role: system
    content: |
      You read statements.
      Answer with JSON.
  - role: user
    content: |
      Statement: "Only web may reach cart."

      Workloads:
      - shop/web
reply:
  text: |-
    {
      "outcome": "rules"
    }
  model: m-1
  finish: stop
  promptTokens: 812
  completionTokens: 40
`
	data, err := os.ReadFile(filepath.Join(dir, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != want {
		t.Errorf("got\n%s", data)
	}
	if !strings.HasPrefix(files[0], "shop--cart-from-shop-") || len(files[0]) != len("shop--cart-from-shop-.yaml")+digits {
		t.Error(files[0])
	}
	info, err := os.Stat(filepath.Join(dir, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	// A second run writes the same bytes, which is to say nothing.
	record(t, root, chat.Reply{Text: "{\n  \"outcome\": \"rules\"\n}", Model: "m-1", Finish: "stop", PromptTokens: 812, CompletionTokens: 40}, q)
	again, err := os.Stat(filepath.Join(dir, files[0]))
	if err != nil || !os.SameFile(info, again) || len(list(t, dir)) != 1 {
		t.Errorf("the file was written again: %v, %v", list(t, dir), err)
	}
	// Another answer replaces it.
	record(t, root, chat.Reply{Text: "other"}, q)
	replies, err := Open(root.FS())
	if err != nil || replies.Len() != 1 {
		t.Fatal(err)
	}
	if got, err := replies.Complete(t.Context(), q); err != nil || got.Text != "other" {
		t.Errorf("%+v %v", got, err)
	}
}

// texts are hard to write as YAML, and come back all the same.
var texts = []string{"", "x", "true", "123", "1e3", "null", "~", "yes", "a: b", "- a", "#x", " leading", "trailing ", "\n", "\n\n", "a\n", "\na", "a\r\nb", "a\rb", "\ttab", "a\n\tb\n",
	"a \nb", "  a\nb\n", "---\n", "a\n---\nb", "...", "é \u2028 \u0085 \ufeff", "\x00\x07\x1b[31m\x7f", "'\"\\", "%TAG", "!!binary x", "&a *a", "{\"a\": [1, 2]}", strings.Repeat("long ", 500), "\ufeffa\nb"}

func TestRoundTrip(t *testing.T) {
	_, root := folder(t)
	for _, text := range texts {
		record(t, root, chat.Reply{Text: "t" + text, Model: text, Finish: "stop"}, request("s/"+text, text, text))
	}
	replies, err := Open(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		got, err := replies.Complete(t.Context(), request("s/"+text, text, text))
		if want := (chat.Reply{Text: "t" + text, Model: text, Finish: "stop"}); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	if replies.Len() != len(texts) {
		t.Errorf("%d recordings", replies.Len())
	}
}

func TestFileNames(t *testing.T) {
	for intent, want := range map[string]string{
		"shop/a": "shop--a-", "a": "a-", "": "unnamed-", "../../etc/passwd": "unnamed--etc-passwd-", "a/b/c": "a--b-c-", "/": "unnamed-", "..": "unnamed-",
		"a b\x00/\u202ec": "a-b--c-", "s/" + strings.Repeat("n", 300): "s--" + strings.Repeat("n", maxName) + "-", ".hidden/x": "hidden--x-", "CON:/x": "CON--x-",
	} {
		name := of(request(intent, "s", "u"), chat.Reply{}).name()
		if !strings.HasPrefix(name, want) || len(name) != len(want)+digits+len(".yaml") || filepath.Base(name) != name {
			t.Errorf("%q: %q, want %q...", intent, name, want)
		}
	}
}

func TestErrorsAreNotRecorded(t *testing.T) {
	dir, root := folder(t)
	want := &chat.Error{Kind: chat.RateLimited, Message: "slow down"}
	r := Record(root, completer(func(context.Context, chat.Request) (chat.Reply, error) { return chat.Reply{}, want }))
	if _, err := r.Complete(t.Context(), request("s/i", "s", "u")); err != want {
		t.Error(err)
	}
	if files := list(t, dir); len(files) > 0 || r.Err() != nil {
		t.Errorf("%v %v", files, r.Err())
	}
}

func TestSecrets(t *testing.T) {
	const key = "sk-Te/st+key==1234567890"
	forms := []string{key, url.QueryEscape(key), url.PathEscape(key), base64.StdEncoding.EncodeToString([]byte(key)), base64.RawURLEncoding.EncodeToString([]byte(key))}
	dir, root := folder(t)
	reply := chat.Reply{Text: "you sent " + strings.Join(forms, " and "), Model: "m" + key, Finish: key}
	r := Record(root, completer(func(_ context.Context, q chat.Request) (chat.Reply, error) {
		if !strings.Contains(q.Messages[1].Content, key) {
			t.Error("what is asked must be left alone")
		}
		return reply, nil
	}), "", "abc", key)
	got, err := r.Complete(t.Context(), request("s/"+key, "abc", "Bearer "+key))
	if err != nil || got != reply || r.Err() != nil {
		t.Fatalf("%+v %v %v", got, err, r.Err())
	}
	files := list(t, dir)
	if len(files) != 1 {
		t.Fatal(files)
	}
	data, err := os.ReadFile(filepath.Join(dir, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(forms, "Te-st") {
		if strings.Contains(files[0]+string(data), f) {
			t.Errorf("%s is in\n%s\n%s", f, files[0], data)
		}
	}
	if !strings.Contains(string(data), "Bearer [removed]") || !strings.Contains(string(data), "abc") {
		t.Errorf("%s", data)
	}
}

// TestUnrecorded: what is not recorded gets no answer, and a reason.
func TestUnrecorded(t *testing.T) {
	_, root := folder(t)
	base := request("shop/a", "system", "Statement: x\nWorkloads: y\n")
	other := request("shop/b", "system", "Statement: z\n")
	turn := base
	turn.Messages = append(turn.Messages[:2:2], chat.Message{Role: "assistant", Content: "1"}, chat.Message{Role: "user", Content: "wrong: p"})
	record(t, root, chat.Reply{Text: "a"}, base, turn)
	record(t, root, chat.Reply{Text: "b"}, other)
	replies, err := Open(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	edit := func(q chat.Request, f func(*chat.Request)) chat.Request {
		q.Messages = append([]chat.Message(nil), q.Messages...)
		f(&q)
		return q
	}
	for _, tt := range []struct {
		ask  chat.Request
		want string
	}{
		{request("shop/new", "system", "n"), "nothing is recorded about intent shop/new"},
		{request("shop/a", "system", "Statement: x\nWorkloads: y and z\n"), "the statement or the inventory changed since; the questions differ from line 2 of the user's words on"},
		{request("shop/a", "System", "Statement: x\nWorkloads: y\n"), "the prompt's template changed since"},
		{edit(base, func(q *chat.Request) { q.Sample = 2 }), "answer 3 to the same question is asked for, and answer 1 is recorded"},
		{edit(base, func(q *chat.Request) { q.Schema = json.RawMessage(`{}`) }), "the schema of the answer changed since"},
		{edit(turn, func(q *chat.Request) { q.Messages[3].Content = "wrong: q" }), "the conversation about it took another turn"},
		{edit(turn, func(q *chat.Request) { q.Messages = append(q.Messages, chat.Message{Role: "assistant"}) }), "goes on for longer now"},
		{edit(other, func(q *chat.Request) { q.Messages = q.Messages[:1] }), "only later turns"},
	} {
		reply, err := replies.Complete(t.Context(), tt.ask)
		var e *chat.Error
		if !errors.As(err, &e) || e.Kind != chat.Unrecorded || !strings.Contains(e.Message, tt.want) || !strings.Contains(e.Hint, "--record") || reply != (chat.Reply{}) {
			t.Errorf("want %q, got %+v %v", tt.want, reply, err)
		}
	}
	for _, q := range []chat.Request{base, turn} {
		if got, err := replies.Complete(t.Context(), q); err != nil || got.Text != "a" {
			t.Errorf("%+v %v", got, err)
		}
	}
	// The intent's name is never sent: the same question has the same answer.
	renamed := base
	renamed.Intent = "shop/renamed"
	if got, err := replies.Complete(t.Context(), renamed); err != nil || got.Text != "a" {
		t.Errorf("%+v %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := replies.Complete(ctx, base); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestSameQuestion: two intents may ask the same, and each has its own answer.
func TestSameQuestion(t *testing.T) {
	dir, root := folder(t)
	a, b := request("s/a", "s", "u"), request("s/b", "s", "u")
	record(t, root, chat.Reply{Text: "a"}, a)
	record(t, root, chat.Reply{Text: "b"}, b)
	replies, err := Open(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []chat.Request{a, b} {
		if got, err := replies.Complete(t.Context(), q); err != nil || "s/"+got.Text != q.Intent {
			t.Errorf("%s: %+v %v", q.Intent, got, err)
		}
	}
	// A copy of a file says nothing new, or contradicts it.
	data, err := os.ReadFile(filepath.Join(dir, list(t, dir)[0]))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "zz.yaml"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(root.FS()); err == nil || !strings.Contains(err.Error(), "zz.yaml: the same question about the same intent as in s--a-") {
		t.Error(err)
	}
}

const good = `apiVersion: kubeteus.dev/v1alpha1
kind: Recording
intent: s/i
sample: 0
schema: {name: n, digest: d}
messages:
- {role: user, content: q}
reply: {text: a}
`

func TestRefused(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "f.yaml:1: the file is empty"},
		{"comment", "# x\n", "the file is empty"},
		{"scalar", "x", "f.yaml:1:1: a recording is a mapping"},
		{"yaml", "a: b: c\n", "f.yaml:1: not YAML"},
		{"two", good + "---\n" + good, "a second YAML document"},
		{"kind", replace("Recording", "Lock"), "f.yaml:1:1: not a recording that this version reads"},
		{"unknown", good + "more: 1\n", `f.yaml:9:1: unknown key "more" in a recording`},
		{"twice", good + "sample: 1\n", `key "sample" of a recording given twice`},
		{"missing", replace("sample: 0\n", ""), `missing key "sample"`},
		{"sample", replace("sample: 0", "sample: -1"), "f.yaml:4:9: not a number from 0"},
		{"float", replace("sample: 0", "sample: 0.5"), "not a number"},
		{"large", replace("sample: 0", "sample: 99999999999"), "not a number"},
		{"number", replace("text: a", "text: 1"), "f.yaml:8:15: not a string: quote it"},
		{"null", replace("text: a", "text: null"), "not a string"},
		{"role", replace("role: user", "role: tool"), `f.yaml:7:10: unknown role "tool"`},
		{"none", replace("- {role: user, content: q}", "  []"), "not empty"},
		{"messages", replace("- {role: user, content: q}", "  x"), "messages are a list"},
		{"message", replace("{role: user, content: q}", "x"), "a message is a mapping"},
		{"extra", replace("content: q", "content: q, name: x"), `unknown key "name" in a message`},
		{"schema", replace("{name: n, digest: d}", "[]"), "the schema is a mapping"},
		{"anchor", replace("text: a", "text: &x a"), "not a string"},
		{"alias", replace("{name: n, digest: d}", "&x {name: n, digest: d}") + "x: *x\n", "unknown key"},
		{"tag", replace("text: a", "text: !!binary YQ=="), "not a string"},
		{"key", replace("text: a", "? [a] : b"), "unknown key"},
		{"bytes", replace("text: a", "text: \xff"), "not UTF-8"},
		{"huge", good + "#" + strings.Repeat("x", maxFile), "larger than"},
		{"bomb", "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n", "unknown key"},
		{"deep", strings.Repeat("[", 20000), "f.yaml:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			replies, err := Open(fstest.MapFS{"f.yaml": {Data: []byte(tt.text)}})
			var f *FileError
			if replies != nil || !errors.As(err, &f) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Open(fstest.MapFS{"f.yaml": {Data: []byte(good)}}); err != nil {
		t.Errorf("the file that the others are made of: %v", err)
	}
}

func TestFolder(t *testing.T) {
	// What is no recording is left alone.
	files := fstest.MapFS{"README.md": {Data: []byte("x")}, ".hidden.yaml": {Data: []byte("x")}, ".tmp-1": {Data: []byte("x")},
		"sub/f.yaml": {Data: []byte("x")}, "f.yaml": {Data: []byte(good)}}
	replies, err := Open(files)
	if err != nil || replies.Len() != 1 {
		t.Fatalf("%v", err)
	}
	for name, f := range map[string]*fstest.MapFile{
		"link": {Data: []byte("f.yaml"), Mode: fs.ModeSymlink}, "pipe": {Mode: fs.ModeNamedPipe}, "folder": {Mode: fs.ModeDir},
	} {
		_, err := Open(fstest.MapFS{"f.yaml": {Data: []byte(good)}, "g.yaml": f})
		if err == nil || !strings.Contains(err.Error(), "g.yaml: not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Every broken file is named, up to a limit.
	many := fstest.MapFS{}
	for i := range 30 {
		many[fmt.Sprintf("%02d.yaml", i)] = &fstest.MapFile{Data: []byte("x")}
	}
	if _, err := Open(many); err == nil || strings.Count(err.Error(), "\n") != maxBad-1 || !strings.Contains(err.Error(), "03.yaml:1:1: ") {
		t.Errorf("%v", err)
	}
	if _, err := Open(os.DirFS(filepath.Join(t.TempDir(), "none"))); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestHostileFolder: what is in the way of a recording costs the recording, and
// nothing else.
func TestHostileFolder(t *testing.T) {
	dir, root := folder(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	q := request("s/i", "s", "u")
	name := filepath.Join(dir, of(q, chat.Reply{}).name())
	if err := os.Symlink(outside, name); err != nil {
		t.Fatal(err)
	}
	record(t, root, chat.Reply{Text: "a"}, q) // replaces the link
	if data, err := os.ReadFile(outside); err != nil || string(data) != "mine" {
		t.Errorf("%q %v", data, err)
	}
	if err := errors.Join(os.Remove(name), os.MkdirAll(filepath.Join(name, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	r := Record(root, completer(func(context.Context, chat.Request) (chat.Reply, error) { return chat.Reply{Text: "b"}, nil }))
	for range 2 {
		if got, err := r.Complete(t.Context(), q); err != nil || got.Text != "b" {
			t.Errorf("%+v %v", got, err)
		}
	}
	if r.Err() == nil || !strings.Contains(r.Err().Error(), "recording the answer about s/i") {
		t.Error(r.Err())
	}
	if files := list(t, dir); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
	bad := Record(root, completer(func(context.Context, chat.Request) (chat.Reply, error) { return chat.Reply{Text: "\xff"}, nil }))
	if got, err := bad.Complete(t.Context(), q); err != nil || got.Text != "\xff" || bad.Err() == nil || !strings.Contains(bad.Err().Error(), "bytes that no text file") {
		t.Errorf("%+v %v %v", got, err, bad.Err())
	}
	huge := Record(root, completer(func(context.Context, chat.Request) (chat.Reply, error) {
		return chat.Reply{Text: strings.Repeat("x", maxFile)}, nil
	}))
	if _, err := huge.Complete(t.Context(), q); err != nil || huge.Err() == nil || !strings.Contains(huge.Err().Error(), "larger than") {
		t.Errorf("%v %v", err, huge.Err())
	}
}

func TestSideBySide(t *testing.T) {
	_, root := folder(t)
	r := Record(root, completer(func(_ context.Context, q chat.Request) (chat.Reply, error) {
		return chat.Reply{Text: "re: " + q.Messages[1].Content}, nil
	}))
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			q := request(fmt.Sprintf("s/%d", i%20), "s", fmt.Sprint(i%20))
			if _, err := r.Complete(t.Context(), q); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	replies, err := Open(root.FS())
	if err != nil || replies.Len() != 20 || r.Err() != nil {
		t.Fatalf("%v %v", err, r.Err())
	}
	for i := range 20 {
		wg.Go(func() {
			q := request(fmt.Sprintf("s/%d", i), "s", fmt.Sprint(i))
			if got, err := replies.Complete(t.Context(), q); err != nil || got.Text != fmt.Sprintf("re: %d", i) {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
	wg.Wait()
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: &a [*a]"))
	data, err := of(request("s/i", "a\nb", "c"), chat.Reply{Text: "x\ny", Model: "m", PromptTokens: 1}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode("f.yaml", data)
		if err != nil {
			var e *FileError
			if !errors.As(err, &e) || e.Pos.Line < 1 {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := r.encode()
		if err != nil {
			return // characters that are in a file as escapes, say
		}
		back, err := decode("f.yaml", again)
		if err != nil || back.key() != r.key() || back.reply != r.reply {
			t.Fatalf("%+v\n%+v\n%v", r, back, err)
		}
	})
}

func FuzzEncode(f *testing.F) {
	for _, s := range texts {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, content, text string) {
		data, err := of(request("s/i", content, "u"), chat.Reply{Text: text}).encode()
		if err == nil && !strings.HasPrefix(string(data), header) {
			t.Errorf("%s", data)
		}
	})
}
