package kubeteus.rules.correctness_test["unstable-label"]

import data.kubeteus.rules.correctness["unstable-label"] as rule

policy(keys) := {"key": "a", "selector": {"keys": keys}, "rules": []}

test_found if {
	found := rule.findings with input as {"policies": [policy(["app", "pod-template-hash"])]}
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as {"policies": [policy(["app"])]}
	count(found) == 0
}
