package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// A peer that vanished is noticed within half a minute on both sides: it may hold the lock
// of the writers, and everybody waits for that.
const (
	connectWithin = 10 * time.Second
	unanswered    = 20 * time.Second // sent and not acknowledged
)

// session are the settings of each connection (PostgreSQL, "Server Configuration"). The
// server ends a transaction whose client has stopped half-way.
var session = map[string]string{
	"application_name":                    "flashwarden",
	"tcp_keepalives_idle":                 "10",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    strconv.FormatInt(unanswered.Milliseconds(), 10),
	"idle_in_transaction_session_timeout": "30s",
}

// connect reads a URL of libpq. A server on another host must prove itself by TLS
// (sslmode=verify-full), unless the URL has another sslmode.
func connect(address string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("this is not a URL such as postgres://user@host/database") // the error of Parse quotes it whole
	}
	if q := u.Query(); q.Get("sslmode") == "" && !isLocal(u.Hostname()) && !isLocal(q.Get("host")) {
		q.Set("sslmode", "verify-full")
		u.RawQuery = q.Encode()
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	for name, value := range session {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWithin
	}
	dialer := net.Dialer{Control: noticeLoss, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	return config, nil
}

// isLocal reports whether a host is this one: a socket, or an address of the loopback. An
// empty host says nothing.
func isLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || err == nil && addr.IsLoopback()
}

// noticeLoss ends a TCP connection whose data is not acknowledged.
func noticeLoss(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unanswered.Milliseconds()))
	})
	return errors.Join(err, failed)
}

// server names the server of a configuration.
func server(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") {
		return filepath.Join(c.Host, fmt.Sprint(".s.PGSQL.", c.Port))
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}

// oldest is the oldest PostgreSQL that the project that makes it still supports.
const oldest = 14

// errTooOld is the error of a server that is older.
var errTooOld = fmt.Errorf("PostgreSQL %d or newer is needed", oldest)

// newEnough returns an error if the server cannot be reached, or is too old.
func newEnough(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return err
	}
	return supported(version)
}

// supported judges a server_version_num, such as 150004 for 15.4.
func supported(version int) error {
	if version/10_000 < oldest {
		return fmt.Errorf("the server has version %d: %w", version/10_000, errTooOld)
	}
	return nil
}
