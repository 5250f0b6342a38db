package report

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// This file puts hostile text into every string of a difference, found by
// reflection so that no field is forgotten, renders it in every format, and reads
// the result as those do who act on it: a Markdown parser, an HTML parser, the
// runner of a workflow, a terminal.

// hostileSeeds are what somebody could write to make a report do something.
var hostileSeeds = []string{
	"plain", "", " ", "@octocat @org/team", "#1 org/repo#2 GH-3", "https://evil.example www.evil.example", "mailto:a@evil.example", "javascript:alert(1)", "data:text/html,<script>",
	"[x](https://evil.example)", "[x](javascript:alert(1))", "![x](https://evil.example/p.png)", "[x][y]\n\n[y]: https://evil.example", "<https://evil.example>", "[1](1)", "[a](0)",
	"<img src=//evil.example onerror=alert(1)>", "<a href=//evil.example>x</a>", "</details></summary>", "<details open><summary>", "<!-- kubeteus", "-->", "<![CDATA[x]]>", "<?x?>",
	"</script><script>alert(1)</script>", "</style><style>*{}", "\"><svg/onload=alert(1)>", "' onclick='alert(1)", "{{.}}${x}`${y}`", "</pre></code></td></table>",
	"```", "~~~~", "````\n# x\n````", "`", "``x``` ````", "a|b\\|c`|`", "|-|-|\n|a|b|", "# x\n===", "---", "- [ ] x", "> x", "    x", "[^1]: x", "$x$ $$y$$",
	"::error::x", "x\n::error file=a::b", "  ::add-mask::x", "##[add-mask]x", "x##[error]y", "#", "##", "[", "%0A::error::x", "%0D%0A%25", "x,y=z:: ::", "::stop-commands::x",
	"\x1b[2J\x1b]0;title\x07", "\u009b2J", "\r\x1b[1A", "\r", "\r\n", "\n", "\n\n\n", "\t", "\v\f\b", "\x00", "a\x00b", "\x7f", "\xff\xfe", "a\xc3", "\xed\xa0\x80",
	"\u202egnp.exe", "\u2066x\u2069", "zero\u200bwidth\u200d\ufeff", "line\u2028end\u2029", "\u00a0", "\u3000", "😀👩\u200d👩\u200d👧", "日本語", "e\u0301\u0301\u0301", "\U000e0041", "\ufffd",
	"%%{init: {\"theme\": \"x\"}}%%", "end", "\"] n2[\"x", "click n1 href \"https://evil.example\"", "n1 --> n2", "graph TD;", "#quot;", ";", "subgraph x", "&lt;b&gt;&#64;x&commat;", "\\", "\\\\", "\"", "'", "outside", "a/b", "/", "..", "../../etc/passwd", "C:\\x", "//evil.example/x",
	"%s%d%!n", "5d8f3f1f6b1c2f0e9a7b4c3d2e1f0a9b8c7d6e5f", strings.Repeat("long ", 500), strings.Repeat("x", 5000), strings.Repeat("`", 200), strings.Repeat("\u202e", 300), strings.Repeat("\n", 300),
}

// strewing fills a value with a text.
type strewing struct {
	text string
	// enums keeps the words of our own vocabulary, so that everything that is shown
	// of them is shown; else they are the text as well.
	enums bool
	// distinct makes every string another one.
	distinct bool
	n        int // strings so far
	words    map[reflect.Type]int
}

// deepest is where types that hold themselves, as parties without parties, end.
const deepest = 13

// vocabulary are the types whose words are ours.
var vocabulary = map[reflect.Type][]string{
	reflect.TypeFor[Verdict]():    {string(Rejected), string(Stale), string(Pass)},
	reflect.TypeFor[IntentKind](): {string(Relocked), string(Reread), string(Reworded), string(Resettled), string(IntentGone), string(IntentArrive)},
	reflect.TypeFor[Status]():     {string(Compiled), string(Refused), string(Holds)},
	reflect.TypeFor[Change]():     {string(Added), string(Changed), string(Removed), string(Unchanged)},
	reflect.TypeFor[diag.ID]():    {string(diag.ReadAmbiguous), string(diag.ReadDisagree), string(diag.VerifyDeclared), string(diag.ManifestTwice), string(diag.ReadPort)},
}

// fill sets everything below v that can be set. The lists whose
// elements have words of ours are long enough for each of them.
func (s *strewing) fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		s.n++
		switch words := vocabulary[v.Type()]; {
		case s.enums && words != nil:
			v.SetString(words[s.words[v.Type()]%len(words)])
			s.words[v.Type()]++
		case s.distinct:
			v.SetString(s.text + " " + strconv.Itoa(s.n))
		default:
			v.SetString(s.text)
		}
	case reflect.Bool:
		s.n++
		v.SetBool(s.n%2 == 0)
	case reflect.Int:
		s.n++
		v.SetInt(int64(1 + s.n%3))
		if v.Type() == reflect.TypeFor[diag.Severity]() {
			v.SetInt(int64(s.words[v.Type()] % 3))
			s.words[v.Type()]++
		}
	case reflect.Pointer:
		if depth < deepest {
			v.Set(reflect.New(v.Type().Elem()))
			s.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		n := 2
		switch {
		case depth >= deepest:
			n = 0
		case depth > 5:
			n = 1
		}
		switch v.Type().Elem() {
		case reflect.TypeFor[IntentChange](), reflect.TypeFor[diag.Diagnostic]():
			n = 6
		case reflect.TypeFor[PolicyChange](), reflect.TypeFor[Intent]():
			n = 3
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			s.fill(v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				s.fill(v.Field(i), depth+1)
			}
		}
	}
}

// strewn is a difference of which every string is s.
func strewn(s string, enums, distinct bool) *Difference {
	d := &Difference{}
	(&strewing{text: s, enums: enums, distinct: distinct, words: map[reflect.Type]int{}}).fill(reflect.ValueOf(d).Elem(), 0)
	for i := range d.Intents { // as kinds have it
		switch d.Intents[i].Kind {
		case IntentArrive:
			d.Intents[i].Before = nil
		case IntentGone:
			d.Intents[i].After = nil
		}
	}
	for i := range d.Policies { // a path is one file's
		d.Policies[i].Path += strconv.Itoa(i)
	}
	for i := range d.Head.Policies {
		d.Head.Policies[i].Path += strconv.Itoa(i)
	}
	d.Head.Summarize()
	d.Summarize()
	return d
}

// TestStrewn: no string is left out, and the lists show each word of ours.
func TestStrewn(t *testing.T) {
	var walk func(path string, v reflect.Value)
	strings, kinds := map[string]bool{}, map[IntentKind]bool{}
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			strings[path] = strings[path] || v.String() == "text" || v.String() == "text0"
		case reflect.Pointer:
			if !v.IsNil() {
				walk(path, v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(path+"[]", v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					walk(path+"."+f.Name, v.Field(i))
				}
			}
		}
	}
	walk("", reflect.ValueOf(strewn("text", false, false)).Elem())
	for path, set := range strings {
		if !set && path != ".Version" && path != ".Head.Version" && path != ".Head.Intents[].Status" {
			t.Errorf("%s is not the text", path)
		}
	}
	for _, want := range []string{".Project", ".Base.Commit", ".Intents[].Before.ReadsAs[]", ".Reachability.Gained[].Policies[]", ".Cut[].Pos.File", ".Head.Policies[].YAML", ".Head.Diagnostics[].Related[].Message", ".Head.Intents[].Rules[].Allow.From[].Name"} {
		if !strings[want] {
			t.Errorf("nothing at %s", want)
		}
	}
	for _, i := range strewn("text", true, false).Intents {
		kinds[i.Kind] = true
	}
	if len(kinds) < 6 {
		t.Errorf("only the kinds %v", kinds)
	}
}

func FuzzEveryFormat(f *testing.F) {
	for _, s := range hostileSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		everyFormat(t, strewn(s, true, false), s)
		alone := strewn(s, false, true) // the report of a head without a base
		alone.Base, alone.Reachability = Revision{}, nil
		everyFormat(t, alone, s)
	})
}

// everyFormat renders a difference as everything it can be, and looks at each as
// its reader does.
func everyFormat(t *testing.T, d *Difference, s string) {
	t.Helper()
	shown := ""
	defer func() {
		if t.Failed() {
			t.Logf("the difference of %q as %.6000s", s, shown)
		}
	}()
	for _, format := range []struct {
		name  string
		write func(io.Writer, Options) error
		read  func(testing.TB, string)
	}{
		{"text", func(w io.Writer, o Options) error { return Text(w, d.Head, o) }, terminal},
		{"diagnostics", func(w io.Writer, o Options) error { return Diagnostics(w, d.Head.Diagnostics, o) }, terminal},
		{"difference", func(w io.Writer, o Options) error { return DiffText(w, d, o) }, terminal},
		{"json", func(w io.Writer, _ Options) error { return JSON(w, d.Head) }, document},
		{"difference as json", func(w io.Writer, _ Options) error { return DiffJSON(w, d) }, document},
		{"sarif", func(w io.Writer, o Options) error { return SARIF(w, d.Head, o) }, scanned},
		{"annotations", func(w io.Writer, o Options) error { return Annotations(w, d.Head.Diagnostics, o) }, commanded},
		{"markdown", func(w io.Writer, _ Options) error { return Markdown(w, d, MarkdownOptions{}) }, commented},
		{"markdown, cut", func(w io.Writer, _ Options) error {
			return Markdown(w, d, MarkdownOptions{Limit: 6000, Untrusted: true})
		}, commented},
		{"html", func(w io.Writer, o Options) error { return HTML(w, d, o) }, browsed},
		{"mermaid", func(w io.Writer, _ Options) error {
			chart, _ := Mermaid(d)
			_, err := io.WriteString(w, chart)
			return err
		}, drawn},
	} {
		for _, o := range []Options{{Verbose: true}, {Color: true, Width: 40}} {
			if o.Color && reflect.ValueOf(format.read).Pointer() != reflect.ValueOf(terminal).Pointer() {
				continue // it has none
			}
			o.Line = func(string, int) string { return strings.ReplaceAll(s, "\n", " ") }
			var b bytes.Buffer
			if err := format.write(&b, o); err != nil {
				t.Fatalf("%s: %v", format.name, err)
			}
			out := b.String()
			if o.Color {
				out = ansi.ReplaceAllString(out, "")
			}
			shown = format.name + ":\n" + out
			if format.read(t, out); t.Failed() {
				return
			}
		}
	}
}

// terminal reads text as a terminal and a workflow's log do: every character is
// visible, and no line is a command.
func terminal(t testing.TB, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Error("not UTF-8")
	}
	harmless(t, out)
}

func document(t testing.TB, out string) {
	t.Helper()
	terminal(t, out)
	if !json.Valid([]byte(out)) {
		t.Error("not JSON")
	}
}

// embedded is a link in a plain text message of SARIF (3.11.6).
var embedded = regexp.MustCompile(`\[[^\]]*\]\(`)

// scanned reads a SARIF log as code scanning does.
func scanned(t testing.TB, out string) {
	t.Helper()
	document(t, out)
	if err := validSARIF(t, []byte(out)); err != nil {
		t.Error(err)
	}
	var log sarifLog
	if err := json.Unmarshal([]byte(out), &log); err != nil {
		t.Fatal(err)
	}
	for _, result := range log.Runs[0].Results {
		texts := []string{result.Message.Text}
		for _, at := range slices.Concat(result.Locations, result.Related) {
			artifact := at.Physical.Artifact
			u, err := url.Parse(artifact.URI)
			if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || strings.HasPrefix(u.Path, "/") || u.Path == ".." || strings.HasPrefix(u.Path, "../") {
				t.Errorf("the URI %q leaves the repository", artifact.URI)
			}
			if at.Message != nil {
				texts = append(texts, at.Message.Text)
			}
		}
		for _, text := range texts {
			if embedded.MatchString(text) {
				t.Errorf("a link in %q", text)
			}
			for l := range strings.Lines(text) {
				terminal(t, l)
			}
		}
	}
}

// commanded reads annotations as the runner does, and each as people see it.
func commanded(t testing.TB, out string) {
	t.Helper()
	for l := range strings.Lines(out) {
		for _, r := range strings.TrimSuffix(l, "\n") {
			if !strconv.IsPrint(r) {
				t.Errorf("%q holds %U", l, r)
			}
		}
	}
	for _, a := range obey(t, out) {
		terminal(t, strings.TrimPrefix(a.message, "::"))
		for name, value := range a.properties {
			if strings.ContainsAny(value, "\r\n") || name == "file" && !inRepository(value) {
				t.Errorf("%s is %q", name, value)
			}
		}
	}
}

// rendered turns Markdown to HTML as GitHub does, HTML that is in it included.
var rendered = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(gmhtml.WithUnsafe()))

// commentTags are the elements of a comment with the attributes that they may have.
var commentTags = map[string][]string{
	"html": nil, "head": nil, "body": nil, "p": nil, "h3": nil, "h4": nil, "ul": nil, "ol": nil, "li": nil, "br": nil, "hr": nil, "span": nil, "strong": nil, "em": nil, "sub": nil, "blockquote": nil,
	"table": nil, "thead": nil, "tbody": nil, "tr": nil, "th": {"align", "style"}, "td": {"align", "style"}, "details": nil, "summary": nil, "pre": nil, "code": {"class"},
}

// commented reads a comment as a browser does after GitHub's Markdown.
func commented(t testing.TB, out string) {
	t.Helper()
	var page bytes.Buffer
	if err := rendered.Convert([]byte(out), &page); err != nil {
		t.Fatal(err)
	}
	if !folded(page.String()) {
		t.Error("sections are not closed in their turn")
	}
	root, err := html.Parse(&page)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			attributes, known := commentTags[n.Data]
			if !known {
				t.Errorf("an element <%s>", n.Data)
			}
			for _, a := range n.Attr {
				if !slices.Contains(attributes, a.Key) {
					t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		case html.CommentNode:
			t.Errorf("a comment of HTML: %q", n.Data)
		case html.TextNode:
			if found := active.FindString(n.Data); found != "" && !insideTag(n, "code", "pre") {
				t.Errorf("%q is active in %q", found, n.Data)
			}
		}
	}
}

// folded says whether sections are opened and closed in turn: the parser mends
// what is not.
func folded(page string) bool {
	z, open := html.NewTokenizer(strings.NewReader(page)), 0
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if tag, _ := z.TagName(); string(tag) == "details" {
			if kind == html.StartTagToken {
				open++
			} else {
				open--
			}
		}
		if open < 0 || open > 1 {
			return false
		}
	}
	return open == 0
}

func insideTag(n *html.Node, tags ...string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if slices.Contains(tags, p.Data) {
			return true
		}
	}
	return false
}

// browsed reads a page as a browser does.
func browsed(t testing.TB, out string) {
	t.Helper()
	parseHTML(t, out).held(t)
	terminal(t, out)
	root, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" {
			scripts++
		}
		if !knownTags()[n.Data] {
			t.Errorf("a text made <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "srcdoc" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	if scripts > 2 {
		t.Errorf("%d scripts", scripts)
	}
}

func drawn(t testing.TB, out string) {
	t.Helper()
	if out != "" {
		inert(t, out)
	}
}

// failing is a test that only remembers whether it failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Error(...any)          { f.failed = true }
func (f *failing) Errorf(string, ...any) { f.failed = true }
func (f *failing) Fatal(...any)          { f.failed = true; runtime.Goexit() }
func (f *failing) Fatalf(string, ...any) { f.failed = true; runtime.Goexit() }

// TestHostileReaders: the readers of this file refuse what they are there for.
func TestHostileReaders(t *testing.T) {
	write := func(render func(io.Writer) error) string {
		var b bytes.Buffer
		if err := render(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	d := recordDifference()
	refused := d.Head
	refused.Diagnostics = recordRefused().Diagnostics
	markdown := write(func(w io.Writer) error { return Markdown(w, d, MarkdownOptions{}) })
	page := write(func(w io.Writer) error { return HTML(w, d, Options{}) })
	log := write(func(w io.Writer) error { return SARIF(w, refused, Options{}) })
	chart, _ := Mermaid(d)
	for _, c := range []struct {
		name   string
		read   func(testing.TB, string)
		out    string
		harmed []string // each is out with something that is not refused for nothing
	}{
		{"terminal", terminal, "text\n", []string{"\x1b[31mtext\n", "::error::x\n", " ::add-mask::x\n", "a ##[error]x\n", "a\rb\n", "\u202ex\n", "\xff\n"}},
		{"document", document, "{}\n", []string{"{\n", "{\"a\":\"\u202e\"}\n"}},
		{"scanned", scanned, log, []string{
			strings.Replace(log, `"text": "`, `"text": "[x](https://evil.example) `, 99), strings.ReplaceAll(log, `"uri": "`, `"uri": "https://evil.example/`),
			strings.ReplaceAll(log, `"uri": "`, `"uri": "../`), strings.ReplaceAll(log, `"level"`, `"lvl"`), strings.ReplaceAll(log, `"text": "`, `"text": "\u001b[31m`)}},
		{"commanded", commanded, "::error file=a.yaml,line=1,title=x::y\n", []string{"::add-mask::x\n", "text\n", "::error file=/etc/passwd::x\n", "::error title=a\tb::x\n", "::error title=x::a%0A::error::b\n",
			"::error title=a%0Ab::x\n", "::error file=a,line=1,endLine=9::x\n"}},
		{"commented", commented, markdown, []string{markdown + "\n[x](https://evil.example)\n", markdown + "\nwww.evil.example\n", markdown + "\n@octocat\n", markdown + "\n![x](p.png)\n",
			markdown + "\n<b>x</b>\n", markdown + "\n</details>\n", markdown + "\n<details><summary>x</summary>\n", markdown + "\n<!-- x -->\n", markdown + "\n# x\n", markdown + "\n<span onclick=x>x</span>\n"}},
		{"browsed", browsed, page, []string{strings.Replace(page, "</main>", "<script>x</script></main>", 1), strings.Replace(page, "</main>", "<img src=x></main>", 1),
			strings.Replace(page, "</main>", `<a href="javascript:x">x</a></main>`, 1), strings.Replace(page, "</main>", "<p onclick=x>x</p></main>", 1), strings.Replace(page, "</main>", "\u202e</main>", 1)}},
		{"drawn", drawn, chart, []string{chart + "click n1 \"https://evil.example\"\n", chart + "%%{init: {}}%%\n"}},
	} {
		for i, out := range append([]string{c.out}, c.harmed...) {
			f := &failing{TB: t}
			var done sync.WaitGroup
			done.Go(func() { c.read(f, out) })
			done.Wait()
			if i > 0 && out == c.out {
				t.Errorf("%s %d: nothing was put in", c.name, i)
			}
			if f.failed != (i > 0) {
				t.Errorf("%s %d: refused is %v", c.name, i, f.failed)
			}
		}
	}
}
