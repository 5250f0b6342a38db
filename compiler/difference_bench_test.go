package compiler_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler"
)

// large writes a project of 40 namespaces with 50 workloads each, and 500 intents
// about them.
func large(tb testing.TB, dir string) {
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	for ns := range 40 {
		var apps, set strings.Builder
		fmt.Fprintf(&set, "apiVersion: kubeteus.dev/v1alpha1\nkind: IntentSet\nmetadata: {name: team-%02d}\nspec:\n  namespace: team-%02d\n  intents:\n", ns, ns)
		for i := range 50 {
			name := fmt.Sprintf("svc-%02d", i)
			apps.WriteString(strings.ReplaceAll(app(name, 8000+i), "namespace: stall", fmt.Sprintf("namespace: team-%02d", ns)))
			fmt.Fprintf(&apps, "---\napiVersion: v1\nkind: Service\nmetadata: {name: %[1]s, namespace: team-%02[2]d}\nspec: {selector: {app: %[1]s}, ports: [{port: 80, targetPort: %[3]d}]}\n", name, ns, 8000+i)
		}
		for i := range 13 {
			if ns%2 == 1 && i == 12 {
				break
			}
			fmt.Fprintf(&set, "  - {name: only-%02d, statement: Only svc-%02d and svc-%02d may reach svc-%02d.}\n", i, 13+i, 26+i, i)
		}
		write(fmt.Sprintf("manifests/team-%02d.yaml", ns), apps.String())
		write(fmt.Sprintf("intents/team-%02d.yaml", ns), set.String())
	}
}

// BenchmarkDifference compares states of a repository of 500 intents and 2,000
// workloads: with 20 statements changed, and with a base that has none.
func BenchmarkDifference(b *testing.B) {
	dir := b.TempDir()
	large(b, dir)
	r := compileDir(b, dir)
	if !r.Clean {
		b.Fatal(r.Diags)
	}
	base := b.TempDir()
	if err := os.CopyFS(base, os.DirFS(dir)); err != nil {
		b.Fatal(err)
	}
	for ns := range 20 {
		file := filepath.Join(dir, fmt.Sprintf("intents/team-%02d.yaml", ns))
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(data), "Only svc-13 and svc-26 may", "Only svc-13 and svc-30 may", 1)), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	compileDir(b, dir)
	for name, o := range map[string]compiler.Options{"changed": {Project: os.DirFS(base)}, "new": {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				d, _, err := compiler.Difference(context.Background(), compiler.Options{Project: os.DirFS(dir)}, o)
				if err != nil || d.Reachability == nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(d.Reachability.Pairs.Gained+d.Reachability.Pairs.Lost), "pairs")
			}
		})
	}
}
