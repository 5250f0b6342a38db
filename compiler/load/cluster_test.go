package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

const nodes = `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Node
  metadata: {name: n1}
  spec: {podCIDR: 10.244.0.0/24, podCIDRs: [10.244.0.0/24, "fd00::/64"]}
  status: {addresses: [{type: Hostname, address: n1}, {type: InternalIP, address: 172.18.0.2}]}
- apiVersion: networking.k8s.io/v1
  kind: ServiceCIDR
  metadata: {name: kubernetes}
  spec: {cidrs: [10.96.0.0/16]}
- apiVersion: v1
  kind: Secret
  metadata: {name: s, namespace: x}
  data: {a: "!!!"}
- apiVersion: v1
  kind: Pod
  metadata:
    name: web-1-x
    namespace: shop
    ownerReferences: [{kind: ReplicaSet, name: web-1}]
  spec: {containers: [{name: c, image: x}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: db-0, namespace: shop, labels: {app: db}, ownerReferences: [{kind: Cluster, name: db}]}
  spec: {hostNetwork: true, serviceAccountName: dba, containers: [{name: c, image: x}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: done, namespace: shop}
  spec: {containers: [{name: c, image: x}]}
  status: {phase: Succeeded}
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: theirs, namespace: shop}
  spec:
    podSelector: {}
    ingress:
    - {}
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: ours, namespace: shop, labels: {app.kubernetes.io/managed-by: kubeteus, kubeteus.dev/project: own}}
  spec: {podSelector: {}}
`

// TestOwnPolicies: of the manifests, only what comes from the overlay is kubeteus's
// own, also by way of a kustomization that changes it; labels alone prove nothing.
func TestOwnPolicies(t *testing.T) {
	labelled := "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s, namespace: shop, labels: {app.kubernetes.io/managed-by: kubeteus, kubeteus.dev/project: own}}\nspec: {podSelector: {}}\n"
	fsys := tree(
		"policies/kustomization.yaml", "resources: [shop/db.yaml]\n",
		"policies/shop/db.yaml", fmt.Sprintf(labelled, "db"),
		"deploy/kustomization.yaml", "namePrefix: prod-\nresources: [../policies, extra.yaml]\n",
		"deploy/extra.yaml", fmt.Sprintf(labelled, "extra"),
		"manifests/metrics.yaml", fmt.Sprintf(labelled, "metrics"),
	)
	inv, diags := load(t, fsys, nil)
	var got []string
	for _, p := range inv.Policies {
		got = append(got, p.Name())
	}
	slices.Sort(got)
	if strings.Join(got, " ") != "metrics prod-extra" || diags.HasErrors() {
		t.Errorf("in force are %v\n%s", got, show(diags))
	}
}

func dnsService(namespace, name, selector, target string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: %s, namespace: %s}
spec:
  selector: {%s}
  ports: [{name: dns, port: 53, protocol: UDP, targetPort: %[4]s}, {name: dns-tcp, port: 53, protocol: TCP, targetPort: %[4]s-tcp}, {name: metrics, port: 9153, protocol: TCP}]
`, name, namespace, selector, target)
}

func withInventory(fsys fstest.MapFS) func(*Options) {
	return func(o *Options) { o.Inventory = []Tree{{FS: fsys, Path: "inventory.yaml"}} }
}

func TestKubectlList(t *testing.T) {
	fsys := tree("inventory.yaml", nodes, "web.yaml", deployment("web", "", ""))
	inv, diags := load(t, fsys, withInventory(fsys))
	if got := workloads(inv); got != "shop/db-0 shop/web" {
		t.Errorf("got %s\n%s", got, show(diags))
	}
	db := inv.Workloads[0]
	if !db.HostNetwork || db.ServiceAccount != "dba" || db.Origin.String() != "inventory.yaml:24:3" || inv.Workloads[1].ServiceAccount != "default" {
		t.Errorf("%+v", db)
	}
	facts := fmt.Sprint(inv.Facts.PodCIDRs, inv.Facts.ServiceCIDRs, inv.Facts.NodeCIDRs)
	if facts != "[10.244.0.0/24 fd00::/64] [10.96.0.0/16] [172.18.0.2/32]" {
		t.Errorf("facts %s", facts)
	}
	if len(inv.Policies) != 1 || inv.Policies[0].Name() != "theirs" || inv.Policies[0].Origin.Line == 0 || inv.Policies[0].IngressAt[0].Line == 0 {
		t.Errorf("policies %+v", inv.Policies)
	}
	want(t, diags, diag.InventoryAssumed, diag.Note, "inventory.yaml", "does not show cluster DNS")
}

func TestManifestsCountBeforeTheSnapshot(t *testing.T) {
	fsys := tree("inventory.yaml", deployment("web", "shop", "        env: [{name: OLD, value: x}]\n")+"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n",
		"web.yaml", deployment("web", "", "")+"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {tier: b}}\n")
	inv, _ := load(t, fsys, withInventory(fsys))
	if len(inv.Workloads) != 1 || inv.Workloads[0].Origin.File != "web.yaml" {
		t.Errorf("%+v", inv.Workloads)
	}
	if l := inv.Namespace("shop").Labels; l["team"] != "a" || l["tier"] != "b" {
		t.Errorf("labels %v", l)
	}
}

func TestDNS(t *testing.T) {
	coredns := strings.ReplaceAll(strings.Replace(deployment("coredns", "kube-system", ""), "[{name: http, containerPort: 8080}]",
		"[{name: dns, containerPort: 1053, protocol: UDP}, {name: dns-tcp, containerPort: 1053}]", 1), "app: coredns", "k8s-app: kube-dns")
	for _, test := range []struct{ name, inventory, want string }{
		{"named", coredns + dnsService("kube-system", "kube-dns", "k8s-app: kube-dns", "dns"), "kube-system map[k8s-app:kube-dns] [{dns 1053 UDP} {dns-tcp 1053 TCP}] false"},
		{"no pods", dnsService("kube-system", "coredns", "app: coredns", "dns"), "kube-system map[app:coredns] [{dns 53 UDP} {dns-tcp 53 TCP}] false"},
		{"openshift", dnsService("openshift-dns", "dns-default", "dns: default", "dns"), "openshift-dns map[dns:default] [{dns 5353 UDP} {dns-tcp 5353 TCP}] false"},
		{"workload", coredns, "kube-system map[k8s-app:kube-dns] [{dns 1053 UDP} {dns-tcp 1053 TCP}] false"},
		{"elsewhere", dnsService("shop", "kube-dns", "a: b", "dns"), "kube-system map[k8s-app:kube-dns] [{dns 53 UDP} {dns-tcp 53 TCP}] true"},
		{"snapshot", "apiVersion: kubeteus.dev/v1alpha1\nkind: Inventory\nspec: {dns: {namespace: d, labels: {a: b}, ports: [5353/UDP]}}\n", "d map[a:b] [{ 5353 UDP}] false"},
	} {
		fsys := tree("inventory.yaml", test.inventory)
		inv, _ := load(t, fsys, withInventory(fsys))
		d := inv.Facts.DNS
		if got := fmt.Sprint(d.Namespace, " ", d.Labels, " ", d.Ports, " ", d.Assumed); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestSnapshot(t *testing.T) {
	fsys := tree("inventory.yaml", `apiVersion: kubeteus.dev/v1alpha1
kind: Inventory
spec:
  podCIDRs: [10.244.0.0/16]
  serviceCIDRs: [10.96.0.0/12]
  nodeCIDRs: [192.168.0.0/24]
  objects:
  - apiVersion: apps/v1
    kind: DaemonSet
    metadata: {name: agent, namespace: sys}
    spec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: p, namespace: sys}
    spec:
      podSelector: {}
      ingress:
      - {}
`)
	inv, _ := load(t, fsys, withInventory(fsys))
	if workloads(inv) != "sys/agent" || len(inv.Policies) != 1 || inv.Policies[0].Origin.Line != 12 || inv.Policies[0].IngressAt[0].Line != 18 {
		t.Errorf("%s %+v", workloads(inv), inv.Policies)
	}
	if got := fmt.Sprint(inv.Facts.PodCIDRs, inv.Facts.ServiceCIDRs, inv.Facts.NodeCIDRs); got != "[10.244.0.0/16] [10.96.0.0/12] [192.168.0.0/24]" {
		t.Error(got)
	}
}

func TestBadInventories(t *testing.T) {
	for _, test := range []struct{ data, pos, part string }{
		{"services: {}\n", "inventory.yaml:1:1", "neither a Kubernetes object nor an Inventory"},
		{"a: [", "", "not YAML"},
		{"apiVersion: kubeteus.dev/v1alpha1\nkind: Inventory\nspec: {podCIDR: []}\n", "inventory.yaml:3:17", `unknown key "podCIDR"`},
		{"apiVersion: kubeteus.dev/v9\nkind: Inventory\n", "inventory.yaml:1:13", "unknown version"},
		{"apiVersion: kubeteus.dev/v1alpha1\nkind: Inventory\nspec: {podCIDRs: [10.0.0.0/33]}\n", "inventory.yaml:3:19", "not a CIDR"},
		{deployment("a", "x", "") + "---\n" + deployment("a", "x", ""), "inventory.yaml:17:1", "there twice"},
	} {
		fsys := tree("inventory.yaml", test.data)
		_, diags := load(t, fsys, withInventory(fsys))
		found := slices.ContainsFunc(diags, func(d diag.Diagnostic) bool {
			return d.Severity == diag.Error && (test.pos == "" || d.Pos.String() == test.pos) && strings.Contains(d.Message, test.part)
		})
		if !found {
			t.Errorf("%q: no error at %s with %q in:\n%s", test.data, test.pos, test.part, show(diags))
		}
	}
	_, diags := load(t, tree(), withInventory(tree()))
	want(t, diags, diag.ManifestSyntax, diag.Error, "inventory.yaml", "no such inventory")
}

func TestWorkloadsAndRoutes(t *testing.T) {
	inv, diags := load(t, tree("a.yaml", `
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {metadata: {labels: {app: nightly}}, spec: {
  initContainers: [{name: proxy, image: p, restartPolicy: Always, ports: [{containerPort: 15001}]}, {name: wait, image: w, args: ["$(DB):5432"]}],
  containers: [{name: c, image: c, env: [{name: DB, value: pg}, {name: URL, value: "http://$(DB):80/$$(DB)/$(NONE)"}, {name: KEY, valueFrom: {configMapKeyRef: {name: conf, key: host}}}, {name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}],
    livenessProbe: {httpGet: {host: probe, port: 1}}}],
  volumes: [{configMap: {name: conf, items: [{key: file}]}}]}}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {host: redis, file: "upstream api:80", other: "unused:1"}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front}
spec: {ingressClassName: nginx, defaultBackend: {service: {name: web, port: {name: http}}}, rules: [{http: {paths: [{path: /, backend: {service: {name: api, port: {number: 80}}}}]}}]}
---
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: old}
spec: {rules: [{http: {paths: [{backend: {serviceName: web, servicePort: 8080}}, {backend: {serviceName: web, servicePort: http}}]}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 80, namespace: other}, {kind: Bucket, name: no}]}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks: [{clientConfig: {service: {name: hook, namespace: sys}}}]
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: scrape}
spec:
  selector: {matchLabels: {team: a}, matchExpressions: [{key: tier, operator: NotIn, values: [x]}]}
  namespaceSelector: {matchNames: [other]}
  endpoints: [{port: metrics}, {targetPort: 9}, {targetPort: m}]
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: not-ours}
`), nil)
	if diags.HasErrors() {
		t.Fatal(show(diags))
	}
	w := inv.Workloads[0]
	var texts []string
	for _, m := range w.Mentions {
		texts = append(texts, m.Source+"="+m.Text)
	}
	if got := strings.Join(texts, "|"); got != "arg=$(DB):5432|env DB=pg|env URL=http://pg:80/$(DB)/$(NONE)|env KEY=redis|configmap conf/file=upstream api:80" {
		t.Errorf("mentions %s", got)
	}
	if fmt.Sprint(w.Ports, w.Images, w.Labels) != "[{ 15001 TCP}] [c p] map[app:nightly]" {
		t.Error(w.Ports, w.Images, w.Labels)
	}
	var routes []string
	for _, ing := range inv.Ingresses {
		for _, b := range ing.Backends {
			routes = append(routes, fmt.Sprintf("%s/%s/%s>%s/%s:%d%s", ing.Kind, ing.Name, ing.Class, b.Namespace, b.Service, b.Number, b.PortName))
		}
	}
	if got := strings.Join(routes, " "); got != "Ingress/front/nginx>shop/web:0http Ingress/front/nginx>shop/api:80 Ingress/old/>shop/web:8080 Ingress/old/>shop/web:0http HTTPRoute/route/gw>other/web:80" {
		t.Errorf("routes %s", got)
	}
	if c := inv.Calls[0]; c.Name != "hook" || c.Backend.Namespace != "sys" || c.Backend.Number != 443 {
		t.Errorf("call %+v", c)
	}
	if m := inv.Monitors[0]; m.Namespace != "shop" || m.Selector.String() != "team=a,tier notin (x)" || !m.In("other") || m.In("shop") ||
		fmt.Sprint(m.Ports) != "[{metrics 0 } { 9 } { 0 m}]" {
		t.Errorf("monitor %+v", m)
	}
	if len(inv.Services) != 0 {
		t.Errorf("services %+v", inv.Services)
	}
}

// A tree on disk behind an os.Root: links that leave it, pipes.
func TestLinksAndPipes(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write := func(p, data string) {
		if err := os.WriteFile(p, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "secret.yaml"), deployment("secret", "", ""))
	write(filepath.Join(dir, "web.yaml"), deployment("web", "", ""))
	for link, to := range map[string]string{"inside.yaml": "web.yaml", "elsewhere": outside} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	inv, diags := load(t, root.FS(), nil)
	if workloads(inv) != "shop/web" {
		t.Error(workloads(inv), show(diags))
	}
	want(t, diags, diag.ManifestSkipped, diag.Note, "elsewhere", "out of the tree or nowhere")

	if err := os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "out.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, diags = load(t, root.FS(), nil)
	want(t, diags, diag.ManifestLimit, diag.Error, "out.yaml", "leads out of the tree")
	want(t, diags, diag.ManifestLimit, diag.Error, "pipe.yaml", "a named pipe")

	write(filepath.Join(dir, "kustomization.yaml"), "resources: [out.yaml]\n")
	_, diags = load(t, root.FS(), func(o *Options) { o.Manifests = []Tree{{FS: root.FS(), Path: "."}} })
	want(t, diags, diag.ManifestBuild, diag.Error, "kustomization.yaml:1:13", "out.yaml")
}

func TestSecondLoadIsTheSame(t *testing.T) {
	fsys := environments()
	var first string
	for i := range 3 {
		inv, diags, err := Inventory(context.Background(), Options{Project: Tree{FS: fsys}, Namespace: "shop", Manifests: []Tree{{FS: fsys, Path: "overlays/dev"}, {FS: fsys, Path: "other"}}})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString(show(diags))
		for _, w := range inv.Workloads {
			fmt.Fprintf(&b, "%+v\n", *w)
		}
		if i > 0 && b.String() != first {
			t.Fatalf("run %d differs:\n%s\n%s", i, first, b.String())
		}
		first = b.String()
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(nodes))
	f.Add([]byte(deployment("a", "", "        env: [{name: A, value: $(A)}]\n")))
	f.Add([]byte(dnsService("kube-system", "kube-dns", "a: b", "dns")))
	f.Add([]byte("apiVersion: v1\nkind: &a Service\nmetadata: {<<: {name: x}, labels: *a}\n"))
	f.Add([]byte("apiVersion: kubeteus.dev/v1alpha1\nkind: Inventory\nspec: {objects: [{apiVersion: v1, kind: List, items: 7}]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, snapshot := range []bool{false, true} {
			one, err := readFile(Tree{FS: fstest.MapFS{"f.yaml": {Data: data}}}, "f.yaml", snapshot)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range one.diags {
				if d.Pos.File != "f.yaml" {
					t.Errorf("no file in %+v", d)
				}
			}
			for _, o := range one.objects {
				if o.name == "" {
					t.Errorf("object without a name: %+v", o)
				}
				if w, ok := o.value.(*inventory.Workload); ok && slices.ContainsFunc(w.Ports, func(p inventory.Port) bool { return p.Number < 1 || p.Number > 65535 }) {
					t.Errorf("ports %v", w.Ports)
				}
			}
		}
	})
}

func TestMergeKeys(t *testing.T) {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte("base: &b {a: '1', b: '2'}\nv: {<<: [*b, {c: '3', a: '9'}], b: own}\n"), &n); err != nil {
		t.Fatal(err)
	}
	v := (&decoder{}).view(&n).get("v")
	if got := fmt.Sprint(v.strings()); got != "map[a:1 b:own c:3]" || v.get("a").text() != "1" || v.get("b").text() != "own" {
		t.Errorf("got %s", got)
	}
}
