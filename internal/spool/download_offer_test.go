package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
)

const image = "the software of a switch"

// imageFile is a blob that is open for reading, and its SHA-256.
func imageFile(t *testing.T) (*os.File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(path, []byte(image), 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(image))
	return f, hex.EncodeToString(sum[:])
}

func offerImage(t *testing.T, s *Spool, o Offer) *Ticket {
	t.Helper()
	f, sum := imageFile(t)
	o.Device, o.SHA256 = sw1, sum
	if o.Deadline.IsZero() {
		o.Deadline = time.Now().Add(time.Hour)
	}
	ticket, err := s.Offer(context.Background(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ticket.Close() })
	return ticket
}

func read(name string, from netip.Addr, port uint16) *tftp.Request {
	return &tftp.Request{Op: tftp.Read, Filename: name, Remote: netip.AddrPortFrom(from, port), Size: -1}
}

// try runs one transfer of an offer like the TFTP server; how is its end.
func try(t *testing.T, s *Spool, r *tftp.Request, how error) {
	t.Helper()
	f, err := s.OpenRead(context.Background(), r)
	if err != nil {
		t.Fatalf("%s: %v", r.Filename, err)
	}
	if got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size())); err != nil || string(got) != image {
		t.Fatalf("%s: read %q, %v", r.Filename, got, err)
	}
	s.Observe(tftp.Event{Kind: tftp.EventDone, Request: r, Bytes: f.Size(), Err: how})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOfferIsFetchedOnce(t *testing.T) {
	s := open(t)
	ticket := offerImage(t, s, Offer{Name: "c2900-x.bin"})
	try(t, s, read("c2900-x.bin", sw1, 1024), nil)
	f, err := ticket.Wait(context.Background())
	if err != nil || f.SHA256 != ticket.offer.content.SHA256 || f.MD5 == "" || f.Size != int64(len(image)) {
		t.Fatalf("got %+v, %v", f, err)
	}
	_, err = s.OpenRead(context.Background(), read("c2900-x.bin", sw1, 1025))
	wantError(t, err, tftp.CodeAccess)
	if e := ticket.Evidence(); e.Complete != 1 || e.Running != 0 || e.Bytes != int64(len(image)) {
		t.Errorf("evidence %+v", e)
	}
}

// TestBrokenTriesUseNothingUp has a loader that tries several times, each time from
// another port, before one transfer succeeds.
func TestBrokenTriesUseNothingUp(t *testing.T) {
	s := open(t)
	ticket := offerImage(t, s, Offer{Name: "x.bin"})
	waiting, err := s.OpenRead(context.Background(), read("x.bin", sw1, 1000))
	if err != nil {
		t.Fatal(err)
	}
	for port := range uint16(3) {
		try(t, s, read("x.bin", sw1, 1001+port), tftp.ErrTimeout)
	}
	select {
	case <-ticket.Ended():
		t.Fatal("a transfer that broke off has used the offer up")
	default:
	}
	if e := ticket.Evidence(); e.Running != 1 || !errors.Is(e.Err, tftp.ErrTimeout) {
		t.Errorf("evidence %+v", e)
	}
	try(t, s, read("x.bin", sw1, 2000), nil)
	if _, err := ticket.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, err = waiting.ReadAt(make([]byte, 1), 0)
	wantError(t, err, tftp.CodeUndefined)
}

func TestOfferOfSeveralTimes(t *testing.T) {
	s := open(t)
	ticket := offerImage(t, s, Offer{Name: "x.bin", Times: 2})
	try(t, s, read("x.bin", sw1, 1000), nil)
	select {
	case <-ticket.Ended():
		t.Fatal("the first of two has used the offer up")
	default:
	}
	try(t, s, read("x.bin", sw1, 1000), nil)
	if _, err := ticket.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestOfferIsFoundHoweverItIsSpelt(t *testing.T) {
	for _, asked := range []string{"img/C2900.bin", "/img/C2900.bin", "//img/C2900.bin", "IMG/C2900.BIN"} {
		s := open(t)
		offerImage(t, s, Offer{Name: "img/C2900.bin"})
		try(t, s, read(asked, sw1, 1000), nil)
	}
}

func TestOfferRefusals(t *testing.T) {
	s := open(t)
	ticket := offerImage(t, s, Offer{Name: "x.bin"})
	for what, r := range map[string]*tftp.Request{
		"another name":      read("y.bin", sw1, 1),
		"another address":   read("x.bin", stranger, 1),
		"another directory": read("tftpboot/x.bin", sw1, 1),
		"way out":           read("../vault/key", sw1, 1),
	} {
		_, err := s.OpenRead(context.Background(), r)
		t.Log(what)
		wantError(t, err, tftp.CodeAccess)
	}
	_, err := s.OpenWrite(context.Background(), write("x.bin", sw1))
	wantError(t, err, tftp.CodeAccess)
	e := ticket.Evidence()
	if e.Requested || e.Complete != 0 || len(e.WrongSource) != 1 || e.WrongSource[0] != stranger {
		t.Errorf("evidence %+v: want the stranger's address and no request", e)
	}
	wantEmpty(t, s)
}

// TestTwoDevicesOneName is an image that is offered to two devices under its
// own name.
func TestTwoDevicesOneName(t *testing.T) {
	s := open(t)
	first := offerImage(t, s, Offer{Name: "x.bin"})
	f, sum := imageFile(t)
	second, err := s.Offer(context.Background(), f, Offer{Device: stranger, Name: "x.bin", SHA256: sum, Deadline: anHour})
	if err != nil {
		t.Fatal(err)
	}
	try(t, s, read("x.bin", stranger, 7), nil)
	if second.Evidence().Complete != 1 || first.Evidence().Complete != 0 || first.Evidence().WrongSource != nil {
		t.Error("the transfer counts for the wrong ticket")
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	try(t, s, read("x.bin", sw1, 7), nil)
}

func TestContentIsProvedBeforeItIsOffered(t *testing.T) {
	s := open(t)
	f, _ := imageFile(t)
	other := sha256.Sum256([]byte("something else"))
	_, err := s.Offer(context.Background(), f, Offer{Device: sw1, Name: "x.bin", SHA256: hex.EncodeToString(other[:]), Deadline: anHour})
	if !errors.Is(err, ErrContent) {
		t.Fatalf("offered damaged content: %v", err)
	}
	if _, err := f.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is still open: %v", err)
	}
	_, err = s.OpenRead(context.Background(), read("x.bin", sw1, 1))
	wantError(t, err, tftp.CodeAccess)

	f, sum := imageFile(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Offer(ctx, f, Offer{Device: sw1, SHA256: sum, Deadline: anHour}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cancellation", err)
	}
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		unused := offerImage(t, s, Offer{Name: "unused", Deadline: time.Now().Add(time.Minute)})
		used := offerImage(t, s, Offer{Name: "used", Deadline: time.Now().Add(time.Minute)})
		broken := offerImage(t, s, Offer{Name: "broken", Deadline: time.Now().Add(time.Minute)})
		inTime, breaks := read("used", sw1, 1), read("broken", sw1, 1)
		for _, r := range []*tftp.Request{inTime, breaks} {
			if _, err := s.OpenRead(context.Background(), r); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := unused.Wait(context.Background()); !errors.Is(err, ErrLate) {
			t.Errorf("an unused ticket ended with %v, want ErrLate", err)
		}
		_, err := s.OpenRead(context.Background(), read("used", sw1, 2))
		wantError(t, err, tftp.CodeAccess)
		for _, ticket := range []*Ticket{used, broken} {
			select {
			case <-ticket.Ended():
				t.Errorf("%s: the deadline cut a transfer off", ticket.Name)
			default:
			}
		}
		s.Observe(tftp.Event{Kind: tftp.EventDone, Request: inTime})
		if _, err := used.Wait(context.Background()); err != nil {
			t.Errorf("a transfer that began in time ended with %v", err)
		}
		s.Observe(tftp.Event{Kind: tftp.EventDone, Request: breaks, Err: tftp.ErrTimeout})
		if _, err := broken.Wait(context.Background()); !errors.Is(err, ErrLate) {
			t.Errorf("a transfer that broke after the deadline left %v, want ErrLate", err)
		}
	})
}

// TestStaleEvents is the end of an old transfer that must not count for a new
// offer of the same name.
func TestStaleEvents(t *testing.T) {
	s := open(t)
	ticket := offerImage(t, s, Offer{Name: "x.bin"})
	s.Observe(tftp.Event{Kind: tftp.EventDone, Request: read("x.bin", sw1, 1)})
	if e := ticket.Evidence(); e.Complete != 0 {
		t.Errorf("a transfer that the offer does not know has counted: %+v", e)
	}
}
