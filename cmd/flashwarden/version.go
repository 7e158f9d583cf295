package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(o *output) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version",
		Example: "  flashwarden version --json",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": "development", "go": runtime.Version(), "commit": ""}
			if info, ok := debug.ReadBuildInfo(); ok {
				fillVersion(v, info)
			}
			if o.json {
				return writeJSON(o, v)
			}
			_, err := fmt.Fprintf(o.out, "flashwarden %s %s %s\n", v["version"], v["commit"], v["go"])
			return err
		},
	}
}

// fillVersion fills v with the values that the Go command recorded at build time.
func fillVersion(v map[string]string, info *debug.BuildInfo) {
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v["version"] = m
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v["commit"] = s.Value
		}
	}
}
