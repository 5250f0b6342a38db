package rego

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// This file is the sandbox. What a rule may call is an allow list, checked when
// it is compiled: a builtin that OPA gains later is refused until it is listed.
// The list holds functions of their arguments alone. Left out are those that
// reach outside (http.send, net.lookup_ip_addr, opa.runtime, time.now_ns, rand,
// uuid), those that load code or keys, and those whose one call can take more
// memory than its arguments do by far (bits.lsh, net.cidr_expand,
// graph.reachable_paths, units.parse, format_int): a call that has begun cannot be
// stopped. A call of print is compiled, and left out of what runs.

var builtins = []string{
	"abs", "all", "any", "array.concat", "array.reverse", "array.slice", "assign", "ceil", "contains", "count", "div", "endswith", "eq", "equal", "floor",
	"glob.match", "glob.quote_meta", "graph.reachable", "gt", "gte", "indexof", "internal.member_2", "internal.member_3", "internal.template_string", "intersection",
	"is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string", "lower", "lt", "lte", "max", "min", "minus", "mul", "neq",
	"net.cidr_contains", "net.cidr_intersects", "net.cidr_is_valid", "numbers.range", "object.filter", "object.get", "object.keys", "object.remove", "object.subset",
	"object.union", "object.union_n", "or", "and", "plus", "print", "regex.is_valid", "regex.match", "regex.split", "rem", "round", "sort",
	"split", "sprintf", "startswith", "strings.any_prefix_match", "strings.any_suffix_match", "strings.count", "strings.reverse", "substring", "sum", "to_number",
	"trim", "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix", "type_name", "union", "upper", "walk",
}

// capabilities is what rules may use of the language.
func capabilities() *ast.Capabilities {
	caps := ast.CapabilitiesForThisVersion()
	caps.Builtins = slices.DeleteFunc(caps.Builtins, func(b *ast.Builtin) bool { return !slices.Contains(builtins, b.Name) })
	caps.AllowNet = []string{}
	return caps
}

// limits bound one run.
type limits struct {
	time   time.Duration
	memory uint64 // growth of the heap
}

// stopped is why a run ended early. It is about the rules that ran, or about
// their input, and not about the machine.
type stopped struct{ why string }

func (s *stopped) Error() string { return s.why }

// grace is how long a cancelled evaluation is waited for. A single call of a
// builtin cannot be cancelled, so one that takes longer is left behind.
const grace = 500 * time.Millisecond

// program is compiled modules and the queries on them.
type program struct {
	compiler *ast.Compiler
	limits   limits
}

// eval returns the value of a document, nil if it is undefined. It ends when ctx
// does, or when a limit is met. The errors are ctx's, a *stopped, and what the
// evaluator found wrong (a *topdown.Error).
func (p *program) eval(ctx context.Context, ref ast.Ref, input *ast.Term) (ast.Value, error) {
	inner, done := context.WithTimeout(ctx, p.limits.time)
	defer done()
	type result struct {
		value ast.Value
		err   error
	}
	cancel := topdown.NewCancel()
	out := make(chan result, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				out <- result{err: &stopped{fmt.Sprintf("the evaluator failed: %v", r)}}
			}
		}()
		v, err := p.query(inner, ref, input, cancel)
		out <- result{v, err}
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	start := heap()
	var why error
	for why == nil {
		select {
		case r := <-out:
			if e := new(topdown.Error); errors.As(r.err, &e) && e.Code == topdown.CancelErr {
				r.err = ended(ctx, p.limits)
			}
			return r.value, r.err
		case <-inner.Done():
			why = ended(ctx, p.limits)
		case <-tick.C:
			if heap() > start+p.limits.memory {
				why = &stopped{fmt.Sprintf("takes more than %d MiB of memory", p.limits.memory>>20)}
			}
		}
	}
	cancel.Cancel()
	select {
	case <-out:
	case <-time.After(grace):
	}
	return nil, why
}

// ended is why a context with the run's limit is done.
func ended(ctx context.Context, l limits) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return &stopped{fmt.Sprintf("did not finish within %s", l.time)}
}

func (p *program) query(ctx context.Context, ref ast.Ref, input *ast.Term, cancel topdown.Cancel) (ast.Value, error) {
	result := ast.VarTerm("result")
	body := ast.NewBody(ast.Equality.Expr(result, ast.NewTerm(ref)))
	qc := p.compiler.QueryCompiler()
	compiled, err := qc.Compile(body)
	if err != nil {
		return nil, err
	}
	store := inmem.New()
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	var value ast.Value
	err = topdown.NewQuery(compiled).WithQueryCompiler(qc).WithCompiler(p.compiler).WithStore(store).WithTransaction(txn).
		WithInput(input).WithCancel(cancel).WithStrictBuiltinErrors(true).WithIndexing(true).
		Iter(ctx, func(r topdown.QueryResult) error {
			if t := r[result.Value.(ast.Var)]; t != nil {
				value = t.Value
			}
			return nil
		})
	return value, err
}

// heap is the bytes that live and unswept objects take.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}
