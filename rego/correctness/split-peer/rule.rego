# METADATA
# title: namespaceSelector and podSelector are written as two peers
# description: >-
#   Two list items are two peers: all pods of those namespaces, and such pods of the
#   policy's own namespace. To mean such pods in those namespaces, write both selectors in
#   one item, without the second dash.
# custom:
#   severity: warning
package kubeteus.rules.correctness["split-peer"]

import data.kubeteus.lib

findings contains lib.finding(policy, pods.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	some place, pods in rule.peers
	place > 0
	pods.kind == "pods"
	pods.byPod
	not pods.byNamespace
	not pods.everyPod
	count(pods.selects) == 0
	namespaces := rule.peers[place - 1]
	namespaces.kind == "pods"
	namespaces.byNamespace
	not namespaces.byPod
	not namespaces.everywhere
	meant := [i | some i in pods.elsewhere; i in namespaces.selects]
	count(meant) > 0
	message := sprintf("selects nothing in namespace %s, and %s in the namespaces of the peer above: they are likely meant as one peer", [policy.namespace, lib.workload(meant[0]).ref])
}
