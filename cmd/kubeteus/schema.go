package main

import (
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/intents"
)

func schemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON Schema of intent files, for editors",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return misused("", "schema takes no argument")
			}
			_, err := c.App.Writer.Write(intents.Schema())
			return err
		},
	}
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version, from build info",
		Action: func(c *cli.Context) error {
			_, err := fmt.Fprintln(c.App.Writer, version())
			return err
		},
	}
}

// version is the module's version and revision as the Go toolchain recorded them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	return "kubeteus " + v + " " + info.GoVersion
}
