package kubeteus.rules.correctness_test["single-stack"]

import data.kubeteus.rules.correctness["single-stack"] as rule

block(family) := {"kind": "block", "field": "spec.egress[0].to[0]", "block": {"cidr": "x", "whole": true, "family": family}}

document(dual, peers) := {
	"inventory": {"dualStack": dual},
	"policies": [{"key": "a", "spec": {"policyTypes": ["Egress"]}, "rules": [{"direction": "egress", "peers": peers}]}],
}

test_found if {
	found := rule.findings with input as document(true, [block("IPv4")])
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as document(true, [block("IPv4"), block("IPv6")])
	count(found) == 0
}

test_not_found_in_one_family if {
	found := rule.findings with input as document(false, [block("IPv4")])
	count(found) == 0
}
