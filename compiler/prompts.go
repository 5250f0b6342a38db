package compiler

import (
	"context"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/english"
	"github.com/kubeteus/kubeteus/compiler/read/repair"
)

// Prompts returns the first question about every statement that Compile would
// ask o.Model about, in the order of the intents, and asks none of them.
// Statements that the lock knows, and those that are refused before a model is
// asked, have none; the latter are in Result.Diags.
func Prompts(ctx context.Context, o Options) ([]chat.Request, *Result, error) {
	r := prepare(o)
	var out []chat.Request
	ask := func(ctx context.Context, o Options) error {
		r.stand()
		options := r.repairs(o.Model, english.With(r.Inventory, r.index()))
		for _, s := range r.listed() {
			if s.fresh() {
				continue
			}
			request, diags, err := repair.Ask(ctx, options, s.request)
			if err != nil {
				return err
			}
			if r.add(diags) {
				continue
			}
			out = append(out, request)
		}
		return nil
	}
	err := r.configure(&o)
	if err == nil && !r.Diags.HasErrors() {
		err = r.through(ctx, o, r.load, ask)
	}
	r.Diags = r.Diags.Sorted()
	return out, r, err
}
