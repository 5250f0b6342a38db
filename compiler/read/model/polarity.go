package model

import (
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
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
	forbids, limits, permits := says(forbidding), says(limiting), permission(e.words)
	surely := forbidsSurely(e.words)
	switch {
	case r.closes && !forbids && !limits:
		e.refuse("the rules close something, and no word of the statement forbids or restricts anything")
	case r.closes && !r.allows && !r.narrow && (!forbids || says(onlyWords)):
		e.refuse("the statement restricts traffic to somebody, and the rules only block: they leave open nothing that it speaks of")
	case r.closes && !r.allows && !r.narrow && says(exceptions):
		e.refuse("the statement makes an exception, and the rules make none")
	case !r.closes && (says(onlyWords) || e.nobodyElse()):
		e.refuse("the statement says who alone may do something, and the rules close nothing")
	case !r.closes && surely && !permitsPlainly(e.words):
		e.refuse("the statement forbids something, and the rules only allow")
	}
	must := says(map[string]bool{"must": true}) && !says(negations) // all of it must come from web: from nowhere else
	if r.excepts && !must && !says(excepting) {
		e.refuse("the rules make an exception, and no word of the statement does")
	}
	if r.allows && surely && !permits && !limits {
		e.refuse("the rules allow something, and the statement only forbids")
	}
	e.excepted(rules)
	if e.otherNamespaces() && !r.others && !r.narrow {
		e.refuse("the statement speaks of other namespaces, and the rules do not tell them from its own")
	}
	e.ends(rules)
	e.directions(rules)
}

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
		return forbidding[t.text] && !halfway[t.text] && !apart[t.text] && !t.named
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

// nobodyElse says whether the statement says that all others are left out.
func (e *evidence) nobodyElse() bool {
	for i := 1; i < len(e.words); i++ {
		a, b := e.words[i-1], e.words[i]
		if b.text == "else" && (a.text == "nobody" || a.text == "nothing" || a.text == "none" || a.text == "one" && i > 1 && e.words[i-2].text == "no") || a.text == "no" && b.text == "other" {
			return true
		}
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
		word, at := e.before(m)
		not := word == "not" || word == "nor" || word == "neither"
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

// ends holds the end of a Close without a scope, which nothing but its direction
// describes, against words that speak of one direction alone.
func (e *evidence) ends(rules []ir.Rule) {
	out, in := speaks(e.words, outward, false), speaks(e.words, inward, false)
	if out && in {
		e.bothEnds(rules)
	}
	if out == in {
		return
	}
	for _, r := range rules {
		c := r.Close
		if c == nil || len(c.Scope)+len(c.Except) > 0 {
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

// directions holds who reaches whom against the order of words, where a statement
// names two workloads and its words leave no doubt about which is the source.
func (e *evidence) directions(rules []ir.Rule) {
	if a, b, ok := e.eachOther(); ok {
		var flows []flow
		for _, r := range rules {
			flows = append(flows, flowsOf(r)...)
		}
		if len(flows) > 0 && !(slices.Contains(flows, flow{a, b}) && slices.Contains(flows, flow{b, a})) {
			e.refuse("the statement is about %s and %s in both directions, and the rules are about one", a, b)
		}
		return
	}
	source, destination, ok := e.direction()
	if !ok {
		return
	}
	back := flow{destination, source}
	for _, r := range rules {
		if slices.ContainsFunc(flowsOf(r), func(f flow) bool { return f == back }) {
			e.refuse("the statement is about what %s does with %s, and the rules are about the other way round", source, destination)
			return
		}
	}
}

// flow is a source and a destination, as workloads are called in prompts.
type flow struct{ from, to string }

// flowsOf are the flows between workloads that a rule names both ends of.
func flowsOf(r ir.Rule) []flow {
	var out []flow
	pairs := func(from, to []ir.Peer) {
		for _, a := range from {
			for _, b := range to {
				if a.Kind == ir.Workload && b.Kind == ir.Workload {
					out = append(out, flow{refOf(a), refOf(b)})
				}
			}
		}
	}
	if a := r.Allow; a != nil {
		pairs(a.From, a.To)
	}
	if c := r.Close; c != nil {
		for _, t := range slices.Concat(c.Scope, c.Except) {
			if c.End == ir.Ingress {
				pairs(t.Peers, c.Subject)
			} else {
				pairs(c.Subject, t.Peers)
			}
		}
	}
	return out
}

func refOf(p ir.Peer) string {
	return names.ShortWorkload{Namespace: p.Namespace, Name: p.Name, Kind: p.Type}.Ref()
}

// two returns the mentions of the workloads of a statement that names two.
func (e *evidence) two() []names.Mention {
	var at []names.Mention
	for _, m := range e.s.Mentions {
		if !m.Strong || len(m.Workloads) == 0 {
			continue
		}
		if len(m.Workloads) != 1 || len(at) == 2 || slices.ContainsFunc(at, func(o names.Mention) bool { return o.Workloads[0] == m.Workloads[0] }) {
			return nil
		}
		at = append(at, m)
	}
	if len(at) != 2 {
		return nil
	}
	return at
}

// eachOther returns two workloads between which something passes or does not.
func (e *evidence) eachOther() (a, b string, ok bool) {
	at := e.two()
	if at == nil {
		return "", "", false
	}
	between, _ := e.before(at[0])
	each := false
	for i := 1; i < len(e.words); i++ {
		each = each || e.words[i-1].text == "each" && e.words[i].text == "other"
	}
	return at[0].Workloads[0], at[1].Workloads[0], each || between == "between"
}

// direction returns the two workloads of a statement that names no others, source
// first.
func (e *evidence) direction() (source, destination string, ok bool) {
	at := e.two()
	if at == nil || speaks(e.words, mutual, false) {
		return "", "", false
	}
	first, _ := e.before(at[0])
	second, _ := e.before(at[1])
	var between []token
	for i, t := range e.words {
		if t.start < at[0].End || t.end > at[1].Start {
			continue
		}
		if (t.text == "gets" || t.text == "get") && i+1 < len(e.words) && (e.words[i+1].text == "at" || e.words[i+1].text == "to" || e.words[i+1].text == "into") {
			t.text = "reaches"
		}
		between = append(between, t)
	}
	a, b := at[0].Workloads[0], at[1].Workloads[0]
	switch {
	case first == "from" && second == "to":
		return a, b, true
	case first == "to" && second == "from" && !speaks(e.words, keepers, false):
		return b, a, true
	case (second == "from" || second == "by") && !speaks(e.words, keepers, false):
		return b, a, true
	case (first == "from" || first == "to" || first == "by" || first == "of") || second == "from" || second == "by":
		return "", "", false
	case speaks(between, acts, false) && !speaks(between, suffers, false):
		return a, b, true
	}
	return "", "", false
}

// before returns the word before a mention and its place, but for articles and nouns
// that belong to it.
func (e *evidence) before(m names.Mention) (word string, at int) {
	for i, t := range e.words {
		if t.end > m.Start {
			break
		}
		if !fillers[t.text] {
			word, at = t.text, i
		}
	}
	return word, at
}
