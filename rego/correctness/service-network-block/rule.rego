# METADATA
# title: an ipBlock of Service addresses
# description: >-
#   Most dataplanes translate a Service's address to a pod's before they look at policies,
#   so that such a block never matches. Select the pods behind the Service.
# custom:
#   severity: warning
package kubeteus.rules.correctness["service-network-block"]

import data.kubeteus.lib

findings contains lib.finding(policy, peer.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	some peer in rule.peers
	peer.kind == "block"
	peer.block.insideServices
	message := sprintf("%s lies in the Service network, whose addresses most dataplanes have translated before they look", [peer.block.cidr])
}
