# METADATA
# title: a rule that another rule of the policy contains
# description: >-
#   The wider rule allows all that this one does. Remove this one.
# custom:
#   severity: note
package kubeteus.rules.hygiene["redundant-rule"]

import data.kubeteus.lib

findings contains lib.finding(policy, rules[small].field, message) if {
	some policy in input.policies
	some direction, side in {"ingress": "from", "egress": "to"}
	rules := [rule | some rule in policy.rules; rule.direction == direction]
	count(rules) > 1
	written := policy.spec[direction]
	some small, _ in rules
	some large, _ in rules
	small != large
	contains_rule(rules, written, side, large, small)
	first_of_twins(rules, written, side, large, small)
	message := sprintf("%s allows all that this rule does", [rules[large].field])
}

# contains_rule compares peers as they are written, and ports as numbers.
contains_rule(rules, written, side, large, small) if {
	peers_within(written[large], written[small], side)
	ports_within(rules[large], rules[small])
}

# first_of_twins keeps the first of two rules that contain each other.
first_of_twins(_, _, _, large, small) if large < small

first_of_twins(rules, written, side, large, small) if {
	large > small
	not contains_rule(rules, written, side, small, large)
}

peers_within(large, _, side) if count(object.get(large, side, [])) == 0

peers_within(large, small, side) if {
	count(object.get(small, side, [])) > 0
	every peer in small[side] { peer in large[side] }
}

ports_within(large, _) if large.allPorts

ports_within(large, small) if {
	not small.allPorts
	every port in small.ports { some wide in large.ports; within(wide, port)}
}

within(wide, port) if {
	wide.protocol == port.protocol
	wide.name == port.name
	wide.first <= port.first
	port.last <= wide.last
}
