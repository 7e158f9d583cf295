package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/certificate"
	"flashwarden/internal/config"
	"flashwarden/internal/https"
)

// upload is the HTTPS server of a node, to which devices send files.
type upload struct {
	server      *https.Server
	port        uint16
	certificate string // the file that devices must trust
	cancel      context.CancelFunc
	done        chan struct{}
	err         error // of Serve; read after done
}

// Validity of the certificate of our own. An administrator types it into each device, so it
// lasts.
const (
	httpsValid = 10 * 365 * 24 * time.Hour
	httpsRenew = 30 * 24 * time.Hour
)

// serveHTTPS starts the HTTPS server, if the configuration has one.
func (n *server) serveHTTPS(s *service) error {
	c := n.opts.Config.Transports.HTTPS
	if c.Listen == "" {
		return nil
	}
	u := &upload{done: make(chan struct{})}
	settings, err := n.httpsSettings(c, u)
	if err != nil {
		return cause.Wrap(cause.Internal, err, "the certificate of the HTTPS server", api.Say("look at ").Set("transports.https.tls-cert", "").Say(" and ").Set("transports.https.tls-key", ""))
	}
	l, err := listenHTTPS(c.Listen)
	if err != nil {
		return err
	}
	u.port = l.Addr().(*net.TCPAddr).AddrPort().Port()
	u.server = &https.Server{Store: s.spool, TLS: settings, Idle: n.opts.Config.Backup.StallTimeout, Log: n.opts.Log}
	var ctx context.Context
	ctx, u.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(u.done)
		if u.err = u.server.Serve(ctx, l); u.err != nil {
			n.opts.Log.Error("the HTTPS server stopped", "err", u.err)
		}
	}()
	s.https = u
	return nil
}

// httpsSettings loads the certificate, or makes one.
func (n *server) httpsSettings(c config.HTTPS, u *upload) (*tls.Config, error) {
	own := certificate.Own{Dir: n.opts.Data, Name: "https", For: "the HTTPS server", Valid: httpsValid, Renew: httpsRenew, RSA: true}
	least := map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11}[c.TLSMin]
	if least == 0 {
		least = tls.VersionTLS12
	}
	var found *tls.Config
	var err error
	if u.certificate = c.TLSCert; c.TLSCert != "" {
		found, err = certificate.Files(c.TLSCert, c.TLSKey, n.opts.Log)
	} else {
		u.certificate = own.File()
		found, err = own.Config(n.opts.Log)
	}
	if err != nil {
		return nil, err
	}
	return https.Settings(found, least), nil
}

func listenHTTPS(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	fix := api.Say("choose another port, such as ").Set("transports.https.listen", `":8443"`)
	switch {
	case errors.Is(err, syscall.EACCES):
		return nil, cause.Wrap(cause.Internal, err, "this user may not open the HTTPS port", fix)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, cause.Wrap(cause.Internal, err, "the HTTPS port is taken by another program", api.Say("find it with ").Type(api.OnHost, "ss -ltnp").Say(", or ").Then(fix))
	case err != nil:
		return nil, fmt.Errorf("listen for HTTPS: %w", err)
	}
	return l, nil
}

// stop ends the server and waits for its work.
func (u *upload) stop() error {
	if u == nil {
		return nil
	}
	u.cancel()
	<-u.done
	return u.err
}

// httpsServer is where the HTTPS server of a started node listens, and its certificate; port 0 if there is none.
func (n *server) httpsServer() (port uint16, certificate string) {
	if u := n.service.https; u != nil {
		return u.port, u.certificate
	}
	return 0, ""
}
