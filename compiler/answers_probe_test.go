package compiler_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/probe"
)

// What written policies do is asked of probe's evaluator, which shares no code
// with the compiler: every pair of workloads and the outside, on every port that
// anything of the cluster listens on and on one that nothing does.

// reached lists the flows that the policies of an overlay folder block, in words
// that are equal for two overlays that block the same.
func (c *answerCluster) reached(t testing.TB, inv *inventory.Inventory, overlay string) string {
	t.Helper()
	if c.sample == nil {
		s, err := c.asSample(t.TempDir(), inv)
		if err != nil {
			t.Fatal(c.name, err)
		}
		c.sample = s
	}
	s := *c.sample
	s.Targets, s.Expect = []string{"k8s"}, "policy"
	s.Probes = probesOf(inv)
	out, err := s.Judge(overlay, false)
	if err != nil {
		t.Fatal(c.name, err)
	}
	if out.Held+len(out.Reasons) < len(s.Probes) {
		t.Fatalf("%s: %d of %d probes were asked: %v", c.name, out.Held, len(s.Probes), out.Reasons)
	}
	return strings.Join(out.Reasons, "\n")
}

// probesOf asks for everything to pass: what does not is reported.
func probesOf(inv *inventory.Inventory) []probe.Probe {
	type port struct {
		number   int
		protocol string
	}
	ports := []port{{7, "TCP"}}
	parties := []string{"world"}
	for _, w := range inv.Workloads {
		if !slices.Contains(parties, w.Ref()) {
			parties = append(parties, w.Ref())
		}
		for _, p := range w.Ports {
			if q := (port{p.Number, p.Protocol}); !slices.Contains(ports, q) {
				ports = append(ports, q)
			}
		}
	}
	var out []probe.Probe
	for _, from := range parties {
		for _, to := range parties {
			for _, p := range ports {
				if from != "world" || to != "world" {
					out = append(out, probe.Probe{From: from, To: to, Port: p.number, Protocol: p.protocol, Expect: "allow"})
				}
			}
		}
	}
	return out
}

// asSample writes the cluster as a sample, and reads it back.
func (c *answerCluster) asSample(dir string, inv *inventory.Inventory) (*probe.Case, error) {
	objects, err := c.objects()
	if err != nil {
		return nil, err
	}
	addresses := map[string]string{}
	for i, w := range inv.Workloads {
		addresses[w.Ref()] = fmt.Sprintf("10.244.%d.%d", i/200, 10+i%200)
	}
	facts, err := yaml.Marshal(map[string]any{"podIPs": addresses})
	if err != nil {
		return nil, err
	}
	about, err := yaml.Marshal(map[string]any{"id": c.name, "scenario": c.name})
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{
		"scenarios/" + c.name + "/inventory/cluster.yaml": objects,
		"scenarios/" + c.name + "/inventory/facts.yaml":   facts,
		"cases/" + c.name + ".yaml":                       about,
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return nil, err
		}
	}
	cases, err := probe.Cases(dir)
	if err != nil {
		return nil, err
	}
	return cases[0], nil
}

// objects are the documents of the cluster's files, with Lists taken apart.
func (c *answerCluster) objects() ([]byte, error) {
	var names []string
	for name := range c.files {
		if path.Ext(name) == ".yaml" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b bytes.Buffer
	out := yaml.NewEncoder(&b)
	for _, name := range names {
		in := yaml.NewDecoder(bytes.NewReader(c.files[name].Data))
		for {
			var doc map[string]any
			err := in.Decode(&doc)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			items, list := doc["items"].([]any)
			if !list {
				items = []any{doc}
			}
			for _, item := range items {
				if err := out.Encode(item); err != nil {
					return nil, err
				}
			}
		}
	}
	return b.Bytes(), nil
}

// blocked compiles one statement alone and lists what its policies block. Clean
// says that they were written.
func (c *answerCluster) blocked(t testing.TB, m *compiler.Model, a *answered) (flows string, clean bool) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	r := c.compile(t, m, root, a)
	if !r.Clean {
		return "", false
	}
	return c.reached(t, r.Inventory, filepath.Join(dir, "policies")), true
}
