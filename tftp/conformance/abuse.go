package conformance

import (
	"net/netip"
	"os"
	"time"
)

// abuseCases tests that a client that lies or floods can neither hurt others nor
// stop the server.
func abuseCases() []Case {
	return []Case{
		{Number: 126, Name: "2000 requests that are never answered: others are served, memory stays small", Source: "a session flood", Level: Hardening, Slow: true, turn: 2, run: flood},
		{Number: 132, Name: "a forged read with blind ACKs sends little to its victim", Source: "bounds amplification", Level: Hardening, Slow: true, run: blindACKs},
		{Number: 134, Name: "a timeout repeats one block, not the whole window", Source: "bounds amplification", Level: Hardening, Slow: true, run: oneBlockAfterTimeout},
		{Number: 135, Name: "ICMP port unreachable ends a transfer", Source: "RFC 1122 section 4.1.3.3", Level: Hardening, Slow: true, run: unreachable},
		{Number: 142, Name: "1000 reads with large windows that stall need at most 64 MB", Source: "bounds memory", Level: Hardening, Slow: true, turn: 1, run: stalledReads},
	}
}

// stranger returns client number i. On loopback, each has an address of its own.
func (j *judge) stranger(i int) *peer {
	local := j.anywhere()
	if j.Addr.Addr().Is4() && j.Addr.Addr().IsLoopback() {
		local = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 77, byte(1 + i/250), byte(1 + i%250)}), 0)
	}
	return j.peerAt(local, j.Addr)
}

// mostGrowth is what many idle transfers may need, in bytes.
const mostGrowth = 64 << 20

// growth checks the memory of the server, if its process is known.
func (j *judge) growth(before int64) {
	if j.PID == 0 {
		return
	}
	after, err := memoryOf(j.PID)
	j.need(err)
	if after-before > mostGrowth {
		j.failf("the memory of the server grew by %d MB", (after-before)>>20)
	}
}

func (j *judge) memory() int64 {
	if j.PID == 0 {
		return 0
	}
	n, err := memoryOf(j.PID)
	j.need(err)
	return n
}

func flood(j *judge) {
	before := j.memory()
	name := j.file(content(512))
	for i := range 2000 {
		p := j.stranger(i)
		p.sendTo(p.server, rrq(name, "octet"))
		if i%100 == 99 {
			time.Sleep(5 * time.Millisecond) // a burst would only fill the socket of the server
		}
	}
	j.alive()
	j.growth(before)
}

// blindACKs has an attacker who sends a request and ACKs in the name of a victim. He
// sees no answer, but he knows the ports that the server used before.
func blindACKs(j *judge) {
	name := j.file(nil)
	j.need(os.Truncate(j.path(name), 4<<20))
	ports, last := map[netip.AddrPort]bool{j.Addr: true}, netip.AddrPort{}
	for range 16 {
		p := j.peer()
		p.request(rrq(name, "octet"))
		p.next()
		p.send(failure(0, "enough"))
		ports[p.tid], last = true, p.tid
	}
	for i := range uint16(4) {
		ports[netip.AddrPortFrom(last.Addr(), last.Port()+1+i)] = true
	}
	victim := j.peer()
	victim.sendTo(victim.server, rrq(name, "octet", "blksize", "8192", "windowsize", "64"))
	time.Sleep(100 * time.Millisecond)
	for n := range 4 {
		for port := range ports {
			victim.sendTo(port, ack(n))
		}
		time.Sleep(20 * time.Millisecond)
	}
	data := 0
	for end := time.Now().Add(10 * time.Second); ; {
		got, _ := victim.receiveAny(time.Until(end))
		if got == nil {
			break
		}
		if got.op() == opDATA {
			data++
		}
	}
	if data > 24 {
		j.failf("the victim got %d DATA", data)
	}
}

func oneBlockAfterTimeout(j *judge) {
	const window = 16
	p, _ := j.readingWindow(window, 64)
	if n, _ := p.count(10 * time.Second); n > window+14 {
		j.failf("%d packets in 10 s for a window of %d that was never acknowledged", n, window)
	}
}

// unreachable closes the port of a client in the middle of a read, for long enough
// that the server repeats a block, and listens there again.
func unreachable(j *judge) {
	body := content(5000)
	p := j.peer()
	p.reading(j.file(body))
	p.wantData(1, body[:512])
	p.ack(1)
	p.wantData(2, body[512:1024])
	local := p.conn.LocalAddr().String()
	p.conn.Close()
	time.Sleep(6 * time.Second)
	at, err := netip.ParseAddrPort(local)
	j.need(err)
	again := j.peerAt(at, j.Addr)
	if n, _ := again.count(12 * time.Second); n > 0 {
		j.failf("%d more packets arrived", n)
	}
}

func stalledReads(j *judge) {
	if j.PID == 0 {
		j.skipf("the process ID of the server was not given")
	}
	before := j.memory()
	name := j.file(nil)
	j.need(os.Truncate(j.path(name), 4<<20))
	for i := range 1000 {
		p := j.stranger(i)
		p.request(rrq(name, "octet", "blksize", "8192", "windowsize", "64"))
		if got := p.receive(time.Second); got != nil && got.op() == opOACK {
			p.ack(0)
		}
	}
	j.growth(before)
}
