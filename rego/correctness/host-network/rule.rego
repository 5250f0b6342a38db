# METADATA
# title: a policy about pods of the host network
# description: >-
#   Pods with hostNetwork have their node's address: no podSelector applies to them. Filter
#   on the node, or take hostNetwork from the template.
# custom:
#   severity: warning
package kubeteus.rules.correctness["host-network"]

import data.kubeteus.lib

findings contains lib.finding(policy, selector.field, message) if {
	some policy in input.policies
	some selector in chosen(policy)
	not selector.empty
	count(selector.selects) > 0
	every i in selector.selects { lib.workload(i).hostNetwork }
	message := sprintf("selects only pods of the host network (%s), to which policies do not apply", [lib.workload(selector.selects[0]).ref])
}

chosen(policy) := array.concat(
	[{"field": "spec.podSelector", "selects": policy.selects, "empty": policy.selector.empty}],
	[{"field": peer.field, "selects": peer.selects, "empty": peer.everyPod} |
		some rule in policy.rules
		some peer in rule.peers
		peer.kind == "pods"
	],
)
