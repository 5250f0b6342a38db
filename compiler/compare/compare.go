// Package compare says who reaches whom in one state of a cluster and not in
// another, and what made it so: which statements, and which policies.
//
// A state is an inventory with the policies over it. The two need not have the
// same workloads: flows with an end that only one of them has are told apart from
// those that a policy, a label or a port lets pass or blocks. Besides the workloads
// and outside, what policies that differ name is looked at: ranges of addresses, pods
// that nobody declared, and ports. Only numbers of other protocols than TCP that no
// policy names, and the inside of a range of ports, are not. The package decides no
// flow: package reach does. It reads no files and words no report.
package compare

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// State is one side. Program is what the statements want, nil where it is not
// known: then policies alone are named as causes.
type State struct {
	Inventory *inventory.Inventory
	Engine    *reach.Engine
	Program   *ir.Program
}

// Kind says on which side flows pass.
type Kind int

const (
	Gained   Kind = iota // after and not before, both ends being there at both sides
	Lost                 // before and not after, likewise
	Arrived              // after, and an end is only there then
	Departed             // before, and an end is only there then
	Kept                 // at both sides, beside what was gained and lost
	kinds
)

// Group is flows of one kind and cause: from any of From to any of To on Ports.
// A long list is shortened: "shop/*" is every workload of a namespace that was
// looked at, "shop/* but shop/a, shop/b" every one but these.
type Group struct {
	Kind     Kind
	From, To []string
	Ports    string // "TCP 80, 443", "TCP 80 and every other", AnyPort or DeclaredPort
	Cause    Cause
}

// Ports of a group whose destinations' own ports differ: all of them and every
// other, or all that each declares.
const (
	AnyPort      = "every port"
	DeclaredPort = "every declared port"
)

// Outside is the party that stands for the addresses that are neither pods nor
// Services nor nodes.
const Outside = "outside"

// Cause is what made flows pass, or not: in words, by the statements (set/name)
// and by the policies.
type Cause struct {
	Why     string
	Intents []string
	Objects []*policy.Object
}

// Changes are the flows that differ, by kind, and what was looked at.
type Changes struct {
	Groups    [kinds][]Group
	Pairs     [kinds]int // ordered pairs of parties, Kept excluded
	Workloads int
	New, Gone []string // workloads of one side only
	// Hosts are workloads that moved to the host network, where no policy closes
	// them any more.
	Hosts []string
	// Looked are the ports that each party was looked at on, by its name. Other
	// stands among them for every port that nobody names.
	Looked map[string][]inventory.Port
	Other  inventory.Port
	Notes  []string
}

// maxPorts is how many ports of one destination are looked at: the bits of a word.
const maxPorts = 64 // Other is one of them

// States compares two states.
func States(before, after State) *Changes {
	c := &comparison{states: [2]State{before, after}, out: &Changes{}}
	c.prepare()
	c.choose()
	c.collect(c.cells())
	return c.out
}

const (
	was = 0
	is  = 1
)

// comparison is the work on one pair of states.
type comparison struct {
	states  [2]State
	parties []party
	lookups [2]lookup
	same    map[string]bool // by key: the policies that both sides have alike
	causes  causes
	out     *Changes
}

// party is a workload at one side or at both; outside; or what a policy that
// differs names and no workload is (see peers.go), which is there at both sides.
type party struct {
	name, namespace string
	at              [2]*inventory.Workload
	ports           []inventory.Port // sorted, but for Other, which is the last
	fixed           [2]*ir.Endpoint  // of what is no workload
	address         bool             // outside, or a range of addresses
}

// there says whether the party is there at a side.
func (p *party) there(side int) bool { return p.fixed[side] != nil || p.at[side] != nil }

// workload says whether the party is one.
func (p *party) workload() bool { return p.fixed[is] == nil }

// all is the mask of all of the party's ports.
func (p *party) all() uint64 { return 1<<len(p.ports) - 1 } // 64 ports: wraps to all ones

// others is the mask of Other.
func (p *party) others() uint64 { return 1 << (len(p.ports) - 1) }

// words are the ports of a mask. Where flows are lost, every other port goes
// without saying beside all that are looked at, and where it stays these are lost
// "only"; where flows are gained, it is said.
func (p *party) words(kind Kind, mask uint64) string {
	var set ir.PortSet
	for i, port := range p.ports[:len(p.ports)-1] {
		if mask>>i&1 == 1 {
			set = set.Union(ir.Ports(port.Protocol, port.Number, port.Number))
		}
	}
	loss := kind == Lost || kind == Departed
	switch others := mask&p.others() != 0; {
	case others && set.Empty():
		return "every other port"
	case loss && !others && mask == p.all()&^p.others():
		return set.String() + " only"
	case others && !(mask == p.all() && (loss || kind == Kept)):
		return set.String() + " and every other"
	}
	return set.String()
}

// lookup is a side's reachability: the class of each party, -1 where it is not.
type lookup struct {
	space *reach.Space
	class []int
}

// choose lists the parties: the workloads of either side, and outside.
func (c *comparison) choose() {
	index := map[string]int{}
	plain := map[string]int{}
	hosts := 0
	for side, s := range c.states {
		for _, w := range s.Inventory.Workloads {
			if w.HostNetwork {
				hosts += side // those of the later side are told
				continue
			}
			key := w.Ref() + "\x00" + w.Kind
			i, ok := index[key]
			if !ok {
				i = len(c.parties)
				index[key] = i
				plain[w.Ref()]++
				c.parties = append(c.parties, party{name: w.Ref(), namespace: w.Namespace})
			}
			c.parties[i].at[side] = w
			c.parties[i].ports = Union(c.parties[i].ports, Ports(s.Inventory, w))
		}
	}
	c.rekinded(plain)
	c.hosts()
	named := c.namedPorts()
	silent, cut := 0, 0
	for i := range c.parties {
		p := &c.parties[i]
		if plain[p.name] > 1 {
			for _, w := range p.at {
				if w != nil {
					p.name = w.Ref() + " (" + w.Kind + ")"
				}
			}
		}
		if len(p.ports) == 0 {
			silent++
			p.ports = []inventory.Port{Undeclared}
		}
		// What a policy that differs names is looked at first.
		declared := p.ports
		p.ports = Union(named[i], nil)
		for _, port := range declared {
			if len(p.ports) < maxPorts-1 {
				p.ports = Union(p.ports, []inventory.Port{port})
			}
		}
		if len(p.ports) > maxPorts-1 {
			p.ports = p.ports[:maxPorts-1]
		}
		if len(Union(declared, named[i])) > len(p.ports) {
			cut++
		}
		switch {
		case p.at[was] == nil:
			c.out.New = append(c.out.New, p.name)
		case p.at[is] == nil:
			c.out.Gone = append(c.out.Gone, p.name)
		}
	}
	slices.SortFunc(c.parties, func(a, b party) int { return cmp.Compare(a.name, b.name) })
	slices.Sort(c.out.New)
	slices.Sort(c.out.Gone)
	c.out.Workloads = len(c.parties)
	address := ir.Endpoint{Addr: Address(c.states[was].Inventory.Facts, c.states[is].Inventory.Facts)}
	c.parties = append(c.parties, party{name: Outside, fixed: [2]*ir.Endpoint{&address, &address}, address: true,
		ports: Union(c.outsidePorts(), []inventory.Port{{Number: 443, Protocol: "TCP"}})})
	more := c.peers(address)
	c.other()
	c.note(silent, cut, hosts, more, address.Addr)
	for side := range c.states {
		c.lookups[side] = c.look(side)
	}
}

// rekinded makes one party of a workload that is of another kind at the later side:
// a Deployment that became a StatefulSet is still there, and what it lets in now is
// gained, and did not come with a new workload.
func (c *comparison) rekinded(plain map[string]int) {
	byName := map[string][]int{}
	for i, p := range c.parties {
		byName[p.name] = append(byName[p.name], i)
	}
	gone := map[int]bool{}
	for name, i := range byName {
		if len(i) != 2 || c.parties[i[0]].at[is] != nil || c.parties[i[1]].at[was] != nil {
			continue // the earlier side's are listed first
		}
		first, second := &c.parties[i[0]], c.parties[i[1]]
		first.at[is] = second.at[is]
		first.ports = Union(first.ports, second.ports)
		gone[i[1]] = true
		plain[name] = 1
	}
	kept := c.parties[:0]
	for i, p := range c.parties {
		if !gone[i] {
			kept = append(kept, p)
		}
	}
	c.parties = kept
}

func (c *comparison) note(silent, cut, hosts, more int, address netip.Addr) {
	notes := []string{"a workload is looked at on the ports that its containers and Services declare and that policies which differ name, and on one that stands for every other",
		fmt.Sprintf("outside is the address %s, looked at on TCP 443 and what policies which differ name", address)}
	if more > 0 {
		notes = append(notes, fmt.Sprintf("%d more peers of policies which differ are not looked at", more))
	}
	for _, n := range []struct {
		n     int
		words string
	}{
		{silent, "without a declared port, looked at on TCP 80"},
		{cut, fmt.Sprintf("with more ports than %d, looked at on some of them", maxPorts-1)},
		{hosts, "on the host network, which policies cannot select, left out"},
	} {
		if n.n == 1 {
			notes = append(notes, "1 workload is "+n.words)
		} else if n.n > 1 {
			notes = append(notes, fmt.Sprintf("%d workloads are %s", n.n, n.words))
		}
	}
	c.out.Notes = notes
}

// look puts the parties of a side under its policies.
func (c *comparison) look(side int) lookup {
	l := lookup{class: make([]int, len(c.parties))}
	var endpoints []ir.Endpoint
	var of []int
	for i, p := range c.parties {
		l.class[i] = -1
		switch {
		case p.fixed[side] != nil:
			endpoints = append(endpoints, *p.fixed[side])
		case p.at[side] != nil:
			endpoints = append(endpoints, c.endpoint(side, i))
		default:
			continue
		}
		of = append(of, i)
	}
	l.space = c.states[side].Engine.Over(endpoints)
	for k, i := range of {
		l.class[i] = l.space.Of[k]
	}
	return l
}

// endpoint is a party as a side's engine knows it.
func (c *comparison) endpoint(side, i int) ir.Endpoint {
	p := &c.parties[i]
	if p.fixed[side] != nil {
		return *p.fixed[side]
	}
	w := p.at[side]
	return ir.Endpoint{Workload: w, Namespace: c.states[side].Inventory.Namespace(w.Namespace), Labels: w.Labels}
}
