package kubeteus.rules.security_test["public-database"]

import data.kubeteus.rules.security["public-database"] as rule

document(peers, ports) := {
	"policies": [{"key": "a", "selects": [0], "selector": {"empty": false}, "spec": {"policyTypes": ["Ingress"]}, "rules": [{
		"direction": "ingress", "field": "spec.ingress[0]", "everyone": count(peers) == 0, "allPorts": count(ports) == 0, "peers": peers, "ports": ports,
	}]}],
	"inventory": {"workloads": [{"ref": "n/w", "ports": [{"name": "", "protocol": "TCP", "number": 5432}]}]},
}

world := {"kind": "block", "field": "spec.ingress[0].from[0]", "block": {"cidr": "0.0.0.0/0", "world": true, "vacant": false}}

port(first, last) := {"protocol": "TCP", "first": first, "last": last, "number": true, "field": "spec.ingress[0].ports[0]"}

test_found if {
	found := rule.findings with input as document([world], [port(5432, 5432)])
	count(found) == 1
}

test_found_for_everyone if {
	found := rule.findings with input as document([], [port(5432, 5432)])
	count(found) == 1
}

test_not_found_for_pods if {
	found := rule.findings with input as document([{"kind": "pods"}], [port(5432, 5432)])
	count(found) == 0
}

test_not_found_on_another_port if {
	found := rule.findings with input as document([world], [port(443, 443)])
	count(found) == 0
}

test_found_on_all_ports_of_a_database if {
	found := rule.findings with input as document([world], [])
	count(found) == 1
}

test_not_found_over_a_namespace if {
	found := rule.findings with input as over_all_pods(document([world], []))
	count(found) == 0
}

over_all_pods(d) := object.union(d, {"policies": [object.union(p, {"selector": {"empty": true}}) | some p in d.policies]})

test_not_found_beside_pods if {
	found := rule.findings with input as document([{"kind": "pods"}, world], [])
	count(found) == 0
}
