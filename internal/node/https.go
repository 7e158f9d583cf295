package node

import (
	"crypto/tls"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/certificate"
	"flashwarden/internal/config"
	"flashwarden/internal/https"
)

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
	u := new(upload)
	settings, err := n.httpsSettings(c, u)
	if err != nil {
		return cause.Wrap(cause.Internal, err, "the certificate of the HTTPS server", api.Say("look at ").Set("transports.https.tls-cert", "").Say(" and ").Set("transports.https.tls-key", ""))
	}
	l, err := listenUploads("HTTPS", "transports.https.listen", ":8443", c.Listen)
	if err != nil {
		return err
	}
	s.https = u
	u.run(n, "HTTPS", &https.Server{Store: s.spool, TLS: settings, Idle: n.opts.Config.Backup.StallTimeout, Log: n.opts.Log}, l)
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

// httpsServer is where the HTTPS server of a started node listens, and its certificate; port 0 if there is none.
func (n *server) httpsServer() (port uint16, certificate string) {
	if u := n.service.https; u != nil {
		return u.port, u.certificate
	}
	return 0, ""
}
