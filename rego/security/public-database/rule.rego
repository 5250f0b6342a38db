# METADATA
# title: a database that the whole internet may reach
# description: >-
#   Databases are reached by their clients. Name the workloads that need it, or the
#   addresses that they come from.
# custom:
#   severity: warning
package kubeteus.rules.security["public-database"]

import data.kubeteus.lib

# databases are the ports that stores listen on by default.
databases := {
	1433: "SQL Server", 1521: "Oracle", 2379: "etcd", 3306: "MySQL", 5432: "PostgreSQL", 5984: "CouchDB", 6379: "Redis", 7687: "Neo4j",
	9042: "Cassandra", 9200: "Elasticsearch", 11211: "Memcached", 26257: "CockroachDB", 27017: "MongoDB", 28015: "RethinkDB",
}

findings contains lib.finding(policy, field, message) if {
	some policy in input.policies
	lib.isolates(policy, "ingress")
	some rule in policy.rules
	rule.direction == "ingress"
	field := lib.world(rule)
	some number, product in databases
	meant(policy, rule, number)
	message := sprintf("lets every address reach port %d, which is %s's", [number, product])
}

# meant says that the port is spelt out, or open and declared by a pod that the
# policy picks. A policy over all pods of a namespace, or a rule for addresses and
# pods alike, is rather about who is kept out, and leaves the rest as it was.
meant(_, rule, number) if lib.names_port(rule, "TCP", number)

meant(policy, rule, number) if {
	not lib.names_port(rule, "TCP", number)
	lib.opens(rule, "TCP", number)
	not policy.selector.empty
	every peer in rule.peers {
		peer.kind == "block"
	}
	some i in policy.selects
	lib.listens(i, "TCP", number)
}
