package forge

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/forge/scripted"
)

// event is an event of GitHub with what is read of it, and some that is not.
func event(fields string) string {
	return `{"action":"synchronize","repository":{"id":1,"full_name":"acme/shop","private":false},"sender":{"login":"ann"},` + fields + `}`
}

func pullEvent(state, headRepo, author string) string {
	return event(fmt.Sprintf(`"number":7,"pull_request":{"url":"https://api.github.com/x","number":7,"state":%q,"title":"::error::","user":{"login":%q},
		"head":{"ref":"topic/a","sha":%q,"repo":%s},"base":{"ref":"main","sha":%q,"repo":{"full_name":"acme/shop"}}}`, state, author, sha('a'), headRepo, sha('b')))
}

func runEvent(trigger, headRepo string) string {
	return event(fmt.Sprintf(`"workflow_run":{"id":3,"event":%q,"head_sha":%q,"head_branch":"topic","head_repository":%s,"pull_requests":[{"number":1}]}`, trigger, sha('a'), headRepo))
}

const (
	ours = `{"full_name":"acme/shop"}`
	eves = `{"full_name":"eve/shop"}`
)

func TestReadEvent(t *testing.T) {
	shop := Repo{"acme", "shop"}
	pull := Event{Name: "pull_request", Repo: shop, Number: 7, Base: sha('b'), Head: sha('a'), BaseBranch: "main", HeadRepo: shop, HeadBranch: "topic/a"}
	with := func(e Event, change func(*Event)) Event { change(&e); return e }
	for _, r := range []struct {
		what, name, file string
		want             Event
	}{
		{"own branch", "pull_request", pullEvent("open", ours, "ann"), pull},
		{"fork", "pull_request", pullEvent("open", eves, "eve"), with(pull, func(e *Event) { e.HeadRepo, e.Fork, e.ReadOnly = Repo{"eve", "shop"}, true, true })},
		{"deleted fork", "pull_request", pullEvent("open", "null", "eve"), with(pull, func(e *Event) { e.HeadRepo, e.Fork, e.ReadOnly = Repo{}, true, true })},
		{"fork by its base", "pull_request_target", pullEvent("open", eves, "eve"), with(pull, func(e *Event) { e.Name, e.HeadRepo, e.Fork = "pull_request_target", Repo{"eve", "shop"}, true })},
		{"closed", "pull_request", pullEvent("closed", ours, "ann"), with(pull, func(e *Event) { e.Closed = true })},
		{"Dependabot's, pushed to by ann", "pull_request", pullEvent("open", ours, dependabot), with(pull, func(e *Event) { e.Dependabot = true })},
		{"Dependabot", "pull_request", strings.Replace(pullEvent("open", ours, dependabot), `"sender":{"login":"ann"}`, `"sender":{"login":"dependabot[bot]"}`, 1), with(pull, func(e *Event) { e.Dependabot, e.ReadOnly = true, true })},
		{"queue", "merge_group", event(`"merge_group":{"head_sha":"` + sha('a') + `","base_sha":"` + sha('b') + `","head_ref":"refs/heads/gh-readonly-queue/main/pr-7-x"}`), Event{Name: "merge_group", Repo: shop, Base: sha('b'), Head: sha('a')}},
		{"push", "push", event(`"before":"` + sha('b') + `","after":"` + sha('a') + `","ref":"refs/heads/main"`), Event{Name: "push", Repo: shop, Base: sha('b'), Head: sha('a')}},
		{"first push", "push", event(`"before":"` + sha('0') + `","after":"` + sha('a') + `"`), Event{Name: "push", Repo: shop, Head: sha('a')}},
		{"deletion", "push", event(`"before":"` + sha('b') + `","after":"` + sha('0') + `"`), Event{Name: "push", Repo: shop, Base: sha('b')}},
		{"run", "workflow_run", runEvent("pull_request", eves), Event{Name: "workflow_run", Repo: shop, Head: sha('a'), HeadRepo: Repo{"eve", "shop"}, HeadBranch: "topic", Trigger: "pull_request", Fork: true}},
		{"by hand", "workflow_dispatch", event(`"inputs":null,"ref":"refs/heads/main"`), Event{Name: "workflow_dispatch", Repo: shop}},
		{"by time", "schedule", `{"schedule":"0 4 * * *"}`, Event{Name: "schedule"}},
		{"SHA-256", "merge_group", event(`"merge_group":{"head_sha":"` + strings.Repeat("a", 64) + `","base_sha":"` + strings.Repeat("b", 64) + `"}`), Event{Name: "merge_group", Repo: shop, Base: strings.Repeat("b", 64), Head: strings.Repeat("a", 64)}},
	} {
		t.Run(r.what, func(t *testing.T) {
			got, err := ReadEvent(strings.NewReader(r.file), r.name)
			if err != nil || got != r.want {
				t.Errorf("%+v, %v; want %+v", got, err, r.want)
			}
		})
	}
}

func TestBadEvents(t *testing.T) {
	good := pullEvent("open", ours, "ann")
	bent := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("%q is not there", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	for _, r := range []struct {
		name, file string
		class      Class
		message    string
	}{
		{"issue_comment", good, NotPull, `the event "issue_comment"`},
		{"", good, NotPull, `the event ""`},
		{"pull_request\n::error::", good, NotPull, ""},
		{"pull_request", "", BadEvent, "no JSON from byte 0"},
		{"pull_request", "null", BadEvent, "no repository"},
		{"pull_request", "[]", BadEvent, "of another type"},
		{"pull_request", "<html>", BadEvent, "no JSON from byte 1"},
		{"pull_request", good + "{}", BadEvent, "no JSON from byte"},
		{"pull_request", strings.Repeat("[", 20000), BadEvent, "no JSON"},
		{"pull_request", bent("::error::", "\xff"), BadEvent, "not UTF-8"},
		{"pull_request", `{"x":"` + strings.Repeat("x", maxEvent) + `"}`, BadEvent, "larger than 25 MiB"},
		{"pull_request", event(`"issue":{"number":7}`), BadEvent, "no pull_request"},
		{"pull_request", bent(`"number":7,"state"`, `"number":"7","state"`), BadEvent, "pull_request.number is of another type"},
		{"pull_request", bent(`"number":7,"state"`, `"number":-7,"state"`), BadEvent, "pull_request.number"},
		{"pull_request", bent(`"number":7,"pull_request"`, `"number":8,"pull_request"`), BadEvent, "pull_request.number"},
		{"pull_request", bent(`"number":7,"state"`, `"number":7e99,"state"`), BadEvent, "of another type"},
		{"pull_request", bent(`"open"`, `"ajar"`), BadEvent, "pull_request.state"},
		{"pull_request", bent(sha('b'), "main"), BadEvent, "pull_request.base.sha is no commit"},
		{"pull_request", bent(sha('a'), "--upload-pack=x"), BadEvent, "pull_request.head.sha is no commit"},
		{"pull_request", bent(`"topic/a"`, `"a\nb"`), BadEvent, "pull_request.head.ref is no branch"},
		{"pull_request", bent(`"topic/a"`, `""`), BadEvent, "pull_request.head.ref is no branch"},
		{"pull_request", bent(`"private":false`, `"full_name":"acme/.."`), BadEvent, "repository.full_name"},
		{"pull_request", strings.Replace(good, `"base":{"ref":"main","sha":"`+sha('b')+`","repo":{"full_name":"acme/shop"}}`, `"base":{"ref":"main","sha":"`+sha('b')+`","repo":{"full_name":"eve/shop"}}`, 1), BadEvent, "another repository"},
		{"pull_request", strings.Replace(good, `"repository"`, `"store"`, 1), BadEvent, "no repository"},
		{"merge_group", good, BadEvent, "no merge_group"},
		{"push", good, BadEvent, "no before and after"},
		{"push", event(`"before":"main","after":"` + sha('a') + `"`), BadEvent, "before is no commit"},
		{"workflow_run", good, BadEvent, "no workflow_run"},
		{"workflow_run", runEvent("", ours), BadEvent, "workflow_run.event is empty"},
		{"workflow_run", runEvent("pull_request", `{"full_name":"../../user"}`), BadEvent, "head_repository"},
		{"workflow_run", runEvent("pull_request", "null"), NotPull, "is gone"},
		{"workflow_run", strings.Replace(runEvent("pull_request", ours), `"topic"`, `"eve:topic"`, 1), BadEvent, "head_branch"},
	} {
		_, err := ReadEvent(strings.NewReader(r.file), r.name)
		wantError(t, err, r.class, r.message)
	}
	if _, err := ReadEvent(broken{}, "push"); err == nil || !errors.Is(err, errBroken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// TestUnknownEventHint: nobody is told to run on what must never be used.
func TestUnknownEventHint(t *testing.T) {
	_, err := ReadEvent(strings.NewReader("{}"), "issues")
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "pull_request, push") || strings.Contains(e.Hint, "pull_request_target") {
		t.Errorf("%v: %+v", err, e)
	}
}

func TestPullOf(t *testing.T) {
	run := Event{Name: "workflow_run", Trigger: "pull_request", Repo: Repo{"acme", "shop"}, HeadRepo: Repo{"eve", "shop"}, HeadBranch: "topic", Head: sha('a')}
	with := func(change func(*Event)) Event { e := run; change(&e); return e }
	for _, r := range []struct {
		name    string
		e       Event
		number  int
		class   Class
		message string
	}{
		{"fork", run, 8, "", ""},
		{"in another case", with(func(e *Event) { e.HeadRepo = Repo{"eve", "Shop"} }), 8, "", ""},
		{"newer commit", with(func(e *Event) { e.Head = sha('c') }), 0, NotPull, "no open pull request"},
		{"another branch", with(func(e *Event) { e.HeadBranch = "main" }), 0, NotPull, "no open pull request has the head eve:main"},
		{"another fork", with(func(e *Event) { e.HeadRepo = Repo{"eve", "other"} }), 0, NotPull, "no open pull request"},
		{"two bases", with(func(e *Event) { e.HeadRepo = Repo{"acme", "shop"} }), 0, NotPull, "2 open pull requests have the head acme:topic, #7 and #10"},
		{"push before", with(func(e *Event) { e.Trigger = "push" }), 0, NotPull, "started by push"},
		{"push", Event{Name: "push", Repo: Repo{"acme", "shop"}}, 0, NotPull, "the event push is about no pull request"},
		{"schedule", Event{Name: "schedule"}, 0, NotPull, "the event schedule"},
		{"pull request", Event{Name: "pull_request", Repo: Repo{"acme", "shop"}, Number: 7}, 7, "", ""},
		{"closed", Event{Name: "pull_request", Repo: Repo{"acme", "shop"}, Number: 9, Closed: true}, 0, Closed, "acme/shop#9 is closed"},
		{"nonsense", with(func(e *Event) { e.Repo = Repo{"..", ".."} }), 0, Misuse, "no repository"},
	} {
		t.Run(r.name, func(t *testing.T) {
			_, h := start(t, nil)
			got, err := client(t, h, Options{}).PullOf(t.Context(), r.e)
			if r.class != "" {
				wantError(t, err, r.class, r.message)
				return
			}
			if want := (Pull{"acme", "shop", r.number}); err != nil || got != want {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
		})
	}
	// A forge that ignores the filter, as Gitea does, is not believed.
	_, h := start(t, func(s *scripted.Server) {
		s.MaxPage = 1
		s.Script = func(_ int, r *http.Request) *scripted.Answer {
			q := r.URL.Query()
			q.Del("head")
			r.URL.RawQuery = q.Encode()
			return nil
		}
	})
	if got, err := client(t, h, Options{}).PullOf(t.Context(), run); err != nil || got.Number != 8 {
		t.Errorf("%v, %v", got, err)
	}
}

// Whatever file it is given, ReadEvent ends, and what it returns can be used.
func FuzzReadEvent(f *testing.F) {
	for _, name := range known {
		f.Add(name, pullEvent("open", eves, "eve"))
		f.Add(name, runEvent("pull_request", ours))
		f.Add(name, event(`"merge_group":{"head_sha":"`+sha('a')+`","base_sha":"`+sha('b')+`"},"before":"`+sha('0')+`","after":"`+sha('a')+`"`))
	}
	f.Fuzz(func(t *testing.T, name, file string) {
		e, err := ReadEvent(strings.NewReader(file), name)
		if err != nil {
			var typed *Error
			if !errors.As(err, &typed) || strings.ContainsFunc(typed.Message+typed.Hint, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("error %q", err)
			}
			return
		}
		if e.Number > 0 && (Pull{e.Repo.Owner, e.Repo.Name, e.Number}).check() != nil {
			t.Errorf("%+v names no pull request", e)
		}
		for _, commit := range []string{e.Base, e.Head} {
			if commit != "" && !shaForm.MatchString(commit) {
				t.Errorf("%q is no commit", commit)
			}
		}
	})
}

// Whatever a project and a target are called, their marker is one line, closes
// once, is theirs alone, and is read back.
func FuzzMarker(f *testing.F) {
	f.Add("shop", "kubernetes", "other", int64(1))
	f.Add("a-->", "--!>", "%2D", int64(0))
	f.Add("\n", strings.Repeat("-", 200), "sha256:", int64(-1))
	f.Fuzz(func(t *testing.T, project, target, other string, id int64) {
		c := Comment{Project: project, Target: target, Body: "b", Run: Run{id, 1}}
		text, m, err := c.text()
		if err != nil {
			return
		}
		line, body, _ := strings.Cut(text, "\n")
		inside := strings.TrimSuffix(strings.TrimPrefix(line, "<!--"), "-->")
		if body != "b" || len(inside) != len(line)-7 || strings.Contains(inside, "--") || strings.ContainsAny(inside, "<>\r") || len(line) > Room {
			t.Errorf("marker %q", line)
		}
		if want := (Run{id, 1}); id > 0 && m.runOf(text) != want {
			t.Errorf("run %v, want %v", m.runOf(text), want)
		}
		if other != project && encode(other) == encode(project) {
			t.Errorf("%q and %q are both %s", other, project, encode(other))
		}
	})
}
