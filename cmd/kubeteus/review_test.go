package main

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/forge/scripted"
)

// forgeKey keeps a script's forge.
type forgeKey struct{}

// startForge starts a forge of acme/shop with pull request 7 of a branch, and 8 of
// a fork: forge. It sets what a workflow's step has in its environment. The
// token "writes" may comment, "reads" may not.
func startForge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: forge")
	}
	s := &scripted.Server{Repo: "acme/shop", Tokens: map[string]scripted.Token{
		"writes": {Login: "github-actions[bot]", Installation: true},
		"reads":  {Login: "github-actions[bot]", Installation: true, ReadOnly: true},
	}, Pulls: []scripted.Pull{
		{Number: 7, State: "open", Author: "a", HeadRepo: "acme/shop", HeadRef: "feature", HeadSHA: strings.Repeat("7", 40), BaseRepo: "acme/shop", BaseRef: "main"},
		{Number: 8, State: "open", Author: "b", HeadRepo: "b/shop", HeadRef: "patch", HeadSHA: strings.Repeat("8", 40), BaseRepo: "acme/shop", BaseRef: "main"},
	}}
	server := httptest.NewServer(s)
	ts.Defer(server.Close)
	ts.Setenv("GITHUB_API_URL", server.URL)
	ts.Setenv("GITHUB_REPOSITORY", "acme/shop")
	ts.Setenv("GITHUB_TOKEN", "writes")
	ts.Value(forgeKey{}).(map[string]*scripted.Server)["forge"] = s
}

// event writes the file of an event: event NAME NUMBER BASE, where BASE is a
// revision of the working folder's repository. A pull request 8 is a fork's.
func event(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: event NAME NUMBER BASE")
	}
	cmd := exec.Command("git", "rev-parse", args[2])
	cmd.Dir = ts.MkAbs(".")
	base, err := cmd.Output()
	ts.Check(err)
	repo := map[string]string{"7": "acme/shop", "8": "b/shop"}[args[1]]
	head := strings.Repeat(args[1], 40)
	text := map[string]string{
		"pull_request": `{"number": NUMBER, "sender": {"login": "a"}, "repository": {"full_name": "acme/shop"}, "pull_request": {"number": NUMBER, "state": "open", "user": {"login": "a"},
			"base": {"ref": "main", "sha": "BASE", "repo": {"full_name": "acme/shop"}}, "head": {"ref": "feature", "sha": "HEAD", "repo": {"full_name": "REPO"}}}}`,
		"push":         `{"repository": {"full_name": "acme/shop"}, "before": "BASE", "after": "HEAD"}`,
		"workflow_run": `{"repository": {"full_name": "acme/shop"}, "workflow_run": {"event": "pull_request", "head_sha": "HEAD", "head_branch": "patch", "head_repository": {"full_name": "b/shop"}}}`,
	}[args[0]]
	text = strings.NewReplacer("NUMBER", args[1], "BASE", strings.TrimSpace(string(base)), "HEAD", head, "REPO", repo).Replace(text)
	file := ts.MkAbs(".git/event.json")
	ts.Check(os.WriteFile(file, []byte(text), 0o644))
	ts.Setenv("GITHUB_EVENT_NAME", args[0])
	ts.Setenv("GITHUB_EVENT_PATH", file)
}

// comments demands how many comments a pull request has, and writes the last into
// a file: comments PULL N [FILE].
func comments(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: comments PULL N [FILE]")
	}
	s := ts.Value(forgeKey{}).(map[string]*scripted.Server)["forge"]
	if s == nil {
		ts.Fatalf("there is no forge")
	}
	var found []scripted.Comment
	for _, c := range s.Comments() {
		if strconv.Itoa(c.Number) == args[0] {
			found = append(found, c)
		}
	}
	if strconv.Itoa(len(found)) != args[1] {
		ts.Fatalf("%d comments, want %s", len(found), args[1])
	}
	if len(args) > 2 && len(found) > 0 {
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(found[len(found)-1].Body), 0o644))
	}
}
