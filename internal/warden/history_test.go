package warden

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/catalogtest"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
)

// keep puts a snapshot with these contents, by path, into the vault and the
// index.
func keep(t *testing.T, n *node.Node, device string, started time.Time, contents map[string]string) api.Snapshot {
	t.Helper()
	v := vaultOf(t, n)
	s := catalogtest.Snapshot(device, 0, "flash:/x.bin")
	s.Started = started.UTC().Truncate(time.Second)
	s.ID = vault.NewID(device, s.Started)
	for path, text := range contents {
		f := catalogtest.File(path, api.KindImage, text)
		f.Copied = true
		s.Files = append(s.Files, f)
		if _, _, err := v.Put(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := catalog.Keep(t.Context(), n.Catalog, v, s)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// vaultOf returns the vault of a node, and makes it before the first use.
func vaultOf(t *testing.T, n *node.Node) *vault.Vault {
	t.Helper()
	v, err := n.Vault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := v.Make(t.Context())
	if errors.Is(err, vault.ErrExists) {
		return v
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Catalog.SetVaultIdentity(t.Context(), id.Vault); err != nil {
		t.Fatal(err)
	}
	return v
}

// opened returns a Local on a new data directory that has this device.
func opened(t *testing.T, devices ...string) (*Local, *node.Node, context.Context) {
	t.Helper()
	l, _, _ := newLocal(t)
	ctx := As(t.Context(), Admin("ops", "terminal"))
	for _, name := range devices {
		d := api.Device{Name: name, Address: "192.0.2.1", Transport: api.Telnet, Username: "backup", Site: "hq", Group: "access"}
		if _, err := l.AddDevice(ctx, api.DeviceChange{Device: d}); err != nil {
			t.Fatal(err)
		}
	}
	n, err := l.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return l, n, ctx
}

// TestCheckRecordsDocuments loses the document of the newest backup, whose contents an older
// one has, too: then the device has no backup that is whole, until the document is back.
func TestCheckRecordsDocuments(t *testing.T) {
	l, n, ctx := opened(t, "sw1", "sw2")
	var newest api.Snapshot
	for day := range 2 {
		at := time.Now().AddDate(0, 0, day-2)
		keep(t, n, "sw2", at, map[string]string{"flash:/x.bin": "image"})
		newest = keep(t, n, "sw1", at, map[string]string{"flash:/x.bin": "image"})
	}
	want := func(when string, damaged bool) {
		t.Helper()
		if _, err := l.Check(ctx, api.Check{}, nil); err != nil {
			t.Fatal(err)
		}
		states, err := n.Catalog.States(ctx, api.Select{})
		if err != nil || len(states) != 2 || states[0].Damaged != damaged || states[1].Damaged {
			t.Errorf("%s: %+v, error %v; want the backup of sw1 damaged: %v", when, states, err, damaged)
		}
	}
	want("whole", false)
	document := filepath.Join(l.opts.Data, "vault", vault.SnapshotKey(newest.Document))
	text, err := os.ReadFile(document)
	if err == nil {
		err = os.Remove(document)
	}
	if err != nil {
		t.Fatal(err)
	}
	want("lost", true)
	for _, damage := range []string{"{", string(text)} {
		if err := errors.Join(os.WriteFile(document, []byte(damage), 0o600), os.Chmod(document, 0o400)); err != nil {
			t.Fatal(err)
		}
		want("with "+damage, damage == "{")
		if err := os.Remove(document); err != nil {
			t.Fatal(err)
		}
	}
	want("lost again", true)
	if _, err := l.Rebuild(ctx, api.Rebuild{ForgetLost: true}, nil); err != nil {
		t.Fatal(err)
	}
	want("forgotten", false) // the older one counts
}

// TestCheckRecordsProofs reads the vault again: content that is whole is proved
// from then on, and content that is not is known to be damaged.
func TestCheckRecordsProofs(t *testing.T) {
	l, n, ctx := opened(t, "sw1")
	before := time.Now().Add(-100 * 24 * time.Hour)
	s := keep(t, n, "sw1", before, map[string]string{"flash:/x.bin": "image", "flash:/y.bin": "spare"})
	check := func(r api.Check, proved, damaged bool) {
		t.Helper()
		if _, err := l.Check(ctx, r, nil); err != nil {
			t.Fatal(err)
		}
		states, err := n.Catalog.States(ctx, api.Select{})
		if err != nil || len(states) != 1 {
			t.Fatalf("%+v, error %v", states, err)
		}
		if got := states[0]; got.Proved.After(before.Add(time.Hour)) != proved || got.Damaged != damaged {
			t.Errorf("%+v: proved %s, damaged %t; want %t, %t", r, got.Proved, got.Damaged, proved, damaged)
		}
	}
	check(api.Check{}, false, false)
	check(api.Check{ReadData: true}, true, false)

	blob := filepath.Join(l.opts.Data, "vault", vault.BlobKey(s.Files[0].SHA256))
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	check(api.Check{}, true, true) // a missing one is noticed without reading
	if err := os.WriteFile(blob, []byte("IMAGE"), 0o400); err != nil {
		t.Fatal(err)
	}
	check(api.Check{ReadData: true}, true, true)
}
