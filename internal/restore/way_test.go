package restore_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node/nodetest"
	"flashwarden/internal/testlevel"
)

// newSecureBench is newBench with servers for SCP and HTTPS, and a switch that uses one of them for all files.
func newSecureBench(t *testing.T, by string) (b *bench, o iossim.Options) {
	t.Helper()
	options := nodetest.Options(t)
	options.Config.Transports.HTTPS.Listen, options.Config.Transports.SCP.Listen = "127.0.0.1:0", "127.0.0.1:0"
	key, err := rsa.GenerateKey(rand.Reader, 2048) // quicker than the one that the server would make
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(options.Data, "scp_host_rsa_key"), pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	b = &bench{t: t, data: options.Data, node: nodetest.Start(t, options)}
	o.SCPPort = b.node.Restorer().SCPPort
	b.startBy("c9300", o, by)
	results := b.node.Runner().All(t.Context(), []api.Device{b.device}, backup.Options{Policy: api.PolicyRebuild})
	if results[0].Status != api.StatusOK {
		t.Fatalf("back up: %s %s", results[0].Cause, results[0].Message)
	}
	b.read(results[0].Snapshot)
	return b, o
}

// startBy is start with a transport.
func (b *bench) startBy(profile string, o iossim.Options, by string) {
	b.t.Helper()
	b.start(profile, o)
	b.device.CopyBy = by
}

// TestOverEachTransport restores a file by each transport with a password: the plan shows the command, and
// no password is in the plan, in the commands, or in the result.
func TestOverEachTransport(t *testing.T) {
	t.Parallel()
	for by, shown := range map[string]string{
		api.CopySCP:   "copy scp://TICKET@127.0.0.1/TICKET flash:/vlan.dat",
		api.CopyHTTPS: "copy https://TICKET:PASSWORD@127.0.0.1:",
	} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			b, o := newSecureBench(t, by)
			b.startBy("c9300", o, by)
			b.remove("flash:/vlan.dat")
			p := b.plan(api.Restore{}, "vlan.dat")
			if len(p.Refusals) > 0 || p.CopyBy != by || !slices.ContainsFunc(p.Commands, func(c string) bool { return strings.HasPrefix(c, shown) }) {
				t.Fatalf("by %q; refused %+v; commands %q", p.CopyBy, p.Refusals, p.Commands)
			}
			wantResult(t, b.apply(p), api.StatusOK, "")
			b.wantFiles(func(f api.File) bool { return f.Path == "flash:/vlan.dat" })
			moved := b.sw.Transfers()
			if len(moved) != 1 || moved[0].SCP != (by == api.CopySCP) || moved[0].HTTPS != (by == api.CopyHTTPS) {
				t.Errorf("transfers %+v", moved)
			}
			other := p
			other.CopyBy = ""
			if other.Digest, _ = other.Sum(); b.apply(other).Status == api.StatusOK {
				t.Error("a plan by another transport was applied")
			}
		})
	}
}

// TestBadSecureCopies breaks the copy in several ways: nothing that is not proved is left on the device.
func TestBadSecureCopies(t *testing.T) {
	testlevel.NeedFull(t, "TestBadCopies runs the same code over TFTP")
	t.Parallel()
	for _, by := range []string{api.CopySCP, api.CopyHTTPS} {
		b, o := newSecureBench(t, by)
		for name, c := range map[string]struct {
			faults iossim.Faults
			want   cause.Cause
		}{
			"one bit is wrong":   {iossim.Faults{FlipBit: 1}, cause.DigestMismatch},
			"it hangs up":        {iossim.Faults{Hangup: iossim.After{Bytes: 1000, Times: 1}}, cause.SessionLost},
			"it sends nothing":   {iossim.Faults{NoTFTP: 1}, cause.NoRequest},
			"its terminal hangs": {iossim.Faults{HangTerminal: 1}, ""},
		} {
			t.Run(by+" "+name, func(t *testing.T) {
				o.Faults, o.Timeout = c.faults, 1e9
				b.t = t
				b.startBy("c9300", o, by)
				b.remove("flash:/vlan.dat")
				r := b.restore(api.Restore{}, "vlan.dat")
				_, there := b.sw.File("flash:/vlan.dat")
				if r.Cause != c.want || there != (c.want == "") {
					t.Errorf("%s %q: %s; the file is there: %t", r.Status, r.Cause, r.Message, there)
				}
			})
		}
	}
}

// TestServerOff refuses a plan by a transport whose server does not listen: never over TFTP instead.
func TestServerOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	b.device.CopyBy = api.CopySCP
	b.remove("flash:/vlan.dat")
	p := b.plan(api.Restore{}, "vlan.dat")
	if len(p.Refusals) != 1 || !strings.Contains(p.Refusals[0].Fix.String(), "transports.scp.listen") {
		t.Errorf("refused %+v, commands %q", p.Refusals, p.Commands)
	}
}
