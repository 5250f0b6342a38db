package inventory

import (
	"slices"
	"strings"
)

// controllerNames are the values of app.kubernetes.io/name, app or name that the
// charts and manifests of ingress and gateway controllers give their pods.
var controllerNames = []string{
	"ingress-nginx", "nginx-ingress", "nginx-ingress-controller", "traefik", "haproxy-ingress", "kubernetes-ingress", "contour", "envoy", "kong", "ingress-kong",
	"istio-ingressgateway", "istio-ingress", "emissary-ingress", "ambassador", "envoy-gateway", "nginx-gateway-fabric", "apisix", "skipper-ingress",
}

// IngressControllers returns the workloads that outside traffic comes through:
// those whose labels carry the name of a known ingress or gateway controller.
// Components that route no traffic (admission webhooks, default backends, the
// control plane beside Envoy) are left out.
func (inv *Inventory) IngressControllers() []*Workload {
	var out []*Workload
	for _, w := range inv.Workloads {
		component := w.Labels["app.kubernetes.io/component"]
		if strings.Contains(component, "webhook") || strings.Contains(component, "backend") || component == "contour" {
			continue
		}
		for _, key := range []string{"app.kubernetes.io/name", "app", "k8s-app", "name"} {
			if v := w.Labels[key]; v != "" && slices.Contains(controllerNames, v) {
				out = append(out, w)
				break
			}
		}
	}
	return out
}

// Routed says whether an Ingress or a Gateway route sends outside traffic to w.
func (inv *Inventory) Routed(w *Workload) bool {
	for _, s := range inv.ServicesOf(w) {
		for _, ing := range inv.Ingresses {
			for _, b := range ing.Backends {
				if b.Namespace == s.Namespace && b.Service == s.Name {
					return true
				}
			}
		}
	}
	return false
}
