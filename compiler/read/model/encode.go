package model

import (
	"strconv"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// Encode writes rules as the answer that decodes to them: for scripted models, and
// for data sets to tune a model with. Fields that do not apply are null.
func Encode(rules []ir.Rule, explanation string) (string, error) {
	list := []any{}
	for _, r := range rules {
		if a := r.Allow; a != nil {
			about := string(a.About)
			if about == "" {
				about = "none"
			}
			list = append(list, properties{{"from", peerDocs(a.From)}, {"to", peerDocs(a.To)}, {"ports", portDocs(a.Ports)}, {"about", about}})
		}
		if c := r.Close; c != nil {
			dns := string(c.DNS)
			if dns == "" {
				dns = "auto"
			}
			list = append(list, properties{{"close", string(c.End)}, {"subject", peerDocs(c.Subject)}, {"scope", trafficDocs(c.Scope)},
				{"except", trafficDocs(c.Except)}, {"firm", c.Firm}, {"dns", dns}})
		}
	}
	out, err := encode(properties{{"explanation", explanation}, {"outcome", string(Rules)}, {"question", nil}, {"rules", list}})
	return string(out), err
}

func trafficDocs(ts []ir.Traffic) any {
	var list []properties
	for _, t := range ts {
		list = append(list, properties{{"peers", peerDocs(t.Peers)}, {"ports", portDocs(t.Ports)}})
	}
	return orNull(list)
}

func orNull[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func peerDocs(peers []ir.Peer) any {
	var list []properties
	for _, p := range peers {
		list = append(list, peerDoc(p))
	}
	return orNull(list)
}

func peerDoc(p ir.Peer) properties {
	var doc properties
	switch p.Kind {
	case ir.Workload:
		ref := p.Namespace + "/" + p.Name
		if p.Type != "" {
			ref = p.Type + " " + ref
		}
		return properties{{"workload", ref}}
	case ir.ServiceAccount:
		return properties{{"service_account", p.Namespace + "/" + p.Name}}
	case ir.Domain:
		return properties{{"domain", p.Name}}
	case ir.CIDR:
		doc = properties{{"cidr", p.Prefix.String()}}
		var without []string
		for _, x := range p.Except {
			without = append(without, x.String())
		}
		if len(without) > 0 {
			doc = append(doc, property{"without", without})
		}
		return doc
	case ir.Pods:
		in := ir.Namespaces{}
		if p.In != nil {
			in = *p.In
		}
		pods := in.Names
		if len(pods) == 0 {
			pods = []string{everywhere}
		}
		doc = properties{{"pods_in", pods}, {"not_in", orNull(in.Not)}, {"namespace_labels", orNull(labelDocs(in.Labels))}, {"labels", orNull(labelDocs(p.Labels))}}
	default:
		doc = properties{{"entity", string(p.Kind)}}
	}
	if len(p.Minus) > 0 {
		doc = append(doc, property{"minus", peerDocs(p.Minus)})
	}
	return doc
}

func labelDocs(rs []ir.Requirement) []string {
	var out []string
	for _, r := range rs {
		not := ""
		if r.Operator == ir.NotIn || r.Operator == ir.DoesNotExist {
			not = "!"
		}
		if r.Operator == ir.Exists || r.Operator == ir.DoesNotExist {
			out = append(out, not+r.Key)
		}
		for _, v := range r.Values {
			out = append(out, not+r.Key+"="+v)
		}
	}
	return out
}

func portDocs(ports []ir.Port) any {
	var out []string
	for _, p := range ports {
		word := p.Name
		switch {
		case p.Number > 0 && p.End > 0:
			word = strconv.Itoa(p.Number) + "-" + strconv.Itoa(p.End)
		case p.Number > 0:
			word = strconv.Itoa(p.Number)
		}
		switch {
		case word == "":
			word = p.Protocol
		case p.Protocol != "":
			word += "/" + p.Protocol
		}
		out = append(out, word)
	}
	return orNull(out)
}
