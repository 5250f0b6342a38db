package verify_test

import (
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

func TestConflicts(t *testing.T) {
	type rules = []ir.Rule
	soft := func(end ir.End, subject []ir.Peer) ir.Rule {
		return ir.Rule{Close: &ir.Close{End: end, Subject: subject}}
	}
	tests := []struct {
		name string
		sets []*ir.Set
		want []string // "set intent id part of the message"
		by   string   // file:line of the related places
	}{
		{"only one, and another set lets a second in", []*ir.Set{
			set("cart", rules{allow("", peers("shop/web"), peers("shop/db")), only(ir.Ingress, peers("shop/db"), traffic(peers("shop/web")))}),
			set("load", rules{allow(ir.Ingress, peers("shop/job"), peers("shop/db"))})},
			[]string{"load.yaml:1 i0 KT6001 nothing is left of it, since intent \"i0\" of set \"cart\" closes it"}, "cart.yaml:1"},
		{"two sets isolate one workload", []*ir.Set{
			set("a", rules{allow(ir.Ingress, peers("shop/web"), peers("shop/db"))}), set("b", rules{allow(ir.Ingress, peers("shop/job"), peers("shop/db"))})},
			[]string{"a.yaml:1 i0 KT6001 set \"b\" closes it: shop/web -> shop/db on TCP 5432 is blocked", "b.yaml:1 i0 KT6001 set \"a\" closes it"}, "b.yaml:1 a.yaml:1"},
		{"two must-nots about one workload agree", []*ir.Set{
			set("a", rules{deny(ir.Ingress, peers("shop/db"), traffic(peers("shop/web")))}, rules{deny(ir.Ingress, peers("shop/db"), traffic(peers("shop/job")))})}, nil, ""},
		{"a soft close yields to its own set", []*ir.Set{
			set("a", rules{soft(ir.Ingress, peers("shop/db", "shop/api"))}, rules{allow(ir.Ingress, peers("shop/web"), peers("shop/db"))})}, nil, ""},
		{"a soft close of another set does not yield", []*ir.Set{
			set("a", rules{soft(ir.Ingress, peers("shop/db", "shop/api"))}), set("b", rules{allow(ir.Ingress, peers("shop/web"), peers("shop/db"))})},
			[]string{"b.yaml:1 i0 KT6001 nothing is left of it"}, "a.yaml:1"},
		{"one of two senders", []*ir.Set{
			set("a", rules{deny(ir.Ingress, peers("shop/db"), traffic(peers("shop/job")))}, rules{allow("", peers("shop/web", "shop/job"), peers("shop/db"))})},
			[]string{"a.yaml:2 i1 KT6001 nothing is left of it for shop/job"}, "a.yaml:1"},
		{"one of two destinations", []*ir.Set{
			set("a", rules{deny(ir.Egress, peers("shop/web"), traffic(peers("192.0.2.0/24")))}, rules{allow("", peers("shop/web"), peers("shop/db", "192.0.2.0/25"))})},
			[]string{"a.yaml:2 i1 KT6001 nothing is left of it toward 192.0.2.0/25"}, "a.yaml:1"},
		{"part of a range of addresses is no contradiction", []*ir.Set{
			set("a", rules{deny(ir.Egress, peers("shop/web"), traffic(peers("192.0.2.0/25")))}, rules{allow("", peers("shop/web"), peers("192.0.2.0/24"))})}, nil, ""},
		{"one of two ports", []*ir.Set{
			set("a", rules{only(ir.Ingress, peers("shop/api"), traffic(nil, tcp(80)))}, rules{allow("", peers("shop/web"), peers("shop/api"), tcp(80), tcp(9100))})},
			[]string{"a.yaml:2 i1 KT6001 nothing is left of it on port 9100"}, "a.yaml:1"},
		{"an allow without ports is narrowed", []*ir.Set{
			set("a", rules{only(ir.Ingress, peers("shop/api"), traffic(nil, tcp(80)))}, rules{allow("", peers("shop/web"), peers("shop/api"))})},
			[]string{"a.yaml:2 i1 KT6005 narrowed to TCP 8080"}, "a.yaml:1"},
		{"a statement that narrows itself says so already", []*ir.Set{
			set("a", rules{allow("", peers("shop/web"), peers("shop/api")), deny(ir.Ingress, peers("shop/api"), traffic(peers("shop/web"), tcp(9100)))})}, nil, ""},
		{"a statement that contradicts itself", []*ir.Set{
			set("a", rules{allow("", peers("shop/web"), peers("shop/api")), deny(ir.Ingress, peers("shop/api"), traffic(peers("shop/web")))})},
			[]string{"a.yaml:1 i0 KT6001 since the same statement closes it"}, "a.yaml:1"},
		{"one pod of a namespace", []*ir.Set{
			set("a", rules{deny(ir.Ingress, peers("shop/db"), traffic(peers("shop/job")))}, rules{allow("", peers("shop/*"), peers("shop/db"))})}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := link(t, shop(), test.sets...)
			diags := verify.Conflicts(p, verify.NewUniverse(p, nil))
			if len(diags) != len(test.want) {
				t.Fatalf("%d findings, want %d: %+v", len(diags), len(test.want), diags)
			}
			by := strings.Fields(test.by)
			for i, d := range diags {
				f := strings.SplitN(test.want[i], " ", 4)
				if got := strings.TrimSuffix(d.Pos.String(), ":1"); got != f[0] || d.Intent != f[1] || string(d.ID) != f[2] || !strings.Contains(d.Message, f[3]) {
					t.Errorf("got %+v, want %s", d, test.want[i])
				}
				if len(d.Related) != 1 || strings.TrimSuffix(d.Related[0].Pos.String(), ":1") != by[min(i, len(by)-1)] {
					t.Errorf("related to %+v, want %s", d.Related, by)
				}
				if d.Severity == diag.Error && len(d.Hints) == 0 {
					t.Errorf("no hint: %+v", d)
				}
			}
		})
	}
}

func engine(inv *inventory.Inventory, objects []policy.Object) *reach.Engine {
	return reach.New(inv, objects, reach.Options{})
}

func TestDeclared(t *testing.T) {
	inv := shop()
	w := func(name string) *inventory.Workload { return inv.Workload("shop", name)[0] }
	origin := diag.Position{File: "job.yaml", Line: 20, Column: 11}
	conns := []verify.Conn{{From: w("job"), To: w("db"), Port: 5432, Protocol: "TCP", Quote: "env DB_ADDR = db:5432", Origin: origin},
		{From: w("web"), To: w("db"), Port: 5432, Protocol: "TCP", Quote: "env DB_ADDR = db:5432"}, {To: w("api"), Protocol: "TCP", Quote: "ingress edge"}}
	onlyWeb := policies(t, `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`)

	implied := link(t, inv, set("cart", []ir.Rule{allow(ir.Ingress, peers("shop/web"), peers("shop/db"))}))
	diags := verify.Declared(implied, conns, engine(inv, nil), engine(inv, onlyWeb), nil)
	if len(diags) != 1 {
		t.Fatalf("%+v", diags)
	}
	d := diags[0]
	if d.ID != diag.VerifyDeclared || d.Severity != diag.Error || d.Pos != origin || d.Intent != "i0" || !strings.Contains(d.Message, "env DB_ADDR = db:5432") ||
		!strings.Contains(d.Message, "shop/job -> shop/db on TCP 5432") || d.Related[0].Pos.File != "cart.yaml" {
		t.Errorf("%+v", d)
	}
	if got := strings.Join(d.Hints, "\n"); !strings.Contains(got, `"Let job reach db on port 5432."`) || !strings.Contains(got, `list "job -> db:5432" under cuts: of intent "i0"`) {
		t.Errorf("hints: %s", got)
	}
	accept := func(c verify.Conn) bool { return c.From == w("job") }
	if diags := verify.Declared(implied, conns, engine(inv, nil), engine(inv, onlyWeb), accept); len(diags) != 0 {
		t.Errorf("accepted: %+v", diags)
	}
	if diags := verify.Declared(implied, conns, engine(inv, onlyWeb), engine(inv, onlyWeb), nil); len(diags) != 0 {
		t.Errorf("blocked before already: %+v", diags)
	}
	stated := link(t, inv, set("cart", []ir.Rule{allow(ir.Ingress, peers("shop/web"), peers("shop/db")), only(ir.Ingress, peers("shop/db"), traffic(peers("shop/web")))}))
	diags = verify.Declared(stated, conns, engine(inv, nil), engine(inv, onlyWeb), nil)
	if len(diags) != 1 || diags[0].Severity != diag.Warning {
		t.Errorf("a stated close: %+v", diags)
	}
}

func TestExpectations(t *testing.T) {
	inv := shop()
	p := link(t, inv, set("cart"))
	after := engine(inv, policies(t, `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {ipBlock: {cidr: 192.0.2.0/25}}], ports: [{port: 8080}]}]}`))
	tests := []struct {
		from, to, port, protocol string
		allow                    bool
		want                     string // id and part of the message; "" if it holds
	}{
		{"web", "api", "80", "", true, ""}, // the Service's port
		{"web", "api", "grpc", "", true, ""},
		{"web", "api", "8080", "TCP", true, ""},
		{"web", "api", "8080", "UDP", true, "KT6003 shop/web -> shop/api on UDP 8080 is denied"},
		{"shop/web", "shop/api", "metrics", "", false, ""},
		{"web", "api", "metrics", "", true, "KT6003 shop/web -> shop/api on TCP 9100 is denied"},
		{"other/client", "api", "80", "", false, ""},
		{"client", "api", "80", "", false, ""}, // the only namespace that has one
		{"job", "api", "", "", false, ""},
		{"web", "api", "", "", false, "KT6003 shop/web -> shop/api on TCP 8080 is allowed"},
		{"world", "api", "80", "", false, "KT6003 192.0.2.1 -> shop/api on TCP 8080 is allowed"},
		{"world", "api", "9100", "", false, ""},
		{"192.0.2.0/25", "api", "80", "", true, ""},
		{"192.0.2.0/24", "api", "80", "", true, "KT6003 192.0.2.129 -> shop/api on TCP 8080 is denied"},
		{"192.0.2.7", "api", "80", "", true, ""},
		{"api", "world", "443", "", true, ""},
		{"world", "world", "443", "", true, "KT1006 neither is a pod"},
		{"wbe", "api", "80", "", true, `KT1006 no workload or Service is called "wbe"`},
		{"web", "api", "nope", "", true, `KT1006 shop/api has no port "nope"`},
		{"web", "api", "70000", "", true, `KT1006 shop/api has no port "70000"`},
		{"agent", "api", "80", "", true, "KT1006 agent"},
	}
	for _, test := range tests {
		e := verify.Expect{From: test.from, To: test.to, Port: test.port, Protocol: test.protocol, Allow: test.allow, Pos: diag.Position{File: "cart.yaml", Line: 9}}
		diags := verify.Expectations(p, after, "shop", []verify.Expect{e})
		got := ""
		if len(diags) > 0 {
			got = string(diags[0].ID) + " " + diags[0].Message
		}
		id, message, _ := strings.Cut(test.want, " ")
		if (got == "") != (test.want == "") || !strings.HasPrefix(got, id) || !strings.Contains(got, message) {
			t.Errorf("%s -> %s %s: got %q, want %q", test.from, test.to, test.port, got, test.want)
		}
	}
}
