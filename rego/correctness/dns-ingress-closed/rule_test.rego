package kubeteus.rules.correctness_test["dns-ingress-closed"]

import data.kubeteus.rules.correctness["dns-ingress-closed"] as rule

policy(rules) := {"key": "a", "selectsDNS": true, "spec": {"policyTypes": ["Ingress"]}, "rules": rules}

from(peer) := {"direction": "ingress", "everyone": false, "allPorts": true, "peers": [peer], "ports": []}

test_found if {
	found := rule.findings with input as {"policies": [policy([from({"kind": "pods", "everywhere": false})])]}
	count(found) == 1
}

test_not_found if {
	found := rule.findings with input as {"policies": [policy([from({"kind": "pods", "everywhere": true})])]}
	count(found) == 0
}

test_not_found_for_other_pods if {
	found := rule.findings with input as {"policies": [object.union(policy([]), {"selectsDNS": false})]}
	count(found) == 0
}
