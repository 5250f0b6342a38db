package report

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/compare"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// ansi are the escape sequences that the painter writes.
var ansi = regexp.MustCompile("\x1b\\[[0-9]*m")

// cluster has n workloads in namespaces of ten; every third declares no port.
func cluster(n int) *inventory.Inventory {
	var inv inventory.Inventory
	for i := range n {
		w := &inventory.Workload{Kind: "Deployment", Namespace: fmt.Sprintf("team-%03d", i/10), Name: fmt.Sprintf("app-%d", i), Labels: map[string]string{"app": fmt.Sprint(i)}}
		if i%3 > 0 {
			w.Ports = []inventory.Port{{Number: 8000 + i%7, Protocol: "TCP"}}
		}
		inv.Workloads = append(inv.Workloads, w)
	}
	return inventory.Build(inv)
}

// sameTeam lets pods of one namespace talk, and everybody to app-1.
func sameTeam(f ir.Flow) bool {
	return f.To.Workload != nil && (f.To.Workload.Name == "app-1" || f.From.IsPod() && f.From.Namespace == f.To.Namespace)
}

func recordLarge() *Report {
	inv := cluster(40)
	r := &Report{Project: "large", Target: "kubernetes", Overlay: "policies", Reachability: Compare(Reach(inv, func(ir.Flow) bool { return true }), Reach(inv, sameTeam))}
	r.Summarize()
	return r
}

// TestClasses reads classes back into the matrix that they came from.
func TestClasses(t *testing.T) {
	inv := boutique()
	flows := Reach(inv, after)
	r := Compare(Reach(inv, before), flows)
	for name, check := range map[string]struct {
		classes []Class
		decide  func(ir.Flow) bool
	}{
		"before": {r.Before, before},
		"after":  {r.After, after},
		"gained": {r.Gained, func(f ir.Flow) bool { return after(f) && !before(f) }},
		"lost":   {r.Lost, func(f ir.Flow) bool { return before(f) && !after(f) }},
	} {
		got := map[string]string{}
		for _, c := range check.classes {
			for _, from := range c.From {
				for _, to := range c.To {
					if got[from+" "+to] != "" {
						t.Errorf("%s: %s -> %s is in two classes", name, from, to)
					}
					got[from+" "+to] = c.Ports
				}
			}
		}
		want := map[string]string{}
		for _, from := range flows.parties {
			for _, to := range flows.parties {
				if from.name == Outside && to.name == Outside {
					continue
				}
				var set ir.PortSet
				for _, p := range to.ports {
					if check.decide(ir.Flow{From: from.end, To: to.end, Protocol: p.Protocol, Port: p.Number}) {
						set = set.Union(ir.Ports(p.Protocol, p.Number, p.Number))
					}
				}
				if !set.Empty() {
					want[from.name+" "+to.name] = set.String()
				}
				if pair := from.name + " " + to.name; got[pair] == AnyPort && want[pair] == to.words(to.all()) {
					got[pair] = want[pair]
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", name, got, want)
		}
	}
}

func TestReachAsksDeclaredPorts(t *testing.T) {
	inv := inventory.Build(inventory.Inventory{
		Workloads: []*inventory.Workload{
			{Kind: "Deployment", Namespace: "a", Name: "web", Labels: map[string]string{"app": "web"}, Ports: []inventory.Port{{Name: "http", Number: 8080, Protocol: "TCP"}, {Number: 9000, Protocol: "UDP"}}},
			{Kind: "CronJob", Namespace: "a", Name: "job", Labels: map[string]string{"app": "job"}},
			{Kind: "Deployment", Namespace: "a", Name: "job", Labels: map[string]string{"app": "job2"}},
			{Kind: "DaemonSet", Namespace: "a", Name: "agent", HostNetwork: true},
		},
		Services: []*inventory.Service{{Namespace: "a", Name: "web", Selector: map[string]string{"app": "web"}, Ports: []inventory.ServicePort{
			{Number: 80, Protocol: "TCP", TargetName: "http"}, {Number: 81, Protocol: "TCP", TargetNumber: 8081}, {Number: 82, Protocol: "TCP", TargetName: "gone"}}}},
		Facts: inventory.Facts{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("93.184.0.0/16")}},
	})
	asked := map[string]bool{}
	r := Compare(Reach(inv, func(ir.Flow) bool { return false }), Reach(inv, func(f ir.Flow) bool {
		asked[fmt.Sprintf("%s %s/%d", f.To, f.Protocol, f.Port)] = true
		if f.To.IsPod() && (f.To.Labels == nil || f.To.Namespace == nil) {
			t.Errorf("an incomplete endpoint: %+v", f.To)
		}
		return true
	}))
	want := []Party{{"a/job (CronJob)", "TCP 80"}, {"a/job (Deployment)", "TCP 80"}, {"a/web", "TCP 8080-8081 and UDP 9000"}, {Outside, "TCP 443"}}
	if !reflect.DeepEqual(r.Parties, want) {
		t.Errorf("parties %v, want %v", r.Parties, want)
	}
	for _, q := range []string{"a/job TCP/80", "a/web TCP/8080", "a/web TCP/8081", "a/web UDP/9000", "198.41.0.4 TCP/443"} {
		if !asked[q] {
			t.Errorf("%s was not asked", q)
		}
		delete(asked, q)
	}
	if len(asked) > 0 {
		t.Errorf("asked besides: %v", asked)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{"198.41.0.4", "a/agent uses the host network", "each of 2 workloads (a/job (CronJob), a/job (Deployment)) declares no port"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q:\n%s", want, notes)
		}
	}
	if len(r.Before) != 0 || len(r.Lost) != 0 || !reflect.DeepEqual(r.Gained, r.After) {
		t.Errorf("nothing before, all after: %+v", r)
	}
}

func TestIPv6(t *testing.T) {
	six := inventory.Facts{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("fd00::/48")}}
	if a := compare.Address(six); !a.Is6() {
		t.Errorf("pods have IPv6 only, and outside is %s", a)
	}
	six.PodCIDRs = append(six.PodCIDRs, netip.MustParsePrefix("10.0.0.0/8"))
	if a := compare.Address(six); !a.Is4() {
		t.Errorf("pods have both families, and outside is %s", a)
	}
}

func TestReachIsBounded(t *testing.T) {
	inv := cluster(1000)
	asked := 0
	start := time.Now()
	r := Compare(Reach(inv, func(ir.Flow) bool { return true }, "team-098", "team-050"), Reach(inv, func(f ir.Flow) bool { asked++; return sameTeam(f) }, "team-098", "team-050"))
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("%v for 1,000 workloads", took)
	}
	if asked > maxDecisions || asked < maxDecisions/2 {
		t.Errorf("%d decisions, at most %d are meant", asked, maxDecisions)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(r.Parties, func(p Party) bool { return p.Name == name })
	}
	if !has("team-098/app-985") || !has("team-050/app-500") || !has("team-000/app-0") || has("team-099/app-990") {
		t.Error("the focus namespaces are not taken first")
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, fmt.Sprintf("%d of 1000 workloads are looked at", len(r.Parties)-1)) {
		t.Errorf("the notes do not say that workloads are missing:\n%s", notes)
	}
}

func BenchmarkReach(b *testing.B) {
	for _, n := range []int{15, 1000} {
		inv := cluster(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				Compare(Reach(inv, func(ir.Flow) bool { return true }), Reach(inv, sameTeam))
			}
		})
	}
}
