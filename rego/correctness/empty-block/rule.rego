# METADATA
# title: an ipBlock whose exceptions leave nothing
# description: >-
#   The exceptions together cover all of the cidr, so that the peer allows nothing. Remove
#   the peer, or the exception that is too wide.
# custom:
#   severity: error
package kubeteus.rules.correctness["empty-block"]

import data.kubeteus.lib

findings contains lib.finding(policy, peer.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	some peer in rule.peers
	peer.kind == "block"
	peer.block.vacant
	message := sprintf("the exceptions cover all of %s", [peer.block.cidr])
}
