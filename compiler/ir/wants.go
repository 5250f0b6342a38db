package ir

// This file is section 4.2 of the design: what a program wants of a flow.
//
//  1. Blocked, if a firm Close covers it at either end.
//  2. Else blocked, if a soft Close covers it and no Allow of the same intent
//     set does.
//  3. Else it passes, if an Allow covers it.
//  4. Else it is as before: what the policies in force say.
//
// Membership has three values. A node's address is neither surely outside nor
// surely not (section 4.5), so whether a rule about outside covers it is Maybe;
// where a Maybe would change the verdict, the program wants nothing (Free).

// Answer is three-valued: No < Maybe < Yes.
type Answer int

const (
	No Answer = iota
	Maybe
	Yes
)

func answer(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

func (a Answer) not() Answer { return Yes - a }

// Has says whether e is one of p.
func (p *Party) Has(e Endpoint) Answer {
	a := p.covers(e)
	for _, m := range p.Minus {
		a = min(a, m.Has(e).not())
	}
	return a
}

func (p *Party) covers(e Endpoint) Answer {
	switch p.Peer.Kind {
	case Workload, ServiceAccount, IngressController:
		return answer(e.Workload != nil && p.means[e.Workload])
	case Pods, ClusterDNS:
		return answer(e.IsPod() && p.Peer.In.selects(e.Namespace.Labels) && meetAll(p.Peer.Labels, e.Labels))
	case CIDR:
		return answer(!e.IsPod() && p.Addrs.Contains(e.Addr))
	case World:
		if e.IsPod() || p.facts.Pods.Contains(e.Addr) || p.facts.Services.Contains(e.Addr) {
			return No
		}
		if p.facts.Nodes.Contains(e.Addr) {
			return Maybe
		}
		return Yes
	case Host:
		return answer(!e.IsPod() && p.facts.Nodes.Contains(e.Addr))
	case Anybody:
		return Yes
	default: // APIServer, Domain: no address of theirs is known
		return No
	}
}

func (n *Namespaces) selects(labels map[string]string) bool {
	if n == nil {
		return true
	}
	name := labels[nameLabel]
	if len(n.Names) > 0 && !contains(n.Names, name) || contains(n.Not, name) {
		return false
	}
	return meetAll(n.Labels, labels)
}

func meetAll(rs []Requirement, labels map[string]string) bool {
	for _, r := range rs {
		if !r.Meets(labels) {
			return false
		}
	}
	return true
}

// HasAny says whether e is one of any of the parties.
func HasAny(parties []*Party, e Endpoint) Answer {
	a := No
	for _, p := range parties {
		a = max(a, p.Has(e))
	}
	return a
}

// Covers says whether the Allow covers f.
func (a *BoundAllow) Covers(f Flow) Answer {
	if !a.Ports.On(f.To).Has(f.Protocol, f.Port) {
		return No
	}
	return min(HasAny(a.From, f.From), HasAny(a.To, f.To))
}

// Covers says whether the Close blocks f at its end, before soft closes yield.
func (c *BoundClose) Covers(f Flow) Answer {
	subject, peer := f.To, f.From
	if c.End == Egress {
		subject, peer = f.From, f.To
	}
	a := HasAny(c.Subject, subject)
	if a == No {
		return No
	}
	if len(c.Scope) > 0 {
		a = min(a, covered(c.Scope, peer, f))
	}
	return min(a, covered(c.Except, peer, f).not())
}

func covered(list []BoundTraffic, peer Endpoint, f Flow) Answer {
	a := No
	for _, t := range list {
		if !t.Ports.On(f.To).Has(f.Protocol, f.Port) {
			continue
		}
		if len(t.Peers) == 0 {
			return Yes
		}
		a = max(a, HasAny(t.Peers, peer))
	}
	return a
}

// Verdict is what a program wants of a flow.
type Verdict int

const (
	AsBefore Verdict = iota // what the policies in force say
	Pass
	Block
	Free // either: the statements promise nothing
)

// String returns the verdict in a word or two.
func (v Verdict) String() string {
	return [...]string{"as before", "allowed", "blocked", "unspecified"}[v]
}

// Decision is a verdict and the rule that gave it (nil for AsBefore).
type Decision struct {
	Verdict Verdict
	By      *Bound
}

// Wants returns what the program wants of f. Only flows with a pod at one end,
// between different pods, are judged (section 4.7).
func (p *Program) Wants(f Flow) Decision {
	maybe := false
	for _, b := range p.Rules {
		if b.Close != nil && b.Close.Firm {
			switch b.Close.Covers(f) {
			case Yes:
				return Decision{Block, b}
			case Maybe:
				maybe = true
			}
		}
	}
	var allow, block *Bound
	for _, b := range p.Rules {
		if b.Close == nil || b.Close.Firm {
			continue
		}
		covers := b.Close.Covers(f)
		if covers == No {
			continue
		}
		yields, _ := p.allowed(f, b.Set)
		switch {
		case yields == Yes:
		case covers == Yes && yields == No:
			block = b
		default:
			maybe = true
		}
	}
	allowed, allow := p.allowed(f, nil)
	switch {
	case maybe && block != nil:
		return Decision{Block, block}
	case maybe || block == nil && allowed == Maybe:
		return Decision{Free, allow}
	case block != nil:
		return Decision{Block, block}
	case allowed == Yes:
		return Decision{Pass, allow}
	}
	return Decision{}
}

// allowed says whether an Allow of the set (of any set, if nil) covers f.
func (p *Program) allowed(f Flow, set *Set) (Answer, *Bound) {
	best, by := No, (*Bound)(nil)
	for _, b := range p.Rules {
		if b.Allow == nil || set != nil && b.Set != set {
			continue
		}
		if a := b.Allow.Covers(f); a > best {
			best, by = a, b
		}
	}
	return best, by
}
