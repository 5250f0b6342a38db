package verify_test

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

func TestDiffer(t *testing.T) {
	inv := shop()
	web, api, db := peers("shop/web"), peers("shop/api"), peers("shop/db")
	onlyWeb := []ir.Rule{allow("", web, db), only(ir.Ingress, db, traffic(web))}
	soft := func(end ir.End, subject []ir.Peer) ir.Rule {
		return ir.Rule{Close: &ir.Close{End: end, Subject: subject}}
	}
	for _, c := range []struct {
		name string
		a, b []ir.Rule
		want string // "" is the same meaning
	}{
		{"itself", onlyWeb, onlyWeb, ""},
		{"order", onlyWeb, []ir.Rule{onlyWeb[1], onlyWeb[0]}, ""},
		{"port by number and by name", []ir.Rule{allow("", web, api, tcp(80))}, []ir.Rule{allow("", web, api, ir.Port{Name: "grpc"})}, ""},
		{"split into two", []ir.Rule{allow("", peers("shop/web", "shop/job"), db)}, []ir.Rule{allow("", web, db), allow("", peers("shop/job"), db)}, ""},
		{"another source", []ir.Rule{allow("", web, db)}, []ir.Rule{allow("", api, db)}, "-> shop/db on TCP 5432"},
		{"backwards", []ir.Rule{allow("", web, db)}, []ir.Rule{allow("", db, web)}, "shop/"},
		{"without the close", onlyWeb, onlyWeb[:1], "blocked in the first and as before in the second"},
		{"one port more", []ir.Rule{allow("", web, db, tcp(5432))}, []ir.Rule{allow("", web, db)}, "as before in the first and allowed in the second"},
		{"implied isolation", []ir.Rule{allow(ir.Ingress, web, db)}, []ir.Rule{allow("", web, db)}, "blocked in the first"},
		{"firm or soft", []ir.Rule{only(ir.Ingress, db)}, []ir.Rule{soft(ir.Ingress, db)}, "when another statement allows it"},
		{"undeclared pods", []ir.Rule{allow("", peers("shop/*"), db)}, []ir.Rule{allow("", peers("shop/web", "shop/api", "shop/db", "shop/job"), db)}, "undeclared pod of shop"},
		{"addresses", []ir.Rule{allow("", peers("192.0.2.0/24"), db)}, []ir.Rule{allow("", peers("192.0.2.0/24!192.0.2.128/25"), db)}, "192.0.2.129 -> shop/db"},
		{"outside", []ir.Rule{allow("", peers("world"), db)}, []ir.Rule{allow("", peers("anybody"), db)}, "-> shop/db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := link(t, inv, set("a", c.a)), link(t, inv, set("b", c.b))
			d := verify.Differ(a, b, nil)
			switch {
			case d == nil && c.want == "":
			case d == nil:
				t.Errorf("no difference found, want %q", c.want)
			case c.want == "" || !strings.Contains(d.String(), c.want):
				t.Errorf("%s, want %q", d, c.want)
			}
			if back := verify.Differ(b, a, nil); (back == nil) != (d == nil) {
				t.Errorf("one way %v, the other %v", d, back)
			}
		})
	}
}

// TestDifferNaive compares what Differ finds with trying every flow.
func TestDifferNaive(t *testing.T) {
	same, different := 0, 0
	for seed := range int64(300) {
		r := random{rand.New(rand.NewSource(seed))}
		first := []ir.Rule{r.rule(), r.rule()}
		second := []ir.Rule{first[r.Intn(2)], first[0]}
		if r.Intn(2) == 0 {
			second[1] = r.rule()
		}
		a, listA := ir.Link(shop(), []*ir.Set{set("x", first)}, nil)
		b, listB := ir.Link(a.Inventory, []*ir.Set{set("x", second)}, nil)
		if listA.HasErrors() || listB.HasErrors() {
			continue
		}
		want := disagree(a, b)
		d := verify.Differ(a, b, nil)
		if d != nil && d.Opposed { // alone they mean the same
			d = nil
		}
		if want == (d == nil) {
			t.Errorf("seed %d: trying every flow says %v, Differ %v", seed, want, d)
		}
		if d != nil && (a.Wants(d.Flow).Verdict != d.A || b.Wants(d.Flow).Verdict != d.B) {
			t.Errorf("seed %d: %s is not so", seed, d)
		}
		if want {
			different++
		} else {
			same++
		}
	}
	if same < 20 || different < 20 {
		t.Errorf("%d the same, %d different: too few of one", same, different)
	}
}

// disagree tries every flow between the endpoints of a universe on every port
// that anything in this package's tests names, and its neighbours.
func disagree(a, b *ir.Program) bool {
	u := verify.NewUniverse(&ir.Program{Inventory: a.Inventory, Rules: append(append([]*ir.Bound{}, a.Rules...), b.Rules...)}, nil)
	for _, from := range u.Endpoints {
		for _, to := range u.Endpoints {
			if !from.IsPod() && !to.IsPod() {
				continue
			}
			for _, protocol := range ir.Protocols {
				for _, port := range []int{1, 53, 80, 81, 5432, 8080, 8081, 9100, 65535} {
					f := ir.Flow{From: from, To: to, Protocol: protocol, Port: port}
					v, w := a.Wants(f).Verdict, b.Wants(f).Verdict
					if v != w && v != ir.Free && w != ir.Free {
						return true
					}
				}
			}
		}
	}
	return false
}
