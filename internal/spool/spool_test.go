package spool

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"flashwarden/internal/disk"
	"flashwarden/internal/disk/disktest"
	"flashwarden/tftp"
)

var (
	sw1      = netip.MustParseAddr("192.0.2.1")
	stranger = netip.MustParseAddr("192.0.2.66")
	anHour   = time.Now().Add(time.Hour)
)

func open(t *testing.T) *Spool {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(name string, from netip.Addr) *tftp.Request {
	return &tftp.Request{Op: tftp.Write, Filename: name, Remote: netip.AddrPortFrom(from, 50000), Size: -1}
}

// wantError checks that err is the ERROR with this code.
func wantError(t *testing.T, err error, code tftp.Code) {
	t.Helper()
	var e *tftp.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want ERROR %d", err, code)
	}
}

// wantEmpty checks that nothing is left in the spool.
func wantEmpty(t *testing.T, s *Spool) {
	t.Helper()
	left, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("left in the spool: %s", e.Name())
	}
}

func TestTicketTakesOneFile(t *testing.T) {
	s := open(t)
	data := bytes.Repeat([]byte("flash"), 1000)
	ticket := s.Expect(sw1, int64(len(data)), anHour)
	w, err := s.OpenWrite(context.Background(), write("/"+ticket.Name, sw1))
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(data, 512) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := ticket.Wait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m, h := md5.Sum(data), sha256.Sum256(data)
	if f.MD5 != hex.EncodeToString(m[:]) || f.SHA256 != hex.EncodeToString(h[:]) || f.Size != int64(len(data)) {
		t.Errorf("wrong digests or size: %+v", f)
	}
	if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the file differs from the sent content (%v)", err)
	}
	_, err = s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	wantError(t, err, tftp.CodeAccess)
	if err := ticket.Close(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, s)
}

func TestRefusals(t *testing.T) {
	s := open(t)
	ticket := s.Expect(sw1, 10, anHour)
	late := s.Expect(sw1, 10, time.Now().Add(-time.Second))
	closed := s.Expect(sw1, 10, anHour)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for what, r := range map[string]*tftp.Request{
		"another name":    write("running-config", sw1),
		"another address": write(ticket.Name, stranger),
		"too late":        write(late.Name, sw1),
		"closed ticket":   write(closed.Name, sw1),
		"path to it":      write("../spool/"+ticket.Name, sw1),
	} {
		t.Run(what, func(t *testing.T) {
			_, err := s.OpenWrite(context.Background(), r)
			wantError(t, err, tftp.CodeAccess)
		})
	}
	_, err := s.OpenRead(context.Background(), &tftp.Request{Op: tftp.Read, Filename: ticket.Name, Remote: netip.AddrPortFrom(sw1, 1)})
	wantError(t, err, tftp.CodeAccess)

	e := ticket.Evidence()
	if e.Requested || len(e.WrongSource) != 1 || e.WrongSource[0] != stranger {
		t.Errorf("evidence %+v: want the stranger's address and no request", e)
	}
	if len(e.Strays) == 0 {
		t.Error("the other names that the device asked for are not in the evidence")
	}
	wantEmpty(t, s)
}

func TestSecondRequestWhileTheFirstRuns(t *testing.T) {
	s := open(t)
	ticket := s.Expect(sw1, 3, anHour)
	w, err := s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	wantError(t, err, tftp.CodeAccess)

	w.Abort(errors.New("peer vanished before its first block"))
	w, err = s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	if err != nil {
		t.Fatalf("after a transfer of no bytes the device may ask again: %v", err)
	}
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if f, err := ticket.Wait(context.Background()); err != nil || f.Size != 3 {
		t.Fatalf("got %v, %v", f, err)
	}
}

func TestWrongSize(t *testing.T) {
	ctx := context.Background()
	t.Run("short", func(t *testing.T) {
		s := open(t)
		ticket := s.Expect(sw1, 1024, anHour)
		w, err := s.OpenWrite(ctx, write(ticket.Name, sw1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 512)); err != nil {
			t.Fatal(err)
		}
		wantError(t, w.Commit(), tftp.CodeUndefined)
		if _, err := ticket.Wait(ctx); !errors.Is(err, ErrSize) {
			t.Errorf("ticket ended with %v, want ErrSize", err)
		}
		wantEmpty(t, s)
	})
	t.Run("long", func(t *testing.T) {
		s := open(t)
		ticket := s.Expect(sw1, 1024, anHour)
		w, err := s.OpenWrite(ctx, write(ticket.Name, sw1))
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(make([]byte, 1025))
		wantError(t, err, tftp.CodeUndefined)
		w.Abort(err)
		if _, err := ticket.Wait(ctx); !errors.Is(err, ErrSize) {
			t.Errorf("ticket ended with %v, want ErrSize", err)
		}
		wantEmpty(t, s)
	})
	t.Run("announced", func(t *testing.T) {
		s := open(t)
		ticket := s.Expect(sw1, 1024, anHour)
		r := write(ticket.Name, sw1)
		r.Size = 1023
		_, err := s.OpenWrite(ctx, r)
		wantError(t, err, tftp.CodeUndefined)
		if _, err := ticket.Wait(ctx); !errors.Is(err, ErrSize) {
			t.Errorf("ticket ended with %v, want ErrSize", err)
		}
		wantEmpty(t, s)
	})
}

func TestFullDiskIsToldBeforeTheFirstByte(t *testing.T) {
	s := open(t)
	limitFiles(t)
	free, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	sent := s.Expect(sw1, free+1<<30, anHour)
	_, sentErr := s.OpenWrite(context.Background(), write(sent.Name, sw1))
	pulled := s.ExpectPull(sw1, free+1<<30, anHour)
	_, pulledErr := pulled.Pull(free + 1<<30)
	for ticket, err := range map[*Ticket]error{sent: sentErr, pulled: pulledErr} {
		wantError(t, err, tftp.CodeDiskFull)
		if _, err := ticket.Wait(context.Background()); !errors.Is(err, ErrFull) {
			t.Errorf("ticket ended with %v, want ErrFull", err)
		}
	}
	wantEmpty(t, s)
}

// limitFiles limits the size of the files that this process makes, for a test that
// wants more than the free space. Without it, a spool in memory that reserves space
// blindly would take all memory of this machine.
func limitFiles(t *testing.T) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before) })
}

// TestForgedRequestReservesNothing: anybody can send a request for a name that is
// not secret. The space is reserved when the peer has answered.
func TestForgedRequestReservesNothing(t *testing.T) {
	s := open(t)
	limitFiles(t)
	free, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	receive(t, s, Receive{Keep: (&keeper{}).keep, MaxSize: free + 2<<30})
	request := write("x", sw1)
	request.Size = free + 1<<30
	w, err := s.OpenWrite(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte("the first block"))
	wantError(t, err, tftp.CodeDiskFull)
	wantEmpty(t, s)
}

func TestCloseDuringATransfer(t *testing.T) {
	s := open(t)
	ticket := s.Expect(sw1, 3, anHour)
	w, err := s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if err := ticket.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, w.Commit(), tftp.CodeUndefined)
	if _, err := ticket.Wait(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("ticket ended with %v, want ErrClosed", err)
	}
	wantEmpty(t, s)
}

// TestStoredBeforeTheFinalACK checks that Commit, which comes before the final ACK,
// returns nil only after content, name and directory were synced, in this order. If
// one step fails, the device gets an ERROR.
func TestStoredBeforeTheFinalACK(t *testing.T) {
	commit := func(s *Spool) (*Ticket, error) {
		ticket := s.Expect(sw1, 3, anHour)
		w, err := s.OpenWrite(context.Background(), write(ticket.Name, sw1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
		return ticket, w.Commit()
	}
	s := open(t)
	var steps []string
	s.disk = disktest.Faults(func(op, _ string) error { steps = append(steps, op); return nil })
	ticket, err := commit(s)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"create", "write", "sync", "rename", "syncdir"}; !slices.Equal(steps, want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	if err := ticket.Close(); err != nil {
		t.Fatal(err)
	}
	for _, failing := range []string{"sync", "rename", "syncdir"} {
		s.disk = disktest.Faults(func(op, _ string) error {
			if op == failing {
				return syscall.ENOSPC
			}
			return nil
		})
		ticket, err := commit(s)
		wantError(t, err, tftp.CodeDiskFull)
		if f, err := ticket.Wait(context.Background()); !errors.Is(err, ErrFull) {
			t.Errorf("%s failed: the ticket has %+v, %v", failing, f, err)
		}
		wantEmpty(t, s)
	}
}

// TestWriteAfterClose has a device that continues to send after its backup was
// cancelled. It must get the ERROR at the next block, not after the last one.
func TestWriteAfterClose(t *testing.T) {
	s := open(t)
	ticket := s.Expect(sw1, 1024, anHour)
	w, err := s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 512)); err != nil {
		t.Fatal(err)
	}
	if err := ticket.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(make([]byte, 512))
	wantError(t, err, tftp.CodeUndefined)
	w.Abort(err)
	wantEmpty(t, s)
}

// TestOpenSweeps removes what a dead process left, and nothing else.
func TestOpenSweeps(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	ours := "transfer-abcdefghij234567abcd"
	for _, name := range []string{ours, ours + ".part", "important", ours + ".bak", "abcdefghij234567abcd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	likeOurs := "transfer-aaaaaaaaaaaaaaaaaaaa"
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, likeOurs, "below"), 0o700), os.Symlink("important", filepath.Join(dir, likeOurs+".part"))); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(elsewhere, "spool") // an administrator may have moved the spool
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(link); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"abcdefghij234567abcd", "important", likeOurs, likeOurs + ".part", ours + ".bak"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left %q, want %q, %v", left, want, err)
	}
}

// TestOpenNeverFatal starts although a file cannot be removed.
func TestOpenNeverFatal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to have a file of another user")
	}
	dir := t.TempDir()
	foreign := filepath.Join(dir, "transfer-abcdefghij234567abcd")
	if err := errors.Join(os.WriteFile(foreign, nil, 0o600), os.Chown(foreign, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	s := open(t)
	form := regexp.MustCompile(`^[a-z0-9-]{12,24}$`)
	seen := make(map[string]bool)
	for range 1000 {
		name := s.Expect(sw1, 1, anHour).Name
		if !form.MatchString(name) || seen[name] {
			t.Fatalf("bad or repeated name %q", name)
		}
		seen[name] = true
	}
}

func TestEvidenceFromEvents(t *testing.T) {
	s := open(t)
	ticket := s.Expect(sw1, 10, anHour)
	r := write(ticket.Name, sw1)
	for _, k := range []tftp.EventKind{tftp.EventRepeated, tftp.EventRepeated, tftp.EventRetransmit, tftp.EventConfirmed} {
		s.Observe(tftp.Event{Kind: k, Request: r, BlockSize: 1468})
	}
	s.Observe(tftp.Event{Kind: tftp.EventProgress, Request: r, Bytes: 7})
	s.Observe(tftp.Event{Kind: tftp.EventRepeated, Request: write(ticket.Name, stranger)})
	s.Observe(tftp.Event{Kind: tftp.EventRefused, Request: r, Err: &tftp.Error{Code: tftp.CodeAccess, Message: "in use"}})
	e := ticket.Evidence()
	if e.Refused == nil || e.Refused.Message != "in use" || e.Repeats != 2 || e.Retransmits != 1 || !e.Confirmed || e.BlockSize != 1468 || e.Bytes != 7 {
		t.Errorf("evidence %+v", e)
	}
}

// brokenDisk has files whose numbers become those of no file.
type brokenDisk struct {
	disk.OS
	broken bool
}

type brokenFile struct {
	disk.File
	disk *brokenDisk
}

// OpenFile implements disk.FS.
func (d *brokenDisk) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	f, err := d.OS.OpenFile(name, flag, perm)
	return brokenFile{f, d}, err
}

// Fd implements disk.File.
func (f brokenFile) Fd() uintptr {
	if f.disk.broken {
		return 1 << 30
	}
	return f.File.Fd()
}

// TestWriteBack: the spool begins to write a large upload to the disk while it arrives,
// and gives the upload up if that fails.
func TestWriteBack(t *testing.T) {
	s, d := open(t), &brokenDisk{}
	s.disk = d
	ticket := s.Expect(sw1, 9<<20, anHour)
	w, err := s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	if err != nil {
		t.Fatal(err)
	}
	d.broken = true
	if _, err := w.Write(make([]byte, 7<<20)); err != nil {
		t.Errorf("at first: %v", err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err == nil {
		t.Error("the writing never began")
	}
}
