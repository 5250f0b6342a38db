package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// DiffJSON writes the difference as one indented JSON document, as JSON does.
func DiffJSON(w io.Writer, d *Difference) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d.filled()); err != nil {
		return fmt.Errorf("encoding the difference: %w", err)
	}
	_, err := w.Write(visible(b.Bytes()))
	return err
}

// filled returns a copy whose lists are not nil.
func (d *Difference) filled() *Difference {
	out := *d
	out.Intents = slices.Clone(list(d.Intents))
	for i := range out.Intents {
		c := &out.Intents[i]
		c.Settings = list(c.Settings)
		for _, side := range []**IntentSide{&c.Before, &c.After} {
			if *side != nil {
				s := **side
				s.ReadsAs, s.Implied = list(s.ReadsAs), list(s.Implied)
				*side = &s
			}
		}
	}
	out.Policies = slices.Clone(list(d.Policies))
	for i := range out.Policies {
		out.Policies[i].Intents = list(out.Policies[i].Intents)
	}
	out.Cut = slices.Clone(list(d.Cut))
	for i := range out.Cut {
		out.Cut[i].Intents = list(out.Cut[i].Intents)
	}
	out.Notes, out.Also, out.OnDisk = list(d.Notes), list(d.Also), list(d.OnDisk)
	if d.Reachability != nil {
		r := *d.Reachability
		for _, flows := range r.lists() {
			*flows = slices.Clone(list(*flows))
			for i := range *flows {
				f := &(*flows)[i]
				f.From, f.To, f.Intents, f.Policies = list(f.From), list(f.To), list(f.Intents), list(f.Policies)
			}
		}
		r.NewWorkloads, r.GoneWorkloads, r.Notes = list(r.NewWorkloads), list(r.GoneWorkloads), list(r.Notes)
		out.Reachability = &r
	}
	if d.Head != nil {
		out.Head = d.Head.filled()
	}
	return &out
}

func (r *ReachabilityChange) lists() []*[]FlowChange {
	return []*[]FlowChange{&r.Gained, &r.Lost, &r.Arrived, &r.Departed, &r.Kept}
}

const (
	// maxDifference is the size of a document that is read, maxNesting its depth.
	maxDifference = 8 << 20
	maxNesting    = 24
	// maxCast is how many parties one list may have, and maxFlows how many pairs
	// all classes of a document may speak of: renderers look at each.
	maxCast  = 5000
	maxFlows = 4_000_000
)

// ReadDifference reads what DiffJSON wrote. The document may be a stranger's: what
// is not exactly such a document, or too large, is an error.
func ReadDifference(r io.Reader) (*Difference, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDifference+1))
	if err != nil {
		return nil, fmt.Errorf("reading the difference: %w", err)
	}
	switch {
	case len(data) > maxDifference:
		return nil, fmt.Errorf("the difference is larger than %d MiB", maxDifference>>20)
	case !utf8.Valid(data):
		return nil, errors.New("the difference is not UTF-8")
	}
	if err := wellFormed(data); err != nil {
		return nil, err
	}
	var d Difference
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("the difference does not parse: %w", err)
	}
	if err := d.valid(); err != nil {
		return nil, fmt.Errorf("the difference is not one that kubeteus writes: %w", err)
	}
	return d.filled(), nil
}

// wellFormed refuses what encoding/json lets pass: keys that are there twice, a
// second document, and nesting that is only there to be deep.
func wellFormed(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	type level struct {
		keys map[string]bool // nil in a list
		key  bool            // a key comes next
	}
	var open []level
	for {
		token, err := decoder.Token()
		if err == io.EOF && len(open) == 0 {
			return errors.New("the difference is empty")
		}
		if err != nil {
			return fmt.Errorf("the difference is not JSON: %w", err)
		}
		if n := len(open); n > 0 && open[n-1].keys != nil && open[n-1].key {
			if s, ok := token.(string); ok {
				if open[n-1].keys[s] {
					return fmt.Errorf("the difference has the key %q twice", s)
				}
				open[n-1].keys[s], open[n-1].key = true, false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]bool{}, key: true})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxNesting {
			return errors.New("the difference is nested too deeply")
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			continue
		}
		if n := len(open); n > 0 {
			open[n-1].key = open[n-1].keys != nil
			continue
		}
		if _, err := decoder.Token(); err != io.EOF {
			return errors.New("there is something behind the difference")
		}
		return nil
	}
}

var objectName = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// valid holds what was decoded against what the types say.
func (d *Difference) valid() error {
	switch {
	case d.Version != Version:
		return fmt.Errorf("version %q, and this kubeteus reads %s", d.Version, Version)
	case d.Head == nil:
		return errors.New("it has no head")
	case d.Head.Version != Version:
		return fmt.Errorf("the head has version %q", d.Head.Version)
	case !slices.Contains([]Verdict{Pass, Stale, Rejected}, d.Verdict):
		return fmt.Errorf("verdict %q", d.Verdict)
	case d.Base != Revision{} && !objectName.MatchString(d.Base.Commit):
		return fmt.Errorf("the base's commit is %q", d.Base.Commit)
	}
	for _, check := range []func() error{d.validChanges, d.validReach, d.Head.validParts} {
		if err := check(); err != nil {
			return err
		}
	}
	counted := *d
	if counted.Summarize(); counted.Summary != d.Summary {
		return errors.New("its summary counts something else than it lists")
	}
	return nil
}

func (d *Difference) validChanges() error {
	for _, c := range d.Intents {
		before, after := true, true
		switch c.Kind {
		case IntentArrive:
			before = false
		case IntentGone:
			after = false
		case Relocked, Reread, Reworded, Resettled:
		default:
			return fmt.Errorf("an intent of kind %q", c.Kind)
		}
		if (c.Before != nil) != before || (c.After != nil) != after {
			return fmt.Errorf("intent %q is %s, and its sides are not", c.Name, c.Kind)
		}
		for _, s := range []*IntentSide{c.Before, c.After} {
			if s != nil && (s.Line < 0 || !slices.Contains([]Status{"", Compiled, Holds, Refused}, s.Status)) {
				return fmt.Errorf("intent %q has status %q at line %d", c.Name, s.Status, s.Line)
			}
		}
	}
	for _, p := range d.Policies {
		if !slices.Contains([]Change{Added, Changed, Removed}, p.Change) {
			return fmt.Errorf("a policy that is %q", p.Change)
		}
	}
	for _, c := range d.Cut {
		if err := validPosition(c.Pos); err != nil {
			return err
		}
	}
	return nil
}

func (d *Difference) validReach() error {
	r := d.Reachability
	if r == nil {
		return nil
	}
	flows := 0
	for _, l := range r.lists() {
		for _, f := range *l {
			if flows += len(f.From) * len(f.To); len(f.From) > maxCast || len(f.To) > maxCast || flows > maxFlows {
				return errors.New("more flows than can be shown")
			}
		}
	}
	for _, n := range []int{r.Workloads, r.Pairs.Gained, r.Pairs.Lost, r.Pairs.Arrived, r.Pairs.Departed} {
		if n < 0 || n > maxCast*maxCast {
			return fmt.Errorf("a count of %d", n)
		}
	}
	return nil
}

func (r *Report) validParts() error {
	for _, i := range r.Intents {
		if !slices.Contains([]Status{Compiled, Holds, Refused}, i.Status) {
			return fmt.Errorf("intent %q has status %q", i.Name, i.Status)
		}
		if err := validFindings(i.Diagnostics); err != nil {
			return err
		}
	}
	for _, p := range r.Policies {
		if !slices.Contains([]Change{Added, Changed, Unchanged, Removed}, p.Change) {
			return fmt.Errorf("a policy that is %q", p.Change)
		}
	}
	for _, f := range r.Files {
		if !slices.Contains([]Change{Added, Changed, Removed}, f.Change) {
			return fmt.Errorf("a file that is %q", f.Change)
		}
	}
	if reach := r.Reachability; reach != nil {
		flows := 0
		for _, l := range [][]Class{reach.Before, reach.After, reach.Gained, reach.Lost} {
			for _, c := range l {
				if flows += len(c.From) * len(c.To); len(c.From) > maxCast || len(c.To) > maxCast || flows > maxFlows {
					return errors.New("more flows than can be shown")
				}
			}
		}
		if len(reach.Parties) > maxDecisions/100 {
			return errors.New("more parties than a report looks at")
		}
	}
	return validFindings(r.Diagnostics)
}

var findingID = regexp.MustCompile(`^KT[0-9]{4}$`)

func validFindings(l []diag.Diagnostic) error {
	for _, d := range l {
		if !findingID.MatchString(string(d.ID)) {
			return fmt.Errorf("a finding with the id %q", d.ID)
		}
		if err := validPosition(d.Pos); err != nil {
			return err
		}
		for _, r := range d.Related {
			if err := validPosition(r.Pos); err != nil {
				return err
			}
		}
	}
	return nil
}

func validPosition(p diag.Position) error {
	if p.Line < 0 || p.Column < 0 {
		return fmt.Errorf("the place %d:%d", p.Line, p.Column)
	}
	return nil
}
