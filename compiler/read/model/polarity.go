package model

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// shape is what rules do, without whom they name.
type shape struct {
	allows, closes bool
	excepts        bool // some Close has an exception
	others         bool // somebody is meant by the namespaces that they are not in
	narrow         bool // some Close leaves somebody out, by an exception or by how it names its parties
}

func shapeOf(rules []ir.Rule) shape {
	var s shape
	for _, p := range usesOf(rules).peers {
		s.others = s.others || p.In != nil && len(p.In.Not) > 0 || len(p.Minus) > 0
	}
	for _, r := range rules {
		if r.Allow != nil {
			s.allows = true
		}
		if c := r.Close; c != nil {
			s.closes = true
			s.excepts = s.excepts || len(c.Except) > 0
			s.narrow = s.narrow || len(c.Except) > 0 || c.DNS == ir.DNSKeep || partial(c)
		}
	}
	return s
}

// partial says whether a Close leaves somebody out by how it names its parties.
func partial(c *ir.Close) bool {
	peers := slices.Clone(c.Subject)
	for _, t := range c.Scope {
		peers = append(peers, t.Peers...)
	}
	return slices.ContainsFunc(peers, func(p ir.Peer) bool {
		return len(p.Minus) > 0 || len(p.Except) > 0 || p.In != nil && len(p.In.Not) > 0
	})
}

// polarity holds what the rules close, except and allow against words.
func (e *evidence) polarity(rules []ir.Rule) {
	says := func(words map[string]bool) bool { return speaks(e.words, words, false) }
	r := shapeOf(rules)
	prohibits, leaves := e.phrase(prohibiting), e.phrase(leavingOut)
	spares := leaves || e.phrase(complements)
	forbids, limits, permits := says(forbidding) || prohibits, says(limiting) || spares, permission(e.words)
	surely := forbidsSurely(e.words)
	switch {
	case r.closes && !forbids && !limits:
		e.refuse("the rules close something, and no word of the statement forbids or restricts anything")
	case r.closes && !r.allows && !r.narrow && (!forbids || says(onlyWords)):
		e.refuse("the statement restricts traffic to somebody, and the rules only block: they leave open nothing that it speaks of")
	case r.closes && !r.allows && !r.narrow && says(exceptions):
		e.refuse("the statement makes an exception, and the rules make none")
	case !r.closes && e.alone():
		e.refuse("the statement says who alone may do something, and the rules close nothing")
	case !r.closes && (prohibits || surely && !permitsPlainly(e.words)):
		e.refuse("the statement forbids something, and the rules only allow")
	case r.allows && !r.closes && !permits && !e.reaches():
		e.refuse("the rules allow something, and no word of the statement that is understood here does")
	}
	must := says(map[string]bool{"must": true}) && !says(negations) // all of it must come from web: from nowhere else
	if r.excepts && !must && !spares && !says(excepting) {
		e.refuse("the rules make an exception, and no word of the statement does")
	}
	if r.allows && surely && !permits && !limits {
		e.refuse("the rules allow something, and the statement only forbids")
	}
	e.excepted(rules)
	if e.otherNamespaces() && !r.others && !r.narrow {
		e.refuse("the statement speaks of other namespaces, and the rules do not tell them from its own")
	}
	if e.phrase(restOutside) && !outsideSaid(rules) {
		e.refuse("the statement closes the rest of what is outside of the cluster, and the rules close something else")
	}
	if e.phrase(within) && r.closes && !slices.ContainsFunc(e.uses.peers, func(p ir.Peer) bool { return p.Kind == ir.Pods }) {
		e.refuse("the statement is about the pods of a namespace alone, and the rules do not tell them from others")
	}
	e.ends(rules)
	e.directions(rules)
}

// outsideSaid says whether some Close is of what is outside of the cluster.
func outsideSaid(rules []ir.Rule) bool {
	return slices.ContainsFunc(rules, func(r ir.Rule) bool {
		return r.Close != nil && slices.ContainsFunc(r.Close.Scope, func(t ir.Traffic) bool { return slices.ContainsFunc(t.Peers, outside) })
	})
}

// namesPeers says whether some Close is of traffic with somebody.
func namesPeers(rules []ir.Rule) bool {
	return slices.ContainsFunc(rules, func(r ir.Rule) bool {
		return r.Close != nil && slices.ContainsFunc(slices.Concat(r.Close.Scope, r.Close.Except), func(t ir.Traffic) bool { return len(t.Peers) > 0 })
	})
}

// reaches says whether any word or sign of the statement speaks of reaching, needing
// or serving at all. Where none does, the statement may be in words, or in a
// language, that no table knows: a prohibition among them.
func (e *evidence) reaches() bool {
	return speaks(e.words, acts, false) || speaks(e.words, acted, false) || speaks(e.words, permitting, false) || speaks(e.words, mutual, false) || e.phrase(seeking) || e.phrase(hosting) ||
		e.phrase(having) || e.phrase(taking) || strings.ContainsAny(e.s.Statement, "<>←→↔") ||
		speaks(e.words, inward, false) || speaks(e.words, outward, false) || len(e.words) <= terse && speaks(e.words, wordSet("to from"), false)
}

// terse is as many words as "web to orders on 8080" may have.
const terse = 8

// otherNamespaces says whether the statement speaks of namespaces other than one.
func (e *evidence) otherNamespaces() bool {
	for i := 1; i < len(e.words); i++ {
		switch a, b := e.words[i-1].text, e.words[i].text; a {
		case "other", "another", "different":
			if b == "namespace" || b == "namespaces" {
				return true
			}
		}
	}
	return false
}

// forbidsSurely says whether a word forbids that means nothing else.
func forbidsSurely(ts []token) bool {
	return speaks(ts, halfway, false) && speaks(ts, apart, false) || slices.ContainsFunc(ts, func(t token) bool {
		return forbidding[t.text] && !halfway[t.text] && !apart[t.text] && !t.named && !t.idle
	})
}

// permission says whether something is permitted: by a word that no negation stands
// before in its clause, nor behind it.
func permission(ts []token) bool { return permittedBy(ts, permitting) }

// permitsPlainly says the same by words that mean nothing else: "we hate to see web
// reach db" permits nothing.
func permitsPlainly(ts []token) bool { return permittedBy(ts, plainly) }

func permittedBy(ts []token, words map[string]bool) bool {
	for len(ts) > 0 {
		n := 1
		for n < len(ts) && ts[n].start <= ts[n-1].end+1 && !clauses[ts[n].text] { // else a comma or a stop stands between
			n++
		}
		if speaks(ts[:n], words, false) && !speaks(ts[:n], negations, false) && !speaks(ts[:n], prohibitions, false) {
			return true
		}
		ts = ts[n:]
	}
	return false
}

// excepted holds the parties that the statement takes out of what it says ("everybody
// but web", "nothing except web") against what the rules do with them: out of what is
// allowed they are not allowed, and out of what is forbidden they are not blocked. A
// party behind "not" is not allowed either ("web but not mailer").
func (e *evidence) excepted(rules []ir.Rule) {
	forbids := speaks(e.words, negations, false) || speaks(e.words, prohibitions, false) || speaks(e.words, onlyWords, false)
	for _, m := range e.s.Mentions {
		word, at := e.before(party{start: m.Start})
		not := word == "not" || word == "nor" || word == "neither"
		if not && at > 0 && (e.words[at-1].text == "is" || e.words[at-1].text == "are") {
			not, word = false, "except" // "whoever is not web" is everybody else
		}
		if !m.Strong || !not && !excepters[word] && !(word == "but" && at > 0 && anyone[e.words[at-1].text]) {
			continue
		}
		means := func(p ir.Peer) bool {
			return p.Kind == ir.Workload && slices.Contains(m.Workloads, refOf(p)) || p.Kind == ir.Pods && p.In != nil && len(p.In.Names) == 1 && slices.Contains(m.Namespaces, p.In.Names[0])
		}
		for _, r := range rules {
			var listed []ir.Peer
			if a := r.Allow; a != nil && (not || !forbids) {
				listed = slices.Concat(a.From, a.To)
			}
			if c := r.Close; c != nil && !not && forbids && len(c.Except) == 0 {
				for _, t := range c.Scope {
					listed = append(listed, t.Peers...)
				}
			}
			if slices.ContainsFunc(listed, means) {
				e.refuse("the statement makes an exception of %q, and the rules treat it as what it is an exception of", cut(e.s.Statement[m.Start:m.End], 80))
			}
		}
	}
}

// ends holds the end of a Close of no named parties, which nothing but its direction
// describes, against words that speak of one direction alone.
func (e *evidence) ends(rules []ir.Rule) {
	out, in := speaks(e.words, outward, false) || e.phrase(outwards), speaks(e.words, inward, false) || e.phrase(inwards)
	if e.phrase(bothWays) && !namesPeers(rules) {
		out, in = true, true
	}
	if out && in {
		e.bothEnds(rules)
	}
	if out == in {
		return
	}
	for _, r := range rules {
		c := r.Close
		if c == nil || len(c.Except) > 0 && len(c.Scope) == 0 || slices.ContainsFunc(c.Scope, func(t ir.Traffic) bool {
			return len(t.Peers) == 0 || slices.ContainsFunc(t.Peers, specific) || slices.ContainsFunc(t.Peers, outside)
		}) {
			continue
		}
		if out && c.End == ir.Ingress {
			e.refuse("the rules close what comes in, and the statement speaks of what goes out")
		}
		if in && c.End == ir.Egress {
			e.refuse("the rules close what goes out, and the statement speaks of what comes in")
		}
	}
}

// bothEnds holds rules that close one end only against a statement of both.
func (e *evidence) bothEnds(rules []ir.Rule) {
	var ends []ir.End
	for _, r := range rules {
		if c := r.Close; c != nil {
			ends = append(ends, c.End)
		}
		if a := r.Allow; a != nil {
			ends = append(ends, a.About)
		}
	}
	for _, end := range []ir.End{ir.Ingress, ir.Egress} {
		if !slices.Contains(ends, end) && shapeOf(rules).closes {
			e.refuse("the statement speaks of ingress and of egress, and no rule is about %s", end)
		}
	}
}
