package compiler

import (
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// This file finds rendered policies that are marked not to be applied, or not to be
// kept as they are. A proof that counts them is one about objects that the cluster
// may never see. What a mark means is what the tools' own code does with it:
//
//   - Argo CD takes any object with a hook annotation, its own or Helm's, out of the
//     application's state: a phase of a sync creates it, and nothing restores it
//     when it is changed or deleted. The value Skip, and one that names no phase,
//     keeps it from being created at all. Helm itself creates hooks beside the
//     release, and does not update them with it.
//   - Flux looks for its marks among annotations and labels, whatever their case:
//     reconcile disabled and ssa Ignore mean that the object is never applied, ssa
//     IfNotPresent that it is created once and never updated. ssa Merge is applied.
//   - kustomize, and what is built like it, leaves out what is marked as local
//     configuration, with any value but "false".
//
// Not among them: Argo CD's sync-options (Prune=false, Delete=false, Replace=true
// and the like decide how an object is applied and when it is removed, not whether
// it is applied), compare-options (IgnoreExtraneous is about what is shown of
// objects that are not rendered) and sync-wave, which is an order.

// mark is an annotation that says that an object is not applied, or not kept.
type mark struct {
	key  string
	says func(value string) bool
	// labels says that it counts as a label, too.
	labels bool
	effect string // who heeds it, and what that does
}

func anything(string) bool { return true }

func oneOf(words ...string) func(string) bool {
	return func(value string) bool {
		for _, w := range words {
			if strings.EqualFold(value, w) {
				return true
			}
		}
		return false
	}
}

var marks = []mark{
	{"argocd.argoproj.io/hook", anything, false, "Argo CD runs it as a hook, if at all, and does not keep it as it is"},
	{"helm.sh/hook", anything, false, "Helm and Argo CD run it as a hook, and do not keep it as it is"},
	{"kustomize.toolkit.fluxcd.io/reconcile", oneOf("disabled"), true, "Flux does not apply it"},
	{"kustomize.toolkit.fluxcd.io/ssa", oneOf("Ignore"), true, "Flux does not apply it"},
	{"kustomize.toolkit.fluxcd.io/ssa", oneOf("IfNotPresent"), true, "Flux creates it once and never updates it"},
	{"config.kubernetes.io/local-config", func(value string) bool { return value != "false" }, false, "it is local configuration, which is not submitted to the cluster"},
}

// unsynced says which rendered policies are marked so that nobody can rely on them.
func unsynced(policies []policy.Object) diag.List {
	var out diag.List
	for i := range policies {
		o := &policies[i]
		for _, m := range marks {
			value, kind := m.on(o)
			if kind == "" {
				continue
			}
			out = append(out, diag.Errorf(diag.VerifyRendered, o.Origin, "NetworkPolicy %s cannot be relied on: with the %s %s: %q, %s", name(o), kind, m.key, value, m.effect).
				Hint("take the %s away from the policies: it is set where they are rendered, for one of them or for all", kind))
		}
	}
	return out
}

// on returns the value of the mark on o, and whether it is an annotation or a label;
// "" for neither.
func (m mark) on(o *policy.Object) (value, kind string) {
	if v, ok := o.NetworkPolicy.Annotations[m.key]; ok && m.says(v) {
		return v, "annotation"
	}
	if v, ok := o.NetworkPolicy.Labels[m.key]; m.labels && ok && m.says(v) {
		return v, "label"
	}
	return "", ""
}
