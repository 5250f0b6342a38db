package model_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read/model"
)

// beyond are statements that the embedded reader takes and in whose words no
// evidence is found: slips in words of the language, and a restriction that no word
// of it says. An answer that means what the embedded reader read needs no evidence.
var beyond = []string{
	"Connections to orders-db should come from orders.", "plz dont let web tallk to the intrnet", "Olny orders may acess orders-db.",
}

// TestEvidenceOfReadings holds what the embedded reader understands against its own
// statements: nothing is missing.
func TestEvidenceOfReadings(t *testing.T) {
	for _, p := range allPairs(t) {
		problems := model.Evidence(model.Answer{Outcome: model.Rules, Rules: p.rules}, p.shortlist)
		if (len(problems) > 0) != slices.Contains(beyond, p.statement) {
			t.Errorf("%q: %s\n%v", p.statement, messages(problems), p.rules)
		}
	}
}

// TestSwapped answers statements with the rules of others, sound rules each. Nearly
// all are caught here; what is not says much the same of the same parties, and is
// left to the reader that votes and to the person who reads what was understood.
func TestSwapped(t *testing.T) {
	all := allPairs(t)
	asked, through := 0, 0
	for i, p := range all {
		for k := 1; k < len(all); k += 43 {
			q := all[(i+k)%len(all)]
			if p.shortlist.Namespace != q.shortlist.Namespace || words(p.rules) == words(q.rules) {
				continue
			}
			asked++
			a, problems := model.Decode(answerTo(t, q.rules), p.shortlist)
			if len(problems) == 0 && len(model.Evidence(a, p.shortlist)) == 0 {
				through++
			}
		}
	}
	t.Logf("%d of %d swapped answers were let through", through, asked)
	if asked < 5000 || through*100 > asked {
		t.Errorf("%d of %d swapped answers were let through; at most 1 in 100 may be", through, asked)
	}
}

// Peers of the shop, as answers name them.
const (
	web, orders, db, cart, redis = `{"workload":"shop/web"}`, `{"workload":"shop/orders"}`, `{"workload":"shop/orders-db"}`, `{"workload":"shop/cartservice"}`, `{"workload":"shop/redis-cart"}`
	mailer, payment, prom        = `{"workload":"shop/mailer"}`, `{"workload":"shop/payment"}`, `{"workload":"monitoring/prometheus"}`
	shop, legacy, others, every  = `{"pods_in":["shop"]}`, `{"pods_in":["legacy"]}`, `{"pods_in":["*"],"not_in":["shop"]}`, `{"pods_in":["*"]}`
	world, anybody, dns          = `{"entity":"world"}`, `{"entity":"anybody"}`, `{"entity":"cluster-dns"}`
)

func allows(from, to, ports string) string {
	return `{"from":[` + from + `],"to":[` + to + `],"ports":` + list(ports) + `,"about":"ingress"}`
}

// spares is an Allow beside a Close, which says what is closed.
func spares(from, to, ports string) string {
	return strings.Replace(allows(from, to, ports), `"about":"ingress"`, `"about":"none"`, 1)
}

func list(items string) string {
	if items == "" {
		return "null"
	}
	return "[" + items + "]"
}

func traffic(peers, ports string) string {
	if peers+ports == "" {
		return "null"
	}
	return `[{"peers":` + list(peers) + `,"ports":` + list(ports) + `}]`
}

func closes(end, subject, scope, except string) string {
	return `{"close":"` + end + `","subject":[` + subject + `],"scope":` + scope + `,"except":` + except + `,"firm":` + strconv.FormatBool(scope != "null" || except != "null") + `,"dns":"auto"}`
}

// softly makes a Close one that other statements may open.
func softly(rule string) string { return strings.Replace(rule, `"firm":true`, `"firm":false`, 1) }

// TestEvidence holds answers against statements, both ways: an empty want is an
// answer that is taken.
func TestEvidence(t *testing.T) {
	x := names.New(clusters()["shop"])
	for _, tt := range []struct{ statement, rules, want string }{
		{"web may reach orders.", allows(web, orders, ""), ""},
		{"web may reach orders.", allows(orders, web, ""), "the other way round"},
		{"web may reach orders.", allows(web, orders, "") + "," + allows(web, db, ""), "shop/orders-db"},
		{"web may reach orders.", allows(web, anybody, ""), "speaks of"},
		{"web may reach orders.", allows(anybody, orders, ""), "speaks of"},
		{"web may reach orders.", allows(shop, orders, ""), "speaks of"},
		{"web may reach orders.", allows(every, orders, ""), "speaks of"},
		{"web may reach orders.", allows(world, orders, ""), "no word of the statement speaks of that"},
		{"web may reach orders.", closes("ingress", orders, "null", traffic(web, "")), "no word of the statement forbids"},
		{"web may reach orders.", closes("ingress", orders, traffic(web, ""), "null"), "no word of the statement forbids"},
		{"web may reach orders on port 8080.", allows(web, orders, `"8080"`), ""},
		{"web may reach orders on port 8080.", allows(web, orders, ""), "port 8080"},
		{"web may reach orders on port 8080 and 9102.", allows(web, orders, `"8080"`), "port 9102"},
		{"web may call orders on its metrics port.", allows(web, orders, `"metrics"`), ""},
		{"web may call orders on its metrics port.", allows(web, orders, ""), `the port "metrics"`},
		{"web may call orders over UDP.", allows(web, orders, ""), "UDP"},
		{"cartservice may reach redis-cart.", allows(cart, redis, ""), ""},
		{"Only cartservice may reach redis-cart.", spares(cart, redis, "") + "," + closes("ingress", redis, "null", traffic(cart, "")), ""},
		{"Only cartservice may reach redis-cart.", allows(cart, redis, ""), "close nothing"},
		{"Only cartservice may reach redis-cart.", closes("ingress", redis, traffic(cart, ""), "null"), "only block"},
		{"Only cartservice may reach redis-cart.", closes("ingress", redis, "null", "null"), "leave it out"},
		{"Only cartservice may reach redis-cart.", spares(cart, redis, "") + "," + closes("ingress", redis, "null", traffic(cart+","+web, "")), "shop/web"},
		{"cartservice and nobody else may reach redis-cart.", allows(cart, redis, ""), "close nothing"},
		{"Nobody but cartservice may reach redis-cart.", spares(cart, redis, "") + "," + closes("ingress", redis, "null", traffic(cart, "")), ""},
		{"Nobody but cartservice may reach redis-cart.", closes("ingress", redis, traffic(cart, ""), "null"), "makes an exception"},
		{"web must not reach orders-db.", closes("ingress", db, traffic(web, ""), "null"), ""},
		{"web must not reach orders-db.", closes("ingress", web, traffic(db, ""), "null"), "the other way round"},
		{"web must not reach orders-db.", allows(web, db, ""), "forbids something"},
		{"web must not reach orders-db.", closes("ingress", db, "null", traffic(web, "")), "make an exception"},
		{"web cannot reach orders-db.", allows(web, db, ""), "forbids something"},
		{"web can't reach orders-db.", allows(web, db, ""), "forbids something"},
		{"web may never reach orders-db.", allows(web, db, ""), "forbids something"},
		{"Nothing may reach orders-db.", allows(anybody, db, ""), "forbids something"},
		{"Block web from orders-db.", closes("ingress", db, traffic(web, ""), "null"), ""},
		{"Block web from orders-db.", allows(web, db, ""), "forbids something"},
		{"Keep web out of orders-db.", closes("ingress", db, traffic(web, ""), "null"), ""},
		{"Traffic from web to orders-db is forbidden.", closes("ingress", db, traffic(web, ""), "null"), ""},
		{"Traffic from web to orders-db is forbidden.", closes("ingress", web, traffic(db, ""), "null"), "the other way round"},
		{"orders-db accepts connections from orders.", allows(orders, db, ""), ""},
		{"orders-db accepts connections from orders.", allows(db, orders, ""), "the other way round"},
		{"Isolate payment.", closes("ingress", payment, "null", "null") + "," + closes("egress", payment, "null", "null"), ""},
		{"Isolate payment.", closes("ingress", shop, "null", "null"), "leave it out"},
		{"Deny all egress from mailer.", closes("egress", mailer, "null", "null"), ""},
		{"Deny all egress from mailer.", closes("ingress", mailer, "null", "null"), "what goes out"},
		{"Deny all incoming traffic to mailer.", closes("egress", mailer, "null", "null"), "what comes in"},
		{"Deny all traffic in the namespace by default.", closes("ingress", shop, "null", "null") + "," + closes("egress", shop, "null", "null"), ""},
		{"Deny all egress from mailer except DNS.", softly(closes("egress", mailer, "null", traffic(dns, ""))), ""},
		{"Deny all egress from mailer except DNS.", closes("egress", mailer, "null", traffic(dns, "")), "but name resolution firmly"},
		{"Deny all egress from mailer except DNS.", closes("egress", mailer, "null", "null"), "makes an exception"},
		{"Deny all egress from mailer except DNS.", allows(mailer, dns, ""), "only allow"},
		{"Everyone but web may reach orders.", allows(`{"entity":"anybody","minus":[`+web+`]}`, orders, ""), ""},
		{"Everyone but web may reach orders.", allows(web, orders, ""), "makes an exception"},
		{"web must not reach the internet.", closes("egress", web, traffic(world, ""), "null"), ""},
		{"web must not reach the internet.", closes("egress", web, "null", "null"), "what is outside of the cluster"},
		{"web must not reach the internet.", closes("egress", web, traffic(dns, ""), "null"), "DNS"},
		{"Pods of other namespaces must not reach orders.", closes("ingress", orders, traffic(others, ""), "null"), ""},
		{"legacy must not reach shop.", closes("ingress", shop, traffic(legacy, ""), "null"), ""},
		{"legacy must not reach shop.", closes("ingress", shop, traffic(others, ""), "null"), "the rules leave it out"},
		{"web must not reach shop.", closes("ingress", shop, traffic(legacy, ""), "null"), "legacy"},
		{"mailer may reach 203.0.113.0/24 on port 25.", allows(mailer, `{"cidr":"203.0.113.0/24"}`, `"25"`), ""},
		{"mailer may reach 203.0.113.0/24 on port 25.", allows(mailer, world, `"25"`), "203.0.113.0/24"},
		{"mailer may reach smtp.example.com.", allows(mailer, `{"domain":"smtp.example.com"}`, ""), ""},
		{"mailer may reach smtp.example.com on the internet.", allows(mailer, world, ""), "smtp.example.com"},
		{"Pods labelled tier=api may reach orders-db.", allows(`{"pods_in":["shop"],"labels":["tier=api"]}`, db, ""), ""},
		{"Pods labelled tier=api may reach orders-db.", allows(shop, db, ""), "select by it"},
		{"prometheus may scrape orders and payment on 9102.", allows(prom, orders+","+payment, `"9102"`), ""},
		{"prometheus may scrape orders and payment on 9102.", allows(prom, orders, `"9102"`), `"payment"`},
		{"monitoring may scrape orders on 9102.", allows(`{"pods_in":["monitoring"]}`, orders, `"9102"`), ""},
		{"monitoring may scrape orders on 9102.", allows(every, orders, `"9102"`), "the rules leave it out"},
		// Words that the embedded reader does not know.
		{"We want redis-cart locked down so that cartservice is its sole client.", spares(cart, redis, "") + "," + closes("ingress", redis, "null", traffic(cart, "")), ""},
		{"We want redis-cart locked down so that cartservice is its sole client.", closes("ingress", redis, traffic(cart, ""), "null"), "only block"},
		{"orders needs to be able to persist to orders-db.", allows(orders, db, ""), ""},
		{"web reaches out to orders.", allows(web, orders, ""), ""},
		{"mailer should have no way of talking to anything on the internet.", closes("egress", mailer, traffic(world, ""), "null"), ""},
		{"The payment pods take requests from orders; nobody else gets to talk to them.", spares(orders, payment, "") + "," + closes("ingress", payment, "null", traffic(orders, "")), ""},
		{"The payment pods take requests from orders; nobody else gets to talk to them.", allows(orders, payment, ""), "close nothing"},
		{"Give prometheus access to the metrics of orders and payment.", allows(prom, orders+","+payment, `"metrics"`), ""},
		{"Give prometheus access to the metrics of orders and payment.", allows(prom, orders+","+payment, ""), ""},
		{"Stop legacy from touching anything in shop.", closes("ingress", shop, traffic(legacy, ""), "null"), ""},
		{"Stop legacy from touching anything in shop.", allows(legacy, shop, ""), "only"},
		{"No one gets into orders-db except orders.", spares(orders, db, "") + "," + closes("ingress", db, "null", traffic(orders, "")), ""},
		{"Whatever runs in legacy has no business in shop.", closes("ingress", shop, traffic(legacy, ""), "null"), ""},
		{"orders-db is off limits for web.", closes("ingress", db, traffic(web, ""), "null"), ""},
		{"Cut mailer off from the internet.", closes("egress", mailer, traffic(world, ""), "null"), ""},
		{"Cut mailer off from the internet.", allows(mailer, world, ""), "only"},
		{"Traffic into payment ought to originate in orders and nowhere else.", spares(orders, payment, "") + "," + closes("ingress", payment, "null", traffic(orders, "")), ""},
		{"Let's open redis-cart's port 6379 to cartservice.", allows(cart, redis, `"6379"`), ""},
		{"payment should be hidden from legacy.", closes("ingress", payment, traffic(legacy, ""), "null"), ""},
		{"Only let web through to orders.", spares(web, orders, "") + "," + closes("ingress", orders, "null", traffic(web, "")), ""},
		{"Give web but not mailer access to orders.", spares(web, orders, "") + "," + closes("ingress", orders, traffic(mailer, ""), "null"), ""},
		{"Give web but not mailer access to orders.", allows(web+","+mailer, orders, ""), "makes an exception"},
		{"Anything but legacy can use web.", allows(`{"pods_in":["*"],"not_in":["legacy"]}`, web, ""), ""},
		{"Anything but legacy can use web.", allows(legacy, web, ""), "makes an exception"},
		{"There is no reason for web to see orders-db.", closes("ingress", db, traffic(web, ""), "null"), ""},
		{"There is no reason for web to see orders-db.", allows(web, db, ""), "forbids"},
		// What the rules of one answer are to each other.
		{"Only cartservice may reach redis-cart.", closes("ingress", redis, "null", traffic(cart, "")), "allow it nothing"},
		{"Only cartservice may reach redis-cart.", allows(cart, redis, "") + "," + closes("ingress", redis, "null", traffic(cart, "")), "it is about none"},
		{"Only cartservice may reach redis-cart.", spares(cart, redis, "") + "," + closes("egress", redis, "null", traffic(cart, "")), "not of that in the same direction"},
		{"Only cartservice may reach redis-cart.", spares(cart, redis, "") + "," + softly(closes("ingress", redis, "null", traffic(cart, ""))), "is firm"},
		{"Only cartservice may reach redis-cart on port 6379.", spares(cart, redis, `"6379"`) + "," + closes("ingress", redis, "null", traffic(cart, "")), "on all of them"},
		{"Only cartservice may reach redis-cart on port 6379.", spares(cart, redis, `"6379"`) + "," + closes("ingress", redis, "null", traffic("", `"6379"`)), "for everybody"},
		{"Only cartservice and web may reach redis-cart.", spares(cart+","+web, redis, "") + "," + closes("ingress", redis, "null", traffic(cart, "")), "do not except it there"},
		{"web must not reach orders-db.", closes("egress", web, traffic(db, ""), "null"), "ingress of those pods"},
		{"web must not reach orders-db.", softly(closes("ingress", db, traffic(web, ""), "null")), "is firm"},
		{"Port 9102 of orders is closed.", closes("egress", orders, traffic("", `"9102"`), "null"), "does not speak of sending"},
		{"Port 9102 of orders is closed.", closes("ingress", orders, traffic("", `"9102"`), "null"), "to everybody firmly"},
		{"Port 9102 of orders is closed.", softly(closes("ingress", orders, traffic("", `"9102"`), "null")), ""},
		{"mailer needs DNS.", allows(dns, mailer, ""), "opens no connections"},
		// Phrases.
		{"orders-db is off limits for web, which should know that.", allows(web, db, ""), "forbids something"},
		{"Hands off orders-db, unless you are orders.", allows(orders, db, ""), "close nothing"},
		{"orders stores its data in orders-db, and that's that.", allows(orders, db, ""), "close nothing"},
		{"Wall off mailer: nothing in, nothing out.", softly(closes("ingress", mailer, "null", "null")), "no rule is about egress"},
		{"web reaches orders at most ten times per second.", allows(web, orders, ""), "out_of_scope"},
		{"Does web reach orders?", allows(web, orders, ""), "ambiguous"},
		{"Could you let web reach orders?", allows(web, orders, ""), ""},
		// Who reaches whom, by phrase.
		{"orders-db belongs to orders, which relies on it.", allows(orders, db, ""), ""},
		{"orders-db belongs to orders.", allows(db, orders, ""), "the other way round"},
		{"legacy depends on payment and orders.", allows(payment+","+orders, legacy, ""), "the other way round"},
		{"Take the internet away from mailer.", closes("ingress", mailer, traffic(world, ""), "null"), "the other way round"},
		{"orders is what web uses.", allows(orders, web, ""), "the other way round"},
		{"web and orders are friends, both ways.", allows(web, orders, "") + "," + allows(orders, web, ""), ""},
		{"The outside world sees web and nothing more of the shop.", spares(world, web, "") + "," + closes("ingress", `{"pods_in":["shop"],"minus":[`+web+`]}`, traffic(world, ""), "null"), ""},
	} {
		a, problems := held(t, x, tt.statement, tt.rules)
		got := messages(problems)
		if tt.want == "" && got != "" || tt.want != "" && !strings.Contains(got, tt.want) {
			t.Errorf("%s\n%v\ngot %s\nwant %q", tt.statement, a.Rules, got, tt.want)
		}
	}
}

// held answers a statement of the shop with rules, and says what is wrong with that.
func held(t *testing.T, x *names.Index, statement, rules string) (model.Answer, []model.Problem) {
	t.Helper()
	s, err := x.Shortlist(statement, "shop", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, problems := model.Decode(doc(rules), s)
	if len(problems) == 0 {
		problems = model.Evidence(a, s)
	}
	return a, problems
}
