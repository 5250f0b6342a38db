package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/forge/scripted"
)

// team writes the workloads of a team's namespace, and n statements about them.
func team(dir string, number, workloads, n int) error {
	var apps, set strings.Builder
	namespace := fmt.Sprintf("team-%02d", number)
	fmt.Fprintf(&set, "apiVersion: kubeteus.dev/v1alpha1\nkind: IntentSet\nmetadata: {name: %[1]s}\nspec:\n  namespace: %[1]s\n  intents:\n", namespace)
	for i := range workloads {
		fmt.Fprintf(&apps, "---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: svc-%02[1]d, namespace: %[2]s}, spec: {selector: {matchLabels: {app: svc-%02[1]d}}, "+
			"template: {metadata: {labels: {app: svc-%02[1]d}}, spec: {containers: [{name: c, image: c, ports: [{containerPort: %[3]d}]}]}}}}\n", i, namespace, 8000+i)
	}
	for i := range n {
		fmt.Fprintf(&set, "  - {name: only-%02d, statement: Only svc-%02d and svc-%02d may reach svc-%02d.}\n", i, n+i, n+i+1, i)
	}
	for name, text := range map[string]string{"manifests/" + namespace + ".yaml": apps.String(), "intents/" + namespace + ".yaml": set.String()} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// TestReviewLarge reviews a repository of many teams, at its first pull request,
// where everything is new, and at one that rewrites a statement of each team: the
// comment keeps to its budget. With -args -speed it is 500 intents and 2,000
// workloads, and times are printed.
func TestReviewLarge(t *testing.T) {
	teams, workloads, statements := 8, 25, 10
	if *speed {
		teams, workloads, statements = 40, 50, 13
	}
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	intents := 0
	for i := range teams {
		n := statements
		if *speed && i%2 == 1 {
			n-- // 500 in all
		}
		intents += n
		if err := team(dir, i, workloads, n); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", "manifests")
	git("commit", "-q", "-m", "manifests")
	command := func(want int, args ...string) ([]byte, time.Duration) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		began := time.Now()
		if code := run(t.Context(), args, &stdout, &stderr); code != want {
			t.Fatalf("kubeteus %v: exit %d\n%s", args, code, stderr.String())
		}
		return stdout.Bytes(), time.Since(began)
	}
	forge := &scripted.Server{Repo: "acme/shop", Tokens: map[string]scripted.Token{"t": {Login: "bot"}},
		Pulls: []scripted.Pull{{Number: 1, State: "open", Author: "a", HeadRepo: "acme/shop", HeadRef: "f", HeadSHA: strings.Repeat("1", 40), BaseRepo: "acme/shop", BaseRef: "main"}}}
	server := httptest.NewServer(forge)
	defer server.Close()
	for _, v := range []string{"GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		t.Setenv(v, "")
	}
	t.Setenv("GITHUB_TOKEN", "t")
	measure := func(what string) {
		t.Helper()
		out, took := command(exitDone, "diff", "--format", "json", "HEAD", dir)
		var d struct {
			Intents      []any
			Reachability struct {
				Workloads int
				Gained    []any
				Lost      []any
			}
		}
		if err := json.Unmarshal(out, &d); err != nil {
			t.Fatal(err)
		}
		if d.Reachability.Workloads != teams*workloads || len(d.Intents) == 0 || len(d.Reachability.Lost) == 0 {
			t.Errorf("%s: %d intents differ, of %d workloads, in %d groups", what, len(d.Intents), d.Reachability.Workloads, len(d.Reachability.Lost))
		}
		command(exitDone, "review", "--base", "HEAD", "--repository", "acme/shop", "--pull", "1", "--api-url", server.URL, "--comment", "always", "--reports", filepath.Join(dir, ".reports"), dir)
		comments := forge.Comments()
		if len(comments) != 1 {
			t.Fatalf("%s: %d comments", what, len(comments))
		}
		body := comments[0].Body
		if len(body) > 65_000+512 || utf8.RuneCountInString(body) > 65_000+512 { // the marker is before it
			t.Errorf("%s: a comment of %d bytes", what, len(body))
		}
		if *speed {
			fmt.Printf("%-48s diff %5.2f s; comment %6d bytes; report.json %8d, report.html %8d\n", fmt.Sprintf("%s: %d intents, %d workloads", what, intents, teams*workloads),
				took.Seconds(), len(body), size(t, dir, "report.json"), size(t, dir, "report.html"))
			if took > 5*time.Second {
				t.Errorf("%s took %s", what, took)
			}
		}
	}
	command(exitDone, "compile", dir)
	measure("everything is new")
	git("add", "-A", "manifests", "intents", "policies")
	git("commit", "-q", "-m", "intents")
	for i := range teams {
		file := filepath.Join(dir, "intents", fmt.Sprintf("team-%02d.yaml", i))
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(data), " may reach svc-00.", " and svc-03 may reach svc-00.", 1)
		text = regexp.MustCompile(`Only \S+ and (\S+) may reach svc-01`).ReplaceAllString(text, "Only $1 may reach svc-01")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(exitDone, "compile", dir)
	measure("two statements of each team")
}

func size(t *testing.T, dir, name string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, ".reports", name))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
