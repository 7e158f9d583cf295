package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"flashwarden/tftp"
)

// secretOffer offers five bytes with a password.
func secretOffer(t *testing.T, s *Spool) *Ticket {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, []byte("image"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("image"))
	ticket, err := s.Offer(context.Background(), f, Offer{Device: sw1, SHA256: hex.EncodeToString(sum[:]), Deadline: anHour, Secret: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ticket.Close() })
	return ticket
}

// TestGet sends one file over another protocol, with its password. A try that breaks off does
// not count.
func TestGet(t *testing.T) {
	s := open(t)
	ticket := secretOffer(t, s)
	if device, any := s.Expects(sw1); !device || !any {
		t.Error("no download is expected")
	}
	_, err := s.OpenRead(context.Background(), &tftp.Request{Op: tftp.Read, Filename: ticket.Name, Remote: write(ticket.Name, sw1).Remote})
	wantError(t, err, tftp.CodeAccess) // over TFTP
	right := Put{Name: ticket.Name, Password: ticket.Password, From: sw1}
	if _, err := s.Put(right); !errors.Is(err, ErrUnauthorised) {
		t.Errorf("an upload to an offer: %v", err)
	}
	wrong := right
	wrong.Password = "x"
	if _, err := s.Get(wrong); !errors.Is(err, ErrUnauthorised) {
		t.Errorf("a wrong password: %v", err)
	}
	foreign := right
	foreign.From = stranger
	_, err = s.Get(foreign)
	wantError(t, err, tftp.CodeAccess)
	if err := s.Admits(right); err != nil {
		t.Error(err)
	}
	for try, fails := range []error{errors.New("gone"), nil} {
		d, err := s.Get(right)
		if err != nil {
			t.Fatal(err)
		}
		if e := ticket.Evidence(); !e.Requested || e.Running != 1 {
			t.Errorf("evidence %+v", e)
		}
		if got, err := io.ReadAll(d); err != nil || string(got) != "image" || d.Size() != 5 {
			t.Errorf("got %q of %d bytes, %v", got, d.Size(), err)
		}
		d.End(fails)
		if e := ticket.Evidence(); e.Complete != try || e.Running != 0 || e.Err != fails || fails == nil && e.Bytes != 5 {
			t.Errorf("evidence %+v", e)
		}
	}
	if f, err := ticket.Wait(context.Background()); err != nil || f.Size != 5 {
		t.Errorf("the ticket ended with %+v, %v", f, err)
	}
	_, err = s.Get(right)
	wantError(t, err, tftp.CodeAccess) // used up
}

// TestGetTwiceAtOnce: a password works once, also for two requests at the same time.
func TestGetTwiceAtOnce(t *testing.T) {
	s := open(t)
	ticket := secretOffer(t, s)
	right := Put{Name: ticket.Name, Password: ticket.Password, From: sw1}
	first, err := s.Get(right)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := s.Get(right); err == nil {
		for _, d := range []*Download{first, second} {
			if got, err := io.ReadAll(d); err == nil && string(got) == "image" {
				defer d.End(nil)
			}
		}
		t.Fatal("the file is sent twice with one password")
	}
	if err := s.Admits(right); err == nil {
		t.Error("a second login is admitted meanwhile")
	}
	first.End(errors.New("gone"))
	again, err := s.Get(right)
	if err != nil {
		t.Fatalf("after a try that broke off: %v", err)
	}
	again.End(nil)
	if e := ticket.Evidence(); e.Complete != 1 {
		t.Errorf("evidence %+v", e)
	}
}
