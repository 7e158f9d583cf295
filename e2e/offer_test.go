package e2e

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	bigendian "encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
)

const offered = "c2900-universalk9-mz.SPA.157-3.M8.bin"

// noise is n bytes that no two calls share.
func noise(n int) []byte {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	b := make([]byte, n)
	rand.NewChaCha8(seed).Read(b)
	return b
}

// hold puts an image into the vault, and returns its SHA-256.
func (s *site) hold(name string, content []byte) string {
	s.t.Helper()
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		s.t.Fatal(err)
	}
	store, err := dir.Open(filepath.Join(s.data, "vault"))
	if err != nil {
		s.t.Fatal(err)
	}
	v := vault.New(store)
	if _, err := v.Make(s.t.Context()); err != nil && !errors.Is(err, vault.ErrExists) {
		s.t.Fatal(err)
	}
	sum, weak, err := v.Put(s.t.Context(), content)
	if err != nil {
		s.t.Fatal(err)
	}
	now := time.Now()
	_, err = v.PutSnapshot(s.t.Context(), api.Snapshot{
		ID: vault.NewID("held", now), Device: "held", Address: "192.0.2.1", Status: api.StatusOK, Started: now,
		Files: []api.File{{Path: "flash:/" + name, Kind: api.KindImage, Size: int64(len(content)), MD5: weak, SHA256: sum, Evidence: api.EvidenceMD5}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.ok("rebuild")
	return sum
}

// running is an offer or a receive that waits.
type running struct {
	s    *site
	cmd  *exec.Cmd
	out  bytes.Buffer
	errs *marker
}

// start runs the program until it answers TFTP.
func (s *site) start(args ...string) *running {
	s.t.Helper()
	r := &running{s: s, cmd: s.command(args...), errs: newMarker("the TFTP server listens on port")}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, r.errs
	if err := r.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.cmd.Process.Kill() }) // it may have ended
	select {
	case <-r.errs.seen:
	case <-time.After(time.Minute):
		s.t.Fatalf("it does not answer: %s\n%s", standsStill(r.cmd), r.errs.all())
	}
	return r
}

// signal sends a signal; wait returns the result.
func (r *running) signal(sig os.Signal) {
	r.s.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.s.t.Fatal(err)
	}
}

func (r *running) wait() outcome {
	_ = r.cmd.Wait() // the exit code is judged
	return outcome{r.cmd.ProcessState.ExitCode(), r.out.String(), r.errs.all()}
}

func (r *running) wantCode(code int) outcome {
	r.s.t.Helper()
	o := r.wait()
	if o.code != code {
		r.s.t.Errorf("ended with %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	return o
}

// client is another implementation of TFTP.
type client struct {
	program  string
	get, put func(s *site, remote, local string) []string
}

var clients = []client{
	{"tftp",
		func(s *site, remote, local string) []string {
			return []string{"-m", "binary", "127.0.0.1", fmt.Sprint(s.port), "-c", "get", remote, local}
		},
		func(s *site, remote, local string) []string {
			return []string{"-m", "binary", "127.0.0.1", fmt.Sprint(s.port), "-c", "put", local, remote}
		}},
	{"atftp",
		func(s *site, remote, local string) []string {
			return []string{"--get", "-r", remote, "-l", local, "127.0.0.1", fmt.Sprint(s.port)}
		},
		func(s *site, remote, local string) []string {
			return []string{"--put", "-r", remote, "-l", local, "127.0.0.1", fmt.Sprint(s.port)}
		}},
	{"curl",
		func(s *site, remote, local string) []string {
			return []string{"-sS", "-o", local, fmt.Sprintf("tftp://127.0.0.1:%d/%s", s.port, remote)}
		},
		func(s *site, remote, local string) []string {
			return []string{"-sS", "-T", local, fmt.Sprintf("tftp://127.0.0.1:%d/%s", s.port, remote)}
		}},
	{"busybox",
		func(s *site, remote, local string) []string {
			return []string{"tftp", "-g", "-r", remote, "-l", local, "127.0.0.1", fmt.Sprint(s.port)}
		},
		func(s *site, remote, local string) []string {
			return []string{"tftp", "-p", "-r", remote, "-l", local, "127.0.0.1", fmt.Sprint(s.port)}
		}},
}

// curlFrom runs curl from another address, and returns what it says.
func (s *site) curlFrom(from string, args ...string) (string, error) {
	s.t.Helper()
	out, err := exec.Command(need(s.t, "curl"), append([]string{"-sS", "--max-time", "20", "--interface", from}, args...)...).CombinedOutput()
	return string(out), err
}

// TestOfferToRealClients has every client fetch an image under the name that
// is printed, after a stranger has tried.
func TestOfferToRealClients(t *testing.T) {
	testlevel.NeedFull(t, "the same clients judge package tftp at every level")
	t.Parallel()
	for _, c := range clients {
		t.Run(c.program, func(t *testing.T) {
			t.Parallel()
			program := need(t, c.program)
			s := newSite(t)
			image := noise(2<<20 + 123)
			sum := s.hold(offered, image)
			r := s.start("offer", sum[:8], "--to", "127.0.0.1", "--json")
			if out, err := s.curlFrom("127.0.0.2", "-o", s.file("stolen", ""), fmt.Sprintf("tftp://127.0.0.1:%d/%s", s.port, offered)); err == nil {
				t.Errorf("a stranger has fetched the image: %s", out)
			}
			local := filepath.Join(t.TempDir(), "got")
			if out, err := exec.Command(program, c.get(s, offered, local)...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			o := r.wantCode(0)
			if got := readAll(t, local); !bytes.Equal(got, image) {
				t.Errorf("fetched %d bytes that are not the image", len(got))
			}
			var d struct {
				Results []struct {
					Status, SHA256 string
					Fetched        int
				}
			}
			if err := json.Unmarshal([]byte(o.stdout), &d); err != nil || len(d.Results) != 1 ||
				d.Results[0].Status != "ok" || d.Results[0].SHA256 != sum || d.Results[0].Fetched != 1 {
				t.Errorf("document %v: %s", err, o.stdout)
			}
			if !strings.Contains(o.stderr, "refused: 127.0.0.2 fetches") || !strings.Contains(o.stderr, "TFTP_FILE="+offered) {
				t.Errorf("shown was:\n%s", o.stderr)
			}
			s.wantEmptySpool()
		})
	}
}

// TestReceiveFromRealClients has every client put an image, after a stranger,
// another name and a second file were refused.
func TestReceiveFromRealClients(t *testing.T) {
	testlevel.NeedFull(t, "the same clients judge package tftp at every level")
	t.Parallel()
	for _, c := range clients {
		t.Run(c.program, func(t *testing.T) {
			t.Parallel()
			program := need(t, c.program)
			s := newSite(t)
			image := noise(2<<20 + 123)
			weak := md5.Sum(image)
			local := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(local, image, 0o600); err != nil {
				t.Fatal(err)
			}
			r := s.start("receive", "--from", "127.0.0.1", "--name", "IMG/"+offered, "--md5", hex.EncodeToString(weak[:]), "--json")
			url := fmt.Sprintf("tftp://127.0.0.1:%d/", s.port)
			for from, name := range map[string]string{"127.0.0.2": "IMG/" + offered, "127.0.0.1": "other.bin"} {
				if out, err := s.curlFrom(from, "-T", local, url+name); err == nil {
					t.Errorf("%s has put %s: %s", from, name, out)
				}
			}
			if out, err := exec.Command(program, c.put(s, "img/"+offered, local)...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			o := r.wantCode(0)
			res := parse(t, o).Results[0]
			sum := sha256.Sum256(image)
			if res.Status != "ok" || res.Device != "127.0.0.1" || len(res.Files) != 1 || res.Files[0].SHA256 != hex.EncodeToString(sum[:]) ||
				res.Files[0].Evidence != "device-md5" || res.Files[0].Kind != "other" {
				t.Fatalf("%+v", res)
			}
			if blob := readAll(t, filepath.Join(s.data, "vault", vault.BlobKey(res.Files[0].SHA256))); !bytes.Equal(blob, image) {
				t.Error("the blob differs from the file that was sent")
			}
			if !strings.Contains(o.stderr, "refused: 127.0.0.2 sends") || !strings.Contains(o.stderr, "refused: 127.0.0.1 sends other.bin") {
				t.Errorf("shown was:\n%s", o.stderr)
			}
			if out, err := s.curlFrom("127.0.0.1", "-T", local, url+"img/"+offered); err == nil {
				t.Errorf("a second file was taken: %s", out)
			}
			s.wantEmptySpool()
			s.wantClean()
		})
	}
}

// rommon speaks TFTP as old loaders do: 512 bytes, no options, each request
// from a port of its own.
type rommon struct {
	t *testing.T
	c *net.UDPConn
	s *site
}

func (s *site) rommon() *rommon {
	s.t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return &rommon{s.t, c, s}
}

func (r *rommon) request(op uint16, name string) {
	r.t.Helper()
	b := bigendian.BigEndian.AppendUint16(nil, op)
	r.send(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: r.s.port}, append(b, name+"\x00octet\x00"...))
}

func (r *rommon) send(to *net.UDPAddr, b []byte) {
	r.t.Helper()
	if _, err := r.c.WriteToUDP(b, to); err != nil {
		r.t.Fatal(err)
	}
}

// receive gives the next packet: its op, block or code, and body.
func (r *rommon) receive() (op, n uint16, body []byte, from *net.UDPAddr) {
	r.t.Helper()
	b := make([]byte, 2048)
	if err := r.c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	size, from, err := r.c.ReadFromUDP(b)
	if err != nil || size < 4 {
		r.t.Fatalf("%d bytes, %v", size, err)
	}
	return bigendian.BigEndian.Uint16(b), bigendian.BigEndian.Uint16(b[2:]), b[4:size], from
}

func packet(op, n uint16, body ...byte) []byte {
	b := bigendian.BigEndian.AppendUint16(nil, op)
	return append(bigendian.BigEndian.AppendUint16(b, n), body...)
}

// fetch takes blocks until the file ends, or so many.
func (r *rommon) fetch(name string, blocks int) []byte {
	r.t.Helper()
	r.request(1, name)
	var got []byte
	for next := uint16(1); blocks != 0; {
		op, n, body, from := r.receive()
		if op != 3 {
			r.t.Fatalf("op %d, %d, %q", op, n, body)
		}
		if n != next {
			continue
		}
		next++
		blocks--
		got = append(got, body...)
		r.send(from, packet(4, n))
		if len(body) < 512 {
			break
		}
	}
	return got
}

// TestOfferToROMMON is a loader that asks three times, each time from another
// port, gives up twice, and spells the name in upper case.
func TestOfferToROMMON(t *testing.T) {
	testlevel.NeedFull(t, "starts the program many times")
	t.Parallel()
	s := newSite(t)
	image := noise(100 * 512) // its last block is empty
	s.hold(offered, image)
	r := s.start("offer", offered, "--to", "127.0.0.1", "--name", "c2900.bin")
	s.rommon().request(1, "c2900.bin")
	s.rommon().fetch("c2900.bin", 30)
	if got := s.rommon().fetch("/C2900.BIN", -1); !bytes.Equal(got, image) {
		t.Errorf("fetched %d bytes that are not the image", len(got))
	}
	if o := r.wantCode(0); !strings.Contains(o.stdout, " fetched c2900.bin (51.2 kB), 1 of 1 times") {
		t.Errorf("%s", o.stdout)
	}
}

// TestOfferTwice is an offer of two times, and of one that is not used up.
func TestOfferTwice(t *testing.T) {
	testlevel.NeedFull(t, "TestOfferOfSeveralTimes of package spool proves it in memory")
	t.Parallel()
	s := newSite(t)
	image := noise(1000)
	s.hold(offered, image)
	r := s.start("offer", offered, "--to", "127.0.0.1", "--times", "2", "--for", "1h")
	s.rommon().fetch(offered, -1)
	s.rommon().fetch(offered, -1)
	r.wantCode(0)
	r = s.start("offer", offered, "--to", "127.0.0.1", "--for", "2s", "--json")
	s.rommon().request(1, "something-else")
	o := r.wantCode(1)
	if res := parse(t, o).Results[0]; res.Status != "failed" || res.Cause != "refused_by_server" || !strings.Contains(res.Message, "something-else") {
		t.Errorf("%+v", res)
	}
	r = s.start("receive", "--from", "127.0.0.1", "--for", "1s", "--json")
	if res := parse(t, r.wantCode(1)).Results[0]; res.Status != "failed" || res.Cause != "no_request" || res.Hint == "" {
		t.Errorf("%+v", res)
	}
}

// TestInterruptedPermits stops both commands in the middle of a transfer.
func TestInterruptedPermits(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			testlevel.NeedFull(t, "starts the program, and stops it with signals")
			t.Parallel()
			s := newSite(t)
			s.hold(offered, noise(100_000))
			r := s.start("offer", offered, "--to", "127.0.0.1", "--json")
			s.rommon().fetch(offered, 5)
			r.signal(c.signal)
			if res := parse(t, r.wantCode(c.code)).Results[0]; res.Cause != "cancelled" {
				t.Errorf("%+v", res)
			}
			r = s.start("receive", "--from", "127.0.0.1", "--json")
			s.rommon().put("x.bin", noise(5*512), false)
			r.signal(c.signal)
			if res := parse(t, r.wantCode(c.code)).Results[0]; res.Cause != "cancelled" {
				t.Errorf("%+v", res)
			}
			s.wantEmptySpool()
			s.wantClean()
		})
	}
}

// put sends content; it returns when the last packet was answered. whole says
// whether the last block ends the file. The ERROR that comes is returned.
func (r *rommon) put(name string, content []byte, whole bool) (code uint16, text string, ok bool) {
	r.t.Helper()
	r.request(2, name)
	for next := uint16(0); ; {
		op, n, body, from := r.receive()
		switch {
		case op == 5:
			return n, string(bytes.TrimRight(body, "\x00")), false
		case op != 4 || n != next:
			continue
		}
		start := int(next) * 512
		if start > len(content) || !whole && start == len(content) {
			return 0, "", true
		}
		next++
		r.send(from, packet(3, next, content[start:min(start+512, len(content))]...))
	}
}

// TestReceiveKilled kills the process in the middle of a file: the vault is
// whole, and the next start sweeps the spool.
func TestReceiveKilled(t *testing.T) {
	testlevel.NeedFull(t, "package vault/dir proves it at every step, and TestOpenSweeps of package spool")
	t.Parallel()
	s := newSite(t)
	r := s.start("receive", "--from", "127.0.0.1")
	s.rommon().put("x.bin", noise(200*512), false)
	r.signal(syscall.SIGKILL)
	r.wait()
	if left, err := filepath.Glob(filepath.Join(s.data, "spool", "*")); err != nil || len(left) != 1 {
		t.Errorf("the spool has %v (%v), want the half of a file", left, err)
	}
	s.wantClean()
	r = s.start("receive", "--from", "127.0.0.1")
	s.wantEmptySpool()
	r.signal(syscall.SIGINT)
	r.wantCode(130)
}

// TestFinalACKMeansKept kills the process as soon as the final ACK has come:
// what the device believes to be saved is in the vault.
func TestFinalACKMeansKept(t *testing.T) {
	testlevel.NeedFull(t, "TestKeptBeforeTheFinalACK of package spool proves it in memory")
	t.Parallel()
	s := newSite(t)
	for range 5 {
		r := s.start("receive", "--from", "127.0.0.1")
		content := noise(3*512 + 7)
		_, text, ok := s.rommon().put("vlan.dat", content, true)
		r.signal(syscall.SIGKILL)
		r.wait()
		sum := sha256.Sum256(content)
		if digest := hex.EncodeToString(sum[:]); !ok || !strings.Contains(s.ok("export", s.latest(), "-o", t.TempDir(), "--json").stdout, digest) {
			t.Errorf("acknowledged (%v %s) and not kept", ok, text)
		}
	}
	s.wantClean()
}

// latest is the ID of the newest snapshot.
func (s *site) latest() string {
	s.t.Helper()
	ids, err := filepath.Glob(filepath.Join(s.data, "vault", "snapshots", "*", "*", "*.json"))
	if err != nil || len(ids) == 0 {
		s.t.Fatalf("no snapshot (%v)", err)
	}
	newest, at := "", time.Time{}
	for _, id := range ids {
		info, err := os.Stat(id)
		if err != nil {
			s.t.Fatal(err)
		}
		if info.ModTime().After(at) {
			newest, at = id, info.ModTime()
		}
	}
	return strings.TrimSuffix(filepath.Base(newest), ".json")
}

// TestReceiveRefuses sends files that are not kept and may be sent again.
func TestReceiveRefuses(t *testing.T) {
	testlevel.NeedFull(t, "TestReceiveAgain of package spool proves it in memory")
	t.Parallel()
	s := newSite(t)
	right := noise(1000)
	weak := md5.Sum(right)
	r := s.start("receive", "--from", "127.0.0.1", "--max-size", "2kB", "--md5", hex.EncodeToString(weak[:]))
	if code, text, ok := s.rommon().put("x", noise(3000), true); ok || code != 3 {
		t.Errorf("too large: ERROR %d %s", code, text)
	}
	if code, text, ok := s.rommon().put("x", noise(1000), true); ok || code != 0 || !strings.Contains(text, "digest") {
		t.Errorf("another digest: ERROR %d %s", code, text)
	}
	s.wantEmptySpool()
	if _, text, ok := s.rommon().put("x", right, true); !ok {
		t.Errorf("refused: %s", text)
	}
	r.wantCode(0)
	s.wantClean()
}

// TestReceiveByRules lets devices push by the rules of the configuration.
func TestReceiveByRules(t *testing.T) {
	testlevel.NeedFull(t, "TestRules of package spool proves it in memory")
	t.Parallel()
	s := newSite(t)
	rules := s.file("rules.yaml", "receive:\n  - from: 127.0.0.0/30\n    name: \"*-config-*\"\n    max-size: 10kB\n    device: sw1")
	r := s.start("receive", "--config", rules, "--json")
	for range 2 { // the same name twice: two snapshots
		if _, text, ok := s.rommon().put("/sw1-config-1", noise(1000), true); !ok {
			t.Errorf("refused: %s", text)
		}
	}
	for name, content := range map[string][]byte{"vlan.dat": noise(10), "../x-config-1": noise(10), "sw1-config-2": noise(11_000)} {
		want := uint16(2)
		if len(content) > 10_000 {
			want = 3
		}
		if code, text, ok := s.rommon().put(name, content, true); ok || code != want {
			t.Errorf("%s: ERROR %d %s, want %d", name, code, text, want)
		}
	}
	s.wantEmptySpool()
	r.signal(syscall.SIGTERM)
	d := parse(t, r.wantCode(0))
	if len(d.Results) != 2 || d.Results[0].Snapshot == d.Results[1].Snapshot || d.Results[0].Device != "sw1" || d.Results[0].Files[0].Evidence != "size-only" {
		t.Errorf("%+v", d)
	}
	if o := s.ok("snapshots", "sw1", "--json"); strings.Count(o.stdout, `"snapshot"`) != 2 {
		t.Errorf("%s", o.stdout)
	}
	s.wantClean()
	r = s.start("receive", "--config", rules)
	r.signal(syscall.SIGINT)
	r.wantCode(130)
}

// TestRestoreFromABackup has a device that has sent a file since its last
// backup: the backup is restored.
func TestRestoreFromABackup(t *testing.T) {
	testlevel.NeedFull(t, "starts the program many times")
	t.Parallel()
	s := newSite(t)
	s.add("sw1", "c3750", iossim.Options{LargestImage: imageSize})
	s.ok("backup", "sw1")
	r := s.start("receive", "--from", "127.0.0.1", "--device", "sw1")
	if _, text, ok := s.rommon().put("sw1-config-1", noise(1000), true); !ok {
		t.Errorf("refused: %s", text)
	}
	r.wantCode(0)
	if o := s.ok("restore", "sw1", "--dry-run"); !strings.Contains(o.stdout, "flash:/vlan.dat") || strings.Contains(o.stdout, "sw1-config-1") {
		t.Errorf("restored is not the backup:\n%s%s", o.stdout, o.stderr)
	}
	if o := s.run("restore", "sw1", "--snapshot", s.latest(), "--yes"); o.code != 3 && o.code != 4 || !strings.Contains(o.stdout+o.stderr, "--to") {
		t.Errorf("a received file without --to: %d\n%s%s", o.code, o.stdout, o.stderr)
	}
}

// TestReceiveOnAFullDisk has a disk that is smaller than the file: ERROR 3,
// nothing stays behind, and a smaller file is still taken.
func TestReceiveOnAFullDisk(t *testing.T) {
	testlevel.NeedFull(t, "TestFullDiskIsToldBeforeTheFirstByte of package spool proves it in memory")
	t.Parallel()
	s := smallSite(t, 3<<20)
	r := s.start("receive", "--from", "127.0.0.1", "--json")
	if code, text, ok := s.rommon().put("x.bin", noise(4<<20), true); ok || code != 3 {
		t.Errorf("ERROR %d %s", code, text)
	}
	s.wantEmptySpool()
	if _, text, ok := s.rommon().put("vlan.dat", noise(1000), true); !ok {
		t.Errorf("refused: %s", text)
	}
	if res := parse(t, r.wantCode(0)).Results[0]; res.Files[0].Path != "tftp:/vlan.dat" {
		t.Errorf("%+v", res)
	}
	s.wantClean()
}
