package https_test

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/spool"
	"flashwarden/internal/testlevel"
)

// rawCase is what a client sends, byte by byte. The file of its ticket has four bytes. TARGET is
// the path of the ticket, AUTH the right header.
type rawCase struct {
	sends  string
	closes bool   // it ends its side of the connection then
	want   int    // status of the only answer; 0: none
	stored string // the file; empty: there is none
}

var rawCases = map[string]rawCase{
	"whole":                          {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\n\r\nfile", false, 201, "file"},
	"whole, half-closed":             {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\n\r\nfile", true, 201, "file"},
	"chunked, half-closed":           {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfi\r\n2;x=y\r\nle\r\n0\r\n\r\n", true, 201, "file"},
	"chunked, with a trailer":        {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfile\r\n0\r\nContent-Length: 9\r\n\r\n", false, 201, "file"},
	"chunked, then nonsense":         {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfile\r\n0\r\n\r\nmore and more", true, 201, "file"},
	"then a second request":          {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\n\r\nfilePUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\n\r\nevil", true, 201, "file"},
	"absolute target":                {"PUT https://elsewhereTARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\n\r\nfile", false, 201, "file"},
	"chunked, no last chunk":         {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfile\r\n", true, 400, ""},
	"chunked, a wrong size":          {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfile\r\n0\r\n\r\n", true, 400, ""},
	"chunked, a negative size":       {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\n-4\r\nfile\r\n0\r\n\r\n", true, 400, ""},
	"chunked, a huge size":           {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nfile", true, 400, ""},
	"length and chunked":             {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfiles\r\n0\r\n\r\n", false, 409, ""},
	"a length that lies":             {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\n\r\nfil", true, 400, ""},
	"another length":                 {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 3\r\n\r\nfil", false, 409, ""},
	"two lengths":                    {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfiles", false, 400, ""},
	"a negative length":              {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: -4\r\n\r\nfile", false, 400, ""},
	"a huge length":                  {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 9223372036854775807\r\n\r\nfile", false, 409, ""},
	"no length":                      {"PUT TARGET HTTP/1.0\r\nAUTH\r\n\r\nfile", true, 409, ""},
	"a strange encoding":             {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\nfile\r\n0\r\n\r\n", false, 501, ""},
	"a strange expectation":          {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nExpect: money\r\nContent-Length: 4\r\n\r\nfile", false, 417, ""},
	"dots in the path":               {"PUT /..%2f..TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\n\r\nfile", false, 401, ""},
	"a zero byte in the path":        {"PUT TARGET%00 HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Length: 4\r\n\r\nfile", false, 401, ""},
	"the name without the password":  {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Og==\r\nContent-Length: 4\r\n\r\nfile", false, 401, ""},
	"another kind of password":       {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TARGET\r\nContent-Length: 4\r\n\r\nfile", false, 401, ""},
	"HTTP/2 that nobody agreed upon": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false, 405, ""},
	"a tunnel":                       {"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\nAUTH\r\n\r\n", false, 405, ""},
	"two requests in a header":       {"PUT TARGET HTTP/1.1\r\nHost: x\r\nAUTH\r\nX: y\n\nContent-Length: 4\r\n\r\nfile", true, 409, ""},
	"nothing":                        {"", true, 0, ""},
}

// TestRawRequests sends requests that no library makes. At most one is answered, and only the
// whole file is stored. The client offers HTTP/2, which the server does not speak.
func TestRawRequests(t *testing.T) {
	b := newBench(t, tls.VersionTLS12)
	for name, c := range rawCases {
		ticket := b.expect(loopback, 4)
		auth := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(ticket.Name+":"+ticket.Password))
		answers := b.sendRaw(strings.NewReplacer("TARGET", "/"+ticket.Name, "AUTH", auth).Replace(c.sends), c.closes)
		if len(answers) > 1 || c.want != 0 && len(answers) != 1 || c.want == 0 && len(answers) != 0 || c.want != 0 && answers[0] != c.want {
			t.Errorf("%s: answers %d, want %d", name, answers, c.want)
		}
		if got := b.storedBy(ticket); got != c.stored {
			t.Errorf("%s: %q is stored, want %q", name, got, c.stored)
		}
		if err := ticket.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(b.log.String(), ticket.Password) {
			t.Errorf("%s: the password is in the log", name)
		}
	}
}

// sendRaw sends a text over TLS, and returns the status of each answer until the server hangs up.
func (b *bench) sendRaw(text string, closes bool) (answers []int) {
	b.Helper()
	c, err := tls.Dial("tcp", b.at, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		b.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		b.Fatal(err)
	}
	if closes {
		if err := c.CloseWrite(); err != nil {
			b.Fatal(err)
		}
	}
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return answers
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		if answers = append(answers, r.StatusCode); r.StatusCode == http.StatusUnauthorized {
			return answers // it may go on
		}
	}
}

// storedBy returns the file of a ticket; empty: it has none.
func (b *bench) storedBy(t *spool.Ticket) string {
	b.Helper()
	select {
	case <-t.Ended():
	default:
		return ""
	}
	f, err := t.Wait(b.Context())
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(f.Path)
	if err != nil {
		b.Error(err)
	}
	return string(text)
}

// TestGetWithBody refuses to send a file to a client that announces a body which never comes. Without a limit
// its connection would stay, and the end of the server would wait for it.
func TestGetWithBody(t *testing.T) {
	testlevel.NeedFull(t, "the server waits 10 s for a body")
	t.Parallel()
	b := newBench(t, tls.VersionTLS12)
	name, content := b.file(5)
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
	auth := base64.StdEncoding.EncodeToString([]byte(ticket.Name + ":" + ticket.Password))
	began := time.Now()
	answers := b.sendRaw("GET /"+ticket.Name+" HTTP/1.1\r\nHost: x\r\nAuthorization: Basic "+auth+"\r\nContent-Length: 4\r\n\r\n", false)
	if len(answers) != 1 || answers[0] != http.StatusBadRequest {
		t.Errorf("answers %d", answers)
	}
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("the connection stayed for %s", took)
	}
	if e := ticket.Evidence(); e.Complete != 0 {
		t.Errorf("evidence %+v", e)
	}
}

// TestStrangerFillsNoLog asks again and again without a password. That is no line of the log each time.
func TestStrangerFillsNoLog(t *testing.T) {
	b := newBench(t, tls.VersionTLS12)
	b.expect(stranger, 5)
	c, err := tls.Dial("tcp", b.at, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for range 20 {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil || r.StatusCode != http.StatusUnauthorized {
			t.Fatal(r, err)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(b.log.String(), "level=INFO"); lines > 1 {
		t.Errorf("20 requests without a password are %d lines of the log", lines)
	}
}
