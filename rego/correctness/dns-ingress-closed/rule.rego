# METADATA
# title: the cluster DNS accepts no queries
# description: >-
#   Every pod of the cluster asks these pods for names. Add an ingress rule that lets all
#   namespaces in (namespaceSelector: {}) on UDP and TCP port 53.
# custom:
#   severity: warning
package kubeteus.rules.correctness["dns-ingress-closed"]

import data.kubeteus.lib

findings contains lib.finding(policy, "", message) if {
	some policy in input.policies
	policy.selectsDNS
	lib.isolates(policy, "ingress")
	not answered
	message := "isolates the cluster's DNS pods, and no policy lets all namespaces ask them"
}

answered if {
	some policy in input.policies
	policy.selectsDNS
	lib.isolates(policy, "ingress")
	some rule in policy.rules
	rule.direction == "ingress"
	lib.opens(rule, "UDP", 53)
	wide(rule)
}

wide(rule) if lib.cluster(rule)

wide(rule) if {
	some peer in rule.peers
	peer.kind == "block"
}
