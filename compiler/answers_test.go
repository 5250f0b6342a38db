package compiler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/probe"
	"github.com/kubeteus/kubeteus/compiler/read"
	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/english"
	"github.com/kubeteus/kubeteus/compiler/read/model"
)

// The corpus of answers: statements about small clusters, each with the answer
// that a model should give. No model gave any of them. Those of statements that
// the embedded reader reads are written from its rules each time the tests run,
// so that they cannot drift; the others were written by hand.
//
// An archive of testdata/answers is a cluster: inventory.yaml, written.txt with
// statements whose answers are written by hand, and read.txt with some that the
// embedded reader reads. Both are lines: "# NAMESPACE" says for which namespace
// the statements below are written, "> text" is a statement. In written.txt the
// line after it is the answer, and "! refused: text" says that this right answer
// is not taken, and why; -update writes these lines anew.
//
// The statements of testdata/samples and of the example that the embedded reader
// reads are clusters of the corpus too.

// answered is a statement with the answer that it should get.
type answered struct {
	name      string // of its intent, and of the intent set that holds it alone
	namespace string
	statement string
	answer    string
	refused   string    // why this right answer is not taken; "" if it is
	vote      []ir.Rule // the embedded reader's; nil if it does not read the statement
	shortlist *names.Shortlist
}

// ruled says whether the right answer has rules.
func (a *answered) ruled() bool { return strings.Contains(a.answer, `"outcome":"rules"`) }

// answerCluster is what statements are about.
type answerCluster struct {
	name       string
	files      fstest.MapFS // the project without its intents
	statements []*answered
	file       string      // the archive; "" if it is of the samples or the example
	sample     *probe.Case // for probe; written when it is asked for where the cluster is no sample
}

// project is the cluster's files with every statement as an intent set of its
// own, so that none stands before another.
func (c *answerCluster) project(statements ...*answered) fstest.MapFS {
	out := fstest.MapFS{}
	for name, f := range c.files {
		out[name] = f
	}
	for _, s := range statements {
		spec := map[string]any{"intents": []any{map[string]string{"name": s.name, "statement": s.statement}}}
		if s.namespace != "" {
			spec["namespace"] = s.namespace
		}
		data, err := json.Marshal(map[string]any{"apiVersion": "kubeteus.dev/v1alpha1", "kind": "IntentSet", "metadata": map[string]string{"name": s.name}, "spec": spec})
		if err != nil {
			panic(err) // maps of strings
		}
		out["intents/"+s.name+".yaml"] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	return out
}

// compile compiles statements side by side, each an intent set of its own. Disk
// is where the overlay is written, if anywhere.
func (c *answerCluster) compile(t testing.TB, m *compiler.Model, disk *os.Root, statements ...*answered) *compiler.Result {
	t.Helper()
	o := compiler.Options{Project: c.project(statements...), Model: m}
	if disk != nil {
		o.Disk = compiler.Disk{FS: disk.FS(), Root: disk, Overlay: "policies", Prefix: "."}
	}
	if _, err := fs.Stat(c.files, "manifests"); err == nil {
		o.Manifests = []load.Tree{{FS: c.files, Path: "manifests"}}
	}
	r, err := compiler.Compile(context.Background(), o)
	if err != nil {
		t.Fatal(c.name, err)
	}
	return r
}

// findings are the errors of a result by intent.
func findings(r *compiler.Result) map[string][]diag.Diagnostic {
	out := map[string][]diag.Diagnostic{}
	for _, d := range r.Diags {
		if d.Severity == diag.Error {
			out[d.Intent] = append(out[d.Intent], d)
		}
	}
	return out
}

// corpus reads all clusters once.
var corpus = sync.OnceValues(func() ([]*answerCluster, error) {
	out, err := archives()
	if err != nil {
		return nil, err
	}
	samples, err := sampleClusters()
	if err != nil {
		return nil, err
	}
	example, err := exampleCluster()
	return append(append(out, samples...), example), err
})

func archives() ([]*answerCluster, error) {
	files, err := filepath.Glob("../testdata/answers/*.txtar")
	if err != nil {
		return nil, err
	}
	var out []*answerCluster
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			return nil, err
		}
		c := &answerCluster{name: strings.TrimSuffix(filepath.Base(file), ".txtar"), file: file, files: fstest.MapFS{}}
		for _, f := range a.Files {
			switch f.Name {
			case "written.txt", "read.txt":
				if err := c.parse(string(f.Data)); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", file, f.Name, err)
				}
			default:
				c.files[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// parse reads the lines of written.txt or read.txt.
func (c *answerCluster) parse(text string) error {
	namespace := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		last := len(c.statements) - 1
		switch {
		case strings.HasPrefix(line, "# "):
			namespace = line[2:]
		case strings.HasPrefix(line, "> "):
			c.add(namespace, line[2:])
		case strings.HasPrefix(line, "{") && last >= 0:
			var compact json.RawMessage
			if err := json.Unmarshal([]byte(line), &compact); err != nil {
				return fmt.Errorf("%q: %w", c.statements[last].statement, err)
			}
			c.statements[last].answer = line
		case strings.HasPrefix(line, "! refused: ") && last >= 0:
			c.statements[last].refused = strings.TrimPrefix(line, "! refused: ")
		case line != "":
			return fmt.Errorf("no line of the format: %q", line)
		}
	}
	return nil
}

func (c *answerCluster) add(namespace, statement string) {
	c.statements = append(c.statements, &answered{name: fmt.Sprintf("s%d", len(c.statements)+1), namespace: namespace, statement: statement})
}

// sampleClusters are the scenarios of testdata/samples with their statements.
func sampleClusters() ([]*answerCluster, error) {
	cases, err := probe.Cases("../testdata/samples")
	if err != nil {
		return nil, err
	}
	byName := map[string]*answerCluster{}
	var out []*answerCluster
	for _, s := range cases {
		name := s.Scenario
		if s.Existing != "" {
			name = s.ID // its policies in force are its own
		}
		c := byName[name]
		if c == nil {
			c = &answerCluster{name: name, sample: s}
			if c.files, err = written(s.WriteProject); err != nil {
				return nil, err
			}
			byName[name], out = c, append(out, c)
		}
		for _, statement := range s.Statements {
			if !slices.ContainsFunc(c.statements, func(o *answered) bool { return o.statement == statement && o.namespace == s.Namespace }) {
				c.add(s.Namespace, statement)
			}
		}
	}
	return out, nil
}

// written are the files that a function writes into a folder, but for intents.
func written(write func(dir string) error) (fstest.MapFS, error) {
	dir, err := os.MkdirTemp("", "answers")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := write(dir); err != nil {
		return nil, err
	}
	return filesOf(os.DirFS(dir), "intents")
}

// filesOf copies a tree but for some of its folders.
func filesOf(tree fs.FS, without ...string) (fstest.MapFS, error) {
	out := fstest.MapFS{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(without, name):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		out[name] = &fstest.MapFile{Data: data, Mode: 0o644}
		return err
	})
	return out, err
}

func exampleCluster() (*answerCluster, error) {
	tree := os.DirFS("../examples/online-boutique")
	c := &answerCluster{name: "online-boutique"}
	var err error
	if c.files, err = filesOf(tree, "intents", "policies"); err != nil {
		return nil, err
	}
	r, err := compiler.Compile(context.Background(), compiler.Options{Project: tree})
	if err != nil {
		return nil, err
	}
	for _, s := range r.Sets {
		for _, i := range s.Intents {
			c.add(s.Namespace, i.Statement)
		}
	}
	return c, nil
}

// allAnswers returns the corpus, with the embedded reader's votes and the answers
// that are written from them. Statements without an answer are left out.
func allAnswers(t testing.TB) []*answerCluster {
	t.Helper()
	all, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if len(c.statements) > 0 && c.statements[0].shortlist != nil {
			continue // another test did it
		}
		inv := c.compile(t, nil, nil, append(slices.Clone(c.statements), stopper)...).Inventory
		if inv == nil {
			t.Fatalf("%s has no inventory", c.name)
		}
		reader, index := english.New(inv), names.New(inv)
		var kept []*answered
		for _, s := range c.statements {
			reading, diags, err := reader.Read(context.Background(), read.Request{Statement: s.statement, Namespace: s.namespace, Inventory: inv})
			if err != nil {
				t.Fatal(err)
			}
			if !diags.HasErrors() {
				s.vote = reading.Rules
			}
			if s.answer == "" && s.vote != nil {
				if s.answer, err = model.Encode(s.vote, ""); err != nil {
					t.Fatal(err)
				}
			}
			if s.answer == "" && c.file != "" {
				t.Errorf("%s: %q is not read: %v", c.name, s.statement, diags)
			}
			if s.shortlist, err = index.Shortlist(s.statement, s.namespace, nil, 0); err != nil && c.file != "" {
				t.Errorf("%s: %q: %v", c.name, s.statement, err)
			}
			if s.answer != "" && s.shortlist != nil {
				kept = append(kept, s)
			}
		}
		c.statements = kept
	}
	return all
}

// script answers by intent: the n-th answer to the n-th attempt, and the last one
// to those after.
type script map[string][]string

func (s script) Complete(_ context.Context, r chat.Request) (chat.Reply, error) {
	attempt := 0
	for _, m := range r.Messages {
		if m.Role == "assistant" {
			attempt++
		}
	}
	answers := s[r.Intent]
	if len(answers) == 0 {
		return chat.Reply{}, &chat.Error{Kind: chat.Unrecorded, Message: "no answer to " + r.Intent}
	}
	return chat.Reply{Text: answers[min(attempt, len(answers)-1)], Finish: "stop"}, nil
}

// set is the answers to a statement.
func (s script) set(a *answered, answers ...string) { s[a.name+"/"+a.name] = answers }

func (s script) model() *compiler.Model {
	return &compiler.Model{Completer: s, Reader: "openai", Name: "scripted"}
}

// TestAnswers holds every answer of the corpus against its own statement: it is
// decoded, found to be about it, judged and taken. Right answers that are not
// taken are marked so in the archives, and counted.
func TestAnswers(t *testing.T) {
	unread, embedded, declined, refused := 0, 0, 0, 0
	for _, c := range allAnswers(t) {
		s := script{}
		for _, a := range c.statements {
			s.set(a, a.answer)
		}
		found := findings(c.compile(t, s.model(), nil, append(slices.Clone(c.statements), stopper)...))
		for _, a := range c.statements {
			why := ""
			if d := found[a.name]; len(d) > 0 {
				why = d[0].Message
			}
			switch {
			case a.vote != nil:
				embedded++
				// Some readings cannot be lowered; what is read twice is one reading.
				if why != "" && (found[a.name][0].ID == diag.ReadAnswer || found[a.name][0].ID == diag.ReadAmbiguous) {
					t.Errorf("%s: %q: the embedded reader's own reading is refused: %s", c.name, a.statement, why)
				}
				continue
			case !a.ruled():
				declined++
				if len(found[a.name]) == 0 || found[a.name][0].ID != diag.ReadAmbiguous && found[a.name][0].ID != diag.ReadScope {
					t.Errorf("%s: %q: a model that declines is not heard: %v", c.name, a.statement, found[a.name])
				}
				continue
			}
			unread++
			if why != "" {
				refused++
			}
			if *update {
				a.refused = why
				continue
			}
			if (why == "") != (a.refused == "") {
				t.Errorf("%s: %q: its right answer is refused: %q; marked as refused: %q; run this test with -update\n%s", c.name, a.statement, why, a.refused, a.answer)
			}
		}
		if *update && c.file != "" {
			remark(t, c)
		}
	}
	if unread < 60 || embedded < 60 {
		t.Errorf("%d statements with an answer by hand and %d with a reading; 60 of each are wanted", unread, embedded)
	}
	fmt.Printf("%d statements read by the embedded reader; %d that it does not read with rules by hand, of which %d are right and refused; %d that a model should decline\n", embedded, unread, refused, declined)
}

// remark writes the marks of refused answers into the cluster's archive.
func remark(t *testing.T, c *answerCluster) {
	a, err := txtar.ParseFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string]string{}
	for _, s := range c.statements {
		marks["> "+s.statement] = s.refused
	}
	for i, f := range a.Files {
		if f.Name != "written.txt" {
			continue
		}
		var b strings.Builder
		mark := ""
		for line := range strings.Lines(string(f.Data)) {
			if strings.HasPrefix(line, "! ") {
				continue
			}
			b.WriteString(line)
			if strings.HasPrefix(line, "> ") {
				mark = marks[strings.TrimSuffix(line, "\n")]
			} else if strings.HasPrefix(line, "{") && mark != "" {
				b.WriteString("! refused: " + mark + "\n")
			}
		}
		a.Files[i].Data = []byte(b.String())
	}
	if err := os.WriteFile(c.file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
