package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// failures are, for each cause, the tests that make it happen for real: with
// the built binary, over real connections. Each returns the cause that was
// told.
var failures = map[cause.Cause]map[string]func(*testing.T) string{
	cause.ConnectRefused:       {"nothing listens": connectRefused},
	cause.ConnectTimeout:       {"SYN lost": connectTimeout},
	cause.HostKeyUnknown:       {"refused": hostKeyUnknown},
	cause.HostKeyChanged:       {"another switch": hostKeyChanged},
	cause.HostKeyWeak:          {"768 bits": hostKeyWeak},
	cause.NoCommonAlgorithm:    {"old IOS": noCommonAlgorithm},
	cause.AuthFailed:           {"wrong password": authFailed},
	cause.EnableFailed:         {"wrong enable password": enableFailed},
	cause.PromptUnrecognised:   {"unknown question": promptUnrecognised},
	cause.SessionLost:          {"rebooted": rebooted},
	cause.CommandRejected:      {"name with a blank": commandRejected},
	cause.UnsupportedDevice:    {"NX-OS": unsupportedDevice},
	cause.ImageNotFound:        {"booted over the network": imageNotFound},
	cause.SourceMissing:        {"deleted meanwhile": sourceMissing},
	cause.NotPermittedOnDevice: {"copy denied": notPermitted},
	cause.NoRequest:            {"port 69 dropped": noRequest},
	cause.WrongSource:          {"second address": wrongSource},
	cause.TIDBlocked: {"answers dropped": answersLost, "transfer dropped": transferLost, "conntrack without helper": statefulFirewall,
		"answers from another address": otherServerAddress},
	cause.FragmentsDropped:    {"fragments dropped": fragmentsDropped},
	cause.TransportRestricted: {"TFTP refused": transportRestricted},
	cause.Stalled:             {"nothing after the first blocks": stalled},
	cause.RefusedByServer:     {"another name": refusedByServer},
	cause.SizeMismatch:        {"a block short": sizeMismatch},
	cause.DigestMismatch:      {"a bit wrong": digestMismatch},
	cause.SpoolFull:           {"small file system": spoolFull},
	cause.VaultError:          {"full file system": vaultError},
	cause.DeviceNoSpace:       {"flash full": deviceNoSpace},
	cause.UnsafePrompt:        {"asks to erase": unsafePrompt},
	cause.UnsafeBoot:          {"manual boot": unsafeBoot},
	cause.Cancelled:           {"SIGINT": cancelled},
	cause.Internal:            {"port taken": internalError},
}

// TestCauses makes every cause happen. A cause without a test fails here. Those
// that are tried again wait longest, and begin.
func TestCauses(t *testing.T) {
	t.Parallel()
	all := cause.All()
	slices.SortStableFunc(all, func(a, b cause.Cause) int { return waits(b) - waits(a) })
	for _, c := range all {
		if len(failures[c]) == 0 {
			t.Errorf("no test makes %s happen", c)
		}
		for name, happen := range failures[c] {
			t.Run(string(c)+"/"+name, func(t *testing.T) {
				t.Parallel()
				testlevel.NeedFull(t, "failures.txtar of the command line has the most frequent causes")
				if got := happen(t); got != string(c) {
					t.Errorf("told %q, want %s", got, c)
				}
			})
		}
	}
}

func waits(c cause.Cause) int {
	if cause.Transient(c) {
		return 1
	}
	return 0
}

// tells backs sw1 up, wants it to fail with a hint that has these words, and
// returns the result.
func (s *site) tells(args []string, hint ...string) result {
	s.t.Helper()
	o := s.run(append([]string{"backup", "sw1", "--json"}, args...)...)
	r := single(s.t, o)
	s.t.Logf("%s: %s\nnext: %s", r.Cause, r.Message, r.Hint)
	if o.code != 3 || r.Status == "ok" || r.Message == "" {
		s.t.Errorf("exit code %d, status %s: %s", o.code, r.Status, r.Message)
	}
	for _, want := range hint {
		if !strings.Contains(r.Hint, want) {
			s.t.Errorf("the hint lacks %q: %s", want, r.Hint)
		}
	}
	s.wantEmptySpool()
	return r
}

// mended wants the next run ok.
func (s *site) mended() {
	s.t.Helper()
	o := s.run("backup", "sw1", "--json")
	if r := single(s.t, o); r.Status != "ok" {
		s.t.Errorf("after what the hint says: %s %s: %s", r.Status, r.Cause, r.Message)
	}
	s.wantClean()
}

func connectRefused(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c2960", iossim.Options{})
	if err := sw.Close(); err != nil {
		t.Fatal(err)
	}
	r := s.tells(nil, "ip ssh version 2", "flashwarden device edit sw1 --address 127.0.0.1:PORT")
	up := s.switchOn("sw1", "c2960", iossim.Options{HostKeySeed: "c2960 sw1"})
	s.ok("device", "edit", "sw1", "--address", up.Addr().String())
	s.mended()
	return r.Cause
}

func hostKeyUnknown(t *testing.T) string {
	s := newSite(t)
	if _, err := exec.LookPath("ssh-keyscan"); err != nil {
		testlevel.Missing(t, err.Error())
	}
	s.add("sw1", "isr4300", iossim.Options{LargestImage: imageSize})
	s.env = append(s.env, "FLASHWARDEN_SSH_UNKNOWN_HOSTS=refuse")
	r := s.tells(nil, "ssh-keyscan")
	typed := strings.Split(r.Hint, "`") // the lines to type are between back quotes
	if len(typed) != 5 {
		t.Fatalf("hint %q", r.Hint)
	}
	scan := exec.Command("sh", "-c", typed[1])
	scan.Dir = t.TempDir()
	if o := finish(t, scan); o.code != 0 {
		t.Fatalf("%s ended with %d\n%s", typed[1], o.code, o.stderr)
	}
	edit := strings.Fields(strings.TrimPrefix(typed[3], "flashwarden "))
	edit[len(edit)-1] = filepath.Join(scan.Dir, edit[len(edit)-1])
	s.ok(edit...)
	s.mended()
	return r.Cause
}

func hostKeyChanged(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c2960", iossim.Options{Listen: "127.0.0.31:2022"}) // no program is given this port while the switch is down
	s.ok("device", "test", "sw1")
	at := sw.Addr().String()
	if err := sw.Close(); err != nil {
		t.Fatal(err)
	}
	other := s.switchOn("sw1", "c2960", iossim.Options{Listen: at, HostKeySeed: "another"})
	r := s.tells(nil, "flashwarden device edit sw1 --forget-host-key")
	if typed := other.Commands(); len(typed) != 0 {
		t.Errorf("it got %q", typed)
	}
	s.ok("device", "edit", "sw1", "--forget-host-key")
	s.mended()
	return r.Cause
}

func hostKeyWeak(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c2960", iossim.Options{Listen: "127.0.0.32:2022", HostKeyBits: 768})
	r := s.tells(nil, "crypto key generate rsa modulus 2048")
	at := sw.Addr().String()
	if err := sw.Close(); err != nil {
		t.Fatal(err)
	}
	s.switchOn("sw1", "c2960", iossim.Options{Listen: at, HostKeyBits: 2048})
	s.mended()
	return r.Cause
}

func noCommonAlgorithm(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{})
	s.ok("device", "edit", "sw1", "--legacy-crypto=false")
	r := s.tells(nil, "flashwarden device edit sw1 --legacy-crypto")
	s.ok("device", "edit", "sw1", "--legacy-crypto")
	s.mended()
	return r.Cause
}

func authFailed(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{})
	s.ok("device", "edit", "sw1", "--password-file", s.file("wrong", "mistaken"))
	r := s.tells(nil, "flashwarden device edit sw1")
	if r.Attempts != 1 {
		t.Errorf("a wrong password was tried %d times", r.Attempts)
	}
	s.ok("device", "edit", "sw1", "--password-file", s.file("login", password))
	s.mended()
	return r.Cause
}

func enableFailed(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{})
	s.ok("device", "edit", "sw1", "--enable-password-file", s.file("wrong", "mistaken"))
	r := s.tells(nil, "flashwarden device edit sw1 --enable-password-file")
	s.ok("device", "edit", "sw1", "--enable-password-file", s.file("enable", enable))
	s.mended()
	return r.Cause
}

func promptUnrecognised(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{Faults: iossim.Faults{AskUnknown: iossim.Always}})
	r := s.tells(nil, "copy flash:")
	if !strings.Contains(r.Message, "auxiliary fabric plane") {
		t.Errorf("the message lacks the question: %s", r.Message)
	}
	return r.Cause
}

// commandRejected has a file in flash whose name cannot be typed in a command.
func commandRejected(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c2960", iossim.Options{})
	typeOn(t, sw, nil, func(question string) (string, error) {
		if strings.Contains(question, "Destination filename") {
			return "old config.txt", nil
		}
		return "", nil
	}, "copy nvram:startup-config flash:")
	r := s.tells([]string{"--files", "all"}, "rename")
	if r.Status != "incomplete" || !strings.Contains(r.Message, "old config.txt") {
		t.Errorf("%s: %s", r.Status, r.Message)
	}
	return r.Cause
}

func unsupportedDevice(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{Texts: map[string]string{
		"show_version": "Cisco Nexus Operating System (NX-OS) Software\nSoftware\n  BIOS: version 07.67\n NXOS: version 9.3(8)\n"}})
	return s.tells([]string{"--files", "image"}).Cause
}

func imageNotFound(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c1000-tftpboot", iossim.Options{})
	r := s.tells(nil, "copy tftp: flash:")
	if r.Status != "incomplete" {
		t.Errorf("%s: the rest is to be saved", r.Status)
	}
	return r.Cause
}

// sourceMissing deletes a file on the device while another one is copied.
func sourceMissing(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c2960", iossim.Options{Pace: 20_000})
	cmd := s.command("backup", "sw1", "--json", "-v")
	copying := newMarker("copying")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, copying
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-copying.seen
	typeOn(t, sw, nil, nil, "delete /force flash:/vlan.dat")
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r := single(t, outcome{stdout: out.String()})
	if r.Status != "incomplete" || !strings.Contains(r.Hint, "dir /all") {
		t.Errorf("%s: %s, next %s", r.Status, r.Message, r.Hint)
	}
	s.mended()
	return r.Cause
}

func notPermitted(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{Denied: []string{"copy "}})
	return s.tells([]string{"--files", "image"}, "privilege").Cause
}

func refusedByServer(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{Faults: iossim.Faults{OtherName: 1}})
	r := s.tells([]string{"--files", "image"}, "flashwarden backup sw1 --verbose")
	if !strings.Contains(r.Message, "c2960-lanbase-mz.122-25.FX.bin") {
		t.Errorf("the message does not name the file that was asked for: %s", r.Message)
	}
	s.mended()
	return r.Cause
}

func sizeMismatch(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{Faults: iossim.Faults{ShortBlock: 1}})
	r := s.tells([]string{"--files", "image"}, "`dir`")
	s.mended()
	return r.Cause
}

func digestMismatch(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{Faults: iossim.Faults{FlipBit: 1}})
	r := s.tells([]string{"--files", "image"}, "verify ")
	s.mended()
	return r.Cause
}

// mount puts a small file system into the data directory.
func (s *site) mount(path, size string) (unmount func()) {
	s.t.Helper()
	needRoot(s.t)
	if err := os.MkdirAll(path, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+size+",mode=700"); err != nil {
		s.t.Fatal(err)
	}
	unmount = func() {
		if err := syscall.Unmount(path, 0); err != nil && !errors.Is(err, syscall.EINVAL) { // not mounted any more
			s.t.Error(err)
		}
	}
	s.t.Cleanup(unmount)
	return unmount
}

func spoolFull(t *testing.T) string {
	s := newSite(t)
	s.makeData()
	unmount := s.mount(filepath.Join(s.data, "spool"), "32k")
	s.add("sw1", "c2960", iossim.Options{})
	r := s.tells([]string{"--files", "image"}, "df -h")
	unmount()
	s.mended()
	return r.Cause
}

func vaultError(t *testing.T) string {
	s := newSite(t)
	s.makeData()
	path := filepath.Join(s.data, "vault")
	s.mount(path, "64k")
	s.add("sw1", "c2960", iossim.Options{})
	r := s.tells([]string{"--files", "image"}, "flashwarden check")
	if err := syscall.Mount("", path, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	s.mended()
	return r.Cause
}

func transportRestricted(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c9300", iossim.Options{LargestImage: imageSize, Faults: iossim.Faults{RestrictTFTP: 1}})
	r := s.tells(nil, "system mode insecure")
	if n := len(sw.Transfers()); n > 0 {
		t.Errorf("%d transfers", n)
	}
	s.mended()
	return r.Cause
}

// deviceNoSpace restores an image to a switch whose flash others have filled.
// unsafeBoot restores a file to a switch that would wait in its boot loader.
func unsafeBoot(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c2960", iossim.Options{ManualBoot: 1})
	s.ok("backup", "sw1")
	if err := sw.Remove("flash:/vlan.dat"); err != nil {
		t.Fatal(err)
	}
	o := s.run("restore", "sw1", "--file", "vlan.dat", "--reload", "--yes", "--json")
	r := single(t, o)
	t.Logf("%s: %s\nnext: %s", r.Cause, r.Message, r.Hint)
	if o.code != 4 || len(sw.Transfers()) != 0 && sw.Transfers()[len(sw.Transfers())-1].Op == tftp.Read || !strings.Contains(r.Hint, "no boot manual") {
		t.Errorf("exit code %d, hint %q", o.code, r.Hint)
	}
	s.ok("restore", "sw1", "--file", "vlan.dat", "--yes")
	return r.Cause
}

func deviceNoSpace(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c2960", iossim.Options{Listen: "127.0.0.33:2022"})
	s.ok("backup", "sw1")
	at, used := sw.Addr().String(), int64(0)
	for _, p := range sw.Files() {
		if data, _ := sw.File(p); strings.HasPrefix(p, "flash:") {
			used += int64(len(data)+511) / 512 * 512
		}
	}
	if err := sw.Close(); err != nil {
		t.Fatal(err)
	}
	const image, size = "flash:/c2960-lanbase-mz.122-25.FX.bin/c2960-lanbase-mz.122-25.FX.bin", 69632
	sw = s.switchOn("sw1", "c2960", iossim.Options{Listen: at, FlashSize: used + size + 2048})
	typeOn(t, sw, nil, func(string) (string, error) { return "", nil },
		"copy "+image+" flash:/old.tar", "delete /force "+image,
		"copy flash:/config.text flash:/a", "copy flash:/config.text flash:/b", "copy flash:/config.text flash:/c", "copy flash:/config.text flash:/d", "copy flash:/config.text flash:/e")
	restore := []string{"restore", "sw1", "--file", "c2960-lanbase-mz.122-25.FX.bin", "--yes", "--json"}
	o := s.run(restore...)
	r := single(t, o)
	t.Logf("%s: %s\nnext: %s", r.Cause, r.Message, r.Hint)
	if o.code != 3 || len(sw.Transfers()) != 0 {
		t.Errorf("exit code %d, transfers %+v", o.code, sw.Transfers())
	}
	line := regexp.MustCompile(`--delete \S+`).FindString(r.Hint)
	if line != "--delete flash:/old.tar" {
		t.Errorf("it would first delete %q", line)
	}
	if o := s.run(append(restore, strings.Fields(line)...)...); o.code != 0 {
		t.Errorf("after what the hint says: %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	s.mended()
	return r.Cause
}

func unsafePrompt(t *testing.T) string {
	s := newSite(t)
	sw := s.add("sw1", "c2960", iossim.Options{Faults: iossim.Faults{AskErase: iossim.Always}})
	before := sw.Files()
	r := s.tells([]string{"--files", "image"})
	if !strings.Contains(r.Message, "Erase flash: before copying?") || !slices.Equal(sw.Files(), before) {
		t.Errorf("%s; files %v", r.Message, sw.Files())
	}
	return r.Cause
}

func cancelled(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{Pace: 8_000})
	cmd := s.command("backup", "sw1", "--json", "-v")
	copying := newMarker("copying")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, copying
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-copying.seen
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is judged
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	s.wantEmptySpool()
	s.mended()
	return single(t, outcome{stdout: out.String()}).Cause
}

// internalError has another program on a port of the transfers.
func internalError(t *testing.T) string {
	s := newSite(t)
	s.add("sw1", "c2960", iossim.Options{})
	taken, err := net.ListenPacket("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port-4)))
	if err != nil {
		t.Fatal(err)
	}
	o := s.run("backup", "sw1", "--json")
	var d struct {
		Error struct{ Cause, Message, Hint string }
	}
	if err := json.Unmarshal([]byte(o.stdout), &d); err != nil {
		t.Fatalf("%v\n%s", err, o.stdout)
	}
	if o.code != 1 || !strings.Contains(d.Error.Hint, "tftp.port-range") {
		t.Errorf("exit code %d: %s", o.code, o.stdout)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	s.mended()
	return d.Error.Cause
}
