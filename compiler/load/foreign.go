package load

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// This file finds the policies of APIs that are not read. None is passed over in
// silence: what is proven of NetworkPolicy alone may not hold beside them.

// foreign says whether an object is a policy that is not read. Any kind counts
// that calls itself a network policy, and of the APIs that are known, all that
// decide what passes.
func foreign(apiVersion, kind string) (inventory.Foreign, bool) {
	group, _, _ := strings.Cut(apiVersion, "/")
	f := inventory.Foreign{APIVersion: apiVersion, Kind: kind}
	of := func(groups ...string) bool {
		return slices.ContainsFunc(groups, func(g string) bool { return group == g || strings.HasSuffix(group, "."+g) })
	}
	switch {
	case apiVersion == "networking.k8s.io/v1":
		return f, false
	case strings.HasSuffix(kind, "NetworkPolicy"):
		return f, true
	case of("cilium.io", "projectcalico.org", "antrea.io", "policy.networking.k8s.io", "k8s.ovn.org"):
		return f, strings.Contains(kind, "Policy") || strings.Contains(kind, "Firewall") || kind == "Tier"
	case of("security.istio.io", "policy.linkerd.io", "networking.istio.io"):
		f.Mesh = true
		return f, strings.Contains(kind, "Policy") || strings.Contains(kind, "Authentication") || kind == "Sidecar" || kind == "Server"
	}
	return f, false
}

// remember keeps v in mind if it is a policy that is not read.
func (r *reader) remember(v view, apiVersion, kind string) {
	f, ok := foreign(apiVersion, kind)
	if !ok {
		return
	}
	f.Namespace, f.Name, f.Origin = v.get("metadata", "namespace").text(), v.get("metadata", "name").text(), v.pos()
	sum := sha256.New()
	for _, p := range sorted((&decoder{at: r.at}).view(v.n)) {
		switch p.key {
		case "apiVersion", "kind", "metadata", "status":
		default:
			digest(sum, p)
		}
	}
	f.Sum = hex.EncodeToString(sum.Sum(nil))
	r.foreign = append(r.foreign, f)
}

// sorted returns the entries of a mapping by key, and none of anything else.
func sorted(v view) []pair {
	if v.n == nil || v.n.Kind != yaml.MappingNode {
		return nil
	}
	all := v.pairs()
	slices.SortStableFunc(all, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return all
}

// digest adds an entry to a sum: the same for the same value, whatever its style,
// its comments and the order of its keys. Each part is quoted, so that no two
// values are written alike.
func digest(sum hash.Hash, p pair) {
	fmt.Fprintf(sum, "%q:", p.key)
	switch v := p.value; {
	case v.n == nil:
		fmt.Fprint(sum, "null")
	case v.n.Kind == yaml.MappingNode:
		fmt.Fprint(sum, "{")
		for _, inner := range sorted(v) {
			digest(sum, inner)
		}
		fmt.Fprint(sum, "}")
	case v.n.Kind == yaml.SequenceNode:
		fmt.Fprint(sum, "[")
		for _, item := range v.list() {
			digest(sum, pair{value: item})
		}
		fmt.Fprint(sum, "]")
	default:
		fmt.Fprintf(sum, "%s %q,", v.n.ShortTag(), v.n.Value)
	}
}

// maxNamed bounds how many policies that are not read are named one by one.
const maxNamed = 10

// foreign returns every policy that is not read once, in the order of its keys, and
// warns of them. As everywhere, the manifest counts where a snapshot shows the same.
// What a mesh's proxies enforce can only block more: it is worth a note, for all of
// them together.
func (l *loader) foreign() []inventory.Foreign {
	var all, mesh []inventory.Foreign
	seen := map[string]bool{}
	for _, snapshot := range []bool{false, true} {
		for _, p := range l.parts {
			for _, f := range p.foreign {
				if p.snapshot != snapshot || seen[f.Key()] {
					continue
				}
				seen[f.Key()] = true
				if f.Mesh {
					mesh = append(mesh, f)
				} else {
					all = append(all, f)
				}
			}
		}
	}
	const hint = "say in an intent what it is there for, if NetworkPolicy can do it: then it is written and proven"
	for i, f := range all {
		if rest := len(all) - i; i == maxNamed && rest > 1 {
			l.diags = append(l.diags, diag.Warningf(diag.ManifestForeign, f.Origin, "%s and %d more policies are not read: what they allow or block is not in the proof", f, rest-1))
			break
		}
		l.diags = append(l.diags, diag.Warningf(diag.ManifestForeign, f.Origin, "%s is not read: what it allows or blocks is not in the proof", f).Hint(hint))
	}
	if len(mesh) > 0 {
		more, are := "", "is"
		if len(mesh) > 1 {
			more, are = fmt.Sprintf(" and %d more", len(mesh)-1), "are"
		}
		l.diags = append(l.diags, diag.Notef(diag.ManifestForeign, mesh[0].Origin, "%s%s %s not looked at: a mesh may block what the policies let pass", mesh[0], more, are))
	}
	all = append(all, mesh...)
	slices.SortFunc(all, func(a, b inventory.Foreign) int { return strings.Compare(a.Key(), b.Key()) })
	return all
}
