package backup

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
)

// scpServer is the SCP server of a device: it sends a file as OpenSSH does.
func scpServer(ctx context.Context, d *fakeDevice, command string) (io.ReadWriteCloser, error) {
	data := d.content(strings.TrimPrefix(command, "scp -f "))
	return scpAnswer(ctx, fmt.Sprintf("C0644 %d x\n%s\x00", len(data), data), false), nil
}

// scpAnswer is a session of an SCP server that sends text, and stays until the other side
// ends it, or not.
func scpAnswer(ctx context.Context, text string, stays bool) io.ReadWriteCloser {
	near, far := net.Pipe()
	context.AfterFunc(ctx, func() { near.Close() })
	go io.Copy(io.Discard, far)
	go func() {
		io.WriteString(far, text)
		if !stays {
			far.Close()
		}
	}()
	return near
}

// refusesTFTP is IOS-XE 26.1, which does not copy over TFTP.
func refusesTFTP(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) {
	return ios.CopyResult{Bytes: -1, Error: "% Command rejected: tftp is insecure", Cause: cause.TransportRestricted}, nil
}

// TestWays backs up by each setting of a device that refuses one of the transports, twice.
func TestWays(t *testing.T) {
	both := []string{api.CopyTFTP, api.CopySCPPull}
	for name, c := range map[string]struct {
		by     string
		prefer []string
		noTFTP bool
		scp    bool
		want   cause.Cause
		tried  []string // in both backups; the transport of each copy of the image
		known  string
	}{
		"default":            {"", nil, false, true, "", []string{"tftp", "tftp"}, ""},
		"tftp refused":       {"", nil, true, true, cause.TransportRestricted, []string{"tftp", "tftp"}, ""},
		"auto finds scp":     {api.CopyAuto, both, true, true, "", []string{"tftp", "scp-pull", "scp-pull"}, api.CopySCPPull},
		"auto likes tftp":    {api.CopyAuto, both, false, true, "", []string{"tftp", "tftp"}, ""},
		"auto falls back":    {"", []string{api.CopySCPPull, api.CopyTFTP}, false, false, "", []string{"scp-pull", "tftp", "tftp"}, api.CopyTFTP},
		"all refused":        {"", both, true, false, cause.TransportRestricted, []string{"tftp", "scp-pull", "tftp", "scp-pull"}, ""},
		"tftp is forbidden":  {"", []string{api.CopySCPPull}, false, false, cause.TransportRestricted, []string{"scp-pull", "scp-pull"}, ""},
		"the device's own":   {api.CopySCPPull, []string{api.CopyTFTP}, true, true, "", []string{"scp-pull", "scp-pull"}, ""},
		"its own is refused": {api.CopySCPPull, both, false, false, cause.TransportRestricted, []string{"scp-pull", "scp-pull"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tried []string
				b := newBench(t, func(_ int, d *fakeDevice) error {
					d.copying = func(ctx context.Context, d *fakeDevice, f ios.Copy) (ios.CopyResult, error) {
						tried = append(tried, api.CopyTFTP)
						if c.noTFTP {
							return refusesTFTP(ctx, d, f)
						}
						return d.send(ctx, f, d.content(f.Source))
					}
					d.exec = func(ctx context.Context, d *fakeDevice, command string) (io.ReadWriteCloser, error) {
						tried = append(tried, api.CopySCPPull)
						if !c.scp {
							return scpAnswer(ctx, "\x01Administratively disabled.\n", false), nil
						}
						return scpServer(ctx, d, command)
					}
					return nil
				})
				defer b.close()
				b.Prefer = c.prefer
				var r api.BackupResult
				for range 2 {
					r = b.Backup(t.Context(), api.Device{Name: "sw1", Address: "192.0.2.1", CopyBy: c.by}, Options{Policy: api.PolicyImage, Recopy: true})
				}
				wantResult(t, r, map[bool]string{true: api.StatusOK, false: api.StatusFailed}[c.want == ""], c.want)
				if !slices.Equal(tried, c.tried) {
					t.Errorf("tried %q, want %q", tried, c.tried)
				}
				known, err := b.Catalog.CopyWay(t.Context(), "sw1")
				if err != nil || known.Way != c.known || known.Way != "" && known.Reason == "" {
					t.Errorf("remembered %+v, %v, want %q", known, err, c.known)
				}
				b.wantClean()
			})
		})
	}
}

// TestPreferredWayAgain gives the preferred transport another turn after a week.
func TestPreferredWayAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuses := true
		b := newBench(t, func(_ int, d *fakeDevice) error {
			d.exec = func(ctx context.Context, d *fakeDevice, command string) (io.ReadWriteCloser, error) {
				if refuses {
					return scpAnswer(ctx, "\x01Administratively disabled.\n", false), nil
				}
				return scpServer(ctx, d, command)
			}
			return nil
		})
		defer b.close()
		b.Prefer = []string{api.CopySCPPull, api.CopyTFTP}
		want := func(way string, notes int) {
			t.Helper()
			r := b.backup(Options{Policy: api.PolicyImage, Recopy: true})
			wantResult(t, r, api.StatusOK, "")
			n := 0
			for _, note := range r.Notes {
				if strings.HasPrefix(note, "copied by tftp, because scp-pull: ") {
					n++
				}
			}
			known, err := b.Catalog.CopyWay(t.Context(), "sw1")
			must(t, err)
			if known.Way != way || n != notes {
				t.Errorf("remembered %+v, %d notes of %q; want %s and %d", known, n, r.Notes, way, notes)
			}
		}
		want(api.CopyTFTP, 1)
		refuses = false
		want(api.CopyTFTP, 0)
		time.Sleep(wayHolds)
		want(api.CopySCPPull, 0)
		want(api.CopySCPPull, 0)
	})
}
