package spool

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"flashwarden/tftp"
)

// TestPull takes one file that we fetch ourselves.
func TestPull(t *testing.T) {
	s := open(t)
	data := bytes.Repeat([]byte("flash"), 1000)
	ticket := s.ExpectPull(sw1, int64(len(data)), anHour)
	_, err := s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	wantError(t, err, tftp.CodeAccess) // over TFTP
	w, err := ticket.Pull(int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = ticket.Pull(-1)
	wantError(t, err, tftp.CodeAccess) // in use
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := ticket.Wait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the file differs from the sent content (%v)", err)
	}
	_, err = ticket.Pull(-1)
	wantError(t, err, tftp.CodeAccess) // used up
	if err := ticket.Close(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, s)
}

// TestPullRefused goes through what ends a ticket before its first byte.
func TestPullRefused(t *testing.T) {
	s := open(t)
	another := s.ExpectPull(sw1, 10, anHour)
	if _, err := another.Pull(9); err == nil {
		t.Error("a file of another size was taken")
	}
	if _, err := another.Wait(context.Background()); !errors.Is(err, ErrSize) {
		t.Errorf("the ticket ended with %v", err)
	}
	late := s.ExpectPull(sw1, 10, time.Now().Add(-time.Second))
	_, err := late.Pull(10)
	wantError(t, err, tftp.CodeAccess)
	closed := s.ExpectPull(sw1, 10, anHour)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = closed.Pull(10)
	wantError(t, err, tftp.CodeAccess)
	for _, ticket := range []*Ticket{another, late} {
		if err := ticket.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantEmpty(t, s)
}
