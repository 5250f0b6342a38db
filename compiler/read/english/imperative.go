package english

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// preamble takes what comes before the command: "please", "make sure that",
// "create a policy that", "the network policy should". It returns whether the
// clause describes a policy, and whether it was negated ("don't").
func (p *parser) preamble() (policy, not bool) {
	p.skip(politely)
	p.seqs("can|will|may you please?", "can|may we please?", "i|we want|would|need to|like? to?", "we need to", "we should|must", "make sure that?", "ensure that?", "it be necessary to")
	s := p.save()
	p.skip(politely)
	made := p.takeIn(set("create add write apply set make"))
	p.takeIn(dets)
	p.takeIn(dets)
	p.seqs("default", "new", "network", "up", "deny-all", "default-deny")
	if p.seqs("network? policy|policies|rule|rules") {
		at := p.save()
		if p.seqs("for the? namespace") {
			if n, ok := p.spaceName(); ok {
				p.topic = &topic{peers: []ir.Peer{{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{n}}, Span: p.span(s.i)}}}
			} else {
				p.topic = &topic{peers: []ir.Peer{p.own(p.span(s.i))}}
			}
		} else if p.take("for", "in", "on") {
			if list, ok := p.parties(false); ok {
				p.about(list)
			} else {
				p.back(at)
			}
		}
		switch {
		case p.seqs("that|which must|should|shall|will?", "to", "must|should|shall|will|may|can", "that|which"):
			policy = true
		case p.verb() != "" && made:
			policy = true
		default:
			p.back(s)
		}
	} else {
		p.back(s)
	}
	if p.seqs("do not", "never", "not", "no longer") {
		not = true
	}
	p.skip(adverbs)
	return policy, not
}

// imperative is a command: allow, block, isolate, restrict, keep, expose, give.
func (p *parser) imperative() bool {
	from := p.i
	policy, not := p.preamble()
	if n := len(p.frames); n > 0 && p.frames[n-1].policy && !policy {
		policy = p.joined2(n)
	}
	s := p.save()
	only := p.take("only")
	if only && (not || p.verb() != vAllow) {
		return p.back(s)
	}
	verb := p.verb()
	if p.is("lock", "locks", "locked") && p.isAt(1, "down", "up") {
		verb = vIsolate
	}
	word := p.tok().word
	if p.isAt(-1, "make") || p.take("make") {
		list, ok := p.parties(false)
		f := frame{from: list}
		p.about(list)
		return ok && !not && p.copula(&f, group{be: true}) && p.add(f, from)
	}
	if verb == "" {
		return p.denyAll(from)
	}
	p.i++
	f := frame{policy: policy}
	switch verb {
	case vAllow:
		f.deny = not
		return p.allow(&f, only) && p.command(f, from)
	case vDeny:
		f.deny = true
		return !not && p.block(&f) && p.command(f, from)
	case vPrevent:
		f.deny = true
		return !not && (p.prevent(&f) || p.block(&f)) && p.command(f, from)
	case vIsolate:
		return !not && p.isolate(from)
	case vLimit:
		return !not && (p.limitSo() || p.limit(&f) && p.command(f, from))
	case vKeep:
		return !not && p.keep(&f, word) && p.command(f, from)
	case vExpose, vOpen:
		f.deny = not
		return p.open(&f) && p.command(f, from)
	case vGive:
		f.deny = not
		return p.give(&f) && p.command(f, from)
	}
	return false
}

// joined2 says whether the clause goes on describing the policy of the clause
// before: "... allow X but disallow Y".
func (p *parser) joined2(n int) bool { return p.i > 0 && p.isAt(-1, "but", "and", ",") && n > 0 }

// command ends an imperative clause.
func (p *parser) command(f frame, from int) bool {
	if !f.deny && (len(f.from) == 0 || len(f.to) == 0) && !p.fillCommand(&f) {
		if !(f.onlyPort && len(f.to) > 0) {
			return false
		}
	}
	p.unsure(f)
	return p.add(f, from)
}

// fillCommand finds the side that a command leaves out: "disallow traffic from
// the frontend" after "allow traffic to the database".
func (p *parser) fillCommand(f *frame) bool {
	if len(f.dirs) == 1 && p.header == nil && p.topic == nil {
		return false
	}
	return p.fill(f)
}

// denyAll is "deny-all egress for the workers", "default deny", "no egress for x".
func (p *parser) denyAll(from int) bool {
	f := frame{deny: true, soft: true}
	if !p.seqs("deny-all", "default-deny", "default deny", "deny all by default", "deny by default", "zero trust") {
		return false
	}
	p.seqs("all")
	p.takeIn(set("policy policies rule rules"))
	p.flowNoun(&f)
	p.complement(&f, roles{from: []string{"from", "for"}, to: []string{"to", "in"}})
	return p.denySides(&f) && p.add(f, from)
}

// denySides puts the one party of a general prohibition on the side that the
// direction says.
func (p *parser) denySides(f *frame) bool {
	who := f.from
	if len(f.from) > 0 && len(f.to) > 0 || p.foreignSide(f) {
		return true
	}
	if len(who) == 0 {
		who = f.to
	}
	if len(who) == 0 {
		if p.header != nil {
			who = []party{{peers: p.header}}
		} else if p.topic != nil && !p.topic.unsure {
			who = []party{{peers: p.topic.peers}}
		} else {
			own := p.own(p.span(max(0, p.i-1)))
			if own.In == nil {
				return true // refused with both readings
			}
			who = []party{{peers: []ir.Peer{own}}}
		}
	}
	if len(f.dirs) == 0 {
		f.dirs = []ir.End{ir.Ingress, ir.Egress}
	}
	f.from, f.to = nil, nil
	p.about(who)
	if len(f.dirs) == 2 {
		p.frames = append(p.frames, frame{})
		twin := *f
		twin.dirs, twin.to = []ir.End{ir.Ingress}, who
		twin.span = p.span(max(0, p.i-1))
		p.frames[len(p.frames)-1] = twin
		f.dirs = []ir.End{ir.Egress}
	}
	if f.dirs[0] == ir.Ingress {
		f.to = who
	} else {
		f.from = who
	}
	return true
}

// foreignSide completes "block traffic from other namespaces": what is not this
// namespace's is blocked towards it, or from it, unless the direction says that
// the other namespace itself is meant.
func (p *parser) foreignSide(f *frame) bool {
	who := slices.Concat(f.from, f.to)
	if len(who) == 0 || p.namespace == "" || !p.foreigners(all(who)) {
		return false
	}
	own := []party{{peers: []ir.Peer{p.own(p.span(max(0, p.i-1)))}}}
	switch {
	case len(f.from) > 0 && !f.hasDir(ir.Egress) && len(f.dirs) < 2:
		f.to = own
	case len(f.to) > 0 && !f.hasDir(ir.Ingress) && len(f.dirs) < 2:
		f.from = own
	default:
		return false
	}
	f.soft, f.dirs = false, nil
	return true
}

// foreigners says whether none of the peers is in the set's namespace.
func (p *parser) foreigners(peers []ir.Peer) bool {
	return !slices.ContainsFunc(peers, func(q ir.Peer) bool {
		switch q.Kind {
		case ir.Workload, ir.ServiceAccount:
			return q.Namespace == p.namespace
		case ir.Pods:
			return q.In == nil || slices.Contains(q.In.Names, p.namespace) || len(q.In.Names) == 0 && !slices.Contains(q.In.Not, p.namespace)
		}
		return q.Kind == ir.Anybody
	})
}

// flowNoun is "incoming TCP traffic", "all ingress and egress", "access",
// "connections": what moves, with its direction. It fills dirs, ports and
// outside.
func (p *parser) flowNoun(f *frame) bool {
	from := p.i
	adjective := false
	p.seqs("any and all")
	for p.takeIn(dets) || p.take("other") {
		f.every = f.every || p.isAt(-1, "all", "any", "every")
	}
	for {
		switch {
		case p.is("incoming", "outgoing") && !p.isAt(1, "controller", "controllers"):
			end := ir.Ingress
			if p.is("outgoing") {
				end = ir.Egress
			}
			p.i++
			if !slices.Contains(f.dirs, end) {
				f.dirs = append(f.dirs, end)
			}
			if s := p.save(); p.seqs("and|or all|any?", "and|or") && !p.is("incoming", "outgoing") {
				p.back(s)
			}
			adjective = true
			continue
		case p.in(protocols):
			s := p.save()
			if ports, ok := p.ports(true); ok {
				f.ports = ports
				continue
			}
			p.back(s)
			f.ports = append(f.ports, ir.Port{Protocol: map[string]string{"tcp": "TCP", "udp": "UDP", "sctp": "SCTP", "icmp": "ICMP"}[p.tok().word], Span: p.tok().span()})
			p.i++
			continue
		case p.is("network", "direct", "new", "inter-pod", "pod-to-pod", "statsd", "client", "external", "internet", "user") && (flowNouns[p.at(1).word] || flowAdjs[p.at(1).word] || p.isAt(1, "incoming", "outgoing")):
			if p.is("external", "internet") {
				f.outside = true
			}
			p.i++
			continue
		}
		break
	}
	if p.in(flowNouns) && (adjective || len(f.ports) > 0 || f.outside || !p.exactName()) {
		p.i++
		if p.is("and", "or") && flowNouns[p.at(1).word] {
			p.i += 2
		}
		return true
	}
	if len(f.ports) > 0 && !adjective {
		adjective = p.is("from", "to", "into", "between")
	}
	if !adjective {
		p.i = from
	}
	return adjective
}

// hasDir says whether the frame's only direction is end.
func (f *frame) hasDir(end ir.End) bool { return len(f.dirs) == 1 && f.dirs[0] == end }

// flow takes "traffic from A to B on P" after a verb or before one. It is the
// shared middle of commands and statements about traffic.
func (p *parser) flow(f *frame) bool {
	s := p.save()
	if p.ownFlow(f) {
		return true
	}
	if !p.flowNoun(f) {
		if ports, ok := p.ports(true); ok && p.is("from", "to", "between") {
			f.ports = ports
		} else if !ok && p.i != s.i {
			return p.back(s)
		}
		if !p.is("from", "to", "only", "between", "within", "inside") || !p.phraseAhead(flowRoles) && !p.is("only", "between", "within", "inside") {
			return p.back(s)
		}
	}
	r := flowRoles
	switch {
	case f.hasDir(ir.Egress):
		f.sender, f.toward = true, ir.Egress
		r.from = append(slices.Clone(r.from), "of", "for", "in")
		r.to = []string{"to", "into", "towards"}
	case len(f.dirs) == 2:
		r.from = append(slices.Clone(r.from), "of", "for", "in")
		r.to = []string{"to", "into"}
	case f.hasDir(ir.Ingress):
		f.toward = ir.Ingress
		r.to = append(slices.Clone(r.to), "of", "for", "in")
	}
	access := p.isAt(-1, "access")
	if access && len(f.dirs) == 0 {
		r = roles{from: []string{"from", "for", "by"}, to: []string{"to"}}
	}
	if f.outside && !f.hasDir(ir.Ingress) {
		r.from = append(slices.Clone(r.from), "for", "of")
		r.to = []string{"to", "into"}
	}
	p.complement(f, r)
	if f.outside && !f.onlyFrom && !f.onlyTo {
		world := []party{{peers: []ir.Peer{{Kind: ir.World, Span: p.span(s.i)}}}}
		switch {
		case access && len(f.to) > 0 && p.internetAccess(s.i):
			p.errorf(diag.ReadAmbiguous, p.span(s.i), "internet access to something could be its own access to the internet, or access to it from there", "write \"A to the internet\", or \"the internet to A\"")
			f.from = world
		case len(f.from) == 0 && len(f.to) > 0 || f.hasDir(ir.Ingress):
			f.from = world
		case len(f.to) == 0 && len(f.from) > 0 || f.hasDir(ir.Egress):
			f.to = world
		case access && p.header != nil:
			f.to = world
		default:
			return p.back(s) // external to whom
		}
		f.outside = false
	}
	return true
}

// internetAccess says whether the words from token i on hold "internet access".
func (p *parser) internetAccess(i int) bool {
	for k := i; k+1 < p.i; k++ {
		if p.tokens[k].word == "internet" && p.tokens[k+1].word == "access" {
			return true
		}
	}
	return false
}

// ownFlow is "A's outgoing traffic", "A's egress".
func (p *parser) ownFlow(f *frame) bool {
	s := p.save()
	peers, _, ok := p.peers(nil)
	if !ok || !p.take("'s") || !p.flowNoun(f) || len(f.dirs) != 1 && !(len(f.dirs) == 0 && p.is("to")) {
		*f = frame{deny: f.deny, policy: f.policy}
		return p.back(s)
	}
	if len(f.dirs) == 0 {
		f.from = []party{{peers: peers}}
		p.complement(f, roles{to: flowRoles.to})
	} else if f.hasDir(ir.Egress) {
		f.from, f.sender, f.toward = []party{{peers: peers}}, true, ir.Egress
		p.complement(f, roles{to: flowRoles.to})
	} else {
		f.to, f.toward = []party{{peers: peers}}, ir.Ingress
		p.complement(f, roles{from: flowRoles.from})
	}
	return true
}

// exactName says whether the next word is the name of something as it stands.
func (p *parser) exactName() bool {
	p.i++
	ok := p.nameHere(p.i - 1)
	p.i--
	return ok
}

// allow is what may follow "allow": "A to reach B", "A access to B", "traffic
// from A to B", "A to B on port P", "DNS".
func (p *parser) allow(f *frame, only bool) bool {
	s := p.save()
	only = p.take("only") || only
	if p.flowDNS(f) {
		return !only
	}
	at := p.save()
	if p.flow(f) && (len(f.from) > 0 || len(f.to) > 0) && len(f.dirs) < 2 && p.ended() {
		if f.every && !only && !f.deny && p.header == nil && len(f.to)+len(f.from) == 1 && !f.onlyPort {
			anyone := []party{{peers: []ir.Peer{{Kind: ir.Anybody, Span: p.span(at.i)}}}}
			if len(f.from) == 0 {
				f.from = anyone
			} else {
				f.to = anyone
			}
		}
		if only {
			return f.exclusive()
		}
		return true
	}
	p.back(at)
	*f = frame{deny: f.deny, policy: f.policy}
	p.fromOK = true
	list, ok := p.parties(false)
	p.fromOK = false
	if !ok {
		return p.back(s)
	}
	f.from = list
	f.onlyFrom = only
	if p.elseTail(f) && !f.onlyFrom {
		return p.back(s)
	}
	f.toward = ""
	g := *f
	if p.infinitive(f) {
		return !f.deny || !f.onlyFrom
	}
	*f = g
	if at := p.save(); p.flowNoun(f) && f.hasDir(ir.Egress) && p.is("to", "only") {
		f.sender, f.toward = true, ir.Egress
		p.complement(f, roles{to: []string{"to"}})
		return len(f.to) > 0
	} else {
		p.back(at)
	}
	*f = g
	if p.seqs("only? incoming? access to", "access", "a? connection to", "connections to", "traffic to", "into") || p.take("to") {
		if p.isAt(-1, "access") {
			p.take("to")
		}
		dest, ok := p.parties(false)
		if !ok {
			return p.back(s)
		}
		f.to = dest
		p.complement(f, roles{})
		return true
	}
	return p.back(s)
}

// exclusive turns "allow only traffic from A to B" into the side that it
// restricts: the source where both are named.
func (f *frame) exclusive() bool {
	switch {
	case f.deny:
		return false
	case f.toward == ir.Egress:
		f.onlyTo = true
	case len(f.from) > 0:
		f.onlyFrom = true
	case len(f.ports) > 0:
		f.onlyPort = true
	default:
		return false
	}
	return true
}

// ended says whether the clause could end here.
func (p *parser) ended() bool {
	return p.done() || p.is(".", ",", ";", "-", ":", "and", "but", "while", "so", "(", ")")
}

// flowDNS is "allow DNS", "allow DNS egress (UDP 53)", "allow DNS lookups".
func (p *parser) flowDNS(f *frame) bool {
	s := p.save()
	p.takeIn(dets)
	p.take("outgoing")
	if !p.seqs("dns", "name resolution") || !p.is("outgoing", "queries", "traffic", "lookups", "requests", "resolution", "(", ".", ",", "and", "for", "from", "on") && !p.done() {
		return p.back(s)
	}
	name := []party{{peers: []ir.Peer{{Kind: ir.ClusterDNS, Span: p.span(s.i)}}}}
	p.seqs("outgoing")
	p.seqs("traffic|queries|lookups|requests|resolution")
	f.to, f.sender = name, true
	p.complement(f, roles{from: []string{"from", "for"}})
	if !p.ended() {
		return p.back(s)
	}
	return len(f.from) > 0 || p.fill(f)
}

// infinitive is "to reach B on port P", "to only talk to B", "reach B", "be
// reached by A": the verb phrase of somebody who is allowed or prevented.
func (p *parser) infinitive(f *frame) bool {
	s := p.save()
	p.take("to")
	not := p.take("not")
	if not {
		if f.deny || f.onlyFrom {
			return p.back(s)
		}
		f.deny = true
	}
	if !p.predicate(f) {
		return p.back(s)
	}
	return true
}

// block is what may follow "block": "A from reaching B", "traffic from A to B",
// "A from B", "A access to B", "access to B".
func (p *parser) block(f *frame) bool {
	s := p.save()
	if p.seqs("all by default", "everything by default", "everything", "all") && p.ended() {
		return p.denySides(f)
	}
	p.back(s)
	if p.flow(f) && p.ended() {
		switch {
		case len(f.from) > 0 && len(f.to) > 0:
			return true
		case p.policyTopic(f):
			return true
		case p.foreignSide(f):
			return true
		case len(f.dirs) > 0 || len(f.from)+len(f.to) == 0:
			return p.denySides(f)
		}
		return true
	}
	p.back(s)
	*f = frame{deny: true, policy: f.policy}
	list, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	f.from = list
	switch {
	case p.prevention(f):
		return true
	case list[0].named && p.ended():
		f.from, f.to = nil, list
		return true
	case p.is("to") && p.infinitive(f):
		return f.deny
	case p.seqs("access to", "incoming? access to", "any access to"):
		dest, ok := p.parties(false)
		if !ok {
			return p.back(s)
		}
		f.to = dest
	case p.isAt(0, "access", "traffic") && p.isAt(1, "from"):
		return p.back(s)
	case p.seqs("all|any? outgoing|incoming traffic|access|connections?"):
		for k := s.i; k < p.i; k++ {
			if w := p.tokens[k].word; w == "outgoing" {
				f.dirs = []ir.End{ir.Egress}
			} else if w == "incoming" {
				f.dirs = []ir.End{ir.Ingress}
			}
		}
		return p.denySides(f)
	default:
		return p.back(s)
	}
	p.complement(f, roles{})
	return true
}

// policyTopic is the second half of "allow traffic from A to B but disallow
// traffic from C": about B as well.
func (p *parser) policyTopic(f *frame) bool {
	n := len(p.frames)
	if len(f.from) == 0 || len(f.to) > 0 || n == 0 || f.hasDir(ir.Egress) || len(p.frames[n-1].to) == 0 || !p.recent(n) {
		return false
	}
	f.to = p.frames[n-1].to
	for i := range f.to {
		f.to = slices.Clone(f.to)
		f.to[i].ports = nil
	}
	return true
}

// recent says whether the last frame is of the same sentence.
func (p *parser) recent(n int) bool {
	last := p.frames[n-1].span.End
	return !slices.ContainsFunc(p.tokens[:p.i], func(t token) bool { return t.kind == mark && t.word == "." && t.start >= last })
}

// prevent is "prevent A from reaching B", "stop A reaching B".
func (p *parser) prevent(f *frame) bool {
	s := p.save()
	list, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	f.from = list
	if p.prevention(f) || p.predicate(f) {
		return true
	}
	return p.back(s)
}

// prevention is "from reaching B", "from B", "from being reached by A".
func (p *parser) prevention(f *frame) bool {
	s := p.save()
	if !p.take("from") {
		return false
	}
	if p.predicate(f) {
		return true
	}
	p.back(s)
	p.i++
	dest, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	f.to = dest
	p.complement(f, roles{})
	return true
}

// isolate is "isolate A", "isolate A for ingress", "isolate A from B", "lock
// down A".
func (p *parser) isolate(from int) bool {
	down := p.take("down", "up") || p.isAt(-1, "lock", "locks", "locked")
	f := frame{deny: true, soft: true}
	var list []party
	if p.flow(&f) && p.ended() && len(f.dirs) > 0 && !down {
		return p.denySides(&f) && p.add(f, from)
	}
	f = frame{deny: true, soft: true}
	list, ok := p.parties(false)
	if !ok {
		return false
	}
	p.seqs("down", "completely", "fully", "entirely", "totally")
	s := p.save()
	switch {
	case p.seqs("for|in both? directions|ways", "from everything|everybody else?", "from anything|anybody else?", "from the? rest of? the? cluster|namespace?"):
	case p.seqs("for|on both?") && p.flowNoun(&f):
	case p.take("from"):
		other, ok := p.parties(false)
		if !ok {
			return false
		}
		p.about(list)
		return p.add(frame{deny: true, from: other, to: list, both: true}, from)
	default:
		p.back(s)
	}
	f.to = list
	p.about(list)
	p.complement(&f, roles{})
	if down && p.explained() {
		return true
	}
	return p.denySides(&f) && p.add(f, from)
}

// explained says whether a clause follows that says what "lock down" means.
func (p *parser) explained() bool {
	s := p.save()
	p.take(",")
	ok := p.is("so", ":", "-") || p.is("only")
	p.back(s)
	return ok
}

// limit is "restrict access to B to A", "limit ingress of B to A", "limit
// egress of A to B".
func (p *parser) limit(f *frame) bool {
	s := p.save()
	if peers, _, ok := p.peers(nil); ok && p.take("'s") && p.flowNoun(f) && len(f.dirs) == 1 && p.is("to") {
		return p.limited(f, []party{{peers: peers}}, f.hasDir(ir.Egress)) || p.back(s)
	}
	p.back(s)
	*f = frame{policy: f.policy}
	if !p.flowNoun(f) {
		return p.back(s)
	}
	egress := f.hasDir(ir.Egress)
	if !p.take("to", "of", "from", "for", "into", "on", "in") {
		return p.back(s)
	}
	if p.isAt(-1, "from") && !egress || p.isAt(-1, "to") && egress {
		return p.back(s)
	}
	list, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	return p.limited(f, list, egress) || p.back(s)
}

// limitSo is "restrict B so that only A may reach it": the next clause says it.
func (p *parser) limitSo() bool {
	s := p.save()
	list, ok := p.parties(false)
	if !ok || !p.explained() {
		return p.back(s)
	}
	p.about(list)
	return true
}

// limited is "to A and B", "to port 80" after what is restricted.
func (p *parser) limited(f *frame, list []party, egress bool) bool {
	p.take("only")
	if !p.take("to") {
		return false
	}
	p.take("only")
	p.seqs("traffic|connections|requests|calls from|to")
	p.seqs("from")
	if ports, ok := p.ports(true); ok && !egress && !p.is("of", "on") {
		f.to, f.ports, f.onlyPort = list, ports, true
		p.complement(f, roles{})
		return true
	}
	other, ok := p.parties(false)
	if !ok {
		return false
	}
	if egress {
		f.from, f.to, f.onlyTo, f.toward = list, other, true, ir.Egress
	} else {
		f.from, f.to, f.onlyFrom, f.toward = other, list, true, ir.Ingress
	}
	p.about(list)
	p.complement(f, roles{})
	return true
}

// keep is "keep A out of B", "keep A away from B", "keep A from reaching B",
// "cut A off from B", "shut A out of B".
func (p *parser) keep(f *frame, verb string) bool {
	f.deny = true
	if p.take("off") {
		list, ok := p.parties(false)
		if !ok {
			return false
		}
		f.from = list
		if p.seqs("from") {
			if f.to, ok = p.parties(false); !ok {
				return false
			}
			return true
		}
		return false
	}
	list, ok := p.parties(false)
	if !ok {
		return false
	}
	f.from = list
	if p.prevention(f) {
		return true
	}
	if p.take("out") && p.ended() && p.namespace != "" {
		f.to = []party{{peers: []ir.Peer{p.own(p.span(max(0, p.i-1)))}}}
		return p.foreigners(all(f.from))
	} else if p.isAt(-1, "out") {
		p.i--
	}
	if !p.seqs("out of", "away from", "off from", "off of?", "outside of", "from touching") {
		return false
	}
	if f.to, ok = p.parties(false); !ok {
		return false
	}
	p.complement(f, roles{})
	return true
}

// open is "open port 80 of B to A", "expose B to A", "open B to the internet".
func (p *parser) open(f *frame) bool {
	s := p.save()
	p.take("up")
	p.take("only")
	list, ok := p.parties(false)
	if !ok {
		return p.back(s)
	}
	f.to = list
	p.complement(f, openRoles)
	if len(f.from) == 0 {
		return p.back(s)
	}
	p.about(f.to)
	return true
}

// give is "give A access to B", "grant access to B to A".
func (p *parser) give(f *frame) bool {
	s := p.save()
	only := p.take("only")
	list, ok := p.parties(false)
	if ok && p.seqs("only? network? access to", "permission to") {
		f.from, f.onlyFrom = list, only
		if p.isAt(-2, "permission") {
			return p.predicate(f)
		}
		if f.to, ok = p.parties(false); ok {
			p.complement(f, roles{})
			return true
		}
	}
	p.back(s)
	if p.seqs("network? access to") {
		if f.to, ok = p.parties(false); ok {
			p.complement(f, openRoles)
			return len(f.from) > 0
		}
	}
	return p.back(s)
}
