package report

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// This file gathers what a page says from a difference: its verdict, its
// intents, policies and findings, and the links between them.

// page is what the templates are given. Its texts are as the input has them: the
// templates escape them, but for those that say that they are escaped.
type page struct {
	Style  template.CSS
	Script template.JS
	Policy string // of the page's own fetches and scripts

	Title     string
	D         *Difference
	Based     bool   // there is a base to compare with
	Base      string // how the base is called, escaped
	Verdict   verdictView
	Tiles     []tile
	Nav       []navItem
	Questions []findingView
	Changes   *changesView // nil without a base
	Intents   []intentView
	Reach     *reachView
	Graph     *graphView
	Policies  []policyView
	Findings  []findingView
	Overlay   string
}

type verdictView struct{ Kind, Title, Detail string }

// tile is one number and the words below it.
type tile struct {
	Href, Number, Title string
	Parts               []tilePart
}

type tilePart struct{ Kind, Text string }

type navItem struct {
	ID, Title string
	Count     int
	Alert     bool
}

// pageLink leads to a place of the page; without Href it is text. Text is escaped.
type pageLink struct {
	Href string `json:"h,omitempty"`
	Text string `json:"t"`
}

type findingView struct {
	diag.Diagnostic
	Place   string // escaped
	About   []pageLink
	Related []relatedView
}

type relatedView struct{ Place, Message string }

type intentView struct {
	Intent
	ID, Place, Word string
	By              []string
	Links           []pageLink
	Findings        []findingView
	Change          *intentChangeView
}

type policyView struct {
	Policy
	ID, Diff     string
	CommentsOnly bool
	Links        []pageLink
}

// pageViewer gathers a page.
type pageViewer struct {
	Options
	d        *Difference
	intents  map[string]string // set/name -> anchor
	policies map[string]string // path -> anchor
	text     *text
}

func newPage(d *Difference, o Options) *page {
	whole := *d
	if whole.Head == nil {
		whole.Head = &Report{Project: d.Project, Target: d.Target}
	}
	v := &pageViewer{Options: o, d: &whole, intents: map[string]string{}, policies: map[string]string{}, text: &text{r: whole.Head}}
	for i, in := range whole.Head.Intents {
		v.intents[in.Set+"/"+in.Name] = fmt.Sprintf("intent-%d", i+1)
	}
	policies := v.allPolicies()
	for i, p := range policies {
		v.policies[p.Path] = fmt.Sprintf("policy-%d", i+1)
	}
	p := &page{D: &whole, Based: v.based(), Base: v.baseName(), Verdict: v.verdict(), Changes: v.changes(), Reach: v.reach(), Graph: v.graph(),
		Intents: v.intentViews(), Policies: v.policyViews(policies), Overlay: o.path(whole.Head.Overlay)}
	p.Title = "kubeteus: " + Escape(cmp.Or(whole.Project, whole.Head.Project, "report"))
	for _, f := range whole.Questions() {
		p.Questions = append(p.Questions, v.finding(f))
	}
	for _, f := range weightiest(whole.Head.Diagnostics) {
		p.Findings = append(p.Findings, v.finding(f))
	}
	p.Tiles = v.tiles()
	p.Nav = p.navigation()
	return p
}

// weightiest are findings with the errors first, each kind by its place.
func weightiest(l []diag.Diagnostic) []diag.Diagnostic {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b diag.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), a.Pos.Compare(b.Pos))
	})
	return out
}

func (v *pageViewer) based() bool { return v.d.Base != Revision{} }

// baseName is the base for people: its name and the first digits of its commit.
func (v *pageViewer) baseName() string {
	b := v.d.Base
	short := b.Commit[:min(12, len(b.Commit))]
	if b.Name == "" || strings.HasPrefix(b.Commit, b.Name) {
		return Escape(short)
	}
	return Escape(strings.TrimSpace(b.Name + " " + short))
}

func (v *pageViewer) verdict() verdictView {
	s := v.d.Head.Summary
	switch verdict := v.d.Verdict; {
	case verdict == Rejected, verdict == "" && s.Errors > 0:
		return verdictView{"rejected", "Rejected", "The input has " + plural(s.Errors, "error") + "; no policy is written until every one is mended."}
	case verdict == Stale:
		return verdictView{"stale", "Out of date", "The intents are sound, but the overlay or the lock on disk is not what they say: run kubeteus compile and commit what it writes."}
	default:
		return verdictView{"pass", "Passes", "Every check is clean, and the policies are what the intents say."}
	}
}

func (v *pageViewer) tiles() []tile {
	s, c := v.d.Head.Summary, v.d.Summary
	out := []tile{{"#intents", fmt.Sprint(s.Intents), countWord(s.Intents, "intent"), tileParts("good", s.Compiled, v.text.word(Compiled), "calm", s.Holds, "holding already", "bad", s.Refused, "refused")}}
	added, changed, removed := s.Added, s.Changed, s.Removed
	if v.based() {
		added, changed, removed = c.PoliciesAdded, c.PoliciesChanged, c.PoliciesRemoved
	}
	out = append(out, tile{"#policies", fmt.Sprint(s.Policies), strings.TrimSuffix(countWord(s.Policies, "policie"), "e") + map[bool]string{true: "y"}[s.Policies == 1],
		tileParts("gained", added, "added", "warn", changed, "changed", "lost", removed, "removed", "calm", c.PoliciesComments, "in comments only")})
	if r := v.d.Head.Reachability; r != nil {
		out = append(out, tile{"#reach", fmt.Sprint(s.PairsAfter), "pairs that may talk", v.pairParts()})
	}
	if v.based() {
		out = append(out, tile{"#cut", fmt.Sprint(c.Cut), countWord(c.Cut, "declared connection") + " cut", tileParts("calm", len(v.d.Cut)-c.Cut, "more, as listed")})
	}
	out = append(out, tile{"#findings", fmt.Sprint(len(v.d.Head.Diagnostics)), countWord(len(v.d.Head.Diagnostics), "finding"),
		tileParts("bad", s.Errors, countWord(s.Errors, "error"), "warn", s.Warnings, countWord(s.Warnings, "warning"), "calm", s.Notes, countWord(s.Notes, "note"))})
	return out
}

func (v *pageViewer) pairParts() []tilePart {
	if r := v.d.Reachability; v.based() && r != nil {
		return tileParts("gained", r.Pairs.Gained, "gained", "lost", r.Pairs.Lost, "lost", "calm", r.Pairs.Arrived, "with new ends", "calm", r.Pairs.Departed, "with ends gone")
	}
	s := v.d.Head.Summary
	return tileParts("gained", s.PairsGained, "gained", "lost", s.PairsLost, "lost", "warn", s.PairsChanged, "on other ports")
}

// tileParts are the counts that are not zero, each with a kind and its words.
func tileParts(triples ...any) []tilePart {
	var out []tilePart
	for i := 0; i+2 < len(triples); i += 3 {
		if triples[i+1] != 0 {
			out = append(out, tilePart{triples[i].(string), fmt.Sprintf("%d %s", triples[i+1], triples[i+2])})
		}
	}
	return out
}

// countWord is a word for a number of things, without the number.
func countWord(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func (p *page) navigation() []navItem {
	out := []navItem{{"top", "Verdict", 0, false}}
	if n := len(p.Questions); n > 0 {
		out = append(out, navItem{"questions", "Questions", n, true})
	}
	if p.Changes != nil {
		out = append(out, navItem{"changes", "What differs", p.Changes.Count, len(p.Changes.Gained.Flows) > 0 || len(p.Changes.Loud) > 0})
	}
	out = append(out, navItem{"intents", "Intents", len(p.Intents), p.D.Head.Summary.Refused > 0})
	if p.Reach != nil {
		out = append(out, navItem{"reach", "Who reaches whom", 0, false}, navItem{"graph", "Graph", 0, false})
	}
	return append(out, navItem{"policies", "Policies", len(p.Policies), false}, navItem{"findings", "Findings", len(p.Findings), p.D.Head.Summary.Errors > 0})
}

// allPolicies are the head's, then those that only the comparison knows.
func (v *pageViewer) allPolicies() []Policy {
	out := append([]Policy{}, v.d.Head.Policies...)
	known := map[string]int{}
	for i, p := range out {
		known[p.Path] = i
		if v.based() {
			out[i].Change = Unchanged // against the base, unless the comparison says otherwise
		}
	}
	for _, c := range v.d.Policies {
		if i, ok := known[c.Path]; ok {
			out[i].Change = c.Change
			if len(out[i].Intents) == 0 {
				out[i].Intents = c.Intents
			}
			continue
		}
		out = append(out, Policy{Path: c.Path, Kind: c.Kind, Namespace: c.Namespace, Name: c.Name, Intents: c.Intents, Change: c.Change})
	}
	return out
}

func (v *pageViewer) policyViews(policies []Policy) []policyView {
	changes := map[string]PolicyChange{}
	for _, c := range v.d.Policies {
		changes[c.Path] = c
	}
	var out []policyView
	for _, p := range policies {
		out = append(out, policyView{Policy: p, ID: v.policies[p.Path], Links: v.intentLinks(p.Intents), Diff: changes[p.Path].Diff, CommentsOnly: changes[p.Path].CommentsOnly})
	}
	return out
}

func (v *pageViewer) intentViews() []intentView {
	var out []intentView
	for i, in := range v.d.Head.Intents {
		view := intentView{Intent: in, ID: fmt.Sprintf("intent-%d", i+1), Word: v.text.word(in.Status), By: readBy(in), Links: v.policyLinks(in.Policies),
			Place: v.place(diag.Position{File: in.File, Line: in.Line})}
		if len(view.By) == 0 && in.Reader != "" {
			view.By = []string{"the embedded reader"}
		}
		for _, f := range in.Diagnostics {
			view.Findings = append(view.Findings, v.finding(f))
		}
		for _, c := range v.d.Intents {
			if v.based() && c.After != nil && c.Set == in.Set && c.Name == in.Name {
				change := v.intentChange(c)
				view.Change = &change
			}
		}
		out = append(out, view)
	}
	return out
}

func (v *pageViewer) finding(f diag.Diagnostic) findingView {
	out := findingView{Diagnostic: f, Place: v.place(f.Pos)}
	for _, in := range v.d.Head.Intents {
		if f.Intent != "" && in.Name == f.Intent && (f.Pos.File == "" || f.Pos.File == in.File) {
			out.About = append(out.About, v.intentLinks([]string{in.Set + "/" + in.Name})...)
		}
	}
	for _, r := range f.Related {
		out.Related = append(out.Related, relatedView{v.place(r.Pos), r.Message})
	}
	return out
}

// intentLinks are links to intents, by set/name.
func (v *pageViewer) intentLinks(intents []string) []pageLink { return pageLinks(intents, v.intents) }

// policyLinks are links to policies, by path; those of others are text.
func (v *pageViewer) policyLinks(paths []string) []pageLink { return pageLinks(paths, v.policies) }

func pageLinks(keys []string, anchors map[string]string) []pageLink {
	out := []pageLink{}
	for _, k := range keys {
		l := pageLink{Text: Escape(k)}
		if a := anchors[k]; a != "" {
			l.Href = "#" + a
		}
		out = append(out, l)
	}
	return out
}
