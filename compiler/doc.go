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
//	lower     ir.Program                           ->  []policy.Object
//	validate  each object alone, as the API server would
//	verify    all objects together do what the rules want, and no more
//	emit      the overlay and the lock, on disk or as a difference
//	report    what people and programs read
//
// The model or the reader proposes, code decides: whatever a reader returns is
// linked, lowered, validated and proven like any other untrusted input.
//
// # The packages
//
// Nouns, with no I/O: diag, inventory, ir, policy, names, lock. Passes: load,
// read, lower, validate, reach, verify, emit, report, infer. Arrows point one
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
//   - explain decides on the overlay as it lies on disk, since that is what the
//     cluster gets; check says whether it is what the intents say.
package compiler
