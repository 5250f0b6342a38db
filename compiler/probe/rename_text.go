package probe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// text renames a statement. What stands in key=value, after "port", or in a name
// is renamed in that sense; the rest word by word. A domain, a path and an
// address are kept.
func (r *renamer) text(s string) string {
	done := newMask(s)
	for _, l := range r.labels {
		pair := regexp.MustCompile(`(^|[^\w./-])(` + regexp.QuoteMeta(l.key) + `)(['"]?\s*(?:==?|:)\s*['"]?)(` + regexp.QuoteMeta(l.value) + `)($|[^\w-])`)
		for _, m := range pair.FindAllStringSubmatchIndex(s, -1) {
			done.put(m[4], m[5], r.key(l.key))
			done.keep(m[6], m[7])
			done.put(m[8], m[9], r.value(l.value))
		}
	}
	for _, m := range notNames.FindAllStringIndex(s, -1) {
		if made, ok := r.clusterDomain(s[m[0]:m[1]]); ok {
			done.put(m[0], m[1], made)
		}
		done.keep(m[0], m[1])
	}
	for _, at := range portNumbers(s) {
		done.put(at[0], at[1], fmt.Sprint(r.port(atoi(s[at[0]:at[1]]))))
	}
	for _, re := range []*regexp.Regexp{portAfter, portBefore} {
		for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
			if name := s[m[2]:m[3]]; r.named[name] {
				done.put(m[2], m[3], r.portName(name))
			}
		}
	}
	r.runningText(s, done)
	return done.String()
}

var (
	// notNames are domains, paths and addresses.
	notNames = regexp.MustCompile(`[\w-]+(\.[\w-]+)+(/\d+)?|(^|[\s'"])/[\w/*.-]+|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:]*(/\d+)?`)
	// portAfter is "the postgres port", portBefore is "ports named 'metrics'".
	portAfter  = regexp.MustCompile(`\b([a-z0-9-]+)['"]? ports?\b`)
	portBefore = regexp.MustCompile(`\bports? (?:named |called )?['"]?([a-z0-9-]+)`)
	digits     = regexp.MustCompile(`\d+`)
	token      = regexp.MustCompile(`[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*`)
)

// portNumbers returns where the numbers of a text stand that are no part of an
// address, a prefix or a word.
func portNumbers(s string) [][]int {
	apart := func(i int, glue string) bool {
		return i < 0 || i >= len(s) || !strings.ContainsRune(glue, rune(s[i])) && !isLetter(s[i])
	}
	var out [][]int
	for _, m := range digits.FindAllStringIndex(s, -1) {
		decimal := m[1]+1 < len(s) && s[m[1]] == '.' && '0' <= s[m[1]+1] && s[m[1]+1] <= '9'
		hyphenated := m[0] > 1 && s[m[0]-1] == '-' && isLetter(s[m[0]-2])
		prefix := m[0] > 0 && s[m[0]-1] == '/'
		if apart(m[0]-1, "._") && apart(m[1], "_") && !decimal && !hyphenated && !prefix {
			out = append(out, m)
		}
	}
	return out
}

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }

// findSplits notes the words that a statement writes in two.
func (r *renamer) findSplits(s string) {
	at := token.FindAllStringIndex(s, -1)
	for i := 0; i+1 < len(at); i++ {
		a, b := strings.ToLower(s[at[i][0]:at[i][1]]), strings.ToLower(s[at[i+1][0]:at[i+1][1]])
		if s[at[i][1]:at[i+1][0]] != " " {
			continue
		}
		for _, whole := range []string{a + b, a + strings.TrimSuffix(b, "s")} {
			if r.parts[whole] {
				r.splits[whole] = true
			}
		}
	}
}

// runningText renames what is left, token by token.
func (r *renamer) runningText(s string, done *mask) {
	at := token.FindAllStringIndex(s, -1)
	for i := 0; i < len(at); i++ {
		from, to := at[i][0], at[i][1]
		if !done.free(from, to) {
			continue
		}
		if i+1 < len(at) && s[to:at[i+1][0]] == " " && done.free(from, at[i+1][1]) {
			if made, ok := r.pair(s[from:to], s[at[i+1][0]:at[i+1][1]]); ok {
				done.put(from, at[i+1][1], made)
				i++
				continue
			}
		}
		if made, ok := r.token(s[from:to]); ok {
			done.put(from, to, made)
		}
	}
}

// clusterDomain renames service.namespace and service.namespace.svc...
func (r *renamer) clusterDomain(s string) (string, bool) {
	parts := strings.Split(s, ".")
	if len(parts) < 2 || !r.names[parts[0]] || !r.names[parts[1]] || len(parts) > 2 && parts[2] != "svc" {
		return "", false
	}
	parts[0], parts[1] = r.name(parts[0]), r.name(parts[1])
	return strings.Join(parts, "."), true
}

// pair renames a word that is written in two.
func (r *renamer) pair(a, b string) (string, bool) {
	for _, plural := range []string{"", "s"} {
		stem := strings.TrimSuffix(b, plural)
		whole := strings.ToLower(a + stem)
		if r.splits[whole] {
			made := r.word(whole)
			at := len(made) / 2
			return likeCase(a, made[:at]) + " " + likeCase(b, made[at:]) + plural, true
		}
	}
	return "", false
}

// token renames one word or hyphenated name, singular or plural.
func (r *renamer) token(w string) (string, bool) {
	for _, plural := range []string{"", "s", "es"} {
		stem, ok := strings.CutSuffix(w, plural)
		if !ok || stem == "" {
			continue
		}
		lower := strings.ToLower(stem)
		if plural != "" {
			plural = "s"
		}
		switch alias := aliases[lower]; {
		case r.names[lower] && strings.ContainsAny(lower, "-_"):
			return r.wordwise(stem) + plural, true
		case slices.Contains(tradeWords, lower):
			return "", false
		case r.parts[lower]:
			return r.wordwise(stem) + plural, true
		case alias != "" && r.parts[alias]:
			return likeCase(stem, r.word(alias)) + plural, true
		}
		if made, ok := r.joined(lower); ok {
			return likeCase(stem, made) + plural, true
		}
	}
	return "", false
}

// joined renames a hyphenated name that is written as one word.
func (r *renamer) joined(w string) (string, bool) {
	for _, l := range r.sortedNames() {
		if strings.Contains(l, "-") && strings.ReplaceAll(l, "-", "") == w {
			return strings.ReplaceAll(r.wordwise(l), "-", ""), true
		}
	}
	return "", false
}

func (r *renamer) sortedNames() []string {
	var out []string
	for n := range r.names {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// portsOf returns the port numbers of an object.
func portsOf(doc *yaml.Node) []int {
	var out []int
	walk("", doc, func(_, key string, n *yaml.Node) {
		if isPort(key) && n.Tag == "!!int" {
			out = append(out, atoi(n.Value))
		}
	})
	return out
}

// mask is a text with replacements; what was put or kept first stays.
type mask struct {
	text string
	used []bool
	puts map[int]replacement
}

type replacement struct {
	to   int
	made string
}

func newMask(s string) *mask {
	return &mask{text: s, used: make([]bool, len(s)), puts: map[int]replacement{}}
}

func (m *mask) free(from, to int) bool { return !slices.Contains(m.used[from:to], true) }

func (m *mask) keep(from, to int) {
	for i := from; i < to; i++ {
		m.used[i] = true
	}
}

func (m *mask) put(from, to int, made string) {
	if from < to && m.free(from, to) {
		m.keep(from, to)
		m.puts[from] = replacement{to, made}
	}
}

func (m *mask) String() string {
	var b strings.Builder
	for i := 0; i < len(m.text); {
		if p, ok := m.puts[i]; ok {
			b.WriteString(p.made)
			i = p.to
			continue
		}
		b.WriteByte(m.text[i])
		i++
	}
	return b.String()
}
