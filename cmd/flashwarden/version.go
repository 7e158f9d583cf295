package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(o *output) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			if o.json {
				return writeJSON(o, v)
			}
			_, err := fmt.Fprintln(o.out, versionLine(v))
			return err
		},
	}
}

// version is what the program says of itself.
type version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// versionLine is v for people.
func versionLine(v version) string {
	line := "flashwarden " + v.Version
	if v.Commit != "" {
		line += " " + v.Commit
	}
	return line + " " + v.Go
}

// readVersion returns the values that the Go command recorded at build time.
func readVersion() version {
	v := version{Version: "development", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
