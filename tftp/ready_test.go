package tftp_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestReady sends a request before the Server is ready: it is answered afterwards,
// or never if Ready cancels the context.
func TestReady(t *testing.T) {
	for _, cancels := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := &tftptest.Network{}
			c, err := n.Listen(netip.MustParseAddrPort("127.0.0.1:69"))
			if err != nil {
				t.Fatal(err)
			}
			peer, err := n.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			if _, err := peer.WriteTo(rrq("f", "octet"), c.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			asked := 0
			s := &tftp.Server{Handler: &memory{}, Listen: n.Listen, Observe: func(tftp.Event) { asked++ }}
			s.Ready = func() {
				time.Sleep(time.Second)
				if asked > 0 {
					t.Error("a request was answered before Ready returned")
				}
				if cancels {
					cancel()
				}
			}
			done := make(chan error, 1)
			go func() { done <- s.Serve(ctx, c) }()
			time.Sleep(2 * time.Second)
			cancel()
			if err := <-done; err != nil || (asked == 0) != cancels {
				t.Errorf("Ready cancels: %v; %d events, %v", cancels, asked, err)
			}
			c.Close()
		})
	}
}
