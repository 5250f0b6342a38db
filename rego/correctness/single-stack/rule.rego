# METADATA
# title: 0.0.0.0/0 in a cluster of two address families
# description: >-
#   The cluster has IPv4 and IPv6 addresses, and a block is of one family. Add a peer for
#   the same addresses of the other family (::/0).
# custom:
#   severity: warning
package kubeteus.rules.correctness["single-stack"]

import data.kubeteus.lib

findings contains lib.finding(policy, peer.field, message) if {
	input.inventory.dualStack
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	some peer in rule.peers
	peer.kind == "block"
	peer.block.whole
	families := {other.block.family |
		some beside in policy.rules
		beside.direction == rule.direction
		some other in beside.peers
		other.kind == "block"
	}
	count(families) == 1
	message := sprintf("%s is every %s address, and the cluster has both families", [peer.block.cidr, peer.block.family])
}
