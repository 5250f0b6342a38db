package kubeteus.rules.security_test["metadata-address"]

import data.kubeteus.rules.security["metadata-address"] as rule

document(cidr, reaches) := {"policies": [{"key": "a", "spec": {"policyTypes": ["Egress"]}, "rules": [{"direction": "egress", "peers": [
	{"kind": "block", "field": "spec.egress[0].to[0]", "block": {"cidr": cidr, "reachesMetadata": reaches}},
]}]}]}

test_found if {
	found := rule.findings with input as document("169.254.169.254/32", true)
	count(found) == 1
}

test_not_found_for_the_internet if {
	found := rule.findings with input as document("0.0.0.0/0", true)
	count(found) == 0
}

test_not_found if {
	found := rule.findings with input as document("10.1.2.0/24", false)
	count(found) == 0
}
