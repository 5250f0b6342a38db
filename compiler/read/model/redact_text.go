package model

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/names"
)

// edit replaces bytes [start, end) of a statement.
type edit struct {
	start, end int
	text       string
}

// edits are the replacements in a statement, in order and apart from each other.
func (m *Mask) edits(s *names.Shortlist) []edit {
	var out []edit
	free := func(start, end int) bool {
		return !slices.ContainsFunc(out, func(e edit) bool { return start < e.end && e.start < end })
	}
	for _, mention := range s.Mentions {
		if name, ok := m.renamed(s, mention); ok && free(mention.Start, mention.End) {
			out = append(out, edit{mention.Start, mention.End, name})
		}
	}
	written := m.written(s)
	for at := 0; at < len(s.Statement); {
		start := at + max(0, strings.IndexFunc(s.Statement[at:], partRune))
		n := strings.IndexFunc(s.Statement[start:], func(r rune) bool { return !partRune(r) })
		if n < 0 {
			n = len(s.Statement) - start
		}
		if n == 0 {
			break // no part is left
		}
		at = start + n
		word := s.Statement[start:at]
		kept := binding[strings.ToLower(word)] && !covered(s.Mentions, start, at) && !slices.ContainsFunc(written, func(e edit) bool { return e.start <= start && at <= e.end })
		if stand := m.word(word); stand != word && !kept && free(start, at) {
			out = append(out, edit{start, at, stand})
		}
	}
	slices.SortFunc(out, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	return out
}

// written are the places where labels, domains and service accounts are written out.
func (m *Mask) written(s *names.Shortlist) []edit {
	var out []edit
	for _, l := range slices.Concat(s.Labels, s.NamespaceLabels) {
		key, value, ok := strings.Cut(l, "=")
		if pattern := labelPattern(key, value, "[:=]{1,2}"); ok && pattern != nil {
			for _, at := range pattern.FindAllStringIndex(s.Statement, -1) {
				out = append(out, edit{start: at[0], end: at[1]})
			}
		}
	}
	lower := strings.ToLower(s.Statement)
	if len(lower) != len(s.Statement) {
		return out // a letter whose lower case is longer: offsets would not fit
	}
	for _, name := range slices.Concat(s.Domains, s.ServiceAccounts) {
		name = strings.ToLower(name)
		for at := 0; len(partsOf(name)) > 1; {
			k := strings.Index(lower[at:], name)
			if k < 0 {
				break
			}
			out = append(out, edit{start: at + k, end: at + k + len(name)})
			at += k + len(name)
		}
	}
	return out
}

func covered(mentions []names.Mention, start, end int) bool {
	return slices.ContainsFunc(mentions, func(m names.Mention) bool { return m.Strong && m.Start <= start && end <= m.End })
}

// renamed returns the hidden name of what a mention points at, where its words are
// that name in another spelling, or point at one thing and are no part of a name.
func (m *Mask) renamed(s *names.Shortlist, mention names.Mention) (string, bool) {
	words := s.Statement[mention.Start:mention.End]
	var things []string
	for _, ref := range mention.Workloads {
		things = append(things, ref[strings.LastIndexByte(ref, '/')+1:])
	}
	things = append(things, mention.Namespaces...)
	for _, w := range s.Workloads {
		if slices.Contains(mention.Workloads, w.Ref()) {
			for _, service := range w.Services {
				name, _, _ := strings.Cut(service, " ")
				things = append(things, name)
			}
		}
	}
	for _, name := range things {
		if names.Key(name) == names.Key(words) {
			return m.name(name), true
		}
	}
	parts := partsOf(words)
	if slices.ContainsFunc(parts, func(p string) bool { return m.word(p) != p }) {
		return "", false // word by word
	}
	pronoun := !slices.ContainsFunc(parts, func(p string) bool { return !binding[strings.ToLower(p)] })
	if pronoun || len(mention.Workloads)+len(mention.Namespaces) != 1 {
		return "", false
	}
	return m.name(things[0]), true
}

// word hides a word as people write it: in another case, or in the plural.
func (m *Mask) word(w string) string {
	if s := m.standIn[w]; s != "" {
		return s
	}
	lower := strings.ToLower(w)
	if s := m.folded[lower]; s != "" {
		return s
	}
	if one, ok := strings.CutSuffix(lower, "s"); ok && m.folded[one] != "" {
		return m.folded[one] + "s"
	}
	return w
}

// apply makes edits and returns what offsets become: the start or the end of the text
// that stands there now.
func apply(s string, edits []edit) (string, func(offset int, end bool) int) {
	var b strings.Builder
	last := 0
	starts := make([]int, len(edits))
	for i, e := range edits {
		b.WriteString(s[last:e.start])
		starts[i] = b.Len()
		b.WriteString(e.text)
		last = e.end
	}
	b.WriteString(s[last:])
	return b.String(), func(offset int, end bool) int {
		moved := offset
		for i, e := range edits {
			switch {
			case e.end <= offset && !(e.start == offset):
				moved = offset - e.end + starts[i] + len(e.text)
			case e.start < offset && end:
				return starts[i] + len(e.text)
			case e.start < offset:
				return starts[i]
			}
		}
		return moved
	}
}

// Restore puts names back for stand-ins in an answer, in its prose as in its JSON:
// wherever a stand-in is a whole word.
func (m *Mask) Restore(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		k := strings.IndexByte(text, '\\')
		if k < 0 {
			k = len(text)
		}
		b.WriteString(each(text[:k], m.restored))
		// An escape of JSON is no part of the word behind it: \nweb.
		n := min(2, len(text)-k)
		if strings.HasPrefix(text[k:], `\u`) {
			n = min(6, len(text)-k)
		}
		b.WriteString(text[k : k+n])
		text = text[k+n:]
	}
	return b.String()
}

func (m *Mask) restored(word string) string {
	lower := strings.ToLower(word)
	if p := m.part[lower]; p != "" {
		return p
	}
	if one, ok := strings.CutSuffix(lower, "s"); ok && m.part[one] != "" {
		return m.part[one] + "s"
	}
	return word
}

// announcing words stand before the name of something in the compiler's messages.
var announcing = wordSet("namespace namespaces workload account labelled called named")

// fixed words are those of an answer and of messages that look like names.
var fixed = wordSet(`explanation outcome question rules from to ports about close subject scope except firm dns auto keep peers workload pods_in pods in not_in not namespace_labels namespace labels minus
	service_account service account cidr without domain entity world host kube apiserver api server cluster anybody ingress controller egress tcp udp sctp icmp`)

// Hide replaces names in a message of the compiler before it is sent back. Names of
// the shortlist become their stand-ins. A message can name what is not in the
// shortlist: a word in quotes, one with a slash, dash, dot or equals sign in it, and
// one behind a word that announces a name become "hidden" where nothing is known of
// them.
func (m *Mask) Hide(text string) string {
	var out []string
	announced, listed := false, false
	for field := range strings.FieldsSeq(text) {
		bare := strings.Trim(field, ".,:;()")
		inner := strings.Trim(bare, "\"'`")
		connects := inner == "and" || inner == "or" || inner == "but"
		isName := !connects && (announced || inner != bare || strings.ContainsAny(inner, "/=_") || strings.ContainsAny(inner, "-.") && !numeric(strings.NewReplacer("-", "", ".", "").Replace(inner)))
		out = append(out, each(field, func(p string) string { return m.hidden(p, isName) }))
		listed, announced = isName, announcing[strings.ToLower(inner)] || connects && listed || isName && strings.HasSuffix(field, ",")
	}
	return strings.Join(out, " ")
}

// hidden is one word of a message.
func (m *Mask) hidden(word string, isName bool) string {
	lower := strings.ToLower(word)
	switch s := m.word(word); {
	case s != word && (isName || !binding[lower]):
		return s
	case !isName || numeric(word) || binding[lower] || purposes[lower] || fixed[lower]:
		return word
	}
	return "hidden"
}
