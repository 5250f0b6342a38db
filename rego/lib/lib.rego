# METADATA
# description: what several rules ask of a policy
package kubeteus.lib

# finding is what a rule says of a field of a policy; field "" is all of it.
finding(policy, field, message) := {"policy": policy.key, "field": field, "message": message}

workload(i) := input.inventory.workloads[i]

isolates(policy, "ingress") if "Ingress" in policy.spec.policyTypes

isolates(policy, "egress") if "Egress" in policy.spec.policyTypes

# active says that a rule of a policy counts: its direction is isolated.
active(policy, rule) if isolates(policy, rule.direction)

# opens says that a rule lets traffic on the port pass.
opens(rule, _, _) if rule.allPorts

opens(rule, protocol, number) if {
	some port in rule.ports
	port.protocol == protocol
	port.first <= number
	number <= port.last
}

# names_port says that a rule spells out the port, alone or in a short range.
names_port(rule, protocol, number) if {
	some port in rule.ports
	port.number
	port.protocol == protocol
	port.first <= number
	number <= port.last
	port.last - port.first < 100
}

# world is where a rule's peers reach most of the internet: the field.
world(rule) := rule.field if rule.everyone

world(rule) := fields[0] if {
	fields := [peer.field | some peer in rule.peers; peer.kind == "block"; peer.block.world; not peer.block.vacant]
	count(fields) > 0
}

# cluster says that a rule is about every pod of the cluster.
cluster(rule) if rule.everyone

cluster(rule) if {
	some peer in rule.peers
	peer.kind == "pods"
	peer.everywhere
}

# listens says that a workload declares the port.
listens(i, protocol, number) if {
	some port in workload(i).ports
	port.protocol == protocol
	port.number == number
}

# unstable are the labels that controllers write anew at every rollout.
unstable := {"pod-template-hash", "controller-revision-hash", "pod-template-generation", "controller-uid", "batch.kubernetes.io/controller-uid"}

# selectors are the pod and namespace selectors of a policy, by field.
selectors(policy) := array.concat(
	[{"field": "spec.podSelector", "meaning": policy.selector}],
	[{"field": peer.field, "meaning": peer.selector} |
		some rule in policy.rules
		some peer in rule.peers
		peer.kind == "pods"
	],
)

# destinations are the workloads whose ports a rule means; none where it is also
# about addresses, or about pods that nobody declared.
destinations(policy, rule) := policy.selects if rule.direction == "ingress"

destinations(_, rule) := {i | some peer in rule.peers; some i in peer.selects} if {
	rule.direction == "egress"
	every peer in rule.peers {
		peer.kind == "pods"
		count(peer.selects) > 0
	}
}
