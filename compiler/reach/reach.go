// Package reach holds the semantics of policy objects: which flows pass, and
// which policy, rule and line decided.
//
// It reads decoded objects and the inventory and nothing else: what a statement
// wanted, and how the objects came to be, is no concern of it. It knows
// NetworkPolicy (networking.k8s.io/v1).
//
// # Semantics
//
// A pod is isolated for a direction if a policy of its namespace selects it and
// names the direction in policyTypes. An isolated end lets a flow pass if any
// rule of any policy that isolates it matches the flow's other end and its port;
// an end that is not isolated lets everything pass. A flow passes if both ends
// let it.
//
// The specification leaves open whether an ipBlock matches the addresses of
// pods, and dataplanes differ: Options.BlocksCoverPods chooses. A pod's own
// address is rarely known, so under BlocksCoverPods a block matches every pod
// that may have an address in it, that is, if the block overlaps the cluster's
// pod ranges (private ranges, where these are unknown). NetworkPolicy rules only
// ever add to what passes, hence what holds with and without BlocksCoverPods
// holds on every dataplane in between.
//
// A host-network pod has its node's address and cannot be selected. What the
// specification always lets pass is not decided here: a pod and itself, a pod
// and its own node.
package reach

import (
	"net/netip"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// Options say how the dataplane reads what the specification leaves open.
type Options struct {
	BlocksCoverPods bool // ipBlock matches the addresses of pods
}

// Engine decides flows under a fixed list of policies. It is safe for concurrent
// use.
type Engine struct {
	inv      *inventory.Inventory
	opts     Options
	facts    addresses
	policies []compiled
	// byNamespace lists the policies of each namespace, by index.
	byNamespace map[string][]int
}

// New compiles the objects. The engine keeps pointers into objects, which are
// not to be changed any more.
func New(inv *inventory.Inventory, objects []policy.Object, o Options) *Engine {
	e := &Engine{inv: inv, opts: o, facts: facts(inv.Facts), byNamespace: map[string][]int{}}
	e.policies = make([]compiled, len(objects))
	for i := range objects {
		e.policies[i] = compile(&objects[i], e.facts)
		ns := e.policies[i].namespace
		e.byNamespace[ns] = append(e.byNamespace[ns], i)
	}
	return e
}

// Decision says whether a flow passes, and why, end by end.
type Decision struct {
	Allowed         bool
	Egress, Ingress End
}

// End is one end of a decision: the source's egress or the destination's
// ingress. By holds the rules that let the flow pass if it is isolated and
// allowed; if it is isolated and not allowed, the policies that isolate it. Near
// holds, for an end that does not let the flow pass, the rules that match its
// other end but not its port, or its port but not its other end: where a change
// could begin.
type End struct {
	Isolated bool
	Allowed  bool
	By       []Reason
	Near     []Reason
}

// Match says how far a rule matches a flow.
type Match int

const (
	Selects  Match = iota // the policy selects the pod, no rule is meant
	Allows                // the rule lets the flow pass
	PeerOnly              // the rule matches the other end, on other ports
	PortOnly              // the rule matches the port, for other peers
)

// Reason is a policy, and one of its rules (of the end's direction), that bears
// on a decision. Rule is -1 and Match is Selects where the policy as a whole is
// meant. Pos is the place of the rule, or of the object.
type Reason struct {
	Object *policy.Object
	Rule   int
	Match  Match
	Pos    diag.Position
}

// Objects returns the policies that the engine decides under.
func (e *Engine) Objects() []policy.Object {
	out := make([]policy.Object, len(e.policies))
	for i, c := range e.policies {
		out[i] = *c.object
	}
	return out
}

// Decide says whether f passes.
func (e *Engine) Decide(f ir.Flow) Decision {
	d := Decision{Egress: e.end(egress, f.From, f.To, f), Ingress: e.end(ingress, f.To, f.From, f)}
	d.Allowed = d.Egress.Allowed && d.Ingress.Allowed
	return d
}

// Isolates says whether a policy restricts that end of w's pods.
func (e *Engine) Isolates(w *inventory.Workload, end ir.End) bool {
	return len(e.Closers(w, end)) > 0
}

// Closers returns the policies that restrict that end of w's pods.
func (e *Engine) Closers(w *inventory.Workload, end ir.End) []*policy.Object {
	p := ir.Endpoint{Workload: w, Namespace: e.inv.Namespace(w.Namespace), Labels: w.Labels}
	if !selectable(p) {
		return nil
	}
	var out []*policy.Object
	for _, i := range e.byNamespace[w.Namespace] {
		if c := &e.policies[i]; c.isolates[direction(end)] && c.subject.meets(w.Labels) {
			out = append(out, c.object)
		}
	}
	return out
}

// selectable says whether policies can select p: a pod on the pod network.
func selectable(p ir.Endpoint) bool {
	return p.IsPod() && (p.Workload == nil || !p.Workload.HostNetwork)
}

func (e *Engine) end(dir int, at, other ir.Endpoint, f ir.Flow) End {
	end := End{Allowed: true}
	if !selectable(at) {
		return end
	}
	var closers, near []Reason
	for _, i := range e.byNamespace[at.Namespace.Name] {
		c := &e.policies[i]
		if !c.isolates[dir] || !c.subject.meets(at.Labels) {
			continue
		}
		end.Isolated = true
		closers = append(closers, Reason{c.object, -1, Selects, c.object.Origin})
		for j, r := range c.rules[dir] {
			peer, port := e.matches(c, r, other), r.ports.match(f.To, f.Protocol, f.Port)
			switch {
			case peer && port:
				end.By = append(end.By, Reason{c.object, j, Allows, r.pos})
			case peer:
				near = append(near, Reason{c.object, j, PeerOnly, r.pos})
			case port:
				near = append(near, Reason{c.object, j, PortOnly, r.pos})
			}
		}
	}
	if end.Isolated && len(end.By) == 0 {
		end.Allowed, end.By, end.Near = false, closers, near
	}
	return end
}

func (e *Engine) matches(c *compiled, r rule, other ir.Endpoint) bool {
	if r.all {
		return true
	}
	for _, p := range r.peers {
		if p.block != nil {
			if e.covers(p, other) {
				return true
			}
			continue
		}
		if !selectable(other) || !p.pods.meets(other.Labels) {
			continue
		}
		if p.namespaces == nil && other.Namespace.Name == c.namespace || p.namespaces != nil && p.namespaces.meets(other.Namespace.Labels) {
			return true
		}
	}
	return false
}

// covers says whether the block of p matches other.
func (e *Engine) covers(p peer, other ir.Endpoint) bool {
	if selectable(other) && !e.opts.BlocksCoverPods {
		return false
	}
	if other.Addr.IsValid() {
		return p.block.Contains(plain(other.Addr))
	}
	if selectable(other) {
		return p.coversPods
	}
	return p.coversNodes
}

// plain is the address as a dataplane compares it: IPv4 is IPv4, however it is
// written, and a zone means nothing.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
