package model

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// The words that an answer can be held against. They are no grammar: a table only
// says that a statement without any of its words does not mean a thing, never that
// one with them does. They are English, as statements are; a statement in another
// language has none of them, and what it forbids is refused.

func wordSet(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

var (
	// forbidding words say that something does not pass.
	forbidding = wordSet(`not no never nobody nothing none neither nor noone nowhere cannot without dont doesnt cant shouldnt mustnt isnt arent wont shant neednt
		deny denies denied denying block blocks blocked blocking forbid forbids forbidden forbidding disallow disallows disallowed disallowing
		refuse refuses refused refusing reject rejects rejected rejecting drop drops dropped dropping ban bans banned banning prohibit prohibits prohibited prohibiting
		prevent prevents prevented preventing stop stops stopped stopping bar bars barred cut cuts off shut shuts keep keeps kept out away stay stays
		isolate isolates isolated isolating isolation quarantine quarantined segregate segregated segregation close closes closed closing
		unreachable inaccessible unavailable off-limits private internal-only default-deny deny-all zero-trust zero-egress blacklist blacklisted denylist airgap air-gapped
		disconnect disconnected disconnecting remove revoke cease hide hidden shield shielded invisible blind seal sealed lock locks locked lockdown`)
	// halfway words forbid only beside one of the others: "keep web out", not "reach out".
	halfway = wordSet("keep keeps stay stays cut cuts shut shuts lock locks locked close closes closing hold holds")
	apart   = wordSet("out away off down")
	// limiting words leave something open and close the rest.
	limiting = wordSet(`only alone solely exclusively exclusive purely strictly just merely sole unless except excepting excepted excluding exclude excludes excluded besides barring save
		but other others else rest apart aside beyond outside restrict restricts restricted restricting restriction limit limits limited limiting confine confines confined
		lock locks locked locking lockdown protect protects protected protecting secure reserve reserves reserved dedicated narrow tighten private within inside must exactly strict
		whitelist whitelisted allowlist allowlisted minimum least`)
	// excepting words speak of what a prohibition leaves out.
	excepting = wordSet(`only alone solely exclusively exclusive purely strictly just merely sole unless except excepting excepted exception exceptions excluding exclude excludes excluded besides barring
		save but other others else rest apart aside beyond outside restrict restricts restricted restricting limit limits limited limiting confine confines confined lock locks locked reserved reserve
		dedicated protect protects protected private within inside still stay stays always keep keeps continue continues fine ok okay remain remains than internally local locally`)
	// permitting words say that something passes.
	permitting = wordSet(`may can could might allow allows allowed allowing permit permits permitted permitting let lets letting enable enables enabled able grant grants granted give gives given
		open opens opened expose exposes exposed accept accepts accepted reach reaches reachable access accesses accessible talk talks speak speaks call calls connect connects use uses
		should must shall will need needs want wants receive receives send sends read reads write writes get gets still continue continues fine ok welcome available
		whitelist whitelisted allowlist allowlisted free add create`)
	// plainly are those of them that are no mere verbs of reaching.
	plainly = wordSet(`may can could might allow allows allowed allowing permit permits permitted permitting let lets letting enable enables enabled able grant grants granted give gives given
		open opens opened expose exposes exposed accept accepts accepted reachable accessible should must shall will need needs want wants still continue continues fine ok okay welcome available
		whitelist whitelisted allowlist allowlisted free add create`)
	// onlyWords close what they do not name, whatever else the statement says.
	onlyWords = wordSet("only solely exclusively alone sole")
	// exceptions are words that mean nothing else.
	exceptions = wordSet("except excepting excluding besides barring")
	// excepters stand before who is no part of what was said.
	excepters = wordSet("except excepting excluding besides barring")
	// anyone words make "but" one of them.
	anyone = wordSet("everyone everybody everything anyone anybody anything nobody nothing none noone one all pod pods workload workloads")
	// negations turn what follows in their clause.
	negations = wordSet("not no never nobody nothing none neither nor noone nowhere cannot without")
	// prohibitions do so as verbs.
	prohibitions = wordSet(`deny denies denied denying block blocks blocked blocking forbid forbids forbidden forbidding disallow disallows disallowed refuse refuses refused reject rejects
		rejected drop drops dropped ban bans banned prohibit prohibits prohibited prevent prevents prevented stop stops stopped bar bars barred isolate isolates isolated closed`)
	// clauses begin a part of a sentence that a negation before does not reach.
	clauses = wordSet("but except and while whereas only so then otherwise unless")
	// outward and inward words speak of one direction.
	outward = wordSet("egress outgoing outbound outward outwards initiate initiates initiating originate leaves leaving dial dials")
	inward  = wordSet("ingress incoming inbound")
	// mutual words speak of both directions at once, or of more than one matter.
	mutual = wordSet("each other another both mutual mutually versa vice directions either back return responses replies reply")
	// keepers are verbs after which "from" does not say where traffic comes from.
	keepers = wordSet(`block blocks blocked keep keeps kept prevent prevents stop stops bar bars barred ban bans banned isolate isolates isolated deny denies denied forbid forbids forbidden
		prohibit prohibits hide shield protect protects separate separated segregate cut restrict disconnect away out refuse refuses reject rejects read reads reading pull pulls pulling
		fetch fetches fetching download downloads get gets getting consume consumes load loads`)
	// acts are verbs whose subject opens the connection.
	acts = wordSet(`reach reaches reaching call calls calling access accesses accessing talk talks talking connect connects connecting query queries querying contact contacts contacting
		use uses using send sends sending push pushes pushing write writes writing hit hits hitting invoke invokes invoking speak speaks speaking`)
	// suffers are words after which the subject may be the one that is reached.
	suffers = wordSet(`accept accepts accepted receive receives received receiving listen listens serve serves reachable accessible available exposed expose exposes open opens opened be is are by from
		get gets allow allows let lets only whom which that who via through`)
	// fillers stand between a preposition and a name.
	fillers = wordSet("the a an our its their only just pod pods workload service deployment app named called")
	// everyone words speak of all that there is.
	everyone = wordSet(`all any every each everyone everybody everything anyone anybody anything everywhere anywhere whole entire nobody nothing noone none no nowhere
		only alone solely exclusively other others else rest cluster cluster-wide clusterwide namespaces namespace across another different default isolate isolates isolated isolation pods pod
		workload workloads services apps applications whatever whoever public open intra inside within internally outside unreachable inaccessible private here our we us team
		them they themselves each-other another between mutual deny-all default-deny allow-all default anonymous users clients people visitors traffic deny block accept accepts lock incoming inbound ingress egress outgoing outbound`)
)

// spokenOf are the words without which an entity is not meant.
var spokenOf = map[ir.PeerKind]map[string]bool{
	ir.World: wordSet(`outside internet world outsiders outsider external externally public publicly online worldwide www remote clients client users user people visitors visitor customers customer
		browser browsers cloud saas third-party anywhere elsewhere offsite abroad outward outwards exposed expose exposes open cluster`),
	ir.Host:       wordSet(`node nodes host hosts kubelet kubelets machine machines vm vms probe probes health healthcheck healthchecks server servers hypervisor`),
	ir.APIServer:  wordSet(`api apiserver apiservers kube-apiserver kubeapiserver kubernetes k8s control plane controlplane kube master masters`),
	ir.ClusterDNS: wordSet(`dns kube-dns kubedns coredns core-dns resolve resolves resolving resolution resolver resolvers lookup lookups nameserver nameservers name names hostname hostnames`),
	ir.IngressController: wordSet(`ingress ingresses controller controllers gateway gateways router routers nginx traefik haproxy contour envoy loadbalancer balancer balancers outside internet
		external externally public publicly users clients world edge`),
	ir.Anybody: everyone,
}

// need is words that mean one entity and nothing else, and the peers that answer
// them.
type need struct {
	words []string
	by    []ir.PeerKind
}

var needed = []need{
	{[]string{"external"}, []ir.PeerKind{ir.World, ir.Anybody, ir.Domain, ir.CIDR, ir.IngressController}},
	{[]string{"internet"}, []ir.PeerKind{ir.World, ir.Anybody, ir.Domain, ir.CIDR, ir.IngressController}},
	{[]string{"outsiders"}, []ir.PeerKind{ir.World, ir.IngressController}},
	{[]string{"outside", "world"}, []ir.PeerKind{ir.World, ir.Domain, ir.CIDR, ir.IngressController}},
	{[]string{"outside", "the", "cluster"}, []ir.PeerKind{ir.World, ir.Domain, ir.CIDR, ir.IngressController}},
	{[]string{"dns"}, []ir.PeerKind{ir.ClusterDNS}},
	{[]string{"apiserver"}, []ir.PeerKind{ir.APIServer}},
	{[]string{"api", "server"}, []ir.PeerKind{ir.APIServer}},
	{[]string{"kubernetes", "api"}, []ir.PeerKind{ir.APIServer}},
	{[]string{"nodes"}, []ir.PeerKind{ir.Host}},
	{[]string{"ingress", "controller"}, []ir.PeerKind{ir.IngressController}},
}

// called says what an entity is called in a message.
var called = map[ir.PeerKind]string{
	ir.World: "what is outside of the cluster", ir.Host: "nodes", ir.APIServer: "the API server", ir.ClusterDNS: "DNS",
	ir.IngressController: "the ingress controller", ir.Anybody: "everybody",
}

// token is a word of a statement in lower case.
type token struct {
	text       string
	start, end int
	named      bool // part of a thing's own name
}

var wordPattern = regexp.MustCompile(`[\p{L}\p{N}]+(?:['’]\p{L}+)?`)

// tokens splits a statement into words. Contractions of not become two words.
func tokens(s *names.Shortlist) []token {
	var out []token
	for _, at := range wordPattern.FindAllStringIndex(s.Statement, -1) {
		t := token{strings.ReplaceAll(strings.ToLower(s.Statement[at[0]:at[1]]), "’", "'"), at[0], at[1], false}
		t.named = slices.ContainsFunc(s.Mentions, func(m names.Mention) bool { return m.Strong && m.Start <= t.start && t.end <= m.End })
		if bare, ok := strings.CutSuffix(t.text, "n't"); ok {
			t.text = bare
			out = append(out, token{"not", t.start, t.end, t.named})
		}
		t.text, _, _ = strings.Cut(t.text, "'")
		out = append(out, t)
	}
	return out
}

// speaks says whether one of the words is among the tokens. Words that are
// something's own name count where names is set.
func speaks(ts []token, words map[string]bool, names bool) bool {
	return slices.ContainsFunc(ts, func(t token) bool { return words[t.text] && (names || !t.named) })
}
