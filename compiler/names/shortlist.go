package names

// Shortlist is the part of an inventory that one statement can be about, and
// what the statement itself says of ports, labels and addresses. It is all that
// a model is told, and all that its answer may choose from. It holds plain
// values, so that it can be rewritten with stand-ins for names.
type Shortlist struct {
	Statement  string
	Namespace  string // the intent set's, "" if it has none
	Namespaces []ShortNamespace
	Workloads  []ShortWorkload
	Mentions   []Mention // what in the statement points where, by offset

	// What an answer may select by, as the statement has it and the inventory or
	// common usage know it. Sorted, without twins.
	Ports           []string // "6379", "8000-8010", or a port's name
	Protocols       []string // TCP, UDP, SCTP, ICMP: those that the statement says
	Labels          []string // pod labels: "key=value", or "key" alone
	NamespaceLabels []string // the same of namespaces
	CIDRs           []string // canonical prefixes; a single address is a /32 or /128
	Domains         []string // "example.com", "*.example.com"
	ServiceAccounts []string // "namespace/name"

	Tokens int // estimated size of the shortlist as a prompt has it
}

// ShortNamespace is one namespace that the statement can be about.
type ShortNamespace struct {
	Name   string
	Labels []string // "key=value", sorted
}

// ShortWorkload is one workload that the statement can be about.
type ShortWorkload struct {
	Namespace, Name string
	Kind            string   // set only where two workloads share namespace and name
	Labels          []string // "key=value" of the pod template, sorted; no hashes
	Ports           []string // what it listens on: "6379/TCP", "grpc 7070/TCP"
	Services        []string // Services in front of it, with their ports: "redis-cart 6379/TCP", "web http 80/TCP, metrics 9102/TCP"
	Score           int      // higher is likelier; ties are broken by name
}

// Ref is the workload's name in prompts and answers: namespace/name, with the
// kind in front where two workloads share it ("StatefulSet shop/db").
func (w ShortWorkload) Ref() string {
	ref := w.Namespace + "/" + w.Name
	if w.Kind != "" {
		return w.Kind + " " + ref
	}
	return ref
}

// Mention is a run of words of the statement that points at something.
type Mention struct {
	Start, End int      // bytes of Statement
	Workloads  []string // refs, sorted
	Namespaces []string // names, sorted
	// Strong: the words are a thing's own name (tiers Exact and Variant) and not
	// a word of the language that something happens to be called.
	Strong bool
}
