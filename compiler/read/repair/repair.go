// Package repair is the reader that asks a model. It shortlists what a statement
// can be about, asks, takes the answer for hostile input, has it judged, sends
// what is wrong back, and compares the answers with each other and with what the
// embedded reader understands.
//
// # What makes an answer taken
//
// It has to decode against the shortlist (package model), to be about this
// statement (model.Evidence), and to pass the driver's judge: link, lower,
// validate, verify. What fails goes back to the model in words, with the judge's
// counterexample flow, for as many attempts as there are. A model that answers
// the same again stands by its reading: asking once more would only teach it to
// change the meaning until something compiles, so the judge's findings are then
// the intent's.
//
// Answers that were taken are compared by meaning, never by text. All samples
// have to agree, and the embedded reader votes wherever it understands the whole
// statement. Two meanings make the intent ambiguous: both are shown, and one flow
// on which they differ.
//
// It opens no connection, and decides nothing about what is written.
package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read"
	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/model"
)

// Options say whom to ask, and how often.
type Options struct {
	Index     *names.Index
	Completer chat.Completer
	Voter     read.Reader // the embedded reader
	Reader    string      // recorded as provenance: openai or replay
	Model     string      // likewise
	Attempts  int         // answers asked for until one is taken; 0 is 3
	Samples   int         // independent readings that have to agree; 0 is 1
	Budget    int         // tokens of a shortlist; 0 is the default of package names
	Redact    bool        // names leave as stand-ins
}

type reader struct{ Options }

// New returns a reader that asks o.Completer.
func New(o Options) read.Reader {
	if o.Attempts == 0 {
		o.Attempts = 3
	}
	if o.Samples == 0 {
		o.Samples = 1
	}
	return &reader{o}
}

// question is a statement as it is asked.
type question struct {
	read.Request
	shortlist *names.Shortlist
	mask      *model.Mask // nil: names leave as they are
	chat      chat.Request
	vote      []ir.Rule // what the embedded reader understands; nil if not all of it
}

// Ask returns the request that a first attempt would send, without sending it.
// The list says why the statement is not asked at all.
func Ask(ctx context.Context, o Options, q read.Request) (chat.Request, diag.List, error) {
	asked, diags, err := o.question(ctx, q)
	if err != nil || diags.HasErrors() {
		return chat.Request{}, diags, err
	}
	return asked.chat, nil, nil
}

// question prepares a statement for being asked. Where it is, the list has the
// embedded reader's notes on it.
func (o Options) question(ctx context.Context, q read.Request) (*question, diag.List, error) {
	vote, notes, err := o.Voter.Read(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	// Words that give orders to a reader are not put before one that may obey.
	if orders := Orders(notes); len(orders) > 0 {
		return nil, orders, nil
	}
	s, err := o.Index.Shortlist(q.Statement, q.Namespace, q.Context, o.Budget)
	if err != nil {
		return nil, diag.List{diag.Errorf(diag.ReadTooMany, q.Position(0), "%v", err).
			Hint("use full names, with the namespace that they are in; or raise --shortlist-tokens")}, nil
	}
	out := &question{Request: q, shortlist: s}
	sent := s
	if o.Redact {
		sent, out.mask = model.Redact(s)
	}
	out.chat = model.Prompt(sent)
	out.chat.Intent = q.Intent
	if notes.HasErrors() {
		return out, nil, nil
	}
	out.vote = vote.Rules
	return out, notes, nil
}

// restore gives an answer its names back.
func (q *question) restore(text string) string {
	if q.mask == nil {
		return text
	}
	return q.mask.Restore(text)
}

// Read implements read.Reader. It returns an error only where ctx is done:
// a server that gives no answer is a finding about the intent.
func (r *reader) Read(ctx context.Context, q read.Request) (read.Reading, diag.List, error) {
	reading := read.Reading{Provenance: read.Provenance{Reader: r.Reader, Model: r.Model, Prompt: model.Digest()}}
	asked, notes, err := r.question(ctx, q)
	if err != nil || notes.HasErrors() {
		return reading, notes, err
	}
	samples, err := r.samples(ctx, asked)
	for _, s := range samples {
		reading.Attempts = append(reading.Attempts, s.attempts...)
	}
	if err != nil {
		if ctx.Err() != nil {
			return reading, nil, ctx.Err()
		}
		return reading, diag.List{unasked(q, err)}, nil
	}
	if d := r.settle(asked, samples); d.HasErrors() {
		return reading, d, nil
	}
	reading.Rules = samples[0].answer.Rules
	if reading.Alone = asked.vote == nil; !reading.Alone {
		reading.Rules = asked.vote // the same meaning, in the form that never varies
	}
	reading.Provenance.Samples = fmt.Sprintf("%d/%d", len(samples), len(samples))
	return reading, notes, nil
}

// Unfounded says what in rules that were recorded for a statement its words do
// not bear out. It is asked of readings on which the embedded reader has no vote:
// who edits a lock must not be believed more than a model, so that the rules are
// taken for its answer. What cannot be checked is not borne out.
func Unfounded(x *names.Index, q read.Request, rules []ir.Rule) []string {
	s, err := x.Shortlist(q.Statement, q.Namespace, q.Context, 0)
	if err != nil {
		return []string{err.Error()}
	}
	text, err := model.Encode(rules, "")
	if err != nil {
		return []string{err.Error()}
	}
	answer, problems := model.Decode(text, s)
	if len(problems) > 0 {
		return messages(problems)
	}
	return messages(model.Evidence(answer, s))
}

// Orders are those findings that say that a statement gives orders to its reader.
func Orders(l diag.List) diag.List {
	return slices.DeleteFunc(slices.Clone(l), func(d diag.Diagnostic) bool { return d.ID != diag.ReadInstruction })
}

// unanswered is a question that no answer came to, and why the answer before was
// not taken.
type unanswered struct {
	err      error
	problems []string
}

func (u *unanswered) Error() string { return u.err.Error() }
func (u *unanswered) Unwrap() error { return u.err }

// unasked says that no answer came.
func unasked(q read.Request, err error) diag.Diagnostic {
	d := diag.Errorf(diag.ReadUnasked, q.Position(0), "the model gave no answer: %v", err)
	var u *unanswered
	if errors.As(err, &u) {
		for _, p := range u.problems {
			d = d.Relate(diag.Position{File: q.Position(0).File}, "its answer before was not taken: %s", p)
		}
	}
	var e *chat.Error
	if errors.As(err, &e) && e.Hint != "" {
		d = d.Hint("%s", e.Hint)
	}
	return d
}

// sample is one independent answer and how it came about.
type sample struct {
	answer   model.Answer
	attempts []read.Attempt
	problems []string  // of the last attempt; none if the answer was taken
	judged   diag.List // the judge's errors among them
}

func (r *reader) samples(ctx context.Context, q *question) ([]sample, error) {
	out := make([]sample, r.Samples)
	g, ctx := errgroup.WithContext(ctx)
	for i := range out {
		g.Go(func() error { return r.converse(ctx, q, i, &out[i]) })
	}
	err := g.Wait()
	return out, err
}

// converse asks until an answer is taken, or stands, or attempts are used up.
func (r *reader) converse(ctx context.Context, q *question, index int, s *sample) error {
	request := q.chat
	request.Sample = index
	for attempt := 1; ; attempt++ {
		reply, err := r.Completer.Complete(ctx, request)
		if err != nil {
			return &unanswered{err, s.problems}
		}
		previous := s.answer.Rules
		if err := r.examine(ctx, q, q.restore(reply.Text), s); err != nil {
			return err
		}
		readsAs := ir.Words(s.answer.Rules)
		s.attempts = append(s.attempts, read.Attempt{Sample: index + 1, ReadsAs: readsAs, Problems: s.problems})
		if len(s.problems) == 0 || attempt == r.Attempts || previous != nil && equal(previous, s.answer.Rules) {
			return nil
		}
		problems := make([]model.Problem, len(s.problems))
		for i, p := range s.problems {
			problems[i] = model.Problem{Message: r.sendable(q, p)}
		}
		request.Messages = slices.Concat(request.Messages, model.Feedback(reply.Text, problems))
	}
}

// examine decodes and judges one answer.
func (r *reader) examine(ctx context.Context, q *question, text string, s *sample) error {
	s.problems, s.judged = nil, nil
	answer, problems := model.Decode(text, q.shortlist)
	s.answer = answer
	if len(problems) > 0 || answer.Outcome != model.Rules {
		s.problems = messages(problems)
		return nil
	}
	if q.vote != nil && q.Differ != nil {
		// The embedded reader knows what the statement is about. An answer that means
		// something else is not mended into agreeing: the statement has two readings.
		if _, different := q.Differ(q.vote, answer.Rules); different {
			return nil
		}
	} else if s.problems = messages(model.Evidence(answer, q.shortlist)); len(s.problems) > 0 {
		return nil
	}
	if q.Judge == nil {
		return nil
	}
	found, err := q.Judge(ctx, answer.Rules)
	if err != nil {
		return err
	}
	for _, d := range found {
		if d.Severity == diag.Error {
			s.judged = append(s.judged, d)
			s.problems = append(s.problems, d.Message)
		}
	}
	return nil
}

func messages(problems []model.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Message)
	}
	return out
}

var (
	refPattern  = regexp.MustCompile(`[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*`)
	addrPattern = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?`)
)

// sendable takes out of a finding what the shortlist does not name: other
// workloads and policies, and addresses that the statement does not say. Under
// --redact the rest is hidden, too.
func (r *reader) sendable(q *question, text string) string {
	text = addrPattern.ReplaceAllStringFunc(text, func(a string) string {
		if strings.Contains(q.Statement, a) {
			return a
		}
		return "an address that is not listed"
	})
	text = refPattern.ReplaceAllStringFunc(text, func(ref string) string {
		namespace, _, _ := strings.Cut(ref, "/")
		listed := slices.ContainsFunc(q.shortlist.Workloads, func(w names.ShortWorkload) bool { return w.Namespace+"/"+w.Name == ref })
		if listed || q.Inventory.Namespace(namespace) == nil {
			return ref
		}
		return "something that is not listed"
	})
	if q.mask == nil {
		return text
	}
	return q.mask.Hide(text)
}

// settle says why the samples do not make one reading.
func (r *reader) settle(q *question, samples []sample) diag.List {
	at := q.Position(0)
	for _, s := range samples {
		switch {
		case len(s.judged) > 0:
			return s.judged
		case len(s.problems) > 0:
			d := diag.Errorf(diag.ReadAnswer, at, "no answer of the model was taken, after %s: %s", attempts(len(s.attempts)), s.problems[0])
			for _, p := range s.problems[1:] {
				d = d.Relate(diag.Position{File: at.File}, "and: %s", p)
			}
			return diag.List{d.Hint("say it in other words, one wish to a statement; `kubeteus compile --dump prompt` shows what the model is asked")}
		case s.answer.Outcome == model.Ambiguous:
			return diag.List{diag.Errorf(diag.ReadAmbiguous, at, "the model asks: %s", s.answer.Question).Hint("say which is meant in the statement")}
		case s.answer.Outcome == model.OutOfScope:
			return diag.List{diag.Errorf(diag.ReadScope, at, "the model says that this is not about who may reach whom: %s", s.answer.Question)}
		}
	}
	if q.Differ == nil {
		return nil
	}
	first := samples[0].answer.Rules
	for i, s := range samples[1:] {
		if flow, different := q.Differ(first, s.answer.Rules); different {
			return diag.List{two(at, fmt.Sprintf("answer 1 of %d", len(samples)), first, fmt.Sprintf("answer %d", i+2), s.answer.Rules, flow)}
		}
	}
	if q.vote != nil {
		if flow, different := q.Differ(first, q.vote); different {
			return diag.List{two(at, "the model", first, "the embedded reader", q.vote, flow)}
		}
	}
	return nil
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// two words an ambiguity.
func two(at diag.Position, one string, a []ir.Rule, other string, b []ir.Rule, flow string) diag.Diagnostic {
	return diag.Errorf(diag.ReadAmbiguous, at, "the statement has two readings: %s", flow).
		Relate(diag.Position{File: at.File}, "first, %s: %s", one, strings.Join(ir.Words(a), "; ")).
		Relate(diag.Position{File: at.File}, "second, %s: %s", other, strings.Join(ir.Words(b), "; ")).
		Hint("say which is meant in the statement")
}

func equal(a, b []ir.Rule) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
