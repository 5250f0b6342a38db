package load

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// TestForeignWarnings: a policy that is not read is warned of once, wherever it is
// shown, and only so many are named.
func TestForeignWarnings(t *testing.T) {
	cilium := func(name, spec string) string {
		return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + name + ", namespace: shop, resourceVersion: \"7\"}\n" + spec
	}
	fsys := fstest.MapFS{}
	put := func(name, text string) { fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644} }
	put("a.yaml", cilium("a", "spec: {endpointSelector: {}, ingress: [{}]}\n"))
	put("snapshot.yaml", "apiVersion: kubeteus.dev/v1alpha1\nkind: Inventory\nspec:\n  objects:\n  - "+
		strings.ReplaceAll(strings.TrimSpace(cilium("a", "spec: {}\n")), "\n", "\n    ")+"\n  - {apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: g}}\n")
	snapshot := func(o *Options) { o.Inventory = []Tree{{FS: fsys, Path: "snapshot.yaml"}} }
	inv, diags := load(t, fsys, snapshot)
	if got := warned(diags); len(got) != 2 || got[0].Pos.String() != "a.yaml:1:1" || !strings.HasPrefix(got[0].Message, "cilium.io/v2 CiliumNetworkPolicy shop/a is not read") ||
		got[1].Pos.File != "snapshot.yaml" || !strings.Contains(got[1].Message, "GlobalNetworkPolicy g is not read") {
		t.Errorf("%v", diags)
	}
	if len(inv.Foreign) != 2 || inv.Foreign[0].Key() != "cilium.io/CiliumNetworkPolicy/shop/a" || inv.Foreign[1].Key() != "projectcalico.org/GlobalNetworkPolicy//g" {
		t.Fatalf("%+v", inv.Foreign)
	}
	sum := inv.Foreign[0].Sum
	put("a.yaml", cilium("a", "# other words\nspec:\n  ingress:\n  - {}\n  endpointSelector: {}\nstatus: {x: 1}\n"))
	if inv, _ = load(t, fsys, snapshot); inv.Foreign[0].Sum != sum {
		t.Error("the same policy in another style has another sum")
	}
	put("a.yaml", cilium("a", "spec: {endpointSelector: {}, ingress: [{}, {}]}\n"))
	if inv, _ = load(t, fsys, snapshot); inv.Foreign[0].Sum == sum {
		t.Error("another policy has the same sum")
	}
	for i := range 30 {
		put(fmt.Sprintf("b%02d.yaml", i), cilium(fmt.Sprintf("b%02d", i), "spec: {}\n"))
	}
	inv, diags = load(t, fsys, snapshot)
	got := warned(diags)
	if len(inv.Foreign) != 32 || len(got) != maxNamed+1 || !strings.Contains(got[maxNamed].Message, "shop/b09 and 21 more policies are not read") {
		t.Errorf("%d policies, %v", len(inv.Foreign), got)
	}
}

func warned(diags diag.List) (out diag.List) {
	for _, d := range diags {
		if d.ID == diag.ManifestForeign && d.Severity == diag.Warning {
			out = append(out, d)
		}
	}
	return out
}
