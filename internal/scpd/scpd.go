// Package scpd receives files that devices send by SCP, and sends files that they fetch. It is an
// SSH server that knows one command, "scp -t NAME" or "scp -f NAME", for the name and the password
// of a ticket. It acknowledges a file only when it is stored. It has no shell, no forwarding, no
// subsystem and no environment, and it talks to nobody while no ticket is open.
package scpd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/intake"
	"flashwarden/internal/spool"
	"flashwarden/internal/writelimit"
	"flashwarden/tftp"
)

// Store takes and has the files. *spool.Spool is one.
type Store interface {
	// Expects reports whether any file is expected, and whether one is from this address.
	Expects(from netip.Addr) (device, any bool)
	// Admits returns why no transfer with this name and password may begin; see spool.Spool.
	Admits(p spool.Put) error
	// Put starts an upload; see spool.Spool.
	Put(p spool.Put) (tftp.Writer, error)
	// Get starts a download; see spool.Spool.
	Get(p spool.Put) (*spool.Download, error)
	// NoteHandshake gets the reason if SSH does not come about with a client.
	NoteHandshake(from netip.Addr, err error)
	// NoteStray gets what a client wanted after its login, if that is not its file.
	NoteStray(from netip.Addr, what string)
}

// Server is an SCP server. Its fields are set before Serve.
type Server struct {
	Store Store
	Keys  []ssh.Signer // the host keys; see HostKeys
	// Legacy also offers the algorithms that only old software needs: SHA-1 signatures, small
	// groups, CBC.
	Legacy bool
	// Idle is how long a client may take for the next kilobyte of a file; 0: 60 s.
	Idle time.Duration
	// MaxConns, PerSource and Strangers limit the connections; see intake.Gate.
	MaxConns, PerSource, Strangers int
	Log                            *slog.Logger // nil: discard

	once   sync.Once
	gate   *intake.Gate
	config ssh.ServerConfig // without the callbacks of one visit

	mu     sync.Mutex
	outer  net.Listener // of Serve
	ending bool
	visits map[*visit]bool
}

const (
	// loginTime is the time until the command. Old switches compute for seconds, and the password
	// comes from the other session.
	loginTime  = time.Minute
	answerTime = 10 * time.Second // to read a piece of an answer, and to hang up after the last
	loginTries = 3
)

func (s *Server) init() {
	s.once.Do(func() {
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		if s.Idle <= 0 {
			s.Idle = time.Minute
		}
		s.visits = make(map[*visit]bool)
		s.config = settings(s.Keys, s.Legacy)
		s.gate = &intake.Gate{Expects: s.Store.Expects, MaxConns: s.MaxConns, PerSource: s.PerSource, Strangers: s.Strangers, Log: s.Log}
	})
}

// Serve takes connections of l until ctx ends or Shutdown is called, and closes l. Transfers
// that still run when ctx ends are cut off. All work has ended when it returns; the error
// is nil unless somebody else closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.init()
	s.mu.Lock()
	s.outer = l
	ending := s.ending
	s.mu.Unlock()
	if ending {
		return l.Close()
	}
	stop := context.AfterFunc(ctx, func() { s.end(true) })
	defer stop()
	err := s.gate.Take(l, s.welcome)
	s.gate.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return nil
	}
	return err
}

// Shutdown takes no more connections and waits for the running transfers. If ctx ends first, it
// cuts them off and returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	s.end(false)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.gate.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.end(true)
	<-done
	return ctx.Err()
}

// end closes the listener and the connections without a transfer, or all connections.
func (s *Server) end(all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	if s.outer != nil {
		s.outer.Close()
	}
	for v := range s.visits {
		if all || !v.busy {
			v.conn.Close()
		}
	}
}

// welcome serves one connection to its end.
func (s *Server) welcome(raw net.Conn) {
	v := &visit{server: s, conn: writelimit.New(raw, answerTime), from: intake.Address(raw.RemoteAddr())}
	defer v.conn.Close()
	if !s.begin(v) {
		return
	}
	defer s.forget(v)
	v.patience = time.AfterFunc(loginTime, func() { v.conn.Close() })
	defer v.patience.Stop()
	if err := v.serve(); err != nil && !s.over() {
		s.Log.Info("no file by SCP", "remote", raw.RemoteAddr(), "err", err)
	}
}

func (s *Server) begin(v *visit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return false
	}
	s.visits[v] = true
	return true
}

func (s *Server) forget(v *visit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.visits, v)
}

func (s *Server) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

var errEnding = errors.New("the server is stopping")

// setBusy says whether the visit has a transfer, which Shutdown lets finish.
func (s *Server) setBusy(v *visit, busy bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if busy && s.ending {
		return errEnding
	}
	v.busy = busy
	return nil
}
