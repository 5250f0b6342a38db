package compiler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/read/model"
	"github.com/kubeteus/kubeteus/compiler/read/openai"
	"github.com/kubeteus/kubeteus/compiler/read/replay"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

const (
	ferry        = "../examples/ferry"
	ferryAnswers = "../testdata/answers/ferry.json"
	// noModel is the first line of every recording of the example.
	noModel = "# A scripted server played this answer, which is testdata/answers/ferry.json's or the embedded reader's own: no model gave it.\n"
)

// TestRecordedExample compiles examples/ferry from its recorded answers, as
// `kubeteus compile --replies replies ./intents` does, and holds the lock and the
// overlay against those that are committed. Recordings are found by what was
// asked: whoever changes the prompt records them again, from the answers of
// testdata/answers/ferry.json, with
//
//	go test ./compiler -run '^TestRecordedExample$' -args -update
func TestRecordedExample(t *testing.T) {
	if *update {
		record(t)
	}
	files := unlocked(t)
	recorded, err := fs.Sub(files, "replies")
	if err != nil {
		t.Fatal(err)
	}
	replies, err := replay.Open(recorded)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	r := compileInto(t, dir, &compiler.Model{Completer: replies, Reader: "replay"})
	if r.Unasked() {
		t.Fatalf("the prompt is not the one that was recorded: run this test with -update\n%v", r.Diags)
	}
	if !r.Clean {
		t.Fatal(r.Diags)
	}
	for _, part := range []string{"policies", "intents"} {
		if *update {
			if err := replaced(filepath.Join(ferry, part), filepath.Join(dir, part)); err != nil {
				t.Fatal(err)
			}
		}
		compareTrees(t, os.DirFS(filepath.Join(ferry, part)), os.DirFS(filepath.Join(dir, part)), part)
	}
}

// TestRecordedExampleNeedsAModel says what the embedded reader makes of the
// example: it refuses some statements and reads the others.
func TestRecordedExampleNeedsAModel(t *testing.T) {
	files := unlocked(t)
	r, err := compiler.Compile(context.Background(), compiler.Options{Project: files})
	if err != nil {
		t.Fatal(err)
	}
	answers, refused := answersOfFerry(t), findings(r)
	for _, i := range r.Report().Intents {
		if _, written := answers[i.Statement]; written != (len(refused[i.Name]) > 0) {
			t.Errorf("%q has an answer by hand: %v; the embedded reader says %v", i.Statement, written, refused[i.Name])
		}
	}
}

// unlocked is the example without what is made of it.
func unlocked(t *testing.T) fstest.MapFS {
	t.Helper()
	files, err := filesOf(os.DirFS(ferry), "policies")
	if err != nil {
		t.Fatal(err)
	}
	delete(files, "intents/"+compiler.LockName)
	return files
}

func answersOfFerry(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(ferryAnswers)
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

// compileInto compiles the project in dir and writes its overlay and lock.
func compileInto(t *testing.T, dir string, m *compiler.Model) *compiler.Result {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	r, err := compiler.Compile(context.Background(), compiler.Options{Project: root.FS(), Model: m, Disk: compiler.Disk{Root: root}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// record asks a scripted server about the example, and keeps what was asked and
// answered.
func record(t *testing.T) {
	answers := map[string]string{}
	for statement, answer := range answersOfFerry(t) {
		answers[statement] = string(answer)
	}
	files := unlocked(t)
	r, err := compiler.Compile(context.Background(), compiler.Options{Project: files})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range r.Report().Intents {
		if len(i.Rules) == 0 {
			continue
		}
		if answers[i.Statement], err = model.Encode(i.Rules, "As the embedded reader reads it."); err != nil {
			t.Fatal(err)
		}
	}
	server, err := scripted.Start(scripted.ByStatement(func(statement string, _ scripted.Recorded) string { return answers[statement] }))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := openai.New(openai.Options{BaseURL: server.URL + "/v1", Model: "scripted"})
	if err != nil {
		t.Fatal(err)
	}
	replies := filepath.Join(ferry, "replies")
	if err := os.RemoveAll(replies); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(replies, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(replies)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	recorder := replay.Record(root, client)
	r, err = compiler.Compile(context.Background(), compiler.Options{Project: files, Model: &compiler.Model{Completer: recorder, Reader: "openai", Name: "scripted"}})
	if err == nil {
		err = recorder.Err()
	}
	if err != nil || !r.Clean {
		t.Fatal(err, r.Diags)
	}
	names, err := fs.Glob(root.FS(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := root.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := root.WriteFile(name, append([]byte(noModel), data...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// replaced makes a folder equal to another one.
func replaced(dir, by string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.CopyFS(dir, os.DirFS(by))
}

// compareTrees demands the same files with the same bytes.
func compareTrees(t *testing.T, want, got fs.FS, what string) {
	t.Helper()
	a, err := filesOf(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := filesOf(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if b[name] == nil {
			t.Errorf("%s is not made any more", path.Join(what, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		switch {
		case a[name] == nil:
			t.Errorf("%s is not committed", path.Join(what, name))
		case !bytes.Equal(a[name].Data, b[name].Data):
			t.Errorf("%s is\n%s\nwant\n%s", path.Join(what, name), b[name].Data, a[name].Data)
		}
	}
}
