package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	forgescripted "github.com/kubeteus/kubeteus/cmd/kubeteus/internal/forge/scripted"
	"github.com/kubeteus/kubeteus/compiler/read/scripted"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"kubeteus": main,
	})
}

// TestScript runs the command line as people do; every file of testdata/script
// is one session.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "serve": serve, "asked": asked, "forge": startForge, "event": event, "comments": comments,
		},
		Setup: func(e *testscript.Env) error {
			e.Values[serverKey("servers")] = map[string]*scripted.Server{}
			e.Values[forgeKey{}] = map[string]*forgescripted.Server{}
			e.Setenv("XDG_CACHE_HOME", e.WorkDir+"/.cache")
			return nil
		},
	})
}

// exits runs a command and demands its exit code: exits 3 kubeteus check.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		code, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = code.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
