package names

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// How a shortlist is drawn up.
//
// A model that is shown a whole cluster finds little in it, and one that is not
// shown what the statement means cannot say it. So a statement's words decide
// what is shown, in this order:
//
//   - Runs of words are looked up as keys (names.go), the longest first: "redis
//     cart service", then "redis cart", then "redis". What a run means follows
//     the rules of Find: names of the set's own namespace and of namespaces that
//     the statement speaks of win; else names elsewhere and weak meanings (label
//     values, last parts of names, products) in these namespaces. These are
//     *pointed at*, and the run is a Mention.
//   - A Mention is strong if the words are something's own name. It is not if the
//     language needs the words anyway ("let", "all", "service") and nothing sets
//     them apart, if they stand where a verb or a port does ("may search", "the web
//     port"), if they are a part of a longer word that names nothing
//     ("redis-cart-v2"), if they make another name with the word after them ("the
//     cart database"), or if they overlap an earlier run.
//   - Runs inside a run, weaker meanings beside a name, words that are a part of
//     a name, words that are one or two slips from one name, and what the
//     statement before speaks of are *extras*: reasons to show something, not to
//     count on it. Where the statement says "it" or "these pods", what the last
//     statement spoke of is pointed at instead.
//   - A label value that a large group bears is listed as the label, which says
//     the whole group; its workloads are extras. So are those of smaller groups
//     where all would not fit. A namespace is listed as a
//     namespace, never as what lives in it.
//
// The score is the tier's, then a little for the namespace and for each further
// word that gives a reason; so no number of weak reasons outranks a name, and no
// number of guesses a weak reason.
//
// Nothing is cut silently. All that is pointed at has to fit the budget, or the
// error TooMany says so and in whose words; the intent is refused and its author
// can name a namespace. A list cut at the budget would leave out the one that was
// meant as likely as any other, and a model would take the nearest thing left.
// Extras fill what remains, up to half of the budget, best first, and stop at the
// first that does not fit: they are guesses, and those left out are worse ones.
//
// A word costs a few map lookups, and what it means is found once however often
// it is said. Words inside of names and slips need a look at all names; only the
// first maxGuesses words that nothing knows are worth it.

const (
	// DefaultBudget is the budget in tokens where none is given.
	DefaultBudget = 4000

	maxStatement = 64 << 10 // bytes
	maxRun       = 12       // atoms of one name
	maxGuesses   = 64       // words per statement that are compared with all names
	maxWord      = 63       // bytes of such a word: the longest label of a DNS name
	maxCommon    = 400      // workloads elsewhere that one part of a name may stand for
	maxBack      = 8        // statements that "it" may look back
)

// Scores of the tiers, and what is added and taken away. The steps from a name to
// a variant of it, to the weak tiers and to guesses are wider than all that can be
// added; the weak tiers are nearly equal.
var tierScore = [...]int{Exact: 1000, Variant: 900, Label: 720, Head: 700, Product: 680}

const (
	compoundScore = 640
	partScore     = 300 // and up to 100 by how much of the name the words are
	slipScore     = 260
	contextScore  = 100
	extraLess     = 200 // a tier's match that is no more than an extra
	ownMore       = 60
	spokenMore    = 40
	evidenceMore  = 5
	evidenceLimit = 25
)

// Shortlist returns the part of the inventory that a statement of a set in
// namespace can be about, in at most budget tokens (0: DefaultBudget). before
// holds the set's earlier statements. The error is a *TooMany.
func (x *Index) Shortlist(statement, namespace string, before []string, budget int) (*Shortlist, error) {
	if budget <= 0 {
		budget = DefaultBudget
	}
	if len(statement) > maxStatement {
		return nil, &TooMany{Needed: Tokens(statement), Budget: budget}
	}
	f := x.finder(statement, namespace)
	f.read()
	f.look(before)
	return f.fit(budget)
}

// reason is one candidate: a workload and why it is one.
type reason struct {
	w      *inventory.Workload
	score  int
	direct bool // pointed at: never left out
	named  bool // and not only by the value of a label
	count  int  // words that give a reason
	hits   int  // parts of its name that are words of the statement
}

// finder draws up one shortlist.
type finder struct {
	x         *Index
	v         *vocabulary
	s         string
	namespace string
	atoms     []atom
	chunks    []chunk
	spoken    map[string]bool // namespaces that the statement speaks of
	wide      bool            // it speaks of other namespaces, or of all of them
	spaces    map[string]bool // to be listed
	found     map[*inventory.Workload]*reason
	order     []*reason // found, as it was found
	mentions  []mention
	meanings  map[string]*meaning
	guesses   map[string]*meaning // of words that nothing knows
	said      said
	pairs     map[[2]string]bool // keys and values that were looked up
}

// mention is a Mention before refs are made of it.
type mention struct {
	start, end int
	meaning    *meaning
	spaces     []string
	strong     bool
}

// meaning is what a run of words points at.
type meaning struct {
	direct []*inventory.Workload
	soft   []*inventory.Workload // the same, but said by a label as well
	extras []*inventory.Workload
	scores map[*inventory.Workload]int
	labels []string // "key=value" of matched values
	strong bool
	refs   []string // of the workloads that were kept
	done   bool     // refs are made
}

func (x *Index) finder(statement, namespace string) *finder {
	return &finder{x: x, v: x.vocabulary(), s: statement, namespace: namespace, atoms: atoms(statement), chunks: chunks(statement), spoken: map[string]bool{},
		spaces: map[string]bool{}, found: map[*inventory.Workload]*reason{}, meanings: map[string]*meaning{}, guesses: map[string]*meaning{}, said: newSaid(), pairs: map[[2]string]bool{}}
}

// read finds all that the statement itself gives a reason for.
func (f *finder) read() {
	f.sayings()
	f.wide = f.speaksWidely()
	f.speaksOf()
	f.names()
	f.guess()
}

// consider notes a reason for w.
func (f *finder) consider(w *inventory.Workload, score int, direct bool) *reason {
	switch {
	case w.Namespace == f.namespace:
		score += ownMore
	case f.spoken[w.Namespace]:
		score += spokenMore
	}
	r := f.found[w]
	if r == nil {
		r = &reason{w: w}
		f.found[w] = r
		f.order = append(f.order, r)
	}
	r.score = max(r.score, score)
	r.direct = r.direct || direct
	r.count++
	return r
}

// take notes what a run means; pointed says that it points there.
func (f *finder) take(m *meaning, pointed bool) {
	less := 0
	if !pointed {
		less = extraLess
	}
	for _, w := range m.direct {
		r := f.consider(w, m.scores[w]-less, pointed)
		r.named = r.named || pointed && m.scores[w] != tierScore[Label]
	}
	for _, w := range m.soft {
		f.consider(w, m.scores[w]-less, false)
	}
	for _, w := range m.extras {
		f.consider(w, m.scores[w]-extraLess, false)
	}
	for _, l := range m.labels {
		f.said.labels[l] = true
	}
}

// home is how near a namespace is: 2 the set's own, 1 one that the statement
// speaks of, 0 any other. Without either, all are equally near.
func (f *finder) home(namespace string) int {
	switch {
	case namespace == f.namespace && namespace != "":
		return 2
	case f.spoken[namespace]:
		return 1
	}
	return 0
}

// means looks a key up. only restricts it to one namespace ("" does not).
func (f *finder) means(key, only string) *meaning {
	id := key + "\x00" + only
	m, ok := f.meanings[id]
	if !ok {
		m = f.lookUp(key, only)
		f.meanings[id] = m
	}
	return m
}

// keyed returns the entries of a key and of its singular.
func (x *Index) keyed(key string) []entry {
	es := x.entries[key]
	if s := x.plural(key); s != "" {
		es = es[:len(es):len(es)]
		for _, e := range x.entries[s] {
			if e.tier == Exact {
				e.tier = Variant
			}
			es = append(es, e)
		}
	}
	return es
}

// lookUp sorts a key's entries into what it points at and what is an extra, by
// the rules of Find, but for several namespaces at once.
func (f *finder) lookUp(key, only string) *meaning {
	es := f.x.keyed(key)
	if len(es) == 0 {
		return nil
	}
	best := map[string]Tier{}
	strong, any := [3]bool{}, [3]bool{} // by home
	for _, e := range es {
		ns := e.namespace()
		if t, ok := best[ns]; !ok || e.tier < t {
			best[ns] = e.tier
		}
		any[f.home(ns)] = true
		if e.tier <= Variant {
			strong[f.home(ns)] = true
		}
	}
	nowhere := f.namespace == "" && len(f.spoken) == 0
	m := &meaning{scores: map[*inventory.Workload]int{}}
	var direct, extras []entry
	for _, e := range es {
		ns := e.namespace()
		home, is := f.home(ns), e.tier <= Variant
		var pointed, extra bool
		switch {
		case only != "":
			pointed = ns == only
		case is && home > 0:
			pointed = true
		case is:
			pointed, extra = !strong[2] && !strong[1], f.wide
		case home == 2:
			pointed, extra = !strong[2], true
		case home == 1:
			pointed, extra = !strong[2] && !strong[1], true
		case nowhere:
			pointed, extra = !strong[0], true
		default:
			extra = f.wide || !strong[0] && !any[1] && !any[2]
		}
		switch {
		case pointed && e.tier == best[ns]:
			direct = append(direct, e)
			m.strong = m.strong || is
		case pointed || extra:
			extras = append(extras, e)
		}
	}
	f.fill(m, direct, extras)
	if len(m.direct)+len(m.soft)+len(m.extras) == 0 {
		return nil
	}
	return m
}

// largeGroup is how many workloads of one label value are listed one by one
// though the label says them all.
const largeGroup = 24

// fill puts the workloads of entries into m.
func (f *finder) fill(m *meaning, direct, extras []entry) {
	type group struct{ namespace, key, value string }
	size := map[group]int{}
	for _, e := range direct {
		if e.tier == Label {
			size[group{e.namespace(), e.key, e.value}]++
		}
	}
	seen := map[*inventory.Workload]int{} // 1 extra, 2 soft, 3 direct
	put := func(e entry, rank int) {
		if e.tier == Label && !volatile(e.key) && (rank > 1 || !m.strong && f.home(e.namespace()) > 0) {
			m.labels = append(m.labels, e.key+"="+e.value)
		}
		for _, w := range f.x.workloadsOf(e) {
			m.scores[w] = max(m.scores[w], tierScore[e.tier])
			seen[w] = max(seen[w], rank)
		}
	}
	for _, e := range direct {
		rank := 3
		if size[group{e.namespace(), e.key, e.value}] > largeGroup {
			rank = 2
		}
		put(e, rank)
	}
	for _, e := range extras {
		put(e, 1)
	}
	m.labels = distinct(m.labels)
	for w, rank := range seen {
		to := [...]*[]*inventory.Workload{1: &m.extras, 2: &m.soft, 3: &m.direct}[rank]
		*to = append(*to, w)
	}
	for _, ws := range []*[]*inventory.Workload{&m.direct, &m.soft, &m.extras} {
		f.x.sort(*ws)
	}
}

func (x *Index) workloadsOf(e entry) []*inventory.Workload {
	if e.service != nil {
		return x.selected[e.service]
	}
	return []*inventory.Workload{e.workload}
}

// sort puts workloads in the inventory's order.
func (x *Index) sort(ws []*inventory.Workload) {
	slices.SortFunc(ws, func(a, b *inventory.Workload) int { return cmp.Compare(x.inv.Index(a), x.inv.Index(b)) })
}

// look adds what earlier statements speak of. Where the statement refers back,
// what the last of them points at that points at anything is pointed at, and what
// those before it do are extras: the referring words are a mention of all. Else
// what the last one points at is an extra. Labels are taken from all of them:
// "Allow connections from web." goes on about the pods that an earlier one said.
func (f *finder) look(before []string) {
	back, refers := f.refersBack()
	m := &meaning{scores: map[*inventory.Workload]int{}}
	spaces := map[string]bool{}
	for k := len(before) - 1; k >= max(0, len(before)-maxBack); k-- {
		if len(before[k]) > maxStatement {
			break
		}
		g := f.x.finder(before[k], f.namespace)
		g.read()
		maps.Copy(f.said.labels, g.said.labels)
		maps.Copy(f.said.spaceLabels, g.said.spaceLabels)
		if refers || k == len(before)-1 {
			maps.Copy(f.said.cidrs, g.said.cidrs)
			maps.Copy(f.said.domains, g.said.domains)
			maps.Copy(f.said.accounts, g.said.accounts)
			f.context(g, m, refers)
		}
		if refers {
			maps.Copy(spaces, g.spoken)
		}
	}
	f.x.sort(m.direct)
	f.x.sort(m.extras)
	maps.Copy(f.spaces, spaces)
	if len(m.direct)+len(spaces) > 0 {
		f.mentions = append(f.mentions, mention{start: back.start, end: back.end, meaning: m, spaces: sorted(spaces)})
	}
}

// context takes what an earlier statement points at.
func (f *finder) context(g *finder, m *meaning, refers bool) {
	first := len(m.direct) == 0
	for _, r := range g.order {
		if !r.direct {
			continue
		}
		pointed := refers && first
		c := f.consider(r.w, contextScore, pointed)
		c.named = c.named || pointed
		switch {
		case pointed:
			m.direct = append(m.direct, r.w)
		case refers && !slices.Contains(m.direct, r.w):
			m.extras = append(m.extras, r.w)
		}
	}
}

// refersBack returns the first word that stands for something said before. "its"
// and "nobody else" after a name are about that name.
func (f *finder) refersBack() (atom, bool) {
	named := len(f.s)
	for _, m := range f.mentions {
		if m.strong {
			named = min(named, m.end)
		}
	}
	for i, a := range f.atoms {
		if a.taken || a.quoted {
			continue
		}
		next := atom{}
		if i+1 < len(f.atoms) {
			next = f.atoms[i+1]
		}
		refers := false
		switch a.key {
		case "it", "itself", "they", "them", "themselves", "these", "those", "latter", "former", "ones":
			refers = true
		case "this", "same":
			refers = next.class == kindNoun || next.key == "one" || next.key == "port" || next.key == "ports"
		case "its", "their", "else", "there":
			refers = a.start < named
		}
		if refers {
			return a, true
		}
	}
	return atom{}, false
}

// speaksWidely says whether the statement is about other namespaces than those
// that it names.
func (f *finder) speaksWidely() bool {
	for i, a := range f.atoms {
		switch a.key {
		case "cluster":
			if f.space(i) && f.space(i+1) && (i+1 == len(f.atoms) || f.atoms[i+1].key != "dns" && f.atoms[i+1].key != "s") {
				return true
			}
		case "everywhere", "elsewhere", "wherever":
			return true
		case "namespace", "namespaces", "ns":
			for _, b := range f.atoms[max(0, i-2):i] {
				if strings.Contains(" any all every other another different each both across ", " "+b.key+" ") {
					return true
				}
			}
		}
	}
	return false
}
