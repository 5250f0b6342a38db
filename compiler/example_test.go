package compiler_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/probe"
)

// TestOnlineBoutique decides the committed overlay of the example flow by flow
// with package probe's evaluator: what the shop lives on passes, DNS passes, and
// nothing else does, for every ordered pair with a shop's pod at one end.
func TestOnlineBoutique(t *testing.T) {
	const dir = "../examples/online-boutique"
	c, err := probe.ReadProject(dir, "10.244.1")
	if err != nil {
		t.Fatal(err)
	}
	lives := []string{ // what the services dial, by their environment
		"frontend adservice 9555", "frontend cartservice 7070", "frontend checkoutservice 5050", "frontend currencyservice 7000",
		"frontend productcatalogservice 3550", "frontend recommendationservice 8080", "frontend shippingservice 50051",
		"checkoutservice cartservice 7070", "checkoutservice currencyservice 7000", "checkoutservice emailservice 8080",
		"checkoutservice paymentservice 50051", "checkoutservice productcatalogservice 3550", "checkoutservice shippingservice 50051",
		"cartservice redis-cart 6379", "recommendationservice productcatalogservice 3550", "loadgenerator frontend 8080", "world frontend 8080",
	}
	shop := func(ref string) bool { return strings.HasPrefix(ref, "boutique/") }
	short := func(ref string) string { return strings.TrimPrefix(ref, "boutique/") }
	ends := append(c.Workloads(), "world")
	if n := len(ends); n != 15 {
		t.Fatalf("%d parties, want the eleven services, redis-cart, coredns, prometheus and outside", n)
	}
	ports := map[int]string{22: "22", 53: "53", 80: "80", 443: "443", 3550: "3550", 5000: "5000", 5050: "5050", 6379: "6379", 7000: "7000",
		7070: "7070", 8080: "8080", 9090: "9090", 9153: "9153", 9555: "9555", 50051: "50051"}
	allowed := 0
	for _, from := range ends {
		for _, to := range ends {
			if !shop(from) && !shop(to) {
				continue
			}
			for port, text := range ports {
				for _, protocol := range []string{"TCP", "UDP", "SCTP"} {
					p := probe.Probe{From: from, To: to, Port: port, Protocol: protocol, Expect: "deny"}
					dns := shop(from) && to == "kube-system/coredns" && port == 53 && protocol != "SCTP"
					if dns || protocol == "TCP" && slices.Contains(lives, short(from)+" "+short(to)+" "+text) {
						p.Expect = "allow"
						allowed++
					}
					c.Probes = append(c.Probes, p)
				}
			}
		}
	}
	if allowed != len(lives)+2*12 {
		t.Fatalf("%d flows are to pass, want %d", allowed, len(lives)+2*12)
	}
	out, err := c.Judge(dir+"/policies", false)
	if err != nil || out.Verdict != probe.Right || out.Held != len(c.Probes) {
		t.Errorf("%s, %d of %d held: %v, %v", out.Verdict, out.Held, len(c.Probes), out.Reasons, err)
	}
}
