package kubeteus.rules.correctness_test["near-miss"]

import data.kubeteus.rules.correctness["near-miss"] as rule

document(meaning) := {
	"policies": [{"key": "a", "selector": meaning, "rules": []}],
	"inventory": {"workloads": [{"ref": "n/w"}]},
}

test_found if {
	found := rule.findings with input as document({"keys": ["app", "tier"], "near": {"workload": 0, "says": "it has no label tier"}})
	count(found) == 1
}

test_not_found_for_an_unstable_label if {
	found := rule.findings with input as document({"keys": ["pod-template-hash"], "near": {"workload": 0, "says": "it has no label"}})
	count(found) == 0
}

test_not_found if {
	found := rule.findings with input as document({"empty": false})
	count(found) == 0
}
