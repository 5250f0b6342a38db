package compiler

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/infer"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read"
	"github.com/kubeteus/kubeteus/compiler/read/english"
	"github.com/kubeteus/kubeteus/compiler/verify"
	"github.com/kubeteus/kubeteus/intents"
)

// readerName is recorded in the lock as where a reading came from.
const readerName = "english"

// read fills r.sets with the rules of every intent: from the lock where its
// entry is fresh, else from the reader.
func (r *Result) read(ctx context.Context, o Options) error {
	reader := english.New(r.Inventory)
	entries := map[string]lock.Entry{}
	for _, e := range r.recorded.Entries {
		entries[e.Set+"\x00"+e.Intent] = e
	}
	for _, s := range r.Sets {
		r.namespaceExists(s)
		set := &ir.Set{Name: s.Name, Namespace: s.Namespace, Explicit: s.Explicit, DNS: s.DNS}
		r.sets = append(r.sets, set)
		var before []string
		for _, i := range s.Intents {
			intent := &ir.Intent{Set: s.Name, Name: i.Name, Statement: i.Statement, Pos: i.Pos, At: i.At}
			set.Intents = append(set.Intents, intent)
			request := read.Request{Statement: i.Statement, Namespace: s.Namespace, Before: before, Inventory: r.Inventory, At: i.At}
			if err := r.readIntent(ctx, reader, request, intent, entries[s.Name+"\x00"+i.Name], o.Locked); err != nil {
				return err
			}
			before = append(before[:len(before):len(before)], i.Statement)
		}
	}
	return nil
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

// readIntent takes the rules from a fresh lock entry, or has them read. The
// embedded reader votes on what a lock says: where it understands the whole
// statement and differently, the lock is not to be trusted.
func (r *Result) readIntent(ctx context.Context, reader read.Reader, request read.Request, intent *ir.Intent, e lock.Entry, locked bool) error {
	digest := lock.Digest(request.Statement, request.Namespace)
	fresh := e.Digest == digest && len(e.Rules) > 0
	if locked && !fresh {
		r.Diags = append(r.Diags, diag.Errorf(diag.ReadMissing, intent.Pos, "intent %q is not in %s as it now stands, and --locked forbids reading it", intent.Name, r.LockPath).
			About(intent.Name).Hint("run kubeteus compile without --locked and commit what it writes"))
		return nil
	}
	reading, diags, err := reader.Read(ctx, request)
	if err != nil {
		return err
	}
	for i := range diags {
		diags[i].Intent = intent.Name
	}
	intent.Rules = reading.Rules
	if fresh {
		intent.Rules = e.Rules
		if !diags.HasErrors() && !sameRules(reading.Rules, e.Rules) {
			r.Diags = append(r.Diags, disagreement(intent, reading.Rules, r.LockPath))
		}
	} else {
		r.Diags = append(r.Diags, diags...)
		e = lock.Entry{Set: intent.Set, Intent: intent.Name, Digest: digest, Reader: readerName, Rules: reading.Rules}
	}
	r.entries = append(r.entries, e)
	return nil
}

func disagreement(intent *ir.Intent, read []ir.Rule, lockPath string) diag.Diagnostic {
	return diag.Errorf(diag.ReadDisagree, intent.Pos, "%s records another meaning than the statement has: it reads as: %s", lockPath, words(read)).
		Relate(diag.Position{File: lockPath}, "the lock says: %s", words(intent.Rules)).
		About(intent.Name).Hint("remove the entry of %q from %s and run kubeteus compile", intent.Name, lockPath)
}

func words(rules []ir.Rule) string {
	var out []string
	for _, r := range rules {
		out = append(out, r.String())
	}
	return strings.Join(out, "; ")
}

// sameRules compares rules as a lock records them.
func sameRules(a, b []ir.Rule) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && slices.Equal(x, y)
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
