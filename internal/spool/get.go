package spool

import (
	"io"
	"net/netip"

	"flashwarden/tftp"
)

// Get starts the download that p asks for: of an Offer with Secret. The caller reads the file, and
// ends with End. Meanwhile nobody else gets the file. The error is ErrUnauthorised, or in the words for the device.
func (s *Spool) Get(p Put) (*Download, error) {
	p.From = p.From.Unmap()
	t := s.secretTicket(p, opGet)
	if t == nil {
		s.noteUnauthorised(p)
		return nil, ErrUnauthorised
	}
	r := &tftp.Request{Op: tftp.Read, Filename: p.Name, Remote: netip.AddrPortFrom(p.From, 0)}
	content, err := t.openRead(r)
	if err != nil {
		t.noteRefused(err, p.From)
		return nil, err
	}
	return &Download{from: io.NewSectionReader(content, 0, content.Size()), ticket: t, request: r}, nil
}

// Download is one try of a device to fetch a file by Get.
type Download struct {
	from    *io.SectionReader
	ticket  *Ticket
	request *tftp.Request
	bytes   int64
}

// Size returns the size of the file in bytes.
func (d *Download) Size() int64 { return d.from.Size() }

// Read implements io.Reader. The bytes of earlier calls count as sent.
func (d *Download) Read(p []byte) (int, error) {
	d.ticket.mu.Lock()
	d.ticket.evidence.Bytes = d.bytes
	d.ticket.mu.Unlock()
	n, err := d.from.Read(p)
	d.bytes += int64(n)
	return n, err
}

// End ends the try. With nil the device has the whole file, as far as the protocol knows.
func (d *Download) End(err error) {
	t := d.ticket
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.evidence.Bytes = d.bytes
	}
	t.fetched(d.request, err)
}
