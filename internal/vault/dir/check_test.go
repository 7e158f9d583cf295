package dir

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// rewrite puts data in the place of a file of the vault.
func rewrite(t *testing.T, path, data string) {
	t.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
}

// shortened is the path of a problem without digests and random characters.
func shortened(path, document string) string {
	path = strings.Replace(path, document+".json", "SNAPSHOT", 1)
	if !strings.HasPrefix(path, "snapshots/") || strings.HasSuffix(path, "SNAPSHOT") {
		return path
	}
	if strings.Contains(path, "-sw1-") {
		return "OTHER"
	}
	_, sum, _ := vault.SplitName(document)
	return strings.Replace(path, sum, "SUM", 1)
}

func TestCheckFinds(t *testing.T) {
	const content = "an image"
	sum := sumOf(content)
	blobFile := vault.BlobKey(sum)
	blobDir := filepath.Dir(blobFile)
	type found struct{ Kind, Path string }
	for _, test := range []struct {
		name     string
		damage   func(t *testing.T, d *kit, snapshot string) error
		quick    []found // without ReadData
		thorough []found // with ReadData, beyond quick
		message  string  // in one of the messages
	}{
		{name: "nothing", damage: func(*testing.T, *kit, string) error { return nil }},
		{name: "leftovers in tmp", damage: func(t *testing.T, d *kit, _ string) error {
			return os.WriteFile(filepath.Join(d.dir.path, "tmp", "put-1"), nil, 0o600)
		}},
		{name: "lost+found", damage: func(t *testing.T, d *kit, _ string) error {
			return os.Mkdir(filepath.Join(d.dir.path, "lost+found"), 0o700)
		}},
		{name: "missing blob", quick: []found{{api.CheckBlobMissing, blobFile}}, message: "flash:/x.bin",
			damage: func(t *testing.T, d *kit, _ string) error { return os.Remove(d.blobPath(sum)) }},
		{name: "missing directory", quick: []found{{api.CheckUnreadable, "blobs"}, {api.CheckBlobMissing, blobFile}},
			damage: func(t *testing.T, d *kit, _ string) error { return os.RemoveAll(filepath.Join(d.dir.path, "blobs")) }},
		{name: "truncated blob", quick: []found{{api.CheckBlobSize, blobFile}}, thorough: []found{{api.CheckBlobDamaged, blobFile}},
			damage: func(t *testing.T, d *kit, _ string) error { rewrite(t, d.blobPath(sum), content[1:]); return nil }},
		{name: "one changed byte", thorough: []found{{api.CheckBlobDamaged, blobFile}}, message: "or move it out of the vault",
			damage: func(t *testing.T, d *kit, _ string) error { rewrite(t, d.blobPath(sum), "an imagE"); return nil }},
		{name: "symbolic link as directory", quick: []found{{api.CheckUnreadable, "blobs/" + sum[:2]}, {api.CheckStray, "blobs/" + sum[:2]}},
			damage: func(t *testing.T, d *kit, _ string) error {
				part, target := filepath.Join(d.dir.path, "blobs", sum[:2]), filepath.Join(t.TempDir(), "target")
				if err := os.Rename(part, target); err != nil {
					return err
				}
				return os.Symlink(target, part)
			}},
		{name: "symbolic link as blob", quick: []found{{api.CheckBlobMissing, blobFile}, {api.CheckStray, blobFile}},
			damage: func(t *testing.T, d *kit, _ string) error {
				target := filepath.Join(t.TempDir(), "target")
				if err := os.Rename(d.blobPath(sum), target); err != nil {
					return err
				}
				return os.Symlink(target, d.blobPath(sum))
			}},
		{name: "changed snapshot", quick: []found{{api.CheckSnapshotDamaged, "SNAPSHOT"}}, message: "not that of its name",
			damage: func(t *testing.T, d *kit, snapshot string) error {
				data, err := os.ReadFile(snapshot)
				rewrite(t, snapshot, strings.Replace(string(data), md5Of(content), strings.Repeat("0", 32), 1))
				return err
			}},
		{name: "wrong MD5", thorough: []found{{api.CheckMD5, "OTHER"}}, message: "it says MD5 000",
			damage: func(t *testing.T, d *kit, _ string) error {
				s := snapshotOf(content)
				s.Files[0].MD5 = strings.Repeat("0", 32)
				_, err := d.PutSnapshot(t.Context(), s)
				return err
			}},
		{name: "truncated snapshot", quick: []found{{api.CheckSnapshotDamaged, "SNAPSHOT"}},
			damage: func(t *testing.T, d *kit, snapshot string) error {
				data, err := os.ReadFile(snapshot)
				rewrite(t, snapshot, string(data[:len(data)-3]))
				return err
			}},
		{name: "empty snapshot", quick: []found{{api.CheckSnapshotDamaged, "SNAPSHOT"}},
			damage: func(t *testing.T, d *kit, snapshot string) error { rewrite(t, snapshot, ""); return nil }},
		{name: "snapshot of another name", quick: []found{{api.CheckSnapshotDamaged, "snapshots/2026/11/20261122T141503Z-sw9-aaaa.SUM.json"}}, message: "but its content says",
			damage: func(t *testing.T, d *kit, snapshot string) error {
				name := filepath.Base(snapshot)
				return os.Rename(snapshot, filepath.Join(filepath.Dir(snapshot), "20261122T141503Z-sw9-aaaa."+name[strings.LastIndexByte(name[:len(name)-5], '.')+1:]))
			}},
		{name: "snapshot of another month", quick: []found{{api.CheckSnapshotDamaged, "snapshots/2026/12/SNAPSHOT"}},
			damage: func(t *testing.T, d *kit, snapshot string) error {
				month := filepath.Join(d.dir.path, "snapshots", "2026", "12")
				if err := os.Mkdir(month, 0o700); err != nil {
					return err
				}
				return os.Rename(snapshot, filepath.Join(month, filepath.Base(snapshot)))
			}},
		{name: "strays", quick: []found{{api.CheckStray, "README"}, {api.CheckStray, "blobs/abc"}, {api.CheckStray, blobDir + "/note"},
			{api.CheckStray, "snapshots/2026/11/x.txt"}, {api.CheckStray, "snapshots/2026/old"}, {api.CheckStray, "snapshots/old"}},
			damage: func(t *testing.T, d *kit, _ string) error {
				return errors.Join(
					os.WriteFile(filepath.Join(d.dir.path, "README"), nil, 0o400),
					os.Mkdir(filepath.Join(d.dir.path, "blobs", "abc"), 0o700),
					os.WriteFile(filepath.Join(d.dir.path, blobDir, "note"), nil, 0o400),
					os.WriteFile(filepath.Join(d.dir.path, "snapshots", "2026", "11", "x.txt"), nil, 0o400),
					os.Mkdir(filepath.Join(d.dir.path, "snapshots", "2026", "old"), 0o700),
					os.Mkdir(filepath.Join(d.dir.path, "snapshots", "old"), 0o700))
			}},
		{name: "blob under a wrong prefix", quick: []found{{api.CheckStray, "blobs/00/00/" + sum}, {api.CheckBlobMissing, blobFile}},
			damage: func(t *testing.T, d *kit, _ string) error {
				wrong := filepath.Join(d.dir.path, "blobs", "00", "00")
				return errors.Join(os.MkdirAll(wrong, 0o700), os.Rename(d.blobPath(sum), filepath.Join(wrong, sum)))
			}},
		{name: "open permissions", quick: []found{{api.CheckPermissions, "."}, {api.CheckPermissions, blobDir}, {api.CheckPermissions, blobFile}, {api.CheckPermissions, "SNAPSHOT"}},
			message: "chmod 0440",
			damage: func(t *testing.T, d *kit, snapshot string) error {
				return errors.Join(os.Chmod(d.dir.path, 0o755), os.Chmod(filepath.Dir(d.blobPath(sum)), 0o770),
					os.Chmod(d.blobPath(sum), 0o644), os.Chmod(snapshot, 0o600))
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newVault(t)
			if _, _, err := d.Put(t.Context(), []byte(content)); err != nil {
				t.Fatal(err)
			}
			s := snapshotOf(content)
			s.Listings = nil
			s, err := d.PutSnapshot(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if err := test.damage(t, d, d.snapshotPath(s.Document)); err != nil {
				t.Fatal(err)
			}
			for _, readData := range []bool{false, true} {
				res, err := d.Check(t.Context(), vault.CheckOptions{ReadData: readData})
				if err != nil {
					t.Fatal(err)
				}
				want, got, messages := slices.Clone(test.quick), []found(nil), ""
				if readData {
					want = append(want, test.thorough...)
				}
				for i := range want {
					if want[i].Path == "SNAPSHOT" {
						want[i].Path = "snapshots/2026/11/SNAPSHOT"
					}
				}
				slices.SortFunc(want, func(a, b found) int { return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Kind, b.Kind)) })
				for _, p := range res.Problems {
					got = append(got, found{p.Kind, shortened(p.Path, s.Document)})
					messages += p.Message + "\n"
				}
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("read data %v: want(-) got(+):\n%s%s", readData, diff, messages)
				}
				if len(want) > 0 && !strings.Contains(messages, test.message) {
					t.Errorf("%q is not in the messages:\n%s", test.message, messages)
				}
			}
		})
	}
}

func TestCheckTellsItsProgress(t *testing.T) {
	d := newVault(t)
	for _, content := range []string{strings.Repeat("a", 3_000_000), strings.Repeat("b", 2_000_000)} {
		if _, _, err := d.Put(t.Context(), []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	var atOnce sync.Mutex
	var last, calls int64
	_, err := d.Check(t.Context(), vault.CheckOptions{ReadData: true, Progress: func(done, total int64) {
		if !atOnce.TryLock() {
			t.Error("called by two at once")
			return
		}
		defer atOnce.Unlock()
		if done <= last || total != 5_000_000 {
			t.Errorf("%d of %d bytes after %d", done, total, last)
		}
		last = done
		calls++
	}})
	if err != nil || last != 5_000_000 || calls < 5 {
		t.Errorf("ended with %d bytes after %d calls, error %v", last, calls, err)
	}
}

func TestCheckStops(t *testing.T) {
	d := newVault(t)
	for _, content := range []string{strings.Repeat("a", 9_000_000), strings.Repeat("b", 9_000_000), strings.Repeat("c", 9_000_000)} {
		if _, _, err := d.Put(t.Context(), []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var read int64
	res, err := d.Check(ctx, vault.CheckOptions{ReadData: true, Progress: func(done, _ int64) { read = done; cancel() }})
	if !errors.Is(err, context.Canceled) || len(res.Problems) > 0 {
		t.Errorf("error %v, problems %v; want context.Canceled and none", err, res.Problems)
	}
	if read > 9_000_000 {
		t.Errorf("read %d bytes after it was to stop", read)
	}
}

// BenchmarkCheck reads 256 MiB of blobs; compare it with sha256sum.
func BenchmarkCheck(b *testing.B) {
	d, err := openKit(filepath.Join(b.TempDir(), "vault"))
	if err != nil {
		b.Fatal(err)
	}
	const blobs, size = 8, 32 << 20
	for i := range blobs {
		content := make([]byte, size)
		content[0] = byte(i)
		sum, _, err := d.Put(b.Context(), content)
		if err != nil {
			b.Fatal(err)
		}
		s := snapshotOf("")
		s.Files[0].Size, s.Files[0].SHA256, s.Files[0].MD5 = size, sum, ""
		if _, err := d.PutSnapshot(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(blobs * size)
	for b.Loop() {
		if res, err := d.Check(b.Context(), vault.CheckOptions{ReadData: true}); err != nil || len(res.Problems) > 0 {
			b.Fatal(res.Problems, err)
		}
	}
}
