package probe

import (
	"fmt"
	"net/netip"

	"go.yaml.in/yaml/v3"
)

// cluster is as much of a cluster as a NetworkPolicy can see.
type cluster struct {
	namespaces map[string]map[string]string // labels by name
	pods       map[string]*pod              // by namespace/workload
}

// pod stands for any pod of a workload.
type pod struct {
	namespace string
	labels    map[string]string
	ports     []containerPort
	addrs     []netip.Addr
}

type containerPort struct {
	Name          string `yaml:"name"`
	ContainerPort int    `yaml:"containerPort"`
	Protocol      string `yaml:"protocol"`
}

type object struct {
	Kind     string   `yaml:"kind"`
	Metadata metadata `yaml:"metadata"`
}

type metadata struct {
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace"`
	Labels    map[string]string `yaml:"labels"`
}

type template struct {
	Metadata metadata `yaml:"metadata"`
	Spec     struct {
		Containers []struct {
			Ports []containerPort `yaml:"ports"`
		} `yaml:"containers"`
	} `yaml:"spec"`
}

// templateOf returns the pod template of a workload, or nil.
func templateOf(doc *yaml.Node) *yaml.Node {
	switch scalar(doc, "kind") {
	case "Pod":
		return doc
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job":
		return child(child(doc, "spec"), "template")
	case "CronJob":
		return child(child(child(child(doc, "spec"), "jobTemplate"), "spec"), "template")
	default:
		return nil
	}
}

// cluster builds what the probes are asked of.
func (c *Case) cluster() (*cluster, error) {
	cl := &cluster{namespaces: map[string]map[string]string{}, pods: map[string]*pod{}}
	for _, doc := range c.docs() {
		var o object
		if err := doc.Decode(&o); err != nil {
			return nil, err
		}
		if o.Kind == "Namespace" {
			labels := map[string]string{}
			for k, v := range o.Metadata.Labels {
				labels[k] = v
			}
			labels["kubernetes.io/metadata.name"] = o.Metadata.Name // the API server sets it
			cl.namespaces[o.Metadata.Name] = labels
		}
		t := templateOf(doc)
		if t == nil {
			continue
		}
		var tpl template
		if err := t.Decode(&tpl); err != nil {
			return nil, err
		}
		ref := o.Metadata.Namespace + "/" + o.Metadata.Name
		p := &pod{namespace: o.Metadata.Namespace, labels: tpl.Metadata.Labels}
		for _, ct := range tpl.Spec.Containers {
			for _, cp := range ct.Ports {
				if cp.Protocol == "" {
					cp.Protocol = "TCP"
				}
				p.ports = append(p.ports, cp)
			}
		}
		for _, s := range c.facts.PodIPs[ref] {
			a, err := netip.ParseAddr(s)
			if err != nil {
				return nil, fmt.Errorf("address of %s: %w", ref, err)
			}
			p.addrs = append(p.addrs, a)
		}
		if len(p.addrs) == 0 {
			return nil, fmt.Errorf("%s has no address in facts.yaml", ref)
		}
		if cl.pods[ref] != nil {
			return nil, fmt.Errorf("two workloads are called %s", ref)
		}
		cl.pods[ref] = p
	}
	for ref, p := range cl.pods {
		if cl.namespaces[p.namespace] == nil {
			return nil, fmt.Errorf("%s lives in no namespace", ref)
		}
	}
	return cl, nil
}

// docs returns every object of the cluster but the policies in force.
func (c *Case) docs() []*yaml.Node {
	var out []*yaml.Node
	for _, f := range c.manifests {
		out = append(out, f.docs...)
	}
	return append(out, c.objects...)
}

// world is an address that is no pod, no node and in no CIDR of any scenario.
const world = "93.184.216.34"

// end is one end of a flow: a pod, or an address.
type end struct {
	pod  *pod
	addr netip.Addr
}

func (cl *cluster) end(ref string) (end, error) {
	if p := cl.pods[ref]; p != nil {
		return end{pod: p}, nil
	}
	if ref == "world" {
		ref = world
	}
	a, err := netip.ParseAddr(ref)
	if err != nil {
		return end{}, fmt.Errorf("a probe names %q, which is no workload and no address", ref)
	}
	return end{addr: a}, nil
}
