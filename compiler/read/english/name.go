package english

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// kinds maps the nouns that say what a workload is to its kind.
var kinds = map[string]string{
	"deployment": "Deployment", "deployments": "Deployment", "statefulset": "StatefulSet", "statefulsets": "StatefulSet", "daemonset": "DaemonSet",
	"cronjob": "CronJob", "job": "Job", "jobs": "Job",
}

// everyPod is "all pods", "every pod in the cluster", "everything in namespace x".
func (p *parser) everyPod() ([]ir.Peer, bool) {
	from := p.i
	if p.takeIn(dets) {
		p.seqs("of the?")
	}
	other := p.take("other")
	noun := p.takeIn(podNouns)
	if !noun && !p.take("anything", "everything", "anybody", "everybody", "other", "others", "traffic", "clients", "client") {
		return nil, false
	}
	if p.is("outside") {
		kind := ir.Pods
		if !noun {
			kind = ir.Anybody
		}
		if other || !noun && !p.isAt(-1, "anything", "everything", "anybody", "everybody") {
			return nil, false
		}
		list, ok := p.outsideOf(from, kind)
		return all(list), ok
	}
	others := p.take("else") || other
	p.seqs("running", "that run", "living")
	in, scoped := p.inNamespace()
	switch {
	case scoped && others && !(other && p.object):
		return nil, false // than whom is not said
	case scoped && in == nil:
		return []ir.Peer{{Kind: ir.Pods}}, true
	case scoped:
		return []ir.Peer{{Kind: ir.Pods, In: in}}, true
	case !noun || other || p.at(-1).word == "else":
		return nil, false
	case p.isAt(-1, "pods", "pod", "workloads", "workload", "services", "service", "apps", "applications", "components") && p.i-from > 1 || p.i-from == 1 && p.isAt(-1, "pods", "workloads", "services", "apps", "applications"):
		if p.is("of", "in", "from", "label", "labelled", "with") && !p.is("from", "with") || p.nounNext() {
			return nil, false
		}
		p.unscoped = append(p.unscoped, p.span(from))
		return []ir.Peer{p.own(p.span(from))}, true
	}
	return nil, false
}

// inNamespace is "in namespace x", "of any namespace", "in the cluster".
func (p *parser) inNamespace() (*ir.Namespaces, bool) {
	s := p.save()
	p.seqs("running", "that|which be?", "living")
	if !p.take("in", "of", "inside", "within", "across", "from") {
		p.back(s)
		return nil, false
	}
	from := p.at(-1).word == "from"
	if from && !p.fromOK {
		return nil, p.back(s)
	}
	start := p.i
	if p.seqs("the? whole? cluster", "the? entire cluster", "any|every|all the? namespace", "this cluster") && !p.is("but", "except", "with", "label", "labelled") {
		return nil, true
	}
	p.i = start
	if in, explicit, ok := p.spaces(); ok && (explicit || !from) {
		if !explicit && p.is("and", ",") {
			p.back(s)
			return nil, false
		}
		return in, true
	}
	p.back(s)
	return nil, false
}

// spaces is a namespace or a list of them. explicit says that the word
// namespace was there.
func (p *parser) spaces() (in *ir.Namespaces, explicit, ok bool) {
	from := p.i
	if p.seqs("the? same|this|our|its|their|current|own|whole own? namespace", "it|this|the namespace itself?", "the namespace") && !p.is("label", "labelled", "with", "named", "called") && (p.tok().kind == mark || p.tok().known || p.x.Namespaces(p.tok().text) == nil) {
		return p.own(p.span(from)).In, true, true
	}
	p.i = from
	if p.seqs("any|all|every the? other namespace", "other namespace", "another namespace", "a? different namespace", "the? other namespace") {
		own := p.own(p.span(from))
		if own.In == nil {
			return &ir.Namespaces{}, true, true
		}
		return &ir.Namespaces{Not: own.In.Names}, true, true
	}
	p.i = from
	if p.seqs("any|all|every|a|the namespace") || p.take("namespace") {
		if rs, ok := p.labels(); ok {
			return &ir.Namespaces{Labels: rs}, true, true
		}
		if p.isAt(-1, "namespace") && p.seqs("except for?", "other than", "but not?", "apart from") {
			if names, ok := p.spaceNames(); ok {
				p.take("namespace")
				return &ir.Namespaces{Not: names}, true, true
			}
		}
	}
	p.i = from
	p.skip(dets)
	if p.take("namespace") {
		p.seqs("named|called")
		if names, ok := p.spaceNames(); ok {
			return &ir.Namespaces{Names: names}, true, true
		}
		p.unknownSpace()
		return nil, false, false
	}
	names, ok := p.spaceNames()
	if !ok {
		return nil, false, false
	}
	return &ir.Namespaces{Names: names}, p.take("namespace"), true
}

func (p *parser) unknownSpace() {
	if t := p.tok(); t.kind == word && !t.known {
		p.far, p.wanted = max(p.far, p.i), "namespace"
	}
}

// spaceNames is a list of namespaces' names.
func (p *parser) spaceNames() ([]string, bool) {
	var out []string
	for {
		s := p.save()
		if len(out) > 0 {
			if !p.separator() {
				break
			}
			p.take("the", "namespace")
		}
		n, ok := p.spaceName()
		if !ok || len(out) > 0 && p.beginsClause() {
			p.back(s)
			break
		}
		out = append(out, n)
	}
	return out, len(out) > 0
}

// spaceName is one namespace by its name, longest match first.
func (p *parser) spaceName() (string, bool) {
	for n := 4; n > 0; n-- {
		text, ok := p.run(n)
		if !ok {
			continue
		}
		if spaces := p.x.Namespaces(text); len(spaces) == 1 {
			p.i += n
			return spaces[0].Name, true
		}
	}
	p.expect()
	return "", false
}

// run joins the next n words, if there are that many.
func (p *parser) run(n int) (string, bool) {
	var b strings.Builder
	for k := range n {
		t := p.at(k)
		if t.kind == mark || p.i+k >= len(p.tokens) || k > 0 && t.kind == quoted {
			return "", false
		}
		b.WriteString(t.text)
	}
	return b.String(), true
}

// someNamespace is a namespace as a party: "the lab namespace", "namespaces a
// and b", "in the same namespace" after nothing.
func (p *parser) someNamespace() ([]ir.Peer, bool) {
	from := p.i
	if p.seqs("any|all|every namespace", "the? whole|entire cluster", "the cluster", "this cluster") {
		if !p.is("except", "but", "other", "label", "labelled", "with", "'s", "dns", "node") {
			return []ir.Peer{{Kind: ir.Pods}}, true
		}
	}
	p.i = from
	if p.is("outside") {
		list, ok := p.outsideOf(from, ir.Anybody)
		return all(list), ok
	}
	if p.take("inside", "within") {
		p.seqs("of")
		if p.seqs("the? whole|entire? cluster") {
			return []ir.Peer{{Kind: ir.Pods}}, true
		}
		in, _, ok := p.spaces()
		return []ir.Peer{{Kind: ir.Pods, In: in}}, ok
	}
	if p.take("everything", "anything"); p.isAt(-1, "everything", "anything") && p.i > from {
		p.take("in", "inside")
	}
	in, explicit, ok := p.spaces()
	if ok && !explicit && p.is("pod", "pods", "workloads") { // "all shop pods"
		explicit = len(in.Names) == 1 && !slices.ContainsFunc(p.x.Find(in.Names[0], p.namespace), func(m names.Match) bool { return m.Tier <= names.Variant })
	}
	if !ok || !explicit {
		return nil, false
	}
	p.takeIn(podNouns)
	return []ir.Peer{{Kind: ir.Pods, In: in}}, true
}

// podsOf is "pods of the x deployment", "the service x", "the app called x".
func (p *parser) podsOf() ([]ir.Peer, bool) {
	p.skip(dets)
	noun := p.tok().word
	if !p.takeIn(podNouns) {
		return nil, false
	}
	p.seqs("of", "named", "called", "behind", "belonging to")
	if p.at(-1).word != noun {
		p.skip(dets)
		if inner := p.tok().word; podNouns[inner] && p.at(1).kind != mark && !p.at(1).known {
			noun = inner
			p.i++
		}
	}
	t := p.tok()
	if t.kind == mark || t.known && t.kind != quoted || p.at(1).word == "namespace" {
		return nil, false
	}
	return p.named(noun)
}

// name is something by its name.
func (p *parser) name() ([]ir.Peer, bool) {
	p.skip(dets)
	p.take("other")
	return p.named("")
}

// named resolves the longest run of words that is a name. noun is the kind that
// was said before it.
func (p *parser) named(noun string) ([]ir.Peer, bool) {
	if out, ok := p.slashed(); ok {
		return out, true
	}
	from := p.i
	for n := 6; n > 0; n-- {
		text, ok := p.run(n)
		if !ok || len(text) > p.x.Longest()+8 {
			continue
		}
		if t := p.tok(); n == 1 && t.known && (dets[t.word] || modals[t.word] || t.word == "not" || onlyWords[t.word] || t.word == "and" || t.word == "or" || t.word == "to" || t.word == "from" || t.word == "in" || t.word == "on") {
			continue
		}
		if n > 1 && p.swallows(n) {
			continue
		}
		if spaces := p.x.Namespaces(text); len(spaces) == 1 && n < 4 && noun == "" {
			if out, ok := p.qualified(n, spaces[0].Name); ok {
				return out, true
			}
		}
		if !p.x.Known(text) {
			continue
		}
		found := p.x.Find(text, p.namespace)
		if t := p.tok(); n == 1 && t.known && (len(found) == 0 || found[0].Tier > names.Variant || found[0].Tier > names.Exact && podNouns[t.word]) {
			continue
		}
		p.i += n
		return p.meaning(text, from, found, noun)
	}
	t := p.tok()
	if t.kind != mark && !t.known {
		p.expect()
		p.wanted = ""
	}
	return nil, false
}

// swallows says whether a run of n words would eat a word of the grammar that
// it could do without: "web and" must not become "weband".
func (p *parser) swallows(n int) bool {
	for k := range n {
		switch w := p.at(k); w.word {
		case "and", "or", "to", "from", "may", "must", "not", "only", "in", "on", "except", "no":
			return w.kind != quoted
		}
	}
	return false
}

// slashed is namespace/name.
func (p *parser) slashed() ([]ir.Peer, bool) {
	t := p.tok()
	ns, name, ok := strings.Cut(t.text, "/")
	if t.kind == mark || !ok || p.inv.Namespace(ns) == nil || name == "" {
		return nil, false
	}
	from := p.i
	found := p.x.In(name, ns)
	if len(found) == 0 {
		return nil, false
	}
	p.i++
	return p.meaning(name, from, found, "")
}

// qualified is a namespace's name before a name in it: "guestbook front end",
// "monitoring's prometheus".
func (p *parser) qualified(n int, space string) ([]ir.Peer, bool) {
	s := p.save()
	from := p.i
	p.i += n
	p.take("'s")
	p.take("namespace")
	p.take("'s")
	for m := 4; m > 0; m-- {
		text, ok := p.run(m)
		if !ok || m > 1 && p.swallows(m) || m == 1 && p.tok().known {
			continue
		}
		if found := p.x.In(text, space); len(found) > 0 {
			p.i += m
			return p.meaning(text, from, found, "")
		}
	}
	p.back(s)
	return nil, false
}

// meaning turns what a name matched into peers: it narrows by the kind and the
// namespace said around it, and refuses what is still ambiguous.
func (p *parser) meaning(text string, from int, found []names.Match, noun string) ([]ir.Peer, bool) {
	nounAt := p.i
	if w := p.tok().word; noun == "" && podNouns[w] && p.in(podNouns) {
		noun = w
		p.i++
	} else if p.is("namespace") && len(p.x.Namespaces(text)) == 1 {
		return nil, false // the caller's someNamespace comes first; a list goes there too
	}
	span := p.span(from)
	if in, ok := p.scope(text); ok {
		if len(in.Names) == 1 {
			if found = p.x.In(text, in.Names[0]); len(found) == 0 {
				p.errorf(diag.ReadName, span, fmt.Sprintf("nothing in namespace %q is called %q", in.Names[0], text))
				return []ir.Peer{{Kind: ir.Workload}}, true
			}
			span = p.span(from)
		}
	}
	found = byKind(found, noun)
	spaces := p.x.Namespaces(text)
	strong := slices.ContainsFunc(found, func(m names.Match) bool { return m.Tier <= names.Variant && m.Namespace == p.namespace })
	if len(spaces) == 1 && !strong && noun == "" && !p.scopedHere(nounAt) {
		return p.bareSpace(text, span, spaces[0], found)
	}
	if len(found) == 0 {
		return nil, false
	}
	if len(found) > 1 {
		p.ambiguous(p.statement[span.Start:span.End], span, found)
		return []ir.Peer{{Kind: ir.Workload, Span: span}}, true
	}
	return p.one(found[0], span, noun), true
}

func (p *parser) scopedHere(at int) bool { return p.i > at }

// bareSpace is a name that is a namespace's, without the word namespace.
func (p *parser) bareSpace(text string, span ir.Span, space *inventory.Namespace, found []names.Match) ([]ir.Peer, bool) {
	if len(found) > 0 && found[0].Tier <= names.Variant {
		p.errorf(diag.ReadAmbiguous, span, fmt.Sprintf("%q is a namespace, and the name of something in namespace %q", text, found[0].Namespace),
			fmt.Sprintf("say \"namespace %s\", or %s/%s", space.Name, found[0].Namespace, text))
		return []ir.Peer{{Kind: ir.Workload, Span: span}}, true
	}
	p.note(span, fmt.Sprintf("%q is taken as the namespace", text))
	return []ir.Peer{{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{space.Name}}, Span: span}}, true
}

// scope takes "in namespace x" after a name.
func (p *parser) scope(text string) (*ir.Namespaces, bool) {
	s := p.save()
	if !p.is("in", "of", "inside", "from") {
		return nil, false
	}
	from := p.is("from")
	if in, ok := p.inNamespace(); ok && in != nil && len(in.Names) == 1 && (!from || len(p.x.In(text, in.Names[0])) > 0) {
		return in, true
	}
	p.back(s)
	return nil, false
}

// byKind keeps the matches of the kind that a noun says, where that helps.
func byKind(found []names.Match, noun string) []names.Match {
	k := kinds[noun]
	keep := slices.DeleteFunc(slices.Clone(found), func(m names.Match) bool {
		if noun == "service" {
			return m.Service == nil
		}
		return k != "" && (m.Service != nil || len(m.Workloads) != 1 || m.Workloads[0].Kind != k)
	})
	if len(keep) == 0 || noun == "service" && len(found) > 1 && len(keep) != 1 {
		return found
	}
	if noun == "" || k == "" && noun != "service" {
		return found
	}
	return keep
}

// ambiguous records that a name means several things, and which.
func (p *parser) ambiguous(text string, span ir.Span, found []names.Match) {
	var places, hints []string
	for _, m := range found {
		switch {
		case m.Key != "":
			places = append(places, fmt.Sprintf("pods labelled %s=%s of namespace %s", m.Key, m.Value, m.Namespace))
			hints = append(hints, fmt.Sprintf("pods labelled %s=%s", m.Key, m.Value))
		case m.Service != nil:
			places = append(places, fmt.Sprintf("Service %s", m.Service.Ref()))
			hints = append(hints, m.Service.Ref())
		default:
			places = append(places, m.Workloads[0].Kind+" "+m.Workloads[0].Ref())
			hints = append(hints, m.Workloads[0].Ref())
		}
	}
	slices.Sort(places)
	places = slices.Compact(places)
	if len(places) > 4 {
		places = append(places[:4], fmt.Sprintf("%d more", len(places)-4))
	}
	p.errorf(diag.ReadAmbiguous, span, fmt.Sprintf("%q could be %s", text, strings.Join(places, " or ")), "write "+strings.Join(hints[:min(3, len(hints))], " or "))
}

// one is the peers of one match.
func (p *parser) one(m names.Match, span ir.Span, noun string) []ir.Peer {
	if m.Tier == names.Label {
		if len(m.Workloads) == 1 {
			p.note(span, fmt.Sprintf("%q is taken as %s, by its label %s=%s", p.statement[span.Start:span.End], m.Workloads[0].Ref(), m.Key, m.Value))
		} else {
			p.note(span, fmt.Sprintf("%q is taken as the pods labelled %s=%s", p.statement[span.Start:span.End], m.Key, m.Value))
			return []ir.Peer{{Kind: ir.Pods, In: &ir.Namespaces{Names: []string{m.Namespace}}, Labels: []ir.Requirement{{Key: m.Key, Operator: ir.In, Values: []string{m.Value}}}, Span: span}}
		}
	} else if m.Tier > names.Label {
		p.note(span, fmt.Sprintf("%q is taken as %s", p.statement[span.Start:span.End], m.Workloads[0].Ref()))
	}
	if m.Service != nil && len(m.Workloads) == 0 {
		p.errorf(diag.ReadName, span, fmt.Sprintf("Service %s selects no workload", m.Service.Ref()), "name the pods or addresses that it leads to")
		return []ir.Peer{{Kind: ir.Workload, Span: span}}
	}
	var out []ir.Peer
	for _, w := range m.Workloads {
		peer := ir.Peer{Kind: ir.Workload, Namespace: w.Namespace, Name: w.Name, Span: span}
		if twins := p.inv.Workload(w.Namespace, w.Name); len(twins) > 1 {
			peer.Type = w.Kind
		}
		out = append(out, peer)
	}
	if m.Namespace != p.namespace && p.namespace != "" {
		p.note(span, fmt.Sprintf("%q is taken as %s, the only one of that name", p.statement[span.Start:span.End], m.Workloads[0].Ref()))
	}
	return out
}
