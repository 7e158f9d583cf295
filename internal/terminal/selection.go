package terminal

import (
	"slices"
	"strings"

	"flashwarden/api"
)

// mostTogether is how many devices a command names one by one.
const mostTogether = 10

// JoinsDevices reports whether a next step changes a device. The same one for many devices
// is printed as one command, for which the layout needs the inventory.
func JoinsDevices(hint string) bool {
	return strings.Contains(hint, begin("device edit")) || strings.Contains(hint, begin("backup"))
}

// begin is how the command of an operation begins in a next step, before its names.
func begin(operation string) string { return strings.TrimSuffix(api.Do(operation).String(), "`") + " " }

// selection returns the option that selects exactly these devices: all, group, site, or
// failed with the cause of their last failure. count is how many devices they are, with
// those that have no name here.
func (l Layout) selection(devices []string, count int) (api.CallOption, bool) {
	first := slices.IndexFunc(l.Inventory, func(d api.DeviceRow) bool { return d.Name == devices[0] })
	if first < 0 {
		return api.CallOption{}, false
	}
	one := l.Inventory[first]
	failure := one.FailedBy()
	for _, s := range []struct {
		option  api.CallOption
		has     func(api.DeviceRow) bool
		instead bool // of names, which it is worth
	}{
		{api.CallOption{Name: "all"}, func(api.DeviceRow) bool { return true }, true},
		{api.CallOption{Name: "group", Value: one.Group}, func(d api.DeviceRow) bool { return d.Group == one.Group }, one.Group != "" && count == len(devices)},
		{api.CallOption{Name: "site", Value: one.Site}, func(d api.DeviceRow) bool { return d.Site == one.Site }, one.Site != "" && count == len(devices)},
		{api.CallOption{Name: "failed", Value: string(failure)}, func(d api.DeviceRow) bool { return d.FailedBy() == failure }, failure != "" && count > mostTogether},
	} {
		if s.instead && l.selects(s.has, devices, count) {
			return s.option, true
		}
	}
	return api.CallOption{}, false
}

// selects reports whether count devices of the inventory are selected, these among them.
func (l Layout) selects(has func(api.DeviceRow) bool, devices []string, count int) bool {
	var selected []string
	for _, d := range l.Inventory {
		if has(d) {
			selected = append(selected, d.Name)
		}
	}
	return len(selected) == count && !slices.ContainsFunc(devices, func(name string) bool { return !slices.Contains(selected, name) })
}

// ofOneDevice reports whether options of a command are for one device only: its address,
// or a host key, which a person must look at.
func ofOneDevice(options string) bool {
	return strings.Contains(options, api.CallOption{Name: "address"}.Flag()) || strings.Contains(options, "host-key")
}

// edits returns the commands that make the change of the first device, which hint has, on
// all devices of the group. It is empty if the change is for one device, or if nothing
// selects them all.
func (g *group) edits(l Layout, hint string) string {
	before, rest, ok := strings.Cut(hint, begin("device edit")+api.ShellWord(g.devices[0])+" ")
	options, after, ended := strings.Cut(rest, "`")
	if g.count() < 2 || g.steps || !ok || !ended || ofOneDevice(options) {
		return ""
	}
	command := func(words ...string) string {
		return begin("device edit") + strings.Join(words, " ") + " " + options + "`"
	}
	if option, ok := l.selection(g.devices, g.count()); ok {
		if option.Name == "group" || option.Name == "site" { // without in_, these are settings
			option.Name = "in_" + option.Name
		}
		return before + command(option.Flag()) + after
	}
	if g.more > 0 {
		return ""
	}
	var commands []string
	for names := range slices.Chunk(g.devices, mostTogether) {
		var words []string
		for _, name := range names {
			words = append(words, api.ShellWord(name))
		}
		commands = append(commands, command(words...))
	}
	return before + strings.Join(commands, ", ") + after
}

// backups is the command that backs up these devices; false: they are too many to name.
func (l Layout) backups(devices []string, count int) (api.Call, bool) {
	if option, ok := l.selection(devices, count); ok && option.Name != "failed" {
		return api.Call{Operation: "backup", Options: []api.CallOption{option}}, true
	}
	return api.Call{Operation: "backup", Args: devices}, count <= mostTogether && count == len(devices)
}
