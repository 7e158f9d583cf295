package tftp

import (
	"context"
	"fmt"
	"io"
	"net/netip"
)

// Op is what a request asks for (RFC 1350 section 5).
type Op uint16

// The two requests.
const (
	Read  Op = 1 // RRQ: the peer fetches a file
	Write Op = 2 // WRQ: the peer stores a file
)

func (o Op) String() string {
	switch o {
	case Read:
		return "RRQ"
	case Write:
		return "WRQ"
	}
	return fmt.Sprintf("op %d", uint16(o))
}

// Code is the code of an ERROR packet (RFC 1350 appendix, RFC 2347).
type Code uint16

// The error codes.
const (
	CodeUndefined    Code = 0
	CodeNotFound     Code = 1
	CodeAccess       Code = 2
	CodeDiskFull     Code = 3
	CodeIllegal      Code = 4
	CodeUnknownTID   Code = 5
	CodeExists       Code = 6
	CodeNoSuchUser   Code = 7
	CodeOptionDenied Code = 8
)

// Error is an ERROR packet, one that arrived or one that is to be sent. A
// Handler that returns an *Error decides the code and the text that the peer
// gets; any other error becomes a code by its kind (fs.ErrNotExist: 1,
// fs.ErrPermission: 2, ENOSPC and EDQUOT: 3, fs.ErrExist: 6, else 0) with a
// text that tells nothing of the server's inside.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("tftp error %d: %s", e.Code, e.Message) }

// Request is a read or write request as it arrived.
type Request struct {
	Op       Op
	Filename string         // as sent; never trusted, never empty
	Netascii bool           // mode netascii; else octet
	Remote   netip.AddrPort // who asks; IPv4 addresses are never mapped into IPv6
	Local    netip.Addr     // the address that was asked; invalid when the socket cannot tell
	Size     int64          // tsize of a write request in bytes; -1 when not told
}

// Handler decides about requests. Its methods are called outside the network
// loop and may block. The context ends when the server stops.
type Handler interface {
	OpenRead(ctx context.Context, r *Request) (Reader, error)
	OpenWrite(ctx context.Context, r *Request) (Writer, error)
}

// Reader is a file that is being sent.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}

// Writer is a file that is being received. Its methods are called one after
// the other, never two at once. Exactly one of Commit and Abort is called, as
// the last one.
type Writer interface {
	io.Writer
	// Commit stores what was written. The final ACK leaves only after it has
	// returned nil; its error goes to the peer as an ERROR in place of it.
	Commit() error
	// Abort discards what was written; err says why.
	Abort(err error)
}

// EventKind says what an Event tells.
type EventKind int

// The events of a transfer, in the order in which they happen.
const (
	EventRequest    EventKind = iota // a request was accepted
	EventRefused                     // a request, or a transfer, was answered with an ERROR
	EventRepeated                    // the peer repeated its request: our answer may not have arrived
	EventConfirmed                   // the peer answered our first packet: its address is proved
	EventRetransmit                  // we sent a packet again after a timeout
	EventDone                        // the transfer ended; Err says how
	EventProgress                    // before that: further blocks came, or were acknowledged; once a second at most
)

// Event is one observation about one transfer, for evidence and metrics. A
// request that is refused at once has EventRefused alone; every other transfer
// has EventRequest first and exactly one EventDone last: of an upload after
// Commit returned and the final ACK left, of a failed one before Abort is called.
type Event struct {
	Kind      EventKind
	Request   *Request
	BlockSize int   // bytes in force
	Window    int   // blocks in force
	Bytes     int64 // payload confirmed so far
	Err       error // EventRefused, EventDone: nil means complete
}
