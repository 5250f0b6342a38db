package names

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// run is atoms [i, j) that are one key.
type run struct {
	i, j int
	key  string
}

// runs calls known with every run that begins at atom i, shortest first, and
// returns those that it accepts. A slash and whatever is no joiner end a run.
func (f *finder) runs(i int, known func(key []byte) bool) []run {
	var out []run
	var key []byte
	digits := true
	for j := i; j < len(f.atoms) && j < i+maxRun; j++ {
		a := f.atoms[j]
		if a.taken || j > i && (a.glue == 0 || a.glue == '/' || a.quoted != f.atoms[i].quoted) {
			break
		}
		key = append(key, a.key...)
		if len(key) > f.x.longest+8 {
			break
		}
		digits = digits && strings.Trim(a.key, "0123456789") == ""
		if !digits && known(key) {
			out = append(out, run{i, j + 1, string(key)})
		}
	}
	return out
}

// space says whether the atoms at i-1 and i are two words.
func (f *finder) space(i int) bool {
	return i <= 0 || i >= len(f.atoms) || f.atoms[i].glue == ' ' || f.atoms[i].glue == 0
}

// whole says whether a run begins and ends where words do. Namespaces in front
// of it or behind it ("shop/web", "web.shop.svc") and a kind noun ("web-pods") are
// no part of the word.
func (f *finder) whole(r run) bool {
	before, behind := r.i, r.j
	for !f.space(before) {
		if f.atoms[before].glue != '/' {
			return false
		}
		for before--; before > r.i-maxRun && !f.space(before) && f.atoms[before].glue != '/'; before-- {
		}
		if before <= r.i-maxRun {
			return false
		}
	}
	if f.space(behind) || f.atoms[behind].glue == '/' {
		return true
	}
	if f.domain(r) != "" {
		return true
	}
	for ; !f.space(behind); behind++ {
		if f.atoms[behind].class != kindNoun || behind > r.j+2 {
			return false
		}
	}
	return true
}

// domain is the namespace of a Service's DNS name that begins with r.
func (f *finder) domain(r run) string {
	if r.j >= len(f.atoms) || f.atoms[r.j].glue != '.' {
		return ""
	}
	for _, q := range slices.Backward(f.runs(r.j, func(key []byte) bool { return f.x.namespaces[string(key)] != nil })) {
		if q.j >= len(f.atoms) || f.space(q.j) || f.atoms[q.j].key == "svc" {
			return f.x.namespaces[q.key][0].Name
		}
	}
	return ""
}

// ordinary says whether the language needs the words of r whatever they name: no
// quotes, no "called" and no hyphen sets them apart.
func (f *finder) ordinary(r run) class {
	least := function
	for k := r.i; k < r.j; k++ {
		least = min(least, f.atoms[k].class)
		if k > r.i && f.atoms[k].glue != ' ' {
			return open
		}
	}
	edge := max(f.atoms[r.i].class, f.atoms[r.j-1].class)
	if r.j-r.i > 1 && edge == function { // "the me" is no theme
		least = max(least, kindNoun)
	}
	if f.atoms[r.i].quoted || r.i > 0 && (f.atoms[r.i-1].key == "called" || f.atoms[r.i-1].key == "named") && f.atoms[r.i].glue == ' ' {
		return open
	}
	return least
}

// kube says whether r is what every cluster has: "the Kubernetes API server".
func (f *finder) kube(r run) bool {
	if f.atoms[r.i].key != "api" || r.i == 0 || f.atoms[r.i].glue == 0 {
		return false
	}
	before := f.atoms[r.i-1].key
	return before == "kubernetes" || before == "kube" || before == "k8s" || before == "cluster" || before == "s" && r.i > 1 && f.atoms[r.i-2].key == "cluster"
}

// verb says whether r is one word where a verb stands: "may search the catalog",
// "in order to".
func (f *finder) verb(r run) bool {
	if r.i == 0 || r.j-r.i > 1 || f.atoms[r.i].quoted || f.atoms[r.i].glue != ' ' || !f.space(r.j) {
		return false
	}
	at := func(k int) string {
		if k < 0 || k >= len(f.atoms) {
			return ""
		}
		return f.atoms[k].key
	}
	before := at(r.i - 1)
	if before == "not" {
		before = at(r.i - 2)
	}
	switch before {
	case "may", "can", "must", "should", "shall", "will", "could", "might", "would", "cannot":
		return true
	}
	return f.atoms[r.i].key == "order" && before == "in" && at(r.j) == "to"
}

// portName says whether r is the name of a port: "its web port", "statsd metrics".
func (f *finder) portName(r run) bool {
	if len(f.v.portNames[r.key]) == 0 && !ir.WellKnownPort(r.key) {
		return false
	}
	if r.i > 0 && f.space(r.i) {
		if w := f.atoms[r.i-1].key; w == "port" || w == "ports" {
			return true
		}
	}
	if r.j >= len(f.atoms) || f.atoms[r.j].glue != ' ' {
		return false
	}
	switch f.atoms[r.j].key {
	case "port", "ports", "protocol", "traffic", "metrics", "requests", "connections", "calls", "queries", "packets", "messages":
		return true
	}
	return false
}

// speaksOf finds the namespaces that the statement speaks of.
func (f *finder) speaksOf() {
	if f.x.inv.Namespace(f.namespace) != nil {
		f.spaces[f.namespace] = true
	}
	end := 0
	for i := range f.atoms {
		rs := f.runs(i, func(key []byte) bool { return f.x.namespaces[string(key)] != nil })
		if len(rs) == 0 {
			f.partOfSpace(i)
			continue
		}
		r := rs[len(rs)-1]
		if r.j <= end {
			continue
		}
		cue, c := f.namespaceCue(r), f.ordinary(r)
		overlap := r.i < end
		end = r.j
		strong := (cue || c == open) && !overlap && (f.whole(r) || f.domainEnd(r))
		m := mention{start: f.atoms[r.i].start, end: f.atoms[r.j-1].end, strong: strong, meaning: &meaning{}}
		for _, n := range f.x.namespaces[r.key] {
			f.spaces[n.Name] = true
			m.spaces = append(m.spaces, n.Name)
			if cue || c == open {
				f.spoken[n.Name] = true
			}
		}
		f.mentions = append(f.mentions, m)
	}
}

// domainEnd says whether r is the namespace of a Service's DNS name.
func (f *finder) domainEnd(r run) bool {
	return !f.space(r.i) && f.atoms[r.i].glue == '.' && (f.space(r.j) || f.atoms[r.j].key == "svc")
}

func isNamespace(key string) bool { return key == "namespace" || key == "namespaces" || key == "ns" }

// namespaceCue says whether the words beside r make it a namespace: "namespace
// x", "the x namespace", "in x".
func (f *finder) namespaceCue(r run) bool {
	at := func(k int) string {
		if k < 0 || k >= len(f.atoms) {
			return ""
		}
		return f.atoms[k].key
	}
	k := r.i - 1
	for at(k) == "the" || at(k) == "called" || at(k) == "named" {
		k--
	}
	return isNamespace(at(k)) && f.space(r.i) || r.j < len(f.atoms) && f.atoms[r.j].glue == ' ' && isNamespace(at(r.j)) ||
		k == r.i-1 && (at(k) == "in" || at(k) == "inside" || at(k) == "within") && f.space(r.i)
}

// partOfSpace takes "the prod namespace" for namespaces with such a part.
func (f *finder) partOfSpace(i int) {
	a := f.atoms[i]
	if a.taken || a.class != open || !f.namespaceCue(run{i, i + 1, a.key}) || !f.space(i) {
		return
	}
	spaces := f.v.spaceParts[stem(a.key)]
	if len(spaces) == 0 {
		for _, key := range f.v.nearest(a.key) {
			spaces = append(spaces, f.x.namespaces[key]...)
		}
	}
	if len(spaces) == 0 || len(spaces) > 8 {
		return
	}
	m := mention{start: a.start, end: a.end, meaning: &meaning{}}
	for _, n := range spaces {
		f.spaces[n.Name], f.spoken[n.Name] = true, true
		m.spaces = append(m.spaces, n.Name)
	}
	f.mentions = append(f.mentions, m)
}

// names finds the workloads that runs of words point at.
func (f *finder) names() {
	spaces := map[[2]int]int{} // run -> its mention of namespaces
	for k, m := range f.mentions {
		spaces[[2]int{m.start, m.end}] = k
	}
	inNamespace := f.covered() // only namespaces are mentioned so far
	end, strong := 0, false
	for i := range f.atoms {
		rs := f.runs(i, func(key []byte) bool { return f.x.entries[string(key)] != nil || f.x.plural(string(key)) != "" })
		used := false
		for k, r := range slices.Backward(rs) {
			switch whole := f.space(r.i) && f.space(r.j); {
			case !whole && inNamespace[r.i] == strongly && inNamespace[r.j-1] == strongly && !f.whole(r):
			case !used && k == len(rs)-1 && r.j > end:
				if m := f.point(r, r.i < end, spaces); m != nil {
					end, used, strong = r.j, true, m.strong
				}
			case whole && f.ordinary(r) == open:
				f.inside(r, used && strong || r.j <= end && strong)
			}
		}
	}
}

// inside notes a run that is a part of a longer one. In a name, other names
// alone are worth it.
func (f *finder) inside(r run, inName bool) {
	m := f.means(r.key, f.qualifier(r))
	switch {
	case m == nil:
	case !inName:
		f.take(m, false)
	case m.strong:
		for _, w := range m.direct {
			if f.home(w.Namespace) > 0 {
				f.consider(w, m.scores[w]-extraLess, false)
			}
		}
	}
}

// point notes what r points at, and returns it if its words are used up.
func (f *finder) point(r run, overlap bool, spaces map[[2]int]int) *meaning {
	m := f.means(r.key, f.qualifier(r))
	if m == nil {
		return nil
	}
	c := f.ordinary(r)
	span := [2]int{f.atoms[r.i].start, f.atoms[r.j-1].end}
	whole := f.whole(r)
	if k, ok := spaces[span]; ok && f.namespaceCue(r) && f.mentions[k].strong {
		f.take(m, false) // the words say that it is the namespace
		return m
	}
	if c != open {
		m = f.plainly(m, c == kindNoun && !saysNothing(r.key))
	}
	if m == nil {
		return nil
	}
	compound := f.compound(r, c == open && m.strong)
	strong := !compound && m.strong && c == open && whole && !overlap && !f.kube(r) && !f.portName(r) && !f.verb(r)
	f.take(m, whole || c != open)
	if k, ok := spaces[span]; ok {
		f.mentions[k].meaning, f.mentions[k].strong = m, f.mentions[k].strong || strong
	} else {
		f.mentions = append(f.mentions, mention{start: span[0], end: span[1], meaning: m, strong: strong})
	}
	if c == open || r.j-r.i > 1 && c == kindNoun && f.atoms[r.i].class != function {
		return m
	}
	return nil
}

// plainly is what a word of the language points at: its own namespace's things
// of that very name, and with weak what else there may be called so.
func (f *finder) plainly(m *meaning, weak bool) *meaning {
	out := &meaning{scores: m.scores}
	for _, w := range m.direct {
		switch {
		case f.home(w.Namespace) == 0:
		case m.strong:
			out.direct = append(out.direct, w)
		case weak:
			out.extras = append(out.extras, w)
		}
	}
	if len(out.direct)+len(out.extras) == 0 {
		return nil
	}
	return out
}

// saysNothing says whether a kind noun is the end of too many names to mean one
// of them: all but "server".
func saysNothing(key string) bool {
	s := stem(key)
	return s != "server" && slices.Contains(kindNouns, s)
}

// qualifier is the one namespace that r is said to be in: "shop/web",
// "web.shop.svc", "shop's web", "web in shop", "web in the shop namespace".
func (f *finder) qualifier(r run) string {
	has := func(names []*inventory.Namespace) string {
		for _, n := range names {
			if m := f.within(r.key, n.Name); m {
				return n.Name
			}
		}
		return ""
	}
	if q := f.domain(r); q != "" && f.within(r.key, q) {
		return q
	}
	if r.i > 0 {
		k := r.i
		if a := f.atoms[k]; a.glue == '/' {
			return has(f.before(k))
		}
		if f.atoms[k-1].key == "s" && k > 1 && f.atoms[k].glue == ' ' && f.atoms[k-1].glue == 0 { // shop's web
			if q := has(f.before(k - 1)); q != "" {
				return q
			}
		}
	}
	at := func(k int) string {
		if k < len(f.atoms) && f.atoms[k].glue == ' ' {
			return f.atoms[k].key
		}
		return ""
	}
	k := r.j
	for classes[at(k)] == kindNoun {
		k++
	}
	if w := at(k); w != "in" && w != "inside" && w != "within" && w != "of" {
		return ""
	}
	for k++; (at(k) == "the" || isNamespace(at(k))) && at(k+1) != ""; k++ {
	}
	for _, q := range slices.Backward(f.runs(k, func(key []byte) bool { return f.x.namespaces[string(key)] != nil })) {
		if at(k) != "" {
			return has(f.x.namespaces[q.key])
		}
	}
	return ""
}

// before is the namespaces whose name ends before atom k.
func (f *finder) before(k int) []*inventory.Namespace {
	key := ""
	for i := k - 1; i >= 0 && i >= k-maxRun; i-- {
		key = f.atoms[i].key + key
		if n := f.x.namespaces[key]; n != nil && (f.space(i) || f.atoms[i].glue == '/') {
			return n
		}
		if f.space(i) && f.atoms[i].glue != ' ' {
			break
		}
	}
	return nil
}

// within says whether the key means anything in the namespace.
func (f *finder) within(key, namespace string) bool {
	return slices.ContainsFunc(f.x.keyed(key), func(e entry) bool { return e.namespace() == namespace })
}
