package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

const (
	maxProse    = 500 // bytes of a question or an explanation
	maxRules    = 64
	maxItems    = 128 // of any list in a rule
	maxProblems = 12  // more would not help a model, or anybody
)

// Decode reads the answer in a text. It returns no rules where it finds anything
// wrong with them.
func Decode(text string, s *names.Shortlist) (Answer, []Problem) {
	doc, err := document(text)
	if err != nil {
		return Answer{}, []Problem{{err.Error()}}
	}
	d := decoder{s: s, minus: true}
	a := d.answer(doc)
	if len(d.problems) > 0 {
		a.Rules = nil
		return a, d.problems[:min(len(d.problems), maxProblems)]
	}
	return a, nil
}

// decoder collects what is wrong with an answer.
type decoder struct {
	s        *names.Shortlist
	minus    bool // peers may take others out; not within one that is taken out
	problems []Problem
}

// refuse records a problem at a place of the document ("rules[0].from[1]").
func (d *decoder) refuse(at, format string, args ...any) {
	p := Problem{fmt.Sprintf(format, args...)}
	if at != "" {
		p.Message = at + ": " + p.Message
	}
	if !slices.Contains(d.problems, p) {
		d.problems = append(d.problems, p)
	}
}

func (d *decoder) answer(n node) Answer {
	var a Answer
	d.keys("", n, "explanation", "outcome", "question", "rules")
	a.Explanation = cut(d.text("explanation", n.get("explanation")), maxProse)
	a.Question = cut(d.text("question", n.get("question")), maxProse)
	a.Outcome = Outcome(d.choice("outcome", n.get("outcome"), string(Rules), string(Ambiguous), string(OutOfScope)))
	list := d.list("rules", n.get("rules"), maxRules)
	switch a.Outcome {
	case Rules:
		a.Question = ""
		if len(list) == 0 {
			d.refuse("rules", "the outcome is rules, and there are none")
		}
	case Ambiguous, OutOfScope:
		if len(list) > 0 {
			d.refuse("rules", "there are none where the outcome is %s", a.Outcome)
		}
		if strings.TrimSpace(a.Question) == "" {
			d.refuse("question", "say what is unclear, in one sentence")
		}
		return a
	}
	for i, item := range list {
		r := d.rule(fmt.Sprintf("rules[%d]", i), item)
		if !slices.ContainsFunc(a.Rules, func(o ir.Rule) bool { return same(o, r) }) {
			a.Rules = append(a.Rules, r)
		}
	}
	return a
}

func same(a, b ir.Rule) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func (d *decoder) rule(at string, n node) ir.Rule {
	allow, closes := slices.Contains(n.keys, "from"), slices.Contains(n.keys, "close")
	switch {
	case n.kind != isObject:
		d.refuse(at, "it is %s; a rule is an object", n.kind)
	case allow == closes:
		d.refuse(at, "a rule has either \"from\" and \"to\", or \"close\" and \"subject\"")
	case allow:
		return ir.Rule{Allow: d.allow(at, n)}
	default:
		return ir.Rule{Close: d.close(at, n)}
	}
	return ir.Rule{}
}

func (d *decoder) allow(at string, n node) *ir.Allow {
	d.keys(at, n, "from", "to", "ports", "about")
	a := &ir.Allow{
		From:  d.peers(at+".from", n.get("from"), true),
		To:    d.peers(at+".to", n.get("to"), true),
		Ports: d.ports(at+".ports", n.get("ports")),
	}
	about := d.optional(at+".about", n.get("about"), "none", string(ir.Ingress), string(ir.Egress))
	if about != "none" {
		a.About = ir.End(about)
	}
	return a
}

func (d *decoder) close(at string, n node) *ir.Close {
	d.keys(at, n, "close", "subject", "scope", "except", "firm", "dns")
	c := &ir.Close{
		End:     ir.End(d.choice(at+".close", n.get("close"), string(ir.Ingress), string(ir.Egress))),
		Subject: d.peers(at+".subject", n.get("subject"), true),
		Scope:   d.traffics(at+".scope", n.get("scope")),
		Except:  d.traffics(at+".except", n.get("except")),
	}
	for i, p := range c.Subject {
		if p.Kind != ir.Workload && p.Kind != ir.Pods && p.Kind != ir.ServiceAccount {
			d.refuse(fmt.Sprintf("%s.subject[%d]", at, i), "only pods can be closed: %s belongs into the scope, with the pods as the subject", p)
		}
	}
	switch firm := n.get("firm"); firm.kind {
	case isBool:
		c.Firm = firm.yes
	default:
		d.refuse(at+".firm", "it is %s; true or false is wanted", firm.said())
	}
	dns := d.optional(at+".dns", n.get("dns"), "auto", string(ir.DNSKeep), string(ir.DNSClose))
	if dns != "auto" {
		c.DNS = ir.DNSMode(dns)
		if c.End == ir.Ingress {
			d.refuse(at+".dns", "name resolution is a matter of egress: \"auto\" is wanted where ingress is closed")
		}
	}
	return c
}

// traffics decodes a scope or an exception.
func (d *decoder) traffics(at string, n node) []ir.Traffic {
	var out []ir.Traffic
	for i, item := range d.list(at, n, maxItems) {
		at := fmt.Sprintf("%s[%d]", at, i)
		if item.kind != isObject {
			d.refuse(at, "it is %s; an object with peers and ports is wanted", item.kind)
			continue
		}
		d.keys(at, item, "peers", "ports")
		t := ir.Traffic{Peers: d.peers(at+".peers", item.get("peers"), false), Ports: d.ports(at+".ports", item.get("ports"))}
		if item.get("peers").none() && item.get("ports").none() {
			d.refuse(at, "it names neither peers nor ports: leave it out, which means everything for a scope and nothing for an exception")
		}
		out = append(out, t)
	}
	return out
}

// keys refuses what is no key of an object.
func (d *decoder) keys(at string, n node, known ...string) {
	if n.kind != isObject {
		d.refuse(at, "it is %s; an object is wanted", n.kind)
		return
	}
	for _, k := range n.keys {
		if !slices.Contains(known, k) {
			d.refuse(at, "there is no %q here, only %s", cut(k, 80), strings.Join(known, ", "))
		}
	}
}

// list returns the items of a list; null is an empty one.
func (d *decoder) list(at string, n node, most int) []node {
	switch {
	case n.kind == isNull:
		return nil
	case n.kind != isArray:
		d.refuse(at, "it is %s; a list is wanted", n.kind)
		return nil
	case len(n.items) > most:
		d.refuse(at, "it has %d items; %d are the most", len(n.items), most)
		return nil
	}
	return n.items
}

// text returns a string; null is an empty one.
func (d *decoder) text(at string, n node) string {
	if n.kind != isString && n.kind != isNull {
		d.refuse(at, "it is %s; a string is wanted", n.kind)
	}
	return n.text
}

// choice returns one of the words.
func (d *decoder) choice(at string, n node, words ...string) string {
	if n.kind == isString && slices.Contains(words, n.text) {
		return n.text
	}
	d.refuse(at, "it is %s; one of %s is wanted", n.said(), strings.Join(words, ", "))
	return ""
}

// optional is choice with a word that null stands for as well.
func (d *decoder) optional(at string, n node, word string, words ...string) string {
	if n.kind == isNull {
		return word
	}
	return d.choice(at, n, append([]string{word}, words...)...)
}

// said names a value in a message.
func (n node) said() string {
	switch {
	case n.absent:
		return "missing"
	case n.kind == isString:
		return fmt.Sprintf("%q", cut(n.text, 80))
	default:
		return string(n.kind)
	}
}

// none says whether a list is null or empty.
func (n node) none() bool { return n.kind == isNull || n.kind == isArray && len(n.items) == 0 }

// cut shortens s to at most n bytes, at a rune's end, and shows that it did.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	const ellipsis = "…"
	n -= len(ellipsis)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + ellipsis
}
