package rego

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// This file answers what selectors and blocks mean in an inventory. Rules could
// do so in Rego, policy by policy and pod by pod; over thousands of both, that
// takes minutes where an index takes milliseconds.

// facts holds the answers given so far.
type facts struct {
	inv        *inventory.Inventory
	policiesOf [][]int // workload -> policies that select it
	byNS       map[string][]int
	services   map[string][]*inventory.Service
	known      map[string]*selection
}

// selection is what a pair of selectors means. near is set where nothing is
// selected, and one workload almost is.
type selection struct {
	selects  []int
	term     *ast.Term
	selector *ast.Term // {empty, impossible, keys, near}
}

func newFacts(inv *inventory.Inventory) *facts {
	f := &facts{inv: inv, policiesOf: make([][]int, len(inv.Workloads)), byNS: map[string][]int{}, services: map[string][]*inventory.Service{}, known: map[string]*selection{}}
	for i, w := range inv.Workloads {
		f.byNS[w.Namespace] = append(f.byNS[w.Namespace], i)
		f.policiesOf[i] = []int{}
	}
	for _, s := range inv.Services {
		f.services[s.Namespace] = append(f.services[s.Namespace], s)
	}
	return f
}

func empty(s *metav1.LabelSelector) bool {
	return len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// matcher is a selector; nil selects all, and one that does not parse nothing.
func matcher(s *metav1.LabelSelector) labels.Selector {
	if s == nil {
		return labels.Everything()
	}
	m, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return m
}

// pods resolves a pair of selectors in a policy of the namespace. Without a
// namespace selector the policy's own namespace is meant.
func (f *facts) pods(namespace string, pod, ns *metav1.LabelSelector) *selection {
	key := pod.String() + "\x00" + ns.String()
	if ns == nil {
		key = namespace + "\x00" + key
	}
	if s := f.known[key]; s != nil {
		return s
	}
	var scope []int
	if ns == nil {
		scope = f.byNS[namespace]
	} else {
		m := matcher(ns)
		for _, n := range f.inv.Namespaces {
			if m.Matches(labels.Set(n.Labels)) {
				scope = append(scope, f.byNS[n.Name]...)
			}
		}
	}
	s := &selection{selects: []int{}}
	m := matcher(pod)
	for _, i := range scope {
		if m.Matches(labels.Set(f.inv.Workloads[i].Labels)) {
			s.selects = append(s.selects, i)
		}
	}
	slices.Sort(s.selects)
	s.term = term(s.selects)
	var near *ast.Term
	if len(s.selects) == 0 && pod != nil {
		near = f.near(scope, pod)
	}
	s.selector = object("empty", pod == nil || empty(pod), "impossible", impossible(pod) || impossible(ns), "keys", append(keys(pod), keys(ns)...), "near", near)
	f.known[key] = s
	return s
}

// elsewhere is the workloads of all namespaces that a pod selector selects, if
// it says anything.
func (f *facts) elsewhere(pod *metav1.LabelSelector) []int {
	out := []int{}
	if pod == nil || empty(pod) {
		return out
	}
	all := metav1.LabelSelector{}
	return append(out, f.pods("", pod, &all).selects...)
}

// isDNS says whether a pair of selectors selects the cluster's DNS pods.
func (f *facts) isDNS(namespace string, pod, ns *metav1.LabelSelector) bool {
	dns := f.inv.Facts.DNS
	if dns.Namespace == "" || ns == nil && namespace != dns.Namespace {
		return false
	}
	if n := f.inv.Namespace(dns.Namespace); ns != nil && (n == nil || !matcher(ns).Matches(labels.Set(n.Labels))) {
		return false
	}
	return matcher(pod).Matches(labels.Set(dns.Labels))
}

func keys(s *metav1.LabelSelector) []string {
	out := []string{}
	if s == nil {
		return out
	}
	for k := range s.MatchLabels {
		out = append(out, k)
	}
	for _, e := range s.MatchExpressions {
		out = append(out, e.Key)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// impossible says whether no set of labels meets s: two conditions on one key
// exclude each other.
func impossible(s *metav1.LabelSelector) bool {
	if s == nil {
		return false
	}
	for _, k := range keys(s) {
		allowed, bound := []string(nil), false // values, where one must be had
		in := func(values []string) {
			if !bound {
				allowed, bound = slices.Clone(values), true
				return
			}
			allowed = slices.DeleteFunc(allowed, func(v string) bool { return !slices.Contains(values, v) })
		}
		if v, ok := s.MatchLabels[k]; ok {
			in([]string{v})
		}
		exists, absent := false, false
		var not []string
		for _, e := range s.MatchExpressions {
			if e.Key != k {
				continue
			}
			switch e.Operator {
			case metav1.LabelSelectorOpIn:
				in(e.Values)
			case metav1.LabelSelectorOpNotIn:
				not = append(not, e.Values...)
			case metav1.LabelSelectorOpExists:
				exists = true
			case metav1.LabelSelectorOpDoesNotExist:
				absent = true
			}
		}
		allowed = slices.DeleteFunc(allowed, func(v string) bool { return slices.Contains(not, v) })
		if bound && len(allowed) == 0 || absent && (bound || exists) {
			return true
		}
	}
	return false
}

// near is the workload that a selector of equalities would select but for one
// label: one of several that its template lacks, a value that is a slip away, or
// the value under another key. Nothing where two workloads are as near.
func (f *facts) near(scope []int, s *metav1.LabelSelector) *ast.Term {
	if len(s.MatchLabels) == 0 || len(s.MatchExpressions) > 0 {
		return nil
	}
	found, says := -1, ""
	for _, i := range scope {
		w := f.inv.Workloads[i]
		missing, n := "", 0
		for _, k := range keys(s) {
			if v, ok := w.Labels[k]; !ok || v != s.MatchLabels[k] {
				missing, n = k, n+1
			}
		}
		if n != 1 {
			continue
		}
		said := almost(w, missing, s.MatchLabels[missing], len(s.MatchLabels) > 1)
		if said == "" {
			continue
		}
		if found >= 0 {
			return nil
		}
		found, says = i, said
	}
	if found < 0 {
		return nil
	}
	return object("workload", found, "says", says)
}

// almost words how a workload misses key=value, or is empty if it is not near.
// A value that another label has, or that is one slip from what the key has, is
// near, but for its digits: web-1 and web-2 are two things. A key that is missing
// is near if other labels match.
func almost(w *inventory.Workload, key, value string, others bool) string {
	const slips, shortest = 1, 4
	got, ok := w.Labels[key]
	if ok && min(len(got), len(value)) >= shortest && letters(got) != letters(value) && names.Distance(got, value, slips) <= slips {
		return fmt.Sprintf("its %s is %q", key, got)
	}
	if ok {
		return ""
	}
	for _, k := range sortedKeys(w.Labels) {
		if w.Labels[k] == value {
			return fmt.Sprintf("it has %q as %s, and no label %s", value, k, key)
		}
	}
	if others {
		return fmt.Sprintf("it has no label %s", key)
	}
	return ""
}

// letters is s without digits.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// servicePorts lists the Service ports in front of w that are another port on
// its pods.
func (f *facts) servicePorts(w *inventory.Workload) []*ast.Term {
	out := []*ast.Term{}
	for _, s := range f.services[w.Namespace] {
		if len(s.Selector) == 0 || !labels.SelectorFromSet(s.Selector).Matches(labels.Set(w.Labels)) {
			continue
		}
		for _, p := range s.Ports {
			if pod, ok := p.PodPort(w); ok && pod != p.Number {
				out = append(out, object("service", s.Ref(), "number", p.Number, "protocol", p.Protocol, "podPort", pod))
			}
		}
	}
	return out
}

// metadata is where clouds serve credentials to their machines.
var metadata = []netip.Prefix{netip.MustParsePrefix("169.254.169.254/32"), netip.MustParsePrefix("fd00:ec2::254/128")}

// block says which known addresses a block reaches, exceptions taken out.
func (f *facts) block(b *networkingv1.IPBlock) *ast.Term {
	cidr, err := netip.ParsePrefix(b.CIDR)
	cidr = cidr.Masked()
	var except []netip.Prefix
	for _, s := range b.Except {
		if p, err := netip.ParsePrefix(s); err == nil {
			except = append(except, p.Masked())
		}
	}
	slices.SortFunc(except, func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(a.Bits(), b.Bits()), a.Addr().Compare(b.Addr()))
	})
	valid := err == nil
	inside := func(list []netip.Prefix) bool {
		return valid && slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Bits() <= cidr.Bits() && p.Overlaps(cidr) })
	}
	reaches := func(list []netip.Prefix) bool {
		return valid && slices.ContainsFunc(list, func(p netip.Prefix) bool {
			p = p.Masked()
			if !p.Overlaps(cidr) {
				return false
			}
			if cidr.Bits() > p.Bits() {
				p = cidr
			}
			return !covered(p, except)
		})
	}
	return object("cidr", b.CIDR, "except", append([]string{}, b.Except...), "family", family(cidr),
		"world", valid && (cidr.Addr().Is4() && cidr.Bits() <= 4 || cidr.Addr().Is6() && cidr.Bits() <= 3), "whole", valid && cidr.Bits() == 0,
		"vacant", valid && covered(cidr, except), "insidePods", inside(f.inv.Facts.PodCIDRs), "reachesPods", reaches(f.inv.Facts.PodCIDRs),
		"insideServices", inside(f.inv.Facts.ServiceCIDRs), "reachesMetadata", reaches(metadata))
}

func family(p netip.Prefix) string {
	if p.Addr().Is6() {
		return "IPv6"
	}
	return "IPv4"
}

// covered says whether the prefixes of list, widest first, together hold all of
// p. It halves p only where some of list lies in it.
func covered(p netip.Prefix, list []netip.Prefix) bool {
	var within []netip.Prefix
	for _, e := range list {
		switch {
		case !e.Overlaps(p):
		case e.Bits() <= p.Bits():
			return true
		default:
			within = append(within, e)
		}
	}
	if len(within) == 0 {
		return false
	}
	lower, upper := halves(p)
	return covered(lower, within) && covered(upper, within)
}

func halves(p netip.Prefix) (lower, upper netip.Prefix) {
	lower = netip.PrefixFrom(p.Addr(), p.Bits()+1)
	bytes := p.Addr().AsSlice()
	bytes[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	addr, _ := netip.AddrFromSlice(bytes)
	return lower, netip.PrefixFrom(addr, p.Bits()+1)
}

// index is a path's element.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
