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
