package scaffold

import (
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/load"
)

// Environments are the sources that show the same objects, in groups: of each
// group one is meant. One repository has a group per application.
type Environments struct {
	groups [][]string
	pairs  [][2]string
	others []string
}

// NewEnvironments groups the sources of a dispute.
func NewEnvironments(d load.Dispute) *Environments {
	e := &Environments{pairs: d.Pairs, others: d.Others}
	for _, p := range d.Pairs {
		var merged []string
		e.groups = slices.DeleteFunc(e.groups, func(g []string) bool {
			if slices.Contains(g, p[0]) || slices.Contains(g, p[1]) {
				merged = append(merged, g...)
				return true
			}
			return false
		})
		merged = append(merged, p[0], p[1])
		slices.Sort(merged)
		e.groups = append(e.groups, slices.Compact(merged))
	}
	slices.SortFunc(e.groups, slices.Compare[[]string])
	return e
}

// Open returns the first group that none of the choices is about, nil if there is
// none: then Manifests says what they come to.
func (e *Environments) Open(choices []string) []string {
	for _, g := range e.groups {
		if len(e.chosen(g, choices)) == 0 {
			return g
		}
	}
	return nil
}

// Unused returns the first choice that names nothing, or "".
func (e *Environments) Unused(choices []string) string {
	for _, c := range choices {
		if !slices.ContainsFunc(e.groups, func(g []string) bool { return slices.ContainsFunc(g, func(s string) bool { return names(c, s) }) }) {
			return c
		}
	}
	return ""
}

// names says whether a choice is about a source: its path, or one of the folders
// on it.
func names(choice, source string) bool {
	choice = path.Clean(choice)
	return choice == source || !strings.Contains(choice, "/") && slices.Contains(strings.Split(source, "/"), choice)
}

func (e *Environments) chosen(group, choices []string) []string {
	return slices.DeleteFunc(slices.Clone(group), func(s string) bool {
		return !slices.ContainsFunc(choices, func(c string) bool { return names(c, s) })
	})
}

// Manifests returns the sources that the choices mean, with those that nobody
// asked about; or, as conflict, two of them that show the same objects.
func (e *Environments) Manifests(choices []string) (manifests []string, conflict [2]string) {
	for _, g := range e.groups {
		manifests = append(manifests, e.chosen(g, choices)...)
	}
	for _, p := range e.pairs {
		if slices.Contains(manifests, p[0]) && slices.Contains(manifests, p[1]) {
			return nil, p
		}
	}
	manifests = append(manifests, e.others...)
	slices.Sort(manifests)
	return slices.Compact(manifests), conflict
}
