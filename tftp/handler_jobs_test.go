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

// TestSlowStorage hangs in the Commit of one upload and in the Write of another one. A
// read, and before that the other upload, go on: each kind of work has its own workers,
// here one each.
func TestSlowStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		m := &memory{
			committed: func(string) error { <-free; return nil },
			write: func(_ int, b []byte) error {
				if len(b) > 512 {
					<-free
				}
				return nil
			},
		}
		m.set("f", []byte("x"))
		w := inBubble(t, &tftp.Server{Handler: m, Storage: 1}, &tftptest.Network{})
		read := func() {
			p := w.peer()
			p.request(rrq("f", "octet"))
			p.expect(data(1, []byte("x")))
			p.send(ack(1))
		}
		commits, writes := w.peer(), w.peer()
		commits.request(wrq("commits", "octet"))
		commits.expect(ack(0))
		commits.send(data(1, []byte("x")))
		synctest.Wait()
		read()
		writes.request(wrq("writes", "octet"))
		writes.expect(ack(0))
		const blocks = 64<<10/512 + 1 // more than the Server collects before it calls Write
		writes.store(content(1, 512*blocks), 512, 1, blocks+1)
		synctest.Wait()
		read()
		close(free)
	})
}
