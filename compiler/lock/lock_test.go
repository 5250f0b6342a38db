package lock

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

func workload(namespace, name string) ir.Peer {
	return ir.Peer{Kind: ir.Workload, Namespace: namespace, Name: name}
}

// every holds every kind of rule, peer, port and requirement.
func every() *File {
	peers := []ir.Peer{
		workload("shop", "web"), {Kind: ir.Workload, Namespace: "shop", Name: "db", Type: "StatefulSet"},
		{Kind: ir.Pods}, {Kind: ir.Pods, In: &ir.Namespaces{}},
		{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{"on", "123"}, Not: []string{"kube-system"}, Labels: []ir.Requirement{{Key: "team", Operator: ir.NotIn, Values: []string{"yes", ""}}}},
			Labels: []ir.Requirement{{Key: "app.kubernetes.io/name", Operator: ir.In, Values: []string{"a", "1e3"}}, {Key: "x", Operator: ir.Exists}, {Key: "y", Operator: ir.DoesNotExist}}},
		{Kind: ir.ServiceAccount, Namespace: "shop", Name: "null"},
		{Kind: ir.CIDR, Prefix: netip.MustParsePrefix("10.0.0.0/8"), Except: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}},
		{Kind: ir.CIDR, Prefix: netip.MustParsePrefix("0.0.0.0/0")}, {Kind: ir.CIDR, Prefix: netip.MustParsePrefix("::/0")},
		{Kind: ir.CIDR, Prefix: netip.MustParsePrefix("2001:db8::1/32")},
		{Kind: ir.Domain, Name: "*.example.com"}, {Kind: ir.World, Minus: []ir.Peer{{Kind: ir.CIDR, Prefix: netip.MustParsePrefix("1.2.3.4/32")}}},
		{Kind: ir.Host}, {Kind: ir.APIServer}, {Kind: ir.ClusterDNS}, {Kind: ir.IngressController},
		{Kind: ir.Anybody, Minus: []ir.Peer{{Kind: ir.Pods, Minus: []ir.Peer{workload("a", "b")}}}},
	}
	ports := []ir.Port{{Number: 80}, {Number: 53, Protocol: "UDP"}, {Number: 8000, End: 8100, Protocol: "TCP"}, {Name: "http"}, {Protocol: "ICMP"}}
	f := &File{Project: "shop", Overlay: "sha256:ab"}
	for i, p := range peers {
		f.Entries = append(f.Entries, Entry{Set: "peers", Intent: string(rune('a' + i)), Digest: Digest("x", "y"), Reader: "english",
			Rules: []ir.Rule{{Allow: &ir.Allow{From: []ir.Peer{p}, To: peers[:2], Ports: append([]ir.Port(nil), ports[:i%5]...), About: ir.Ingress}}}})
	}
	f.Entries = append(f.Entries,
		Entry{Set: "closes", Intent: "all", Digest: Digest("z", ""), Rules: []ir.Rule{
			{Close: &ir.Close{End: ir.Ingress, Subject: peers[:1]}},
			{Close: &ir.Close{End: ir.Egress, Subject: peers, Scope: []ir.Traffic{{}, {Peers: peers[4:6], Ports: ports}}, Except: []ir.Traffic{{Ports: ports[:1]}}, Firm: true, DNS: ir.DNSKeep}},
			{Close: &ir.Close{End: ir.Egress, Subject: peers[:1], DNS: ir.DNSClose}},
			{Allow: &ir.Allow{From: peers[:3], To: peers[3:]}},
		}, Notes: []string{"a note: with \"quotes\", é, \x7f, \u2028 and\nlines", "#no comment", ""}},
		Entry{Set: "remark", Intent: "none", Digest: Digest("r", "")})
	return f
}

func sorted(f *File) *File {
	g, _ := Parse("x", f.Encode())
	return g
}

func TestRoundTrip(t *testing.T) {
	f := every()
	data := f.Encode()
	g, diags := Parse("kubeteus.lock", data)
	if diags != nil {
		t.Fatalf("%v\n%s", diags, data)
	}
	if g.Project != f.Project || g.Overlay != f.Overlay || len(g.Entries) != len(f.Entries) {
		t.Fatalf("got %+v", g)
	}
	for _, want := range f.Entries {
		if got := byIntent(g)[key(want)]; !reflect.DeepEqual(got, want) {
			t.Errorf("entry %s/%s\n got %+v\nwant %+v", want.Set, want.Intent, got, want)
		}
	}
	if again := g.Encode(); !bytes.Equal(again, data) {
		t.Error("a parsed lock is written differently")
	}
	if g.Entries[0].Set != "closes" || f.Entries[0].Set != "peers" {
		t.Error("Encode sorts the output, and leaves its receiver alone")
	}
}

// TestSigsYAML reads the lock with the YAML 1.1 library that the Kubernetes world
// uses: it must see the same values.
func TestSigsYAML(t *testing.T) {
	f := every()
	var got File
	if err := sigsyaml.Unmarshal(f.Encode(), &got); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(sorted(f))
	if err != nil {
		t.Fatal(err)
	}
	have, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(want, []byte(`"rules":null`), []byte(`"rules":[]`)), have) {
		t.Errorf("got  %s\nwant %s", have, want)
	}
}

func TestEncode(t *testing.T) {
	f := &File{Project: "shop", Overlay: "sha256:00", Entries: []Entry{
		{Set: "shop", Intent: "b", Digest: "sha256:01", Reader: "english", Rules: []ir.Rule{
			{Allow: &ir.Allow{From: []ir.Peer{workload("shop", "cart")}, To: []ir.Peer{workload("shop", "redis")}, Ports: []ir.Port{{Number: 6379}}, About: ir.Ingress}},
			{Close: &ir.Close{End: ir.Ingress, Subject: []ir.Peer{workload("shop", "redis")}, Except: []ir.Traffic{{Peers: []ir.Peer{workload("shop", "cart")}}}, Firm: true}},
		}},
		{Set: "shop", Intent: "a", Digest: "sha256:02", Rules: []ir.Rule{
			{Allow: &ir.Allow{From: []ir.Peer{workload("a-long-namespace-name", "a-long-workload-name"), workload("a-long-namespace-name", "another-long-workload-name")}, To: []ir.Peer{{Kind: ir.World}}}},
		}},
	}}
	const want = header + `apiVersion: kubeteus.dev/v1alpha1
kind: Lock
project: shop
overlay: sha256:00
entries:
- set: shop
  intent: a
  digest: sha256:02
  rules:
  - allow:
      from:
      - {kind: workload, namespace: a-long-namespace-name, name: a-long-workload-name}
      - {kind: workload, namespace: a-long-namespace-name, name: another-long-workload-name}
      to: [{kind: world}]
- set: shop
  intent: b
  digest: sha256:01
  reader: english
  rules:
  - allow:
      from: [{kind: workload, namespace: shop, name: cart}]
      to: [{kind: workload, namespace: shop, name: redis}]
      ports: [{number: 6379}]
      about: ingress
  - close:
      end: ingress
      subject: [{kind: workload, namespace: shop, name: redis}]
      except: [{peers: [{kind: workload, namespace: shop, name: cart}]}]
      firm: true
`
	if got := string(f.Encode()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := string((&File{}).Encode()); !strings.HasSuffix(got, "entries: []\n") {
		t.Errorf("empty lock is\n%s", got)
	}
}

func TestRefused(t *testing.T) {
	const top = "apiVersion: kubeteus.dev/v1alpha1\nkind: Lock\nproject: p\noverlay: o\nentries:\n"
	entry := func(rule string) string {
		return top + "- set: s\n  intent: i\n  digest: d\n  rules:\n  - " + rule + "\n"
	}
	for _, c := range []struct {
		name, text string
		line, col  int
		message    string
	}{
		{"empty", "", 1, 1, "empty"},
		{"scalar", "x\n", 1, 1, "not a mapping"},
		{"syntax", top + "- a: b: c\n", 6, 0, "not YAML"},
		{"kind", "apiVersion: v2\nkind: Lock\nproject: p\noverlay: o\nentries: []\n", 1, 1, "not a lock that this version reads"},
		{"missing", "kind: Lock\n", 1, 1, `missing key "project"`},
		{"unknown", top + "- {set: s, intent: i, digest: d, rules: [], colour: red}\n", 6, 45, `unknown key "colour"`},
		{"twice", top + "- {set: s, set: t, intent: i, digest: d, rules: []}\n", 6, 12, "given twice"},
		{"two documents", top + "---\na: b\n", 6, 1, "second YAML document"},
		{"no string", top + "- {set: 1, intent: i, digest: d, rules: []}\n", 6, 9, "not a string"},
		{"rules text", top + "- {set: s, intent: i, digest: d, rules: x}\n", 6, 41, "not a list"},
		{"rule neither", entry("{}"), 10, 5, "one of allow and close"},
		{"rule both", entry("{allow: {from: [{kind: world}], to: [{kind: host}]}, close: {end: ingress, subject: [{kind: pods}]}}"), 10, 5, "one of allow and close"},
		{"rule unknown", entry("{allow: {from: [{kind: world}], to: [{kind: host}], why: x}}"), 10, 5, `unknown field "why"`},
		{"rule case", entry("{allow: {From: [{kind: world}], to: [{kind: host}]}}"), 10, 5, "in the form that kubeteus writes"},
		{"rule zero", entry("{allow: {from: [{kind: world}], to: [{kind: host}], ports: [{number: 0}]}}"), 10, 5, "in the form"},
		{"rule null", entry("{allow: {from: null, to: [{kind: host}]}}"), 10, 20, "is no string"},
		{"rule alias", entry("{allow: {from: &a [{kind: world}], to: *a}}"), 10, 20, "anchors and aliases"},
		{"rule duplicate", entry("{allow: {from: [{kind: world, kind: host}], to: [{kind: host}]}}"), 10, 35, "given twice"},
		{"peer kind", entry("{allow: {from: [{kind: moon}], to: [{kind: host}]}}"), 10, 5, `unknown kind of peer "moon"`},
		{"peer cidr", entry("{allow: {from: [{kind: cidr}], to: [{kind: host}]}}"), 10, 5, "cidr without a prefix"},
		{"peer prefix", entry("{allow: {from: [{kind: cidr, prefix: ten}], to: [{kind: host}]}}"), 10, 5, "not a rule"},
		{"end", entry("{close: {end: sideways, subject: [{kind: pods}]}}"), 10, 5, `unknown end "sideways"`},
		{"no subject", entry("{close: {end: ingress, subject: []}}"), 10, 5, "subject"},
		{"dns", entry("{close: {end: egress, subject: [{kind: pods}], dns: maybe}}"), 10, 5, `unknown DNS mode`},
		{"port", entry("{allow: {from: [{kind: world}], to: [{kind: host}], ports: [{number: 70000}]}}"), 10, 5, "port 70000"},
		{"operator", entry("{allow: {from: [{kind: pods, labels: [{key: a, operator: Like}]}], to: [{kind: host}]}}"), 10, 5, "unknown operator"},
		{"deep", entry("{allow: {from: [" + strings.Repeat("{kind: anybody, minus: [", 30) + "{kind: host}" + strings.Repeat("]}", 30) + "], to: [{kind: host}]}}"), 10, 477, "nested too deeply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, diags := Parse("l", []byte(c.text))
			if f != nil || !diags.HasErrors() {
				t.Fatalf("parsed: %+v", f)
			}
			for _, d := range diags {
				if strings.Contains(d.Message, c.message) {
					if want := (diag.Position{File: "l", Line: c.line, Column: c.col}); d.Pos != want || d.ID != diag.LockSyntax || len(d.Hints) == 0 {
						t.Errorf("%+v, want it at %v", d, want)
					}
					return
				}
			}
			t.Errorf("no %q in %v", c.message, diags)
		})
	}
}

func TestConflict(t *testing.T) {
	entry := func(intent, digest string) Entry {
		return Entry{Set: "s", Intent: intent, Digest: digest, Rules: []ir.Rule{{Close: &ir.Close{End: ir.Ingress, Subject: []ir.Peer{{Kind: ir.Pods}}}}}}
	}
	encode := func(overlay string, entries ...Entry) []string {
		return strings.SplitAfter(string((&File{Project: "p", Overlay: overlay, Entries: entries}).Encode()), "entries:\n")
	}
	ours := encode("o1", entry("a", "d"), entry("b", "d1"), entry("c", "d"))
	theirs := encode("o2", entry("a", "d"), entry("b", "d2"), entry("e", "d"))
	text := "<<<<<<< HEAD\n" + ours[0] + ours[1] + "||||||| base\nwhatever: [\n=======\n" + theirs[0] + theirs[1] + ">>>>>>> branch\n"
	f, diags := Parse("l", []byte(text))
	if f == nil || len(diags) != 1 || diags[0].Severity != diag.Warning || diags[0].ID != diag.LockSyntax || diags[0].Pos.Line != 1 ||
		!strings.Contains(diags[0].Message, "merge conflict") || !strings.Contains(diags[0].Hints[0], "kubeteus compile") {
		t.Fatalf("%+v %+v", f, diags)
	}
	var got []string
	for _, e := range f.Entries {
		got = append(got, e.Intent)
	}
	if strings.Join(got, " ") != "a c e" || f.Overlay != "" || f.Project != "p" {
		t.Errorf("kept %v, overlay %q, project %q", got, f.Overlay, f.Project)
	}
	f, diags = Parse("l", []byte("a: b\n<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> branch\n"))
	if f != nil || !diags.HasErrors() || diags[0].Pos.Line != 2 || !strings.Contains(diags[0].Message, "merge conflict") {
		t.Errorf("%+v %+v", f, diags)
	}
}

func TestDigest(t *testing.T) {
	if Digest("a", "bc") == Digest("ab", "c") || Digest("a", "b") == Digest("a", "b", "") || Digest("a", "b", "c") == Digest("a", "b", "d") {
		t.Error("different inputs, one digest")
	}
	if got := Digest("a", "b"); got != Digest("a", "b") || !strings.HasPrefix(got, "sha256:") {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(every().Encode())
	f.Add([]byte("<<<<<<< a\nx: y\n=======\n>>>>>>> b\n"))
	f.Add([]byte(header + "apiVersion: kubeteus.dev/v1alpha1\nkind: Lock\nproject: p\noverlay: o\nentries:\n- {set: s, intent: i, digest: d, rules: [{allow: {from: [{kind: world}], to: [{kind: host}]}}]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, diags := Parse("l", data)
		if got == nil != diags.HasErrors() {
			t.Fatalf("%+v %v", got, diags)
		}
		for _, d := range diags {
			if d.Pos.Line < 1 || len(d.Hints) == 0 {
				t.Fatalf("%+v", d)
			}
		}
		if got == nil {
			return
		}
		again, diags := Parse("l", got.Encode())
		if diags.HasErrors() || !bytes.Equal(again.Encode(), got.Encode()) {
			t.Fatalf("%v\n%s", diags, got.Encode())
		}
		for _, e := range got.Entries {
			for _, r := range e.Rules {
				_ = r.String() // takes rules for granted
			}
		}
	})
}
