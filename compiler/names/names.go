// Package names finds what words mean in an inventory: workloads, Services,
// namespaces and label values by the many ways people write their names, and
// the nearest name for one that nothing has.
//
// It never chooses between two equally good meanings: it returns both, and the
// reader refuses. It knows no grammar.
//
// # How words become keys
//
// A name is keyed by its letters and digits alone, so that "redis-cart",
// "redis cart", "RedisCart" and "rediscart" are one key; a run of words is
// keyed by joining them. Each object is filed under several keys, and each
// entry has a tier, from its name as it is written to its product:
//
//	Exact    its own name, or the name of a Service in front of it
//	Variant  plural or singular, a kind noun ("-service", "-deployment") cut off
//	Label    the value of one of its labels
//	Head     the last part of its name, as "leader" for redis-leader
//	Product  what its image is: "the database" for an image of postgres
//
// Exact and Variant are strong. A strong match in the namespace that is asked
// for wins; weak ones compete with strong matches of other namespaces.
package names

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// Tier ranks how a name was matched.
type Tier int

// The tiers, best first.
const (
	Exact Tier = iota
	Variant
	Label
	Head
	Product
)

// Match is one thing that words may mean. Workloads are what it comes to; Label
// is key and value where a label was matched; Service where a Service was.
type Match struct {
	Tier      Tier
	Namespace string
	Workloads []*inventory.Workload
	Service   *inventory.Service
	Key       string
	Value     string
}

type entry struct {
	tier     Tier
	workload *inventory.Workload
	service  *inventory.Service
	key      string
	value    string
}

// Index holds the vocabulary of an inventory.
type Index struct {
	inv        *inventory.Inventory
	entries    map[string][]entry
	namespaces map[string][]*inventory.Namespace
	ports      map[string]string
	selected   map[*inventory.Service][]*inventory.Workload
	longest    int
	accounts   map[string][]string // service account name -> namespaces
	names      []string            // for Nearest, sorted

	once  sync.Once
	words *vocabulary // see vocabulary.go
}

// Key joins the letters and digits of s in lower case.
func Key(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 'a' || c > 'z' {
			return strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) || unicode.IsDigit(r) {
					return unicode.ToLower(r)
				}
				return -1
			}, s)
		}
	}
	return s
}

// kindNouns end names without saying what the thing is for.
var kindNouns = []string{"service", "svc", "deployment", "deploy", "statefulset", "sts", "pod", "app", "workload", "daemonset", "server"}

// New builds the vocabulary.
func New(inv *inventory.Inventory) *Index {
	x := &Index{inv: inv, entries: make(map[string][]entry, 3*len(inv.Workloads)), namespaces: map[string][]*inventory.Namespace{}, ports: map[string]string{},
		selected: map[*inventory.Service][]*inventory.Workload{}, accounts: map[string][]string{}}
	for _, n := range inv.Namespaces {
		k := Key(n.Name)
		x.namespaces[k] = append(x.namespaces[k], n)
		x.name(n.Name)
	}
	for _, w := range inv.Workloads {
		x.workload(w)
	}
	x.services()
	slices.Sort(x.names)
	x.names = slices.Compact(x.names)
	return x
}

func (x *Index) name(s string) {
	x.names = append(x.names, s)
	x.longest = max(x.longest, len(s))
}

func (x *Index) add(key string, e entry) {
	if key != "" {
		x.entries[key] = append(x.entries[key], e)
	}
}

func (x *Index) workload(w *inventory.Workload) {
	x.name(w.Name)
	key := Key(w.Name)
	x.add(key, entry{tier: Exact, workload: w})
	for _, v := range variants(w.Name) {
		x.add(v, entry{tier: Variant, workload: w})
	}
	if i := strings.LastIndexByte(w.Name, '-'); i > 0 {
		x.add(Key(w.Name[i+1:]), entry{tier: Head, workload: w})
	}
	for k, v := range w.Labels {
		if vk := Key(v); vk != key && len(vk) > 1 && !strings.HasSuffix(k, "-hash") {
			x.add(vk, entry{tier: Label, workload: w, key: k, value: v})
		}
	}
	for _, word := range products(w) {
		if word != key {
			x.add(word, entry{tier: Product, workload: w})
		}
	}
	for _, p := range w.Ports {
		if p.Name != "" {
			x.ports[Key(p.Name)] = p.Name
		}
	}
	if ns := x.accounts[w.ServiceAccount]; !slices.Contains(ns, w.Namespace) {
		x.accounts[w.ServiceAccount] = append(ns, w.Namespace)
	}
}

// variants returns the other ways of writing a name: without its kind noun, and
// in the singular.
func variants(name string) []string {
	key, lower := Key(name), strings.ToLower(name)
	var out []string
	for _, noun := range kindNouns {
		if cut, ok := strings.CutSuffix(lower, noun); ok && len(Key(cut)) > 2 && (noun == "service" || strings.HasSuffix(cut, "-")) {
			out = append(out, Key(cut))
			break
		}
	}
	if s, ok := singular(key); ok {
		out = append(out, s)
	}
	if cut, ok := strings.CutSuffix(key, "db"); ok && len(cut) > 2 {
		out = append(out, cut+"database")
	} else if cut, ok := strings.CutSuffix(key, "database"); ok && len(cut) > 2 {
		out = append(out, cut+"db")
	}
	return out
}

// singular cuts a plural's ending off.
func singular(key string) (string, bool) {
	switch {
	case len(key) < 4 || strings.HasSuffix(key, "ss") || strings.HasSuffix(key, "us") || strings.HasSuffix(key, "is"):
		return "", false
	case strings.HasSuffix(key, "ies"):
		return key[:len(key)-3] + "y", true
	case strings.HasSuffix(key, "xes"), strings.HasSuffix(key, "ches"):
		return key[:len(key)-2], true
	case strings.HasSuffix(key, "s"):
		return key[:len(key)-1], true
	}
	return "", false
}

// services files Services under the workloads they select. Workloads are
// grouped by namespace and label first, so that thousands of Services do not
// each look at thousands of workloads.
func (x *Index) services() {
	type label struct{ namespace, key, value string }
	by := map[label][]*inventory.Workload{}
	for _, w := range x.inv.Workloads {
		for k, v := range w.Labels {
			by[label{w.Namespace, k, v}] = append(by[label{w.Namespace, k, v}], w)
		}
	}
	for _, s := range x.inv.Services {
		var best []*inventory.Workload
		first := true
		for k, v := range s.Selector {
			if ws := by[label{s.Namespace, k, v}]; first || len(ws) < len(best) {
				best, first = ws, false
			}
		}
		var out []*inventory.Workload
		for _, w := range best {
			ok := true
			for k, v := range s.Selector {
				got, has := w.Labels[k]
				ok = ok && has && got == v
			}
			if ok {
				out = append(out, w)
			}
		}
		x.selected[s] = out
		x.name(s.Name)
		x.add(Key(s.Name), entry{tier: Exact, service: s})
		for _, v := range variants(s.Name) {
			x.add(v, entry{tier: Variant, service: s})
		}
		for _, p := range s.Ports {
			if p.Name != "" {
				x.ports[Key(p.Name)] = p.Name
			}
		}
	}
}

// Selected returns the workloads that a Service selects.
func (x *Index) Selected(s *inventory.Service) []*inventory.Workload { return x.selected[s] }

// Port returns the name of a port that something in the inventory has.
func (x *Index) Port(word string) (string, bool) {
	p, ok := x.ports[Key(word)]
	return p, ok
}

// Namespaces returns the namespaces that the words name.
func (x *Index) Namespaces(words string) []*inventory.Namespace { return x.namespaces[Key(words)] }

// Accounts returns the namespaces in which pods run as that service account.
func (x *Index) Accounts(name string) []string { return x.accounts[name] }

// Known says whether the words are a key of anything at all.
func (x *Index) Known(words string) bool {
	k := Key(words)
	if len(k) > x.longest+8 {
		return false
	}
	return x.entries[k] != nil || x.namespaces[k] != nil || x.plural(k) != ""
}

func (x *Index) plural(k string) string {
	if s, ok := singular(k); ok && x.entries[s] != nil {
		return s
	}
	return ""
}

// Longest is the number of bytes of the longest name.
func (x *Index) Longest() int { return x.longest }

// Find returns what the words may mean, looked up from namespace ("" is none):
// one match if they mean one thing, several if they are ambiguous.
func (x *Index) Find(words, namespace string) []Match {
	k := Key(words)
	entries := x.entries[k]
	if s := x.plural(k); s != "" {
		for _, e := range x.entries[s] {
			if e.tier == Exact {
				e.tier = Variant
			}
			entries = append(entries[:len(entries):len(entries)], e)
		}
	}
	var own, other, weak []entry
	for _, e := range entries {
		ns := e.namespace()
		switch {
		case e.tier <= Variant && ns == namespace:
			own = append(own, e)
		case e.tier <= Variant:
			other = append(other, e)
		case ns == namespace || namespace == "":
			weak = append(weak, e)
		}
	}
	switch {
	case len(own) > 0:
		return x.matches(own)
	case len(other) == 0:
		return x.matches(weak)
	case len(weak) == 0:
		return x.matches(other)
	}
	return append(x.matches(other), x.matches(weak)...)
}

// In returns what the words mean inside one namespace.
func (x *Index) In(words, namespace string) []Match {
	var out []Match
	for _, m := range x.Find(words, namespace) {
		if m.Namespace == namespace {
			out = append(out, m)
		}
	}
	return out
}

func (e entry) namespace() string {
	if e.service != nil {
		return e.service.Namespace
	}
	return e.workload.Namespace
}

// matches keeps the best tier of each namespace and groups its entries.
func (x *Index) matches(es []entry) []Match {
	best := map[string]Tier{}
	for _, e := range es {
		if t, ok := best[e.namespace()]; !ok || e.tier < t {
			best[e.namespace()] = e.tier
		}
	}
	var out []Match
	for _, e := range es {
		if e.tier != best[e.namespace()] {
			continue
		}
		out = x.group(out, e)
	}
	out = slices.DeleteFunc(out, func(m Match) bool { return x.shadowed(out, m) })
	slices.SortStableFunc(out, func(a, b Match) int {
		return strings.Compare(a.Namespace+"\x00"+a.Key, b.Namespace+"\x00"+b.Key)
	})
	return out
}

func (x *Index) group(out []Match, e entry) []Match {
	m := Match{Tier: e.tier, Namespace: e.namespace(), Service: e.service, Key: e.key, Value: e.value}
	if e.service != nil {
		m.Workloads = x.selected[e.service]
		return append(out, m)
	}
	if e.tier == Label {
		for i := range out {
			if o := &out[i]; o.Tier == Label && o.Namespace == m.Namespace && o.Key == e.key && o.Value == e.value {
				o.Workloads = append(o.Workloads, e.workload)
				return out
			}
		}
	}
	m.Workloads = []*inventory.Workload{e.workload}
	return append(out, m)
}

// shadowed says whether m is said by another match as well: a Service in front
// of the workload of its name, a second label with the same pods.
func (x *Index) shadowed(all []Match, m Match) bool {
	for _, o := range all {
		if o.Namespace != m.Namespace || o.Tier != m.Tier {
			continue
		}
		switch {
		case m.Service != nil && o.Service == nil && o.Tier <= Variant && slices.Contains(m.Workloads, o.Workloads[0]):
			return true
		case m.Service != nil && o.Service != nil && o.Service.Name < m.Service.Name && slices.Equal(o.Workloads, m.Workloads):
			return true
		case m.Tier == Label && o.Key < m.Key && slices.Equal(o.Workloads, m.Workloads):
			return true
		}
	}
	return false
}
