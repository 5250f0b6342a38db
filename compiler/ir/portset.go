package ir

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Protocols are the transport protocols of a PortSet, in its order. Port sets
// say nothing of other protocols, which NetworkPolicy cannot name.
var Protocols = [...]string{"TCP", "UDP", "SCTP"}

// Interval is the ports Lo..Hi, both included.
type Interval struct{ Lo, Hi int }

// PortSet is a set of (protocol, port 1..65535): for each of Protocols, sorted
// intervals that neither overlap nor touch. The zero value is empty. A PortSet
// is never changed once made.
type PortSet [len(Protocols)][]Interval

// AllPorts is every port of every protocol.
func AllPorts() PortSet {
	var s PortSet
	for i := range s {
		s[i] = []Interval{{1, 65535}}
	}
	return s
}

// Ports is the ports lo..hi of a protocol of Protocols.
func Ports(protocol string, lo, hi int) PortSet {
	var s PortSet
	if i := slices.Index(Protocols[:], protocol); i >= 0 && lo <= hi {
		s[i] = []Interval{{lo, hi}}
	}
	return s
}

// Union returns s ∪ t.
func (s PortSet) Union(t PortSet) PortSet {
	var out PortSet
	for i := range s {
		all := slices.Concat(s[i], t[i])
		slices.SortFunc(all, func(a, b Interval) int { return cmp.Or(a.Lo-b.Lo, a.Hi-b.Hi) })
		for _, v := range all {
			if n := len(out[i]); n > 0 && v.Lo <= out[i][n-1].Hi+1 {
				out[i][n-1].Hi = max(out[i][n-1].Hi, v.Hi)
			} else {
				out[i] = append(out[i], v)
			}
		}
	}
	return out
}

// Minus returns s without t.
func (s PortSet) Minus(t PortSet) PortSet {
	var out PortSet
	for i := range s {
		for _, v := range s[i] {
			lo := v.Lo
			for _, c := range t[i] {
				if c.Hi < lo || c.Lo > v.Hi {
					continue
				}
				if c.Lo > lo {
					out[i] = append(out[i], Interval{lo, c.Lo - 1})
				}
				lo = c.Hi + 1
			}
			if lo <= v.Hi {
				out[i] = append(out[i], Interval{lo, v.Hi})
			}
		}
	}
	return out
}

// Intersect returns s ∩ t.
func (s PortSet) Intersect(t PortSet) PortSet { return s.Minus(AllPorts().Minus(t)) }

// Empty says whether s holds nothing.
func (s PortSet) Empty() bool {
	for _, v := range s {
		if len(v) > 0 {
			return false
		}
	}
	return true
}

// Equal says whether s and t hold the same ports.
func (s PortSet) Equal(t PortSet) bool {
	for i := range s {
		if !slices.Equal(s[i], t[i]) {
			return false
		}
	}
	return true
}

// All says whether s is every port of every protocol.
func (s PortSet) All() bool { return s.Equal(AllPorts()) }

// Has says whether the port of that protocol is in s.
func (s PortSet) Has(protocol string, port int) bool {
	i := slices.Index(Protocols[:], protocol)
	return i >= 0 && slices.ContainsFunc(s[i], func(v Interval) bool { return v.Lo <= port && port <= v.Hi })
}

// String lists the ports as people write them: "TCP 80, 443, 8000-8010 and UDP
// 53", or "any port".
func (s PortSet) String() string {
	if s.All() {
		return "any port"
	}
	var out []string
	for i, list := range s {
		var parts []string
		for _, v := range list {
			switch {
			case v == Interval{1, 65535}:
			case v.Lo == v.Hi:
				parts = append(parts, fmt.Sprint(v.Lo))
			default:
				parts = append(parts, fmt.Sprintf("%d-%d", v.Lo, v.Hi))
			}
		}
		if len(list) > 0 {
			out = append(out, strings.TrimSpace(Protocols[i]+" "+strings.Join(parts, ", ")))
		}
	}
	if len(out) == 0 {
		return "no port"
	}
	return strings.Join(out, " and ")
}
