package ir

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// implied returns the rules of one set that no statement says, but the meaning
// of its statements brings along.
func (l *linker) implied(stated []*Bound, closed func(*inventory.Workload, End) bool) []*Bound {
	var out []*Bound
	if !l.set.Explicit {
		out = append(out, l.isolation(stated)...)
	}
	out = append(out, l.controllers(stated)...)
	return append(out, l.dns(stated, out, closed)...)
}

// isolation is section 4.3: an Allow closes, softly, the end it is about.
func (l *linker) isolation(stated []*Bound) []*Bound {
	var out []*Bound
	for _, b := range stated {
		if b.Allow == nil || b.Allow.About == "" {
			continue
		}
		end, parties := b.Allow.About, b.Allow.To
		if end == Ingress && !slices.ContainsFunc(parties, (*Party).pods) {
			end = Egress
		}
		if end == Egress {
			parties = b.Allow.From
		}
		var subject []*Party
		for _, p := range parties {
			if p.pods() && p.within(l.set.Namespace) {
				subject = append(subject, p)
			}
		}
		if len(subject) > 0 {
			out = append(out, &Bound{Intent: b.Intent, Set: b.Set, Implied: "isolation", Span: b.Span,
				Close: &BoundClose{End: end, Subject: subject}})
		}
	}
	return out
}

// pods says whether p means pods and nothing else.
func (p *Party) pods() bool {
	switch p.Peer.Kind {
	case Workload, Pods, ServiceAccount, ClusterDNS, IngressController:
		return true
	}
	return false
}

// named says whether p is something that is found by a name (section 4.6); DNS
// itself is found by its address.
func (p *Party) named() bool {
	return p.pods() && p.Peer.Kind != ClusterDNS || p.Peer.Kind == Domain
}

// within says whether p lies in the namespace and nowhere else.
func (p *Party) within(namespace string) bool {
	switch p.Peer.Kind {
	case Workload, ServiceAccount:
		return namespace != "" && p.Peer.Namespace == namespace
	case Pods:
		return namespace != "" && p.Peer.In != nil && slices.Equal(p.Peer.In.Names, []string{namespace})
	}
	return false
}

// controllers is the end of section 4.5: where outside is let in to a workload
// that an Ingress routes to, the controller's pods are let in too.
func (l *linker) controllers(stated []*Bound) []*Bound {
	controllers := l.inv.IngressControllers()
	if len(controllers) == 0 {
		return nil
	}
	outside := func(ps []*Party) bool {
		return slices.ContainsFunc(ps, func(p *Party) bool { return p.Peer.Kind == World })
	}
	party := func(b *Bound) *Party {
		l.intent = b.Intent
		return l.party(Peer{Kind: IngressController}, peer)
	}
	var out []*Bound
	for _, b := range stated {
		switch {
		case b.Allow != nil && outside(b.Allow.From):
			var to []*Party
			for _, t := range b.Allow.To {
				if slices.ContainsFunc(t.Workloads, l.inv.Routed) {
					to = append(to, t)
				}
			}
			if len(to) == 0 {
				continue
			}
			if c := party(b); c != nil {
				out = append(out, &Bound{Intent: b.Intent, Set: b.Set, Implied: "ingress", Span: b.Span,
					Allow: &BoundAllow{From: []*Party{c}, To: to, Ports: b.Allow.Ports}})
			}
		case b.Close != nil && b.Close.End == Ingress:
			for i, t := range b.Close.Except {
				if !outside(t.Peers) || !slices.ContainsFunc(b.Close.Subject, func(s *Party) bool { return slices.ContainsFunc(s.Workloads, l.inv.Routed) }) {
					continue
				}
				if c := party(b); c != nil {
					b.Close.Except[i].Peers = append(t.Peers, c)
				}
			}
		}
	}
	return out
}

// dns is section 4.6. A firm Close of egress takes DNS into its exceptions; for
// a soft one, and for a policy in force that closes the egress, an Allow is
// added for the senders that the set opens to something named.
func (l *linker) dns(stated, implied []*Bound, closed func(*inventory.Workload, End) bool) []*Bound {
	var out []*Bound
	dns := func(b *Bound) *BoundTraffic {
		l.intent = b.Intent
		party := l.party(Peer{Kind: ClusterDNS}, peer)
		if party == nil {
			return nil
		}
		return &BoundTraffic{Peers: []*Party{party}, Ports: l.dnsPorts()}
	}
	open := func(b *Bound, from []*Party) {
		if t := dns(b); t != nil && len(from) > 0 {
			out = append(out, &Bound{Intent: b.Intent, Set: b.Set, Implied: "dns", Span: b.Span,
				Allow: &BoundAllow{From: from, To: t.Peers, Ports: t.Ports}})
		}
	}
	all := slices.Concat(stated, implied)
	silenced := func(w *inventory.Workload) bool {
		return slices.ContainsFunc(all, func(b *Bound) bool {
			return b.Close != nil && b.Close.End == Egress && l.mode(b.Close) == DNSClose && slices.ContainsFunc(b.Close.Subject, func(p *Party) bool { return p.means[w] })
		})
	}
	for _, b := range all {
		if b.Close == nil || b.Close.End != Egress || !b.Close.cutsNames() {
			continue
		}
		mode := l.mode(b.Close)
		named := slices.ContainsFunc(b.Close.Except, func(t BoundTraffic) bool { return slices.ContainsFunc(t.Peers, (*Party).named) })
		switch {
		case mode == DNSClose:
		case b.Close.Firm && (mode == DNSKeep || named):
			if t := dns(b); t != nil {
				b.Close.Except = append(b.Close.Except, *t)
			}
		case !b.Close.Firm && mode == DNSKeep:
			open(b, b.Close.Subject)
		}
	}
	for _, b := range all {
		if b.Allow == nil || !slices.ContainsFunc(b.Allow.To, (*Party).named) {
			continue
		}
		var from []*Party
		for _, p := range b.Allow.From {
			from = append(from, l.shut(p, all, silenced, closed)...)
		}
		open(b, from)
	}
	return out
}

func (l *linker) mode(c *BoundClose) DNSMode {
	if c.DNS != DNSAuto {
		return c.DNS
	}
	return l.set.DNS
}

// cutsNames says whether the Close could cut DNS at all: not if its scope is
// outside, nodes, addresses or domains only.
func (c *BoundClose) cutsNames() bool {
	if len(c.Scope) == 0 {
		return true
	}
	return slices.ContainsFunc(c.Scope, func(t BoundTraffic) bool {
		return len(t.Peers) == 0 || slices.ContainsFunc(t.Peers, func(p *Party) bool { return p.Peer.Kind == Anybody || p.Peer.Kind == Pods })
	})
}

// shut returns the part of p whose egress a soft Close of the set, or a policy
// in force, closes: p itself if all of it is, else its closed workloads.
func (l *linker) shut(p *Party, rules []*Bound, silenced func(*inventory.Workload) bool, closed func(*inventory.Workload, End) bool) []*Party {
	if !p.pods() {
		return nil
	}
	var shut []*inventory.Workload
	whole := true
	for _, w := range p.Workloads {
		is := closed != nil && closed(w, Egress) && l.set.DNS != DNSClose
		for _, b := range rules {
			is = is || b.Close != nil && !b.Close.Firm && b.Close.End == Egress && b.Close.cutsNames() && slices.ContainsFunc(b.Close.Subject, func(s *Party) bool { return s.means[w] })
		}
		is = is && !silenced(w)
		if is {
			shut = append(shut, w)
		}
		whole = whole && is
	}
	if len(shut) == 0 {
		return nil
	}
	if whole {
		return []*Party{p}
	}
	var out []*Party
	for _, w := range shut {
		out = append(out, &Party{Peer: Peer{Kind: Workload, Namespace: w.Namespace, Name: w.Name, Type: w.Kind},
			Workloads: []*inventory.Workload{w}, means: map[*inventory.Workload]bool{w: true}, facts: l.facts})
	}
	return out
}
