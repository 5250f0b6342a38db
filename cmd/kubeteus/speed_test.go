package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

var speed = flag.Bool("speed", false, "measure 100 intents against a server that takes a second a call")

// The project that is measured: statements about workloads of one namespace, every
// other of which the embedded reader understands.
const (
	speedIntents   = 100
	speedWorkloads = 40
)

// speedProject writes the project, and returns the right answer of each statement.
func speedProject(dir string) (map[string]string, error) {
	var inventory strings.Builder
	inventory.WriteString("apiVersion: v1\nkind: List\nitems:\n" +
		"- {apiVersion: v1, kind: Node, metadata: {name: n1}, spec: {podCIDRs: [10.244.0.0/24]}, status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}}\n")
	name := func(i int) string { return fmt.Sprintf("unit-%c%c", 'a'+i%speedWorkloads/10, 'a'+i%10) }
	for i := range speedWorkloads {
		fmt.Fprintf(&inventory, "- {apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s, namespace: shop}, spec: {selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, "+
			"spec: {containers: [{name: c, image: r.example/x:1, ports: [{containerPort: %[2]d}]}]}}}}\n", name(i), 8000+i)
	}
	answers := map[string]string{}
	var statements []string
	for i := range speedIntents {
		from, to := name(i), name(i+1+7*(i/speedWorkloads))
		s := fmt.Sprintf("Allow %s to call %s.", from, to)
		if i%2 == 1 {
			s = fmt.Sprintf("Fine if %s gets at %s.", from, to)
		}
		statements = append(statements, s)
		answers[s] = rules(allow(wl(from), wl(to), "null", "ingress"))
	}
	return answers, writeProject(dir, inventory.String(), statements...)
}

// TestModelSpeed measures; it says nothing unless it is asked to, since a machine
// that is busy is no failure.
func TestModelSpeed(t *testing.T) {
	if !*speed {
		t.Skip("run it with -args -speed")
	}
	dir := t.TempDir()
	project := filepath.Join(dir, "shop")
	answers, err := speedProject(project)
	if err != nil {
		t.Fatal(err)
	}
	answer := scripted.ByStatement(func(s string, _ scripted.Recorded) string { return answers[s] })
	server, err := scripted.Start(func(n int, r scripted.Recorded) scripted.Reply { return scripted.Late(time.Second, answer(n, r)) })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	measure := func(what string, within time.Duration) (requests, connections int) {
		r, c := len(server.Requests()), server.Connections()
		var stdout, stderr bytes.Buffer
		began := time.Now()
		code := run(t.Context(), []string{"compile", "--model", "scripted", "--base-url", server.URL + "/v1", "--cache", filepath.Join(dir, "cache"), project}, &stdout, &stderr)
		took := time.Since(began)
		if code != exitDone {
			t.Fatalf("exit %d: %s", code, stderr.String())
		}
		requests, connections = len(server.Requests())-r, server.Connections()-c
		fmt.Printf("%-44s %8.2fs  %3d questions, %d connections (at most %s)\n", what, took.Seconds(), requests, connections, within)
		if took > within {
			t.Errorf("%s took %s", what, took)
		}
		return requests, connections
	}
	fmt.Printf("%d intents, %d workloads, %d CPUs, a scripted server that takes 1 s a call, 8 calls side by side\n", speedIntents, speedWorkloads, runtime.NumCPU())
	if n, _ := measure("first run", 20*time.Second); n != speedIntents {
		t.Errorf("%d questions", n)
	}
	if n, c := measure("again, from the lock", time.Second); n+c != 0 {
		t.Errorf("%d questions, %d connections", n, c)
	}
	if err := os.Remove(filepath.Join(project, "intents", "kubeteus.lock")); err != nil {
		t.Fatal(err)
	}
	if n, c := measure("without the lock, from the cache", 5*time.Second); n+c != 0 {
		t.Errorf("%d questions, %d connections", n, c)
	}
}
