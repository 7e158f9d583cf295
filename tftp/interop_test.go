package tftp_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// realClient is a TFTP client of the system. Its functions give a command line;
// nil: it cannot do that.
type realClient struct {
	name     string
	put, get func(server netip.AddrPort, file, remote string) []string
	large    bool   // moves the 34 MB file at the level soak
	rollOver bool   // at the level full too: with blocks of 512 bytes, the numbers of its blocks roll over
	noEmpty  string // why it cannot fetch an empty file
}

var realClients = []realClient{
	{
		name:     "tftp",
		large:    true,
		rollOver: true,
		put: func(s netip.AddrPort, file, remote string) []string {
			return []string{"tftp", "-m", "octet", s.Addr().String(), fmt.Sprint(s.Port()), "-c", "put", file, remote}
		},
		get: func(s netip.AddrPort, file, remote string) []string {
			return []string{"tftp", "-m", "octet", s.Addr().String(), fmt.Sprint(s.Port()), "-c", "get", remote, file}
		},
	},
	{
		name: "atftp",
		put: func(s netip.AddrPort, file, remote string) []string {
			return []string{"atftp", "--put", "-l", file, "-r", remote, s.Addr().String(), fmt.Sprint(s.Port())}
		},
		get: func(s netip.AddrPort, file, remote string) []string {
			return []string{"atftp", "--get", "-l", file, "-r", remote, s.Addr().String(), fmt.Sprint(s.Port())}
		},
	},
	{
		name:  "atftp-window",
		large: true,
		put: func(s netip.AddrPort, file, remote string) []string {
			return []string{"atftp", "--option", "blksize 1468", "--option", "windowsize 8", "--option", "tsize",
				"--put", "-l", file, "-r", remote, s.Addr().String(), fmt.Sprint(s.Port())}
		},
		get: func(s netip.AddrPort, file, remote string) []string {
			return []string{"atftp", "--option", "blksize 1468", "--option", "windowsize 8", "--option", "tsize",
				"--get", "-l", file, "-r", remote, s.Addr().String(), fmt.Sprint(s.Port())}
		},
	},
	{
		name:    "curl",
		large:   true,
		noEmpty: "curl takes tsize=0 in an OACK for an error",
		put: func(s netip.AddrPort, file, remote string) []string {
			return []string{"curl", "--silent", "--show-error", "--tftp-blksize", "1468", "-T", file, fmt.Sprintf("tftp://%s/%s", s, remote)}
		},
		get: func(s netip.AddrPort, file, remote string) []string {
			return []string{"curl", "--silent", "--show-error", "--tftp-blksize", "1468", "-o", file, fmt.Sprintf("tftp://%s/%s", s, remote)}
		},
	},
	{
		name: "curl-no-options",
		put: func(s netip.AddrPort, file, remote string) []string {
			return []string{"curl", "--silent", "--show-error", "--tftp-no-options", "-T", file, fmt.Sprintf("tftp://%s/%s", s, remote)}
		},
		get: func(s netip.AddrPort, file, remote string) []string {
			return []string{"curl", "--silent", "--show-error", "--tftp-no-options", "-o", file, fmt.Sprintf("tftp://%s/%s", s, remote)}
		},
	},
	{
		name:  "busybox",
		large: true,
		put: func(s netip.AddrPort, file, remote string) []string {
			return []string{"busybox", "tftp", "-p", "-b", "1468", "-l", file, "-r", remote, s.Addr().String(), fmt.Sprint(s.Port())}
		},
		get: func(s netip.AddrPort, file, remote string) []string {
			return []string{"busybox", "tftp", "-g", "-b", "1468", "-l", file, "-r", remote, s.Addr().String(), fmt.Sprint(s.Port())}
		},
	},
}

func TestRealClients(t *testing.T) {
	for _, c := range realClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{0, 1, 511, 512, 513, 1468, 1 << 20, 34 << 20} {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					if n > 513 && n < 1<<20 {
						testlevel.NeedFull(t, "one more size")
					}
					if n > 1<<20 {
						testlevel.NeedFull(t, "moves 34 MB")
						if !c.rollOver && (!c.large || testlevel.Current() < testlevel.Soak) {
							t.Skip("34 MB, and its blocks do not roll over")
						}
					}
					c.test(t, content(uint64(n), n))
				})
			}
		})
	}
}

// test puts content and gets it back.
func (c *realClient) test(t *testing.T, body []byte) {
	m := &memory{}
	at := serve(t, &tftp.Server{Handler: m, MaxBlockSize: 1468})
	dir := t.TempDir()
	up, down := filepath.Join(dir, "up"), filepath.Join(dir, "down")
	if err := os.WriteFile(up, body, 0o600); err != nil {
		t.Fatal(err)
	}
	runClient(t, c.put(at, up, "f"))
	if got, ok := m.get("f"); !ok || !bytes.Equal(got, body) {
		t.Errorf("stored %v, %d bytes, want %d", ok, len(got), len(body))
	}
	if len(body) == 0 && c.noEmpty != "" {
		t.Skip(c.noEmpty)
	}
	m.set("g", body)
	runClient(t, c.get(at, down, "g"))
	got, err := os.ReadFile(down)
	if err != nil && (len(body) > 0 || c.name != "curl-no-options") { // which writes no file when nothing came
		t.Error(err)
	}
	if !bytes.Equal(got, body) {
		t.Errorf("fetched %d bytes, want %d", len(got), len(body))
	}
}

// runClient runs a client and wants it to succeed.
func runClient(t *testing.T, line []string) {
	t.Helper()
	if _, err := exec.LookPath(line[0]); err != nil {
		testlevel.Missing(t, line[0]+" is not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, line[0], line[1:]...).CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", line, err, out)
	}
}
