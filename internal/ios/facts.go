package ios

import "strings"

// NewFacts puts together what show version and show boot said. Version is
// IOS-XE's own where it has one, else IOS's. Mode is "install" when the image
// is a packages.conf or show version says INSTALL, else "bundle".
func NewFacts(v Version, b Boot) Facts {
	f := Facts{
		Hostname: v.Hostname, OS: v.OS, Version: v.Version, Image: v.ImageFile,
		Model: v.Model, Serial: v.ProcessorBoardID, Mode: "bundle",
	}
	if v.XEVersion != "" {
		f.Version = v.XEVersion
	}
	if len(v.ModelNumbers) > 0 {
		f.Model = v.ModelNumbers[0]
	}
	if len(v.SystemSerials) > 0 {
		f.Serial = v.SystemSerials[0]
	}
	if strings.HasSuffix(v.ImageFile, "packages.conf") || v.Mode == "INSTALL" {
		f.Mode = "install"
	}
	if len(v.Members) > 1 {
		f.Members = v.Members
	}
	if len(b.Units) > 0 {
		f.BootPath, f.ConfigFile = b.Units[0].NextStart(), b.Units[0].ConfigFile
		for _, u := range b.Units[1:] {
			f.Starts = append(f.Starts, Start{Unit: u.Unit, Path: u.NextStart()})
		}
	}
	return f
}
