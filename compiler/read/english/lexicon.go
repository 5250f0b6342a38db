package english

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/names"
)

// The lexicon: every word that is not the name of something. Words are grouped
// by what they do in a sentence; the grammar asks for groups, never for
// spellings, so that a new synonym is one word here.

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

var contractions = map[string][]string{
	"dont": {"do", "not"}, "doesnt": {"do", "not"}, "didnt": {"do", "not"}, "cant": {"can", "not"}, "cannot": {"can", "not"}, "couldnt": {"can", "not"},
	"shouldnt": {"should", "not"}, "mustnt": {"must", "not"}, "maynt": {"may", "not"}, "wont": {"will", "not"}, "wouldnt": {"will", "not"}, "shant": {"shall", "not"},
	"isnt": {"be", "not"}, "arent": {"be", "not"}, "wasnt": {"be", "not"}, "its": {"its"}, "thats": {"that", "be"}, "lets": {"let"}, "neednt": {"need", "not"}, "id": {"i", "will"}, "wed": {"we", "will"},
}

// ambiguousContractions are words of their own without their apostrophe.
const ambiguousContractions = " wont its id wed "

var contraction = set("it's that's let's")

// aliases maps spellings to the form that the groups below hold.
var aliases = map[string]string{
	"plz": "please", "pls": "please", "frm": "from", "thru": "through", "w/": "with", "is": "be", "are": "be", "was": "be", "were": "be", "being": "be", "been": "be", "does": "do", "did": "do", "has": "have", "had": "have", "having": "have",
	"no-one": "nobody", "noone": "nobody", "everyone": "everybody", "anyone": "anybody", "could": "can", "might": "may", "ought": "should", "would": "will", "an": "a",
	"permitted": "allowed", "authorized": "allowed", "authorised": "allowed", "connexions": "connections", "ns": "namespace", "nodes": "node", "ports": "port", "addresses": "address", "ips": "ip", "cidrs": "cidr", "ranges": "range",
	"svc": "service", "require": "need", "requires": "need", "nothin": "nothing", "needs": "need", "wants": "want", "gets": "get", "getting": "get", "versa": "versa", "inter-net": "internet", "www": "internet", "and/or": "and", "til": "to", "onto": "to", "towards": "to", "toward": "to", "upon": "on",
	"whilst": "while", "exclusively": "only", "solely": "only", "purely": "only", "strictly": "only", "merely": "only", "just": "only", "besides": "except", "excepting": "except", "excluding": "except", "save": "except", "barring": "except", "unless": "except", "labeled": "labelled",
	"labels": "label", "namespaces": "namespace", "inbound": "incoming", "outbound": "outgoing", "ingress": "incoming", "egress": "outgoing", "outwards": "outward", "k8s": "kubernetes", "proto": "protocol",
}

// Classes of verbs.
const (
	vReach   = "reach"   // the subject connects to the object: access, call, use
	vTo      = "to"      // the same with to, with or from: talk, connect, read
	vFrom    = "from"    // read from, pull from: the subject connects to where the data come from
	vSend    = "send"    // send something to
	vOpen    = "open"    // open: connections, or a destination for somebody
	vAccept  = "accept"  // the subject is the destination
	vAllow   = "allow"   //
	vDeny    = "deny"    //
	vPrevent = "prevent" // prevent A from reaching B
	vLimit   = "limit"   // restrict B to A
	vIsolate = "isolate" //
	vKeep    = "keep"    //
	vLeave   = "leave"   //
	vExpose  = "expose"  // make reachable
	vGive    = "give"    // give A access to B
)

// verbs maps the forms of verbs to what they do.
var verbs = func() map[string]string {
	m := map[string]string{}
	for class, forms := range map[string]string{
		vReach: `reach reaches reached reaching access accesses accessed accessing call calls called calling use uses used using contact contacts contacted
			contacting query queries queried querying hit hits hitting invoke invokes invoked invoking consume consumes consumed consuming scrape scrapes scraped
			scraping see sees seen visit visits visited visiting enter enters entered entering dial dials dialled poll polls polled polling ping pings pinging monitor monitors`,
		vTo: `talk talks talked talking connect connects connected connecting speak speaks speaking communicate communicates communicating get go goes
			going write writes written writing phone come comes coming flow flows flowing pass passes report reports reporting`,
		vFrom: "read reads reading pull pulls pulled pulling fetch fetches fetched fetching download downloads downloading",
		vSend: `send sends sent sending push pushes pushed pushing make makes made making initiate initiates initiated initiating establish establishes
			establishing upload uploads uploading emit emits ship ships shipping start starts originate originates`,
		vOpen: "open opens opened opening",
		vAccept: `accept accepts accepted accepting receive receives received receiving take takes taking admit admits serve serves listen listens
			listening hear hears`,
		vAllow:   "allow allows allowed allowing permit permits let lets letting enable enables",
		vDeny:    "deny denies denied denying block blocks blocked blocking forbid forbids forbidden forbidding disallow disallows disallowed refuse refuses refused reject rejects rejected drop drops dropped ban bans banned prohibit prohibits prohibited",
		vPrevent: "prevent prevents prevented preventing stop stops stopped bar bars barred",
		vLimit:   "limit limits limited limiting restrict restricts restricted restricting confine confined lock locks locked",
		vIsolate: "isolate isolates isolated isolating quarantine quarantined",
		vKeep:    "stay stays keep keeps kept keeping cut cuts shut",
		vLeave:   "leave leaves left leaving",
		vExpose:  "expose exposes exposed",
		vGive:    "give gives given grant grants granted granting",
	} {
		for _, w := range strings.Fields(forms) {
			m[w] = class
		}
	}
	return m
}()

var (
	modals    = set("may can must should shall will need have do want get be")
	adverbs   = set("directly still also always ever actually really even anymore already now therefore then then too further please explicitly currently normally simply again freely anyway at-all legitimately both completely entirely fully totally")
	politely  = set("please kindly hi hello thanks so then also and but finally additionally moreover furthermore here now")
	flowNouns = set("traffic connection connections call calls request requests packet packets access data metric metrics communication communications flow flows query queries conversation conversations connectivity log logs message messages event events trace traces sessions session stuff comms mail mails email emails updates telemetry")
	flowAdjs  = set("network tcp udp sctp icmp external internal outside internet direct http https other remaining new inter-pod pod-to-pod statsd client user")
	podNouns  = set("pod pods workload workloads deployment deployments service services app apps application applications container containers replicas replica instances instance statefulset statefulsets daemonset component components microservice microservices job jobs cronjob server servers backends clients client")
	dets      = set("the a any all every each our your their its his this these those that")
	onlyWords = set("only alone")
	exceptors = set("except")
	outsides  = set("outside internet world outsiders")
	protocols = set("tcp udp sctp icmp")
	rests     = set("else other rest")
)

// other words that the grammar asks for by spelling.
const spelled = `not never no nobody nothing none anything anybody everybody everything from to into in out of off by with within inside between among for on over via
through at port protocol range and or nor but as well both either neither only alone else other rest same than apart aside away namespace label labelled cluster outside internet world outsiders
node dns kube-dns coredns api kubernetes apiserver kube-apiserver ip address cidr domain host hosts fqdn named called it they them themselves itself him everywhere anywhere nowhere somewhere
incoming outgoing incoming/outgoing both directions direction policy rule default network tcp udp sctp icmp http https reachable accessible available visible unreachable inaccessible private closed open off-limits able
possible necessary longer where who which that whose them each another one longer account sa serviceaccount running runs run pods included including excepted plus without exception circumstances whatsoever under any down up
everything unaffected unchanged fine ok okay alone works working continue continues unrestricted remain remains normal before usual untouched concern free belongs belong meant reserved provided target given whether public visitors users clients
create add write apply set make policy policies rule rules want ensure sure would like default-deny deny-all allow-all vice versa reverse way around mutually pair lookup lookups resolution name names resolve resolving responses answer answers so people themselves
per plain because since reader still entire whole i we between back there regardless including destination source`

var lexicon = func() map[string]bool {
	m := set(spelled)
	for _, g := range []map[string]bool{modals, adverbs, politely, flowNouns, flowAdjs, podNouns, dets, onlyWords, exceptors, outsides, protocols, rests} {
		for w := range g {
			m[w] = true
		}
	}
	for w := range verbs {
		m[w] = true
	}
	for _, w := range aliases {
		m[w] = true
	}
	return m
}()

// spellings is the lexicon in order, for typos.
var spellings = func() []string {
	var out []string
	for w := range lexicon {
		out = append(out, w)
	}
	for w := range aliases {
		out = append(out, w)
	}
	slices.Sort(out)
	return slices.Compact(out)
}()

// thingWords name parties by themselves: a typo in a name must not become one
// of them, so they are mended only where nothing short is like them.
var thingWords = set("pod pods node nodes host hosts dns internet outside world cluster everything everybody anybody anything nobody nothing namespace them they these those it apps app jobs service services clients client users people")

// mend returns the one word of the lexicon that w is a slip of, or "". The first
// letter must be right; a swap, a letter too many, too few or wrong is one
// slip, and only long words may have two.
func mend(w string) string {
	limit := 1
	if len(w) >= 8 {
		limit = 2
	}
	if len(w) < 4 {
		return ""
	}
	best, at := "", limit+1
	for _, s := range spellings {
		if len(s) < 4 || s[0] != w[0] || protocols[s] || thingWords[s] && len(s) < 7 {
			continue
		}
		d := names.Distance(w, s, limit)
		if a, ok := aliases[s]; ok {
			s = a
		}
		switch {
		case d < at:
			best, at = s, d
		case d == at && d <= limit && best != s && verbs[best] != verbs[s]:
			best = "" // two words are as near
		case d == at && d <= limit && best != s && verbs[best] == "":
			best = ""
		}
	}
	if at > limit {
		return ""
	}
	return best
}
