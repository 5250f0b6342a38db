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
		whitelist whitelisted allowlist allowlisted free add create yes go goes`)
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
	inward  = wordSet("ingress incoming inbound enter enters entering")
	// mutual words speak of both directions at once, or of more than one matter.
	mutual = wordSet("each other another both mutual mutually versa vice directions either back return responses replies reply")
	// keepers are verbs after which "from" does not say where traffic comes from.
	keepers = wordSet(`block blocks blocked keep keeps kept prevent prevents stop stops bar bars barred ban bans banned isolate isolates isolated deny denies denied forbid forbids forbidden
		prohibit prohibits hide shield protect protects separate separated segregate cut restrict disconnect away out refuse refuses reject rejects read reads reading pull pulls pulling
		fetch fetches fetching download downloads get gets getting consume consumes load loads scrape scrapes scraping collect collects collecting gather gathers poll polls`)
	// acts are verbs whose subject opens the connection.
	acts = wordSet(`ask asks need needs find finds steer steers poke pokes poking see sees phone phones phoning dial dials consult consults post posts store stores save saves keep keeps
		scrape scrapes scraping poll polls polling fetch fetches fetching pull pulls download downloads probe probes probing watch watches monitor monitors check checks visit visits ping pings
		notify notifies trigger triggers upload uploads deliver delivers submit submits report reports register registers read reads look looks load loads say
		reach reaches reaching call calls calling access accesses accessing talk talks talking connect connects connecting query queries querying contact contacts contacting
		use uses using send sends sending push pushes pushing write writes writing hit hits hitting invoke invokes invoking speak speaks speaking`)
	// acted are what is done by whoever opens the connection.
	acted = wordSet("reached called accessed used queried contacted hit invoked read fetched scraped served fed")
	// suffers are words after which the subject may be the one that is reached.
	suffers = wordSet(`accept accepts accepted receive receives received receiving listen listens serve serves reachable accessible available exposed expose exposes open opens opened be is are by from
		get gets allow allows let lets only whom which that who via through`)
	// worldly words are what is outside of the cluster where they name a party.
	worldly = wordSet("internet world outsiders outside")
	// excused words stand behind who is taken out of what is said.
	excused = wordSet("aside excepted excluded exempt apart")
	// relative words begin a clause about the party before them: "db is what web uses".
	relative = wordSet("that which what whom")
	// fillers stand between a preposition and a name.
	fillers = wordSet("the a an our its their only just wider public open whole pod pods workload service deployment app named called")
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

// Phrases say what their words do not say one by one. "_" stands for up to three words,
// and "$" for the end of the statement.
var (
	// prohibiting phrases demand a Close, whatever else the statement permits.
	prohibiting = phrases(`off limits; out of bounds; no business; none of _ business; fingers off; hands off; blind to; deaf to; deaf and mute; the answer is no; say no; says no;
		forbid; forbidden; prohibited; banned; locked; take _ away from; taken away from; not happen; never happen; hate to see; hate it if; no reason to; no reason for; no place for;
		nothing to look for; turn _ down; turns _ down; turned down; in peace; spare _ all; spare _ any; spare _ every; be spared; not a thing; not an option; out of the question; stay clear of;
		steer clear of; not trust;
		not welcome; not wanted; unwelcome; a stop to; last thing; last place; dead body`)
	// leavingOut phrases close what the statement does not name.
	leavingOut = phrases(`nobody else; noone else; no one else; nothing else; none else; nowhere else; no other; nobody besides; no one besides; nothing besides; none besides; ignores everyone; ignores everybody;
		ignores all; ignores any; ignores the rest; ignores others; ignore everyone; ignore everybody; ignore all; ignore the rest; hands off; others stay out; others keep out;
		the rest stays out; third parties; outsiders stay out;
		that is it $; that is that $; that is all $; that was it $; full stop $; nothing further; nothing more; nobody further; no further; no more $; stops there; stop there; ends there;
		one thing; one place; one party;
		one peer; single source; the one and only; unless you; is all that; are all that; one way; one outlet; no other way`)
	// complements name who is left out by those who are not, or leave something to some.
	complements = phrases(`whoever is not; whatever is not; who is not; that is not; which is not; if it is not; if not; unless it is; unless they are; leave _ to; leaves _ to; private to;
		a matter for; a matter between`)
	// restOutside phrases close what is outside of the cluster and is not named.
	restOutside = phrases(`else outside; else beyond; else on the internet; else on the public internet; else in the world; rest of the internet; rest of the world; rest of the outside; no other internet;
		nothing beyond the cluster; no other outside; nothing external; else external`)
	// within phrases are about the pods of a namespace, and leave others as they are.
	within = phrases("among the pods; among pods; among our; among the workloads; of our own; of the pods in; of our pods; of its own pods")
	// bothWays phrases are about both directions.
	bothWays = phrases("each other; one another; both ways; both directions; either direction; vice versa; of the two; in and out; in or out; in nor out; deaf and mute")
	// outwards and inwards are phrases about one direction.
	outwards = phrases(`nothing out; open connections; opens connections; opening connections; go out; goes out; get out; gets out; starts a; starts any; start a; start any; starts no;
		opens no; call out; calls out; phone out; phones out; phoning out`)
	inwards = phrases(`nothing in nothing; nothing in $; nothing in and; come in; comes in; coming in; get in; gets in; getting in; let in; stay out; stays out; keep out; the door;
		the doors; its door; its doors; a foot in; a foot into; spare; spares; spared; in peace`)
	// seeking phrases stand between a source and its destination.
	seeking = phrases(`relies on; rely on; depends on; depend on; depends upon; relies upon; leans on; lean on; feeds on; feed on; feeds off; lives on; live on; lives off; live off;
		works off; work off; builds on; turns to; turn to; goes to; go to;
		go through; goes through; prints through; sticks to; stick to; looks to; pulls from; pull from; reads from; read from; fetches from; fetch from; loads from; wants from; want from; reads;
		no business; any business; any say in; no say in;
		to look for; no reason to; anywhere near; come near; comes near; keep _ off; keeps _ off; stay out of; stays out of; keep out of; keeps out of; kept out of; nothing out of; blind to;
		way in to; way into; asking for; calling for; comes for; out on; out to; in to; traffic to; has _ as its source; without; stores _ in; store _ in; keeps _ in; keep _ in; saves _ in;
		puts _ in; looks at; look at; a say in; the door of; the doors of; past the door; in on; subscribes to; is a client of; are clients of`)
	// hosting phrases stand between a destination and its source.
	hosting = phrases(`belongs to; belong to; is for; are for; there for; off limits to; off limits for; out of bounds for; out of bounds to; obeys; obey; listens to; listen to; hears from;
		hear from; should hear from;
		answers to; answer to; attention to; trusts; trust; trusted by; reserved for; reserved to; kept for; meant for; a matter for; serves; serve; none of; no place for; is what; are what;
		access for; exposes _ to; expose _ to; offers _ to; offer _ to; welcomes; welcome; tolerates; tolerate; admits; admit; by everything; by anything; by everybody; by anybody; by everyone;
		by anyone; by whatever; by whoever; closed to; open to; shut to; hidden from; safe from; secret from; served to`)
	// leaving words stand before a destination that something is done with, for a
	// source behind "to" or "for", or "take" it "from" one.
	leaving = phrases("leave; leaves; reserve; reserves; open; opens; close; closes; shut; shuts; lock; locks; expose; exposes; dedicate; dedicates")
	taking  = phrases("take; takes; taking; took")
	// keeping words stand before a source that is kept out of, off or from a destination.
	keeping = phrases("keep; keeps; keeping; bar; bars; ban; bans; stop; stops; prevent; prevents")
	away    = phrases("out of; off; away from; from")
	// otherWay phrases close the flows that are the reverse of what is allowed.
	otherWay = phrases("other way round; other way around; other direction; in reverse; the reverse; not vice versa; never vice versa")
	// clients are words behind the source of who has it for one.
	having  = phrases("has; have; with")
	clients = phrases("for a client; as a client; for its client; as its client; for clients; as clients; for its only client; as its only client; for its sole client; as its sole client")
	// unsayable phrases are about what no network policy can say.
	unsayable = phrases(`per second; per minute; per hour; per day; a second; a minute; an hour; a day; rate limit; rate limits; rate limited; throttle; throttles; throttled; cap; capped; bandwidth;
		at night; by night; every night; nightly; overnight; by day; hours; weekdays; weekday; weekends; weekend; midnight; noon; tomorrow; tonight; today; until; till; temporarily; temporary;
		for now; time being; during;
		retry; retries; retried; encrypt; encrypts; encrypted; encryption; unencrypted; mtls; in tls; tls 1; tls only; only tls; scale _ up; scale _ down; scale up; scale down; scale out;
		autoscale; restart; restarts; restarted; reboot; redeploy;
		rename; renames; renamed; delete; back up; back _ up; log every; log all; log each; log any; logs every; logs all; audit every; a copy of; wait for; waits for; wait _ for; times when;
		monday; tuesday; wednesday; thursday; friday; saturday; sunday; timeout; timeouts; more replicas; fewer replicas; latency; twice a; once a; times a`)
	// vague phrases say that something is to be thought of, and not what may pass.
	vague = phrases("be careful; careful with; think again; think about; do something; look into; whether; consider; keep an eye; before anyone; before anybody; why; how does; how do; how often; how much")
	// polite phrases make a question a wish.
	polite = phrases("can you; could you; would you; will you; can we; could we; may we; please; would it be possible; is it possible")
	// harmless phrases hold words that forbid elsewhere.
	harmless = phrases(`drops _ off; drop _ off; dropping _ off; drops in; drop in; drops by; drop by; works off; work off; lives off; live off; feeds off; feed off; based off; runs off;
		out on; out there; out to; reach out; reaches out; reaching out; call out; calls out; keep in touch; keeps in touch; keep up; keeps up; stay in touch; stays in touch;
		cannot work without; cannot run without; cannot live without; cannot do without; not work without; not run without; not live without; nothing without`)
)

// phrase is a run of words.
type phrase []string

func phrases(list string) []phrase {
	var out []phrase
	for _, p := range strings.Split(list, ";") {
		out = append(out, strings.Fields(p))
	}
	return out
}

// phrase says whether the statement has one of the phrases.
func (e *evidence) phrase(ps []phrase) bool { return has(e.words, ps) }

func has(ts []token, ps []phrase) bool {
	for i := range ts {
		for _, p := range ps {
			if _, ok := p.begins(ts[i:]); ok {
				return true
			}
		}
	}
	return false
}

// begins says whether the tokens begin with the phrase, and which of them its words are.
func (p phrase) begins(ts []token) (at []int, ok bool) {
	switch {
	case len(p) == 0:
		return nil, true
	case p[0] == "$":
		return nil, len(ts) == 0
	case p[0] == "_":
		for n := range min(3, len(ts)) + 1 {
			if at, ok = p[1:].begins(ts[n:]); ok {
				return shifted(at, n), true
			}
		}
		return nil, false
	case len(ts) == 0 || ts[0].named || ts[0].text != p[0]:
		return nil, false
	}
	at, ok = p[1:].begins(ts[1:])
	return append([]int{0}, shifted(at, 1)...), ok
}

func shifted(at []int, by int) []int {
	for i := range at {
		at[i] += by
	}
	return at
}

// token is a word of a statement in lower case.
type token struct {
	text       string
	start, end int
	named      bool // part of a thing's own name
	idle       bool // part of a phrase that does not say what the word says elsewhere
}

var wordPattern = regexp.MustCompile(`[\p{L}\p{N}]+(?:['’]\p{L}+)?`)

// tokens splits a statement into words. Contractions of not and is become two words.
func tokens(s *names.Shortlist) []token {
	var out []token
	for _, at := range wordPattern.FindAllStringIndex(s.Statement, -1) {
		t := token{text: strings.ReplaceAll(strings.ToLower(s.Statement[at[0]:at[1]]), "’", "'"), start: at[0], end: at[1]}
		t.named = slices.ContainsFunc(s.Mentions, func(m names.Mention) bool { return m.Strong && m.Start <= t.start && t.end <= m.End })
		if bare, ok := strings.CutSuffix(t.text, "n't"); ok {
			t.text = bare
			out = append(out, token{text: "not", start: t.start, end: t.end, named: t.named})
		}
		bare, suffix, _ := strings.Cut(t.text, "'")
		t.text = bare
		out = append(out, t)
		if suffix == "s" && pronouns[bare] {
			out = append(out, token{text: "is", start: t.start, end: t.end})
		}
	}
	for i := range out {
		for _, p := range harmless {
			at, ok := p.begins(out[i:])
			for _, k := range at {
				out[i+k].idle = out[i+k].idle || ok
			}
		}
	}
	return out
}

var pronouns = wordSet("that it there here what who")

// speaks says whether one of the words is among the tokens. Words that are
// something's own name count where names is set.
func speaks(ts []token, words map[string]bool, names bool) bool {
	return slices.ContainsFunc(ts, func(t token) bool { return words[t.text] && !t.idle && (names || !t.named) })
}
