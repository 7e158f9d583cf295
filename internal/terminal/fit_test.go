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
				Known: api.Known{Model: "WS-C3750E-24TD-E", Version: "15.2(4)E10", LastBackup: &backup, LastFailure: &api.Run{Cause: "no_request", Started: backup}}})
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
				for _, want := range []string{devices[i].Name + " ", devices[i].Address + " ", snapshots[i].ID + " ", "3 days", image.SHA256[:12] + " "} {
					if !strings.Contains(all, want) {
						t.Errorf("%d devices, %d columns: no %q in\n%s", n, columns, want, all)
					}
				}
			}
		}
	}
}
