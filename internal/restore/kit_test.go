package restore_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
	"flashwarden/internal/node/nodetest"
	"flashwarden/internal/restore"
	"flashwarden/internal/testlevel"
)

// bench is a node and one simulated switch with a snapshot of it.
type bench struct {
	name     string // of the device; empty: sw1
	t        *testing.T
	data     string // the data directory
	node     *node.Node
	sw       *iossim.Switch
	device   api.Device
	snapshot api.Snapshot
	onEvent  func(api.Event)
	stall    time.Duration // of its transfers; 0: a minute
}

// read takes a snapshot of the vault as the one to restore.
func (b *bench) read(id string) {
	b.t.Helper()
	v, err := b.node.Vault(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if b.snapshot, err = v.Snapshot(b.t.Context(), id); err != nil {
		b.t.Fatal(err)
	}
}

// newBench starts a switch and backs it up.
func newBench(t *testing.T, profile string, policy api.Policy) *bench {
	t.Helper()
	return newBenchOf(t, profile, iossim.Options{}, policy)
}

// newBenchOf is newBench with a switch that has options.
func newBenchOf(t *testing.T, profile string, o iossim.Options, policy api.Policy) *bench {
	t.Helper()
	options := nodetest.Options(t)
	b := &bench{t: t, data: options.Data, node: nodetest.Start(t, options)}
	b.start(profile, o)
	results := b.node.Runner().All(t.Context(), []api.Device{b.device}, backup.Options{Policy: policy})
	if results[0].Snapshot == "" {
		t.Fatalf("back up %s: %s %s", profile, results[0].Cause, results[0].Message)
	}
	b.read(results[0].Snapshot)
	return b
}

// others numbers the devices of one inventory, which tests use side by side.
var others atomic.Int32

// another is a bench with a switch of its own on the same node, and the same
// snapshot: equal switches hold equal files.
func (b *bench) another(t *testing.T, profile string, faults iossim.Faults) *bench {
	t.Helper()
	return b.anotherOf(t, profile, iossim.Options{Faults: faults})
}

// anotherOf is another with a switch that has options.
func (b *bench) anotherOf(t *testing.T, profile string, o iossim.Options) *bench {
	t.Helper()
	other := &bench{t: t, node: b.node, snapshot: b.snapshot, name: fmt.Sprintf("sw1-%d", others.Add(1))}
	other.snapshot.Files = slices.Clone(b.snapshot.Files)
	other.start(profile, o)
	return other
}

// imageSize is the size in bytes of images that the profiles have larger: many
// blocks, and not minutes of copying.
const imageSize = 300_000

// start starts a switch; one that was started before is closed. Its large
// images have imageSize bytes unless o says otherwise.
func (b *bench) start(profile string, o iossim.Options) {
	b.t.Helper()
	if b.sw != nil {
		b.sw.Close()
	}
	o.Username, o.Password, o.EnablePassword = "backup", "login-word", "enable-word"
	o.LargestImage = cmp.Or(o.LargestImage, imageSize)
	o.TFTPPort = uint16(b.node.TFTPAddr().(*net.UDPAddr).Port)
	var err error
	if b.sw, err = iossim.New(profile, o); err != nil {
		b.t.Fatal(err)
	}
	if err := b.sw.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.sw.Close() })
	b.device = api.Device{Name: cmp.Or(b.name, "sw1"), Address: b.sw.Addr().String(), Transport: b.sw.Transport(), Username: "backup", LegacyCrypto: b.sw.LegacyCrypto()}
	password, enable := "login-word", "enable-word"
	_, secrets, err := b.node.SealDevice(b.t.Context(), api.DeviceChange{Device: b.device, Password: &password, EnablePassword: &enable}, api.Device{}, catalog.Secrets{})
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.node.Catalog.AddDevice(b.t.Context(), b.device, secrets)
	if errors.Is(err, catalog.ErrExists) {
		err = b.node.Catalog.UpdateDevice(b.t.Context(), b.device, secrets)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) wipe() {
	b.t.Helper()
	if err := b.sw.Wipe(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) remove(path string) {
	b.t.Helper()
	if err := b.sw.Remove(path); err != nil {
		b.t.Fatalf("remove %s: %v", path, err)
	}
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	if err := b.sw.Write(path, []byte(text)); err != nil {
		b.t.Fatalf("write %s: %v", path, err)
	}
}

func (b *bench) runner() *restore.Runner {
	r := b.node.Restorer()
	r.Poll, r.Return, r.Stall = 100*time.Millisecond, 2*time.Minute, cmp.Or(b.stall, time.Minute)
	return r
}

// plan plans the restore of the files; none means all of the snapshot.
func (b *bench) plan(o api.Restore, files ...string) api.Plan {
	b.t.Helper()
	o.Files = files
	p, err := b.runner().Plan(b.t.Context(), b.device, b.snapshot, o, b.onEvent)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bench) apply(p api.Plan) api.RestoreResult {
	return b.runner().Apply(b.t.Context(), b.device, b.snapshot, p, b.onEvent)
}

// restore plans, and applies what may be applied.
func (b *bench) restore(o api.Restore, files ...string) api.RestoreResult {
	b.t.Helper()
	o.Files = files
	p, err := b.runner().Plan(b.t.Context(), b.device, b.snapshot, o, b.onEvent)
	if err != nil {
		return api.RestoreResult{Status: api.StatusFailed, Cause: cause.Of(err), Message: err.Error(), Hint: cause.Hint(err)}
	}
	if len(p.Refusals) > 0 {
		return p.Result()
	}
	return b.apply(p)
}

func wantResult(t *testing.T, r api.RestoreResult, status string, c cause.Cause) {
	t.Helper()
	if r.Status != status || r.Cause != c {
		t.Fatalf("status %q, cause %q, want %q, %q; message: %s; hint: %s", r.Status, r.Cause, status, c, r.Message, r.Hint)
	}
}

// wantFiles wants every file of the snapshot on the switch, byte by byte.
func (b *bench) wantFiles(only func(api.File) bool) {
	b.t.Helper()
	for _, f := range b.snapshot.Files {
		if f.SHA256 == "" || f.Path == api.RunningConfigPath || !only(f) {
			continue
		}
		data, ok := b.sw.File(f.Path)
		if sum := sha256.Sum256(data); !ok || hex.EncodeToString(sum[:]) != f.SHA256 {
			b.t.Errorf("%s on the switch is not what the snapshot has (there: %v, %d bytes, want %d)", f.Path, ok, len(data), f.Size)
		}
	}
}

var (
	changing = regexp.MustCompile(`^(copy tftp|delete|mkdir|configure|boot |no |write|reload|install|erase|format|squeeze)`)
	consents = regexp.MustCompile(`(?i)(?:erase|format|over ?write|remove all|squeeze).*\[confirm\][ \t]*[yY]?$|(?:erase|format|over ?write).* (?:y|yes)$`)
)

// changes returns the typed commands that change the switch.
func (b *bench) changes() []string {
	return slices.DeleteFunc(b.sw.Commands(), func(c string) bool { return !changing.MatchString(c) })
}

// wantUnchanged wants nothing typed that changes the switch, and its files as
// before.
func (b *bench) wantUnchanged(before map[string]string) {
	b.t.Helper()
	if typed := b.changes(); len(typed) > 0 {
		b.t.Errorf("typed %q", typed)
	}
	after := b.digests()
	for p, sum := range before {
		if after[p] != sum {
			b.t.Errorf("%s has changed", p)
		}
	}
}

// digests is the SHA-256 of every file of the switch.
func (b *bench) digests() map[string]string {
	out := make(map[string]string)
	for _, p := range b.sw.Files() {
		data, ok := b.sw.File(p)
		if !ok {
			b.t.Fatalf("no file %s", p)
		}
		sum := sha256.Sum256(data)
		out[p] = hex.EncodeToString(sum[:])
	}
	return out
}

// TestMain runs more tests side by side than there are processors: they wait
// for terminals most of the time.
func TestMain(m *testing.M) {
	testlevel.SideBySide()
	m.Run()
}

// readyStack is show switch of a c2960x-stack whose second member has joined; that
// of the profile has another version.
const readyStack = `Switch/Stack Mac Address : 0200.5e10.2a00
                                           H/W   Current
Switch#  Role   Mac Address     Priority Version  State
----------------------------------------------------------
*1       Master 0200.5e10.2a00    15      4       Ready
 2       Member 0200.5e10.2a80     1      4       Ready
`
