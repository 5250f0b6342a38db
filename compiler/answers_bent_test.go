package compiler_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read/model"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// An answer to some other statement mostly names what is not there. The harder
// test is the right answer, bent: the parties are those of the statement, and one
// thing about them is wrong.

// bend changes the rules of a right answer in one way. It returns nil where there
// is nothing to change.
type bend struct {
	name string
	of   func(rules []ir.Rule, s *names.Shortlist) []ir.Rule
}

var bends = []bend{
	{"source and destination swapped", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule { return each(rules, swapAllow, swapClose) }},
	{"ports left out", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule {
		return each(rules, allowEveryPort, closeEveryPort)
	}},
	{"another port of the destination", anotherPort},
	{"first rule left out", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule { return fewer(rules[1:]) }},
	{"last rule left out", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule { return fewer(rules[:len(rules)-1]) }},
	{"closed at the other end", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule { return each(rules, nil, otherEnd) }},
	{"firm for soft, soft for firm", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule {
		return each(rules, nil, func(c *ir.Close) bool { c.Firm = !c.Firm; return true })
	}},
	{"exception left out", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule {
		return each(rules, nil, func(c *ir.Close) bool { had := len(c.Except) > 0; c.Except = nil; return had })
	}},
	{"scope left out", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule {
		return each(rules, nil, func(c *ir.Close) bool { had := len(c.Scope) > 0; c.Scope = nil; return had })
	}},
	{"about the other end", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule { return each(rules, otherAbout, nil) }},
	{"the source's whole namespace", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule {
		return each(rules, func(a *ir.Allow) bool { return widen(a.From) }, widenPeers)
	}},
	{"another workload for the source", func(rules []ir.Rule, s *names.Shortlist) []ir.Rule {
		return each(rules, func(a *ir.Allow) bool { return another(a.From, a.To, s) }, nil)
	}},
	{"one source more", func(rules []ir.Rule, s *names.Shortlist) []ir.Rule {
		return each(rules, func(a *ir.Allow) bool {
			more := slices.Clone(a.From)
			if len(more) == 0 || !another(more[:1], append(slices.Clone(a.From), a.To...), s) {
				return false
			}
			a.From = append(a.From, more[0])
			return true
		}, nil)
	}},
	{"allowed for forbidden", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule { return opposite(rules, false) }},
	{"forbidden for allowed", func(rules []ir.Rule, _ *names.Shortlist) []ir.Rule { return opposite(rules, true) }},
}

// each changes a copy of every rule; nil if none was changed.
func each(rules []ir.Rule, allow func(*ir.Allow) bool, closes func(*ir.Close) bool) []ir.Rule {
	out := copied(rules)
	changed := false
	for _, r := range out {
		if r.Allow != nil && allow != nil {
			changed = allow(r.Allow) || changed
		}
		if r.Close != nil && closes != nil {
			changed = closes(r.Close) || changed
		}
	}
	if !changed {
		return nil
	}
	return out
}

func copied(rules []ir.Rule) []ir.Rule {
	data, err := json.Marshal(rules)
	if err != nil {
		panic(err) // rules always encode
	}
	var out []ir.Rule
	if err := json.Unmarshal(data, &out); err != nil {
		panic(err)
	}
	return out
}

func fewer(rules []ir.Rule) []ir.Rule {
	if len(rules) == 0 {
		return nil
	}
	return copied(rules)
}

func swapAllow(a *ir.Allow) bool {
	a.From, a.To = a.To, a.From
	return true
}

// swapClose swaps who is closed and whom to, where both are pods.
func swapClose(c *ir.Close) bool {
	if len(c.Scope) != 1 || !podsOnly(c.Scope[0].Peers) {
		return false
	}
	c.Subject, c.Scope[0].Peers = c.Scope[0].Peers, c.Subject
	return true
}

func podsOnly(peers []ir.Peer) bool {
	return len(peers) > 0 && !slices.ContainsFunc(peers, func(p ir.Peer) bool { return p.Kind != ir.Workload && p.Kind != ir.Pods })
}

func allowEveryPort(a *ir.Allow) bool {
	had := len(a.Ports) > 0
	a.Ports = nil
	return had
}

func closeEveryPort(c *ir.Close) bool {
	had := false
	for _, list := range []*[]ir.Traffic{&c.Scope, &c.Except} {
		for i := range *list {
			had = had || len((*list)[i].Ports) > 0
			(*list)[i].Ports = nil
		}
		// A scope that says nothing is left out, and an exception too.
		*list = slices.DeleteFunc(*list, func(t ir.Traffic) bool { return len(t.Peers) == 0 })
	}
	return had
}

// anotherPort replaces every port by another that the statement's shortlist has.
func anotherPort(rules []ir.Rule, s *names.Shortlist) []ir.Rule {
	replace := func(ports []ir.Port) bool {
		for i, p := range ports {
			for _, word := range s.Ports {
				if word != p.Name && word != fmt.Sprint(p.Number) {
					ports[i] = ir.Port{Name: word, Protocol: p.Protocol}
					return true
				}
			}
		}
		return false
	}
	return each(rules, func(a *ir.Allow) bool { return replace(a.Ports) }, func(c *ir.Close) bool {
		changed := false
		for _, t := range slices.Concat(c.Scope, c.Except) {
			changed = replace(t.Ports) || changed
		}
		return changed
	})
}

func otherEnd(c *ir.Close) bool {
	if c.End == ir.Ingress {
		c.End = ir.Egress
	} else {
		c.End, c.DNS = ir.Ingress, ir.DNSAuto
	}
	return true
}

func otherAbout(a *ir.Allow) bool {
	if a.About == ir.Egress {
		a.About = ir.Ingress
	} else {
		a.About = ir.Egress
	}
	return true
}

// widen replaces workloads by all pods of their namespaces.
func widen(peers []ir.Peer) bool {
	changed := false
	for i, p := range peers {
		if p.Kind == ir.Workload {
			peers[i], changed = ir.Peer{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{p.Namespace}}}, true
		}
	}
	return changed
}

func widenPeers(c *ir.Close) bool {
	changed := false
	for _, t := range slices.Concat(c.Scope, c.Except) {
		changed = widen(t.Peers) || changed
	}
	return changed
}

// another replaces workloads by one of the shortlist that is not among either.
func another(peers, others []ir.Peer, s *names.Shortlist) bool {
	taken := slices.Concat(peers, others)
	for i, p := range peers {
		for _, w := range s.Workloads {
			o := ir.Peer{Kind: ir.Workload, Namespace: w.Namespace, Name: w.Name, Type: w.Kind}
			if p.Kind == ir.Workload && !slices.ContainsFunc(taken, func(t ir.Peer) bool { return t.Namespace == o.Namespace && t.Name == o.Name }) {
				peers[i] = o
				return true
			}
		}
	}
	return false
}

// opposite forbids what is allowed, or allows what is forbidden, where a rule is
// all of an answer.
func opposite(rules []ir.Rule, forbid bool) []ir.Rule {
	if len(rules) != 1 {
		return nil
	}
	if a := rules[0].Allow; a != nil && forbid && podsOnly(a.To) {
		return []ir.Rule{{Close: &ir.Close{End: ir.Ingress, Subject: a.To, Scope: []ir.Traffic{{Peers: a.From, Ports: a.Ports}}, Firm: true}}}
	}
	if c := rules[0].Close; c != nil && !forbid && len(c.Scope) == 1 && len(c.Scope[0].Peers) > 0 {
		from, to := c.Scope[0].Peers, c.Subject
		if c.End == ir.Egress {
			from, to = to, from
		}
		return []ir.Rule{{Allow: &ir.Allow{From: from, To: to, Ports: c.Scope[0].Ports, About: ir.Ingress}}}
	}
	return nil
}

// TestBentAnswers gives every statement its right answer with one thing wrong.
// What the embedded reader reads is never written otherwise; of the rest, what is
// let through is counted and printed.
func TestBentAnswers(t *testing.T) {
	clusters := allAnswers(t)
	if *seeds == 0 && !*pairs {
		clusters = clusters[:1]
	}
	tallies := make([]tally, len(bends))
	for i, b := range bends {
		tallies[i] = tally{map[string]int{}, map[string]int{}, map[string]int{}}
		for _, c := range clusters {
			c.bent(t, &tallies[i], b)
		}
	}
	if !testing.Verbose() {
		return
	}
	for _, part := range []struct {
		title string
		of    func(tally) map[string]int
	}{
		{"read by the embedded reader", func(n tally) map[string]int { return n.embedded }},
		{"not read by it", func(n tally) map[string]int { return n.unread }},
	} {
		fmt.Printf("\nright answers, bent: statements %s\n%8s%8s%9s%6s%8s%8s\n", part.title, "decode", "vote", "evidence", "judge", "chance", "THROUGH")
		for i, b := range bends {
			n := part.of(tallies[i])
			fmt.Printf("%8d%8d%9d%6d%8d%8d   %s\n", n[byDecode], n[twoReadings], n[byEvidence], n[byJudge], n[byChance], n[through], b.name)
		}
	}
	if *table {
		for i, b := range bends {
			fmt.Printf("\nlet through: %s\n", b.name)
			for _, leak := range slices.Sorted(maps.Keys(tallies[i].leaks)) {
				fmt.Println("\t" + leak)
			}
		}
	}
}

// bent compiles the cluster's statements with their answers bent in one way.
func (c *answerCluster) bent(t *testing.T, n *tally, b bend) {
	t.Helper()
	s := script{}
	given := map[string]*answered{}
	var statements []*answered
	for _, a := range c.statements {
		right, problems := model.Decode(a.answer, a.shortlist)
		if len(problems) > 0 || len(right.Rules) == 0 || a.refused != "" {
			continue
		}
		rules := b.of(right.Rules, a.shortlist)
		if rules == nil {
			continue
		}
		text, err := model.Encode(rules, "")
		if err != nil {
			t.Fatal(err)
		}
		given[a.name] = &answered{answer: text}
		s.set(a, text)
		statements = append(statements, a)
	}
	if len(statements) == 0 {
		return
	}
	r := c.compile(t, s.model(), nil, append(slices.Clone(statements), stopper)...)
	found := findings(r)
	intents := map[string]report.Intent{}
	for _, i := range r.Report().Intents {
		intents[i.Name] = i
	}
	for _, a := range statements {
		outcome := outcomeOf(a, []*answered{given[a.name]}, found[a.name], 1)
		if outcome == "" {
			outcome = c.taken(t, r.Inventory, s, a, intents[a.name].Rules)
		}
		if a.vote != nil {
			n.embedded[outcome]++
			continue
		}
		n.unread[outcome]++
		if outcome == through {
			n.leaks[fmt.Sprintf("%s: %q\n\t\tgot %s", c.name, a.statement, strings.Join(intents[a.name].ReadsAs, "; "))]++
		}
	}
}
