package warden

import (
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/node"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// aReception opens a reception for an hour, on a spool of its own.
func aReception(t *testing.T, all *permits, id string) *permit {
	t.Helper()
	s, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour)
	one := &permit{Permit: api.Permit{ID: id, Until: until}, arrived: &arrivals{receiver: &node.Receiver{}}}
	one.ticket = s.Receive(spool.Receive{Device: netip.MustParseAddr("192.0.2.1"), Deadline: until})
	all.add(one, slog.New(slog.DiscardHandler))
	return one
}

func (p *permits) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// TestPermitThatNobodyAwaits ends by its deadline, and is forgotten some time
// later: a client that was killed leaves nothing behind.
func TestPermitThatNobodyAwaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all permits
		one := aReception(t, &all, "a")
		<-one.ticket.Ended()
		if all.count() != 1 {
			t.Error("it is forgotten before anybody could ask how it ended")
		}
		time.Sleep(keptFor + time.Second)
		synctest.Wait()
		if all.count() != 0 {
			t.Error("it is kept for ever")
		}
	})
}

// TestTakePermits takes permits: each once, and only as what it is.
func TestTakePermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all permits
		aReception(t, &all, "a")
		if _, err := all.take("a", false); AsProblem(err).Exit != api.ExitUnknown {
			t.Errorf("a reception was taken for an offer: %v", err)
		}
		one, err := all.take("a", true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := all.take("a", true); AsProblem(err).Exit != api.ExitUnknown {
			t.Errorf("taken twice: %v", err)
		}
		if err := one.end(); err != nil {
			t.Fatal(err)
		}
		left := aReception(t, &all, "b")
		if err := all.close(); err != nil {
			t.Fatal(err)
		}
		if _, err := left.ticket.Wait(t.Context()); !errors.Is(err, spool.ErrClosed) {
			t.Errorf("after close: %v", err)
		}
	})
}

// TestRevokePermits ends permits by their ID, only as what they are, and tells who waits.
func TestRevokePermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all permits
		left, taken := aReception(t, &all, "a"), aReception(t, &all, "b")
		if _, err := all.take("b", true); err != nil {
			t.Fatal(err)
		}
		if list := all.list(true); len(list) != 2 || list[0] != left || len(all.list(false)) != 0 {
			t.Errorf("listed %v", list)
		}
		if s := left.state(nil); s.State != api.PermitOpen || s.ID != "a" {
			t.Errorf("%+v", s)
		}
		wantExit(t, "an offer", all.revoke("a", false), api.ExitUnknown)
		for _, id := range []string{"a", "b"} {
			if err := all.revoke(id, true); err != nil {
				t.Error(err)
			}
			wantExit(t, "again", all.revoke(id, true), api.ExitUnknown)
		}
		if _, err := left.ticket.Wait(t.Context()); !errors.Is(err, spool.ErrClosed) {
			t.Errorf("nobody waited, and it goes on: %v", err)
		}
		if s := left.state(nil); s.State != api.PermitEnded || s.Message != "somebody ended it" || s.Hint == "" {
			t.Errorf("%+v", s)
		}
		<-taken.revoked
		if err := taken.end(); err != nil {
			t.Error(err)
		}
		all.drop(taken)
	})
}

// TestOnlyOwnTransfers shows a permit the transfers that it lets in, and all
// that were refused.
func TestOnlyOwnTransfers(t *testing.T) {
	peer, other := netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("192.0.2.2:1000")
	offer := &permit{Permit: api.Permit{Name: "c3750.bin"}, meeting: meeting{peer: peer.Addr()}}
	for _, test := range []struct {
		kind tftp.EventKind
		r    tftp.Request
		want bool
	}{
		{tftp.EventRequest, tftp.Request{Op: tftp.Read, Remote: peer, Filename: "/C3750.bin"}, true},
		{tftp.EventDone, tftp.Request{Op: tftp.Read, Remote: netip.MustParseAddrPort("[::ffff:192.0.2.1]:7"), Filename: "c3750.bin"}, true},
		{tftp.EventProgress, tftp.Request{Op: tftp.Write, Remote: peer, Filename: "c3750.bin"}, false},
		{tftp.EventProgress, tftp.Request{Op: tftp.Read, Remote: peer, Filename: "ticketofabackup"}, false},
		{tftp.EventProgress, tftp.Request{Op: tftp.Read, Remote: other, Filename: "c3750.bin"}, false},
		{tftp.EventRefused, tftp.Request{Op: tftp.Write, Remote: other, Filename: "x"}, true},
	} {
		shown := false
		offer.only(func(tftp.Event) { shown = true })(tftp.Event{Kind: test.kind, Request: &test.r})
		if shown != test.want {
			t.Errorf("%v %+v: shown %v", test.kind, test.r, shown)
		}
	}
}

// TestWatchers adds and removes watchers.
func TestWatchers(t *testing.T) {
	var w watchers
	seen := 0
	remove := w.add(func(tftp.Event) { seen++ })
	w.tell(tftp.Event{})
	remove()
	w.tell(tftp.Event{})
	if seen != 1 {
		t.Errorf("seen %d events; want 1", seen)
	}
}
