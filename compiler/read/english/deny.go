package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// emitDeny is a prohibition. Between two named sides it is firm; of everybody
// it is soft, so that other statements may open what it closes.
func (p *parser) emitDeny(f frame) {
	if doubtful(f) {
		p.errorf(diag.ReadAmbiguous, f.span, "the exception could be about either side", "write the exception as a sentence of its own")
		return
	}
	p.farExceptions(&f)
	everyTo, everyFrom := len(f.to) == 0 || anybody(f.to), len(f.from) == 0 || anybody(f.from)
	if len(f.exceptFrom) > 0 && everyTo && !everyFrom || len(f.exceptTo) > 0 && everyFrom && !everyTo && arePods(all(f.to)) {
		p.errorf(diag.ReadAmbiguous, f.span, "the exception is about the other side of what is blocked", "write the exception as a sentence of its own")
		return
	}
	if len(f.from) > 0 && strangers(all(f.exceptFrom), all(f.from)) || len(f.to) > 0 && strangers(all(f.exceptTo), all(f.to)) {
		p.errorf(diag.ReadAmbiguous, f.span, "the exception is no part of what is blocked", "write it as a sentence of its own")
		return
	}
	if everyTo && !everyFrom && f.hasDir(ir.Ingress) { // "ingress from a to anything"
		f.to, everyTo = []party{{peers: []ir.Peer{p.own(f.span)}}}, false
	} else if everyFrom && !everyTo && f.hasDir(ir.Egress) {
		f.from, everyFrom = []party{{peers: []ir.Peer{p.own(f.span)}}}, false
	}
	var except []ir.Traffic
	for _, n := range slices.Concat(f.exceptFrom, f.exceptTo) {
		except = append(except, ir.Traffic{Peers: n.peers, Ports: n.ports})
	}
	if len(f.exceptPorts) > 0 {
		except = append(except, ir.Traffic{Ports: f.exceptPorts})
	}
	var scope []ir.Traffic
	if len(f.ports) > 0 {
		scope = []ir.Traffic{{Ports: f.ports}}
	}
	add := func(end ir.End, subject []ir.Peer) {
		if !arePods(subject) {
			p.errorf(diag.ReadAmbiguous, f.span, "what is blocked here is no pod, so no policy can be about it", "name workloads, labels or a namespace")
			return
		}
		c := &ir.Close{End: end, Subject: subject, Scope: scope, Except: except, Firm: f.firm && !f.soft, Span: f.span}
		if end == ir.Egress {
			c.DNS = f.dns
		}
		p.rule(ir.Rule{Close: c})
	}
	switch {
	case len(f.dirs) > 0 && everyTo && everyFrom:
		for _, end := range f.dirs {
			add(end, []ir.Peer{p.own(f.span)})
		}
	case everyTo && everyFrom:
		p.errorf(diag.ReadAmbiguous, f.span, "it does not say whose traffic is blocked, or in which direction", "say \"block all ingress to A\", \"block all egress from A\", or \"isolate A\"")
	case everyFrom:
		for _, t := range f.to {
			if scope = nil; len(t.ports) > 0 {
				scope = []ir.Traffic{{Ports: t.ports}}
			}
			if arePods(t.peers) {
				add(ir.Ingress, t.peers)
				continue
			}
			own := p.own(f.span)
			own.Minus = all(f.exceptFrom)
			if len(f.exceptTo)+len(f.exceptPorts) > 0 {
				p.errorf(diag.ReadAmbiguous, f.span, "the exception can be read in two ways", "write two sentences")
			}
			p.rule(ir.Rule{Close: &ir.Close{End: ir.Egress, Subject: []ir.Peer{own}, Scope: []ir.Traffic{{Peers: t.peers, Ports: t.ports}}, Firm: f.firm, DNS: f.dns, Span: f.span}})
		}
	case everyTo:
		add(ir.Egress, all(f.from))
	default:
		for _, n := range f.flows() {
			p.forbid(n, f, except)
		}
	}
}

// forbid is one prohibition between two named sides.
func (p *parser) forbid(n flow, f frame, except []ir.Traffic) {
	from := len(p.rules)
	p.closeFlow(n.from, n.to, n.ports, nil, f)
	for _, r := range p.rules[from:] {
		side := f.exceptTo
		if r.Close.End == ir.Egress {
			side = f.exceptFrom
		}
		if len(side) > 0 {
			p.errorf(diag.ReadAmbiguous, f.span, "the exception is about the other side of what is blocked", "write the exception as a sentence of its own")
		}
		r.Close.Except = except
		if f.soft {
			r.Close.Firm = false
		}
	}
}
