package kubeteus.rules.correctness_test["ignored-rules"]

import data.kubeteus.rules.correctness["ignored-rules"] as rule

document(types) := {"policies": [{"key": "a", "spec": {"policyTypes": types}, "rules": [{"direction": "egress"}, {"direction": "egress"}]}]}

test_found if {
	found := rule.findings with input as document(["Ingress"])
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document(["Ingress", "Egress"])
	count(found) == 0
}
