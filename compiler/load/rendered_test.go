package load

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// FuzzReadRendered: whatever a file holds, it is read whole or refused with a place
// in it; no policy that is read goes without a namespace and a name.
func FuzzReadRendered(f *testing.F) {
	for _, seed := range []string{
		"", "---\n", "a: [", "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n",
		"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: b}\nspec: {podSelector: {}}\n",
		"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n- metadata: {name: a}\n  spec: &s {podSelector: {}}\n- metadata: {name: b}\n  spec: *s\n",
		"apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: a}\n", "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{image: x}]}}}\n", "a: &a [*a]\n", "- 1\n", "\xef\xbb\xbfa: b\n", "{apiVersion: v1, kind: [x]}",
	} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "shop")
	}
	f.Fuzz(func(t *testing.T, data []byte, namespace string) {
		tree := Tree{FS: fstest.MapFS{"out/f.yaml": &fstest.MapFile{Data: data, Mode: 0o644}}, Path: "out"}
		got, diags, err := ReadRendered(context.Background(), tree, namespace)
		if err != nil {
			t.Fatal(err)
		}
		if (got == nil) != diags.HasErrors() {
			t.Fatalf("%v with %v", got, diags)
		}
		for _, d := range diags {
			if d.Pos.File != "out/f.yaml" {
				t.Errorf("no place: %v", d)
			}
		}
		if got == nil {
			return
		}
		for _, p := range got.Policies {
			if p.Namespace() == "" || p.Name() == "" || p.Origin.File != "out/f.yaml" {
				t.Errorf("%s at %v", p.Key(), p.Origin)
			}
		}
	})
}

// TestForeign: a policy that is not read is never passed over in silence.
func TestForeign(t *testing.T) {
	for _, tt := range []struct {
		apiVersion, kind string
		foreign, mesh    bool
	}{
		{"networking.k8s.io/v1", "NetworkPolicy", false, false},
		{"networking.k8s.io/v1beta1", "NetworkPolicy", true, false},
		{"extensions/v1beta1", "NetworkPolicy", true, false},
		{"cilium.io/v2", "CiliumNetworkPolicy", true, false},
		{"cilium.io/v2", "CiliumEgressGatewayPolicy", true, false},
		{"cilium.io/v2", "CiliumEndpoint", false, false},
		{"crd.projectcalico.org/v1", "GlobalNetworkPolicy", true, false},
		{"projectcalico.org/v3", "Tier", true, false},
		{"projectcalico.org/v3", "IPPool", false, false},
		{"crd.antrea.io/v1beta1", "ClusterNetworkPolicy", true, false},
		{"policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", true, false},
		{"k8s.ovn.org/v1", "EgressFirewall", true, false},
		{"example.org/v1", "SomeNetworkPolicy", true, false},
		{"security.istio.io/v1", "AuthorizationPolicy", true, true},
		{"security.istio.io/v1", "PeerAuthentication", true, true},
		{"networking.istio.io/v1", "Sidecar", true, true},
		{"networking.istio.io/v1", "VirtualService", false, false},
		{"policy/v1", "PodDisruptionBudget", false, false},
		{"kyverno.io/v1", "ClusterPolicy", false, false},
		{"evilcilium.io/v1", "FooPolicy", false, false},
	} {
		f, is := foreign(tt.apiVersion, tt.kind)
		if is != tt.foreign || is && f.Mesh != tt.mesh {
			t.Errorf("%s %s: foreign %t, mesh %t", tt.apiVersion, tt.kind, is, f.Mesh)
		}
	}
	items := "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: cilium.io/v2, kind: CiliumNetworkPolicyList, items: [{metadata: {name: a, namespace: b}}]}\n"
	got, diags, err := ReadRendered(context.Background(), Tree{FS: fstest.MapFS{"f.yaml": &fstest.MapFile{Data: []byte(items)}}, Path: "f.yaml"}, "")
	if err != nil || diags.HasErrors() || len(got.Foreign) != 1 || got.Foreign[0].String() != "cilium.io/v2 CiliumNetworkPolicy b/a" {
		t.Errorf("%+v %v %v", got, diags, err)
	}
}

// TestReadRenderedPlaces: what is refused is refused where it stands.
func TestReadRenderedPlaces(t *testing.T) {
	kustomization := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		path  string
		want  string
	}{
		{"absent", nil, "out", "out KT2001 no such file or folder"},
		{"remote", map[string]string{"out/kustomization.yaml": kustomization + "resources:\n- https://example.org/policies\n"}, "out", "out/kustomization.yaml:4:3 KT2005 resources:"},
		{"outside", map[string]string{"out/kustomization.yaml": kustomization + "resources:\n- ../../policies\n"}, "out", "out/kustomization.yaml:4:3 KT2005 resources:"},
		{"absent base", map[string]string{"out/kustomization.yaml": kustomization + "resources:\n- ../policies\n"}, "out", "out/kustomization.yaml:4:3 KT2005 resources:"},
		{"generator", map[string]string{"out/kustomization.yaml": kustomization + "transformers:\n- |-\n  apiVersion: v1\n  kind: X\n  url: https://example.org\n"}, "out", "out/kustomization.yaml:4:3 KT2005"},
		{"second document", map[string]string{"out.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n- 1\n"}, "out.yaml", "out.yaml:5:1 KT2001"},
		{"policy without namespace", map[string]string{"out.yaml": "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n"}, "out.yaml", "out.yaml:1:1 KT2004"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for name, data := range tt.files {
				tree[name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
			}
			got, diags, err := ReadRendered(context.Background(), Tree{FS: tree, Path: tt.path}, "")
			if err != nil || got != nil || len(diags) == 0 {
				t.Fatal(got, diags, err)
			}
			for _, d := range diags {
				if d.Severity == diag.Error && strings.HasPrefix(d.Pos.String()+" "+string(d.ID)+" "+d.Message, tt.want) {
					return
				}
			}
			t.Errorf("%v, want %s", diags, tt.want)
		})
	}
}
