package kubernetes

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// lower is Rules, with what policies in force do as an interface.
func lower(p *ir.Program, project string, b before) ([]policy.Object, diag.List) {
	l := newLowerer(p, project, b)
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
