package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// TestMain lets the test binary be another process that shares a folder.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CACHE_TEST_DIR"); dir != "" {
		if err := share(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// completer is a function that answers.
type completer func(context.Context, chat.Request) (chat.Reply, error)

func (f completer) Complete(ctx context.Context, r chat.Request) (chat.Reply, error) {
	return f(ctx, r)
}

func request(question string) chat.Request {
	return chat.Request{Intent: "shop/x", Messages: []chat.Message{{Role: "user", Content: question}}, SchemaName: "rules", Schema: json.RawMessage(`{}`)}
}

// echo answers with the question, and counts.
func echo(asked *atomic.Int64) completer {
	return func(_ context.Context, r chat.Request) (chat.Reply, error) {
		asked.Add(1)
		return chat.Reply{Text: "re: " + r.Messages[0].Content, Model: "m", Finish: "stop", PromptTokens: 3}, nil
	}
}

func open(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// kept returns the only file of a cache.
func kept(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "??", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("files %v, %v", found, err)
	}
	return found[0]
}

func TestAskedOnce(t *testing.T) {
	dir := t.TempDir()
	var asked atomic.Int64
	want := chat.Reply{Text: "re: a <&> \u2028 é\n", Model: "m", Finish: "stop", PromptTokens: 3}
	for run := range 2 {
		c := New(open(t, dir), "salt", echo(&asked))
		for range 2 {
			got, err := c.Complete(t.Context(), request("a <&> \u2028 é\n"))
			if err != nil || got != want {
				t.Fatalf("%+v %v", got, err)
			}
		}
		if c.Hits() != run+1 || c.Err() != nil {
			t.Errorf("run %d: %d hits, %v", run, c.Hits(), c.Err())
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	info, err := os.Stat(kept(t, dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestKey: what bears on an answer tells requests apart, and nothing else does.
func TestKey(t *testing.T) {
	base := request("q")
	digest := base.Digest("salt")
	other := base
	other.Intent = "shop/y"
	if other.Digest("salt") != digest {
		t.Error("the intent is never sent, and must not matter")
	}
	for name, change := range map[string]func(*chat.Request){
		"message": func(r *chat.Request) { r.Messages = []chat.Message{{Role: "user", Content: "p"}} },
		"role":    func(r *chat.Request) { r.Messages = []chat.Message{{Role: "system", Content: "q"}} },
		"more": func(r *chat.Request) {
			r.Messages = append(r.Messages[:1:1], chat.Message{})
		},
		"shift":  func(r *chat.Request) { r.Messages = []chat.Message{{Role: "userq", Content: ""}} },
		"schema": func(r *chat.Request) { r.Schema = json.RawMessage(`[]`) },
		"name":   func(r *chat.Request) { r.SchemaName = "other" },
		"sample": func(r *chat.Request) { r.Sample = 1 },
	} {
		r := request("q")
		change(&r)
		if r.Digest("salt") == digest {
			t.Errorf("%s makes no difference", name)
		}
	}
	if base.Digest("other") == digest {
		t.Error("the salt makes no difference")
	}
}

// TestNotKept: errors and answers that are not whole are asked for again.
func TestNotKept(t *testing.T) {
	for name, answer := range map[string]struct {
		reply chat.Reply
		err   error
	}{
		"error":    {chat.Reply{Text: "x"}, &chat.Error{Kind: chat.Server, Message: "broken"}},
		"cut":      {chat.Reply{Text: "x", Finish: "length"}, nil},
		"filtered": {chat.Reply{Text: "x", Finish: "content_filter"}, nil},
		"empty":    {chat.Reply{Finish: "stop"}, nil},
		"bytes":    {chat.Reply{Text: "\xff", Finish: "stop"}, nil},
		"huge":     {chat.Reply{Text: strings.Repeat("x", maxSize)}, nil},
	} {
		dir, asked := t.TempDir(), 0
		c := New(open(t, dir), "", completer(func(context.Context, chat.Request) (chat.Reply, error) {
			asked++
			return answer.reply, answer.err
		}))
		for range 2 {
			if got, err := c.Complete(t.Context(), request("q")); got != answer.reply || err != answer.err {
				t.Errorf("%s: %+v %v", name, got, err)
			}
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
		if asked != 2 || len(files) > 0 || c.Err() != nil {
			t.Errorf("%s: asked %d times, kept %v, %v", name, asked, files, c.Err())
		}
	}
}

// TestHostileFiles puts all sorts of things where the answer is looked for. None
// is taken; the answer then replaces what can be replaced.
func TestHostileFiles(t *testing.T) {
	r := request("q")
	digest := r.Digest("")
	whole := encode(digest, chat.Reply{Text: "planted", Finish: "stop"})
	outside := filepath.Join(t.TempDir(), "outside.json")
	if err := os.WriteFile(outside, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		plant    func(file string) error
		unkept   bool // what is in the way stays
		isPlant  bool // taken: the one file that is right
		contents string
	}{
		{name: "right", isPlant: true, contents: string(whole)},
		{name: "empty"},
		{name: "cut", contents: string(whole[:len(whole)-2])},
		{name: "no newline", contents: string(whole[:len(whole)-1])},
		{name: "more", contents: string(whole) + "{}"},
		{name: "zeros", contents: strings.Repeat("\x00", 100)},
		{name: "other digest", contents: string(encode(strings.Repeat("0", 64), chat.Reply{Text: "planted"}))},
		{name: "version", contents: strings.Replace(string(whole), `"version":1`, `"version":2`, 1)},
		{name: "field", contents: strings.Replace(string(whole), `"version":1`, `"version":1,"more":1`, 1)},
		{name: "twice", contents: strings.Replace(string(whole), `"version":1`, `"version":1,"version":1`, 1)},
		{name: "case", contents: strings.Replace(string(whole), `"reply"`, `"Reply"`, 1)},
		{name: "spaces", contents: strings.Replace(string(whole), `:`, `: `, 1)},
		{name: "unfinished", contents: string(encode(digest, chat.Reply{Text: "planted", Finish: "length"}))},
		{name: "huge", contents: string(encode(digest, chat.Reply{Text: strings.Repeat("planted", maxSize/7)}))},
		{name: "deep", contents: strings.Repeat("[", 1<<16)},
		{name: "link out", plant: func(file string) error { return os.Symlink(outside, file) }},
		{name: "link up", plant: func(file string) error { return os.Symlink("../../../../../../etc/passwd", file) }},
		{name: "link to itself", plant: func(file string) error { return os.Symlink(filepath.Base(file), file) }},
		{name: "directory", unkept: true, plant: func(file string) error { return os.MkdirAll(filepath.Join(file, "x"), 0o700) }},
		{name: "file for a folder", unkept: true, plant: func(file string) error {
			return errors.Join(os.Remove(filepath.Dir(file)), os.WriteFile(filepath.Dir(file), nil, 0o600))
		}},
		{name: "folder that leads out", unkept: true, plant: func(file string) error {
			return errors.Join(os.Remove(filepath.Dir(file)), os.Symlink(filepath.Dir(outside), filepath.Dir(file)))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, filepath.FromSlash(place(digest)))
			if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if tt.plant == nil {
				tt.plant = func(file string) error { return os.WriteFile(file, []byte(tt.contents), 0o644) }
			}
			if err := tt.plant(file); err != nil {
				t.Fatal(err)
			}
			var asked atomic.Int64
			c := New(open(t, dir), "", echo(&asked))
			got, err := c.Complete(t.Context(), r)
			if err != nil || strings.HasPrefix(got.Text, "planted") != tt.isPlant || (asked.Load() == 0) != tt.isPlant {
				t.Fatalf("%.80q %v, asked %d times", got.Text, err, asked.Load())
			}
			if (c.Err() != nil) != tt.unkept {
				t.Errorf("error %v", c.Err())
			}
			if again, err := New(open(t, dir), "", echo(&asked)).Complete(t.Context(), r); err != nil || again != got {
				t.Errorf("again %+v %v", again, err)
			}
			if want := int64(2); tt.unkept && asked.Load() != want {
				t.Errorf("asked %d times, want %d", asked.Load(), want)
			}
		})
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != string(whole) {
		t.Errorf("the file outside is now %q, %v", data, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(outside)); len(left) != 1 {
		t.Errorf("files were written outside: %v", left)
	}
}

// TestReadOnly: answers are returned where they cannot be kept, and the failure
// is told once, as what came first.
func TestReadOnly(t *testing.T) {
	if os.Geteuid() == 0 {
		// Nothing is read-only to root; a closed root refuses as well.
		root := open(t, t.TempDir())
		root.Close()
		checkUnkept(t, root)
		return
	}
	dir := t.TempDir()
	root := open(t, dir)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	checkUnkept(t, root)
}

func checkUnkept(t *testing.T, root *os.Root) {
	t.Helper()
	var asked atomic.Int64
	c := New(root, "", echo(&asked))
	for _, q := range []string{"a", "b"} {
		if got, err := c.Complete(t.Context(), request(q)); err != nil || got.Text != "re: "+q {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "keeping an answer") || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestTogether: equal questions under way at once are asked once.
func TestTogether(t *testing.T) {
	var asked atomic.Int64
	started, answer := make(chan struct{}), make(chan struct{})
	c := New(open(t, t.TempDir()), "", completer(func(_ context.Context, r chat.Request) (chat.Reply, error) {
		asked.Add(1)
		close(started)
		<-answer
		return chat.Reply{Text: "one"}, nil
	}))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := c.Complete(t.Context(), request("q")); err != nil || got.Text != "one" {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
	<-started
	// One whose context ends does not wait for the others.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Complete(ctx, request("q")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(answer)
	wg.Wait()
	if asked.Load() != 1 || c.Hits() != 19 {
		t.Errorf("asked %d times, %d hits", asked.Load(), c.Hits())
	}
}

// TestFailureIsNotShared: the one whose context lives asks for itself.
func TestFailureIsNotShared(t *testing.T) {
	var asked atomic.Int64
	started := make(chan struct{})
	c := New(open(t, t.TempDir()), "", completer(func(ctx context.Context, r chat.Request) (chat.Reply, error) {
		if asked.Add(1) == 1 {
			close(started)
			<-ctx.Done()
			return chat.Reply{}, ctx.Err()
		}
		return chat.Reply{Text: "two"}, nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.Complete(ctx, request("q")); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	<-started
	wg.Go(func() {
		if got, err := c.Complete(t.Context(), request("q")); err != nil || got.Text != "two" {
			t.Errorf("%+v %v", got, err)
		}
	})
	cancel()
	wg.Wait()
}

const shared = 40 // questions that several processes ask at once

// share is what each process does.
func share(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var asked atomic.Int64
	for i := range shared {
		q := fmt.Sprint(i, strings.Repeat("x", 1<<12))
		c := New(root, "", echo(&asked))
		got, err := c.Complete(context.Background(), request(q))
		if err = errors.Join(err, c.Err()); err != nil || got.Text != "re: "+q {
			return fmt.Errorf("question %d: %.20q %w", i, got.Text, err)
		}
	}
	return nil
}

func TestProcesses(t *testing.T) {
	dir := t.TempDir()
	var processes []*exec.Cmd
	for range 4 {
		p := exec.Command(os.Args[0])
		p.Env = append(os.Environ(), "CACHE_TEST_DIR="+dir)
		p.Stderr = os.Stderr
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, p)
	}
	for _, p := range processes {
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != shared {
		t.Errorf("%d files, want %d: %v", len(files), shared, err)
	}
	hidden, _ := filepath.Glob(filepath.Join(dir, "*", ".*"))
	if len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
}

func FuzzDecode(f *testing.F) {
	digest := request("q").Digest("")
	f.Add(encode(digest, chat.Reply{Text: "x"}))
	f.Add([]byte(`{"version":1,"digest":"","reply":{"text":"x"}}` + "\n"))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := decode(digest, data)
		if ok && (r.Text == "" || string(encode(digest, r)) != string(data)) {
			t.Errorf("%+v of %q", r, data)
		}
	})
}
