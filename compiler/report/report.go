// Package report says what a compilation found: versioned types, and one file
// per format that renders them (text.go for people, json.go for programs), and
// the printer of diagnostics.
//
// It decides nothing and reads nothing: the driver fills a Report, and
// reachability is asked of a function that somebody else's engine answers.
// Every text of the input is taken for hostile and escaped where it is printed.
package report

import (
	"github.com/kubeteus/kubeteus/compiler/compare"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/ir"
)

// Version is the version of the JSON. Within a version fields are added, never
// renamed, removed or given a new meaning.
const Version = "v1alpha1"

// Report is everything a compilation says.
type Report struct {
	// Version is the constant Version.
	Version string `json:"version"`
	// Project is the name that the policies carry.
	Project string `json:"project"`
	// Target is the policy API written, "kubernetes" for example.
	Target string `json:"target"`
	// Intents are in the order of the intent files.
	Intents []Intent `json:"intents"`
	// Policies are the overlay's, sorted by path, with those that were removed.
	Policies []Policy `json:"policies"`
	// Files are those that are no policies and differ from what lies on disk: the
	// overlay's kustomization.yaml, and the lock. Absent where none does.
	Files []File `json:"files,omitempty"`
	// Reachability is absent if the input was rejected before it was known.
	Reachability *Reachability `json:"reachability,omitempty"`
	// Overlay is the folder of the policies, relative to the project.
	Overlay string `json:"overlay"`
	// Diagnostics are all of the run's, sorted by position.
	Diagnostics []diag.Diagnostic `json:"diagnostics"`
	// Summary counts the above; Summarize fills it.
	Summary Summary `json:"summary"`
}

// Status says what became of an intent.
type Status string

const (
	Compiled Status = "compiled" // policies carry it
	Holds    Status = "holds"    // it is so already: no policy was needed
	Refused  Status = "refused"  // an error is about it
)

// Intent is one statement and what became of it.
type Intent struct {
	// Set is the name of the intent set, Name the intent's in it.
	Set  string `json:"set"`
	Name string `json:"name"`
	// File, Line and Column are the place of the statement's first byte.
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	// Statement is the statement as written.
	Statement string `json:"statement"`
	Status    Status `json:"status"`
	// ReadsAs is the reading in plain English, one string per rule.
	ReadsAs []string `json:"reads_as"`
	// Implied is what closes or opens beyond the words: isolation, DNS, the
	// ingress controller.
	Implied []string `json:"implied"`
	// Rules are the reading in symbolic form, as the lock records it.
	Rules []ir.Rule `json:"rules"`
	// Policies are the paths in the overlay of the policies that carry it.
	Policies []string `json:"policies"`
	// Reader is who read it: english, openai or replay; Model the model that was
	// asked, Samples how many of its answers agreed, "3/3". As the lock records
	// them, so that they are those of the run that read it.
	Reader  string `json:"reader,omitempty"`
	Model   string `json:"model,omitempty"`
	Samples string `json:"samples,omitempty"`
	// Attempts are the answers of this run's model; none where the lock knew.
	Attempts []Attempt `json:"attempts,omitempty"`
	// Diagnostics are those of the report's that are about this intent.
	Diagnostics []diag.Diagnostic `json:"diagnostics"`
}

// Attempt is one answer of a model.
type Attempt struct {
	// Sample counts independent answers from 1.
	Sample int `json:"sample"`
	// ReadsAs is the answer in plain English, one string per rule.
	ReadsAs []string `json:"reads_as"`
	// Problems is why it was not taken; empty for one that was.
	Problems []string `json:"problems"`
}

// Change says how a policy differs from the one on disk.
type Change string

const (
	Added     Change = "added"
	Changed   Change = "changed"
	Unchanged Change = "unchanged"
	Removed   Change = "removed"
)

// Policy is one policy of the overlay.
type Policy struct {
	// Path is the file's, relative to the overlay.
	Path      string `json:"path"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Intents are the intents that it carries, as set/name.
	Intents []string `json:"intents"`
	Change  Change   `json:"change"`
	// YAML is the file's text; empty for a removed one.
	YAML string `json:"yaml"`
}

// File is a file beside the policies.
type File struct {
	// Path is relative to the project, as Report.Overlay is.
	Path string `json:"path"`
	// Change is added, changed or removed.
	Change Change `json:"change"`
}

// Reachability is who may reach whom, before (the policies in force) and after
// (with the overlay). It is what an engine answered for every ordered pair of
// parties on the destination's ports of Party.Ports, and nothing else.
type Reachability struct {
	// Parties are the declared workloads, sorted, then Outside.
	Parties []Party `json:"parties"`
	Before  []Class `json:"before"`
	After   []Class `json:"after"`
	// Gained passes after and did not before, Lost passed before and does not.
	Gained []Class `json:"gained"`
	Lost   []Class `json:"lost"`
	// Notes say what was left out, and what stands for what.
	Notes []string `json:"notes"`
}

// Party is one row and column of the reachability.
type Party struct {
	// Name is namespace/name, or Outside.
	Name string `json:"name"`
	// Ports are the pod ports that were looked at with this party as the
	// destination, "TCP 80, 443" for example.
	Ports string `json:"ports"`
}

// Outside is the party that stands for the addresses that are neither pods nor
// Services nor nodes.
const Outside = compare.Outside

// AnyPort is Class.Ports where each destination passes on every port of its own
// Party.Ports and these differ.
const AnyPort = compare.AnyPort

// Class is flows of one kind: from any of From to any of To on Ports.
type Class struct {
	From  []string `json:"from"`
	To    []string `json:"to"`
	Ports string   `json:"ports"`
}

// Summary counts what the report lists.
type Summary struct {
	Intents  int `json:"intents"`
	Compiled int `json:"compiled"`
	Holds    int `json:"holds"`
	Refused  int `json:"refused"`

	// Policies counts the overlay's policies, removed ones excluded.
	Policies  int `json:"policies"`
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Removed   int `json:"removed"`

	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`

	// PairsBefore and PairsAfter count ordered pairs of parties of which the
	// first reaches the second on some port. PairsGained reach after and did not
	// before, PairsLost the reverse, PairsChanged both times on other ports:
	// before + gained - lost = after.
	PairsBefore  int `json:"pairs_before"`
	PairsAfter   int `json:"pairs_after"`
	PairsGained  int `json:"pairs_gained"`
	PairsLost    int `json:"pairs_lost"`
	PairsChanged int `json:"pairs_changed"`
}

// Summarize sets Version, hands each diagnostic to the intents it names, refuses
// the intents that an error is about, and counts.
func (r *Report) Summarize() {
	r.Version = Version
	r.attribute()
	s := Summary{Intents: len(r.Intents)}
	for _, i := range r.Intents {
		count(i.Status, map[Status]*int{Compiled: &s.Compiled, Holds: &s.Holds, Refused: &s.Refused})
	}
	for _, p := range r.Policies {
		count(p.Change, map[Change]*int{Added: &s.Added, Changed: &s.Changed, Unchanged: &s.Unchanged, Removed: &s.Removed})
	}
	s.Policies = len(r.Policies) - s.Removed
	for _, d := range r.Diagnostics {
		count(d.Severity, map[diag.Severity]*int{diag.Error: &s.Errors, diag.Warning: &s.Warnings, diag.Note: &s.Notes})
	}
	if r.Reachability != nil {
		for _, row := range r.Reachability.table() {
			for _, c := range row {
				count(c.change(), map[pairChange]*int{pairGained: &s.PairsGained, pairLost: &s.PairsLost, pairChanged: &s.PairsChanged})
				count(c&inBefore > 0, map[bool]*int{true: &s.PairsBefore})
				count(c&inAfter > 0, map[bool]*int{true: &s.PairsAfter})
			}
		}
	}
	r.Summary = s
}

func count[K comparable](key K, into map[K]*int) {
	if n := into[key]; n != nil {
		*n++
	}
}

// attribute fills Intent.Diagnostics. Where two sets have an intent of one name,
// the diagnostic's file tells which is meant; if it does not, both are.
func (r *Report) attribute() {
	named := map[string][]*Intent{}
	for i := range r.Intents {
		in := &r.Intents[i]
		in.Diagnostics = nil
		named[in.Name] = append(named[in.Name], in)
	}
	for _, d := range r.Diagnostics {
		about := named[d.Intent]
		if d.Intent == "" {
			about = nil
		}
		here := false
		for _, in := range about {
			here = here || in.File == d.Pos.File
		}
		for _, in := range about {
			if here && in.File != d.Pos.File {
				continue
			}
			in.Diagnostics = append(in.Diagnostics, d)
			if d.Severity == diag.Error {
				in.Status = Refused
			}
		}
	}
}

// Options bear on how a report looks. The zero value works: no colour, lines of
// 100 columns, files as positions name them, no source lines.
type Options struct {
	// Color says whether escape sequences may be written.
	Color bool
	// Width is the longest line in columns; 0 means 100. Names are never cut.
	Width int
	// ReadOnly says that the run would not have written in any case.
	ReadOnly bool
	// Verbose adds the policies' YAML, every flow lost, and every name of a list.
	Verbose bool
	// File turns a position's file, or the overlay's path, into what people are
	// shown; nil shows it as it is.
	File func(file string) string
	// Line returns a line of an input file without its end, for Diagnostics to
	// quote, or "" if there is none; nil quotes nothing.
	Line func(file string, line int) string
}

func (o Options) width() int {
	if o.Width <= 0 {
		return 100
	}
	return max(o.Width, 40)
}

// place words a position, escaped.
func (o Options) place(p diag.Position) string {
	p.File = o.path(p.File)
	return Escape(p.String())
}

func (o Options) path(file string) string {
	if o.File == nil || file == "" {
		return file
	}
	return o.File(file)
}
