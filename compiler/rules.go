package compiler

import (
	"context"
	"iter"
	"path"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/verify"
	"github.com/kubeteus/kubeteus/rego"
)

// This file runs the rules that are written in Rego: the embedded ones, and the
// user's guardrails with who may reach whom as data.

// ruled runs the embedded rules.
func (r *Result) ruled(ctx context.Context) error {
	engine, err := r.engine()
	if err != nil {
		return err
	}
	found, err := engine.Check(ctx, r.regoInput())
	r.add(found)
	return err
}

func (r *Result) regoInput() rego.Input {
	in := rego.Input{Target: r.Target, Policies: r.Policies, InForce: r.before, Inventory: r.Inventory}
	for _, set := range r.sets {
		for _, i := range set.Intents {
			for _, rule := range i.Rules {
				in.Rules = append(in.Rules, rego.Rule{Set: set.Name, Intent: i.Name, Statement: i.Statement, DNS: set.DNS, Rule: rule})
			}
		}
	}
	return in
}

// guard holds the result against the user's guardrails.
func (r *Result) guard(ctx context.Context, o Options) error {
	for _, tree := range o.Guardrails {
		g, diags := rego.Load(tree.FS, tree.Path)
		for i := range diags {
			diags[i].Pos.File = path.Join(tree.Name, diags[i].Pos.File)
		}
		if r.add(diags) {
			continue
		}
		in := r.regoInput()
		if g.Reachability() {
			in.Reachable = r.edges()
		}
		found, err := g.Check(ctx, in)
		if err != nil {
			return err
		}
		for i := range found {
			if found[i].Pos.File != "" && path.Ext(found[i].Pos.File) == ".rego" {
				found[i].Pos.File = path.Join(tree.Name, found[i].Pos.File)
			}
		}
		r.add(found)
	}
	return nil
}

// parties are the endpoints of a universe by who they are to people: addresses
// are all outside, but for those of nodes, about which nothing is promised.
type parties struct {
	ends  []ir.Endpoint
	names []rego.Party
	of    []int // the party of each endpoint
}

func (r *Result) parties() parties {
	u := verify.NewUniverse(r.Program, slices.Concat(r.before, r.Policies))
	var p parties
	outside := -1
	for _, e := range u.Endpoints {
		switch {
		case e.Workload != nil:
			p.names = append(p.names, rego.Party{Kind: rego.Workload, Namespace: e.Namespace.Name, Name: e.Workload.Name, Labels: e.Labels})
		case e.IsPod():
			p.names = append(p.names, rego.Party{Kind: rego.Pods, Namespace: e.Namespace.Name, Name: "pods that nobody declared"})
		case r.isNode(e):
			continue
		case outside >= 0:
			p.ends, p.of = append(p.ends, e), append(p.of, outside)
			continue
		default:
			outside = len(p.names)
			p.names = append(p.names, rego.Party{Kind: rego.Outside, Name: "outside"})
		}
		p.ends, p.of = append(p.ends, e), append(p.of, len(p.names)-1)
	}
	return p
}

func (r *Result) isNode(e ir.Endpoint) bool {
	for _, n := range r.Inventory.Facts.NodeCIDRs {
		if n.Contains(e.Addr) {
			return true
		}
	}
	return false
}

// edges yields who reaches whom under the policies in force and those written:
// what passes on any dataplane, whether its ipBlocks match pods or not.
func (r *Result) edges() iter.Seq[rego.Edge] {
	return func(yield func(rego.Edge) bool) {
		p := r.parties()
		var before, after []*reach.Space
		for _, mode := range []reach.Options{{}, {BlocksCoverPods: true}} {
			before = append(before, reach.New(r.Inventory, r.before, mode).Over(p.ends))
			after = append(after, reach.New(r.Inventory, slices.Concat(r.before, r.Policies), mode).Over(p.ends))
		}
		members := make([][]int, len(p.names))
		for end, party := range p.of {
			members[party] = append(members[party], end)
		}
		for to := range p.names {
			now, then := make([]ir.PortSet, len(p.names)), make([]ir.PortSet, len(p.names))
			for _, end := range members[to] {
				p.into(after, end, now)
				p.into(before, end, then)
			}
			for from := range p.names {
				if from == to || now[from].Empty() {
					continue
				}
				if !yield(rego.Edge{From: p.names[from], To: p.names[to], Ports: portWords(now[from]), New: !now[from].Minus(then[from]).Empty()}) {
					return
				}
			}
		}
	}
}

// into adds to passing, by party, the ports on which flows to an endpoint pass.
func (p parties) into(spaces []*reach.Space, to int, passing []ir.PortSet) {
	for _, s := range spaces {
		class := s.Of[to]
		for _, ports := range partition(s.Ports(class)) {
			protocol, number := first(ports)
			from := s.Into(class, protocol, number)
			for end, party := range p.of {
				if from.Has(s.Of[end]) && (p.ends[end].IsPod() || p.ends[to].IsPod()) {
					passing[party] = passing[party].Union(ports)
				}
			}
		}
	}
}

// partition returns the classes of ports that the sets tell apart.
func partition(sets []ir.PortSet) []ir.PortSet {
	var out []ir.PortSet
	for _, protocol := range ir.Protocols {
		out = append(out, ir.Ports(protocol, 1, 65535))
	}
	for _, s := range sets {
		var next []ir.PortSet
		for _, c := range out {
			for _, part := range []ir.PortSet{c.Intersect(s), c.Minus(s)} {
				if !part.Empty() {
					next = append(next, part)
				}
			}
		}
		out = next
	}
	return out
}

// first is one port of a set that holds some.
func first(s ir.PortSet) (protocol string, number int) {
	for i, list := range s {
		if len(list) > 0 {
			return ir.Protocols[i], list[0].Lo
		}
	}
	return "", 0
}

// portWords lists ports one by one, as guardrails compare them.
func portWords(s ir.PortSet) []string {
	if s.All() {
		return []string{s.String()}
	}
	var out []string
	for i, list := range s {
		for _, v := range list {
			out = append(out, ir.Ports(ir.Protocols[i], v.Lo, v.Hi).String())
		}
	}
	return out
}
