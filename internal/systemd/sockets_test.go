package systemd_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"flashwarden/internal/systemd"
)

// TestMain is also the program that gets sockets: descriptors 3 and up, as from systemd.
func TestMain(m *testing.M) {
	if os.Getenv("LISTEN_FDS") == "" {
		os.Exit(m.Run())
	}
	os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	s, err := systemd.TakeSockets()
	if s.TFTP != nil {
		fmt.Println("tftp", s.TFTP.LocalAddr())
	}
	if s.Web != nil {
		fmt.Println("web", s.Web.Addr())
	}
	if err != nil {
		fmt.Println("error", err)
	}
	if again, err := systemd.TakeSockets(); again != (systemd.Sockets{}) || err != nil {
		fmt.Println("a second call got", again, err)
	}
	if err := s.Close(); err != nil {
		fmt.Println("close", err)
	}
}

type filer interface{ File() (*os.File, error) }

// TestSockets passes sockets of each kind to another process.
func TestSockets(t *testing.T) {
	udp := func() filer {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		must(t, c, err)
		return c
	}
	tcp := func() filer {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		must(t, l, err)
		return l
	}
	unixStream := func() filer {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s")})
		must(t, l, err)
		return l
	}
	unixDatagram := func() filer {
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "d")})
		must(t, c, err)
		return c
	}
	for name, c := range map[string]struct {
		names  string
		passed []func() filer
		want   []string // words that begin the lines
	}{
		"UDP":                  {"flashwarden.socket", []func() filer{udp}, []string{"tftp"}},
		"web first":            {"web:tftp", []func() filer{tcp, udp}, []string{"tftp", "web"}},
		"TCP without its name": {"tftp:flashwarden.socket", []func() filer{udp, tcp}, []string{"tftp", "web"}},
		"web on a Unix socket": {"web", []func() filer{unixStream}, []string{"web"}},
		"no names":             {"", []func() filer{udp, tcp}, []string{"tftp", "web"}},
		"two of UDP":           {"a:b", []func() filer{udp, udp}, []string{"error systemd has passed two UDP sockets"}},
		"two of TCP":           {"web:web2", []func() filer{tcp, tcp}, []string{"error systemd has passed the socket web2"}},
		"Unix stream":          {"what", []func() filer{unixStream}, []string{"error systemd has passed the socket what"}},
		"Unix datagram":        {"tftp", []func() filer{unixDatagram}, []string{"error systemd has passed the socket tftp"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("LISTEN_FDS=%d", len(c.passed)), "LISTEN_FDNAMES="+c.names)
			for _, open := range c.passed {
				f, err := open().File()
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				cmd.ExtraFiles = append(cmd.ExtraFiles, f)
			}
			out, err := cmd.CombinedOutput()
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if err != nil || len(lines) != len(c.want) {
				t.Fatalf("%v: %s", err, out)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %q, want %q", lines[i], want)
				}
			}
		})
	}
}

func must(t *testing.T, c interface{ Close() error }, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}
