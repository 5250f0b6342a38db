# METADATA
# title: an ipBlock reaches into the pod network
# description: >-
#   Whether a block matches pods differs between dataplanes. Select pods by label, and take
#   the pod network out of the block with except.
# custom:
#   severity: warning
package kubeteus.rules.correctness["pod-network-block"]

import data.kubeteus.lib

findings contains lib.finding(policy, peer.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	some peer in rule.peers
	peer.kind == "block"
	peer.block.reachesPods
	not every_pod(policy, rule.direction)
	message := sprintf("%s %s the pod network, and whether it matches pods depends on the dataplane", [peer.block.cidr, how(peer.block)])
}

# every_pod says that all pods are allowed anyway, so that nothing depends on it.
every_pod(policy, direction) if {
	some rule in policy.rules
	rule.direction == direction
	lib.cluster(rule)
}

how(block) := "lies in" if block.insidePods

how(block) := "covers" if not block.insidePods
