package load

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// readMonitor reads a ServiceMonitor or PodMonitor of the Prometheus operator
// (monitoring.coreos.com/v1).
func readMonitor(_ *reader, v view, o *object) {
	spec := v.get("spec")
	m := &inventory.Monitor{Kind: o.kind, Name: o.name, Everywhere: spec.get("namespaceSelector", "any").boolean(), Origin: o.origin}
	for _, n := range spec.get("namespaceSelector", "matchNames").list() {
		m.Namespaces = append(m.Namespaces, n.text())
	}
	var ok bool
	if m.Selector, ok = spec.get("selector").selector(); !ok {
		return
	}
	key := "endpoints"
	if o.kind == "PodMonitor" {
		key = "podMetricsEndpoints"
	}
	for _, e := range spec.get(key).list() {
		p := inventory.MonitorPort{Name: e.get("port").text()}
		target := e.get("targetPort")
		if n, isNumber := target.integer(); isNumber {
			p.TargetNumber = n
		} else {
			p.TargetName = target.text()
		}
		m.Ports = append(m.Ports, p)
	}
	o.value = m
}

// selector reads a metav1.LabelSelector; false after a finding.
func (v view) selector() (s labels.Selector, ok bool) {
	said := metav1.LabelSelector{MatchLabels: v.get("matchLabels").labels()}
	for _, e := range v.get("matchExpressions").list() {
		r := metav1.LabelSelectorRequirement{Key: e.get("key").text(), Operator: metav1.LabelSelectorOperator(e.get("operator").text())}
		for _, value := range e.get("values").list() {
			r.Values = append(r.Values, value.text())
		}
		said.MatchExpressions = append(said.MatchExpressions, r)
	}
	s, err := metav1.LabelSelectorAsSelector(&said)
	if err != nil {
		v.d.invalid(v, "invalid selector: %v", err)
		return nil, false
	}
	return s, true
}
