package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/internal/node/nodetest"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
)

// shape is what a whole backup of a profile must come to.
type shape struct {
	status string      // empty: ok
	cause  cause.Cause // of an incomplete one
	image  string      // the running image as the facts tell it
	files  []string    // the system: images, packages, boot pointers; not the configurations
	proof  string      // evidence of the image; empty: device-md5
	notes  []string    // parts of the notes, each of which must be there; no others may be
	anew   string      // why a look does not confirm the backup; empty: it does
}

const installNote = "install mode: there is no single bootable .bin"

// shapes is every profile of the simulator: a new one needs its line here.
var shapes = map[string]shape{
	"c2500": {image: "flash:/c2500-i-l.120-9.bin", files: []string{"flash:/c2500-i-l.120-9.bin"}, proof: api.EvidenceSize,
		anew: "flash:/c2500-i-l.120-9.bin has no date in the listings"},
	"c3640-partitions": {image: "flash:2:c3640-i-mz.120-7.T.bin", files: []string{"flash:2:c3640-i-mz.120-7.T.bin"}, proof: api.EvidenceSize,
		anew: "flash:2:c3640-i-mz.120-7.T.bin has no date in the listings"},
	"c2600": {status: api.StatusIncomplete, cause: cause.ImageNotFound, image: "flash:c2600-j1s3-mz.123-22.bin",
		files: []string{"flash:c2600-j1s3-mz.123-22.bin"}},
	"c2950": {image: "flash:/c2950-i6q4l2-mz.121-22.EA4a.bin", files: []string{"flash:/c2950-i6q4l2-mz.121-22.EA4a.bin"}, proof: api.EvidenceSize},
	"c2960": {image: "flash:/c2960-lanbase-mz.122-25.FX.bin/c2960-lanbase-mz.122-25.FX.bin",
		files: []string{"flash:/c2960-lanbase-mz.122-25.FX.bin/c2960-lanbase-mz.122-25.FX.bin"}},
	"c2960x-stack": {image: "flash:/c2960x-universalk9-mz.152-2.E6.bin",
		files: []string{"flash:/c2960x-universalk9-mz.152-2.E6.bin", "flash-2:/c2960x-universalk9-mz.150-2.EX5.bin"},
		notes: []string{`switch 2 is in the state "Version Mismatch"`, "switch 2 runs 15.0(2)EX5 C2960X-UNIVERSALK9-M, the active switch 1 runs 15.2(2)E6",
			"switch 2 does not have the running image c2960x-universalk9-mz.152-2.E6.bin in flash-2:", `switch 2 will boot "flash:/c2960x-universalk9-mz.150-2.EX5.bin", which`}},
	"c3500xl":     {image: "flash:/c3500xl-c3h2s-mz.120-5.WC10.bin", files: []string{"flash:/c3500xl-c3h2s-mz.120-5.WC10.bin"}, proof: api.EvidenceSize},
	"c2900xl":     {image: "flash:/c2900xl-hs-mz-112.8.11-SA6.bin", files: []string{"flash:/c2900xl-hs-mz-112.8.11-SA6.bin"}, proof: api.EvidenceSize},
	"c3750":       {image: c3750Image, files: []string{c3750Image}},
	"c3750-stack": {image: c3750Image, files: []string{c3750Image, strings.Replace(c3750Image, "flash:", "flash2:", 1)}},
	"c1000-tftpboot": {status: api.StatusIncomplete, cause: cause.ImageNotFound, image: "tftp://192.0.2.9/c1000-universalk9-mz.152-7.E4.bin",
		files: []string{"tftp://192.0.2.9/c1000-universalk9-mz.152-7.E4.bin"}},
	"c3850-tftpboot": {image: "tftp://192.0.2.9//images/cat3k_caa-universalk9.16.06.10.SPA.bin",
		files: []string{"flash:/cat3k_caa-universalk9.16.06.09.SPA.bin"},
		notes: []string{"is in no flash of the device; the backup has the image that BOOT names, flash:/cat3k_caa-universalk9.16.06.09.SPA.bin"}},
	"c9300": {image: "flash:/packages.conf", notes: []string{installNote},
		files: installed("flash:", "17.09.04a", "cc_srdriver", "espbase", "guestshell", "rpbase", "rpboot", "sipbase", "sipspa", "srdriver", "webui", "wlc")},
	"c9300-smu": {image: "flash:/cat9k_iosxe.17.09.04a.SPA.conf",
		files: []string{"flash:/cat9k_iosxe.17.09.04a.SPA.conf", "flash:/cat9k_iosxe.17.09.04a.SPA.bin", "flash:/cat9k-rpbase.17.09.04a.SPA.pkg",
			"flash:/cat9k-rpboot.17.09.04a.SPA.pkg", "flash:/cat9k_iosxe.17.09.04a.CSCsim00001.SPA.smu.bin", "flash:/cat9k_iosxe.17.09.04a.CSCsim00002.SPA.smu.bin"},
		notes: []string{"install mode: cat9k_iosxe.17.09.04a.SPA.conf and its packages together are the image; they were installed from cat9k_iosxe.17.09.04a.SPA.bin",
			"SMU flash:cat9k_iosxe.17.09.04a.CSCsim00002.SPA.smu.bin is activated and not committed"},
		anew: "the device had software that is not committed"},
	"c9300-secure": {status: api.StatusIncomplete, cause: cause.TransportRestricted, image: "flash:/cat9k_iosxe.26.01.01.SPA.bin",
		files: []string{"flash:/cat9k_iosxe.26.01.01.SPA.bin"}},
	"c9300-stack": {image: "flash:/packages.conf", notes: []string{installNote}, files: slices.Concat(
		installed("flash:", "17.09.04a", stackPackages...), installed("flash-2:", "17.09.04a", stackPackages...), installed("flash-3:", "17.09.04a", stackPackages...))},
	"c9300-active2": {image: "flash:/packages.conf", notes: []string{installNote}, files: slices.Concat(
		installed("flash:", "17.09.04a", stackPackages...), installed("flash-1:", "17.09.04a", stackPackages...))},
	"c9500-svl": {image: "bootflash:/packages.conf", notes: []string{installNote}, files: slices.Concat(
		installed("bootflash:", "17.09.04a", stackPackages...), installed("bootflash-2:", "17.09.04a", stackPackages...))},
	"c8200":    {image: "bootflash:/c8000be-universalk9.17.09.04a.SPA.bin", files: []string{"bootflash:/c8000be-universalk9.17.09.04a.SPA.bin"}},
	"c9800-ha": {image: "bootflash:/packages.conf", notes: []string{installNote}, files: slices.Concat(wlcFiles("bootflash:"), wlcFiles("stby-bootflash:"))},
	"ie3400": {image: "sdflash:/ie3x00-universalk9.17.09.05.SPA.bin", files: []string{"sdflash:/ie3x00-universalk9.17.09.05.SPA.bin", "flash:/vlan.dat"},
		notes: []string{"the running image is on sdflash:, not on flash:, the default file system"}},
	"asr1000": {image: "harddisk:/asr1002x-universalk9.03.16.05.S.155-3.S5-ext.SPA.bin", files: []string{"harddisk:/asr1002x-universalk9.03.16.05.S.155-3.S5-ext.SPA.bin", "nvram:IOS-Self-Sig#2.cer"},
		notes: []string{"the files on usb0: (4096 bytes in use) are not in this backup", "the running image is on harddisk:, not on bootflash:, the default file system"}},
	"isr2800": {image: "flash:/c2800nm-advipservicesk9-mz.151-4.M12a.bin", files: []string{"flash:/c2800nm-advipservicesk9-mz.151-4.M12a.bin",
		"flash:/watch.tcl", "flash:/phone.sbn", "flash:/login.htm", "flash:/vlan.dat", "nvram:IOS-Self-Sig#1.cer", "usbflash0:/fw/phone2.sbn"},
		notes: []string{"flash:leases.db (changes all the time)", "the private keys of the certificates cannot be copied"}},
	"c4500-redundant": {image: "bootflash:/cat4500e-entservicesk9-mz.122-54.SG1.bin",
		files: []string{"bootflash:/cat4500e-entservicesk9-mz.122-54.SG1.bin", "slavebootflash:/cat4500e-entservicesk9-mz.122-54.SG1.bin", "cat4000_flash:/vlan.dat"}},
	"c6500-vss": {image: "sup-bootdisk:/s72033-ipservicesk9_wan-mz.122-33.SXJ10", files: []string{"sup-bootdisk:/s72033-ipservicesk9_wan-mz.122-33.SXJ10",
		"slavesup-bootdisk:/s72033-ipservicesk9_wan-mz.122-33.SXJ10", "const_nvram:vlan.dat"},
		notes: []string{"the running image is on sup-bootdisk:, not on disk0:, the default file system"}},
	"c9400-redundant": {image: "bootflash:/packages.conf", notes: []string{installNote}, files: slices.Concat(
		installed("bootflash:", "17.09.05", chassisPackages...), installed("stby-bootflash:", "17.09.05", chassisPackages...))},
	"c800m":   {image: "sdflash:/c800m-universalk9-mz.SPA.155-3.M10.bin", files: []string{"sdflash:/c800m-universalk9-mz.SPA.155-3.M10.bin", "sdflash:/vlan.dat"}},
	"isr2900": {image: "flash0:/c2900-universalk9-mz.SPA.152-4.M1.bin", files: []string{"flash0:/c2900-universalk9-mz.SPA.152-4.M1.bin", "flash0:/vlan.dat"}},
	"isr4300": {image: "bootflash:/isr4300-universalk9.03.16.04b.S.155-3.S4b-ext.SPA.bin",
		files: []string{"bootflash:/isr4300-universalk9.03.16.04b.S.155-3.S4b-ext.SPA.bin"}},
}

const c3750Image = "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin"

var (
	stackPackages   = []string{"espbase", "guestshell", "rpbase", "rpboot", "webui"}
	chassisPackages = []string{"rpbase", "rpboot", "sipbase", "webui"}
)

// wlcFiles is the system of a wireless controller in one file system.
func wlcFiles(fs string) []string {
	var paths []string
	for _, name := range []string{"packages.conf", "C9800-rpbase.17.09.05.SPA.pkg", "C9800-rpboot.17.09.05.SPA.pkg", "C9800-wlc.17.09.05.SPA.pkg",
		"C9800-universalk9_wlc.17.09.05.CSCsim00004.SPA.apsp.bin"} {
		paths = append(paths, fs+"/"+name)
	}
	return paths
}

// installed is the files of a system in install mode.
func installed(fs, version string, packages ...string) []string {
	paths := []string{fs + "/packages.conf"}
	for _, name := range packages {
		paths = append(paths, fs+"/cat9k-"+name+"."+version+".SPA.pkg")
	}
	return paths
}

// leastRights are the commands that docs/login.md permits the account of a backup, as lines.
func leastRights(t *testing.T) (rights []*regexp.Regexp) {
	t.Helper()
	text, err := os.ReadFile("../../docs/login.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^ +cmd = (\S+) +\{ permit "\^?(.+)" \}$`).FindAllStringSubmatch(string(text), -1) {
		rights = append(rights, regexp.MustCompile("^"+m[1]+"( "+m[2]+"|$)"))
	}
	if len(rights) < 5 {
		t.Fatalf("docs/login.md permits %d commands", len(rights))
	}
	return rights
}

// wantAllRights expects that each right was of use.
func wantAllRights(t *testing.T, rights []*regexp.Regexp, switches map[string]*iossim.Switch) {
	t.Helper()
	var typed []string
	for _, s := range switches {
		typed = append(typed, s.Commands()...)
	}
	for _, right := range rights {
		if !slices.ContainsFunc(typed, right.MatchString) {
			t.Errorf("no device needs the right %s of docs/login.md", right)
		}
	}
}

// TestEveryProfile backs every simulated device up, with the least rights, and compares each file
// in the vault with the device's.
func TestEveryProfile(t *testing.T) {
	testlevel.NeedFull(t, "a backup of each profile")
	t.Parallel()
	n := openNode(t)
	var devices []api.Device
	switches, rights := map[string]*iossim.Switch{}, leastRights(t)
	for i, profile := range iossim.Profiles() {
		s := startSwitch(t, n, profile, iossim.Options{Listen: fmt.Sprintf("127.0.1.%d:0", i+1), LargestImage: testlevel.Of[int64](300_000, 0, 0), Permitted: rights}, false)
		switches[profile] = s
		devices = append(devices, deviceOf(t, n, profile, s))
	}
	results := n.Runner().All(t.Context(), devices, backup.Options{})
	for _, r := range results {
		want, ok := shapes[r.Device]
		if !ok {
			t.Errorf("profile %s has no line in shapes", r.Device)
			continue
		}
		t.Run(r.Device, func(t *testing.T) {
			wantShape(t, r, want)
			wantFilesOf(t, vaultOf(t, n), r, switches[r.Device])
			if typed := switches[r.Device].Commands(); !slices.Equal(typed[len(typed)-1:], []string{"exit"}) {
				t.Errorf("the last command was %q, want exit", typed[len(typed)-1])
			}
		})
	}
	before := map[string]int{}
	for name, s := range switches {
		before[name] = len(s.Commands())
	}
	for i, r := range n.Backup(t.Context(), devices, api.Backup{Look: true}, nil, nil) {
		wantLookOf(t, n, r, results[i], shapes[r.Device], switches[r.Device].Commands()[before[r.Device]:])
	}
	wantAllRights(t, rights, switches)
	if len(results) != len(shapes) {
		t.Errorf("%d profiles were backed up, %d are in shapes", len(results), len(shapes))
	}
}

// wantLookOf expects that a device that did not change confirms its backup, in few commands.
func wantLookOf(t *testing.T, n *node.Node, r, backup api.BackupResult, want shape, typed []string) {
	t.Helper()
	if want.status != "" {
		want.anew = "the last backup is not complete"
	}
	if want.anew != "" {
		if r.Status == api.StatusUnchanged || !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, want.anew) }) {
			t.Errorf("%s: %s with the notes %q; want a new snapshot because %s", r.Device, r.Status, r.Notes, want.anew)
		}
		return
	}
	if r.Status != api.StatusUnchanged || r.Snapshot != backup.Snapshot || r.BytesCopied != 0 {
		t.Errorf("%s: %s of snapshot %s, notes %q; want a look that confirms %s", r.Device, r.Status, r.Snapshot, r.Notes, backup.Snapshot)
	}
	kept, err := vaultOf(t, n).Snapshot(t.Context(), backup.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	wantFewCommands(t, r.Device, typed, len(kept.Listings))
}

// wantFewCommands expects two commands of the login, show version, show boot and show
// running-config, and one for each file system; software without dir /recursive needs one for each directory.
func wantFewCommands(t *testing.T, device string, typed []string, directories int) {
	t.Helper()
	known := []string{"terminal length 0", "terminal width 511", "show version", "show boot", "show bootvar", "show running-config"}
	if device == "c9800-ha" { // it has patches
		known = append(known, "show install summary")
	}
	var commands, dirs int
	for _, line := range typed {
		switch {
		case line == "enable" || line == "exit" || strings.Contains(line, "<hidden>") || strings.HasPrefix(line, "Username"):
		case strings.HasPrefix(line, "dir "):
			dirs++
		case strings.HasPrefix(line, "verify /md5 nvram:IOS-Self-Sig"), line == "verify /md5 const_nvram:vlan.dat": // small files that have no date
		case slices.Contains(known, line):
			commands++
		default:
			t.Errorf("%s: a look typed %q", device, line)
		}
	}
	if usual := device == "c3750" || device == "c9300"; commands > 6 || dirs > directories+1 || usual && commands+dirs > 6 {
		t.Errorf("%s: %d commands: %q", device, commands+dirs, typed)
	}
}

func openNode(t testing.TB) *node.Node {
	t.Helper()
	return openNodeWith(t, nil, func(*config.Config) {})
}

// openNodeWith opens a node with a changed configuration.
func openNodeWith(t testing.TB, log *slog.Logger, change func(*config.Config)) *node.Node {
	t.Helper()
	o := nodetest.Options(t)
	o.Log, o.Config.Backup.Parallel = log, 32
	change(&o.Config)
	return nodetest.Start(t, o)
}

// startSwitch starts a switch whose line asks for a user name, or for the
// password alone.
func startSwitch(t testing.TB, n *node.Node, profile string, o iossim.Options, lineAlone bool) *iossim.Switch {
	t.Helper()
	o.Password, o.EnablePassword = "login-word", "enable-word"
	if o.Username = "backup"; lineAlone {
		o.Username = ""
	}
	if o.TFTPPort == 0 {
		o.TFTPPort = uint16(n.TFTPAddr().(*net.UDPAddr).Port)
	}
	s, err := iossim.New(profile, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// deviceOf is a switch as it stands in the inventory.
func deviceOf(t testing.TB, n *node.Node, name string, s *iossim.Switch) api.Device {
	t.Helper()
	d := api.Device{Name: name, Address: s.Addr().String(), Transport: s.Transport(), Username: "backup", LegacyCrypto: s.LegacyCrypto()}
	password, enable := "login-word", "enable-word"
	d, secrets, err := n.SealDevice(t.Context(), api.DeviceChange{Device: d, Password: &password, EnablePassword: &enable}, api.Device{}, catalog.Secrets{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Catalog.AddDevice(t.Context(), d, secrets); err != nil {
		t.Fatal(err)
	}
	return d
}

func wantShape(t *testing.T, r api.BackupResult, want shape) {
	t.Helper()
	if want.status == "" {
		want.status = api.StatusOK
	}
	if r.Status != want.status || r.Cause != want.cause || r.Attempts != 1 || want.cause != "" && r.Hint == "" {
		t.Errorf("%s %q after %d attempts: %s; want %s %q", r.Status, r.Cause, r.Attempts, r.Message, want.status, want.cause)
	}
	if r.Facts.Image != want.image {
		t.Errorf("the image is %s, want %s", r.Facts.Image, want.image)
	}
	var paths []string
	for _, f := range r.Files {
		paths = append(paths, f.Path)
		if proof := map[bool]string{true: api.EvidenceMD5, false: want.proof}[want.proof == ""]; f.Kind == api.KindImage && f.Cause == "" && f.Evidence != proof {
			t.Errorf("%s is proved by %s, want %s", f.Path, f.Evidence, proof)
		}
	}
	for _, p := range append([]string{"nvram:startup-config", api.RunningConfigPath}, want.files...) {
		if !slices.Contains(paths, p) {
			t.Errorf("%s was not taken; taken was %q", p, paths)
		}
	}
	for _, f := range r.Files {
		system := f.Kind == api.KindImage || f.Kind == api.KindPackage || f.Kind == api.KindBootPointer
		if system && !slices.Contains(want.files, f.Path) {
			t.Errorf("%s was taken besides", f.Path)
		}
	}
	wantNotes(t, r.Notes, want.notes)
}

func wantNotes(t *testing.T, got, want []string) {
	t.Helper()
	for _, part := range want {
		if !slices.ContainsFunc(got, func(note string) bool { return strings.Contains(note, part) }) {
			t.Errorf("no note says %q", part)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d notes, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
}

// wantFilesOf compares the kept files with those of the device.
// vaultOf is the vault of a node.
func vaultOf(t *testing.T, n *node.Node) *vault.Vault {
	t.Helper()
	v, err := n.Vault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantFilesOf(t *testing.T, v *vault.Vault, r api.BackupResult, s *iossim.Switch) {
	t.Helper()
	kept, err := v.Snapshot(t.Context(), r.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if size := vault.DocumentSize(kept); size <= 0 || size >= 16<<10 {
		t.Errorf("the document has %d bytes; want less than 16 KB", size)
	}
	if !slices.Equal(kept.Notes, r.Notes) {
		t.Errorf("the snapshot has the notes %q", kept.Notes)
	}
	for _, f := range kept.Files {
		if f.Cause != "" {
			continue
		}
		blob, err := v.OpenBlob(t.Context(), f.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := io.ReadAll(blob)
		if err := errors.Join(err, blob.Close()); err != nil {
			t.Fatal(err)
		}
		if there, ok := s.File(f.Path); !ok || !bytes.Equal(stored, there) {
			t.Errorf("%s is not what the device has: %d bytes, %d there", f.Path, len(stored), len(there))
		}
	}
}

// A router that booted over the network and whose BOOT is a list with options,
// the first file of which is gone.
const (
	bootedOverNetwork = `Cisco IOS Software, C2900 Software (C2900-UNIVERSALK9-M), Version 15.2(4)M1, RELEASE SOFTWARE (fc1)
sw-wan uptime is 3 minutes
System image file is "tftp://192.0.2.9/c2900-universalk9-mz.SPA.157-3.M8.bin"
Cisco CISCO2901/K9 (revision 1.0) with 483328K/40960K bytes of memory.
`
	bootList = "BOOT variable = flash0:gone.bin,12;flash0:c2900-universalk9-mz.SPA.152-4.M1.bin,12;\nCONFIG_FILE variable = \n"
)

// TestOddDevices backs devices up that print and ask what they should not.
func TestOddDevices(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	banner := "\n*** # authorised > users only # ***\nPassword: is never given away\n"
	odd := map[string]struct {
		profile string
		o       iossim.Options
		change  func(d *api.Device)
	}{
		"paging-that-stays":   {"isr2900", iossim.Options{Faults: iossim.Faults{KeepPaging: iossim.Always}}, nil},
		"width-that-stays":    {"c800m", iossim.Options{Faults: iossim.Faults{KeepWidth: iossim.Always}}, nil},
		"banner":              {"c4500-redundant", iossim.Options{Banner: banner}, nil},
		"banner-on-telnet":    {"c2950", iossim.Options{Banner: banner}, nil},
		"decorated-prompt":    {"c9400-redundant", iossim.Options{Decoration: "-stby"}, nil},
		"decorated-with-mode": {"isr4300", iossim.Options{Decoration: "(recovery-mode)"}, nil},
		"setup-dialogue":      {"c2960", iossim.Options{Faults: iossim.Faults{SetupDialogue: iossim.Always}}, nil},
		"new-name":            {"c6500-vss", iossim.Options{Faults: iossim.Faults{Rename: "renamed-meanwhile"}}, nil},
		"partitions":          {"c2500", iossim.Options{Faults: iossim.Faults{AskPartition: iossim.Always}}, nil},
		"boot-list":           {"isr2900", iossim.Options{Texts: map[string]string{"show_version": bootedOverNetwork, "show_bootvar": bootList}}, nil},
		"dir-denied":          {"isr4300", iossim.Options{Denied: []string{"dir"}}, nil},
		"behind-a-vrf":        {"c9300-stack", iossim.Options{VRF: "Mgmt-vrf"}, func(d *api.Device) { d.VRF = "Mgmt-vrf" }},
		"security-warnings":   {"c9300-stack", iossim.Options{Faults: iossim.Faults{SecurityWarnings: iossim.Always}}, nil},
		"exec-timestamps":     {"c3750-stack", iossim.Options{TimeSource: "NTP"}, nil},
		"an-unset-clock":      {"c2960", iossim.Options{TimeSource: "none"}, nil},
		"clock-in-the-prompt": {"c2950", iossim.Options{PromptClock: "[15:04:05] "}, nil},
		"password-alone":      {"c2500", iossim.Options{}, func(d *api.Device) { d.Username = "" }},
	}
	n := openNode(t)
	var devices []api.Device
	switches := map[string]*iossim.Switch{}
	for name, c := range odd {
		c.o.Listen = fmt.Sprintf("127.0.2.%d:0", len(devices)+1)
		switches[name] = startSwitch(t, n, c.profile, c.o, name == "password-alone")
		d := deviceOf(t, n, name, switches[name])
		if c.change != nil {
			c.change(&d)
		}
		devices = append(devices, d)
	}
	for _, r := range n.Runner().All(t.Context(), devices, backup.Options{Policy: api.PolicyImage}) {
		t.Logf("%s: %.1f s", r.Device, r.Seconds)
		if r.Status != api.StatusOK || r.Attempts != 1 {
			t.Errorf("%s: %s %q after %d attempts: %s\n%s", r.Device, r.Status, r.Cause, r.Attempts, r.Message, strings.Join(switches[r.Device].Commands(), "\n"))
			continue
		}
		wantFilesOf(t, vaultOf(t, n), r, switches[r.Device])
	}
}
