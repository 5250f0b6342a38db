package kubeteus.rules.correctness_test["service-port"]

import data.kubeteus.rules.correctness["service-port"] as rule

document(number) := {
	"policies": [{"key": "a", "selects": [0], "spec": {"policyTypes": ["Ingress"]}, "rules": [{
		"direction": "ingress", "peers": [], "ports": [{"name": "", "number": true, "protocol": "TCP", "first": number, "last": number, "field": "spec.ingress[0].ports[0]"}],
	}]}],
	"inventory": {"workloads": [{
		"ports": [{"name": "http", "protocol": "TCP", "number": 8080}],
		"servicePorts": [{"service": "n/web", "number": 80, "protocol": "TCP", "podPort": 8080}],
	}]},
}

test_found if {
	found := rule.findings with input as document(80)
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document(8080)
	count(found) == 0
}

test_not_found_for_an_unknown_port if {
	found := rule.findings with input as document(9090)
	count(found) == 0
}
