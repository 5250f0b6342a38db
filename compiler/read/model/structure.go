package model

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// What the rules of one answer are to each other. "Only web may reach db" is an Allow
// and a Close that excepts what the Allow lets in; an answer whose two halves do not
// fit was put together wrongly, whatever its statement says. Few of these checks need
// words, and none of them knows what was meant.

// structure holds the rules of an answer against each other.
func (e *evidence) structure(rules []ir.Rule) {
	for _, r := range rules {
		if c := r.Close; c != nil {
			e.covered(c, rules)
			e.form(c)
		}
		if a := r.Allow; a != nil {
			e.spared(a, rules)
			e.onlyEnd(a, rules)
			e.sides(a)
		}
	}
}

// covered holds the exceptions of a Close against the Allows of the answer.
func (e *evidence) covered(c *ir.Close, rules []ir.Rule) {
	beside := false // some Allow is about the same parties
	for _, r := range rules {
		beside = beside || r.Allow != nil && (meetAny(r.Allow.From, c.Subject) || meetAny(r.Allow.To, c.Subject))
	}
	for _, t := range c.Except {
		for _, p := range t.Peers {
			switch {
			case !specific(p) || allowed(p, c, rules):
			case beside:
				e.refuse("the rules except %s from what they close, and the Allow beside it is not of that in the same direction", p)
			case c.Firm && single(p) && (len(c.Scope) == 0 || e.alone()):
				e.refuse("the rules firmly close all but %s, and allow it nothing: what stays open for named parties is an Allow too", p)
			}
		}
		if c.Firm && len(t.Peers) == 0 && len(c.Scope) == 0 && besideNamed(c, rules) {
			e.refuse("the rules close all ports but some for everybody, and allow them to named parties: the Close is of those parties, or excepts them")
		}
	}
	if c.Firm && len(c.Scope) > 0 && !beside && e.alone() && onlyPorts(c.Except) && slices.ContainsFunc(c.Scope, func(t ir.Traffic) bool { return slices.ContainsFunc(t.Peers, single) }) {
		e.refuse("the rules keep named parties to some ports, and allow them those nowhere")
	}
	if c.Firm && len(c.Scope) == 0 && !beside && onlyNames(c.Except) && !speaks(e.words, firmly, false) && !e.alone() {
		e.refuse("the rules close everything but name resolution firmly, and no word of the statement says that nothing else may open it again")
	}
	if !c.Firm && beside && slices.ContainsFunc(c.Except, func(t ir.Traffic) bool { return slices.ContainsFunc(t.Peers, specific) }) {
		e.refuse("the rules close all but named parties and allow those, which is firm: no other statement may add to it")
	}
}

// ends are the parties of an Allow at the end that a Close is about, and at the other.
func ends(a *ir.Allow, end ir.End) (near, far []ir.Peer) {
	if end == ir.Ingress {
		return a.To, a.From
	}
	return a.From, a.To
}

// allowed says whether an Allow lets pass what the Close excepts.
func allowed(p ir.Peer, c *ir.Close, rules []ir.Rule) bool {
	return slices.ContainsFunc(rules, func(r ir.Rule) bool {
		if r.Allow == nil {
			return false
		}
		near, far := ends(r.Allow, c.End)
		return meetAny(near, c.Subject) && meetAny(far, []ir.Peer{p})
	})
}

// besideNamed says whether the answer allows named parties what a Close is about.
func besideNamed(c *ir.Close, rules []ir.Rule) bool {
	return slices.ContainsFunc(rules, func(r ir.Rule) bool {
		if r.Allow == nil {
			return false
		}
		near, far := ends(r.Allow, c.End)
		return meetAny(near, c.Subject) && slices.ContainsFunc(far, specific)
	})
}

// onlyEnd holds the end that an Allow is about against firm Closes that except it: it
// would close an end, or a part of one, that they do not speak of.
func (e *evidence) onlyEnd(a *ir.Allow, rules []ir.Rule) {
	for _, r := range rules {
		c := r.Close
		if c == nil || !c.Firm || a.About == "" {
			continue
		}
		near, far := ends(a, c.End)
		if meetAny(near, c.Subject) && slices.ContainsFunc(c.Except, func(t ir.Traffic) bool { return len(t.Peers) == 0 || meetAny(t.Peers, far) }) {
			e.refuse("the rules firmly close %s but for what they allow, and the Allow is about %s: beside such a Close it is about none", c.End, a.About)
		}
	}
}

// spared holds an Allow of named parties against firm Closes of everything else: what
// is allowed is among their exceptions, on the same ports.
func (e *evidence) spared(a *ir.Allow, rules []ir.Rule) {
	for _, r := range rules {
		c := r.Close
		if c == nil || !c.Firm || len(c.Except) == 0 {
			continue
		}
		near, far := ends(a, c.End)
		if !meetAny(near, c.Subject) {
			continue
		}
		for _, p := range near {
			if p.Kind == ir.Pods && len(p.Labels) == 0 && !slices.ContainsFunc(c.Subject, func(q ir.Peer) bool { return q.Kind == ir.Pods && len(q.Labels) == 0 }) {
				e.refuse("the rules allow %s what they firmly close to some of them alone", p)
			}
		}
		if len(c.Scope) > 0 {
			continue
		}
		for _, p := range far {
			if !specific(p) || len(c.Except[0].Peers) == 0 {
				continue
			}
			at := slices.IndexFunc(c.Except, func(t ir.Traffic) bool { return meetAny(t.Peers, []ir.Peer{p}) })
			switch {
			case at < 0:
				e.refuse("the rules allow %s what they firmly close, and do not except it there", p)
			case len(a.Ports) > 0 && len(c.Except[at].Ports) == 0:
				e.refuse("the rules allow %s some ports, and except it from what they close on all of them", p)
			}
		}
	}
}

func onlyPorts(ts []ir.Traffic) bool {
	return len(ts) > 0 && !slices.ContainsFunc(ts, func(t ir.Traffic) bool { return len(t.Peers) > 0 })
}

func onlyNames(ts []ir.Traffic) bool {
	return len(ts) > 0 && !slices.ContainsFunc(ts, func(t ir.Traffic) bool {
		return len(t.Peers) == 0 || slices.ContainsFunc(t.Peers, func(p ir.Peer) bool { return p.Kind != ir.ClusterDNS })
	})
}

// specific says whether a peer is some party that a statement calls by name, and not
// a whole kind of them.
func specific(p ir.Peer) bool {
	switch p.Kind {
	case ir.Workload, ir.ServiceAccount, ir.CIDR, ir.Domain:
		return true
	case ir.Pods:
		return len(p.Labels) > 0 || p.In != nil && len(p.In.Names) > 0
	}
	return false
}

// single says the same without whole namespaces: "web must not reach anything outside
// of shop" allows nothing inside.
func single(p ir.Peer) bool { return specific(p) && (p.Kind != ir.Pods || len(p.Labels) > 0) }

func meetAny(a, b []ir.Peer) bool {
	return slices.ContainsFunc(a, func(p ir.Peer) bool { return slices.ContainsFunc(b, func(q ir.Peer) bool { return meet(p, q) }) })
}

// meet says whether two peers may share a party, as far as their names tell.
func meet(p, q ir.Peer) bool {
	if p.Kind == ir.Anybody || q.Kind == ir.Anybody || p.String() == q.String() {
		return true
	}
	switch {
	case p.Kind == ir.Pods && q.Kind == ir.Pods && apartByLabel(p, q):
		return false
	case p.Kind == ir.Pods && inPods(q):
		return in(p, q)
	case q.Kind == ir.Pods && inPods(p):
		return in(q, p)
	case outside(p) && outside(q):
		return p.Kind != q.Kind || p.Kind == ir.CIDR && p.Prefix.Overlaps(q.Prefix)
	}
	return false
}

// apartByLabel says whether two peers want different values of one label.
func apartByLabel(p, q ir.Peer) bool {
	return slices.ContainsFunc(p.Labels, func(a ir.Requirement) bool {
		return slices.ContainsFunc(q.Labels, func(b ir.Requirement) bool {
			return a.Key == b.Key && a.Operator == ir.In && b.Operator == ir.In && !slices.ContainsFunc(a.Values, func(v string) bool { return slices.Contains(b.Values, v) })
		})
	})
}

func inPods(p ir.Peer) bool {
	return p.Kind == ir.Workload || p.Kind == ir.Pods || p.Kind == ir.ServiceAccount
}

func outside(p ir.Peer) bool {
	return p.Kind == ir.World || p.Kind == ir.CIDR || p.Kind == ir.Domain
}

// in says whether pods may be of the namespaces that the other peer is of.
func in(pods, p ir.Peer) bool {
	if pods.In == nil || len(pods.In.Names) == 0 {
		return true
	}
	if p.Kind == ir.Pods {
		return p.In == nil || len(p.In.Names) == 0 || slices.ContainsFunc(p.In.Names, func(n string) bool { return slices.Contains(pods.In.Names, n) })
	}
	return slices.Contains(pods.In.Names, p.Namespace)
}

// form holds a Close against the one form that its meaning has.
func (e *evidence) form(c *ir.Close) {
	var scope []ir.Peer
	portsOnly := len(c.Scope)+len(c.Except) > 0
	for _, t := range slices.Concat(c.Scope, c.Except) {
		portsOnly = portsOnly && len(t.Peers) == 0
	}
	for _, t := range c.Scope {
		scope = append(scope, t.Peers...)
	}
	sink := slices.ContainsFunc(slices.Concat(c.Scope, c.Except), func(t ir.Traffic) bool { return slices.ContainsFunc(t.Peers, passive) })
	switch {
	case c.End == ir.Ingress && sink:
		e.refuse("the rules close what comes from name resolution or from a domain, which open no connections: what goes to them is egress")
	case c.End == ir.Egress && len(scope) > 0 && !slices.ContainsFunc(scope, func(p ir.Peer) bool { return !inPods(p) || !specific(p) }):
		e.refuse("the rules close the egress of some to other pods: who is kept from pods is said as ingress of those pods")
	case c.End == ir.Egress && portsOnly && !e.sends() && !speaks(e.words, acts, false):
		e.refuse("the rules close ports of what the subject sends, and the statement does not speak of sending")
	case c.Firm && len(c.Except) == 0 && len(c.Scope) > 0 && portsOnly && !speaks(e.words, firmly, false):
		e.refuse("the rules close ports to everybody firmly, and no word of the statement says that nothing else may open them again")
	case !c.Firm && slices.ContainsFunc(scope, func(p ir.Peer) bool { return p.Kind != ir.Anybody }):
		e.refuse("the rules keep named parties apart, which is firm: no other statement may open it again")
	}
}

// passive peers open no connections.
func passive(p ir.Peer) bool { return p.Kind == ir.ClusterDNS || p.Kind == ir.Domain }

// sides holds an Allow's parties against what they can do.
func (e *evidence) sides(a *ir.Allow) {
	switch {
	case slices.ContainsFunc(a.From, passive):
		e.refuse("the rules let name resolution or a domain reach somebody, and it opens no connections: it is who is reached")
	case a.About == ir.Ingress && !slices.ContainsFunc(a.To, func(p ir.Peer) bool { return p.Kind != ir.Anybody || len(p.Minus) > 0 }):
		e.refuse("the rules are about what everybody accepts, which no sentence is about")
	case a.About == ir.Egress && !slices.ContainsFunc(a.From, inPods):
		e.refuse("the rules are about what somebody sends who has no pods: \"about\" is ingress")
	case !slices.ContainsFunc(slices.Concat(a.From, a.To), func(p ir.Peer) bool { return inPods(p) || p.Kind == ir.Anybody || p.Kind == ir.IngressController }):
		e.refuse("the rules allow traffic between parties that have no pods, which no policy sees")
	}
}

// alone says whether the words leave out all whom they do not name.
func (e *evidence) alone() bool { return speaks(e.words, onlyWords, false) || e.phrase(leavingOut) }
