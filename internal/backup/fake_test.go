package backup

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/vault"
	vaultdir "flashwarden/internal/vault/dir"
	"flashwarden/tftp"
)

var (
	here  = netip.MustParseAddr("192.0.2.100")
	there = netip.MustParseAddr("192.0.2.1")
)

// fakeDevice is a device whose copies go straight to the spool, without a
// network. copying, when set, takes the place of a copy.
type fakeDevice struct {
	flash   map[string][]byte // by path below flash:, or with another file system: "flash2:x.bin"
	spool   *spool.Spool
	copying func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error)

	exec func(ctx context.Context, d *fakeDevice, command string) (io.ReadWriteCloser, error) // nil: refused

	listing func() error                   // asked before Files answers; may be nil
	reading func(p string) (string, error) // in place of Text; may be nil
	facts   ios.Facts                      // zero: a 2960 in bundle mode
	config  func() (string, error)         // in place of a short running-config; may be nil

	modified string   // the date of every file in the listings
	asked    []string // the commands of a look

	noVerify bool
	verify   func(p string) (ios.Verification, error) // in place of Digest; may be nil
	closed   bool
	gone     bool // the line is closed: it answers no more
}

func newFlash() map[string][]byte {
	return map[string][]byte{
		"c2960.bin":   bytes.Repeat([]byte("image"), 4000),
		"config.text": []byte("hostname sw1\nend\n"),
		"vlan.dat":    {0xba, 0xdb, 0x10, 0x0d},
		"crashinfo":   []byte("not selected"),
	}
}

func (d *fakeDevice) Facts(context.Context) (ios.Facts, error) {
	if d.facts.OS != "" {
		return d.facts, nil
	}
	return ios.Facts{Hostname: "sw1", OS: "ios", Version: "15.0(2)SE8", Mode: "bundle", Image: "flash:c2960.bin"}, nil
}

func (d *fakeDevice) Brief(ctx context.Context) (ios.Facts, error) {
	d.asked = append(d.asked, "facts")
	f, err := d.Facts(ctx)
	f.Stack, f.Install = nil, nil
	return f, err
}

func (d *fakeDevice) Installed(ctx context.Context) ([]ios.InstallLocation, error) {
	d.asked = append(d.asked, "installed")
	f, err := d.Facts(ctx)
	return f.Install, err
}

func (d *fakeDevice) Interfaces(context.Context) ([]ios.Interface, error) {
	return []ios.Interface{{Name: "Vlan1", Address: "198.51.100.7"}, {Name: "Loopback0", Address: there.String()}}, nil
}

func (d *fakeDevice) Files(context.Context) ([]ios.Listing, error) {
	if d.listing != nil {
		if err := d.listing(); err != nil {
			return nil, err
		}
	}
	all := []ios.Listing{{FileSystem: "flash:", Path: "flash:/", Total: 1 << 20, Free: 1 << 10}}
	for name, data := range d.flash {
		i := 0
		p := flash.ParsePath(name)
		if p.FS != "" {
			all = append(all, ios.Listing{FileSystem: p.FS, Path: p.FS + "/", Total: 1 << 20, Free: 1 << 10})
			i = len(all) - 1
		}
		all[i].Entries = append(all[i].Entries, ios.Entry{Name: p.Rel, Size: int64(len(data)), Type: ios.TypeFile, Modified: d.modified})
	}
	return all, nil
}

func (d *fakeDevice) List(ctx context.Context, fileSystem string) ([]ios.Listing, error) {
	d.asked = append(d.asked, fileSystem)
	all, err := d.Files(ctx)
	return slices.DeleteFunc(all, func(l ios.Listing) bool { return l.FileSystem != fileSystem }), err
}

// content is the bytes of a file by its whole path.
func (d *fakeDevice) content(p string) []byte {
	at := flash.ParsePath(p)
	if data, ok := d.flash[at.FS+at.Rel]; ok {
		return data
	}
	return d.flash[path.Base(p)]
}

func (d *fakeDevice) Digest(_ context.Context, p string, _ int64, heard func(int)) (ios.Verification, error) {
	if d.verify != nil {
		return d.verify(p)
	}
	if d.noVerify {
		return ios.Verification{Tried: []string{"verify /md5: not known to this software"}}, nil
	}
	heard(1)
	sum := hex.EncodeToString(md5Of(d.content(p)))
	return ios.Verification{Digest: ios.Digest{Path: p, MD5: sum}, Tried: []string{"verify /md5: MD5 " + sum}}, nil
}

func md5Of(data []byte) []byte {
	sum := md5.Sum(data)
	return sum[:]
}

func (d *fakeDevice) RunningConfig(context.Context) ([]byte, error) {
	if d.gone {
		return nil, errLost
	}
	if d.config != nil {
		config, err := d.config()
		return []byte(config), err
	}
	return []byte("hostname sw1\nend\n"), nil
}

func (d *fakeDevice) Text(_ context.Context, p string) (string, error) {
	if d.reading != nil {
		return d.reading(p)
	}
	return string(d.content(p)), nil
}

func (d *fakeDevice) Skipped() []Skipped     { return nil }
func (d *fakeDevice) LocalAddr() netip.Addr  { return here }
func (d *fakeDevice) RemoteAddr() netip.Addr { return there }
func (d *fakeDevice) Exec(ctx context.Context, command string) (io.ReadWriteCloser, error) {
	if d.exec == nil {
		return nil, cause.New(cause.TransportRestricted, "no SCP server", nil)
	}
	return d.exec(ctx, d, command)
}
func (d *fakeDevice) Close() error { d.closed = true; return nil }

func (d *fakeDevice) Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error) {
	if d.copying != nil {
		return d.copying(ctx, d, c)
	}
	return d.send(ctx, c, d.content(c.Source))
}

// send uploads data to the ticket as the TFTP server would hand it over.
func (d *fakeDevice) send(ctx context.Context, c ios.Copy, data []byte) (ios.CopyResult, error) {
	r := d.request(c)
	w, err := d.begin(ctx, c)
	if err != nil {
		return ios.CopyResult{Bytes: -1, Error: "%Error opening " + c.Name + " (Permission denied)", Cause: cause.RefusedByServer}, nil
	}
	d.spool.Observe(tftp.Event{Kind: tftp.EventConfirmed, Request: r, BlockSize: 512})
	if _, err := w.Write(data); err != nil {
		w.Abort(err)
		return ios.CopyResult{Bytes: -1, Error: "%Error writing " + c.Name + " (Undefined error)", Cause: cause.RefusedByServer}, nil
	}
	if err := w.Commit(); err != nil {
		return ios.CopyResult{Bytes: -1, Error: "%Error writing " + c.Name + " (Undefined error)", Cause: cause.RefusedByServer}, nil
	}
	return ios.CopyResult{OK: true, Bytes: int64(len(data))}, nil
}

// begin asks for the ticket as the server of the transport does.
func (d *fakeDevice) begin(ctx context.Context, c ios.Copy) (tftp.Writer, error) {
	if c.Scheme != "" {
		return d.spool.Put(spool.Put{Name: c.Name, Password: c.Password, From: there, Size: -1})
	}
	return d.spool.OpenWrite(ctx, d.request(c))
}

func (d *fakeDevice) request(c ios.Copy) *tftp.Request {
	return &tftp.Request{Op: tftp.Write, Filename: c.Name, Remote: netip.AddrPortFrom(there, 50000), Local: here, Size: -1}
}

// bench is a Runner with everything below it, and the devices that it dials.
type bench struct {
	*Runner
	t       *testing.T
	dir     string // the data directory
	store   vault.Store
	mu      sync.Mutex
	dialled []string
	devices []*fakeDevice // every session, in the order dialled
	prepare func(n int, d *fakeDevice) error
}

// newBench returns a Runner over a fresh data directory. prepare, when set,
// changes the n-th session (from 0) or refuses it.
func newBench(t *testing.T, prepare func(n int, d *fakeDevice) error) *bench {
	t.Helper()
	dir := t.TempDir()
	s, err := spool.Open(filepath.Join(dir, "spool"))
	must(t, err)
	store, err := vaultdir.Open(filepath.Join(dir, "vault"))
	must(t, err)
	sqlitetest.Create(t, filepath.Join(dir, "catalog.db"))
	c, err := sqlite.Open(filepath.Join(dir, "catalog.db"))
	must(t, err)
	b := &bench{t: t, dir: dir, store: store, prepare: prepare}
	v := vault.New(store)
	if _, err := v.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Runner = &Runner{Dial: b.dial, Spool: s, Vault: v, Catalog: c, Waits: []time.Duration{20 * time.Second, time.Minute}, Ports: "1056:1059", SCPPort: 22, HTTPSPort: 8443}
	return b
}

// blobPath is the file that has the content with this SHA-256.
func (b *bench) blobPath(sum string) string { return filepath.Join(b.dir, "vault", vault.BlobKey(sum)) }

func (b *bench) close() { must(b.t, b.Catalog.(catalog.Catalog).Close()) }

func (b *bench) dial(_ context.Context, d api.Device) (Device, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	dev := &fakeDevice{flash: newFlash(), spool: b.Spool}
	n := len(b.devices)
	b.devices = append(b.devices, dev)
	b.dialled = append(b.dialled, d.Name)
	if b.prepare != nil {
		if err := b.prepare(n, dev); err != nil {
			return nil, err
		}
	}
	return dev, nil
}

func (b *bench) backup(o Options) api.BackupResult {
	b.t.Helper()
	return b.Backup(b.t.Context(), api.Device{Name: "sw1", Address: "192.0.2.1"}, o)
}

// wantClean checks that the spool is empty, the vault clean, and every session
// closed.
func (b *bench) wantClean() {
	b.t.Helper()
	res, err := b.Vault.Check(b.t.Context(), vault.CheckOptions{ReadData: true})
	must(b.t, err)
	for _, p := range res.Problems {
		b.t.Errorf("vault: %+v", p)
	}
	left, err := filepath.Glob(filepath.Join(b.dir, "spool", "*"))
	must(b.t, err)
	if len(left) > 0 {
		b.t.Errorf("left in the spool: %v", left)
	}
	for i, d := range b.devices {
		if !d.closed && d.spool != nil && b.prepare == nil {
			b.t.Errorf("session %d was not closed", i)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantResult checks status and cause.
func wantResult(t *testing.T, r api.BackupResult, status string, c cause.Cause) {
	t.Helper()
	if r.Status != status || r.Cause != c {
		t.Fatalf("got %s %q (%s), want %s %q", r.Status, r.Cause, r.Message, status, c)
	}
	if c != "" && (r.Message == "") {
		t.Errorf("a failure without a message")
	}
}

func file(t *testing.T, r api.BackupResult, p string) api.File {
	t.Helper()
	for _, f := range r.Files {
		if f.Path == p {
			return f
		}
	}
	t.Fatal(fmt.Errorf("no file %s in %+v", p, r.Files))
	return api.File{}
}
