package model

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// Is an answer about its statement?
//
// A model can return rules that are sound in themselves, and that some other
// statement means: it was misled, it mixed up two conversations, or somebody put
// another answer into a cache or a record. Nothing after this would notice: such rules
// link, lower and verify. So rules are held against the words, both ways.
//
//   - What the rules name has a reason in the statement: a mention that points at it,
//     or words that speak of it.
//   - What the statement names is used by the rules: each strong mention, each port
//     number, address, domain and label that is written out.
//   - Rules that close have words that forbid or limit; exceptions have words that
//     except; a statement that only forbids is not answered by rules that only allow
//     (polarity.go).
//   - Who is let in, what is firm and which end is closed have words too (roles.go),
//     and so has who reaches whom, where the words tell (direction.go).
//   - The rules of one answer fit each other, whatever the words (structure.go).
//
// It is a check of evidence and no reading. What it knows are tables of words and
// phrases (vocabulary.go), and what is said in others it cannot tell: who of two
// parties is the source above all. A second reader and a person can. It errs towards
// refusing: words in which it finds no reason cost an attempt, or the statement has to
// be written in others.

// Evidence says what in the rules has no reason in the statement, and what in the
// statement the rules leave out.
func Evidence(a Answer, s *names.Shortlist) []Problem {
	e := evidence{s: s, words: tokens(s), uses: usesOf(a.Rules)}
	e.sayable(a.Rules)
	e.reasons()
	e.omissions()
	e.polarity(a.Rules)
	e.roles(a.Rules)
	e.structure(a.Rules)
	return e.problems[:min(len(e.problems), maxProblems)]
}

type evidence struct {
	s        *names.Shortlist
	words    []token
	uses     uses
	problems []Problem
}

// sayable holds rules against words of what no network policy can say: rules would
// say the rest of the statement only.
func (e *evidence) sayable(rules []ir.Rule) {
	if len(rules) == 0 {
		return
	}
	if e.phrase(unsayable) {
		e.refuse("the statement speaks of times, rates, encryption or of what is no traffic, which no rule can say: the outcome is out_of_scope")
	}
	if asks := strings.HasSuffix(strings.TrimSpace(e.s.Statement), "?") && !e.phrase(polite); asks || e.phrase(vague) {
		e.refuse("the statement does not say what may pass, and the rules do: the outcome is ambiguous or out_of_scope")
	}
}

func (e *evidence) refuse(format string, args ...any) {
	p := Problem{fmt.Sprintf(format, args...)}
	if !slices.Contains(e.problems, p) {
		e.problems = append(e.problems, p)
	}
}

// uses is everything that rules name, in order and without twins.
type uses struct {
	peers      []ir.Peer // with those taken out of others
	workloads  []string
	namespaces []string
	labels     []ir.Requirement
	accounts   []string
	domains    []string
	prefixes   []netip.Prefix
	ports      []ir.Port
	dns        bool // a Close says what becomes of name resolution
}

func usesOf(rules []ir.Rule) uses {
	var u uses
	for _, r := range rules {
		if a := r.Allow; a != nil {
			u.add(a.From)
			u.add(a.To)
			u.ports = append(u.ports, a.Ports...)
		}
		if c := r.Close; c != nil {
			u.add(c.Subject)
			u.dns = u.dns || c.DNS != ir.DNSAuto
			for _, t := range slices.Concat(c.Scope, c.Except) {
				u.add(t.Peers)
				u.ports = append(u.ports, t.Ports...)
			}
		}
	}
	return u
}

func (u *uses) add(peers []ir.Peer) {
	for _, p := range peers {
		u.peers = append(u.peers, p)
		switch p.Kind {
		case ir.Workload:
			u.workloads = append(u.workloads, names.ShortWorkload{Namespace: p.Namespace, Name: p.Name, Kind: p.Type}.Ref())
			u.namespaces = append(u.namespaces, p.Namespace)
		case ir.ServiceAccount:
			u.accounts = append(u.accounts, p.Name)
			u.namespaces = append(u.namespaces, p.Namespace)
		case ir.Domain:
			u.domains = append(u.domains, p.Name)
		case ir.CIDR:
			u.prefixes = append(append(u.prefixes, p.Prefix), p.Except...)
		}
		u.labels = append(u.labels, p.Labels...)
		if p.In != nil {
			u.namespaces = slices.Concat(u.namespaces, p.In.Names, p.In.Not)
			u.labels = append(u.labels, p.In.Labels...)
		}
		u.add(p.Minus)
	}
}

// reasons looks for what the rules name and the statement does not.
func (e *evidence) reasons() {
	spoken := map[string]bool{}
	home := map[string]bool{e.s.Namespace: true}
	for _, m := range e.s.Mentions {
		if e.idle(m) {
			continue
		}
		for _, ref := range m.Workloads {
			spoken[ref] = true
			if m.Strong || slices.Contains(e.uses.workloads, ref) {
				home[namespaceOf(ref)] = true
			}
		}
		for _, n := range m.Namespaces {
			home[n] = true
		}
	}
	for _, ref := range e.uses.workloads {
		if !spoken[ref] {
			e.refuse("the rules name %s, and no words of the statement point at it", ref)
		}
	}
	for _, p := range e.uses.peers {
		e.peerReason(p, home)
	}
	for _, p := range e.uses.ports {
		if p.Name != "" && !e.saysPort(p.Name) {
			e.refuse("the rules name the port %q, and the statement speaks of no such port", p.Name)
		}
	}
}

func (e *evidence) peerReason(p ir.Peer, home map[string]bool) {
	byName := p.Kind != ir.World && p.Kind != ir.Anybody // coredns is the name of a workload and speaks of DNS
	if words := spokenOf[p.Kind]; words != nil && !speaks(e.words, words, byName) {
		e.refuse("the rules name %s (%s), and no word of the statement speaks of that", called[p.Kind], p.Kind)
	}
	if p.Kind != ir.Pods {
		return
	}
	var in ir.Namespaces
	if p.In != nil {
		in = *p.In
	}
	for _, n := range slices.Concat(in.Names, in.Not) {
		if !home[n] {
			e.refuse("the rules name the namespace %s, and no words of the statement point at it", n)
		}
	}
	if len(in.Names) == 0 && len(in.Labels) == 0 && !speaks(e.words, everyone, true) {
		e.refuse("the rules are about %s, and the statement does not speak of every namespace", p)
	}
	own := len(in.Names) == 1 && in.Names[0] == e.s.Namespace
	if own && len(p.Labels) == 0 && !speaks(e.words, everyone, true) && !e.mentionsNamespace(e.s.Namespace) {
		e.refuse("the rules are about %s, and the statement does not speak of all pods", p)
	}
}

func (e *evidence) mentionsNamespace(name string) bool {
	return slices.ContainsFunc(e.s.Mentions, func(m names.Mention) bool { return slices.Contains(m.Namespaces, name) })
}

// namespaceOf returns the namespace of a workload's name in prompts.
func namespaceOf(ref string) string {
	if _, rest, ok := strings.Cut(ref, " "); ok {
		ref = rest
	}
	namespace, _, _ := strings.Cut(ref, "/")
	return namespace
}

// portCues stand beside the name of a port.
var portCues = wordSet("port ports over via protocol using endpoint traffic on through interface listener requests calls api")

// saysPort says whether the statement names the port: in words that are no thing's
// own name, or beside a word that speaks of ports.
func (e *evidence) saysPort(name string) bool {
	key := names.Key(name)
	for i := range e.words {
		run, named := "", false
		for j := i; j < len(e.words) && len(run) < len(key); j++ {
			run += e.words[j].text
			named = named || e.words[j].named
			if run != key {
				continue
			}
			beside := i > 0 && portCues[e.words[i-1].text] || j+1 < len(e.words) && portCues[e.words[j+1].text]
			if !named || beside {
				return true
			}
		}
	}
	return false
}

// namesPort says whether the name stands beside the word port, or behind a word that a
// port stands behind.
func (e *evidence) namesPort(name string) bool {
	for i, t := range e.words {
		if names.Key(t.text) == names.Key(name) && !t.named && (i+1 < len(e.words) && isPort(e.words[i+1]) || i > 0 && (isPort(e.words[i-1]) || behindPort[e.words[i-1].text])) {
			return true
		}
	}
	return false
}

var behindPort = wordSet("over via on")

func isPort(t token) bool { return t.text == "port" || t.text == "ports" }

// omissions looks for what the statement names and the rules do not.
func (e *evidence) omissions() {
	for _, m := range e.s.Mentions {
		if m.Strong && !e.used(m) {
			e.refuse("the statement speaks of %q, and the rules leave it out", cut(e.s.Statement[m.Start:m.End], 80))
		}
	}
	for _, n := range needed {
		if !e.names(n) || slices.ContainsFunc(e.uses.peers, func(p ir.Peer) bool { return slices.Contains(n.by, p.Kind) }) || n.words[0] == "dns" && e.uses.dns {
			continue
		}
		e.refuse("the statement speaks of %s, and the rules leave it out", called[n.by[0]])
	}
	for _, p := range e.s.Ports {
		if p := port(p); p.Number > 0 && e.writes(strconv.Itoa(p.Number)) && !e.usesPort(p) {
			e.refuse("the statement says %s, and the rules leave it out", p)
		}
	}
	for _, name := range e.s.Ports {
		if port(name).Name != "" && e.namesPort(name) && !slices.ContainsFunc(e.uses.ports, func(u ir.Port) bool { return u.Name == name }) {
			e.refuse("the statement speaks of the port %q, and the rules leave it out", name)
		}
	}
	for _, name := range e.s.Protocols {
		if speaks(e.words, map[string]bool{strings.ToLower(name): true}, false) && !slices.ContainsFunc(e.uses.ports, func(u ir.Port) bool { return u.Protocol == name }) {
			e.refuse("the statement says %s, and the rules leave it out", name)
		}
	}
	for _, c := range e.s.CIDRs {
		p, err := netip.ParsePrefix(c)
		if err == nil && strings.Contains(strings.ToLower(e.s.Statement), p.Addr().String()) && !slices.Contains(e.uses.prefixes, p) {
			e.refuse("the statement says %s, and the rules leave it out", c)
		}
	}
	for _, d := range e.s.Domains {
		if strings.Contains(strings.ToLower(e.s.Statement), d) && !slices.Contains(e.uses.domains, d) {
			e.refuse("the statement says %s, and the rules leave it out", d)
		}
	}
	for _, l := range slices.Concat(e.s.Labels, e.s.NamespaceLabels) {
		key, value, ok := strings.Cut(l, "=")
		if ok && e.writesLabel(key, value) && !slices.ContainsFunc(e.uses.labels, func(r ir.Requirement) bool {
			return r.Key == key && (slices.Contains(r.Values, value) || len(r.Values) == 0)
		}) {
			e.refuse("the statement says %s, and the rules do not select by it", l)
		}
	}
}

// names says whether the words stand in the statement one behind the other, and are
// no thing's own name.
func (e *evidence) names(n need) bool {
	for i := range e.words {
		if i+len(n.words) > len(e.words) {
			break
		}
		all := true
		for k, w := range n.words {
			t := e.words[i+k]
			all = all && t.text == w && !t.named
		}
		if all {
			return true
		}
	}
	return false
}

// used says whether the rules use what a mention points at, or its words as
// something else: the value of a label, a port's name, a service account.
func (e *evidence) used(m names.Mention) bool {
	for _, ref := range m.Workloads {
		if slices.Contains(e.uses.workloads, ref) {
			return true
		}
	}
	for _, n := range m.Namespaces {
		if slices.Contains(e.uses.namespaces, n) {
			return true
		}
	}
	words := e.s.Statement[m.Start:m.End]
	is := func(name string) bool { return names.Key(name) == names.Key(words) }
	for _, l := range e.uses.labels {
		if is(l.Key) || slices.ContainsFunc(l.Values, is) {
			return true
		}
	}
	for _, p := range e.uses.peers {
		if spokenOf[p.Kind] != nil && p.Kind != ir.Anybody && p.Kind != ir.World && speaks(inside(e.words, m), spokenOf[p.Kind], true) {
			return true
		}
	}
	return slices.ContainsFunc(e.uses.ports, func(p ir.Port) bool { return p.Name != "" && is(p.Name) }) ||
		slices.ContainsFunc(e.uses.accounts, is)
}

func inside(ts []token, m names.Mention) []token {
	return slices.DeleteFunc(slices.Clone(ts), func(t token) bool { return t.start < m.Start || t.end > m.End })
}

// writes says whether a number stands in the statement by itself.
func (e *evidence) writes(number string) bool {
	return slices.ContainsFunc(e.words, func(t token) bool { return t.text == number && !t.named })
}

func (e *evidence) usesPort(p ir.Port) bool {
	return slices.ContainsFunc(e.uses.ports, func(u ir.Port) bool {
		return u.Number <= p.Number && max(p.Number, p.End) <= max(u.Number, u.End)
	})
}

// writesLabel says whether the statement has the label as people write labels.
func (e *evidence) writesLabel(key, value string) bool {
	pattern := labelPattern(key, value, "!?={1,2}")
	return pattern != nil && pattern.MatchString(e.s.Statement)
}

// labelPattern finds a label that is written out, with what may stand between its key
// and its value, quotes and spaces aside.
func labelPattern(key, value, between string) *regexp.Regexp {
	const quote = "[`\"'“”]?"
	p, err := regexp.Compile(`(?i)(?:^|[^\pL\pN_./-])` + regexp.QuoteMeta(key) + quote + `\s*` + between + `\s*` + quote + regexp.QuoteMeta(value) + `(?:$|[^\pL\pN_/-])`)
	if err != nil {
		return nil // quoted text always compiles
	}
	return p
}
