package kubernetes

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// Rules lowers a program to NetworkPolicies of the project, sorted by namespace
// and name. inForce tells what the policies in force do; nil means that there
// are none. What NetworkPolicies cannot say is refused, and then no object is
// returned.
func Rules(p *ir.Program, project string, inForce *reach.Engine) ([]policy.Object, diag.List) {
	if inForce == nil || len(p.Inventory.Policies) == 0 {
		return lower(p, project, nil)
	}
	return lower(p, project, engine{inForce})
}

// engine asks package reach about the policies in force.
type engine struct{ *reach.Engine }

func (e engine) Passes(f ir.Flow, end ir.End) (flow, here bool) {
	d := e.Decide(f)
	if end == ir.Ingress {
		return d.Allowed, d.Ingress.Allowed
	}
	return d.Allowed, d.Egress.Allowed
}

func (e engine) Isolates(w *inventory.Workload, end ir.End) bool { return e.Engine.Isolates(w, end) }
