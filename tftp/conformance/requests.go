package conformance

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// requestCases tests how requests are read.
func requestCases() []Case {
	return []Case{
		{Number: 1, Name: "read a small file", Source: "RFC 1350 section 4", Level: Must, run: func(j *judge) { readWhole(j, 100) }},
		{Number: 2, Name: "read a file of whole blocks: an empty block ends it", Source: "RFC 1350 section 6", Level: Must, run: func(j *judge) { readWhole(j, 1024) }},
		{Number: 3, Name: "read an empty file", Source: "RFC 1350 section 6", Level: Must, run: func(j *judge) { readWhole(j, 0) }},
		{Number: 4, Name: "the mode in any case; netascii", Source: "RFC 1350 section 5", Level: Must, run: anyCase},
		{Number: 5, Name: "mode mail is refused", Source: "RFC 1123 section 4.2.2.1", Level: Should, run: refuseMail},
		{Number: 6, Name: "an unknown mode is refused", Source: "RFC 1350 section 5", Level: Must, run: refuseUnknownMode},
		{Number: 7, Name: "no transfer without a mode", Source: "RFC 1350 section 5", Level: Must, run: func(j *judge) { malformed(j, "\x00\x01%s\x00") }},
		{Number: 8, Name: "no transfer if the mode does not end", Source: "RFC 1350 section 5", Level: Must, run: func(j *judge) { malformed(j, "\x00\x01%s\x00octet") }},
		{Number: 10, Name: "an empty file name is refused", Source: "RFC 1350 section 5", Level: Must, run: refuseEmptyName},
		{Number: 11, Name: "a missing file gets ERROR 1", Source: "RFC 1350 appendix", Level: Must, run: missingFile},
		{Number: 12, Name: "a directory is no file", Source: "RFC 1350 section 5", Level: Must, run: refuseDirectory},
		{Number: 13, Name: "a file that others may not read is refused", Source: "protects files", Level: Hardening, run: refusePrivate},
		{Number: 14, Name: "a named pipe and a socket are refused at once", Source: "a server that opens them waits for ever", Level: Hardening, turn: 3, run: refuseSpecial},
		{Number: 15, Name: "a request of more than 512 bytes is read whole or refused", Source: "RFC 2347, Packet Formats", Level: Should, run: longRequest},
		{Number: 17, Name: "control characters in a name are refused", Source: "protects terminals and logs", Level: Hardening, run: refuseControl},
		{Number: 18, Name: "a very long name is refused", Source: "protects the server", Level: Hardening, run: refuseLongName},
		{Number: 19, Name: "the text of an ERROR has no path of the server", Source: "reveals nothing", Level: Hardening, run: revealNothing},
		{Number: 21, Name: "most packets with unknown opcodes get no answer", Source: "VU#417980", Level: Hardening, run: unknownOpcodes},
		{Number: 22, Name: "most DATA, ACK and OACK to the listening port get no answer", Source: "VU#417980", Level: Hardening, run: noSession},
		{Number: 23, Name: "an ERROR to the listening port is not answered", Source: "RFC 1350 section 2; CVE-2024-2169", Level: Must, run: errorToListener},
		{Number: 24, Name: "an ERROR ends the transfer and is not answered", Source: "RFC 1350 sections 2 and 7", Level: Must, Slow: true, run: errorToTransfer},
		{Number: 25, Name: "requests from ports of services get no answer", Source: "CVE-2024-2169", Level: Hardening, run: servicePorts},
		{Number: 26, Name: "a request to a broadcast address gets no answer", Source: "RFC 1123 section 4.2.3.5", Level: Should, run: broadcast},
		{Number: 29, Name: "an upload where none are accepted gets an ERROR", Source: "RFC 1350 section 5", Level: Should, run: refuseUpload},
	}
}

func readWhole(j *judge, size int) {
	body := content(size)
	p := j.peer()
	p.request(rrq(j.file(body), "octet"))
	for n := 1; n <= blocks(body, 512); n++ {
		p.wantData(n, block(body, 512, n))
		p.ack(n)
	}
}

func anyCase(j *judge) {
	name := j.file([]byte("a\nb"))
	p := j.peer()
	p.request(rrq(name, "OcTeT"))
	p.wantData(1, []byte("a\nb"))
	p.ack(1)
	for _, mode := range []string{"netascii", "NETASCII"} {
		p = j.peer()
		p.request(rrq(name, mode))
		p.wantData(1, []byte("a\r\nb"))
		p.ack(1)
	}
}

func refuseMail(j *judge) {
	p := j.peer()
	p.request(rrq(j.file([]byte("x")), "mail"))
	p.wantError()
}

func refuseUnknownMode(j *judge) {
	p := j.peer()
	p.request(rrq(j.file([]byte("x")), "bogus"))
	p.wantError(0, 4)
}

// malformed sends a broken request for a file. It may be answered with an ERROR or
// not at all.
func malformed(j *judge, format string) {
	p := j.peer()
	p.request(fmt.Appendf(nil, format, j.file([]byte("x"))))
	if got := p.receive(300 * time.Millisecond); got != nil && got.op() != opERROR {
		j.failf("got %v, want an ERROR or nothing", got)
	}
	j.alive()
}

// alive checks that the server still serves files. Like a client, it repeats a
// request that gets no answer: the socket of the server may be full.
func (j *judge) alive() {
	body := content(300)
	name := j.file(body)
	p := j.peer()
	for end := time.Now().Add(j.Patience); time.Now().Before(end); {
		p.request(rrq(name, "octet"))
		got := p.receive(time.Second)
		if got == nil {
			continue
		}
		if got.op() != opDATA || !bytes.Equal(got.body(), body) {
			j.failf("a request afterwards got %v", got)
		}
		p.ack(1)
		return
	}
	j.failf("requests afterwards get no answer")
}

func refuseEmptyName(j *judge) {
	p := j.peer()
	p.request(rrq("", "octet"))
	p.wantError()
}

func missingFile(j *judge) {
	p := j.peer()
	p.request(rrq(j.name(), "octet"))
	p.wantError(1)
}

func refuseDirectory(j *judge) {
	name := j.name()
	j.need(os.Mkdir(j.path(name), 0o755))
	p := j.peer()
	p.request(rrq(name, "octet"))
	p.wantError()
}

func refusePrivate(j *judge) {
	name := j.name()
	j.writeFile(name, []byte("secret"), 0o600)
	p := j.peer()
	p.request(rrq(name, "octet"))
	p.wantError()
}

func refuseSpecial(j *judge) {
	for _, create := range []func(string) error{makePipe, makeSocket} {
		name := j.name()
		j.need(create(j.path(name)))
		p := j.peer()
		p.request(rrq(name, "octet"))
		p.wantError()
	}
}

// longRequest has a harmless option of 600 bytes before the one that matters.
func longRequest(j *judge) {
	body := content(700)
	p := j.peer()
	p.request(rrq(j.file(body), "octet", "padding", strings.Repeat("x", 600), "blksize", "100"))
	switch got := p.next(); {
	case got.op() == opERROR:
	case got.op() == opOACK:
		if options, err := got.options(); err != nil || options["blksize"] != "100" || len(options) != 1 {
			j.failf("got %v, want blksize 100 alone", got)
		}
	case got.op() != opDATA || !bytes.Equal(got.body(), body[:512]):
		j.failf("got %v, want the first block or an ERROR", got)
	}
}

func refuseControl(j *judge) {
	name := j.prefix + "\n\x1b[31m"
	j.writeFile(name, []byte("x"), 0o644)
	p := j.peer()
	p.request(rrq(name, "octet"))
	p.wantError()
}

func refuseLongName(j *judge) {
	p := j.peer()
	p.request(rrq(strings.Repeat("x", 400), "octet"))
	p.wantError()
	j.alive()
}

func revealNothing(j *judge) {
	directory := j.name()
	j.need(os.Mkdir(j.path(directory), 0o755))
	for _, name := range []string{j.name(), directory, "no/such/" + j.name()} {
		p := j.peer()
		p.request(rrq(name, "octet"))
		if text := p.wantError(); j.reveals(text) {
			j.failf("ERROR %q", text)
		}
	}
}

func unknownOpcodes(j *judge) {
	p := j.peer()
	name := j.file([]byte("x"))
	swapped := rrq(name, "octet")
	swapped[0], swapped[1] = swapped[1], swapped[0]
	mostlyIgnored(j, p, append([]byte{0, 0}, name...), append([]byte{0, 9}, name...), swapped, []byte{0xff, 0xff})
}

func noSession(j *judge) {
	mostlyIgnored(j, j.peer(), data(1, []byte("x")), ack(1), append([]byte{0, opOACK}, "blksize\x008\x00"...))
}

// mostlyIgnored sends packets 60 times. A server that answers all of them can be
// made to talk with another one forever; a limited rate does no harm.
func mostlyIgnored(j *judge, p *peer, packets ...[]byte) {
	for i := range 60 {
		p.sendTo(p.server, packets[i%len(packets)])
	}
	if n, _ := p.count(500 * time.Millisecond); n > 30 {
		j.failf("%d of 60 packets were answered", n)
	}
	j.alive()
}

func errorToListener(j *judge) {
	p := j.peer()
	for range 10 {
		p.sendTo(p.server, failure(4, "illegal"))
	}
	if n, _ := p.count(500 * time.Millisecond); n > 0 {
		j.failf("%d of 10 ERRORs were answered", n)
	}
	j.alive()
}

func errorToTransfer(j *judge) {
	body := content(2000)
	p := j.peer()
	p.reading(j.file(body))
	p.wantData(1, body[:512])
	p.ack(1)
	p.wantData(2, body[512:1024])
	p.send(failure(0, "stop"))
	p.closed(7 * time.Second)
}

func servicePorts(j *judge) {
	name := j.file([]byte("x"))
	for _, port := range []uint16{7, 19, 53} {
		p := j.peerAt(netip.AddrPortFrom(j.anywhere().Addr(), port), j.Addr)
		p.request(rrq(name, "octet"))
		if got := p.receive(300 * time.Millisecond); got != nil {
			j.failf("a request from port %d got %v", port, got)
		}
	}
}

func broadcast(j *judge) {
	if !j.Broadcast.IsValid() {
		j.skipf("no broadcast address was given")
	}
	name := j.file([]byte("x"))
	p := j.peer()
	p.sendTo(netip.AddrPortFrom(j.Broadcast, j.Addr.Port()), rrq(name, "octet"))
	if n, _ := p.count(500 * time.Millisecond); n > 0 {
		j.failf("%d answers arrived", n)
	}
}

func refuseUpload(j *judge) {
	if j.upload != noUploads {
		j.skipf("the server accepts uploads")
	}
	existing := j.file([]byte("old"))
	for _, name := range []string{j.name(), existing} {
		p := j.peer()
		p.request(wrq(name, "octet"))
		p.wantError()
	}
	if got := j.stored(existing); !slices.Equal(got, []byte("old")) {
		j.failf("the file was changed: %q", got)
	}
}
