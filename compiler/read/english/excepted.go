package english

import (
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// exceptTail is "except from a", "but not to b", "other than on port 80".
func (p *parser) exceptTail(f *frame) bool {
	s := p.save()
	p.take(",")
	if !p.seqs("except for?", "other than", "apart from", "aside from", "but not", "but", "with the exception of") || p.isAt(-1, "not") && f.deny {
		return p.back(s)
	}
	for {
		s2 := p.save()
		var dest *[]party
		bare := !p.is("from", "by", "to")
		if bare && !f.deny && !p.isAt(-1, "not") && everybody(f.from) && !everybody(f.to) && len(f.to) > 0 {
			if list, ok := p.parties(false); ok && !p.beginsClause() && p.exceptParty(f, list) {
				return true
			}
			p.back(s2)
		}
		kind := p.exceptKind(f)
		switch kind {
		case fromPhrase:
			dest = &f.exceptFrom
		case toPhrase:
			dest = &f.exceptTo
		}
		if ports, ok := p.ports(false); ok && (kind == noPhrase || kind == portPhrase) {
			f.exceptPorts = append(f.exceptPorts, ports...)
		} else if dest == nil {
			list, ok := p.parties(false)
			if !ok || p.beginsClause() || !p.exceptParty(f, list) {
				p.back(s2)
				return p.back(s)
			}
			return true
		} else if list, ok := p.parties(false); ok && !p.beginsClause() {
			if bare && kind == fromPhrase && len(f.from) == 0 && everybody(f.to) && partOf(all(list), f.to[0].peers[0]) {
				p.errorf(diag.ReadAmbiguous, p.span(s2.i), "the exception could be who is reached, or who may reach", "write \"except from A\", or a sentence of its own")
			}
			if len(list) == 1 && list[0].peers[0].Kind == ir.ClusterDNS && f.deny && len(list[0].ports) == 0 {
				f.dns = ir.DNSKeep
			} else {
				*dest = append(*dest, list...)
			}
		} else {
			p.back(s2)
			return p.back(s)
		}
		s3 := p.save()
		if !p.separator() || !p.is("from", "to", "on") {
			p.back(s3)
			return true
		}
	}
}

// exceptKind takes the preposition after "except", or tells from the clause
// which side its exception is on.
func (p *parser) exceptKind(f *frame) phraseKind {
	switch {
	case p.take("from", "by"):
		return fromPhrase
	case p.take("to"):
		if f.opened {
			return fromPhrase
		}
		return toPhrase
	case p.is("on", "port", "tcp", "udp", "sctp"):
		return portPhrase
	case f.deny && len(f.from) > 0 && len(f.to) > 0 && !anybody(f.from) && !anybody(f.to):
		return noPhrase
	case len(f.dirs) == 1 && f.dirs[0] == ir.Egress, f.toward == ir.Egress, len(f.to) == 0 && len(f.from) > 0, anybody(f.to):
		return toPhrase
	case len(f.dirs) == 1 || f.toward == ir.Ingress || len(f.from) == 0 && len(f.to) > 0 || anybody(f.from):
		return fromPhrase
	}
	return noPhrase
}

func anybody(list []party) bool {
	return len(list) == 1 && len(list[0].peers) == 1 && list[0].peers[0].Kind == ir.Anybody && len(list[0].peers[0].Minus) == 0
}
