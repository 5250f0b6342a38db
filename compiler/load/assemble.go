package load

import (
	"cmp"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// placed is an object and the part that holds it.
type placed struct {
	*object
	part *part
}

// assemble makes one inventory of all parts. Manifests say what is to run, a
// snapshot what ran when it was taken: where both show an object, the manifest
// counts.
func (l *loader) assemble() *inventory.Inventory {
	var inv inventory.Inventory
	namespaces := map[string]*inventory.Namespace{}
	configs := map[string]*configMap{}
	var workloads []*object
	for _, o := range l.unique() {
		switch v := o.value.(type) {
		case *inventory.Namespace:
			mergeNamespace(namespaces, v)
		case *facts:
			l.addFacts(&inv, v)
		case *configMap:
			configs[o.namespace+"/"+o.name] = v
		case *inventory.Workload:
			v.Namespace = o.namespace
			inv.Workloads = append(inv.Workloads, v)
			workloads = append(workloads, o)
		case *inventory.Service:
			v.Namespace = o.namespace
			inv.Services = append(inv.Services, v)
		case *inventory.Monitor:
			v.Namespace = o.namespace
			inv.Monitors = append(inv.Monitors, v)
		case *inventory.Ingress:
			v.Namespace = o.namespace
			for i := range v.Backends {
				v.Backends[i].Namespace = cmp.Or(v.Backends[i].Namespace, o.namespace)
			}
			inv.Ingresses = append(inv.Ingresses, v)
		case *inventory.Policy:
			v.NetworkPolicy.Namespace = o.namespace
			if !v.Own(l.options.Own) || !l.written(o) {
				inv.Policies = append(inv.Policies, v)
			}
		}
	}
	for _, o := range workloads {
		o.value.(*inventory.Workload).Mentions = append(o.value.(*inventory.Workload).Mentions, configMentions(o, configs)...)
	}
	if len(l.options.Inventory) == 0 {
		for _, name := range []string{"default", "kube-system"} {
			mergeNamespace(namespaces, &inventory.Namespace{Name: name, Implied: true})
		}
	}
	inv.Namespaces = slices.Collect(maps.Values(namespaces))
	inv.Facts.PodCIDRs = sortedPrefixes(inv.Facts.PodCIDRs)
	inv.Facts.ServiceCIDRs = sortedPrefixes(inv.Facts.ServiceCIDRs)
	inv.Facts.NodeCIDRs = sortedPrefixes(inv.Facts.NodeCIDRs)
	slices.Sort(inv.Facts.APIGroups)
	inv.Facts.APIGroups = slices.Compact(inv.Facts.APIGroups)
	inv.Foreign = l.foreign()
	l.dns(&inv)
	return inventory.Build(inv)
}

// written says whether a policy that bears the project's labels can be one that
// kubeteus wrote. Anybody can write the labels: of the manifests, only what comes
// from the overlay is. Everything else that they hold is applied beside the overlay,
// and is in force. A snapshot shows what is applied, and not where it comes from.
func (l *loader) written(o *object) bool {
	if o.snapshot {
		return true
	}
	return slices.ContainsFunc(l.options.Skip, func(folder string) bool {
		return strings.HasPrefix(o.origin.File, path.Clean(folder)+"/")
	})
}

func mergeNamespace(all map[string]*inventory.Namespace, n *inventory.Namespace) {
	first := all[n.Name]
	if first == nil {
		all[n.Name] = n
		return
	}
	labels := maps.Clone(n.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, first.Labels)
	first.Labels = labels
}

func (l *loader) addFacts(inv *inventory.Inventory, f *facts) {
	inv.Facts.PodCIDRs = append(inv.Facts.PodCIDRs, f.pods...)
	inv.Facts.ServiceCIDRs = append(inv.Facts.ServiceCIDRs, f.services...)
	inv.Facts.NodeCIDRs = append(inv.Facts.NodeCIDRs, f.nodes...)
	inv.Facts.APIGroups = append(inv.Facts.APIGroups, f.groups...)
	inv.Calls = append(inv.Calls, f.calls...)
	if f.dns != nil && inv.Facts.DNS.Namespace == "" {
		inv.Facts.DNS = *f.dns
	}
}

func sortedPrefixes(list []netip.Prefix) []netip.Prefix {
	slices.SortFunc(list, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return slices.Compact(list)
}

// dns fills in where cluster DNS is, and says so where that had to be assumed.
func (l *loader) dns(inv *inventory.Inventory) {
	known := inv.Facts.DNS.Namespace != ""
	if !known {
		inv.Facts.DNS, known = findDNS(inv)
	}
	if !known {
		inv.Facts.DNS = assumedDNS()
	}
	const place = "the pods labelled k8s-app=kube-dns in kube-system on port 53"
	switch {
	case len(l.options.Inventory) > 0 && known:
	case len(l.options.Inventory) > 0:
		t := l.options.Inventory[0]
		l.diags = append(l.diags, diag.Notef(diag.InventoryAssumed, diag.Position{File: t.file(t.clean())},
			"the inventory does not show cluster DNS: it is taken to be %s", place).
			Hint("add the Service and the Deployment of cluster DNS to the inventory, or spec.dns to its kind: Inventory"))
	case known:
		l.diags = append(l.diags, diag.Notef(diag.InventoryAssumed, diag.Position{}, "no inventory: only what the manifests show is known of the cluster, and the target is kubernetes"))
	default:
		l.diags = append(l.diags, diag.Notef(diag.InventoryAssumed, diag.Position{},
			"no inventory: the target is kubernetes, and cluster DNS is taken to be %s", place).
			Hint("commit an inventory.yaml: kubectl get namespaces,deployments,statefulsets,daemonsets,services,ingresses,networkpolicies,nodes,servicecidrs -A -o yaml > inventory.yaml"))
	}
}

// configMentions returns the texts that a workload takes from ConfigMaps.
func configMentions(o *object, configs map[string]*configMap) []inventory.Mention {
	var out []inventory.Mention
	seen := map[string]bool{}
	for _, ref := range o.refs {
		c := configs[o.namespace+"/"+ref.name]
		if c == nil {
			continue
		}
		for _, e := range c.entries {
			if ref.key != "" && ref.key != e.key {
				continue
			}
			source := "configmap " + ref.name + "/" + e.key
			if ref.env != "" {
				source = "env " + ref.env
			}
			if !seen[source] {
				seen[source] = true
				out = append(out, inventory.Mention{Source: source, Text: e.text, Origin: e.origin})
			}
		}
	}
	return out
}

// unique returns every object once: with its namespace, manifests before
// snapshots, and with errors for what is there twice.
func (l *loader) unique() []*object {
	var all []placed
	for i := range l.parts {
		missing := false
		for _, o := range l.parts[i].objects {
			if _, config := o.value.(*configMap); !o.cluster && o.namespace == "" {
				o.namespace = l.options.Namespace
				if o.namespace == "" && !missing && !config {
					missing = true
					l.diags = append(l.diags, diag.Errorf(diag.ManifestNamespace, o.origin, "%s %q names no namespace", o.kind, o.name).
						Hint("write spec.namespace in the intent set, or metadata.namespace here"))
				}
			}
			o.snapshot = l.parts[i].snapshot
			all = append(all, placed{o, &l.parts[i]})
		}
	}
	first := map[string]placed{}
	var out []*object
	for _, snapshot := range []bool{false, true} {
		for _, p := range all {
			if p.part.snapshot != snapshot {
				continue
			}
			switch other, seen := first[p.key()]; {
			case mergeable(p.value):
				out = append(out, p.object)
			case !seen:
				first[p.key()] = p
				out = append(out, p.object)
			case snapshot && !other.part.snapshot:
			case other.part.root == p.part.root || snapshot:
				l.diags = append(l.diags, diag.Errorf(diag.ManifestInvalid, p.origin, "%s %s/%s is there twice", p.kind, p.namespace, p.name).
					Relate(other.origin, "the first one"))
			default:
				l.twice.add(other, p)
			}
		}
	}
	l.diags = append(l.diags, l.twice.question(l.parts)...)
	return out
}

// mergeable says whether several objects of one name are one: a namespace that
// every folder declares, facts.
func mergeable(value any) bool {
	switch value.(type) {
	case *inventory.Namespace, *facts:
		return true
	}
	return false
}
