package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// The codes of errors (PostgreSQL, appendix A).
const (
	uniqueViolation       = "23505"
	readOnlyTransaction   = "25006"
	invalidAuthorization  = "28000"
	invalidPassword       = "28P01"
	noSuchDatabase        = "3D000"
	insufficientPrivilege = "42501"
	tooManyConnections    = "53300"
)

// Wrap adds the next step to an error whose reason is known.
func (e *engine) Wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if seen, fix := e.explain(err); seen != "" {
		return cause.Wrap(cause.Internal, err, doing+": "+seen, fix)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// explain returns the reason of an error in plain words, and what to do about it; empty: it
// is not known.
func (e *engine) explain(err error) (seen string, fix api.Fix) {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return e.refusal(refused)
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	var dial *net.OpError
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, errTooOld):
		return "PostgreSQL on " + e.server + " is too old", api.Say("use a server with PostgreSQL %d or newer", oldest)
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &verify):
		return "the certificate of " + e.server + " is not valid for it", api.Say("name the file with the certificate of its authority in the URL of the catalog: ").
			Set("catalog", "postgres://…?sslmode=verify-full&sslrootcert=FILE")
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return e.server + " does not offer TLS", api.Say("switch TLS on in its postgresql.conf (ssl = on). Only on a network that nobody else can reach: write sslmode=disable into the URL of the catalog")
	case errors.As(err, &connect), errors.As(err, &dial):
		return "PostgreSQL on " + e.server + " does not answer", api.Say("see whether it runs and listens there: ").Type(api.OnHost, "pg_isready -d "+api.ShellWord("postgres://"+e.server))
	}
	return "", nil
}

// refusal is explain for an answer of the server.
func (e *engine) refusal(err *pgconn.PgError) (seen string, fix api.Fix) {
	switch err.Code {
	case invalidPassword:
		return fmt.Sprintf("%s refused the password of %s", e.server, e.user), api.Say("write the password into a file, and name the file: ").Set("catalog-password-file", "FILE")
	case invalidAuthorization:
		return fmt.Sprintf("%s does not let %s in", e.server, e.user), api.Say("make the role, and add a line for it and for this host to pg_hba.conf")
	case noSuchDatabase:
		return fmt.Sprintf("%s has no database %s", e.server, e.database), api.Say("make it: ").Type(api.OnHost, fmt.Sprintf("sudo -u postgres createdb --owner=%s %s", e.user, e.database))
	case insufficientPrivilege:
		return fmt.Sprintf("the role %s lacks a right in the database %s", e.user, e.database), api.Say("make it the owner of the database, on the host of PostgreSQL: ").
			Type(api.OnHost, fmt.Sprintf(`sudo -u postgres psql -c 'ALTER DATABASE %s OWNER TO %s'`, e.database, e.user))
	case readOnlyTransaction:
		return e.server + " is a standby and can only be read", api.Say("name the primary server in the URL of the catalog")
	case tooManyConnections:
		return e.server + " has no connection left", api.Say("each process of flashwarden uses up to %d: raise max_connections in its postgresql.conf", connections)
	}
	return "", nil
}
