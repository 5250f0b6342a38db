package model

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/names"
)

// How names are hidden.
//
// Every name of a shortlist is taken apart into runs of letters and digits, and each
// run is replaced by a made-up word, the same one everywhere: "crane-api" becomes
// "tovaku-lemiso", and the label app=crane-api becomes "dasipe=tovaku-lemiso". What
// stands between the runs stays, so that a name comes back by replacing word for
// word, and two names that share a part still share one. Namespaces, workloads,
// Services, labels (keys too), port names, service accounts and domains are hidden;
// of domains the last label stays where it is a common one.
//
// What is not hidden: numbers, so ports and addresses (a stand-in for a prefix that
// lies within another would have to lie within the other's, and a model that sees
// what is no address writes none); kinds; and words that say what a thing is for and
// not whose it is ("redis", "db", "frontend"), as long as they are only a part of
// names. Where such a word is a whole name or label, it is hidden as well: no whole
// name of the inventory is ever sent.
//
// In the statement, the words of a mention are replaced by the name of the one thing
// that they point at where they are that name in another spelling ("redis cart") or no
// part of any name ("the database"). The other parts of names are replaced wherever
// they stand, but for words that hold a sentence together, which stay unless they are
// part of a mention. The rest of the statement is sent as it is: what people write
// beside names is theirs to keep to themselves.

// purposes are parts of names that say what for.
var purposes = wordSet(`service svc server app api db database cache store storage frontend backend front back end gateway proxy queue worker job cron scheduler
	redis postgres postgresql mysql mariadb mongo mongodb kafka rabbitmq nats nginx envoy elasticsearch memcached etcd vault http https grpc metrics admin health dns kube system
	prometheus grafana monitoring logging ingress controller auth`)

// tlds are the ends of domains that stay.
var tlds = wordSet("com org net io dev co uk de eu us cloud local internal svc cluster example")

// binding words hold a sentence together. A name may have them as parts ("end-of-day"),
// and the statement keeps them outside of mentions.
var binding = wordSet(`a an the all any every each no not none nobody nothing everyone everybody everything anyone anybody anything it its they them their these those this that which who whom
	be is are was were am do does did done has have had to from of in on at by for with without within inside into out over off via through between among under up and or nor but if then than so as since because
	while when where there here only alone just solely exclusively except excepting excluding besides other others another else rest same own both either neither also too still again
	may can could might must shall should will would need needs let lets allow allows allowed allowing permit permits permitted deny denies denied block blocks blocked forbid forbidden prevent stop
	reach reaches reached reaching access accesses accessed call calls called use uses used using talk talks talking connect connects connected connecting connection connections accept accepts accepted
	receive receives send sends get gets read reads write writes open opens close closes closed keep keeps restrict restricts restricted limit limits limited isolate isolates isolated expose exposes
	traffic request requests packet packets ingress egress incoming outgoing inbound outbound internal external outside internet world cluster network networks
	pod pods workload workloads deployment deployments service services app apps application applications namespace namespaces node nodes host hosts port ports protocol protocols tcp udp sctp icmp
	label labels labelled labeled labelling policy policies rule rules dns api server kubernetes controller account accounts address addresses ip range name named default direct directly ones one two new`)

// Mask knows what the stand-ins of one shortlist stand for. It is not changed once
// Redact has returned it, and may be used by several goroutines.
type Mask struct {
	standIn map[string]string // a part as the inventory spells it -> its stand-in
	folded  map[string]string // the same in lower case
	part    map[string]string // a stand-in -> the part
}

// Redact returns the shortlist with stand-ins for names, and what they stand for.
func Redact(s *names.Shortlist) (*names.Shortlist, *Mask) {
	m := newMask(s)
	out := *s
	out.Namespace = m.name(s.Namespace)
	out.Namespaces, out.Workloads = nil, nil
	for _, n := range s.Namespaces {
		out.Namespaces = append(out.Namespaces, names.ShortNamespace{Name: m.name(n.Name), Labels: m.all(n.Labels)})
	}
	for _, w := range s.Workloads {
		w.Namespace, w.Name = m.name(w.Namespace), m.name(w.Name)
		w.Labels, w.Ports, w.Services = m.all(w.Labels), m.all(w.Ports), m.all(w.Services)
		out.Workloads = append(out.Workloads, w)
	}
	out.Ports, out.Labels, out.NamespaceLabels = m.all(s.Ports), m.all(s.Labels), m.all(s.NamespaceLabels)
	out.CIDRs, out.Domains, out.ServiceAccounts = m.all(s.CIDRs), m.all(s.Domains), m.all(s.ServiceAccounts)
	edits := m.edits(s)
	var at func(int, bool) int
	out.Statement, at = apply(s.Statement, edits)
	out.Mentions = nil
	for _, mention := range s.Mentions {
		hidden := names.Mention{Start: at(mention.Start, false), End: at(mention.End, true), Strong: mention.Strong}
		for _, ref := range mention.Workloads {
			hidden.Workloads = append(hidden.Workloads, m.ref(ref))
		}
		hidden.Namespaces = m.all(mention.Namespaces)
		slices.Sort(hidden.Workloads)
		slices.Sort(hidden.Namespaces)
		out.Mentions = append(out.Mentions, hidden)
	}
	return &out, m
}

// wholes are the names of a shortlist, in the order in which they get stand-ins:
// each is hidden as a whole. Domains come last: what they share with names does too.
func wholes(s *names.Shortlist) []string {
	out := []string{s.Namespace}
	label := func(list []string) {
		for _, l := range list {
			key, value, _ := strings.Cut(l, "=")
			out = append(out, key, value)
		}
	}
	for _, n := range s.Namespaces {
		out = append(out, n.Name)
	}
	for _, w := range s.Workloads {
		out = append(out, w.Namespace, w.Name)
		for _, p := range append(slices.Clone(w.Services), w.Ports...) {
			out = append(out, serviceNames(p)...)
		}
	}
	for _, n := range s.Namespaces {
		label(n.Labels)
	}
	for _, w := range s.Workloads {
		label(w.Labels)
	}
	label(s.Labels)
	label(s.NamespaceLabels)
	for _, account := range s.ServiceAccounts {
		namespace, name, _ := strings.Cut(account, "/")
		out = append(out, namespace, name)
	}
	for _, p := range s.Ports {
		if port(p).Name != "" {
			out = append(out, p)
		}
	}
	for _, m := range s.Mentions {
		out = append(out, m.Namespaces...)
		for _, ref := range m.Workloads {
			_, name, ok := strings.Cut(ref, " ")
			if !ok {
				name = ref
			}
			out = append(out, strings.Split(name, "/")...)
		}
	}
	return slices.DeleteFunc(append(out, s.Domains...), func(n string) bool { return n == "" })
}

// serviceNames returns the names in "redis-cart http 80/TCP, grpc 81/TCP".
func serviceNames(s string) []string {
	var out []string
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }) {
		if number, protocol, ok := strings.Cut(f, "/"); !ok || port(number).Number == 0 || strings.ToUpper(protocol) != protocol {
			out = append(out, f)
		}
	}
	return out
}

func newMask(s *names.Shortlist) *Mask {
	m := &Mask{standIn: map[string]string{}, folded: map[string]string{}, part: map[string]string{}}
	all := wholes(s)
	private := map[string]bool{} // purposes that are whole names
	for _, name := range all {
		parts := partsOf(name)
		if !slices.ContainsFunc(parts, func(p string) bool { return !numeric(p) && !purposes[strings.ToLower(p)] }) {
			for _, p := range parts {
				private[strings.ToLower(p)] = true
			}
		}
	}
	taken := map[string]bool{}
	for _, text := range append(slices.Clone(all), s.Statement) {
		for _, p := range partsOf(text) {
			taken[strings.ToLower(p)] = true
		}
	}
	domains := len(all) - len(slices.DeleteFunc(slices.Clone(s.Domains), func(d string) bool { return d == "" }))
	next := 0
	for i, name := range all {
		parts := partsOf(name)
		for k, p := range parts {
			lower := strings.ToLower(p)
			switch {
			case m.standIn[p] != "" || numeric(p):
				continue
			case purposes[lower] && !private[lower]:
				continue
			case i >= domains && k == len(parts)-1 && tlds[lower] && len(parts) > 1:
				continue
			}
			word := madeUp(next)
			for next++; taken[word] || taken[word+"s"]; next++ {
				word = madeUp(next)
			}
			taken[word] = true
			m.standIn[p], m.part[word] = word, p
			if m.folded[lower] == "" {
				m.folded[lower] = word
			}
		}
	}
	return m
}

// madeUp returns the n-th of 512,000 words of three syllables. Words that follow each
// other differ in all of them, so that a model does not take one for another.
func madeUp(n int) string {
	const consonants, vowels = "bdfgjklmnprstvwz", "aeiou"
	n = (n*100_003 + 271_828) % 512_000 // 100003 has no factor in common with 512000
	var b [6]byte
	for i := 0; i < 6; i += 2 {
		b[i], b[i+1] = consonants[n%80/5], vowels[n%5]
		n /= 80
	}
	return string(b[:])
}

func numeric(s string) bool { return strings.Trim(s, "0123456789") == "" }

func partRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

// partsOf returns the runs of letters and digits.
func partsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !partRune(r) })
}

// each writes s with every run of letters and digits replaced by what is said.
func each(s string, replace func(part string) string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := strings.IndexFunc(s, partRune)
		if n < 0 {
			n = len(s)
		}
		b.WriteString(s[:n])
		s = s[n:]
		n = strings.IndexFunc(s, func(r rune) bool { return !partRune(r) })
		if n < 0 {
			n = len(s)
		}
		if n > 0 {
			b.WriteString(replace(s[:n]))
		}
		s = s[n:]
	}
	return b.String()
}

// name hides what the inventory spells.
func (m *Mask) name(s string) string {
	return each(s, func(p string) string { return cmp.Or(m.standIn[p], p) })
}

// all hides every string of a list. Protocols stay: none is a part of a name.
func (m *Mask) all(list []string) []string {
	var out []string
	for _, s := range list {
		fields := strings.SplitAfter(s, " ")
		for i, f := range fields {
			number, protocol, ok := strings.Cut(strings.TrimRight(f, " ,"), "/")
			if !ok || port(number).Number == 0 || strings.ToUpper(protocol) != protocol {
				fields[i] = m.name(f)
			}
		}
		out = append(out, strings.Join(fields, ""))
	}
	return out
}

// ref hides a workload's name in prompts; its kind stays.
func (m *Mask) ref(ref string) string {
	kind, name, ok := strings.Cut(ref, " ")
	if !ok {
		return m.name(ref)
	}
	return kind + " " + m.name(name)
}
