package kubernetes

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// lower is Rules, with what policies in force do as an interface.
func lower(p *ir.Program, project string, b before) ([]policy.Object, diag.List) {
	l := newLowerer(p, project, b)
	l.everywhere()
	var units []unit
	for _, n := range l.inv.Namespaces {
		for _, end := range []ir.End{ir.Ingress, ir.Egress} {
			if plot := l.survey(n, end); plot != nil && l.classify(plot) {
				units = append(units, l.plan(plot)...)
			}
		}
	}
	objects := l.objects(units)
	if l.diags.HasErrors() {
		return nil, l.diags.Sorted()
	}
	return objects, l.diags.Sorted()
}

// everywhere refuses Closes over namespaces that are not listed by name: a
// NetworkPolicy covers one namespace, so it cannot cover one that is yet to come.
func (l *lowerer) everywhere() {
	for _, b := range l.program.Rules {
		if b.Close == nil {
			continue
		}
		for _, p := range b.Close.Subject {
			if narrow(p) || !pods(p) {
				continue
			}
			for _, w := range l.where(b, p) {
				if name := (constraint{namespace: true, key: inventory.NameLabel}); w.pods.on(name).not {
					l.refuse(b, diag.LowerUnsayable, "name the namespaces, or use target cilium or calico, which can say it",
						"a NetworkPolicy covers one namespace: it cannot close %s in namespaces that are yet to come", p.Peer)
					break
				}
			}
		}
	}
}
