# METADATA
# title: a podSelector looks for pods of another namespace
# description: >-
#   A podSelector alone selects pods of the policy's own namespace. Add a namespaceSelector
#   to the same peer, such as matchLabels: {kubernetes.io/metadata.name: NAMESPACE}.
# custom:
#   severity: warning
package kubeteus.rules.correctness["wrong-namespace"]

import data.kubeteus.lib

findings contains lib.finding(policy, peer.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	not has_namespaces(rule)
	some peer in rule.peers
	peer.kind == "pods"
	peer.byPod
	not peer.byNamespace
	count(peer.selects) == 0
	homes := {lib.workload(i).namespace | some i in peer.elsewhere}
	count(homes) == 1
	some home in homes
	message := sprintf("selects no pod of namespace %s, where it looks; the pods that it fits are in namespace %s", [policy.namespace, home])
}

# has_namespaces leaves to split-peer what it is about.
has_namespaces(rule) if {
	some peer in rule.peers
	peer.kind == "pods"
	peer.byNamespace
	not peer.byPod
}
