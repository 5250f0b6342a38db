# METADATA
# title: a selector by a label that a controller rewrites
# description: >-
#   The value changes with the next rollout, and the policy then selects nothing. Select by
#   a label that the pod template sets, such as app.kubernetes.io/name.
# custom:
#   severity: warning
package kubeteus.rules.correctness["unstable-label"]

import data.kubeteus.lib

findings contains lib.finding(policy, selector.field, message) if {
	some policy in input.policies
	some selector in lib.selectors(policy)
	some key in selector.meaning.keys
	key in lib.unstable
	message := sprintf("selects by %s, which a controller sets anew at every rollout", [key])
}
