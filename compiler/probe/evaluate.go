package probe

import (
	"fmt"
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v3"
)

// This file decides one flow the way the documentation of
// networking.k8s.io/v1 NetworkPolicy says it, sentence by sentence:
//
// A pod is isolated for ingress if any policy selects it and has Ingress in its
// policyTypes; the same for egress. A pod that is not isolated at an end allows
// everything there. An isolated pod allows what any rule of any policy isolating
// it allows: policies are additive, order does not matter. A flow passes if the
// source's egress and the destination's ingress both allow it.
//
// A rule allows a flow if one of its peers and one of its ports match; a missing
// or empty list of either matches everything. A peer with both selectors means
// pods of such labels in namespaces of such labels; podSelector alone means pods
// of the policy's own namespace; namespaceSelector alone means all pods of these
// namespaces. A port is a number, a range, or the name of a container port of
// the destination pod; without a port it is every port of its protocol.
//
// What an ipBlock does about pods is left to the implementation, so every flow is
// decided twice: with ipBlocks that match pods by their address, and with
// ipBlocks that never match a pod.

// Mode says what ipBlocks do about pods.
type Mode string

const (
	// ByAddress lets an ipBlock match pods whose address it holds.
	ByAddress Mode = "ip"
	// ExternalOnly keeps pods out of every ipBlock.
	ExternalOnly Mode = "ext"
)

type networkPolicy struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name        string            `yaml:"name"`
		Namespace   string            `yaml:"namespace"`
		Labels      map[string]string `yaml:"labels"`
		Annotations map[string]string `yaml:"annotations"`
	} `yaml:"metadata"`
	Spec struct {
		PodSelector selector      `yaml:"podSelector"`
		PolicyTypes []string      `yaml:"policyTypes"`
		Ingress     []ingressRule `yaml:"ingress"`
		Egress      []egressRule  `yaml:"egress"`
	} `yaml:"spec"`
}

type ingressRule struct {
	From  []peer       `yaml:"from"`
	Ports []policyPort `yaml:"ports"`
}

type egressRule struct {
	To    []peer       `yaml:"to"`
	Ports []policyPort `yaml:"ports"`
}

type peer struct {
	PodSelector       *selector `yaml:"podSelector"`
	NamespaceSelector *selector `yaml:"namespaceSelector"`
	IPBlock           *ipBlock  `yaml:"ipBlock"`
}

type ipBlock struct {
	CIDR   string   `yaml:"cidr"`
	Except []string `yaml:"except"`
}

type selector struct {
	MatchLabels      map[string]string `yaml:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `yaml:"key"`
		Operator string   `yaml:"operator"`
		Values   []string `yaml:"values"`
	} `yaml:"matchExpressions"`
}

type policyPort struct {
	Protocol string      `yaml:"protocol"`
	Port     intOrString `yaml:"port"`
	EndPort  int         `yaml:"endPort"`
}

// intOrString is a port's number or name; set is false if there is none.
type intOrString struct {
	set    bool
	number int
	name   string
}

// UnmarshalYAML tells 80 from "80": the latter is a name, and no legal one.
func (v *intOrString) UnmarshalYAML(n *yaml.Node) error {
	v.set = true
	if n.Tag == "!!int" {
		return n.Decode(&v.number)
	}
	return n.Decode(&v.name)
}

// decodePolicy reads a NetworkPolicy and refuses what the API server would not
// take as it stands.
func decodePolicy(doc *yaml.Node) (*networkPolicy, error) {
	p := new(networkPolicy)
	if err := strict(doc, p); err != nil {
		return nil, err
	}
	if p.APIVersion != "networking.k8s.io/v1" || p.Kind != "NetworkPolicy" {
		return nil, fmt.Errorf("%s %s is no networking.k8s.io/v1 NetworkPolicy", p.APIVersion, p.Kind)
	}
	if p.Metadata.Name == "" || p.Metadata.Namespace == "" {
		return nil, fmt.Errorf("a NetworkPolicy without a name or a namespace")
	}
	for _, t := range p.Spec.PolicyTypes {
		if t != "Ingress" && t != "Egress" {
			return nil, fmt.Errorf("policy type %q", t)
		}
	}
	sels, blocks := p.parts()
	for _, s := range sels {
		for _, e := range s.MatchExpressions {
			if !slices.Contains([]string{"In", "NotIn", "Exists", "DoesNotExist"}, e.Operator) {
				return nil, fmt.Errorf("selector operator %q", e.Operator)
			}
		}
	}
	for _, b := range blocks {
		for _, s := range append([]string{b.CIDR}, b.Except...) {
			if _, err := netip.ParsePrefix(s); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// parts returns every selector and every ipBlock of a policy.
func (p *networkPolicy) parts() ([]*selector, []*ipBlock) {
	sels := []*selector{&p.Spec.PodSelector}
	var blocks []*ipBlock
	add := func(peers []peer) {
		for _, x := range peers {
			for _, s := range []*selector{x.PodSelector, x.NamespaceSelector} {
				if s != nil {
					sels = append(sels, s)
				}
			}
			if x.IPBlock != nil {
				blocks = append(blocks, x.IPBlock)
			}
		}
	}
	for _, r := range p.Spec.Ingress {
		add(r.From)
	}
	for _, r := range p.Spec.Egress {
		add(r.To)
	}
	return sels, blocks
}

// isolates says whether the policy has that type. Without policyTypes it is
// Ingress, and Egress too if there is an egress rule.
func (p *networkPolicy) isolates(direction string) bool {
	if len(p.Spec.PolicyTypes) > 0 {
		return slices.Contains(p.Spec.PolicyTypes, direction)
	}
	return direction == "Ingress" || len(p.Spec.Egress) > 0
}

func (s *selector) matches(labels map[string]string) bool {
	for k, want := range s.MatchLabels {
		if got, ok := labels[k]; !ok || got != want {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		got, ok := labels[e.Key]
		in := ok && slices.Contains(e.Values, got)
		switch e.Operator {
		case "In":
			if !in {
				return false
			}
		case "NotIn": // also where the key is missing
			if in {
				return false
			}
		case "Exists":
			if !ok {
				return false
			}
		case "DoesNotExist":
			if ok {
				return false
			}
		}
	}
	return true
}

func (b *ipBlock) holds(a netip.Addr) bool {
	if !netip.MustParsePrefix(b.CIDR).Contains(a) {
		return false
	}
	for _, x := range b.Except {
		if netip.MustParsePrefix(x).Contains(a) {
			return false
		}
	}
	return true
}

// peerMatches asks about the other end as seen from a policy of that namespace.
func (cl *cluster) peerMatches(x peer, policyNamespace string, other end, mode Mode) bool {
	if x.IPBlock != nil {
		if other.pod == nil {
			return x.IPBlock.holds(other.addr)
		}
		return mode == ByAddress && slices.ContainsFunc(other.pod.addrs, x.IPBlock.holds)
	}
	if other.pod == nil || x.PodSelector == nil && x.NamespaceSelector == nil {
		return false
	}
	if x.NamespaceSelector == nil {
		if other.pod.namespace != policyNamespace {
			return false
		}
	} else if !x.NamespaceSelector.matches(cl.namespaces[other.pod.namespace]) {
		return false
	}
	return x.PodSelector == nil || x.PodSelector.matches(other.pod.labels)
}

func (pp policyPort) matches(dst end, port int, protocol string) bool {
	want := pp.Protocol
	if want == "" {
		want = "TCP"
	}
	switch {
	case want != protocol:
		return false
	case !pp.Port.set:
		return true
	case pp.Port.name != "":
		return dst.pod != nil && slices.ContainsFunc(dst.pod.ports, func(c containerPort) bool {
			return c.Name == pp.Port.name && c.ContainerPort == port && c.Protocol == protocol
		})
	case pp.EndPort != 0:
		return pp.Port.number <= port && port <= pp.EndPort
	default:
		return pp.Port.number == port
	}
}

// endAllows decides one end of a flow: the subject's ingress from other, or its
// egress to other.
func (cl *cluster) endAllows(policies []*networkPolicy, direction string, subject *pod, other, dst end, p Probe, mode Mode) bool {
	isolated := false
	for _, np := range policies {
		if np.Metadata.Namespace != subject.namespace || !np.isolates(direction) || !np.Spec.PodSelector.matches(subject.labels) {
			continue
		}
		isolated = true
		rule := func(peers []peer, ports []policyPort) bool {
			return (len(peers) == 0 || slices.ContainsFunc(peers, func(x peer) bool { return cl.peerMatches(x, np.Metadata.Namespace, other, mode) })) &&
				(len(ports) == 0 || slices.ContainsFunc(ports, func(x policyPort) bool { return x.matches(dst, p.Port, p.Protocol) }))
		}
		if direction == "Ingress" && slices.ContainsFunc(np.Spec.Ingress, func(r ingressRule) bool { return rule(r.From, r.Ports) }) {
			return true
		}
		if direction == "Egress" && slices.ContainsFunc(np.Spec.Egress, func(r egressRule) bool { return rule(r.To, r.Ports) }) {
			return true
		}
	}
	return !isolated
}

// decide says whether the probe's flow passes.
func (cl *cluster) decide(policies []*networkPolicy, p Probe, mode Mode) (bool, error) {
	src, err := cl.end(p.From)
	if err != nil {
		return false, err
	}
	dst, err := cl.end(p.To)
	if err != nil {
		return false, err
	}
	if src.pod != nil && !cl.endAllows(policies, "Egress", src.pod, dst, dst, p, mode) {
		return false, nil
	}
	return dst.pod == nil || cl.endAllows(policies, "Ingress", dst.pod, src, dst, p, mode), nil
}
