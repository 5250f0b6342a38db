package kubeteus.rules.hygiene_test["duplicate-policy"]

import data.kubeteus.rules.hygiene["duplicate-policy"] as rule

policy(name, app, types) := {"key": name, "namespace": "n", "written": true, "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": types}}

test_found if {
	found := rule.findings with input as {"policies": [policy("a", "x", ["Ingress"]), policy("b", "x", ["Ingress"])]}
	{f.policy | some f in found} == {"b"}
}

test_not_found if {
	found := rule.findings with input as {"policies": [policy("a", "x", ["Ingress"]), policy("b", "y", ["Ingress"]), policy("c", "x", ["Egress"])]}
	count(found) == 0
}
