package iossim

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/testlevel"
)

// scpUser makes a key, and returns its file and its line of authorized_keys.
func scpUser(t *testing.T) (file, public string) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, string(ssh.MarshalAuthorizedKey(key))
}

// openSCP fetches a file with OpenSSH's scp, and returns its bytes and the words of scp.
func openSCP(t *testing.T, s *Switch, key, from string, options ...string) ([]byte, string, error) {
	t.Helper()
	program, err := exec.LookPath("scp")
	if err != nil {
		testlevel.Missing(t, "scp of openssh-client")
	}
	to := filepath.Join(t.TempDir(), "copy")
	args := append(options, "-O", "-q", "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile="+filepath.Join(t.TempDir(), "known"), "-o", "LogLevel=ERROR", "-P", strconv.Itoa(int(s.Addr().Port())), "admin@127.0.0.1:"+from, to)
	said, err := exec.Command(program, args...).CombinedOutput()
	data, _ := os.ReadFile(to)
	return data, string(said), err
}

// TestOpenSSHFetches has OpenSSH's scp judge the SCP server.
func TestOpenSSHFetches(t *testing.T) {
	t.Parallel()
	key, public := scpUser(t)
	s := launch(t, "c9300-secure", Options{SCPServer: true, AuthorizedKey: public, LargestImage: 300_000})
	image := "flash:/cat9k_iosxe.26.01.01.SPA.bin"
	for _, from := range []string{image, strings.Replace(image, ":/", ":", 1), "flash:vlan.dat", "nvram:startup-config"} {
		want, _ := s.File(from)
		got, said, _ := openSCP(t, s, key, from, "-T") // the name in the header is not "flash:vlan.dat"
		if len(want) == 0 || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes arrived, want %d: %s", from, len(got), len(want), said)
		}
	}
	moved := s.Transfers()[0]
	if want, _ := s.File(image); !moved.SCP || moved.Path != image || moved.Bytes != int64(len(want)) {
		t.Errorf("recorded %+v", moved)
	}
	if _, said, err := openSCP(t, s, key, "flash:nothing"); err == nil || !strings.Contains(said, "No such file or directory") {
		t.Errorf("a file that is missing: %v, %q", err, said)
	}
	if _, said, err := openSCP(t, s, key, "flash:vlan.dat", "-p"); err == nil || !strings.Contains(said, "Unsupported option") {
		t.Errorf("with -p: %v, %q", err, said)
	}
}

// TestSCPRefused goes through the reasons for which the server sends no file.
func TestSCPRefused(t *testing.T) {
	t.Parallel()
	key, public := scpUser(t)
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"server off":  {Options{}, "Administratively disabled."},
		"no level 15": {Options{SCPServer: true, EnablePassword: "en"}, "Privilege denied."},
		"level 7":     {Options{SCPServer: true, Privilege: 7}, "Privilege denied."},
		"a fault":     {Options{SCPServer: true, Faults: Faults{SCP: SCPFaults{Refuse: "no resources"}}}, "no resources"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.AuthorizedKey = public
			if data, said, err := openSCP(t, launch(t, "c9300", c.o), key, "flash:vlan.dat"); err == nil || len(data) > 0 || !strings.Contains(said, c.want) {
				t.Errorf("%d bytes, %v, %q, want %q", len(data), err, said, c.want)
			}
		})
	}
}

// TestSCPServerIsConfigured switches the server on as a person does.
func TestSCPServerIsConfigured(t *testing.T) {
	t.Parallel()
	s := launch(t, "c9300", Options{})
	client, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	l := shell(t, client, 80, 0)
	l.expect("#")
	l.run("configure terminal", "(config)#")
	l.run("ip scp server enable", "(config)#")
	l.run("end", "#")
	if config := l.run("show running-config | include scp", "#"); !strings.Contains(config, "ip scp server enable") {
		t.Errorf("the configuration has no such line: %q", config)
	}
	if got := execSCP(t, s, "scp -f flash:vlan.dat"); !strings.HasPrefix(got, "C0644 ") {
		t.Errorf("the server sent %q", got)
	}
}

// execSCP runs a command, and acknowledges everything at once.
func execSCP(t *testing.T, s *Switch, command string) string {
	t.Helper()
	client, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	session.Stdin = strings.NewReader("\x00\x00\x00")
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(command); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Wait(); err == nil {
		t.Error("the session ended with an exit status")
	}
	return string(got)
}

// TestSCPFaults reads what the server sends when it misbehaves.
func TestSCPFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults Faults
		want   func(got string) bool
	}{
		"text before":    {Faults{SCP: SCPFaults{Text: "\nsw line 2\n\n"}}, func(s string) bool { return strings.HasPrefix(s, "\nsw line 2\n\nC0644 ") }},
		"odd mode":       {Faults{SCP: SCPFaults{Mode: "-rw-"}}, func(s string) bool { return strings.HasPrefix(s, "C-rw- ") }},
		"no final byte":  {Faults{SCP: SCPFaults{NoFinal: 1}}, func(s string) bool { return !strings.HasSuffix(s, scpOK) }},
		"with the byte":  {Faults{}, func(s string) bool { return strings.HasSuffix(s, scpOK) }},
		"without a word": {Faults{SCP: SCPFaults{Silent: 1}}, func(s string) bool { return s == "" }},
		"hangs up":       {Faults{Hangup: After{Bytes: 100, Times: 1}}, func(s string) bool { return strings.HasPrefix(s, "C0644 ") && strings.Count(s, "\n") == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			s := launch(t, "c9300", Options{SCPServer: true, Faults: c.faults})
			if got := execSCP(t, s, "scp -f flash:config.text.absent"); name == "with the byte" && !strings.HasPrefix(got, scpError) {
				t.Errorf("a missing file: %q", got)
			}
			s.Arm(c.faults)
			if got := execSCP(t, s, "scp -f nvram:startup-config"); !c.want(got) {
				t.Errorf("the server sent %.80q", got)
			}
		})
	}
}
