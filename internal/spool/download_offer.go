package spool

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"flashwarden/tftp"
)

// ErrContent reports that a file does not match its digest and cannot be offered.
var ErrContent = errors.New("the content does not match its SHA-256")

// Offer is the permission for one device to download a file.
type Offer struct {
	Device   netip.Addr // the only address that may fetch it
	Name     string     // the file name for the device; case and leading slashes are ignored. Empty: unguessable
	SHA256   string     // of the content, in lower-case hexadecimal; checked before the first byte is sent
	Deadline time.Time  // the last transfer must begin before
	Times    int        // permitted complete transfers; 0: 1
	Secret   bool       // with a password, for Get; no request over TFTP reaches it
}

// Content is what an offer serves; *os.File is one.
type Content interface {
	io.ReaderAt
	io.Closer
}

// Offer permits a device to fetch the content of f, which is open for reading.
// Offer reads f once and compares its digest with o.SHA256; the error is
// ErrContent if they differ. The ticket's Size is the size of f. Wait returns the
// digests after o.Times complete transfers. An incomplete transfer does not count,
// because boot loaders try several times, each time from another port. The ticket
// owns f and closes it; Offer closes it if it returns an error. The caller must
// Close the ticket.
func (s *Spool) Offer(ctx context.Context, f Content, o Offer) (*Ticket, error) {
	proved, err := prove(ctx, f, o.SHA256)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("offer %s: %w", o.Name, err), f.Close())
	}
	op, password := tftp.Read, ""
	if o.Secret {
		op, password = opGet, unguessable()
	}
	t := s.newTicket(op, o.Device, cmp.Or(o.Name, unguessable()), o.Deadline)
	t.Password = password
	t.Size = proved.Size
	t.offer = &offer{file: f, content: proved, times: max(1, o.Times), tries: make(map[*tftp.Request]bool)}
	s.register(t)
	return t, nil
}

// offer is the file that a device may fetch with a ticket.
type offer struct {
	file    Content
	content *File
	times   int                    // complete transfers left
	tries   map[*tftp.Request]bool // running
}

// prove reads f and compares it with the digest want.
func prove(ctx context.Context, f Content, want string) (*File, error) {
	strong, weak := sha256.New(), md5.New()
	n, err := io.Copy(io.MultiWriter(strong, weak), io.NewSectionReader(contextReaderAt{ctx, f}, 0, 1<<62))
	if err != nil {
		return nil, err
	}
	got := hex.EncodeToString(strong.Sum(nil))
	if got != want {
		return nil, fmt.Errorf("%w: expected %s, found %s", ErrContent, want, got)
	}
	return &File{Size: n, MD5: hex.EncodeToString(weak.Sum(nil)), SHA256: got}, nil
}

// contextReaderAt stops reading when ctx ends.
type contextReaderAt struct {
	ctx context.Context
	io.ReaderAt
}

// ReadAt implements io.ReaderAt. It fails once the context has ended.
func (r contextReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.ReaderAt.ReadAt(p, off)
}

// openRead starts one try of the permitted download.
func (t *Ticket) openRead(r *tftp.Request) (tftp.Reader, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.admit(r); err != nil {
		return nil, err
	}
	t.offer.tries[r] = true
	t.evidence.Running = len(t.offer.tries)
	return &download{ticket: t, request: r}, nil
}

// fetched handles the end of a try. The caller holds t.mu.
func (t *Ticket) fetched(r *tftp.Request, err error) {
	if t.offer == nil || !t.offer.tries[r] {
		return
	}
	if err == nil {
		t.evidence.Complete++
		t.offer.times--
	}
	if t.offer.times == 0 {
		t.end(t.offer.content, nil)
	}
	t.endTry(r, err)
}

// endTry records that a try has ended. The caller holds t.mu.
func (t *Ticket) endTry(r *tftp.Request, err error) {
	if !t.offer.tries[r] {
		return
	}
	delete(t.offer.tries, r)
	t.evidence.Running = len(t.offer.tries)
	t.evidence.Err = err
	t.endIfLate()
}

// download is the tftp.Reader of one try.
type download struct {
	ticket  *Ticket
	request *tftp.Request
}

// Size implements tftp.Reader. It returns the size of the offered file in bytes.
func (d *download) Size() int64 { return d.ticket.Size }

// ReadAt implements io.ReaderAt. It fails once the ticket has ended.
func (d *download) ReadAt(p []byte, off int64) (int, error) {
	if d.ticket.over() {
		d.ticket.mu.Lock()
		defer d.ticket.mu.Unlock()
		return 0, d.ticket.wire(ErrClosed)
	}
	return d.ticket.offer.file.ReadAt(p, off)
}

// Close ends the try, unless EventDone has already ended it.
func (d *download) Close() error {
	d.ticket.mu.Lock()
	defer d.ticket.mu.Unlock()
	d.ticket.endTry(d.request, ErrClosed)
	return nil
}
