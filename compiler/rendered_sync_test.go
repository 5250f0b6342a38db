package compiler

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubeteus/kubeteus/compiler/policy"
)

// TestUnsynced: exactly what keeps a policy from being applied, or from staying as
// it is, counts.
func TestUnsynced(t *testing.T) {
	for _, tt := range []struct {
		key, value        string
		annotation, label bool // it counts as one
	}{
		{"argocd.argoproj.io/hook", "PreSync", true, false},
		{"argocd.argoproj.io/hook", "Skip", true, false},
		{"argocd.argoproj.io/hook", "", true, false},
		{"helm.sh/hook", "pre-install", true, false},
		{"kustomize.toolkit.fluxcd.io/reconcile", "disabled", true, true},
		{"kustomize.toolkit.fluxcd.io/reconcile", "Disabled", true, true},
		{"kustomize.toolkit.fluxcd.io/reconcile", "enabled", false, false},
		{"kustomize.toolkit.fluxcd.io/ssa", "Ignore", true, true},
		{"kustomize.toolkit.fluxcd.io/ssa", "ifnotpresent", true, true},
		{"kustomize.toolkit.fluxcd.io/ssa", "Merge", false, false},
		{"config.kubernetes.io/local-config", "true", true, false},
		{"config.kubernetes.io/local-config", "", true, false},
		{"config.kubernetes.io/local-config", "false", false, false},
		{"argocd.argoproj.io/sync-options", "Prune=false,Replace=true", false, false},
		{"argocd.argoproj.io/compare-options", "IgnoreExtraneous", false, false},
		{"argocd.argoproj.io/sync-wave", "5", false, false},
	} {
		for kind, want := range map[string]bool{"annotation": tt.annotation, "label": tt.label} {
			p := &networkingv1.NetworkPolicy{}
			p.Namespace, p.Name = "shop", "db"
			if kind == "label" {
				p.Labels = map[string]string{tt.key: tt.value}
			} else {
				p.Annotations = map[string]string{tt.key: tt.value}
			}
			got := unsynced([]policy.Object{{NetworkPolicy: p}})
			if got.HasErrors() != want || want && (len(got) != 1 || !strings.Contains(got[0].Message, "shop/db") || !strings.Contains(got[0].Message, kind+" "+tt.key)) {
				t.Errorf("%s %s: %q: %v", kind, tt.key, tt.value, got)
			}
		}
	}
}
