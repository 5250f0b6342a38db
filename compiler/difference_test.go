package compiler_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// stall is a small project: web calls api, api calls db, and a job roams about.
var stall = `
-- intents/stall.yaml --
apiVersion: kubeteus.dev/v1alpha1
kind: IntentSet
metadata: {name: stall}
spec:
  namespace: stall
  intents:
  - Only api may reach db on port 5432.
  - name: front
    statement: web may reach api.
  expect:
  - {from: job, to: db, port: 5432, verdict: deny}
-- manifests/apps.yaml --
` + workloads

var workloads = app("web", 80) + app("api", 8080) + app("db", 5432) + app("job", 9000)

func app(name string, port int) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: stall}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: c, image: c, ports: [{containerPort: %[2]d}]}]}
`, name, port)
}

// lay writes an archive over a folder; a file that holds nothing is removed.
func lay(t *testing.T, dir, archive string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if len(f.Data) == 0 {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// compiled writes an archive to a new folder, and what it compiles to.
func compiled(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	lay(t, dir, archive)
	if r := compileDir(t, dir); !r.Clean {
		t.Fatalf("the base is rejected: %v", r.Diags)
	}
	return dir
}

// differ changes a copy of a base and compares.
func differ(t *testing.T, base string, change func(head string)) *report.Difference {
	t.Helper()
	head := t.TempDir()
	if err := os.CopyFS(head, os.DirFS(base)); err != nil {
		t.Fatal(err)
	}
	change(head)
	d, _, err := compiler.Difference(context.Background(), compiler.Options{Project: os.DirFS(head)}, compiler.Options{Project: os.DirFS(base)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func edit(t *testing.T, dir, name string, pairs ...string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(pairs...).Replace(string(data))
	if text == string(data) {
		t.Fatalf("nothing to edit in %s", name)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// brief is what a difference says, a line each.
func brief(d *report.Difference) string {
	var b strings.Builder
	fmt.Fprintln(&b, d.Verdict)
	for _, i := range d.Intents {
		fmt.Fprintf(&b, "%s %s/%s same=%t %s\n", i.Kind, i.Set, i.Name, i.SameReading, strings.Join(i.Settings, "; "))
	}
	for _, p := range d.Policies {
		fmt.Fprintf(&b, "policy %s %s %v\n", p.Change, p.Path, p.Intents)
	}
	if r := d.Reachability; r != nil {
		for _, list := range []struct {
			name  string
			flows []report.FlowChange
		}{{"gained", r.Gained}, {"lost", r.Lost}, {"arrived", r.Arrived}, {"departed", r.Departed}} {
			for _, f := range list.flows {
				fmt.Fprintf(&b, "%s %s -> %s %s: %s %v %v\n", list.name, strings.Join(f.From, ","), strings.Join(f.To, ","), f.Ports, f.Why, f.Intents, f.Policies)
			}
		}
	}
	for _, c := range d.Cut {
		fmt.Fprintf(&b, "cut %s -> %s %s listed=%t %v\n", c.From, c.To, c.Ports, c.Listed, c.Intents)
	}
	for _, a := range d.Also {
		fmt.Fprintln(&b, "also", a)
	}
	for _, f := range d.OnDisk {
		fmt.Fprintln(&b, "on disk", f)
	}
	for _, n := range d.Notes {
		fmt.Fprintln(&b, "note", n)
	}
	return b.String()
}

// TestDifferenceOfNothing: a head that is rejected before its manifests are read has
// no inventory, and one at whose base there is no project has nothing there either.
func TestDifferenceOfNothing(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, stall)
	edit(t, dir, "intents/stall.yaml", "spec:", "spec: [")
	for name, base := range map[string]compiler.Options{"no base": {}, "an empty base": {Project: os.DirFS(t.TempDir())}} {
		d, _, err := compiler.Difference(context.Background(), compiler.Options{Project: os.DirFS(dir)}, base)
		if err != nil || d.Verdict != report.Rejected || !d.New {
			t.Errorf("%s: %+v, %v: should be rejected, and new", name, d, err)
		}
	}
}

// TestDifferenceUnlisted: a policy that lies in the base's overlay, and that its
// kustomization does not list, was never synced. What it would let pass is gained.
func TestDifferenceUnlisted(t *testing.T) {
	base := compiled(t, stall)
	lay(t, base, "-- policies/stall/stray.yaml --\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: stray, namespace: stall}\nspec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{}]}\n")
	d := differ(t, base, func(head string) {
		edit(t, head, "intents/stall.yaml", "Only api may reach db", "Only api and job may reach db", "verdict: deny", "verdict: allow")
	})
	if got := brief(d); !strings.Contains(got, "gained stall/job -> stall/db TCP 5432") {
		t.Errorf("the stray policy hides what is gained:\n%s", got)
	}
}

// TestDifferencePretended: the labels that kubeteus writes make nobody's policy one
// of the overlay. It is in force beside that.
func TestDifferencePretended(t *testing.T) {
	base := compiled(t, stall)
	d := differ(t, base, func(head string) {
		lay(t, head, "-- manifests/metrics.yaml --\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: metrics\n  namespace: stall\n  labels: {app.kubernetes.io/managed-by: kubeteus, kubeteus.dev/project: stall}\nspec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{}]}\n")
	})
	if d.Verdict != report.Rejected {
		t.Errorf("a policy that lets everybody reach db:\n%s", brief(d))
	}
}

func TestDifference(t *testing.T) {
	base := compiled(t, stall)
	tests := []struct {
		name   string
		change func(t *testing.T, head string)
		want   string
	}{
		{"nothing", func(*testing.T, string) {}, "pass\n"},
		{"reworded, and it means the same", func(t *testing.T, head string) {
			edit(t, head, "intents/stall.yaml", "web may reach api.", "Let web call api.")
		}, `stale
reworded stall/front same=true 
policy changed stall/api.yaml [stall/front]
`},
		{"one without a name, reworded", func(t *testing.T, head string) {
			edit(t, head, "intents/stall.yaml", "Only api may reach db on port 5432.", "Only api and job may reach db on port 5432.", "verdict: deny", "verdict: allow")
		}, `stale
reworded stall/only-api-and-job-may-reach-db-on-port-cd2f5bd7 same=false 
policy changed stall/db.yaml [stall/only-api-and-job-may-reach-db-on-port-cd2f5bd7]
gained stall/job -> stall/db TCP 5432: allowed by stall/only-api-and-job-may-reach-db-on-port-cd2f5bd7 [stall/only-api-and-job-may-reach-db-on-port-cd2f5bd7] [stall/db.yaml]
also an expectation was removed: stall: job -> db:5432: deny
`},
		{"removed", func(t *testing.T, head string) {
			edit(t, head, "intents/stall.yaml", "  - name: front\n    statement: web may reach api.\n", "")
		}, `stale
removed stall/front same=false 
policy removed stall/api.yaml [stall/front]
gained outside -> stall/api TCP 8080 and every other: nothing closes what comes in any more: it was closed by stall/front [stall/front] [stall/api.yaml]
gained stall/api,stall/db,stall/job -> stall/api TCP 8080 and every other: nothing closes what comes in any more: it was closed by stall/front [stall/front] [stall/api.yaml]
`},
		{"added", func(t *testing.T, head string) {
			edit(t, head, "intents/stall.yaml", "  expect:", "  - {name: quiet, statement: Only job may reach web.}\n  expect:")
		}, `stale
added stall/quiet same=false 
policy added stall/web.yaml [stall/quiet]
lost outside -> stall/web TCP 80: closed by stall/quiet [stall/quiet] [stall/web.yaml]
lost stall/api,stall/db,stall/web -> stall/web TCP 80: closed by stall/quiet [stall/quiet] [stall/web.yaml]
`},
		{"settings", func(t *testing.T, head string) {
			edit(t, head, "intents/stall.yaml", "namespace: stall", "namespace: stall\n  isolation: explicit")
		}, `stale
settings stall/only-api-may-reach-db-on-port-5432-6c33d942 same=true isolation: explicit, was implied
settings stall/front same=true isolation: explicit, was implied
policy removed stall/api.yaml [stall/front]
gained outside -> stall/api TCP 8080 and every other: nothing closes what comes in any more: it was closed by stall/front [stall/front] [stall/api.yaml]
gained stall/api,stall/db,stall/job -> stall/api TCP 8080 and every other: nothing closes what comes in any more: it was closed by stall/front [stall/front] [stall/api.yaml]
`},
		{"the lock alone", func(t *testing.T, head string) {
			edit(t, head, "intents/kubeteus.lock", `"name":"web"`, `"name":"job"`, "name: web", "name: job")
		}, `rejected
relocked stall/front same=false 
`},
		{"a label that policies select by", func(t *testing.T, head string) {
			edit(t, head, "manifests/apps.yaml", "app: db", "app: database")
		}, `stale
policy changed stall/db.yaml [stall/only-api-may-reach-db-on-port-5432-6c33d942]
on disk outside -> stall/db on TCP 5432 passes on disk, and should be blocked: closed by stall/only-api-may-reach-db-on-port-5432-6c33d942
on disk stall/api -> stall/db on every other port passes on disk, and should be blocked: closed by stall/only-api-may-reach-db-on-port-5432-6c33d942
on disk stall/db, stall/job, stall/web -> stall/db on TCP 5432 passes on disk, and should be blocked: closed by stall/only-api-may-reach-db-on-port-5432-6c33d942
`},
		{"a workload that comes, and one that goes", func(t *testing.T, head string) {
			edit(t, head, "manifests/apps.yaml", app("job", 9000), app("bot", 9000))
			edit(t, head, "intents/stall.yaml", "{from: job,", "{from: bot,")
		}, `pass
arrived outside -> stall/bot TCP 9000 and every other: stall/bot is new, and nothing closes either end [] []
arrived stall/bot -> outside TCP 443 and every other: stall/bot is new, and nothing closes either end [] []
arrived stall/api,stall/bot,stall/db,stall/web -> stall/bot TCP 9000 and every other: stall/bot is new, and nothing closes either end [] []
arrived stall/bot -> stall/web TCP 80 and every other: stall/bot is new, and nothing closes either end [] []
departed outside -> stall/job TCP 9000: stall/job is gone [] []
departed stall/job -> outside TCP 443: stall/job is gone [] []
departed stall/api,stall/db,stall/job,stall/web -> stall/job TCP 9000: stall/job is gone [] []
departed stall/job -> stall/web TCP 80: stall/job is gone [] []
also an expectation was removed: stall: job -> db:5432: deny
`},
		{"a connection that is declared, and cut", func(t *testing.T, head string) {
			edit(t, head, "manifests/apps.yaml", "ports: [{containerPort: 9000}]", "ports: [{containerPort: 9000}], env: [{name: WEB, value: 'http://web:80'}]")
			lay(t, head, "-- manifests/svc.yaml --\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: stall}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n")
			edit(t, head, "intents/stall.yaml", "  expect:", "  - {name: quiet, statement: Only api may reach web.}\n  expect:")
		}, `stale
added stall/quiet same=false 
policy added stall/web.yaml [stall/quiet]
lost outside -> stall/web TCP 80: closed by stall/quiet [stall/quiet] [stall/web.yaml]
lost stall/db,stall/job,stall/web -> stall/web TCP 80: closed by stall/quiet [stall/quiet] [stall/web.yaml]
cut stall/job -> stall/web TCP 80 listed=false [stall/quiet]
`},
		{"settings and guardrails", func(t *testing.T, head string) {
			lay(t, head, "-- kubeteus.yaml --\napiVersion: kubeteus.dev/v1alpha1\nkind: Project\nmodel: {name: m}\n-- guardrails/a.rego --\npackage kubeteus.guardrails\n\nimport rego.v1\n\ndeny contains \"never\" if false\n")
		}, `pass
also kubeteus.yaml: model differs
also a guardrail was added: guardrails/a.rego
`},
		{"a policy that is not read", func(t *testing.T, head string) {
			lay(t, head, "-- manifests/cilium.yaml --\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: open, namespace: stall}\nspec: {endpointSelector: {}, ingress: [{fromEntities: [all]}]}\n")
		}, `pass
also a policy that is not read was added: cilium.io/v2 CiliumNetworkPolicy stall/open
`},
		{"the host network", func(t *testing.T, head string) {
			edit(t, head, "manifests/apps.yaml", "spec: {containers: [{name: c, image: c, ports: [{containerPort: 9000}]}]}", "spec: {hostNetwork: true, containers: [{name: c, image: c, ports: [{containerPort: 9000}]}]}")
			edit(t, head, "intents/stall.yaml", "  expect:\n  - {from: job, to: db, port: 5432, verdict: deny}\n", "")
		}, `pass
departed outside -> stall/job TCP 9000: stall/job is gone [] []
departed stall/job -> outside TCP 443: stall/job is gone [] []
departed stall/api,stall/db,stall/job,stall/web -> stall/job TCP 9000: stall/job is gone [] []
departed stall/job -> stall/web TCP 80: stall/job is gone [] []
also an expectation was removed: stall: job -> db:5432: deny
also stall/job moved to the host network, where no policy closes it
`},
		{"rejected", func(t *testing.T, head string) {
			edit(t, head, "intents/stall.yaml", "web may reach api.", "wbe may reach api.")
		}, "rejected\nreworded stall/front same=false \n"},
		{"rejected before anything is read", func(t *testing.T, head string) {
			edit(t, head, "manifests/apps.yaml", "containerPort: 5432", "containerPort: 543200")
		}, "rejected\n"},
		{"a file that does not parse", func(t *testing.T, head string) {
			edit(t, head, "intents/stall.yaml", "kind: IntentSet", "kind: IntentSet: IntentSet")
		}, "rejected\n"},
		{"no file that parses, and no lock", func(t *testing.T, head string) {
			edit(t, head, "intents/stall.yaml", "kind: IntentSet", "kind: IntentSet: IntentSet")
			lay(t, head, "-- intents/kubeteus.lock --\n")
		}, "rejected\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := differ(t, base, func(head string) { tt.change(t, head) })
			if d.Project != "stall" {
				t.Errorf("the project is called %q", d.Project)
			}
			got := brief(d)
			if got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}
