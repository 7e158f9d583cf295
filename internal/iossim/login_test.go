package iossim

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"flashwarden/internal/testlevel"
)

func TestTelnetLogin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    Options
		keys []string // pairs: expected text, keys to type
		end  string
	}{
		"user name": {Options{Username: "admin", Password: "pw"},
			[]string{"Username: ", "admin\r", "Password: ", "pw\r"}, "sw-cellar#"},
		"user name after an empty one": {Options{Username: "admin", Password: "pw"},
			[]string{"Username: ", "\r\n", "Username: ", "admin\r\n", "Password: ", "pw\r\n"}, "sw-cellar#"},
		"password alone": {Options{Password: "pw"},
			[]string{"Password: ", "pw\r\x00"}, "sw-cellar#"},
		"second try": {Options{Username: "admin", Password: "pw"},
			[]string{"Username: ", "admin\r", "Password: ", "no\r", "% Login invalid", "", "Username: ", "admin\r", "Password: ", "pw\r"}, "sw-cellar#"},
		"wrong user": {Options{Username: "admin", Password: "pw"},
			[]string{"Username: ", "root\r", "Password: ", "pw\r"}, "% Login invalid"},
		"enable": {Options{Password: "pw", EnablePassword: "en"},
			[]string{"Password: ", "pw\r", "sw-cellar>", "enable\r", "Password: ", "no\r", "Password: ", "en\r"}, "sw-cellar#"},
		"enable refused": {Options{Password: "pw", EnablePassword: "en"},
			[]string{"Password: ", "pw\r", "sw-cellar>", "enable\r", "Password: ", "a\r", "Password: ", "b\r", "Password: ", "c\r"}, "% Bad secrets\r\n\r\nsw-cellar>"},
		"none set": {Options{Username: "admin"}, nil, "Password required, but none set"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New("c3500xl", c.o)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			l := dialTelnet(t, s)
			for i := 0; i < len(c.keys); i += 2 {
				l.expect(c.keys[i])
				l.send(c.keys[i+1])
			}
			l.expect(c.end)
			journal := strings.Join(s.Commands(), "\n")
			for _, secret := range []string{"pw", "en\n"} {
				if strings.Contains(journal+"\n", " "+secret) {
					t.Errorf("a secret is in the journal:\n%s", journal)
				}
			}
		})
	}
}

func TestTelnetLoginRefused(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3500xl", Options{Username: "admin", Password: "pw"})
	l := dialTelnet(t, s)
	for range 3 {
		l.expect("Username: ")
		l.send("admin\r")
		l.expect("Password: ")
		l.send("wrong\r")
	}
	if rest := l.expectEnd(); strings.Contains(rest, "#") || !strings.Contains(rest, "% Login invalid") {
		t.Errorf("last words: %q", rest)
	}
}

func TestSSHLogin(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{EnablePassword: "en"})
	if _, err := dialSSH(t, s, "wrong"); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("a wrong password: %v", err)
	}
	other := launch(t, "c3750", Options{Username: "somebody"})
	if _, err := dialSSH(t, other, "cisco"); err == nil {
		t.Error("a wrong user name with the right password")
	}
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	if v := string(c.ServerVersion()); v != "SSH-2.0-Cisco-1.25" {
		t.Errorf("version %s", v)
	}
	l := shell(t, c, 80, 24)
	l.expect("sw-office>")
	l.send("enable\r")
	l.expect("Password: ")
	l.send("en\r")
	l.expect("sw-office#")
	if _, err := c.NewSession(); err == nil {
		t.Error("a second session in one connection")
	}
	l.send("exit\r")
	l.expectEnd()
}

// The old switch has no algorithm in common with a modern client; the new one
// has.
func TestSSHAlgorithms(t *testing.T) {
	t.Parallel()
	for profile, wantErr := range map[string]string{"c3750": "no common algorithm", "c9300": ""} {
		s := launch(t, profile, Options{})
		modern := ssh.SupportedAlgorithms()
		c, err := ssh.Dial("tcp", s.Addr().String(), &ssh.ClientConfig{
			Config:            ssh.Config{KeyExchanges: modern.KeyExchanges, Ciphers: modern.Ciphers, MACs: modern.MACs},
			HostKeyAlgorithms: modern.HostKeys,
			User:              "admin", Auth: []ssh.AuthMethod{ssh.Password("cisco")},
			HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		})
		if err == nil {
			c.Close()
		}
		if (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: %v, want %q", profile, err, wantErr)
		}
	}
}

// A host key as short as on a switch with the default modulus.
func TestWeakHostKey(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{HostKeyBits: 512})
	if _, err := dialSSH(t, s, "cisco"); err == nil || !strings.Contains(err.Error(), "512-bit keys are insecure") {
		t.Errorf("login with a host key of 512 bits: %v", err)
	}
}

func TestHostKeyStaysOrChanges(t *testing.T) {
	t.Parallel()
	key := func(o Options) string {
		t.Helper()
		s := launch(t, "c3750", o)
		var got string
		c, err := ssh.Dial("tcp", s.Addr().String(), &ssh.ClientConfig{
			Config:            ssh.Config{Ciphers: s.profile.Ciphers},
			HostKeyAlgorithms: []string{"ssh-rsa"}, User: "admin", Auth: []ssh.AuthMethod{ssh.Password("cisco")},
			HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
				got = ssh.FingerprintSHA256(k)
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		return got
	}
	first := key(Options{})
	if again := key(Options{}); again != first {
		t.Errorf("the same switch has the host key %s, then %s", first, again)
	}
	if other := key(Options{HostKeySeed: "other"}); other == first {
		t.Error("another seed gave the same host key")
	}
}

func TestSSHExec(t *testing.T) {
	t.Parallel()
	s := launch(t, "c9300", Options{})
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.Output("show version | include image")
	if err != nil || string(out) != "\r\nSystem image file is \"flash:packages.conf\"\r\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// peer is a real client program on its own terminal. The test is skipped if the
// program is not installed.
func peer(t *testing.T, name string, args ...string) *line {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		testlevel.Missing(t, name+" is not installed")
	}
	near, far := openTerminal(t)
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(os.Environ(), "TERM=vt100", "SSH_AUTH_SOCK=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	l := newLine(t, near, near)
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		near.Close()
	})
	return l
}

// openTerminal makes a pseudo-terminal of 80 by 24 (pts(4)).
func openTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("pseudo-terminals are opened as Linux does")
	}
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(int(near.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	n, err2 := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	far, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

// client logs in with the usual program of a person: OpenSSH's ssh, or Debian's
// telnet.
func client(t *testing.T, s *Switch) *line {
	t.Helper()
	port := strconv.Itoa(int(s.Addr().Port()))
	if s.Transport() == transportTelnet {
		l := peer(t, "telnet", "127.0.0.1", port)
		l.expect("Username: ")
		l.send("admin\r")
		l.expect("Password: ")
		l.send("cisco\r")
		return l
	}
	args := []string{"-F", "none", "-p", port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=" + filepath.Join(t.TempDir(), "known")}
	if s.LegacyCrypto() {
		args = append(args, "-o", "KexAlgorithms=+diffie-hellman-group14-sha1", "-o", "HostKeyAlgorithms=+ssh-rsa",
			"-o", "Ciphers=+aes128-cbc", "-o", "MACs=+hmac-sha1", "-o", "RequiredRSASize=1024")
	}
	l := peer(t, "ssh", append(args, "admin@127.0.0.1")...)
	l.expect("assword: ")
	l.send("cisco\r")
	return l
}

// Real client programs can log in to every profile.
func TestRealClients(t *testing.T) {
	t.Parallel()
	for _, profile := range Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			s := launch(t, profile, Options{})
			l := client(t, s)
			prompt := s.Hostname() + "#"
			l.expect(prompt)
			l.send("terminal length 0\r")
			l.expect(prompt)
			l.send("show version\r")
			l.expect("System image file is \"" + s.profile.Image + "\"")
			if !s.profile.can(romVariables) {
				l.expect("Configuration register is 0x")
			}
			l.expect(prompt)
			l.send("exit\r")
			l.expect("closed")
		})
	}
}

func TestTour(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"c3500xl", "c3750", "c9300"} { // Telnet, SSH with old algorithms, SSH
		t.Run(profile, func(t *testing.T) {
			s := launch(t, profile, Options{})
			tour(t, s, client(t, s))
		})
	}
}

// tour types the commands of a person who looks around.
func tour(t *testing.T, s *Switch, l *line) {
	t.Helper()
	prompt := s.Hostname() + "#"
	l.expect(prompt)
	l.send("sho?")
	l.expect("show\r\n\r\n" + prompt + "sho")
	l.send("\x7fow ver\r")
	l.expect("System image file is \"flash:")
	l.expect(morePrompt)
	l.send("q")
	l.expect(prompt)
	l.send("copy flash: tftp:\r")
	l.expect("Source filename []? ")
	l.send("\x03")
	l.expect(prompt)
	l.send("nothing\x03")
	l.expect(prompt)
	l.send("exit\r")
	l.expect("closed")
}

// A person at a terminal breaks off a copy with the keys of IOS.
func TestOpenSSHBreaksOff(t *testing.T) {
	t.Parallel()
	s := launch(t, "c9300", Options{TFTPPort: 9, Timeout: time.Minute})
	l := client(t, s)
	l.expect(s.Hostname() + "#")
	l.send("copy flash:/vlan.dat tftp://127.0.0.1/x\r\r\r")
	l.expect("Destination filename [x]? ")
	l.expect("\r\n")
	l.send("\x1e")
	l.expect("%Error opening tftp://127.0.0.1/x (Aborted)")
}
