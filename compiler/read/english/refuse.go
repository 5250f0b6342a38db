package english

import (
	"fmt"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// instructions are words by which a statement speaks to whoever reads it,
// instead of about traffic.
var instructions = []string{
	"note to", "ignore previous", "ignore all", "ignore the", "disregard", "system prompt", "as an ai", "you are", "assistant", "generator", "language model", "llm", "chatgpt", "instructions",
	"pretend", "jailbreak", "override", "the tool should", "dear model", "prompt",
}

// topics are words of things that no network policy says, with what to do.
var topics = []struct{ words, message, hint string }{
	{"mtls tls encrypted encryption certificate certificates", "encryption is not something that a network policy says", "use the service mesh's own policy for it"},
	{"rate throttle bandwidth qps rps", "rates are not something that a network policy says", "use a rate limiter or a bandwidth annotation"},
	{"restart restarts reboot redeploy scale scaling autoscale replicate upgrade rollout", "that is not about who may reach whom", "say who may reach whom: \"only A may reach B\""},
	{"nightly hourly daily weekdays weekends midnight noon hours monday tuesday wednesday thursday friday saturday sunday tomorrow night until", "network policies have no times of day", "leave the time out, or change the policy by a schedule outside"},
	{"url urls path paths header headers method methods cookie cookies jwt", "requests' contents are not something that a NetworkPolicy says", "allow the port instead, or write it for cilium"},
	{"delete deletes patch put", "requests' contents are not something that a NetworkPolicy says", "allow the port instead, or write it for cilium"},
}

// foreign refuses statements that speak to the reader or of other things.
func (p *parser) foreign() bool {
	lower := strings.ToLower(p.statement)
	for _, w := range instructions {
		if i := index(lower, w); i >= 0 && !p.x.Known(w) {
			p.findings = nil
			p.errorf(diag.ReadInstruction, p.spanAt(i), "a statement says who may reach whom; this speaks to its reader", "leave the aside out")
			return true
		}
	}
	for _, t := range p.tokens {
		if t.kind != word || p.x.Known(t.text) {
			continue
		}
		if t.text == "GET" || t.text == "POST" || t.text == "PUT" || t.text == "HEAD" || t.text == "DELETE" || t.text == "PATCH" || strings.HasPrefix(t.text, "/") {
			p.errorf(diag.LowerUnsayable, t.span(), "requests' methods and paths are not something that a NetworkPolicy says", "allow the port instead, or write it for cilium")
			return true
		}
		for _, topic := range topics {
			if index(" "+topic.words+" ", " "+t.word+" ") >= 0 {
				p.errorf(diag.ReadScope, t.span(), topic.message, topic.hint)
				return true
			}
		}
	}
	return false
}

// index finds a whole word.
func index(s, w string) int {
	for from := 0; ; {
		i := strings.Index(s[from:], w)
		if i < 0 {
			return -1
		}
		i += from
		after := i + len(w)
		letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c == '-' || c == '_' || c >= '0' && c <= '9' }
		if (i == 0 || !letter(s[i-1]) || w[0] == ' ') && (after == len(s) || !letter(s[after]) || w[len(w)-1] == ' ') {
			return i
		}
		from = i + 1
	}
}

func (p *parser) spanAt(offset int) (s ir.Span) {
	s.Start, s.End = offset, offset+1
	return s
}

// leftover says which words were not understood, and what would have been.
func (p *parser) leftover() {
	at := min(p.far, len(p.tokens)-1)
	t := p.tokens[at]
	for i, u := range p.tokens {
		if u.kind != word || u.known || p.x.Known(u.text) || !named(u.word) || domain.MatchString(u.word) || strings.Contains(u.word, "=") {
			continue
		}
		if i <= at+8 {
			p.findings = nil
			hints := []string{}
			if near := p.x.Nearest(u.word); len(near) > 0 {
				hints = append(hints, "did you mean "+strings.Join(near, " or ")+"?")
			} else {
				hints = append(hints, "name a workload, Service, namespace or label as the manifests do")
			}
			p.errorf(diag.ReadName, u.span(), fmt.Sprintf("%q is no workload, Service, namespace or label, and no word that is understood here", u.text), hints...)
			return
		}
	}
	p.findings = nil
	var hints []string
	if before := strings.TrimSpace(p.statement[:t.start]); before != "" {
		hints = append(hints, fmt.Sprintf("understood so far: %q", before))
	}
	p.errorf(diag.ReadWords, t.span(), fmt.Sprintf("not understood from %q on", t.text), append(hints,
		"write it as \"A may reach B on port P\", \"only A may reach B\", \"A must not reach B\" or \"isolate A\"")...)
}

// named says whether a word could be a name.
func named(w string) bool { return w != "" && w[0] >= 'a' && w[0] <= 'z' }
