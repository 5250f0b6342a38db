package report

// cell says which lists of a Reachability a pair of parties is in.
type cell uint8

const (
	inBefore cell = 1 << iota
	inAfter
	inGained
	inLost
)

// pairChange is what became of a pair.
type pairChange int

const (
	pairClosed pairChange = iota // reaches neither before nor after
	pairOpen                     // as before
	pairGained
	pairLost
	pairChanged // on other ports than before
)

func (c cell) change() pairChange {
	switch {
	case c&inBefore == 0 && c&inAfter > 0:
		return pairGained
	case c&inBefore > 0 && c&inAfter == 0:
		return pairLost
	case c&(inGained|inLost) > 0:
		return pairChanged
	case c&inAfter > 0:
		return pairOpen
	default:
		return pairClosed
	}
}

// table reads the classes back into a matrix, [from][to] in the order of the
// parties. Names that are no party's are passed over.
func (r *Reachability) table() [][]cell {
	index := map[string]int{}
	table := make([][]cell, len(r.Parties))
	for i, p := range r.Parties {
		index[p.Name] = i
		table[i] = make([]cell, len(r.Parties))
	}
	mark := func(classes []Class, bit cell) {
		for _, c := range classes {
			for _, from := range c.From {
				for _, to := range c.To {
					i, known := index[from]
					if j, ok := index[to]; ok && known {
						table[i][j] |= bit
					}
				}
			}
		}
	}
	mark(r.Before, inBefore)
	mark(r.After, inAfter)
	mark(r.Gained, inGained)
	mark(r.Lost, inLost)
	return table
}
