package validate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// maxMatches is the most findings of one run of Matching.
const maxMatches = 200

// Matching warns of what the objects are about and nothing declared is: selectors
// that select no workload, namespaces that do not exist, ports that nothing
// selected listens on. It notes Services without endpoints in the namespaces
// that the objects are about.
//
// None of this is an error: pods may come later, and a policy that waits for
// them is a good one. And nothing is said where the inventory cannot know: of a
// selector without labels (all pods, those of tomorrow too), of labels that
// controllers write, of namespaces whose labels nobody has shown, of pods that
// declare no ports, and of ranges of ports.
func Matching(inv *inventory.Inventory, objects []policy.Object) diag.List {
	m := &matcher{declared: newDeclared(inv), concerned: map[string]bool{}, known: map[string]*group{}}
	for _, o := range objects {
		m.object(o)
	}
	m.services()
	out := m.out.Sorted()
	if len(out) > maxMatches {
		more := len(out) - maxMatches
		out = append(out[:maxMatches], diag.Notef(diag.MatchSelector, diag.Position{}, "%d more selectors, ports or Services match nothing", more))
	}
	return out
}

type matcher struct {
	*declared
	concerned map[string]bool   // namespaces
	known     map[string]*group // what selectors select: policies share the wide ones
	out       diag.List
}

// full says that enough was found. Findings cost a search for what was meant,
// which hostile input could have made a thousand times a thousand times.
func (m *matcher) full() bool { return len(m.out) > 2*maxMatches }

// place is where a selector or a port stands.
type place struct {
	object policy.Object
	field  string
}

// warn adds a warning about a place; about the intent too, if it is one alone.
// The hint is worked out only if it is wanted.
func (m *matcher) warn(at place, id diag.ID, hint func() string, format string, args ...any) {
	if m.full() {
		return
	}
	d := diag.Warningf(id, position(at.object, at.field), "%s: %s: %s", at.object.Key(), at.field, fmt.Sprintf(format, args...))
	if intents := at.object.NetworkPolicy.Annotations[policy.IntentAnnotation]; intents != "" && !strings.Contains(intents, ",") {
		d = d.About(intents[strings.LastIndex(intents, "/")+1:])
	}
	if h := hint(); h != "" {
		d = d.Hint("%s", h)
	}
	m.out = append(m.out, d)
}

// object looks at one policy. What its namespace lacks is Objects' business.
func (m *matcher) object(o policy.Object) {
	np := o.NetworkPolicy
	m.concerned[np.Namespace] = true
	if m.inv.Namespace(np.Namespace) == nil {
		return
	}
	subject := m.pods(place{o, "spec.podSelector"}, &np.Spec.PodSelector, []string{np.Namespace})
	for i, r := range np.Spec.Ingress {
		at := place{o, fmt.Sprintf("spec.ingress[%d]", i)}
		for j := range r.From {
			m.peer(at.child("from[%d]", j), np.Namespace, &r.From[j])
		}
		m.ports(at, subject, r.Ports)
	}
	for i, r := range np.Spec.Egress {
		at := place{o, fmt.Sprintf("spec.egress[%d]", i)}
		to := pods{unknown: len(r.To) == 0} // everybody, and the world
		for j := range r.To {
			to = to.union(m.peer(at.child("to[%d]", j), np.Namespace, &r.To[j]))
		}
		m.ports(at, to, r.Ports)
	}
}

func (p place) child(format string, args ...any) place {
	return place{p.object, p.field + "." + fmt.Sprintf(format, args...)}
}

// pods is what selectors select. Unknown says that there may be more.
type pods struct {
	groups  []*group
	unknown bool
}

func (p pods) union(q pods) pods {
	return pods{append(slices.Clip(p.groups), q.groups...), p.unknown || q.unknown}
}

// peer looks at one peer of a policy in the namespace.
func (m *matcher) peer(at place, namespace string, p *networkingv1.NetworkPolicyPeer) pods {
	if p.IPBlock != nil {
		return pods{unknown: true}
	}
	in := []string{namespace}
	if p.NamespaceSelector != nil {
		var sure bool
		if in, sure = m.namespaces(at.child("namespaceSelector"), p.NamespaceSelector); !sure {
			return pods{unknown: true}
		}
	}
	selector := p.PodSelector
	if selector == nil {
		selector = &metav1.LabelSelector{}
	}
	if len(in) == 0 { // said already
		return pods{unknown: true}
	}
	return m.pods(at.child("podSelector"), selector, in)
}

// namespaces returns those that a selector selects, and whether they are sure to
// be all. Only those named one by one are of concern: others may be many.
func (m *matcher) namespaces(at place, s *metav1.LabelSelector) (selected []string, sure bool) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, false // Objects has said so
	}
	named := false
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		names, ok := wanted(r)
		if r.Key() != inventory.NameLabel || !ok {
			continue
		}
		named = true
		for _, n := range names {
			if m.inv.Namespace(n) == nil {
				m.warn(at, diag.MatchNamespace, func() string { return m.nearestNamespace(n) }, "no namespace %s exists", value(n))
				continue
			}
			m.concerned[n] = true
		}
	}
	selected, sure = m.namespacesOf(selector)
	if len(selected) == 0 && sure && !named {
		hint := func() string { return "label a namespace so, or name it by " + inventory.NameLabel }
		m.warn(at, diag.MatchNamespace, hint, "no namespace has %s", cut(selector.String()))
	}
	return selected, sure
}

// pods returns what a selector selects in the namespaces, and warns if that is
// nothing.
func (m *matcher) pods(at place, s *metav1.LabelSelector, in []string) pods {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return pods{unknown: true} // Objects has said so
	}
	requirements, _ := selector.Requirements()
	if slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return automatic(r.Key()) }) {
		return pods{unknown: true}
	}
	key := selector.String() + "\x00" + strings.Join(in, "\x00")
	found := m.known[key]
	if found == nil {
		found = m.group(m.workloadsOf(selector, in))
		if len(found.workloads) == 0 && len(requirements) > 0 && !m.full() {
			found.hint = m.nearest(requirements, in)
		}
		m.known[key] = found
	}
	if len(found.workloads) == 0 {
		if len(requirements) > 0 {
			m.warn(at, diag.MatchSelector, func() string { return found.hint }, "no declared workload of %s has %s", few(in), cut(selector.String()))
		}
		return pods{}
	}
	return pods{groups: []*group{found}}
}

// ports warns of a port of a rule that none of the rule's destinations listens
// on, if all of them say on what they listen.
func (m *matcher) ports(at place, to pods, ports []networkingv1.NetworkPolicyPort) {
	if to.unknown || len(to.groups) == 0 || slices.ContainsFunc(to.groups, func(g *group) bool { return g.silent }) {
		return
	}
	for i, p := range ports {
		if p.Port == nil || p.EndPort != nil && *p.EndPort != p.Port.IntVal {
			continue
		}
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		if slices.ContainsFunc(to.groups, func(g *group) bool { return g.open[p.Port.String()+"/"+string(protocol)] }) {
			continue
		}
		what := fmt.Sprintf("port %d", p.Port.IntVal)
		if p.Port.Type == intstr.String {
			what = "a port called " + value(p.Port.StrVal)
		}
		m.warn(at.child("ports[%d]", i), diag.MatchPort, to.exposed, "nothing that the rule is about listens on %s, %s", what, protocol)
	}
}

// services notes the Services that select nothing in the namespaces concerned.
func (m *matcher) services() {
	for _, s := range m.inv.Services {
		if !m.concerned[s.Namespace] || len(s.Selector) == 0 || s.ExternalName != "" || m.full() {
			continue
		}
		selector := labels.SelectorFromSet(s.Selector)
		requirements, _ := selector.Requirements()
		if len(m.workloadsOf(selector, []string{s.Namespace})) > 0 || slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return automatic(r.Key()) }) {
			continue
		}
		d := diag.Notef(diag.MatchService, s.Origin, "Service %s has no endpoints: no declared workload of %s has %s", s.Ref(), s.Namespace, cut(selector.String()))
		if hint := m.nearest(requirements, []string{s.Namespace}); hint != "" {
			d = d.Hint("%s", hint)
		}
		m.out = append(m.out, d)
	}
}

// exposed says what containers listen on.
func (p pods) exposed() string {
	var words []string
	for _, g := range p.groups {
		for _, w := range g.workloads {
			for _, p := range w.Ports {
				s := fmt.Sprintf("%d/%s", p.Number, p.Protocol)
				if p.Name != "" {
					s += " (" + p.Name + ")"
				}
				words = append(words, s)
			}
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return "they listen on " + few(slices.Compact(words))
}

// few lists words, the first of many.
func few(words []string) string {
	const most = 5
	if len(words) > most {
		return fmt.Sprintf("%s and %d others", strings.Join(words[:most], ", "), len(words)-most)
	}
	return strings.Join(words, ", ")
}
