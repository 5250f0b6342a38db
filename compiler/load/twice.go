package load

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// duplicates gathers the objects that come from several roots (the dev and the
// prod overlay of one base, manifests and a release made of them), to ask about
// all of them at once.
type duplicates struct {
	first, second placed
	count         int
	between       [][2]*part // the pairs of roots
}

func (d *duplicates) add(a, b placed) {
	if d.count == 0 {
		d.first, d.second = a, b
	}
	d.count++
	if pair := [2]*part{a.part, b.part}; !slices.Contains(d.between, pair) {
		d.between = append(d.between, pair)
	}
}

// question asks which of the roots are meant, with the lines that answer it.
func (d *duplicates) question(parts []part) diag.List {
	if d.count == 0 {
		return nil
	}
	names := d.names()
	o := d.first.object
	what := fmt.Sprintf("%s %s/%s comes", o.kind, o.namespace, o.name)
	if d.count > 1 {
		what = fmt.Sprintf("%d objects, such as %s %s/%s, come", d.count, o.kind, o.namespace, o.name)
	}
	const most = 8 // names in a message
	shown := names[:min(len(names), most)]
	rest := strings.Join(append([]string{names[0]}, d.others(parts, names)...), ", ")
	return diag.List{diag.Errorf(diag.ManifestTwice, o.origin, "%s from more than one place: %s", what, strings.Join(shown, ", ")).
		Relate(d.second.origin, "and here, from %s", d.name(d.second.part)).
		Hint("say which one is meant: --manifests %s", strings.Join(shown, "  or  --manifests ")).
		Hint("or for good, in kubeteus.yaml: {apiVersion: kubeteus.dev/v1alpha1, kind: Project, manifests: [%s]}", rest)}
}

// dispute lists the sources in dispute, for programs.
func (d *duplicates) dispute(parts []part) Dispute {
	var out Dispute
	for _, pair := range d.between {
		out.Pairs = append(out.Pairs, [2]string{d.name(pair[0]), d.name(pair[1])})
	}
	if d.count > 0 {
		out.Others = d.others(parts, d.names())
	}
	return out
}

// name is how a person would name a root: a kustomization by its folder, a plain
// file by its folder too, unless that holds both sides of a dispute.
func (d *duplicates) name(p *part) string {
	dir := path.Dir(p.root)
	if p.built {
		return p.root
	}
	if dir == "." || slices.ContainsFunc(d.between, func(pair [2]*part) bool {
		return within(pair[0].root, []string{dir}) && within(pair[1].root, []string{dir})
	}) {
		return p.root
	}
	return dir
}

// names returns the names of the roots in dispute, in the order of the dispute.
func (d *duplicates) names() []string {
	var out []string
	for side := range 2 {
		for _, pair := range d.between {
			if name := d.name(pair[side]); !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// others names the sources that nothing is asked about.
func (d *duplicates) others(parts []part, disputed []string) []string {
	var out []string
	for i := range parts {
		p := &parts[i]
		if p.snapshot || len(p.objects) == 0 || slices.ContainsFunc(d.between, func(pair [2]*part) bool { return pair[0] == p || pair[1] == p }) {
			continue
		}
		if name := d.name(p); !within(name, disputed) && !within(name, out) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
