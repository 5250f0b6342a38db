package names

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// TooMany says that what a statement points at does not fit the budget. Words
// are the statement's that point at most, as it has them; none if the statement
// itself is too long.
type TooMany struct {
	Needed, Budget int // tokens
	Words          []string
}

func (e *TooMany) Error() string {
	if len(e.Words) == 0 {
		return fmt.Sprintf("the statement says too much at once: it takes about %d tokens, and the budget is %d", e.Needed, e.Budget)
	}
	var quoted []string
	for _, w := range e.Words {
		quoted = append(quoted, strconv.Quote(w))
	}
	return fmt.Sprintf("too many things are called %s: to tell of them takes about %d tokens, and the budget is %d", strings.Join(quoted, " or "), e.Needed, e.Budget)
}

// Tokens estimates how many tokens a model's vocabulary makes of a text: one for
// three bytes of ASCII and one for each other byte. Common vocabularies need one
// for about three and a half bytes of names, labels and JSON, so that the
// estimate errs on the large side.
func Tokens(text string) int {
	ascii := 0
	for i := 0; i < len(text); i++ {
		if text[i] >= ' ' && text[i] < 0x7f {
			ascii++
		}
	}
	return (ascii+2)/3 + len(text) - ascii
}

// What a prompt has around a value in a list, and around the fields of an object.
const (
	perValue  = 1
	perObject = 10
)

// Tokens estimates the size of the workload in a prompt.
func (w ShortWorkload) Tokens() int {
	return perObject + Tokens(w.Ref()) + tokens(w.Labels) + tokens(w.Ports) + tokens(w.Services)
}

// Tokens estimates the size of the namespace in a prompt.
func (n ShortNamespace) Tokens() int { return perObject + Tokens(n.Name) + tokens(n.Labels) }

func tokens(values []string) int {
	n := 0
	for _, v := range values {
		n += perValue + Tokens(v)
	}
	return n
}

// fit makes the shortlist: all that is pointed at, and extras while they fit.
func (f *finder) fit(budget int) (*Shortlist, error) {
	s := &Shortlist{Statement: f.s, Namespace: f.namespace, Protocols: sorted(f.said.protocols), CIDRs: sorted(f.said.cidrs),
		Domains: sorted(f.said.domains), ServiceAccounts: sorted(f.said.accounts)}
	for _, name := range sorted(f.spaces) {
		s.Namespaces = append(s.Namespaces, f.shortNamespace(name))
	}
	s.Ports, s.Labels, s.NamespaceLabels = sorted(f.said.ports), sorted(f.said.labels), sorted(f.said.spaceLabels)
	s.Tokens = tokens(s.Ports) + tokens(s.Protocols) + tokens(s.Labels) + tokens(s.NamespaceLabels) + tokens(s.CIDRs) + tokens(s.Domains) + tokens(s.ServiceAccounts)
	for _, n := range s.Namespaces {
		s.Tokens += n.Tokens()
	}
	for _, r := range f.order {
		r.score += min(evidenceMore*(r.count-1), evidenceLimit)
	}
	slices.SortFunc(f.order, func(a, b *reason) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(f.x.inv.Index(a.w), f.x.inv.Index(b.w)))
	})
	kept := map[*inventory.Workload]bool{}
	add := func(r *reason, w ShortWorkload) {
		s.Tokens += w.Tokens()
		s.Workloads = append(s.Workloads, w)
		kept[r.w] = true
	}
	direct := map[*reason]ShortWorkload{}
	needed, named := s.Tokens, s.Tokens
	for _, r := range f.order {
		if r.direct {
			w := f.shortWorkload(r)
			direct[r] = w
			needed += w.Tokens()
			if r.named {
				named += w.Tokens()
			}
		}
	}
	if named > budget {
		return nil, &TooMany{Needed: named, Budget: budget, Words: f.crowds()}
	}
	for _, r := range f.order {
		if r.direct = r.direct && (r.named || needed <= budget); r.direct { // else its label, which is listed, says it
			add(r, direct[r])
		}
	}
	limit := min(budget, s.Tokens+budget/2)
	for _, r := range f.order {
		if r.direct {
			continue
		}
		w := f.shortWorkload(r)
		if s.Tokens+w.Tokens() > limit {
			break
		}
		add(r, w)
	}
	slices.SortFunc(s.Workloads, func(a, b ShortWorkload) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	s.Mentions = f.mentioned(kept)
	return s, nil
}

// crowds returns up to three runs of words that point at most.
func (f *finder) crowds() []string {
	type crowd struct {
		words string
		n     int
	}
	var all []crowd
	for _, m := range f.mentions {
		if n := len(m.meaning.direct); n > 1 {
			all = append(all, crowd{strings.ToValidUTF8(f.s[m.start:m.end], "?"), n})
		}
	}
	slices.SortStableFunc(all, func(a, b crowd) int { return cmp.Compare(b.n, a.n) })
	var out []string
	for _, c := range all {
		if len(out) < 3 && c.n*4 >= all[0].n && len(c.words) <= 200 && !slices.Contains(out, c.words) {
			out = append(out, c.words)
		}
	}
	return out
}

// mentioned makes the mentions, with what was kept of their meanings.
func (f *finder) mentioned(kept map[*inventory.Workload]bool) []Mention {
	var out []Mention
	for _, m := range f.mentions {
		if !m.meaning.done {
			m.meaning.done = true
			ws := slices.Concat(m.meaning.direct, m.meaning.soft)
			if !m.meaning.strong {
				ws = append(ws, m.meaning.extras...)
			}
			for _, w := range ws {
				if kept[w] {
					m.meaning.refs = append(m.meaning.refs, f.ref(w))
				}
			}
			m.meaning.refs = distinct(m.meaning.refs)
		}
		if len(m.meaning.refs)+len(m.spaces) > 0 {
			out = append(out, Mention{Start: m.start, End: m.end, Workloads: m.meaning.refs, Namespaces: distinct(m.spaces), Strong: m.strong})
		}
	}
	slices.SortStableFunc(out, func(a, b Mention) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End)) })
	return out
}

func (f *finder) ref(w *inventory.Workload) string {
	s := ShortWorkload{Namespace: w.Namespace, Name: w.Name}
	if f.v.twins[w] {
		s.Kind = w.Kind
	}
	return s.Ref()
}

func (f *finder) shortNamespace(name string) ShortNamespace {
	n := ShortNamespace{Name: name}
	for k, v := range f.x.inv.Namespace(name).Labels {
		if k != inventory.NameLabel && !volatile(k) && (k != "name" || v != name) {
			n.Labels = append(n.Labels, k+"="+v)
		}
	}
	slices.Sort(n.Labels)
	return n
}

// shortWorkload is what a prompt tells of a workload.
func (f *finder) shortWorkload(r *reason) ShortWorkload {
	w := ShortWorkload{Namespace: r.w.Namespace, Name: r.w.Name, Score: r.score}
	if f.v.twins[r.w] {
		w.Kind = r.w.Kind
	}
	selected := map[string]bool{}
	for _, s := range f.v.services[r.w] {
		for k := range s.Selector {
			selected[k] = true
		}
		var ports []string
		for _, p := range s.Ports {
			ports = append(ports, portText(p.Name, p.Number, p.Protocol))
		}
		w.Services = append(w.Services, strings.TrimSpace(s.Name+" "+strings.Join(ports, ", ")))
	}
	for _, p := range r.w.Ports {
		w.Ports = append(w.Ports, portText(p.Name, p.Number, p.Protocol))
	}
	w.Labels = f.shortLabels(r.w, selected)
	return w
}

// shortLabels are the labels that the statement speaks of, and one for each
// other value that a Service selects by or that says what the pod is for: many
// write a name under several keys.
func (f *finder) shortLabels(w *inventory.Workload, selected map[string]bool) []string {
	var out, values []string
	add := func(k, v string) {
		out = append(out, k+"="+v)
		values = append(values, v)
	}
	keys := slices.Sorted(maps.Keys(w.Labels))
	spoken := func(k string) bool { return f.said.labels[k] || f.said.labels[k+"="+w.Labels[k]] }
	for _, choose := range []func(k string) bool{spoken, func(k string) bool { return selected[k] }, func(k string) bool { return telling[k] }} {
		for _, k := range keys {
			v := w.Labels[k]
			if !volatile(k) && choose(k) && !slices.Contains(out, k+"="+v) && (spoken(k) || !slices.Contains(values, v)) {
				add(k, v)
			}
		}
	}
	slices.Sort(out)
	return out
}

// telling are the label keys that say what a pod is for.
var telling = map[string]bool{"app": true, "name": true, "k8s-app": true, "component": true, "role": true, "tier": true, "app.kubernetes.io/name": true, "app.kubernetes.io/component": true}

func portText(name string, number int, protocol string) string {
	return strings.TrimSpace(fmt.Sprintf("%s %d/%s", name, number, protocol))
}
