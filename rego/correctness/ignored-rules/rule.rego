# METADATA
# title: rules of a direction that policyTypes does not name
# description: >-
#   Rules count for the directions in policyTypes alone. Add the direction to policyTypes,
#   which also closes what the rules do not allow, or remove the rules.
# custom:
#   severity: error
package kubeteus.rules.correctness["ignored-rules"]

import data.kubeteus.lib

findings contains lib.finding(policy, sprintf("spec.%s", [direction]), message) if {
	some policy in input.policies
	some direction in {rule.direction | some rule in policy.rules}
	not lib.isolates(policy, direction)
	message := sprintf("has %s rules, and policyTypes says %s only: the rules do nothing", [direction, policy.spec.policyTypes[0]])
}
