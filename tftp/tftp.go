package tftp

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
)

// Op is the kind of a request (RFC 1350 section 5).
type Op uint16

// The two requests.
const (
	Read  Op = 1 // RRQ: the peer fetches a file
	Write Op = 2 // WRQ: the peer stores a file
)

// String returns RRQ or WRQ, the names in RFC 1350.
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
	CodeUndefined    Code = 0 // the text describes the error
	CodeNotFound     Code = 1 // file not found
	CodeAccess       Code = 2 // access violation
	CodeDiskFull     Code = 3 // disk full or allocation exceeded
	CodeIllegal      Code = 4 // illegal TFTP operation
	CodeUnknownTID   Code = 5 // unknown transfer ID
	CodeExists       Code = 6 // file already exists
	CodeNoSuchUser   Code = 7 // no such user (mail mode)
	CodeOptionDenied Code = 8 // option negotiation failed (RFC 2347)
)

// Error is an ERROR packet, received or to be sent. A Handler that returns an
// *Error chooses the code and the text for the peer. Other errors become a code
// by their kind (fs.ErrNotExist: 1; fs.ErrPermission and EROFS: 2; ENOSPC and
// EDQUOT: 3; fs.ErrExist: 6; others: 0), with a generic text that reveals nothing
// about the server.
type Error struct {
	Code    Code
	Message string
}

// Is reports whether the code means the same as an error of io/fs: 1 is
// fs.ErrNotExist, 2 is fs.ErrPermission, 6 is fs.ErrExist.
func (e *Error) Is(target error) bool {
	switch e.Code {
	case CodeNotFound:
		return target == fs.ErrNotExist
	case CodeAccess:
		return target == fs.ErrPermission
	case CodeExists:
		return target == fs.ErrExist
	}
	return false
}

// Error returns the code and the text.
func (e *Error) Error() string { return fmt.Sprintf("tftp error %d: %s", e.Code, e.Message) }

// Request is a received read or write request.
type Request struct {
	Op       Op
	Filename string         // as sent by the peer: never empty, not checked
	Netascii bool           // mode netascii; false: octet
	Remote   netip.AddrPort // of the peer; IPv4 addresses are never mapped into IPv6
	Local    netip.Addr     // the address that received the request; invalid: unknown
	Size     int64          // tsize of a write request in bytes; -1: not announced
	Options  []Option       // as sent by the peer, in their order; the Server answers those that it knows
}

// PeerError is an ERROR that the peer sent. All other errors come from this side.
// Unwrap gives the *Error.
type PeerError struct{ Sent *Error }

// Error returns the code and the text that the peer sent.
func (e *PeerError) Error() string { return e.Sent.Error() }

// Unwrap returns the ERROR that the peer sent.
func (e *PeerError) Unwrap() error { return e.Sent }

// Handler decides about requests. Its methods are called outside the network
// loop and may block. The context ends with the transfer, or when the server stops.
// An error refuses the request; see Error for the packet that the peer gets.
type Handler interface {
	OpenRead(ctx context.Context, r *Request) (Reader, error)  // for a RRQ
	OpenWrite(ctx context.Context, r *Request) (Writer, error) // for a WRQ
}

// Reader is a file that is being sent. Its methods are called one after the
// other; Close is called last, exactly once. ReadAt is called for each part of the
// file once, in order.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes; -1: unknown, the file ends where ReadAt returns io.EOF
}

// Stream returns a Reader for a file whose size is unknown, such as the output of a
// program. It is sent without tsize. A read of r that waits for long should end with
// the context of OpenRead.
func Stream(r io.ReadCloser) Reader { return stream{r} }

type stream struct{ io.ReadCloser }

// Size implements Reader.
func (stream) Size() int64 { return -1 }

// ReadAt implements Reader. The Server reads in order, so the offset is not needed.
func (s stream) ReadAt(b []byte, _ int64) (int, error) {
	n, err := readFull(s.ReadCloser, b)
	if err == nil && n < len(b) {
		err = io.EOF
	}
	return n, err
}

// Writer is a file that is being received. Its methods are called one after the
// other. The last call is either Commit or Abort, exactly once.
type Writer interface {
	io.Writer
	// Commit stores the file. The server sends the final ACK only after Commit
	// returned nil. If it returns an error, the peer gets an ERROR instead.
	Commit() error
	// Abort discards the file. err is the reason.
	Abort(err error)
}

// Limiter is an optional method of a Writer. A Server collects blocks before it
// calls Write. With a Limiter, it passes the first block beyond the limit to Write
// at once, and acknowledges it only if Write accepts it.
type Limiter interface {
	Limit() int64 // bytes that Write takes in all; 0: no limit
}

// EventKind is the kind of an Event.
type EventKind int

// The events of a transfer, in the order in which they happen.
const (
	EventRequest    EventKind = iota // a request was accepted
	EventRefused                     // a request or a transfer was answered with an ERROR
	EventRepeated                    // the peer repeated its request: our answer may be lost
	EventConfirmed                   // the peer answered our first packet: its address is proved
	EventRetransmit                  // we repeated a packet after a timeout
	EventDone                        // the transfer ended; Err is nil if it is complete
	EventProgress                    // further blocks arrived or were acknowledged; at most once a second, before EventDone
)

// Event is one observation about one transfer, for evidence and metrics. A
// request that is refused at once has only EventRefused. Every other transfer has
// EventRequest first and exactly one EventDone last. EventDone of an upload comes
// after Commit returned and the final ACK was sent; if the upload failed, it comes
// before the call of Abort.
type Event struct {
	Kind      EventKind
	Request   *Request
	BlockSize int   // bytes in force
	Window    int   // blocks in force
	Bytes     int64 // payload confirmed so far
	Err       error // EventRefused, EventDone: nil means complete
}
