package tftp

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The supported options.
const (
	optBlockSize  = "blksize"    // RFC 2348
	optTimeout    = "timeout"    // RFC 2349
	optTSize      = "tsize"      // RFC 2349
	optWindowSize = "windowsize" // RFC 7440

	// Of tftp-hpa, as in its tftpd(8).
	optBlockSize2 = "blksize2" // as blksize, but the answer is a power of two
	optUTimeout   = "utimeout" // as timeout, in microseconds
	optRollOver   = "rollover" // the block number after 65535
)

// The values of utimeout that tftp-hpa accepts, in microseconds.
const (
	minUTimeout = 10_000
	maxUTimeout = 255_000_000
)

// packetOverhead is the approximate space in bytes that a packet needs in a
// socket's receive buffer, besides its payload.
const packetOverhead = 1024

// maxWindow keeps a window within half of the 16-bit block numbers, so that a
// number is never ambiguous.
const maxWindow = 1 << 14

// terms are the negotiated parameters of a transfer.
type terms struct {
	blockSize int           // bytes
	window    int           // blocks
	timeout   time.Duration // 0: not negotiated
}

// offer limits the values that a server grants.
type offer struct {
	maxBlockSize int      // bytes
	windowBytes  int      // bytes in flight
	window       int      // blocks; 0: no limit
	socketBytes  int      // receive buffer of the port; a window must fit into half of it. 0: unknown
	tsize        int64    // answer to tsize in a read request; -1: omit the option
	refuse       []string // options that are never granted
}

// negotiate answers the options of a request (RFC 2347). It grants only
// requested options, with values that are not larger than requested. Unknown and
// invalid options are left out of the answer.
func negotiate(op Op, asked []Option, o offer) (terms, []Option) {
	t := terms{blockSize: defaultBlockSize, window: 1}
	var granted []Option
	seen := map[string]bool{}
	for _, a := range asked {
		name := strings.ToLower(a.Name)
		n, ok := parseNumber(a.Value)
		if !ok || seen[name] || slices.Contains(o.refuse, name) {
			continue
		}
		seen[name] = true
		if name == optBlockSize2 && seen[optBlockSize] || name == optBlockSize && seen[optBlockSize2] {
			continue // the first one counts
		}
		if v, ok := t.grant(op, name, n, o); ok {
			granted = append(granted, Option{name, strconv.FormatInt(v, 10)})
		}
	}
	if op == Write && o.socketBytes > 0 {
		o.windowBytes = min(o.windowBytes, o.socketBytes/2/(t.blockSize+packetOverhead)*t.blockSize)
	}
	granted = t.limitWindow(granted, o)
	if t.window > 1 { // in a window, block 1 after 65535 may also mean that block 0 was lost
		granted = slices.DeleteFunc(granted, func(g Option) bool { return g.Name == optRollOver && g.Value == "1" })
	}
	return t, granted
}

// grant applies one option to the terms and returns the value for the answer.
func (t *terms) grant(op Op, name string, n int64, o offer) (int64, bool) {
	switch name {
	case optBlockSize:
		if n < minBlockSize {
			return 0, false
		}
		t.blockSize = int(min(n, int64(o.maxBlockSize), maxBlockSize))
		return int64(t.blockSize), true
	case optBlockSize2:
		if n < minBlockSize {
			return 0, false
		}
		t.blockSize = 1 << (bits.Len64(uint64(min(n, int64(o.maxBlockSize), maxBlockSize))) - 1)
		return int64(t.blockSize), true
	case optUTimeout:
		if n < minUTimeout || n > maxUTimeout {
			return 0, false
		}
		t.timeout = time.Duration(n) * time.Microsecond
		return n, true
	case optRollOver: // an upload may go on with 0 or 1; we send 0
		return n, n == 0 || n == 1 && op == Write
	case optTimeout:
		if n < 1 || n > 255 {
			return 0, false
		}
		t.timeout = time.Duration(n) * time.Second
		return n, true
	case optTSize:
		if op == Write {
			return n, true
		}
		return o.tsize, o.tsize >= 0
	case optWindowSize:
		if n < 1 || n > 65535 {
			return 0, false
		}
		t.window = int(min(n, maxWindow))
		return int64(t.window), true
	}
	return 0, false
}

// limitWindow lowers the window to the permitted bytes in flight. It runs after
// all options were read, because the block size may come after the window.
func (t *terms) limitWindow(granted []Option, o offer) []Option {
	t.window = max(1, min(t.window, o.windowBytes/t.blockSize))
	if o.window > 0 {
		t.window = min(t.window, o.window)
	}
	for i, g := range granted {
		if g.Name == optWindowSize {
			granted[i].Value = strconv.Itoa(t.window)
		}
	}
	return granted
}

// announcedSize returns the tsize of a write request in bytes, -1 if there is
// none. curl sends 0 when it does not know the size, so 0 counts as none.
func announcedSize(asked []Option) int64 {
	for _, a := range asked {
		if !strings.EqualFold(a.Name, optTSize) {
			continue
		}
		if n, ok := parseNumber(a.Value); ok && n > 0 {
			return n
		}
		return -1
	}
	return -1
}

// parseNumber reads a decimal number without sign and blanks.
func parseNumber(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
