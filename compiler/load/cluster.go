package load

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// facts is what one object says of the cluster as a whole.
type facts struct {
	pods, services, nodes []netip.Prefix
	groups                []string
	calls                 []*inventory.Call
	dns                   *inventory.DNS
}

func readNode(_ *reader, v view, o *object) {
	f := &facts{}
	cidrs := v.get("spec", "podCIDRs").list()
	if one := v.get("spec", "podCIDR"); len(cidrs) == 0 && one.there() {
		cidrs = []view{one}
	}
	f.pods = prefixes(cidrs)
	for _, a := range v.get("status", "addresses").list() {
		if a.get("type").text() != "InternalIP" {
			continue
		}
		address := a.get("address")
		ip, err := netip.ParseAddr(address.text())
		if err != nil {
			v.d.invalid(address, "%q is not an IP address", address.text())
			continue
		}
		f.nodes = append(f.nodes, netip.PrefixFrom(ip, ip.BitLen()))
	}
	o.cluster, o.namespace, o.value = true, "", f
}

func readServiceCIDR(_ *reader, v view, o *object) {
	o.cluster, o.namespace = true, ""
	o.value = &facts{services: prefixes(v.get("spec", "cidrs").list())}
}

func prefixes(list []view) []netip.Prefix {
	var out []netip.Prefix
	for _, c := range list {
		if p, ok := c.prefix(); ok {
			out = append(out, p)
		}
	}
	return out
}

// SnapshotVersion is the apiVersion of kubeteus's own snapshot, kind Inventory.
const SnapshotVersion = "kubeteus.dev/v1alpha1"

// readSnapshot reads kubeteus's own kind. Unlike a Kubernetes object it is
// decoded strictly: it is ours, and a misspelt key would silently be a fact less.
func readSnapshot(r *reader, v view, o *object) {
	if version := v.get("apiVersion"); version.text() != SnapshotVersion {
		v.d.invalid(version, "unknown version %q: %s is the one that is read", version.text(), SnapshotVersion)
		return
	}
	if o.name == "" { // a snapshot needs no name
		o.name = "inventory"
		v.d.diags, v.d.what = nil, "Inventory"
	}
	known(v, "apiVersion", "kind", "metadata", "spec")
	spec := v.get("spec")
	known(spec, "podCIDRs", "serviceCIDRs", "nodeCIDRs", "dns", "objects")
	f := &facts{
		pods: prefixes(spec.get("podCIDRs").list()), services: prefixes(spec.get("serviceCIDRs").list()), nodes: prefixes(spec.get("nodeCIDRs").list()),
	}
	if dns := spec.get("dns"); dns.there() {
		f.dns = snapshotDNS(dns)
	}
	nested := &reader{file: r.file, at: r.at}
	for _, item := range spec.get("objects").list() {
		if item.get("apiVersion").text() == "" || item.get("kind").text() == "" {
			v.d.invalid(item, "not a Kubernetes object: it needs apiVersion and kind")
			continue
		}
		nested.document(item.n)
	}
	r.objects = append(r.objects, nested.objects...)
	r.diags = append(r.diags, nested.diags...)
	r.pods = append(r.pods, nested.pods...)
	r.foreign = append(r.foreign, nested.foreign...)
	o.cluster, o.namespace, o.value = true, "", f
}

func known(v view, keys ...string) {
	for _, p := range v.pairs() {
		if !slices.Contains(keys, p.key) {
			v.d.invalid(p.value, "unknown key %q: keys are %s", p.key, strings.Join(keys, ", "))
		}
	}
}

func snapshotDNS(v view) *inventory.DNS {
	known(v, "namespace", "labels", "ports")
	dns := &inventory.DNS{Namespace: v.get("namespace").str(), Labels: v.get("labels").labels()}
	if dns.Namespace == "" || len(dns.Labels) == 0 {
		v.d.invalid(v, "dns needs namespace and labels")
	}
	for _, p := range v.get("ports").list() {
		number, protocol, _ := strings.Cut(p.text(), "/")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > 65535 || protocol != "UDP" && protocol != "TCP" {
			v.d.invalid(p, "%q is not a port such as 53/UDP", p.text())
			continue
		}
		dns.Ports = append(dns.Ports, inventory.Port{Number: n, Protocol: protocol})
	}
	if len(dns.Ports) == 0 {
		dns.Ports = defaultDNSPorts(53)
	}
	return dns
}

func defaultDNSPorts(number int) []inventory.Port {
	return []inventory.Port{{Name: "dns", Number: number, Protocol: "UDP"}, {Name: "dns-tcp", Number: number, Protocol: "TCP"}}
}

// assumedDNS is where kubeadm, and with it most clusters, keep cluster DNS.
func assumedDNS() inventory.DNS {
	return inventory.DNS{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}, Ports: defaultDNSPorts(53), Assumed: true}
}

// findDNS looks for the cluster's DNS pods: behind the Service that the kubelet
// points pods at, whose name differs between distributions, or by the label that
// they carry in all of them. Pod ports count, not the Service's.
func findDNS(inv *inventory.Inventory) (inventory.DNS, bool) {
	var best *inventory.Service
	bestRank := 0
	for _, s := range inv.Services {
		if rank := dnsRank(s); rank > bestRank {
			best, bestRank = s, rank
		}
	}
	if best != nil {
		return behind(inv, best), true
	}
	for _, w := range inv.Workloads {
		if w.Namespace != "kube-system" || w.Labels["k8s-app"] != "kube-dns" {
			continue
		}
		dns := inventory.DNS{Namespace: w.Namespace, Labels: map[string]string{"k8s-app": "kube-dns"}}
		for _, p := range w.Ports {
			if p.Number == 53 || strings.HasPrefix(p.Name, "dns") && p.Name != "dns-local" && p.Protocol != "SCTP" {
				dns.Ports = append(dns.Ports, p)
			}
		}
		if len(dns.Ports) == 0 {
			dns.Ports = defaultDNSPorts(53)
		}
		return dns, true
	}
	return inventory.DNS{}, false
}

// dnsRank says how surely s is the cluster's DNS Service; 0: it is not.
func dnsRank(s *inventory.Service) int {
	serves := slices.ContainsFunc(s.Ports, func(p inventory.ServicePort) bool { return p.Number == 53 && p.Protocol == "UDP" })
	switch {
	case !serves || len(s.Selector) == 0:
		return 0
	case s.Namespace == "openshift-dns" && s.Name == "dns-default":
		return 5
	case s.Namespace != "kube-system":
		return 0
	case s.Name == "kube-dns":
		return 4
	case s.Name == "coredns":
		return 3
	case s.Labels["k8s-app"] == "kube-dns":
		return 2
	case strings.Contains(s.Name, "coredns"):
		return 1
	}
	return 0
}

func behind(inv *inventory.Inventory, s *inventory.Service) inventory.DNS {
	dns := inventory.DNS{Namespace: s.Namespace, Labels: s.Selector}
	pods := inv.Backends(s)
	for _, p := range s.Ports {
		if p.Number != 53 {
			continue // metrics
		}
		var numbers []int
		for _, w := range pods {
			if n, ok := p.PodPort(w); ok && !slices.Contains(numbers, n) {
				numbers = append(numbers, n)
			}
		}
		if len(numbers) == 0 { // no pod shows the port of that name
			switch {
			case p.TargetNumber != 0:
				numbers = []int{p.TargetNumber}
			case s.Namespace == "openshift-dns":
				numbers = []int{5353}
			default:
				numbers = []int{53}
			}
		}
		for _, n := range numbers {
			dns.Ports = append(dns.Ports, inventory.Port{Name: p.Name, Number: n, Protocol: p.Protocol})
		}
	}
	return dns
}
