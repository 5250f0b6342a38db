package ir

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

const nameLabel = inventory.NameLabel

// linker binds the rules of one intent.
type linker struct {
	inv    *inventory.Inventory
	facts  *Addresses
	set    *Set
	intent *Intent
	diags  diag.List
}

// Link binds the rules of the sets to inv and adds what they imply: soft closes
// (section 4.3), DNS (4.6) and ingress controllers (4.5). closed says whether a
// policy in force restricts an end of a workload's pods; nil means none does.
// Names that no longer exist, ports that nothing listens on and host-network
// workloads are errors on the intent.
func Link(inv *inventory.Inventory, sets []*Set, closed func(*inventory.Workload, End) bool) (*Program, diag.List) {
	p := &Program{Inventory: inv}
	l := linker{inv: inv, facts: addresses(inv.Facts)}
	for _, set := range sets {
		l.set = set
		from := len(p.Rules)
		for _, intent := range set.Intents {
			l.intent = intent
			for _, r := range intent.Rules {
				p.Rules = append(p.Rules, l.rule(r)...)
			}
		}
		p.Rules = append(p.Rules, l.implied(p.Rules[from:], closed)...)
	}
	return p, l.diags.Sorted()
}

func addresses(f inventory.Facts) *Addresses {
	set := func(ps []netip.Prefix) *netipx.IPSet {
		var b netipx.IPSetBuilder
		for _, p := range ps {
			b.AddPrefix(p)
		}
		s, _ := b.IPSet() // only fails on invalid prefixes, which load refuses
		return s
	}
	return &Addresses{Pods: set(f.PodCIDRs), Services: set(f.ServiceCIDRs), Nodes: set(f.NodeCIDRs)}
}

func (l *linker) errorf(id diag.ID, s Span, format string, args ...any) *diag.Diagnostic {
	l.diags = append(l.diags, diag.Errorf(id, l.intent.Position(s), format, args...).About(l.intent.Name))
	return &l.diags[len(l.diags)-1]
}

// rule binds one rule: to one Bound, or to two where cluster DNS, which is
// reached on its own ports only, is listed beside others.
func (l *linker) rule(r Rule) []*Bound {
	var out []*Bound
	n := len(l.diags)
	switch {
	case r.Allow != nil:
		a := r.Allow
		from := l.parties(a.From, peer)
		for _, t := range splitDNS(Traffic{Peers: a.To, Ports: a.Ports}) {
			to := l.parties(t.Peers, peer)
			out = append(out, &Bound{Intent: l.intent, Set: l.set, Span: a.Span,
				Allow: &BoundAllow{From: from, To: to, Ports: l.destined(t, to, true), About: a.About}})
		}
	case r.Close != nil:
		c := r.Close
		subjects := l.parties(c.Subject, subject)
		out = append(out, &Bound{Intent: l.intent, Set: l.set, Span: c.Span,
			Close: &BoundClose{End: c.End, Subject: subjects, Firm: c.Firm, DNS: c.DNS,
				Scope: l.traffic(c.Scope, c.End, subjects, false), Except: l.traffic(c.Except, c.End, subjects, true)}})
	}
	if l.diags[n:].HasErrors() {
		return nil
	}
	return out
}

// splitDNS parts cluster DNS from other destinations where no port is said.
func splitDNS(t Traffic) []Traffic {
	var dns, others []Peer
	for _, p := range t.Peers {
		if p.Kind == ClusterDNS {
			dns = append(dns, p)
		} else {
			others = append(others, p)
		}
	}
	if len(t.Ports) > 0 || len(dns) == 0 || len(others) == 0 {
		return []Traffic{t}
	}
	return []Traffic{{Peers: others}, {Peers: dns}}
}

// destined links the ports of traffic to destinations. To reach cluster DNS is to
// reach it on the DNS ports: its metrics are another matter (section 4.6).
func (l *linker) destined(t Traffic, at []*Party, must bool) PortMap {
	if len(t.Ports) == 0 && len(t.Peers) > 0 && t.Peers[0].Kind == ClusterDNS {
		return l.dnsPorts()
	}
	return l.ports(t.Ports, at, must)
}

func (l *linker) dnsPorts() PortMap {
	var m PortMap
	for _, p := range l.inv.Facts.DNS.Ports {
		m.Default = m.Default.Union(Ports(p.Protocol, p.Number, p.Number))
		m.Said = append(m.Said, Port{Number: p.Number, Protocol: p.Protocol})
	}
	return m
}

func (l *linker) traffic(list []Traffic, end End, subjects []*Party, must bool) []BoundTraffic {
	var out []BoundTraffic
	for _, t := range list {
		if end == Ingress {
			out = append(out, BoundTraffic{Peers: l.parties(t.Peers, peer), Ports: l.ports(t.Ports, subjects, must)})
			continue
		}
		for _, t := range splitDNS(t) {
			peers := l.parties(t.Peers, peer)
			out = append(out, BoundTraffic{Peers: peers, Ports: l.destined(t, peers, must)})
		}
	}
	return out
}

func (l *linker) parties(peers []Peer, as role) []*Party {
	var out []*Party
	for _, p := range peers {
		if party := l.party(p, as); party != nil {
			out = append(out, party)
		}
	}
	return out
}

// role is what a party is for: host-network pods can be neither peers nor
// subjects, but may be named in an exception, which takes them out.
type role int

const (
	peer role = iota
	subject
	exception
)

// party links one peer, or returns nil after an error.
func (l *linker) party(p Peer, as role) *Party {
	party := &Party{Peer: p, facts: l.facts, means: map[*inventory.Workload]bool{}}
	for _, m := range p.Minus {
		if mp := l.party(m, exception); mp != nil {
			party.Minus = append(party.Minus, mp)
		}
	}
	var host []*inventory.Workload
	mean := func(w *inventory.Workload) {
		if HasAny(party.Minus, Endpoint{Workload: w, Namespace: l.inv.Namespace(w.Namespace), Labels: w.Labels}) == Yes {
			return
		}
		if w.HostNetwork && as != exception {
			host = append(host, w)
		} else {
			party.Workloads = append(party.Workloads, w)
			party.means[w] = true
		}
	}
	switch p.Kind {
	case Workload:
		for _, w := range l.inv.Workload(p.Namespace, p.Name) {
			if p.Type == "" || p.Type == w.Kind {
				mean(w)
			}
		}
		if len(party.Workloads) == 0 && len(host) == 0 {
			l.errorf(diag.ReadName, p.Span, "no workload %q in namespace %q", p.Name, p.Namespace)
			return nil
		}
	case ServiceAccount:
		for _, w := range l.inv.Workloads {
			if w.Namespace == p.Namespace && w.ServiceAccount == p.Name {
				mean(w)
			}
		}
		if len(party.Workloads) == 0 {
			l.errorf(diag.ReadName, p.Span, "no workload runs as service account %q of namespace %q", p.Name, p.Namespace)
			return nil
		}
	case ClusterDNS:
		d := l.inv.Facts.DNS
		party.Peer.In = &Namespaces{Names: []string{d.Namespace}}
		party.Peer.Labels = Equalities(d.Labels)
		l.selected(party, mean)
	case Pods:
		if !l.namespacesExist(p) {
			return nil
		}
		l.selected(party, mean)
		if len(party.Workloads)+len(host) == 0 && len(p.Labels) > 0 {
			l.errorf(diag.ReadName, p.Span, "no pod is %s", party.Peer.String())
			return nil
		}
	case IngressController:
		for _, w := range l.inv.IngressControllers() {
			mean(w)
		}
		if len(party.Workloads)+len(host) == 0 {
			l.errorf(diag.ReadName, p.Span, "no ingress controller in the inventory")
			return nil
		}
	case CIDR:
		if !l.cidr(party) {
			return nil
		}
	}
	if len(host) > 0 && (as == subject || p.Kind != Pods) {
		d := l.errorf(diag.LowerHostNetwork, p.Span, "%s uses the host's network, where no policy can select it", host[0].Ref())
		*d = d.Hint("leave it out, or run it on the pod network")
		return nil
	}
	return party
}

func (l *linker) selected(party *Party, mean func(*inventory.Workload)) {
	for _, w := range l.inv.Workloads {
		if party.Peer.In.selects(l.inv.Namespace(w.Namespace).Labels) && meetAll(party.Peer.Labels, w.Labels) {
			mean(w)
		}
	}
}

func (l *linker) namespacesExist(p Peer) bool {
	if p.In == nil {
		return true
	}
	for _, n := range slices.Concat(p.In.Names, p.In.Not) {
		if l.inv.Namespace(n) == nil {
			l.errorf(diag.ReadName, p.Span, "no namespace %q", n)
			return false
		}
	}
	if len(p.In.Labels) > 0 && !slices.ContainsFunc(l.inv.Namespaces, func(n *inventory.Namespace) bool { return p.In.selects(n.Labels) }) {
		l.errorf(diag.ReadName, p.Span, "no namespace has the labels %s", requirements(p.In.Labels))
		return false
	}
	return true
}

// cidr fills the addresses of a CIDR peer: its prefix without its exceptions and
// without pod addresses, which no ipBlock means the same way on two dataplanes.
func (l *linker) cidr(party *Party) bool {
	p := party.Peer
	var b netipx.IPSetBuilder
	b.AddPrefix(p.Prefix)
	for _, x := range p.Except {
		if !p.Prefix.Overlaps(x) || x.Bits() < p.Prefix.Bits() {
			l.errorf(diag.ReadName, p.Span, "the exception %s does not lie within %s", x, p.Prefix)
			return false
		}
		b.RemovePrefix(x)
	}
	for _, pods := range l.inv.Facts.PodCIDRs {
		if pods.Overlaps(p.Prefix) && pods.Bits() <= p.Prefix.Bits() {
			d := l.errorf(diag.LowerUnknownCIDR, p.Span, "%s lies within the pod network %s, where addresses do not last", p.Prefix, pods)
			*d = d.Hint("name the workloads, labels or namespaces instead")
			return false
		}
		b.RemovePrefix(pods)
	}
	party.Addrs, _ = b.IPSet()
	if len(party.Addrs.Ranges()) == 0 {
		l.errorf(diag.ReadName, p.Span, "%s without its exceptions is empty", p.Prefix)
		return false
	}
	return true
}

// Equalities turns a map of labels into sorted requirements.
func Equalities(labels map[string]string) []Requirement {
	var out []Requirement
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, Requirement{Key: k, Operator: In, Values: []string{labels[k]}})
	}
	return out
}

// ports links a list of ports at the destinations. must says that something has
// to listen there; otherwise an idle port is a warning.
func (l *linker) ports(said []Port, at []*Party, must bool) PortMap {
	m := PortMap{Any: len(said) == 0, Said: said}
	if m.Any {
		return m
	}
	m.Per = map[*inventory.Workload]PortSet{}
	var workloads []*inventory.Workload
	addresses := len(at) == 0
	for _, p := range at {
		workloads = append(workloads, p.Workloads...)
		addresses = addresses || !slices.Contains([]PeerKind{Workload, Pods, ServiceAccount, ClusterDNS, IngressController}, p.Peer.Kind)
	}
	for _, port := range said {
		if port.Protocol == "ICMP" {
			d := l.errorf(diag.LowerUnsayable, port.Span, "ICMP cannot be said in a NetworkPolicy, which knows TCP, UDP and SCTP")
			*d = d.Hint("target cilium or calico can say it")
			continue
		}
		m.Default = m.Default.Union(plainPort(port))
		l.portAt(port, workloads, addresses, must, m)
	}
	return m
}

// portAt adds to m what port means on each workload.
func (l *linker) portAt(port Port, workloads []*inventory.Workload, addresses, must bool, m PortMap) {
	served := addresses && !plainPort(port).Empty()
	for _, w := range workloads {
		set, ok, err := l.resolve(port, w)
		if err != nil {
			l.errorf(diag.ReadAmbiguous, port.Span, "%s of %s: %v", port, w.Ref(), err)
			return
		}
		served = served || ok
		m.Per[w] = m.Per[w].Union(set)
	}
	if served || len(workloads) == 0 && !addresses {
		return
	}
	if len(workloads) == 0 {
		l.errorf(diag.ReadPort, port.Span, "no well-known port is called %q", port.Name)
		return
	}
	var names []string
	for _, w := range workloads {
		names = append(names, w.Ref())
	}
	msg := fmt.Sprintf("nothing listens on %s of %s", port, list(names, "or"))
	if !must && port.Name == "" {
		l.diags = append(l.diags, diag.Warningf(diag.ReadPort, l.intent.Position(port.Span), "%s", msg).About(l.intent.Name))
		return
	}
	d := l.errorf(diag.ReadPort, port.Span, "%s", msg)
	if known := l.exposed(workloads); known != "" {
		*d = d.Hint("it has %s", known)
	}
}

func list(words []string, and string) string {
	slices.Sort(words)
	words = slices.Compact(words)
	switch n := len(words); {
	case n == 0:
		return "nobody"
	case n == 1:
		return words[0]
	case n > 6:
		return fmt.Sprintf("%s and %d others", strings.Join(words[:5], ", "), n-5)
	default:
		return strings.Join(words[:n-1], ", ") + " " + and + " " + words[n-1]
	}
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
