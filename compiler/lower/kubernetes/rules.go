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
	var objects []policy.Object
	for _, o := range p.Inventory.Policies {
		objects = append(objects, o.Object)
	}
	return lower(p, project, engines{inForce, reach.New(p.Inventory, objects, reach.Options{BlocksCoverPods: true})})
}

// engines ask package reach about the policies in force, in both readings of
// ipBlock.
type engines struct{ apart, cover *reach.Engine }

func (e engines) Isolates(w *inventory.Workload, end ir.End) bool { return e.apart.Isolates(w, end) }

func (e engines) Passes(f ir.Flow, end ir.End) bool {
	for _, engine := range []*reach.Engine{e.apart, e.cover} {
		d := engine.Decide(f)
		if end == ir.Ingress && d.Ingress.Allowed || end == ir.Egress && d.Egress.Allowed {
			return true
		}
	}
	return false
}
