package dir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/disk/disktest"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
)

// powerStep is a change of a vault. After it, and after every power cut from then
// on, the keys must have these contents; "" means absent.
type powerStep struct {
	do   func(t *testing.T, d *Store, spool string) error
	keys map[string]string
}

// TestPowerCut cuts the power at every step of changes of a vault, and in many ways.
// What a change has stored when it returned is whole after every restart, and no
// key ever has another content than a whole one.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	image, text := vault.BlobKey(sumOf("an image")), vault.BlobKey(sumOf("a text"))
	put := func(key, content string) func(*testing.T, *Store, string) error {
		return func(t *testing.T, d *Store, _ string) error {
			return d.Put(t.Context(), key, strings.NewReader(content), int64(len(content)))
		}
	}
	for name, steps := range map[string][]powerStep{
		"put": {{put(image, "an image"), map[string]string{image: "an image", text: ""}}, {put(text, "a text"), map[string]string{image: "an image", text: "a text"}}},
		"put what another process puts": {{func(t *testing.T, d *Store, _ string) error {
			if err := d.makePart(filepath.Dir(filepath.Join(d.path, image))); err != nil {
				return err
			}
			tmp, err := d.writeTemp(t.Context(), strings.NewReader("an image"), 8)
			if err != nil {
				return err
			}
			defer d.discard(tmp)
			return d.disk.Link(tmp.Name(), filepath.Join(d.path, image)) // its sync comes later
		}, nil}, {func(t *testing.T, d *Store, spool string) error {
			if err := put(image, "an image")(t, d, spool); err != vault.ErrExists {
				t.Errorf("error %v, want ErrExists", err)
			}
			return nil
		}, map[string]string{image: "an image"}}},
		"adopt": {{func(t *testing.T, d *Store, spool string) error {
			return d.Adopt(t.Context(), image, filepath.Join(spool, "upload"))
		}, map[string]string{image: "an image"}}},
		"replace": {{put(image, "rotten"), map[string]string{image: "rotten"}}, {func(t *testing.T, d *Store, _ string) error {
			return d.Replace(t.Context(), image, strings.NewReader("an image"), 8)
		}, map[string]string{image: "an image"}}},
		"delete": {{put(image, "an image"), map[string]string{image: "an image"}}, {func(t *testing.T, d *Store, _ string) error {
			return d.Delete(t.Context(), image)
		}, map[string]string{image: ""}}},
		"delete several": {{put(image, "an image"), nil}, {put(text, "a text"), nil}, {func(t *testing.T, d *Store, _ string) error {
			return d.DeleteAll(t.Context(), []string{image, text})
		}, map[string]string{image: "", text: ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cutVault(t, steps, []string{image, text})
		})
	}
}

// cutVault makes the changes on a disk, then looks at it after each power cut.
func cutVault(t *testing.T, steps []powerStep, keys []string) {
	top := t.TempDir()
	spool := filepath.Join(top, "spool")
	if err := os.Mkdir(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	upload := filepath.Join(spool, "upload")
	disk := disktest.New(t, top)
	f, err := disk.OpenFile(upload, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("an image")); err != nil { // not synced: Adopt does it
		t.Fatal(err)
	}
	defer f.Close()
	d, err := Open(filepath.Join(top, "data/vault"))
	if err != nil {
		t.Fatal(err)
	}
	d.disk = disk
	if err := d.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := []int{disk.Steps()}
	for _, s := range steps {
		if err := s.do(t, d, spool); err != nil {
			t.Fatal(err)
		}
		ended = append(ended, disk.Steps())
	}
	for at := range disk.Steps() + 1 {
		for _, loss := range disktest.Losses(testlevel.Of(1, 8, 300)) {
			left := disk.Cut(t, at, loss)
			for _, key := range keys {
				got, err := os.ReadFile(filepath.Join(left, "data/vault", key))
				if err != nil && !os.IsNotExist(err) || !slices.Contains(permitted(steps, ended, at, key), string(got)) {
					t.Fatalf("power cut after %d steps, %+v: %s has %q, %v", at, loss, key, got, err)
				}
			}
			os.RemoveAll(left)
		}
	}
}

// permitted returns the contents that a key may have after a power cut: that of the
// last change that has returned, and that of the next one.
func permitted(steps []powerStep, ended []int, at int, key string) []string {
	whole := []string{"", "an image", "a text", "rotten"}
	done := 0 // changes that have returned
	for done < len(steps) && ended[done+1] <= at {
		done++
	}
	if done == 0 {
		return whole
	}
	stored, promised := steps[done-1].keys[key]
	if !promised {
		return whole
	}
	list := []string{stored}
	if done < len(steps) {
		list = append(list, steps[done].keys[key])
	}
	return list
}

// TestPowerCutDuringConvert cuts the power during a conversion. The next one finishes
// the work, and nothing is lost.
func TestPowerCutDuringConvert(t *testing.T) {
	testlevel.NeedFull(t, "takes seconds")
	t.Parallel()
	path := oldVault(t)
	disk := disktest.New(t, filepath.Dir(path))
	d := &Store{path: path, disk: disk}
	if _, _, err := d.Convert(t.Context(), ignoreProgress); err != nil {
		t.Fatal(err)
	}
	for at := 0; at <= disk.Steps(); at += testlevel.Of(11, 3, 1) {
		for _, loss := range disktest.Losses(testlevel.Of(1, 2, 40)) {
			left := disk.Cut(t, at, loss)
			again, err := Open(filepath.Join(left, "vault"))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := again.Convert(t.Context(), ignoreProgress); err != nil {
				t.Fatalf("power cut after %d steps, %+v: %v", at, loss, err)
			}
			if err := again.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if wantConverted(t, again); t.Failed() {
				t.Fatalf("power cut after %d steps, %+v", at, loss)
			}
			os.RemoveAll(left)
		}
	}
}

// TestPowerCutAfterConvert: a file that was set aside stays there, and only there.
func TestPowerCutAfterConvert(t *testing.T) {
	t.Parallel()
	path := oldVault(t)
	damaged := filepath.Join("blobs", sumOf("an image")[:2], sumOf("an image"))
	rewrite(t, filepath.Join(path, damaged), "an imagE")
	disk := disktest.New(t, filepath.Dir(path))
	d := &Store{path: path, disk: disk}
	if _, problems, err := d.Convert(t.Context(), ignoreProgress); err != nil || len(problems) == 0 {
		t.Fatalf("problems %v, error %v", problems, err)
	}
	for _, loss := range disktest.Losses(20) {
		left := filepath.Join(disk.Cut(t, disk.Steps(), loss), "vault")
		if got, err := os.ReadFile(filepath.Join(left, asideDir, damaged)); err != nil || string(got) != "an imagE" {
			t.Errorf("%+v: aside is %q, %v", loss, got, err)
		}
		if _, err := os.Lstat(filepath.Join(left, damaged)); !os.IsNotExist(err) {
			t.Errorf("%+v: the old name is back: %v", loss, err)
		}
	}
}
