package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestAction runs the scripts of .github/action with bash, as action.yml starts
// them: with a runner's environment files, against git repositories made here, and
// a server on this machine in place of the releases. What a workflow runner makes
// of action.yml itself is TestAct's.
func TestAction(t *testing.T) {
	for _, tool := range []string{"bash", "git", "curl", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	scripts, err := filepath.Glob("../../testdata/action/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "env-from": envFrom, "serve": serveFolder, "forge": serveGit,
		},
		Setup: runnerEnvironment,
	})
}

// runnerEnvironment is what a runner gives a step of the action.
func runnerEnvironment(e *testscript.Env) error {
	action, err := filepath.Abs("../../.github/action")
	if err != nil {
		return err
	}
	temp := filepath.Join(e.WorkDir, "runner temp")
	for name, value := range map[string]string{
		"ACTION": action, "KUBETEUS": "kubeteus", "RUNNER_TEMP": temp, "XDG_CACHE_HOME": e.WorkDir + "/.cache", "HOME": e.WorkDir,
		"GITHUB_OUTPUT": filepath.Join(e.WorkDir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(e.WorkDir, "summary"),
		"GITHUB_SERVER_URL": "https://github.invalid", "GITHUB_API_URL": "https://api.github.invalid", "GITHUB_REPOSITORY": "acme/shop",
		"GITHUB_WORKSPACE": e.WorkDir, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_ACTIONS": "true", "CI": "true",
		"MODE": "write", "LOCKED": "false", "COMMENT": "false", "ANNOTATIONS": "true", "FAIL_ON": "error", "TOKEN": "", "WORKFLOW_TOKEN": "",
		"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
	} {
		e.Setenv(name, value)
	}
	return os.Mkdir(temp, 0o700)
}

// envFrom sets variables to what files of their names hold: env-from base head.
func envFrom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: env-from FILE...")
	}
	for _, file := range args {
		ts.Setenv(filepath.Base(file), strings.TrimSpace(ts.ReadFile(file)))
	}
}

// serveFolder serves a folder over HTTP in place of the releases.
func serveFolder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve DIR")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(server.Close)
	ts.Setenv("KUBETEUS_RELEASES", server.URL)
}

// serveGit serves the bare repositories of a folder over HTTP, as a forge does
// private ones: to those who send the token, in one header. Two are refused.
func serveGit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: forge DIR TOKEN")
	}
	path, err := exec.Command("git", "--exec-path").Output()
	ts.Check(err)
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"), Root: "/", Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + ts.MkAbs(args[0]), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=someone"},
	}
	want := "basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+args[1]))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch got := r.Header.Values("Authorization"); {
		case len(got) > 1:
			http.Error(w, "duplicate header", http.StatusBadRequest)
		case len(got) == 0 || got[0] != want:
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "who are you?", http.StatusUnauthorized)
		default:
			backend.ServeHTTP(w, r)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("FORGE", server.URL)
}
