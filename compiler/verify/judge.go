package verify

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// judge asks a program about flows between the endpoints of a universe. The
// yardstick is ir's Wants; the judge only leaves out the rules that cannot cover
// a flow because of its ends, which it looks up once for every endpoint.
type judge struct {
	p       *ir.Program
	ends    []ir.Endpoint
	from    []ruleSet // of each endpoint: the Allows whose sources may have it
	to      []ruleSet // the Allows whose destinations may have it
	subject []ruleSet // the Closes whose subject may have it
	ingress ruleSet   // the Closes of that end
	egress  ruleSet
	classes []string // of each endpoint: what the rules tell it apart by
}

// ruleSet is a set of rules by their index in the program: there are about as many
// rules as endpoints, and a set is asked for of every pair of these.
type ruleSet []uint64

func newRuleSet(n int) ruleSet { return make(ruleSet, (n+63)/64) }

func (s ruleSet) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s ruleSet) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }

func newJudge(p *ir.Program, u *Universe) *judge {
	j := &judge{p: p, ends: u.Endpoints, ingress: newRuleSet(len(p.Rules)), egress: newRuleSet(len(p.Rules))}
	for i, b := range p.Rules {
		switch {
		case b.Close == nil:
		case b.Close.End == ir.Ingress:
			j.ingress.add(i)
		default:
			j.egress.add(i)
		}
	}
	list, own := parties(p), ownPorts(p)
	answers := make([]ir.Answer, len(list))
	class := make([]byte, len(list))
	for _, e := range j.ends {
		for i, party := range list {
			answers[i] = party.Has(e)
			class[i] = byte('0' + answers[i])
		}
		j.classes = append(j.classes, string(class)+own[e.Workload])
		j.enter(answers)
	}
	return j
}

// enter notes the rules that may be about an endpoint, going by which parties, in
// the order of parties, it is one of.
func (j *judge) enter(answers []ir.Answer) {
	n := 0
	any := func(ps []*ir.Party) bool {
		found := slices.ContainsFunc(answers[n:n+len(ps)], func(a ir.Answer) bool { return a != ir.No })
		n += len(ps)
		return found
	}
	from, to, subject := newRuleSet(len(j.p.Rules)), newRuleSet(len(j.p.Rules)), newRuleSet(len(j.p.Rules))
	for i, b := range j.p.Rules {
		if a := b.Allow; a != nil {
			if any(a.From) {
				from.add(i)
			}
			if any(a.To) {
				to.add(i)
			}
			continue
		}
		if any(b.Close.Subject) {
			subject.add(i)
		}
		for _, traffic := range [][]ir.BoundTraffic{b.Close.Scope, b.Close.Except} {
			for _, t := range traffic {
				n += len(t.Peers)
			}
		}
	}
	j.from, j.to, j.subject = append(j.from, from), append(j.to, to), append(j.subject, subject)
}

// ownPorts says of each workload what the rules' ports are there, where they are
// not what they are everywhere else.
func ownPorts(p *ir.Program) map[*inventory.Workload]string {
	out := map[*inventory.Workload]string{}
	for i, m := range portMaps(p) {
		for w, set := range m.Per {
			if !set.Equal(m.Default) {
				out[w] += fmt.Sprint(" ", i, set)
			}
		}
	}
	return out
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
	for word := range j.ingress {
		rules := j.word(word, from, to)
		for rules != 0 {
			out.Rules = append(out.Rules, j.p.Rules[word*64+bits.TrailingZeros64(rules)])
			rules &= rules - 1
		}
	}
	return out
}

// word is one word of the set of rules that can cover a flow.
func (j *judge) word(n, from, to int) uint64 {
	return j.from[from][n]&j.to[to][n] | j.subject[to][n]&j.ingress[n] | j.subject[from][n]&j.egress[n]
}

// touched returns a function that says whether a rule may be about flows from an
// endpoint to the given one.
func (j *judge) touched(to int) func(from int) bool {
	return func(from int) bool {
		for n := range j.ingress {
			if j.word(n, from, to) != 0 {
				return true
			}
		}
		return false
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
		case b.Allow != nil && j.to[to].has(i):
			add(b.Allow.Ports)
		case b.Close != nil && (b.Close.End == ir.Egress || j.subject[to].has(i)):
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
