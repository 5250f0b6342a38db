package ir

import (
	"net/netip"

	"go4.org/netipx"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// Set is the rules of one intent set, before linking.
type Set struct {
	Name      string
	Namespace string // where unqualified names are looked up, and what implied isolation may close
	Explicit  bool   // isolation: explicit
	DNS       DNSMode
	Intents   []*Intent
}

// Intent is one statement with the rules it was read as. At gives the position
// of a byte of the statement; nil means that only Pos is known.
type Intent struct {
	Set       string
	Name      string
	Statement string
	Pos       diag.Position
	At        func(offset int) diag.Position
	Rules     []Rule
}

// Position returns the place of s in the intent's file.
func (i *Intent) Position(s Span) diag.Position {
	if i.At == nil || s == (Span{}) {
		return i.Pos
	}
	return i.At(s.Start)
}

// Program is every rule of every intent set, bound to an inventory.
type Program struct {
	Inventory *inventory.Inventory
	Rules     []*Bound
}

// Bound is a Rule whose names are objects of the inventory. Allow or Close is
// set, as in Rule. Implied says why the rule exists where no statement said it:
// "" for a stated rule, else "isolation", "dns" or "ingress".
type Bound struct {
	Intent  *Intent
	Set     *Set
	Implied string
	Allow   *BoundAllow
	Close   *BoundClose
	Span    Span
}

// BoundAllow is an Allow whose parties are linked. Ports depend on the
// destination, since a Service port is another pod port on every workload.
type BoundAllow struct {
	From, To []*Party
	Ports    PortMap
	About    End
}

// BoundClose is a Close whose parties are linked.
type BoundClose struct {
	End     End
	Subject []*Party
	Scope   []BoundTraffic // empty: all traffic
	Except  []BoundTraffic
	Firm    bool
	DNS     DNSMode
}

// BoundTraffic is Traffic whose parties are linked. No Peers: anybody.
type BoundTraffic struct {
	Peers []*Party
	Ports PortMap
}

// PortMap is what a list of ports means at each destination: Per for declared
// workloads, Default for everything else. Any means every port and protocol,
// those that no PortSet can hold included. Names holds the port names said.
type PortMap struct {
	Any     bool
	Per     map[*inventory.Workload]PortSet
	Default PortSet
	Said    []Port
}

// On returns the ports at a destination.
func (m PortMap) On(e Endpoint) PortSet {
	if m.Any {
		return AllPorts()
	}
	if s, ok := m.Per[e.Workload]; ok && e.Workload != nil {
		return s
	}
	return m.Default
}

// Party is a Peer linked to an inventory. Workloads are the declared workloads
// that it means (host-network ones excluded), Addrs the addresses of a CIDR.
type Party struct {
	Peer      Peer
	Workloads []*inventory.Workload
	Addrs     *netipx.IPSet
	Minus     []*Party

	means map[*inventory.Workload]bool
	facts *Addresses
}

// Addresses sorts the addresses of a cluster by what they are.
type Addresses struct {
	Pods, Services, Nodes *netipx.IPSet
}

// Endpoint is one class of parties of a flow: the pods of a workload, pods that
// nobody declared, or addresses that are no pods.
type Endpoint struct {
	Workload  *inventory.Workload  // nil: no declared workload
	Namespace *inventory.Namespace // nil: no pod
	Labels    map[string]string    // the pod's labels
	Addr      netip.Addr           // one address of the class, if no pod
}

// IsPod says whether e is a pod.
func (e Endpoint) IsPod() bool { return e.Namespace != nil }

// String returns namespace/workload, "a pod of NAMESPACE that nobody declared",
// or the address.
func (e Endpoint) String() string {
	switch {
	case e.Workload != nil:
		return e.Workload.Ref()
	case e.Namespace != nil:
		return "an undeclared pod of " + e.Namespace.Name
	default:
		return e.Addr.String()
	}
}

// Flow is one connection attempt: source, destination, and the destination's
// pod port after Service translation.
type Flow struct {
	From, To Endpoint
	Protocol string // one of Protocols
	Port     int
}
