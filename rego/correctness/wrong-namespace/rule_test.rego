package kubeteus.rules.correctness_test["wrong-namespace"]

import data.kubeteus.rules.correctness["wrong-namespace"] as rule

document(peer) := {
	"policies": [{"key": "a", "namespace": "n", "spec": {"policyTypes": ["Ingress"]}, "rules": [{"direction": "ingress", "peers": [
		object.union({"kind": "pods", "byNamespace": false, "byPod": true, "field": "spec.ingress[0].from[0]"}, peer),
	]}]}],
	"inventory": {"workloads": [{"namespace": "n"}, {"namespace": "m"}, {"namespace": "o"}]},
}

test_found if {
	found := rule.findings with input as document({"selects": [], "elsewhere": [1]})
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document({"selects": [0], "elsewhere": []})
	count(found) == 0
}

test_not_found_in_several_namespaces if {
	found := rule.findings with input as document({"selects": [], "elsewhere": [1, 2]})
	count(found) == 0
}
