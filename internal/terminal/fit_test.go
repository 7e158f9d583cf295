package terminal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
)

// TestTablesFit prints the tables of 0, 1, 3 and 40 devices on three screens. No
// line is longer than the screen, and the names that a person types again are
// whole.
func TestTablesFit(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	backup := now.Add(-72 * time.Hour)
	for _, n := range []int{0, 1, 3, 40} {
		var devices []api.DeviceRow
		var snapshots []api.SnapshotRow
		image := api.Image{SHA256: strings.Repeat("3f9a52c1", 8), Kind: api.KindImage, Names: []string{"c3750e-universalk9-mz.152-4.E10.bin", "old.bin"}, Version: "15.2(4)E10",
			Size: 22_345_678, InVault: true, Image: &api.Inspection{Version: "15.2(4)E10", Verdict: api.ImageGood}}
		for i := range n {
			name := fmt.Sprintf("access-sw%d", i+1)
			devices = append(devices, api.DeviceRow{Device: api.Device{Name: name, Address: fmt.Sprintf("192.0.2.%d:2222", i+1), Transport: api.SSH, Username: "backup", Site: "headquarters", Group: "access layer",
				Via: "ops@jump.example.net", Fingerprint: "ssh-ed25519 SHA256:" + strings.Repeat("x", 43)},
				Known: api.Known{Model: "WS-C3750E-24TD-E", Version: "15.2(4)E10", LastBackup: &backup, LastFailure: &api.Run{Cause: "no_request", Started: backup}}, LastFails: true})
			snapshots = append(snapshots, api.SnapshotRow{ID: "20261122T141503Z-" + name + "-k3f9", Device: name, Started: backup, Status: api.StatusIncomplete,
				Version: "15.2(4)E10", Files: 12, Bytes: 22_345_678})
			image.Devices = append(image.Devices, name)
		}
		for _, columns := range []int{80, 100, 160} {
			l := Layout{Columns: columns}
			all := Devices(devices, now).Format(l) + Snapshots(snapshots, now).Format(l) + FormatImages([]api.Image{image}, l)
			for line := range strings.Lines(all) {
				if w := Width(strings.TrimSuffix(line, "\n")); w > columns {
					t.Errorf("%d devices, %d columns: a line of %d:\n%s", n, columns, w, line)
				}
			}
			for i := range n {
				for _, want := range []string{devices[i].Name + " ", devices[i].Address + " ", snapshots[i].ID + " ", "  incomplete  15.2(4)E10 ", "3 days", image.SHA256[:12] + " "} {
					if !strings.Contains(all, want) {
						t.Errorf("%d devices, %d columns: no %q in\n%s", n, columns, want, all)
					}
				}
			}
		}
	}
}

// TestLongNamesFit prints the tables with names as long as they may be. A screen of
// 80 columns shows each in one line; -o wide shows all of them whole.
func TestLongNamesFit(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	backup := now.Add(-72 * time.Hour)
	name := strings.Repeat("distribution-switch-", 3) + "0001"
	address := strings.Repeat("distribution.", 4) + "example.net:65000"
	path := "flash:/cat9k_lite_iosxe_npe.17.09.04a.SPA/" + strings.Repeat("directory/", 8) + "cat9k_lite-webui.17.09.04a.SPA.pkg"
	pkg := func(name string) api.Image {
		return api.Image{SHA256: strings.Repeat("3f9a52c1", 8), Kind: api.KindPackage, Names: []string{name}, Version: "17.09.04a.0.6.1682636578", Size: 1_234_567_890, InVault: true,
			Devices: []string{name + "1", name + "2", name + "3"}, Published: api.PublishedDiffers, Image: &api.Inspection{Version: "17.09.04a.0.6.1682636578", Verdict: api.ImageGood}}
	}
	images := []api.Image{pkg("cat9k_iosxe_npe-srdriver.17.09.04a.SPA.pkg"), {SHA256: strings.Repeat("a", 64), Kind: api.KindImage, Names: []string{strings.Repeat("c3750e-", 9) + ".bin", "old.bin"},
		Version: "15.2(4)E10", Size: 22_345_678, Devices: []string{name, name + "x"}}}
	device := api.DeviceRow{Device: api.Device{Name: name, Address: address, Transport: api.SSH, Username: "backup", Site: "headquarters", Group: "access layer", Via: "ops@jump.example.net"},
		Known: api.Known{Model: "WS-C3750E-24TD-E", Version: "17.09.04a.0.6.1682636578", LastBackup: &backup, LastFailure: &api.Run{Cause: "transport_restricted", Started: backup}}, LastFails: true}
	files := []api.File{{Path: path, Size: 1_234_567_890, Copied: true, Evidence: api.EvidenceSHA512}, {Path: "flash:/vlan.dat", Size: 1024, Evidence: api.EvidenceMD5}}
	for kind, c := range map[string]struct {
		table Table
		whole []string
	}{
		"devices":  {Devices([]api.DeviceRow{device}, now), []string{name, address, "protocol restricted by the device  3 days ago"}},
		"images":   {tableOfImages(images, Layout{All: true}), []string{images[0].SHA256, images[1].Names[0], images[0].Devices[2]}},
		"restored": {tableOfRestored(files), []string{path, "restored", "unchanged", "device-sha512"}},
		"snapshots": {Snapshots([]api.SnapshotRow{{ID: "20261122T141503Z-" + name + "-k3f9", Device: name, Started: backup, Status: api.StatusIncomplete, Warnings: 2, Version: "17.09.04a"}}, now),
			[]string{"20261122T141503Z-" + name + "-k3f9"}},
	} {
		narrow, wide := c.table.Format(Layout{Columns: 80}), c.table.Format(Layout{Columns: 80, All: true})
		for line := range strings.Lines(narrow) {
			if w := Width(strings.TrimSuffix(line, "\n")); w > 80 {
				t.Errorf("%s: a line of %d:\n%s", kind, w, line)
			}
		}
		for _, want := range c.whole {
			if !strings.Contains(wide, want) {
				t.Errorf("%s: no %q in\n%s", kind, want, wide)
			}
		}
	}
	short := tableOfRestored(files).Format(Layout{Columns: 80})
	for _, want := range []string{"SPA.pkg  restored   1.2 GB  device-sha512\n", "flash:/vlan.dat"} {
		if !strings.Contains(short, want) {
			t.Errorf("no %q in\n%s", want, short)
		}
	}
	if list := FormatImages(images[:1], Layout{Columns: 80}); !strings.Contains(list, "3 devices") {
		t.Errorf("the names of the devices have no room:\n%s", list)
	}
}
