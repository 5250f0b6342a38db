package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The test needs a Chromium. BROWSER names it; without one the tests are skipped,
// unless BROWSER_TEST=required. SHOTS=DIR keeps pictures.

// chromium finds the browser, or skips.
func chromium(t *testing.T) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}
	if b := os.Getenv("BROWSER"); b != "" {
		names = []string{b}
	}
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	if os.Getenv("BROWSER_TEST") == "required" {
		t.Fatalf("no browser found: none of %s can be run; set BROWSER to one", strings.Join(names, ", "))
	}
	t.Skipf("no browser found (%s): install chromium, or set BROWSER to one", strings.Join(names, ", "))
	return ""
}

// tab is an opened page and what it did that it must not do.
type tab struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string // but for the page itself
	trouble  []string // exceptions, errors, dialogs
}

// open shows a page from disk, as people do who download it.
func open(t *testing.T, html []byte) *tab {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, html, 0o644); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx}
	if err := chromedp.Listen(ctx, func(ev any) { b.event(ev, "file://"+file) }); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate("file://"+file))
	return b
}

func (b *tab) event(ev any, self string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		if url, _, _ := strings.Cut(e.Request.URL, "#"); url != self {
			b.requests = append(b.requests, e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.trouble = append(b.trouble, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		b.trouble = append(b.trouble, "console."+string(e.Type))
	case *log.EventEntryAdded:
		b.trouble = append(b.trouble, "log: "+e.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		b.trouble = append(b.trouble, "dialog: "+e.Message)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](b *tab, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// media emulates a medium, "print" or "", and a colour scheme.
func (b *tab) media(medium, scheme string) {
	b.Helper()
	params := emulation.SetEmulatedMediaParams{Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params); err != nil {
		b.Fatal(err)
	}
}

// shoot keeps a picture, if any are wanted.
func (b *tab) shoot(name string, shot chromedp.Action[[]byte]) {
	b.Helper()
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	data, err := chromedp.Run(b.ctx, shot)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// quiet fails on whatever the page did that it must not do.
func (b *tab) quiet() {
	b.Helper()
	if kind := ask[string](b, `typeof window.pwned`); kind != "undefined" {
		b.Errorf("a text of the input ran: window.pwned is a %s", kind)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		b.Errorf("the page asked for %s", r)
	}
	for _, s := range b.trouble {
		b.Errorf("the page said %s", s)
	}
}

func crowdPage(t *testing.T, n int) *tab {
	t.Helper()
	html, err := Crowd(n)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, html)
}

const (
	example  = "../../../examples/online-boutique"
	rowCount = `+document.getElementById('grid').getAttribute('aria-rowcount') - 1`
	focused  = `(document.activeElement.place || []).join()`
)

// rewritten is what a pull request does to the example's statements.
var rewritten = []string{
	"Let the frontend and checkoutservice call cartservice", "Let the frontend, checkoutservice and recommendationservice call cartservice",
	"The frontend and checkoutservice may reach productcatalogservice", "The frontend may reach productcatalogservice",
}

func typeInto(id, text string) string {
	return fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.value = %q; e.dispatchEvent(new Event('input', {bubbles: true})); return e.value; })()`, id, text)
}

// TestHostile: a page whose every text attacks runs none of them.
func TestHostile(t *testing.T) {
	b := crowdPage(t, 24)
	ask[bool](b, `(() => { for (const d of document.querySelectorAll('details')) d.open = true; return true; })()`)
	for _, wanted := range []string{"</script><script>window.pwned=1</script>", "onerror"} {
		if !ask[bool](b, fmt.Sprintf(`document.body.innerText.includes(%q)`, wanted)) {
			t.Errorf("the page does not show %q as text", wanted)
		}
	}
	for i := range 24 { // the script's own texts
		ask[string](b, typeInto("who", fmt.Sprintf("team-%c/service-%03d", 'a'+i/12, i)))
	}
	b.do(chromedp.Click(chromedp.CSS("#grid .cell.lost")), chromedp.Sleep(200*time.Millisecond))
	b.quiet()
}

// TestFilters: the filters of the matrix and of the page leave what they should.
func TestFilters(t *testing.T) {
	b := crowdPage(t, 100)
	if n := ask[int](b, rowCount); n != 101 {
		t.Fatalf("%d rows, want 100 workloads and outside", n)
	}
	ask[string](b, typeInto("from", "SERVICE-01"))
	if n := ask[int](b, rowCount); n != 10 {
		t.Errorf("%d rows are left of service-01?", n)
	}
	ask[string](b, typeInto("from-ns", "team-b"))
	if n := ask[int](b, rowCount); n != 8 { // service-012 to service-019
		t.Errorf("%d rows are left of team-b/service-01?", n)
	}
	if shown := ask[string](b, `document.getElementById('shown').textContent`); shown != "8 × 101 of 101" {
		t.Errorf("the filters say %q", shown)
	}
	ask[string](b, typeInto("from", "nobody"))
	if !ask[bool](b, `document.getElementById('grid').textContent.includes('Nothing is left')`) {
		t.Error("an empty matrix does not say so")
	}
	b.do(chromedp.Click(chromedp.CSS("#filters button[type=reset]")), chromedp.Sleep(100*time.Millisecond))
	if n := ask[int](b, rowCount); n != 101 {
		t.Errorf("%d rows after clearing", n)
	}
	b.do(chromedp.Click(chromedp.CSS("#only")))
	if n := ask[int](b, rowCount); n >= 101 || n == 0 {
		t.Errorf("%d rows have changes", n)
	}
	if n := ask[int](b, `document.querySelectorAll('.intent:not([hidden])').length`); n != 60 {
		t.Fatalf("%d intents", n)
	}
	ask[string](b, typeInto("find", "intent-07 reach"))
	b.do(chromedp.Sleep(300 * time.Millisecond))
	if n := ask[int](b, `document.querySelectorAll('.intent:not([hidden])').length`); n != 1 {
		t.Errorf("%d intents are left of intent-07", n)
	}
	b.quiet()
}

// TestKeyboard: everything can be done without a pointer.
func TestKeyboard(t *testing.T) {
	b := crowdPage(t, 100)
	if n := ask[int](b, `document.querySelectorAll('#grid [tabindex="0"]').length`); n != 1 {
		t.Errorf("%d places of the matrix are reached by Tab", n)
	}
	b.do(chromedp.Focus(chromedp.CSS(`#grid [tabindex="0"]`)))
	for _, step := range []struct{ key, want string }{
		{kb.ArrowRight, "0,1"}, {kb.ArrowDown, "1,1"}, {kb.End, "1,100"}, {kb.PageDown, "16,100"}, {kb.Home, "16,0"}, {kb.ArrowLeft, "16,-1"}, {kb.ArrowRight, "16,0"}, {kb.ArrowUp, "15,0"},
	} {
		b.do(chromedp.KeyEvent(step.key))
		if at := ask[string](b, focused); at != step.want {
			t.Fatalf("the focus is at %q, want %s", at, step.want)
		}
	}
	if !ask[bool](b, `(() => { const e = document.activeElement.getBoundingClientRect(), g = document.getElementById('grid').getBoundingClientRect(); return e.top >= g.top && e.bottom <= g.bottom && e.left >= g.left && e.right <= g.right })()`) {
		t.Error("the place with the focus is not in view")
	}
	if width := ask[string](b, `getComputedStyle(document.activeElement).outlineWidth`); width != "2px" {
		t.Errorf("the focus is outlined by %s", width)
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	if text := ask[string](b, `document.getElementById('detail').innerText`); !strings.Contains(text, "team-b/service-015") || !strings.Contains(text, "to team-a/service-000") {
		t.Errorf("the detail says %q", text)
	}
	b.do(chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.Enter))
	if who := ask[string](b, `document.getElementById('who').value`); who != "team-b/service-015" {
		t.Errorf("the graph is of %q", who)
	}
	b.do(chromedp.Focus(chromedp.CSS("#near .node")), chromedp.KeyEvent(kb.Enter))
	if who := ask[string](b, `document.getElementById('who').value`); who == "team-b/service-015" || who == "" {
		t.Errorf("Enter on a neighbour leaves the graph at %q", who)
	}
	ask[bool](b, `(document.activeElement.blur(), true)`)
	b.do(chromedp.KeyEvent("/"))
	if id := ask[string](b, `document.activeElement.id`); id != "find" {
		t.Errorf("/ leads to %q", id)
	}
	b.quiet()
}

// TestTheme: the system's, until the button is pressed.
func TestTheme(t *testing.T) {
	b := crowdPage(t, 24)
	ground := func() string { return ask[string](b, `getComputedStyle(document.body).backgroundColor`) }
	b.media("", "light")
	light := ground()
	b.media("", "dark")
	dark := ground()
	if light == dark {
		t.Fatalf("dark and light are both %s", dark)
	}
	b.do(chromedp.Click(chromedp.CSS("#theme")))
	if ground() != light {
		t.Errorf("the button leaves a dark page %s", ground())
	}
	b.do(chromedp.Click(chromedp.CSS("#theme")))
	if ground() != dark {
		t.Errorf("the button makes it %s, want %s", ground(), dark)
	}
	if label := ask[string](b, `document.getElementById('theme').getAttribute('aria-label')`); label != "Theme: dark" {
		t.Errorf("the button is called %q", label)
	}
	b.quiet()
}

// TestPrint: on paper everything is there, and light.
func TestPrint(t *testing.T) {
	b := crowdPage(t, 24)
	ask[string](b, typeInto("find", "no such thing"))
	b.do(chromedp.Sleep(300 * time.Millisecond))
	b.media("print", "dark")
	hidden := ask[[]string](b, `[...document.querySelectorAll('main > section, .static, .pairs td, .intent, .finding, .policy, .policy pre, .more .party, .lists table')]
		.filter((e) => !e.checkVisibility({contentVisibilityAuto: true}) || e.getBoundingClientRect().height < 1).map((e) => e.id || e.className || e.tagName)`)
	if len(hidden) > 0 {
		t.Errorf("not on paper: %v", hidden)
	}
	if n := ask[int](b, `document.querySelectorAll('main > section').length`); n != 8 {
		t.Errorf("%d sections", n)
	}
	if ground := ask[string](b, `getComputedStyle(document.body).backgroundColor`); ground != "rgb(255, 255, 255)" {
		t.Errorf("the paper is %s", ground)
	}
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
	if err != nil || len(pdf) < 10_000 {
		t.Errorf("a PDF of %d bytes: %v", len(pdf), err)
	}
	b.quiet()
}

// TestCrowd: 300 workloads are loaded and scrolled through without waiting: only
// the cells in view exist. The times are wide, as machines that test are busy.
func TestCrowd(t *testing.T) {
	b := crowdPage(t, 300)
	if n := ask[int](b, rowCount); n < 290 {
		t.Fatalf("%d rows", n)
	}
	type timing struct{ Ready, Frame, Cells float64 }
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[timing](`(async () => {
		const grid = document.getElementById('grid'), frame = () => new Promise(requestAnimationFrame);
		let cells = 0;
		const times = [];
		for (let i = 1; i <= 40; i++) {
			grid.scrollTo(i * 150 % 6000, i * 190 % 7000);
			await frame();
			const start = performance.now();
			await frame();
			grid.getBoundingClientRect();
			times.push(performance.now() - start);
			cells = Math.max(cells, grid.querySelectorAll('.cell').length);
		}
		return {Ready: performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd, Frame: times.sort((a, b) => a - b)[20], Cells: cells};
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready in %.0f ms, a frame in %.0f ms, %.0f cells at once", got.Ready, got.Frame, got.Cells)
	if got.Ready > 10_000 || got.Frame > 200 || got.Cells > 5000 {
		t.Errorf("too slow: %+v", got)
	}
	b.quiet()
}

// TestNarrow: nothing of the page sticks out of a telephone's window.
func TestNarrow(t *testing.T) {
	b := crowdPage(t, 24)
	b.do(chromedp.EmulateViewport(390, 844), chromedp.Sleep(200*time.Millisecond))
	if wide := ask[int](b, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the page is %d wide", wide)
	}
	b.quiet()
}

// TestCompiled: the page of the example, as the compiler makes it; and without
// scripts.
func TestCompiled(t *testing.T) {
	chromium(t)
	html, err := Compiled(t.Context(), os.DirFS(example), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, html)
	for _, id := range []string{"top", "intents", "reach", "graph", "policies", "findings"} {
		if !ask[bool](b, fmt.Sprintf(`document.getElementById(%q).checkVisibility()`, id)) {
			t.Errorf("no section %s", id)
		}
	}
	if n := ask[int](b, `document.querySelectorAll('#all .edge').length`); n == 0 {
		t.Error("the graph has no arrow")
	}
	b.do(chromedp.Click(chromedp.CSS("#grid .cell.kept")))
	b.quiet()
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Reload())
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("#reach .static")))
	if err != nil || !strings.Contains(text, "redis-cart") {
		t.Errorf("without scripts the matrix is %.80q: %v", text, err)
	}
}

// TestRewritten: what a pull request changes in the example is told at every
// place that should tell it.
func TestRewritten(t *testing.T) {
	chromium(t)
	html, err := Compiled(t.Context(), os.DirFS(example), rewritten)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, html)
	b.do(chromedp.Click(chromedp.CSS("#grid .cell.gained")))
	detail := ask[string](b, `document.getElementById('detail').innerText`)
	for _, want := range []string{"boutique/recommendationservice", "to boutique/cartservice", "cart-from-shop"} {
		if !strings.Contains(detail, want) {
			t.Errorf("the pair that is gained is told as %q, without %q", detail, want)
		}
	}
	if n := ask[int](b, `document.querySelectorAll('#grid .cell.gained').length`); n != 1 {
		t.Errorf("%d pairs are gained", n)
	}
	if n := ask[int](b, `document.querySelectorAll('#all .edge.gained').length`); n != 1 {
		t.Errorf("%d arrows are green", n)
	}
	if added := ask[string](b, `document.querySelector('#policies ins').textContent`); !strings.Contains(added, "recommendationservice") {
		t.Errorf("the difference adds %q", added)
	}
	b.do(chromedp.Click(chromedp.CSS("#detail a")))
	if name := ask[string](b, `document.querySelector(':target h3').textContent`); name != "shop/cart-from-shop" {
		t.Errorf("the cause leads to %q", name)
	}
	b.quiet()
}

// TestPictures keeps pictures of what people look at, where SHOTS asks for them.
func TestPictures(t *testing.T) {
	if os.Getenv("SHOTS") == "" {
		t.Skip("SHOTS=DIR keeps pictures")
	}
	html, err := Compiled(t.Context(), os.DirFS(example), rewritten)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, html)
	b.tour("example", "top", "changes", "intents", "reach", "graph", "policies", "findings")
	b.do(chromedp.EmulateViewport(390, 844))
	b.tour("narrow", "top", "changes", "intents", "reach", "graph")
	b.do(chromedp.EmulateViewport(794, 1123))
	b.media("print", "light")
	for _, section := range []string{"top", "reach", "policies"} {
		ask[bool](b, fmt.Sprintf(`(document.getElementById(%q).scrollIntoView(), true)`, section))
		b.shoot("print-"+section, chromedp.CaptureScreenshot())
	}
	b = crowdPage(t, 300)
	b.do(chromedp.ScrollIntoView(chromedp.CSS("#grid")), chromedp.Click(chromedp.CSS("#grid .cell.gained")))
	ask[string](b, typeInto("who", "team-a/service-003"))
	b.tour("crowd", "top", "changes", "reach", "graph")
}

// tour keeps a picture of the window at each section, light and dark.
func (b *tab) tour(name string, sections ...string) {
	b.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.media("", scheme)
		for _, s := range sections {
			ask[bool](b, fmt.Sprintf(`(document.getElementById(%q).scrollIntoView(), true)`, s))
			b.do(chromedp.Sleep(250 * time.Millisecond))
			b.shoot(name+"-"+s+"-"+scheme, chromedp.CaptureScreenshot())
		}
	}
}
