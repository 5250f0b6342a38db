package model

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// Who reaches whom is the easiest thing to get wrong about a statement, and the
// hardest to see afterwards. Where a statement names two parties, or two lists of
// them, the words around and between them often leave no doubt about which is the
// source: "from A to B", "A relies on B", "B belongs to A". Rules that say the
// reverse are refused. Where the words do not tell, nothing is.

// party is a party, or a list of parties, that a statement names in one place.
type party struct {
	start, end int
	keys       []string
}

// The keys of parties that have no name.
const (
	theWorld = "what is outside"
	theNodes = "the nodes"
)

// inNamespace begins the key of all pods of a namespace.
const inNamespace = "namespace "

// keyOf is how a peer is called among parties; "" for those that no words name.
func keyOf(p ir.Peer) string {
	switch {
	case p.Kind == ir.Workload:
		return refOf(p)
	case p.Kind == ir.World:
		return theWorld
	case p.Kind == ir.Host:
		return theNodes
	case p.Kind == ir.Pods && len(p.Labels) == 1 && len(p.Labels[0].Values) == 1:
		return p.Labels[0].Key + "=" + p.Labels[0].Values[0]
	case p.Kind == ir.Pods && len(p.Labels) == 0 && p.In != nil && len(p.In.Names) == 1:
		return inNamespace + p.In.Names[0]
	}
	return ""
}

// parties are those of a statement in the order of its words; nil if some words could
// be two.
func (e *evidence) parties() []party {
	var out []party
	for _, m := range e.s.Mentions {
		if !m.Strong {
			continue
		}
		switch {
		case len(m.Workloads) == 1:
			out = append(out, party{m.Start, m.End, m.Workloads})
		case len(m.Workloads) == 0 && len(m.Namespaces) == 1:
			out = append(out, party{m.Start, m.End, []string{inNamespace + m.Namespaces[0]}})
		case len(m.Workloads)+len(m.Namespaces) > 0:
			return nil
		}
	}
	for _, l := range e.s.Labels {
		key, value, _ := strings.Cut(l, "=")
		if p := labelPattern(key, value, "!?={1,2}"); p != nil && value != "" {
			for _, at := range p.FindAllStringIndex(e.s.Statement, -1) {
				out = append(out, party{at[0], at[1], []string{l}})
			}
		}
	}
	for _, t := range e.words {
		switch {
		case t.named:
		case worldly[t.text]:
			out = append(out, party{t.start, t.end, []string{theWorld}})
		case t.text == "nodes":
			out = append(out, party{t.start, t.end, []string{theNodes}})
		}
	}
	slices.SortFunc(out, func(a, b party) int { return a.start - b.start })
	return e.joined(out)
}

// joined makes one party of those that only a list's words stand between.
func (e *evidence) joined(all []party) []party {
	var out []party
	for _, p := range all {
		n := len(out) - 1
		if n >= 0 && p.start < out[n].end {
			return nil // one thing's name within another's
		}
		if n >= 0 && (strings.TrimSpace(e.s.Statement[out[n].end:p.start]) == "" && slices.Equal(out[n].keys, p.keys)) {
			out[n].end = p.end // "the outside world"
			continue
		}
		if n >= 0 && listPattern.MatchString(e.s.Statement[out[n].end:p.start]) {
			out[n].end, out[n].keys = p.end, append(slices.Clone(out[n].keys), p.keys...)
			continue
		}
		out = append(out, p)
	}
	return out
}

var listPattern = regexp.MustCompile(`(?i)^\s*(?:,|and|or|nor|as well as|both)?\s*(?:,|and|or|nor|as well as)\s*(?:(?:then|also)\s+)?(?:the\s+)?$`)

// directions holds who reaches whom against the order of words.
func (e *evidence) directions(rules []ir.Rule) {
	var allows, closes []flow
	for _, r := range rules {
		if r.Allow != nil {
			allows = append(allows, flowsOf(r)...)
		} else {
			closes = append(closes, flowsOf(r)...)
		}
	}
	flows := slices.Concat(allows, closes)
	if a, b, ok := e.eachOther(); ok {
		if len(flows) > 0 && !(slices.Contains(flows, flow{a, b}) && slices.Contains(flows, flow{b, a})) {
			e.refuse("the statement is about %s and %s in both directions, and the rules are about one", a, b)
		}
		return
	}
	reverse := e.phrase(otherWay)
	if speaks(e.words, mutual, false) && !reverse {
		return
	}
	for _, clause := range e.clauses() {
		from, to, ok := e.direction(clause)
		if !ok {
			continue
		}
		for _, a := range from.keys {
			for _, b := range to.keys {
				there, back := flow{a, b}, flow{b, a}
				if reverse {
					if !slices.Contains(allows, there) || shapeOf(rules).closes && !slices.Contains(closes, back) {
						e.refuse("the statement lets %s reach %s and not the reverse, and the rules do not", a, b)
					}
					continue
				}
				if slices.Contains(allows, back) || slices.Contains(closes, back) && !slices.Contains(flows, there) {
					e.refuse("the statement is about what %s does with %s, and the rules are about the other way round", a, b)
				}
			}
		}
	}
}

// clauses returns the parties of each part of the statement that a stop ends.
func (e *evidence) clauses() [][]party {
	all := e.parties()
	var out [][]party
	for i, p := range all {
		if i == 0 || stopPattern.MatchString(e.s.Statement[all[i-1].end:p.start]) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], p)
	}
	return out
}

var stopPattern = regexp.MustCompile(`[.;:?!](?:\s|$)`)

// flow is a source and a destination by the keys of parties.
type flow struct{ from, to string }

// flowsOf are the flows between parties that a rule names both ends of.
func flowsOf(r ir.Rule) []flow {
	var out []flow
	pairs := func(from, to []ir.Peer) {
		for _, a := range from {
			for _, b := range to {
				if keyOf(a) != "" && keyOf(b) != "" {
					out = append(out, flow{keyOf(a), keyOf(b)})
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

// eachOther returns the two parties of a statement between which something passes, or
// does not, both ways.
func (e *evidence) eachOther() (a, b string, ok bool) {
	all := e.parties()
	var keys []string
	for _, p := range all {
		keys = append(keys, p.keys...)
	}
	if len(keys) != 2 || keys[0] == keys[1] {
		return "", "", false
	}
	between, _ := e.before(all[0])
	return keys[0], keys[1], between == "between" || e.phrase(bothWays)
}

// direction returns the parties of a clause that has two, source first. Who is taken
// out of what the clause says is none of them.
func (e *evidence) direction(all []party) (from, to party, ok bool) {
	all = e.essential(all)
	if len(all) != 2 || slices.ContainsFunc(all[0].keys, func(k string) bool { return slices.Contains(all[1].keys, k) }) {
		return party{}, party{}, false
	}
	a, b := all[0], all[1]
	hosts, seeks := e.phrased(a, b)
	first, _ := e.before(a)
	second, _ := e.before(b)
	between := e.between(a, b)
	kept := speaks(e.words, keepers, false)
	into := second == "to" || second == "into"
	from1 := first == "from" || first == "to" || first == "by"
	switch {
	case first == "from" && (into || seeks && !hosts):
		return a, b, true
	case !from1 && seeks != hosts:
		if hosts {
			a, b = b, a
		}
		return a, b, true
	case first == "to" && second == "from" && !kept:
		return b, a, true
	case (second == "from" || second == "by") && !kept:
		return b, a, true
	case from1 || first == "of" || second == "from" || second == "by":
		return party{}, party{}, false
	case speaks(between, acts, false) && !speaks(between, suffers, false):
		return a, b, true
	}
	return party{}, party{}, false
}

// essential returns the parties of a clause without those that are taken out of what it
// says, and without the namespaces that others are in.
func (e *evidence) essential(all []party) []party {
	var out []party
	for i, p := range all {
		word, at := e.before(p)
		if excused[e.after(p)] || len(all) > 2 && word == "in" && strings.HasPrefix(p.keys[0], inNamespace) {
			continue
		}
		butFor := word == "but" || word == "for" && at > 0 && e.words[at-1].text == "but"
		if i > 0 && (excepters[word] || butFor || e.contrasts(all[i-1], p)) {
			break
		}
		out = append(out, p)
	}
	return out
}

// contrasts says whether a comma and a negation stand between two parties: "web reaches
// orders, never db".
func (e *evidence) contrasts(a, b party) bool {
	return strings.HasPrefix(strings.TrimSpace(e.s.Statement[a.end:b.start]), ",") && speaks(e.between(a, b), negations, false)
}

// phrased says whether a phrase makes the first party the one that is reached, or the
// one that reaches.
func (e *evidence) phrased(a, b party) (hosts, seeks bool) {
	before, between, after := e.between(party{}, a), e.between(a, b), e.between(b, party{start: len(e.s.Statement)})
	second, _ := e.before(b)
	hosts = has(between, hosting) ||
		has(before, leaving) && (second == "to" || second == "for") ||
		has(before, taking) && second == "from" ||
		has(between, having) && has(after, clients) ||
		speaks(between, relative, false) && speaks(after[:min(3, len(after))], acts, false)
	return hosts, has(between, seeking) || has(before, keeping) && has(between, away)
}

// between returns the tokens between two parties.
func (e *evidence) between(a, b party) []token {
	var out []token
	for i, t := range e.words {
		if t.start < a.end || t.end > b.start {
			continue
		}
		if (t.text == "gets" || t.text == "get") && i+1 < len(e.words) && (e.words[i+1].text == "at" || e.words[i+1].text == "to" || e.words[i+1].text == "into") {
			t.text = "reaches"
		}
		out = append(out, t)
	}
	return out
}

// after returns the word behind a party.
func (e *evidence) after(p party) string {
	for _, t := range e.words {
		if t.start >= p.end {
			return t.text
		}
	}
	return ""
}

// before returns the word before a party and its place, but for articles and nouns
// that belong to it.
func (e *evidence) before(p party) (word string, at int) {
	for i, t := range e.words {
		if t.end > p.start {
			break
		}
		if !fillers[t.text] {
			word, at = t.text, i
		}
	}
	return word, at
}
