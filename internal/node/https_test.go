package node_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/certificate"
	"flashwarden/internal/config"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/internal/testlevel"
)

// openHTTPS opens a node with an HTTPS server, and returns its log.
func openHTTPS(t *testing.T) (*node.Node, *logText) {
	log := new(logText)
	n := openNodeWith(t, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), func(c *config.Config) {
		c.Transports.HTTPS.Listen = "127.0.0.1:0"
	})
	return n, log
}

// logText is a log that can be read.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// secretURL is a URL with a password of a ticket.
var secretURL = regexp.MustCompile(`https://[a-z2-7]{20}:[a-z2-7]{20}@`)

// httpsCase is a switch that sends its files by HTTPS, and what becomes of it.
type httpsCase struct {
	profile string
	change  func(*iossim.Options)
	prefer  []string // of auto; nil: https by choice
	want    cause.Cause
	hint    string // a part of it
	way     string // of the transfers, if they succeed; empty: https
	full    bool   // at the level full only
}

// TestHTTPS backs up switches whose HTTPS client differs, or fails.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	n, log := openHTTPS(t)
	own, err := os.ReadFile(n.Runner().HTTPSCertificate)
	if err != nil {
		t.Fatal(err)
	}
	other := otherCertificate(t)
	number := 0
	for name, c := range map[string]httpsCase{
		"usual":         {change: func(*iossim.Options) {}},
		"chunked":       {change: func(o *iossim.Options) { o.HTTPS.Chunked = true }, full: true},
		"asked-first":   {change: func(o *iossim.Options) { o.HTTPS.AsksFirst = true }},
		"trusts-us":     {change: func(o *iossim.Options) { o.HTTPS.Trustpoint = own }, full: true},
		"trusts-others": {change: func(o *iossim.Options) { o.HTTPS.Trustpoint = other }, want: cause.TransportRestricted, hint: "ip http client secure-trustpoint flashwarden"},
		"old-tls":       {change: func(o *iossim.Options) { o.HTTPS.NewestTLS = tls.VersionTLS11 }, want: cause.TransportRestricted, hint: "tls-min", full: true},
		"no-client":     {change: func(o *iossim.Options) { o.HTTPS.Missing = true }, want: cause.TransportRestricted, hint: "copy-by auto", full: true},
		"auto-to-tftp":  {change: func(o *iossim.Options) { o.HTTPS.Missing = true }, prefer: []string{api.CopyHTTPS, api.CopyTFTP}, way: api.CopyTFTP},
		"secure":        {profile: "c9300-secure", change: func(o *iossim.Options) { o.Privilege = 15 }, prefer: []string{api.CopyTFTP, api.CopyHTTPS}, full: true},
		"short":         {change: func(o *iossim.Options) { o.Faults.ShortBlock = iossim.Always }, want: cause.SizeMismatch},
		"short-chunked": {change: func(o *iossim.Options) { o.Faults.ShortBlock, o.HTTPS.Chunked = iossim.Always, true }, want: cause.SizeMismatch, full: true},
		"altered":       {change: func(o *iossim.Options) { o.Faults.FlipBit = iossim.Always }, want: cause.DigestMismatch, full: true},
		"cut-off":       {change: func(o *iossim.Options) { o.Faults.Hangup = iossim.After{Bytes: 40_000, Times: iossim.Always} }, want: cause.SessionLost},
		"line-lost":     {change: func(o *iossim.Options) { o.Faults.HangTerminal = 1 }, full: true},
		"silent":        {change: func(o *iossim.Options) { o.Faults.NoTFTP, o.Timeout = iossim.Always, time.Second }, want: cause.NoRequest, hint: "permit tcp host 127.0.1.", full: true},
		"stops": {change: func(o *iossim.Options) {
			o.Faults.Stall, o.Timeout = iossim.After{Bytes: 40_000, Times: iossim.Always}, time.Second
		}, want: cause.Stalled, full: true},
		"stranger": {change: func(o *iossim.Options) { o.Source = netip.MustParseAddr("127.0.0.9") }, want: cause.WrongSource, hint: "ip http client source-interface"},
		"erases":   {change: func(o *iossim.Options) { o.Faults.AskErase = iossim.Always }, want: cause.UnsafePrompt, full: true},
		"unknown":  {change: func(o *iossim.Options) { o.Faults.AskUnknown = iossim.Always }, want: cause.PromptUnrecognised, full: true},
	} {
		number++
		number := number
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.full {
				testlevel.NeedFull(t, "the other cases run the same code")
			}
			backUpByHTTPS(t, n, number, name, c)
		})
	}
	t.Cleanup(func() {
		if found := secretURL.FindString(log.String()); found != "" {
			t.Errorf("a password is in the log: %s", found)
		}
	})
}

// backUpByHTTPS makes one backup, and looks at its result and at the transfers.
func backUpByHTTPS(t *testing.T, n *node.Node, number int, name string, c httpsCase) {
	if c.profile == "" {
		c.profile = "c3750"
	}
	// Each has an address of its own: what the server sees of an address is of one device.
	o := iossim.Options{LargestImage: 100_000, Listen: fmt.Sprintf("127.0.1.%d:0", number)}
	c.change(&o)
	s := startSwitch(t, n, c.profile, o, false)
	d := deviceOf(t, n, name, s)
	runner := n.Runner()
	runner.Waits = []time.Duration{} // one attempt
	if runner.Prefer = c.prefer; c.prefer == nil {
		d.CopyBy = api.CopyHTTPS
	}
	r := runner.Backup(t.Context(), d, backup.Options{Policy: api.PolicyImage, Recopy: true})
	if r.Cause != c.want || c.want == "" && r.Status != api.StatusOK || c.want != "" && !strings.Contains(r.Hint, c.hint) {
		t.Fatalf("%s %q: %s; hint %s; typed was %q", r.Status, r.Cause, r.Message, r.Hint, s.Commands())
	}
	result, err := json.Marshal(r)
	if err != nil || secretURL.Match(result) {
		t.Errorf("a password is in the result (%v): %s", err, result)
	}
	if c.want != "" {
		return
	}
	var moved []iossim.Transfer
	for range 600 { // without its terminal, the switch may notice the answer later
		if moved = s.Transfers(); len(moved) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(moved) == 0 || slices.ContainsFunc(moved, func(x iossim.Transfer) bool { return x.HTTPS != (c.way == "") || x.Err != nil }) {
		t.Errorf("transfers %+v", moved)
	}
}

// otherCertificate is a certificate that is not ours.
func otherCertificate(t *testing.T) []byte {
	t.Helper()
	own := certificate.Own{Dir: t.TempDir(), Name: "other", For: "the test", Valid: time.Hour}
	if _, err := own.Config(slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(own.File())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestHTTPSOff says how to switch the server on.
func TestHTTPSOff(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	s := startSwitch(t, n, "c3750", iossim.Options{LargestImage: 100_000}, false)
	d := deviceOf(t, n, "off", s)
	d.CopyBy = api.CopyHTTPS
	r := n.Runner().Backup(t.Context(), d, backup.Options{Policy: api.PolicyImage})
	if r.Status != api.StatusFailed || !strings.Contains(r.Hint, "transports.https.listen") {
		t.Errorf("%s %q: %s; hint %s", r.Status, r.Cause, r.Message, r.Hint)
	}
}

// TestHTTPSTrial tries the HTTPS client of a device that trusts us, and of one that does not.
func TestHTTPSTrial(t *testing.T) {
	t.Parallel()
	n, _ := openHTTPS(t)
	other := otherCertificate(t)
	for name, trustpoint := range map[string][]byte{"trusts": nil, "doubts": other} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listen := map[bool]string{true: "127.0.1.1:0", false: "127.0.1.2:0"}[trustpoint == nil]
			s := startSwitch(t, n, "c3750", iossim.Options{Listen: listen, LargestImage: 100_000, HTTPS: iossim.HTTPSClient{Trustpoint: trustpoint}}, false)
			r := try(t, n, name, s, api.CopyHTTPS)
			passed := slices.ContainsFunc(r.Notes, func(note string) bool { return strings.Contains(note, "by https from "+name) })
			found := slices.ContainsFunc(r.Findings, func(f api.Finding) bool { return f.Cause == cause.TransportRestricted })
			if passed != (trustpoint == nil) || found == passed {
				t.Errorf("findings %+v, notes %q", r.Findings, r.Notes)
			}
		})
	}
}
