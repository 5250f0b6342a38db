package kubeteus.rules.correctness_test["host-network"]

import data.kubeteus.rules.correctness["host-network"] as rule

document(host) := {
	"policies": [{"key": "a", "selects": [0], "selector": {"empty": false}, "rules": [{"peers": [
		{"kind": "pods", "field": "spec.ingress[0].from[0]", "selects": [0], "everyPod": false},
	]}]}],
	"inventory": {"workloads": [{"ref": "n/w", "hostNetwork": host}]},
}

test_found if {
	found := rule.findings with input as document(true)
	count(found) == 2
}

test_not_found if {
	found := rule.findings with input as document(false)
	count(found) == 0
}
