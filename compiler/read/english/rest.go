package english

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// rest is a clause about everything that the clauses before did not name:
// "everything else is denied", "nothing else leaves them", "that is all".
func (p *parser) rest() bool {
	from := p.i
	f := frame{deny: true, soft: true}
	none := false
	if p.takeVerb(vDeny) {
		if !p.seqs("everything else", "everybody else", "anything else", "all the? rest", "the? rest", "all|any|every other traffic|connections|access") {
			return false
		}
		p.complement(&f, flowRoles)
		return p.restEnd(&f, from)
	}
	switch {
	case p.seqs("nobody else", "no one else"):
		none = true
		f.toward = ir.Ingress
	case p.seqs("nothing else", "no other"):
		none = true
	case p.seqs("everything else", "everybody else", "anything else", "anybody else", "all else", "all the? rest", "the? rest", "all|any|every other", "any other"):
	default:
		return false
	}
	f.dirs = nil
	noun := p.flowNoun(&f) || p.takeIn(podNouns) || p.takeIn(set("client clients source sources request"))
	if p.isAt(-1, "other") && !noun {
		return false
	}
	for p.seqs("or|and client|clients|source|sources|request|requests|connection|connections|traffic|call|calls") {
	}
	p.complement(&f, flowRoles)
	if none {
		return p.restVerb(&f) && p.restEnd(&f, from)
	}
	if p.verdictOf(&f) {
		return f.deny && p.restEnd(&f, from)
	}
	return false
}

// verdictOf is "is denied", "must be blocked", "stays closed" after the rest.
func (p *parser) verdictOf(f *frame) bool {
	p.skip(adverbs)
	p.seqs("must|should|shall|will|have be", "be", "have to be", "need to be", "stays|remains", "get")
	p.skip(adverbs)
	if p.takeVerb(vDeny, vPrevent) || p.seqs("closed", "off-limits", "not allowed", "not permitted", "unreachable", "cut off") {
		p.skip(adverbs)
		if p.takeVerb(vReach) {
			return false
		}
		p.complement(f, flowRoles)
		return true
	}
	return false
}

// restVerb is what nothing else may do: "reach them", "leaves them", "is allowed".
func (p *parser) restVerb(f *frame) bool {
	from := p.i
	s := p.save()
	p.verbGroup()
	if p.takeVerb(vAllow) || p.take("allowed") {
		return true
	}
	p.back(s)
	g := p.verbGroup()
	if g.not {
		return false
	}
	if g.modal && p.ended() {
		return true
	}
	switch {
	case p.takeVerb(vLeave):
		list, ok := p.parties(false)
		f.from, f.dirs = list, []ir.End{ir.Egress}
		return ok
	case p.takeVerb(vReach), p.takeVerb(vTo):
		p.take("to", "with", "in", "into", "at")
		if n := len(p.frames); n > 0 && p.is("it", "them") {
			to := all(p.frames[n-1].to)
			if len(to) > 0 && arePods(to) {
				p.topic = &topic{peers: to}
			}
			if p.is("it") && len(to) > 1 || p.is("them") && len(to) == 1 && to[0].Kind == ir.Workload {
				p.errorf(diag.ReadAmbiguous, p.span(from), "it is not clear what "+p.tok().text+" refers to", "repeat the name")
			}
		}
		outer := p.object
		p.object = true
		list, ok := p.parties(false)
		p.object = outer
		f.to, f.dirs = list, []ir.End{ir.Ingress}
		p.complement(f, roles{})
		return ok
	case p.seqs("in", "enters"):
		return false
	}
	return false
}

// restEnd closes what the last clauses of the statement were about.
func (p *parser) restEnd(f *frame, from int) bool {
	if len(f.from)+len(f.to) > 0 {
		if len(f.from) > 0 && len(f.to) == 0 {
			f.dirs = []ir.End{ir.Egress}
		}
		return p.add(*f, from)
	}
	type side struct {
		end ir.End
		who []party
	}
	var sides []side
	for _, prev := range p.frames {
		switch {
		case prev.deny || len(prev.to) == 0:
		case !prev.headed && prev.toward != ir.Ingress && f.toward != ir.Ingress && len(prev.dirs) != 1 && len(f.dirs) != 1 && arePods(all(prev.to)) && arePods(all(prev.from)):
			p.errorf(diag.ReadAmbiguous, p.span(from), "everything else could be the other traffic of "+prev.from[0].peers[0].String()+", the other traffic to "+prev.to[0].peers[0].String()+", or all traffic of the namespace",
				"say whose: \"all other ingress to B is denied\"")
			return true
		case prev.sender || !arePods(all(prev.to)):
			sides = append(sides, side{ir.Egress, prev.from})
		default:
			sides = append(sides, side{ir.Ingress, prev.to})
		}
	}
	if len(sides) == 0 {
		return false
	}
	for _, s := range sides {
		if !arePods(all(s.who)) || len(f.dirs) == 1 && f.dirs[0] != s.end {
			continue
		}
		g := *f
		g.dirs = []ir.End{s.end}
		bare := make([]party, 0, len(s.who))
		for _, n := range s.who {
			bare = append(bare, party{peers: n.peers})
		}
		if s.end == ir.Egress {
			g.from = bare
		} else {
			g.to = bare
		}
		p.add(g, from)
	}
	return true
}

// remark is a clause that closes nothing: "everything else keeps working",
// "leave everyone else alone", "in-cluster traffic is fine".
func (p *parser) remark() bool {
	s := p.save()
	switch {
	case p.seqs("leave everybody|everything|anything|anybody|the? else|rest alone|unchanged|untouched|open|be", "leave everything else as it be"):
	case p.seqs("everything|everybody|anything|anybody|all else", "all|any other traffic|connections|access|pods|services", "the? rest", "other traffic|connections"):
		if !p.stays() {
			return p.back(s)
		}
	case p.seqs("everything|anything|traffic|connections|all? traffic|calls|access? inside|within|in the? cluster|namespace", "everything|anything internal", "in-cluster traffic"):
		if !p.stays() {
			return p.back(s)
		}
		if !p.harmless() {
			return p.back(s)
		}
	default:
		return p.back(s)
	}
	for i := range p.frames {
		if !p.frames[i].onlyFrom && !p.frames[i].onlyTo && !p.frames[i].deny {
			p.frames[i].open = true
		}
	}
	return len(p.frames) > 0 || p.back(s)
}

// stays is "keeps working", "is fine", "stays as it is".
func (p *parser) stays() bool {
	return p.seqs("must|should|may|can|will? still? keep|keeps|continue|continues to? working|work|flowing|as", "must|should|may|can|will? stay|stays|remain|remains|be as it|they|before be?", "must|should|will|can? stay|stays|remain|remains|be still? fine|ok|okay|allowed|open|unaffected|unchanged|untouched|unrestricted|free|possible|no?",
		"stays|stay the same", "be no concern", "be not affected|restricted|touched")
}

// harmless says whether the Closes before leave in-cluster traffic alone.
func (p *parser) harmless() bool {
	for _, f := range p.frames {
		if f.onlyFrom || f.onlyTo || f.onlyPort || f.deny && !worldly(f.to) && !worldly(f.from) {
			return false
		}
	}
	return len(p.frames) > 0
}
