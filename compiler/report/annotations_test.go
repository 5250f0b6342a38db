package report

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// annotated is a workflow command as the runner of GitHub Actions reads it.
type annotated struct {
	command    string
	properties map[string]string
	message    string
}

// obey reads output as the runner does: a line that begins with "::" behind
// spaces is a command, its properties end at the next "::", and escapes are
// undone. What is no line of the three commands fails the test.
func obey(t testing.TB, output string) []annotated {
	t.Helper()
	var out []annotated
	for _, line := range regexp.MustCompile(`\r\n|[\r\n]`).Split(strings.TrimSuffix(output, "\n"), -1) {
		if line == "" && output == "" {
			continue
		}
		rest, ok := strings.CutPrefix(line, "::")
		head, message, closed := strings.Cut(rest, "::")
		command, properties, _ := strings.Cut(head, " ")
		if !ok || !closed || !slices.Contains([]string{"error", "warning", "notice"}, command) {
			t.Fatalf("not an annotation: %q", line)
		}
		a := annotated{command: command, properties: map[string]string{}, message: unescape(message, "%0D", "\r", "%0A", "\n")}
		for _, p := range strings.Split(properties, ",") {
			name, value, ok := strings.Cut(p, "=")
			if _, twice := a.properties[name]; !ok || twice || !slices.Contains([]string{"file", "line", "col", "endColumn", "title"}, name) {
				t.Fatalf("property %q of %q", p, line)
			}
			a.properties[name] = unescape(value, "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",")
		}
		out = append(out, a)
	}
	return out
}

func unescape(s string, pairs ...string) string {
	return strings.NewReplacer(append(pairs, "%25", "%")...).Replace(s)
}

func annotationsOf(t testing.TB, l []diag.Diagnostic, o Options) []annotated {
	t.Helper()
	var b bytes.Buffer
	if err := Annotations(&b, l, o); err != nil {
		t.Fatal(err)
	}
	return obey(t, b.String())
}

func TestAnnotations(t *testing.T) {
	d := diag.Errorf(diag.ReadName, diag.Position{File: "a,b:c/50%.yaml", Line: 9, Column: strings.Index(shopLines("intents/boutique.yaml", 9), "redis-crat") + 1},
		"no workload\nis called %q", "redis-crat").Hint("did you mean %s?", "redis-cart\r::error::x").About("x")
	lines := Options{Line: func(string, int) string { return shopLines("intents/boutique.yaml", 9) }}
	var b bytes.Buffer
	if err := Annotations(&b, []diag.Diagnostic{d}, lines); err != nil {
		t.Fatal(err)
	}
	want := `::error file=a%2Cb%3Ac/50%25.yaml,line=9,col=38,endColumn=48,title=KT3002%3A A statement names something that does not exist` +
		`::no workload is called "redis-crat"%0Ahint: did you mean redis-cart\u{d}::error::x?` + "\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	got := obey(t, b.String())[0]
	if got.properties["file"] != "a,b:c/50%.yaml" || got.properties["title"] != "KT3002: A statement names something that does not exist" {
		t.Errorf("%+v", got)
	}
	// No line, no column; no file in the repository, no file.
	if got := annotationsOf(t, []diag.Diagnostic{d}, Options{})[0].properties; got["line"] != "9" || got["col"] != "" || got["endColumn"] != "" {
		t.Errorf("%+v", got)
	}
	for _, file := range []string{"", "/etc/passwd", "../x", "C:/x"} {
		d.Pos.File = file
		got := annotationsOf(t, []diag.Diagnostic{d}, lines)[0]
		if len(got.properties) != 1 || !strings.Contains(got.message, file) {
			t.Errorf("%q: %+v", file, got)
		}
	}
}

// TestAnnotationsLimits: ten of a kind at most, and the tenth says how many more
// there are.
func TestAnnotationsLimits(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 12, 500} {
		var l []diag.Diagnostic
		for i := range n {
			at := diag.Position{File: "a.yaml", Line: i + 1}
			l = append(l, diag.Notef(diag.ReadNote, at, "n"), diag.Warningf(diag.MatchPort, at, "w"), diag.Errorf(diag.ReadName, at, "e"))
		}
		count := map[string]int{}
		told := map[string]string{}
		order := ""
		for _, a := range annotationsOf(t, l, Options{}) {
			count[a.command]++
			if a.properties["file"] == "" {
				told[a.command] = a.message
			}
			order += a.command[:1]
		}
		k := min(n, 10)
		if order != strings.Repeat("e", k)+strings.Repeat("w", k)+strings.Repeat("n", k) {
			t.Errorf("%d of each: %s", n, order)
		}
		for command, word := range map[string]string{"error": "error", "warning": "warning", "notice": "note"} {
			want := ""
			if n > 10 {
				want = fmt.Sprintf("%d more %ss not shown here: the log has all of them", n-9, word)
			}
			if told[command] != want {
				t.Errorf("%d of each: %q, want %q", n, told[command], want)
			}
		}
	}
	long := diag.Errorf(diag.ReadName, diag.Position{}, "%s", strings.Repeat("é", 1<<20))
	for range 1000 {
		long = long.Hint("%s", strings.Repeat("ü", 200))
	}
	if got := annotationsOf(t, []diag.Diagnostic{long}, Options{})[0]; len(got.message) > 3*maxFinding || strings.ContainsRune(got.message, '\ufffd') {
		t.Errorf("%d bytes", len(got.message))
	}
}

// TestWeigh: the order of what is shown first.
func TestWeigh(t *testing.T) {
	at := diag.Position{File: "a.yaml", Line: 1}
	want := []diag.Diagnostic{
		diag.Errorf(diag.ReadUnfounded, at, "the lock goes beyond the words").About("x"),
		diag.Errorf(diag.VerifyContradiction, at, "proof about an intent").About("x"),
		diag.Errorf(diag.ReadName, at, "first").About("x"),
		diag.Errorf(diag.ReadWords, at, "second").About("x"),
		diag.Errorf(diag.LowerUnsayable, at, "target").About("x"),
		diag.Errorf(diag.VerifyFlow, at, "proof about none"),
		diag.Errorf(diag.IntentSyntax, at, "intents"),
		diag.Errorf(diag.LockSyntax, at, "lock"),
		diag.Errorf(diag.RegoGuardrail, at, "policies"),
		diag.Errorf(diag.ManifestSyntax, at, "manifests"),
		diag.Errorf("KT9000", at, "of a later version"),
		diag.Warningf(diag.VerifyDeclared, at, "a warning").About("x"),
		diag.Notef(diag.ReadDisagree, at, "a note").About("x"),
	}
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	// Equals keep the order that they came in.
	i, j := slices.IndexFunc(shuffled, func(d diag.Diagnostic) bool { return d.Message == "second" }), slices.IndexFunc(shuffled, func(d diag.Diagnostic) bool { return d.Message == "first" })
	shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	for i, d := range weigh(shuffled) {
		if d.Message != want[i].Message {
			t.Errorf("%d: %q, want %q", i, d.Message, want[i].Message)
		}
	}
}
