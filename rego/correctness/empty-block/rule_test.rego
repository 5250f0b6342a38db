package kubeteus.rules.correctness_test["empty-block"]

import data.kubeteus.rules.correctness["empty-block"] as rule

document(vacant) := {"policies": [{"key": "a", "rules": [{"peers": [
	{"kind": "block", "field": "spec.egress[0].to[0]", "block": {"cidr": "10.0.0.0/8", "vacant": vacant}},
]}]}]}

test_found if {
	found := rule.findings with input as document(true)
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document(false)
	count(found) == 0
}
