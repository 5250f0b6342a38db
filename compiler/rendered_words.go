package compiler

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

// This file says in words what a kustomization did to a policy, and which of that
// makes a flow go astray.

// pairing is a policy of the overlay and what it is rendered as. written is nil for
// a policy that kubeteus did not write, rendered for one that was dropped. inForce
// says that it is no policy of the overlay, but one in force that is rendered too.
type pairing struct {
	written, rendered *policy.Object
	inForce           bool
	did               []string // what was done to it
	kinds             map[deed]bool
}

// deed is a kind of change, for the hint that undoes it.
type deed int

const (
	dropped deed = iota
	moved
	labelled
	strange
	patched
)

// advice is in the order of deeds.
var advice = []string{
	dropped:  "list the whole overlay as a resource, and delete none of its policies",
	moved:    "leave namespace: to a kustomization that does not hold the overlay: each policy names its own namespace",
	labelled: "add labels without selectors (labels: with includeSelectors: false), or to the workloads alone: selectors of the overlay are not to change",
	strange:  "have kubeteus know what else is in force: add it to the manifests or to the inventory",
	patched:  "do not patch the overlay: say it in an intent, and run kubeteus compile",
}

func name(o *policy.Object) string { return o.Namespace() + "/" + o.Name() }

// counterparts finds what each policy of the overlay is rendered as: by its key, else by
// its name in another namespace, else by a name that was made of its own by a
// prefix or a suffix, which carries the same intents. What is left is new, unless
// a policy in force has its key.
func counterparts(written, rendered, inForce []policy.Object) []*pairing {
	taken := make([]bool, len(rendered))
	out := make([]*pairing, len(written))
	for i := range written {
		out[i] = &pairing{written: &written[i]}
	}
	for _, same := range []func(a, b *policy.Object) bool{
		func(a, b *policy.Object) bool { return a.Key() == b.Key() },
		func(a, b *policy.Object) bool { return a.Name() == b.Name() },
		func(a, b *policy.Object) bool { return affixed(a, b) && a.Namespace() == b.Namespace() },
		affixed,
	} {
		for _, x := range out {
			best := -1
			for j := range rendered {
				if x.rendered == nil && !taken[j] && same(x.written, &rendered[j]) && (best < 0 || len(rendered[j].Name()) < len(rendered[best].Name())) {
					best = j
				}
			}
			if best >= 0 {
				x.rendered, taken[best] = &rendered[best], true
			}
		}
	}
	for j := range rendered {
		if taken[j] {
			continue
		}
		x := &pairing{rendered: &rendered[j]}
		if i := slices.IndexFunc(inForce, func(o policy.Object) bool { return o.Key() == rendered[j].Key() }); i >= 0 {
			x.written, x.inForce = &inForce[i], true
		}
		out = append(out, x)
	}
	for _, x := range out {
		x.compare()
	}
	return out
}

func affixed(a, b *policy.Object) bool {
	return (strings.HasPrefix(b.Name(), a.Name()) || strings.HasSuffix(b.Name(), a.Name())) && slices.Equal(a.Intents(), b.Intents())
}

// compare fills in what was done.
func (x *pairing) compare() {
	x.kinds = map[deed]bool{}
	did := func(kind deed, format string, args ...any) {
		x.kinds[kind] = true
		x.did = append(x.did, fmt.Sprintf(format, args...))
	}
	switch {
	case x.rendered == nil:
		did(dropped, "is not in the rendered output")
		return
	case x.written == nil:
		did(strange, "is a policy that kubeteus did not write for this overlay")
		return
	}
	a, b := x.written, x.rendered
	if a.Namespace() != b.Namespace() {
		did(moved, "moved from namespace %s to namespace %s", a.Namespace(), b.Namespace())
	}
	if a.Name() != b.Name() {
		x.did = append(x.did, fmt.Sprintf("renamed to %s", b.Name()))
	}
	was, is := &a.NetworkPolicy.Spec, &b.NetworkPolicy.Spec
	if words := selectorChange(&was.PodSelector, &is.PodSelector); words != "" {
		did(labelled, "its podSelector %s", words)
	}
	for _, t := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
		switch before, now := slices.Contains(was.PolicyTypes, t), slices.Contains(is.PolicyTypes, t); {
		case before && !now:
			did(patched, "no longer restricts %s", strings.ToLower(string(t)))
		case now && !before:
			did(patched, "now restricts %s too", strings.ToLower(string(t)))
		}
	}
	x.rules("ingress", rulesOf(was, ir.Ingress), rulesOf(is, ir.Ingress), did)
	x.rules("egress", rulesOf(was, ir.Egress), rulesOf(is, ir.Egress), did)
}

// aRule is a rule of either direction.
type aRule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func rulesOf(s *networkingv1.NetworkPolicySpec, end ir.End) []aRule {
	var out []aRule
	if end == ir.Ingress {
		for _, r := range s.Ingress {
			out = append(out, aRule{r.From, r.Ports})
		}
		return out
	}
	for _, r := range s.Egress {
		out = append(out, aRule{r.To, r.Ports})
	}
	return out
}

// rules compares the rules of one direction. What was done alike to the selectors
// of all peers is said once.
func (x *pairing) rules(direction string, was, is []aRule, did func(deed, string, ...any)) {
	if len(was) != len(is) {
		did(patched, "has %s where the overlay has %d", count(len(is), direction+" rule"), len(was))
		return
	}
	selectors := map[string][]int{}
	for i := range was {
		switch a, b := was[i], is[i]; {
		case !reflect.DeepEqual(a.ports, b.ports):
			did(patched, "%s rule %d has other ports", direction, i+1)
		case len(a.peers) != len(b.peers):
			did(patched, "%s rule %d has %s where the overlay has %d", direction, i+1, count(len(b.peers), "peer"), len(a.peers))
		default:
			for j := range a.peers {
				if !reflect.DeepEqual(a.peers[j].IPBlock, b.peers[j].IPBlock) {
					did(patched, "%s rule %d has another ipBlock", direction, i+1)
				}
				for what, words := range map[string]string{
					"podSelector":       selectorChange(a.peers[j].PodSelector, b.peers[j].PodSelector),
					"namespaceSelector": selectorChange(a.peers[j].NamespaceSelector, b.peers[j].NamespaceSelector),
				} {
					if key := what + " " + words; words != "" && !slices.Contains(selectors[key], i+1) {
						selectors[key] = append(selectors[key], i+1)
					}
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(selectors)) {
		what, words, _ := strings.Cut(key, " ")
		did(labelled, "the %s of its peers in %s %s", what, ruleNumbers(direction, selectors[key], len(was)), words)
	}
}

func ruleNumbers(direction string, list []int, all int) string {
	switch {
	case len(list) == 1:
		return fmt.Sprintf("%s rule %d", direction, list[0])
	case len(list) == all:
		return "all " + direction + " rules"
	}
	var out []string
	for _, n := range list {
		out = append(out, fmt.Sprint(n))
	}
	return direction + " rules " + strings.Join(out, ", ")
}

func count(n int, one string) string {
	switch n {
	case 0:
		return "no " + one
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// selectorChange says what a selector gained and lost, "" if nothing.
func selectorChange(was, is *metav1.LabelSelector) string {
	switch {
	case was == nil && is == nil:
		return ""
	case was == nil:
		return "was added"
	case is == nil:
		return "was removed"
	}
	a, b := terms(was), terms(is)
	var words []string
	if gained := without(b, a); len(gained) > 0 {
		words = append(words, "gained "+strings.Join(gained, ", "))
	}
	if lost := without(a, b); len(lost) > 0 {
		words = append(words, "lost "+strings.Join(lost, ", "))
	}
	return strings.Join(words, " and ")
}

func terms(s *metav1.LabelSelector) []string {
	var out []string
	for _, r := range ir.Equalities(s.MatchLabels) {
		out = append(out, r.String())
	}
	for _, e := range s.MatchExpressions {
		out = append(out, ir.Requirement{Key: e.Key, Operator: ir.Operator(e.Operator), Values: e.Values}.String())
	}
	return out
}

func without(list, minus []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(minus, s) {
			out = append(out, s)
		}
	}
	return out
}

// engines returns who decides under the overlay as it was written, and as it is
// rendered, on one dataplane.
func (p *rendering) engines(mode reach.Options) (written, rendered *reach.Engine) {
	if p.asWritten[mode] == nil {
		if p.asWritten == nil {
			p.asWritten, p.overlaid = map[reach.Options]*reach.Engine{}, map[reach.Options]*reach.Engine{}
		}
		p.asWritten[mode] = reach.New(p.inv, slices.Concat(p.r.before, p.r.Policies), mode)
		p.overlaid[mode] = reach.New(p.inv, p.after, mode)
	}
	return p.asWritten[mode], p.overlaid[mode]
}

// diagnostic words a fault: the flow, the intent, the policies that decide it, and
// what was done to them.
func (p *rendering) diagnostic(f verify.Fault) diag.Diagnostic {
	lead, is := "what is rendered loses a flow that the statement wants", "is blocked"
	if f.Passes {
		lead, is = "what is rendered lets a flow pass that the statement blocks", "is allowed"
	}
	var d diag.Diagnostic
	if f.By == nil {
		d = diag.Errorf(diag.VerifyRendered, f.Intent.Pos, "what is rendered changes a flow that no statement is about: %s %s, and should stay as it is%s", f.Words(), is, f.Only)
	} else {
		d = diag.Errorf(diag.VerifyRendered, f.Intent.Position(f.By.Span), "%s (%s): %s %s%s", lead, f.Rule(), f.Words(), is, f.Only)
	}
	d = d.About(f.Intent.Name)
	kinds := map[deed]bool{}
	for _, e := range p.evidence(f, kinds) {
		d = d.Relate(e.Pos, "%s", e.Message)
	}
	for _, e := range []ir.Endpoint{f.Flow.From, f.Flow.To} {
		if e.Workload == nil {
			continue
		}
		old := p.replaced[e.Workload.Ref()]
		if old == nil || maps.Equal(old.Labels, e.Labels) {
			continue
		}
		was, now := labelWords(old.Labels), labelWords(e.Labels)
		d = d.Relate(e.Workload.Origin, "%s is rendered with other labels: %s, not %s", e.Workload.Ref(), now, was)
	}
	for _, e := range p.otherNamespaces(f) {
		d = d.Relate(e.Pos, "%s", e.Message)
	}
	if len(kinds) == 0 {
		kinds[patched] = true
	}
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		d = d.Hint("%s", advice[k])
	}
	return d
}

// otherNamespaces says which ends of a fault are in namespaces that are rendered
// with other labels than the inventory has.
func (p *rendering) otherNamespaces(f verify.Fault) []diag.Related {
	var out []diag.Related
	for _, e := range []ir.Endpoint{f.Flow.From, f.Flow.To} {
		if !e.IsPod() {
			continue
		}
		old := p.relabelled[e.Namespace.Name]
		if old == nil || maps.Equal(old.Labels, e.Namespace.Labels) {
			continue
		}
		words := fmt.Sprintf("namespace %s is rendered with other labels: %s, not %s", e.Namespace.Name, labelWords(e.Namespace.Labels), labelWords(old.Labels))
		if r := (diag.Related{Pos: e.Namespace.Origin, Message: words}); !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func labelWords(labels map[string]string) string {
	var out []string
	for _, r := range ir.Equalities(labels) {
		out = append(out, r.String())
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// evidence names the policies that a fault comes from: those of the overlay that
// decided the flow rightly at the end that is decided wrongly now, and those that
// are rendered and decide it; those that were changed come first. It adds what was
// done to them to kinds.
func (p *rendering) evidence(f verify.Fault, kinds map[deed]bool) []diag.Related {
	written, rendered := p.engines(f.Mode)
	was, is := written.Decide(f.Flow), rendered.Decide(f.Flow)
	var changed, asBefore []diag.Related
	add := func(list *[]diag.Related, pos diag.Position, message string) {
		if r := (diag.Related{Pos: pos, Message: message}); !slices.Contains(*list, r) {
			*list = append(*list, r)
		}
	}
	for _, end := range []struct {
		was, is reach.End
		pod     ir.Endpoint
	}{{was.Ingress, is.Ingress, f.Flow.To}, {was.Egress, is.Egress, f.Flow.From}} {
		if f.Passes && (!end.was.Isolated || end.was.Allowed) || !f.Passes && end.is.Allowed {
			continue
		}
		if end.was.Isolated && end.was.Allowed == !f.Passes {
			for _, reason := range end.was.By {
				x := p.of(reason.Object, false)
				if x == nil || len(x.did) == 0 || x.decides(end.is) {
					continue
				}
				add(&changed, x.pos(), x.words()+p.deselected(x, end.pod))
				maps.Copy(kinds, x.kinds)
			}
		}
		for _, reason := range end.is.By {
			words := "selects the pods and has no rule for it"
			if reason.Rule >= 0 {
				words = fmt.Sprintf("allows it by rule %d", reason.Rule+1)
			}
			x := p.of(reason.Object, true)
			if x == nil || len(x.did) == 0 {
				add(&asBefore, reason.Pos, name(reason.Object)+" "+words)
				continue
			}
			add(&changed, reason.Pos, name(reason.Object)+": "+strings.Join(x.did, "; ")+"; it "+words)
			maps.Copy(kinds, x.kinds)
		}
	}
	return append(changed, asBefore...)
}

// of finds the pairing of a policy.
func (p *rendering) of(o *policy.Object, rendered bool) *pairing {
	for _, x := range p.pairs {
		mine := x.written
		if rendered {
			mine = x.rendered
		}
		if mine != nil && mine.Key() == o.Key() {
			return x
		}
	}
	return nil
}

func (x *pairing) pos() diag.Position {
	if x.rendered != nil {
		return x.rendered.Origin
	}
	return x.written.Origin
}

func (x *pairing) words() string { return name(x.written) + ": " + strings.Join(x.did, "; ") }

// decides says whether the rendered policy is one of those that decide an end.
func (x *pairing) decides(end reach.End) bool {
	return x.rendered != nil && slices.ContainsFunc(end.By, func(r reach.Reason) bool { return r.Object.Key() == x.rendered.Key() })
}

// deselected says that a policy does not select a pod any more.
func (p *rendering) deselected(x *pairing, pod ir.Endpoint) string {
	if x.rendered == nil || !pod.IsPod() || pod.Workload == nil {
		return ""
	}
	_, engine := p.engines(reach.Options{})
	for _, end := range []ir.End{ir.Ingress, ir.Egress} {
		for _, o := range engine.Closers(pod.Workload, end) {
			if o.Key() == x.rendered.Key() {
				return ""
			}
		}
	}
	return "; it no longer selects " + pod.String()
}
