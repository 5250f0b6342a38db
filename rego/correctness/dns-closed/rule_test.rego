package kubeteus.rules.correctness_test["dns-closed"]

import data.kubeteus.rules.correctness["dns-closed"] as rule

app := {"kind": "pods", "dns": false, "field": "spec.egress[0].to[0]"}

dns := {"kind": "pods", "dns": true}

to(peer, ports) := {"direction": "egress", "field": "spec.egress[0]", "everyone": false, "allPorts": false, "peers": [peer], "ports": ports}

udp53 := {"protocol": "UDP", "first": 53, "last": 53, "number": true}

tcp80 := {"protocol": "TCP", "first": 80, "last": 80, "number": true}

policy(rules) := {"key": "a", "selects": [0], "intents": ["s/i"], "spec": {"policyTypes": ["Egress"]}, "rules": rules}

document(policies, rules) := {
	"policies": policies, "rules": rules,
	"inventory": {"workloads": [{"ref": "n/w", "hostNetwork": false}]},
	"selectedBy": [numbers.range(0, count(policies) - 1)],
}

test_found if {
	found := rule.findings with input as document([policy([to(app, [tcp80])])], [])
	count(found) == 1
}

test_not_found_with_dns if {
	found := rule.findings with input as document([policy([to(app, [tcp80]), to(dns, [udp53])])], [])
	count(found) == 0
}

test_not_found_with_dns_of_another_policy if {
	found := rule.findings with input as document([policy([to(app, [tcp80])]), policy([to(dns, [udp53])])], [])
	count(found) == 0
}

test_not_found_where_asked_for if {
	found := rule.findings with input as document([policy([to(app, [tcp80])])], [{"set": "s", "intent": "i", "dns": "close"}])
	count(found) == 0
}
