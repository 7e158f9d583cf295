package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/vault"
)

// TestSharesOfAMirror: checks of a share of a mirror roll through it, one after the other
// on the same day, and each begins where the last one ended.
func TestSharesOfAMirror(t *testing.T) {
	s := newShared(t) // six contents
	n := upkeep{core: &core{opts: Options{Data: t.TempDir(), Config: config.Default(), Mirror: "/mnt/usb"}}}
	check := func(n upkeep, r api.Check, part int) (read int) {
		t.Helper()
		res, err := n.checkMirror(t.Context(), s.vault, r, checkOptions(api.Check{ReadData: true, OutdatedAfter: r.OutdatedAfter}, vault.Share{Part: part, Of: 3}, nil))
		if err != nil || !res.OK || len(res.Notes) != 1 {
			t.Fatalf("%+v, error %v", res, err)
		}
		return res.BlobsRead
	}
	outdated := api.Check{OutdatedAfter: time.Hour}
	read := 0
	for range 3 {
		read += check(n, outdated, 1)
	}
	if left := check(n, outdated, 3); read+left != 6 || read < 5 {
		t.Errorf("three thirds: %d contents, and then %d; want 6 in all", read, left)
	}
	if again := check(n, outdated, 3); again != 0 {
		t.Errorf("%d contents are read again within the hour", again)
	}
	other := upkeep{core: &core{opts: Options{Data: n.opts.Data, Config: config.Default(), Mirror: "/mnt/other"}}}
	if got := check(other, outdated, 3); got != 6 {
		t.Errorf("another mirror: %d contents; want 6", got)
	}
	key := ""
	s.store.List(t.Context(), vault.BlobsPart+"/", func(i vault.Info) error { key = strings.Clone(i.Key); return nil })
	info, err := s.store.Stat(t.Context(), key)
	if err == nil {
		err = s.store.Delete(t.Context(), key)
	}
	if err == nil {
		err = s.store.Put(t.Context(), key, strings.NewReader(strings.Repeat("x", int(info.Size))), info.Size)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // damaged content does not count as read
		res, err := other.checkMirror(t.Context(), s.vault, api.Check{}, checkOptions(api.Check{ReadData: true, OutdatedAfter: time.Hour}, vault.Share{}, nil))
		if err != nil || res.BlobsRead > 1 {
			t.Errorf("%d read, error %v", res.BlobsRead, err)
		}
		res, err = other.checkMirror(t.Context(), s.vault, api.Check{}, checkOptions(api.Check{ReadData: true}, vault.Share{}, nil))
		if err != nil || len(res.Problems) != 1 {
			t.Errorf("%+v, error %v", res.Problems, err)
		}
	}
}

// TestReadsAreBounded: the file does not grow with each check, forgets content that was not read
// for long, and survives lines that broke off. Without it a check works.
func TestReadsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mirrors", "reads")
	sum := func(n int) string { return fmt.Sprintf("%064x", n) }
	for range 50 {
		r := openReads(path)
		for n := range 20 {
			r.add(sum(n), 1, n != 7)
		}
		r.flush()
		if r.err != nil {
			t.Fatal(r.err)
		}
	}
	text, err := os.ReadFile(path)
	if lines := strings.Count(string(text), "\n"); err != nil || lines > 60 {
		t.Errorf("%d lines, error %v; want few for 20 contents", lines, err)
	}
	old := readLine(sum(99), time.Now().Add(-readsForgotten-time.Hour), true)
	if err := os.WriteFile(path, []byte(old+string(text)+sum(98)+" 17"), 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged []string
	seen := map[string]bool{}
	err = openReads(path).each(t.Context(), func(sum string, at time.Time, whole bool) {
		seen[sum] = true
		if !whole && !slices.Contains(damaged, sum) {
			damaged = append(damaged, sum)
		}
	})
	if err != nil || len(seen) != 20 || !slices.Equal(damaged, []string{sum(7)}) {
		t.Errorf("%d contents, damaged %q, error %v", len(seen), damaged, err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := openReads(filepath.Join(filepath.Dir(path), "file", "reads"))
	r.add(sum(1), 1, true)
	r.flush()
	if r.err == nil {
		t.Error("no error where nothing can be written")
	}
}

// TestEncryptedMirrorWithoutKey: the labels of an encrypted mirror need the key file.
func TestEncryptedMirrorWithoutKey(t *testing.T) {
	n := upkeep{core: &core{opts: Options{Data: t.TempDir()}}, keys: &keyring{file: "/lost/key", sealed: 3}}
	_, err := n.mirrorSealed(t.Context(), nil, target{}, api.Mirror{Target: "/mnt/usb", EncryptTo: "age1"}, nil, vault.MirrorOptions{})
	if err == nil || !strings.Contains(err.Error(), "the key file /lost/key is missing") {
		t.Errorf("error %v", err)
	}
}
