package probe

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// This file renames a sample: every workload, Service, namespace, service
// account, container, label and named port gets a made-up name and every port
// another number, in manifests, inventory, policies in force, statements and
// probes alike. A compiler that reads statements must do with the renamed sample
// what it did with the first.
//
// Names are renamed word by word, a word being what lies between hyphens, dots,
// underscores or slashes: redis-leader and redis-follower still share a word
// afterwards, and two workloads called backend are still called alike. Where a
// statement writes a name's word in two ("front end"), its new word is made of
// two as well, and the statement writes them apart. Plurals stay plural, capitals
// stay capitals, PostgreSQL is taken for postgres.
//
// Ports are mapped by a function that keeps their order, so that ranges hold the
// ports that they held.
//
// Left alone, because they are not the sample's to name:
//   - kube-system and what lives in it, the namespace default, DNS's ports;
//   - the label keys that Kubernetes defines (kubernetes.io/metadata.name,
//     app.kubernetes.io/..., k8s-app), true and false, and ingress-nginx as a
//     label's value, by which an ingress controller is known;
//   - ports of protocols that a statement names (443 beside "HTTPS");
//   - in running text, words that name things of the trade (app, service, client,
//     ingress): there they are hardly ever meant as a name. In key=value, and as
//     part of a hyphenated name, they are renamed too.

// fixedNames are names that are kept wherever they stand.
var fixedNames = []string{"kube-system", "coredns", "kube-dns", "kube-dns-upstream", "default", "kubernetes"}

// fixedValues are label values that are kept.
var fixedValues = []string{"true", "false", "kube-dns", "coredns", "ingress-nginx", ""}

// fixedPorts are DNS's, and the metrics of its pods.
var fixedPorts = []int{53, 9153}

// tradeWords are left alone in running text.
var tradeWords = []string{
	"access", "admin", "allow", "allowed", "any", "api", "app", "application", "client", "cluster", "control", "default", "deny", "dev", "dns",
	"egress", "external", "from", "grpc", "host", "http", "https", "ingress", "internal", "metrics", "my", "name", "namespace", "network", "node",
	"nodes", "outside", "pod", "pods", "policy", "port", "prod", "project", "role", "server", "service", "stack", "tcp", "test", "tier", "to", "udp", "world",
}

// aliases are spellings of a product that are no plural of its name.
var aliases = map[string]string{"postgresql": "postgres", "mongo": "mongodb", "mongodb": "mongo", "elastic": "elasticsearch"}

// protocolPorts are the ports that a protocol's name stands for.
var protocolPorts = map[string][]int{
	"http": {80}, "https": {80, 443}, "tls": {443}, "ssh": {22}, "ntp": {123}, "smtp": {25, 587},
	"ldap": {389}, "ldaps": {636}, "snmp": {161}, "syslog": {514},
}

// renamer holds the mapping of one case.
type renamer struct {
	rng    *rand.Rand
	words  map[string]string // every word that was renamed so far
	splits map[string]bool   // words that a statement writes in two
	taken  []string          // words that exist already
	names  map[string]bool   // every name of the cluster, lower case
	parts  map[string]bool   // every word of these names, and of label values
	ports  map[int]int
	named  map[string]bool // port names
	labels []label         // longest key first
}

type label struct{ key, value string }

// Rename returns the case under other names. The same seed gives the same names.
func (c *Case) Rename(seed int64) (*Case, error) {
	r := newRenamer(c, seed)
	out := *c
	out.Namespace = r.name(c.Namespace)
	out.Statements = nil
	for _, s := range c.Statements {
		out.Statements = append(out.Statements, r.text(s))
	}
	out.Probes = nil
	for _, p := range c.Probes {
		p.From, p.To, p.Port = r.ref(p.From), r.ref(p.To), r.port(p.Port)
		out.Probes = append(out.Probes, p)
	}
	out.manifests = nil
	for i, f := range c.manifests {
		out.manifests = append(out.manifests, file{fmt.Sprintf("%02d.yaml", i), r.docs(f.docs)})
	}
	out.objects, out.existing = r.docs(c.objects), r.docs(c.existing)
	out.facts.PodIPs = map[string]list{}
	for ref, ips := range c.facts.PodIPs {
		out.facts.PodIPs[r.ref(ref)] = ips
	}
	if _, err := out.cluster(); err != nil {
		return nil, fmt.Errorf("renaming %s: %w", c.ID, err)
	}
	return &out, nil
}

// newRenamer collects what there is to rename and settles every name at once, in
// the order of the files, so that the seed alone decides.
func newRenamer(c *Case, seed int64) *renamer {
	h := fnv.New64a()
	h.Write([]byte(c.ID))
	r := &renamer{
		rng: rand.New(rand.NewPCG(uint64(seed), h.Sum64())), words: map[string]string{}, splits: map[string]bool{}, ports: map[int]int{},
		names: map[string]bool{}, parts: map[string]bool{}, named: map[string]bool{},
	}
	var order []string
	for _, doc := range c.docs() {
		order = append(order, r.collect(doc)...)
	}
	slices.SortStableFunc(r.labels, func(a, b label) int { return len(b.key) - len(a.key) })
	for _, s := range c.Statements {
		r.findSplits(s)
		r.taken = append(r.taken, wordsOf(strings.ToLower(s))...)
	}
	r.taken = append(r.taken, order...)
	for _, w := range order {
		r.word(w)
	}
	r.mapPorts(c)
	return r
}

// collect notes the names, labels and port names of an object outside
// kube-system, and returns their words in order.
func (r *renamer) collect(doc *yaml.Node) []string {
	ns, name := scalar(doc, "metadata", "namespace"), scalar(doc, "metadata", "name")
	if ns == "kube-system" || ns == "" && name == "kube-system" {
		return nil
	}
	var order []string
	walk("", doc, func(outer, key string, n *yaml.Node) {
		switch {
		case n.Kind == yaml.MappingNode && isLabels(key, n):
			for i := 0; i+1 < len(n.Content); i += 2 {
				l := label{n.Content[i].Value, n.Content[i+1].Value}
				if !slices.Contains(r.labels, l) {
					r.labels = append(r.labels, l)
				}
				order = append(order, wordsOf(l.key)...)
				order = append(order, r.addParts(l.value)...)
			}
		case n.Kind != yaml.ScalarNode || n.Tag != "!!str" || !isName(outer, key):
		case outer == "ports":
			r.named[n.Value] = true
			order = append(order, wordsOf(n.Value)...)
		case !slices.Contains(fixedNames, n.Value):
			r.names[strings.ToLower(n.Value)] = true
			order = append(order, r.addParts(n.Value)...)
		}
	})
	return order
}

// addParts notes the words of a name or of a label's value.
func (r *renamer) addParts(s string) []string {
	if slices.Contains(fixedNames, s) || slices.Contains(fixedValues, s) {
		return nil
	}
	words := wordsOf(strings.ToLower(s))
	for _, w := range words {
		r.parts[w] = true
	}
	return words
}

var separators = regexp.MustCompile(`[^A-Za-z0-9]+`)

// wordsOf takes a name apart.
func wordsOf(s string) []string {
	return slices.DeleteFunc(separators.Split(s, -1), func(w string) bool { return w == "" || strings.Trim(w, "0123456789") == "" })
}

// walk calls f with every value of every mapping below n, its key, and the key
// that the mapping itself, or the list it is in, stands under.
func walk(outer string, n *yaml.Node, f func(outer, key string, n *yaml.Node)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			f(outer, key, n.Content[i+1])
			walk(key, n.Content[i+1], f)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			walk(outer, c, f)
		}
	}
}

// isName says whether a scalar under that key is a name of the cluster's. The
// names of variables and volumes are not.
func isName(outer, key string) bool {
	return slices.Contains([]string{"name", "namespace", "serviceAccountName", "serviceName"}, key) &&
		!slices.Contains([]string{"env", "volumes", "volumeMounts"}, outer)
}

// isPort says whether a value under that key is a port's number or name.
func isPort(key string) bool {
	return slices.Contains([]string{"port", "targetPort", "containerPort", "endPort"}, key)
}

// isLabels says whether a mapping under that key holds labels: a Service's
// selector does, a Deployment's holds selectors.
func isLabels(key string, n *yaml.Node) bool {
	switch key {
	case "labels", "matchLabels":
		return true
	case "selector":
		return len(n.Content) > 1 && n.Content[1].Kind == yaml.ScalarNode
	default:
		return false
	}
}

// docs returns renamed copies.
func (r *renamer) docs(in []*yaml.Node) []*yaml.Node {
	out := make([]*yaml.Node, len(in))
	for i, n := range in {
		out[i] = clone(n)
		r.rewrite("", out[i])
	}
	return out
}

// rewrite renames below a value in place.
func (r *renamer) rewrite(key string, n *yaml.Node) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, c := range n.Content {
			r.rewrite(key, c)
		}
	case yaml.MappingNode:
		if isLabels(key, n) {
			for i := 0; i+1 < len(n.Content); i += 2 {
				n.Content[i].Value, n.Content[i+1].Value = r.key(n.Content[i].Value), r.value(n.Content[i+1].Value)
			}
			return
		}
		if k := child(n, "key"); k != nil && child(n, "operator") != nil {
			k.Value = r.key(k.Value)
			if values := child(n, "values"); values != nil {
				for _, v := range values.Content {
					v.Value = r.value(v.Value)
				}
			}
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i].Value, n.Content[i+1]
			if v.Kind == yaml.ScalarNode {
				r.rewriteScalar(key, k, v)
			} else {
				r.rewrite(k, v)
			}
		}
	case yaml.ScalarNode: // of a list
		r.rewriteScalar("", key, n)
	}
}

func (r *renamer) rewriteScalar(outer, key string, n *yaml.Node) {
	switch {
	case isPort(key) && n.Tag == "!!int":
		n.Value = fmt.Sprint(r.port(atoi(n.Value)))
	case n.Tag != "!!str":
	case isPort(key), outer == "ports" && key == "name":
		n.Value = r.portName(n.Value)
	case isName(outer, key):
		n.Value = r.name(n.Value)
	case key == "image":
		slash, colon := strings.LastIndex(n.Value, "/"), strings.LastIndex(n.Value, ":")
		if slash < colon {
			n.Value = n.Value[:slash+1] + r.name(n.Value[slash+1:colon]) + n.Value[colon:]
		}
	case key == "value" || key == "args" || key == "command":
		n.Value = r.text(n.Value)
	}
}

// ref renames namespace/workload; addresses, world and domains are kept.
func (r *renamer) ref(s string) string {
	ns, name, ok := strings.Cut(s, "/")
	if !ok {
		return s
	}
	return r.name(ns) + "/" + r.name(name)
}

// name renames a whole name.
func (r *renamer) name(s string) string {
	if slices.Contains(fixedNames, s) {
		return s
	}
	return r.wordwise(s)
}

// portName renames the name of a port, which has fifteen characters at most.
func (r *renamer) portName(s string) string {
	if !r.named[s] {
		return s // of kube-system's alone
	}
	out := r.wordwise(s)
	if len(out) > 15 {
		out = strings.TrimRight(out[:15], "-")
	}
	return out
}

func (r *renamer) value(s string) string {
	if slices.Contains(fixedValues, s) || slices.Contains(fixedNames, s) {
		return s
	}
	return r.wordwise(s)
}

func (r *renamer) key(s string) string {
	if s == "k8s-app" || strings.HasSuffix(s, "kubernetes.io/metadata.name") || strings.HasPrefix(s, "app.kubernetes.io/") {
		return s
	}
	return r.wordwise(s)
}

// wordwise replaces every word of a name and keeps what lies between.
func (r *renamer) wordwise(s string) string {
	return letters.ReplaceAllStringFunc(s, func(w string) string {
		if strings.Trim(w, "0123456789") == "" {
			return w
		}
		return likeCase(w, r.word(strings.ToLower(w)))
	})
}

var letters = regexp.MustCompile(`[A-Za-z0-9]+`)
