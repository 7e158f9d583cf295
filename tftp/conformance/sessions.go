package conformance

import (
	"net/netip"
	"time"
)

// sessionCases tests transfer IDs (the ports of a transfer) and many transfers at
// the same time.
func sessionCases() []Case {
	return []Case{
		{Number: 115, Name: "a packet from another port does not disturb a transfer", Source: "RFC 1350 section 4", Level: Must, run: wrongTID},
		{Number: 116, Name: "late packets of a client that has finished get no ERROR", Source: "clients report it as a failure", Level: Hardening, run: latePackets},
		{Number: 117, Name: "a repeated read request opens no second transfer", Source: "a slow network repeats requests", Level: Hardening, run: func(j *judge) {
			p, name := j.peer(), j.file(content(600))
			repeatedRequest(j, p, rrq(name, "octet"))
			p.ack(1)
			p.wantData(2, content(600)[512:])
			p.ack(2)
		}},
		{Number: 118, Name: "a repeated upload request opens no second transfer", Source: "a slow network repeats requests", Level: Hardening, run: func(j *judge) {
			p, name := j.peer(), j.target()
			repeatedRequest(j, p, wrq(name, "octet"))
			p.lockstep(content(600), 512, 1, 2)
			j.wantStored(name, content(600))
		}},
		{Number: 119, Name: "a client that lost power may start over from the same port", Source: "the port of some devices is fixed", Level: Hardening, Slow: true, run: startOver},
		{Number: 120, Name: "three transfers of one client port", Source: "RFC 1350 section 4", Level: Should, run: threeOfOnePort},
		{Number: 121, Name: "transfer IDs are random", Source: "RFC 1350 section 4", Level: Should, run: randomTIDs},
		{Number: 124, Name: "answers come from the address that was asked", Source: "RFC 1350 section 4: clients drop others", Level: Must, run: replySource},
		{Number: 140, Name: "a packet from another port gets ERROR 5", Source: "RFC 1350 section 4", Level: Should, run: unknownTID},
	}
}

func wrongTID(j *judge) {
	body := content(1300)
	p, x := j.peer(), j.peer()
	name := p.writing()
	p.lockstep(body, 512, 1, 1)
	for _, b := range [][]byte{data(2, []byte("evil")), ack(1), failure(0, "stop")} {
		x.sendTo(p.tid, b)
	}
	x.count(50 * time.Millisecond)
	p.lockstep(body, 512, 2, 3)
	j.wantStored(name, body)
}

func unknownTID(j *judge) {
	p, x := j.peer(), j.peer()
	p.writing()
	x.tid = p.tid
	x.send(data(1, []byte("evil")))
	x.wantError(5)
}

func latePackets(j *judge) {
	body := content(1000)
	p := j.peer()
	p.reading(j.file(body))
	for n := 1; n <= 2; n++ {
		p.wantData(n, block(body, 512, n))
		p.ack(n)
		p.ack(n)
	}
	for range 3 {
		p.ack(2)
		if got := p.receive(200 * time.Millisecond); got != nil && got.op() == opERROR {
			j.failf("the last ACK again: got %v", got)
		}
	}
}

// repeatedRequest sends a request three times and counts the ports that answer.
func repeatedRequest(j *judge, p *peer, b []byte) {
	p.request(b)
	p.next()
	for range 2 {
		p.sendTo(p.server, b)
	}
	p.drain(500 * time.Millisecond)
	if n := len(p.tids); n > 1 {
		j.failf("three requests, answers from %d ports", n)
	}
}

func startOver(j *judge) {
	body := content(700)
	p := j.peer()
	name := p.writing()
	p.lockstep(content(512), 512, 1, 1)
	p.silent(6 * time.Second)
	for range 4 { // the first request may only end the old transfer
		p.request(wrq(name, "octet"))
		if got := p.receive(4 * time.Second); got != nil && got.op() == opACK && got.number() == 0 {
			p.last = nil
			p.lockstep(body, 512, 1, 2)
			j.wantStored(name, body)
			return
		}
	}
	j.failf("four requests in 16 s got no ACK 0")
}

func threeOfOnePort(j *judge) {
	p := j.peer()
	for range 3 {
		p.sendTo(p.server, rrq(j.file(content(700)), "octet"))
	}
	tids := map[netip.AddrPort]bool{}
	for len(tids) < 3 {
		switch got, from := p.receiveAny(j.Patience); {
		case got == nil || got.op() == opERROR:
			j.failf("after answers from %d ports: %v", len(tids), got)
		case from == p.server:
			j.skipf("the server uses one port for everything")
		default:
			tids[from] = true
		}
	}
	for tid := range tids {
		p.tid, p.last = tid, nil
		p.ack(1)
		for p.next().number() != 2 {
		}
		p.ack(2)
	}
}

func randomTIDs(j *judge) {
	name := j.file([]byte("x"))
	steps, last := map[int]int{}, 0
	for range 100 {
		p := j.peer()
		p.request(rrq(name, "octet"))
		p.next()
		p.ack(1)
		if p.tid == p.server {
			j.skipf("the server uses one port for everything")
		}
		steps[int(p.tid.Port())-last]++
		last = int(p.tid.Port())
		p.conn.Close()
	}
	for step, n := range steps {
		if n > 50 {
			j.failf("in %d of 100 cases the next port is %+d", n, step)
		}
	}
}

func replySource(j *judge) {
	if len(j.Also) == 0 {
		j.skipf("no other address of the server was given")
	}
	body := content(700)
	name := j.file(body)
	for _, addr := range j.Also {
		p := j.peerAt(j.anywhere(), netip.AddrPortFrom(addr, j.Addr.Port()))
		p.request(rrq(name, "octet"))
		p.wantData(1, body[:512])
		p.ack(1)
		p.wantData(2, body[512:])
		p.ack(2)
	}
}
