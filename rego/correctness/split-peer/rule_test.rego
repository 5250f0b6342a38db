package kubeteus.rules.correctness_test["split-peer"]

import data.kubeteus.rules.correctness["split-peer"] as rule

document(pods) := {
	"policies": [{"key": "a", "namespace": "n", "spec": {"policyTypes": ["Ingress"]}, "rules": [{"direction": "ingress", "peers": [
		{"kind": "pods", "byNamespace": true, "byPod": false, "everywhere": false, "selects": [0, 1]},
		object.union({"kind": "pods", "byNamespace": false, "byPod": true, "everyPod": false, "field": "spec.ingress[0].from[1]"}, pods),
	]}]}],
	"inventory": {"workloads": [{"ref": "m/a"}, {"ref": "m/b"}, {"ref": "n/c"}]},
}

test_found if {
	found := rule.findings with input as document({"selects": [], "elsewhere": [1]})
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document({"selects": [2], "elsewhere": []})
	count(found) == 0
}

test_not_found_in_other_namespaces if {
	found := rule.findings with input as document({"selects": [], "elsewhere": [2]})
	count(found) == 0
}
