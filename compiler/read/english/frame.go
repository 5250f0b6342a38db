package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// frame is what one clause says, before it becomes rules: who, whom, on which
// ports, with which polarity, and what is exclusive in it.
type frame struct {
	from, to []party
	ports    []ir.Port
	deny     bool
	dirs     []ir.End // directions of a deny or an isolation that names one party

	onlyFrom, onlyTo, onlyPort bool
	outside                    bool // what is exclusive is so among outside parties only
	scoped                     bool // the port itself is what is restricted
	bareElse                   bool // "and nothing else"
	ordered                    bool // "allow A to reach B": nothing else of A, or nothing else at all
	clash                      bool // ports that exclude each other
	wide                       bool // "nothing else": not the port alone
	every                      bool // "all traffic": the side that is not named is anybody
	sender                     bool // phrased from the sender's side
	policy                     bool // the sentence describes a policy
	firm, soft                 bool
	both                       bool // and the other way round
	open                       bool // the rest is said to stay as it is

	exceptFrom, exceptTo []party
	exceptPorts          []ir.Port
	dns                  ir.DNSMode

	toward ir.End // which end the exclusive words "nothing else" are about
	span   ir.Span

	near   bool // an exception of what is allowed: "every pod" is the namespace's
	toFrom bool // "to and from B"
	opened bool // "to" introduces the source: "open to A"

	sentence int  // its number in the statement
	headed   bool // a clause of "Backend: ..."
}

// pending is "only" that waits for the phrase it restricts.
type phraseKind int

const (
	noPhrase phraseKind = iota
	fromPhrase
	toPhrase
	portPhrase
)

// roles says what the prepositions mean after a verb or noun: for "open B to A"
// the word "to" introduces the source.
type roles struct {
	from, to []string // prepositions of sources and of destinations
	bare     phraseKind
}

var (
	reachRoles  = roles{from: []string{"from"}, to: []string{"to", "with", "into", "in", "at", "inside"}, bare: toPhrase}
	readRoles   = roles{to: []string{"from", "to"}, bare: noPhrase}
	acceptRoles = roles{from: []string{"from", "by", "of"}, bare: noPhrase}
	openRoles   = roles{from: []string{"to", "from", "for", "by"}, bare: noPhrase}
	flowRoles   = roles{from: []string{"from", "out of", "by", "leaving"}, to: []string{"to", "into", "for", "towards", "reaching", "entering"}, bare: noPhrase}
)

// complement takes phrases in any order: sources, destinations, ports,
// exclusives, exceptions. It takes as many as there are and never fails; what
// is left over is the clause's to judge.
func (p *parser) complement(f *frame, r roles) {
	pend, last := false, noPhrase
	f.opened = f.opened || slices.Contains(r.from, "to")
	excepted := false
	for {
		s := p.save()
		before := *f
		p.skip(adverbs)
		if (last == toPhrase || last == fromPhrase) && p.seqs(",? and|but only") && p.is("on", "over", "from") {
			pend = true
			continue
		}
		*f = before
		if p.take("only", "alone") {
			ahead := p.phraseAhead(r)
			if last == fromPhrase && ahead && p.is(r.to...) {
				if f.toward != ir.Egress {
					p.i-- // "from A only to B": either could be meant
					return
				}
				pend = true
				continue
			}
			if last != noPhrase && (p.at(-1).word == "alone" || last == fromPhrase || !ahead) {
				if last == toPhrase && !f.sender && len(f.to[len(f.to)-1].ports) > 0 && !f.to[len(f.to)-1].named {
					last = portPhrase
				}
				if last == fromPhrase && p.header == nil && worldly(f.from) && len(f.from[len(f.from)-1].ports) > 0 {
					last = portPhrase // "from the internet on port 80 only" is about the internet's ports
				}
				f.only(last)
				last = noPhrase
			} else {
				pend = true
			}
			continue
		}
		kind, ok := noPhrase, false
		if !excepted || p.is("for") {
			kind, ok = p.onePhrase(f, r)
		}
		if !ok {
			*f = before
			p.back(s)
			p.skip(adverbs)
			if p.tail(f) {
				// What follows an exception would belong to it.
				excepted = len(f.exceptFrom)+len(f.exceptTo)+len(f.exceptPorts) > len(before.exceptFrom)+len(before.exceptTo)+len(before.exceptPorts) || takenOut(f, &before)
				continue
			}
			break
		}
		if pend {
			f.only(kind)
			pend = false
		}
		last = kind
	}
	if pend {
		p.i-- // "only" without anything that it could restrict
	}
}

func (f *frame) only(k phraseKind) {
	switch k {
	case fromPhrase:
		f.onlyFrom = true
	case toPhrase:
		f.onlyTo = true
	case portPhrase:
		f.onlyPort = true
	}
}

// phraseAhead says whether a phrase follows that "only" could belong to.
func (p *parser) phraseAhead(r roles) bool {
	if p.tok().kind == mark || p.done() {
		return false
	}
	return p.is(slices.Concat(r.from, r.to, []string{"on", "over", "via", "port", "at"})...)
}

// onePhrase takes one phrase into the frame.
func (p *parser) onePhrase(f *frame, r roles) (phraseKind, bool) {
	s := p.save()
	if r.bare == toPhrase && len(f.to) == 0 && !p.is("from", "in") {
		if list, ok := p.parties(false); ok {
			f.to = list
			return toPhrase, true
		}
		p.back(s)
	}
	if p.is(",") && p.isAt(1, "on", "over", "via") {
		p.i++
	}
	if p.take("within", "inside") && len(f.from)+len(f.to) == 0 && len(r.from) > 0 && len(r.to) > 0 {
		in, _, ok := p.spaces()
		if !ok {
			return noPhrase, p.back(s)
		}
		f.from = []party{{peers: []ir.Peer{{Kind: ir.Pods, In: in, Span: p.span(s.i)}}}}
		f.to = f.from
		return noPhrase, true
	} else if p.isAt(-1, "within", "inside") {
		p.i--
	}
	if ports, ok := p.ports(false); ok {
		if ports, ok = join(f.ports, ports); ok {
			f.ports = ports
			return portPhrase, true
		}
	}
	p.back(s)
	if len(r.to) == 0 && len(f.from) == 0 && slices.Contains(r.from, "from") && p.is("within", "inside") {
		list, ok := p.parties(false)
		f.from = list
		return fromPhrase, ok
	}
	if f.deny && len(f.from)+len(f.to)+len(f.dirs) == 0 && len(r.to) > 0 && !p.isAt(1, "and", "or") && p.take("in") {
		list, ok := p.parties(false)
		f.to, f.dirs = list, []ir.End{ir.Ingress, ir.Egress}
		return noPhrase, ok || p.back(s)
	}
	if len(f.from)+len(f.to) == 0 && len(r.to) > 0 && len(r.from) > 0 && p.seqs("in and|or out of", "into and|or out of", "to and|or from") {
		list, ok := p.parties(false)
		f.to, f.dirs, f.toFrom = list, []ir.End{ir.Ingress, ir.Egress}, true
		return noPhrase, ok || p.back(s)
	}
	if len(f.from) == 0 && len(f.to) == 0 && len(r.from) > 0 && len(r.to) > 0 && p.take("between") {
		return fromPhrase, p.between(f)
	}
	p.seqs("coming", "originating", "going", "destined", "directed", "that come", "that go", "arriving", "initiated", "sent", "and", ", and?")
	if !p.is("from", "to", "by", "into") {
		p.back(s)
	}
	for _, role := range []struct {
		prepositions []string
		list         *[]party
		kind         phraseKind
	}{{r.from, &f.from, fromPhrase}, {r.to, &f.to, toPhrase}} {
		if !p.preposition(role.prepositions) {
			continue
		}
		only := p.take("only")
		if role.kind == toPhrase && p.is("nothing", "nobody", "nowhere") {
			return noPhrase, p.back(s)
		}
		list, ok := p.prepList(role.prepositions, f, role.kind)
		if !ok || len(*role.list) > 0 {
			p.back(s)
			return noPhrase, false
		}
		*role.list = list
		if only {
			f.only(role.kind)
		}
		return role.kind, true
	}
	p.back(s)
	return noPhrase, false
}

// between is "between A and B": both ways.
func (p *parser) between(f *frame) bool {
	list, ok := p.parties(false)
	if !ok {
		return false
	}
	switch {
	case len(list) == 2:
		f.from, f.to, f.both = list[:1], list[1:], true
		return true
	case len(list) == 1 && len(list[0].peers) == 1 && list[0].peers[0].In != nil && len(list[0].peers[0].In.Names) == 2:
		a, b := list[0], list[0] // "between pods of namespaces a and b"
		for i, n := range []*party{&a, &b} {
			n.peers = slices.Clone(n.peers)
			n.peers[0].In = &ir.Namespaces{Names: list[0].peers[0].In.Names[i : i+1]}
		}
		f.from, f.to, f.both = []party{a}, []party{b}, true
		return true
	case len(list) == 1 && len(list[0].peers) == 1 && list[0].peers[0].Kind == ir.Pods && (list[0].peers[0].In == nil || len(list[0].peers[0].In.Names) < 2):
		f.from, f.to = list, list
		return true
	}
	return false
}

func (p *parser) preposition(words []string) bool {
	for _, w := range words {
		if p.seq(w) {
			return true
		}
	}
	return false
}

// prepList is a list whose items may repeat the preposition: "from a and from
// b". Items like "each other" see the items and the frame's other side.
func (p *parser) prepList(prepositions []string, f *frame, kind phraseKind) ([]party, bool) {
	var out []party
	outer := p.object
	p.object = true
	defer func() { p.object = outer }()
	if kind == fromPhrase && slices.Contains(prepositions, "from") {
		p.fromOK = true
		defer func() { p.fromOK = false }()
	}
	for {
		s := p.save()
		if len(out) > 0 {
			if !p.separator() || !p.preposition(prepositions) {
				p.back(s)
				break
			}
		}
		if p.seqs("each other", "one another", "themselves") && len(f.to)+len(f.from) > 0 {
			other := f.to
			if kind == toPhrase {
				other = f.from
			}
			for _, o := range other {
				out = append(out, party{peers: o.peers, each: true})
			}
			continue
		}
		list, ok := p.parties(false)
		if !ok || len(out) > 0 && p.beginsClause() {
			p.back(s)
			break
		}
		out = append(out, list...)
	}
	return out, len(out) > 0
}

// tail takes what may follow a clause's phrases: exceptions, exclusives,
// emphasis, DNS, both directions.
func (p *parser) tail(f *frame) bool {
	s, before := p.save(), *f
	n := len(f.exceptFrom) + len(f.exceptTo) + len(f.exceptPorts)
	switch {
	case p.otherPorts(f):
		return true
	case p.seqs(",? without any? exception|exceptions", ",? whatsoever", ",? under no circumstances", ",? no matter what", "at all times"):
		f.firm = true
		return true
	case p.seqs(", ? in both directions", "in both directions", "in either direction", ",? and vice versa", ", vice versa", "and the other way around", "and back", "both ways", "either way"):
		f.both = true
		return true
	case p.seqs("at all", "in any way", "in any direction", "ever", "either", "any more", "any longer", "on any|all|every port", "of any kind", "by default", "as well", "too") && !p.is("dns"):
		return true
	case p.dnsTail(f):
		return true
	case p.elseTail(f):
		return true
	case p.exceptTail(f) && !(len(f.from)+len(f.to) == 0 && p.is("to", "from")):
		if len(f.exceptFrom)+len(f.exceptTo)+len(f.exceptPorts) > n || f.dns != "" || takenOut(f, &before) {
			return true
		}
	}
	p.back(s)
	return false
}

// dnsTail is what is said of DNS beside a clause.
func (p *parser) dnsTail(f *frame) bool {
	s := p.save()
	p.take(",", "(", "-")
	p.take("and", "but", "not")
	keep, shut := ir.DNSKeep, ir.DNSClose
	switch {
	case p.at(-1).word != "not" && p.seqs("even|including|included dns", "dns lookups? included|too", "dns too|included|as", "not even dns", "dns be not exempt", "incl dns") || p.at(-1).word == "not" && p.seqs("even dns"):
		p.take("well")
		f.dns = shut
		if !f.deny {
			f.dns = keep
		}
	case p.seqs("dns excepted", "dns aside", "dns be fine|ok|okay|allowed", "dns stays|remains allowed|open", "dns must|should still? work", "dns must|should keep working", "dns keeps working", "plus dns"):
		f.dns = keep
	default:
		return p.back(s)
	}
	p.take(")")
	return true
}

// elseTail is ", and nothing else": what the clause names is exclusive.
func (p *parser) elseTail(f *frame) bool {
	s := p.save()
	if f.deny {
		return false
	}
	p.take(",", "-", ";")
	p.take("and", "but")
	g := *f
	g.wide = true
	to := p.is("to")
	switch {
	case p.seqs("nobody else", "no other client|clients|source|sources|pod|pods|workload|workloads|service|services|app|apps|caller|callers", "no one else", "not from? anything|anybody|anywhere else", "from|by nobody|nothing else", "from nowhere else", "from|by no one else", "from nothing else", "not from other pods|sources|clients"):
		g.onlyFrom = true
	case p.seqs("on? no other port", "nothing on? any? other port", "not on? any? other port"):
		g.onlyPort = true
	case p.seqs("nowhere else", "to nowhere else", "to nobody else", "not to? anywhere else"):
		g.onlyTo, g.onlyFrom = g.onlyTo || !f.opened, g.onlyFrom || f.opened
	case p.bare(&g):
	case p.seqs("to? no other host|hosts|address|destination|destinations|site|sites|internet|external"), p.seqs("to? nothing|nowhere else"), p.seqs("nothing more|other"), p.seqs("none else"), p.seqs("to? no other"):
		at := p.i
		internet := p.isAt(-1, "internet", "external")
		p.seqs("host|hosts|destination|destinations|address")
		p.seqs("on")
		if internet || p.outside() {
			g.outside, g.onlyTo = true, true
			break
		}
		p.i = at
		if p.seqs("to those|these|the pods|pod", "to it|them", "may reach it|them", "reaches it|them") {
			g.onlyFrom = true
			break
		}
		if p.seqs("from it|them", "leaves it|them") || p.isAt(-1, "host", "hosts", "destination", "destinations", "site", "sites") {
			g.onlyTo = true
			break
		}
		if to {
			g.onlyTo, g.onlyFrom = g.onlyTo || !f.opened, g.onlyFrom || f.opened
			break
		}
		if g.toward == "" {
			return p.back(s)
		}
		g.onlyFrom, g.onlyTo = g.onlyFrom || g.toward == ir.Ingress, g.onlyTo || g.toward == ir.Egress
	case p.seqs("that be all that? they|it|outsiders|visitors get|need|needs", "that be all", "that be it"):
		if p.isAt(-2, "outsiders", "visitors") || worldly(f.from) {
			g.outside, g.onlyTo = true, true
			break
		}
		if g.toward == "" {
			return p.back(s)
		}
		g.onlyFrom, g.onlyTo = g.onlyFrom || g.toward == ir.Ingress, g.onlyTo || g.toward == ir.Egress
	default:
		return p.back(s)
	}
	if !p.ended() {
		return p.back(s)
	}
	*f = g
	return true
}

// bare is "nothing else" without a preposition: it is about the side that the
// clause's verb is about.
func (p *parser) bare(g *frame) bool {
	s := p.save()
	if g.toward == "" || !p.seqs("nothing else") || !p.ended() {
		return p.back(s)
	}
	g.bareElse = true
	if slices.ContainsFunc(p.frames, func(o frame) bool { return o.sentence == p.number && o.toward != "" && o.toward != g.toward }) {
		p.errorf(diag.ReadAmbiguous, p.span(s.i), "\"nothing else\" could be about the one direction or about both", "say it of each direction")
	}
	g.onlyFrom, g.onlyTo = g.onlyFrom || g.toward == ir.Ingress, g.onlyTo || g.toward == ir.Egress
	return true
}

func worldly(list []party) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(n party) bool {
		return slices.ContainsFunc(n.peers, func(q ir.Peer) bool { return q.Kind != ir.World })
	})
}
