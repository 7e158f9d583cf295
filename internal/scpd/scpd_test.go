package scpd_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/scpd"
	"flashwarden/internal/spool"
	"flashwarden/internal/testlevel"
)

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	stranger = netip.MustParseAddr("127.0.0.66")
)

// own makes host keys, and returns their directory, once for all tests.
var own = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "flashwarden-scpd-")
	if err != nil {
		panic(err)
	}
	if _, err := scpd.HostKeys(dir, false, slog.New(slog.DiscardHandler)); err != nil {
		panic(err)
	}
	return dir
})

func TestMain(m *testing.M) {
	dir := own()
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func keys(t *testing.T, legacy bool) []ssh.Signer {
	t.Helper()
	all, err := scpd.HostKeys(own(), legacy, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestHostKeys keeps the keys that it made, in files that nobody else may read.
func TestHostKeys(t *testing.T) {
	first, second := keys(t, false), keys(t, true)
	for i, kind := range []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSA} {
		if first[i].PublicKey().Type() != kind || !bytes.Equal(first[i].PublicKey().Marshal(), second[i].PublicKey().Marshal()) {
			t.Errorf("key %d is of type %s, or another one the second time", i, first[i].PublicKey().Type())
		}
	}
	if n := len(first[1].PublicKey().Marshal()); n < 3072/8 {
		t.Errorf("the RSA key has %d bytes", n)
	}
	files, err := filepath.Glob(filepath.Join(own(), "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("the files are %q, %v", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	dir := t.TempDir()
	broken := filepath.Join(dir, "scp_host_ed25519_key")
	if err := os.WriteFile(broken, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := scpd.HostKeys(dir, false, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), broken) {
		t.Errorf("a broken key: %v", err)
	}
}

// bench is a server with a spool on loopback.
type bench struct {
	*testing.T
	*spool.Spool
	dir  string
	at   string // ADDRESS:PORT
	log  *locked
	stop func() error
}

func newBench(t *testing.T, legacy bool) *bench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	s, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, Spool: s, dir: dir, at: l.Addr().String(), log: new(locked)}
	server := &scpd.Server{Store: s, Keys: keys(t, legacy), Legacy: legacy, Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		b.wantEmpty()
	})
	return b
}

// locked is a text for several goroutines.
type locked struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// expect makes a ticket for a file of this size.
func (b *bench) expect(device netip.Addr, size int64) *spool.Ticket {
	t := b.ExpectPut(device, size, time.Now().Add(time.Hour))
	b.Cleanup(func() { t.Close() })
	return t
}

func (b *bench) wantEmpty() {
	b.Helper()
	left, err := os.ReadDir(b.dir)
	if err != nil {
		b.Fatal(err)
	}
	if len(left) > 0 {
		b.Errorf("left in the spool: %v", left)
	}
}

// wantFile checks that the ticket got this content.
func (b *bench) wantFile(t *spool.Ticket, content []byte) {
	b.Helper()
	select {
	case <-t.Ended():
	default:
		b.Fatalf("the ticket has not ended: %+v; %s", t.Evidence(), b.log)
	}
	f, err := t.Wait(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, content) {
		b.Errorf("the file differs from the one that was sent (%v)", err)
	}
}

// file makes a file with random content.
func (b *bench) file(size int) (name string, content []byte) {
	b.Helper()
	content = make([]byte, size)
	rand.Read(content)
	name = filepath.Join(b.TempDir(), "image.bin")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		b.Fatal(err)
	}
	return name, content
}

// program returns the path of a peer.
func (b *bench) program(name string) string {
	b.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		testlevel.Missing(b, name+" is not installed")
	}
	return path
}

// scp sends a file with OpenSSH's scp, and returns its words.
func (b *bench) scp(t *spool.Ticket, file, to string, args ...string) (string, error) {
	return b.runSCP(t, append(args, file, t.Name+"@127.0.0.1:"+to))
}

// fetch fetches one.
func (b *bench) fetch(t *spool.Ticket, file, to string, args ...string) (string, error) {
	return b.runSCP(t, append(args, t.Name+"@127.0.0.1:"+file, to))
}

// runSCP runs OpenSSH's scp, which gets the password of the ticket where it asks.
func (b *bench) runSCP(t *spool.Ticket, args []string) (string, error) {
	b.Helper()
	dir := b.TempDir()
	ask := filepath.Join(dir, "ask")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\necho \"$ONCE\"\n"), 0o700); err != nil {
		b.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(b.at)
	args = append([]string{"-O", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=" + filepath.Join(dir, "known"),
		"-o", "NumberOfPasswordPrompts=1", "-o", "PubkeyAuthentication=no", "-P", port}, args...)
	c := exec.Command(b.program("scp"), args...)
	c.Env = append(os.Environ(), "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force", "ONCE="+t.Password, "DISPLAY=none:0")
	said, err := c.CombinedOutput()
	return string(said), err
}

// TestOpenSSHPuts has OpenSSH's scp send a file in each of its ways, once with each ticket.
func TestOpenSSHPuts(t *testing.T) {
	b := newBench(t, false)
	const size = 1 << 20
	name, content := b.file(size)
	for way, args := range map[string][]string{
		"usual":                {},
		"with its times":       {"-p"},
		"compressed":           {"-C"},
		"CTR, RSA":             {"-c", "aes128-ctr", "-o", "HostKeyAlgorithms=rsa-sha2-256", "-o", "KexAlgorithms=diffie-hellman-group14-sha1"},
		"asked for a password": {"-o", "PreferredAuthentications=password"},
	} {
		ticket := b.expect(loopback, size)
		if said, err := b.scp(ticket, name, ticket.Name, args...); err != nil {
			t.Fatalf("%s: %v: %s; %s", way, err, said, b.log)
		}
		b.wantFile(ticket, content)
		if said, err := b.scp(ticket, name, ticket.Name, args...); err == nil {
			t.Errorf("%s: the second use of the ticket: %s", way, said)
		}
		if strings.Contains(b.log.String(), ticket.Password) {
			t.Errorf("%s: the password is in the log", way)
		}
		if err := ticket.Close(); err != nil {
			t.Error(err)
		}
	}
	empty := b.expect(loopback, 0)
	if said, err := b.scp(empty, os.DevNull, "/"+empty.Name); err == nil {
		t.Errorf("a file that is no regular file was sent: %s", said)
	}
}

// TestOpenSSHIsRefused shows the reason to the person who types the command.
func TestOpenSSHIsRefused(t *testing.T) {
	b := newBench(t, false)
	name, _ := b.file(5000)
	for what, c := range map[string]struct {
		size int64
		to   string
		args []string
		said string
	}{
		"larger than announced":  {4999, "", nil, "size"},
		"smaller than announced": {5001, "", nil, "size"},
		"another name":           {5000, "../../etc/passwd", nil, "not expected"},
		"a directory":            {5000, "", []string{"-r"}, ""},
		"an old signature":       {5000, "", []string{"-o", "HostKeyAlgorithms=ssh-rsa"}, "no matching host key"},
		"an old group":           {5000, "", []string{"-o", "KexAlgorithms=diffie-hellman-group1-sha1"}, "no matching key exchange"},
		"an old cipher":          {5000, "", []string{"-c", "aes128-cbc"}, "no matching cipher"},
	} {
		ticket := b.expect(loopback, c.size)
		if c.to == "" {
			c.to = ticket.Name
		}
		said, err := b.scp(ticket, name, c.to, c.args...)
		if err == nil || !strings.Contains(said, c.said) {
			t.Errorf("%s: %v: %q", what, err, said)
		}
		if ticket.Evidence().Complete > 0 {
			t.Errorf("%s: the ticket has its file", what)
		}
	}
}

// TestLegacy takes the algorithms of old IOS if the configuration says so.
func TestLegacy(t *testing.T) {
	b := newBench(t, true)
	name, content := b.file(5000)
	ticket := b.expect(loopback, 5000)
	said, err := b.scp(ticket, name, ticket.Name, "-c", "aes128-cbc", "-o", "HostKeyAlgorithms=ssh-rsa", "-o", "KexAlgorithms=diffie-hellman-group1-sha1", "-o", "MACs=hmac-sha1")
	if err != nil {
		t.Fatalf("%v: %s; %s", err, said, b.log)
	}
	b.wantFile(ticket, content)
}

// TestParamikoPuts has Python's paramiko send a file, with its module scp.
func TestParamikoPuts(t *testing.T) {
	const script = `
import sys, paramiko
from scp import SCPClient
host, port, user, file = sys.argv[1:]
c = paramiko.SSHClient()
c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
c.connect(host, int(port), user, sys.stdin.readline().strip(), look_for_keys=False, allow_agent=False)
with SCPClient(c.get_transport()) as s:
    s.put(file, user, preserve_times=True)
`
	b := newBench(t, false)
	const python = "/usr/bin/python3" // that of Debian has the module
	if exec.Command(python, "-c", "import paramiko, scp").Run() != nil {
		testlevel.Missing(t, "paramiko of python3-paramiko, and python3-scp")
	}
	name, content := b.file(1 << 20)
	ticket := b.expect(loopback, 1<<20)
	host, port, _ := net.SplitHostPort(b.at)
	c := exec.Command(python, "-c", script, host, port, ticket.Name, name)
	c.Stdin = strings.NewReader(ticket.Password + "\n")
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s; %s", err, said, b.log)
	}
	b.wantFile(ticket, content)
}

// offer makes a ticket with a password for a file that a device fetches.
func (b *bench) offer(device netip.Addr, name string, content []byte) *spool.Ticket {
	b.Helper()
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256(content)
	t, err := b.Offer(b.Context(), f, spool.Offer{Device: device, SHA256: hex.EncodeToString(sum[:]), Deadline: time.Now().Add(time.Hour), Secret: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { t.Close() })
	return t
}

// TestOpenSSHFetches has OpenSSH's scp fetch a file, once.
func TestOpenSSHFetches(t *testing.T) {
	b := newBench(t, false)
	name, content := b.file(1 << 20)
	for way, args := range map[string][]string{"usual": {}, "with its times": {"-p"}} {
		ticket := b.offer(loopback, name, content)
		to := filepath.Join(t.TempDir(), "copy")
		if said, err := b.fetch(ticket, ticket.Name, to, args...); err != nil {
			t.Fatalf("%s: %v: %s; %s", way, err, said, b.log)
		}
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: another file arrived (%v)", way, err)
		}
		if _, err := ticket.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if said, err := b.fetch(ticket, ticket.Name, to, args...); err == nil {
			t.Errorf("%s: the second use of the ticket: %s", way, said)
		}
	}
	ticket := b.offer(loopback, name, content)
	to := filepath.Join(t.TempDir(), "copy")
	if said, err := b.fetch(ticket, "/etc/passwd", to); err == nil || !strings.Contains(said, "not expected") {
		t.Errorf("another file: %v, %s", err, said)
	}
	if said, err := b.fetch(ticket, ticket.Name, to, "-r"); err == nil {
		t.Errorf("a directory: %s", said)
	}
	if said, err := b.scp(ticket, name, ticket.Name); err == nil {
		t.Errorf("an upload to an offer: %s", said)
	}
	upload := b.expect(loopback, 5)
	if said, err := b.fetch(upload, upload.Name, to); err == nil {
		t.Errorf("a download of an upload: %s", said)
	}
}

// dial logs in from an address.
func (b *bench) dial(from netip.Addr, name, password string) (*ssh.Client, error) {
	b.Helper()
	c := &ssh.ClientConfig{User: name, Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	raw, err := d.Dial("tcp", b.at)
	if err != nil {
		b.Fatal(err)
	}
	if err := raw.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		b.Fatal(err)
	}
	conn, channels, requests, err := ssh.NewClientConn(raw, b.at, c)
	if err != nil {
		raw.Close()
		return nil, err
	}
	client := ssh.NewClient(conn, channels, requests)
	b.Cleanup(func() { client.Close() })
	return client, nil
}

// TestLogins lets in only who has the name and the password of a ticket, from the address of its
// device.
func TestLogins(t *testing.T) {
	b := newBench(t, false)
	ticket, foreign := b.expect(loopback, 5), b.expect(stranger, 5)
	for what, c := range map[string]struct {
		from           netip.Addr
		name, password string
	}{
		"no password":            {loopback, ticket.Name, ""},
		"a wrong password":       {loopback, ticket.Name, "x"},
		"the other's password":   {loopback, ticket.Name, foreign.Password},
		"another name":           {loopback, "root", ticket.Password},
		"no name":                {loopback, "", ""},
		"from a strange address": {loopback, foreign.Name, foreign.Password},
	} {
		if _, err := b.dial(c.from, c.name, c.password); err == nil {
			t.Errorf("%s: logged in", what)
		}
	}
	if e := foreign.Evidence(); len(e.WrongSource) != 1 || e.WrongSource[0] != loopback || e.Requested {
		t.Errorf("evidence %+v", e)
	}
	if e := ticket.Evidence(); e.Requested || e.Refused == nil || e.Handshake != nil {
		t.Errorf("evidence %+v", e)
	}
	if _, err := b.dial(loopback, ticket.Name, ticket.Password); err != nil {
		t.Errorf("the right one: %v", err)
	}
	if strings.Contains(b.log.String(), ticket.Password) {
		t.Error("the password is in the log")
	}
}

// TestConfined asks for all that an SSH server could do, with the right password. Nothing is granted.
func TestConfined(t *testing.T) {
	b := newBench(t, false)
	ticket := b.expect(loopback, 4)
	c, err := b.dial(loopback, ticket.Name, ticket.Password)
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "no-such-request"} {
		if ok, _, err := c.SendRequest(request, true, ssh.Marshal(struct {
			Host string
			Port uint32
		}{"127.0.0.1", 0})); ok || err != nil {
			t.Errorf("%s: %t, %v", request, ok, err)
		}
	}
	for _, kind := range []string{"direct-tcpip", "direct-streamlocal@openssh.com", "forwarded-tcpip", "auth-agent@openssh.com", "x11", "tun@openssh.com"} {
		if _, _, err := c.OpenChannel(kind, nil); err == nil {
			t.Errorf("a channel %s was opened", kind)
		}
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.NewSession(); err == nil {
		t.Error("a second session was opened")
	}
	for _, request := range []string{"env", "x11-req", "auth-agent-req@openssh.com", "signal", "no-such-request"} {
		if ok, err := s.SendRequest(request, true, ssh.Marshal(struct{ Name, Value string }{"LD_PRELOAD", "x"})); ok || err != nil {
			t.Errorf("%s: %t, %v", request, ok, err)
		}
	}
	if err := s.Run("scp -t " + ticket.Name); err == nil {
		t.Error("a session without a file ended with success")
	}
	if e := ticket.Evidence(); e.Requested || e.Complete > 0 {
		t.Errorf("evidence %+v", e)
	}
}

// TestCommands runs other commands than the one of a device.
func TestCommands(t *testing.T) {
	b := newBench(t, false)
	ticket := b.expect(loopback, 4)
	for _, command := range []string{
		"", "id", "sh", "scp", "scp -t", "scp -f NAME", "scp -r -t NAME", "scp -d -t NAME", "scp -tr NAME", "scp -tf NAME", "scp -t -f NAME", "scp -p NAME", "scp NAME", "scp -t a NAME", "scp -t NAME NAME",
		"scp -S /bin/sh -t NAME", "/usr/bin/scp -t NAME", "scp -t NAME;id", "scp -t $(id)", "scp -t ../NAME", "scp -t NAME/x", "SHELL", "SUBSYSTEM",
	} {
		c, err := b.dial(loopback, ticket.Name, ticket.Password)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		s.Stdin, s.Stdout = strings.NewReader("C0644 4 x\nfile\x00"), &out
		switch command {
		case "SHELL":
			if err = s.Shell(); err == nil {
				err = s.Wait()
			}
		case "SUBSYSTEM":
			err = s.RequestSubsystem("sftp")
		default:
			err = s.Run(strings.ReplaceAll(command, "NAME", ticket.Name))
		}
		if err == nil {
			t.Errorf("%q: succeeded, and said %q", command, &out)
		}
		c.Close()
	}
	e := ticket.Evidence()
	if e.Complete > 0 || e.Bytes > 0 {
		t.Errorf("evidence %+v", e)
	}
	for _, want := range []string{"exec id", "exec sh"} {
		if !slices.Contains(e.Strays, want) || !strings.Contains(b.log.String(), want) {
			t.Errorf("%q is not in the evidence %q, or not in the log", want, e.Strays)
		}
	}
	b.wantEmpty()
}

// longest is more than a line of the log, and more than a reason, may have of what a client says, in bytes.
const longest = 2000

// wantShort waits for the log of so many clients, and checks that the log and the evidence quote only the
// beginning of what a client says.
func (b *bench) wantShort(ticket *spool.Ticket, clients int) {
	b.Helper()
	for end := time.Now().Add(time.Minute); strings.Count(b.log.String(), "no file by SCP") < clients && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	for line := range strings.Lines(b.log.String()) {
		if len(line) > longest {
			b.Errorf("a line of the log has %d bytes: %.200s", len(line), line)
		}
	}
	e := ticket.Evidence()
	if seen := fmt.Sprint(e.Handshake, e.Strays); len(seen) > longest {
		b.Errorf("the evidence has %d bytes: %.200s", len(seen), seen)
	}
}

// TestLongHandshake offers very long algorithms. Nobody has proved who it is by then.
func TestLongHandshake(t *testing.T) {
	b := newBench(t, false)
	ticket := b.expect(loopback, 4)
	c, err := net.Dial("tcp", b.at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	payload := append([]byte{20}, make([]byte, 16)...) // SSH_MSG_KEXINIT: RFC 4253 section 7.1
	for range 10 {
		payload = append(payload, ssh.Marshal(struct{ Algorithms string }{strings.Repeat("x", 10_000)})...)
	}
	payload = append(payload, make([]byte, 5)...)
	padding := 8 - (5+len(payload)+4)%8 + 4
	packet := append(binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding)), byte(padding))
	packet = append(append(packet, payload...), make([]byte, padding)...)
	if _, err := c.Write(append([]byte("SSH-2.0-x\r\n"), packet...)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, c) // until the server hangs up
	b.wantShort(ticket, 1)
	if ticket.Evidence().Handshake == nil {
		t.Errorf("no reason was noted; %s", b.log)
	}
}

// TestLongName asks for files with very long names.
func TestLongName(t *testing.T) {
	b := newBench(t, false)
	ticket := b.expect(loopback, 4)
	for _, letter := range []string{"x", "y"} {
		c, err := b.dial(loopback, ticket.Name, ticket.Password)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		s.Stdin = strings.NewReader("C0644 4 x\nfile\x00")
		if err := s.Run("scp -t " + letter + strings.Repeat("x", 20_000)); err == nil {
			t.Error("a file with another name was taken")
		}
		c.Close()
	}
	b.wantShort(ticket, 2)
	if len(ticket.Evidence().Strays) == 0 {
		t.Error("no other name was noted")
	}
}

// TestQuietWithoutTicket talks to nobody while no file is expected.
func TestQuietWithoutTicket(t *testing.T) {
	b := newBench(t, false)
	raw, err := net.Dial("tcp", b.at)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if n, err := raw.Read(make([]byte, 100)); n > 0 || err == nil {
		t.Errorf("the server said something: %d bytes, %v", n, err)
	}
}

// TestCutOff ends a ticket whose device hangs up in the middle of the file.
func TestCutOff(t *testing.T) {
	b := newBench(t, false)
	ticket := b.expect(loopback, 100_000)
	c, err := b.dial(loopback, ticket.Name, ticket.Password)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("scp -t " + ticket.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(in, "C0644 100000 image.bin\n%s", strings.Repeat("x", 50_000)); err != nil {
		t.Fatal(err)
	}
	for range 60_000 { // a minute
		if ticket.Evidence().Bytes == 50_000 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if f, err := ticket.Wait(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the ticket ended with %v, %v", f, err)
	}
}
