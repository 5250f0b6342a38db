package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

func htmlOf(t testing.TB, d *Difference) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, d, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// plainReport is a difference without a base.
func plainReport(r *Report) *Difference {
	return &Difference{Project: r.Project, Target: r.Target, Head: r}
}

// voidTags are the elements that have no end.
var voidTags = []string{"meta", "input", "br"}

// htmlPage is a page taken apart.
type htmlPage struct {
	tags            map[string]int
	ids             map[string]bool
	hrefs           []string
	text            string // of everything but style and script
	styles, scripts []string
	data, policy    string
}

// parseHTML takes a page apart and fails on anything that reaches out, runs, or is
// not closed.
func parseHTML(t testing.TB, page string) htmlPage {
	t.Helper()
	p := htmlPage{tags: map[string]int{}, ids: map[string]bool{}}
	z := html.NewTokenizer(strings.NewReader(page))
	var open, kinds []string
	var text strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("left open: %v", open)
			}
			p.text = text.String()
			return p
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			p.tags[tok.Data]++
			kinds = kinds[:0]
			p.attributes(t, tok)
			for _, a := range tok.Attr {
				if a.Key == "type" {
					kinds = append(kinds, a.Val)
				}
			}
			if tok.Type == html.StartTagToken && !slices.Contains(voidTags, tok.Data) {
				open = append(open, tok.Data)
			}
		case html.EndTagToken:
			tok := z.Token()
			if len(open) == 0 || open[len(open)-1] != tok.Data {
				t.Fatalf("</%s> closes %v", tok.Data, open)
			}
			open = open[:len(open)-1]
		case html.TextToken:
			inside := ""
			if len(open) > 0 {
				inside = open[len(open)-1]
			}
			switch raw := string(z.Raw()); {
			case inside == "style":
				p.styles = append(p.styles, raw)
			case inside == "script" && slices.Contains(kinds, "application/json"):
				p.data = raw
			case inside == "script":
				p.scripts = append(p.scripts, raw)
			default:
				text.WriteString(html.UnescapeString(raw))
			}
		case html.CommentToken:
			t.Errorf("a comment: %s", z.Raw())
		}
	}
}

// attributes holds a tag's attributes against what a page may have.
func (p *htmlPage) attributes(t testing.TB, tok html.Token) {
	t.Helper()
	var equiv bool
	for _, a := range tok.Attr {
		switch key := a.Key; {
		case strings.HasPrefix(key, "on"), key == "src", key == "srcset", key == "style", key == "action", key == "formaction", key == "background", key == "poster", key == "data", key == "xlink:href":
			t.Errorf("<%s %s=%q>", tok.Data, a.Key, a.Val)
		case key == "href":
			p.hrefs = append(p.hrefs, a.Val)
		case key == "id":
			if p.ids[a.Val] {
				t.Errorf("two elements have the id %q", a.Val)
			}
			p.ids[a.Val] = true
		case key == "http-equiv":
			equiv = a.Val == "Content-Security-Policy"
		case key == "content" && equiv:
			p.policy = a.Val
		}
		if strings.Contains(a.Val, "url(") && !strings.HasPrefix(a.Val, "url(#arrow-") {
			t.Errorf("<%s %s=%q>", tok.Data, a.Key, a.Val)
		}
	}
}

// held checks what every page keeps to.
func (p htmlPage) held(t testing.TB) {
	t.Helper()
	if len(p.styles) != 1 || len(p.scripts) != 1 {
		t.Fatalf("%d styles, %d scripts", len(p.styles), len(p.scripts))
	}
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want := "default-src 'none'; style-src " + hash(p.styles[0]) + "; script-src " + hash(p.scripts[0]) + "; base-uri 'none'; form-action 'none'"
	if p.policy != want {
		t.Errorf("policy %s\nwant %s", p.policy, want)
	}
	for _, bad := range []string{"url(", "@import", "@font-face", "http:", "https:"} {
		if strings.Contains(p.styles[0], bad) {
			t.Errorf("the style holds %s", bad)
		}
	}
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch(", "XMLHttpRequest", "import(", "WebSocket"} {
		if strings.Contains(p.scripts[0], bad) {
			t.Errorf("the script holds %s", bad)
		}
	}
	for _, h := range p.hrefs {
		if !strings.HasPrefix(h, "#") || !p.ids[h[1:]] {
			t.Errorf("a link to %q, which the page does not have", h)
		}
	}
	for _, banned := range []string{"link", "img", "image", "iframe", "object", "embed", "base", "foreignobject", "use", "video", "audio"} {
		if p.tags[banned] > 0 {
			t.Errorf("the page has <%s>", banned)
		}
	}
	if p.data != "" && !json.Valid([]byte(p.data)) {
		t.Errorf("the data is no JSON: %.200s", p.data)
	}
}

func TestHTML(t *testing.T) {
	empty := plainReport(&Report{})
	empty.Head.Summarize()
	for name, tt := range map[string]struct {
		d         *Difference
		says      []string
		saysNot   []string
		sectionOf []string
	}{
		"a difference": {recordDifference(), []string{"Passes", "Compared with origin/main 5d8f3f1f6b1c, the merge base with origin/main", "Wider: passes now and did not", "no policy isolates boutique/frontend any more",
			"Read differently, in the same words", "the lock records another reading", "means something else", "Let the frontend call cartservice on its gRPC port.", "env REDIS_ADDR=redis-cart:6379",
			"Arrived: passes, and an end is new", "Departed: passed, and an end is gone", "Only checkoutservice may reach zipkin.", "+    - podSelector:", "cuts a declared connection", "KT"},
			nil, []string{"top", "changes", "intents", "reach", "graph", "policies", "findings", "intent-1", "policy-4"}},
		"a report":  {plainReport(recordBoutique()), []string{"Passes", "Who reaches whom", "Reads as", "boutique/cartservice may reach boutique/redis-cart"}, []string{"What differs", "Compared with"}, []string{"reach", "graph"}},
		"a refused": {recordRejected(), []string{"Rejected", "The input has 4 errors", "everything is added", "did you mean redis-cart?", "redis-crat"}, []string{"Graph"}, []string{"findings", "intent-2"}},
		"nothing":   {empty, []string{"Passes", "There are none."}, nil, []string{"intents"}},
		"no head":   {&Difference{Verdict: Stale}, []string{"Out of date", "run kubeteus compile"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			page := htmlOf(t, tt.d)
			if again := htmlOf(t, tt.d); again != page {
				t.Error("two runs differ")
			}
			p := parseHTML(t, page)
			p.held(t)
			flatText := strings.Join(strings.Fields(p.text), " ")
			for _, want := range tt.says {
				if !strings.Contains(flatText, strings.Join(strings.Fields(want), " ")) {
					t.Errorf("the page does not say %q", want)
				}
			}
			for _, not := range tt.saysNot {
				if strings.Contains(flatText, not) {
					t.Errorf("the page says %q", not)
				}
			}
			for _, id := range tt.sectionOf {
				if !p.ids[id] {
					t.Errorf("the page has no #%s", id)
				}
			}
		})
	}
}

// TestHTMLOrder: what widens comes before everything else that differs, then what
// was read anew in the same words.
func TestHTMLOrder(t *testing.T) {
	text := parseHTML(t, htmlOf(t, recordDifference())).text
	last := -1
	for _, want := range []string{"Wider: passes", "in the same words", "Closed: passed", "Declared connections that are cut", "Arrived: passes", "Departed: passed", "means ", "Reads as"} {
		at := strings.Index(text, want)
		if at < last {
			t.Errorf("%q comes too early, or not at all", want)
		}
		last = at
	}
}

// TestHTMLFindingsOrder: errors come before what weighs less, each kind by place.
func TestHTMLFindingsOrder(t *testing.T) {
	at := func(line int) diag.Position { return diag.Position{File: "a.yaml", Line: line} }
	d := plainReport(&Report{Diagnostics: []diag.Diagnostic{
		diag.Notef(diag.ReadNote, diag.Position{}, "third"), diag.Errorf(diag.ReadWords, at(1), "first"),
		diag.Warningf(diag.ReadPort, at(2), "and a warning"), diag.Errorf(diag.ReadWords, at(3), "second")}})
	d.Head.Summarize()
	text := parseHTML(t, htmlOf(t, d)).text
	_, text, _ = strings.Cut(text, "Findings 4")
	last := -1
	for _, want := range []string{"first", "second", "and a warning", "third"} {
		at := strings.LastIndex(text, want)
		if at <= last {
			t.Errorf("%q comes too early, or not at all: %s", want, text)
		}
		last = at
	}
}

// TestHTMLIntentWords: the badge has the kind, and the words beside it do not.
func TestHTMLIntentWords(t *testing.T) {
	v := &pageViewer{d: &Difference{}}
	for _, k := range []IntentKind{Relocked, Reread, Reworded, Resettled, IntentGone, IntentArrive} {
		for _, same := range []bool{false, true} {
			c := v.intentChange(IntentChange{Kind: k, SameReading: same})
			if strings.Contains(c.Words, string(k)) {
				t.Errorf("%q says %q again", c.Words, k)
			}
		}
	}
}

// TestHTMLLinks: from an intent to its policy and back.
func TestHTMLLinks(t *testing.T) {
	p := parseHTML(t, htmlOf(t, recordDifference()))
	for _, want := range []string{"#intent-2", "#policy-1", "#intent-1", "#policy-4"} {
		if !slices.Contains(p.hrefs, want) {
			t.Errorf("no link leads to %s: %v", want, p.hrefs)
		}
	}
}

// hostileTexts are texts that have broken pages.
var hostileTexts = []string{
	`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg/onload=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `{{.D}}`, `<!--`, `--> ]]>`, `</style></title></textarea>`,
	"`${alert(1)}`", `\u003cscript\u003e`, "\u202eright to left", "\x1b[31mred", "zero\u200bwidth", "line\u2028end", "bad \xff byte", "a\x00b", `<a href=//evil.example>x</a>`, "%s%d%n", "@everyone #1",
}

// hostile puts a text wherever a difference takes one.
func hostile(s string) *Difference {
	d := recordDifference()
	d.Project, d.Target, d.Base.Name, d.Base.Why, d.Notes = s, s, s, s, []string{s}
	for i := range d.Intents {
		for _, side := range []*IntentSide{d.Intents[i].Before, d.Intents[i].After} {
			if side != nil {
				side.Statement, side.File, side.ReadsAs = s, s, []string{s}
			}
		}
		d.Intents[i].Name, d.Intents[i].Settings = s, []string{s}
	}
	for i := range d.Policies {
		p := &d.Policies[i]
		p.Path, p.Kind, p.Namespace, p.Name, p.Intents, p.Diff = s+fmt.Sprint(i), s, s, s, []string{s}, "@@ "+s+"\n+"+s+"\n-"+s+"\n "+s+"\n"
	}
	r := d.Reachability
	for _, flows := range [][]FlowChange{r.Gained, r.Lost, r.Arrived, r.Departed, r.Kept} {
		for i := range flows {
			flows[i].From, flows[i].Ports, flows[i].Why, flows[i].Intents, flows[i].Policies = append(slices.Clone(flows[i].From), s), s, s, []string{s}, []string{s}
		}
	}
	r.NewWorkloads, r.GoneWorkloads, r.Notes = []string{s}, []string{s}, []string{s}
	d.Cut[0].From, d.Cut[0].To, d.Cut[0].Quote, d.Cut[0].Ports, d.Cut[0].Pos.File, d.Cut[0].Intents = s, s, s, s, s, []string{s}
	h := d.Head
	h.Overlay = s
	for i := range h.Intents {
		in := &h.Intents[i]
		in.Set, in.Name, in.File, in.Statement, in.ReadsAs, in.Implied, in.Model, in.Samples, in.Policies = s, s, s, s, []string{s}, []string{s}, s, s, []string{s}
		in.Attempts = []Attempt{{1, []string{s}, []string{s}}}
	}
	for i := range h.Policies {
		h.Policies[i] = Policy{Path: s + fmt.Sprint(i), Kind: s, Name: s, Intents: []string{s}, Change: Changed, YAML: "# " + s + "\nkey: " + s + "\n- " + s + ": x\n"}
	}
	h.Reachability.Parties[0].Name, h.Reachability.Parties[1].Ports, h.Reachability.Notes = s, s, []string{s}
	h.Reachability.After[0].From, h.Reachability.After[0].Ports = append(slices.Clone(h.Reachability.After[0].From), s), s
	h.Diagnostics = append(h.Diagnostics, diag.Errorf(diag.ReadAmbiguous, diag.Position{File: s, Line: 1}, "%s", s).About(s).Hint("%s", s).Relate(diag.Position{File: s}, "%s", s))
	h.Summarize()
	d.Summarize()
	return d
}

// knownTags are the elements of pages that nobody attacks.
var knownTags = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for _, d := range []*Difference{recordDifference(), hostile("nothing bad"), plainReport(recordBoutique())} {
		var b bytes.Buffer
		if err := HTML(&b, d, Options{}); err != nil {
			panic(err)
		}
		z := html.NewTokenizer(&b)
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			if kind == html.StartTagToken || kind == html.SelfClosingTagToken {
				known[z.Token().Data] = true
			}
		}
	}
	return known
})

// checkHostile fails on a page that has an element, an attribute or a character
// that a text of the input made.
func checkHostile(t testing.TB, s string) {
	t.Helper()
	page := htmlOf(t, hostile(s))
	p := parseHTML(t, page)
	p.held(t)
	if !utf8.ValidString(page) {
		t.Error("not UTF-8")
	}
	for _, r := range page {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("the page holds %U", r)
		}
	}
	for tag := range p.tags {
		if !knownTags()[tag] {
			t.Errorf("a text made <%s>", tag)
		}
	}
	scriptless := page
	for _, known := range []string{p.scripts[0], p.styles[0]} {
		scriptless = strings.Replace(scriptless, known, "", 1)
	}
	if strings.Count(strings.ToLower(scriptless), "<script") != 2 {
		t.Errorf("%d scripts", strings.Count(strings.ToLower(scriptless), "<script"))
	}
}

func TestHTMLHostile(t *testing.T) {
	for _, s := range hostileTexts {
		checkHostile(t, s)
		if page := parseHTML(t, htmlOf(t, hostile(s))); !strings.Contains(page.text, flat(s)) {
			t.Errorf("%q is not shown as text", s)
		}
	}
}

func FuzzHTML(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkHostile(t, s) })
}

// TestHTMLData: the numbers that the script reads say what the report says.
func TestHTMLData(t *testing.T) {
	r := recordBoutique().Reachability
	var data matrixData
	if err := json.Unmarshal([]byte(parseHTML(t, htmlOf(t, plainReport(recordBoutique()))).data), &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Parties) != len(r.Parties) || data.Changes != nil || data.Home != "boutique" {
		t.Fatalf("%d parties, home %q", len(data.Parties), data.Home)
	}
	for i, classes := range [][]Class{r.Before, r.After, r.Gained, r.Lost} {
		if len(data.Lists[i]) != len(classes) {
			t.Fatalf("list %d has %d flows, want %d", i, len(data.Lists[i]), len(classes))
		}
		for j, c := range classes {
			if got := unrange(t, data, data.Lists[i][j][0]); !slices.Equal(got, c.From) {
				t.Errorf("from %v, want %v", got, c.From)
			}
			if got := unrange(t, data, data.Lists[i][j][1]); !slices.Equal(got, c.To) || data.Lists[i][j][2] != c.Ports {
				t.Errorf("to %v on %s, want %v", got, data.Lists[i][j][2], c)
			}
		}
	}
}

// unrange reads "0-3 7" back.
func unrange(t *testing.T, data matrixData, s string) []string {
	var out []string
	for part := range strings.FieldsSeq(s) {
		first, last := 0, 0
		if n, _ := fmt.Sscanf(part, "%d-%d", &first, &last); n == 1 {
			last = first
		} else if n != 2 {
			t.Fatalf("not a range: %q", part)
		}
		for i := first; i <= last; i++ {
			out = append(out, data.Parties[i][0])
		}
	}
	return out
}

// TestHTMLSize: 300 workloads with 7 neighbours each, 500 intents.
func TestHTMLSize(t *testing.T) {
	page := htmlOf(t, plainReport(crowdedReport(300)))
	p := parseHTML(t, page)
	p.held(t)
	if len(page) > 3<<20 || len(p.data) > 256<<10 || p.tags["td"] > 20_000 {
		t.Errorf("%d bytes, %d of them data, %d cells", len(page), len(p.data), p.tags["td"])
	}
}

// TestHTMLTooMany: what is too much for a matrix is still listed.
func TestHTMLTooMany(t *testing.T) {
	r := &Report{Reachability: &Reachability{}}
	for i := range pageParties + 1 {
		r.Reachability.Parties = append(r.Reachability.Parties, Party{Name: fmt.Sprint("a/b", i), Ports: "TCP 80"})
	}
	r.Reachability.After = []Class{{From: []string{"a/b1"}, To: []string{"a/b2"}, Ports: "TCP 80"}}
	p := parseHTML(t, htmlOf(t, plainReport(r)))
	p.held(t)
	if p.data != "" || !strings.Contains(p.text, "too much to draw") || !strings.Contains(p.text, "b1") {
		t.Errorf("%d bytes of data, %q", len(p.data), p.text[len(p.text)-500:])
	}
}

func BenchmarkHTML(b *testing.B) {
	d := plainReport(crowdedReport(300))
	for b.Loop() {
		b.ReportMetric(float64(len(htmlOf(b, d))), "bytes")
	}
}

// crowdedReport is a report of n workloads and 500 intents.
func crowdedReport(n int) *Report {
	var inv inventory.Inventory
	for i := range n {
		inv.Workloads = append(inv.Workloads, &inventory.Workload{Kind: "Deployment", Namespace: fmt.Sprint("team-", i/12), Name: fmt.Sprint("service-", i), Ports: []inventory.Port{{Number: 8000 + i%5, Protocol: "TCP"}}})
	}
	built := inventory.Build(inv)
	index := map[*inventory.Workload]int{}
	for i, w := range inv.Workloads {
		index[w] = i
	}
	r := &Report{Project: "crowd", Target: "kubernetes", Reachability: Compare(Reach(built, func(ir.Flow) bool { return true }), Reach(built, func(f ir.Flow) bool {
		return f.From.Workload != nil && f.To.Workload != nil && (index[f.From.Workload]*7+index[f.To.Workload]*13)%43 == 0
	}))}
	for i := range 500 {
		path := fmt.Sprintf("team-%d/service-%d.yaml", i/12, i)
		r.Intents = append(r.Intents, Intent{Set: "crowd", Name: fmt.Sprint("intent-", i), Statement: "Let one reach the other.", Status: Compiled, Policies: []string{path}})
		r.Policies = append(r.Policies, Policy{Path: path, Change: Unchanged, Intents: []string{fmt.Sprint("crowd/intent-", i)}, YAML: strings.Repeat("  key: value\n", 40)})
	}
	r.Summarize()
	return r
}

// TestHTMLGraph: every box and arrow lies in the picture, and no two boxes on one
// another.
func TestHTMLGraph(t *testing.T) {
	for name, d := range map[string]*Difference{"difference": recordDifference(), "report": plainReport(recordBoutique()), "crowd": plainReport(crowdedReport(60))} {
		v := &pageViewer{d: d, text: &text{r: d.Head}, intents: map[string]string{}, policies: map[string]string{}}
		g := v.graph()
		if name == "crowd" {
			if len(g.Nodes) > 0 || !strings.Contains(strings.Join(g.Words, " "), "choose a workload") {
				t.Errorf("%s: %d boxes, %v", name, len(g.Nodes), g.Words)
			}
			continue
		}
		if len(g.Nodes) == 0 || len(g.Edges) == 0 {
			t.Fatalf("%s: %d boxes, %d arrows", name, len(g.Nodes), len(g.Edges))
		}
		for i, a := range g.Nodes {
			if a.X < 0 || a.Y < 0 || a.X+a.W > g.Width || a.Y+a.H > g.Height {
				t.Errorf("%s: %+v is not in %d by %d", name, a, g.Width, g.Height)
			}
			for _, b := range g.Nodes[:i] {
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("%s: %s lies on %s", name, a.Label, b.Label)
				}
			}
		}
	}
}
