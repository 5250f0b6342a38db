package kubeteus.rules.correctness_test["pod-network-block"]

import data.kubeteus.rules.correctness["pod-network-block"] as rule

document(peers) := {"policies": [{"key": "a", "spec": {"policyTypes": ["Egress"]}, "rules": [{"direction": "egress", "everyone": false, "peers": peers}]}]}

block(reaches, inside) := {"kind": "block", "field": "spec.egress[0].to[0]", "block": {"cidr": "10.0.0.0/8", "reachesPods": reaches, "insidePods": inside}}

test_found if {
	found := rule.findings with input as document([block(true, false)])
	count(found) == 1
}

test_found_inside if {
	found := rule.findings with input as document([block(true, true)])
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document([block(false, false)])
	count(found) == 0
}

test_not_found_beside_every_pod if {
	found := rule.findings with input as document([block(true, false), {"kind": "pods", "everywhere": true}])
	count(found) == 0
}
