package report

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	gmtext "github.com/yuin/goldmark/text"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

func comment(t testing.TB, d *Difference, o MarkdownOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Markdown(&b, d, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMarkdown: what a reviewer reads, case by case.
func TestMarkdown(t *testing.T) {
	for name, d := range recordedDifferences() {
		t.Run(name, func(t *testing.T) {
			got := comment(t, d, MarkdownOptions{Link: "https://ci.example/runs/7"})
			golden(t, "difference."+name+".md", []byte(got))
			inspect(t, got)
		})
	}
}

func TestMarkdownSays(t *testing.T) {
	for _, tt := range []struct {
		d     *Difference
		o     MarkdownOptions
		wants []string
	}{
		{recordDifference(), MarkdownOptions{}, []string{"✅ boutique passes: 1 intent reads differently with the same words, 2 pairs gain access (**1 from outside**), 3 pairs lose it, 1 pair comes with what is new, 1 declared connection is cut", "`5d8f3f1f6b`, the merge base"}},
		{recordStale(), MarkdownOptions{}, []string{"⚠️ boutique is stale", "```sh\nkubeteus compile ./intents\n```"}},
		{recordStale(), MarkdownOptions{File: func(f string) string { return "my apps/shop/" + f }}, []string{"```sh\nkubeteus compile './my apps/shop/intents'\n```"}},
		{recordStale(), MarkdownOptions{File: func(f string) string { return "$(id)'/" + f }}, []string{`kubeteus compile './$(id)'\''/intents'`}},
		{inFolder("apps/shop"), MarkdownOptions{}, []string{"```sh\nkubeteus compile ./apps/shop/intents\n```"}},
		{recordAsked(), MarkdownOptions{}, []string{"❌ boutique is rejected: 1 question, 1 error", "A question for you", "first, answer 1 of 3", "second, answer 2", "**hint:** say which is meant", "There is nothing to compare with"}},
		{recordSame(), MarkdownOptions{}, []string{"✅ boutique passes: nothing changes"}},
		{recordPlain(), MarkdownOptions{Untrusted: true}, []string{"no other state that it was compared with", "> Computed by the workflow of a fork"}},
		{recordPlain(), MarkdownOptions{Link: "https://ci.example/a?b=c&d=<e>"}, nil},
		{recordPlain(), MarkdownOptions{Link: "javascript:alert(1)"}, nil},
	} {
		got := comment(t, tt.d, tt.o)
		for _, want := range tt.wants {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in:\n%s", want, got)
			}
		}
		if tt.wants == nil && strings.Contains(got, tt.o.Link) {
			t.Errorf("the link %q is written", tt.o.Link)
		}
	}
	if err := Markdown(full{}, recordSame(), MarkdownOptions{}); err == nil {
		t.Error("a write error is swallowed")
	}
}

func inFolder(folder string) *Difference {
	d := recordStale()
	d.Folder = folder
	return d
}

// TestMarkdownWeightiestFirst: questions and widening come before what is usual.
func TestMarkdownWeightiestFirst(t *testing.T) {
	d := recordDifference()
	d.Head.Diagnostics = append(d.Head.Diagnostics, recordAsked().Head.Diagnostics...)
	got := comment(t, d, MarkdownOptions{})
	last := -1
	for _, title := range []string{"### ✅", "❓", "❌", "👀 Same words", "➕ Wider", "➖ Closed", "✂️ Declared", "Arrived with", "Departed with", "#### Intents", "as before</summary>", "#### What changes in who", "#### Policies", "1 warning", "notes</summary>"} {
		at := strings.Index(got, title)
		if at <= last {
			t.Errorf("%q is at %d, behind %d", title, at, last)
		}
		last = at
	}
	if i, j := strings.Index(got, "**outside**"), strings.Index(got, "| `checkoutservice` | `cartservice` |"); i < 0 || j < i {
		t.Error("what opens to outside is not first")
	}
}

// huge is a pull request that rewrites a repository of 500 intents and 2,000
// workloads.
func huge(hostile string) *Difference {
	d := recordDifference()
	reach := d.Reachability
	d.Head.Intents = nil
	name := func(i int) string { return fmt.Sprintf("team-%03d/application-%d%s", i/20, i, hostile) }
	for i := range 500 {
		in := Intent{Set: "set", Name: fmt.Sprint("intent-", i, hostile), File: "intents/set.yaml", Line: i + 9, Status: Compiled, Statement: fmt.Sprintf("Only %s may reach %s. %s", name(i), name(i+1), hostile),
			ReadsAs: []string{name(i) + " may reach " + name(i+1)}}
		d.Head.Intents = append(d.Head.Intents, in)
		kind := []IntentKind{Relocked, Reread, Reworded, IntentArrive}[i%4]
		c := IntentChange{Set: "set", Name: in.Name, Kind: kind, After: side(in)}
		if kind != IntentArrive {
			c.Before = side(in)
		}
		d.Intents = append(d.Intents, c)
		d.Head.Diagnostics = append(d.Head.Diagnostics, diag.Errorf(diag.ReadAmbiguous, diag.Position{File: "intents/set.yaml", Line: i + 9}, "two readings %s", hostile).About(in.Name).Hint("%s", hostile))
	}
	for i := range 2000 {
		f := FlowChange{From: []string{name(i), name(i + 1)}, To: []string{name((i * 7) % 2000)}, Ports: "TCP 8080", Why: "closed by " + hostile, Policies: []string{name(i) + ".yaml"}}
		reach.Gained, reach.Lost, reach.Arrived, reach.Departed = append(reach.Gained, f), append(reach.Lost, f), append(reach.Arrived, f), append(reach.Departed, f)
		d.Policies = append(d.Policies, PolicyChange{Path: name(i) + ".yaml", Change: Changed, Diff: strings.Repeat("+ line "+hostile+"\n", 40)})
		d.Cut = append(d.Cut, Connection{From: name(i), To: name(i + 1), Ports: "TCP 1", Quote: hostile})
		d.Notes = append(d.Notes, hostile)
	}
	d.Summarize()
	return d
}

// TestMarkdownBudget: whatever the limit and the input, the comment is within it and
// is whole.
func TestMarkdownBudget(t *testing.T) {
	for _, hostile := range []string{"", "日本語</details>\n```\n" + strings.Repeat("`$@<|[", 60)} {
		d := huge(hostile)
		limits := []int{65_000}
		if hostile == "" {
			limits = []int{4_000, 10_000, 65_000, 1 << 20}
		}
		for _, limit := range limits {
			got := comment(t, d, MarkdownOptions{Limit: limit})
			if len(got) > limit || utf8.RuneCountInString(got) > limit {
				t.Errorf("%d bytes, and %d are allowed", len(got), limit)
			}
			inspect(t, got)
			if limit < 65_000 {
				continue
			}
			if len(got) < limit*3/4 {
				t.Errorf("of %d bytes %d are used", limit, len(got))
			}
			for _, want := range []string{"### ✅", "questions for you", "👀 Same words", "➕ Wider", "…and ", "Left out for length: ", "The full report is in the summary"} {
				if !strings.Contains(got, want) {
					t.Errorf("limit %d: no %q", limit, want)
				}
			}
			if strings.Contains(got, "```mermaid") {
				t.Error("a graph of 2,000 workloads")
			}
			if limit == 65_000 && strings.Contains(got, "```diff") {
				t.Error("diffs took the room of questions")
			}
		}
	}
	if err := Markdown(&bytes.Buffer{}, recordSame(), MarkdownOptions{Limit: 20}); err == nil {
		t.Error("a limit without room for the verdict is taken")
	}
}

// TestMarkdownShortens: there is an order in which sections make room.
func TestMarkdownShortens(t *testing.T) {
	d := recordForty()
	d.Notes = []string{"one thing", "another"}
	whole := len(comment(t, d, MarkdownOptions{}))
	gone := func(limit int) (out []string) {
		got := comment(t, d, MarkdownOptions{Limit: limit})
		for _, part := range []string{"```diff", "```mermaid", "notes</summary>", "#### Intents", "➖ Closed", "➕ Wider"} {
			if !strings.Contains(got, part) {
				out = append(out, part)
			}
		}
		return out
	}
	last := 0
	seen := map[int]bool{}
	for limit := whole; limit > 1500; limit -= 250 {
		g := gone(limit)
		if len(g) < last {
			t.Errorf("limit %d leaves out %q, and more were left out before", limit, g)
		}
		last = len(g)
		seen[last] = true
		for i, part := range []string{"```diff", "```mermaid"} {
			if len(g) > i && g[i] != part {
				t.Errorf("limit %d leaves out %q", limit, g)
			}
		}
		if len(g) == 6 {
			t.Errorf("limit %d leaves out what opens", limit)
		}
	}
	if len(seen) < 4 {
		t.Errorf("only so many stages: %v", seen)
	}
}

var github = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote))

// ourTags are those that the comment writes itself.
var ourTags = regexp.MustCompile(`^(</?(details|summary|code|span)>|<br>)+$`)

// inspect parses a comment and looks for anything that the input could have put in:
// links, images, HTML, headings, tasks, footnotes, mentions. Details are balanced.
func inspect(t testing.TB, comment string) {
	t.Helper()
	source := []byte(comment)
	root := github.Parser().Parse(gmtext.NewReader(source))
	html := ""
	err := ast.Walk(root, func(n ast.Node, enter bool) (ast.WalkStatus, error) {
		if !enter {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			if n.Level != 3 && n.Level != 4 || n.Parent() != root || n.Level == 3 && n.PreviousSibling() != nil {
				t.Errorf("a heading that is not ours: %q", n.Lines().Value(source))
			}
		case *ast.Link:
			if last := root.LastChild(); n.Parent() != last || !strings.HasPrefix(string(n.Destination), "https://ci.example/") {
				t.Errorf("a link to %q", n.Destination)
			}
		case *ast.Image, *ast.AutoLink, *east.TaskCheckBox, *east.FootnoteLink, *east.Footnote, *east.Strikethrough, *ast.CodeBlock:
			t.Errorf("a %s: %q", n.Kind(), comment)
		case *ast.Blockquote:
			if !strings.HasPrefix(string(n.FirstChild().Lines().Value(source)), "Computed by the workflow of a fork") {
				t.Error("a quote that is not ours")
			}
		case *ast.RawHTML:
			tag := string(n.Segments.Value(source))
			if !ourTags.MatchString(tag) {
				t.Errorf("inline HTML %q", tag)
			}
		case *ast.HTMLBlock:
			html += string(n.Lines().Value(source))
		case *ast.FencedCodeBlock:
			if l := string(n.Language(source)); l != "diff" && l != "mermaid" && l != "sh" && l != "yaml" {
				t.Errorf("a fence of %q", l)
			}
			fence := n.Lines().Value(source)
			if bytes.Contains(fence, []byte("\n#### ")) || bytes.Contains(fence, []byte("\n</details>\n\n<details>")) {
				t.Error("a fence that is not closed")
			}
		case *ast.Text:
			if !insideCode(n) {
				plain(t, string(n.Segment.Value(source)))
			}
		case *east.TableRow:
			columns := len(n.Parent().(*east.Table).Alignments)
			if cells := strings.Count(strings.ReplaceAll(string(rowOf(source, n)), `\|`, ""), "|") - 1; cells != columns {
				t.Errorf("%d cells in a table of %d columns: %q", cells, columns, rowOf(source, n))
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	blocks(t, html)
}

// rowOf is the line of a row.
func rowOf(source []byte, n ast.Node) []byte {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if c.Lines().Len() > 0 {
			at := c.Lines().At(0).Start
			start := bytes.LastIndexByte(source[:at], '\n') + 1
			end := bytes.IndexByte(source[at:], '\n')
			return source[start : at+end]
		}
	}
	return nil
}

// insideCode says whether n is in a span of code, where no filter looks.
func insideCode(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Kind() == ast.KindCodeSpan {
			return true
		}
	}
	return false
}

// active is what GitHub's filters would act on in text.
var active = regexp.MustCompile(`(?i)(^|[^a-z0-9_` + "`" + `])@[a-z0-9]|#[0-9]|\bgh-[0-9]|://[^ ]|www\.|[a-z0-9]@[a-z0-9]|\b[0-9a-f]{7,40}\b|:[a-z0-9_+-]+:`)

// decoded is what those filters see: text whose entities are characters again.
var decoded = func() *strings.Replacer {
	pairs := []string{mdBreak, "\u200b"}
	for i := ' '; i <= '~'; i++ {
		pairs = append(pairs, fmt.Sprintf("&#%d;", i), string(i))
	}
	return strings.NewReplacer(pairs...)
}()

func plain(t testing.TB, s string) {
	t.Helper()
	s = decoded.Replace(s)
	if found := active.FindString(s); found != "" {
		t.Errorf("%q is active in %q", found, s)
	}
}

// blocks looks at the HTML between the Markdown: details are closed in their turn.
func blocks(t testing.TB, html string) {
	t.Helper()
	open := 0
	for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(html, -1) {
		switch tag {
		case "<details>":
			open++
		case "</details>":
			open--
		}
		if !ourTags.MatchString(tag) {
			t.Errorf("a block with %q", tag)
		}
		if open < 0 || open > 1 {
			t.Errorf("details are %d deep", open)
		}
	}
	if open != 0 {
		t.Errorf("%d details are open at the end", open)
	}
	plain(t, regexp.MustCompile(`<code>|</code>`).ReplaceAllString(html, ""))
}

// mdHostile are what somebody could write to make a comment do something.
var mdHostile = []string{
	"@octocat and @org/team, a@b.example", "see #123, org/repo#4, GH-12, org/repo@5d8f3f1f6b1c2f0e9a7b4c3d2e1f0a9b8c7d6e5f", "5d8f3f1 and deadbeef",
	"http://evil.example https://evil.example www.evil.example ftp://evil.example mailto:a@b.example", "![x](https://evil.example/p.png) [x](https://evil.example) [x]: https://evil.example",
	"<img src=x onerror=alert(1)><script>x</script></details></summary><!-- kubeteus", "--> x", "```\n# heading\n```", "~~~~\nx", "a | b \\| c ` d \\", "``` x ```` y",
	"# heading\n===\n---\n- [ ] task\n1. one\n> [!NOTE]\n> x", "[^1] and [^1]: note", "$x$ and $$y$$ and $`z`$", "*bold* _it_ ~~gone~~ **b**", ":tada: :rocket:", "&#64;octocat &lt;b&gt; &commat;x",
	"\u202eevil\u200b\u0000\x1b[31m\r\n::error::x", "||| --- | --- |", "\\", "`", "``", "|", "", " ", "\xff\xfe", "click n1 \"https://evil.example\"", "end", "\"]; n2[x", "%%{init: {}}%%", "<b>x</b>",
	"- item", "+ item", "1. item", "1) item", "    code", "\tcode", "x\n\n# y", "[ ] x", "style n1 fill:red", strings.Repeat("@a ", 400), strings.Repeat("`", 300),
}

// everywhere puts one text into every place of a difference.
func everywhere(s string) *Difference {
	pos := diag.Position{File: s, Line: 3, Column: 2}
	finding := func(id diag.ID, severity diag.Severity) diag.Diagnostic {
		d := diag.Errorf(id, pos, "%s", s).Relate(pos, "%s", s).Hint("%s", s).About(s)
		d.Severity = severity
		return d
	}
	flows := []FlowChange{{From: []string{s, Outside, "a/" + s}, To: []string{s + "/b", "x"}, Ports: s, Why: s, Intents: []string{s}, Policies: []string{s, s}}}
	one := &IntentSide{Statement: s, Namespace: s, File: s, Line: 1, ReadsAs: []string{s, s}, Status: Compiled}
	d := &Difference{Project: s, Target: s, Folder: s, Verdict: Rejected, Base: Revision{Name: s, Commit: s, Why: s}, Notes: []string{s},
		Policies:     []PolicyChange{{Path: s, Kind: s, Namespace: s, Name: s, Change: Change(s), Intents: []string{s}, Diff: s + "\n+" + s + "\n"}},
		Cut:          []Connection{{From: s, To: s, Ports: s, Quote: s, Pos: pos, Intents: []string{s}, Listed: true}},
		Reachability: &ReachabilityChange{Workloads: 3, Gained: flows, Lost: flows, Arrived: flows, Departed: flows, Kept: flows, NewWorkloads: []string{s}, GoneWorkloads: []string{s}, Notes: []string{s}},
		Head: &Report{Project: s, Target: s, Overlay: s, Intents: []Intent{{Set: s, Name: s + "2", File: s, Statement: s, Status: Compiled, ReadsAs: []string{s}}},
			Policies:     []Policy{{Path: s, Change: Added, YAML: s}},
			Reachability: &Reachability{Parties: []Party{{Name: s, Ports: s}, {Name: Outside}}, Gained: []Class{{From: []string{s}, To: []string{"a/" + s}, Ports: s}}, Notes: []string{s}},
			Diagnostics:  []diag.Diagnostic{finding(diag.ReadAmbiguous, diag.Error), finding(diag.ID(s), diag.Error), finding(diag.ReadNote, diag.Note), finding(diag.ReadPort, diag.Warning)}}}
	for _, kind := range []IntentKind{Relocked, Reread, Reworded, Resettled, IntentGone, IntentArrive, IntentKind(s)} {
		d.Intents = append(d.Intents, IntentChange{Set: s, Name: s, Kind: kind, Before: one, After: one, Settings: []string{s}})
	}
	d.Head.Summarize()
	d.Summarize()
	return d
}

func TestMarkdownHostile(t *testing.T) {
	for _, s := range mdHostile {
		hostileMarkdown(t, s)
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range mdHostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { hostileMarkdown(t, s) })
}

func hostileMarkdown(t *testing.T, s string) {
	t.Helper()
	d := everywhere(s)
	for _, verdict := range []Verdict{Rejected, Stale} {
		d.Verdict = verdict
		got := comment(t, d, MarkdownOptions{Untrusted: true, Link: "https://ci.example/runs/7"})
		inspect(t, got)
		harmless(t, strings.ReplaceAll(got, "##[", ""))
		if t.Failed() {
			t.Fatalf("%q:\n%s", s, got)
		}
	}
	d.Base = Revision{}
	inspect(t, comment(t, d, MarkdownOptions{}))
	if t.Failed() {
		t.Fatalf("%q", s)
	}
	if text, ok := Mermaid(d); ok {
		inert(t, text)
	}
}

// chartLines are the only lines that a drawing has.
var chartLines = regexp.MustCompile(`^(flowchart LR|  subgraph s[0-9]+\["L"\]|    direction LR|  end| +n[0-9]+(\["L"\]|\[\["L"\]\]|\(\["L"\]\)|\{\{"L"\}\})|  n[0-9]+ (==>|-\.-x|-->)(\|"L"\|)? n[0-9]+|  linkStyle [0-9,]+ stroke:#[0-9a-f]{6},stroke-width:[0-9]px)$`)

// chartText is what a label may hold.
var chartText = regexp.MustCompile(`"([A-Za-z0-9 -]|#[0-9]+;|<br>)+"`)

func inert(t testing.TB, chart string) {
	t.Helper()
	if len(chart) > chartBytes {
		t.Errorf("a drawing of %d bytes", len(chart))
	}
	for l := range strings.Lines(chart) {
		if !chartLines.MatchString(chartText.ReplaceAllString(strings.TrimSuffix(l, "\n"), `"L"`)) {
			t.Errorf("a line that is not ours: %q", l)
		}
	}
}

func TestMermaid(t *testing.T) {
	for name, d := range recordedDifferences() {
		text, ok := Mermaid(d)
		if want := name != "same" && name != "rejected" && name != "asked"; ok != want {
			t.Errorf("%s: drawn is %v", name, ok)
		}
		inert(t, text)
	}
	text, _ := Mermaid(recordDifference())
	for _, want := range []string{"==>|\"#43;\"|", "-.-x|\"#8722;\"|", "-->", "([\"outside\"])"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	if strings.Count(text, "frontend") != 1 {
		t.Errorf("frontend is there more than once:\n%s", text)
	}
	many := huge("")
	if _, ok := Mermaid(many); ok {
		t.Error("a drawing of 2,000 workloads")
	}
	if got := comment(t, many, MarkdownOptions{}); !strings.Contains(got, "the tables above say all of it") {
		t.Error("nothing stands where the graph would")
	}
}

// TestMermaidGroups: parties that do the same are one node.
func TestMermaidGroups(t *testing.T) {
	r := &ReachabilityChange{Workloads: 400, Lost: []FlowChange{{To: []string{"a/db"}}}}
	for i := range 400 {
		r.Lost[0].From = append(r.Lost[0].From, fmt.Sprintf("a/app-%d", i))
	}
	text, ok := Mermaid(&Difference{Base: Revision{Name: "main"}, Reachability: r})
	if !ok || strings.Count(text, "-.-x") != 1 || !strings.Contains(text, "and 397 more") {
		t.Errorf("%v:\n%s", ok, text)
	}
}

func TestDifferenceWriteErrors(t *testing.T) {
	if err := errors.Join(DiffText(&bytes.Buffer{}, recordSame(), Options{}), DiffJSON(&bytes.Buffer{}, recordSame())); err != nil {
		t.Error(err)
	}
	if DiffText(full{}, recordSame(), Options{}) == nil || DiffJSON(full{}, recordSame()) == nil {
		t.Error("a write error is swallowed")
	}
}
