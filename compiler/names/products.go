package names

import (
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// product is well-known software: the image names it comes in and the plain
// words for what it is.
type product struct {
	images []string
	words  []string
}

var catalogue = []product{
	{[]string{"postgres", "postgresql", "postgis", "timescaledb"}, []string{"postgres", "postgresql", "database", "db", "sqldatabase"}},
	{[]string{"mysql", "percona"}, []string{"mysql", "database", "db", "sqldatabase"}},
	{[]string{"mariadb"}, []string{"mariadb", "database", "db", "sqldatabase"}},
	{[]string{"mongo", "mongodb"}, []string{"mongo", "mongodb", "database", "db"}},
	{[]string{"cassandra"}, []string{"cassandra", "database", "db"}},
	{[]string{"cockroach", "cockroachdb"}, []string{"cockroachdb", "database", "db"}},
	{[]string{"redis", "valkey"}, []string{"redis", "cache"}},
	{[]string{"memcached"}, []string{"memcached", "cache"}},
	{[]string{"rabbitmq"}, []string{"rabbitmq", "rabbit", "queue", "messagequeue", "broker", "messagebroker"}},
	{[]string{"kafka", "cp-kafka"}, []string{"kafka", "broker", "messagebroker"}},
	{[]string{"nats"}, []string{"nats", "broker", "messagebroker"}},
	{[]string{"elasticsearch", "opensearch"}, []string{"elasticsearch", "searchengine"}},
	{[]string{"prometheus"}, []string{"prometheus"}},
	{[]string{"grafana"}, []string{"grafana"}},
	{[]string{"nginx"}, []string{"nginx"}},
}

// byPort names the product of a port that hardly anything else listens on.
var byPort = map[int]string{5432: "postgres", 3306: "mysql", 27017: "mongo", 6379: "redis", 11211: "memcached", 5672: "rabbitmq", 9092: "kafka"}

// products returns the plain words for what w runs: by its images, else by its
// only port.
func products(w *inventory.Workload) []string {
	var out []string
	for _, image := range w.Images {
		base := image[strings.LastIndexByte(image, '/')+1:]
		if i := strings.IndexAny(base, ":@"); i >= 0 {
			base = base[:i]
		}
		for _, p := range catalogue {
			if slices.Contains(p.images, base) {
				out = append(out, p.words...)
			}
		}
	}
	if len(out) > 0 || len(w.Ports) != 1 {
		return out
	}
	for _, p := range catalogue {
		if n := byPort[w.Ports[0].Number]; n != "" && p.images[0] == n {
			out = append(out, p.words...)
		}
	}
	return out
}
