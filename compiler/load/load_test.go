package load

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// tree makes a file system of path, content pairs.
func tree(pairs ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return out
}

func deployment(name, namespace, extra string) string {
	if namespace != "" {
		namespace = "\n  namespace: " + namespace
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s%[2]s
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      containers:
      - name: main
        image: example.org/%[1]s:1
        ports: [{name: http, containerPort: 8080}]
%[3]s`, name, namespace, extra)
}

func load(t *testing.T, fsys fs.FS, change func(*Options)) (*inventory.Inventory, diag.List) {
	t.Helper()
	o := Options{Project: Tree{FS: fsys, Path: "."}, Skip: []string{"intents", "policies"}, Namespace: "shop", Own: "own"}
	if change != nil {
		change(&o)
	}
	inv, diags, err := Inventory(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if (inv == nil) != diags.HasErrors() {
		t.Fatalf("inventory %v with %v", inv, show(diags))
	}
	return inv, diags
}

func show(diags diag.List) string {
	var out []string
	for _, d := range diags {
		out = append(out, fmt.Sprintf("%s: %s: %s [%s]", d.Pos, d.Severity, d.Message, d.ID))
	}
	return strings.Join(out, "\n")
}

func workloads(inv *inventory.Inventory) string {
	var out []string
	for _, w := range inv.Workloads {
		out = append(out, w.Ref())
	}
	return strings.Join(out, " ")
}

// want demands a diagnostic and returns it.
func want(t *testing.T, diags diag.List, id diag.ID, severity diag.Severity, pos, part string) diag.Diagnostic {
	t.Helper()
	for _, d := range diags {
		if d.ID == id && d.Severity == severity && d.Pos.String() == pos && strings.Contains(d.Message, part) {
			return d
		}
	}
	t.Fatalf("no %s %s at %s with %q in:\n%s", id, severity, pos, part, show(diags))
	return diag.Diagnostic{}
}

func environments() fstest.MapFS {
	overlay := "resources: [../../base]\nimages: [{name: example.org/cart, newTag: \"%s\"}]\npatches:\n- path: patch.yaml\n"
	patch := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart}\nspec: {replicas: 3}\n"
	return tree(
		"base/kustomization.yaml", "resources:\n- cart.yaml\n- service.yaml\n",
		"base/cart.yaml", "# the cart\n---\n"+deployment("cart", "", "        env: [{name: REDIS_ADDR, value: \"redis:6379\"}]\n"),
		"base/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: cart}\nspec: {selector: {app: cart}, ports: [{port: 80, targetPort: http}]}\n",
		"overlays/dev/kustomization.yaml", fmt.Sprintf(overlay, "dev"), "overlays/dev/patch.yaml", patch,
		"overlays/stage/kustomization.yaml", fmt.Sprintf(overlay, "stage"), "overlays/stage/patch.yaml", patch,
		"overlays/prod/kustomization.yaml", fmt.Sprintf(overlay, "prod"), "overlays/prod/patch.yaml", patch,
		"other/web.yaml", deployment("web", "", ""),
	)
}

func TestEnvironmentsAreOneQuestion(t *testing.T) {
	_, diags := load(t, environments(), nil)
	d := want(t, diags, diag.ManifestTwice, diag.Error, "base/cart.yaml:3:1", "overlays/dev, overlays/prod, overlays/stage")
	if n := strings.Count(show(diags), string(diag.ManifestTwice)); n != 1 {
		t.Errorf("asked %d times", n)
	}
	hints := strings.Join(d.Hints, "\n")
	for _, part := range []string{"--manifests overlays/dev  or  --manifests overlays/prod", "manifests: [overlays/dev, other]", "kind: Project"} {
		if !strings.Contains(hints, part) {
			t.Errorf("no %q in hints:\n%s", part, hints)
		}
	}
}

func TestExplicitKustomization(t *testing.T) {
	fsys := environments()
	inv, diags := load(t, fsys, func(o *Options) { o.Manifests = []Tree{{FS: fsys, Path: "overlays/prod"}, {FS: fsys, Path: "other"}} })
	if got := workloads(inv); got != "shop/cart shop/web" || diags.HasErrors() {
		t.Fatalf("got %s\n%s", got, show(diags))
	}
	w := inv.Workloads[0]
	if w.Replicas != 3 || w.Images[0] != "example.org/cart:prod" {
		t.Errorf("the overlay is not applied: %+v", w)
	}
	if got := w.Origin.String(); got != "base/cart.yaml:3:1" {
		t.Errorf("origin %s", got)
	}
	if m := w.Mentions[0]; m.Text != "redis:6379" || m.Origin.String() != "base/cart.yaml:17:41" {
		t.Errorf("mention %+v", m)
	}
	if got := inv.Services[0].Origin.String(); got != "base/service.yaml:1:1" {
		t.Errorf("service origin %s", got)
	}
}

func TestEnvironmentsInNamespacesOfTheirOwn(t *testing.T) {
	fsys := environments()
	for _, env := range []string{"dev", "stage", "prod"} {
		f := fsys["overlays/"+env+"/kustomization.yaml"]
		f.Data = append(f.Data, "namespace: "+env+"\nnamePrefix: my-\n"...)
	}
	inv, _ := load(t, fsys, nil)
	if got := workloads(inv); got != "dev/my-cart prod/my-cart shop/web stage/my-cart" {
		t.Errorf("got %s", got)
	}
	if got := inv.Workloads[0].Origin.String(); got != "base/cart.yaml:3:1" {
		t.Errorf("origin %s", got)
	}
}

func TestChartComposeAndOthersAreSkipped(t *testing.T) {
	inv, diags := load(t, tree(
		"chart/Chart.yaml", "apiVersion: v2\nname: x\n", "chart/values.yaml", "a: 1\n", "chart/templates/d.yaml", "apiVersion: {{ .x }}\nkind: [",
		"k8s/web.yaml", deployment("web", "", ""), "docker-compose.yml", "services: {}\n", "compose.override.yaml", "services: {}\n",
		"cloudbuild.yaml", "steps: []\n", "values-prod.yaml", "a: 1\n", "mkdocs.yml", "site_name: x\n",
		"tpl.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ name }}\n{% if x %}\n", "named.yaml", deployment(`"{{ name }}"`, "", ""),
		"crd.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.org}\nspec: {group: example.org, versions: [{name: v1, served: true}, {name: v0, served: false}]}\n",
		"thing.yaml", "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: a}\nspec: {}\n",
		"rollout.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec: {template: {spec: {containers: [{image: x}]}}}\n",
		".github/workflows/ci.yml", "broken: [", "testdata/x.yaml", "apiVersion: [", "node_modules/x.yaml", "kind: [", "intents/a.yaml", "broken: [", "policies/a.yaml", "broken: [",
		"nested/intents/x.yaml", "a: b", "nested/k8s/x.yaml", deployment("nested", "", ""), "package.json", `{"kind": "x"`, "empty.yaml", "# nothing\n",
	), nil)
	if got := workloads(inv); got != "shop/web" {
		t.Errorf("got %s", got)
	}
	if !slices.Equal(inv.Facts.APIGroups, []string{"example.org/v1"}) {
		t.Errorf("groups %v", inv.Facts.APIGroups)
	}
	for pos, part := range map[string]string{
		"chart/Chart.yaml": "(Helm chart): chart", "compose.override.yaml": "(compose file): compose.override.yaml and 1 more", "cloudbuild.yaml": "(CI file): cloudbuild.yaml",
		"values-prod.yaml": "(values file)", "mkdocs.yml": "(other YAML): mkdocs.yml", "named.yaml": "(template): named.yaml and 1 more", "nested/intents": "(project of its own): nested",
		"rollout.yaml:1:1": "runs pods): Rollout r",
	} {
		want(t, diags, diag.ManifestSkipped, diag.Note, pos, part)
	}
	want(t, diags, diag.InventoryAssumed, diag.Note, "", "k8s-app=kube-dns")
	if !inv.Facts.DNS.Assumed || inv.Namespace("kube-system") == nil || inv.Namespace("default") == nil {
		t.Errorf("facts %+v", inv.Facts)
	}
}

func TestNamespaces(t *testing.T) {
	fsys := tree("a.yaml", deployment("a", "", "")+"---\n"+deployment("b", "", ""), "c.yaml", deployment("c", "", ""))
	_, diags := load(t, fsys, func(o *Options) { o.Namespace = "" })
	want(t, diags, diag.ManifestNamespace, diag.Error, "a.yaml:1:1", `Deployment "a"`)
	want(t, diags, diag.ManifestNamespace, diag.Error, "c.yaml:1:1", `Deployment "c"`)
	if n := strings.Count(show(diags), string(diag.ManifestNamespace)); n != 2 {
		t.Errorf("%d errors, want one per file", n)
	}
}

func TestKustomizeRefusals(t *testing.T) {
	for _, test := range []struct{ name, body, pos, part string }{
		{"remote", "resources:\n- https://example.org/x.yaml\n", ":2:3", "is remote"},
		{"git", "resources:\n- github.com/org/repo//base?ref=v1\n", ":2:3", "is remote"},
		{"ssh", "bases: [git@example.org:a/b]\n", ":1:9", "is remote"},
		{"missing", "resources: [nothing.yaml]\n", ":1:13", "is not there"},
		{"outside", "resources: [../../up]\n", ":1:13", "leads out of the project"},
		{"patch", "patches: [{path: 'https://example.org/p.yaml'}]\n", ":1:18", "is remote"},
		{"map", "configMapGenerator: [{name: a, files: [x=http://example.org/a]}]\n", ":1:40", "is remote"},
		{"generator", "generators:\n- |\n  apiVersion: builtin\n  kind: ResourceGenerator\n  path: https://x\n", ":2:3", "names a URL"},
		{"syntax", "resources: [\n", "", ""},
		{"unknown", "resources: [ok.yaml]\nnonsense: true\n", ":1:1", "does not build"},
		{"exec", "resources: [ok.yaml]\ngenerators: [plugin.yaml]\n", ":1:1", "does not build"},
	} {
		fsys := tree("k/kustomization.yaml", test.body, "k/ok.yaml", deployment("ok", "", ""),
			"k/plugin.yaml", "apiVersion: example.org/v1\nkind: Evil\nmetadata: {name: x, annotations: {config.kubernetes.io/function: 'exec: {path: /bin/true}'}}\n")
		_, diags := load(t, fsys, nil)
		if test.name == "syntax" {
			if !diags.HasErrors() || !strings.Contains(show(diags), "k/kustomization.yaml") {
				t.Errorf("%s: %s", test.name, show(diags))
			}
			continue
		}
		want(t, diags, diag.ManifestBuild, diag.Error, "k/kustomization.yaml"+test.pos, test.part)
	}
}

func TestKustomizeLeavesOutSecretsChartsAndTheOverlay(t *testing.T) {
	fsys := tree(
		"kustomization.yaml", `resources: [app.yaml, policies]
secretGenerator: [{name: s, envs: [secret.env]}]
helmCharts: [{name: c, repo: "https://example.org"}]
configMapGenerator: [{name: conf, literals: ["REDIS_HOST=redis"]}]
commonLabels: {team: a}
patchesStrategicMerge: [patch.yaml]
`,
		"app.yaml", deployment("app", "", "        envFrom: [{configMapRef: {name: conf}}, {secretRef: {name: s}}]\n"),
		"patch.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec: {replicas: 2}\n",
		"component/kustomization.yaml", "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\npatches: [{path: p.yaml}]\n",
		"component/p.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\n",
	)
	inv, diags := load(t, fsys, nil)
	if diags.HasErrors() {
		t.Fatal(show(diags))
	}
	w := inv.Workloads[0]
	if len(inv.Workloads) != 1 || w.Replicas != 2 || w.Labels["team"] != "a" || w.Labels["app"] != "app" {
		t.Errorf("%+v", w)
	}
	if len(w.Mentions) != 1 || w.Mentions[0].Text != "redis" || !strings.HasPrefix(w.Mentions[0].Source, "configmap conf-") || w.Mentions[0].Origin.File != "kustomization.yaml" {
		t.Errorf("%+v", w.Mentions)
	}
	want(t, diags, diag.ManifestSkipped, diag.Note, "kustomization.yaml", "Helm chart of a kustomization): .")
	want(t, diags, diag.ManifestSkipped, diag.Note, "component/kustomization.yaml", "component that nothing uses): component")
}

func TestKustomizationsInACircle(t *testing.T) {
	_, diags := load(t, tree("a/kustomization.yaml", "resources: [../b]\n", "b/kustomization.yaml", "resources: [../a]\n"), nil)
	want(t, diags, diag.ManifestBuild, diag.Error, "a/kustomization.yaml:1:1", "uses itself")
}

func TestBadFiles(t *testing.T) {
	bomb := "apiVersion: v1\nkind: ConfigMap\nx0: &x0 [a, a, a, a, a, a, a, a, a, a]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", "))
	}
	for _, test := range []struct {
		name, data, pos, part string
		id                    diag.ID
	}{
		{"malformed", "apiVersion: v1\nkind: Service\nmetadata: {name: a\nspec: [}\n", "", "not YAML", diag.ManifestSyntax},
		{"binary", "kind\x00apiVersion", "f.yaml:1:5", "not a text file", diag.ManifestSyntax},
		{"elf", "\x7fELF\x02\x01\x00", "f.yaml:1:7", "not a text file", diag.ManifestSyntax},
		{"large", "apiVersion: v1\nkind: ConfigMap\n" + strings.Repeat("# filler\n", 50<<20/9), "f.yaml", "larger than 10 MiB", diag.ManifestLimit},
		{"bomb", bomb, "f.yaml:1:1", "aliases", diag.ManifestLimit},
		{"self", "apiVersion: v1\nkind: Service\nmetadata: &a {name: b, x: *a}\n", "f.yaml:1:1", "aliases", diag.ManifestLimit},
		{"port", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 70000}]}\n", "f.yaml:4:23", "1 to 65535", diag.ManifestInvalid},
		{"label", deployment("a", "", "") + "---\n" + strings.Replace(deployment("b", "", ""), "{app: b}", "{app: 'no no'}", 2), "f.yaml:24:21", "label app", diag.ManifestInvalid},
		{"number", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {v: 1.0}}\n", "f.yaml:3:33", "quote it", diag.ManifestInvalid},
		{"selector", strings.Replace(deployment("a", "", ""), "matchLabels: {app: a}", "matchLabels: {app: z}", 1), "f.yaml:6:33", "does not match", diag.ManifestInvalid},
		{"twice", deployment("a", "", "") + "---\n" + deployment("a", "", ""), "f.yaml:16:1", "twice", diag.ManifestInvalid},
		{"name", "apiVersion: v1\nkind: Service\nmetadata: {}\n", "f.yaml:1:1", "no metadata.name", diag.ManifestInvalid},
		{"policy", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelectr: {}}\n", "", "podSelectr", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, diags := load(t, tree("f.yaml", test.data, "ok.yaml", deployment("ok", "", "")), nil)
			if test.pos != "" {
				want(t, diags, test.id, diag.Error, test.pos, test.part)
			} else if !diags.HasErrors() || !strings.Contains(show(diags), test.part) || diags[0].Pos.Line == 0 && diags[1].Pos.Line == 0 {
				t.Error(show(diags))
			}
		})
	}
}

func TestManyFiles(t *testing.T) {
	fsys := fstest.MapFS{}
	for i := range 10_000 {
		fsys[fmt.Sprintf("d%02d/f%05d.yaml", i%100, i)] = &fstest.MapFile{Data: []byte(deployment(fmt.Sprintf("w%05d", i), "", ""))}
	}
	began := time.Now()
	inv, _ := load(t, fsys, nil)
	if took := time.Since(began); len(inv.Workloads) != 10_000 || took > 20*time.Second {
		t.Errorf("%d workloads in %v", len(inv.Workloads), took)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Inventory(ctx, Options{Project: Tree{FS: environments()}}); err == nil {
		t.Error("a cancelled load succeeded")
	}
}
