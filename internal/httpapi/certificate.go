package httpapi

import (
	"crypto/tls"
	"log/slog"
	"time"

	"flashwarden/internal/certificate"
)

// Certificate returns the TLS settings for a certificate and a key in two files; see
// certificate.Files.
func Certificate(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	return certificate.Files(certFile, keyFile, log)
}

// Validity of a certificate of our own. Browsers refuse longer ones.
const (
	ownValid = 397 * 24 * time.Hour
	ownRenew = 30 * 24 * time.Hour // before the end
)

// SelfSigned returns the TLS settings for a certificate of our own in a data directory:
// web.crt and web.key.
func SelfSigned(data string, log *slog.Logger) (*tls.Config, error) {
	return certificate.Own{Dir: data, Name: "web", For: "the API", Valid: ownValid, Renew: ownRenew}.Config(log)
}
