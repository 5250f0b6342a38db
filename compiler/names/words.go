package names

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// class says what a word is in English, whatever the inventory calls so.
type class int

const (
	open     class = iota // may be anything
	kindNoun              // says what sort of thing is meant: pod, service, server
	function              // holds the sentence together, or names what every cluster has
)

var classes = func() map[string]class {
	m := map[string]class{}
	for c, words := range map[class]string{
		function: `a an the all any each every everyone everybody everything anyone anybody anything nobody nothing none no not never only alone just solely exclusively
			and or nor but if then else than that this these those it its itself they them themselves their theirs there here who which whom whose what where when why how
			while because since so as is are be was were been being am do does did done can cannot could may might must shall should will would ought need needs have has had
			having to from of in on at by for with without within inside into onto out off over via through across between among under per up down about after before again
			also too still always ever even both either neither other others another same some such itself each we our us you your i my me he she his her him one ones more
			most least less few many much own self default except excepting besides apart aside instead rather please kindly yet now
			let lets allow allows allowed allowing permit permits permitted permitting deny denies denied denying block blocks blocked blocking forbid forbids forbidden
			disallow disallows disallowed prohibit prohibits prohibited reach reaches reached reaching access accesses accessed accessing call calls called calling use uses
			used using talk talks talking speak speaks connect connects connected connecting contact contacts open opens opened close closes closed closing accept accepts
			accepted accepting receive receives received receiving send sends sent sending restrict restricts restricted restricting limit limits limited limiting isolate
			isolates isolated isolating keep keeps kept keeping make makes made take takes get gets go goes come comes stay stays work works leave leaves want wants
			ensure sure set sets apply create drop drops reject rejects refuse refuses prevent prevents stop stops cut lock expose exposes exposed expect give gives grant
			incoming outgoing inbound outbound ingress egress external internal outside inside internet world cluster clusters network networks direct directly possible able
			time times day days night nights hour hours week weeks reason reasons way ways purpose purposes example case cases
			named labelled labeled tagged label labels tag tags port ports protocol protocols tcp udp sctp icmp ip ips address addresses cidr range
			namespace namespaces ns node nodes host hosts policy policies rule rules traffic connection connections request requests packet packets
			dns kubedns coredns kubernetes k8s kube kubeapiserver apiserver true false yes ok s t`,
		kindNoun: `pod pods workload workloads deployment deployments deploy service services svc app apps application applications container containers replica replicas
			instance instances statefulset statefulsets sts daemonset daemonsets job jobs cronjob cronjobs component components microservice microservices
			server servers client clients backends system systems resource resources object objects thing things member members group groups stack`,
	} {
		for _, w := range strings.Fields(words) {
			m[w] = c
		}
	}
	return m
}()

// atom is a run of letters and digits. glue is what joins it to the atom before:
// a space, one of - _ . or /, or 0 where something else stands between.
type atom struct {
	start, end int
	key        string
	glue       byte
	class      class
	quoted     bool
	taken      bool // part of a label, an address or a domain: no name
}

// chunk is a run of characters without spaces, commas, brackets or quotes; near
// says that only spaces stand between it and the chunk before.
type chunk struct {
	start, end int
	text       string
	near       bool
}

// atoms splits a statement into its atoms.
func atoms(s string) []atom {
	inQuotes := quotedRanges(s)
	var out []atom
	last := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !wordRune(r) {
			i += n
			continue
		}
		start := i
		for i < len(s) {
			if r, n = utf8.DecodeRuneInString(s[i:]); !wordRune(r) {
				break
			}
			i += n
		}
		a := atom{start: start, end: i, key: Key(s[start:i])}
		a.class = classes[a.key]
		if len(out) > 0 {
			a.glue = glue(s[last:start])
		}
		for len(inQuotes) > 0 && inQuotes[0][1] <= start {
			inQuotes = inQuotes[1:]
		}
		a.quoted = len(inQuotes) > 0 && inQuotes[0][0] <= start
		out = append(out, a)
		last = i
	}
	return out
}

func wordRune(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

func glue(gap string) byte {
	if len(gap) == 1 && strings.ContainsAny(gap, "-_./") {
		return gap[0]
	}
	if strings.TrimSpace(gap) == "" && strings.Count(gap, "\n") < 2 {
		return ' '
	}
	return 0
}

var closing = map[rune]string{'"': `"`, '`': "`", '“': "”", '«': "»", '\'': "'", '‘': "’"}

// quotedRanges are the parts of s in quotes, in order. An apostrophe opens only
// at a word's start.
func quotedRanges(s string) [][2]int {
	var out [][2]int
	before := ' '
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		end := closing[r]
		if end == "" || wordRune(before) {
			before = r
			i += n
			continue
		}
		rest := s[i+n : min(len(s), i+n+200)]
		k := strings.Index(rest, end)
		if k <= 0 || strings.ContainsRune(rest[:k], '\n') {
			before = r
			i += n
			continue
		}
		out = append(out, [2]int{i + n, i + n + k})
		i += n + k + len(end)
		before = r
	}
	return out
}

// chunks splits a statement into chunks.
func chunks(s string) []chunk {
	var out []chunk
	start, near := -1, true
	flush := func(end int) {
		if start < 0 {
			return
		}
		text := strings.TrimLeft(s[start:end], "'’‘-")
		from := end - len(text)
		text = strings.TrimRight(text, ".:'’-")
		for _, of := range []string{"'s", "’s"} {
			text = strings.TrimSuffix(text, of)
		}
		if text != "" {
			out = append(out, chunk{from, from + len(text), text, near})
			near = !strings.HasPrefix(s[from+len(text):end], ".")
		}
		start = -1
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case unicode.IsSpace(r):
			flush(i)
		case strings.ContainsRune(",;()[]{}\"`“”«»!?—…→⇒←↔|<>", r):
			if r == '!' && strings.HasPrefix(s[i:], "!=") && start >= 0 { // app!=web
				i += n
				continue
			}
			if start >= 0 && r == '>' { // -> and =>
				cut := strings.TrimRight(s[start:i], "-=")
				flush(start + len(cut))
			}
			flush(i)
			near = false
		case start < 0:
			start = i
		}
		i += n
	}
	flush(len(s))
	return out
}

// split cuts a name into its parts: at everything that is no letter or digit,
// and where a capital follows a small letter. Parts are lower-case.
func split(name string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	var before rune
	for _, r := range name {
		if !wordRune(r) {
			flush()
		} else {
			if unicode.IsUpper(r) && unicode.IsLower(before) {
				flush()
			}
			b.WriteRune(unicode.ToLower(r))
		}
		before = r
	}
	flush()
	return out
}

// stem is what a word and its plural have in common.
func stem(word string) string {
	if s, ok := singular(word); ok {
		return s
	}
	return word
}
