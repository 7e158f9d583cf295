// Package catalogtest is the suite that every implementation of
// catalog.Catalog must pass.
package catalogtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// New makes an empty catalog and returns a function that opens it. Several may
// be open at once. Each is closed when the test ends.
type New func(t testing.TB) (open func(t testing.TB) catalog.Catalog)

// suiteTest is one test of the suite.
type suiteTest struct {
	name string
	run  func(t *testing.T, create New)
}

// Test runs the suite.
func Test(t *testing.T, create New) {
	for _, test := range append([]suiteTest{
		{"Devices", testDevices},
		{"InvalidDevicesAreNotKept", testInvalidDevices},
		{"SelectedDevices", testSelect},
		{"ClosedContext", testClosedContext},
		{"Snapshots", testSnapshots},
		{"IndexMany", testIndexMany},
		{"AnyText", testAnyText},
		{"Known", testKnown},
		{"Remember", testRemember},
		{"Unindex", testUnindex},
		{"SnapshotIDs", testSnapshotIDs},
		{"Rebuild", testRebuild},
		{"RebuildFollowsTheVault", testRebuildFollows},
		{"RebuildReportsDamagedSnapshots", testRebuildDamaged},
		{"RebuildBesideABadMonth", testRebuildBadMonth},
		{"Keep", testKeep},
		{"KeepUncertain", testKeepUncertain},
		{"KeepWithoutIndex", testKeepWithoutIndex},
		{"Recover", testRecover},
		{"RecoverBesideOthers", testRecoverShared},
		{"Abandoned", testAbandoned},
		{"VaultIdentity", testVaultIdentity},
		{"SealingKey", testSealingKey},
		{"Mirrors", testMirrors},
		{"Condemn", testCondemn},
		{"CondemnMany", testCondemnMany},
		{"ClaimOfCondemned", testClaims},
		{"ClaimOfMany", testClaimMany},
		{"RemovingEnds", testRemovingEnds},
		{"Plans", testPlans},
		{"HostKeys", testHostKeys},
		{"FirstHostKey", testFirstHostKey},
		{"RebuildByManyAtOnce", testRebuildByMany},
		{"Credentials", testCredentials},
		{"CopyWay", testCopyWay},
		{"Images", testImages},
		{"NoImages", testNoImages},
		{"InspectedImages", testInspectedImages},
		{"RememberedImage", testRememberedImage},
		{"ImageOfAnotherUnit", testImageOfUnit},
		{"ImageOfAnOlderBackup", testImageOfOlderBackup},
	}, slices.Concat(historyTests, jobTests, peopleTests, careTests, chronicleTests, noticeTests)...) {
		t.Run(test.name, func(t *testing.T) { test.run(t, create) })
	}
}

// empty opens a new catalog.
func empty(t testing.TB, create New) catalog.Catalog {
	t.Helper()
	return create(t)(t)
}

// Device returns a device that has every field set.
func Device() api.Device {
	return api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup", Site: "hq", Group: "access",
		TFTPAddress: "192.0.2.9", VRF: "Mgmt-vrf", Files: "rebuild", CopyBy: api.CopySCPPull, LegacyCrypto: true,
		Fingerprint: "ssh-rsa SHA256:x", Via: "ops@jump.example.net:2222", ViaFingerprint: "ssh-ed25519 SHA256:y", Credential: "access-switches", Source: "/etc/inventory/switches.csv"}
}

// Sealed returns secrets that have every field set.
func Sealed() catalog.Secrets {
	return catalog.Secrets{Password: "age:AAAA", EnablePassword: "age:BBBB", Identity: "age:CCCC", ViaPassword: "age:DDDD", ViaIdentity: "age:EEEE", Credential: "age:FFFF"}
}

func testDevices(t *testing.T, create New) {
	ctx, open := t.Context(), create(t)
	c, want := open(t), Device()
	if err := c.AddDevice(ctx, want, Sealed()); err != nil {
		t.Fatal(err)
	}
	if err := c.AddDevice(ctx, want, Sealed()); !errors.Is(err, catalog.ErrExists) || !strings.Contains(err.Error(), `"sw1"`) {
		t.Errorf("error %v; want ErrExists with the name", err)
	}
	wantStored(t, open(t), want, Sealed())
	for prefix, want := range map[string]int{"": 1, "s": 1, "sw1": 1, "sw10": 0, "S": 0} {
		if names, err := c.DeviceNames(ctx, prefix); err != nil || len(names) != want {
			t.Errorf("names with %q: %q, error %v", prefix, names, err)
		}
	}
	changed := api.Device{Name: "sw1", Address: "[2001:db8::1]:2222", Transport: api.Telnet}
	if err := c.UpdateDevice(ctx, changed, catalog.Secrets{Password: "age:CCCC"}); err != nil {
		t.Fatal(err)
	}
	wantStored(t, c, changed, catalog.Secrets{Password: "age:CCCC"})
	if err := c.RemoveDevice(ctx, "sw1"); err != nil {
		t.Fatal(err)
	}
	_, secrets := c.Secrets(ctx, "sw1")
	for name, err := range map[string]error{"remove": c.RemoveDevice(ctx, "sw1"), "update": c.UpdateDevice(ctx, want, Sealed()), "secrets": secrets} {
		if !errors.Is(err, catalog.ErrNotFound) || !strings.Contains(err.Error(), `"sw1"`) {
			t.Errorf("%s: error %v; want ErrNotFound with the name", name, err)
		}
	}
}

func wantStored(t *testing.T, c catalog.Catalog, d api.Device, s catalog.Secrets) {
	t.Helper()
	device, err := c.Device(t.Context(), d.Name)
	if diff := cmp.Diff(d, device); err != nil || diff != "" {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
	secrets, err := c.Secrets(t.Context(), d.Name)
	if diff := cmp.Diff(s, secrets); err != nil || diff != "" {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
}

func testInvalidDevices(t *testing.T, create New) {
	c, bad := empty(t, create), Device()
	bad.Address = "a b"
	if err := c.AddDevice(t.Context(), bad, Sealed()); !errors.Is(err, api.ErrInvalidDevice) {
		t.Errorf("add: error %v; want ErrInvalidDevice", err)
	}
	if err := c.AddDevice(t.Context(), Device(), Sealed()); err != nil {
		t.Fatal(err)
	}
	if err := c.UpdateDevice(t.Context(), bad, Sealed()); !errors.Is(err, api.ErrInvalidDevice) {
		t.Errorf("update: error %v; want ErrInvalidDevice", err)
	}
	wantStored(t, c, Device(), Sealed())
}

func testSelect(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	for _, d := range []struct{ name, site, group string }{
		{"sw3", "hq", "access"}, {"sw1", "hq", "core"}, {"sw2", "branch", "access"}, {"sw10", "branch", ""},
	} {
		device := Device()
		device.Name, device.Site, device.Group = d.name, d.site, d.group
		if err := c.AddDevice(ctx, device, Sealed()); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		s    api.Select
		want string
	}{
		{api.Select{}, "sw1 sw10 sw2 sw3"},
		{api.Select{Names: []string{"sw3", "sw1", "sw3"}}, "sw1 sw3"},
		{api.Select{Group: "access"}, "sw2 sw3"},
		{api.Select{Site: "hq"}, "sw1 sw3"},
		{api.Select{Site: "hq", Group: "access"}, "sw3"},
		{api.Select{Names: []string{"sw1", "sw2"}, Site: "hq"}, "sw1"},
		{api.Select{Group: "none"}, ""},
	} {
		devices, err := c.Devices(ctx, test.s)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, d := range devices {
			names = append(names, d.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%+v: %s; want %s", test.s, got, test.want)
		}
	}
	_, err := c.Devices(ctx, api.Select{Names: []string{"sw1", "sw4x", "router"}})
	if !errors.Is(err, catalog.ErrNotFound) || !strings.Contains(err.Error(), `"sw4x"`) || !strings.Contains(err.Error(), `"router"`) {
		t.Errorf("error %v; want ErrNotFound with both names", err)
	}
}

// testClosedContext wants "cannot say" told from "absent".
func testClosedContext(t *testing.T, create New) {
	c := empty(t, create)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, device := c.Device(ctx, "sw1")
	_, secrets := c.Secrets(ctx, "sw1")
	_, _, known := c.Known(ctx, weak("image"), 5)
	_, inspected := c.Inspected(ctx, sha("image"))
	for name, err := range map[string]error{"device": device, "secrets": secrets, "known": known, "inspected": inspected, "remove": c.RemoveDevice(ctx, "sw1")} {
		if err == nil || errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("%s: error %v; want that of the context", name, err)
		}
	}
}

// testSealingKey keeps the check value of the first key, until it is replaced.
func testSealingKey(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	for _, step := range []struct{ offered, replace, want string }{{"one", "", "one"}, {"two", "", "one"}, {"two", "three", "three"}} {
		if step.replace != "" {
			if err := c.ReplaceSealingKey(ctx, step.replace); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := c.SealingKey(ctx, step.offered); err != nil || got != step.want {
			t.Errorf("%+v: %q, error %v", step, got, err)
		}
	}
	if now, err := c.Now(ctx); err != nil || time.Since(now).Abs() > time.Hour {
		t.Errorf("the clock says %v, error %v", now, err)
	}
}
