package compiler

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/infer"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read"
	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/english"
	"github.com/kubeteus/kubeteus/compiler/read/repair"
	"github.com/kubeteus/kubeteus/compiler/verify"
	"github.com/kubeteus/kubeteus/intents"
)

// Model says whom to ask for readings, and how.
type Model struct {
	Completer chat.Completer
	Reader    string // recorded in the lock: openai or replay
	Name      string // likewise: the model's
	Attempts  int    // answers asked for until one is taken; 0 is 3
	Samples   int    // independent readings that have to agree; 0 is 1
	Budget    int    // tokens of what is told of the inventory; 0 is names' default
	Redact    bool   // names leave as stand-ins
	Parallel  int    // statements read side by side; 0 is 8
}

// statement is one intent on its way to being read.
type statement struct {
	set     *ir.Set
	intent  *ir.Intent
	request read.Request
	entry   lock.Entry // as recorded, or as it is to be recorded
	digest  string
	reading read.Reading
	diags   diag.List
	named   bool     // the file gives its name
	cuts    []string // as the file lists them
}

// fresh says whether the lock knows what the statement means.
func (s *statement) fresh() bool { return s.entry.Fresh(s.digest) }

// read fills r.sets with the rules of every intent: from the lock where its
// entry is fresh, else from a reader.
func (r *Result) read(ctx context.Context, o Options) error {
	r.stand()
	r.statements = r.listed()
	embedded, asked, parallel := english.With(r.Inventory, r.index()), read.Reader(nil), defaultParallel
	if o.Model != nil && !o.Locked {
		asked, parallel = repair.New(r.repairs(o.Model, embedded)), cmp.Or(o.Model.Parallel, defaultParallel)
	}
	var g errgroup.Group
	g.SetLimit(parallel)
	var done atomic.Int32
	for _, s := range r.statements {
		g.Go(func() error {
			err := r.readIntent(ctx, embedded, asked, s, o.Locked)
			if n := done.Add(1); o.Progress != nil && asked != nil {
				o.Progress(fmt.Sprintf("read %d of %d statements", n, len(r.statements)))
			}
			return err
		})
	}
	err := g.Wait()
	for _, s := range r.statements {
		r.add(s.diags)
	}
	return err
}

// defaultParallel is how many statements are read side by side.
const defaultParallel = 8

func (r *Result) repairs(m *Model, voter read.Reader) repair.Options {
	return repair.Options{Index: r.index(), Completer: m.Completer, Voter: voter, Reader: m.Reader, Model: m.Name,
		Attempts: m.Attempts, Samples: m.Samples, Budget: m.Budget, Redact: m.Redact}
}

// listed lists the statements of all sets, and fills r.sets with their intents.
func (r *Result) listed() []*statement {
	entries := map[string]lock.Entry{}
	for _, e := range r.recorded.Entries {
		entries[e.Set+"\x00"+e.Intent] = e
	}
	var out []*statement
	for _, s := range r.Sets {
		r.namespaceExists(s)
		set := &ir.Set{Name: s.Name, Namespace: s.Namespace, Explicit: s.Explicit, DNS: s.DNS}
		r.sets = append(r.sets, set)
		var before []string
		for _, i := range s.Intents {
			intent := &ir.Intent{Set: s.Name, Name: i.Name, Statement: i.Statement, Pos: i.Pos, At: i.At}
			set.Intents = append(set.Intents, intent)
			looked := lock.Context(i.Statement, before)
			st := &statement{set: set, intent: intent, entry: entries[s.Name+"\x00"+i.Name], digest: lock.Digest(i.Statement, s.Namespace, looked...)}
			st.request = read.Request{Intent: s.Name + "/" + i.Name, Statement: i.Statement, Namespace: s.Namespace, Before: before, Context: looked, Inventory: r.Inventory, At: i.At,
				Judge: func(ctx context.Context, rules []ir.Rule) (diag.List, error) {
					return r.judge(ctx, set, intent, rules)
				},
				Differ: func(a, b []ir.Rule) (string, bool) { return r.differ(set, intent, a, b) }}
			st.named = i.Named
			for _, c := range i.Cuts {
				st.cuts = append(st.cuts, c.String())
			}
			out = append(out, st)
			before = append(before[:len(before):len(before)], i.Statement)
		}
	}
	return out
}

// namespaceExists refuses a set whose namespace nothing shows.
func (r *Result) namespaceExists(s *intents.File) {
	if s.Namespace == "" || r.Inventory.Namespace(s.Namespace) != nil {
		return
	}
	d := diag.Errorf(diag.ReadName, s.NamespacePos, "no namespace %q: neither manifests nor inventory show it", s.Namespace)
	const slips = 3
	for _, n := range r.Inventory.Namespaces {
		if names.Distance(s.Namespace, n.Name, slips) < slips {
			d = d.Hint("did you mean %s?", n.Name)
		}
	}
	r.add(diag.List{d})
}

// readIntent takes the rules from a fresh lock entry, or has them read: by the
// model if there is one, else by the embedded reader. That one votes on what a
// lock says: where it understands the whole statement and differently, the lock
// is not to be trusted.
func (r *Result) readIntent(ctx context.Context, embedded, asked read.Reader, s *statement, locked bool) error {
	if !s.fresh() && locked {
		s.diags = diag.List{diag.Errorf(diag.ReadMissing, s.intent.Pos, "intent %q is not in %s as it now stands, and check, as --locked, reads nothing anew", s.intent.Name, r.LockPath).
			About(s.intent.Name).Hint("run kubeteus compile, without --locked, and commit what it writes")}
		return nil
	}
	reader := embedded
	if asked != nil && !s.fresh() {
		reader = asked
	}
	reading, diags, err := reader.Read(ctx, s.request)
	if err != nil {
		return err
	}
	for i := range diags {
		diags[i].Intent = s.intent.Name
	}
	if s.fresh() {
		s.intent.Rules = s.entry.Rules
		s.diags = r.doubts(s, reading, diags)
		return nil
	}
	s.intent.Rules, s.diags, s.reading = reading.Rules, diags, reading
	if reading.Alone {
		s.diags = append(s.diags, unconfirmed(s.intent))
	}
	p := reading.Provenance
	s.entry = lock.Entry{Set: s.intent.Set, Intent: s.intent.Name, Digest: s.digest, Rules: reading.Rules,
		Reader: p.Reader, Version: p.Version, Model: p.Model, Prompt: p.Prompt, Samples: p.Samples}
	return nil
}

// doubts says why a fresh entry is not to be trusted, going by what the embedded
// reader makes of the statement. Where that abstains, the statement's words have
// to bear out what is recorded, as those of a model's answer have to.
func (r *Result) doubts(s *statement, reading read.Reading, diags diag.List) diag.List {
	if !diags.HasErrors() {
		if flow, different := r.differ(s.set, s.intent, s.entry.Rules, reading.Rules); different {
			return diag.List{disagreement(s.intent, reading.Rules, r.LockPath, flow)}
		}
		return nil
	}
	if orders := repair.Orders(diags); len(orders) > 0 {
		return orders
	}
	if problems := repair.Unfounded(r.index(), s.request, s.entry.Rules); len(problems) > 0 {
		return unfounded(s.intent, r.LockPath, problems)
	}
	return diag.List{unconfirmed(s.intent)}
}

// unconfirmed tells a person whose second opinion is wanted.
func unconfirmed(intent *ir.Intent) diag.Diagnostic {
	return diag.Notef(diag.ReadUnconfirmed, intent.Pos, "no second reader confirms how this was read: %s", words(intent.Rules)).
		About(intent.Name).Hint("compare it with the statement; or say it in words that the embedded reader understands")
}

func unfounded(intent *ir.Intent, lockPath string, problems []string) diag.List {
	d := diag.Errorf(diag.ReadUnfounded, intent.Pos, "%s records a meaning that the statement's words do not bear out: %s", lockPath, problems[0]).
		Relate(diag.Position{File: lockPath}, "the lock says: %s", words(intent.Rules))
	for _, p := range problems[1:] {
		d = d.Relate(diag.Position{File: lockPath}, "and: %s", p)
	}
	return diag.List{d.About(intent.Name).Hint("say it in other words, or remove the entry of %q from %s, and run kubeteus compile", intent.Name, lockPath)}
}

func disagreement(intent *ir.Intent, read []ir.Rule, lockPath, flow string) diag.Diagnostic {
	return diag.Errorf(diag.ReadDisagree, intent.Pos, "%s records another meaning than the statement has: it reads as: %s", lockPath, words(read)).
		Relate(diag.Position{File: lockPath}, "the lock says: %s", words(intent.Rules)).
		Relate(intent.Pos, "first the lock, second the statement: %s", flow).
		About(intent.Name).Hint("remove the entry of %q from %s and run kubeteus compile", intent.Name, lockPath)
}

func words(rules []ir.Rule) string {
	return strings.Join(ir.Words(rules), "; ")
}

func connections(inv *inventory.Inventory) []verify.Conn {
	var out []verify.Conn
	for _, c := range infer.Connections(inv) {
		out = append(out, verify.Conn{From: c.From, To: c.To, Port: c.Port, Protocol: c.Protocol, Quote: c.Quote, Origin: c.Origin})
	}
	return out
}

// cut says whether an intent lists the connection under cuts:, as something that
// it may cut.
func (r *Result) cut(c verify.Conn) bool {
	for _, s := range r.Sets {
		for _, i := range s.Intents {
			for _, listed := range i.Cuts {
				if isNamed(listed.From, c.From, s.Namespace) && isNamed(listed.To, c.To, s.Namespace) && r.portIs(listed.Port, c) {
					return true
				}
			}
		}
	}
	return false
}

// isNamed says whether a name of an intent file is the workload's: bare in the
// set's namespace, namespace/name anywhere.
func isNamed(name string, w *inventory.Workload, namespace string) bool {
	return w != nil && (name == w.Ref() || name == w.Name && w.Namespace == namespace)
}

// portIs says whether a port of an intent file is the connection's: the pod port,
// its name, or the port of a Service in front. No port is every port.
func (r *Result) portIs(port string, c verify.Conn) bool {
	if port == "" || port == strconv.Itoa(c.Port) {
		return true
	}
	set, ok := r.ports(ir.Endpoint{Workload: c.To, Namespace: r.Inventory.Namespace(c.To.Namespace), Labels: c.To.Labels}, port)
	return ok && set.Has(or(c.Protocol, "TCP"), c.Port)
}

// expectations are a set's tests of the result, as the judge takes them.
func expectations(s *intents.File) []verify.Expect {
	var out []verify.Expect
	for _, x := range s.Expects {
		out = append(out, verify.Expect{From: x.From, To: x.To, Port: x.Port, Protocol: x.Protocol, Allow: x.Allow, Pos: x.Pos})
	}
	return out
}
