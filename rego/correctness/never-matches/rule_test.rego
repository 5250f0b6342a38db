package kubeteus.rules.correctness_test["never-matches"]

import data.kubeteus.rules.correctness["never-matches"] as rule

policy(own, other) := {"key": "a", "selector": {"impossible": own}, "rules": [{"peers": [
	{"kind": "pods", "field": "spec.ingress[0].from[0]", "selector": {"impossible": other}},
	{"kind": "block"},
]}]}

test_found if {
	found := rule.findings with input as {"policies": [policy(true, true)]}
	count(found) == 2
}

test_not_found if {
	found := rule.findings with input as {"policies": [policy(false, false)]}
	count(found) == 0
}
