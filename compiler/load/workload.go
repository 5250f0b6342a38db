package load

import (
	"regexp"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// configRef is a workload's use of a ConfigMap: of one key where key is set.
// env is the variable that gets the value, if it is one.
type configRef struct{ name, key, env string }

// controllers are the kinds whose objects own the pods and jobs that a cluster
// shows beside them. What something else owns (a custom resource, a node) is
// kept: nothing else in the inventory stands for it.
var controllers = map[string]bool{
	"Deployment": true, "StatefulSet": true, "DaemonSet": true, "ReplicaSet": true, "ReplicationController": true, "Job": true, "CronJob": true,
}

func readWorkload(_ *reader, v view, o *object) {
	for _, owner := range v.get("metadata", "ownerReferences").list() {
		if controllers[owner.get("kind").text()] {
			return
		}
	}
	spec := v.get("spec")
	template := spec.get("template")
	switch o.kind {
	case "Pod":
		template = v
		if phase := v.get("status", "phase").text(); phase == "Succeeded" || phase == "Failed" {
			return
		}
	case "CronJob":
		template = spec.get("jobTemplate", "spec", "template")
	}
	pod := template.get("spec")
	if isPatch(pod) {
		v.d.diags = append(v.d.diags, diag.Warningf(diag.ManifestInvalid, o.origin, "%s has no pod template with images: it is not read", v.d.what).
			Hint("if it is a patch, list it under patches in a kustomization.yaml"))
		return
	}
	w := &inventory.Workload{
		Kind: o.kind, Name: o.name, Labels: template.get("metadata", "labels").labels(), Annotations: template.get("metadata", "annotations").strings(),
		ServiceAccount: pod.get("serviceAccountName").text(), HostNetwork: pod.get("hostNetwork").boolean(),
		Replicas: 1, ServiceName: spec.get("serviceName").text(), Origin: o.origin,
	}
	if w.ServiceAccount == "" {
		w.ServiceAccount = pod.get("serviceAccount").text()
	}
	if w.ServiceAccount == "" {
		w.ServiceAccount = "default"
	}
	if n, ok := spec.get("replicas").integer(); ok {
		w.Replicas = n
	}
	if o.kind != "Pod" && o.kind != "Job" && o.kind != "CronJob" {
		selects(v, w)
	}
	containers := pod.get("containers").list()
	for _, c := range pod.get("initContainers").list() {
		if c.get("restartPolicy").text() == "Always" { // a sidecar serves as long as the pod does
			containers = append(containers, c)
			continue
		}
		w.Mentions = append(w.Mentions, mentions(c, o)...)
	}
	for _, c := range containers {
		w.Images = append(w.Images, c.get("image").text())
		w.Ports = append(w.Ports, containerPorts(c)...)
		w.Mentions = append(w.Mentions, mentions(c, o)...)
	}
	for _, volume := range pod.get("volumes").list() {
		o.volume(volume.get("configMap"), "name")
		for _, source := range volume.get("projected", "sources").list() {
			o.volume(source.get("configMap"), "name")
		}
	}
	o.value = w
}

// isPatch says whether a pod spec is only a part of one: the API server takes no
// container without an image.
func isPatch(pod view) bool {
	containers := pod.get("containers").list()
	for _, c := range containers {
		if c.get("image").text() == "" {
			return true
		}
	}
	return len(containers) == 0
}

// selects refuses a selector that does not select the template, as the API
// server does.
func selects(v view, w *inventory.Workload) {
	selector := v.get("spec", "selector")
	if labels := selector.get("matchLabels"); labels.there() || v.get("kind").text() != "ReplicationController" {
		selector = labels
	}
	for _, p := range selector.pairs() {
		if got, ok := w.Labels[p.key]; p.value.there() && (!ok || got != p.value.text()) {
			v.d.invalid(p.value, "the selector %s=%s does not match the labels of the pod template", p.key, p.value.text())
		}
	}
}

func containerPorts(c view) []inventory.Port {
	var out []inventory.Port
	for _, p := range c.get("ports").list() {
		number := p.get("containerPort")
		if !number.there() {
			p.d.invalid(p, "a container port without containerPort")
			continue
		}
		if n := number.portNumber(); n != 0 {
			out = append(out, inventory.Port{Name: p.get("name").text(), Number: n, Protocol: p.get("protocol").protocol()})
		}
	}
	return out
}

// volume remembers the ConfigMap that a volume shows: all of it, or some keys.
func (o *object) volume(source view, nameKey string) {
	name := source.get(nameKey).text()
	if name == "" {
		return
	}
	items := source.get("items").list()
	for _, item := range items {
		o.refs = append(o.refs, configRef{name: name, key: item.get("key").text()})
	}
	if len(items) == 0 {
		o.refs = append(o.refs, configRef{name: name})
	}
}

// mentions returns the texts of a container that may name another party. Values
// that come from Secrets are not there to be read, and probes name the pod
// itself.
func mentions(c view, o *object) []inventory.Mention {
	var out []inventory.Mention
	for _, source := range c.get("envFrom").list() {
		if name := source.get("configMapRef", "name").text(); name != "" {
			o.refs = append(o.refs, configRef{name: name})
		}
	}
	env := map[string]string{}
	for _, e := range c.get("env").list() {
		name, value := e.get("name").text(), e.get("value")
		if ref := e.get("valueFrom", "configMapKeyRef"); ref.there() {
			o.refs = append(o.refs, configRef{ref.get("name").text(), ref.get("key").text(), name})
		}
		if value.text() == "" {
			continue
		}
		env[name] = expand(value.text(), env)
		out = append(out, inventory.Mention{Source: "env " + name, Text: env[name], Origin: value.pos()})
	}
	for _, key := range []string{"command", "args"} {
		for _, a := range c.get(key).list() {
			if a.text() != "" {
				out = append(out, inventory.Mention{Source: "arg", Text: expand(a.text(), env), Origin: a.pos()})
			}
		}
	}
	return out
}

var reference = regexp.MustCompile(`\$?\$\(([-._A-Za-z0-9]+)\)`)

// maxExpanded bounds a value that refers to values that refer to values.
const maxExpanded = 64 << 10

// expand replaces $(NAME) as the kubelet does: variables declared earlier only,
// and $$(NAME) stands for itself.
func expand(text string, env map[string]string) string {
	if !strings.Contains(text, "$(") {
		return text
	}
	out := reference.ReplaceAllStringFunc(text, func(m string) string {
		if strings.HasPrefix(m, "$$") {
			return m[1:]
		}
		if value, ok := env[m[2:len(m)-1]]; ok {
			return value
		}
		return m
	})
	if len(out) > maxExpanded {
		return text
	}
	return out
}
