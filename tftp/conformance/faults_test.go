//go:build linux

package conformance_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/conformance"
)

// faulty is a client's socket that makes the server look worse than it is. spoil
// gets a packet and its direction, and returns the packets to pass on in its place.
type faulty struct {
	net.PacketConn
	spoil func(sent bool, b []byte) [][]byte

	waiting [][]byte
	from    net.Addr
}

func (f *faulty) WriteTo(b []byte, to net.Addr) (int, error) {
	for _, b := range f.spoil(true, b) {
		if _, err := f.PacketConn.WriteTo(b, to); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (f *faulty) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if len(f.waiting) > 0 {
			n := copy(b, f.waiting[0])
			f.waiting = f.waiting[1:]
			return n, f.from, nil
		}
		n, from, err := f.PacketConn.ReadFrom(b)
		if err != nil {
			return 0, nil, err
		}
		f.from, f.waiting = from, f.spoil(false, bytes.Clone(b[:n]))
	}
}

// fault is a way in which a server may be wrong, and the cases that must notice it.
type fault struct {
	name  string
	slow  bool
	cases []int
	// spoiler returns the function for one socket.
	spoiler func() func(sent bool, b []byte) [][]byte
}

func opcode(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(b))
}

// answers makes a fault of the packets with one opcode that the server sends.
func answers(op int, change func(b []byte) [][]byte) func() func(bool, []byte) [][]byte {
	return func() func(bool, []byte) [][]byte {
		return func(sent bool, b []byte) [][]byte {
			if sent || opcode(b) != op {
				return [][]byte{b}
			}
			return change(b)
		}
	}
}

// once passes each packet of one opcode only the first time, and all others.
func once(op int) func() func(bool, []byte) [][]byte {
	return func() func(bool, []byte) [][]byte {
		var seen [][]byte
		return func(sent bool, b []byte) [][]byte {
			if sent || opcode(b) != op {
				return [][]byte{b}
			}
			if slices.ContainsFunc(seen, func(s []byte) bool { return bytes.Equal(s, b) }) {
				return nil
			}
			seen = append(seen, bytes.Clone(b))
			return [][]byte{b}
		}
	}
}

func faults() []fault {
	none := func([]byte) [][]byte { return nil }
	twice := func(b []byte) [][]byte { return [][]byte{b, b} }
	return []fault{
		{"never sends an ERROR", true, []int{5, 6, 10, 11, 12, 17, 18, 62, 96, 108, 140}, answers(5, none)},
		{"sends another ERROR", false, []int{11}, answers(5, func(b []byte) [][]byte { return [][]byte{{0, 5, 0, 0, 0}} })},
		{"sends each DATA twice", false, []int{73, 145}, answers(3, twice)},
		{"sends each ACK twice", false, []int{144}, answers(4, twice)},
		{"knows nothing beyond the last block", false, []int{143}, answers(4, func(b []byte) [][]byte {
			if b[3] > 4 {
				return nil
			}
			return [][]byte{b}
		})},
		{"never repeats DATA", true, []int{76, 88}, once(3)},
		{"never repeats an OACK", true, []int{66}, once(6)},
		{"never repeats an ACK", true, []int{92, 98, 99, 139}, once(4)},
		{"changes a byte", false, []int{1, 2, 49, 51, 81, 84}, answers(3, func(b []byte) [][]byte {
			if len(b) > 4 {
				b[len(b)-1] ^= 1
			}
			return [][]byte{b}
		})},
		{"adds an option", false, []int{41}, answers(6, func(b []byte) [][]byte { return [][]byte{append(b, "extra\x001\x00"...)} })},
		{"grants more than was requested", false, []int{50, 52, 53, 54, 56, 64}, func() func(bool, []byte) [][]byte {
			return func(sent bool, b []byte) [][]byte {
				if sent || opcode(b) == 5 {
					return [][]byte{b}
				}
				return [][]byte{[]byte("\x00\x06blksize\x0070000\x00windowsize\x0070000\x00timeout\x00300\x00")}
			}
		}},
		{"answers an ERROR", false, []int{23}, func() func(bool, []byte) [][]byte {
			return func(sent bool, b []byte) [][]byte {
				if sent && opcode(b) == 5 {
					return [][]byte{[]byte("\x00\x01\x00octet\x00")} // a request that gets an ERROR
				}
				return [][]byte{b}
			}
		}},
	}
}

// TestFaultsAreFound runs cases against a good server whose packets are spoiled on
// their way: the cases must notice.
func TestFaultsAreFound(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			if f.slow {
				testlevel.NeedFull(t, "waits for timers")
			}
			t.Parallel()
			target := serve(t, &tftp.Server{}, &tftp.Dir{Create: true, Public: true})
			var opened atomic.Int32
			target.Listen = func(a netip.AddrPort) (net.PacketConn, error) {
				c, err := udp(a)
				if err != nil || opened.Add(1) <= 2 { // with the first two it looks what the server can do
					return c, err
				}
				return &faulty{PacketConn: c, spoil: f.spoiler()}, nil
			}
			mustFail(t, target, f.cases)
		})
	}
}

// mustFail checks that these cases fail.
func mustFail(t *testing.T, target conformance.Target, numbers []int) {
	t.Helper()
	target.Quick, target.Patience = false, 5*time.Second
	quick := testlevel.Current() == testlevel.Quick
	cases := slices.DeleteFunc(conformance.Cases(), func(c conformance.Case) bool { return !slices.Contains(numbers, c.Number) || c.Slow && quick })
	results, err := conformance.Judge(t.Context(), target, cases, func(conformance.Result) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(cases) || !quick && len(cases) != len(numbers) {
		t.Errorf("%d results for %d cases", len(results), len(cases))
	}
	for _, r := range results {
		if r.Verdict != conformance.Fail {
			t.Errorf("case %03d: %s %s", r.Number, r.Verdict, r.Detail)
		}
	}
}

// careless is a Handler without any care: it opens what the peer names, and writes
// into the file at once.
type careless struct{ dir string }

func (c careless) OpenRead(_ context.Context, r *tftp.Request) (tftp.Reader, error) {
	f, err := os.Open(filepath.Join(c.dir, r.Filename))
	if err != nil {
		return nil, fmt.Errorf("%w", &tftp.Error{Code: tftp.CodeNotFound, Message: err.Error()})
	}
	return sized{f}, nil
}

func (c careless) OpenWrite(_ context.Context, r *tftp.Request) (tftp.Writer, error) {
	f, err := os.Create(filepath.Join(c.dir, r.Filename))
	if err != nil {
		return nil, err
	}
	return written{f}, nil
}

type sized struct{ *os.File }

func (s sized) Size() int64 {
	info, err := s.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

type written struct{ *os.File }

func (w written) Commit() error { return w.Close() }
func (w written) Abort(error)   { w.Close() }

func TestCarelessHandlerIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := serveHandler(t, &tftp.Server{Handler: careless{dir}}, dir)
	mustFail(t, target, []int{13, 17, 19, 30, 31, 33, 34, 35, 38, 60, 104})
}
