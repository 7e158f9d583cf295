package ios

import (
	"strings"

	"flashwarden/api"
	"flashwarden/internal/lazyregexp"
)

// Install is the content of show install (summary, active, committed, …).
type Install struct {
	Locations      []InstallLocation
	AutoAbortTimer string // "inactive", "active on install_activate, time before rollback - 01:59:26"
}

// InstallLocation has the packages of one or several members.
type InstallLocation struct {
	Location string // "R0", "Switch 1 2 3"
	Packages []InstallPackage
}

// InstallPackage is one row of show install.
type InstallPackage struct {
	Type            string // IMG, SMU, …
	State           string // I inactive, U uncommitted, C committed, D deactivated
	FilenameVersion string // "17.10.01.0.160408" or a file
}

// StateWord returns the state in words, or the letter for a state that we do not
// know.
func (p InstallPackage) StateWord() string {
	switch p.State {
	case "C":
		return api.StateCommitted
	case "U":
		return api.StateActivated
	case "D":
		return api.StateDeactivated
	case "I":
		return api.StateInactive
	}
	return p.State
}

// InForce reports whether the device runs the package: it is committed, or
// activated and not yet committed.
func (p InstallPackage) InForce() bool { return p.State == "C" || p.State == "U" }

// Inactive reports whether the device neither runs the package nor returns to it
// when activated packages are not committed.
func (p InstallPackage) Inactive() bool { return p.State == "I" }

var (
	installLocation = lazyregexp.New(`^\[ *(\S.*?) *\] .*Package\(s\) Information:`)
	installRow      = lazyregexp.New(`^([A-Z]{2,6}) +([A-Z]) +(\S.*)$`)
	installTimer    = lazyregexp.New(`^Auto abort timer: *(\S.*)$`)
)

// ParseInstall reads show install in all its forms.
func ParseInstall(text string) (Install, error) {
	var install Install
	for _, line := range linesOf(text) {
		line = strings.TrimSpace(line)
		if m := installLocation.FindStringSubmatch(line); m != nil {
			install.Locations = append(install.Locations, InstallLocation{Location: m[1]})
		} else if m := installTimer.FindStringSubmatch(line); m != nil {
			install.AutoAbortTimer = m[1]
		} else if m := installRow.FindStringSubmatch(line); m != nil && len(install.Locations) > 0 {
			l := &install.Locations[len(install.Locations)-1]
			l.Packages = append(l.Packages, InstallPackage{Type: m[1], State: m[2], FilenameVersion: m[3]})
		}
	}
	if len(install.Locations) == 0 {
		return Install{}, nothingRead("show install", "package list", text)
	}
	return install, nil
}
