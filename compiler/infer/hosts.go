package infer

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// host is a host name in a text. whole says that it is all of the value, scheme
// that it stands in a URL.
type host struct {
	name   string
	port   int
	scheme string
	whole  bool
}

// A host is a DNS name that nothing else runs into: a path, a file name or an
// image such as registry/redis:7 has a slash before it, user:password@host has
// an at sign, which a host may follow.
const dnsName = `[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?)*\.?`

var (
	inURL    = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*)://(?:[^\s/'"]*@)?([^\s/?#'"<>;|(){}\[\]\\]+)`)
	hostPort = regexp.MustCompile(`(?:\$\([A-Za-z_]+\)\.|\$\{?[A-Za-z_]+\}?\.)?(` + dnsName + `):(\d{1,5})`)
	mysqlDSN = regexp.MustCompile(`\((` + dnsName + `):(\d{1,5})\)`)
	clusterN = regexp.MustCompile(dnsName)
	keyValue = regexp.MustCompile(`(?i)\b(?:host|server|addr|address|data source)\s*=\s*(` + dnsName + `)(?:\s+.*?\bport\s*=\s*(\d{1,5}))?`)
	bareHost = regexp.MustCompile(`^` + dnsName + `$`)
)

// maxText bounds what is scanned of one value: a ConfigMap may hold a megabyte.
const maxText = 1 << 20

// hosts returns the hosts that a text names. A bare word counts only as the
// whole value (or an item of a list) of a variable that holds an address, or
// where its own spelling ends in .svc; everything else needs a port or a URL.
func hosts(text string, address bool) []host {
	if len(text) > maxText {
		text = text[:maxText]
	}
	var out []host
	add := func(h host) {
		h.name = strings.ToLower(strings.TrimSuffix(h.name, "."))
		if h.port > 65535 {
			return
		}
		if i := slices.IndexFunc(out, func(o host) bool { return o.name == h.name && (o.port == h.port || h.port == 0) }); i >= 0 {
			return
		}
		out = append(out, h)
	}
	for _, m := range inURL.FindAllStringSubmatch(text, -1) {
		scheme := strings.ToLower(m[1])
		for _, one := range strings.Split(m[2], ",") { // mongodb://a:1,b:2
			name, port, _ := strings.Cut(one, ":")
			n, _ := strconv.Atoi(leadingDigits(port))
			if bareHost.MatchString(name) {
				add(host{name: name, port: n, scheme: scheme})
			}
		}
	}
	for _, re := range []*regexp.Regexp{hostPort, mysqlDSN} {
		for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
			if re == hostPort && !stands(text, m[0], m[1]) {
				continue
			}
			n, _ := strconv.Atoi(text[m[4]:m[5]])
			add(host{name: text[m[2]:m[3]], port: n})
		}
	}
	for _, m := range keyValue.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[2])
		add(host{name: m[1], port: n})
	}
	for _, m := range clusterN.FindAllStringIndex(text, -1) {
		name := strings.TrimSuffix(text[m[0]:m[1]], ".")
		if labels := strings.Split(name, "."); len(labels) > 2 && slices.Contains(labels[2:], "svc") {
			add(host{name: name})
		}
	}
	if address {
		for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
			if bareHost.MatchString(one) {
				add(host{name: one, whole: true})
			}
		}
	}
	return out
}

func leadingDigits(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return s
	}
	return s[:end]
}

// stands says whether text[from:to], a host with a port, has no more of a word
// on either side: "registry/redis:7" is an image, "a:1:2" no host.
func stands(text string, from, to int) bool {
	if from > 0 {
		switch c := text[from-1]; {
		case c == '/' && !strings.HasSuffix(text[:from], "//"), c == '-', c == '.', c == '_', c == ':', c == '$':
			return false
		case isWord(c):
			return false
		}
	}
	return to == len(text) || !isWord(text[to]) && text[to] != '.' && text[to] != '-' && text[to] != ':' ||
		text[to] == '.' && (to+1 == len(text) || !isWord(text[to+1])) // the end of a sentence
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// schemePorts are the ports that clients take when a URL names none.
var schemePorts = map[string]int{
	"http": 80, "https": 443, "ws": 80, "wss": 443, "redis": 6379, "rediss": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306,
	"mongodb": 27017, "amqp": 5672, "amqps": 5671, "nats": 4222, "kafka": 9092, "ldap": 389, "ldaps": 636, "smtp": 25, "bolt": 7687, "neo4j": 7687,
}

// schemePort returns the port of a URL without one: the scheme's, where the
// Service has it; 0, all of its ports, otherwise (jdbc:postgresql and the like
// leave only their last part).
func schemePort(s *inventory.Service, scheme string) int {
	port := schemePorts[scheme[strings.LastIndexAny(scheme, "+:")+1:]]
	if port == 0 {
		port = schemePorts[strings.Split(scheme, "+")[0]]
	}
	if port != 0 && slices.ContainsFunc(s.Ports, func(p inventory.ServicePort) bool { return p.Number == port }) {
		return port
	}
	return 0
}
