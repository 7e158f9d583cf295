package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// original makes a vault with snapshots of two devices that share an image. Their
// first snapshot was pruned, if so.
func original(t *testing.T, pruned bool) (*vault.Vault, *vaulttest.Memory) {
	t.Helper()
	s := &vaulttest.Memory{}
	v := vault.New(s)
	if _, err := v.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{"core-switch", "edge-switch"} {
		previous := ""
		for year := 2024; year < 2027; year++ {
			previous = keep(t, v, device, previous, year).Document
		}
	}
	if pruned {
		if _, err := v.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 2}, Now: time.Now().AddDate(1, 0, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	return v, s
}

// keep keeps one snapshot: a shared image and a configuration.
func keep(t *testing.T, v *vault.Vault, device, previous string, year int) api.Snapshot {
	t.Helper()
	started := time.Date(year, 11, 22, 14, 15, 3, 0, time.UTC)
	s := api.Snapshot{ID: vault.NewID(device, started), Device: device, Status: api.StatusOK, Started: started, Previous: previous}
	for path, text := range map[string]string{"flash:/x.bin": strings.Repeat("an image ", 20_000), "running-config": fmt.Sprintf("hostname %s %d\n", device, year)} {
		sum, weak, err := v.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.Files = append(s.Files, api.File{Path: path, Kind: api.KindOther, Size: int64(len(text)), SHA256: sum, MD5: weak, Evidence: api.EvidenceSize})
	}
	kept, err := v.PutSnapshot(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// pair is an identity and the options of a mirror for it.
func pair(t *testing.T) (identity string, o Options) {
	t.Helper()
	i, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return i.String(), Options{Recipient: i.Recipient().String(), Secret: []byte("a secret"), Temp: t.TempDir(), Memory: filepath.Join(t.TempDir(), "mirrors", "documents")}
}

func mirror(t *testing.T, v *vault.Vault, to vault.Store, o Options) (api.MirrorResult, error) {
	t.Helper()
	m, err := New(to, o)
	if err != nil {
		t.Fatal(err)
	}
	res, err := v.MirrorTo(t.Context(), m, vault.MirrorOptions{Fresh: true})
	return res.MirrorResult, err
}

func mustMirror(t *testing.T, v *vault.Vault, to vault.Store, o Options) api.MirrorResult {
	t.Helper()
	res, err := mirror(t, v, to, o)
	if err != nil || len(res.Problems) > 0 {
		t.Fatalf("%+v, error %v", res, err)
	}
	return res
}

func contents(t *testing.T, s vault.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.List(t.Context(), "", func(i vault.Info) error {
		r, err := s.Get(t.Context(), i.Key, 0)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		all[i.Key] = string(data)
		return errors.Join(err, r.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantClean(t *testing.T, s vault.Store) {
	t.Helper()
	res, err := vault.New(s).Check(t.Context(), vault.CheckOptions{ReadData: true})
	if err != nil || len(res.Problems) > 0 {
		t.Errorf("check: %+v, error %v", res.Problems, err)
	}
}

// wantBack wants the whole vault back from a mirror.
func wantBack(t *testing.T, from, to vault.Store, identity string) {
	t.Helper()
	r, err := Open(t.Context(), to, strings.NewReader(identity))
	if err != nil {
		t.Fatal(err)
	}
	wantClean(t, r)
	want, got := contents(t, from), contents(t, r)
	delete(want, vault.IdentityKey) // not a digest: its JSON may be spaced in another way
	delete(got, vault.IdentityKey)
	for key, text := range want {
		if got[key] != text {
			t.Errorf("%s is not the same: %d bytes, want %d", key, len(got[key]), len(text))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d keys; want %d", len(got), len(want))
	}
}

// TestMirror: an encrypted mirror is a whole vault without the identity, shows no
// name and no content, and gives the vault back with the identity.
func TestMirror(t *testing.T) {
	v, from := original(t, true)
	identity, o := pair(t)
	to := &vaulttest.Memory{}
	if res := mustMirror(t, v, to, o); res.Snapshots != 4 || res.Blobs != 5 { // the image and four configurations
		t.Errorf("first: %+v", res)
	}
	wantClean(t, to)
	for key, text := range contents(t, to) {
		for _, secret := range []string{"switch", "an image", "hostname c", "x.bin"} {
			if strings.Contains(key+text, secret) {
				t.Errorf("%s shows %q", key, secret)
			}
		}
	}
	wantBack(t, from, to, identity)
	if res := mustMirror(t, v, to, o); res.Snapshots != 0 || res.Blobs != 0 || res.Held != 4 {
		t.Errorf("again: %+v", res)
	}
	keep(t, v, "new-switch", "", 2026)
	if res := mustMirror(t, v, to, o); res.Snapshots != 1 || res.Blobs != 1 { // the image is there
		t.Errorf("one more: %+v", res)
	}
	wantBack(t, from, to, identity)
}

// TestReadAnywhere reads a content of an encrypted mirror from every offset.
func TestReadAnywhere(t *testing.T) {
	v, from := original(t, false)
	identity, o := pair(t)
	to := &vaulttest.Memory{}
	mustMirror(t, v, to, o)
	r, err := Open(t.Context(), to, strings.NewReader(identity))
	if err != nil {
		t.Fatal(err)
	}
	for key, text := range contents(t, from) {
		info, err := r.Stat(t.Context(), key)
		if key == vault.IdentityKey {
			continue
		}
		if err != nil || info.Size != int64(len(text)) {
			t.Errorf("%s: %+v, error %v", key, info, err)
		}
		for _, offset := range []int{1, len(text) / 2, len(text)} {
			f, err := r.Get(t.Context(), key, int64(offset))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(f)
			if err := errors.Join(err, f.Close()); err != nil || string(got) != text[offset:] {
				t.Errorf("%s from %d: %d bytes, error %v", key, offset, len(got), err)
			}
		}
	}
	if _, err := r.Get(t.Context(), vault.BlobKey(strings.Repeat("a", 64)), 0); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("error %v; want ErrNotFound", err)
	}
	if err := errors.Join(r.Put(t.Context(), vault.IdentityKey, &bytes.Buffer{}, 0), r.Delete(t.Context(), vault.IdentityKey)); err == nil {
		t.Error("an encrypted mirror was changed")
	}
}

// TestThin prunes a mirror without its identity.
func TestThin(t *testing.T) {
	v, _ := original(t, false)
	identity, o := pair(t)
	to := &vaulttest.Memory{}
	mustMirror(t, v, to, o)
	res, err := vault.New(to).Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 1}, Now: time.Now().AddDate(1, 0, 0)})
	if err != nil || len(res.Removed) != 4 || res.Blobs != 8 { // four configurations and manifests
		t.Errorf("%+v, error %v", res, err)
	}
	wantClean(t, to)
	r, err := Open(t.Context(), to, strings.NewReader(identity))
	if err != nil {
		t.Fatal(err)
	}
	if names, err := vault.New(r).Names(t.Context()); err != nil || len(names) != 2 {
		t.Errorf("names %q, error %v", names, err)
	}
}

// TestWrongKeys: the mirror of another recipient is another mirror, and another
// identity does not read it.
func TestWrongKeys(t *testing.T) {
	v, _ := original(t, false)
	_, o := pair(t)
	other, others := pair(t)
	to := &vaulttest.Memory{}
	mustMirror(t, v, to, o)
	if _, err := mirror(t, v, to, others); !errors.Is(err, vault.ErrOther) {
		t.Errorf("another recipient: error %v; want ErrOther", err)
	}
	if _, err := v.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: true}); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("without encryption: error %v; want ErrSealed", err)
	}
	var mismatch *age.NoIdentityMatchError
	if _, err := Open(t.Context(), to, strings.NewReader(other)); !errors.As(err, &mismatch) {
		t.Errorf("another identity: error %v", err)
	}
	_, plain := original(t, false)
	if _, err := Open(t.Context(), plain, strings.NewReader(other)); !errors.Is(err, ErrNotSealed) {
		t.Errorf("a mirror that is not encrypted: error %v; want ErrNotSealed", err)
	}
	if _, err := New(to, Options{Recipient: "age1x"}); err == nil {
		t.Error("no recipient, no error")
	}
}

// TestFaults lets each call fail in each way. What the mirror then has is whole,
// and the next run completes it.
func TestFaults(t *testing.T) {
	v, from := original(t, true)
	identity, o := pair(t)
	clean := &vaulttest.Faulty{Store: &vaulttest.Memory{}}
	mustMirror(t, v, clean, o)
	for _, with := range []vaulttest.Fault{vaulttest.Undone, vaulttest.Done, vaulttest.Half, vaulttest.CrashedAt} {
		for at := 1; at <= clean.Calls(); at += testlevel.Of(20, 3, 1) {
			to := &vaulttest.Memory{}
			_, err := mirror(t, v, &vaulttest.Faulty{Store: to, At: at, With: with}, o)
			if err != nil && !errors.Is(err, vaulttest.ErrFault) {
				t.Fatalf("fault %d at call %d: error %v", with, at, err)
			}
			res, err := vault.New(to).Check(t.Context(), vault.CheckOptions{ReadData: true})
			if err != nil || slices.ContainsFunc(res.Problems, func(p api.CheckProblem) bool { return p.Kind != api.CheckSnapshotMissing }) {
				t.Fatalf("fault %d at call %d: %+v, error %v", with, at, res.Problems, err)
			}
			mustMirror(t, v, to, o)
			wantBack(t, from, to, identity)
		}
	}
}

// TestLock: the place of an encrypted mirror keeps the ciphertexts of the newest backups
// from being removed.
func TestLock(t *testing.T) {
	const day = 24 * time.Hour
	v, _ := original(t, false)
	_, o := pair(t)
	to := &vaulttest.Locking{For: 90 * day}
	mustMirror(t, v, to, o)
	names, err := v.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newest, _, _ := vault.SplitName(names[len(names)-1])
	to.Pass(50 * day)
	m, err := New(to, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.MirrorTo(t.Context(), m, vault.MirrorOptions{Wanted: []string{newest}}); err != nil {
		t.Fatal(err)
	}
	locked := map[time.Duration]int{}
	for key := range contents(t, to) {
		locked[to.Left(key)]++
	}
	// vault.json, and a document with the image, a configuration and the manifest; five
	// documents with a configuration and the manifest.
	if locked[90*day] != 5 || locked[40*day] != 5*3 {
		t.Errorf("files by the time for which they are locked: %v", locked)
	}
}

// TestLabelsNeedTheSecret: without the secret nobody can tell which names the labels stand for.
func TestLabelsNeedTheSecret(t *testing.T) {
	key := vault.SnapshotKey("20261122T141503Z-core-switch-k3f9." + strings.Repeat("0", 64))
	one, again, other := labels{[]byte("a secret")}, labels{[]byte("a secret")}, labels{[]byte("another one")}
	for name, label := range map[string]func(l labels) string{
		"content": func(l labels) string { return l.of("content", "x") },
		"device":  func(l labels) string { _, device := l.id(key); return device },
		"ID":      func(l labels) string { id, _ := l.id(key); return id },
	} {
		if got := label(one); got != label(again) || got == label(other) || strings.Contains(got, "core-switch") {
			t.Errorf("%s: %s, %s with the same secret, %s with another one", name, got, label(again), label(other))
		}
	}
}
