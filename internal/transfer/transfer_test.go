package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

var (
	here  = netip.MustParseAddr("192.0.2.100")
	there = netip.MustParseAddr("192.0.2.1")

	content = []byte("0123456789")
	errLost = cause.New(cause.SessionLost, "line closed", nil)
)

// device is a device whose copies go straight to the spool. copying takes the
// place of its copy command.
type device struct {
	t       *testing.T
	spool   *spool.Spool
	typed   ios.Copy
	copying func(ctx context.Context, d *device) (ios.CopyResult, error)
}

func (d *device) Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error) {
	d.typed = c
	return d.copying(ctx, d)
}

func (d *device) Interfaces(context.Context) ([]ios.Interface, error) { return nil, nil }
func (d *device) RemoteAddr() netip.Addr                              { return there }

func (d *device) request() *tftp.Request {
	r := &tftp.Request{Op: tftp.Write, Filename: d.typed.Name, Remote: netip.AddrPortFrom(there, 50000), Local: here, Size: -1}
	if d.typed.ToDevice {
		r.Op = tftp.Read
	}
	return r
}

// begin asks for the ticket and moves half of its bytes; end moves the rest.
func (d *device) begin() (end func()) {
	r := d.request()
	half := len(content) / 2
	if d.typed.ToDevice {
		reader, err := d.spool.OpenRead(context.Background(), r)
		must(d.t, err)
		d.spool.Observe(tftp.Event{Kind: tftp.EventConfirmed, Request: r, BlockSize: 512})
		d.spool.Observe(tftp.Event{Kind: tftp.EventProgress, Request: r, Bytes: int64(half)})
		return func() {
			d.spool.Observe(tftp.Event{Kind: tftp.EventDone, Request: r, Bytes: int64(len(content))})
			must(d.t, reader.Close())
		}
	}
	w, err := d.spool.OpenWrite(context.Background(), r)
	must(d.t, err)
	d.spool.Observe(tftp.Event{Kind: tftp.EventConfirmed, Request: r, BlockSize: 512})
	_, err = w.Write(content[:half])
	must(d.t, err)
	return func() {
		if _, err := w.Write(content[half:]); err == nil {
			must(d.t, w.Commit())
		}
	}
}

// run makes one copy in a bubble of synctest and returns how it ended and how
// long it took.
func run(t *testing.T, toDevice bool, copying func(context.Context, *device) (ios.CopyResult, error)) (out Outcome, took time.Duration, err error) {
	t.Helper()
	s, openErr := spool.Open(t.TempDir())
	must(t, openErr)
	ticket := s.Expect(there, int64(len(content)), time.Now().Add(time.Hour))
	if toDevice {
		must(t, ticket.Close())
		ticket = offer(t, s)
	}
	d := &device{t: t, spool: s, copying: copying}
	began := time.Now()
	out, err = Transfer{Session: d, Via: TFTP{Server: here, Ports: "1056:1059"}, Path: "flash:/x.bin", ToDevice: toDevice, Ticket: ticket, Name: "sw1"}.Run(t.Context())
	took = time.Since(began)
	must(t, ticket.Close())
	return out, took, err
}

func offer(t *testing.T, s *spool.Spool) *spool.Ticket {
	t.Helper()
	p := filepath.Join(t.TempDir(), "blob")
	must(t, os.WriteFile(p, content, 0o600))
	f, err := os.Open(p)
	must(t, err)
	sum := sha256.Sum256(content)
	ticket, err := s.Offer(t.Context(), f, spool.Offer{Device: there, SHA256: hex.EncodeToString(sum[:]), Deadline: time.Now().Add(time.Hour)})
	must(t, err)
	return ticket
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRun goes through the ways in which a copy can end.
func TestRun(t *testing.T) {
	okay := ios.CopyResult{OK: true, Bytes: -1}
	type copying = func(context.Context, *device) (ios.CopyResult, error)
	both := []bool{false, true}
	for name, c := range map[string]struct {
		directions []bool // ToDevice
		copying    copying
		want       cause.Cause
		lost       bool          // the session
		took       time.Duration // at least, and less than a second more
	}{
		"as it should": {both, func(_ context.Context, d *device) (ios.CopyResult, error) {
			d.begin()()
			return okay, nil
		}, "", false, 0},
		"the line dies while blocks flow": {both, func(_ context.Context, d *device) (ios.CopyResult, error) {
			time.AfterFunc(50*time.Second, d.begin())
			return ios.CopyResult{}, errLost
		}, "", true, 50 * time.Second},
		"the line dies and then the blocks cease": {both, func(_ context.Context, d *device) (ios.CopyResult, error) {
			d.begin()
			return ios.CopyResult{}, errLost
		}, cause.SessionLost, true, time.Minute},
		"the line dies before a request": {both, func(context.Context, *device) (ios.CopyResult, error) {
			return ios.CopyResult{}, errLost
		}, cause.SessionLost, true, 0},
		"the line dies after the last byte": {both, func(_ context.Context, d *device) (ios.CopyResult, error) {
			d.begin()()
			return ios.CopyResult{}, errLost
		}, "", true, 0},
		"a dangerous question, although all bytes moved": {both, func(_ context.Context, d *device) (ios.CopyResult, error) {
			d.begin()()
			return ios.CopyResult{}, cause.New(cause.UnsafePrompt, "asks to erase", nil)
		}, cause.UnsafePrompt, false, 0},
		"no byte moves": {both, func(ctx context.Context, d *device) (ios.CopyResult, error) {
			d.begin()
			<-ctx.Done()
			return ios.CopyResult{}, context.Cause(ctx)
		}, cause.Stalled, true, time.Minute}, // who stops a command closes the line
		"it says done and never asked": {[]bool{false}, func(context.Context, *device) (ios.CopyResult, error) {
			return okay, nil
		}, cause.NoRequest, false, 0},
		"an unknown question after the last byte": {[]bool{false}, func(_ context.Context, d *device) (ios.CopyResult, error) {
			d.begin()()
			return ios.CopyResult{}, cause.New(cause.PromptUnrecognised, "asks something", nil)
		}, "", false, 0},
		"its flash is full after the last byte": {[]bool{true}, func(_ context.Context, d *device) (ios.CopyResult, error) {
			d.begin()()
			return ios.CopyResult{Bytes: -1, Error: "%Error writing flash:/x.bin (No space left on device)", Cause: cause.DeviceNoSpace}, nil
		}, cause.DeviceNoSpace, false, 0},
		"it says done and counts fewer bytes": {[]bool{true}, func(_ context.Context, d *device) (ios.CopyResult, error) {
			d.begin()
			return ios.CopyResult{OK: true, Bytes: 5}, nil
		}, cause.Stalled, false, 0},
	} {
		for _, toDevice := range c.directions {
			t.Run(name+map[bool]string{false: ", from", true: ", to"}[toDevice], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					out, took, err := run(t, toDevice, c.copying)
					if cause.Of(err) != c.want || out.SessionLost != c.lost {
						t.Errorf("cause %q (%v), session lost %v; want %q, %v", cause.Of(err), err, out.SessionLost, c.want, c.lost)
					}
					if took < c.took || took > c.took+time.Second {
						t.Errorf("took %s, want %s", took, c.took)
					}
					if received := out.File != nil; received != (err == nil && !toDevice) {
						t.Errorf("received %+v", out.File)
					}
					if err != nil && c.want != cause.UnsafePrompt && cause.Hint(err) == "" {
						t.Errorf("%v: no fix", err)
					}
				})
			})
		}
	}
}

// TestInterrupted cancels with a reason: it is the error.
func TestInterrupted(t *testing.T) {
	s, err := spool.Open(t.TempDir())
	must(t, err)
	ticket := s.Expect(there, 10, time.Now().Add(time.Hour))
	defer ticket.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := cause.New(cause.Internal, "the TFTP server stopped", nil)
	d := &device{t: t, spool: s, copying: func(ctx context.Context, _ *device) (ios.CopyResult, error) {
		cancel(stopped)
		<-ctx.Done()
		return ios.CopyResult{}, ctx.Err()
	}}
	_, err = Transfer{Session: d, Via: TFTP{Server: here}, Path: "flash:/x", Ticket: ticket}.Run(ctx)
	if !errors.Is(err, stopped) {
		t.Errorf("got %v, want %v", err, stopped)
	}
}

func TestCopyCommand(t *testing.T) {
	v := TFTP{Server: here, VRF: "Mgmt-vrf"}
	for want, f := range map[string]File{
		"copy flash:/x.bin tftp://192.0.2.100/TICKET vrf Mgmt-vrf": {Path: "flash:/x.bin", Size: 10},
		"copy tftp://192.0.2.100/TICKET flash:/x.bin vrf Mgmt-vrf": {Path: "flash:/x.bin", Size: 10, ToDevice: true},
	} {
		if got := v.Copy(f, "TICKET").Command(); got != want {
			t.Errorf("types %q, want %q", got, want)
		}
	}
}

func TestServer(t *testing.T) {
	own := netip.MustParseAddr("203.0.113.1")
	for want, c := range map[netip.Addr]struct {
		own       string
		advertise netip.Addr
	}{
		own:   {own.String(), here},
		here:  {"", here},
		there: {"", netip.Addr{}},
	} {
		if got := Server(api.Device{TFTPAddress: c.own}, c.advertise, there); got != want {
			t.Errorf("%v: got %s, want %s", c, got, want)
		}
	}
}

// TestLongPaths has a file that passes the check before its copy also pass with the name and the
// password of its ticket: a restore may delete the old file between the two.
func TestLongPaths(t *testing.T) {
	s, err := spool.Open(t.TempDir())
	must(t, err)
	ticket := s.ExpectPut(there, 1, time.Now().Add(time.Hour))
	defer ticket.Close()
	d := &device{t: t, spool: s, copying: func(_ context.Context, d *device) (ios.CopyResult, error) {
		return ios.CopyResult{}, d.typed.Validate()
	}}
	for _, v := range []Transport{TFTP{Server: here}, overSCP, HTTPS{Server: here, Port: 8443}} {
		longest := 0
		for n := range 254 {
			f := File{Path: "flash:/" + strings.Repeat("d", n), ToDevice: true}
			if v.Check(f) != nil {
				continue
			}
			longest = n
			if _, err := v.Move(t.Context(), d, f, ticket); err != nil {
				t.Fatalf("%T, a path of %d characters: %v", v, len(f.Path), err)
			}
		}
		if longest < 100 {
			t.Errorf("%T takes no path of more than %d characters", v, longest)
		}
	}
}
