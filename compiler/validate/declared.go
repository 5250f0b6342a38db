package validate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/names"
)

// declared is what selectors are held against: the inventory's workloads, and
// the cluster's DNS pods, which it may know as a fact only. Clusters have
// thousands of workloads and as many selectors, so that workloads are looked up
// by one of the labels that a selector wants.
type declared struct {
	inv       *inventory.Inventory
	workloads []*inventory.Workload
	byLabel   map[string][]*inventory.Workload // "key=value"
	byPlace   map[string][]*inventory.Workload // namespace
	targets   map[*inventory.Workload][]inventory.Port
}

func newDeclared(inv *inventory.Inventory) *declared {
	d := &declared{inv: inv, workloads: inv.Workloads, byLabel: map[string][]*inventory.Workload{},
		byPlace: map[string][]*inventory.Workload{}, targets: map[*inventory.Workload][]inventory.Port{}}
	if dns := inv.Facts.DNS; len(dns.Labels) > 0 {
		d.workloads = append(slices.Clip(d.workloads), &inventory.Workload{Kind: "the cluster's DNS", Namespace: dns.Namespace, Name: "pods", Labels: dns.Labels, Ports: dns.Ports})
	}
	for _, w := range d.workloads {
		d.byPlace[w.Namespace] = append(d.byPlace[w.Namespace], w)
		for k, v := range w.Labels {
			d.byLabel[k+"="+v] = append(d.byLabel[k+"="+v], w)
		}
	}
	for _, s := range inv.Services {
		if len(s.Selector) == 0 {
			continue
		}
		for _, w := range d.workloadsOf(labels.SelectorFromSet(s.Selector), []string{s.Namespace}) {
			for _, sp := range s.Ports {
				if n, ok := sp.PodPort(w); ok {
					d.targets[w] = append(d.targets[w], inventory.Port{Number: n, Protocol: sp.Protocol})
				}
			}
		}
	}
	return d
}

// wanted returns the values of which a requirement demands one.
func wanted(r labels.Requirement) ([]string, bool) {
	switch r.Operator() {
	case selection.Equals, selection.DoubleEquals, selection.In:
		return r.ValuesUnsorted(), true
	}
	return nil, false
}

// workloadsOf returns the workloads in the namespaces that the selector selects.
func (d *declared) workloadsOf(s labels.Selector, in []string) []*inventory.Workload {
	var out []*inventory.Workload
	inside := map[string]bool{}
	for _, n := range in {
		inside[n] = true
	}
	for _, w := range d.candidates(s, in) {
		if inside[w.Namespace] && s.Matches(labels.Set(w.Labels)) {
			out = append(out, w)
		}
	}
	return out
}

// candidates returns the shortest list at hand that holds all that the selector
// selects in the namespaces.
func (d *declared) candidates(s labels.Selector, in []string) []*inventory.Workload {
	var lists [][]*inventory.Workload
	size := 0
	for _, n := range in {
		lists = append(lists, d.byPlace[n])
		size += len(d.byPlace[n])
	}
	requirements, _ := s.Requirements()
	for _, r := range requirements {
		values, ok := wanted(r)
		if !ok {
			continue
		}
		var mine [][]*inventory.Workload
		total := 0
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			mine = append(mine, d.byLabel[r.Key()+"="+v])
			total += len(d.byLabel[r.Key()+"="+v])
		}
		if total < size {
			lists, size = mine, total
		}
	}
	return slices.Concat(lists...)
}

// namespacesOf returns the namespaces that the selector selects, and whether
// these are all. A namespace that only its inhabitants show may have any label
// but its name.
func (d *declared) namespacesOf(s labels.Selector) (selected []string, sure bool) {
	requirements, _ := s.Requirements()
	names := labels.NewSelector()
	for _, r := range requirements {
		if r.Key() == inventory.NameLabel {
			names = names.Add(r)
		}
	}
	other := len(requirements) > 0 && names.String() != s.String()
	sure = true
	for _, n := range d.inv.Namespaces {
		switch {
		case s.Matches(labels.Set(n.Labels)):
			selected = append(selected, n.Name)
		case other && n.Implied && n.Name != d.inv.Facts.DNS.Namespace && names.Matches(labels.Set(n.Labels)):
			sure = false
		}
	}
	return selected, sure
}

// group is the workloads that a selector selects.
type group struct {
	workloads []*inventory.Workload
	silent    bool            // one of them does not say on which ports it listens
	open      map[string]bool // ports that one listens on: number/protocol, name/protocol
	hint      string          // of no workloads: which one comes nearest
}

// group says what workloads are known to listen on: by their containers, by the
// Services that send there, and by what they tell Prometheus.
func (d *declared) group(workloads []*inventory.Workload) *group {
	g := &group{workloads: workloads, open: map[string]bool{}}
	for _, w := range workloads {
		g.silent = g.silent || w.HostNetwork || len(w.Ports) == 0
		for _, p := range slices.Concat(w.Ports, d.targets[w]) {
			g.open[strconv.Itoa(p.Number)+"/"+p.Protocol] = true
			if p.Name != "" {
				g.open[p.Name+"/"+p.Protocol] = true
			}
		}
		g.open[w.Annotations["prometheus.io/port"]+"/TCP"] = true
	}
	return g
}

// controllersLabels are those without a domain that controllers write on pods.
var controllersLabels = []string{"pod-template-hash", "controller-revision-hash", "pod-template-generation", "job-name", "controller-uid"}

// automatic says whether controllers write a label on pods, so that no template
// shows it.
func automatic(key string) bool {
	domain, _, qualified := strings.Cut(key, "/")
	if !qualified {
		return slices.Contains(controllersLabels, key)
	}
	return domain != "app.kubernetes.io" && (domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io") || strings.HasSuffix(domain, ".k8s.io"))
}

// nearest says how the workload of the namespaces that comes nearest to what is
// required differs: it meets the most requirements, and of those, its values
// look most like the ones required.
func (d *declared) nearest(requirements []labels.Requirement, in []string) string {
	var best *inventory.Workload
	var differs labels.Requirement
	bestMet, bestFar := -1, 0
	for _, n := range in {
		for _, w := range d.byPlace[n] {
			met, far := 0, 0
			var first *labels.Requirement
			for i, r := range requirements {
				if r.Matches(labels.Set(w.Labels)) {
					met++
					continue
				}
				far += distance(r, w.Labels)
				if first == nil {
					first = &requirements[i]
				}
			}
			if first != nil && (met > bestMet || met == bestMet && far < bestFar) {
				best, bestMet, bestFar, differs = w, met, far, *first
			}
		}
	}
	if best == nil || bestMet == 0 && bestFar >= stranger*len(requirements) {
		return ""
	}
	has, ok := best.Labels[differs.Key()]
	if !ok {
		return fmt.Sprintf("%s %s has no label %s", best.Kind, best.Ref(), differs.Key())
	}
	return fmt.Sprintf("%s %s has %s=%s", best.Kind, best.Ref(), differs.Key(), cut(has))
}

// stranger is the distance of values that have nothing to do with each other.
const stranger = 4

// distance says how far w's value is from what is required.
func distance(r labels.Requirement, have map[string]string) int {
	has, ok := have[r.Key()]
	values, one := wanted(r)
	if !ok || !one {
		return stranger
	}
	far := stranger
	for _, v := range values {
		far = min(far, names.Distance(v, has, stranger-1))
	}
	return far
}

// nearestNamespace asks whether another namespace was meant.
func (d *declared) nearestNamespace(name string) string {
	best, far := "", stranger
	for _, n := range d.inv.Namespaces {
		if f := names.Distance(name, n.Name, stranger-1); f < far {
			best, far = n.Name, f
		}
	}
	if best == "" {
		return "add the Namespace to the manifests or to the inventory"
	}
	return "did you mean " + best + "?"
}
