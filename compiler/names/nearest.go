package names

import (
	"cmp"
	"slices"
)

// Nearest returns up to three names that word may be a slip of, nearest first.
func (x *Index) Nearest(word string) []string {
	word = Key(word)
	limit := max(1, len(word)/4)
	type scored struct {
		name string
		d    int
	}
	var out []scored
	for _, n := range x.names {
		if d := Distance(word, Key(n), limit); d <= limit {
			out = append(out, scored{n, d})
		}
	}
	slices.SortStableFunc(out, func(a, b scored) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.name, b.name)) })
	var names []string
	for _, s := range out {
		if len(names) < 3 {
			names = append(names, s.name)
		}
	}
	return names
}

// Distance is the optimal string alignment distance of a and b: insertions,
// deletions, replacements and swaps of neighbours. It returns limit+1 once the
// distance is sure to be greater than limit.
func Distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
