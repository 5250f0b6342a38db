# METADATA
# title: a named port that no selected workload has
# description: >-
#   A named port is looked up among the ports that the containers declare. Write the number,
#   or name the container port.
# custom:
#   severity: error
package kubeteus.rules.correctness["named-port"]

import data.kubeteus.lib

findings contains lib.finding(policy, port.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	some port in rule.ports
	port.name != ""
	targets := lib.destinations(policy, rule)
	count(targets) > 0
	every i in targets {
		not has(i, port)
	}
	message := sprintf("no workload that this is about declares a %s port named %q, so the rule opens nothing", [port.protocol, port.name])
}

has(i, port) if {
	some own in lib.workload(i).ports
	own.name == port.name
	own.protocol == port.protocol
}
