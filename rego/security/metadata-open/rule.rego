# METADATA
# title: egress to the internet that includes the cloud's metadata address
# description: >-
#   On a cloud, 169.254.169.254 hands out the node's credentials. Take 169.254.0.0/16 out
#   with except, in the statement: "the internet but not 169.254.0.0/16".
# custom:
#   severity: note
package kubeteus.rules.security["metadata-open"]

import data.kubeteus.lib

findings contains lib.finding(policy, peer.field, message) if {
	some policy in input.policies
	lib.isolates(policy, "egress")
	some rule in policy.rules
	rule.direction == "egress"
	web(rule)
	some peer in rule.peers
	peer.kind == "block"
	peer.block.world
	peer.block.reachesMetadata
	peer.block.family == "IPv4"
	message := sprintf("%s includes the cloud's metadata address 169.254.169.254", [peer.block.cidr])
}

# web says that a rule opens the port that metadata is served on.
web(rule) if lib.opens(rule, "TCP", 80)
