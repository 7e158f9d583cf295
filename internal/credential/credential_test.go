package credential

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"flashwarden/internal/cause"
)

func openKey(t *testing.T, path string) *Key {
	t.Helper()
	k, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// use is what the secrets of these tests are for.
const use = "password\nsw1\n192.0.2.1"

func TestSealAndUnseal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	k := openKey(t, path)
	for _, secret := range []string{"", "x", "Zürich käse \x00\xff", "s3cret-s3cret-s3cret", strings.Repeat("p", 1000)} {
		sealed, err := k.Seal(secret, use)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(sealed, func(r rune) bool { return r < '!' || r > '~' }) {
			t.Errorf("%q is not one line of printable ASCII", sealed)
		}
		got, err := openKey(t, path).Unseal(sealed, use) // the key as a later process reads it
		if err != nil || got != secret {
			t.Errorf("unsealed %q, error %v; want %q", got, err, secret)
		}
	}
}

func TestSecretIsNotInTheSealedText(t *testing.T) {
	const secret = "correct horse battery staple"
	k := openKey(t, filepath.Join(t.TempDir(), "key"))
	first, err := k.Seal(secret, use)
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.Seal(secret, use)
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("equal secrets can be seen to be equal")
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(first, prefix))
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret)} {
		for n := 4; n <= len(form); n++ {
			if strings.Contains(first, form[:n]) || bytes.Contains(raw, []byte(form[:n])) {
				t.Fatalf("%q shows in the sealed text", form[:n])
			}
		}
	}
}

func TestWrongKeySaysWhatToDo(t *testing.T) {
	sealed, err := openKey(t, filepath.Join(t.TempDir(), "key")).Seal("secret", use)
	if err != nil {
		t.Fatal(err)
	}
	_, err = openKey(t, filepath.Join(t.TempDir(), "other")).Unseal(sealed, use)
	if !errors.Is(err, ErrWrongKey) || !strings.Contains(cause.Hint(err), "flashwarden device edit NAME --password-file F") {
		t.Errorf("error %v; want ErrWrongKey with the next step", err)
	}
}

func TestDamagedTextIsRefused(t *testing.T) {
	k := openKey(t, filepath.Join(t.TempDir(), "key"))
	sealed, err := k.Seal("the secret", use)
	if err != nil {
		t.Fatal(err)
	}
	damaged := []string{"", "the secret", prefix, prefix + "%%%", sealed[:len(sealed)-4], sealed + "AAAA"}
	for i := len(prefix); i < len(sealed); i += 7 {
		other := byte('A')
		if sealed[i] == other {
			other = 'B'
		}
		damaged = append(damaged, sealed[:i]+string(other)+sealed[i+1:])
	}
	for _, text := range damaged {
		got, err := k.Unseal(text, use)
		if err == nil || got != "" || !strings.Contains(cause.Hint(err), "device edit NAME --password-file F") {
			t.Errorf("%q: unsealed %q, error %v; want an error with the next step", text, got, err)
		}
	}
}

func TestKeyFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	openKey(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, error %v; want 0600", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), "chmod 0600 "+path) {
			t.Errorf("mode %v: error %v; want one with the command to type", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	openKey(t, path)
	if left, err := filepath.Glob(path + "?*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

func TestBrokenKeyFileIsNeitherReplacedNorShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	openKey(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	secretPart := string(good[20:60])
	for _, text := range []string{"", "rubbish", string(good[:len(good)-3]), string(good) + string(good)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), "put the right key file back") || strings.Contains(err.Error(), secretPart) {
			t.Errorf("key file %q: error %v", text, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != text {
			t.Errorf("key file %q became %q, error %v", text, now, err)
		}
	}
}

func TestKeyFileOfAgeKeygen(t *testing.T) {
	const text = "# created: 2026-01-01T00:00:00Z\n# public key: age1…\n"
	path := filepath.Join(t.TempDir(), "key")
	k := openKey(t, path)
	line, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte(text), line...), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed, err := k.Seal("secret", use)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openKey(t, path).Unseal(sealed, use); err != nil || got != "secret" {
		t.Errorf("unsealed %q, error %v", got, err)
	}
}

func TestManyOpenTheFirstKeyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	keys := make([]*Key, 20)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			var err error
			if keys[i], err = Open(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	sealed, err := keys[0].Seal("secret", use)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range append(keys, openKey(t, path)) {
		if got, err := k.Unseal(sealed, use); err != nil || got != "secret" {
			t.Errorf("unsealed %q, error %v: not all have the same key", got, err)
		}
	}
}

func TestPrintingAKeyShowsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	k := openKey(t, path)
	asJSON, err := json.Marshal([]any{k})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), string(asJSON)} {
		if strings.Contains(text, "SECRET") || text != k.String() && text != "[{}]" {
			t.Errorf("printed %q", text)
		}
	}
}

func TestOpenOfWhatIsNoFile(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("error %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none", "key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func FuzzUnseal(f *testing.F) {
	k, err := Open(filepath.Join(f.TempDir(), "key"))
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := k.Seal("secret", use)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(prefix)
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := k.Unseal(text, use); err == nil && (got != "secret" || text != sealed) {
			t.Errorf("%q was unsealed as %q", text, got)
		}
	})
}

// TestOtherUse moves a sealed text to another device.
func TestOtherUse(t *testing.T) {
	k := openKey(t, filepath.Join(t.TempDir(), "key"))
	sealed, err := k.Seal("secret", use)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"", "password", use + "0", "password\nsw1\n192.0.2.66", strings.Repeat("x", 100_000)} {
		if got, err := k.Unseal(sealed, other); !errors.Is(err, ErrElsewhere) || got != "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40q: %q, error %v", other, got, err)
		}
	}
	if _, err := k.Seal("secret", "a\x00b"); err == nil {
		t.Error("a use with a NUL is ambiguous")
	}
}
