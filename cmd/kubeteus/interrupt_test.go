package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

// What a run that ends before its end leaves: nothing in the project, and every
// answer that came in the cache, so that the next one asks only for the rest.

// several are statements that the embedded reader does not understand, with their
// right answers.
func several() (statements []string, answers map[string]string) {
	answers = map[string]string{}
	names := []string{"front", "checkout", "ledger"}
	for _, from := range names {
		for _, to := range names {
			if from != to {
				s := fmt.Sprintf("Fine if %s gets at %s.", from, to)
				statements = append(statements, s)
				answers[s] = rules(allow(wl(from), wl(to), "null", "ingress"))
			}
		}
	}
	return statements, answers
}

// halfway is a server that answers so many requests and hangs until it is opened.
type halfway struct {
	*scripted.Server
	limit atomic.Int64
}

func startHalfway(t *testing.T, answers map[string]string, limit int64) *halfway {
	t.Helper()
	h := &halfway{}
	h.limit.Store(limit)
	answer := scripted.ByStatement(func(s string, _ scripted.Recorded) string { return answers[s] })
	s, err := scripted.Start(func(n int, r scripted.Recorded) scripted.Reply {
		if int64(n) >= h.limit.Load() {
			return scripted.Hang()
		}
		return answer(n, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	h.Server = s
	return h
}

// open lets the server answer everything from now on.
func (h *halfway) open() { h.limit.Store(1 << 40) }

// compileArgs are those of a run against a server.
func compileArgs(s *scripted.Server, dir, project string, flags ...string) []string {
	return append(append([]string{"compile", "--model", "scripted", "--base-url", s.URL + "/v1", "--cache", filepath.Join(dir, "cache")}, flags...), project)
}

// kept counts whole answers in the cache.
func kept(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "cache"), func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // not there yet
		case strings.HasPrefix(d.Name(), ".tmp-"):
			return nil
		case strings.HasSuffix(name, ".json"):
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// process is the real program in a process of its own.
func process(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Args[0] = "kubeteus" // which TestMain takes for the program
	cmd.Env = append(os.Environ(), "KUBETEUS_API_KEY="+faultKey)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// unfinished demands that a project is as it was.
func unfinished(t *testing.T, project string, before map[string]string) {
	t.Helper()
	after, err := files(project)
	if err != nil || !maps.Equal(before, after) {
		t.Errorf("the project changed: %v, %v", after, err)
	}
}

// resumed demands that the next run is done with the rest.
func resumed(t *testing.T, h *halfway, dir, project string, rest int) {
	t.Helper()
	before := len(h.Requests())
	h.open()
	var out bytes.Buffer
	if code := run(t.Context(), compileArgs(h.Server, dir, project), &out, &out); code != exitDone {
		t.Fatalf("exit %d: %s", code, out.String())
	}
	if n := len(h.Requests()) - before; n != rest {
		t.Errorf("the next run asked %d questions, want %d", n, rest)
	}
}

// TestInterruptedProcess sends the signals of Ctrl-C and of a cancelled job to the
// real program when half of the answers are there.
func TestInterruptedProcess(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			project := filepath.Join(dir, "shop")
			statements, answers := several()
			if err := writeProject(project, faultInventory, statements...); err != nil {
				t.Fatal(err)
			}
			before, err := files(project)
			if err != nil {
				t.Fatal(err)
			}
			h := startHalfway(t, answers, 3)
			cmd, out := process(t, compileArgs(h.Server, dir, project)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for range 1000 {
				if kept(t, dir) == 3 && len(h.Requests()) == len(statements) {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			began := time.Now()
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the exit code is looked at
			if code := cmd.ProcessState.ExitCode(); code != exitFailed || time.Since(began) > 5*time.Second {
				t.Errorf("exit %d after %s", code, time.Since(began))
			}
			if !strings.Contains(out.String(), "kubeteus: interrupted; nothing was written") || strings.Contains(out.String(), "statements") {
				t.Errorf("it says %s", out)
			}
			unfinished(t, project, before)
			if n := kept(t, dir); n != 3 {
				t.Errorf("%d answers are kept", n)
			}
			resumed(t, h, dir, project, len(statements)-3)
		})
	}
}

// TestTimeLimitResumes: a run that takes too long keeps what it has.
func TestTimeLimitResumes(t *testing.T) {
	t.Setenv("KUBETEUS_API_KEY", faultKey)
	dir := t.TempDir()
	project := filepath.Join(dir, "shop")
	statements, answers := several()
	if err := writeProject(project, faultInventory, statements...); err != nil {
		t.Fatal(err)
	}
	before, err := files(project)
	if err != nil {
		t.Fatal(err)
	}
	h := startHalfway(t, answers, 4)
	var out bytes.Buffer
	if code := run(t.Context(), compileArgs(h.Server, dir, project, "--time-limit", "1500ms"), &out, &out); code != exitFailed || !strings.Contains(out.String(), "hint: run it again") {
		t.Errorf("exit %d: %s", code, out.String())
	}
	unfinished(t, project, before)
	resumed(t, h, dir, project, len(statements)-4)
}

// TestBudgetResumes: runs that each stop before the token budget is passed come to
// the end together, and ask nothing twice.
func TestBudgetResumes(t *testing.T) {
	t.Setenv("KUBETEUS_API_KEY", faultKey)
	dir := t.TempDir()
	project := filepath.Join(dir, "shop")
	statements, answers := several()
	if err := writeProject(project, faultInventory, statements...); err != nil {
		t.Fatal(err)
	}
	before, err := files(project)
	if err != nil {
		t.Fatal(err)
	}
	h := startHalfway(t, answers, 1<<40)
	const budget = 12000 // one question may cost up to some 9,000, and costs 760
	for runs := 1; ; runs++ {
		asked := len(h.Requests())
		var out bytes.Buffer
		code := run(t.Context(), compileArgs(h.Server, dir, project, "--max-tokens", fmt.Sprint(budget), "--parallel", "1"), &out, &out)
		n := len(h.Requests()) - asked
		if used := n * (scripted.PromptTokens + scripted.CompletionTokens); used > budget {
			t.Errorf("run %d used %d tokens", runs, used)
		}
		if code == exitDone {
			if runs == 1 {
				t.Error("the budget was never reached")
			}
			break
		}
		if code != exitFailed || n == 0 || runs > len(statements) || !strings.Contains(out.String(), "could pass the run's budget") {
			t.Fatalf("run %d: exit %d, %d questions: %s", runs, code, n, out.String())
		}
		unfinished(t, project, before)
	}
	if n := len(h.Requests()); n != len(statements) {
		t.Errorf("%d questions about %d statements", n, len(statements))
	}
}

// TestTwoProcesses: two programs at once share a cache, in projects of their own
// and in the same one. There one of them may find the other writing, and says so.
func TestTwoProcesses(t *testing.T) {
	statements, answers := several()
	for _, same := range []bool{false, true} {
		t.Run(fmt.Sprintf("same project %v", same), func(t *testing.T) {
			dir := t.TempDir()
			projects := []string{filepath.Join(dir, "one"), filepath.Join(dir, "two")}
			if same {
				projects[1] = projects[0]
			}
			for _, p := range projects {
				if err := writeProject(p, faultInventory, statements...); err != nil {
					t.Fatal(err)
				}
			}
			answer := scripted.ByStatement(func(s string, _ scripted.Recorded) string { return answers[s] })
			server, err := scripted.Start(func(n int, r scripted.Recorded) scripted.Reply {
				return scripted.Late(100*time.Millisecond, answer(n, r))
			})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			var wg sync.WaitGroup
			var wrote atomic.Int64
			for _, p := range projects {
				cmd, out := process(t, compileArgs(server, dir, p)...)
				wg.Go(func() {
					switch err := cmd.Run(); {
					case err == nil:
						wrote.Add(1)
					case !same || cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(out.String(), "kubeteus: writing the overlay: "):
						t.Errorf("%v: %s", err, out)
					}
				})
			}
			wg.Wait()
			if wrote.Load() == 0 {
				t.Error("nobody wrote")
			}
			if n := kept(t, dir); n != len(statements) {
				t.Errorf("%d answers are kept", n)
			}
			if n := len(server.Requests()); n < len(statements) || n > 2*len(statements) {
				t.Errorf("%d questions", n)
			}
			one, err := files(projects[0])
			if err != nil {
				t.Fatal(err)
			}
			two, err := files(projects[1])
			if err != nil || !maps.Equal(one, two) || one["intents/kubeteus.lock"] == "" {
				t.Errorf("the projects differ: %v", err)
			}
			asked := len(server.Requests())
			for _, p := range projects {
				var out bytes.Buffer
				if code := run(t.Context(), []string{"check", p}, &out, &out); code != exitDone {
					t.Errorf("check: exit %d: %s", code, out.String())
				}
				if err := os.Remove(filepath.Join(p, "intents", "kubeteus.lock")); err != nil && !same {
					t.Error(err)
				}
				if code := run(t.Context(), compileArgs(server, dir, p), &out, &out); code != exitDone {
					t.Errorf("exit %d: %s", code, out.String())
				}
			}
			if n := len(server.Requests()); n != asked {
				t.Errorf("%d questions more", n-asked)
			}
		})
	}
}
