package compiler

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/emit"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/compiler/lower/kubernetes"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
	"github.com/kubeteus/kubeteus/compiler/validate"
	"github.com/kubeteus/kubeteus/compiler/verify"
	"github.com/kubeteus/kubeteus/intents"
	"github.com/kubeteus/kubeteus/rego"
)

// LockName is the lock's file name; it lies beside the intents.
const LockName = "kubeteus.lock"

// Options say what to compile. All paths are slash-separated and relative to
// the project, the folder that holds the intents.
type Options struct {
	Project   fs.FS
	Intents   string // the folder of intent sets; "" means intents
	Overlay   string // the folder written; "" means policies
	Manifests []load.Tree
	Inventory []load.Tree
	Target    string // "" and auto: chosen from the inventory
	Locked    bool   // readers may not run: what the lock lacks is an error
	Model     *Model // asked for what the lock lacks; nil: the embedded reader alone reads
	// Guardrails are folders of the user's Rego rules; empty: what the base's
	// kubeteus.yaml lists, or its folder guardrails. Base is the tree of the
	// revision that guardrails are taken from; nil: the project itself.
	Guardrails []load.Tree
	Base       fs.FS
	Disk       Disk
	Progress   func(pass string) // told as each pass begins; may be nil
}

// Disk is where the overlay and the lock lie, in one file system. The zero value
// is the project itself. Root is set when they are to be written, and nil when
// they are only to be compared.
type Disk struct {
	FS      fs.FS
	Root    *os.Root
	Overlay string // the overlay's folder in FS
	Prefix  string // the project's folder in FS
}

// Result is everything a compilation found. Fields of passes that were not
// reached are empty.
type Result struct {
	Project    string // the name that the policies carry
	Target     string
	Overlay    string
	LockPath   string
	Sets       []*intents.File
	Inventory  *inventory.Inventory
	Program    *ir.Program
	Policies   []policy.Object // as decoded from the encoded overlay
	Changes    []emit.Change   // where the overlay on disk differs
	LockChange string          // how the lock on disk differs, as a unified diff
	Diags      diag.List       // sorted
	Clean      bool            // every pass was clean

	sets       []*ir.Set
	before     []policy.Object // in force
	inForce    *reach.Engine
	after      *reach.Engine // in force and written
	files      []emit.File
	recorded   *lock.File // the lock on disk
	lockBytes  []byte
	engine     func() (*rego.Engine, error)
	index      func() *names.Index
	statements []*statement // in the order of the intents
}

// Compile runs the passes over one project. Bad input is in Result.Diags; an
// error means that the machine failed. Nothing is written unless every pass is
// clean.
func Compile(ctx context.Context, o Options) (*Result, error) {
	r := prepare(o)
	go r.engine() // beside the passes that do not need it: it takes a while
	err := r.configure(&o)
	if err == nil && !r.Diags.HasErrors() {
		err = r.run(ctx, o)
	}
	r.Clean = err == nil && !r.Diags.HasErrors()
	r.Diags = r.Diags.Sorted()
	return r, err
}

// prepare makes an empty result. The embedded rules are compiled when they are
// first asked for.
func prepare(o Options) *Result {
	r := &Result{LockPath: path.Join(folder(o), LockName)}
	r.engine = sync.OnceValues(func() (*rego.Engine, error) { return rego.New(context.Background()) })
	return r
}

// run is the order of passes.
func (r *Result) run(ctx context.Context, o Options) error {
	passes := []struct {
		name string
		run  func(context.Context, Options) error
	}{
		{"load", r.load}, {"read", r.read}, {"link", r.link}, {"lower", r.lower},
		{"validate", r.validate}, {"verify", r.verify}, {"emit", r.emit},
	}
	for _, p := range passes {
		if o.Progress != nil {
			o.Progress(p.name)
		}
		if err := r.through(ctx, o, p.run); err != nil || r.Diags.HasErrors() {
			return err
		}
	}
	return nil
}

// through runs passes until one rejects the input.
func (r *Result) through(ctx context.Context, o Options, passes ...func(context.Context, Options) error) error {
	for _, run := range passes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := run(ctx, o); err != nil {
			return err
		}
		if r.Diags.HasErrors() {
			return nil
		}
	}
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// link binds the rules to the inventory and refuses what contradicts itself.
func (r *Result) link(context.Context, Options) error {
	var diags diag.List
	r.Program, diags = ir.Link(r.Inventory, r.sets, r.inForce.Isolates)
	if !r.add(diags) {
		r.add(verify.Conflicts(r.Program, verify.NewUniverse(r.Program, r.before)))
	}
	return nil
}

// lower writes the policies and encodes them. From here on they are what a
// cluster would get: the encoded files, decoded again.
func (r *Result) lower(context.Context, Options) error {
	objects, diags := kubernetes.Rules(r.Program, r.Project, r.inForce)
	if r.add(diags) {
		return nil
	}
	r.files, diags = emit.Render(objects)
	r.add(diags)
	for _, f := range r.files {
		decoded, diags := policy.Decode(path.Join(r.Overlay, f.Path), f.Data)
		r.add(diags)
		r.Policies = append(r.Policies, decoded...)
	}
	r.after = reach.New(r.Inventory, slices.Concat(r.before, r.Policies), reach.Options{})
	return nil
}

// validate holds each object against what the API server checks, and against
// the embedded rules.
func (r *Result) validate(ctx context.Context, _ Options) error {
	for _, f := range r.files {
		r.add(validate.Encoded(path.Join(r.Overlay, f.Path), f.Data))
	}
	r.add(validate.Objects(r.Inventory, r.Policies))
	r.add(validate.Matching(r.Inventory, r.Policies))
	return r.ruled(ctx)
}

// prove judges the encoded files, as a cluster would get them.
func (r *Result) prove(context.Context, Options) error {
	r.add(verify.Policies(r.Program, r.before, slices.Concat(r.before, r.Policies)))
	return nil
}

// verify proves the policies, and holds them against what the manifests declare
// and the intent sets expect.
func (r *Result) verify(ctx context.Context, o Options) error {
	if err := r.prove(ctx, o); err != nil {
		return err
	}
	r.add(verify.Declared(r.Program, connections(r.Inventory), r.inForce, r.after, r.cut))
	for _, s := range r.Sets {
		r.add(verify.Expectations(r.Program, r.after, s.Namespace, expectations(s)))
	}
	return r.guard(ctx, o)
}

// add collects diags and says whether the input is rejected.
func (r *Result) add(diags diag.List) bool {
	r.Diags = append(r.Diags, diags...)
	return diags.HasErrors()
}

// emit compares the overlay and the lock with the disk, and writes them if asked.
func (r *Result) emit(ctx context.Context, o Options) error {
	recorded := lock.File{Project: r.Project, Overlay: emit.Digest(r.files)}
	for _, s := range r.statements {
		recorded.Entries = append(recorded.Entries, s.entry)
	}
	data := recorded.Encode()
	disk := o.Disk
	if disk.FS == nil {
		disk = Disk{FS: o.Project, Root: disk.Root, Overlay: r.Overlay, Prefix: "."}
	}
	overlay, err := fs.Sub(disk.FS, disk.Overlay)
	if err != nil {
		return err
	}
	if r.Changes, err = emit.Compare(overlay, r.files); err != nil {
		return r.alien(err)
	}
	if !slices.Equal(data, r.lockBytes) {
		r.LockChange = emit.Unified(r.LockPath, r.lockBytes, data)
	}
	if disk.Root == nil {
		return nil
	}
	_, err = emit.Write(ctx, disk.Root, disk.Overlay, r.files, path.Join(disk.Prefix, r.LockPath), data)
	return r.alien(err)
}

// alien turns a stranger's file in the way into a diagnostic.
func (r *Result) alien(err error) error {
	var alien *emit.AlienError
	if errors.As(err, &alien) {
		r.add(diag.List{alien.Diagnostic(r.Overlay)})
		return nil
	}
	return err
}
