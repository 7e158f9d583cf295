package spool

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
)

// keeper records the kept files.
type keeper struct {
	names, texts []string
	err          error
}

func (k *keeper) keep(r *tftp.Request, f *File) error {
	if k.err != nil {
		return k.err
	}
	text, err := os.ReadFile(f.Path)
	k.names, k.texts = append(k.names, r.Filename), append(k.texts, string(text))
	return err
}

// put sends text like a device, and returns the error that the device gets.
func put(s *Spool, r *tftp.Request, text string) error {
	w, err := s.OpenWrite(context.Background(), r)
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		w.Abort(err)
		return err
	}
	return w.Commit()
}

func receive(t *testing.T, s *Spool, r Receive) *Ticket {
	t.Helper()
	r.Device = sw1
	if r.Deadline.IsZero() {
		r.Deadline = time.Now().Add(time.Hour)
	}
	if r.MaxSize == 0 {
		r.MaxSize = 100
	}
	ticket := s.Receive(r)
	t.Cleanup(func() { ticket.Close() })
	return ticket
}

func TestReceiveTakesOneFile(t *testing.T) {
	for _, name := range []string{"", "img/C3750.bin"} {
		s, k := open(t), &keeper{}
		ticket := receive(t, s, Receive{Name: name, Keep: k.keep})
		wantError(t, put(s, write("img/c3750.bin", stranger), "x"), tftp.CodeAccess)
		if err := put(s, write("/img/c3750.bin", sw1), image); err != nil {
			t.Fatal(err)
		}
		wantError(t, put(s, write("img/c3750.bin", sw1), image), tftp.CodeAccess)
		f, err := ticket.Wait(context.Background())
		if err != nil || f.Size != int64(len(image)) || len(k.texts) != 1 || k.texts[0] != image || k.names[0] != "/img/c3750.bin" {
			t.Errorf("got %+v, %v; kept %q", f, err, k.names)
		}
		wantEmpty(t, s)
	}
}

func TestReceiveRefusesOtherNames(t *testing.T) {
	s, k := open(t), &keeper{}
	ticket := receive(t, s, Receive{Name: "x.bin", Keep: k.keep})
	wantError(t, put(s, write("y.bin", sw1), "x"), tftp.CodeAccess)
	if e := ticket.Evidence(); len(e.Strays) != 1 || e.Strays[0] != "y.bin" {
		t.Errorf("evidence %+v", e)
	}
	if err := put(s, write("x.bin", sw1), "x"); err != nil {
		t.Errorf("the refusal has used the permission up: %v", err)
	}
}

// TestReceiveAgain has several failed uploads before one that succeeds.
func TestReceiveAgain(t *testing.T) {
	s, k := open(t), &keeper{}
	ticket := receive(t, s, Receive{Keep: k.keep, MaxSize: 10})

	wantError(t, put(s, write("x", sw1), "eleven byte"), tftp.CodeDiskFull)
	wantEmpty(t, s)
	w, err := s.OpenWrite(context.Background(), write("x", sw1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte("eleven byte"))
	wantError(t, err, tftp.CodeDiskFull)
	wantEmpty(t, s) // and the device may try again, before the server has called Abort
	again, err := s.OpenWrite(context.Background(), write("x", sw1))
	if err != nil {
		t.Fatal(err)
	}
	w.Abort(err)
	again.Abort(tftp.ErrTimeout)

	large := write("x", sw1)
	large.Size = 11
	wantError(t, put(s, large, ""), tftp.CodeDiskFull)
	short := write("x", sw1)
	short.Size = 3
	wantError(t, put(s, short, "ab"), tftp.CodeUndefined)

	if w, err = s.OpenWrite(context.Background(), write("x", sw1)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	wantError(t, put(s, write("y", sw1), "second at the same time"), tftp.CodeAccess)
	w.Abort(tftp.ErrTimeout)
	if e := ticket.Evidence(); !errors.Is(e.Err, tftp.ErrTimeout) || e.Running != 0 {
		t.Errorf("evidence %+v", e)
	}

	k.err = &tftp.Error{Code: tftp.CodeUndefined, Message: "the digest differs"}
	if err := put(s, write("x", sw1), "abc"); err == nil || !strings.Contains(err.Error(), "the digest differs") {
		t.Errorf("told %v, want what Keep said", err)
	}
	k.err = syscall.ENOSPC
	wantError(t, put(s, write("x", sw1), "abc"), tftp.CodeDiskFull)
	wantEmpty(t, s)
	if len(k.names) != 0 {
		t.Errorf("kept %q", k.names)
	}

	k.err = nil
	if err := put(s, write("x", sw1), "ten bytes."); err != nil {
		t.Fatal(err)
	}
	if _, err := ticket.Wait(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestKeptBeforeTheFinalACK checks that Commit returns nil, and so permits the final
// ACK, only after Keep has returned.
func TestKeptBeforeTheFinalACK(t *testing.T) {
	s := open(t)
	kept := false
	receive(t, s, Receive{Keep: func(*tftp.Request, *File) error { kept = true; return nil }})
	w, err := s.OpenWrite(context.Background(), write("x", sw1))
	if err != nil {
		t.Fatal(err)
	}
	if kept {
		t.Error("kept before it was complete")
	}
	if err := w.Commit(); err != nil || !kept {
		t.Errorf("committed (%v) and not kept", err)
	}
}

func TestReceiveDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := open(t), &keeper{}
		unused := receive(t, s, Receive{Name: "unused", Keep: k.keep, Deadline: time.Now().Add(time.Minute)})
		used := receive(t, s, Receive{Name: "used", Keep: k.keep, Deadline: time.Now().Add(time.Minute)})
		w, err := s.OpenWrite(context.Background(), write("used", sw1))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := unused.Wait(context.Background()); !errors.Is(err, ErrLate) {
			t.Errorf("ended with %v, want ErrLate", err)
		}
		if err := w.Commit(); err != nil {
			t.Errorf("a transfer that began in time: %v", err)
		}
		if _, err := used.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestRules(t *testing.T) {
	s, k, other := open(t), &keeper{}, &keeper{}
	s.Allow([]Rule{
		{From: netip.MustParsePrefix("192.0.2.0/28"), Name: "*-config-*", MaxSize: 10, Keep: k.keep},
		{From: netip.MustParsePrefix("192.0.2.0/28"), Name: "backup/*", MaxSize: 10, Keep: other.keep},
	})
	for range 2 {
		if err := put(s, write("/sw1-config-1", sw1), "text"); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(s, write("backup/x", sw1), "text"); err != nil {
		t.Fatal(err)
	}
	if len(k.names) != 2 || len(other.names) != 1 {
		t.Errorf("kept %q and %q", k.names, other.names)
	}
	for _, r := range []*tftp.Request{
		write("sw1-config-1", stranger),
		write("vlan.dat", sw1),
		write("a/b-config-1", sw1),
		write("../x-config-1", sw1),
		write("backup/..", sw1),
		write("backup/.", sw1),
		write("backup//x", sw1),
		write("backup/x\x1b[2J", sw1),
		write("backup/"+strings.Repeat("x", 300), sw1),
	} {
		err := put(s, r, "x")
		t.Logf("%q", r.Filename)
		wantError(t, err, tftp.CodeAccess)
	}
	wantError(t, put(s, write("a-config-1", sw1), "eleven byte"), tftp.CodeDiskFull)
	if len(k.names) != 2 || len(other.names) != 1 {
		t.Errorf("kept %q and %q", k.names, other.names)
	}
	wantEmpty(t, s)
}

// TestRulesSideBySide has two devices, and one device twice, that upload the same
// name at the same time.
func TestRulesSideBySide(t *testing.T) {
	s, k := open(t), &keeper{}
	s.Allow([]Rule{{From: netip.MustParsePrefix("192.0.2.0/24"), Name: "*", MaxSize: 10, Keep: k.keep}})
	var writers []tftp.Writer
	for _, from := range []netip.Addr{sw1, stranger, sw1} {
		w, err := s.OpenWrite(context.Background(), write("config", from))
		if err != nil {
			t.Fatal(err)
		}
		writers = append(writers, w)
	}
	for i, w := range writers {
		if _, err := w.Write([]byte{'0' + byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range writers {
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(k.texts, " ") != "0 1 2" {
		t.Errorf("kept %q", k.texts)
	}
	wantEmpty(t, s)
}

// TestNoNameReachesTheFileSystem looks for the names that devices chose among
// the files of the spool.
func TestNoNameReachesTheFileSystem(t *testing.T) {
	s := open(t)
	receive(t, s, Receive{Keep: (&keeper{}).keep})
	w, err := s.OpenWrite(context.Background(), write("chosen/name", sw1))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(tftp.ErrTimeout)
	files, err := os.ReadDir(s.dir)
	if err != nil || len(files) != 1 || strings.Contains(files[0].Name(), "name") {
		t.Errorf("the spool has %v (%v)", files, err)
	}
}
