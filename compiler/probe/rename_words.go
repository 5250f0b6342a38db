package probe

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// word returns the made-up word for a lower-case word, the same each time.
func (r *renamer) word(w string) string {
	if got, ok := r.words[w]; ok {
		return got
	}
	var made string
	for made == "" || r.tooNear(made) {
		made = r.syllables(3)
		if r.splits[w] {
			made += r.syllables(3)
		}
	}
	r.words[w] = made
	r.taken = append(r.taken, made)
	return made
}

// syllables makes a pronounceable word of 2n+1 letters that ends like no plural.
func (r *renamer) syllables(n int) string {
	const heads, vowels, tails = "bdfgklmnprtvz", "aeiou", "bdfgklmnrv"
	var b strings.Builder
	for i := range n {
		b.WriteByte(heads[r.rng.IntN(len(heads))])
		b.WriteByte(vowels[r.rng.IntN(len(vowels))])
		if i == n-1 {
			b.WriteByte(tails[r.rng.IntN(len(tails))])
		}
	}
	return b.String()
}

// tooNear says whether a made-up word could be taken for a typo of one that
// exists.
func (r *renamer) tooNear(made string) bool {
	return slices.ContainsFunc(r.taken, func(w string) bool { return distance(made, w) <= 2 })
}

// distance is the number of letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// likeCase gives made the capitals of w: all, the first, or none.
func likeCase(w, made string) string {
	switch {
	case len(w) > 1 && w == strings.ToUpper(w) && w != strings.ToLower(w):
		return strings.ToUpper(made)
	case unicode.IsUpper(rune(w[0])):
		return strings.ToUpper(made[:1]) + made[1:]
	default:
		return made
	}
}

// mapPorts settles the new number of every port that the case speaks of. Between
// two fixed ports, the numbers are drawn at random and dealt out in order.
func (r *renamer) mapPorts(c *Case) {
	fixed := slices.Clone(fixedPorts)
	var numbers []int
	for _, s := range c.Statements {
		for _, w := range wordsOf(strings.ToLower(s)) {
			fixed = append(fixed, protocolPorts[w]...)
		}
		for _, at := range portNumbers(s) {
			numbers = append(numbers, atoi(s[at[0]:at[1]]))
		}
	}
	for _, p := range c.Probes {
		numbers = append(numbers, p.Port)
	}
	for _, doc := range append(c.docs(), c.existing...) {
		numbers = append(numbers, portsOf(doc)...)
	}
	numbers = append(numbers, fixed...)
	numbers = slices.DeleteFunc(numbers, func(n int) bool { return n < 1 || n > 65535 })
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	low := 0
	var pending []int
	settle := func(high int) {
		for i, n := range r.draw(len(pending), low, high) {
			r.ports[pending[i]] = n
		}
		pending = nil
	}
	for _, n := range numbers {
		if !slices.Contains(fixed, n) {
			pending = append(pending, n)
			continue
		}
		settle(n)
		r.ports[n], low = n, n
	}
	settle(65536)
}

// draw returns n different numbers between low and high, both excluded, sorted.
func (r *renamer) draw(n, low, high int) []int {
	got := map[int]bool{}
	var out []int
	for len(out) < n {
		if x := low + 1 + r.rng.IntN(high-low-1); !got[x] {
			got[x] = true
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}

// port returns a port's new number.
func (r *renamer) port(n int) int {
	if got, ok := r.ports[n]; ok {
		return got
	}
	return n
}

// atoi reads digits; what is none of a port's is 0.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
