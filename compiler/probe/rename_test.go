package probe

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRenamedReferencesMeetRenamedProbes renames policies, cluster and probes by
// one mapping: the verdicts must not move.
func TestRenamedReferencesMeetRenamedProbes(t *testing.T) {
	for _, c := range cases(t) {
		for seed := range int64(4) {
			renamed, err := c.Rename(seed)
			if err != nil {
				t.Fatal(err)
			}
			ref := reference(t, c)
			if ref == nil {
				continue
			}
			o := judge(t, renamed, overlay(t, newRenamer(c, seed).docs(ref)), false)
			if o.Verdict != Right || o.Held != len(c.Probes) {
				t.Errorf("%s seed %d: %s %q", c.ID, seed, o.Verdict, o.Reasons)
			}
			if o := judge(t, renamed, overlay(t, ref), false); o.Verdict == Right {
				t.Errorf("%s seed %d: the reference under its old names is still right", c.ID, seed)
			}
		}
	}
}

func TestRenameDependsOnTheSeedAlone(t *testing.T) {
	for _, c := range cases(t) {
		var written [3]string
		for i, seed := range []int64{3, 3, 4} {
			renamed, err := c.Rename(seed)
			if err != nil {
				t.Fatal(err)
			}
			written[i] = project(t, renamed)
		}
		if written[0] != written[1] {
			t.Errorf("%s: one seed gave two projects", c.ID)
		}
		if written[0] == written[2] {
			t.Errorf("%s: two seeds gave one project", c.ID)
		}
	}
}

// project writes a case and returns all its files as one text.
func project(t *testing.T, c *Case) string {
	t.Helper()
	dir := t.TempDir()
	if err := c.WriteProject(dir); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range append(names, filepath.Join(dir, "inventory.yaml")) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("# " + filepath.Base(name) + "\n" + string(data))
	}
	return b.String()
}

// TestNoOldNameIsLeft looks for the words of every workload, Service and
// namespace in everything that a compiler gets to see.
func TestNoOldNameIsLeft(t *testing.T) {
	for _, c := range cases(t) {
		r := newRenamer(c, 1)
		renamed, err := c.Rename(1)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(renamed.Statements, "\n")
		for _, f := range renamed.manifests {
			data, err := encodeNodes(f.docs)
			if err != nil {
				t.Fatal(err)
			}
			text += "\n" + regexp.MustCompile(`(?m)^\s*(apiVersion|kind|protocol|type):.*$|registry\.example|ingress-nginx|\w+\.kubernetes\.io`).ReplaceAllString(string(data), "")
		}
		fields := slices.Concat(tradeWords, []string{"selector", "ports", "labels", "metadata", "template"})
		for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !('a' <= r && r <= 'z') }) {
			if r.parts[w] && !slices.Contains(fields, w) {
				t.Errorf("%s: %q is left", c.ID, w)
			}
		}
	}
}

func TestRenamedPortsKeepTheirOrder(t *testing.T) {
	for _, c := range cases(t) {
		r := newRenamer(c, 7)
		last := 0
		for n := range 65536 {
			got, ok := r.ports[n]
			if !ok {
				continue
			}
			if got <= last || got > 65535 {
				t.Errorf("%s: port %d became %d, after %d", c.ID, n, got, last)
			}
			last = got
		}
		if r.port(53) != 53 || r.port(9153) != 9153 {
			t.Errorf("%s: DNS moved to %d and %d", c.ID, r.port(53), r.port(9153))
		}
	}
}

// TestText shows what a statement becomes; the made-up words are written as
// their originals between angle brackets.
func TestText(t *testing.T) {
	cs := cases(t)
	find := func(scenario string) *Case {
		return cs[slices.IndexFunc(cs, func(c *Case) bool { return c.Scenario == scenario && c.Existing == "" })]
	}
	tests := []struct{ scenario, in, want string }{
		{"guestbook", "Redis leader and followers are reachable from the guestbook front end.", "<Redis> <leader> and <follower>s are reachable from the <guestbook> <front| end>."},
		{"guestbook", "redis-leader may talk to redis-follower, not to redis-leader.guestbook.svc", "<redis>-<leader> may talk to <redis>-<follower>, not to <redis>-<leader>.<guestbook>.svc"},
		{"guestbook", "Frontend's pods", "<Frontend>'s pods"},
		{"corp", "PostgreSQL: ingress from backend only.", "<Postgres>: ingress from <backend> only."},
		{"corp", "Allow egress to example.org and 10.0.0.0/8 for web.", "Allow egress to example.org and 10.0.0.0/8 for <web>."},
		{"corp", "pods labelled networking.gardener.cloud/from-prometheus=allowed", "pods labelled <networking>.<gardener>.<cloud>/<from>-<prometheus>=<allowed>"},
		{"corp", "the ports named 'metrics' of etcd", "the ports named '<metrics>' of <etcd>"},
		{"todo", "Only pods with labels 'access: true' can access the nginx deployment.", "Only pods with labels '<access>: true' can access the <nginx> deployment."},
		{"docs", "Create a default policy for the default namespace.", "Create a default policy for the default namespace."},
		{"voting", "Only VOTE and workers use redis.", "Only <VOTE> and <worker>s use <redis>."},
	}
	marked := regexp.MustCompile(`<[^>]*>`)
	for _, tt := range tests {
		c := *find(tt.scenario)
		c.Statements = []string{tt.in}
		r := newRenamer(&c, 5)
		want := marked.ReplaceAllStringFunc(tt.want, func(s string) string {
			s = strings.Trim(s, "<>")
			a, b, split := strings.Cut(s, "| ")
			made := likeCase(a, r.word(strings.ToLower(a+b)))
			if split {
				return made[:len(made)/2] + " " + made[len(made)/2:]
			}
			return made
		})
		if got := r.text(tt.in); got != want {
			t.Errorf("%q\n got %q\nwant %q", tt.in, got, want)
		}
	}
}

func TestPortNumbers(t *testing.T) {
	for in, want := range map[string][]string{
		"on TCP port 3306, not 22.":              {"3306", "22"},
		"from 172.17.0.0/16 on 443/TCP":          {"443"},
		"ports 32000-32768":                      {"32000", "32768"},
		"worker-2 over UDP 8125 or web:8080":     {"8125", "8080"},
		"HTTP/2 to s3.eu-west-1.example on v1.2": nil,
	} {
		var got []string
		for _, at := range portNumbers(in) {
			got = append(got, in[at[0]:at[1]])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
