package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// wire is a bench whose devices really transfer, over a network in memory. It
// lives in a bubble of synctest: minutes pass in no time.
type wire struct {
	*bench
	network tftptest.Network
	lost    atomic.Pointer[func(tftptest.Packet) bool] // packets that do not arrive; nil: none
	cut     atomic.Bool                                // nothing passes, neither packets nor the terminal
	block   int                                        // bytes that the device asks for; 0: no option
}

// iosTimeout and iosTries are those of a captured Catalyst 3850: it sends a
// packet six times within 38 s.
const (
	iosTimeout = 38 * time.Second
	iosTries   = 6
)

func newWire(t *testing.T, block int) *wire {
	w := &wire{block: block}
	w.bench = newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = w.copy
		if w.cut.Load() {
			time.Sleep(15 * time.Second)
			return cause.New(cause.ConnectTimeout, "nothing answered", nil)
		}
		return nil
	})
	w.network.Delay = 100 * time.Millisecond
	w.network.Filter = func(p tftptest.Packet) tftptest.Verdict {
		if lost := w.lost.Load(); w.cut.Load() || lost != nil && (*lost)(p) {
			return tftptest.Drop
		}
		return tftptest.Pass
	}
	conn, err := w.network.Listen(netip.AddrPortFrom(here, 69))
	must(t, err)
	ready := make(chan struct{})
	server := tftp.Server{Handler: w.Spool, Observe: w.Spool.Observe, Listen: w.network.Listen, IdleTimeout: time.Minute,
		Expected: true, Ports: tftp.PortRange{First: 1056, Last: 1059}, Ready: func() { close(ready) }}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	<-ready
	t.Cleanup(func() {
		stop()
		must(t, errors.Join(<-done, conn.Close()))
		w.close()
	})
	return w
}

func (w *wire) client() *tftp.Client {
	return &tftp.Client{Local: netip.AddrPortFrom(there, 0), BlockSize: w.block, Timeout: iosTimeout / iosTries, Retries: iosTries - 1, Listen: w.network.Listen}
}

// copy sends the file. What the device says when the link is cut is not heard.
func (w *wire) copy(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
	ended := make(chan error, 1)
	go func() {
		_, err := w.client().Put(context.Background(), netip.AddrPortFrom(here, 69), c.Name, bytes.NewReader(d.content(c.Source)), -1)
		ended <- err
	}()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	if w.cut.Load() {
		<-ctx.Done()
	}
	switch {
	case ctx.Err() != nil:
		return ios.CopyResult{}, context.Cause(ctx)
	case err != nil:
		return ios.CopyResult{Bytes: -1, Error: "%Error writing tftp://192.0.2.100/" + c.Name + " (Timed out)"}, nil
	}
	return ios.CopyResult{OK: true, Bytes: int64(len(d.content(c.Source)))}, nil
}

// TestLinkCut cuts everything in the middle of a copy, and mends it.
func TestLinkCut(t *testing.T) {
	for _, c := range []struct {
		long   time.Duration
		status string
		cause  cause.Cause
	}{
		{10 * time.Second, api.StatusOK, ""},
		{5 * time.Minute, api.StatusFailed, cause.Stalled},
	} {
		t.Run(c.long.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(t, 0)
				time.AfterFunc(3*time.Second, func() { w.cut.Store(true) })
				mended := time.AfterFunc(3*time.Second+c.long, func() { w.cut.Store(false) })
				r := w.backup(Options{Policy: api.PolicyImage})
				wantResult(t, r, c.status, c.cause)
				if c.cause == "" {
					if r.Attempts != 1 {
						t.Errorf("%d attempts for a link that came back in time", r.Attempts)
					}
					return
				}
				if r.Attempts != 3 || !mended.Stop() {
					t.Errorf("%d attempts, and then the link was back: %s", r.Attempts, r.Message)
				}
				w.cut.Store(false)
				wantResult(t, w.backup(Options{Policy: api.PolicyImage}), api.StatusOK, "")
				w.wantClean()
			})
		})
	}
}

// TestSlowPath moves block after block, so slowly that the copy takes longer than
// the stall timeout, and ends before the first piece is written to the disk.
func TestSlowPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t, 0)
		w.network.Delay = 2 * time.Second
		began := time.Now()
		r := w.backup(Options{Policy: api.PolicyImage})
		wantResult(t, r, api.StatusOK, "")
		if took := time.Since(began); r.Attempts != 1 || took < 2*time.Minute {
			t.Errorf("%d attempts in %s, want one that is longer than the stall timeout", r.Attempts, took)
		}
		w.wantClean()
	})
}

// TestFragmentsCureThemselves loses every datagram that is too large for one
// frame: the second attempt uses smaller blocks, and a note says so.
func TestFragmentsCureThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t, 8192)
		w.lost.Store(&tooLarge)
		r := w.backup(Options{Policy: api.PolicyImage})
		wantResult(t, r, api.StatusOK, "")
		if r.Attempts != 2 || len(r.Notes) == 0 {
			t.Errorf("%d attempts, notes %q", r.Attempts, r.Notes)
		}
		w.wantClean()
	})
}

var (
	tooLarge    = func(p tftptest.Packet) bool { return len(p.Data) > 1472 }
	fromRange   = func(p tftptest.Packet) bool { return p.From.Addr() == here }
	toRange     = func(p tftptest.Packet) bool { return p.To.Addr() == here && p.To.Port() != 69 }
	toRequests  = func(p tftptest.Packet) bool { return p.To.Port() == 69 }
	noneIsLost  = func(tftptest.Packet) bool { return false }
	afterBlocks = func() func(tftptest.Packet) bool {
		n := 0
		return func(tftptest.Packet) bool { n++; return n > 10 }
	}
)

// TestDiagnoseDownload judges a device that fetches from what the server
// really saw.
func TestDiagnoseDownload(t *testing.T) {
	for name, c := range map[string]struct {
		lost  func(tftptest.Packet) bool
		block int
		want  cause.Cause
	}{
		"requests":          {toRequests, 8192, cause.NoRequest},
		"answers":           {fromRange, 8192, cause.TIDBlocked},
		"answers of 512":    {fromRange, 0, cause.TIDBlocked},
		"acknowledgements":  {toRange, 8192, cause.TIDBlocked},
		"large blocks":      {tooLarge, 8192, cause.FragmentsDropped},
		"after some blocks": {afterBlocks(), 512, cause.Stalled},
		"nothing":           {noneIsLost, 8192, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(t, c.block)
				w.lost.Store(&c.lost)
				ticket := w.offer(bytes.Repeat([]byte("image"), 10_000))
				defer func() { must(t, ticket.Close()) }()
				_, err := w.client().Get(t.Context(), netip.AddrPortFrom(here, 69), ticket.Name, io.Discard)
				if c.want == "" {
					must(t, err)
					return
				}
				said := ios.CopyResult{Bytes: -1, Error: "%Error opening tftp://192.0.2.100/x (Timed out)"}
				var forgotten *tftp.Error
				switch {
				case errors.As(err, &forgotten) && forgotten.Code == tftp.CodeUnknownTID: // the server gave up first
					said = ios.CopyResult{Bytes: -1, Error: "%Error opening tftp://192.0.2.100/x (Undefined error)", Cause: cause.RefusedByServer}
				case !errors.Is(err, tftp.ErrTimeout):
					t.Fatalf("the device ended with %v", err)
				}
				got := transfer.Diagnose(transfer.Witness{
					Said: said, Seen: ticket.Evidence(), Download: true,
					Name: "sw1", Device: there, Server: here, Ports: "1056:1059", Size: ticket.Size,
				})
				if got.Cause != c.want || cause.Hint(got) == "" {
					t.Errorf("told %s: %v, want %s (%+v)", got.Cause, got, c.want, ticket.Evidence())
				}
			})
		})
	}
}

// offer lets the device fetch some bytes.
func (w *wire) offer(data []byte) *spool.Ticket {
	w.t.Helper()
	p := filepath.Join(w.t.TempDir(), "image")
	must(w.t, os.WriteFile(p, data, 0o600))
	f, err := os.Open(p)
	must(w.t, err)
	sum := sha256.Sum256(data)
	ticket, err := w.Spool.Offer(w.t.Context(), f, spool.Offer{Device: there, SHA256: hex.EncodeToString(sum[:]), Deadline: time.Now().Add(time.Hour)})
	must(w.t, err)
	return ticket
}
