# METADATA
# title: a Service's port where a pod's port is meant
# description: >-
#   Policies see the pod's port, after the Service has translated it. Write the targetPort.
# custom:
#   severity: warning
package kubeteus.rules.correctness["service-port"]

import data.kubeteus.lib

findings contains lib.finding(policy, port.field, message) if {
	some policy in input.policies
	some rule in policy.rules
	lib.active(policy, rule)
	some port in rule.ports
	port.number
	port.first == port.last
	targets := lib.destinations(policy, rule)
	count(targets) > 0
	every i in targets {
		mistaken(i, port)
	}
	known := [s | some i in targets; some s in translations(i, port)]
	message := sprintf("no pod that this is about listens on %d, which is a port of Service %s: its pods have %d", [port.first, known[0].service, known[0].podPort])
}

# mistaken says that a workload declares its ports, and this is none of them.
mistaken(i, port) if {
	count(lib.workload(i).ports) > 0
	not lib.listens(i, port.protocol, port.first)
	count(translations(i, port)) > 0
}

translations(i, port) := [s |
	some s in lib.workload(i).servicePorts
	s.number == port.first
	s.protocol == port.protocol
]
