package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/forge/scripted"
)

// TestAct runs action.yml in nektos/act, a workflow runner that nobody here
// wrote, where ACT names its program: make action-test. A workflow of a scratch
// repository uses kubeteus/kubeteus@v1, which is this working tree, on the event
// of a scripted pull request. act has no network here, so that the actions of
// others are the stand-ins of testdata/action/stand-ins.
func TestAct(t *testing.T) {
	runner := os.Getenv("ACT")
	if runner == "" {
		t.Skip("ACT names no workflow runner: make action-test")
	}
	scripts, err := filepath.Glob("../../testdata/action/act/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	action := copyWorkingTree(t)
	shared := t.TempDir() // what stand-ins for caches keep, for all scripts
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "env-from": envFrom, "serve": serveFolder, "act": actRun, "event": writeEvent, "comments": serveComments, "commented": commented,
		},
		Setup: func(e *testscript.Env) error {
			if err := runnerEnvironment(e); err != nil {
				return err
			}
			root, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY"} {
				value, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return err
				}
				e.Setenv(name, strings.TrimSpace(string(value)))
			}
			for name, value := range map[string]string{"ACT": runner, "SOURCE": action, "CACHES": shared, "ROOT": root} {
				e.Setenv(name, value)
			}
			return nil
		},
	})
}

// copyWorkingTree copies what git would commit of this repository, which is what
// a runner downloads of an action.
func copyWorkingTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("bash", "-c", `set -o pipefail; git ls-files -z --cached --others --exclude-standard --deduplicate |
		while IFS= read -r -d '' f; do if [ -e "$f" ]; then printf '%s\0' "$f"; fi; done | tar --null -T - -cf - | tar -xf - -C "$0"`, dir)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copying the working tree: %v\n%s", err, out)
	}
	return dir
}

// actRun runs a workflow of the folder shop: act CODE EVENT WORKFLOW [FLAG...]. The
// event's payload is event.json.
func actRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: act CODE EVENT WORKFLOW [FLAG...]")
	}
	stand := ts.Getenv("ROOT") + "/testdata/action/stand-ins/"
	line := []string{ts.Getenv("ACT"), args[1], "-C", ts.MkAbs("shop"), "-e", ts.MkAbs("event.json"), "-W", ts.MkAbs(args[2]),
		"-P", "ubuntu-24.04=-self-hosted", "--no-cache-server", "--action-cache-path", ts.MkAbs("act-cache"), "--log-prefix-job-id",
		"-s", "GITHUB_TOKEN=workflow-token-of-act", "--env", "GITHUB_REPOSITORY=acme/shop",
		"--env", "STAND_INS_CACHE=" + ts.Getenv("CACHES"), "--env", "STAND_INS_ARTIFACTS=" + ts.MkAbs("artifacts"),
		"--local-repository", "kubeteus/kubeteus@v1=" + ts.Getenv("SOURCE"),
	}
	for _, s := range []string{
		"actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5", "actions/cache@0057852bfaa89a56745cba8c7296529d2fc39830",
		"actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02",
	} {
		name, _, _ := strings.Cut(strings.TrimPrefix(s, "actions/"), "@")
		line = append(line, "--local-repository", s+"="+stand+name)
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "KUBETEUS_RELEASES", "GITHUB_API_URL"} {
		if v := ts.Getenv(name); v != "" {
			line = append(line, "--env", name+"="+v)
		}
	}
	exits(ts, false, slices.Concat([]string{args[0]}, line, args[3:]))
}

// writeEvent writes event.json of an event about revisions of the folder shop:
//
//	event pull_request BASE HEAD [REPOSITORY [AUTHOR]]
//	event workflow_run HEAD REPOSITORY
//
// REPOSITORY is the head's, acme/shop if it is not said.
func writeEvent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: event NAME REVISION...")
	}
	commit := func(rev string) string {
		out, err := exec.Command("git", "-C", ts.MkAbs("shop"), "rev-parse", "--verify", rev+"^{commit}").Output()
		ts.Check(err)
		return strings.TrimSpace(string(out))
	}
	repository := func(name string) map[string]any { return map[string]any{"full_name": name} }
	author, head := "someone", "acme/shop"
	event := map[string]any{"action": "synchronize", "repository": repository("acme/shop")}
	switch {
	case args[0] == "workflow_run":
		event["workflow_run"] = map[string]any{"id": 11, "event": "pull_request", "head_sha": commit(args[1]), "head_branch": "feature", "head_repository": repository(args[2])}
	default:
		if len(args) > 3 {
			head = args[3]
		}
		if len(args) > 4 {
			author = args[4]
		}
		event["number"] = 7
		event["pull_request"] = map[string]any{
			"number": 7, "state": "open", "user": map[string]any{"login": author},
			"base": map[string]any{"sha": commit(args[1]), "ref": "main", "repo": repository("acme/shop")},
			"head": map[string]any{"sha": commit(args[2]), "ref": "feature", "repo": repository(head)},
		}
		event["sender"] = map[string]any{"login": author}
	}
	data, err := json.Marshal(event)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("event.json"), data, 0o600))
}

// serveComments starts a forge with a pull request, whose head is a revision of
// the folder shop: comments HEAD REPOSITORY.
func serveComments(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: comments HEAD REPOSITORY")
	}
	out, err := exec.Command("git", "-C", ts.MkAbs("shop"), "rev-parse", args[0]).Output()
	ts.Check(err)
	forge := &scripted.Server{
		Repo:   "acme/shop",
		Tokens: map[string]scripted.Token{"workflow-token-of-act": {Login: "github-actions[bot]", Installation: true}},
		Pulls: []scripted.Pull{{Number: 7, State: "open", Author: "someone", HeadRepo: args[1], HeadRef: "feature",
			HeadSHA: strings.TrimSpace(string(out)), BaseRepo: "acme/shop", BaseRef: "main"}},
	}
	server := httptest.NewServer(forge)
	ts.Defer(server.Close)
	ts.Setenv("GITHUB_API_URL", server.URL)
	forges.Store(ts.Getenv("WORK"), forge)
}

// forges are the running ones, by the script's folder.
var forges sync.Map

// commented writes all comments to comments.md and demands their number and edits:
// commented COUNT EDITS.
func commented(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: commented COUNT EDITS")
	}
	forge, _ := forges.Load(ts.Getenv("WORK"))
	var text strings.Builder
	count, edits := 0, 0
	for _, c := range forge.(*scripted.Server).Comments() {
		count, edits = count+1, edits+c.Edits
		text.WriteString(c.Body + "\n")
	}
	ts.Check(os.WriteFile(ts.MkAbs("comments.md"), []byte(text.String()), 0o600))
	if strconv.Itoa(count) != args[0] || strconv.Itoa(edits) != args[1] {
		ts.Fatalf("%d comments, edited %d times:\n%s", count, edits, text.String())
	}
}

// TestRelease builds a release for one platform twice, in two folders, and holds
// that both are the same bytes, that a commit without the tag is refused, and
// that action.yml's install takes it.
func TestRelease(t *testing.T) {
	if os.Getenv("ACT") == "" {
		t.Skip("make action-test")
	}
	git := func(dir string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-C", dir}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	first := copyWorkingTree(t)
	git(first, "init", "--quiet")
	git(first, "add", "--all")
	git(first, "commit", "--quiet", "--message", "release")
	release := func(dir, out string) error {
		cmd := exec.Command("go", "run", "./.github/release", "-platforms", "linux/amd64", "v1.8.7", out)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			return &exec.Error{Name: string(text), Err: err}
		}
		return nil
	}
	a, b := filepath.Join(t.TempDir(), "v1.8.7"), filepath.Join(t.TempDir(), "v1.8.7")
	if err := release(first, a); err == nil || !strings.Contains(err.Error(), "tag the commit v1.8.7") {
		t.Errorf("without a tag: %v", err)
	}
	git(first, "tag", "v1.8.7")
	second := t.TempDir()
	git(second, "clone", "--quiet", "--depth=1", "file://"+first, ".")
	for dir, out := range map[string]string{first: a, second: b} {
		if err := release(dir, out); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("diff", "-r", a, b).CombinedOutput(); err != nil {
		t.Errorf("two builds of one commit differ: %s", out)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{"../../testdata/action/act/released.txt"},
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"serve": serveFolder},
		Setup: func(e *testscript.Env) error {
			e.Setenv("RELEASES", filepath.Dir(a))
			return runnerEnvironment(e)
		},
	})
	if info, err := os.Stat(filepath.Join(a, "checksums.txt")); err != nil || info.Size() != int64(64+2+len("kubeteus_v1.8.7_linux_amd64.tar.gz")+1) {
		t.Errorf("checksums.txt: %v, %s bytes", err, strconv.FormatInt(info.Size(), 10))
	}
}
