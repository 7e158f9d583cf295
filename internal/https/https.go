// Package https receives files that devices send by HTTPS, one PUT with the name and the
// password of a ticket, and sends files that they fetch, one GET. It answers success only when the
// file is stored. It talks to nobody while no ticket is open.
package https

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// Store takes and has the files. *spool.Spool is one.
type Store interface {
	// Expects reports whether any file is expected, and whether one is from this address.
	Expects(from netip.Addr) (device, any bool)
	// Put starts an upload; see spool.Spool.
	Put(p spool.Put) (tftp.Writer, error)
	// Get starts a download; see spool.Spool.
	Get(p spool.Put) (*spool.Download, error)
	// NoteHandshake gets the reason if TLS does not come about with a client.
	NoteHandshake(from netip.Addr, err error)
}

// Server is an HTTPS server. Its fields are set before Serve.
type Server struct {
	Store Store
	TLS   *tls.Config // with a certificate; see Settings
	// Idle is how long a client may take for a request's next kilobyte; 0: 60 s.
	Idle time.Duration
	// MaxConns limits the connections; 0: 512. PerSource limits those of one address; 0: 16.
	// Strangers limits those of all addresses from which no file is expected; 0: 64.
	MaxConns, PerSource, Strangers int
	Log                            *slog.Logger // nil: discard

	once sync.Once
	http *http.Server
	gate *gate
	wg   sync.WaitGroup // connections
}

const (
	handshakeTime = 10 * time.Second
	headerTime    = 10 * time.Second
	headerBytes   = 8 << 10
	betweenTime   = 15 * time.Second // until the next request of a connection
	answerTime    = 10 * time.Second // to read a piece of an answer
)

func (s *Server) init() {
	s.once.Do(func() {
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		if s.Idle <= 0 {
			s.Idle = time.Minute
		}
		s.http = &http.Server{
			Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: headerTime, IdleTimeout: betweenTime, MaxHeaderBytes: headerBytes,
			DisableGeneralOptionsHandler: true, ConnState: s.count, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		}
		s.gate = newGate(s)
	})
}

// count counts the connections that the HTTP server works on, so that Serve can wait for them.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.wg.Add(1)
	case http.StateClosed:
		s.wg.Done()
	}
}

// Serve takes connections of l until ctx ends or Shutdown is called, and closes l. Uploads
// that still run when ctx ends are cut off. All work has ended when it returns; the error
// is nil unless somebody else closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.init()
	stop := context.AfterFunc(ctx, func() { s.http.Close() })
	defer stop()
	s.gate.open(l)
	err := s.http.Serve(s.gate)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	} else {
		err = errors.Join(err, s.http.Close()) // no connection can be taken any more
	}
	s.gate.Close()
	s.gate.wait()
	s.wg.Wait()
	return err
}

// Shutdown takes no more connections and waits for the running uploads. If ctx ends first, it
// cuts them off and returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	return err
}

// Settings returns the TLS settings of a server with this certificate. least is the oldest
// version of TLS to accept; under tls.VersionTLS12 also the key exchange and the ciphers that
// old software needs.
func Settings(certificate *tls.Config, least uint16) *tls.Config {
	c := certificate.Clone()
	c.MinVersion, c.NextProtos = least, nil // HTTP/1.1 and 1.0
	if least >= tls.VersionTLS12 {
		return c
	}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !slices.Contains(broken, suite.ID) {
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	}
	return c
}

// broken are cipher suites that nobody gets.
var broken = []uint16{
	tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA,
}
