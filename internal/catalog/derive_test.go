package catalog_test

import (
	"slices"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// TestRunningFiles has the files of a snapshot that the device ran. A file of
// another file system is not the running image, whatever its name.
func TestRunningFiles(t *testing.T) {
	for name, c := range map[string]struct {
		image, mode string
		listed      []string
		files       []string
		want        []bool
	}{
		"two disks":                {"disk0:/x", "bundle", nil, []string{"disk0:/x", "disk1:/x"}, []bool{true, false}},
		"the other disk only":      {"disk0:x", "bundle", []string{"disk0:/"}, []string{"disk1:/x"}, []bool{false}},
		"another directory":        {"flash:/d/x", "bundle", nil, []string{"flash:/x", "flash:/d/x"}, []bool{false, true}},
		"every member of a stack":  {"flash:/x", "bundle", nil, []string{"flash:/x", "flash-2:/x", "flash3:/x", "usbflash0:/x"}, []bool{true, true, true, false}},
		"both supervisors":         {"bootflash:x", "bundle", nil, []string{"bootflash:/x", "slavebootflash:/x", "slot0:/x"}, []bool{true, true, false}},
		"slots of a router":        {"flash0:x", "bundle", nil, []string{"flash0:/x", "flash1:/x"}, []bool{true, false}},
		"another name":             {"bootflash:x", "bundle", nil, []string{"flash:/x"}, []bool{true}},
		"another name, two listed": {"bootflash:x", "bundle", []string{"bootflash:/", "flash:/"}, []string{"flash:/x"}, []bool{false}},
		"the network":              {"tftp://192.0.2.9/x", "bundle", nil, []string{"flash:/x"}, []bool{false}},
		"install mode":             {"flash:packages.conf", "install", nil, []string{"flash:/x"}, []bool{false}},
		"not known":                {"", "bundle", nil, []string{"flash:/x"}, []bool{false}},
	} {
		s := api.Snapshot{Facts: api.Facts{Image: c.image, Mode: c.mode}}
		for _, p := range c.listed {
			s.Listings = append(s.Listings, api.Listing{Path: p})
		}
		for _, p := range c.files {
			s.Files = append(s.Files, api.File{Path: p, Kind: api.KindImage})
		}
		if got := catalog.Running(s); !slices.Equal(got, c.want) {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
