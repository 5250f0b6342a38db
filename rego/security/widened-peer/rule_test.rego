package kubeteus.rules.security_test["widened-peer"]

import data.kubeteus.rules.security["widened-peer"] as rule

peer(everywhere) := {"kind": "pods", "field": "spec.ingress[0].from[0]", "everywhere": everywhere}

document(peers) := {"policies": [{"key": "a", "spec": {"policyTypes": ["Ingress"]}, "rules": [{"direction": "ingress", "peers": peers}]}]}

test_found if {
	found := rule.findings with input as document([peer(true), peer(false)])
	count(found) == 1
}

test_not_found_alone if {
	found := rule.findings with input as document([peer(true), {"kind": "block"}])
	count(found) == 0
}

test_not_found if {
	found := rule.findings with input as document([peer(false), peer(false)])
	count(found) == 0
}
