package load

import (
	"strconv"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// This file reads who is called from outside the pods: Ingresses and Gateway
// routes send clients to Services, webhooks and APIServices the control plane.

func readIngress(_ *reader, v view, o *object) {
	spec := v.get("spec")
	ing := &inventory.Ingress{Kind: o.kind, Name: o.name, Class: spec.get("ingressClassName").text(), Origin: o.origin}
	if ing.Class == "" {
		ing.Class = v.get("metadata", "annotations", "kubernetes.io/ingress.class").text()
	}
	add := func(b view) {
		service := b.get("service")
		name, number, portName := service.get("name"), service.get("port", "number"), service.get("port", "name").text()
		if old := b.get("serviceName"); old.there() { // before networking.k8s.io/v1
			name, number = old, b.get("servicePort")
			if _, err := strconv.Atoi(number.text()); err != nil {
				portName, number = number.text(), view{}
			}
		}
		if name.text() == "" {
			return
		}
		backend := inventory.Backend{Service: name.text(), PortName: portName, Origin: name.pos()}
		if number.there() {
			backend.Number = number.portNumber()
		}
		ing.Backends = append(ing.Backends, backend)
	}
	add(spec.get("defaultBackend"))
	add(spec.get("backend"))
	for _, rule := range spec.get("rules").list() {
		for _, p := range rule.get("http", "paths").list() {
			add(p.get("backend"))
		}
	}
	o.value = ing
}

func readRoute(_ *reader, v view, o *object) {
	r := &inventory.Ingress{Kind: o.kind, Name: o.name, Origin: o.origin}
	for _, parent := range v.get("spec", "parentRefs").list() {
		if r.Class == "" {
			r.Class = parent.get("name").text()
		}
	}
	add := func(ref view) {
		if kind, group := ref.get("kind").text(), ref.get("group").text(); kind != "" && kind != "Service" || group != "" && group != "core" {
			return
		}
		if name := ref.get("name"); name.text() != "" {
			r.Backends = append(r.Backends, inventory.Backend{
				Namespace: ref.get("namespace").text(), Service: name.text(), Number: ref.get("port").portNumber(), Origin: name.pos(),
			})
		}
	}
	for _, rule := range v.get("spec", "rules").list() {
		for _, ref := range rule.get("backendRefs").list() {
			add(ref)
		}
		for _, filter := range rule.get("filters").list() {
			if mirror := filter.get("requestMirror", "backendRef"); mirror.there() {
				add(mirror)
			}
		}
	}
	o.value = r
}

// call makes the Call of a clientConfig's or an APIService's service; the API's
// default port is 443.
func call(o *object, service view) *inventory.Call {
	name := service.get("name").text()
	if name == "" {
		return nil
	}
	c := &inventory.Call{Kind: o.kind, Name: o.name, Backend: inventory.Backend{
		Namespace: service.get("namespace").text(), Service: name, Number: service.get("port").portNumber(), Origin: service.pos(),
	}}
	if c.Backend.Number == 0 {
		c.Backend.Number = 443
	}
	return c
}

func readWebhooks(_ *reader, v view, o *object) {
	f := &facts{}
	for _, w := range v.get("webhooks").list() {
		if c := call(o, w.get("clientConfig", "service")); c != nil {
			f.calls = append(f.calls, c)
		}
	}
	o.cluster, o.namespace, o.value = true, "", f
}

func readAPIService(_ *reader, v view, o *object) {
	spec := v.get("spec")
	f := &facts{groups: []string{spec.get("group").text() + "/" + spec.get("version").text()}}
	if spec.get("group").text() == "" {
		f.groups[0] = spec.get("version").text()
	}
	if c := call(o, spec.get("service")); c != nil {
		f.calls = append(f.calls, c)
	}
	o.cluster, o.namespace, o.value = true, "", f
}

func readCRD(_ *reader, v view, o *object) {
	spec := v.get("spec")
	f := &facts{}
	group := spec.get("group").text()
	for _, version := range spec.get("versions").list() {
		if served := version.get("served"); !served.there() || served.boolean() {
			f.groups = append(f.groups, group+"/"+version.get("name").text())
		}
	}
	if c := call(o, spec.get("conversion", "webhook", "clientConfig", "service")); c != nil {
		f.calls = append(f.calls, c)
	}
	o.cluster, o.namespace, o.value = true, "", f
}
