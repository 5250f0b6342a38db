package validate

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var (
	protocols   = []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
	policyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
)

// selectors takes the API server's strict form: no invalid label values.
var selectors metavalidation.LabelSelectorValidationOptions

func networkPolicy(spec *networkingv1.NetworkPolicySpec, at *field.Path) field.ErrorList {
	errs := metavalidation.ValidateLabelSelector(&spec.PodSelector, selectors, at.Child("podSelector"))
	for i, r := range spec.Ingress {
		errs = append(errs, rule(r.Ports, r.From, at.Child("ingress").Index(i), "from")...)
	}
	for i, r := range spec.Egress {
		errs = append(errs, rule(r.Ports, r.To, at.Child("egress").Index(i), "to")...)
	}
	types := at.Child("policyTypes")
	if len(spec.PolicyTypes) > len(policyTypes) {
		return append(errs, field.Invalid(types, &spec.PolicyTypes, "may not specify more than two policyTypes"))
	}
	for i, t := range spec.PolicyTypes {
		if t != policyTypes[0] && t != policyTypes[1] {
			errs = append(errs, field.NotSupported(types.Index(i), t, policyTypes))
		}
	}
	return errs
}

func rule(ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer, at *field.Path, side string) field.ErrorList {
	var errs field.ErrorList
	for i := range ports {
		errs = append(errs, port(&ports[i], at.Child("ports").Index(i))...)
	}
	for i := range peers {
		errs = append(errs, peer(&peers[i], at.Child(side).Index(i))...)
	}
	return errs
}

func port(p *networkingv1.NetworkPolicyPort, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	invalid := func(child string, value any, messages ...string) {
		for _, m := range messages {
			errs = append(errs, field.Invalid(at.Child(child), value, m))
		}
	}
	if p.Protocol != nil && *p.Protocol != protocols[0] && *p.Protocol != protocols[1] && *p.Protocol != protocols[2] {
		errs = append(errs, field.NotSupported(at.Child("protocol"), *p.Protocol, protocols))
	}
	switch {
	case p.Port == nil:
		if p.EndPort != nil {
			invalid("endPort", *p.EndPort, "may not be specified when `port` is not specified")
		}
	case p.Port.Type == intstr.Int:
		invalid("port", p.Port.IntVal, validation.IsValidPortNum(int(p.Port.IntVal))...)
		if p.EndPort != nil {
			if *p.EndPort < p.Port.IntVal {
				invalid("endPort", *p.EndPort, "must be greater than or equal to `port`")
			}
			invalid("endPort", *p.EndPort, validation.IsValidPortNum(int(*p.EndPort))...)
		}
	default:
		if p.EndPort != nil {
			invalid("endPort", *p.EndPort, "may not be specified when `port` is non-numeric")
		}
		invalid("port", p.Port.StrVal, validation.IsValidPortName(p.Port.StrVal)...)
	}
	return errs
}

func peer(p *networkingv1.NetworkPolicyPeer, at *field.Path) field.ErrorList {
	errs := metavalidation.ValidateLabelSelector(p.PodSelector, selectors, at.Child("podSelector"))
	errs = append(errs, metavalidation.ValidateLabelSelector(p.NamespaceSelector, selectors, at.Child("namespaceSelector"))...)
	pods := p.PodSelector != nil || p.NamespaceSelector != nil
	if p.IPBlock != nil {
		errs = append(errs, ipBlock(p.IPBlock, at.Child("ipBlock"))...)
	}
	switch {
	case !pods && p.IPBlock == nil:
		errs = append(errs, field.Required(at, "must specify a peer"))
	case pods && p.IPBlock != nil:
		errs = append(errs, field.Forbidden(at, "may not specify both ipBlock and another peer"))
	}
	return errs
}

func ipBlock(b *networkingv1.IPBlock, at *field.Path) field.ErrorList {
	if b.CIDR == "" {
		return field.ErrorList{field.Required(at.Child("cidr"), "must be specified")}
	}
	errs := cidr(at.Child("cidr"), b.CIDR)
	whole, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return errs // cidr has said so
	}
	for i, s := range b.Except {
		child := at.Child("except").Index(i)
		errs = append(errs, cidr(child, s)...)
		part, err := netip.ParsePrefix(s)
		if err == nil && (part.Bits() <= whole.Bits() || !whole.Contains(part.Addr())) {
			errs = append(errs, field.Invalid(child, s, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}

// cidr is what an API server of 1.36 and newer takes, which is strict (feature
// StrictIPCIDRValidation): no host bits, no leading zeros, no IPv4 in IPv6. IPv6
// in another form than the canonical one is taken, with a warning.
func cidr(at *field.Path, s string) field.ErrorList {
	return validation.IsValidCIDRForLegacyField(at, s, true, nil)
}

// finalizers are the names that an API server takes without a domain.
var finalizers = []string{string(corev1.FinalizerKubernetes), metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents}

// meta applies the rules for metadata. A generation is left out of them, since
// the server sets it anew.
func meta(m metav1.ObjectMeta, at *field.Path) field.ErrorList {
	m.Generation = 0
	errs := apivalidation.ValidateObjectMeta(&m, true, apivalidation.NameIsDNSSubdomain, at)
	for i, f := range m.Finalizers {
		if !strings.Contains(f, "/") && !slices.Contains(finalizers, f) {
			errs = append(errs, field.Invalid(at.Child("finalizers").Index(i), f, "name is neither a standard finalizer name nor is it fully qualified"))
		}
	}
	if m.ResourceVersion != "" {
		errs = append(errs, field.Forbidden(at.Child("resourceVersion"), "may not be set on an object that is created"))
	}
	return errs
}
