package reach

import "math/bits"

// Set is a set of small numbers as a bitset. All sets of one Space have the same
// length, so that the operations need no bounds of their own.
type Set []uint64

func newSet(n int) Set { return make(Set, (n+63)/64) }

func fullSet(n int) Set {
	s := newSet(n)
	for i := range s {
		s[i] = ^uint64(0)
	}
	if n%64 != 0 {
		s[len(s)-1] = 1<<(n%64) - 1
	}
	return s
}

// Has says whether i is in s.
func (s Set) Has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s Set) add(i int) { s[i/64] |= 1 << (i % 64) }

// Len counts the members.
func (s Set) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Each calls f for every member in ascending order.
func (s Set) Each(f func(int)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			f(i*64 + bits.TrailingZeros64(w))
		}
	}
}

func (s Set) or(t Set) {
	for i, w := range t {
		s[i] |= w
	}
}

func (s Set) and(t Set) {
	for i, w := range t {
		s[i] &= w
	}
}

func (s Set) andNot(t Set) {
	for i, w := range t {
		s[i] &^= w
	}
}

func (s Set) clone() Set { return append(Set(nil), s...) }
