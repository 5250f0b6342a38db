# METADATA
# title: the same peer or port twice in a rule
# description: >-
#   The second entry adds nothing. Remove it.
# custom:
#   severity: note
package kubeteus.rules.hygiene["repeated-entry"]

import data.kubeteus.lib

findings contains lib.finding(policy, sprintf("spec.%s[%d].%s[%d]", [direction, i, part, second]), message) if {
	some policy in input.policies
	some direction in ["ingress", "egress"]
	some i, rule in policy.spec[direction]
	some part in ["from", "to", "ports"]
	entries := rule[part]
	some second, entry in entries
	some first in numbers.range(0, second - 1)
	first < second
	entries[first] == entry
	message := sprintf("repeats entry %d", [first])
}
