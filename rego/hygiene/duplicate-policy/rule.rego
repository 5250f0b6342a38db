# METADATA
# title: two policies of one selector and the same directions
# description: >-
#   Their rules add up, and whoever reads one does not see the other. Write one policy with
#   the rules of both.
# custom:
#   severity: note
package kubeteus.rules.hygiene["duplicate-policy"]

import data.kubeteus.lib

# groups are the policies of one namespace, selector and directions.
groups[key] contains place if {
	some place, policy in input.policies
	key := [policy.namespace, policy.spec.podSelector, {t | some t in policy.spec.policyTypes}]
}

findings contains lib.finding(policy, "", message) if {
	some places in groups
	count(places) > 1
	first := input.policies[min(places)]
	some place in places
	place != min(places)
	policy := input.policies[place]
	policy.written == first.written
	message := sprintf("selects the same pods for the same directions as %s", [first.key])
}
