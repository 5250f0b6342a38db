package kubeteus.rules.correctness_test["named-port"]

import data.kubeteus.rules.correctness["named-port"] as rule

document(direction, name) := {
	"policies": [{"key": "a", "selects": [0], "spec": {"policyTypes": ["Ingress", "Egress"]}, "rules": [{
		"direction": direction, "peers": [{"kind": "pods", "selects": [0]}], "ports": [{"name": name, "protocol": "TCP", "field": "spec.ingress[0].ports[0]"}],
	}]}],
	"inventory": {"workloads": [{"ports": [{"name": "http", "protocol": "TCP", "number": 80}]}]},
}

test_found if {
	found := rule.findings with input as document("ingress", "htpp")
	count(found) == 1
}

test_found_for_egress if {
	found := rule.findings with input as document("egress", "htpp")
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document("ingress", "http")
	count(found) == 0
}

test_not_found_for_a_number if {
	found := rule.findings with input as document("ingress", "")
	count(found) == 0
}
