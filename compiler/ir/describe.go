package ir

import (
	"fmt"
	"slices"
	"strings"
)

// String words a label requirement: "app=web", "tier in (a, b)", "!batch".
func (r Requirement) String() string {
	switch {
	case r.Operator == In && len(r.Values) == 1:
		return r.Key + "=" + r.Values[0]
	case r.Operator == NotIn && len(r.Values) == 1:
		return r.Key + "!=" + r.Values[0]
	case r.Operator == In:
		return r.Key + " in (" + strings.Join(r.Values, ", ") + ")"
	case r.Operator == NotIn:
		return r.Key + " not in (" + strings.Join(r.Values, ", ") + ")"
	case r.Operator == Exists:
		return r.Key
	default:
		return "!" + r.Key
	}
}

func requirements(rs []Requirement) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.String())
	}
	return strings.Join(out, ",")
}

// String words the namespaces after "of": "namespace shop", "any namespace".
func (n *Namespaces) String() string {
	if n == nil || len(n.Names)+len(n.Not)+len(n.Labels) == 0 {
		return "any namespace"
	}
	var out []string
	if len(n.Names) > 0 {
		word := "namespace "
		if len(n.Names) > 1 {
			word = "namespaces "
		}
		out = append(out, word+list(slices.Clone(n.Names), "and"))
	}
	if len(n.Not) > 0 {
		out = append(out, "any namespace but "+list(slices.Clone(n.Not), "and"))
	}
	if len(n.Labels) > 0 {
		out = append(out, "namespaces labelled "+requirements(n.Labels))
	}
	return strings.Join(out, ", ")
}

// String words the peer in plain English.
func (p Peer) String() string {
	s := p.plain()
	if len(p.Minus) > 0 {
		s += " but " + peers(p.Minus, "and")
	}
	return s
}

func (p Peer) plain() string {
	switch p.Kind {
	case Workload:
		return p.Namespace + "/" + p.Name
	case ServiceAccount:
		return "pods running as service account " + p.Namespace + "/" + p.Name
	case CIDR:
		if len(p.Except) == 0 {
			return p.Prefix.String()
		}
		var out []string
		for _, x := range p.Except {
			out = append(out, x.String())
		}
		return p.Prefix.String() + " without " + strings.Join(out, ", ")
	case Domain:
		return p.Name
	case World:
		return "outside"
	case Host:
		return "the nodes"
	case APIServer:
		return "the API server"
	case ClusterDNS:
		return "cluster DNS"
	case IngressController:
		return "the ingress controller"
	case Anybody:
		return "anybody"
	}
	switch {
	case len(p.Labels) > 0:
		return "pods labelled " + requirements(p.Labels) + " of " + p.In.String()
	case p.In.String() == "any namespace":
		return "every pod of the cluster"
	default:
		return "every pod of " + p.In.String()
	}
}

func peers(ps []Peer, and string) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return list(out, and)
}

// String words a port as the statement said it.
func (p Port) String() string {
	var s string
	switch {
	case p.Name != "":
		s = fmt.Sprintf("port %q", p.Name)
	case p.Number == 0:
		return "all " + p.Protocol
	case p.End > 0:
		s = fmt.Sprintf("ports %d-%d", p.Number, p.End)
	default:
		s = fmt.Sprintf("port %d", p.Number)
	}
	if p.Protocol != "" {
		s += "/" + p.Protocol
	}
	return s
}

func on(ports []Port) string {
	if len(ports) == 0 {
		return ""
	}
	var out []string
	for _, p := range ports {
		out = append(out, p.String())
	}
	return " on " + list(out, "and")
}

func traffic(ts []Traffic, preposition string) string {
	var out []string
	for _, t := range ts {
		switch {
		case len(t.Peers) == 0 && len(t.Ports) == 0:
			out = append(out, "anything")
		case len(t.Peers) == 0:
			out = append(out, strings.TrimPrefix(on(t.Ports), " "))
		default:
			out = append(out, preposition+" "+peers(t.Peers, "and")+on(t.Ports))
		}
	}
	return list(out, "and")
}

// String words the rule in plain English, the "reads as" of every report:
// "shop/web may reach shop/api on port 80", "traffic to shop/db is blocked,
// except from shop/api".
func (r Rule) String() string {
	if a := r.Allow; a != nil {
		return peers(a.From, "and") + " may reach " + peers(a.To, "and") + on(a.Ports)
	}
	c := r.Close
	toward, peer := "traffic to ", "from"
	if c.End == Egress {
		toward, peer = "traffic from ", "to"
	}
	s := toward + peers(c.Subject, "and")
	if len(c.Scope) > 0 {
		s += " " + traffic(c.Scope, peer)
	}
	s += " is blocked"
	if len(c.Except) > 0 {
		s += ", except " + traffic(c.Except, peer)
	}
	switch {
	case c.End == Egress && c.DNS == DNSClose:
		s += ", DNS too"
	case c.End == Egress && c.DNS == DNSKeep:
		s += ", DNS stays open"
	}
	if !c.Firm {
		s += ", unless another statement of the set allows it"
	}
	return s
}

// Words words an implied rule with its reason: "isolation: what no statement of
// the set allows to shop/db is closed".
func (b *Bound) Words() string {
	said := func(parties []*Party) []Peer {
		var out []Peer
		for _, p := range parties {
			out = append(out, p.Peer)
		}
		return out
	}
	if a := b.Allow; a != nil {
		r := Rule{Allow: &Allow{From: said(a.From), To: said(a.To), Ports: a.Ports.Said}}
		return b.Implied + ": " + r.String()
	}
	c := b.Close
	return b.Implied + ": " + Rule{Close: &Close{End: c.End, Subject: said(c.Subject), Firm: c.Firm}}.String()
}

// Words says rules in plain words, one string per rule.
func Words(rules []Rule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.String())
	}
	return out
}
