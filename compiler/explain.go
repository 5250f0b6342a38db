package compiler

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/reach"
)

// Verdict is the answer for one flow.
type Verdict struct {
	Flow     ir.Flow
	Decision reach.Decision
}

// Explain decides whether from reaches to under the policies in force and the
// overlay on disk. from and to are workloads or Services (name or
// namespace/name), "world", or an address; to may carry a port by number or
// name and a protocol ("redis-cart:6379", "dns:53/UDP"). Without a port, every
// port that the destination exposes is decided.
func Explain(ctx context.Context, o Options, from, to string) ([]Verdict, *Result, error) {
	r := &Result{LockPath: path.Join(folder(o), LockName)}
	defer func() { r.Diags = r.Diags.Sorted() }()
	if err := r.configure(&o); err != nil || r.Diags.HasErrors() {
		return nil, r, err
	}
	if err := r.load(ctx, o); err != nil || r.Diags.HasErrors() {
		return nil, r, err
	}
	if err := r.onDisk(o); err != nil || r.Diags.HasErrors() {
		return nil, r, err
	}
	objects := slices.Clone(r.Policies)
	for _, p := range r.Inventory.Policies {
		objects = append(objects, p.Object)
	}
	engine := reach.New(r.Inventory, objects, reach.Options{})
	name, port, _ := cutPort(to)
	sources, dests := r.endpoints(from), r.endpoints(name)
	if r.Diags.HasErrors() {
		return nil, r, nil
	}
	var out []Verdict
	for _, s := range sources {
		for _, d := range dests {
			for _, f := range r.flows(s, d, name, port) {
				out = append(out, Verdict{f, engine.Decide(f)})
			}
		}
	}
	return out, r, nil
}

// onDisk decodes the overlay as it lies there: what its kustomization lists, since
// nothing else is synced, whoever put it there.
func (r *Result) onDisk(o Options) error {
	disk := o.Disk
	if disk.FS == nil {
		disk = Disk{FS: o.Project, Overlay: r.Overlay}
	}
	listed := resources(disk)
	err := fs.WalkDir(disk.FS, disk.Overlay, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(p) != ".yaml" || d.Name() == "kustomization.yaml" {
			return err
		}
		if listed != nil && !slices.ContainsFunc(listed, func(l string) bool { return p == l || strings.HasPrefix(p, l+"/") }) {
			return nil
		}
		data, err := readLimited(disk.FS, p)
		if err != nil {
			return err
		}
		objects, diags := policy.Decode(path.Join(r.Overlay, strings.TrimPrefix(p, disk.Overlay)), data)
		r.add(diags)
		r.Policies = append(r.Policies, objects...)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		r.add(diag.List{diag.Notef(diag.InventoryAssumed, diag.Position{File: r.Overlay}, "there is no overlay: only the policies in force decide").
			Hint("run kubeteus compile to write it")})
		return nil
	}
	return err
}

// resources are the files and folders that the overlay's kustomization lists, nil
// where there is none that can be read: then every file counts.
func resources(disk Disk) []string {
	data, err := readLimited(disk.FS, path.Join(disk.Overlay, "kustomization.yaml"))
	if err != nil {
		return nil
	}
	var k struct {
		Resources []string `yaml:"resources"`
	}
	if yaml.Unmarshal(data, &k) != nil {
		return nil
	}
	out := []string{}
	for _, r := range k.Resources {
		out = append(out, path.Join(disk.Overlay, r))
	}
	return out
}

// cutPort splits "name:port". An IPv6 address is not cut unless bracketed.
func cutPort(s string) (name, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		name, port, ok = strings.Cut(s[1:], "]")
		return name, strings.TrimPrefix(port, ":"), ok
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return s, "", false
	}
	return strings.Cut(s, ":")
}

// outside is an address that no cluster uses, for "world" (RFC 5737, TEST-NET-3).
var outside = netip.MustParseAddr("203.0.113.7")

// endpoints resolves a party of the command line.
func (r *Result) endpoints(s string) []ir.Endpoint {
	if s == "world" || s == "outside" || s == "internet" {
		return []ir.Endpoint{{Addr: outside}}
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return []ir.Endpoint{{Addr: a}}
	}
	found := r.lookup(s)
	if len(found) == 0 {
		d := diag.Errorf(diag.ReadName, diag.Position{}, "no workload or Service is called %q", s)
		if near := names.New(r.Inventory).Nearest(path.Base(s)); len(near) > 0 {
			d = d.Hint("did you mean %s?", strings.Join(near, " or "))
		}
		r.add(diag.List{d})
		return nil
	}
	var out []ir.Endpoint
	namespaces := map[string]bool{}
	for _, w := range found {
		namespaces[w.Namespace] = true
		out = append(out, ir.Endpoint{Workload: w, Namespace: r.Inventory.Namespace(w.Namespace), Labels: w.Labels})
	}
	if len(namespaces) > 1 {
		r.add(diag.List{diag.Errorf(diag.ReadAmbiguous, diag.Position{}, "%q is in several namespaces", s).
			Hint("say which: %s or %s", found[0].Ref(), found[len(found)-1].Ref())})
	}
	return out
}

// lookup finds workloads by name, then through a Service's name: in the named
// namespace, else in the sets' own, else anywhere.
func (r *Result) lookup(s string) []*inventory.Workload {
	namespace, name, qualified := strings.Cut(s, "/")
	if !qualified {
		namespace, name = r.namespace(), s
	}
	in := func(namespace string) []*inventory.Workload {
		found := r.Inventory.Workload(namespace, name)
		if svc := r.Inventory.Service(namespace, name); len(found) == 0 && svc != nil {
			found = r.Inventory.Backends(svc)
		}
		return found
	}
	found := in(namespace)
	if len(found) == 0 && !qualified {
		for _, n := range r.Inventory.Namespaces {
			found = append(found, in(n.Name)...)
		}
	}
	return found
}

// flows are the flows to decide: the port that was given, or every port that
// the destination exposes.
func (r *Result) flows(from, to ir.Endpoint, name, port string) []ir.Flow {
	set, ok := r.ports(to, port)
	if !ok {
		r.add(diag.List{diag.Errorf(diag.ReadPort, diag.Position{}, "%s has no port %q", name, port).Hint("ports are numbers or names of %s, with /UDP where it is not TCP", to)})
		return nil
	}
	var out []ir.Flow
	for i, protocol := range ir.Protocols {
		for _, v := range set[i] {
			for p := v.Lo; p <= v.Hi; p++ {
				out = append(out, ir.Flow{From: from, To: to, Protocol: protocol, Port: p})
			}
		}
	}
	return out
}

// ports resolves a port of the command line: by name, as a Service port, or as
// a pod port; "" is everything that the workload exposes.
func (r *Result) ports(to ir.Endpoint, port string) (ir.PortSet, bool) {
	text, protocol, _ := strings.Cut(port, "/")
	protocol = strings.ToUpper(protocol)
	number, err := strconv.Atoi(text)
	if err == nil && (number < 1 || number > 65535) {
		return ir.PortSet{}, false
	}
	var set ir.PortSet
	if w := to.Workload; w != nil {
		matches := func(name string, n int, p string) bool {
			return (protocol == "" || p == protocol) && (text == "" || name == text || n == number)
		}
		for _, s := range r.Inventory.ServicesOf(w) {
			for _, sp := range s.Ports {
				if pod, ok := sp.PodPort(w); ok && matches(sp.Name, sp.Number, sp.Protocol) {
					set = set.Union(ir.Ports(sp.Protocol, pod, pod))
				}
			}
		}
		if !set.Empty() && text != "" {
			return set, true
		}
		for _, p := range w.Ports {
			if matches(p.Name, p.Number, p.Protocol) {
				set = set.Union(ir.Ports(p.Protocol, p.Number, p.Number))
			}
		}
	}
	if set.Empty() && err == nil {
		set = ir.Ports(or(protocol, "TCP"), number, number)
	}
	if set.Empty() && text == "" {
		set = ir.Ports("TCP", 443, 443)
	}
	return set, !set.Empty()
}
