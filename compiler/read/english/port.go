package english

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

var (
	number    = regexp.MustCompile(`^[0-9]{1,5}$`)
	numbers   = regexp.MustCompile(`^([0-9]{1,5})\s*[-–:]\s*([0-9]{1,5})$`)
	slashPort = regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?/([a-zA-Z]+)$`)
	protoPort = regexp.MustCompile(`^([a-zA-Z]+)[/:-]([0-9]{1,5})(?:-([0-9]{1,5}))?$`)
)

// ports parses "on port 80", "over UDP 8125", "on TCP ports 80 and 443", "via
// its gRPC port", "port 53 (UDP and TCP)". bare says that no preposition may
// stand before them and that the word port or a protocol must be there.
func (p *parser) ports(bare bool) ([]ir.Port, bool) {
	s := p.save()
	on := false
	if !bare {
		if p.take("(") {
			if out, ok := p.ports(true); ok && p.take(")") {
				return out, true
			}
			p.back(s)
		}
		if p.take(":") && p.at(-1).end == p.tok().start && p.at(-1).start == p.at(-2).end {
			if port, ok := p.numeral(); ok {
				return []ir.Port{port}, true
			}
		}
		p.back(s)
		on = p.seqs("provided that the? target? port be", "where the port be", "on", "over", "via", "through", "at", "using", "by way of")
	}
	for p.takeIn(dets) || p.take("target", "destination", "service", "container", "following", "single", "one") {
	}
	out, ok := p.portList(on)
	if !ok {
		p.back(s)
		return nil, false
	}
	if p.isAt(0, "(") {
		s := p.save()
		p.i++
		if protos, ok := p.protos(); ok && p.take(")") {
			out = withProtos(out, protos)
		} else {
			p.back(s)
		}
	}
	return out, true
}

// protos is "TCP", "UDP and TCP".
func (p *parser) protos() ([]string, bool) {
	var out []string
	p.take("both")
	for p.in(protocols) {
		out = append(out, strings.ToUpper(p.tok().word))
		p.i++
		s := p.save()
		if !p.separator() || !p.in(protocols) {
			p.back(s)
			break
		}
	}
	p.take("protocol")
	return out, len(out) > 0
}

// withProtos gives every port the protocols.
func withProtos(ports []ir.Port, protos []string) []ir.Port {
	var out []ir.Port
	for _, q := range ports {
		if q.Protocol != "" {
			out = append(out, q)
			continue
		}
		for _, proto := range protos {
			q.Protocol = proto
			out = append(out, q)
		}
	}
	return out
}

// portList is a list of ports with the protocols said before or after it.
func (p *parser) portList(on bool) ([]ir.Port, bool) {
	from := p.i
	protos, _ := p.protos()
	out, ok := p.portItems(on || len(protos) > 0)
	if !ok {
		if len(protos) == 0 || !on && !slices.Contains(protos, "ICMP") && p.nounNext() {
			return nil, false
		}
		if p.is("port") && !p.isAt(1, "range", "number") && p.at(1).kind == mark {
			p.i++
		}
		for _, proto := range protos {
			out = append(out, ir.Port{Protocol: proto, Span: p.span(from)})
		}
		if p.seqs("on", "provided that the? target? port be") || p.seqs(", provided that the? target? port be") || p.isAt(0, "port") {
			p.skip(dets)
			if more, ok := p.portItems(true); ok {
				return withProtos(more, protos), true
			}
			return nil, false
		}
		return out, true
	}
	for {
		s := p.save()
		p.take("over", "using")
		more, ok := p.protos()
		if !ok || len(protos) > 0 || p.is("port") || number.MatchString(p.tok().text) {
			p.back(s)
			break
		}
		protos = more
	}
	if len(protos) > 0 {
		out = withProtos(out, protos)
	}
	return out, true
}

// portItems is "80", "port 80, 443 and 8000-8100", "ports named 'metrics'",
// "the metrics port". on says that a preposition or a protocol came before.
func (p *parser) portItems(on bool) ([]ir.Port, bool) {
	var out []ir.Port
	said := on
	for {
		s := p.save()
		if len(out) > 0 {
			if !p.separator() {
				break
			}
			p.seqs("on", "the", "over")
		}
		party := len(out) > 0 && !p.is("port") && !p.isAt(1, "port") && (p.is("dns") || p.x.Known(p.tok().text))
		more, ok := p.portItem(said)
		if !ok || party || len(out) > 0 && p.beginsClause() {
			p.back(s)
			break
		}
		said = true
		out = append(out, more...)
	}
	return out, len(out) > 0
}

func (p *parser) portItem(said bool) ([]ir.Port, bool) {
	from := p.i
	if out, ok := p.joined(); ok {
		return out, true
	}
	proto := ""
	if p.in(protocols) && (p.isAt(1, "port") || number.MatchString(p.at(1).text) || numbers.MatchString(p.at(1).text)) {
		proto = strings.ToUpper(p.tok().word)
		p.i++
	}
	word := p.seqs("port", "port number", "port range")
	if word {
		p.seqs("number", "range", "named|called", "between", "be between", "from")
	}
	p.seqs("in? the? range? between? the? range", "between the? range?", "in the? range? of?")
	port, ok := p.numeral()
	switch {
	case ok && (said || word || proto != ""):
		if port.Protocol == "" {
			port.Protocol = proto
		}
		return []ir.Port{p.span0(port, from)}, true
	case ok:
		p.i = from
		return nil, false
	}
	return p.namedPort(from, word, said)
}

func (p *parser) span0(q ir.Port, from int) ir.Port {
	q.Span = p.span(from)
	return q
}

// namedPort is "port http", "ports named 'metrics'", "the gRPC port", or after a
// preposition "https" alone.
func (p *parser) namedPort(from int, word, said bool) ([]ir.Port, bool) {
	t := p.tok()
	if t.kind == mark || p.done() {
		p.i = from
		return nil, false
	}
	name, known := p.x.Port(t.text)
	if !known && ir.WellKnownPort(strings.ToLower(t.text)) {
		name, known = strings.ToLower(t.text), true
	}
	after := p.isAt(1, "port") && !number.MatchString(p.at(2).text)
	switch {
	case known && (word || after || said && (t.kind == quoted || !p.isPeer())):
		p.i++
		if after {
			p.i++
		}
		return []ir.Port{p.span0(ir.Port{Name: name}, from)}, true
	case (after || word) && (t.kind == quoted || !t.known && !p.x.Known(t.text)):
		p.i++
		if after {
			p.i++
		}
		p.errorf(diag.ReadPort, t.span(), fmt.Sprintf("no port is called %q", t.text), "name a port as the manifests do, or by its number")
		return []ir.Port{p.span0(ir.Port{Name: t.text}, from)}, true
	}
	p.i = from
	return nil, false
}

// isPeer says whether the next word is the name of a workload as well.
func (p *parser) isPeer() bool {
	return p.x.Known(p.tok().text) && !ir.WellKnownPort(p.tok().word)
}

// joined is "80/tcp", "udp/53", "8125/UDP".
func (p *parser) joined() ([]ir.Port, bool) {
	s := p.save()
	p.seqs("port")
	t := p.tok()
	m := slashPort.FindStringSubmatch(t.text)
	if m == nil {
		if n := protoPort.FindStringSubmatch(t.text); n != nil {
			m = []string{n[0], n[2], n[3], n[1]}
		}
	}
	if t.kind == mark || m == nil || !protocols[strings.ToLower(m[3])] {
		p.back(s)
		return nil, false
	}
	port, ok := p.portNumber(m[1], m[2], t)
	if !ok {
		p.back(s)
		return nil, false
	}
	p.i++
	port.Protocol, port.Span = strings.ToUpper(m[3]), t.span()
	return []ir.Port{port}, true
}

// numeral is "80", "8000-8100", "8000 to 8100", "between 8000 and 8100" (the
// words before it were taken).
func (p *parser) numeral() (ir.Port, bool) {
	t := p.tok()
	between := p.isAt(-1, "between", "range") || p.isAt(-1, "from")
	if t.kind == mark || p.done() {
		return ir.Port{}, false
	}
	if m := numbers.FindStringSubmatch(t.text); m != nil {
		port, ok := p.portNumber(m[1], m[2], t)
		p.i++
		return port, ok
	}
	if !number.MatchString(t.text) {
		return ir.Port{}, false
	}
	last := ""
	if next := p.at(2).text; number.MatchString(next) && (p.isAt(1, "to", "through", "-") || between && p.isAt(1, "and")) {
		last = next
	}
	port, ok := p.portNumber(t.text, last, t)
	p.i++
	if last != "" {
		p.i += 2
	}
	return port, ok
}

func (p *parser) portNumber(first, last string, t token) (ir.Port, bool) {
	a, _ := strconv.Atoi(first) // the pattern allows digits only
	b, _ := strconv.Atoi(last)
	if a < 1 || a > 65535 || b > 65535 || last != "" && b < a {
		p.errorf(diag.ReadPort, t.span(), fmt.Sprintf("%s is no port or range of ports", strings.Trim(first+"-"+last, "-")), "ports go from 1 to 65535")
		a, b = 1, 0
	}
	return ir.Port{Number: a, End: b, Span: t.span()}, true
}
