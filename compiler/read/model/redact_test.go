package model_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read/model"
)

// leaks returns the whole names of a shortlist that a text holds as words.
func leaks(text string, s *names.Shortlist) []string {
	var all []string
	label := func(list []string) {
		for _, l := range list {
			k, v, _ := strings.Cut(l, "=")
			all = append(all, k, v)
		}
	}
	all = append(all, s.Namespace)
	for _, n := range s.Namespaces {
		all = append(all, n.Name)
		label(n.Labels)
	}
	for _, w := range s.Workloads {
		all = append(all, w.Namespace, w.Name)
		label(w.Labels)
		for _, service := range w.Services {
			all = append(all, strings.Fields(service)[0])
		}
	}
	label(s.Labels)
	label(s.NamespaceLabels)
	all = append(all, s.Domains...)
	var out []string
	for _, n := range all {
		if n == "app" || n == "controller" {
			continue // words of the language, and of the schema
		}
		for at := 0; n != "" && strings.Trim(n, "0123456789") != ""; {
			k := strings.Index(text[at:], n)
			if k < 0 {
				break
			}
			end := at + k + len(n)
			if edge(text, at+k-1) && edge(text, end) && !slices.Contains(out, n) {
				out = append(out, n)
			}
			at = end
		}
	}
	return out
}

func edge(s string, i int) bool {
	return i < 0 || i >= len(s) || !unicode.IsLetter(rune(s[i])) && !unicode.IsDigit(rune(s[i])) && s[i] < 0x80
}

// TestRedact hides the names of every statement's shortlist and reads the hidden
// answer back.
func TestRedact(t *testing.T) {
	for _, p := range allPairs(t) {
		hidden, mask := model.Redact(p.shortlist)
		r := model.Prompt(hidden)
		for _, text := range []string{r.Messages[1].Content, string(r.Schema)} {
			if found := leaks(text, p.shortlist); len(found) > 0 {
				t.Errorf("%q: %q are sent: %s", p.statement, found, hidden.Statement)
			}
		}
		for i, m := range hidden.Mentions {
			was := p.shortlist.Mentions[i]
			if m.Start >= m.End || m.End > len(hidden.Statement) {
				t.Fatalf("%q: mention %d of %q is [%d, %d)", p.statement, i, hidden.Statement, m.Start, m.End)
			}
			words, before := hidden.Statement[m.Start:m.End], p.statement[was.Start:was.End]
			if got := mask.Restore(words); names.Key(got) != names.Key(before) && !slices.ContainsFunc(was.Workloads, func(r string) bool { return strings.HasSuffix(r, "/"+got) }) {
				t.Errorf("%q: %q became %q, which is %q", p.statement, before, words, got)
			}
		}
		text := answerTo(t, p.rules)
		a, problems := model.Decode(mask.Restore(hide(text, p.shortlist, hidden)), p.shortlist)
		if len(problems) > 0 || words(a.Rules) != words(p.rules) {
			t.Errorf("%q: %s\n%s", p.statement, messages(problems), words(a.Rules))
		}
	}
}

// hide writes an answer as a model would that only saw the hidden shortlist.
func hide(text string, s, hidden *names.Shortlist) string {
	var pairs []string
	add := func(a, b string) { pairs = append(pairs, `"`+a+`"`, `"`+b+`"`) }
	list := func(a, b []string) {
		for i := range a {
			add(a[i], b[i])
		}
	}
	for i, w := range s.Workloads {
		add(w.Ref(), hidden.Workloads[i].Ref())
	}
	for i, n := range s.Namespaces {
		add(n.Name, hidden.Namespaces[i].Name)
	}
	list(s.Labels, hidden.Labels)
	list(s.NamespaceLabels, hidden.NamespaceLabels)
	list(s.Domains, hidden.Domains)
	list(s.CIDRs, hidden.CIDRs)
	list(s.ServiceAccounts, hidden.ServiceAccounts)
	for i, p := range s.Ports {
		add(p, hidden.Ports[i])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// TestRedactOdd hides names that are words of the language, of an answer, of other
// scripts, or stand-ins themselves.
func TestRedactOdd(t *testing.T) {
	s := &names.Shortlist{
		Statement:  "Only the wediso may reach workload, Größe and from-cart on http; not falcon-2, pods labelled access: secretTeam, nor eu.falcon.example.com or fd00:beef::/32. 42 is Falcons' number.",
		Namespace:  "only",
		Namespaces: []names.ShortNamespace{{Name: "only", Labels: []string{"access=secretTeam"}}, {Name: "the"}, {Name: "kube-system"}},
		Workloads: []names.ShortWorkload{
			{Namespace: "only", Name: "wediso", Labels: []string{"app.kubernetes.io/name=wediso", "access=secretTeam", "Access=SECRETTEAM"}, Ports: []string{"http 8080/TCP", "tcp 9/TCP"}, Services: []string{"falcon-front http 80/TCP, tcp 9/UDP"}},
			{Namespace: "only", Name: "workload"}, {Namespace: "the", Name: "Größe", Kind: "StatefulSet"}, {Namespace: "the", Name: "Größe", Kind: "Deployment"},
			{Namespace: "only", Name: "from-cart"}, {Namespace: "only", Name: "falcon-2"}, {Namespace: "kube-system", Name: "redis-db"}, {Namespace: "only", Name: "falcon-db"}, {Namespace: "only", Name: "42"},
		},
		Ports: []string{"http", "tcp", "9"}, Protocols: []string{"TCP"}, Labels: []string{"access=secretTeam", "Access=SECRETTEAM"}, CIDRs: []string{"fd00:beef::/32"}, Domains: []string{"eu.falcon.example.com"},
		ServiceAccounts: []string{"only/falcon-robot"},
	}
	for _, w := range s.Workloads {
		if k := strings.Index(s.Statement, w.Name); k >= 0 && w.Name != "42" {
			s.Mentions = append(s.Mentions, names.Mention{Start: k, End: k + len(w.Name), Workloads: []string{w.Ref()}, Strong: true})
		}
	}
	hidden, mask := model.Redact(s)
	r := model.Prompt(hidden)
	for _, name := range []string{"wediso", "Größe", "falcon", "Falcon", "secretTeam", "SECRETTEAM", "cart", "redis-db", "kube-system", "robot", "access", `"only`, `"the"`, "workload,", "only/workload"} {
		for _, text := range []string{r.Messages[1].Content, string(r.Schema)} {
			if strings.Contains(text, name) {
				t.Errorf("%s is sent: %s", name, text)
			}
		}
	}
	for _, keep := range []string{"/TCP", "/UDP", "8080", "fd00:beef::/32", "-front", ".com", "StatefulSet ", "and ", "Only the "} {
		if !strings.Contains(r.Messages[1].Content, keep) {
			t.Errorf("%q is gone: %s", keep, r.Messages[1].Content)
		}
	}
	for i, w := range s.Workloads {
		text := to(`{"workload":"` + hidden.Workloads[i].Ref() + `"}`)
		text = strings.ReplaceAll(text, "yard/crane", hidden.Workloads[0].Ref())
		a, problems := model.Decode(mask.Restore(text), s)
		if len(problems) > 0 || a.Rules[0].Allow.To[0].Name != w.Name || a.Rules[0].Allow.To[0].Namespace != w.Namespace || a.Rules[0].Allow.To[0].Type != w.Kind {
			t.Errorf("%s: %s", text, messages(problems))
		}
	}
	for i, l := range s.Labels {
		if got := mask.Restore(hidden.Labels[i]); got != l {
			t.Errorf("%s became %s, which is %s", l, hidden.Labels[i], got)
		}
	}
	again, _ := model.Redact(s)
	if again.Statement != hidden.Statement {
		t.Error("stand-ins are not the same twice")
	}
}

// TestHide sends no name back in a message, also none that the shortlist lacks.
func TestHide(t *testing.T) {
	s := yard()
	hidden, mask := model.Redact(s)
	crane := hidden.Workloads[0].Ref()
	for _, tt := range []struct{ text, want string }{
		{"yard/crane to yard/store on TCP 5432 passes", crane + " to " + hidden.Workloads[1].Ref() + " on TCP 5432 passes"},
		{"secret/vault-keeper may reach yard/crane", "hidden/vault-hidden may reach " + crane},
		{`rules[0].from[1].workload: "secret/agent" is no workload of those that are listed; did you mean "yard/crane"?`, `rules[0].from[1].workload: "hidden/hidden" is no workload of those that are listed; did you mean "` + crane + `"?`},
		{"traffic to every pod of namespace secret is blocked", "traffic to every pod of namespace hidden is blocked"},
		{"pods of namespaces secret, agents and spies, with 10.0.0.1 and port 8000-8010", "pods of namespaces hidden, hidden and hidden, with 10.0.0.1 and port 8000-8010"},
		{"pods labelled clearance=top", "pods labelled hidden=hidden"},
		{"nothing listens on port 5432 of the store", "nothing listens on port 5432 of the " + mask.Hide("store")},
	} {
		if got := mask.Hide(tt.text); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("Only web may reach redis cart, not WEB's api.example.com.", "web", "redis-cart", "app=web")
	f.Add("ſK İ ẞ the \xff\xfe web", "ſ", "\xff", "=")
	f.Add("a a a", "a", "a", "a")
	f.Fuzz(func(t *testing.T, statement, one, two, label string) {
		if len(statement)+len(one)+len(two)+len(label) > 2000 {
			return
		}
		s := &names.Shortlist{Statement: statement, Namespace: one, Namespaces: []names.ShortNamespace{{Name: one, Labels: []string{label}}},
			Workloads: []names.ShortWorkload{{Namespace: one, Name: two, Labels: []string{label}, Services: []string{two + " 80/TCP"}}}, Labels: []string{label}, Domains: []string{two}, Ports: []string{one}}
		for _, name := range []string{one, two, "a"} {
			if k := strings.Index(statement, name); k >= 0 && name != "" {
				s.Mentions = append(s.Mentions, names.Mention{Start: k, End: k + len(name), Workloads: []string{s.Workloads[0].Ref()}, Namespaces: []string{one}, Strong: len(name)%2 == 0})
			}
		}
		hidden, mask := model.Redact(s)
		for _, m := range hidden.Mentions {
			if m.Start < 0 || m.Start > m.End || m.End > len(hidden.Statement) {
				t.Fatalf("mention [%d, %d) of %q", m.Start, m.End, hidden.Statement)
			}
		}
		for i, l := range s.Labels {
			if got := mask.Restore(hidden.Labels[i]); got != l && !strings.Contains(l, `\`) {
				t.Fatalf("label %q became %q, which is %q", l, hidden.Labels[i], got)
			}
		}
		if got := mask.Restore(hidden.Workloads[0].Name); got != two && !strings.Contains(two, `\`) {
			t.Fatalf("%q became %q, which is %q", two, hidden.Workloads[0].Name, got)
		}
		mask.Hide(statement)
		model.Prompt(hidden)
		model.Evidence(model.Answer{}, hidden)
	})
}
