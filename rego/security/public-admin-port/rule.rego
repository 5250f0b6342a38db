# METADATA
# title: a port for administrators that the whole internet may reach
# description: >-
#   Shells, node agents and metrics are for the operators of the cluster. Name the workloads
#   or the addresses that need it.
# custom:
#   severity: warning
package kubeteus.rules.security["public-admin-port"]

import data.kubeteus.lib

# admin are ports over which machines and clusters are run or watched.
admin := {
	22: "SSH", 23: "Telnet", 2375: "Docker", 2376: "Docker", 2380: "etcd peers", 3389: "RDP", 5900: "VNC", 8500: "Consul",
	9093: "Alertmanager", 9100: "node metrics", 10250: "the kubelet", 10255: "the kubelet",
}

findings contains lib.finding(policy, field, message) if {
	some policy in input.policies
	lib.isolates(policy, "ingress")
	some rule in policy.rules
	rule.direction == "ingress"
	field := lib.world(rule)
	some number, product in admin
	lib.names_port(rule, "TCP", number)
	message := sprintf("lets every address reach port %d, which is for %s", [number, product])
}
