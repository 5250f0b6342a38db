# METADATA
# title: egress is opened to workloads by name, and DNS stays closed
# description: >-
#   Pods that look each other up by Service name need the cluster DNS. Add an egress rule to
#   the DNS pods on UDP and TCP port 53, or say "dns: close" in the intent set if addresses
#   are all that is used.
# custom:
#   severity: warning
package kubeteus.rules.correctness["dns-closed"]

import data.kubeteus.lib

findings contains lib.finding(policy, rule.field, message) if {
	some policy in input.policies
	lib.isolates(policy, "egress")
	some rule in policy.rules
	rule.direction == "egress"
	by_name(rule)
	cut := [lib.workload(i).ref | some i in policy.selects; not lib.workload(i).hostNetwork; not resolves(i)]
	count(cut) > 0
	not asked(policy)
	message := sprintf("%s may reach this peer and cannot look up its name: no policy lets it reach DNS", [sort(cut)[0]])
}

# by_name says that a rule is about pods that are reached by a Service's name.
by_name(rule) if {
	some peer in rule.peers
	peer.kind == "pods"
	not peer.dns
}

# resolves says that some policy lets the workload look up names, or might:
# whoever opens port 53 to anybody has thought of it.
resolves(i) if {
	some p in input.selectedBy[i]
	policy := input.policies[p]
	lib.isolates(policy, "egress")
	some rule in policy.rules
	rule.direction == "egress"
	answers(rule)
}

answers(rule) if {
	lib.opens(rule, "UDP", 53)
	lookup(rule)
}

answers(rule) if lib.names_port(rule, "UDP", 53)

lookup(rule) if rule.everyone

lookup(rule) if {
	some peer in rule.peers
	peer.kind == "pods"
	peer.dns
}

lookup(rule) if {
	some peer in rule.peers
	peer.kind == "block"
}

# asked says that somebody wants DNS closed.
asked(policy) if {
	some read in input.rules
	sprintf("%s/%s", [read.set, read.intent]) in policy.intents
	closes(read)
}

closes(read) if read.dns == "close"

closes(read) if read.close.dns == "close"
