package main

import (
	"encoding/json"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

// serverKey is where a script's servers are kept: each is a variable of the
// script that holds its base URL.
type serverKey string

// serve starts a scripted server that answers by statement: serve VAR ANSWERS,
// where ANSWERS is a JSON file of statements and what a model says of them. What
// is not in it is answered with "?". VAR becomes the base URL.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serve VAR ANSWERS")
	}
	answers := map[string]json.RawMessage{}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &answers))
	s, err := scripted.Start(scripted.ByStatement(func(statement string, _ scripted.Recorded) string {
		if a, ok := answers[statement]; ok {
			return string(a)
		}
		return "?"
	}))
	ts.Check(err)
	ts.Defer(s.Close)
	servers(ts)[args[0]] = s
	ts.Setenv(args[0], s.URL+"/v1")
}

// asked demands how many requests and connections a server has seen:
// asked VAR REQUESTS [CONNECTIONS].
func asked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: asked VAR REQUESTS [CONNECTIONS]")
	}
	s := servers(ts)[args[0]]
	if s == nil {
		ts.Fatalf("no server %s", args[0])
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := len(s.Requests()); got != want {
		ts.Fatalf("%s was asked %d times, want %d", args[0], got, want)
	}
	if len(args) < 3 {
		return
	}
	want, err = strconv.Atoi(args[2])
	ts.Check(err)
	if got := s.Connections(); got != want {
		ts.Fatalf("%s has seen %d connections, want %d", args[0], got, want)
	}
}

func servers(ts *testscript.TestScript) map[string]*scripted.Server {
	return ts.Value(serverKey("servers")).(map[string]*scripted.Server)
}
