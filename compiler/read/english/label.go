package english

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

var (
	labelKey   = `([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?`
	labelValue = `([a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?)`
	pair       = regexp.MustCompile(`^(` + labelKey + `)\s*(==|=|!=|:)\s*["']?` + labelValue + `["']?$`)
	key        = regexp.MustCompile(`^` + labelKey + `$`)
)

// requirement reads "app=web", "app!=web" or, in quotes, "app: web".
func requirement(s string, colon bool) (ir.Requirement, bool) {
	m := pair.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return ir.Requirement{}, false
	}
	op, value := m[5], m[6]
	if op == ":" && !colon {
		return ir.Requirement{}, false
	}
	r := ir.Requirement{Key: m[1], Operator: ir.In, Values: []string{value}}
	if op == "!=" {
		r.Operator = ir.NotIn
	}
	return r, true
}

// requirements reads one token of labels: several pairs may be joined by commas.
func (t token) requirements() ([]ir.Requirement, bool) {
	if t.kind == mark {
		return nil, false
	}
	var out []ir.Requirement
	for part := range strings.SplitSeq(strings.Trim(t.text, "{}"), ",") {
		r, ok := requirement(part, t.kind == quoted)
		if !ok {
			return nil, false
		}
		out = append(out, r)
	}
	return out, true
}

// pairs takes labels: "app=web", "'access: true'", "app = web", "app: web and
// tier=db". spaced says that the words before show that labels come: then forms
// with spaces are clear, and several labels are one selector.
func (p *parser) pairs(spaced bool) ([]ir.Requirement, bool) {
	var out []ir.Requirement
	for {
		s := p.save()
		if len(out) > 0 {
			and := p.take("and", ",")
			p.seqs("and", "the? label", "with")
			if !and || !spaced {
				p.back(s)
				break
			}
		}
		if rs, ok := p.tok().requirements(); ok && !repeats(out, rs) {
			p.i++
			out = append(out, rs...)
			continue
		}
		if r, ok := p.spacedPair(); ok && spaced && !repeats(out, []ir.Requirement{r}) {
			out = append(out, r)
			continue
		}
		p.back(s)
		break
	}
	return out, len(out) > 0
}

// repeats says whether a key comes twice: no pod has two values, so the second
// label is another party.
func repeats(have, more []ir.Requirement) bool {
	return slices.ContainsFunc(more, func(r ir.Requirement) bool {
		return slices.ContainsFunc(have, func(h ir.Requirement) bool { return h.Key == r.Key })
	})
}

// spacedPair is "app: web", "app = web", "app is web".
func (p *parser) spacedPair() (ir.Requirement, bool) {
	s := p.save()
	k := p.tok()
	if k.kind == mark || !key.MatchString(k.text) {
		return ir.Requirement{}, false
	}
	p.i++
	if p.tok().kind == word && p.tok().text == "=" {
		p.i++
	} else if !p.take(":") && !p.seqs("set to", "be set? to?") {
		p.back(s)
		return ir.Requirement{}, false
	}
	v := p.tok()
	if v.kind == mark || !key.MatchString(v.text) {
		p.back(s)
		return ir.Requirement{}, false
	}
	p.i++
	return ir.Requirement{Key: k.text, Operator: ir.In, Values: []string{v.text}}, true
}

// labels takes "with the label app=web", "labelled app=web", "label app=web".
func (p *parser) labels() ([]ir.Requirement, bool) {
	s := p.save()
	with := p.seqs("that|which be labelled with?", "that|which have|carry the|a? label", "labelled with? as?", "with the|a? following? label", "have the|a? label", "carrying the|a? label", "whose label be", "label", "matching the|a? label?", "with the|a? tag|tags")
	p.take(":")
	if out, ok := p.pairs(true); ok && with {
		return out, true
	}
	p.back(s)
	with = p.seqs("with", "matching")
	if out, ok := p.pairs(with); ok {
		return out, true
	}
	p.back(s)
	return nil, false
}

// labelled is pods by label: "pods with label app=web in namespace x", "app=web
// pods", "label role=db", "workloads labelled tier=web".
func (p *parser) labelled() ([]ir.Peer, bool) {
	p.skip(dets)
	p.take("other")
	noun := p.takeIn(podNouns) || p.take("anything", "everything", "ones")
	in, scoped := p.inNamespace()
	var rs []ir.Requirement
	var ok bool
	if noun || scoped {
		rs, ok = p.labels()
	} else if rs, ok = p.pairs(false); !ok {
		rs, ok = p.labels()
	}
	if !ok {
		return nil, false
	}
	if !noun {
		p.takeIn(podNouns)
	}
	if !scoped {
		in, scoped = p.inNamespace()
	}
	peer := ir.Peer{Kind: ir.Pods, In: in}
	if !scoped {
		peer = p.own(p.span(max(0, p.i-1)))
	}
	peer.Labels = rs
	slices.SortFunc(peer.Labels, func(a, b ir.Requirement) int { return strings.Compare(a.Key, b.Key) })
	return []ir.Peer{peer}, true
}
