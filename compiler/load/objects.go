package load

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// object is one Kubernetes object that the inventory has a place for.
type object struct {
	kind, namespace, name string
	cluster               bool // it has no namespace
	snapshot              bool // it is part of a snapshot
	origin                diag.Position
	value                 any // *inventory.Namespace, *inventory.Workload, ..., *configMap, *facts

	refs []configRef // of a workload
}

func (o *object) key() string { return o.kind + "/" + o.namespace + "/" + o.name }

// configMap is the text that workloads may take from a ConfigMap.
type configMap struct{ entries []configEntry }

type configEntry struct {
	key, text string
	origin    diag.Position
}

// contents is what one source (a file, a kustomization) holds.
type contents struct {
	objects []*object
	pods    []skip // custom resources that run pods of their own
	foreign []inventory.Foreign
	diags   diag.List
}

// reader decodes the documents of one source.
type reader struct {
	file string
	at   func(*yaml.Node) diag.Position
	// built says that the nodes are kustomize's: their lines are not the file's.
	built bool
	contents
}

// document decodes one document: an object, a List of them, or a snapshot.
func (r *reader) document(n *yaml.Node) {
	d := &decoder{at: r.at}
	v := d.view(n)
	r.read(v, v.get("apiVersion").text(), v.get("kind").text())
}

// isObject says whether n is what every Kubernetes object is.
func isObject(n *yaml.Node) bool {
	v := (&decoder{}).view(n)
	return v.get("apiVersion").text() != "" && v.get("kind").text() != ""
}

func (r *reader) read(v view, apiVersion, kind string) {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		group = ""
	}
	if kind == "List" || strings.HasSuffix(kind, "List") && v.get("items").n != nil {
		for _, item := range v.get("items").list() {
			itemVersion, itemKind := item.get("apiVersion").text(), item.get("kind").text()
			if itemKind == "" && kind != "List" {
				itemVersion, itemKind = apiVersion, strings.TrimSuffix(kind, "List")
			}
			if itemKind != "" {
				r.read(item, itemVersion, itemKind)
			}
		}
		r.diags = append(r.diags, v.d.diags...)
		v.d.diags = nil
		return
	}
	r.remember(v, apiVersion, kind)
	decode := decoderOf(group + "/" + kind)
	if decode == nil {
		r.unknown(v, kind)
		return
	}
	meta := v.get("metadata")
	d := &decoder{at: r.at}
	v.d, meta.d = d, d
	o := &object{kind: kind, namespace: meta.get("namespace").str(), name: meta.get("name").str(), origin: v.pos()}
	if prefix := meta.get("generateName").text(); o.name == "" && prefix != "" {
		o.name = strings.TrimRight(prefix, "-.")
	}
	d.what = kind + " " + strconv.Quote(o.name)
	if o.name == "" {
		d.what = kind
		d.invalid(v, "no metadata.name")
	} else if kind != "Inventory" {
		if bad := validation.IsDNS1123Subdomain(o.name); len(bad) > 0 && !strings.Contains(o.name, ":") {
			d.invalid(meta.get("name"), "invalid name: %s", short(bad[0]))
		}
	}
	if decode(r, v, o); o.value != nil && o.name != "" {
		r.objects = append(r.objects, o)
	}
	r.diags = append(r.diags, d.diags...)
}

// unknown remembers custom resources that run pods, which no other object shows.
func (r *reader) unknown(v view, kind string) {
	if v.get("spec", "template", "spec", "containers").n != nil {
		r.pods = append(r.pods, skip{name: kind + " " + v.get("metadata", "name").text(), pos: v.pos()})
	}
}

// decoderOf returns what reads objects of group/kind, and nil for the kinds that
// say nothing about who reaches whom.
func decoderOf(kind string) func(r *reader, v view, o *object) {
	switch kind {
	case "/Namespace":
		return readNamespace
	case "/Node":
		return readNode
	case "/ConfigMap":
		return readConfigMap
	case "/Service":
		return readService
	case "/Pod", "/ReplicationController", "apps/Deployment", "apps/StatefulSet", "apps/DaemonSet", "apps/ReplicaSet",
		"extensions/Deployment", "extensions/DaemonSet", "extensions/ReplicaSet", "batch/Job", "batch/CronJob":
		return readWorkload
	case "networking.k8s.io/Ingress", "extensions/Ingress":
		return readIngress
	case "networking.k8s.io/NetworkPolicy":
		return readPolicy
	case "networking.k8s.io/ServiceCIDR":
		return readServiceCIDR
	case "gateway.networking.k8s.io/HTTPRoute", "gateway.networking.k8s.io/GRPCRoute", "gateway.networking.k8s.io/TCPRoute",
		"gateway.networking.k8s.io/TLSRoute", "gateway.networking.k8s.io/UDPRoute":
		return readRoute
	case "monitoring.coreos.com/ServiceMonitor", "monitoring.coreos.com/PodMonitor":
		return readMonitor
	case "apiextensions.k8s.io/CustomResourceDefinition":
		return readCRD
	case "apiregistration.k8s.io/APIService":
		return readAPIService
	case "admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration":
		return readWebhooks
	case "kubeteus.dev/Inventory":
		return readSnapshot
	}
	return nil
}

// labels returns a mapping of labels and refuses those that the API server would.
func (v view) labels() map[string]string {
	out := v.strings()
	for _, p := range v.pairs() {
		if bad := validation.IsQualifiedName(p.key); len(bad) > 0 {
			v.d.invalid(p.value, "invalid label key %q: %s", p.key, short(bad[0]))
		} else if bad := validation.IsValidLabelValue(out[p.key]); len(bad) > 0 {
			v.d.invalid(p.value, "invalid value of label %s: %s", p.key, short(bad[0]))
		}
	}
	return out
}

// short leaves the examples and the regular expression out of a message of
// package validation.
func short(message string) string {
	message, _, _ = strings.Cut(message, " (e.g.")
	return message
}

// portNumber returns a port number, and 0 where there is none.
func (v view) portNumber() int {
	if !v.there() {
		return 0
	}
	n, ok := v.integer()
	if !ok || n < 1 || n > 65535 {
		v.d.invalid(v, "port %s is not a number from 1 to 65535", strconv.Quote(v.text()))
		return 0
	}
	return n
}

// protocol returns TCP, the API's default, where none is said.
func (v view) protocol() string {
	switch p := v.text(); p {
	case "":
		return "TCP"
	case "TCP", "UDP", "SCTP":
		return p
	default:
		v.d.invalid(v, "protocol %q is not TCP, UDP or SCTP", p)
		return "TCP"
	}
}

// prefix returns the CIDR of v.
func (v view) prefix() (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(v.text())
	if err != nil {
		v.d.invalid(v, "%q is not a CIDR such as 10.0.0.0/16", v.text())
		return p, false
	}
	return p.Masked(), true
}

func readNamespace(_ *reader, v view, o *object) {
	o.cluster, o.namespace = true, ""
	o.value = &inventory.Namespace{Name: o.name, Labels: v.get("metadata", "labels").labels(), Origin: o.origin}
}

func readConfigMap(_ *reader, v view, o *object) {
	c := &configMap{}
	for _, p := range v.get("data").pairs() {
		if t := p.value.text(); t != "" {
			c.entries = append(c.entries, configEntry{p.key, t, p.value.pos()})
		}
	}
	slices.SortFunc(c.entries, func(a, b configEntry) int { return strings.Compare(a.key, b.key) })
	o.value = c
}

func readService(_ *reader, v view, o *object) {
	spec := v.get("spec")
	s := &inventory.Service{
		Name: o.name, Type: spec.get("type").text(), Headless: spec.get("clusterIP").text() == "None",
		ExternalName: spec.get("externalName").text(), Selector: spec.get("selector").labels(),
		Labels: v.get("metadata", "labels").labels(), Annotations: v.get("metadata", "annotations").strings(), Origin: o.origin,
	}
	switch s.Type {
	case "":
		s.Type = "ClusterIP"
	case "ClusterIP", "NodePort", "LoadBalancer":
	case "ExternalName":
		s.Selector = nil
	default:
		v.d.invalid(spec.get("type"), "unknown type %q", s.Type)
	}
	for _, p := range spec.get("ports").list() {
		port := inventory.ServicePort{Name: p.get("name").text(), Number: p.get("port").portNumber(), Protocol: p.get("protocol").protocol()}
		target := p.get("targetPort")
		if n, err := strconv.Atoi(target.text()); err != nil && target.there() {
			port.TargetName = target.text()
		} else if target.there() && n > 0 && n <= 65535 {
			port.TargetNumber = n
		} else if target.there() && n != 0 {
			target.portNumber()
		}
		if port.Number == 0 {
			if !p.get("port").there() {
				v.d.invalid(p, "a port without a number")
			}
			continue
		}
		for _, q := range s.Ports {
			if q.Number == port.Number && q.Protocol == port.Protocol {
				v.d.invalid(p, "port %d/%s twice", q.Number, q.Protocol)
			}
		}
		s.Ports = append(s.Ports, port)
	}
	o.value = s
}

// readPolicy leaves the decoding to package policy, and the places to the reader.
func readPolicy(r *reader, v view, o *object) {
	n := *v.n
	if !v.get("kind").there() { // an item of a NetworkPolicyList
		n.Content = append([]*yaml.Node{word("apiVersion"), word("networking.k8s.io/v1"), word("kind"), word("NetworkPolicy")}, n.Content...)
	}
	found, diags := policy.DecodeNode(r.file, &n)
	for _, d := range diags {
		if r.built {
			d.Pos = o.origin
		}
		r.diags = append(r.diags, d)
	}
	spec := v.get("spec")
	for _, p := range found {
		p.Origin = o.origin
		p.IngressAt, p.EgressAt = ruleOrigins(spec.get("ingress")), ruleOrigins(spec.get("egress"))
		o.value = &inventory.Policy{Object: p}
	}
}

func ruleOrigins(rules view) []diag.Position {
	if rules.n == nil || rules.n.Kind != yaml.SequenceNode {
		return nil
	}
	var out []diag.Position
	for _, c := range rules.list() {
		out = append(out, c.pos())
	}
	return out
}
