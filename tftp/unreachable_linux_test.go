package tftp_test

import (
	"bytes"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"flashwarden/tftp"
)

// TestUploadAfterICMP runs case 135 of the conformance cases with an upload. It has a peer whose kernel reports its port as closed for each
// ACK, because the socket is connected to another address. A forged ICMP message looks
// the same. The upload goes on as long as the peer sends. Then the peer stops.
func TestUploadAfterICMP(t *testing.T) {
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m, Retries: 1000, IdleTimeout: time.Hour})
	body := content(1, 50*512+5)
	for _, whole := range []bool{true, false} {
		options := []string{"timeout", "60"} // the time between two DATA does not count
		if !whole {
			options = []string{"timeout", "1"}
		}
		p := w.peer()
		p.request(wrq("f", "octet", options...))
		p.expect(oack(options...))
		raw, err := p.c.(*net.UDPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := &syscall.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
		if failed := raw.Control(func(fd uintptr) { err = syscall.Connect(int(fd), elsewhere) }); errors.Join(failed, err) != nil {
			t.Fatal(failed, err)
		}
		last := blocks(body, 512)
		if !whole {
			last = 10
		}
		for n := 1; n <= last; n++ {
			p.send(data(n, block(body, 512, n)))
		}
		e := w.events.done(t, map[bool]int{true: 1, false: 2}[whole])
		if whole && e.Err != nil || !whole && !errors.Is(e.Err, tftp.ErrTimeout) {
			t.Errorf("whole %v: ended with %v", whole, e.Err)
		}
	}
	if got, _ := m.get("f"); !bytes.Equal(got, body) {
		t.Errorf("%d bytes are stored", len(got))
	}
}
