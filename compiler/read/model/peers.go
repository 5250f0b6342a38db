package model

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// everywhere stands for every namespace of the cluster. No namespace is called so.
const everywhere = "*"

// entities are the peers that need no name.
var entities = []string{string(ir.World), string(ir.Host), string(ir.APIServer), string(ir.ClusterDNS), string(ir.IngressController), string(ir.Anybody)}

// peers decodes a list of peers. Where it must hold one, none is refused: an
// empty list would mean nobody to some and everybody to others.
func (d *decoder) peers(at string, n node, must bool) []ir.Peer {
	items := d.list(at, n, maxItems)
	if must && len(items) == 0 && (n.none()) {
		d.refuse(at, "it names nobody: at least one peer is wanted")
	}
	var out []ir.Peer
	for i, item := range items {
		out = append(out, d.peer(fmt.Sprintf("%s[%d]", at, i), item))
	}
	return out
}

// peer decodes one peer: the key that it opens with says its kind.
func (d *decoder) peer(at string, n node) ir.Peer {
	if n.kind != isObject {
		d.refuse(at, "it is %s; an object is wanted", n.kind)
		return ir.Peer{}
	}
	var kind []string
	for _, k := range []string{"workload", "pods_in", "service_account", "cidr", "domain", "entity"} {
		if slices.Contains(n.keys, k) {
			kind = append(kind, k)
		}
	}
	if len(kind) != 1 {
		d.refuse(at, "a peer has exactly one of workload, pods_in, service_account, cidr, domain, entity")
		return ir.Peer{}
	}
	name := n.get(kind[0])
	at += "." + kind[0]
	switch kind[0] {
	case "workload":
		d.keys(at, n, "workload")
		return d.workload(at, name)
	case "pods_in":
		return d.pods(at, n)
	case "service_account":
		d.keys(at, n, "service_account")
		namespace, account, _ := strings.Cut(d.oneOf(at, name, "service account", d.s.ServiceAccounts), "/")
		return ir.Peer{Kind: ir.ServiceAccount, Namespace: namespace, Name: account}
	case "cidr":
		return d.cidr(at, n)
	case "domain":
		d.keys(at, n, "domain")
		return ir.Peer{Kind: ir.Domain, Name: d.oneOf(at, name, "domain", d.s.Domains)}
	default:
		return d.entity(at, n)
	}
}

func (d *decoder) workload(at string, n node) ir.Peer {
	var refs []string
	for _, w := range d.s.Workloads {
		refs = append(refs, w.Ref())
	}
	ref := d.oneOf(at, n, "workload", refs)
	for _, w := range d.s.Workloads {
		if ref != "" && w.Ref() == ref {
			return ir.Peer{Kind: ir.Workload, Namespace: w.Namespace, Name: w.Name, Type: w.Kind}
		}
	}
	return ir.Peer{Kind: ir.Workload}
}

func (d *decoder) pods(at string, n node) ir.Peer {
	keys := []string{"pods_in", "not_in", "namespace_labels", "labels"}
	if d.minus {
		keys = append(keys, "minus")
	}
	d.keys(at, n, keys...)
	known := []string{everywhere}
	for _, ns := range d.s.Namespaces {
		known = append(known, ns.Name)
	}
	in := ir.Namespaces{
		Names:  d.someOf(at, n.get("pods_in"), "namespace", known),
		Not:    d.someOf(at+".not_in", n.get("not_in"), "namespace", known[1:]),
		Labels: d.labels(at+".namespace_labels", n.get("namespace_labels"), d.s.NamespaceLabels),
	}
	switch {
	case n.get("pods_in").none():
		d.refuse(at, "it names no namespace: %q stands for every one", everywhere)
	case slices.Contains(in.Names, everywhere) && len(in.Names) > 1:
		d.refuse(at, "%q stands for every namespace: no other is listed beside it", everywhere)
	case slices.Contains(in.Names, everywhere):
		in.Names = nil
	case len(in.Not) > 0:
		d.refuse(at, "not_in takes namespaces out of %q: where namespaces are listed, list the ones that are meant", everywhere)
	}
	p := ir.Peer{Kind: ir.Pods, Labels: d.labels(at+".labels", n.get("labels"), d.s.Labels), Minus: d.taken(at+".minus", n.get("minus"))}
	if len(in.Names)+len(in.Not)+len(in.Labels) > 0 {
		p.In = &in
	}
	return p
}

func (d *decoder) entity(at string, n node) ir.Peer {
	p := ir.Peer{Kind: ir.PeerKind(d.choice(at, n.get("entity"), entities...))}
	keys := []string{"entity"}
	if d.minus {
		keys = append(keys, "minus")
	}
	d.keys(at, n, keys...)
	p.Minus = d.taken(at+".minus", n.get("minus"))
	if len(p.Minus) > 0 && p.Kind != ir.World && p.Kind != ir.Anybody {
		d.refuse(at+".minus", "only pods, world and anybody can have somebody taken out of them")
	}
	return p
}

func (d *decoder) cidr(at string, n node) ir.Peer {
	p := ir.Peer{Kind: ir.CIDR, Prefix: d.prefix(at, d.oneOf(at, n.get("cidr"), "cidr", d.s.CIDRs))}
	keys := []string{"cidr"}
	if d.minus {
		keys = append(keys, "without")
	}
	d.keys(at, n, keys...)
	for _, x := range d.someOf(at+".without", n.get("without"), "cidr", d.s.CIDRs) {
		x := d.prefix(at+".without", x)
		if x.IsValid() && p.Prefix.IsValid() && (x == p.Prefix || !p.Prefix.Overlaps(x) || x.Bits() < p.Prefix.Bits()) {
			d.refuse(at+".without", "%s does not lie within %s", x, p.Prefix)
		}
		p.Except = append(p.Except, x)
	}
	return p
}

func (d *decoder) prefix(at, s string) netip.Prefix {
	if s == "" {
		return netip.Prefix{} // said already
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		d.refuse(at, "%q is no prefix", cut(s, 80))
	}
	return p
}

// taken decodes the peers that another is without.
func (d *decoder) taken(at string, n node) []ir.Peer {
	if n.none() || !d.minus {
		return nil // inside another minus it is no key, which has been said
	}
	d.minus = false
	defer func() { d.minus = true }()
	return d.peers(at, n, false)
}

// labels decodes labels: "key=value", "key", and either with "!" before it. Two
// values of one key are alternatives, since no pod has both.
func (d *decoder) labels(at string, n node, known []string) []ir.Requirement {
	var out []ir.Requirement
	for _, l := range d.someOf(at, n, "label", withNot(known)) {
		not := false
		if !slices.Contains(known, l) { // a key that itself begins with "!" is none in Kubernetes
			l, not = strings.TrimPrefix(l, "!"), true
		}
		key, value, valued := strings.Cut(l, "=")
		r := ir.Requirement{Key: key, Operator: operator(valued, not)}
		if !valued {
			out = append(out, r)
			continue
		}
		i := slices.IndexFunc(out, func(o ir.Requirement) bool { return o.Key == r.Key && o.Operator == r.Operator })
		if i < 0 {
			i, out = len(out), append(out, r)
		}
		if !slices.Contains(out[i].Values, value) {
			out[i].Values = append(out[i].Values, value)
		}
	}
	return out
}

func operator(valued, not bool) ir.Operator {
	switch {
	case valued && not:
		return ir.NotIn
	case valued:
		return ir.In
	case not:
		return ir.DoesNotExist
	default:
		return ir.Exists
	}
}

// withNot adds to each label what it is not.
func withNot(labels []string) []string {
	out := slices.Clone(labels)
	for _, l := range labels {
		out = append(out, "!"+l)
	}
	return out
}

// ports decodes ports as portChoices lists them.
func (d *decoder) ports(at string, n node) []ir.Port {
	var out []ir.Port
	choices := portChoices(d.s)
	for _, word := range d.someOf(at, n, "port", choices) {
		var p ir.Port
		switch {
		case slices.Contains(d.s.Ports, word):
			p = port(word)
		case slices.Contains(d.s.Protocols, word):
			p = ir.Port{Protocol: word}
		default:
			i := strings.LastIndexByte(word, '/')
			p = port(word[:i])
			p.Protocol = word[i+1:]
		}
		if p.Name == "" && p.Number == 0 && p.Protocol == "" || p.Number > 65535 || p.End > 65535 || p.End > 0 && p.End < p.Number || p.Name == "" && p.Protocol == "ICMP" && p.Number > 0 {
			d.refuse(at, "%q is no port", cut(word, 80))
		}
		out = append(out, p)
	}
	return out
}

// port reads a port of a shortlist: a number, a range, or a name. What is none of
// them, such as a number that is too large, is the zero Port or out of range.
func port(word string) ir.Port {
	lo, hi, ranged := strings.Cut(word, "-")
	a, errA := strconv.Atoi(lo)
	b, errB := strconv.Atoi(hi)
	digits := strings.Trim(word, "0123456789-") == ""
	switch {
	case digits && !ranged && errA == nil && a > 0:
		return ir.Port{Number: a}
	case digits && ranged && errA == nil && errB == nil && a > 0 && b > 0:
		return ir.Port{Number: a, End: b}
	case digits:
		return ir.Port{}
	}
	return ir.Port{Name: word}
}

// portChoices lists how a port may be said: a port, a protocol, or both.
func portChoices(s *names.Shortlist) []string {
	out := slices.Concat(s.Ports, s.Protocols)
	for _, p := range s.Ports {
		for _, protocol := range s.Protocols {
			if protocol != "ICMP" {
				out = append(out, p+"/"+protocol)
			}
		}
	}
	return out
}

// oneOf returns a string that is in the list, or "" after a problem.
func (d *decoder) oneOf(at string, n node, what string, list []string) string {
	switch {
	case n.kind != isString:
		d.refuse(at, "it is %s; a string is wanted", n.said())
	case slices.Contains(list, n.text) && n.text != "":
		return n.text
	case len(list) == 0:
		d.refuse(at, "%q is no %s of the inventory that is listed, which has none", cut(n.text, 80), what)
	default:
		msg := fmt.Sprintf("%q is no %s of those that are listed", cut(n.text, 80), what)
		if near := nearest(n.text, list); near != "" {
			msg += fmt.Sprintf("; did you mean %q?", near)
		}
		d.refuse(at, "%s", msg)
	}
	return ""
}

// someOf returns the strings of a list that are in the other list, without twins.
func (d *decoder) someOf(at string, n node, what string, list []string) []string {
	var out []string
	for i, item := range d.list(at, n, maxItems) {
		if s := d.oneOf(fmt.Sprintf("%s[%d]", at, i), item, what, list); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// nearest returns the entry of the list that word may be a slip of: the same but
// for a namespace that was left out or a few letters.
func nearest(word string, list []string) string {
	if len(word) > 300 {
		return ""
	}
	key := names.Key(word)
	best, at := "", max(2, len(key)/3)+1
	for _, s := range list {
		_, short, _ := strings.Cut(s, "/")
		for _, form := range []string{s, short} {
			if form == "" {
				continue
			}
			if dist := names.Distance(key, names.Key(form), at); dist < at {
				best, at = s, dist
			}
		}
	}
	return best
}
