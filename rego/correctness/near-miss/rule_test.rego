package kubeteus.rules.correctness_test["near-miss"]

import data.kubeteus.rules.correctness["near-miss"] as rule

document(meaning) := {
	"policies": [{"key": "a", "selector": meaning, "rules": []}],
	"inventory": {"workloads": [{"ref": "n/w"}]},
}

test_found if {
	found := rule.findings with input as document({"near": {"workload": 0, "says": "it has no label tier"}})
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document({"empty": false})
	count(found) == 0
}
