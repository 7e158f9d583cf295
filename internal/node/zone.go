package node

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// HostZone returns the name of the time zone of this host, such as Europe/Amsterdam. It is
// empty if that has no name that other hosts know.
func HostZone() string {
	if tz, ok := os.LookupEnv("TZ"); ok {
		return knownZone(strings.TrimPrefix(tz, ":"))
	}
	if target, err := filepath.EvalSymlinks("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(target, "zoneinfo/"); ok {
			return knownZone(name)
		}
	}
	name, err := os.ReadFile("/etc/timezone")
	if err != nil {
		return ""
	}
	return knownZone(strings.TrimSpace(string(name)))
}

// knownZone returns the name of a time zone; empty: there is no zone of this name.
func knownZone(name string) string {
	if name == "" {
		return "UTC"
	}
	if zone, err := time.LoadLocation(name); err != nil || zone == time.Local {
		return ""
	}
	return name
}
