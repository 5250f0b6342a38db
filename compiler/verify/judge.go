package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// judge asks a program about flows between the endpoints of a universe. The
// yardstick is ir's Wants; the judge only leaves out the rules that cannot cover
// a flow because of its ends, which it looks up once for every endpoint.
type judge struct {
	p       *ir.Program
	ends    []ir.Endpoint
	from    [][]bool // endpoint -> rule: an Allow's sources may have it
	to      [][]bool // endpoint -> rule: an Allow's destinations may have it
	subject [][]bool // endpoint -> rule: a Close's subject may have it
	classes []string // endpoint -> what the rules tell it apart by
}

func newJudge(p *ir.Program, u *Universe) *judge {
	j := &judge{p: p, ends: u.Endpoints}
	list, maps := parties(p), portMaps(p)
	for _, e := range j.ends {
		has := map[*ir.Party]ir.Answer{}
		var class strings.Builder
		for _, party := range list {
			a := party.Has(e)
			has[party] = a
			class.WriteByte(byte('0' + a))
		}
		for i, m := range maps {
			if set, ok := m.Per[e.Workload]; ok && e.Workload != nil && !set.Equal(m.Default) {
				fmt.Fprint(&class, " ", i, set)
			}
		}
		j.classes = append(j.classes, class.String())
		any := func(ps []*ir.Party) bool {
			return slices.ContainsFunc(ps, func(p *ir.Party) bool { return has[p] != ir.No })
		}
		from, to, subject := make([]bool, len(p.Rules)), make([]bool, len(p.Rules)), make([]bool, len(p.Rules))
		for i, b := range p.Rules {
			if b.Allow != nil {
				from[i], to[i] = any(b.Allow.From), any(b.Allow.To)
			} else {
				subject[i] = any(b.Close.Subject)
			}
		}
		j.from, j.to, j.subject = append(j.from, from), append(j.to, to), append(j.subject, subject)
	}
	return j
}

func portMaps(p *ir.Program) []ir.PortMap {
	var out []ir.PortMap
	for _, b := range p.Rules {
		if b.Allow != nil {
			out = append(out, b.Allow.Ports)
			continue
		}
		for _, t := range slices.Concat(b.Close.Scope, b.Close.Except) {
			out = append(out, t.Ports)
		}
	}
	return out
}

// about returns the program of the rules that can cover a flow between two
// endpoints.
func (j *judge) about(from, to int) *ir.Program {
	out := &ir.Program{Inventory: j.p.Inventory}
	for i, b := range j.p.Rules {
		if b.Allow != nil && j.from[from][i] && j.to[to][i] ||
			b.Close != nil && (b.Close.End == ir.Ingress && j.subject[to][i] || b.Close.End == ir.Egress && j.subject[from][i]) {
			out.Rules = append(out.Rules, b)
		}
	}
	return out
}

// touched returns a function that says whether a rule may be about flows from an
// endpoint to the given one.
func (j *judge) touched(to int) func(from int) bool {
	var allows, closes []int
	for i, b := range j.p.Rules {
		switch {
		case b.Allow != nil && j.to[to][i]:
			allows = append(allows, i)
		case b.Close != nil && b.Close.End == ir.Egress:
			closes = append(closes, i)
		case b.Close != nil && j.subject[to][i]:
			return func(int) bool { return true }
		}
	}
	return func(from int) bool {
		return slices.ContainsFunc(allows, func(i int) bool { return j.from[from][i] }) ||
			slices.ContainsFunc(closes, func(i int) bool { return j.subject[from][i] })
	}
}

// judged says whether flows between two endpoints are judged: one is a pod.
func (j *judge) judged(from, to int) bool { return j.ends[from].IsPod() || j.ends[to].IsPod() }

// ports returns the port sets that rules about flows to the endpoint name.
func (j *judge) ports(to int) []ir.PortSet {
	var out []ir.PortSet
	add := func(m ir.PortMap) {
		if !m.Any {
			out = append(out, m.On(j.ends[to]))
		}
	}
	for i, b := range j.p.Rules {
		switch {
		case b.Allow != nil && j.to[to][i]:
			add(b.Allow.Ports)
		case b.Close != nil && (b.Close.End == ir.Egress || j.subject[to][i]):
			for _, t := range slices.Concat(b.Close.Scope, b.Close.Except) {
				add(t.Ports)
			}
		}
	}
	return out
}

// port is one port of a class of ports, and the whole class.
type port struct {
	protocol string
	number   int
	class    ir.PortSet
}

// portClasses partitions the ports of all protocols by the sets: the ports of a
// class are in the same sets. Each class is shown by a port of at's own, if it
// has one.
func portClasses(sets []ir.PortSet, at ir.Endpoint) []port {
	var own []ir.Port
	if at.Workload != nil {
		for _, p := range at.Workload.Ports {
			own = append(own, ir.Port{Number: p.Number, Protocol: p.Protocol})
		}
	}
	var out []port
	index := map[string]int{}
	for i, protocol := range ir.Protocols {
		cuts := []int{1, 65536}
		for _, s := range sets {
			for _, v := range s[i] {
				cuts = append(cuts, v.Lo, v.Hi+1)
			}
		}
		slices.Sort(cuts)
		cuts = slices.Compact(cuts)
		for k := 0; k+1 < len(cuts); k++ {
			lo, hi := cuts[k], cuts[k+1]-1
			var key strings.Builder
			for _, s := range sets {
				key.WriteByte(map[bool]byte{true: '1', false: '0'}[s.Has(protocol, lo)])
			}
			interval := ir.Ports(protocol, lo, hi)
			n, ok := index[key.String()]
			if !ok {
				n = len(out)
				index[key.String()] = n
				out = append(out, port{protocol, lo, ir.PortSet{}})
			}
			out[n].class = out[n].class.Union(interval)
		}
	}
	for i := range out {
		for _, p := range own {
			if out[i].class.Has(p.Protocol, p.Number) {
				out[i].protocol, out[i].number = p.Protocol, p.Number
				break
			}
		}
	}
	return out
}

// flow is a flow between two endpoints of the universe.
func (j *judge) flow(from, to int, p port) ir.Flow {
	return ir.Flow{From: j.ends[from], To: j.ends[to], Protocol: p.protocol, Port: p.number}
}

// words says a flow in words.
func words(f ir.Flow) string {
	return fmt.Sprintf("%s -> %s on %s %d", f.From, f.To, f.Protocol, f.Port)
}

// ruleWords says a rule in words.
func ruleWords(b *ir.Bound) string {
	if b.Implied != "" {
		return b.Words()
	}
	said := func(ps []*ir.Party) []ir.Peer {
		var out []ir.Peer
		for _, p := range ps {
			out = append(out, p.Peer)
		}
		return out
	}
	if a := b.Allow; a != nil {
		return ir.Rule{Allow: &ir.Allow{From: said(a.From), To: said(a.To), Ports: a.Ports.Said}}.String()
	}
	traffic := func(ts []ir.BoundTraffic) []ir.Traffic {
		var out []ir.Traffic
		for _, t := range ts {
			out = append(out, ir.Traffic{Peers: said(t.Peers), Ports: t.Ports.Said})
		}
		return out
	}
	c := b.Close
	return ir.Rule{Close: &ir.Close{End: c.End, Subject: said(c.Subject), Scope: traffic(c.Scope), Except: traffic(c.Except), Firm: c.Firm, DNS: c.DNS}}.String()
}

func peersOf(o policy.Object) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for _, r := range o.NetworkPolicy.Spec.Ingress {
		out = append(out, r.From...)
	}
	for _, r := range o.NetworkPolicy.Spec.Egress {
		out = append(out, r.To...)
	}
	return out
}

// byPlace orders rules by where their intents stand.
func byPlace(a, b *ir.Bound) int {
	return cmp.Or(a.Intent.Pos.Compare(b.Intent.Pos), cmp.Compare(a.Span.Start, b.Span.Start))
}
