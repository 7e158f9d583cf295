package tftp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp/tftptest"
)

// machine drives one session by hand. The test provides packets, time and the
// results of jobs.
type machine struct {
	t    *testing.T
	e    *engine
	s    *session
	now  time.Time
	out  outbox
	job  *job // under way
	h    *fakeHandler
	sent [][]byte // by the last step; the next one uses the memory again
	ends int      // EventDone seen
}

// fakeHandler counts how its files end.
type fakeHandler struct {
	size       int64
	failAt     int // Write number that fails; 0: none
	failCommit bool
	discard    bool
	writes     int
	written    bytes.Buffer
	commits    int
	aborts     int
	closed     int
	opened     int
}

var errFake = errors.New("broken")

func (h *fakeHandler) OpenRead(context.Context, *Request) (Reader, error) {
	h.opened++
	return h, nil
}

func (h *fakeHandler) OpenWrite(context.Context, *Request) (Writer, error) {
	h.opened++
	return h, nil
}

func (h *fakeHandler) Size() int64 { return h.size }

func (h *fakeHandler) Close() error { h.closed++; return nil }

// everyByte is the repeated content of a file of fakeHandler.
var everyByte = func() (all [256]byte) {
	for i := range all {
		all[i] = byte(i)
	}
	return all
}()

func (h *fakeHandler) ReadAt(b []byte, off int64) (int, error) {
	for n := 0; n < len(b); n += copy(b[n:], everyByte[byte(off+int64(n)):]) {
	}
	return len(b), nil
}

func (h *fakeHandler) Write(b []byte) (int, error) {
	if h.writes++; h.writes == h.failAt {
		return 0, errFake
	}
	if !h.discard {
		h.written.Write(b)
	}
	return len(b), nil
}

func (h *fakeHandler) Commit() error {
	h.commits++
	if h.failCommit {
		return errFake
	}
	return nil
}

func (h *fakeHandler) Abort(error) { h.aborts++ }

func newMachine(t *testing.T, h *fakeHandler, op Op, asked ...Option) *machine {
	conn, err := new(tftptest.Network).Listen(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, h: h, now: time.Unix(1000, 0)}
	server := &Server{Handler: h, WindowBytes: 4096, Observe: func(ev Event) {
		if ev.Kind == EventDone {
			m.ends++
		}
	}}
	m.e = newEngine(context.Background(), server.withDefaults(), conn)
	l := newLoop(m.e, newSocket(conn, true))
	peer := netip.MustParseAddrPort("192.0.2.1:2000")
	m.s = &session{peer: peer, req: &Request{Op: op, Filename: "f", Remote: peer, Size: -1, Options: asked}, limits: m.e.limits, loop: l}
	if err := m.e.running.admit(m.now, m.s); err != nil {
		t.Fatal(err)
	}
	m.s.open(m.now, &m.out)
	m.settle()
	return m
}

// settle handles and checks the outbox of a step, like loop.flush.
func (m *machine) settle() {
	m.sent = m.sent[:0]
	for _, r := range m.out.runs {
		if len(r.b) == 0 || r.size < 1 {
			m.t.Fatal("an empty packet")
		}
		for b := r.b; len(b) > 0; b = b[min(r.size, len(b)):] {
			var packet []byte
			if n := len(m.sent); n < cap(m.sent) {
				packet = m.sent[:n+1][n][:0]
			}
			m.sent = append(m.sent, append(packet, b[:min(r.size, len(b))]...))
		}
	}
	if m.out.job.kind != noJob {
		if m.job != nil {
			m.t.Fatal("two jobs at once")
		}
		j := m.out.job
		m.job = &j
	}
	for _, ev := range m.out.events {
		m.e.observe(ev)
	}
	m.out = outbox{}
}

func (m *machine) packet(b []byte) {
	p, err := parsePacket(b)
	if err != nil {
		m.t.Fatal(err)
	}
	m.s.receive(m.now, p, &m.out)
	m.settle()
}

// finishJob performs the running job.
func (m *machine) finishJob() {
	if m.job == nil {
		return
	}
	j := *m.job
	m.job = nil
	m.s.complete(m.now, m.s.file.perform(m.h, j), &m.out)
	m.settle()
}

func (m *machine) expire() {
	if m.s.clock.deadline.IsZero() {
		return
	}
	if m.now.Before(m.s.clock.deadline) {
		m.now = m.s.clock.deadline
	}
	m.s.expire(m.now, &m.out)
	m.settle()
}

// TestBehindStorage fills more than the storage side takes: the ACK waits, and
// no write error is overtaken by one.
func TestBehindStorage(t *testing.T) {
	h := &fakeHandler{failAt: 2}
	m := newMachine(t, h, Write)
	m.finishJob()
	payload := make([]byte, 512)
	acked := 0
	for n := 1; n < 2000; n++ {
		m.packet(append(binary.BigEndian.AppendUint16([]byte{0, 3}, uint16(n)), payload...))
		if len(m.sent) == 0 {
			break
		}
		acked = n
	}
	if limit := 2 * largeChunk / 512; acked < limit/2 || acked > limit {
		t.Fatalf("%d blocks were acknowledged with the storage side standing still", acked)
	}
	m.finishJob() // the first write; the second is under way
	if len(m.sent) != 1 || m.sent[0][1] != byte(opACK) {
		t.Fatalf("sent %q, want the ACK that waited", m.sent)
	}
	m.finishJob() // fails
	if len(m.sent) != 1 || m.sent[0][1] != byte(opError) {
		t.Fatalf("sent %q, want an ERROR", m.sent)
	}
	m.finishJob()
	if h.aborts != 1 || h.commits != 0 {
		t.Errorf("%d aborts, %d commits", h.aborts, h.commits)
	}
}

// TestFinalACKAfterCommit repeats everything a peer can repeat while Commit
// runs.
func TestFinalACKAfterCommit(t *testing.T) {
	m := newMachine(t, &fakeHandler{}, Write)
	m.finishJob()
	last := []byte("\x00\x03\x00\x01end")
	for range 10 {
		m.packet(last)
		m.s.repeat(m.now, &m.out)
		m.settle()
		m.expire()
		if len(m.sent) != 0 || m.h.commits != 0 {
			t.Fatalf("sent %q before Commit", m.sent)
		}
	}
	m.finishJob()
	if len(m.sent) != 1 || !bytes.Equal(m.sent[0], []byte{0, 4, 0, 1}) || m.h.commits != 1 {
		t.Fatalf("sent %q after %d commits", m.sent, m.h.commits)
	}
}

// TestPanic has a Handler that panics: only its transfer ends.
func TestPanic(t *testing.T) {
	for _, op := range []Op{Read, Write} {
		m := newMachine(t, &fakeHandler{}, op)
		r := m.s.file.perform(panicking{}, *m.job)
		m.job = nil
		m.s.complete(m.now, r, &m.out)
		m.settle()
		if len(m.sent) != 1 || m.sent[0][1] != byte(opError) || m.s.state != gone {
			t.Errorf("%s: sent %q, state %d", op, m.sent, m.s.state)
		}
	}
}

// panicking is a Handler that panics.
type panicking struct{}

func (panicking) OpenRead(context.Context, *Request) (Reader, error) { panic("broken") }

func (panicking) OpenWrite(context.Context, *Request) (Writer, error) { panic("broken") }

// TestErrorsOfOthers checks that errors can be tested without this package's types.
func TestErrorsOfOthers(t *testing.T) {
	for code, want := range map[Code]error{CodeNotFound: fs.ErrNotExist, CodeAccess: fs.ErrPermission, CodeExists: fs.ErrExist} {
		if err := fmt.Errorf("get: %w", &PeerError{&Error{Code: code}}); !errors.Is(err, want) {
			t.Errorf("code %d is not %v", code, want)
		}
	}
	if errors.Is(&Error{Code: CodeUndefined}, fs.ErrNotExist) {
		t.Error("code 0 is fs.ErrNotExist")
	}
	var n net.Error
	if err := fmt.Errorf("get: %w", ErrTimeout); !errors.As(err, &n) || !n.Timeout() {
		t.Error("ErrTimeout is no net.Error")
	}
}

// TestMoreThanFourGiB moves blocks past 32 bits of offset.
func TestMoreThanFourGiB(t *testing.T) {
	testlevel.NeedFull(t, "moves 4 GiB")
	const size, block = 1<<32 + 70_000, 8000
	h := &fakeHandler{size: size}
	m := newMachine(t, h, Read, Option{optBlockSize, "8000"})
	m.e.Expected = true // large blocks on a shared port
	m.e.limits.offer.windowBytes = 1
	m.finishJob()
	m.packet([]byte{0, 4, 0, 0})
	for n := uint64(1); m.ends == 0; n++ {
		for len(m.sent) == 0 && m.job != nil {
			m.finishJob()
		}
		if len(m.sent) != 1 || binary.BigEndian.Uint16(m.sent[0][2:]) != uint16(n) {
			t.Fatalf("block %d: sent %d packets", n, len(m.sent))
		}
		if b := m.sent[0]; len(b) > headerSize && b[headerSize] != byte((n-1)*block) {
			t.Fatalf("block %d begins with the wrong byte", n)
		}
		ack := binary.BigEndian.AppendUint16([]byte{0, 4}, uint16(n))
		if m.job != nil {
			m.finishJob()
		}
		m.packet(ack)
	}
	if got := m.s.down.bytes(); got != size {
		t.Errorf("%d bytes, want %d", got, int64(size))
	}
}

// FuzzSession throws packets, timers and storage results at a session in any
// order. Whatever happens: no panic, one job at a time, no final ACK before
// Commit, and in the end everything is released, once.
func FuzzSession(f *testing.F) {
	f.Add(true, []byte{1, 0, 1, 0, 1, 0}, uint8(0))
	f.Add(false, []byte{1, 0, 2, 0, 0, 1, 1, 2, 3, 4, 5}, uint8(3))
	f.Fuzz(func(t *testing.T, write bool, script []byte, choice uint8) {
		h := &fakeHandler{size: int64(choice) * 300, failAt: int(choice % 7), failCommit: choice%5 == 0}
		op := Read
		if write {
			op = Write
		}
		var asked []Option
		if choice&1 != 0 {
			asked = append(asked, Option{optBlockSize, "100"})
		}
		if choice&2 != 0 {
			asked = append(asked, Option{optWindowSize, "5"})
		}
		m := newMachine(t, h, op, asked...)
		for len(script) >= 2 {
			m.play(script[0], script[1])
			script = script[2:]
			m.check()
		}
		m.end()
	})
}

// play does one step.
func (m *machine) play(what, how byte) {
	block := uint16(0)
	if m.s.up != nil {
		block = uint16(m.s.up.last) + 1
	}
	if m.s.down != nil {
		block = uint16(m.s.down.sent)
	}
	block += uint16(int8(how) / 16)
	size := m.s.terms.blockSize
	if how&1 != 0 {
		size = int(how)
	}
	switch what % 9 {
	case 0:
		m.finishJob()
	case 1, 2:
		m.packet(append(binary.BigEndian.AppendUint16([]byte{0, 3}, block), make([]byte, size)...))
	case 3, 4:
		m.packet(binary.BigEndian.AppendUint16([]byte{0, 4}, block))
	case 5:
		m.expire()
	case 6:
		m.s.repeat(m.now, &m.out)
		m.settle()
	case 7:
		m.now = m.now.Add(time.Duration(how) * 100 * time.Millisecond)
	case 8:
		switch how % 8 {
		case 0:
			m.packet([]byte("\x00\x05\x00\x00stop\x00"))
		case 1:
			m.packet([]byte("\x00\x06blksize\x008\x00"))
		case 2:
			m.s.stop(&m.out)
			m.settle()
		case 3:
			m.s.evict(m.now, &m.out)
			m.settle()
		}
	}
}

// check checks the conditions that must hold after every step.
func (m *machine) check() {
	s := m.s
	if s.state == lingering && s.up != nil && s.cause == nil && m.h.commits != 1 {
		m.t.Fatal("the final ACK left before Commit")
	}
	if s.up != nil && s.up.fill != nil && len(s.up.fill.buf) > cap(s.up.fill.buf) {
		m.t.Fatal("a chunk overflowed")
	}
	if s.busy != (m.job != nil) {
		m.t.Fatalf("busy %v, job %v", s.busy, m.job)
	}
	if m.ends > 1 || m.h.commits+m.h.aborts > 1 || m.h.closed > 1 {
		m.t.Fatalf("%d ends, %d commits, %d aborts, %d closed", m.ends, m.h.commits, m.h.aborts, m.h.closed)
	}
}

// end lets the peer fall silent and checks that everything is released.
func (m *machine) end() {
	for i := 0; m.s.state != gone; i++ {
		m.finishJob()
		m.expire()
		if i > 1000 {
			m.t.Fatalf("state %d does not end", m.s.state)
		}
	}
	for m.job != nil {
		m.finishJob()
	}
	m.check()
	if m.h.opened > 0 && m.h.commits+m.h.aborts+m.h.closed != 1 {
		m.t.Fatalf("opened %d; %d commits, %d aborts, %d closed", m.h.opened, m.h.commits, m.h.aborts, m.h.closed)
	}
	if m.e.budget.reserved.Load() != 0 || m.e.budget.chunks.Load() != 0 || len(m.e.running.requests) != 0 || m.e.running.active.Load() != 0 || m.e.running.unproved.count != 0 || len(m.e.running.sources) != 0 {
		m.t.Fatal("the session is still counted")
	}
}

// TestWindowFitsTheSocket checks that the window of an upload fits into the receive
// buffer of the socket.
func TestWindowFitsTheSocket(t *testing.T) {
	o := offer{maxBlockSize: maxBlockSize, windowBytes: 1 << 20, socketBytes: 400_000}
	asked := []Option{{optWindowSize, "64"}, {optBlockSize, "8192"}}
	if terms, _ := negotiate(Write, asked, o); terms.window != 21 {
		t.Errorf("upload: window %d", terms.window)
	}
	if terms, _ := negotiate(Read, asked, o); terms.window != 64 {
		t.Errorf("download: window %d", terms.window)
	}
}
