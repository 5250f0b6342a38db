package probe

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const samples = "../../testdata/samples"

func cases(t testing.TB) []*Case {
	t.Helper()
	cs, err := Cases(samples)
	if err != nil {
		t.Fatal(err)
	}
	if len(cs) < 25 {
		t.Fatalf("%d samples, want 25 or more", len(cs))
	}
	return cs
}

// reference returns the hand-written policies of a case, or nil.
func reference(t testing.TB, c *Case) []*yaml.Node {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(samples, "reference", c.ID+".yaml"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	docs, err := parseDocs(data)
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// overlay writes documents to a folder as a compiler would.
func overlay(t testing.TB, docs []*yaml.Node) string {
	t.Helper()
	dir := t.TempDir()
	data, err := encodeNodes(docs)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "policies.yaml"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func judge(t testing.TB, c *Case, dir string, refused bool) Outcome {
	t.Helper()
	o, err := c.Judge(dir, refused)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestReferencesMeetTheirProbes(t *testing.T) {
	judged := 0
	for _, c := range cases(t) {
		ref := reference(t, c)
		if ref == nil {
			continue
		}
		judged++
		if o := judge(t, c, overlay(t, ref), false); o.Verdict != Right || o.Held != len(c.Probes) {
			t.Errorf("%s: %s, %d of %d probes held: %q", c.ID, o.Verdict, o.Held, len(c.Probes), o.Reasons)
		}
	}
	if judged != 20 {
		t.Errorf("%d references judged, want 20", judged)
	}
}

func TestNothingWrittenIsWrong(t *testing.T) {
	for _, c := range cases(t) {
		o := judge(t, c, filepath.Join(t.TempDir(), "missing"), false)
		want := Wrong
		if c.Expect == "refuse" || !slices.Contains(c.Targets, "k8s") {
			want = Right
		}
		if o.Verdict != want {
			t.Errorf("%s: nothing written is %s, want %s", c.ID, o.Verdict, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range cases(t) {
		want := Right
		if c.Expect == "policy" && slices.Contains(c.Targets, "k8s") {
			want = Refused
		}
		if o := judge(t, c, t.TempDir(), true); o.Verdict != want {
			t.Errorf("%s: refused is %s, want %s", c.ID, o.Verdict, want)
		}
		if ref := reference(t, c); ref != nil {
			if o := judge(t, c, overlay(t, ref), true); o.Verdict != Wrong {
				t.Errorf("%s: refused and written is %s, want wrong", c.ID, o.Verdict)
			}
		}
	}
}

func TestJudgeReadsWhatWouldBeApplied(t *testing.T) {
	c := cases(t)[0]
	good, err := encodeNodes(reference(t, c))
	if err != nil {
		t.Fatal(err)
	}
	kustomization := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- "
	tests := []struct {
		name   string
		files  map[string]string
		want   Verdict
		reason string
	}{
		{"listed", map[string]string{"kustomization.yaml": kustomization + "app-stack/p.yaml\n", "app-stack/p.yaml": string(good)}, Right, ""},
		{"not listed", map[string]string{"kustomization.yaml": "resources: []\n", "p.yaml": string(good)}, Wrong, "p.yaml is not listed"},
		{"listed and missing", map[string]string{"kustomization.yaml": kustomization + "q.yaml\n"}, Wrong, "lists q.yaml"},
		{"no YAML", map[string]string{"p.yaml": "a: [\n"}, Wrong, "p.yaml: "},
		{"another kind", map[string]string{"p.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: app-stack}\n"}, Wrong, "no networking.k8s.io/v1"},
		{"unknown field", map[string]string{"p.yaml": strings.Replace(string(good), "ingress:", "ingres:", 1)}, Wrong, "ingres"},
		{"twice", map[string]string{"p.yaml": string(good), "q.yaml": string(good)}, Wrong, "there twice"},
		{"no namespace", map[string]string{"p.yaml": strings.Replace(string(good), "namespace: app-stack", "labels: {}", 1)}, Wrong, "without a name or a namespace"},
		{"unknown namespace", map[string]string{"p.yaml": strings.Replace(string(good), "namespace: app-stack", "namespace: app-stuck", 1)}, Wrong, "does not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				name = filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			o := judge(t, c, dir, false)
			if all := strings.Join(o.Reasons, "\n"); o.Verdict != tt.want || !strings.Contains(all, tt.reason) {
				t.Errorf("%s, %q; want %s, %q", o.Verdict, all, tt.want, tt.reason)
			}
		})
	}
}

func TestWriteProject(t *testing.T) {
	for _, c := range cases(t) {
		dir := t.TempDir()
		if err := c.WriteProject(dir); err != nil {
			t.Fatal(err)
		}
		read := func(name string) []*yaml.Node {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			docs, err := parseDocs(data)
			if err != nil {
				t.Fatalf("%s %s: %v", c.ID, name, err)
			}
			return docs
		}
		set := read("intents/case.yaml")[0]
		var statements []string
		if err := child(child(set, "spec"), "intents").Decode(&statements); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(statements, c.Statements) {
			t.Errorf("%s: statements %q, want %q", c.ID, statements, c.Statements)
		}
		if got := child(child(set, "spec"), "namespace"); (got == nil) != (c.Namespace == "") || scalar(set, "spec", "namespace") != c.Namespace {
			t.Errorf("%s: namespace %q, want %q", c.ID, scalar(set, "spec", "namespace"), c.Namespace)
		}
		kinds := map[string]int{}
		for _, item := range child(read("inventory.yaml")[0], "items").Content {
			kinds[scalar(item, "kind")]++
		}
		if kinds["Node"] != 2 || kinds["ServiceCIDR"] != 1 || kinds["Deployment"] != 1 || kinds["NetworkPolicy"] != len(c.existing) {
			t.Errorf("%s: inventory holds %v", c.ID, kinds)
		}
		for _, f := range c.manifests {
			if got := read("manifests/" + f.name); len(got) != len(f.docs) {
				t.Errorf("%s: %s has %d objects, want %d", c.ID, f.name, len(got), len(f.docs))
			}
		}
	}
}

func TestCasesSayWhatIsMissing(t *testing.T) {
	if _, err := Cases(t.TempDir()); err == nil {
		t.Error("an empty folder gave no error")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "cases"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cases", "a.yaml"), []byte("id: a\nscenario: gone\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Cases(dir); err == nil || !strings.Contains(err.Error(), "cases/a.yaml") {
		t.Errorf("error %v, want one that names cases/a.yaml", err)
	}
}
