package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
)

// maxSnapshot is the greatest size of a snapshot document in bytes. A device
// with 10,000 files needs about 1 MB.
const maxSnapshot = 64 << 20

const idTime = "20060102T150405Z"

var (
	validID     = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9._-]{1,64}-[a-z0-9]{4}$`)
	unsafeInID  = regexp.MustCompile(`[^A-Za-z0-9._-]`)
	validYear   = regexp.MustCompile(`^[0-9]{4}$`)
	validPrefix = regexp.MustCompile(`^[0-9a-f]{2}$`)
)

// NewID returns a new snapshot ID: the time in UTC, the device's name with
// every character that is not fit for a file name replaced by "-", and four
// random characters.
func NewID(device string, t time.Time) string {
	name := unsafeInID.ReplaceAllString(device, "-")
	if name == "" {
		name = "device"
	}
	return t.UTC().Format(idTime) + "-" + name[:min(len(name), 64)] + "-" + randomSuffix()
}

// randomSuffix returns four evenly distributed characters of a-z0-9.
func randomSuffix() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	const fair = 256 - 256%len(alphabet)
	suffix := make([]byte, 0, 4)
	var b [1]byte
	for len(suffix) < cap(suffix) {
		rand.Read(b[:]) // never fails: crypto/rand.Read ends the program instead
		if int(b[0]) < fair {
			suffix = append(suffix, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return string(suffix)
}

// PutSnapshot keeps s under its ID. It refuses a snapshot that names a blob
// which the vault does not have, and one whose ID is taken (ErrExists).
// Started is kept in whole seconds of UTC.
func (d *Dir) PutSnapshot(s api.Snapshot) error {
	if err := d.putSnapshot(s); err != nil {
		return fmt.Errorf("put snapshot %s: %w", s.ID, err)
	}
	return nil
}

func (d *Dir) putSnapshot(s api.Snapshot) error {
	s = normalise(s)
	if err := validate(s); err != nil {
		return err
	}
	for _, f := range s.Files {
		if f.SHA256 == "" {
			continue
		}
		if err := d.checkBlob(f.SHA256, f.Size); err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
	}
	data, err := encode(s)
	if err != nil {
		return err
	}
	tmp, err := d.writeTemp(data)
	if err != nil {
		return err
	}
	defer d.discard(tmp)
	path := d.snapshotPath(s.ID)
	if err := d.mkdir(filepath.Dir(path)); err != nil {
		return err
	}
	if err := d.link(tmp.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return ErrExists
		}
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// SnapshotIDs returns the IDs of all snapshots, in the order of their times.
// It reads directories only.
func (d *Dir) SnapshotIDs() ([]string, error) {
	years, err := os.ReadDir(filepath.Join(d.path, snapshotsDir))
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var ids []string
	for _, year := range years {
		if !year.IsDir() || !validYear.MatchString(year.Name()) {
			continue
		}
		files, err := os.ReadDir(filepath.Join(d.path, snapshotsDir, year.Name()))
		if err != nil {
			return nil, fmt.Errorf("list snapshots: %w", err)
		}
		for _, f := range files {
			id, isJSON := strings.CutSuffix(f.Name(), ".json")
			if isJSON && validID.MatchString(id) && id[:4] == year.Name() {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// Snapshots yields all snapshots in the order of their times. One that cannot
// be read comes as a Snapshot with its ID alone and an error, ErrDamaged
// where the document is not what it was; the others still follow. A
// Snapshot without ID and an error means that the list itself failed.
func (d *Dir) Snapshots() iter.Seq2[api.Snapshot, error] {
	return func(yield func(api.Snapshot, error) bool) {
		ids, err := d.SnapshotIDs()
		if err != nil {
			yield(api.Snapshot{}, err)
			return
		}
		for _, id := range ids {
			s, err := d.Snapshot(id)
			if err != nil {
				s = api.Snapshot{ID: id}
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// Snapshot returns the snapshot with the given ID. The error is ErrNotFound
// where there is none, and ErrDamaged where its document cannot be
// understood.
func (d *Dir) Snapshot(id string) (api.Snapshot, error) {
	if !validID.MatchString(id) {
		return api.Snapshot{}, fmt.Errorf("snapshot %q: %w", id, ErrNotFound)
	}
	data, err := readRegular(d.snapshotPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return api.Snapshot{}, fmt.Errorf("snapshot %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return api.Snapshot{}, fmt.Errorf("read snapshot %s: %w", id, err)
	}
	s, err := decode(data)
	if err == nil && s.ID != id {
		err = fmt.Errorf("its file is named %s.json but it calls itself %q", id, s.ID)
	}
	if err != nil {
		return api.Snapshot{}, fmt.Errorf("snapshot %s is %w: %w", id, ErrDamaged, err)
	}
	return s, nil
}

func (d *Dir) snapshotPath(id string) string {
	return filepath.Join(d.path, snapshotsDir, id[:4], id+".json")
}

// readRegular reads a regular file of at most maxSnapshot bytes.
func readRegular(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSnapshot {
		return nil, fmt.Errorf("%w: not a regular file of at most %d bytes", ErrDamaged, maxSnapshot)
	}
	return os.ReadFile(path)
}
