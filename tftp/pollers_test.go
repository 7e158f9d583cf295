package tftp_test

import (
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"flashwarden/tftp"
)

// TestSeveralPollers lets a call of Observe hang in the goroutine that reads the port of
// one upload. Other uploads end meanwhile: where there are several processors, other
// goroutines read their ports. Of 20 uploads on ports chosen at random, at least one has
// such a port.
func TestSeveralPollers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	const others = 20
	hangs, free, ended := make(chan struct{}), make(chan struct{}), make(chan struct{}, others)
	defer close(free)
	s := &tftp.Server{Handler: &memory{}, Observe: func(e tftp.Event) {
		switch name := e.Request.Filename; {
		case name == "hangs" && e.Kind == tftp.EventConfirmed:
			close(hangs)
			<-free
		case name == "other" && e.Kind == tftp.EventDone:
			ended <- struct{}{}
		}
	}}
	w := &world{t: t, real: true, listen: func(a netip.AddrPort) (net.PacketConn, error) {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	}}
	w.run(s, "127.0.0.1:0")
	var list []*peer
	for _, name := range append(slices.Repeat([]string{"other"}, others), "hangs") {
		p := w.peer()
		p.request(wrq(name, "octet"))
		p.expect(ack(0))
		list = append(list, p)
	}
	list[others].send(data(1, nil))
	<-hangs
	for _, p := range list[:others] {
		p.send(data(1, nil))
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("one goroutine reads all ports")
	}
}
