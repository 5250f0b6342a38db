package model

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// What a party is for decides which words are a reason for it. "Nobody else may
// reach the ledger" speaks of everybody as those who are kept out, and is no reason
// to let everybody in.

var (
	// universal words speak of all of something, for letting it in.
	universal = wordSet(`all any every each everyone everybody everything anyone anybody anything everywhere anywhere whole entire whatever whoever namespace namespaces cluster
		across pod pods workload workloads services apps applications other others rest open public free unrestricted anonymous users clients people visitors inside within
		internally intra default between among mutual another different here`)
	// beyond the cluster: what is kept from it, or keeps to it.
	beyond = wordSet(`outside internet world outsiders outsider external externally public publicly online worldwide www remote third-party offsite abroad outward outwards
		exposed expose exposes open egress cloud saas anywhere elsewhere beyond`)
	// firmly are words that no other statement takes back.
	firmly = wordSet("whatsoever circumstances circumstance exception exceptions ever never absolutely strictly only alone solely exclusively")
	// remarks say that the rest stays as it is.
	remarks = wordSet(`else other others rest remains remain stays stay unchanged unaffected still keeps keep continues continue also too additionally besides anyway already well
		regardless without unless restrict restricting isolate isolating limit limiting matter concern close closing affect affecting`)
	// outgoing words say that a sentence is about what its subject sends.
	outgoing = wordSet(`egress outgoing outbound outward outwards out across send sends sending push pushes pushing initiate initiates originate leave leaves leaving
		resolve resolves resolving dns publish publishes emit emits forward forwards deliver delivers ship ships stream streams post posts mail mails report reports upload uploads
		hand hands drop drops write writes`)
	// itself words speak of the pods of one party among themselves.
	selfish = wordSet("itself themselves replicas replica peers peer each other others among between another cluster members member instances one inside within all every everything everyone any")
)

// roles holds what each party is for against the words.
func (e *evidence) roles(rules []ir.Rule) {
	for _, r := range rules {
		if a := r.Allow; a != nil {
			e.admitted(a.From)
			e.admitted(a.To)
			e.about(a, rules)
		}
		if c := r.Close; c != nil {
			e.closed(c)
		}
	}
	e.bothWays(rules)
}

// wide says whether a peer is everybody, or every pod of its namespaces.
func wide(p ir.Peer) bool {
	return p.Kind == ir.Anybody || p.Kind == ir.Pods && len(p.Labels) == 0
}

// admitted holds wide parties that something is allowed for, or that are excepted
// from what is closed, against words that speak of all. A statement that names
// nobody ("Allow egress to 10.0.0.0/8") is about all pods of its namespace.
func (e *evidence) admitted(peers []ir.Peer) {
	for _, p := range peers {
		if !wide(p) || speaks(e.words, universal, true) || p.Kind == ir.Pods && !e.namesWorkload() {
			continue
		}
		if p.In != nil && len(p.In.Names) == 1 && e.mentionsNamespace(p.In.Names[0]) {
			continue
		}
		e.refuse("the rules let %s in, and no word of the statement speaks of all of them", p)
	}
}

func (e *evidence) namesWorkload() bool {
	return slices.ContainsFunc(e.s.Mentions, func(m names.Mention) bool { return m.Strong && len(m.Workloads) > 0 })
}

func (e *evidence) closed(c *ir.Close) {
	for _, t := range c.Except {
		e.admitted(t.Peers)
		for _, p := range t.Peers {
			if p.Kind == ir.Anybody && len(p.Minus) == 0 && len(t.Ports) == 0 {
				e.refuse("the rules close something and except everybody from it, which closes nothing")
			}
		}
	}
	for _, t := range c.Scope {
		for _, p := range t.Peers {
			if p.Kind == ir.World && !speaks(e.words, beyond, true) {
				e.refuse("the rules close out what is outside of the cluster, and the statement does not speak of that")
			}
		}
	}
	except := len(c.Except) > 0
	switch {
	case !c.Firm && except && e.alone():
		e.refuse("the statement says who alone may do something, which is firm: no other statement may add to it")
	case c.Firm && !except && len(c.Scope) == 0 && !speaks(e.words, firmly, false):
		e.refuse("the rules close everything firmly, and no word of the statement says that nothing else may open it again")
	}
}

// about holds the end that an Allow is about against the words. Where a Close says
// what is closed it may be about none.
func (e *evidence) about(a *ir.Allow, rules []ir.Rule) {
	switch a.About {
	case "":
		if !shapeOf(rules).closes && !speaks(e.words, remarks, false) && !speaks(e.words, forbidding, false) {
			e.refuse("the rules allow something and isolate neither end, and the statement does not say that the rest stays as it is: \"about\" is the end that the sentence is about")
		}
	case ir.Egress:
		if pods(a.To) && !e.sends() {
			e.refuse("the rules are about what the source sends, and the statement is about what the destination accepts: \"about\" is ingress")
		}
	}
}

// sends says whether words are about what somebody sends.
func (e *evidence) sends() bool { return speaks(e.words, outgoing, false) || e.phrase(outwards) }

// pods says whether all of the peers are pods.
func pods(peers []ir.Peer) bool {
	for _, p := range peers {
		if p.Kind != ir.Workload && p.Kind != ir.Pods && p.Kind != ir.ServiceAccount {
			return false
		}
	}
	return true
}

// bothWays holds flows back, and flows of a party to itself, against words for them.
func (e *evidence) bothWays(rules []ir.Rule) {
	seen, all, some := map[flow]bool{}, map[flow]bool{}, map[flow]bool{} // all: on every port; some: on some
	for _, r := range rules {
		if r.Allow == nil {
			continue
		}
		for _, f := range flowsOf(r) {
			seen[f] = true
			if len(r.Allow.Ports) == 0 {
				all[f] = true
			} else {
				some[f] = true
			}
			if all[f] && some[f] {
				e.refuse("the rules let %s reach %s on every port, and on some: the ports that the statement says are the only ones", f.from, f.to)
			}
			if f.from == f.to && slices.Contains(e.uses.workloads, f.from) && !speaks(e.words, selfish, false) {
				e.refuse("the rules let %s reach itself, and no word of the statement speaks of that", f.from)
			}
			if f.from != f.to && seen[flow{f.to, f.from}] && !speaks(e.words, mutual, false) && !speaks(e.words, selfish, false) && !strings.ContainsAny(e.s.Statement, "<↔⇔") {
				e.refuse("the rules let %s and %s reach each other, and the statement speaks of one direction", f.from, f.to)
			}
		}
	}
}

// idle says whether a mention is a word that stands for something said before,
// and the statement names enough parties of its own to need no other: "it is fine
// that web reaches db".
func (e *evidence) idle(m names.Mention) bool {
	if m.Strong || !backward[names.Key(e.s.Statement[m.Start:m.End])] {
		return false
	}
	strong := 0
	for _, o := range e.s.Mentions {
		if o.Strong {
			strong++
		}
	}
	return strong > 1
}

var backward = wordSet("it itself they them themselves these those latter former ones this same its their else there")
