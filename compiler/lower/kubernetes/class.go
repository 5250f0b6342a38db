package kubernetes

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// class is the pods of a namespace that one end of the program treats alike: a
// declared workload's, or those of nobody in one cell, which is what the
// selectors in play cut the namespace's labels into.
type class struct {
	workload *inventory.Workload
	labels   map[string]string // of the workload
	cell     []box             // nil for a workload
	terms    []bool            // which terms of the plot hold it

	isolated       bool // by a policy in force
	closes, allows []int
	want           region // D; if isolated, what of it the Allows ask for
	need           bool   // a policy has to select it
	named          bool   // a rule names the workload
}

// term is a selector over the pods of a namespace that a rule, or a policy in
// force, speaks of.
type term struct {
	boxes  []box
	rules  []int // Closes and Allows whose subject it is
	before bool  // it is what the policies in force select
}

// plot is one end of one namespace.
type plot struct {
	namespace *inventory.Namespace
	end       ir.End
	terms     []term
	classes   []*class
	rules     []int        // whose subject has pods here, in order
	narrow    map[int]bool // those of rules whose subject means workloads
}

// subject returns the parties whose pods' end the rule is about.
func subject(b *ir.Bound, end ir.End) []*ir.Party {
	switch {
	case b.Close != nil && b.Close.End == end:
		return b.Close.Subject
	case b.Allow != nil && end == ir.Ingress:
		return b.Allow.To
	case b.Allow != nil:
		return b.Allow.From
	}
	return nil
}

// survey collects what the program and the policies in force say about one end
// of a namespace's pods, or nil if nothing is to be written there.
func (l *lowerer) survey(n *inventory.Namespace, end ir.End) *plot {
	p := &plot{namespace: n, end: end, narrow: map[int]bool{}}
	byKey := map[string]int{}
	add := func(boxes []box) *term {
		boxes = tidy(boxes)
		i, ok := byKey[key(boxes)]
		if !ok {
			i = len(p.terms)
			byKey[key(boxes)] = i
			p.terms = append(p.terms, term{boxes: boxes})
		}
		return &p.terms[i]
	}
	closed := false
	for i, b := range l.program.Rules {
		touched := false
		for _, party := range subject(b, end) {
			if narrow(party) {
				here := slices.ContainsFunc(party.Workloads, func(w *inventory.Workload) bool { return w.Namespace == n.Name })
				p.narrow[i] = p.narrow[i] || here
				touched = touched || here
				continue
			}
			if boxes := l.here(b, party, n); len(boxes) > 0 {
				t := add(boxes)
				t.rules = append(t.rules, i)
				touched = true
			}
		}
		if touched {
			p.rules = append(p.rules, i)
		}
		closed = closed || touched && b.Close != nil
	}
	var isolated []box
	for _, q := range l.inv.Policies {
		if l.before != nil && q.Namespace() == n.Name && isolates(q.NetworkPolicy, end) {
			isolated = append(isolated, selected(q.NetworkPolicy)...)
		}
	}
	if !closed && len(isolated) == 0 {
		return nil
	}
	if len(p.terms) > 0 && len(isolated) > 0 {
		add(isolated).before = true
	}
	return p
}

// here returns the pods of the namespace that a party of labels means.
func (l *lowerer) here(b *ir.Bound, p *ir.Party, n *inventory.Namespace) []box {
	if b.Close != nil && !pods(p) {
		l.refuse(b, diag.LowerUnsayable, "say whose pods are meant, or turn the sentence around", "no NetworkPolicy can select %s", p.Peer)
		return nil
	}
	if !pods(p) && p.Peer.Kind != ir.Anybody {
		return nil // an Allow's other end is what may be closed
	}
	var out []box
	for _, w := range l.where(b, p) {
		if w.addrs != nil {
			continue
		}
		if x, ok := w.pods.inside(n); ok {
			out = append(out, x)
		}
	}
	return out
}

// pods says whether a party means pods and nothing else.
func pods(p *ir.Party) bool {
	return narrow(p) || p.Peer.Kind == ir.Pods || p.Peer.Kind == ir.ClusterDNS
}

func isolates(p *networkingv1.NetworkPolicy, end ir.End) bool {
	if len(p.Spec.PolicyTypes) == 0 {
		return end == ir.Ingress || len(p.Spec.Egress) > 0
	}
	want := networkingv1.PolicyTypeIngress
	if end == ir.Egress {
		want = networkingv1.PolicyTypeEgress
	}
	return slices.Contains(p.Spec.PolicyTypes, want)
}

// selected is the pods of its namespace that a policy in force selects.
func selected(p *networkingv1.NetworkPolicy) []box {
	return chosen(&p.Spec.PodSelector, false)
}

// chosen is what a selector over pods, or over namespaces, meets.
func chosen(s *metav1.LabelSelector, namespace bool) []box {
	rs := ir.Equalities(s.MatchLabels)
	for _, e := range s.MatchExpressions {
		rs = append(rs, ir.Requirement{Key: e.Key, Operator: ir.Operator(e.Operator), Values: e.Values})
	}
	p := ir.Peer{Labels: rs}
	if namespace {
		p = ir.Peer{In: &ir.Namespaces{Labels: rs}}
	}
	if b, ok := labelled(p); ok {
		return []box{b}
	}
	return nil
}

// maxCells bounds how finely labels may cut a namespace.
const maxCells = 4096

// classify fills the classes of a plot.
func (l *lowerer) classify(p *plot) bool {
	found := len(l.diags)
	cells := []*class{{cell: []box{nil}}}
	for i, t := range p.terms {
		var next []*class
		for _, c := range cells {
			in, out := tidy(intersect(c.cell, t.boxes)), tidy(subtract(c.cell, t.boxes))
			if len(in) > 0 {
				next = append(next, &class{cell: in, terms: append(slices.Clone(c.terms), true)})
			}
			if len(out) > 0 {
				next = append(next, &class{cell: out, terms: append(slices.Clone(c.terms), false)})
			}
		}
		if cells = next; len(cells) > maxCells {
			l.refuse(l.program.Rules[p.rule(i)], diag.LowerUnsayable, "name the workloads", "the statements select the pods of %s by too many labels that overlap", p.namespace.Name)
			return false
		}
	}
	for _, w := range l.sel.in[p.namespace.Name] {
		if !w.HostNetwork {
			c := &class{workload: w, labels: w.Labels}
			for _, t := range p.terms {
				c.terms = append(c.terms, meetsAny(t.boxes, w.Labels))
			}
			p.classes = append(p.classes, c)
		}
	}
	p.classes = append(p.classes, cells...)
	for _, c := range p.classes {
		l.fill(p, c)
	}
	return len(l.diags) == found
}

// rule returns a rule to blame for the term, or for one before it.
func (p *plot) rule(i int) int {
	for ; i >= 0; i-- {
		if len(p.terms[i].rules) > 0 {
			return p.terms[i].rules[0]
		}
	}
	return 0
}

// examples returns labels that pods of the box may have: each value that the box
// lists is in one of them.
func examples(b box) []map[string]string {
	first := map[string]string{}
	for _, x := range b {
		switch {
		case x.absent:
		case !x.not:
			first[x.key] = x.list[0]
		default:
			v := "x"
			for slices.Contains(x.list, v) {
				v += "x"
			}
			first[x.key] = v
		}
	}
	out := []map[string]string{first}
	for _, x := range b {
		for _, v := range x.list {
			if !x.not && v != first[x.key] {
				labels := maps.Clone(first)
				labels[x.key] = v
				out = append(out, labels)
			}
		}
	}
	return out
}

// fill computes what the program wants of a class.
func (l *lowerer) fill(p *plot, c *class) {
	e := ir.Endpoint{Workload: c.workload, Namespace: p.namespace, Labels: c.labels}
	member := map[int]bool{}
	for i, t := range p.terms {
		if !c.terms[i] {
			continue
		}
		c.isolated = c.isolated || t.before
		if c.workload == nil {
			for _, r := range t.rules {
				member[r] = true
			}
		}
	}
	if c.workload != nil {
		c.isolated = l.before != nil && l.before.Isolates(c.workload, p.end)
	}
	for _, i := range p.rules {
		b := l.program.Rules[i]
		if c.workload != nil && ir.HasAny(subject(b, p.end), e) == ir.Yes {
			member[i] = true
			c.named = c.named || p.narrow[i] && slices.ContainsFunc(subject(b, p.end), func(q *ir.Party) bool { return narrow(q) && q.Has(e) == ir.Yes })
		}
		switch {
		case !member[i]:
		case b.Close != nil:
			c.closes = append(c.closes, i)
		default:
			c.allows = append(c.allows, i)
		}
	}
	if len(c.closes) == 0 && (!c.isolated || len(c.allows) == 0) {
		return
	}
	c.want = l.want(p.end, e, c)
	if c.isolated {
		l.held(p, c)
		c.need = len(c.want) > 0
		return
	}
	c.need = !everything(l.universe).within(c.want)
}

// want is D of a class, see the package's essay.
func (l *lowerer) want(end ir.End, at ir.Endpoint, c *class) region {
	memo := fmt.Sprint(end, c.isolated, c.closes, c.allows)
	if end == ir.Ingress {
		memo += l.portsAt(at, slices.Concat(c.closes, c.allows))
	}
	if r, ok := l.wants[memo]; ok {
		return r
	}
	allows := map[*ir.Set]region{}
	var every region
	for _, i := range c.allows {
		b := l.program.Rules[i]
		peers := b.Allow.From
		if end == ir.Egress {
			peers = b.Allow.To
		}
		r := l.traffic(i, end, at, peers, b.Allow.Ports)
		allows[b.Set] = append(allows[b.Set], r...).tidy()
		every = append(every, r...).tidy()
	}
	d := everything(l.universe)
	for _, i := range c.closes {
		b := l.program.Rules[i]
		scope := everything(l.universe)
		if len(b.Close.Scope) > 0 {
			scope = l.listed(i, end, at, b.Close.Scope)
		}
		except := l.listed(i, end, at, b.Close.Except)
		if !b.Close.Firm {
			except = append(except, allows[b.Set]...).tidy()
		}
		d = append(d.minus(scope), d.and(except)...).tidy()
	}
	if c.isolated {
		d = d.and(every)
	}
	l.wants[memo] = d
	return d
}

func (l *lowerer) listed(i int, end ir.End, at ir.Endpoint, list []ir.BoundTraffic) region {
	var out region
	for _, t := range list {
		out = append(out, l.traffic(i, end, at, t.Peers, t.Ports)...)
	}
	return out.tidy()
}

// portsAt tells apart subjects on which the rules' ports differ.
func (l *lowerer) portsAt(at ir.Endpoint, rules []int) string {
	var s string
	for _, i := range rules {
		b := l.program.Rules[i]
		if b.Allow != nil {
			s += "/" + b.Allow.Ports.On(at).String()
			continue
		}
		for _, t := range slices.Concat(b.Close.Scope, b.Close.Except) {
			s += "/" + t.Ports.On(at).String()
		}
	}
	return s
}
