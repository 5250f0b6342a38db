package kubeteus.rules.hygiene_test["redundant-rule"]

import data.kubeteus.rules.hygiene["redundant-rule"] as rule

a := {"podSelector": {"matchLabels": {"app": "a"}}}

b := {"podSelector": {"matchLabels": {"app": "b"}}}

port(first, last) := {"protocol": "TCP", "first": first, "last": last, "name": ""}

shape(i, ports) := {"direction": "ingress", "field": sprintf("spec.ingress[%d]", [i]), "allPorts": count(ports) == 0, "ports": ports}

document(froms, ports) := {"policies": [{
	"key": "a", "spec": {"ingress": [{"from": from} | some from in froms]},
	"rules": [shape(i, p) | some i, p in ports],
}]}

fields(document) := out if {
	found := rule.findings with input as document
	out := {f.field | some f in found}
}

test_found if {
	fields(document([[a], [a, b]], [[port(80, 80)], [port(1, 100)]])) == {"spec.ingress[0]"}
}

test_found_once_for_twins if {
	fields(document([[a], [a]], [[port(80, 80)], [port(80, 80)]])) == {"spec.ingress[1]"}
}

test_found_beside_everybody if {
	fields(document([[], [a]], [[], [port(80, 80)]])) == {"spec.ingress[1]"}
}

test_not_found_on_other_ports if {
	fields(document([[a], [a, b]], [[port(80, 80)], [port(81, 100)]])) == set()
}

test_not_found_for_other_peers if {
	fields(document([[a], [b]], [[port(80, 80)], [port(80, 80)]])) == set()
}

test_not_found_for_everybody if {
	fields(document([[], [a]], [[port(80, 80)], [port(80, 81)]])) == set()
}
