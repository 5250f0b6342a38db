// Package ir holds the target-neutral meaning of statements: rules as a reader
// finds them (this file), the same rules bound to an inventory (link.go), what
// a program of them wants of a flow (wants.go, section 4.2 of the design), and
// their wording in plain English (describe.go).
//
// It lowers nothing and decides no policy: it is the yardstick that policies
// are held against.
package ir

import "net/netip"

// Span is a range of bytes of a statement: [Start, End). Both zero: unknown,
// as for rules that come from a lock.
type Span struct{ Start, End int }

// Rule is one Allow or one Close. Rules are symbolic: they name things as the
// inventory does, and never hold labels or ports that the statement did not
// say. They are what a lock records.
type Rule struct {
	Allow *Allow `json:"allow,omitempty"`
	Close *Close `json:"close,omitempty"`
}

// End is the end of a flow at which traffic is closed.
type End string

const (
	Ingress End = "ingress" // the destination's
	Egress  End = "egress"  // the source's
)

// Allow says that flows from any of From to any of To on any of Ports pass,
// end to end. No Ports means every port and protocol.
type Allow struct {
	From  []Peer `json:"from"`
	To    []Peer `json:"to"`
	Ports []Port `json:"ports,omitempty"`
	// About is the end that the sentence is about, which `isolation: implied`
	// closes softly (section 4.3). Empty: the sentence implies no isolation.
	About End  `json:"about,omitempty"`
	Span  Span `json:"-"`
}

// Close says that of the traffic at End of Subject, what lies in Scope (all of
// it if Scope is empty) is blocked, but for Except. A firm Close is stronger
// than every Allow, a soft one yields to the Allows of its own intent set.
type Close struct {
	End     End       `json:"end"`
	Subject []Peer    `json:"subject"`
	Scope   []Traffic `json:"scope,omitempty"`
	Except  []Traffic `json:"except,omitempty"`
	Firm    bool      `json:"firm,omitempty"`
	// DNS is what the statement itself says about name resolution when it
	// closes an egress: DNSKeep, DNSClose, or DNSAuto to leave it to the set.
	DNS  DNSMode `json:"dns,omitempty"`
	Span Span    `json:"-"`
}

// DNSMode is section 4.6.
type DNSMode string

const (
	DNSAuto  DNSMode = ""
	DNSKeep  DNSMode = "keep"
	DNSClose DNSMode = "close"
)

// Traffic is any of Peers (no Peers: anybody) on any of Ports (no Ports: any).
type Traffic struct {
	Peers []Peer `json:"peers,omitempty"`
	Ports []Port `json:"ports,omitempty"`
}

// PeerKind says what a Peer names.
type PeerKind string

const (
	Workload          PeerKind = "workload"           // Namespace, Name, and Type where two kinds share a name
	Pods              PeerKind = "pods"               // pods by namespace (In) and label (Labels); neither: every pod
	ServiceAccount    PeerKind = "service-account"    // Namespace, Name
	CIDR              PeerKind = "cidr"               // Prefix without Except; addresses that are no pods
	Domain            PeerKind = "domain"             // Name, perhaps with a leading "*."
	World             PeerKind = "world"              // every address that is no pod, no Service
	Host              PeerKind = "host"               // the nodes
	APIServer         PeerKind = "kube-apiserver"     //
	ClusterDNS        PeerKind = "cluster-dns"        // the cluster's DNS pods
	IngressController PeerKind = "ingress-controller" // the pods that outside traffic comes through
	Anybody           PeerKind = "anybody"            // every pod, every address
)

// Peer is one party as the statement names it.
type Peer struct {
	Kind      PeerKind       `json:"kind"`
	Namespace string         `json:"namespace,omitempty"`
	Name      string         `json:"name,omitempty"`
	Type      string         `json:"type,omitempty"`
	In        *Namespaces    `json:"in,omitempty"`
	Labels    []Requirement  `json:"labels,omitempty"`
	Prefix    netip.Prefix   `json:"prefix,omitzero"`
	Except    []netip.Prefix `json:"except,omitempty"`
	// Minus takes parties out of Pods, World or Anybody: "every pod but C".
	Minus []Peer `json:"minus,omitempty"`
	Span  Span   `json:"-"`
}

// Namespaces selects namespaces: those of Names (if any) that are not in Not
// and whose labels meet Labels. All empty: every namespace.
type Namespaces struct {
	Names  []string      `json:"names,omitempty"`
	Not    []string      `json:"not,omitempty"`
	Labels []Requirement `json:"labels,omitempty"`
}

// Operator is a label selector operator of metav1.LabelSelectorRequirement.
type Operator string

const (
	In           Operator = "In"
	NotIn        Operator = "NotIn" // also meets objects without the key
	Exists       Operator = "Exists"
	DoesNotExist Operator = "DoesNotExist"
)

// Requirement is one condition on labels; several are ANDed.
type Requirement struct {
	Key      string   `json:"key"`
	Operator Operator `json:"operator"`
	Values   []string `json:"values,omitempty"`
}

// Meets says whether labels meet r.
func (r Requirement) Meets(labels map[string]string) bool {
	v, ok := labels[r.Key]
	in := false
	for _, want := range r.Values {
		in = in || ok && v == want
	}
	switch r.Operator {
	case In:
		return in
	case NotIn:
		return !in
	case Exists:
		return ok
	default:
		return !ok
	}
}

// Port is a port as the statement says it: a number as the destination's
// Service or pod has it, a range Number..End, or a name; protocol "" where the
// statement names none. A Port with only a Protocol is all of that protocol.
type Port struct {
	Protocol string `json:"protocol,omitempty"` // TCP, UDP, SCTP, ICMP or ""
	Number   int    `json:"number,omitempty"`
	End      int    `json:"end,omitempty"`
	Name     string `json:"name,omitempty"`
	Span     Span   `json:"-"`
}
