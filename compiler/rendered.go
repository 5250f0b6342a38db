package compiler

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/validate"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

// This file proves what is really synced. Between the overlay and the cluster
// stands a team's own kustomization, or a chart, which may add labels to selectors,
// move namespaces, rename, patch and drop. The proof is that of the verify pass,
// over the rendered policies in place of the overlay's:
//
//   - Policies in force stay, but for those that are rendered under the same
//     namespace and name: these are what will be in force. Every other rendered
//     policy counts as new, whoever wrote it. That one in force is not rendered
//     says nothing: most are rendered elsewhere.
//   - Rendered workloads, Services and namespaces are what will run: they stand in
//     for those of the same kind, namespace and name, and the rules are bound anew.
//     One that is rendered under a longer name in the same namespace (namePrefix,
//     nameSuffix) is still what the statements call by the short one. One that is
//     rendered into another namespace is not what they speak of: that is an error,
//     and the workload is taken to run in both. A namespace that is rendered has
//     the labels that it is rendered with, and none that the inventory adds: it is
//     applied as a whole, and a policy must not rest on a label that is gone.
//   - A policy of an API that is not read could block or, at a higher tier, allow
//     anything: nothing is proven beside it. What a mesh's proxies enforce can only
//     block more: it is a warning.
//   - A policy that is marked not to be applied, or not to be kept, is none to rely
//     on (rendered_sync.go). The overlay on disk needs no such check: it is compared
//     byte by byte.

// rendering is one proof of what is rendered.
type rendering struct {
	r         *Result
	place     diag.Position // what was asked about
	inv       *inventory.Inventory
	program   *ir.Program
	after     []policy.Object
	pairs     []*pairing
	replaced  map[string]*inventory.Workload // by namespace/name: as the inventory had it
	overlaid  map[reach.Options]*reach.Engine
	asWritten map[reach.Options]*reach.Engine
	// relabelled holds the namespaces that are rendered, as the inventory had them.
	relabelled map[string]*inventory.Namespace
}

// Rendered proves that the rendered objects of a tree and the policies in force do
// what the rules say, and adds what it finds to r. It does nothing where r is not
// clean: then there is nothing that could be held against the rules.
func (r *Result) Rendered(ctx context.Context, t load.Tree) error {
	if !r.Clean {
		return nil
	}
	err := r.rendered(ctx, t)
	r.Clean = err == nil && !r.Diags.HasErrors()
	r.Diags = r.Diags.Sorted()
	return err
}

func (r *Result) rendered(ctx context.Context, t load.Tree) error {
	found, diags, err := load.ReadRendered(ctx, t, r.namespace())
	if err != nil || r.add(diags) {
		return err
	}
	p := &rendering{r: r, place: diag.Position{File: path.Join(t.Name, path.Clean("./"+t.Path))}}
	if p.refuse(found); r.Diags.HasErrors() {
		return nil
	}
	r.add(found.Pods)
	p.inhabit(found)
	program, diags := ir.Link(p.inv, r.sets, reach.New(p.inv, r.before, reach.Options{}).Isolates)
	for _, d := range diags {
		if d.Severity == diag.Error {
			r.add(diag.List{d.Relate(p.place, "with the workloads as they are rendered")})
		}
	}
	if diags.HasErrors() {
		return nil
	}
	p.program = program
	p.pairs = counterparts(r.Policies, found.Policies, r.before)
	keys := map[string]bool{}
	for _, o := range found.Policies {
		keys[o.Key()] = true
	}
	kept := slices.DeleteFunc(slices.Clone(r.before), func(o policy.Object) bool { return keys[o.Key()] })
	p.after = slices.Concat(kept, found.Policies)
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, f := range verify.Faults(program, r.before, p.after) {
		r.add(diag.List{p.diagnostic(f)})
	}
	if !r.Diags.HasErrors() {
		p.holds(found)
	}
	return nil
}

// refuse says what keeps a proof from being one.
func (p *rendering) refuse(found *load.Rendered) {
	if len(found.Policies) == 0 && len(p.r.Policies) > 0 {
		p.r.add(diag.List{diag.Errorf(diag.VerifyRendered, p.place, "no NetworkPolicy is rendered: the overlay has %d", len(p.r.Policies)).
			Hint("list the overlay among the resources of the kustomization: %s", p.r.Overlay)})
	}
	for _, f := range found.Foreign {
		if f.Mesh {
			p.r.add(diag.List{diag.Warningf(diag.VerifyRendered, f.Origin, "%s is not looked at: the mesh may block what the policies let pass", f)})
			continue
		}
		p.r.add(diag.List{diag.Errorf(diag.VerifyRendered, f.Origin, "nothing is proven beside %s, which is not read: it may block or allow anything", f).
			Hint("say it in an intent, or render it apart from what is proven here")})
	}
	p.r.add(unsynced(found.Policies))
	for _, d := range validate.Objects(nil, found.Policies) {
		p.r.add(diag.List{d.Relate(p.place, "it is rendered from here")})
	}
}

// inhabit makes the inventory of what will run.
func (p *rendering) inhabit(found *load.Rendered) {
	was := p.r.Inventory
	inv := *was
	inv.Namespaces = nil
	p.replaced = map[string]*inventory.Workload{}
	p.relabelled = map[string]*inventory.Namespace{}
	named := map[string]*inventory.Namespace{}
	for _, n := range was.Namespaces {
		named[n.Name] = &inventory.Namespace{Name: n.Name, Labels: maps.Clone(n.Labels), Implied: n.Implied, Origin: n.Origin}
	}
	for _, n := range found.Namespaces {
		// It is applied as it is rendered: a label that is gone there goes in the
		// cluster. Of several of one name, the last is what stays.
		if old := named[n.Name]; old != nil && !old.Implied {
			p.relabelled[n.Name] = old
		}
		named[n.Name] = n
	}
	for _, o := range found.Policies {
		// Undeclared pods may live wherever a policy does.
		if named[o.Namespace()] == nil {
			named[o.Namespace()] = &inventory.Namespace{Name: o.Namespace(), Implied: true, Origin: o.Origin}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		inv.Namespaces = append(inv.Namespaces, named[name])
	}
	services := map[string]bool{}
	for _, s := range found.Services {
		services[s.Ref()] = true
	}
	inv.Services = slices.Concat(found.Services, slices.DeleteFunc(slices.Clone(was.Services), func(s *inventory.Service) bool { return services[s.Ref()] }))
	inv.Workloads = p.workloads(was.Workloads, found.Workloads)
	inv.Ingresses, inv.Calls, inv.Monitors, inv.Policies = slices.Clone(was.Ingresses), slices.Clone(was.Calls), slices.Clone(was.Monitors), slices.Clone(was.Policies)
	p.inv = inventory.Build(inv)
}

func identity(w *inventory.Workload) string { return w.Kind + " " + w.Ref() }

// workloads puts the rendered workloads in the place of those that they are.
func (p *rendering) workloads(were, rendered []*inventory.Workload) []*inventory.Workload {
	exact := map[string]bool{}
	for _, w := range rendered {
		exact[identity(w)] = true
	}
	known := map[string]*inventory.Workload{}
	for _, w := range were {
		known[identity(w)] = w
	}
	rendered = slices.SortedFunc(slices.Values(rendered), func(a, b *inventory.Workload) int { return strings.Compare(identity(a), identity(b)) })
	now := map[string]*inventory.Workload{}
	var added []*inventory.Workload
	var moved [][2]*inventory.Workload
	for _, w := range rendered {
		if known[identity(w)] != nil {
			now[identity(w)] = w
			continue
		}
		old := counterpart(w, slices.DeleteFunc(slices.Clone(were), func(o *inventory.Workload) bool { return exact[identity(o)] || now[identity(o)] != nil }))
		switch {
		case old == nil:
			added = append(added, w)
		case old.Namespace == w.Namespace:
			w.Name = old.Name
			now[identity(old)] = w
		default:
			added = append(added, w)
			moved = append(moved, [2]*inventory.Workload{old, w})
		}
	}
	for _, w := range were {
		if n := now[identity(w)]; n != nil {
			p.replaced[w.Ref()] = w
			added = append(added, n)
			continue
		}
		copied := *w
		added = append(added, &copied)
	}
	p.moved(moved)
	return added
}

// counterpart is the workload that w was before it was renamed or moved: of its
// kind, with labels that w still has, and with a name that w's was made of by a
// prefix or a suffix. In another namespace it has to be the only one.
func counterpart(w *inventory.Workload, among []*inventory.Workload) *inventory.Workload {
	var here, elsewhere []*inventory.Workload
	for _, o := range among {
		affixed := strings.HasPrefix(w.Name, o.Name) || strings.HasSuffix(w.Name, o.Name)
		if o.Kind != w.Kind || !affixed || !included(o.Labels, w.Labels) {
			continue
		}
		if o.Namespace == w.Namespace {
			here = append(here, o)
		} else {
			elsewhere = append(elsewhere, o)
		}
	}
	switch {
	case len(here) > 0:
		return slices.MaxFunc(here, func(a, b *inventory.Workload) int { return len(a.Name) - len(b.Name) })
	case len(elsewhere) == 1:
		return elsewhere[0]
	}
	return nil
}

func included(sub, of map[string]string) bool {
	for k, v := range sub {
		if got, ok := of[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// moved says which workloads are rendered into another namespace, one error for
// each of these.
func (p *rendering) moved(pairs [][2]*inventory.Workload) {
	byNamespace := map[string][][2]*inventory.Workload{}
	for _, m := range pairs {
		key := m[0].Namespace + " " + m[1].Namespace
		byNamespace[key] = append(byNamespace[key], m)
	}
	for _, key := range slices.Sorted(maps.Keys(byNamespace)) {
		all := byNamespace[key]
		old, now := all[0][0], all[0][1]
		what := fmt.Sprintf("%s is", identity(old))
		if len(all) > 1 {
			what = fmt.Sprintf("%d workloads, such as %s, are", len(all), identity(old))
		}
		p.r.add(diag.List{diag.Errorf(diag.VerifyRendered, now.Origin, "%s rendered into namespace %s: the statements speak of %s", what, now.Namespace, old.Namespace).
			Relate(old.Origin, "as the manifests have it").
			Hint("leave namespace: out of the kustomization, or compile for what is rendered: kubeteus compile --manifests with that kustomization, and namespace %s in the intent set", now.Namespace)})
	}
}

// holds says that the proof succeeded, and of what.
func (p *rendering) holds(found *load.Rendered) {
	ours, renamed := 0, 0
	var dropped []string
	for _, x := range p.pairs {
		switch {
		case x.written == nil || x.inForce:
		case x.rendered == nil:
			dropped = append(dropped, name(x.written))
		default:
			ours++
			if x.written.Key() != x.rendered.Key() {
				renamed++
			}
		}
	}
	if len(dropped) > 0 {
		p.r.add(diag.List{diag.Warningf(diag.VerifyRendered, p.place, "of the overlay, %s %s not rendered, and no flow depends on it", few(dropped), are(len(dropped)))})
	}
	words := fmt.Sprintf("what is rendered does what the statements say: %d of %d policies are the overlay's", ours, len(found.Policies))
	if renamed > 0 {
		words += fmt.Sprintf(", %d under another name", renamed)
	}
	if n := len(p.replaced); n > 0 {
		words += fmt.Sprintf("; %d of the workloads are as they are rendered", n)
	}
	p.r.add(diag.List{diag.Notef(diag.VerifyRendered, p.place, "%s", words)})
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// few names the first of a list.
func few(names []string) string {
	const most = 4
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
