package report

import (
	"fmt"
	"slices"
	"strings"
)

// cast are the parties of a difference and how they are named: without the
// namespace that most are in.
type cast struct {
	home        string         // where more than half of all are
	comparable  []string       // all that are there at both sides; nil if not known
	inhabitants map[string]int // of comparable, by namespace
	set         string         // "set/" of the only intent set
}

func newCast(d *Difference) cast {
	c := cast{inhabitants: map[string]int{}}
	var all []string
	if d.Head != nil && d.Head.Reachability != nil {
		for _, p := range d.Head.Reachability.Parties {
			all = append(all, p.Name)
		}
	}
	if r := d.Reachability; r != nil {
		if len(all)-1+len(r.GoneWorkloads) == r.Workloads {
			arrived := map[string]bool{}
			for _, n := range r.NewWorkloads {
				arrived[n] = true
			}
			c.comparable = slices.DeleteFunc(slices.Clone(all), func(n string) bool { return arrived[n] })
		}
		for _, flows := range [][]FlowChange{r.Gained, r.Lost, r.Arrived, r.Departed} {
			for _, f := range flows {
				all = append(append(all, f.From...), f.To...)
			}
		}
	} else {
		c.comparable = all
	}
	slices.Sort(all)
	all = slices.Compact(all)
	in := map[string]int{}
	for _, name := range all {
		ns := namespace(name)
		if in[ns]++; ns != "" && in[ns] > max(1, len(all)/2) {
			c.home = ns
		}
	}
	for _, name := range c.comparable {
		c.inhabitants[namespace(name)]++
	}
	c.set = soleSet(d)
	return c
}

// soleSet returns the prefix that all references to intents share.
func soleSet(d *Difference) string {
	sets := map[string]bool{}
	for _, i := range d.Intents {
		sets[i.Set] = true
	}
	if d.Head != nil {
		for _, i := range d.Head.Intents {
			sets[i.Set] = true
		}
	}
	for s := range sets {
		if len(sets) == 1 {
			return s + "/"
		}
	}
	return ""
}

// short is a party's name without its namespace, where that is the home.
func (c cast) short(name string) string {
	if rest, ok := strings.CutPrefix(name, c.home+"/"); ok && c.home != "" && rest != Outside {
		return rest
	}
	return name
}

// intent is a reference to an intent, set/name, as short as it can be.
func (c cast) intent(ref string) string { return strings.TrimPrefix(ref, c.set) }

// words joins parties, at most so many; mark writes one name. Of parties that are
// at both sides, those that are missing are named where that is shorter.
func (c cast) words(members []string, most int, both bool, mark func(string) string) string {
	if both && len(members) > 2 && len(c.comparable) > 0 {
		in := map[string]bool{}
		for _, m := range members {
			in[m] = true
		}
		var rest []string
		known := 0
		for _, m := range c.comparable {
			if in[m] {
				known++
			} else {
				rest = append(rest, m)
			}
		}
		switch {
		case known < len(in):
		case len(rest) == 0:
			return "everybody"
		case len(rest) <= 4 && len(rest) < len(members):
			return "everybody but " + c.all(rest, most, mark)
		}
	}
	return c.all(members, most, mark)
}

func (c cast) all(members []string, most int, mark func(string) string) string {
	const many = 4
	in := map[string]int{}
	for _, m := range members {
		in[namespace(m)]++
	}
	var out []string
	whole := map[string]bool{}
	for _, m := range members {
		ns := namespace(m)
		switch {
		case ns == "" || in[ns] < many || in[ns] != c.inhabitants[ns]:
			out = append(out, mark(c.short(m)))
		case !whole[ns]:
			whole[ns] = true
			out = append(out, "all of "+mark(ns))
		}
	}
	return enumerated(out, most)
}

// enumerated joins words: "a, b and 3 more".
func enumerated(words []string, most int) string {
	if most > 1 && len(words) > most {
		words = append(slices.Clone(words[:most-1]), fmt.Sprintf("%d more", len(words)-most+1))
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
