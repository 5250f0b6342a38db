package rego

import (
	"iter"
	"net/netip"
	"strings"
	"sync"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// Input is what rules are run on.
type Input struct {
	Target    string
	Policies  []policy.Object // written by this compilation
	InForce   []policy.Object // everybody else's
	Inventory *inventory.Inventory
	Rules     []Rule // what the intents were read as
	// Reachable yields the flows that pass once Policies are applied. It is run
	// only for guardrails that mention reachability, and stopped past the limit of
	// edges. Nil: unknown, and such guardrails fail.
	Reachable iter.Seq[Edge]
}

// Rule is one rule of an intent, with the statement that it was read from.
type Rule struct {
	Set       string     `json:"set"`
	Intent    string     `json:"intent"`
	Statement string     `json:"statement"`
	DNS       ir.DNSMode `json:"dns"` // of the intent set
	ir.Rule
}

// PartyKind says what an end of an edge is.
type PartyKind string

const (
	Workload PartyKind = "workload" // a declared workload: Namespace and Name
	Pods     PartyKind = "pods"     // pods of Namespace that nobody declared
	Outside  PartyKind = "outside"  // addresses that are no pods
)

// Party is one end of an edge. Labels are those of its pods.
type Party struct {
	Kind      PartyKind
	Namespace string
	Name      string
	Labels    map[string]string
}

// Edge says that flows from From to To pass on Ports ("TCP 443", "UDP 8000-8010",
// "any port"). New says that they did not pass on all of them before.
type Edge struct {
	From, To Party
	Ports    []string
	New      bool
}

// maxEdges is the most edges that guardrails are run on.
const maxEdges = 250_000

// builder makes the document. It shares terms wherever policies say the same.
type builder struct {
	inv      *inventory.Inventory
	facts    *facts
	policies []*ast.Term
}

// document is the input of a run, without reachability. Terms are never changed
// once made, so that runs side by side may share what is known.
func document(in Input, known *known) (*ast.Term, error) {
	inv := in.Inventory
	if inv == nil {
		inv = inventory.Build(inventory.Inventory{})
	}
	b := &builder{inv: inv, facts: newFacts(inv)}
	for _, o := range in.Policies {
		if err := b.policy(o, true); err != nil {
			return nil, err
		}
	}
	for _, o := range in.InForce {
		if err := b.policy(o, false); err != nil {
			return nil, err
		}
	}
	rules, err := plain(in.Rules)
	if err != nil {
		return nil, err
	}
	if len(in.Rules) == 0 {
		rules = ast.ArrayTerm()
	}
	return object("target", in.Target, "policies", b.policies, "rules", rules, "selectedBy", list(b.facts.policiesOf, func(places []int) *ast.Term { return term(places) }), "inventory", known.of(b)), nil
}

// known keeps the part of the document that is the same for every run over one
// inventory. A nil one keeps nothing.
type known struct {
	mu   sync.Mutex
	inv  *inventory.Inventory
	term *ast.Term
}

func (k *known) of(b *builder) *ast.Term {
	if k == nil {
		return b.inventory()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.inv != b.inv {
		k.inv, k.term = b.inv, b.inventory()
	}
	return k.term
}

// policy adds one policy to the document.
func (b *builder) policy(o policy.Object, written bool) error {
	np := o.NetworkPolicy
	spec, err := plain(np.Spec)
	if err != nil {
		return err
	}
	index := len(b.policies)
	pods := b.facts.pods(np.Namespace, &np.Spec.PodSelector, nil)
	for _, w := range pods.selects {
		b.facts.policiesOf[w] = append(b.facts.policiesOf[w], index)
	}
	var rules []*ast.Term
	for i, r := range np.Spec.Ingress {
		rules = append(rules, b.rule(o, "ingress", "from", i, r.From, r.Ports))
	}
	for i, r := range np.Spec.Egress {
		rules = append(rules, b.rule(o, "egress", "to", i, r.To, r.Ports))
	}
	b.policies = append(b.policies, object(
		"key", o.Key(), "kind", o.Kind(), "namespace", np.Namespace, "name", np.Name,
		"labels", np.Labels, "annotations", np.Annotations, "written", written, "intents", intentsOf(o),
		"spec", spec, "selects", pods.term, "selector", pods.selector, "selectsDNS", b.facts.isDNS(np.Namespace, &np.Spec.PodSelector, nil),
		"rules", rules))
	return nil
}

// intentsOf lists the intents that a policy was written for, as set/name.
func intentsOf(o policy.Object) []string {
	var out []string
	for _, s := range strings.Split(o.NetworkPolicy.Annotations[policy.IntentAnnotation], ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// rule is one rule of a policy, with what it means in the inventory.
func (b *builder) rule(o policy.Object, direction, side string, i int, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) *ast.Term {
	field := index("spec."+direction, i)
	var peerTerms, portTerms []*ast.Term
	for j := range peers {
		peerTerms = append(peerTerms, b.peer(o.Namespace(), index(field+"."+side, j), &peers[j]))
	}
	for j := range ports {
		portTerms = append(portTerms, port(index(field+".ports", j), &ports[j]))
	}
	return object("direction", direction, "field", field, "everyone", len(peers) == 0, "allPorts", len(ports) == 0, "peers", peerTerms, "ports", portTerms)
}

// peer is one peer: what is written, and what it selects.
func (b *builder) peer(namespace, field string, p *networkingv1.NetworkPolicyPeer) *ast.Term {
	if p.IPBlock != nil {
		return object("field", field, "kind", "block", "block", b.facts.block(p.IPBlock))
	}
	pods := b.facts.pods(namespace, p.PodSelector, p.NamespaceSelector)
	var elsewhere []int
	if len(pods.selects) == 0 && p.NamespaceSelector == nil {
		elsewhere = b.facts.elsewhere(p.PodSelector)
	}
	everywhere := p.NamespaceSelector != nil && empty(p.NamespaceSelector) && (p.PodSelector == nil || empty(p.PodSelector))
	return object("field", field, "kind", "pods", "byPod", p.PodSelector != nil, "byNamespace", p.NamespaceSelector != nil, "everywhere", everywhere,
		"everyPod", p.PodSelector == nil || empty(p.PodSelector), "everyNamespace", p.NamespaceSelector != nil && empty(p.NamespaceSelector),
		"selects", pods.term, "selector", pods.selector, "elsewhere", elsewhere, "dns", b.facts.isDNS(namespace, p.PodSelector, p.NamespaceSelector))
}

// port is one port: numbers first..last, or a name.
func port(field string, p *networkingv1.NetworkPolicyPort) *ast.Term {
	protocol := "TCP"
	if p.Protocol != nil {
		protocol = string(*p.Protocol)
	}
	switch {
	case p.Port == nil:
		return object("field", field, "protocol", protocol, "first", 1, "last", 65535, "name", "", "number", false)
	case p.Port.Type == intstr.String:
		return object("field", field, "protocol", protocol, "first", 0, "last", 0, "name", p.Port.StrVal, "number", false)
	}
	first := int(p.Port.IntVal)
	last := first
	if p.EndPort != nil {
		last = int(*p.EndPort)
	}
	return object("field", field, "protocol", protocol, "first", first, "last", last, "name", "", "number", true)
}

// inventory is the part of the document that tells what runs. It comes after
// the policies, which say by whom each workload is selected.
func (b *builder) inventory() *ast.Term {
	inv := b.inv
	namespaces := list(inv.Namespaces, func(n *inventory.Namespace) *ast.Term { return object("name", n.Name, "labels", n.Labels) })
	workloads := make([]*ast.Term, len(inv.Workloads))
	for i, w := range inv.Workloads {
		workloads[i] = object("ref", w.Ref(), "kind", w.Kind, "namespace", w.Namespace, "name", w.Name, "labels", w.Labels, "serviceAccount", w.ServiceAccount,
			"hostNetwork", w.HostNetwork, "servicePorts", b.facts.servicePorts(w),
			"ports", list(w.Ports, func(p inventory.Port) *ast.Term {
				return object("name", p.Name, "number", p.Number, "protocol", p.Protocol)
			}))
	}
	services := list(inv.Services, func(s *inventory.Service) *ast.Term {
		return object("namespace", s.Namespace, "name", s.Name, "type", s.Type, "labels", s.Labels, "selector", s.Selector,
			"ports", list(s.Ports, func(p inventory.ServicePort) *ast.Term {
				return object("name", p.Name, "number", p.Number, "protocol", p.Protocol)
			}))
	})
	f := inv.Facts
	prefixes := func(list []netip.Prefix) []string {
		out := []string{}
		for _, p := range list {
			out = append(out, p.String())
		}
		return out
	}
	dns := object("namespace", f.DNS.Namespace, "labels", f.DNS.Labels, "assumed", f.DNS.Assumed)
	return object("namespaces", namespaces, "workloads", workloads, "services", services, "podCIDRs", prefixes(f.PodCIDRs),
		"serviceCIDRs", prefixes(f.ServiceCIDRs), "nodeCIDRs", prefixes(f.NodeCIDRs), "dualStack", dualStack(f), "dns", dns)
}

// dualStack says whether pods or Services have addresses of both families.
func dualStack(f inventory.Facts) bool {
	both := func(list []netip.Prefix) bool {
		var four, six bool
		for _, p := range list {
			four, six = four || p.Addr().Is4(), six || p.Addr().Is6()
		}
		return four && six
	}
	return both(f.PodCIDRs) || both(f.ServiceCIDRs)
}

// withEdges adds reachability to a document.
func withEdges(doc *ast.Term, in Input) (*ast.Term, error) {
	if in.Reachable == nil {
		return nil, &stopped{"asks for reachability, which is not known here"}
	}
	labels := map[string]*ast.Term{}
	if in.Inventory != nil {
		for _, w := range in.Inventory.Workloads {
			labels[w.Ref()] = term(w.Labels)
		}
	}
	parties := map[string]*ast.Term{}
	party := func(p Party) *ast.Term {
		key := string(p.Kind) + "\x00" + p.Namespace + "\x00" + p.Name
		t := parties[key]
		if t == nil {
			l := term(p.Labels)
			if known := labels[p.Namespace+"/"+p.Name]; p.Labels == nil && known != nil {
				l = known
			}
			t = object("kind", string(p.Kind), "namespace", p.Namespace, "name", p.Name, "labels", l)
			parties[key] = t
		}
		return t
	}
	from, to, ports, isNew := ast.StringTerm("from"), ast.StringTerm("to"), ast.StringTerm("ports"), ast.StringTerm("new")
	lists := map[string]*ast.Term{}
	truth := map[bool]*ast.Term{true: ast.BooleanTerm(true), false: ast.BooleanTerm(false)}
	var edges []*ast.Term
	for e := range in.Reachable {
		if len(edges) == maxEdges {
			return nil, &stopped{"asks for reachability, and more than 250,000 pairs reach each other: that is more than guardrails are run on"}
		}
		key := strings.Join(e.Ports, "\x00")
		if lists[key] == nil {
			lists[key] = term(e.Ports)
		}
		edges = append(edges, ast.ObjectTerm([2]*ast.Term{from, party(e.From)}, [2]*ast.Term{to, party(e.To)},
			[2]*ast.Term{ports, lists[key]}, [2]*ast.Term{isNew, truth[e.New]}))
	}
	value, _ := doc.Value.(ast.Object)
	whole := value.Copy()
	whole.Insert(ast.StringTerm("reachability"), ast.ArrayTerm(edges...))
	return ast.NewTerm(whole), nil
}
