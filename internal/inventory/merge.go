package inventory

import (
	"fmt"
	"strings"

	"flashwarden/api"
)

// Settings are the settings of a device that a list can have, under the names of
// their JSON fields.
var Settings = []string{"address", "transport", "username", "credential", "site", "group", "tftp_address", "vrf", "files", "copy_by", "legacy_crypto", "via"}

// Merge returns a device with the settings of an entry over its own.
func Merge(d api.Device, e api.InventoryEntry) (api.Device, error) {
	d.Name = e.Name
	for _, s := range e.Settings {
		if s.Name == "legacy_crypto" {
			switch strings.ToLower(s.Value) {
			case "yes", "true", "1":
				d.LegacyCrypto = true
			case "no", "false", "0":
				d.LegacyCrypto = false
			default:
				return d, fmt.Errorf("legacy_crypto %q: want yes or no", s.Value)
			}
			continue
		}
		at := text(&d, s.Name)
		if at == nil {
			return d, fmt.Errorf("there is no setting %q", s.Name)
		}
		*at = s.Value
	}
	return d, d.Validate()
}

// text is the place of a setting that is a text; nil: there is none of this name.
func text(d *api.Device, name string) *string {
	switch name {
	case "address":
		return &d.Address
	case "transport":
		return &d.Transport
	case "username":
		return &d.Username
	case "credential":
		return &d.Credential
	case "site":
		return &d.Site
	case "group":
		return &d.Group
	case "tftp_address":
		return &d.TFTPAddress
	case "vrf":
		return &d.VRF
	case "files":
		return &d.Files
	case "copy_by":
		return &d.CopyBy
	case "via":
		return &d.Via
	}
	return nil
}

// Changes are the settings that differ between two devices.
func Changes(from, to api.Device) []api.SettingChange {
	var list []api.SettingChange
	for _, name := range Settings {
		a, b := value(from, name), value(to, name)
		if a != b {
			list = append(list, api.SettingChange{Name: name, From: a, To: b})
		}
	}
	return list
}

// value is a setting as a text; that of a switch is empty for no.
func value(d api.Device, name string) string {
	if at := text(&d, name); at != nil {
		return *at
	}
	if d.LegacyCrypto {
		return "yes"
	}
	return ""
}
