package english

import "strings"

// notInReasons are words by which a reason would say who reaches whom.
var notInReasons = set("may can must should shall will not no never nobody nothing none only alone except but else other rest port protocol outside internet world outsiders incoming outgoing namespace everything anything everybody anybody so then if when whenever while during where and/or before after than")

// reason skips ", because it holds card data": words up to the full stop that
// say why and hold nothing about who reaches whom. A reason that does is left,
// to be refused.
func (p *parser) reason() bool {
	s := p.save()
	p.take(",")
	if w := p.tok().word; w != "because" && w != "since" && !(w == "as" && p.isAt(1, "it", "they", "we", "that", "these")) {
		return p.back(s)
	}
	p.i++
	for n := 0; !p.done() && !p.is("."); n++ {
		t := p.tok()
		name := !t.known && p.x.Known(t.text)
		if t.kind != word || n > 20 || verbs[t.word] != "" || notInReasons[t.word] || protocols[t.word] || podNouns[t.word] || name || strings.ContainsAny(t.text, "0123456789/=*") {
			return p.back(s)
		}
		p.i++
	}
	return !p.isAt(-1, "because", "since", "as") || p.back(s)
}

// place is "in namespace x," before a clause, where x is the set's own namespace,
// or the one that a statement without a namespace is about from there on.
func (p *parser) place() bool {
	s := p.save()
	if !p.take("in", "for") {
		return false
	}
	if !p.seqs("this|our|the same namespace") {
		p.take("the")
		explicit := p.take("namespace")
		name, ok := p.spaceName()
		explicit = p.take("namespace") || explicit
		if !ok || !explicit && !p.is(",") || p.namespace != "" && p.namespace != name {
			return p.back(s)
		}
		if p.is("and", "or", ":", "may", "must", "can") {
			return p.back(s)
		}
		p.namespace = name
	}
	return p.take(",") || !p.is("and", "or", ":", "may", "must", "can") || p.back(s)
}
