package spool

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"flashwarden/tftp"
)

// TestPut takes one file that a device sends over another protocol, with its password.
func TestPut(t *testing.T) {
	s := open(t)
	if device, any := s.Expects(sw1); device || any {
		t.Error("a spool without tickets expects an upload")
	}
	ticket := s.ExpectPut(sw1, 5, anHour)
	if device, any := s.Expects(sw1); !device || !any {
		t.Error("a spool with a ticket expects no upload")
	}
	if device, any := s.Expects(stranger); device || !any {
		t.Error("an upload is expected from a stranger")
	}
	_, err := s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	wantError(t, err, tftp.CodeAccess) // over TFTP
	right := Put{Name: ticket.Name, Password: ticket.Password, From: netip.AddrFrom16(sw1.As16()), Size: 5}
	w, err := s.Put(right)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Put(right)
	wantError(t, err, tftp.CodeAccess) // in use
	if _, err := w.Write([]byte("image")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := ticket.Wait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.Path); err != nil || string(got) != "image" {
		t.Errorf("the spool has %q (%v)", got, err)
	}
	_, err = s.Put(right)
	wantError(t, err, tftp.CodeAccess) // used up
	if err := ticket.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(right); !errors.Is(err, ErrUnauthorised) {
		t.Errorf("after the end: %v", err)
	}
	if _, any := s.Expects(sw1); any {
		t.Error("after the end, an upload is expected")
	}
	wantEmpty(t, s)
}

// TestAdmits asks before the file is announced: the answer is that of Put, and nothing begins.
func TestAdmits(t *testing.T) {
	s := open(t)
	ticket := s.ExpectPut(sw1, 5, anHour)
	defer ticket.Close()
	right := Put{Name: ticket.Name, Password: ticket.Password, From: netip.AddrFrom16(sw1.As16())}
	for range 2 {
		if err := s.Admits(right); err != nil {
			t.Fatal(err)
		}
	}
	if e := ticket.Evidence(); e.Requested || e.Refused != nil {
		t.Errorf("evidence %+v", e)
	}
	wrong := right
	wrong.Password = "x"
	if err := s.Admits(wrong); !errors.Is(err, ErrUnauthorised) || ticket.Evidence().Refused == nil {
		t.Errorf("a wrong password: %v, evidence %+v", err, ticket.Evidence())
	}
	foreign := right
	foreign.From = stranger
	wantError(t, s.Admits(foreign), tftp.CodeAccess)
	if e := ticket.Evidence(); len(e.WrongSource) != 1 || e.Requested {
		t.Errorf("evidence %+v", e)
	}
	w, err := s.Put(Put{Name: right.Name, Password: right.Password, From: right.From, Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Admits(right), tftp.CodeAccess) // in use
	w.Abort(nil)
	late := s.ExpectPut(sw1, 5, time.Now().Add(-time.Second))
	defer late.Close()
	wantError(t, s.Admits(Put{Name: late.Name, Password: late.Password, From: sw1}), tftp.CodeAccess)
}

// TestPutRefused goes through requests that get nothing, and what the ticket knows of them.
func TestPutRefused(t *testing.T) {
	s := open(t)
	ticket := s.ExpectPut(sw1, 5, anHour)
	defer ticket.Close()
	other := s.ExpectPut(stranger, 5, anHour)
	defer other.Close()
	name, password := ticket.Name, ticket.Password
	for what, p := range map[string]Put{
		"nothing":              {From: sw1},
		"no password":          {Name: name, From: sw1},
		"the other's password": {Name: name, Password: other.Password, From: sw1},
		"another name":         {Name: "x" + name, Password: password, From: sw1},
		"a tftp name":          {Name: "", Password: password, From: sw1},
	} {
		if _, err := s.Put(p); !errors.Is(err, ErrUnauthorised) {
			t.Errorf("%s: %v", what, err)
		}
	}
	e := ticket.Evidence()
	if e.Requested || e.Refused == nil || len(e.WrongSource) > 0 {
		t.Errorf("evidence %+v", e)
	}
	_, err := s.Put(Put{Name: name, Password: password, From: stranger, Size: 5})
	wantError(t, err, tftp.CodeAccess)
	if e := ticket.Evidence(); e.Requested || len(e.WrongSource) != 1 || e.WrongSource[0] != stranger {
		t.Errorf("evidence %+v", e)
	}
	refused := errors.New("unknown certificate authority")
	s.NoteHandshake(sw1, refused)
	if ticket.Evidence().Handshake != refused || other.Evidence().Handshake != nil {
		t.Error("the failed handshake is not in the evidence of its device alone")
	}
	late := s.ExpectPut(sw1, 5, time.Now().Add(-time.Second))
	defer late.Close()
	_, err = s.Put(Put{Name: late.Name, Password: late.Password, From: sw1, Size: 5})
	wantError(t, err, tftp.CodeAccess)
	large := s.ExpectPut(sw1, 5, anHour)
	defer large.Close()
	if _, err = s.Put(Put{Name: large.Name, Password: large.Password, From: sw1, Size: 6}); err == nil {
		t.Error("a file of another size was taken")
	}
	if e := large.Evidence(); !errors.Is(e.Err, ErrSize) || e.Refused == nil {
		t.Errorf("evidence %+v", e)
	}
}
