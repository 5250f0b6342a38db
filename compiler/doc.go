// Package compiler turns natural-language statements about who may talk to whom
// into proven network policies. This page is the map of it.
//
// # The passes
//
// Compile runs them in this order, which is stated in no other place:
//
//	load      manifests, kustomizations, snapshot  ->  inventory.Inventory
//	read      statement (or the lock)              ->  []ir.Rule, by name
//	          ir.Link binds the rules to the inventory and adds what they imply
//	lower     ir.Program                           ->  []policy.Object, encoded
//	validate  each object alone: schema, what the API server checks, what it
//	          matches, and the embedded rules of package rego
//	verify    all objects together do what the rules want, and no more; then the
//	          declared connections, the expectations, and the user's guardrails
//	emit      the overlay and the lock, on disk or as a difference
//	report    what people and programs read
//
// Difference compiles a head and compares it with what is committed at a base:
// package compare says who reaches whom on one side and not on the other, and
// why. Rendered proves what a team's own kustomization makes of the overlay.
//
// The model or the reader proposes, code decides: whatever a reader returns is
// linked, lowered, validated and proven like any other untrusted input.
//
// # Reading with a model
//
// A statement that the lock does not know goes to package read/repair, which
// shortlists what it can be about (names), asks (read/model renders and decodes,
// read/openai speaks to servers, read/cache and read/replay stand before it), has
// the answer judged by judge.go, and sends findings back. The embedded reader
// votes, by meaning: differ.go of package verify compares what two readings want
// of every flow.
//
// # The packages
//
// Nouns, with no I/O: diag, inventory, ir, policy, names, lock. Passes: load,
// read, lower, validate, reach, verify, compare, emit, report, infer. Arrows point one
// way, cmd -> compiler -> passes -> nouns -> diag, and imports_test.go holds a
// reason for every ban. The judges, reach and verify, import neither lower nor
// read: they see policies as encoded bytes and rules as ir, and share no code
// with what they judge. Package probe judges them in turn, in tests only.
//
// # What differs from the design, and why
//
//   - Implied closes, DNS and ingress controllers (4.3, 4.5, 4.6) are added by
//     ir.Link and not by readers: a reader says which end a sentence is about,
//     so that a model and the embedded reader cannot imply differently, and the
//     lock holds only what the statement says.
//   - A sentence that describes a policy ("the network policy should allow A
//     but disallow B") means what a NetworkPolicy does: the end is isolated,
//     although 4.3 leaves an end alone that a sentence also forbids something at.
//   - The embedded reader takes part as a voter even under --locked: it opens no
//     connection, and a lock entry that says something else than the statement
//     is an error there too.
//   - A model's answer is compared with the embedded reader's before anything else
//     is asked of it. Where both mean the same, the embedded reader's form is what
//     is recorded, so that the lock does not depend on the model. Where they
//     differ, the statement is ambiguous: an answer is never repaired into
//     agreeing.
//   - Where the embedded reader does not understand the statement, an answer has to
//     show that it is about it: everything it names has a word in the statement,
//     everything that the statement names is used, and allowing and forbidding
//     follow its words (read/model, evidence.go). That refuses some right answers,
//     and takes some wrong ones whose words no table knows: a note names every
//     reading that only a model has.
//   - What a lock records of such a statement is held against the same shortlist and
//     words as a model's answer: who edits a lock is not believed more.
//   - With a base revision, clusters (and with them the overlay that is checked) come
//     from the base, too, not only guardrails, model and endpoint.
//   - Statements that give orders to their reader are refused before a model sees
//     them.
//   - Two readings are the same if section 4.2 gives one verdict for every flow,
//     alone and beside a statement that allows everything: the first alone would
//     take a firm Close for a soft one.
//   - An entry of the lock is stale, too, when an earlier statement changed that
//     its own looks back to ("these pods"). One that a model read carries a seal,
//     since git can merge two such entries into a third without a conflict.
//   - A statement that no server answered is an error on the intent, and the run
//     ends with exit code 1, not 3: it could not run.
//   - Guardrails see what passes on any dataplane, whether its ipBlocks match pods
//     or not.
//   - An intent set's soft closes yield only to Allows of the same set (4.2), so
//     two sets that open one workload contradict each other, and say so.
//   - "Every pod" without a namespace means the set's namespace where it is what a
//     rule is about, and the whole cluster where it is the other side of a
//     prohibition: who keeps every pod out means those of other namespaces too.
//   - To reach cluster DNS is to reach it on its DNS ports, wherever it is named
//     without a port.
//   - CIDR peers never stand for pods: the pod network is taken out of a wider
//     prefix, and a prefix inside of it is refused, since dataplanes differ.
//   - A closed set of namespaces has to be listed by name: a Close over namespaces
//     by label, or over the whole cluster, would miss those created later, and a
//     NetworkPolicy lives in one namespace.
//   - The base of a difference is not compiled: its readings are those of its lock,
//     its policies those of its overlay, since that is what a cluster runs. So a
//     base that this version refuses can be compared with, too.
//   - Flows with an end that only one side has are listed apart (arrived, departed)
//     and are no widening: a new workload that nothing closes yet is a fact about
//     the manifests, and no statement made it so.
//   - An intent without a name is known by its words. Where, between the same
//     neighbours, as many went as came, a difference takes them for reworded.
//   - explain decides on the overlay as it lies on disk, since that is what the
//     cluster gets; check says whether it is what the intents say.
package compiler
