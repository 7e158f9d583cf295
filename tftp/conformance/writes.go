package conformance

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// writeCases tests how a file is received.
func writeCases() []Case {
	return []Case{
		{Number: 89, Name: "upload a small file", Source: "RFC 1350 sections 4 to 6", Level: Must, run: func(j *judge) { upload(j, 100) }},
		{Number: 90, Name: "upload whole blocks: an empty block ends the file", Source: "RFC 1350 section 6", Level: Must, run: func(j *judge) { upload(j, 1024) }},
		{Number: 92, Name: "repeated DATA is acknowledged again and stored once", Source: "RFC 1350 sections 2 and 5", Level: Must, run: repeatedData},
		{Number: 93, Name: "DATA after a gap is not stored", Source: "RFC 1350 section 2", Level: Must, run: gap},
		{Number: 96, Name: "DATA that is longer than a block ends the upload", Source: "protects files", Level: Hardening, run: oversize},
		{Number: 98, Name: "a lost ACK is sent again", Source: "RFC 1350 section 2", Level: Must, run: lostACKOfWrite},
		{Number: 99, Name: "a lost last ACK is sent again, 4 s later too", Source: "RFC 1350 section 6, dallying", Level: Should, Slow: true, run: dally},
		{Number: 100, Name: "the last ACK means that the file is stored", Source: "protects files", Level: Hardening, run: storedWithACK},
		{Number: 104, Name: "the old file stays whole until the new one is complete", Source: "protects files", Level: Hardening, run: oldFileStays},
		{Number: 106, Name: "an upload that the client ends leaves nothing", Source: "protects files", Level: Hardening, run: clientError},
		{Number: 108, Name: "the first block beyond the announced size is refused", Source: "RFC 2349", Level: Hardening, run: beyondSize},
		{Number: 109, Name: "upload more than 131,071 blocks: the number rolls over to 0 twice", Source: "de facto; RFC 1350 is silent", Level: Must, Slow: true, run: func(j *judge) { rollOverOfWrite(j, plain) }},
		{Number: 110, Name: "a client may continue after block 65535 with 1", Source: "RFC 1350 is silent", Level: Hardening, Slow: true, run: func(j *judge) { rollOverOfWrite(j, toOne) }},
		{Number: 111, Name: "a client may pause for 20 s", Source: "old devices read slow flash memory", Level: Hardening, Slow: true, run: slowSender},
		{Number: 112, Name: "netascii is converted, over the borders of blocks too", Source: "RFC 1350 section 5; RFC 764", Level: Must, run: netasciiUpload},
		{Number: 113, Name: "a window of four: one ACK for four DATA", Source: "RFC 7440 section 4", Level: Must, run: windowOfWrite},
		{Number: 114, Name: "a block lost in a window: the last one before it is acknowledged", Source: "RFC 7440 section 4", Level: Should, run: lossInWindow},
		{Number: 139, Name: "a window that is sent again is acknowledged again", Source: "RFC 7440 section 4", Level: Should, Slow: true, run: rewindOfWrite},
		{Number: 143, Name: "an empty block after the last one is acknowledged", Source: "atftp sends it after an old ACK, and waits for the answer", Level: Hardening, run: beyondTheLast},
		{Number: 144, Name: "a window that is sent again gets one ACK", Source: "RFC 1123 section 4.2.3.1", Level: Should, run: oneACKForWindow},
	}
}

func upload(j *judge, size int) {
	body := content(size)
	p := j.peer()
	name := p.writing()
	p.lockstep(body, 512, 1, blocks(body, 512))
	j.wantStored(name, body)
}

// repeatedData repeats the blocks before the last one, of which dally takes care.
func repeatedData(j *judge) {
	body := content(1300)
	p := j.peer()
	name := p.writing()
	for n := 1; n <= 2; n++ {
		for range 3 {
			p.send(data(n, block(body, 512, n)))
			p.wantACKAgain(n)
		}
	}
	p.lockstep(body, 512, 3, 3)
	j.wantStored(name, body)
}

func gap(j *judge) {
	body := content(1300)
	p := j.peer()
	name := p.writing()
	p.lockstep(body, 512, 1, 1)
	p.send(data(3, block(body, 512, 3)))
	p.send(data(9, block(body, 512, 3)))
	p.silent(50 * time.Millisecond)
	p.lockstep(body, 512, 2, 3)
	j.wantStored(name, body)
}

func oversize(j *judge) {
	p := j.peer()
	name := p.writing()
	p.lockstep(content(512), 512, 1, 1)
	p.send(data(2, content(600)))
	if got := p.next(); got.op() != opERROR {
		j.failf("600 bytes in a block of 512, got %v", got)
	}
	j.wantNothing(name)
}

// lostACKOfWrite repeats a DATA whose ACK it never saw.
func lostACKOfWrite(j *judge) {
	body := content(1300)
	p := j.peer()
	name := p.writing()
	p.send(data(1, body[:512]))
	p.wantACK(1) // the one that is lost
	p.drain(50 * time.Millisecond)
	p.send(data(1, body[:512]))
	p.wantACKAgain(1)
	p.lockstep(body, 512, 2, 3)
	j.wantStored(name, body)
}

func dally(j *judge) {
	body := content(700)
	p := j.peer()
	name := p.writing()
	p.lockstep(body, 512, 1, 2)
	for _, pause := range []time.Duration{time.Second, 3 * time.Second} {
		p.silent(pause)
		p.send(data(2, body[512:]))
		if got := p.receive(2 * time.Second); got == nil || got.op() != opACK || got.number() != 2 {
			j.failf("the last DATA again, %v later: got %v, want ACK 2", pause, got)
		}
	}
	j.wantStored(name, body)
}

func storedWithACK(j *judge) {
	for _, size := range []int{5, 512, 300_000} {
		body := content(size)
		p := j.peer()
		name := p.writing()
		p.lockstep(body, 512, 1, blocks(body, 512))
		if got := j.stored(name); !bytes.Equal(got, body) {
			j.failf("%d bytes were sent, after the last ACK %s", size, difference(got, body))
		}
	}
}

func oldFileStays(j *judge) {
	old, body := content(2000), content(1300)
	name := j.target()
	j.need(os.WriteFile(j.path(name), old, 0o666))
	j.need(os.Chmod(j.path(name), 0o666))
	p := j.peer()
	p.request(wrq(name, "octet"))
	if got := p.next(); got.op() == opERROR {
		return // it refuses to replace files
	}
	p.lockstep(body, 512, 1, 2)
	if got := j.stored(name); !bytes.Equal(got, old) {
		j.failf("after two of three blocks, of the old file %s", difference(got, old))
	}
	p.lockstep(body, 512, 3, 3)
	j.wantStored(name, body)
}

func clientError(j *judge) {
	p := j.peer()
	name := p.writing()
	p.lockstep(content(1024), 512, 1, 2)
	p.send(failure(0, "gone"))
	p.silent(200 * time.Millisecond)
	j.wantNothing(name)
}

func beyondSize(j *judge) {
	p := j.peer()
	name := p.writing("tsize", "600")
	p.lockstep(content(1024), 512, 1, 1)
	p.send(data(2, content(1024)[512:]))
	if got := p.next(); got.op() != opERROR {
		j.failf("600 bytes were announced, block 2 got %v", got)
	}
	j.wantNothing(name)
}

func rollOverOfWrite(j *judge, wire func(int) int) {
	const size = 8
	body := content(size*(2*65536+500) + 3)
	p := j.peer()
	name := p.writing("blksize", "8")
	if refused := p.store(body, size, 1, wire); refused != nil {
		j.failf("got %v", refused)
	}
	j.wantStored(name, body)
}

func slowSender(j *judge) {
	body := content(1300)
	p := j.peer()
	name := p.writing()
	p.lockstep(body, 512, 1, 2)
	p.silent(20 * time.Second)
	p.lockstep(body, 512, 3, 3)
	j.wantStored(name, body)
}

func netasciiUpload(j *judge) {
	for sent, want := range map[string]string{
		"a\r\nb":                     "a\nb",
		"a\r\x00b":                   "a\rb",
		"1234567\r\n2345678\r\x00ab": "1234567\n2345678\rab", // pairs over the borders of blocks of 8 bytes
	} {
		p := j.peer()
		name := j.target()
		p.request(wrq(name, "netascii", "blksize", "8"))
		size := 8
		switch got := p.next(); {
		case got.op() == opACK:
			size = 512
		case got.op() != opOACK:
			j.failf("got %v, want an ACK or OACK", got)
		}
		p.lockstep([]byte(sent), size, 1, blocks([]byte(sent), size))
		j.wantStored(name, []byte(want))
	}
}

func windowOfWrite(j *judge) {
	body := content(9*512 + 5)
	p := j.peer()
	name := p.writing("windowsize", "4")
	for n := 1; n <= 10; n++ {
		p.send(data(n, block(body, 512, n)))
		if n%4 == 0 || n == 10 {
			p.wantACK(n)
		}
	}
	j.wantStored(name, body)
}

func lossInWindow(j *judge) {
	body := content(9*512 + 5)
	p := j.peer()
	name := p.writing("windowsize", "4")
	for _, n := range []int{1, 3, 4} {
		p.send(data(n, block(body, 512, n)))
	}
	p.wantACK(1)
	if refused := p.storeFrom(1, body, 512, 4, plain); refused != nil {
		j.failf("got %v", refused)
	}
	j.wantStored(name, body)
}

// rewindOfWrite has a client that lost the ACK of a window and sends it again.
func rewindOfWrite(j *judge) {
	body := content(9*512 + 5)
	p := j.peer()
	name := p.writing("windowsize", "4")
	for range 2 {
		for n := 1; n <= 4; n++ {
			p.send(data(n, block(body, 512, n)))
		}
		p.wantACKAgain(4)
		p.silent(50 * time.Millisecond)
	}
	if refused := p.storeFrom(4, body, 512, 4, plain); refused != nil {
		j.failf("got %v", refused)
	}
	j.wantStored(name, body)
}

// beyondTheLast has a client that goes on after the end, as atftp does when it reads an
// old ACK after it has sent the last block, and then that of the last block.
func beyondTheLast(j *judge) {
	body := content(3*512 + 5)
	p := j.peer()
	name := p.writing("windowsize", "8")
	for n := 1; n <= 4; n++ {
		p.send(data(n, block(body, 512, n)))
	}
	p.wantACK(4)
	p.send(data(5, nil))
	p.wantACK(5)
	j.wantStored(name, body)
}

// oneACKForWindow sends a window again and the next one after it. With two ACKs for one
// window, a client that sends a window for each ACK would send ever more of them.
func oneACKForWindow(j *judge) {
	body := content(7*512 + 5)
	j.attempts(func() string {
		p := j.peer()
		p.writing("windowsize", "4")
		for n := 1; n <= 4; n++ {
			p.send(data(n, block(body, 512, n)))
		}
		p.wantACK(4)
		for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8} {
			p.send(data(n, block(body, 512, n)))
		}
		acks := 0
		for got := p.again(); got.op() == opACK && got.number() == 4; got = p.again() {
			acks++
		}
		if acks > 1 {
			return fmt.Sprintf("got %d times ACK 4", acks)
		}
		return ""
	})
}
