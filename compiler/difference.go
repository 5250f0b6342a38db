package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/compare"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/emit"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/report"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

// This file compares two states of a project. The head is compiled. The base is
// what is committed there, and is neither read nor proven anew: its readings are
// those of its lock, its policies those of its overlay, which is what a cluster
// runs. So a base that this version would refuse can be compared with, too.

// NoFiles is a file system without files, of a base that has nothing.
type NoFiles struct{}

// Open finds nothing.
func (NoFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Difference compiles the head, without writing, and says what it changes against
// the base. Only Project, Intents, Overlay, Manifests and Inventory of base are
// looked at; a Project that is nil has nothing. The result is the head's.
func Difference(ctx context.Context, head, base Options) (*report.Difference, *Result, error) {
	head.Disk.Root = nil
	r, err := Compile(ctx, head)
	if err != nil {
		return nil, r, err
	}
	d := &report.Difference{Project: r.Project, Target: r.Target, Verdict: r.verdict(), Head: r.Report()}
	b, err := r.state(ctx, base, d)
	if err != nil {
		return nil, r, err
	}
	d.Project = or(d.Project, b.Project)
	d.Intents = r.intentChanges(b, d)
	if r.Clean {
		d.Also = append(d.Also, droppedExpectations(b.Sets, r.Sets)...)
	}
	also, err := settingsChanges(head, base)
	if err != nil {
		return nil, r, err
	}
	d.Also = append(d.Also, also...)
	if r.Inventory != nil {
		d.Also = append(d.Also, foreignChanges(b.Inventory, r.Inventory)...)
	}
	if r.after != nil {
		r.reachabilityChanges(b, d)
		if err := r.policyChanges(b, base, d); err != nil {
			return nil, r, err
		}
	}
	if r.Clean && r.Stale() {
		if d.OnDisk, err = r.strays(head, d.Reachability); err != nil {
			return nil, r, err
		}
		const most = 20
		if n := len(d.OnDisk); n > most {
			d.OnDisk = append(d.OnDisk[:most], fmt.Sprintf("and %d more", n-most))
		}
	}
	d.Summarize()
	return d, r, nil
}

func (r *Result) verdict() report.Verdict {
	switch {
	case !r.Clean:
		return report.Rejected
	case r.Stale():
		return report.Stale
	}
	return report.Pass
}

// state gathers what is committed at the base. What cannot be had becomes a note,
// and the head's stands in for it.
func (r *Result) state(ctx context.Context, o Options, d *report.Difference) (*Result, error) {
	note := func(format string, args ...any) { d.Notes = append(d.Notes, fmt.Sprintf(format, args...)) }
	b := prepare(o)
	b.recorded, b.Project, b.Inventory = &lock.File{}, r.Project, r.Inventory
	if b.Inventory == nil { // the head was rejected before it had one
		b.Inventory = inventory.Build(inventory.Inventory{})
	}
	if o.Project == nil {
		d.New = true
		b.stand()
		b.after = b.inForce
		return b, nil
	}
	for _, step := range []struct {
		what string
		run  func() error
	}{
		{"settings", func() error { return b.configure(&o) }},
		{"intents", func() error { return b.committed(o, d) }},
		{"lock", func() error { return b.lockFile(o.Project) }},
		{"inventory", func() error { return b.furnish(ctx, o) }},
		{"overlay", func() error { return b.onDisk(o) }},
	} {
		n := len(b.Diags)
		if err := step.run(); err != nil {
			return nil, fmt.Errorf("reading the base's %s: %w", step.what, err)
		}
		if found := b.Diags[n:]; found.HasErrors() {
			note("the base's %s could not be read as a whole: %s", step.what, firstError(found))
		}
	}
	if b.recorded == nil {
		b.recorded = &lock.File{}
	}
	b.statements = b.listed()
	b.stand()
	b.after = reach.New(b.Inventory, slices.Concat(b.before, b.Policies), reach.Options{})
	return b, nil
}

func firstError(l diag.List) string {
	for _, d := range l.Sorted() {
		if d.Severity == diag.Error {
			return d.Pos.String() + ": " + d.Message
		}
	}
	return ""
}

// committed parses the base's intent sets, where it has any.
func (r *Result) committed(o Options, d *report.Difference) error {
	files, err := intentFiles(o)
	if d.New = errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0; d.New {
		return nil
	}
	return r.intentSets(o)
}

// furnish takes the base's inventory, if it can be read.
func (r *Result) furnish(ctx context.Context, o Options) error {
	if name := r.name(); name != "" {
		r.Project = name
	}
	inv, diags, err := r.gather(ctx, o)
	if !r.add(diags) && inv != nil {
		r.Inventory = inv
	}
	return err
}

// policyChanges compares the base's overlay with what the head's intents say.
func (r *Result) policyChanges(b *Result, base Options, d *report.Difference) error {
	overlay := fs.FS(NoFiles{})
	if base.Project != nil {
		disk := base.Disk
		if disk.FS == nil {
			disk = Disk{FS: base.Project, Overlay: b.Overlay}
		}
		var err error
		if overlay, err = fs.Sub(disk.FS, disk.Overlay); err != nil {
			return err
		}
	}
	changes, err := emit.Compare(overlay, r.files)
	var alien *emit.AlienError
	if errors.As(err, &alien) {
		d.Notes = append(d.Notes, "the base's policies are not compared: "+alien.Error())
		return nil
	}
	if err != nil {
		return err
	}
	was, is := byPath(b), byPath(r)
	for _, c := range changes {
		if path.Dir(c.Path) == "." {
			continue // the kustomization
		}
		p := report.PolicyChange{Path: c.Path, Kind: "NetworkPolicy", Namespace: path.Dir(c.Path), Name: strings.TrimSuffix(path.Base(c.Path), ".yaml"), Change: report.Change(c.Kind), Diff: c.Diff}
		before, had := was[c.Path]
		o, has := is[c.Path]
		if !has {
			o = before
		}
		if had || has {
			p.Kind, p.Namespace, p.Name, p.Intents = o.Kind(), o.Namespace(), o.Name(), o.Intents()
		}
		p.CommentsOnly = had && has && before.Key() == o.Key() && reflect.DeepEqual(before.NetworkPolicy.Spec, o.NetworkPolicy.Spec)
		d.Policies = append(d.Policies, p)
	}
	return nil
}

// byPath are a state's policies by their file in the overlay.
func byPath(r *Result) map[string]policy.Object {
	out := map[string]policy.Object{}
	for _, o := range r.Policies {
		out[strings.TrimPrefix(o.Origin.File, r.Overlay+"/")] = o
	}
	return out
}

// reachabilityChanges fills what the two sides let pass differently.
func (r *Result) reachabilityChanges(b *Result, d *report.Difference) {
	changes := compare.States(compare.State{Inventory: b.Inventory, Engine: b.after}, compare.State{Inventory: r.Inventory, Engine: r.after, Program: r.Program})
	groups := func(kind compare.Kind) []report.FlowChange {
		out := []report.FlowChange{}
		for _, g := range changes.Groups[kind] {
			f := report.FlowChange{From: g.From, To: g.To, Ports: g.Ports, Why: g.Cause.Why, Intents: g.Cause.Intents}
			for _, o := range g.Cause.Objects {
				f.Policies = append(f.Policies, r.policyName(b, o))
			}
			out = append(out, f)
		}
		return out
	}
	d.Reachability = &report.ReachabilityChange{
		Workloads: changes.Workloads,
		Gained:    groups(compare.Gained), Lost: groups(compare.Lost), Arrived: groups(compare.Arrived), Departed: groups(compare.Departed), Kept: groups(compare.Kept),
		Pairs: report.PairCounts{Gained: changes.Pairs[compare.Gained], Lost: changes.Pairs[compare.Lost],
			Arrived: changes.Pairs[compare.Arrived], Departed: changes.Pairs[compare.Departed]},
		NewWorkloads: changes.New, GoneWorkloads: changes.Gone, Notes: changes.Notes,
	}
	d.Cut = r.cutConnections(b)
	for _, w := range changes.Hosts {
		d.Also = append(d.Also, w+" moved to the host network, where no policy closes it")
	}
}

// policyName is a policy's path in the overlay it lies in, or kind namespace/name
// of somebody else's.
func (r *Result) policyName(b *Result, o *policy.Object) string {
	for _, at := range []*Result{r, b} {
		if rest, ok := strings.CutPrefix(o.Origin.File, at.Overlay+"/"); ok {
			return rest
		}
	}
	return o.Kind() + " " + o.Namespace() + "/" + o.Name()
}

// cutConnections are the declared connections that pass at the base and not at
// the head.
func (r *Result) cutConnections(b *Result) []report.Connection {
	var out []report.Connection
	before := func(f ir.Flow) bool {
		var known bool
		if f.From, known = b.own(f.From); !known {
			return false
		}
		if f.To, known = b.own(f.To); !known {
			return false
		}
		return b.after.Decide(f).Allowed
	}
	after := func(f ir.Flow) bool { return r.after.Decide(f).Allowed }
	for _, s := range verify.Severed(r.Inventory, connections(r.Inventory), before, after) {
		c := report.Connection{From: report.Outside, To: s.Conn.To.Ref(), Quote: s.Conn.Quote, Pos: s.Conn.Origin, Listed: r.cut(s.Conn),
			Ports: ir.Ports(s.Flow.Protocol, s.Flow.Port, s.Flow.Port).String()}
		if s.Conn.From != nil {
			c.From = s.Conn.From.Ref()
		}
		if want := r.Program.Wants(s.Flow); want.By != nil {
			c.Intents = []string{want.By.Intent.Set + "/" + want.By.Intent.Name}
		}
		out = append(out, c)
	}
	return out
}

// own is an endpoint of another state as this one knows it.
func (r *Result) own(e ir.Endpoint) (ir.Endpoint, bool) {
	if e.Workload == nil {
		return e, true
	}
	for _, w := range r.Inventory.Workload(e.Workload.Namespace, e.Workload.Name) {
		if w.Kind == e.Workload.Kind {
			return ir.Endpoint{Workload: w, Namespace: r.Inventory.Namespace(w.Namespace), Labels: w.Labels}, true
		}
	}
	return e, false
}
