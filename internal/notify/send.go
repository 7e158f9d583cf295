package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/credential"
)

// answerWithin is how long a receiver may take for one message. Mail servers make strangers wait.
const answerWithin = 30 * time.Second

// Sender sends messages to targets. The zero Sender is ready.
type Sender struct {
	Within time.Duration // how long a receiver may take; 0: 30 s
}

// Send sends one message. An error says in plain words what the receiver did, with the next
// step, and quotes neither a secret nor the URL.
func (s Sender) Send(ctx context.Context, c config.Notify, n api.Notification) error {
	within := s.Within
	if within == 0 {
		within = answerWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	t, err := open(ctx, c)
	if err != nil {
		return err
	}
	switch c.Type {
	case config.Email:
		err = t.sendMail(ctx, n)
	case config.Alertmanager:
		err = t.sendAlerts(ctx, n)
	default:
		err = t.sendWebhook(ctx, n)
	}
	return plain(ctx, err, within)
}

// Partly is the error of a message that some receivers of an email have, and others do not.
type Partly struct{ Err error }

// Error returns the text of the error underneath.
func (e *Partly) Error() string { return e.Err.Error() }

// Unwrap returns the error underneath.
func (e *Partly) Unwrap() error { return e.Err }

// target is a target with what its files say at this time.
type target struct {
	config.Notify
	secret string
	url    string
	roots  *x509.CertPool // nil: those of this host
}

// open reads the files of a target. They are read for each message, so a new secret needs no
// restart.
func open(ctx context.Context, c config.Notify) (t target, err error) {
	t = target{Notify: c, url: c.URL}
	if t.secret, err = secretOf(ctx, c); err != nil {
		return t, err
	}
	if c.URLFile != "" {
		if t.url, err = firstLine(c.URLFile); err != nil {
			return t, err
		}
		if u, err := url.Parse(t.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return t, cause.WithFix(fmt.Errorf("the first line of %s is not a URL", c.URLFile), api.Say("it must begin with https:// or http://"))
		}
	}
	if c.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	t.roots = x509.NewCertPool()
	if err == nil && !t.roots.AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s has no certificate", c.CAFile)
	}
	if err != nil {
		return t, cause.WithFix(err, api.Say("name a file with certificates (PEM) that the service can read: ").Set("notify.ca-file", ""))
	}
	return t, nil
}

// credentialPrefix is the beginning of the names of systemd credentials for targets.
const credentialPrefix = "notify-"

// secretOf returns the secret of a target; empty: it has none.
func secretOf(ctx context.Context, c config.Notify) (string, error) {
	var r credential.Reader
	switch name := credentialPrefix + c.Name; {
	case c.SecretFile != "":
		return firstLine(c.SecretFile)
	case c.SecretEnv != "":
		return r.Read(ctx, api.Secret{Environment: c.SecretEnv})
	case hasCredential(name):
		return r.Read(ctx, api.Secret{Systemd: name})
	}
	return "", nil
}

// hasCredential reports whether systemd passed a credential of this name.
func hasCredential(name string) bool {
	directory := os.Getenv("CREDENTIALS_DIRECTORY")
	if directory == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(directory, name))
	return err == nil
}

// firstLine returns the first line of a file with a secret.
func firstLine(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", cause.WithFix(err, api.Say("write the secret into its first line, and let the service read the file"))
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", cause.WithFix(fmt.Errorf("the first line of %s is empty", file), api.Say("write the secret into it"))
	}
	return line, nil
}

// tls is how a connection to a host is protected.
func (t target) tls(host string) *tls.Config {
	return &tls.Config{ServerName: host, RootCAs: t.roots, MinVersion: tls.VersionTLS12}
}

// plain puts the errors of Go's libraries into words. It adds the next step.
func plain(ctx context.Context, err error, within time.Duration) error {
	var known *cause.Error
	var outer *url.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &outer): // it quotes the URL, which may be a secret
		err = outer.Err
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return cause.WithFix(fmt.Errorf("no answer within %s", within), api.Say("see that the receiver works, and that no firewall drops the packets to it"))
	}
	if fix, seen := certificateProblem(err); fix != nil {
		return cause.WithFix(errors.New(seen), fix)
	}
	return cause.WithFix(errors.New(cause.Text(err)), api.Say("see that the receiver works, and that its place in the configuration is right"))
}

// certificateProblem returns the problem of a receiver's certificate; nil: it has none.
func certificateProblem(err error) (fix api.Fix, seen string) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return api.Say("if it is the right receiver, name the certificate of its issuer: ").Set("notify.ca-file", "FILE"),
			"the certificate of the receiver comes from an issuer that this host does not trust"
	case errors.As(err, &name):
		return api.Say("use the name in the certificate: %s", strings.Join(append(name.Certificate.DNSNames, addresses(name.Certificate)...), ", ")),
			"the certificate of the receiver is for another name than " + name.Host
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return api.Say("renew the certificate of the receiver, or check the clock of this host"), "the certificate of the receiver has expired, or is not valid yet"
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		return api.Say("check the port of the receiver, and whether it wants TLS"), "the receiver does not speak TLS there"
	}
	return nil, ""
}

func addresses(c *x509.Certificate) (list []string) {
	for _, a := range c.IPAddresses {
		list = append(list, a.String())
	}
	return list
}
