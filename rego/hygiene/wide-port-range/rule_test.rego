package kubeteus.rules.hygiene_test["wide-port-range"]

import data.kubeteus.rules.hygiene["wide-port-range"] as rule

document(ports) := {"policies": [{"key": "a", "spec": {"policyTypes": ["Ingress"]}, "rules": [{"direction": "ingress", "ports": ports}]}]}

port(first, last) := {"protocol": "TCP", "first": first, "last": last, "number": true, "field": "spec.ingress[0].ports[0]"}

test_found if {
	found := rule.findings with input as document([port(30000, 32767)])
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document([port(8000, 8010)])
	count(found) == 0
}

test_not_found_for_a_complement if {
	found := rule.findings with input as document([port(1, 21), port(23, 65535)])
	count(found) == 0
}
