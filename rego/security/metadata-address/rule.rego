# METADATA
# title: egress to the cloud's metadata address
# description: >-
#   Whoever reaches 169.254.169.254 may fetch the credentials of the node. Remove the block,
#   or give the workload an identity of its own.
# custom:
#   severity: warning
package kubeteus.rules.security["metadata-address"]

import data.kubeteus.lib

findings contains lib.finding(policy, peer.field, message) if {
	some policy in input.policies
	lib.isolates(policy, "egress")
	some rule in policy.rules
	rule.direction == "egress"
	some peer in rule.peers
	peer.kind == "block"
	peer.block.reachesMetadata
	narrow(peer.block)
	message := sprintf("%s lets these pods reach the cloud's metadata service", [peer.block.cidr])
}

# narrow leaves to metadata-open what is about the internet.
narrow(block) if {
	[_, bits] := split(block.cidr, "/")
	to_number(bits) >= 12
}
