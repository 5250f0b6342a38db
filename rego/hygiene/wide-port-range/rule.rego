# METADATA
# title: a range of more than a thousand ports
# description: >-
#   Name the ports that are used. Ephemeral ports of replies need no rule: policies are
#   about who opens a connection.
# custom:
#   severity: note
package kubeteus.rules.hygiene["wide-port-range"]

import data.kubeteus.lib

widest := 1000

findings contains lib.finding(policy, port.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	not complement(rule)
	some port in rule.ports
	port.number
	port.last - port.first >= widest
	message := sprintf("opens %d %s ports", [(port.last - port.first) + 1, port.protocol])
}

# complement says that a rule is all ports but some: what is left out is meant.
complement(rule) if {
	some low in rule.ports
	low.first == 1
	some high in rule.ports
	high.last == 65535
}
