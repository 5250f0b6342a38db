package kubeteus.rules.security_test["metadata-open"]

import data.kubeteus.rules.security["metadata-open"] as rule

document(reaches, number) := {"policies": [{"key": "a", "spec": {"policyTypes": ["Egress"]}, "rules": [{
	"direction": "egress", "allPorts": false, "ports": [{"protocol": "TCP", "first": number, "last": number}],
	"peers": [{"kind": "block", "field": "spec.egress[0].to[0]", "block": {"cidr": "0.0.0.0/0", "world": true, "family": "IPv4", "reachesMetadata": reaches}}],
}]}]}

test_found if {
	found := rule.findings with input as document(true, 80)
	count(found) == 1
}

test_not_found_with_the_exception if {
	found := rule.findings with input as document(false, 80)
	count(found) == 0
}

test_not_found_on_another_port if {
	found := rule.findings with input as document(true, 443)
	count(found) == 0
}
