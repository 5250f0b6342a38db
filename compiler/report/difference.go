package report

import "github.com/kubeteus/kubeteus/compiler/diag"

// Difference is what changes from one state of a project to another: a revision
// of its repository (the base) to the working tree (the head). Policies and
// reachability of the base are those of the overlay that is committed there,
// which is what a cluster runs; those of the head are what its intents say.
type Difference struct {
	// Version is the constant Version.
	Version string `json:"version"`
	// Project is the name that the policies carry, Target the policy API written.
	Project string `json:"project"`
	Target  string `json:"target"`
	// Folder is the project's, relative to the top of its repository; "" or "." is
	// the top.
	Folder string `json:"folder,omitempty"`
	// Base is what the head is compared with.
	Base Revision `json:"base"`
	// New says that the base has no intents here, so that everything is added.
	New bool `json:"new"`
	// Verdict is of the head: whether it may be merged as it is.
	Verdict Verdict `json:"verdict"`
	// Intents are those that differ, the weightiest first: see IntentKind.
	Intents []IntentChange `json:"intents"`
	// Policies are those that differ, sorted by path.
	Policies []PolicyChange `json:"policies"`
	// Reachability is absent if the head was rejected before it was known.
	Reachability *ReachabilityChange `json:"reachability,omitempty"`
	// Cut are the declared connections that pass at the base and not at the head.
	Cut []Connection `json:"cut"`
	// Also is what else differs, a sentence each, and bears on who reaches whom or on
	// what is checked: an expectation or a guardrail that is gone, settings, a policy
	// that is not read, a workload on the host network.
	Also []string `json:"also"`
	// OnDisk are flows that the overlay as it lies on disk gets wrong, a sentence
	// each; of a stale one only.
	OnDisk []string `json:"on_disk"`
	// Notes say what could not be compared, and what was compared instead.
	Notes []string `json:"notes"`
	// Head is the whole report of the head.
	Head *Report `json:"head"`
	// Summary counts the above; Summarize fills it.
	Summary DifferenceSummary `json:"summary"`
}

// Revision is a commit and how it came to be chosen.
type Revision struct {
	// Name is the revision as given, "origin/main" for example.
	Name string `json:"name"`
	// Commit is its object name, 40 hex digits.
	Commit string `json:"commit"`
	// Why says how it was found where nobody gave it: "the merge base with
	// origin/main". Empty if it was given.
	Why string `json:"why,omitempty"`
}

// Verdict says what a check of the head says.
type Verdict string

const (
	// Pass: every pass is clean, and what lies on disk is what the intents say.
	Pass Verdict = "pass"
	// Stale: every pass is clean; overlay or lock on disk are to be written anew.
	Stale Verdict = "stale"
	// Rejected: an error is about the input.
	Rejected Verdict = "rejected"
)

// IntentKind says how an intent differs, the weightiest first.
type IntentKind string

const (
	// Relocked: the statement and all that it depends on are as they were, and the
	// lock records another reading. Nobody rewrote the sentence; somebody, or
	// a merge, rewrote what it is taken to mean.
	Relocked IntentKind = "relocked"
	// Reread: the statement is as it was, but its namespace, or a statement that it
	// looks back to, is not, and it reads differently.
	Reread IntentKind = "reread"
	// Reworded: another statement. SameReading says whether it means the same.
	Reworded IntentKind = "reworded"
	// Resettled: statement and reading are as they were; settings of the set that
	// bear on what it does (isolation, dns, cuts) are not.
	Resettled    IntentKind = "settings"
	IntentGone   IntentKind = "removed"
	IntentArrive IntentKind = "added"
)

// IntentChange is one intent that differs. Before is nil for one that was added,
// After for one that was removed.
type IntentChange struct {
	Set    string      `json:"set"`
	Name   string      `json:"name"`
	Kind   IntentKind  `json:"kind"`
	Before *IntentSide `json:"before,omitempty"`
	After  *IntentSide `json:"after,omitempty"`
	// SameReading says that both sides were read alike.
	SameReading bool `json:"same_reading"`
	// Settings word what else differs: "isolation: implied, was explicit".
	Settings []string `json:"settings"`
}

// IntentSide is an intent at one side.
type IntentSide struct {
	Statement string `json:"statement"`
	Namespace string `json:"namespace"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	// ReadsAs is the reading in plain English, one string per rule; empty where it
	// is not known (refused, or not in the lock at the base).
	ReadsAs []string `json:"reads_as"`
	// Implied is what closes or opens beyond the words, at the head.
	Implied []string `json:"implied"`
	// Status is the head's; empty at the base.
	Status Status `json:"status,omitempty"`
}

// PolicyChange is one policy that differs between the overlay committed at the
// base and what the head's intents say.
type PolicyChange struct {
	// Path is the file's, relative to the overlay.
	Path      string   `json:"path"`
	Kind      string   `json:"kind"`
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Change    Change   `json:"change"`  // added, changed or removed
	Intents   []string `json:"intents"` // set/name; the base's for a removed one
	Diff      string   `json:"diff"`    // unified
	// CommentsOnly says that a changed one differs in comments and annotations
	// alone: it does what it did.
	CommentsOnly bool `json:"comments_only,omitempty"`
}

// words are what a person reads of how a policy differs.
func (p PolicyChange) words() string {
	if p.CommentsOnly {
		return commentsOnly
	}
	return string(p.Change)
}

const commentsOnly = "comments only"

// weighed are the policies with those last that do what they did.
func (d *Difference) weighed() []PolicyChange {
	var out, last []PolicyChange
	for _, p := range d.Policies {
		if p.CommentsOnly {
			last = append(last, p)
		} else {
			out = append(out, p)
		}
	}
	return append(out, last...)
}

// policyCounts words how many policies differ, and how.
func (d *Difference) policyCounts() string {
	s := d.Summary
	return counts(s.PoliciesAdded, "added", s.PoliciesChanged, "changed", s.PoliciesRemoved, "removed", s.PoliciesComments, "in comments only")
}

// ReachabilityChange is who reaches whom at one side and not at the other. Every
// workload of either side is looked at, and outside, on the ports that the
// destination declares at either side; and what policies that differ name beyond
// that: ranges of addresses, pods and namespaces that nobody declared, ports, and
// one port that stands for every other.
type ReachabilityChange struct {
	// Workloads counts those looked at.
	Workloads int `json:"workloads"`
	// Gained pass at the head and did not at the base, both ends being there at
	// both: the widening. From outside first, then to outside, then the rest.
	Gained []FlowChange `json:"gained"`
	// Lost passed at the base and do not at the head, both ends being there.
	Lost []FlowChange `json:"lost"`
	// Arrived pass at the head, and an end of theirs is new.
	Arrived []FlowChange `json:"arrived"`
	// Departed passed at the base, and an end of theirs is gone.
	Departed []FlowChange `json:"departed"`
	// Kept pass at both sides, into the workloads that gained or lost a source and
	// between the parties of Gained and Lost; empty where these are many.
	Kept []FlowChange `json:"kept"`
	// Pairs counts ordered pairs of parties, of each of the above.
	Pairs PairCounts `json:"pairs"`
	// NewWorkloads and GoneWorkloads are namespace/name.
	NewWorkloads  []string `json:"new_workloads"`
	GoneWorkloads []string `json:"gone_workloads"`
	// Notes say what was left out, and what stands for what.
	Notes []string `json:"notes"`
}

// PairCounts counts ordered pairs of parties with at least one such flow.
type PairCounts struct {
	Gained   int `json:"gained"`
	Lost     int `json:"lost"`
	Arrived  int `json:"arrived"`
	Departed int `json:"departed"`
}

// FlowChange is flows of one kind and one cause: from any of From to any of To on
// Ports. Parties are namespace/name, or Outside.
type FlowChange struct {
	From  []string `json:"from"`
	To    []string `json:"to"`
	Ports string   `json:"ports"` // "TCP 80, 443", "TCP 80 and every other", AnyPort
	// Why is the cause in plain words: "boutique/cart-from-shop allows it".
	Why string `json:"why"`
	// Intents, set/name, and Policies, as paths in the overlay or as kind
	// namespace/name for those of others, are what made it so.
	Intents  []string `json:"intents"`
	Policies []string `json:"policies"`
}

// Connection is one that the manifests declare, and that is cut.
type Connection struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Ports string `json:"ports"`
	// Quote is what declares it, "env REDIS_ADDR=redis-cart:6379", at Pos.
	Quote string        `json:"quote"`
	Pos   diag.Position `json:"position"`
	// Intents are the set/name of the intents that cut it.
	Intents []string `json:"intents"`
	// Listed says that an intent lists it under cuts:.
	Listed bool `json:"listed"`
}

// DifferenceSummary counts what the difference lists.
type DifferenceSummary struct {
	IntentsAdded    int `json:"intents_added"`
	IntentsRemoved  int `json:"intents_removed"`
	IntentsChanged  int `json:"intents_changed"`  // reworded, or with other settings
	IntentsReread   int `json:"intents_reread"`   // the same words, another reading
	IntentsRelocked int `json:"intents_relocked"` // and nothing that explains it
	PoliciesAdded   int `json:"policies_added"`
	PoliciesChanged int `json:"policies_changed"`
	PoliciesRemoved int `json:"policies_removed"`
	// PoliciesComments changed in comments alone, and are not among the changed.
	PoliciesComments int `json:"policies_comments"`
	Cut              int `json:"cut"` // without those that are listed
}

// Summarize sets Version and counts.
func (d *Difference) Summarize() {
	d.Version = Version
	var s DifferenceSummary
	for _, i := range d.Intents {
		count(i.Kind, map[IntentKind]*int{IntentArrive: &s.IntentsAdded, IntentGone: &s.IntentsRemoved, Reworded: &s.IntentsChanged,
			Resettled: &s.IntentsChanged, Reread: &s.IntentsReread, Relocked: &s.IntentsRelocked})
	}
	for _, p := range d.Policies {
		if p.CommentsOnly {
			s.PoliciesComments++
			continue
		}
		count(p.Change, map[Change]*int{Added: &s.PoliciesAdded, Changed: &s.PoliciesChanged, Removed: &s.PoliciesRemoved})
	}
	for _, c := range d.Cut {
		count(c.Listed, map[bool]*int{false: &s.Cut})
	}
	d.Summary = s
}

// Unknown says that the head could not be compiled, so that who gains and who
// loses access is not known, nor, where its files do not parse, what else differs.
func (d *Difference) Unknown() bool { return d.Verdict == Rejected && d.Reachability == nil }

// Empty says whether nothing differs: intents, policies and reachability are
// those of the base. It is false where that is not known.
func (d *Difference) Empty() bool {
	if d.Unknown() {
		return false
	}
	r := d.Reachability
	still := r == nil || len(r.Gained)+len(r.Lost)+len(r.Arrived)+len(r.Departed) == 0
	return len(d.Intents)+len(d.Policies)+len(d.Cut)+len(d.Also) == 0 && still
}

// Questions are the findings of the head that only a person can answer: two
// readings of a statement, or a lock and a statement that disagree.
func (d *Difference) Questions() []diag.Diagnostic {
	var out []diag.Diagnostic
	for _, f := range d.Head.Diagnostics {
		switch f.ID {
		case diag.ReadAmbiguous, diag.ReadDisagree, diag.ReadUnfounded, diag.ManifestTwice:
			out = append(out, f)
		}
	}
	return out
}

// Quiet is the line that replaces a comment once there is nothing to say any more.
// A stranger's says whose claim that is, as the comment did.
func Quiet(d *Difference, untrusted bool) string {
	what := "The pull request changes nothing any more: intents, policies and who may reach whom are as they are at the base."
	line := "**kubeteus** · " + mdText(d.Project, mdName) + "\n\n" + what + "\n"
	if untrusted {
		line += "\n" + mdClaim
	}
	return line
}
