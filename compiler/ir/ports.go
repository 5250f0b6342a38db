package ir

import (
	"fmt"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// wellKnown maps names that people use for ports to the numbers registered or
// customary for them (IANA service names; the products' own defaults).
var wellKnown = map[string][]Port{
	"http": {{Protocol: "TCP", Number: 80}, {Protocol: "TCP", Number: 8080}}, "https": {{Protocol: "TCP", Number: 443}, {Protocol: "TCP", Number: 8443}},
	"dns": {{Protocol: "UDP", Number: 53}, {Protocol: "TCP", Number: 53}}, "ssh": {{Protocol: "TCP", Number: 22}},
	"smtp": {{Protocol: "TCP", Number: 25}}, "submission": {{Protocol: "TCP", Number: 587}}, "smtps": {{Protocol: "TCP", Number: 465}},
	"imap": {{Protocol: "TCP", Number: 143}}, "imaps": {{Protocol: "TCP", Number: 993}}, "ldap": {{Protocol: "TCP", Number: 389}},
	"ldaps": {{Protocol: "TCP", Number: 636}}, "ntp": {{Protocol: "UDP", Number: 123}}, "syslog": {{Protocol: "UDP", Number: 514}},
	"postgres": {{Protocol: "TCP", Number: 5432}}, "postgresql": {{Protocol: "TCP", Number: 5432}}, "mysql": {{Protocol: "TCP", Number: 3306}},
	"mariadb": {{Protocol: "TCP", Number: 3306}}, "redis": {{Protocol: "TCP", Number: 6379}}, "mongodb": {{Protocol: "TCP", Number: 27017}},
	"mongo": {{Protocol: "TCP", Number: 27017}}, "kafka": {{Protocol: "TCP", Number: 9092}}, "amqp": {{Protocol: "TCP", Number: 5672}},
	"memcached": {{Protocol: "TCP", Number: 11211}}, "elasticsearch": {{Protocol: "TCP", Number: 9200}}, "etcd": {{Protocol: "TCP", Number: 2379}},
	"statsd": {{Protocol: "UDP", Number: 8125}}, "nats": {{Protocol: "TCP", Number: 4222}}, "mqtt": {{Protocol: "TCP", Number: 1883}},
	"prometheus": {{Protocol: "TCP", Number: 9090}}, "telnet": {{Protocol: "TCP", Number: 23}}, "ftp": {{Protocol: "TCP", Number: 21}},
	"nfs": {{Protocol: "TCP", Number: 2049}}, "rdp": {{Protocol: "TCP", Number: 3389}},
}

// WellKnownPort says whether name is a name that people use for a port
// whatever the inventory holds ("https", "postgres").
func WellKnownPort(name string) bool { return wellKnown[name] != nil }

// plainPort is what a port means at a destination of which nothing is known:
// the number itself, TCP where no protocol is said (DNS's port: UDP and TCP),
// the first well-known number of a name.
func plainPort(p Port) PortSet {
	switch {
	case p.Name != "":
		var s PortSet
		for i, k := range wellKnown[p.Name] {
			if (p.Protocol == "" || p.Protocol == k.Protocol) && (i == 0 || k.Number == wellKnown[p.Name][0].Number) {
				s = s.Union(Ports(k.Protocol, k.Number, k.Number))
			}
		}
		return s
	case p.Number == 0:
		return Ports(p.Protocol, 1, 65535)
	case p.Protocol == "" && p.Number == 53 && p.End == 0:
		return Ports("UDP", 53, 53).Union(Ports("TCP", 53, 53))
	}
	protocol := p.Protocol
	if protocol == "" {
		protocol = "TCP"
	}
	return Ports(protocol, p.Number, max(p.Number, p.End))
}

// resolve returns the pod ports that port means on w (section 4.4), and whether
// w is known to listen there. A number is a Service port first, then a pod
// port; where it is both and the two differ, it is ambiguous.
func (l *linker) resolve(port Port, w *inventory.Workload) (PortSet, bool, error) {
	own, serviced := l.candidates(port, w)
	switch {
	case port.Number == 0 && port.Name == "":
		return plainPort(port), true, nil
	case port.End > 0:
		return l.portRange(port, w), true, nil
	case !serviced.Empty() && !own.Empty() && !own.Equal(serviced) && !serviced.Minus(own).Empty() && !own.Minus(serviced).Empty():
		return PortSet{}, false, fmt.Errorf("a Service translates it to %s, the pod itself has it at %s", serviced, own)
	case !serviced.Empty():
		return serviced, true, nil
	case !own.Empty():
		return own, true, nil
	case port.Name != "":
		set := l.wellKnownAt(port, w)
		return set, !set.Empty(), nil
	}
	// A workload that declares no port at all may listen anywhere:
	// containerPort is informational (core/v1 ContainerPort).
	silent := len(w.Ports) == 0 && len(l.inv.ServicesOf(w)) == 0
	return plainPort(port), silent, nil
}

// candidates returns what port means as a container port of w and as a port of
// the Services in front of it.
func (l *linker) candidates(port Port, w *inventory.Workload) (own, serviced PortSet) {
	is := func(name string, number int, protocol string) bool {
		if port.Protocol != "" && port.Protocol != protocol {
			return false
		}
		return port.Name != "" && name == port.Name || port.Name == "" && number == port.Number
	}
	for _, p := range w.Ports {
		if is(p.Name, p.Number, p.Protocol) {
			own = own.Union(Ports(p.Protocol, p.Number, p.Number))
		}
	}
	for _, s := range l.inv.ServicesOf(w) {
		for _, sp := range s.Ports {
			pod, ok := sp.PodPort(w)
			if !ok {
				continue
			}
			if is(sp.Name, sp.Number, sp.Protocol) {
				serviced = serviced.Union(Ports(sp.Protocol, pod, pod))
			} else if port.Name == "" && is("", pod, sp.Protocol) {
				own = own.Union(Ports(sp.Protocol, pod, pod))
			}
		}
	}
	return own, serviced
}

// portRange is a range as pod ports; without a protocol, those of the ports that
// w has in it, else TCP.
func (l *linker) portRange(port Port, w *inventory.Workload) PortSet {
	var s PortSet
	for _, p := range w.Ports {
		if port.Protocol == "" && p.Number >= port.Number && p.Number <= port.End {
			s = s.Union(Ports(p.Protocol, port.Number, port.End))
		}
	}
	if s.Empty() {
		s = plainPort(port)
	}
	return s
}

// wellKnownAt is the well-known numbers of a name that w really exposes.
func (l *linker) wellKnownAt(port Port, w *inventory.Workload) PortSet {
	var s PortSet
	for _, k := range wellKnown[port.Name] {
		if port.Protocol != "" && port.Protocol != k.Protocol {
			continue
		}
		own, serviced := l.candidates(Port{Number: k.Number, Protocol: k.Protocol}, w)
		if serviced.Empty() {
			serviced = own
		}
		if s.Empty() {
			s = serviced
		} else if k.Number == wellKnown[port.Name][0].Number {
			s = s.Union(serviced)
		}
	}
	return s
}

// exposed words the ports that workloads have, for hints.
func (l *linker) exposed(workloads []*inventory.Workload) string {
	var out []string
	for _, w := range workloads {
		for _, p := range w.Ports {
			name := fmt.Sprintf("%d/%s", p.Number, p.Protocol)
			if p.Name != "" {
				name = p.Name + " (" + name + ")"
			}
			out = append(out, name)
		}
		for _, s := range l.inv.ServicesOf(w) {
			for _, sp := range s.Ports {
				out = append(out, fmt.Sprintf("Service port %d/%s", sp.Number, sp.Protocol))
			}
		}
	}
	if len(out) == 0 {
		return ""
	}
	slices.Sort(out)
	return list(out, "and")
}
