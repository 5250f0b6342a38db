package kubeteus.rules.correctness_test["dns-over-tcp"]

import data.kubeteus.rules.correctness["dns-over-tcp"] as rule

port(protocol) := {"protocol": protocol, "first": 53, "last": 53, "number": true}

policy(ports) := {"key": "a", "spec": {"policyTypes": ["Egress"]}, "rules": [{
	"direction": "egress", "field": "spec.egress[0]", "everyone": false, "allPorts": false,
	"peers": [{"kind": "pods", "dns": true}], "ports": ports,
}]}

test_found if {
	found := rule.findings with input as {"policies": [policy([port("UDP")])]}
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as {"policies": [policy([port("UDP"), port("TCP")])]}
	count(found) == 0
}
