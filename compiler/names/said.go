package names

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// said is what a statement says of ports, labels and addresses.
type said struct {
	ports, protocols, labels, spaceLabels, cidrs, domains, accounts map[string]bool
}

func newSaid() said {
	m := func() map[string]bool { return map[string]bool{} }
	return said{m(), m(), m(), m(), m(), m(), m()}
}

func sorted(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }

// sayings fills f.said, and marks the atoms of labels, addresses and domains as
// taken: they are no names.
func (f *finder) sayings() {
	cue := map[string]bool{}
	for _, a := range f.atoms {
		switch a.key {
		case "label", "labels", "labelled", "labeled", "labelling", "labeling", "tag", "tags", "tagged":
			cue["label"] = true
		case "namespace", "namespaces", "ns":
			cue["namespace"] = true
		case "serviceaccount", "serviceaccounts", "sa", "identity", "account", "accounts":
			cue["account"] = true
		case "ping", "pings", "pinged", "pinging":
			f.said.protocols["ICMP"] = true
		}
	}
	for k := range f.chunks {
		c := f.chunks[k]
		if f.address(c) || f.written(k, cue) || f.domainName(c) {
			continue
		}
		f.spacedLabels(k, cue)
		f.portNumbers(k)
	}
	if cue["account"] {
		f.accounts()
	}
	f.portNames()
	f.portWords()
}

// use marks the atoms of [start, end) as taken.
func (f *finder) use(start, end int) {
	k, _ := slices.BinarySearchFunc(f.atoms, start, func(a atom, at int) int { return a.start - at })
	for ; k < len(f.atoms) && f.atoms[k].start < end; k++ {
		f.atoms[k].taken = true
	}
}

// address takes a CIDR, an address, or an address with a port. A prefix with
// bits set beyond its length says two things, and is no address.
func (f *finder) address(c chunk) bool {
	if p, err := netip.ParsePrefix(c.text); err == nil {
		if p == p.Masked() {
			f.said.cidrs[p.String()] = true
		}
		f.use(c.start, c.end)
		return true
	}
	a, err := netip.ParseAddr(c.text)
	if err != nil {
		ap, err := netip.ParseAddrPort(c.text)
		if err != nil {
			return false
		}
		a = ap.Addr()
		f.port(int(ap.Port()), 0)
	}
	if a.Zone() == "" {
		f.said.cidrs[netip.PrefixFrom(a, a.BitLen()).String()] = true
	}
	f.use(c.start, c.end)
	return true
}

var (
	labelKey   = regexp.MustCompile(`^([a-zA-Z0-9]([-a-zA-Z0-9.]{0,251}[a-zA-Z0-9])?/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$`)
	labelValue = regexp.MustCompile(`^([a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?)$`)
	domain     = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63}|xn--[a-z0-9-]{1,59})$`)
	portRange  = regexp.MustCompile(`^([0-9]{1,5})(?:[-–:]([0-9]{1,5}))?(?:/([a-zA-Z]+))?$`)
	protoPort  = regexp.MustCompile(`^([a-zA-Z]+)[/:-]([0-9]{1,5})(?:[-–]([0-9]{1,5}))?$`)
)

// written takes a label that is written as one: with =, == or != and perhaps
// spaces or quotes around it, or with a colon where it is known or the statement
// speaks of labels.
func (f *finder) written(k int, cue map[string]bool) bool {
	c := f.chunks[k]
	next := func(n int) chunk {
		if k+n < len(f.chunks) {
			return f.chunks[k+n]
		}
		return chunk{}
	}
	key, value, ok := cutEquals(c.text)
	end := c.end
	switch {
	case ok && key != "" && value != "":
	case ok && key != "": // app= web
		value, end = next(1).text, next(1).end
	case ok:
		return false
	default:
		if _, v, equals := cutEquals(next(1).text); equals && next(1).text != "" && next(1).near && strings.HasPrefix(strings.TrimLeft(next(1).text, "!"), "=") { // app = web, app =web
			key, value, end, ok = c.text, v, next(1).end, true
			if value == "" {
				value, end = next(2).text, next(2).end
			}
		}
	}
	if ok {
		if !legal(key, value) {
			return false
		}
		pair := key + "=" + value
		f.said.labels[pair] = true
		if cue["namespace"] || slices.Contains(f.v.spaces.pairs[[2]string{Key(key), Key(value)}], pair) {
			f.said.spaceLabels[pair] = true
		}
		f.use(c.start, end)
		return true
	}
	key, value, ok = strings.Cut(c.text, ":")
	if end = c.end; !ok && c.end < len(f.s) && f.s[c.end] == ':' { // app: web
		key, value, end, ok = c.text, next(1).text, next(1).end, true
	}
	if !ok || !legal(key, value) {
		return false
	}
	if f.pair(key, value) {
		f.use(c.start, end)
		return true
	}
	if cue["label"] && classes[Key(key)] == open {
		f.said.labels[key+"="+value] = true
		if cue["namespace"] {
			f.said.spaceLabels[key+"="+value] = true
		}
	}
	return false
}

func legal(key, value string) bool {
	return len(key) <= 317 && len(value) <= 63 && labelKey.MatchString(key) && labelValue.MatchString(value)
}

// cutEquals cuts at =, == or !=.
func cutEquals(s string) (key, value string, ok bool) {
	key, value, ok = strings.Cut(s, "=")
	return strings.TrimSuffix(key, "!"), strings.TrimPrefix(value, "="), ok
}

// pair notes the labels of the inventory that the two words are key and value of.
func (f *finder) pair(key, value string) bool {
	id := [2]string{Key(key), Key(value)}
	if known, ok := f.pairs[id]; ok {
		return known
	}
	for _, p := range f.v.pods.pairs[id] {
		f.said.labels[p] = true
	}
	for _, p := range f.v.spaces.pairs[id] {
		f.said.spaceLabels[p] = true
	}
	f.pairs[id] = len(f.v.pods.pairs[id])+len(f.v.spaces.pairs[id]) > 0
	return f.pairs[id]
}

// spacedLabels notes labels that are said in words and that the inventory knows:
// "role db", "the db role", "tier in (web, api)", "the team label". Where the key
// is a word of the language, the statement has to speak of labels.
func (f *finder) spacedLabels(k int, cue map[string]bool) {
	c := f.chunks[k]
	key := Key(c.text)
	plain := classes[key] != open
	if isNamespace(key) {
		for _, n := range []int{k - 1, k + 1} {
			if n >= 0 && n < len(f.chunks) && classes[Key(f.chunks[n].text)] == open {
				f.spaceValue(Key(f.chunks[n].text))
			}
		}
	}
	if plain && !cue["label"] {
		return
	}
	for n := max(0, k-1); n < min(len(f.chunks), k+9); n++ {
		if v := f.chunks[n].text; n != k && classes[Key(v)] != function {
			f.pair(c.text, v)
		}
	}
	if plain && !f.besideLabel(k) {
		return
	}
	for _, known := range f.v.pods.keys[key] {
		f.said.labels[known] = true
	}
	for _, known := range f.v.spaces.keys[key] {
		f.said.spaceLabels[known] = true
	}
}

// spaceValue notes the labels of namespaces that have such a value.
func (f *finder) spaceValue(value string) {
	id := [2]string{"", value}
	if f.pairs[id] {
		return
	}
	f.pairs[id] = true
	for _, p := range f.v.spaces.values[value] {
		if !strings.HasPrefix(p, inventory.NameLabel+"=") {
			f.said.spaceLabels[p] = true
		}
	}
}

func (f *finder) besideLabel(k int) bool {
	for n := max(0, k-2); n < min(len(f.chunks), k+2); n++ {
		switch Key(f.chunks[n].text) {
		case "label", "labels", "labelled", "labeled", "tag", "tagged":
			return true
		}
	}
	return false
}

// domainName takes what looks like a domain and is neither the DNS name of a
// Service nor names of the inventory with a dot between them.
func (f *finder) domainName(c chunk) bool {
	host := strings.ToLower(c.text)
	if i := strings.Index(host, "://"); i >= 0 {
		host = host[i+3:]
	}
	if i := strings.IndexByte(host, '/'); i >= 0 {
		host = host[:i]
	}
	name, port, _ := strings.Cut(host, ":")
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 || !domain.MatchString(name) || f.x.Known(name) || f.serviceDNS(name) {
		return false
	}
	f.said.domains[name] = true
	if n, err := strconv.Atoi(port); err == nil {
		f.port(n, 0)
	}
	f.use(c.start, c.end)
	return true
}

// serviceDNS says whether a name with dots is looked up inside of the cluster,
// or is two words whose space was forgotten.
func (f *finder) serviceDNS(name string) bool {
	if name == "cluster.local" || strings.HasSuffix(name, ".cluster.local") || strings.HasSuffix(name, ".svc") {
		return true
	}
	parts := strings.Split(name, ".")
	known := func(s string) bool { return f.x.entries[Key(s)] != nil || f.x.namespaces[Key(s)] != nil }
	if len(parts) == 2 && known(parts[0]) && f.x.namespaces[Key(parts[1])] != nil {
		return true
	}
	last := parts[len(parts)-1]
	return classes[last] == function && len(last) > 3 || !slices.ContainsFunc(parts, func(s string) bool { return !known(s) })
}

// port notes a port, or with last a range.
func (f *finder) port(first, last int) {
	switch {
	case first < 1 || first > 65535 || last > 65535:
	case last == 0:
		f.said.ports[strconv.Itoa(first)] = true
	case last > first:
		f.said.ports[fmt.Sprintf("%d-%d", first, last)] = true
	}
}

// portNumbers notes the ports that a chunk says: "80", "8000-8010", "80/tcp",
// "udp/53", "web:8080", and "8000 to 8010" with the chunks after it.
func (f *finder) portNumbers(k int) {
	c := f.chunks[k]
	text := strings.TrimPrefix(c.text, ":")
	if m := protoPort.FindStringSubmatch(text); m != nil && protocol(m[1]) {
		text = m[2]
		if m[3] != "" {
			text += "-" + m[3]
		}
		f.said.protocols[strings.ToUpper(m[1])] = true
	} else if i := strings.LastIndexByte(text, ':'); i > 0 && portRange.FindStringSubmatch(text) == nil {
		text = text[i+1:] // web:8080
	}
	if protocol(text) {
		f.said.protocols[strings.ToUpper(text)] = true
	}
	for part := range strings.SplitSeq(text, "/") { // TCP/UDP
		if protocol(part) {
			f.said.protocols[strings.ToUpper(part)] = true
		}
	}
	m := portRange.FindStringSubmatch(text)
	if m == nil || m[3] != "" && !protocol(m[3]) {
		return
	}
	first, _ := strconv.Atoi(m[1]) // the pattern allows digits only
	last, _ := strconv.Atoi(m[2])
	f.port(first, last)
	if m[2] != "" || k+2 >= len(f.chunks) {
		return
	}
	between := k > 0 && slices.Contains([]string{"between", "from", "range"}, strings.ToLower(f.chunks[k-1].text))
	switch w := strings.ToLower(f.chunks[k+1].text); {
	case w == "to", w == "through", w == "until", w == "-", w == "–", w == "and" && between:
		if n := portRange.FindStringSubmatch(f.chunks[k+2].text); n != nil && n[2] == "" {
			last, _ := strconv.Atoi(n[1])
			f.port(first, last)
		}
	}
}

func protocol(s string) bool {
	switch strings.ToUpper(s) {
	case "TCP", "UDP", "SCTP", "ICMP":
		return true
	}
	return false
}

// portNames notes the port names that the inventory has or that are well known,
// where they are words of their own: "redis-leader" says no port.
func (f *finder) portNames() {
	for i := range f.atoms {
		if !f.space(i) && f.atoms[i].glue != '/' {
			continue
		}
		for _, r := range f.runs(i, func(key []byte) bool { return len(f.v.portNames[string(key)]) > 0 || ir.WellKnownPort(string(key)) }) {
			if !f.space(r.j) && f.atoms[r.j].glue != '/' && f.atoms[r.j].key != "port" {
				continue
			}
			for _, name := range f.v.portNames[r.key] {
				f.said.ports[name] = true
			}
			if ir.WellKnownPort(r.key) {
				f.said.ports[r.key] = true
			}
		}
	}
}

var (
	units = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	tens  = strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety")
)

// portWords notes numbers in words after the word port: "port eighty", "port
// four hundred forty-three".
func (f *finder) portWords() {
	for i, a := range f.atoms {
		if a.key != "port" && a.key != "ports" {
			continue
		}
		total, now, any := 0, 0, false
		for _, b := range f.atoms[i+1 : min(len(f.atoms), i+12)] {
			if n := slices.Index(units, b.key); n >= 0 {
				now += n
			} else if n := slices.Index(tens, b.key); n >= 0 {
				now += 10 * (n + 2)
			} else if b.key == "hundred" && now < 100 {
				now *= 100
			} else if b.key == "thousand" && now < 100 {
				total, now = total+1000*now, 0
			} else if b.key != "and" || !any {
				break
			}
			any = true
		}
		f.port(total+now, 0)
	}
}

// accounts notes the service accounts that the statement names: in the set's own
// namespace and those whose names are words of it, else wherever they are.
func (f *finder) accounts() {
	words := map[string]bool{f.namespace: true}
	for _, c := range f.chunks {
		words[c.text] = true
	}
	seen := map[string]bool{}
	for k, c := range f.chunks {
		name := c.text
		rest, system := strings.CutPrefix(name, "system:serviceaccount:")
		ns, bare, ok := strings.Cut(strings.Replace(rest, ":", "/", 1), "/")
		if ok && (system || strings.Contains(name, "/")) && slices.Contains(f.x.Accounts(bare), ns) {
			f.said.accounts[ns+"/"+bare] = true
			continue
		}
		spaces := f.x.Accounts(name)
		if len(spaces) == 0 || seen[name] || classes[Key(name)] == function && !f.besideAccount(k) {
			continue
		}
		seen[name] = true
		here := slices.DeleteFunc(slices.Clone(spaces), func(ns string) bool { return !words[ns] })
		if len(here) == 0 {
			here = spaces
		}
		for _, ns := range here {
			f.said.accounts[ns+"/"+name] = true
		}
	}
}

func (f *finder) besideAccount(k int) bool {
	for n := max(0, k-2); n < min(len(f.chunks), k+3); n++ {
		switch Key(f.chunks[n].text) {
		case "account", "accounts", "serviceaccount", "sa":
			return true
		}
	}
	return false
}
