# METADATA
# title: a selector that misses a workload by one label
# description: >-
#   Policies select the labels of the pod template, not those of the Deployment or the
#   Service. Correct the label, or add it to the template.
# custom:
#   severity: warning
package kubeteus.rules.correctness["near-miss"]

import data.kubeteus.lib

findings contains lib.finding(policy, selector.field, message) if {
	some policy in input.policies
	some selector in lib.selectors(policy)
	near := selector.meaning.near
	count({key | some key in selector.meaning.keys; key in lib.unstable}) == 0
	message := sprintf("selects no workload, but for one label it would select %s: %s", [lib.workload(near.workload).ref, near.says])
}
