package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// JSON writes the report as one indented JSON document. Lists are [], never
// null. Characters that a terminal would act on are written as \u escapes, so
// that the document reads back the same and is safe to look at.
func JSON(w io.Writer, r *Report) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r.filled()); err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	_, err := w.Write(visible(b.Bytes()))
	return err
}

// filled returns a copy whose lists are not nil.
func (r *Report) filled() *Report {
	out := *r
	out.Intents = list(slices.Clone(r.Intents))
	for i := range out.Intents {
		in := &out.Intents[i]
		in.ReadsAs, in.Implied, in.Policies = list(in.ReadsAs), list(in.Implied), list(in.Policies)
		in.Rules = slices.Clone(list(in.Rules))
		for j, rule := range in.Rules {
			in.Rules[j] = filledRule(rule)
		}
		in.Diagnostics = list(in.Diagnostics)
		in.Attempts = slices.Clone(in.Attempts)
		for j, a := range in.Attempts {
			in.Attempts[j] = Attempt{a.Sample, list(a.ReadsAs), list(a.Problems)}
		}
	}
	out.Policies = list(slices.Clone(r.Policies))
	for i := range out.Policies {
		out.Policies[i].Intents = list(out.Policies[i].Intents)
	}
	out.Diagnostics = list[diag.Diagnostic](r.Diagnostics)
	if r.Reachability != nil {
		reach := *r.Reachability
		reach.Parties, reach.Notes = list(reach.Parties), list(reach.Notes)
		for _, classes := range []*[]Class{&reach.Before, &reach.After, &reach.Gained, &reach.Lost} {
			*classes = list(slices.Clone(*classes))
			for i, c := range *classes {
				(*classes)[i] = Class{list(c.From), list(c.To), c.Ports}
			}
		}
		out.Reachability = &reach
	}
	return &out
}

// filledRule fills the lists of a rule that its JSON always has.
func filledRule(r ir.Rule) ir.Rule {
	if r.Allow != nil {
		a := *r.Allow
		a.From, a.To = list(a.From), list(a.To)
		r.Allow = &a
	}
	if r.Close != nil {
		c := *r.Close
		c.Subject = list(c.Subject)
		r.Close = &c
	}
	return r
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// visible rewrites what is not printable in a JSON document to \u escapes, and the
// bracket of "##[", which the runners of GitHub Actions take for a command. Only
// strings can hold such characters, once a document is encoded.
func visible(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for len(doc) > 0 {
		r, n := utf8.DecodeRune(doc)
		switch {
		case r == '[' && bytes.HasSuffix(out, []byte("##")):
			out = append(out, `\u005b`...)
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, doc[:n]...)
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		doc = doc[n:]
	}
	return out
}
