package forge

// A forge that nobody here wrote. GITEA names the folder of a gitea binary, as in
// make forge-test GITEA=DIR; without it the test is skipped. A binary that was
// built without its templates finds them in its module, in Go's module cache.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const appINI = `APP_NAME = forge
RUN_USER = %[1]s
RUN_MODE = prod
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[2]d
ROOT_URL = http://127.0.0.1:%[2]d/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = %[3]s
APP_DATA_PATH = %[4]s/data
[database]
DB_TYPE = sqlite3
PATH = %[4]s/data/gitea.db
[repository]
ROOT = %[4]s/repos
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = forge
INTERNAL_TOKEN = %[5]s
[service]
DISABLE_REGISTRATION = true
[log]
LEVEL = Warn
[actions]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
`

// gitea is a running Gitea with a repository acme/shop and tokens of two users.
type gitea struct {
	t          *testing.T
	url        string // of its API
	root       string // token of the administrator
	bot, other string
	readOnly   string
	bin, ini   string
	env        []string
}

func startGitea(t *testing.T) *gitea {
	dir := os.Getenv("GITEA")
	if dir == "" {
		t.Skip("GITEA names no folder with a gitea binary")
	}
	g := &gitea{t: t, bin: filepath.Join(dir, "gitea")}
	work := t.TempDir()
	me, err := user.Current()
	g.must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	g.must(err)
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	g.url = fmt.Sprintf("http://127.0.0.1:%d/api/v1", port)
	for _, d := range []string{"custom/conf", "data", "home"} {
		g.must(os.MkdirAll(filepath.Join(work, d), 0o700))
	}
	g.ini = filepath.Join(work, "custom/conf/app.ini")
	internal := sha256.Sum256([]byte(work))
	g.must(os.WriteFile(g.ini, fmt.Appendf(nil, appINI, me.Username, port, g.templates(work), work, hex.EncodeToString(internal[:])), 0o600))
	g.env = append(os.Environ(), "GITEA_WORK_DIR="+work, "GITEA_CUSTOM="+filepath.Join(work, "custom"), "HOME="+filepath.Join(work, "home"),
		"GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT=true")
	var log bytes.Buffer
	web := exec.Command(g.bin, "web", "-c", g.ini)
	web.Env, web.Stdout, web.Stderr = g.env, &log, &log
	g.must(web.Start())
	t.Cleanup(func() {
		web.Process.Signal(syscall.SIGTERM)
		web.Wait()
		if t.Failed() {
			t.Logf("gitea says:\n%s", log.String())
		}
	})
	g.await()
	g.root = g.user("root0", "--admin")
	g.prepare()
	return g
}

// templates is the folder of Gitea's templates.
func (g *gitea) templates(otherwise string) string {
	info, err := buildinfo.ReadFile(g.bin)
	g.must(err)
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	g.must(err)
	dir := filepath.Join(strings.TrimSpace(string(cache)), info.Main.Path+"@"+info.Main.Version)
	if _, err := os.Stat(filepath.Join(dir, "templates")); err == nil {
		return dir
	}
	return otherwise
}

func (g *gitea) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *gitea) await() {
	for range 600 {
		if resp, err := http.Get(g.url + "/version"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	g.t.Fatal("gitea did not start within a minute")
}

// user makes a user, and returns a token of it.
func (g *gitea) user(name string, flags ...string) string {
	g.t.Helper()
	g.admin(append([]string{"user", "create", "--username", name, "--password", "forge-forge-forge", "--email", name + "@example.invalid", "--must-change-password=false"}, flags...)...)
	return g.token(name, "all", "all")
}

func (g *gitea) token(user, name, scopes string) string {
	out := g.admin("user", "generate-access-token", "--username", user, "--token-name", name, "--scopes", scopes, "--raw")
	token := regexp.MustCompile(`\b[0-9a-f]{40}\b`).FindString(out)
	if token == "" {
		g.t.Fatalf("gitea gives no token: %s", out)
	}
	return token
}

func (g *gitea) admin(args ...string) string {
	g.t.Helper()
	cmd := exec.Command(g.bin, append([]string{"-c", g.ini, "admin"}, args...)...)
	cmd.Env = g.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("gitea admin %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// do asks the API, as the administrator, and demands success.
func (g *gitea) do(method, path string, in, out any) http.Header {
	g.t.Helper()
	data, err := json.Marshal(in)
	g.must(err)
	req, err := http.NewRequest(method, g.url+path, bytes.NewReader(data))
	g.must(err)
	req.Header.Set("Authorization", "token "+g.root)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	g.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	g.must(err)
	if resp.StatusCode >= 300 {
		g.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, body)
	}
	if out != nil {
		g.must(json.Unmarshal(body, out))
	}
	return resp.Header
}

// prepare makes acme/shop with pull requests 1 to 3: open, closed and locked.
func (g *gitea) prepare() {
	g.bot, g.other = g.user("kubebot"), g.user("eve")
	g.readOnly = g.token("kubebot", "read", "read:issue,read:repository,read:user")
	g.do("POST", "/orgs", map[string]any{"username": "acme"}, nil)
	g.do("POST", "/orgs/acme/repos", map[string]any{"name": "shop", "auto_init": true, "default_branch": "main"}, nil)
	g.do("PUT", "/repos/acme/shop/collaborators/kubebot", map[string]any{"permission": "write"}, nil)
	for i, branch := range []string{"topic", "done", "quarrel"} {
		g.do("POST", "/repos/acme/shop/contents/"+branch+".yaml", map[string]any{"new_branch": branch, "branch": "main", "message": branch,
			"content": base64.StdEncoding.EncodeToString([]byte(branch))}, nil)
		g.do("POST", "/repos/acme/shop/pulls", map[string]any{"title": branch, "head": branch, "base": "main"}, nil)
		if branch == "done" {
			g.do("PATCH", fmt.Sprintf("/repos/acme/shop/pulls/%d", i+1), map[string]any{"state": "closed"}, nil)
		}
		if branch == "quarrel" {
			g.do("PUT", fmt.Sprintf("/repos/acme/shop/issues/%d/lock", i+1), map[string]any{}, nil)
		}
	}
}

type giteaComment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
}

func (g *gitea) comments() []giteaComment {
	g.t.Helper()
	var out []giteaComment
	g.do("GET", "/repos/acme/shop/issues/1/comments", nil, &out)
	return out
}

func (g *gitea) client(token string) *Client {
	g.t.Helper()
	c, err := New(Options{API: g.url, Token: token})
	g.must(err)
	return c
}

func TestGitea(t *testing.T) {
	g := startGitea(t)
	p := Pull{"acme", "shop", 1}
	c := g.client(g.bot)
	say := func(t *testing.T, c *Client, comment Comment, action string) Outcome {
		t.Helper()
		began := time.Now()
		out, err := c.Upsert(t.Context(), p, comment)
		if err != nil {
			t.Fatal(err)
		}
		if out.Action != action {
			t.Fatalf("action %q, want %q", out.Action, action)
		}
		t.Logf("%s in %v: %s", action, time.Since(began).Round(time.Millisecond), out.URL)
		return out
	}
	quiet := about("")
	quiet.Quiet = true
	body := "first  \nwith a line break, 日本語 and <details>\n\n```yaml\na: b\n```\n" + strings.Repeat("| a | b |\n", 6000)

	t.Run("one comment", func(t *testing.T) {
		say(t, c, quiet, None)
		if out := say(t, c, about(body), Created); page(out.URL) == "" {
			t.Errorf("URL %q", out.URL)
		}
		say(t, c, about(body), Unchanged)
		say(t, c, about("second"), Updated)
		say(t, c, quiet, Replaced)
		say(t, c, quiet, Unchanged)
		say(t, g.client(g.other), about("eve's"), Created)
		all := g.comments()
		if len(all) != 2 || all[0].Body != markerOf(quiet, quiet.Line).String()+"\n"+quiet.Line || all[0].User.Login != "kubebot" || all[1].User.Login != "eve" {
			t.Errorf("%+v", all)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		g.do("DELETE", fmt.Sprintf("/repos/acme/shop/issues/comments/%d", g.comments()[0].ID), nil, nil)
		say(t, c, about("anew"), Created)
	})
	t.Run("120 others", func(t *testing.T) {
		for i := range 120 {
			g.do("POST", "/repos/acme/shop/issues/1/comments", map[string]any{"body": fmt.Sprint("comment ", i)}, nil)
		}
		say(t, c, about("after 120"), Updated)
	})
	t.Run("30 at once", func(t *testing.T) { g.race(t, p) })
	t.Run("refusals", func(t *testing.T) { g.refusals(t) })
	t.Run("PullOf", func(t *testing.T) {
		var pull pullRequest
		g.do("GET", "/repos/acme/shop/pulls/1", nil, &pull)
		e := Event{Name: "workflow_run", Trigger: "pull_request", Repo: Repo{"acme", "shop"}, HeadRepo: Repo{"acme", "shop"}, HeadBranch: "topic", Head: pull.Head.SHA}
		if got, err := c.PullOf(t.Context(), e); err != nil || got != p {
			t.Errorf("%v, %v", got, err)
		}
		e.Head = sha('0')
		_, err := c.PullOf(t.Context(), e)
		wantError(t, err, NotPull, "no open pull request")
	})
}

// race lets 30 clients say 30 things about a project that has no comment yet.
func (g *gitea) race(t *testing.T, p Pull) {
	const runs = 30
	before := len(g.comments())
	var wg sync.WaitGroup
	errs := make([]error, runs)
	removed := make([]int, runs)
	began := time.Now()
	for i := range runs {
		c := g.client(g.bot)
		wg.Go(func() {
			out, err := c.Upsert(t.Context(), p, Comment{Project: "race", Target: "kubernetes", Body: fmt.Sprint("run ", i), Run: Run{int64(i + 1), 1}})
			errs[i], removed[i] = err, out.Removed
		})
	}
	wg.Wait()
	total := 0
	for i, err := range errs {
		if err != nil {
			t.Errorf("run %d: %v", i, err)
		}
		total += removed[i]
	}
	all := g.comments()
	if len(all) != before+1 {
		t.Fatalf("there are %d comments more, want one", len(all)-before)
	}
	if last := all[len(all)-1].Body; !strings.HasSuffix(last, "\nrun 29") {
		t.Errorf("the newest run is 29, and the comment says %q", last)
	}
	t.Logf("30 runs in %v, %d comments deleted", time.Since(began).Round(time.Millisecond), total)
}

func (g *gitea) refusals(t *testing.T) {
	for _, r := range []struct {
		name, token string
		pull        Pull
		class       Class
	}{
		{"wrong token", strings.Repeat("0", 40), Pull{"acme", "shop", 1}, BadToken},
		{"token that may only read", g.readOnly, Pull{"acme", "shop", 1}, Permission},
		{"no such pull request", g.bot, Pull{"acme", "shop", 99}, NotFound},
		{"no such repository", g.bot, Pull{"acme", "none", 1}, NotFound},
		{"closed", g.bot, Pull{"acme", "shop", 2}, Closed},
		{"locked", g.other, Pull{"acme", "shop", 3}, Locked},
	} {
		t.Run(r.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := g.client(r.token).Upsert(ctx, r.pull, Comment{Project: "refused", Body: "b"})
			e := wantError(t, err, r.class, "")
			t.Logf("%s\nhint: %s", e.Message, e.Hint)
		})
	}
}
