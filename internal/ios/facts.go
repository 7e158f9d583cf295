package ios

import (
	"strings"

	"flashwarden/api"
)

// NewFacts combines show version and show boot. Version is the version of
// IOS-XE if there is one, and of IOS otherwise. Mode is "install" if the image
// is a provisioning file (packages.conf, or any other *.conf) or show version
// prints INSTALL, and "bundle" otherwise. BootPath is BOOT of the active member.
func NewFacts(v Version, b Boot) Facts {
	f := Facts{
		Register: v.ConfigRegister, NextRegister: v.ConfigRegisterNext,
		Hostname: v.Hostname, OS: v.OS, Version: v.Version, Image: v.ImageFile,
		Model: v.Model, Serial: v.ProcessorBoardID, Serials: v.Serials(), Mode: "bundle",
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
	if strings.HasSuffix(v.ImageFile, ".conf") || v.Mode == "INSTALL" {
		f.Mode = "install"
	}
	if len(v.Members) > 1 {
		f.Members = v.Members
	}
	b = b.ActiveFirst(v.Members)
	if len(b.Units) > 0 {
		f.BootPath, f.ConfigFile, f.PrivateFile = b.Units[0].NextStart(), b.Units[0].ConfigFile, b.Units[0].PrivateConfigFile
		f.ManualBoot = settingWord(b.Units[0].ManualBoot)
		for _, u := range b.Units[1:] {
			f.Starts = append(f.Starts, Start{Unit: u.Unit, Path: u.NextStart(), ManualBoot: settingWord(u.ManualBoot), Register: u.ConfigRegister, NextRegister: u.ConfigRegisterNext})
		}
	}
	return f
}

// API returns the part of f that snapshots, results and plans keep.
func (f Facts) API() api.Facts {
	facts := api.Facts{Hostname: f.Hostname, OS: f.OS, Version: f.Version, Model: f.Model, Serial: f.Serial, Mode: f.Mode, Image: f.Image}
	for _, location := range f.Install {
		for _, p := range location.Packages {
			facts.Install = append(facts.Install, api.Installed{Where: location.Location, Type: p.Type, State: p.StateWord(), Name: p.FilenameVersion})
		}
	}
	return facts
}

// settingWord is the opposite of yesOrNo.
func settingWord(value *bool) string {
	switch {
	case value == nil:
		return ""
	case *value:
		return "yes"
	}
	return "no"
}
