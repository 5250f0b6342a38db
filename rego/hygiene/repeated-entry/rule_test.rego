package kubeteus.rules.hygiene_test["repeated-entry"]

import data.kubeteus.rules.hygiene["repeated-entry"] as rule

document(ports) := {"policies": [{"key": "a", "spec": {"ingress": [{"ports": ports}]}}]}

test_found if {
	found := rule.findings with input as document([{"port": 80}, {"port": 81}, {"port": 80}])
	{f.field | some f in found} == {"spec.ingress[0].ports[2]"}
}

test_not_found if {
	found := rule.findings with input as document([{"port": 80}, {"port": 81}])
	count(found) == 0
}
