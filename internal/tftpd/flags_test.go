package tftpd_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"flashwarden/internal/tftpd"
	"flashwarden/tftp"
)

// flags reads a command line without DIR.
func flags(t *testing.T, line string) (*tftpd.Flags, error) {
	t.Helper()
	var f tftpd.Flags
	fs := pflag.NewFlagSet("tftpd", pflag.ContinueOnError)
	fs.SetOutput(&strings.Builder{})
	f.Register(fs)
	return &f, fs.Parse(strings.Fields(line))
}

// TestLineOfDebian has the flags that Debian's tftpd-hpa is started with, and
// the ones that people add for Cisco devices.
func TestLineOfDebian(t *testing.T) {
	f, err := flags(t, "-l -L -u tftp -a :69 -s -c -R 1056:1059 -r BLKSIZE -r tsize -B 1468 -T 500000 -U 027 -t 900")
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Config("/srv/tftp")
	if err != nil {
		t.Fatal(err)
	}
	if c.Dir != "/srv/tftp" || c.User != "tftp" || !c.Secure || !c.Create || c.ReadOnly || !c.Public || c.Ports != (tftp.PortRange{First: 1056, Last: 1059}) ||
		strings.Join(c.Refuse, " ") != "blksize tsize" || c.MaxBlockSize != 1468 || c.Timeout != 500*time.Millisecond || *c.Mode != 0o640 {
		t.Errorf("%+v", c)
	}
}

// TestFlagsOfOurs has the flags that in.tftpd does not have, and its other ones.
func TestFlagsOfOurs(t *testing.T) {
	f, err := flags(t, "--permissive --read-only --max-upload 1 --allow 192.0.2.1 --window-bytes 2 --buffer-bytes 3 --max-transfers 4 --per-source 5 -m map -P pid")
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Config("/srv/tftp")
	if err != nil {
		t.Fatal(err)
	}
	if c.Secure || c.Public || !c.ReadOnly || c.MaxUpload != 1 || len(c.Allow) != 1 || c.WindowBytes != 2 || c.BufferBytes != 3 || c.MaxTransfers != 4 ||
		c.PerSource != 5 || c.MapFile != "map" || c.PIDFile != "pid" {
		t.Errorf("%+v", c)
	}
}

func TestDefaults(t *testing.T) {
	f, err := flags(t, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Config(".")
	user := ""
	if os.Geteuid() == 0 {
		user = "nobody"
	}
	if err != nil || *c.Mode != 0o666 || c.Timeout != time.Second || !c.Public || c.Create || c.User != user || c.Allow != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestUmask: a umask that forbids everything is obeyed, too.
func TestUmask(t *testing.T) {
	f, err := flags(t, "--umask 777")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := f.Config("."); err != nil || *c.Mode != 0 {
		t.Errorf("the mode is %v, %v", c.Mode, err)
	}
}

func TestWrongFlags(t *testing.T) {
	for line, want := range map[string]string{
		"--umask 8":               "want an octal number",
		"--port-range 1059:1056":  "--port-range",
		"--allow 192.0.2.0/33":    "want a network",
		"--blocksize 511":         "want 512 to 65464",
		"--blocksize 65465":       "want 512 to 65464",
		"--retransmit 999":        "at least 1000 microseconds",
		"--max-upload -1":         "not negative",
		"--window-bytes -1":       "not negative",
		"--refuse compression":    "no such option",
		"--allow 192.0.2.1,x.y.z": "want a network",
	} {
		f, err := flags(t, line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if _, err := f.Config("."); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", line, err, want)
		}
	}
}

// TestAllow: a single address is a network of one, and bits of the host do not
// count.
func TestAllow(t *testing.T) {
	f, err := flags(t, "--allow 192.0.2.1 --allow 198.51.100.7/24 --allow 2001:db8::1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Config(".")
	var got []string
	for _, p := range c.Allow {
		got = append(got, p.String())
	}
	if err != nil || strings.Join(got, " ") != "192.0.2.1/32 198.51.100.0/24 2001:db8::1/128" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestListen(t *testing.T) {
	f, err := flags(t, "--address 127.0.0.1:0 -4 --metrics 127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var c tftpd.Config
	if err := f.Listen(&c); err != nil {
		t.Fatal(err)
	}
	defer c.Conn.Close()
	defer c.Metrics.Close()
	if a := c.Conn.LocalAddr().(*net.UDPAddr); !a.IP.IsLoopback() || a.Port == 0 || c.Metrics == nil {
		t.Errorf("listens on %v and %v", a, c.Metrics)
	}
}

// TestListenOnEveryAddress has the addresses of all interfaces: those of IPv4, or of
// both families if this machine has both.
func TestListenOnEveryAddress(t *testing.T) {
	both, err := net.ListenPacket("udp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	for line, want := range map[string]string{
		"--address 0.0.0.0:0": "0.0.0.0", "--address :0 -4": "0.0.0.0", "--address :0": both.LocalAddr().(*net.UDPAddr).IP.String(),
	} {
		f, err := flags(t, line)
		if err != nil {
			t.Fatal(err)
		}
		var c tftpd.Config
		if err := f.Listen(&c); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got := c.Conn.LocalAddr().(*net.UDPAddr).IP.String(); got != want {
			t.Errorf("%s: listens on %s, want %s", line, got, want)
		}
		if err := c.Conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLogger(t *testing.T) {
	for _, test := range []struct {
		line           string
		verbose, quiet bool
		want           string
	}{
		{"", false, false, "info warn "},
		{"", true, false, "debug info warn "},
		{"--verbosity 3", false, false, "debug info warn "},
		{"", false, true, "warn "},
	} {
		f, err := flags(t, test.line+" --log-json")
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		log := f.Logger(&out, test.verbose, test.quiet)
		log.Debug("debug")
		log.Info("info")
		log.Warn("warn")
		got := ""
		for line := range strings.Lines(out.String()) {
			_, after, _ := strings.Cut(line, `"msg":"`)
			got += strings.SplitN(after, `"`, 2)[0] + " "
		}
		if got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
