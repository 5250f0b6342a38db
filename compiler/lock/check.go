package lock

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kubeteus/kubeteus/compiler/ir"
)

// check refuses rules that no reader returns, and that code which takes rules for
// granted would trip over. Whether names exist is not its business.
func check(r ir.Rule) error {
	switch {
	case (r.Allow == nil) == (r.Close == nil):
		return errors.New("it must be one of allow and close")
	case r.Allow != nil:
		a := r.Allow
		if a.About != "" && !end(a.About) {
			return fmt.Errorf("unknown end %q", a.About)
		}
		if len(a.From) == 0 || len(a.To) == 0 {
			return errors.New("an allow names both its ends")
		}
		return errors.Join(checkPeers(a.From), checkPeers(a.To), checkPorts(a.Ports))
	}
	c := r.Close
	switch {
	case !end(c.End):
		return fmt.Errorf("unknown end %q", c.End)
	case len(c.Subject) == 0:
		return errors.New("a close names its subject")
	case c.DNS != ir.DNSAuto && c.DNS != ir.DNSKeep && c.DNS != ir.DNSClose:
		return fmt.Errorf("unknown DNS mode %q", c.DNS)
	}
	err := checkPeers(c.Subject)
	for _, t := range slices.Concat(c.Scope, c.Except) {
		err = errors.Join(err, checkPeers(t.Peers), checkPorts(t.Ports))
	}
	return err
}

func end(e ir.End) bool { return e == ir.Ingress || e == ir.Egress }

var kinds = []ir.PeerKind{ir.Workload, ir.Pods, ir.ServiceAccount, ir.CIDR, ir.Domain, ir.World, ir.Host, ir.APIServer,
	ir.ClusterDNS, ir.IngressController, ir.Anybody}

func checkPeers(peers []ir.Peer) error {
	for _, p := range peers {
		if !slices.Contains(kinds, p.Kind) {
			return fmt.Errorf("unknown kind of peer %q", p.Kind)
		}
		if p.Kind == ir.CIDR && !p.Prefix.IsValid() {
			return errors.New("a cidr without a prefix")
		}
		for _, x := range p.Except {
			if !x.IsValid() {
				return errors.New("an exception that is no prefix")
			}
		}
		labels := p.Labels
		if p.In != nil {
			labels = slices.Concat(labels, p.In.Labels)
		}
		for _, l := range labels {
			if l.Operator != ir.In && l.Operator != ir.NotIn && l.Operator != ir.Exists && l.Operator != ir.DoesNotExist {
				return fmt.Errorf("unknown operator %q", l.Operator)
			}
		}
		if err := checkPeers(p.Minus); err != nil {
			return err
		}
	}
	return nil
}

func checkPorts(ports []ir.Port) error {
	for _, p := range ports {
		if p.Number < 0 || p.Number > 65535 || p.End < 0 || p.End > 65535 || p.End > 0 && p.End < p.Number {
			return fmt.Errorf("port %d-%d is none", p.Number, p.End)
		}
	}
	return nil
}
