package https_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/internal/certificate"
	"flashwarden/internal/https"
	"flashwarden/internal/spool"
	"flashwarden/internal/testlevel"
)

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	stranger = netip.MustParseAddr("127.0.0.66")
)

// own makes a certificate of our own, and returns its file, once for all tests.
var own = sync.OnceValues(func() (*tls.Config, string) {
	dir, err := os.MkdirTemp("", "flashwarden-https-")
	if err != nil {
		panic(err)
	}
	o := certificate.Own{Dir: dir, Name: "https", For: "the test", Valid: 24 * time.Hour, RSA: true}
	c, err := o.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	return c, o.File()
})

func TestMain(m *testing.M) {
	_, file := own()
	code := m.Run()
	os.RemoveAll(filepath.Dir(file))
	os.Exit(code)
}

// bench is a server with a spool on loopback.
type bench struct {
	*testing.T
	*spool.Spool
	dir    string
	server *https.Server
	at     string // ADDRESS:PORT
	log    *locked
	stop   func() error
}

func newBench(t *testing.T, least uint16) *bench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	s, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := own()
	b := &bench{T: t, Spool: s, dir: dir, at: l.Addr().String(), log: new(locked)}
	b.server = &https.Server{Store: s, TLS: https.Settings(cert, least), Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(ctx, l) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		b.wantEmpty()
	})
	return b
}

// locked is a text for several goroutines.
type locked struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// expect makes a ticket for a file of this size.
func (b *bench) expect(device netip.Addr, size int64) *spool.Ticket {
	t := b.ExpectPut(device, size, time.Now().Add(time.Hour))
	b.Cleanup(func() { t.Close() })
	return t
}

func (b *bench) wantEmpty() {
	b.Helper()
	left, err := os.ReadDir(b.dir)
	if err != nil {
		b.Fatal(err)
	}
	if len(left) > 0 {
		b.Errorf("left in the spool: %v", left)
	}
}

// curl runs curl, and returns the status of the answer; 0 for none.
func (b *bench) curl(args ...string) (status int) {
	b.Helper()
	program, err := exec.LookPath("curl")
	if err != nil {
		testlevel.Missing(b, "curl is not installed")
	}
	_, ca := own()
	args = append(args[:len(args):len(args)], "--silent", "--show-error", "--max-time", "60", "--cacert", ca, "--write-out", "%{http_code}")
	if !slices.Contains(args, "--output") {
		args = append(args, "--output", os.DevNull)
	}
	out, err := exec.Command(program, args...).Output()
	var exit *exec.ExitError
	if err != nil && errors.As(err, &exit) {
		b.Logf("curl: %s", exit.Stderr)
	}
	if _, err := fmt.Sscan(string(out), &status); err != nil {
		b.Fatalf("curl printed %q", out)
	}
	return status
}

// url is where the file of a ticket goes.
func (b *bench) url(t *spool.Ticket) string {
	return fmt.Sprintf("https://%s:%s@%s/%s", t.Name, t.Password, b.at, t.Name)
}

// file makes a file with random content.
func (b *bench) file(size int) (name string, content []byte) {
	b.Helper()
	content = make([]byte, size)
	rand.Read(content)
	name = filepath.Join(b.TempDir(), "image.bin")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		b.Fatal(err)
	}
	return name, content
}

// TestCurlPuts has curl send a file in each of its ways, once with each ticket.
func TestCurlPuts(t *testing.T) {
	b := newBench(t, tls.VersionTLS12)
	const size = 3 << 20
	name, content := b.file(size)
	for way, args := range map[string][]string{
		"with 100-continue":    {"-T", name},
		"without":              {"-T", name, "-H", "Expect:"},
		"chunked":              {"-T", name, "-H", "Transfer-Encoding: chunked"},
		"HTTP 1.0":             {"-T", name, "--http1.0"},
		"TLS 1.2":              {"-T", name, "--tls-max", "1.2"},
		"asked for a password": {"-T", name, "--anyauth"},
	} {
		ticket := b.expect(loopback, size)
		if got := b.curl(append(args, b.url(ticket))...); got != http.StatusCreated {
			t.Fatalf("%s: status %d; %s", way, got, b.log)
		}
		f, err := ticket.Wait(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: the file differs from the one that was sent (%v)", way, err)
		}
		// A client that sends at once may be cut off before it reads the answer.
		if got := b.curl(append(args, b.url(ticket))...); got != http.StatusForbidden && got != 0 {
			t.Errorf("%s: the second use of the ticket: status %d", way, got)
		}
		if strings.Contains(b.log.String(), ticket.Password) {
			t.Errorf("%s: the password is in the log", way)
		}
		if err := ticket.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCurlGets has curl fetch a file, once, with its name and password.
func TestCurlGets(t *testing.T) {
	b := newBench(t, tls.VersionTLS12)
	name, content := b.file(3 << 20)
	for way, args := range map[string][]string{"usual": nil, "HTTP 1.0": {"--http1.0"}, "asked for a password": {"--anyauth"}} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		ticket, err := b.Offer(t.Context(), f, spool.Offer{Device: loopback, SHA256: hex.EncodeToString(sum[:]), Deadline: time.Now().Add(time.Hour), Secret: true})
		if err != nil {
			t.Fatal(err)
		}
		defer ticket.Close()
		to := filepath.Join(t.TempDir(), "copy")
		if got := b.curl("-T", name, b.url(ticket)); got != http.StatusUnauthorized && got != 0 {
			t.Errorf("%s: an upload to an offer: status %d", way, got)
		}
		if got := b.curl(strings.Replace(b.url(ticket), ticket.Password, "x", 1)); got != http.StatusUnauthorized {
			t.Errorf("%s: a wrong password: status %d", way, got)
		}
		if got := b.curl(append(args, "--output", to, b.url(ticket))...); got != http.StatusOK {
			t.Fatalf("%s: status %d; %s", way, got, b.log)
		}
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: another file arrived (%v)", way, err)
		}
		if _, err := ticket.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if got := b.curl(b.url(ticket)); got != http.StatusForbidden {
			t.Errorf("%s: the second use of the ticket: status %d", way, got)
		}
	}
}

// TestRefused goes through requests that must get nothing, and store nothing.
func TestRefused(t *testing.T) {
	b := newBench(t, tls.VersionTLS12)
	name, _ := b.file(5000)
	ticket, foreign := b.expect(loopback, 5000), b.expect(stranger, 5000)
	at := func(user, password, path string) string {
		return fmt.Sprintf("https://%s:%s@%s/%s", user, password, b.at, path)
	}
	for what, c := range map[string]struct {
		want int
		args []string
	}{
		"no password":             {401, []string{"-T", name, "https://" + b.at + "/" + ticket.Name}},
		"a wrong password":        {401, []string{"-T", name, at(ticket.Name, foreign.Password, ticket.Name)}},
		"another path":            {401, []string{"-T", name, at(ticket.Name, ticket.Password, "other")}},
		"a path above":            {401, []string{"-T", name, "--path-as-is", at(ticket.Name, ticket.Password, "../"+ticket.Name)}},
		"from a strange address":  {403, []string{"-T", name, b.url(foreign)}},
		"a download of an upload": {401, []string{b.url(ticket)}},
		"a POST":                  {405, []string{"--data-binary", "@" + name, b.url(ticket)}},
		"DELETE":                  {405, []string{"-X", "DELETE", b.url(ticket)}},
		"OPTIONS":                 {405, []string{"-X", "OPTIONS", "--request-target", "*", b.url(ticket)}},
		"a part of a file":        {400, []string{"-T", name, "-H", "Content-Range: bytes 0-99/5000", b.url(ticket)}},
		"a compressed file":       {415, []string{"-T", name, "-H", "Content-Encoding: gzip", b.url(ticket)}},
		"a long header":           {431, []string{"-T", name, "-H", "X: " + strings.Repeat("x", 20_000), b.url(ticket)}},
		"without TLS":             {0, []string{"-T", name, strings.Replace(b.url(ticket), "https", "http", 1)}},
		"TLS 1.1":                 {0, []string{"-T", name, "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", b.url(ticket)}},
	} {
		if got := b.curl(c.args...); got != c.want {
			t.Errorf("%s: status %d, want %d", what, got, c.want)
		}
	}
	if e := foreign.Evidence(); len(e.WrongSource) != 1 || e.Requested {
		t.Errorf("evidence %+v", e)
	}
	if e := ticket.Evidence(); e.Requested || e.Handshake == nil {
		t.Errorf("evidence %+v", e)
	}
	if got := b.curl("-T", name, b.url(ticket)); got != http.StatusCreated {
		t.Errorf("the real upload afterwards: status %d", got)
	}
}

// TestOtherSize sends files that are not as large as the device said.
func TestOtherSize(t *testing.T) {
	b := newBench(t, tls.VersionTLS12)
	name, _ := b.file(5000)
	for what, c := range map[string]struct {
		size int64
		args []string
	}{
		"shorter, with a length": {5001, []string{"-T", name}},
		"longer, with a length":  {4999, []string{"-T", name}},
		"shorter, chunked":       {5001, []string{"-T", name, "-H", "Transfer-Encoding: chunked"}},
		"longer, chunked":        {4999, []string{"-T", name, "-H", "Transfer-Encoding: chunked"}},
	} {
		ticket := b.expect(loopback, c.size)
		if got := b.curl(append(c.args, b.url(ticket))...); got != http.StatusConflict {
			t.Errorf("%s: status %d", what, got)
		}
		if _, err := ticket.Wait(t.Context()); !errors.Is(err, spool.ErrSize) {
			t.Errorf("%s: the ticket ended with %v", what, err)
		}
	}
}

// TestOldTLS takes TLS 1.0 and the key exchange of old IOS if the configuration says so.
func TestOldTLS(t *testing.T) {
	b := newBench(t, tls.VersionTLS10)
	name, _ := b.file(5000)
	for _, args := range [][]string{
		{"--tlsv1.0", "--tls-max", "1.0", "--ciphers", "AES128-SHA@SECLEVEL=0"},
		{"--tls-max", "1.2", "--ciphers", "AES256-SHA256:AES128-SHA@SECLEVEL=0"},
	} {
		ticket := b.expect(loopback, 5000)
		if got := b.curl(append(args, "-T", name, b.url(ticket))...); got != http.StatusCreated {
			t.Errorf("%q: status %d; %s", args, got, b.log)
		}
	}
}

// TestQuietWithoutTicket talks to nobody while no file is expected.
func TestQuietWithoutTicket(t *testing.T) {
	b := newBench(t, tls.VersionTLS12)
	name, _ := b.file(100)
	ticket := b.expect(loopback, 100)
	if err := ticket.Close(); err != nil {
		t.Fatal(err)
	}
	if got := b.curl("-T", name, b.url(ticket)); got != 0 {
		t.Errorf("status %d", got)
	}
	if strings.Contains(b.log.String(), "TLS") {
		t.Errorf("a handshake took place: %s", b.log)
	}
}
