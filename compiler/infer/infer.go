// Package infer finds the connections that manifests declare without any
// statement: environment values, arguments and ConfigMaps that name a Service,
// Ingress and Gateway backends, Services that the control plane calls, scrape
// annotations and monitors, and the peers of a StatefulSet.
//
// A declared connection is what an outage looks like before it happens: package
// verify refuses to cut one that nobody asked to cut. So the package prefers to
// miss one to inventing one: a word counts only where it can be nothing but the
// name of a Service that exists. It writes no rules and decides nothing.
package infer

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// Connection is one declared connection. From is nil where the client is no pod
// of the inventory: outside, by way of an Ingress, or the control plane; Quote
// then says which.
type Connection struct {
	From     *inventory.Workload
	To       *inventory.Workload
	Port     int // the pod port; 0: any
	Protocol string
	Quote    string // the declaration, such as: env CART_ADDR: "cartservice:7070"
	Origin   diag.Position
}

// finder holds the lookups that 10,000 workloads need.
type finder struct {
	inv      *inventory.Inventory
	services map[string]*inventory.Service // namespace/name
	pods     map[*inventory.Service][]*inventory.Workload
	found    []Connection
}

// Connections returns the declared connections, sorted, each once.
func Connections(inv *inventory.Inventory) []Connection {
	f := &finder{inv: inv, services: map[string]*inventory.Service{}, pods: backends(inv)}
	for _, s := range inv.Services {
		f.services[s.Ref()] = s
	}
	for _, w := range inv.Workloads {
		f.mentions(w)
		f.peers(w)
	}
	f.outside()
	f.controlPlane()
	f.scrapes()
	slices.SortStableFunc(f.found, compare)
	return slices.CompactFunc(f.found, func(a, b Connection) bool {
		return a.From == b.From && a.To == b.To && a.Port == b.Port && a.Protocol == b.Protocol && (a.From != nil || kindOf(a) == kindOf(b))
	})
}

// kindOf is what tells two connections without a From apart.
func kindOf(c Connection) string {
	kind, _, _ := strings.Cut(c.Quote, " ")
	return kind
}

func compare(a, b Connection) int {
	return cmp.Or(cmp.Compare(ref(a.From), ref(b.From)), cmp.Compare(ref(a.To), ref(b.To)), cmp.Compare(a.Port, b.Port),
		cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(kindOf(a), kindOf(b)), a.Origin.Compare(b.Origin), cmp.Compare(a.Quote, b.Quote))
}

func ref(w *inventory.Workload) string {
	if w == nil {
		return ""
	}
	return w.Ref() + "/" + w.Kind
}

// backends selects the pods of every Service, looking for each only among the
// workloads that carry one of its labels.
func backends(inv *inventory.Inventory) map[*inventory.Service][]*inventory.Workload {
	type label struct{ namespace, key, value string }
	carriers := map[label][]*inventory.Workload{}
	for _, w := range inv.Workloads {
		for k, v := range w.Labels {
			l := label{w.Namespace, k, v}
			carriers[l] = append(carriers[l], w)
		}
	}
	out := map[*inventory.Service][]*inventory.Workload{}
	for _, s := range inv.Services {
		var fewest []*inventory.Workload
		first := true
		for k, v := range s.Selector {
			if c := carriers[label{s.Namespace, k, v}]; first || len(c) < len(fewest) {
				fewest, first = c, false
			}
		}
		for _, w := range fewest {
			if carriesAll(w.Labels, s.Selector) {
				out[s] = append(out[s], w)
			}
		}
	}
	return out
}

func carriesAll(labels, selector map[string]string) bool {
	for k, v := range selector {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// to adds the connections from w to a Service on a Service port, or on all of
// its ports where number is 0 and name "". A port that neither the Service nor,
// behind a headless one, the pod declares leads nowhere.
func (f *finder) to(w *inventory.Workload, s *inventory.Service, number int, name, quote string, origin diag.Position) {
	for _, target := range f.pods[s] {
		if target == w && w.Replicas < 2 && w.Kind != "DaemonSet" {
			continue // a pod and itself
		}
		known := false
		for _, p := range s.Ports {
			if number != 0 && p.Number != number || name != "" && p.Name != name {
				continue
			}
			known = true
			if port, ok := p.PodPort(target); ok {
				f.found = append(f.found, Connection{w, target, port, p.Protocol, quote, origin})
			}
		}
		switch {
		case known || name != "":
		case s.Headless && number != 0: // clients of a headless Service dial the pods
			for _, p := range target.Ports {
				if p.Number == number {
					f.found = append(f.found, Connection{w, target, number, p.Protocol, quote, origin})
				}
			}
		case len(s.Ports) == 0 && number == 0:
			f.found = append(f.found, Connection{w, target, 0, "TCP", quote, origin})
		}
	}
}

// mentions finds the Services that a workload's texts name.
func (f *finder) mentions(w *inventory.Workload) {
	ports := map[string]int{} // of variables such as REDIS_PORT
	for _, m := range w.Mentions {
		name := variable(m.Source)
		if n, err := strconv.Atoi(strings.TrimSpace(m.Text)); err == nil && n > 0 && n < 65536 && strings.HasSuffix(name, "PORT") {
			ports[strings.TrimSuffix(name, "PORT")] = n
		}
	}
	for _, m := range w.Mentions {
		for _, h := range hosts(m.Text, addressVariable(variable(m.Source))) {
			s := f.resolve(w.Namespace, h.name)
			if s == nil {
				continue
			}
			number := h.port
			if number == 0 && h.whole {
				number = companion(ports, variable(m.Source))
			}
			if number == 0 && h.scheme != "" {
				number = schemePort(s, h.scheme)
			}
			f.to(w, s, number, "", quote(m.Source, m.Text), m.Origin)
		}
	}
}

// companion returns the port that stands beside a host: REDIS_PORT beside
// REDIS_HOST.
func companion(ports map[string]int, name string) int {
	for _, suffix := range addressSuffixes {
		if stem, ok := strings.CutSuffix(name, suffix); ok {
			return ports[stem]
		}
	}
	return 0
}

// variable returns the name that a text has where it is the value of a
// variable, in capitals: of an environment variable, or a ConfigMap's key.
func variable(source string) string {
	if name, ok := strings.CutPrefix(source, "env "); ok {
		return strings.ToUpper(name)
	}
	if name, ok := strings.CutPrefix(source, "configmap "); ok {
		return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(path.Base(name)))
	}
	return ""
}

var addressSuffixes = []string{"HOST", "HOSTNAME", "ADDR", "ADDRESS", "SERVER", "SERVICE", "URL", "URI", "ENDPOINT", "HOSTS", "SERVERS", "BROKERS"}

// addressVariable says whether a variable's value is an address, so that a bare
// word in it is a host.
func addressVariable(name string) bool {
	return slices.ContainsFunc(addressSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// resolve returns the Service that a host name means in a namespace, by the
// search path of cluster DNS: name, name.ns, name.ns.svc, name.ns.svc.DOMAIN;
// and below a Service the names of its pods.
func (f *finder) resolve(namespace, host string) *inventory.Service {
	s := f.lookup(namespace, host)
	if pod, rest, ok := strings.Cut(host, "."); s == nil && ok {
		if below := f.lookup(namespace, rest); below != nil && below.Headless && f.hasPod(below, pod) {
			s = below
		}
	}
	for range 3 { // an ExternalName may lead back into the cluster
		if s == nil || s.Type != "ExternalName" {
			return s
		}
		s = f.lookup(s.Namespace, strings.TrimSuffix(s.ExternalName, "."))
	}
	return nil
}

func (f *finder) lookup(namespace, host string) *inventory.Service {
	labels := strings.Split(host, ".")
	switch {
	case len(labels) == 1:
		return f.services[namespace+"/"+labels[0]]
	case len(labels) == 2 || labels[2] == "svc":
		return f.services[labels[1]+"/"+labels[0]]
	}
	return nil
}

// hasPod says whether the pods behind s have such a name: NAME-N of a
// StatefulSet, or anything that is still to be filled in.
func (f *finder) hasPod(s *inventory.Service, pod string) bool {
	for _, w := range f.pods[s] {
		if w.Kind != "StatefulSet" {
			continue
		}
		rest, ok := strings.CutPrefix(pod, w.Name+"-")
		if _, err := strconv.Atoi(rest); ok && err == nil || strings.ContainsAny(pod, "$()") {
			return true
		}
	}
	return false
}

// peers finds the members of a StatefulSet: with more than one, and a headless
// Service to find each other by, they do.
func (f *finder) peers(w *inventory.Workload) {
	if w.Kind != "StatefulSet" || w.Replicas < 2 || w.ServiceName == "" {
		return
	}
	s := f.services[w.Namespace+"/"+w.ServiceName]
	if s == nil || !s.Headless || !slices.Contains(f.pods[s], w) {
		return
	}
	for _, p := range s.Ports {
		if port, ok := p.PodPort(w); ok {
			f.found = append(f.found, Connection{w, w, port, p.Protocol, quote("serviceName of the StatefulSet", s.Name), w.Origin})
		}
	}
}

// outside finds what Ingresses and Gateway routes send clients to.
func (f *finder) outside() {
	for _, ing := range f.inv.Ingresses {
		for _, b := range ing.Backends {
			f.backend(b, fmt.Sprintf("%s %s/%s", ing.Kind, ing.Namespace, ing.Name))
		}
	}
}

// controlPlane finds what the API server calls.
func (f *finder) controlPlane() {
	for _, c := range f.inv.Calls {
		f.backend(c.Backend, fmt.Sprintf("%s %s (called by the control plane)", c.Kind, c.Name))
	}
}

func (f *finder) backend(b inventory.Backend, by string) {
	if s := f.services[b.Namespace+"/"+b.Service]; s != nil {
		port := b.PortName
		if b.Number != 0 {
			port = strconv.Itoa(b.Number)
		}
		f.to(nil, s, b.Number, b.PortName, quote(by, strings.TrimSuffix(b.Service+":"+port, ":")), b.Origin)
	}
}

// scrapes finds what the Prometheus servers of the inventory are told to scrape
// by annotation, on pods and on Services.
func (f *finder) scrapes() {
	var servers []*inventory.Workload
	for _, w := range f.inv.Workloads {
		if slices.ContainsFunc(w.Images, isPrometheus) {
			servers = append(servers, w)
		}
	}
	for _, server := range servers {
		f.monitors(server)
	}
	scrape := func(annotations map[string]string) (int, string, bool) {
		port, err := strconv.Atoi(annotations["prometheus.io/port"])
		return port, fmt.Sprintf("annotation prometheus.io/port: %q", annotations["prometheus.io/port"]),
			annotations["prometheus.io/scrape"] == "true" && err == nil && port > 0 && port < 65536
	}
	for _, server := range servers {
		for _, w := range f.inv.Workloads {
			if port, said, ok := scrape(w.Annotations); ok && w != server {
				f.found = append(f.found, Connection{server, w, port, "TCP", said, w.Origin})
			}
		}
		for _, s := range f.inv.Services {
			port, said, ok := scrape(s.Annotations)
			for _, w := range f.pods[s] { // the endpoints are scraped: pod ports
				if ok && w != server {
					f.found = append(f.found, Connection{server, w, port, "TCP", said, s.Origin})
				}
			}
		}
	}
}

// monitors finds what a Prometheus server is told to scrape by the operator's
// ServiceMonitors and PodMonitors.
func (f *finder) monitors(server *inventory.Workload) {
	for _, m := range f.inv.Monitors {
		found := func(w *inventory.Workload, port int) {
			if w != server {
				f.found = append(f.found, Connection{server, w, port, "TCP", fmt.Sprintf("%s %s/%s", m.Kind, m.Namespace, m.Name), m.Origin})
			}
		}
		for _, p := range m.Ports {
			for _, s := range f.inv.Services {
				if m.Kind != "ServiceMonitor" || !m.In(s.Namespace) || !m.Selector.Matches(labels.Set(s.Labels)) {
					continue
				}
				for _, w := range f.pods[s] {
					if port, ok := scraped(p, s, w); ok {
						found(w, port)
					}
				}
			}
			for _, w := range f.inv.Workloads {
				if m.Kind == "PodMonitor" && m.In(w.Namespace) && m.Selector.Matches(labels.Set(w.Labels)) {
					if port, ok := scraped(p, nil, w); ok {
						found(w, port)
					}
				}
			}
		}
	}
}

// scraped is the pod port of w that a monitor's endpoint means, behind s if it is
// not nil.
func scraped(p inventory.MonitorPort, s *inventory.Service, w *inventory.Workload) (int, bool) {
	if p.TargetNumber != 0 {
		return p.TargetNumber, true
	}
	if s != nil && p.Name != "" {
		for _, sp := range s.Ports {
			if sp.Name == p.Name {
				return sp.PodPort(w)
			}
		}
		return 0, false
	}
	name := p.Name
	if p.TargetName != "" {
		name = p.TargetName
	}
	for _, cp := range w.Ports {
		if name != "" && cp.Name == name {
			return cp.Number, true
		}
	}
	return 0, false
}

// isPrometheus says whether an image is a Prometheus server or an agent that
// scrapes as one.
func isPrometheus(image string) bool {
	image, _, _ = strings.Cut(image, "@")
	base := path.Base(image)
	base, _, _ = strings.Cut(base, ":")
	return base == "prometheus" || base == "vmagent"
}

// quote writes a declaration as: SOURCE: "TEXT", shortened.
func quote(source, text string) string {
	const longest = 120
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return source + ": " + strconv.Quote(text)
}
