package reach

import (
	"fmt"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// index evaluates selectors and blocks over the classes of a space, each once.
type index struct {
	s          *Space
	labels     map[string]*carriers
	namespaces map[string]Set // name -> pods
	selectors  map[string]Set // pod selector -> pods
	spaces     map[string]Set // namespace selector -> pods
	blocks     map[string]Set
	none       Set
}

func newIndex(s *Space) *index {
	x := &index{s: s, labels: map[string]*carriers{}, namespaces: map[string]Set{}, selectors: map[string]Set{}, spaces: map[string]Set{},
		blocks: map[string]Set{}, none: newSet(len(s.Classes))}
	s.pods.Each(func(i int) {
		name := s.Classes[i].Namespace.Name
		if x.namespaces[name] == nil {
			x.namespaces[name] = newSet(len(s.Classes))
		}
		x.namespaces[name].add(i)
	})
	return x
}

// inNamespace returns the pods of a namespace. The result is not to be changed.
func (x *index) inNamespace(name string) Set {
	if s := x.namespaces[name]; s != nil {
		return s
	}
	return x.none
}

// pods returns the pods that a pod selector selects in any namespace.
func (x *index) pods(s selector) Set {
	k := s.key()
	if set := x.selectors[k]; set != nil {
		return set
	}
	set := x.s.pods.clone()
	for _, r := range s {
		x.narrow(set, r)
	}
	x.selectors[k] = set
	return set
}

// carriers are the pods that have a label key: all of them, and by value.
type carriers struct {
	all    Set
	values map[string]Set
}

func (x *index) carriers(key string) *carriers {
	if c := x.labels[key]; c != nil {
		return c
	}
	c := &carriers{all: x.none.clone(), values: map[string]Set{}}
	x.s.pods.Each(func(i int) {
		v, ok := x.s.Classes[i].Labels[key]
		if !ok {
			return
		}
		c.all.add(i)
		if c.values[v] == nil {
			c.values[v] = x.none.clone()
		}
		c.values[v].add(i)
	})
	x.labels[key] = c
	return c
}

// narrow takes the pods that do not meet r out of set.
func (x *index) narrow(set Set, r ir.Requirement) {
	c := x.carriers(r.Key)
	in := x.none.clone()
	for _, v := range r.Values {
		in.or(c.values[v])
	}
	switch r.Operator {
	case ir.In:
		set.and(in)
	case ir.NotIn:
		set.andNot(in)
	case ir.Exists:
		set.and(c.all)
	default:
		set.andNot(c.all)
	}
}

// within returns the pods of the namespaces that a namespace selector selects.
func (x *index) within(s selector) Set {
	k := s.key()
	if set := x.spaces[k]; set != nil {
		return set
	}
	set := x.none.clone()
	for _, pods := range x.namespaces {
		first := -1
		pods.Each(func(i int) {
			if first < 0 {
				first = i
			}
		})
		if first >= 0 && s.meets(x.s.Classes[first].Namespace.Labels) {
			set.or(pods)
		}
	}
	x.spaces[k] = set
	return set
}

// peers returns everything that the peers of r match, nil for everybody.
func (x *index) peers(c *compiled, r rule) Set {
	if r.all {
		return nil
	}
	out := x.none.clone()
	for _, p := range r.peers {
		if p.block != nil {
			out.or(x.block(p))
			continue
		}
		var set Set
		if p.namespaces == nil {
			set = x.inNamespace(c.namespace).clone()
		} else {
			set = x.within(*p.namespaces).clone()
		}
		set.and(x.pods(p.pods))
		out.or(set)
	}
	return out
}

func (x *index) block(p peer) Set {
	k := p.blockKey()
	if set := x.blocks[k]; set != nil {
		return set
	}
	set := x.none.clone()
	for i, e := range x.s.Classes {
		if x.s.engine.covers(p, e) {
			set.add(i)
		}
	}
	x.blocks[k] = set
	return set
}

func (p peer) blockKey() string {
	var b strings.Builder
	for _, r := range p.block.Ranges() {
		b.WriteString(r.String() + " ")
	}
	fmt.Fprint(&b, p.coversNodes)
	return b.String()
}

// peersKey is equal for rules whose peers match the same endpoints.
func (x *index) peersKey(c *compiled, r rule) string {
	if r.all {
		return "*"
	}
	var b strings.Builder
	for _, p := range r.peers {
		switch {
		case p.block != nil:
			b.WriteString("\x03b" + p.blockKey())
		case p.namespaces == nil:
			b.WriteString("\x03o" + c.namespace + "\x03" + p.pods.key())
		default:
			b.WriteString("\x03n" + p.namespaces.key() + "\x03" + p.pods.key())
		}
	}
	return b.String()
}

// key is equal for port lists that match the same ports everywhere.
func (p ports) key() string {
	if p.any {
		return "*"
	}
	return fmt.Sprint(p.numbers, p.names)
}
