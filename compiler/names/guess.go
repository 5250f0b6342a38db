package names

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// word is what stands between two spaces: one or several atoms.
type word struct {
	i, j int
	key  string
}

// guess looks at the words that no name covers: parts of names, slips, words
// inside of names written in one. They give weak mentions and extras.
func (f *finder) guess() {
	covered := f.covered()
	left := maxGuesses
	for i := 0; i < len(f.atoms); {
		w := word{i: i, j: i + 1, key: f.atoms[i].key}
		for w.j < len(f.atoms) && !f.space(w.j) && f.atoms[w.j].glue != '/' && !f.atoms[w.j].taken {
			if len(w.key) <= maxWord {
				w.key += f.atoms[w.j].key
			}
			w.j++
		}
		i = w.j
		if f.known(w, covered) {
			continue
		}
		if w.j-w.i > 1 { // as a whole first: "redis-crat"
			if m := f.guessed(w.key, false, &left); m != nil {
				f.weakly(w, m)
				continue
			}
		}
		for k := w.i; k < w.j; k++ {
			a := f.atoms[k]
			if covered[k] == strongly || a.class != open || strings.Trim(a.key, "0123456789") == "" {
				continue
			}
			if m := f.guessed(a.key, true, &left); m != nil {
				if covered[k] == weakly {
					f.part(m, false)
					continue
				}
				f.weakly(word{k, k + 1, a.key}, m)
			}
		}
	}
	for _, r := range f.order {
		if r.hits > 0 {
			r.score = max(r.score, partScore+f.nearness(r.w)+100*min(r.hits, 4)/max(4, len(split(r.w.Name))))
		}
	}
}

// compound says whether r, a name, and the word after it are together parts of
// another name near by: "the cart database" is carts-db, though there are carts.
// Then the two words are a weak mention of it, and the name by itself is none.
func (f *finder) compound(r run, name bool) bool {
	k := r.j
	if k+1 < len(f.atoms) && f.atoms[k].key == "s" && f.atoms[k].glue == 0 { // the cart's database
		k++
	}
	if !name || k >= len(f.atoms) || f.atoms[k].class != open || f.atoms[k].glue != ' ' || f.atoms[k].taken || !f.space(k+1) {
		return false
	}
	var found []*inventory.Workload
	for _, w := range f.byPart(f.atoms[k].key) {
		if f.home(w.Namespace) == 0 {
			continue
		}
		parts := split(w.Name)
		for i, p := range parts {
			parts[i] = stem(p)
		}
		whole := true
		for _, a := range f.atoms[r.i:r.j] {
			whole = whole && slices.Contains(parts, stem(a.key))
		}
		if whole {
			found = append(found, w)
		}
	}
	m := f.guessMeaning(found, compoundScore)
	if m == nil {
		return false
	}
	f.part(m, true)
	f.mentions = append(f.mentions, mention{start: f.atoms[r.i].start, end: f.atoms[k].end, meaning: m})
	return true
}

func (f *finder) nearness(w *inventory.Workload) int {
	return [...]int{0, spokenMore, ownMore}[f.home(w.Namespace)]
}

const (
	weakly   = 1
	strongly = 2
)

// covered says for each atom whether a mention covers it.
func (f *finder) covered() []int {
	out := make([]int, len(f.atoms))
	slices.SortStableFunc(f.mentions, func(a, b mention) int { return a.start - b.start })
	k := 0
	for _, m := range f.mentions {
		for k < len(f.atoms) && f.atoms[k].start < m.start {
			k++
		}
		how := weakly
		if m.strong {
			how = strongly
		}
		for j := k; j < len(f.atoms) && f.atoms[j].end <= m.end; j++ {
			out[j] = max(out[j], how)
		}
	}
	return out
}

// known says whether there is nothing to guess about w.
func (f *finder) known(w word, covered []int) bool {
	for k := w.i; k < w.j; k++ {
		if f.atoms[k].taken {
			return true
		}
		if covered[k] != strongly && f.atoms[k].class == open {
			return false
		}
	}
	return true
}

func (f *finder) weakly(w word, m *meaning) {
	f.part(m, true)
	f.mentions = append(f.mentions, mention{start: f.atoms[w.i].start, end: f.atoms[w.j-1].end, meaning: m})
}

// part notes a guess. A word that has a meaning already gives a reason for
// things of these namespaces only.
func (f *finder) part(m *meaning, anywhere bool) {
	for _, w := range m.extras {
		if !anywhere && f.home(w.Namespace) == 0 {
			continue
		}
		f.consider(w, m.scores[w], false)
		if m.scores[w] == partScore {
			f.found[w].hits++
		}
	}
}

// guessed is what a word may mean that is no key.
func (f *finder) guessed(key string, parts bool, left *int) *meaning {
	id := key
	if !parts {
		id += "\x00"
	}
	if m, ok := f.guesses[id]; ok {
		return m
	}
	m := f.guessAt(key, parts, left)
	f.guesses[id] = m
	return m
}

func (f *finder) guessAt(key string, parts bool, left *int) *meaning {
	if parts {
		if m := f.guessMeaning(f.near(f.byPart(key)), partScore); m != nil {
			return m
		}
	}
	if len(key) < 4 || len(key) > maxWord || *left == 0 {
		return nil
	}
	*left--
	var slips []string
	for _, k := range f.v.nearest(key) {
		if f.x.entries[k] != nil {
			slips = append(slips, k)
		}
	}
	if k, ok := f.unique(slips); ok {
		if m := f.means(k, ""); m != nil {
			return f.guessMeaning(slices.Concat(m.direct, m.soft), slipScore)
		}
	}
	if !parts || len(key) < 5 {
		return nil
	}
	var inside []*inventory.Workload
	for _, p := range f.v.partList {
		if len(p.bare) > len(key) && (strings.HasPrefix(p.bare, key) || strings.HasSuffix(p.bare, key)) {
			inside = append(inside, f.v.parts[p.key]...)
		}
	}
	return f.guessMeaning(f.near(inside), partScore)
}

// synonyms are parts of names that are words for each other.
var synonyms = map[string]string{"db": "database", "database": "db", "auth": "authentication", "authentication": "auth", "catalog": "catalogue", "catalogue": "catalog"}

func (f *finder) byPart(key string) []*inventory.Workload {
	out := f.v.parts[stem(key)]
	if other := synonyms[stem(key)]; other != "" {
		out = slices.Concat(out, f.v.parts[other])
	}
	return out
}

// near keeps those of the set's own and the spoken namespaces; if there are none,
// those elsewhere, unless they are too many to tell anything.
func (f *finder) near(ws []*inventory.Workload) []*inventory.Workload {
	var here []*inventory.Workload
	for _, w := range ws {
		if f.home(w.Namespace) > 0 {
			here = append(here, w)
		}
	}
	if len(here) == 0 && len(ws) <= maxCommon {
		return ws
	}
	return here
}

func (f *finder) guessMeaning(ws []*inventory.Workload, score int) *meaning {
	if len(ws) == 0 {
		return nil
	}
	m := &meaning{extras: slices.Clone(ws), scores: map[*inventory.Workload]int{}}
	f.x.sort(m.extras)
	m.extras = slices.Compact(m.extras)
	for _, w := range m.extras {
		m.scores[w] = score
	}
	return m
}

// unique returns the one key of the namespaces spoken of, else the only one.
func (f *finder) unique(keys []string) (string, bool) {
	var here []string
	for _, k := range keys {
		if slices.ContainsFunc(f.x.entries[k], func(e entry) bool { return f.home(e.namespace()) > 0 }) {
			here = append(here, k)
		}
	}
	if len(here) > 0 {
		keys = here
	}
	if len(keys) != 1 {
		return "", false
	}
	return keys[0], true
}
