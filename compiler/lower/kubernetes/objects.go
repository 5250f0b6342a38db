package kubernetes

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// draft is the units of one namespace that select the same pods: an object to be.
type draft struct {
	namespace *inventory.Namespace
	pods      box
	units     []unit
	name      string
}

// objects makes one policy of the units that select the same pods.
func (l *lowerer) objects(units []unit) []policy.Object {
	byKey := map[string]*draft{}
	var drafts []*draft
	for _, u := range units {
		k := u.namespace.Name + "/" + u.pods.String()
		d := byKey[k]
		if d == nil {
			d = &draft{namespace: u.namespace, pods: u.pods}
			byKey[k] = d
			drafts = append(drafts, d)
		}
		d.units = append(d.units, u)
	}
	l.names(drafts)
	var out []policy.Object
	for _, d := range drafts {
		out = append(out, l.object(d))
	}
	slices.SortFunc(out, func(a, b policy.Object) int { return cmp.Compare(a.Key(), b.Key()) })
	return out
}

// object writes one policy.
func (l *lowerer) object(d *draft) policy.Object {
	var about, closes [2][]int
	var rules [2]region
	has := [2]bool{}
	for _, u := range d.units {
		end := 0
		if u.end == ir.Egress {
			end = 1
		}
		has[end] = true
		rules[end] = append(rules[end], u.rules...).tidy()
		closes[end] = indices(closes[end], u.closes)
		about[end] = indices(about[end], indices(u.closes, u.allows))
	}
	np := &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: d.name, Namespace: d.namespace.Name,
			Labels:      map[string]string{policy.ManagedByLabel: policy.ManagedBy, policy.ProjectLabel: l.project},
			Annotations: map[string]string{policy.IntentAnnotation: l.intents(indices(about[0], about[1]))}},
		Spec: networkingv1.NetworkPolicySpec{PodSelector: selector(d.pods, false)},
	}
	o := policy.Object{NetworkPolicy: np}
	if has[0] {
		np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
		for _, r := range l.rules(d.namespace.Name, rules[0], closes[0], about[0]) {
			np.Spec.Ingress = append(np.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: r.peers, Ports: r.ports})
			o.Ingress = append(o.Ingress, l.comment(r, closes[0]))
		}
	}
	if has[1] {
		np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		for _, r := range l.rules(d.namespace.Name, rules[1], closes[1], about[1]) {
			np.Spec.Egress = append(np.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: r.peers, Ports: r.ports})
			o.Egress = append(o.Egress, l.comment(r, closes[1]))
		}
	}
	o.Comment = l.quotes("closed by ", indices(closes[0], closes[1]))
	return o
}

// comment cites the rules of the program that ask for a rule of an object, and
// those that leave it open where none asks for it.
func (l *lowerer) comment(r written, closes []int) string {
	lines := l.quotes("", r.by)
	if r.kept {
		lines = strings.TrimPrefix(lines+"\n"+l.quotes("left open by ", closes), "\n")
	}
	return lines
}

// quotes cites intents: a line of name, file and statement for each that says so
// itself, and one line of names for all that imply it.
func (l *lowerer) quotes(lead string, rules []int) string {
	var lines []string
	implied := map[string][]string{}
	add := func(list []string, s string) []string {
		if slices.Contains(list, s) {
			return list
		}
		return append(list, s)
	}
	for _, i := range rules {
		b := l.program.Rules[i]
		file := path.Base(b.Intent.Pos.File)
		if b.Intent.Pos.File == "" {
			file = b.Set.Name
		}
		name := fmt.Sprintf("%s (%s)", printable(b.Intent.Name, 80), printable(file, 80))
		if b.Implied == "dns" || b.Implied == "ingress" {
			implied[b.Implied] = add(implied[b.Implied], name)
			continue
		}
		lines = add(lines, fmt.Sprintf(`%s%s: "%s"`, lead, name, printable(b.Intent.Statement, 200)))
	}
	slices.Sort(lines)
	for _, why := range []string{"dns", "ingress"} {
		if names := implied[why]; len(names) > 0 {
			slices.Sort(names)
			lines = append(lines, lead+why+" for "+strings.Join(names, ", "))
		}
	}
	return strings.Join(lines, "\n")
}

// printable is text for one line of a comment: white space folded, characters
// that do not print escaped, cut after n runes.
func printable(s string, n int) string {
	var out strings.Builder
	for i, r := range []rune(strings.Join(strings.Fields(s), " ")) {
		if i == n {
			out.WriteString("...")
			break
		}
		if unicode.IsPrint(r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\u{%x}`, r)
		}
	}
	return out.String()
}

// intents lists the intents of rules as set/name.
func (l *lowerer) intents(rules []int) string {
	var out []string
	for _, i := range rules {
		b := l.program.Rules[i]
		out = append(out, b.Set.Name+"/"+b.Intent.Name)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// termName is a readable name for a policy over a namespace or a label set.
func termName(namespace string, boxes []box, deny bool) string {
	if len(boxes) == 1 && len(boxes[0]) == 0 {
		if deny {
			return namespace + "-default-deny"
		}
		return namespace + "-default"
	}
	var words []string
	for _, b := range boxes {
		for _, x := range b {
			_, k, ok := strings.Cut(x.key, "/")
			if !ok {
				k = x.key
			}
			words = append(words, k)
			if x.not && len(x.list) > 0 {
				words = append(words, "not")
			}
			words = append(words, x.list...)
		}
	}
	return strings.Join(words, "-")
}

// maxName is how long a name is made.
const maxName = 63

// names gives the drafts names that are unique in their namespaces, policies in
// force included. Of drafts that want one name, the first of a digest is added
// to all but the one that selects by the fewest conditions.
func (l *lowerer) names(drafts []*draft) {
	taken := map[string]bool{}
	for _, p := range l.inv.Policies {
		taken[p.Namespace()+"/"+p.Name()] = true
	}
	sorted := slices.Clone(drafts)
	slices.SortStableFunc(sorted, func(a, b *draft) int {
		return cmp.Or(cmp.Compare(a.namespace.Name, b.namespace.Name), cmp.Compare(len(a.pods), len(b.pods)), cmp.Compare(a.pods.String(), b.pods.String()))
	})
	for _, d := range sorted {
		want := d.units[0].name
		for _, u := range d.units {
			if u.cells == nil { // a workload's name is the better one
				want = u.name
			}
		}
		digest := fmt.Sprintf("-%x", sha256.Sum256([]byte(d.pods.String())))
		want = cmp.Or(strings.Trim(want, "-"), "policy")
		d.name = label(want, maxName)
		if len(want) > maxName || taken[d.namespace.Name+"/"+d.name] {
			d.name = label(want, maxName-9) + digest[:9]
		}
		for n := 10; taken[d.namespace.Name+"/"+d.name] && n < maxName; n++ {
			d.name = label(want, maxName-n) + digest[:n]
		}
		taken[d.namespace.Name+"/"+d.name] = true
	}
}

// label turns text into at most n characters of a DNS label.
func label(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	return strings.Trim(s[:min(len(s), n)], "-")
}
