package english

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// party is one noun phrase: who it means, and the ports said with it.
type party struct {
	peers []ir.Peer
	ports []ir.Port
	// named says that the phrase is the port itself ("port 80 of web"), so that
	// "only" is about that port.
	named bool
	each  bool // "each other"
	of    bool // "port 80 of web": the items after it share the port
}

// parties parses a list: "a, b and c", "a on 80 and b on 443". While in
// subject position a following verb is welcome; elsewhere it shows that the
// last item begins the next clause.
func (p *parser) parties(subject bool) ([]party, bool) {
	if subject && !p.fromOK {
		p.fromOK = true
		defer func() { p.fromOK = false }()
	}
	p.take("both", "either")
	first, ok := p.item(nil)
	if !ok {
		return nil, false
	}
	out := []party{first}
	anded := false
	for {
		s := p.save()
		if !p.separator() {
			break
		}
		if p.isAt(-1, ",") && anded { // "a and b, c": the comma ends the list
			p.back(s)
			break
		}
		anded = anded || !p.isAt(-1, ",")
		comma := p.isAt(-1, ",") || p.isAt(-2, ",")
		n, ok := p.item(out)
		if !ok || !subject && p.beginsClause() {
			p.back(s)
			if ok && len(out) > 1 && !comma {
				p.errorf(diag.ReadAmbiguous, p.tokens[s.i].span(), "it is not clear where the next clause begins: the names before it could belong to either side", "write two sentences")
			}
			break
		}
		out = append(out, n)
	}
	p.sharedPorts(out)
	// An item without ports shares those of the next item that has some.
	for i := len(out) - 2; i >= 0; i-- {
		if len(out[i].ports) == 0 && len(out[i+1].ports) > 0 && !out[i+1].named && out[i].peers[0].Kind != ir.ClusterDNS {
			out[i].ports = out[i+1].ports
		}
	}
	for i := 1; i < len(out); i++ {
		if len(out[i].ports) == 0 && out[i-1].of {
			out[i].ports, out[i].named, out[i].of = out[i-1].ports, true, true
		}
	}
	return out, true
}

// separator takes what joins two items of a list.
func (p *parser) separator() bool {
	s := p.save()
	comma := p.take(",")
	and := p.seqs("as well as", "along with", "together with", "and also", "and", "or", "nor", "plus")
	if !comma && !and {
		return p.back(s)
	}
	p.seqs("also", "both")
	return true
}

// beginsClause says whether a verb of the next clause comes.
func (p *parser) beginsClause() bool {
	if p.is("included", "including", "excepted", "too", "aside", "may", "can", "must", "should", "shall", "will", "be", "have", "need", "do", ":") {
		return true
	}
	v := p.verb()
	return v != "" && v != vLimit && !p.isAt(0, "access", "call", "calls", "query", "queries", "left")
}

// item is a party with its ports.
func (p *parser) item(before []party) (party, bool) {
	start := p.save()
	n, ok := p.portOf()
	if !ok {
		var peers []ir.Peer
		if peers, n.each, ok = p.peers(before); !ok {
			p.back(start)
			return party{}, false
		}
		n.peers = peers
		if p.take("'s") { // B's port 80
			if n.ports, ok = p.ports(true); !ok {
				p.back(start)
				return party{}, false
			}
			n.named = true
			return n, true
		}
	}
	if len(n.ports) == 0 {
		n.ports, _ = p.ports(false)
	}
	return n, true
}

// portOf is "port 80 of web", "the postgres port of db", "the metrics ports on
// the pods ...".
func (p *parser) portOf() (party, bool) {
	s := p.save()
	ports, ok := p.ports(true)
	if !ok || !p.take("of", "on", "at", "in") {
		p.back(s)
		return party{}, false
	}
	peers, _, ok := p.peers(nil)
	if !ok {
		p.back(s)
		return party{}, false
	}
	return party{peers: peers, ports: ports, named: true, of: true}, true
}

// peers is one noun phrase without ports.
func (p *parser) peers(before []party) (out []ir.Peer, each, ok bool) {
	start := p.i
	s := p.save()
	if p.seqs("each other", "one another", "themselves") {
		for _, b := range before {
			out = append(out, b.peers...)
		}
		if len(out) == 0 && p.topic != nil && !p.topic.unsure {
			out = p.topic.peers
		}
		if len(out) == 0 {
			p.back(s)
			return nil, false, false
		}
		return out, true, true
	}
	out, ok = p.phrase()
	if !ok {
		p.back(s)
		return nil, false, false
	}
	for i := range out {
		if out[i].Span == (ir.Span{}) {
			out[i].Span = p.span(start)
		}
	}
	p.minus(out)
	return out, false, true
}

// minus takes "except C" into phrases that mean everybody of some kind.
func (p *parser) minus(out []ir.Peer) {
	if len(out) != 1 || out[0].Kind != ir.Pods && out[0].Kind != ir.World && out[0].Kind != ir.Anybody {
		return
	}
	s := p.save()
	if !p.seqs("except for?", "other than", "apart from", "aside from", "but not?", "not including", "without") || p.is("from", "to", "on", "port", "for") {
		p.back(s)
		return
	}
	list, ok := p.parties(false)
	if !ok || !partOf(all(list), out[0]) {
		p.back(s)
		return
	}
	for _, n := range list {
		if len(n.ports) > 0 {
			p.back(s)
			return
		}
		out[0].Minus = append(out[0].Minus, n.peers...)
	}
	if p.tokens[s.i].word == "without" { // "pods without label x" are the namespace's, as those with it
		p.unscoped = slices.DeleteFunc(p.unscoped, func(u ir.Span) bool { return u == out[0].Span })
	}
}

func (p *parser) phrase() ([]ir.Peer, bool) {
	if p.is("each") && p.isAt(1, "other") { // both directions: peers knows, or nobody does
		return nil, false
	}
	for _, production := range []func() ([]ir.Peer, bool){p.pronoun, p.address, p.entity, p.account, p.labelled, p.podsOf, p.everyPod, p.someNamespace, p.name} {
		s := p.save()
		if out, ok := production(); ok {
			return out, true
		}
		p.back(s)
	}
	return nil, false
}

// pronoun is "it", "they", "these pods".
func (p *parser) pronoun() ([]ir.Peer, bool) {
	from := p.i
	switch {
	case p.take("it", "they", "them", "itself"):
	case p.is("these", "those", "this", "the") && (p.is("these", "those") || p.isAt(1, "same") || p.is("this") && podNouns[p.at(1).word]):
		p.i++
		p.take("same")
		if !p.takeIn(podNouns) && !p.take("ones") {
			return nil, false
		}
		if p.is("with", "label", "labelled", "in", "of", "that", "which") {
			return nil, false // "those pods with ...": a phrase of its own
		}
	default:
		return nil, false
	}
	if p.topic == nil || len(p.topic.peers) == 0 {
		p.errorf(diag.ReadWords, p.span(from), fmt.Sprintf("nothing before says what %q refers to", p.text(from)), "repeat the name")
		return []ir.Peer{{Kind: ir.Workload}}, true
	}
	switch {
	case p.topic.unsure:
		p.errorf(diag.ReadAmbiguous, p.span(from), fmt.Sprintf("%q could refer to %s", p.text(from), either(p.topic.peers)), "repeat the name")
	case p.object && len(p.topic.other) > 0:
		p.errorf(diag.ReadAmbiguous, p.span(from), fmt.Sprintf("%q could refer to %s", p.text(from), either(slices.Concat(p.topic.peers, p.topic.other))), "repeat the name")
	}
	out := slices.Clone(p.topic.peers)
	for i := range out {
		out[i].Span = p.span(from)
	}
	return out, true
}

func either(peers []ir.Peer) string {
	var out []string
	for _, q := range peers {
		out = append(out, q.String())
	}
	return strings.Join(out, " or to ")
}

// text is the words from token from on, as they were written.
func (p *parser) text(from int) string {
	s := p.span(from)
	return p.statement[s.Start:s.End]
}

var domain = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`)

// prefix reads an address or a CIDR.
func prefix(s string) (netip.Prefix, bool) {
	if x, err := netip.ParsePrefix(s); err == nil {
		return x.Masked(), x.Masked() == x
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	return netip.Prefix{}, false
}

// address is a CIDR with its exceptions, an address, or a domain.
func (p *parser) address() ([]ir.Peer, bool) {
	p.skip(dets)
	for p.take("ip", "address", "cidr", "range", "block", "blocks", "subnet", "subnets", "network", "host", "hosts", "domain", "domains", "in", "within", "inside", "from", "the", "external", "site", "fqdn", "endpoint") {
	}
	t := p.tok()
	if t.kind == mark {
		return nil, false
	}
	if x, err := netip.ParsePrefix(t.text); err == nil && x.Masked() != x {
		p.errorf(diag.ReadWords, t.span(), fmt.Sprintf("%s has bits set outside its prefix", t.text), fmt.Sprintf("write %s, or the address with /%d", x.Masked(), x.Addr().BitLen()))
		p.i++
		return []ir.Peer{{Kind: ir.CIDR, Prefix: x.Masked()}}, true
	}
	x, ok := prefix(t.text)
	if !ok {
		if host := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(t.text, "https://"), "http://"), "/")); domain.MatchString(host) && !p.x.Known(t.text) {
			p.i++
			return []ir.Peer{{Kind: ir.Domain, Name: host}}, true
		}
		return nil, false
	}
	p.i++
	peer := ir.Peer{Kind: ir.CIDR, Prefix: x}
	s := p.save()
	p.take(",", "(")
	if p.seqs("except for?", "but not?", "other than", "apart from", "without", "not", "minus", "less") {
		p.take("the", "from")
		for p.take("range", "cidr", "address", "ip", "subnet", "block") {
		}
		n := len(peer.Except)
		for {
			x, ok := prefix(p.tok().text)
			if !ok || !peer.Prefix.Overlaps(x) {
				break
			}
			p.i++
			peer.Except = append(peer.Except, x)
			s2 := p.save()
			if !p.separator() {
				break
			}
			if x, ok := prefix(p.tok().text); !ok || !peer.Prefix.Overlaps(x) {
				p.back(s2)
				p.exceptedToo(s2)
				break
			}
		}
		if len(peer.Except) > n {
			p.take(")")
			return []ir.Peer{peer}, true
		}
	}
	p.back(s)
	return []ir.Peer{peer}, true
}

// entity is the outside, the nodes, cluster DNS, the API server, the ingress
// controller, anybody.
func (p *parser) entity() ([]ir.Peer, bool) {
	one := func(k ir.PeerKind) ([]ir.Peer, bool) { return []ir.Peer{{Kind: k}}, true }
	s := p.save()
	if p.seqs("the? cluster dns pods|service|server|servers?", "kube-dns pods?", "coredns pods?", "the? cluster 's dns service|pods|server|servers?", "the? dns server|servers|service|pods|resolver|lookups|lookup|resolution|queries|traffic?",
		"the? name resolution|lookups", "the? kube-dns service|pods?") && !p.is("port", "label") {
		p.seqs("in the? cluster", "of the? cluster")
		return one(ir.ClusterDNS)
	}
	p.back(s)
	if p.seqs("the? kube-apiserver", "the? apiserver", "the? kubernetes api server?", "the? api server", "the? cluster 's api server?", "the? kube api server?") && !p.apiIsName(s.i) {
		return one(ir.APIServer)
	}
	p.back(s)
	if p.take("the"); p.is("incoming") && strings.EqualFold(p.tok().text, "ingress") && p.isAt(1, "controller", "controllers") {
		p.i += 2
		return one(ir.IngressController)
	}
	p.back(s)
	if p.seqs("the? node", "any|all|every the? node", "the? cluster node", "the? cluster 's node", "the? kubelet", "its|their own? node", "the? host|hosts node?", "the? kubernetes node") && !p.nameHere(s.i) {
		return one(ir.Host)
	}
	p.back(s)
	if p.outside() && !p.nameHere(s.i) {
		return one(ir.World)
	}
	p.back(s)
	if p.seqs("anybody|everybody else?", "anyone", "any|all client|clients|source|sources|host|hosts|ip|address|destination|destinations|place", "any|all", "anywhere|everywhere", "the? whole world", "anything|everything") &&
		!(p.is("other") && !p.isAt(1, "than")) && !p.is("else", "in", "inside", "within", "of", "label", "labelled", "with", "outside", "external", "service", "namespace", "pod") && (!p.nounNext() || p.isAt(-1, "everybody", "anybody") && p.is("access") && p.isAt(1, "to")) {
		if p.at(-1).word == "else" {
			p.back(s)
			return nil, false
		}
		return one(ir.Anybody)
	}
	return nil, false
}

// nounNext says whether a noun follows that the words before belong to.
func (p *parser) nounNext() bool {
	t := p.tok()
	return t.kind != mark && (podNouns[t.word] || flowNouns[t.word] || !p.done() && !t.known && p.x.Known(t.text))
}

// nameHere says whether the words from token i up to here are the exact name of
// something, which goes before what they mean in general.
func (p *parser) nameHere(i int) bool {
	var b strings.Builder
	for _, t := range p.tokens[i:p.i] {
		if !dets[t.word] {
			b.WriteString(t.text)
		}
	}
	for _, m := range p.x.Find(b.String(), p.namespace) {
		if m.Tier == names.Exact {
			return true
		}
	}
	return false
}

// apiIsName says whether "the api server" could be a workload's own.
func (p *parser) apiIsName(i int) bool {
	kube := slices.ContainsFunc(p.tokens[i:p.i], func(t token) bool { return strings.HasPrefix(t.word, "kube") || t.word == "cluster" })
	return !kube && (p.nameHere(i) || slices.ContainsFunc(p.x.Find("api", p.namespace), func(m names.Match) bool { return m.Tier <= names.Variant }))
}

// outside takes the words for every address that is no pod.
func (p *parser) outside() bool {
	return p.seqs("anything|anybody|everything|everybody|anywhere|everywhere outside of? the? cluster", "the? public internet", "the? outside world?", "the? outside world", "the? open internet", "the? internet at? large?", "internet",
		"the? world", "outside of? the? cluster", "outside of? kubernetes", "outside", "outsiders",
		"any|all|the? external|outside traffic|clients|client|hosts|host|sources|source|addresses|address|users|user|world|ip|networks|network|sites|site|systems|services|service|endpoints|connections|destinations|destination",
		"visitors|clients|users|people|hosts|sources|addresses|address|traffic|anything|anybody|connections from|on|in the? outside|internet|world",
		"any|all host|hosts|address|ip|addresses outside of? the? cluster", "any|all? internet hosts|host|traffic|clients|users|addresses|address", "the? public") && p.afterOutside()
}

// afterOutside takes "the cluster" after "outside", and refuses to leave a noun
// that the words belong to.
func (p *parser) afterOutside() bool {
	p.seqs("of? the? cluster", "world")
	return !p.is("the", "of", "namespace", "my") && !(p.at(-1).word == "outside" && p.nounNext())
}

// account is a service account.
func (p *parser) account() ([]ir.Peer, bool) {
	p.skip(dets)
	p.takeIn(podNouns)
	p.seqs("running", "that run", "which run")
	p.seqs("as", "with", "under", "using")
	p.take("the", "a")
	named := func() ([]ir.Peer, bool) {
		t := p.tok()
		spaces := p.x.Accounts(t.text)
		ns := p.namespace
		p.i++
		if in, ok := p.inNamespace(); ok && len(in.Names) == 1 {
			ns = in.Names[0]
		}
		if len(spaces) == 0 || !slices.Contains(spaces, ns) {
			p.errorf(diag.ReadName, t.span(), fmt.Sprintf("no pod of namespace %q runs as service account %q", ns, t.text))
		}
		return []ir.Peer{{Kind: ir.ServiceAccount, Namespace: ns, Name: t.text}}, true
	}
	if p.seqs("service account", "serviceaccount", "sa") {
		p.seqs("named", "called")
		if t := p.tok(); t.kind != mark && (t.kind == quoted || !t.known || len(p.x.Accounts(t.text)) > 0) {
			return named()
		}
	}
	return nil, false
}
