// Package inventory holds what runs: namespaces, workloads, Services, Ingresses,
// policies in force and the facts of the cluster, each object with the place it
// came from, and the lookups over them.
//
// It reads no files and knows no YAML: package load fills it. An Inventory is
// frozen once Build has returned it.
package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// NameLabel is the label that the API server sets on every namespace
// (Kubernetes 1.21 and newer).
const NameLabel = "kubernetes.io/metadata.name"

// Namespace is a namespace of the cluster. Labels always holds NameLabel.
// Implied says that no Namespace object was seen, only things that live in it.
type Namespace struct {
	Name    string
	Labels  map[string]string
	Implied bool
	Origin  diag.Position
}

// Workload is one pod template: a Deployment, StatefulSet, DaemonSet, Job,
// CronJob, ReplicaSet or bare Pod. Labels are the labels of its pods.
type Workload struct {
	Kind           string
	Namespace      string
	Name           string
	Labels         map[string]string
	ServiceAccount string // "default" if the template names none
	HostNetwork    bool
	Ports          []Port   // of all containers, in order
	Images         []string // of all containers, in order
	Mentions       []Mention
	Annotations    map[string]string // of the pods
	Replicas       int               // as declared; 1 where the kind has a default or no count
	ServiceName    string            // of a StatefulSet: the Service that names its pods
	Origin         diag.Position
}

// Ref returns namespace/name.
func (w *Workload) Ref() string { return w.Namespace + "/" + w.Name }

// Port is a container port. Protocol is TCP, UDP or SCTP.
type Port struct {
	Name     string
	Number   int
	Protocol string
}

// Mention is text of a manifest that may name another party: an environment
// value, an argument, a ConfigMap value that the workload uses. Source says
// which ("env REDIS_ADDR", "arg", "configmap app-config/db_host").
type Mention struct {
	Source string
	Text   string
	Origin diag.Position
}

// Service is a Service. Selector is empty for ExternalName and for Services
// with hand-written endpoints.
type Service struct {
	Namespace    string
	Name         string
	Type         string // ClusterIP, NodePort, LoadBalancer, ExternalName
	Headless     bool
	ExternalName string
	Selector     map[string]string
	Ports        []ServicePort
	Labels       map[string]string
	Annotations  map[string]string
	Origin       diag.Position
}

// Ref returns namespace/name.
func (s *Service) Ref() string { return s.Namespace + "/" + s.Name }

// ServicePort is one port of a Service. The pod port is TargetNumber, or the
// container port named TargetName; both zero means the same number as Number.
type ServicePort struct {
	Name         string
	Number       int
	Protocol     string
	TargetNumber int
	TargetName   string
}

// PodPort returns the port number that sp is translated to on w, and false if
// w declares no container port of the target's name.
func (sp ServicePort) PodPort(w *Workload) (int, bool) {
	switch {
	case sp.TargetName != "":
		for _, p := range w.Ports {
			if p.Name == sp.TargetName && p.Protocol == sp.Protocol {
				return p.Number, true
			}
		}
		return 0, false
	case sp.TargetNumber != 0:
		return sp.TargetNumber, true
	default:
		return sp.Number, true
	}
}

// Ingress is an Ingress or a Gateway API route: outside traffic for Services.
type Ingress struct {
	Kind      string
	Namespace string
	Name      string
	Class     string
	Backends  []Backend
	Origin    diag.Position
}

// Backend is a Service port by number or name; Number 0 and no PortName means
// every port.
type Backend struct {
	Namespace string
	Service   string
	Number    int
	PortName  string
	Origin    diag.Position
}

// Call is a Service that the control plane calls: of a webhook configuration, an
// APIService or a custom resource's conversion.
type Call struct {
	Kind    string // ValidatingWebhookConfiguration, APIService, ...
	Name    string
	Backend Backend
}

// Monitor is a ServiceMonitor or PodMonitor of the Prometheus operator
// (monitoring.coreos.com/v1): what Prometheus servers are told to scrape.
// Selector picks Services, or pods for a PodMonitor, by label in Namespaces; none
// of these and not Everywhere means the monitor's own namespace.
type Monitor struct {
	Kind       string
	Namespace  string
	Name       string
	Selector   labels.Selector
	Namespaces []string
	Everywhere bool
	Ports      []MonitorPort
	Origin     diag.Position
}

// MonitorPort is one endpoint: the name of a port of the Service (of the pod, for
// a PodMonitor), or a container port by TargetNumber or TargetName.
type MonitorPort struct {
	Name         string
	TargetNumber int
	TargetName   string
}

// In says whether the monitor looks into the namespace.
func (m *Monitor) In(namespace string) bool {
	if m.Everywhere || len(m.Namespaces) == 0 && namespace == m.Namespace {
		return true
	}
	return slices.Contains(m.Namespaces, namespace)
}

// Policy is a policy in force that kubeteus did not write for this project.
type Policy struct {
	policy.Object
}

// Facts is what is known of the cluster as a whole. Empty lists mean unknown.
type Facts struct {
	PodCIDRs     []netip.Prefix
	ServiceCIDRs []netip.Prefix
	NodeCIDRs    []netip.Prefix // node addresses as /32 or /128, or ranges of them
	DNS          DNS
	APIGroups    []string // "group/version", sorted
}

// DNS says where the cluster's DNS pods are. Assumed means that no inventory
// shows them and the convention of kubeadm clusters was taken.
type DNS struct {
	Namespace string
	Labels    map[string]string
	Ports     []Port // pod ports: usually 53/UDP and 53/TCP
	Assumed   bool
}

// Inventory is everything that is known of a cluster, sorted by namespace and
// name.
type Inventory struct {
	Namespaces []*Namespace
	Workloads  []*Workload
	Services   []*Service
	Ingresses  []*Ingress
	Calls      []*Call
	Monitors   []*Monitor
	Policies   []*Policy
	Foreign    []Foreign // by key, each once
	Facts      Facts

	namespaces map[string]*Namespace
	byName     map[string][]*Workload // name -> workloads of all namespaces
	index      map[*Workload]int
}

// Build sorts the lists, adds namespaces that only their inhabitants show, and
// prepares the lookups. It panics on nothing; duplicates are the caller's to
// have refused.
func Build(inv Inventory) *Inventory {
	inv.namespaces = map[string]*Namespace{}
	for _, n := range inv.Namespaces {
		inv.namespaces[n.Name] = n
	}
	add := func(name string, origin diag.Position) {
		if name != "" && inv.namespaces[name] == nil {
			n := &Namespace{Name: name, Implied: true, Origin: origin}
			inv.namespaces[name] = n
		}
	}
	for _, w := range inv.Workloads {
		add(w.Namespace, w.Origin)
	}
	for _, s := range inv.Services {
		add(s.Namespace, s.Origin)
	}
	add(inv.Facts.DNS.Namespace, diag.Position{})
	inv.Namespaces = slices.SortedFunc(maps.Values(inv.namespaces), func(a, b *Namespace) int { return cmp.Compare(a.Name, b.Name) })
	for _, n := range inv.Namespaces {
		if n.Labels == nil {
			n.Labels = map[string]string{}
		}
		n.Labels[NameLabel] = n.Name
	}
	slices.SortFunc(inv.Workloads, func(a, b *Workload) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortFunc(inv.Services, func(a, b *Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(inv.Ingresses, func(a, b *Ingress) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortFunc(inv.Policies, func(a, b *Policy) int { return cmp.Compare(a.Key(), b.Key()) })
	slices.SortFunc(inv.Calls, func(a, b *Call) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), a.Backend.Origin.Compare(b.Backend.Origin))
	})
	slices.SortFunc(inv.Monitors, func(a, b *Monitor) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	inv.byName = map[string][]*Workload{}
	inv.index = map[*Workload]int{}
	for i, w := range inv.Workloads {
		inv.byName[w.Name] = append(inv.byName[w.Name], w)
		inv.index[w] = i
	}
	return &inv
}

// Namespace returns the namespace of that name, or nil.
func (inv *Inventory) Namespace(name string) *Namespace { return inv.namespaces[name] }

// Named returns the workloads of that name in all namespaces.
func (inv *Inventory) Named(name string) []*Workload { return inv.byName[name] }

// Workload returns the workloads of that namespace and name: none, one, or one
// per kind.
func (inv *Inventory) Workload(namespace, name string) []*Workload {
	var out []*Workload
	for _, w := range inv.byName[name] {
		if w.Namespace == namespace {
			out = append(out, w)
		}
	}
	return out
}

// Index returns the place of w in Workloads.
func (inv *Inventory) Index(w *Workload) int { return inv.index[w] }

// Backends returns the workloads that s selects. A Service without a selector
// selects none (core/v1 ServiceSpec.selector).
func (inv *Inventory) Backends(s *Service) []*Workload {
	if len(s.Selector) == 0 {
		return nil
	}
	var out []*Workload
	for _, w := range inv.Workloads {
		if w.Namespace == s.Namespace && subset(s.Selector, w.Labels) {
			out = append(out, w)
		}
	}
	return out
}

// ServicesOf returns the Services that select w.
func (inv *Inventory) ServicesOf(w *Workload) []*Service {
	var out []*Service
	for _, s := range inv.Services {
		if s.Namespace == w.Namespace && len(s.Selector) > 0 && subset(s.Selector, w.Labels) {
			out = append(out, s)
		}
	}
	return out
}

// Service returns the Service of that namespace and name, or nil.
func (inv *Inventory) Service(namespace, name string) *Service {
	for _, s := range inv.Services {
		if s.Namespace == namespace && s.Name == name {
			return s
		}
	}
	return nil
}

func subset(sub, of map[string]string) bool {
	for k, v := range sub {
		if got, ok := of[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// String describes the inventory's size, for progress and reports.
func (inv *Inventory) String() string {
	return fmt.Sprintf("%d namespaces, %d workloads, %d services, %d policies in force",
		len(inv.Namespaces), len(inv.Workloads), len(inv.Services), len(inv.Policies))
}
