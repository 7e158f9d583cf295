package conformance

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// optionCases tests the negotiation of options.
func optionCases() []Case {
	return []Case{
		{Number: 39, Name: "without options there is no OACK", Source: "RFC 2347, Negotiation Protocol", Level: Must, run: noOptions},
		{Number: 40, Name: "unknown options alone: as without options", Source: "RFC 2347, Negotiation Protocol", Level: Must, run: unknownOptions},
		{Number: 41, Name: "an OACK has only options that were requested", Source: "RFC 2347, Negotiation Protocol", Level: Must, run: onlyRequested},
		{Number: 43, Name: "option names in any case", Source: "RFC 2347, Packet Formats", Level: Must, run: optionCase},
		{Number: 49, Name: "blksize 8", Source: "RFC 2348", Level: Must, run: func(j *judge) { readBlocks(j, 8, 100) }},
		{Number: 50, Name: "blksize below 8 is never granted", Source: "RFC 2348", Level: Must, run: func(j *judge) { neverGranted(j, "blksize", "0", "1", "7") }},
		{Number: 51, Name: "blksize 65464 or less", Source: "RFC 2348", Level: Must, run: func(j *judge) { readBlocks(j, 65464, 150_000) }},
		{Number: 52, Name: "blksize above 65464 is never granted", Source: "RFC 2348", Level: Must, run: func(j *judge) { atMost(j, "blksize", 65464, "65465", "1000000", "99999999999999999999") }},
		{Number: 53, Name: "a blksize that is no number is never granted", Source: "RFC 2348", Level: Hardening, run: func(j *judge) {
			neverGranted(j, "blksize", "-1", "abc", "1024x", "+12", "0x200", "")
		}},
		{Number: 54, Name: "blksize is at most what was requested", Source: "RFC 2348", Level: Must, run: blockSizes},
		{Number: 55, Name: "timeout is granted as requested", Source: "RFC 2349", Level: Must, run: func(j *judge) { sameOrNone(j, "timeout", "1", "5", "255") }},
		{Number: 56, Name: "timeout 0 and 256 do not end the transfer", Source: "RFC 2349", Level: Should, run: func(j *judge) { neverGranted(j, "timeout", "0", "256") }},
		{Number: 57, Name: "tsize of a read is exact, beyond 4 GiB too", Source: "RFC 2349", Level: Must, run: exactSize},
		{Number: 58, Name: "tsize of a netascii read is right or left out", Source: "RFC 2349", Level: Should, run: netasciiSize},
		{Number: 59, Name: "tsize of an upload is granted as announced", Source: "RFC 2349", Level: Must, run: announcedSize},
		{Number: 60, Name: "an upload that is too large for the disk is refused at once", Source: "RFC 2349", Level: Should, run: hugeUpload},
		{Number: 62, Name: "an upload of another size than announced is not confirmed", Source: "protects files", Level: Hardening, run: wrongSize},
		{Number: 63, Name: "windowsize 1 is lockstep", Source: "RFC 7440 section 4", Level: Must, run: windowOfOne},
		{Number: 64, Name: "windowsize is at most what was requested", Source: "RFC 7440 section 3", Level: Must, run: func(j *judge) { atMost(j, "windowsize", 65535, "2", "16", "65535") }},
		{Number: 65, Name: "windowsize 0 and 65536 are never granted", Source: "RFC 7440 section 3", Level: Must, run: func(j *judge) { neverGranted(j, "windowsize", "0", "65536", "x") }},
		{Number: 66, Name: "an OACK is repeated until it is answered", Source: "RFC 1350 section 2", Level: Must, Slow: true, run: repeatedOACK},
		{Number: 67, Name: "a read begins after the ACK 0 of its OACK", Source: "RFC 2347, Negotiation Protocol", Level: Must, run: ackOfOACK},
		{Number: 69, Name: "ERROR 8 after the OACK ends the transfer", Source: "RFC 2347, Negotiation Protocol", Level: Must, Slow: true, run: refusedOACK},
		{Number: 71, Name: "DATA 1 answers the OACK of an upload", Source: "RFC 2347, Negotiation Protocol", Level: Must, run: dataAfterOACK},
	}
}

// answer sends a request and returns the granted options; none if the server goes
// on without an OACK. The options must not end the transfer.
func (j *judge) answer(b []byte) map[string]string {
	p := j.peer()
	granted := p.negotiate(b)
	p.send(failure(0, "enough"))
	return granted
}

func noOptions(j *judge) {
	p := j.peer()
	p.request(rrq(j.file([]byte("x")), "octet"))
	p.wantData(1, []byte("x"))
	if j.upload != noUploads {
		j.peer().writing()
	}
}

func unknownOptions(j *judge) {
	p := j.peer()
	p.request(rrq(j.file([]byte("x")), "octet", "foo", "bar"))
	p.wantData(1, []byte("x"))
	if j.upload != noUploads {
		p = j.peer()
		p.request(wrq(j.target(), "octet", "foo", "bar"))
		p.wantACK(0)
	}
}

func onlyRequested(j *judge) {
	name := j.file([]byte("x"))
	for _, options := range [][]string{{"foo", "bar", "blksize", "1024"}, {"tsize", "0"}, {"timeout", "3", "foo", "bar"}, {"windowsize", "4"}} {
		for granted := range j.answer(rrq(name, "octet", options...)) {
			known := false
			for i := 0; i < len(options); i += 2 {
				known = known || options[i] == granted && granted != "foo"
			}
			if !known {
				j.failf("%v was requested, the OACK has %s", options, granted)
			}
		}
	}
}

func optionCase(j *judge) {
	name := j.file([]byte("x"))
	if j.answer(rrq(name, "octet", "blksize", "1024"))["blksize"] != "1024" {
		j.skipf("the server does not grant blksize 1024")
	}
	for _, spelling := range []string{"BLKSIZE", "BlkSize"} {
		if j.answer(rrq(name, "octet", spelling, "1024"))["blksize"] != "1024" {
			j.failf("%s is not granted", spelling)
		}
	}
}

// readBlocks reads a file in blocks of the size that the server grants.
func readBlocks(j *judge, size, length int) {
	body := content(length)
	p := j.peer()
	p.request(rrq(j.file(body), "octet", "blksize", strconv.Itoa(size)))
	got := p.next()
	granted := 512
	if got.op() == opOACK {
		options, err := got.options()
		if err != nil {
			j.failf("%v", err)
		}
		if granted = number(options["blksize"]); granted < 8 || granted > size {
			j.failf("got %v, want at most %d", got, size)
		}
		p.ack(0)
	} else if got.op() == opDATA && bytes.Equal(got.body(), block(body, 512, 1)) {
		j.skipf("the server does not grant blksize %d", size)
	}
	for n := 1; n <= blocks(body, granted); n++ {
		p.wantData(n, block(body, granted, n))
		p.ack(n)
	}
}

// neverGranted requests an option with values that are not valid. The server may leave
// the option out, or send ERROR 8. RFC 2349 has no error for timeout.
func neverGranted(j *judge, option string, values ...string) {
	name := j.file(content(2000))
	for _, value := range values {
		p := j.peer()
		p.request(rrq(name, "octet", option, value))
		got := p.next()
		switch granted, err := got.options(); {
		case got.op() == opERROR && (got.number() != 8 || option == "timeout"):
			j.failf("%s %q was requested: got %v", option, value, got)
		case got.op() != opOACK:
		case err != nil:
			j.failf("%v", err)
		default:
			if v, ok := granted[option]; ok {
				j.failf("%s %q was requested, %q is granted", option, value, v)
			}
		}
		if got.op() != opERROR {
			p.send(failure(0, "enough"))
		}
	}
}

// atMost requests values of an option. The server may lower them to the limit. It may
// refuse a value beyond the limit.
func atMost(j *judge, option string, limit int, values ...string) {
	name := j.file(content(2000))
	seen := false
	for _, value := range values {
		p := j.peer()
		p.request(rrq(name, "octet", option, value))
		got := p.next()
		if got.op() == opERROR && got.number() == 8 && number(value) > limit {
			seen = true
			continue
		}
		if got.op() == opERROR {
			j.failf("%s %s was requested: got %v", option, value, got)
		}
		p.send(failure(0, "enough"))
		if got.op() != opOACK {
			continue
		}
		granted, err := got.options()
		if err != nil {
			j.failf("%v", err)
		}
		v, ok := granted[option]
		seen = seen || ok
		if n := number(v); ok && (n < 1 || n > min(limit, number(value))) {
			j.failf("%s %s was requested, %s is granted", option, value, v)
		}
	}
	if !seen {
		j.skipf("the server does not grant %s", option)
	}
}

func blockSizes(j *judge) {
	atMost(j, "blksize", 65464, "8", "9", "511", "513", "1428", "8192", "65464")
}

func sameOrNone(j *judge, option string, values ...string) {
	name := j.file([]byte("x"))
	seen := false
	for _, value := range values {
		got, ok := j.answer(rrq(name, "octet", option, value))[option]
		seen = seen || ok
		if ok && got != value {
			j.failf("%s %s was requested, %s is granted", option, value, got)
		}
	}
	if !seen {
		j.skipf("the server does not grant %s", option)
	}
}

// exactSize asks for the sizes of files that are mostly holes.
func exactSize(j *judge) {
	for _, size := range []int64{0, 1, 513, 1<<31 + 7, 1<<32 + 7} {
		name := j.file(nil)
		if err := os.Truncate(j.path(name), size); err != nil {
			j.need(err)
		}
		got, ok := j.answer(rrq(name, "octet", "tsize", "0"))["tsize"]
		if !ok && size < 1000 {
			j.skipf("the server does not grant tsize")
		}
		if ok && got != strconv.FormatInt(size, 10) {
			j.failf("a file of %d bytes has tsize %s", size, got)
		}
	}
}

func netasciiSize(j *judge) {
	got, ok := j.answer(rrq(j.file([]byte("a\nb\n")), "netascii", "tsize", "0"))["tsize"]
	if ok && got != "6" {
		j.failf("six bytes are sent, tsize is %s", got)
	}
}

func announcedSize(j *judge) {
	got, ok := j.answer(wrq(j.target(), "octet", "tsize", "777"))["tsize"]
	if !ok {
		j.skipf("the server does not grant tsize")
	}
	if got != "777" {
		j.failf("777 was announced, %s is granted", got)
	}
}

func hugeUpload(j *judge) {
	p := j.peer()
	p.request(wrq(j.target(), "octet", "tsize", "1000000000000000"))
	p.wantError(0, 3)
}

func wrongSize(j *judge) {
	p := j.peer()
	name := p.writing("tsize", "1000")
	p.lockstep(content(900), 512, 1, 1)
	p.send(data(2, content(900)[512:]))
	if got := p.next(); got.op() != opERROR {
		j.failf("900 of 1000 bytes were sent, got %v", got)
	}
	j.wantNothing(name)
}

func windowOfOne(j *judge) {
	body := content(1300)
	p := j.peer()
	p.reading(j.file(body), "windowsize", "1")
	for n := 1; n <= 3; n++ {
		p.wantData(n, block(body, 512, n))
		p.silent(5 * time.Millisecond)
		p.ack(n)
	}
}

func repeatedOACK(j *judge) {
	requests := [][]byte{rrq(j.file(content(700)), "octet", "blksize", "100")}
	if j.upload != noUploads {
		requests = append(requests, wrq(j.target(), "octet", "blksize", "100"))
	}
	for _, b := range requests {
		p := j.peer()
		p.negotiated(b, "blksize", "100")
		if got := p.again(); got.op() != opOACK {
			j.failf("got %v, want the OACK again", got)
		}
	}
}

func ackOfOACK(j *judge) {
	body := content(1500)
	p := j.peer()
	p.negotiated(rrq(j.file(body), "octet", "blksize", "1000"), "blksize", "1000")
	p.silent(100 * time.Millisecond)
	p.ack(0)
	p.wantData(1, body[:1000])
	p.ack(0)
	p.ack(1)
	p.wantData(2, body[1000:])
	p.ack(2)
}

func refusedOACK(j *judge) {
	p := j.peer()
	p.negotiated(rrq(j.file(content(1500)), "octet", "blksize", "1000"), "blksize", "1000")
	p.send(failure(8, "no"))
	p.closed(7 * time.Second)
}

func dataAfterOACK(j *judge) {
	p := j.peer()
	name := p.writing("blksize", "1000")
	p.lockstep([]byte("x"), 1000, 1, 1)
	j.wantStored(name, []byte("x"))
}
