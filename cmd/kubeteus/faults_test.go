package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// What a server or a model may do wrong, against the real command.
//
// Every fault is one run of `kubeteus compile` in a project of its own with two
// statements: one that the embedded reader understands, and one that it does not,
// about which the model's answer would decide alone. The server is a scripted one
// on loopback; it knows no model, and what the table shows is what the compiler
// does with such answers, never how often a model gives them.
//
// A run that writes nothing is held against the project as it was before. One that
// writes is held against what the right answers write, byte for byte: anything else
// is "let through".

var table = flag.Bool("table", false, "print the outcome of every fault")

// faultKey has characters that base64, URLs and JSON write in other ways.
const faultKey = "sk-faults/Zx81+vT_0mKw-LrE93hB=sYc"

// The statements. The embedded reader understands known, and none of the others.
const (
	known    = "Only checkout may reach front."
	permit   = "Fine if checkout gets at ledger on port 5432."
	casual   = "It is fine by us when checkout gets at ledger on port 5432."
	portless = "Fine if checkout gets at ledger."
	forbid   = "Front reaching ledger is a thing that must never happen."
	hated    = "We would hate to see front reach ledger, so it must not happen."
	confine  = "Ledger has checkout for a client by design, so nobody else gets to reach it."
)

// right are the answers that mean what the statements do.
var right = map[string]string{
	known:    rules(allow(wl("checkout"), wl("front"), "null", "none"), closes("ingress", wl("front"), "null", only(wl("checkout"), "null"), true)),
	permit:   rules(allow(wl("checkout"), wl("ledger"), `["5432"]`, "ingress")),
	casual:   rules(allow(wl("checkout"), wl("ledger"), `["5432"]`, "ingress")),
	portless: rules(allow(wl("checkout"), wl("ledger"), "null", "ingress")),
	forbid:   rules(closes("ingress", wl("ledger"), only(wl("front"), "null"), "null", true)),
	hated:    rules(closes("ingress", wl("ledger"), only(wl("front"), "null"), "null", true)),
	confine: rules(allow(wl("checkout"), wl("ledger"), "null", "none"),
		closes("ingress", wl("ledger"), "null", only(wl("checkout"), "null"), true)),
}

// The parts of an answer.
func wl(name string) string { return fmt.Sprintf(`{"workload":"shop/%s"}`, name) }

func allow(from, to, ports, about string) string {
	return fmt.Sprintf(`{"from":[%s],"to":[%s],"ports":%s,"about":%q}`, from, to, ports, about)
}

func closes(end, subject, scope, except string, firm bool) string {
	return fmt.Sprintf(`{"close":%q,"subject":[%s],"scope":%s,"except":%s,"firm":%v,"dns":"auto"}`, end, subject, scope, except, firm)
}

func only(peers, ports string) string {
	return fmt.Sprintf(`[{"peers":[%s],"ports":%s}]`, peers, ports)
}

func rules(list ...string) string { return explained("", list...) }

func explained(why string, list ...string) string {
	said, _ := json.Marshal(why) // a string always encodes
	return fmt.Sprintf(`{"explanation":%s,"outcome":"rules","question":null,"rules":[%s]}`, said, strings.Join(list, ","))
}

func asks(outcome, question string) string {
	said, _ := json.Marshal(question)
	return fmt.Sprintf(`{"explanation":"","outcome":%q,"question":%s,"rules":[]}`, outcome, said)
}

// What may become of a fault.
const (
	taken     = "read"        // what the statements mean is written
	unasked   = "not asked"   // exit 1: no answer came, and nothing is written
	refused   = "refused"     // exit 3: no answer was taken, and nothing is written
	ended     = "ended"       // exit 1: the run is over, and nothing is written
	letPast   = "let through" // something else is written than what the statement means
	misusedAt = "misused"     // exit 2: nothing was asked
)

// fault is one thing that goes wrong.
type fault struct {
	name      string
	statement string          // the second one; permit if empty
	inventory string          // of the project; faultInventory if empty
	script    scripted.Script // how the server answers
	tls       bool
	base      string // asked instead of the scripted server
	flags     []string
	within    time.Duration // 0: 15s

	outcome   string
	elsewhere bool    // the diagnostic may be on the first statement
	id        diag.ID // of the diagnostic on the second statement
	says      string  // in it or its related places
	hint      string  // in its hints
	asked     int     // requests; 0 is not looked at, none is -1
	more      func(t *testing.T, r result)
}

// answering answers the second statement with these texts, and the first rightly.
func answering(texts ...string) scripted.Script {
	var mu sync.Mutex
	n := 0
	return scripted.ByStatement(func(statement string, _ scripted.Recorded) string {
		if statement == known {
			return right[known]
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		return texts[min(n, len(texts))-1]
	})
}

// sometimes answers every request by the replies in turn, and those behind them
// rightly.
func sometimes(replies ...scripted.Reply) scripted.Script {
	return func(n int, r scripted.Recorded) scripted.Reply {
		if n < len(replies) {
			return replies[n]
		}
		return scripted.ByStatement(func(s string, _ scripted.Recorded) string { return right[s] })(n, r)
	}
}

// result is what one run left.
type result struct {
	code           int
	stdout, stderr string
	server         *scripted.Server
	project        map[string]string // every file of it
	before         map[string]string
	kept           map[string]string // files of the cache and of the record
	took           time.Duration
	outcome        string
	findings       []diag.Diagnostic // on the second statement
}

// written are the files of the project that the run wrote: the overlay and the
// lock. The lock counts, since a rule that changes nothing today may once other
// intents stand beside it.
func (r *result) written() map[string]string {
	out := maps.Clone(r.project)
	maps.DeleteFunc(out, func(name, text string) bool { return r.before[name] == text })
	return out
}

// The namespace shop is shown by what lives in it.
const faultInventory = `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, spec: {podCIDRs: [10.244.0.0/24]}, status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}}
- {apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: kubernetes}, spec: {cidrs: [10.96.0.0/12]}}
- {apiVersion: v1, kind: Namespace, metadata: {name: ops}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: front, namespace: shop}, spec: {selector: {matchLabels: {app: front}}, template: {metadata: {labels: {app: front}}, spec: {containers: [{name: c, image: r.example/front:1, ports: [{containerPort: 8080}]}]}}}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: checkout, namespace: shop}, spec: {selector: {matchLabels: {app: checkout}}, template: {metadata: {labels: {app: checkout}}, spec: {containers: [{name: c, image: r.example/checkout:1, ports: [{containerPort: 9000}]}]}}}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: ledger, namespace: shop}, spec: {selector: {matchLabels: {app: ledger}}, template: {metadata: {labels: {app: ledger}}, spec: {containers: [{name: c, image: r.example/ledger:1, ports: [{containerPort: 5432}, {containerPort: 9187}]}]}}}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: scraper, namespace: ops}, spec: {selector: {matchLabels: {app: scraper}}, template: {metadata: {labels: {app: scraper}}, spec: {containers: [{name: c, image: r.example/scraper:1, ports: [{containerPort: 9090}]}]}}}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: coredns, namespace: kube-system}, spec: {selector: {matchLabels: {k8s-app: kube-dns}}, template: {metadata: {labels: {k8s-app: kube-dns}}, spec: {containers: [{name: c, image: r.example/dns:1, ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53}]}]}}}}
`

// writeProject makes a project of statements in dir.
func writeProject(dir, inventory string, statements ...string) error {
	var set strings.Builder
	set.WriteString("apiVersion: kubeteus.dev/v1alpha1\nkind: IntentSet\nmetadata: {name: shop}\nspec:\n  namespace: shop\n  intents:\n")
	for _, s := range statements {
		fmt.Fprintf(&set, "  - %s\n", s)
	}
	if err := os.MkdirAll(filepath.Join(dir, "intents"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "inventory.yaml"), []byte(inventory), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "intents", "shop.yaml"), []byte(set.String()), 0o644)
}

// files reads every file below dir.
func files(dir string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if name == dir && errors.Is(err, fs.ErrNotExist) {
			return nil // nothing was kept
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if rel, err := filepath.Rel(dir, name); err == nil {
			out[filepath.ToSlash(rel)] = string(data)
		}
		return err
	})
	return out, err
}

// play runs the command with the fault, in a project below dir.
func (f *fault) play(dir string) (result, error) {
	var r result
	start := scripted.Start
	if f.tls {
		start = scripted.StartTLS
	}
	var err error
	if r.server, err = start(f.script); err != nil {
		return r, err
	}
	defer r.server.Close()
	project := filepath.Join(dir, "shop")
	if err := writeProject(project, cmp.Or(f.inventory, faultInventory), known, cmp.Or(f.statement, permit)); err != nil {
		return r, err
	}
	if r.before, err = files(project); err != nil {
		return r, err
	}
	args := slices.Concat([]string{"compile", "--model", "scripted", "--base-url", cmp.Or(f.base, r.server.URL+"/v1"),
		"--cache", filepath.Join(dir, "kept", "cache"), "--record", filepath.Join(dir, "kept", "record"), "--format", "json"}, f.flags, []string{project})
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(f.within, 15*time.Second))
	defer cancel()
	var stdout, stderr bytes.Buffer
	began := time.Now()
	r.code = run(ctx, args, &stdout, &stderr)
	r.took = time.Since(began)
	if ctx.Err() != nil {
		return r, fmt.Errorf("it hung: %s\n%s", stdout.String(), stderr.String())
	}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	if r.project, err = files(project); err != nil {
		return r, err
	}
	r.kept, err = files(filepath.Join(dir, "kept"))
	return r, err
}

// judge names the outcome. want is what the right answers write; elsewhere says that
// the first statement may be at fault.
func (r *result) judge(statement string, elsewhere bool, want map[string]string) error {
	var doc report.Report
	if r.stdout != "" {
		if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
			return fmt.Errorf("the report: %w", err)
		}
	}
	const second = 8 // line of the second statement
	for _, d := range doc.Diagnostics {
		if d.Severity != diag.Error || d.Pos.Line != second && !elsewhere || !strings.HasSuffix(d.Pos.File, "intents/shop.yaml") {
			continue
		}
		if d.Pos.Column < 5 || d.Pos.Column > 5+max(len(statement), len(known)) {
			return fmt.Errorf("the diagnostic lies beside the statement: %v", d.Pos)
		}
		r.findings = append(r.findings, d)
	}
	asked := !slices.ContainsFunc(r.findings, func(d diag.Diagnostic) bool { return d.ID == diag.ReadUnasked })
	switch {
	case r.code == exitDone && maps.Equal(r.written(), want):
		r.outcome = taken
	case r.code == exitDone:
		r.outcome = letPast
	case r.code == exitFailed && !asked:
		r.outcome = unasked
	case r.code == exitFailed:
		r.outcome = ended
	case r.code == exitRejected && len(r.findings) > 0:
		r.outcome = refused
	case r.code == exitMisused:
		r.outcome = misusedAt
	default:
		return fmt.Errorf("exit %d with %v on the statement", r.code, r.findings)
	}
	return nil
}

// leaks says where the key can be read.
func (r *result) leaks() []string {
	texts := map[string]string{"stdout": r.stdout, "stderr": r.stderr}
	for name, text := range r.project {
		texts[name] = text
	}
	for name, text := range r.kept {
		texts["kept/"+name] = text
	}
	var out []string
	for name, text := range texts {
		for _, form := range keyForms() {
			if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				out = append(out, fmt.Sprintf("%s holds %s", name, form))
			}
		}
	}
	slices.Sort(out)
	return out
}

// keyForms are ways to write the key, and halves of it.
func keyForms() []string {
	var percent, escaped strings.Builder
	for _, b := range []byte(faultKey) {
		fmt.Fprintf(&percent, "%%%02x", b)
		fmt.Fprintf(&escaped, `\u%04x`, b)
	}
	out := []string{faultKey, faultKey[:17], faultKey[17:], url.QueryEscape(faultKey), url.PathEscape(faultKey), percent.String(), escaped.String(), hex.EncodeToString([]byte(faultKey))}
	for shift := range 3 {
		padded := append(make([]byte, shift), faultKey...)
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString(padded)
			out = append(out, text[(shift*8+5)/6:len(padded)*8/6])
		}
	}
	return out
}

var port = regexp.MustCompile(`127\.0\.0\.1:\d+(/v1/chat/completions)?`)

// row is a line of the table.
func (f *fault) row(r *result) string {
	said := ""
	if len(r.findings) > 0 {
		d := r.findings[0]
		said = report.Escape(fmt.Sprintf("%s %s", d.ID, d.Message))
	} else if r.code != exitDone {
		said, _, _ = strings.Cut(r.stderr[strings.LastIndex(r.stderr, "kubeteus: ")+len("kubeteus: "):], "\n")
	}
	said = port.ReplaceAllString(said, "server") // as it differs from run to run
	const width = 110
	if short := []rune(said); len(short) > width {
		said = string(short[:width]) + "…"
	}
	return fmt.Sprintf("%-46s exit %d  %-11s %s", f.name, r.code, r.outcome, said)
}

// TestModelFaults plays every fault, a few at a time: most of them wait.
func TestModelFaults(t *testing.T) {
	t.Setenv("KUBETEUS_API_KEY", faultKey)
	thief, err := scripted.Start(scripted.Always(scripted.Chat(right[permit])))
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	nowhere, err := scripted.Refused()
	if err != nil {
		t.Fatal(err)
	}
	faults := slices.Concat(serverFaults(thief.URL, nowhere), answerFaults(), widerFaults(), hostileFaults())
	wanted := map[string]map[string]string{}
	for _, f := range faults {
		in := cmp.Or(f.statement, permit) + f.inventory
		if _, ok := wanted[in]; ok || right[cmp.Or(f.statement, permit)] == "" {
			continue
		}
		reference := fault{statement: f.statement, inventory: f.inventory, script: sometimes()}
		r, err := reference.play(t.TempDir())
		if err != nil || r.code != exitDone || len(r.written()) == 0 {
			t.Fatalf("the right answers: %v, exit %d: %s", err, r.code, r.stderr)
		}
		wanted[in] = r.written()
	}
	results, errs := make([]result, len(faults)), make([]error, len(faults))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range faults {
		dir := t.TempDir()
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i], errs[i] = faults[i].play(dir)
		})
	}
	wg.Wait()
	through := 0
	for i, f := range faults {
		r := results[i]
		t.Run(f.name, func(t *testing.T) {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			statement := cmp.Or(f.statement, permit)
			if err := r.judge(statement, f.elsewhere, wanted[statement+f.inventory]); err != nil {
				t.Fatalf("%v\n%s", err, r.stderr)
			}
			if *table {
				fmt.Println(f.row(&r))
			}
			if r.outcome == letPast {
				through++
			}
			f.hold(t, r)
		})
	}
	if thief.Connections() != 0 {
		t.Error("a redirect was followed")
	}
	if *table {
		fmt.Printf("%d faults, each scripted: %d let through\n", len(faults), through)
	}
}

// hold holds what a run left against what the fault may do.
func (f *fault) hold(t *testing.T, r result) {
	t.Helper()
	for _, l := range r.leaks() {
		t.Errorf("the key: %s", l)
	}
	if r.outcome != f.outcome {
		t.Fatalf("%s, want %s (exit %d)\n%s", r.outcome, f.outcome, r.code, r.stderr)
	}
	if r.code != exitDone && !maps.Equal(r.project, r.before) {
		t.Errorf("exit %d, and the project has %v", r.code, slices.Sorted(maps.Keys(r.project)))
	}
	if n := len(r.server.Requests()); f.asked > 0 && n != f.asked || f.asked < 0 && n != 0 {
		t.Errorf("%d requests, want %d", n, f.asked)
	}
	if f.id != "" {
		f.find(t, r)
	}
	if strings.ContainsAny(r.stderr, "\x1b\r\u202e") || strings.ContainsAny(r.stdout, "\x1b\r\u202e") {
		t.Errorf("an escape code is printed: %q %q", r.stderr, r.stdout)
	}
	if f.more != nil {
		f.more(t, r)
	}
}

// find looks for the diagnostic on the second statement.
func (f *fault) find(t *testing.T, r result) {
	t.Helper()
	for _, d := range r.findings {
		text := d.Message
		for _, x := range d.Related {
			text += "\n" + x.Message
		}
		if d.ID != f.id || !strings.Contains(text, f.says) || !strings.Contains(strings.Join(d.Hints, "\n"), f.hint) {
			continue
		}
		if at := fmt.Sprintf("intents/shop.yaml:%d:%d: error: ", d.Pos.Line, d.Pos.Column); !strings.Contains(r.stderr, at) {
			t.Errorf("stderr has no %q:\n%s", at, r.stderr)
		}
		return
	}
	t.Errorf("no %s with %q and the hint %q in %+v", f.id, f.says, f.hint, r.findings)
}
