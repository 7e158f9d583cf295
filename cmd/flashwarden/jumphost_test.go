package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"flashwarden/internal/testlevel"
)

const sshd = "/usr/sbin/sshd"

// cmdJumpHost listens on loopback, and gives each connection to an sshd of its
// own: so it needs no port of its own choice and leaves no daemon behind.
func cmdJumpHost(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: jumphost NAME PUBLICKEY [LINE...]")
	}
	config := ts.MkAbs(args[0] + ".conf")
	ts.Check(writeSSHDConfig(config, ts.MkAbs(args[1]), args[2:]))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serveSSHD(config, c.(*net.TCPConn)) })
		}
	})
	ts.Defer(func() { l.Close(); wg.Wait() })
	me, err := user.Current()
	ts.Check(err)
	ts.Setenv(args[0], me.Username+"@"+l.Addr().String())
}

// writeSSHDConfig makes a host key beside the configuration.
func writeSSHDConfig(config, publicKey string, more []string) error {
	key := config + ".hostkey"
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		return fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	if os.Geteuid() == 0 { // sshd gives its rights up there
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return err
		}
	}
	lines := append([]string{"HostKey " + key, "AuthorizedKeysFile " + publicKey, "StrictModes no", "UsePAM no",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "LogLevel VERBOSE"}, more...)
	return os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// serveSSHD serves one connection. What goes wrong stands in the file
// CONFIG.log: the script itself has no log for what runs beside it.
func serveSSHD(config string, c *net.TCPConn) {
	defer c.Close()
	log, err := os.OpenFile(filepath.Clean(config)+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // the client sees the connection end
	}
	defer log.Close()
	f, err := c.File()
	if err != nil {
		fmt.Fprintln(log, err)
		return
	}
	defer f.Close()
	cmd := exec.Command(sshd, "-i", "-e", "-f", config)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, log
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(log, err) // 255 when the client hangs up
	}
}

// hasPeer is the conditions [full], a level of the tests, [sshd], OpenSSH's server,
// [netns], network namespaces with nftables, and [versitygw], a server that speaks S3. In
// CI all but the last must be there.
func hasPeer(name string) (bool, error) {
	var err error
	switch name {
	case "full":
		return testlevel.Current() >= testlevel.Full, nil
	case "sshd":
		_, err = os.Stat(sshd)
	case "netns":
		err = exec.Command("unshare", "-rn", "sh", "-c", "ip link set lo up && nft list ruleset").Run()
	case "versitygw": // takes minutes to build, so it may be missing in CI too
		_, err = exec.LookPath("versitygw")
		return err == nil, nil
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
	if err != nil && testlevel.InCI() {
		return false, fmt.Errorf("the peer %s is missing: %w", name, err)
	}
	return err == nil, nil
}
