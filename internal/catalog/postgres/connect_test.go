package postgres

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

// TestTLS has a server on another host prove itself, unless the URL says otherwise.
func TestTLS(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://fw@db.example.net/fw":                   "verified",
		"postgres://fw@192.0.2.7/fw?application_name=x":     "verified",
		"postgres://fw@db.example.net/fw?sslmode=disable":   "none",
		"postgres://fw@db.example.net/fw?sslmode=require":   "not verified",
		"postgres://fw@localhost/fw?sslmode=verify-full":    "verified",
		"postgres://fw@127.0.0.1/fw":                        "not verified", // libpq: prefer
		"postgres:///fw?host=/var/run/postgresql&user=root": "none",
	} {
		c, err := connect(address)
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if c.TLSConfig != nil {
			got = "verified"
			if c.TLSConfig.InsecureSkipVerify {
				got = "not verified"
			}
		}
		if got != want || want == "verified" && len(c.Fallbacks) > 0 {
			t.Errorf("%s: TLS is %s with %d other ways; want %s", address, got, len(c.Fallbacks), want)
		}
	}
}

func TestOldServer(t *testing.T) {
	if err := supported(140000); err != nil {
		t.Error(err)
	}
	e := &engine{server: "db:5432"}
	if err := e.Wrap("open catalog", supported(130011)); !strings.Contains(fmt.Sprint(err), "too old") || cause.FixOf(err) == nil {
		t.Errorf("error %v; want one that says that the server is too old", err)
	}
}

// TestNoAnswer names a server that refuses connections, and one that offers no TLS.
func TestNoAnswer(t *testing.T) {
	closed := listen(t)
	closed.Close()
	plain := listen(t)
	defer plain.Close()
	go func() {
		for {
			conn, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 8)) // SSLRequest
			_, _ = conn.Write([]byte("N"))
			conn.Close()
		}
	}()
	for address, want := range map[string]string{
		"postgres://fw@" + closed.Addr().String() + "/fw":                "PostgreSQL on " + closed.Addr().String() + " does not answer",
		"postgres://fw@" + plain.Addr().String() + "/fw?sslmode=require": plain.Addr().String() + " does not offer TLS",
	} {
		_, err := Open(t.Context(), Options{URL: address})
		var e *cause.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || e.Fix == nil {
			t.Errorf("%s: error %v; want %q with a fix", address, err, want)
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
