package kubernetes

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// This file is section 4.8: which labels stand for a workload. The fewest that
// no other workload of the namespace has all of; of those, the ones that people
// name workloads by; versions only where nothing else tells two apart; never
// what controllers write or dataplanes leave out of a pod's identity.

var preferred = []string{"app.kubernetes.io/name", "app", "k8s-app", "name", "app.kubernetes.io/component", "component", "role", "tier", "app.kubernetes.io/instance"}

var lastResort = []string{"app.kubernetes.io/version", "version", "helm.sh/chart", "chart", "app.kubernetes.io/managed-by", "heritage", "release"}

var never = []string{"pod-template-hash", "controller-revision-hash", "pod-template-generation", "job-name", "controller-uid"}

// stable says whether a label key may stand in a selector: it is neither
// written by a controller nor of a domain that Cilium leaves out of identities.
func stable(key string) bool {
	if slices.Contains(never, key) {
		return false
	}
	domain, _, _ := strings.Cut(key, "/")
	if domain == key {
		return true
	}
	if domain == "app.kubernetes.io" {
		return true
	}
	return domain != "kubernetes.io" && domain != "k8s.io" && !strings.HasSuffix(domain, ".kubernetes.io") && !strings.HasSuffix(domain, ".k8s.io") && !strings.HasPrefix(domain, "io.kubernetes")
}

// selectors finds workloads' selectors, and keeps those found.
type selectors struct {
	inv   *inventory.Inventory
	in    map[string][]*inventory.Workload
	found map[*inventory.Workload]box
}

func newSelectors(inv *inventory.Inventory) *selectors {
	s := &selectors{inv: inv, in: map[string][]*inventory.Workload{}, found: map[*inventory.Workload]box{}}
	for _, w := range inv.Workloads {
		s.in[w.Namespace] = append(s.in[w.Namespace], w)
	}
	return s
}

// of returns a box of pod labels that w has and no other workload of its
// namespace but those of also. If there is none it returns the workload that
// cannot be told from w (nil if w has no labels at all).
func (s *selectors) of(w *inventory.Workload, also []*inventory.Workload) (box, *inventory.Workload, bool) {
	if b, ok := s.found[w]; ok {
		return b, nil, true
	}
	b, other, ok := s.search(w, nil)
	if ok {
		s.found[w] = b
		return b, nil, true
	}
	if len(also) > 1 && other != nil {
		return s.search(w, also)
	}
	return nil, other, false
}

func (s *selectors) search(w *inventory.Workload, also []*inventory.Workload) (box, *inventory.Workload, bool) {
	var others []*inventory.Workload
	for _, o := range s.in[w.Namespace] {
		if o != w && !o.HostNetwork && !slices.Contains(also, o) {
			others = append(others, o)
		}
	}
	keys, resort := candidates(w)
	for _, keys := range [][]string{keys, slices.Concat(keys, resort)} {
		if len(keys) == 0 {
			continue
		}
		if !slices.ContainsFunc(others, func(o *inventory.Workload) bool { return same(w, o, keys) }) {
			return equalities(w, fewest(w, keys, others)), nil, true
		}
	}
	keys = slices.Concat(keys, resort)
	i := slices.IndexFunc(others, func(o *inventory.Workload) bool { return same(w, o, keys) })
	if len(keys) == 0 || i < 0 {
		return nil, nil, false
	}
	return nil, others[i], false
}

// candidates returns the keys of w that may be used, best first, and those of
// last resort.
func candidates(w *inventory.Workload) (keys, resort []string) {
	for k := range w.Labels {
		switch {
		case !stable(k):
		case slices.Contains(lastResort, k):
			resort = append(resort, k)
		default:
			keys = append(keys, k)
		}
	}
	rank := func(k string) int {
		if i := slices.Index(preferred, k); i >= 0 {
			return i
		}
		return len(preferred)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	slices.Sort(resort)
	return keys, resort
}

// same says whether o has w's values of all the keys.
func same(w, o *inventory.Workload, keys []string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool { v, ok := o.Labels[k]; return !ok || v != w.Labels[k] })
}

// fewest returns the smallest choice of keys that tells w from the others; all
// keys together do. Of equally small ones, the first in the order of keys.
func fewest(w *inventory.Workload, keys []string, others []*inventory.Workload) []string {
	const limit = 4 // larger choices are not searched: all keys are taken
	for size := 1; size < min(len(keys), limit+1); size++ {
		if c := choose(w, keys, others, size); c != nil {
			return c
		}
	}
	return keys
}

// choose searches the choices of size keys in order. The others are narrowed
// down to those that share the keys taken so far.
func choose(w *inventory.Workload, keys []string, others []*inventory.Workload, size int) []string {
	for i, k := range keys {
		var left []*inventory.Workload
		for _, o := range others {
			if same(w, o, []string{k}) {
				left = append(left, o)
			}
		}
		if len(left) == 0 {
			return []string{k}
		}
		if size > 1 {
			if rest := choose(w, keys[i+1:], left, size-1); rest != nil {
				return append([]string{k}, rest...)
			}
		}
	}
	return nil
}

func equalities(w *inventory.Workload, keys []string) box {
	var b box
	for _, k := range keys {
		b = b.with(requirement(false, ir.Requirement{Key: k, Operator: ir.In, Values: []string{w.Labels[k]}}))
	}
	return b
}
