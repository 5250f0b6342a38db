package kubeteus.rules.correctness_test["service-network-block"]

import data.kubeteus.rules.correctness["service-network-block"] as rule

document(inside) := {"policies": [{"key": "a", "spec": {"policyTypes": ["Egress"]}, "rules": [{"direction": "egress", "peers": [
	{"kind": "block", "field": "spec.egress[0].to[0]", "block": {"cidr": "10.96.0.1/32", "insideServices": inside}},
]}]}]}

test_found if {
	found := rule.findings with input as document(true)
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document(false)
	count(found) == 0
}
