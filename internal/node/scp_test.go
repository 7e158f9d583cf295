package node_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/internal/node/nodetest"
	"flashwarden/internal/scpd"
	"flashwarden/internal/testlevel"
)

// scpKeys makes host keys, once for all tests.
var scpKeys = sync.OnceValue(func() map[string][]byte {
	dir, err := os.MkdirTemp("", "flashwarden-keys-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if _, err := scpd.HostKeys(dir, false, slog.New(slog.DiscardHandler)); err != nil {
		panic(err)
	}
	files := make(map[string][]byte)
	entries, err := os.ReadDir(dir)
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			panic(err)
		}
	}
	return files
})

// openSCP opens a node with an SCP server, and returns its port and its log.
func openSCP(t *testing.T, legacy bool) (n *node.Node, port uint16, log *logText) {
	t.Helper()
	log = new(logText)
	o := nodetest.Options(t)
	o.Log, o.Config.Backup.Parallel = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), 32
	o.Config.Transports.SCP = config.SCP{Listen: "127.0.0.1:0", LegacyCrypto: legacy}
	for name, key := range scpKeys() {
		if err := os.WriteFile(filepath.Join(o.Data, name), key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n = nodetest.Start(t, o)
	return n, n.Runner().SCPPort, log
}

// scpCase is a switch that sends its files by SCP, and what becomes of it.
type scpCase struct {
	profile string // empty: c9300
	change  func(*iossim.Options)
	prefer  []string // of auto; nil: scp by choice
	want    cause.Cause
	hint    string // a part of it
	way     string // of the transfers, if they succeed; empty: scp
	full    bool   // at the level full only
}

// TestSCP backs up switches whose SCP client differs, or fails.
func TestSCP(t *testing.T) {
	t.Parallel()
	n, port, log := openSCP(t, false)
	number := 20
	for name, c := range map[string]scpCase{
		"usual":          {change: func(*iossim.Options) {}},
		"asks-twice":     {change: func(o *iossim.Options) { o.SCPClient.AsksTwice = true }, full: true},
		"old-algorithms": {profile: "c3750", change: func(*iossim.Options) {}, want: cause.TransportRestricted, hint: "transports.scp.legacy-crypto"},
		"no-client":      {change: func(o *iossim.Options) { o.SCPClient.Missing = true }, want: cause.TransportRestricted, hint: "copy-by auto", full: true},
		"auto-to-tftp":   {change: func(o *iossim.Options) { o.SCPClient.Missing = true }, prefer: []string{api.CopySCP, api.CopyTFTP}, way: api.CopyTFTP, full: true},
		"secure":         {profile: "c9300-secure", change: func(o *iossim.Options) { o.Privilege = 15 }, prefer: []string{api.CopyTFTP, api.CopySCP}},
		"short":          {change: func(o *iossim.Options) { o.Faults.ShortBlock = iossim.Always }, want: cause.SizeMismatch},
		"altered":        {change: func(o *iossim.Options) { o.Faults.FlipBit = iossim.Always }, want: cause.DigestMismatch, full: true},
		"cut-off":        {change: func(o *iossim.Options) { o.Faults.Hangup = iossim.After{Bytes: 40_000, Times: iossim.Always} }, want: cause.SessionLost},
		"line-lost":      {change: func(o *iossim.Options) { o.Faults.HangTerminal = 1 }, full: true},
		"silent":         {change: func(o *iossim.Options) { o.Faults.NoTFTP, o.Timeout = iossim.Always, time.Second }, want: cause.NoRequest, hint: "tcp dport 22 redirect to", full: true},
		"stops": {change: func(o *iossim.Options) {
			o.Faults.Stall, o.Timeout = iossim.After{Bytes: 40_000, Times: iossim.Always}, time.Second
		}, want: cause.Stalled, full: true},
		"stranger": {change: func(o *iossim.Options) { o.Source = netip.MustParseAddr("127.0.0.9") }, want: cause.WrongSource, hint: "ip ssh source-interface", full: true},
		"erases":   {change: func(o *iossim.Options) { o.Faults.AskErase = iossim.Always }, want: cause.UnsafePrompt, full: true},
		"unknown":  {change: func(o *iossim.Options) { o.Faults.AskUnknown = iossim.Always }, want: cause.PromptUnrecognised, full: true},
	} {
		number++
		listen := fmt.Sprintf("127.0.1.%d:0", number) // what the server sees of an address is of one device
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.full {
				testlevel.NeedFull(t, "the other cases run the same code")
			}
			backUpBySCP(t, n, name, c, iossim.Options{LargestImage: 100_000, Listen: listen, SCPPort: port})
		})
	}
	t.Cleanup(func() {
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "msg=question") && strings.Contains(line, "Password:") && !strings.Contains(line, "answer=***") {
				t.Errorf("a password is in the log: %s", line)
			}
		}
	})
}

// TestOldSCP backs up a switch with old software if the configuration permits its algorithms.
func TestOldSCP(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "TestLegacy of package scpd logs in with these algorithms")
	n, port, _ := openSCP(t, true)
	backUpBySCP(t, n, "old", scpCase{profile: "c3750", change: func(*iossim.Options) {}}, iossim.Options{LargestImage: 100_000, SCPPort: port})
}

// backUpBySCP makes one backup, and looks at its result and at the transfers.
func backUpBySCP(t *testing.T, n *node.Node, name string, c scpCase, o iossim.Options) {
	t.Helper()
	if c.profile == "" {
		c.profile = "c9300"
	}
	c.change(&o)
	s := startSwitch(t, n, c.profile, o, false)
	d := deviceOf(t, n, name, s)
	runner := n.Runner()
	runner.Waits = []time.Duration{} // one attempt
	if runner.Prefer = c.prefer; c.prefer == nil {
		d.CopyBy = api.CopySCP
	}
	r := runner.Backup(t.Context(), d, backup.Options{Policy: api.PolicyImage, Recopy: true})
	if r.Cause != c.want || c.want == "" && r.Status != api.StatusOK || c.want != "" && !strings.Contains(r.Hint, c.hint) {
		t.Fatalf("%s %q: %s; hint %s; typed was %q", r.Status, r.Cause, r.Message, r.Hint, s.Commands())
	}
	if _, err := json.Marshal(r); err != nil || c.want != "" {
		return
	}
	var moved []iossim.Transfer
	for range 600 { // without its terminal, the switch may notice the answer later
		if moved = s.Transfers(); len(moved) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(moved) == 0 || slices.ContainsFunc(moved, func(x iossim.Transfer) bool { return x.SCP != (c.way == "") || x.Err != nil }) {
		t.Errorf("transfers %+v", moved)
	}
}

// TestSCPOff says how to switch the server on.
func TestSCPOff(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	s := startSwitch(t, n, "c9300", iossim.Options{LargestImage: 100_000}, false)
	d := deviceOf(t, n, "off", s)
	d.CopyBy = api.CopySCP
	r := n.Runner().Backup(t.Context(), d, backup.Options{Policy: api.PolicyImage})
	if r.Status != api.StatusFailed || !strings.Contains(r.Hint, "transports.scp.listen") {
		t.Errorf("%s %q: %s; hint %s", r.Status, r.Cause, r.Message, r.Hint)
	}
}

// TestSCPClientTrial tries the SCP client of a device, and one whose algorithms are too old.
func TestSCPClientTrial(t *testing.T) {
	t.Parallel()
	n, port, _ := openSCP(t, false)
	for i, profile := range []string{"c9300", "c3750"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			s := startSwitch(t, n, profile, iossim.Options{Listen: fmt.Sprintf("127.0.1.%d:0", 40+i), LargestImage: 100_000, SCPPort: port}, false)
			r := try(t, n, profile, s, api.CopySCP)
			passed := slices.ContainsFunc(r.Notes, func(note string) bool { return strings.Contains(note, "by scp from "+profile) })
			found := slices.ContainsFunc(r.Findings, func(f api.Finding) bool { return f.Cause == cause.TransportRestricted })
			if passed != (profile == "c9300") || found == passed {
				t.Errorf("findings %+v, notes %q", r.Findings, r.Notes)
			}
		})
	}
}
