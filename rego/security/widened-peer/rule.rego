# METADATA
# title: a peer beside one that is the whole cluster
# description: >-
#   namespaceSelector: {} selects every pod of every namespace, so that the narrower peer
#   says nothing. Write both selectors in one list item to mean such pods in any namespace,
#   or remove one of the two.
# custom:
#   severity: warning
package kubeteus.rules.security["widened-peer"]

import data.kubeteus.lib

findings contains lib.finding(policy, peer.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	some peer in rule.peers
	peer.kind == "pods"
	not peer.everywhere
	some wide in rule.peers
	wide.kind == "pods"
	wide.everywhere
	message := sprintf("says nothing, since %s is every pod of the cluster", [wide.field])
}
