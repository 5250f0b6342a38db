package names

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// vocabulary is what Shortlist needs beyond the index: names by their parts and
// by their length, labels by key and value, port names. It is built at the first
// Shortlist, since readers that only look up names do without.
type vocabulary struct {
	parts      map[string][]*inventory.Workload // stem of a part of a name
	spaceParts map[string][]*inventory.Namespace
	partList   []part // distinct, sorted: for words inside of parts
	byLength   map[int][]spelling
	services   map[*inventory.Workload][]*inventory.Service
	twins      map[*inventory.Workload]bool // shares namespace and name with another kind
	portNames  map[string][]string          // key -> names
	pods       labelWords
	spaces     labelWords
}

// part is a part of a name: as it is a key of parts, and without a kind noun.
type part struct{ key, bare string }

// spelling is a key that a slip may have been meant for. mask has a bit for each
// character, so that most words are ruled out without comparing them.
type spelling struct {
	key  string
	mask uint64
}

// labelWords are the labels of pods or of namespaces, by folded keys and values.
type labelWords struct {
	pairs  map[[2]string][]string // folded key and value -> "key=value"
	keys   map[string][]string    // folded key -> keys
	values map[string][]string    // folded value -> "key=value"
}

// vocabulary returns x's, which it builds once.
func (x *Index) vocabulary() *vocabulary {
	x.once.Do(func() { x.words = newVocabulary(x) })
	return x.words
}

func newVocabulary(x *Index) *vocabulary {
	v := &vocabulary{parts: map[string][]*inventory.Workload{}, spaceParts: map[string][]*inventory.Namespace{}, byLength: map[int][]spelling{},
		services: map[*inventory.Workload][]*inventory.Service{}, twins: map[*inventory.Workload]bool{}, portNames: map[string][]string{}}
	ws := x.inv.Workloads
	for i, w := range ws {
		for _, p := range distinct(split(w.Name)) {
			v.parts[stem(p)] = append(v.parts[stem(p)], w)
		}
		if i > 0 && ws[i-1].Namespace == w.Namespace && ws[i-1].Name == w.Name {
			v.twins[ws[i-1]], v.twins[w] = true, true
		}
	}
	for _, n := range x.inv.Namespaces {
		for _, p := range distinct(split(n.Name)) {
			v.spaceParts[stem(p)] = append(v.spaceParts[stem(p)], n)
		}
	}
	for _, s := range x.inv.Services {
		for _, w := range x.selected[s] {
			v.services[w] = append(v.services[w], s)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.parts)) {
		v.partList = append(v.partList, part{key, bare(key)})
	}
	v.spellings(x)
	v.ports(x.inv)
	v.pods = newLabelWords(func(yield func(map[string]string) bool) {
		for _, w := range ws {
			if !yield(w.Labels) {
				return
			}
		}
	})
	v.spaces = newLabelWords(func(yield func(map[string]string) bool) {
		for _, n := range x.inv.Namespaces {
			if !yield(n.Labels) {
				return
			}
		}
	})
	return v
}

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// bare cuts a kind noun off a part in which no character divides the words:
// "productcatalogservice".
func bare(key string) string {
	for _, noun := range []string{"microservice", "service", "svc", "server", "app"} {
		if cut, ok := strings.CutSuffix(key, noun); ok && len(cut) > 2 {
			return cut
		}
	}
	return key
}

func (v *vocabulary) spellings(x *Index) {
	add := func(key string) {
		v.byLength[len(key)] = append(v.byLength[len(key)], spelling{key, mask(key)})
	}
	for key, es := range x.entries {
		if slices.ContainsFunc(es, func(e entry) bool { return e.tier == Exact }) {
			add(key)
		}
	}
	for key := range x.namespaces {
		if x.entries[key] == nil {
			add(key)
		}
	}
	for _, list := range v.byLength {
		slices.SortFunc(list, func(a, b spelling) int { return cmp.Compare(a.key, b.key) })
	}
}

func mask(s string) uint64 {
	var m uint64
	for i := 0; i < len(s); i++ {
		m |= 1 << (s[i] % 64)
	}
	return m
}

func (v *vocabulary) ports(inv *inventory.Inventory) {
	seen := map[string]bool{}
	add := func(name string) {
		if name != "" && !seen[name] {
			seen[name] = true
			v.portNames[Key(name)] = append(v.portNames[Key(name)], name)
		}
	}
	for _, w := range inv.Workloads {
		for _, p := range w.Ports {
			add(p.Name)
		}
	}
	for _, s := range inv.Services {
		for _, p := range s.Ports {
			add(p.Name)
		}
	}
}

func newLabelWords(each func(func(map[string]string) bool)) labelWords {
	l := labelWords{pairs: map[[2]string][]string{}, keys: map[string][]string{}, values: map[string][]string{}}
	seen := map[[2]string]bool{}
	for labels := range each {
		for k, value := range labels {
			if seen[[2]string{k, value}] || volatile(k) {
				continue
			}
			seen[[2]string{k, value}] = true
			pair, folded := k+"="+value, Key(value)
			l.keys[Key(k)] = append(l.keys[Key(k)], k)
			l.values[folded] = append(l.values[folded], pair)
			l.pairs[[2]string{Key(k), folded}] = append(l.pairs[[2]string{Key(k), folded}], pair)
			if i := strings.LastIndexByte(k, '/'); i >= 0 { // "component cart" is app.kubernetes.io/component=cart
				short := [2]string{Key(k[i+1:]), folded}
				l.pairs[short] = append(l.pairs[short], pair)
			}
		}
	}
	for k := range l.keys {
		l.keys[k] = distinct(l.keys[k])
	}
	for _, m := range l.values {
		slices.Sort(m)
	}
	for _, m := range l.pairs {
		slices.Sort(m)
	}
	return l
}

// volatile says whether a label's value changes with every rollout or differs
// between the pods of one workload.
func volatile(key string) bool {
	return strings.HasSuffix(key, "-hash") || key == "pod-template-generation" || key == "statefulset.kubernetes.io/pod-name" || key == "apps.kubernetes.io/pod-index" ||
		key == "batch.kubernetes.io/controller-uid" || key == "controller-uid"
}

// nearest returns the keys that word may be a slip of: those at the least
// distance, one edit for short words and two for long ones.
func (v *vocabulary) nearest(word string) []string {
	limit := 1
	if len(word) >= 8 {
		limit = 2
	}
	m := mask(word)
	var out []string
	for n := len(word) - limit; n <= len(word)+limit; n++ {
		for _, s := range v.byLength[n] {
			if onesOver(s.mask&^m, limit) || onesOver(m&^s.mask, limit) {
				continue
			}
			switch d := Distance(word, s.key, limit); {
			case d < limit:
				limit, out = d, []string{s.key}
			case d == limit:
				out = append(out, s.key)
			}
		}
	}
	return distinct(out)
}

func onesOver(m uint64, limit int) bool {
	for ; m != 0; m &= m - 1 {
		if limit--; limit < 0 {
			return true
		}
	}
	return false
}
