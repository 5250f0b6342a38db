// Package rego checks policies by rules that are written in Rego: those that are
// embedded here, and the user's guardrails.
//
// It owns the rules, the document they see (input.go), and the sandbox they run
// in (sandbox.go). It is the sole importer of OPA, and of that only the compiler
// and the evaluator. It decides no flow: what policies do together is package
// verify's, and what an API server takes is package validate's. A rule here
// says what both leave open: that an object which is valid, and does what it
// says, is not what a careful person writes.
//
// Nothing of it runs at process start. New and Load compile when they are called.
//
// # Built-in rules
//
// A rule is a folder, <category>/<rule>, of rule.rego and rule_test.rego. Its
// package is kubeteus.rules.<category>["<rule>"], its METADATA hold a title, a
// description (what to do about a finding) and custom.severity, and its
// partial set "findings" holds objects {policy, field, message}. The folder is
// the only place where its name stands. An error says that no correct compiler
// writes this, so that one is either hand-written or a defect of kubeteus.
// Policies that are in force already are nobody's to reject here: on those an
// error is a warning, and everything else a note.
//
// # Guardrails
//
// A guardrail is a Rego v1 file of package kubeteus.guardrails, or below it,
// with rules "deny contains ..." (an error) or "warn contains ..." (a warning).
// A member is a message, or an object {message, policy, field, intent} of
// which only the message (msg is the same) is needed: policy is the key of a
// policy and field a path in it ("spec.egress[0]"), intent is a name. "No path
// from outside to namespace pci" is
//
//	package kubeteus.guardrails
//	deny contains sprintf("outside reaches %s", [e.to.name]) if {
//		some e in input.reachability
//		e.from.kind == "outside"; e.to.namespace == "pci"
//	}
//
// The document is input; input.schema.json says it all, and a field that it
// does not name is an error when the guardrail is loaded, since a rule that
// reads a misspelt field never fires.
//
//	target         "kubernetes"
//	policies       those written and those in force: key, namespace, name, labels,
//	               annotations, spec as in the API, written (by this compilation),
//	               intents ("set/name"), selects, rules
//	rules          what each intent was read as: set, intent, statement, and allow
//	               or close as in kubeteus.lock
//	inventory      namespaces, workloads, services, and the facts of the cluster
//	selectedBy     for each place in inventory.workloads, the places in policies
//	               that select it
//	reachability   which flows pass once the policies are applied: from and to, each
//	               {kind, namespace, name, labels} where kind is workload, pods (of
//	               a namespace, declared by nobody) or outside, and name then says
//	               so in words; ports such as
//	               "TCP 443"; new, if the flow did not pass before
//
// policies[_].selects and peers[_].selects are places in inventory.workloads.
// policies[_].rules is spec.ingress and spec.egress with what each peer and port
// means in this inventory. Reachability grows with the square of a cluster. It is
// computed only for guardrails that mention it, and beyond 250,000 edges the
// guardrails fail: they are never given a part of it.
//
// A guardrail sees nothing else. There is no network, no clock, no
// environment, no randomness and no data document; print is left out; time and
// memory are limited. What does not load, does not compile, fails or does not
// finish is an error, and never passes for a guardrail that found nothing.
package rego
