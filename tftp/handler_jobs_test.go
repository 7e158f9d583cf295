package tftp_test

import (
	"runtime"
	"testing"
	"testing/synctest"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestGoexit has a Handler that calls runtime.Goexit, as t.FailNow does. Only its
// transfer ends, with ERROR 0. The goroutine that it ended is replaced: the Server
// has only one for each kind of work.
func TestGoexit(t *testing.T) {
	for in, m := range map[string]*memory{
		"Write":  {write: func(int, []byte) error { runtime.Goexit(); return nil }},
		"Commit": {committed: func(string) error { runtime.Goexit(); return nil }},
		"Abort":  {aborting: func(string, error) { runtime.Goexit() }},
	} {
		t.Run(in, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := inBubble(t, &tftp.Server{Handler: m, Storage: 1}, &tftptest.Network{})
				for range 2 {
					p := w.peer()
					p.request(wrq("f", "octet"))
					p.expect(ack(0))
					if in == "Abort" {
						p.send([]byte("\x00\x05\x00\x00enough\x00"))
						synctest.Wait()
						continue
					}
					p.send(data(1, []byte("x")))
					p.expectError(0)
				}
				w.stop()
				if began, ended := w.events.count(tftp.EventRequest), w.events.count(tftp.EventDone); began != 2 || ended != 2 {
					t.Errorf("%d transfers began, %d ended", began, ended)
				}
			})
		})
	}
}
