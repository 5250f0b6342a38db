# METADATA
# title: DNS is opened over UDP alone
# description: >-
#   Answers that do not fit a datagram are asked for again over TCP. Add TCP port 53 beside
#   UDP port 53.
# custom:
#   severity: note
package kubeteus.rules.correctness["dns-over-tcp"]

import data.kubeteus.lib

findings contains lib.finding(policy, rule.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	rule.direction == "egress"
	lib.active(policy, rule)
	some peer in rule.peers
	peer.kind == "pods"
	peer.dns
	lib.names_port(rule, "UDP", 53)
	not tcp(policy)
	message := "opens DNS over UDP and not over TCP"
}

tcp(policy) if {
	some rule in policy.rules
	rule.direction == "egress"
	lib.opens(rule, "TCP", 53)
}
