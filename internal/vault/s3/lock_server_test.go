package s3

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// lockingStore is a store in a new bucket with object lock of a real server.
func lockingStore(t *testing.T) *Store {
	t.Helper()
	address := gateway(t, "--versioning-dir", t.TempDir())
	u, err := url.Parse("s3://locked/site?lock=90d&region=us-east-1&endpoint=http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(u)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.MakeBucket(t.Context(), s.bucket, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.Reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// versions returns the versions of an object that hold content, the newest first, and
// whether its newest one is a delete marker.
func versions(t *testing.T, s *Store, key string) (ids []string, removed bool) {
	t.Helper()
	for o := range s.client.ListObjects(t.Context(), s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + key, Recursive: true, WithVersions: true}) {
		switch {
		case o.Err != nil:
			t.Fatal(o.Err)
		case o.IsDeleteMarker:
			removed = removed || o.IsLatest
		default:
			ids = append(ids, o.VersionID)
		}
	}
	return ids, removed
}

// wantLocked wants that nobody can remove the content of an object.
func wantLocked(t *testing.T, s *Store, key string) {
	t.Helper()
	ids, _ := versions(t, s, key)
	if len(ids) == 0 {
		t.Fatalf("%s: the bucket has no content", key)
	}
	for _, id := range ids {
		if err := s.client.RemoveObject(t.Context(), s.bucket, s.prefix+key, minio.RemoveObjectOptions{VersionID: id}); err == nil {
			t.Errorf("%s: the server removed version %s", key, id)
		}
	}
	if after, _ := versions(t, s, key); len(after) != len(ids) {
		t.Errorf("%s: %d versions before, %d after", key, len(ids), len(after))
	}
}

// TestLockOnServer: a real server locks new objects, and accepts an extension. A removed
// object is out of sight, but its content stays.
func TestLockOnServer(t *testing.T) {
	s := lockingStore(t)
	key := vault.BlobKey("a5df3fde7b200c3fa2791144c7e05c5c2bced4c6ad863d3a4cf76c972c1712f9")
	put := func() error { return s.Put(t.Context(), key, strings.NewReader("an image"), 8) }
	if err := put(); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != vault.ErrExists {
		t.Errorf("put again: error %v; want ErrExists", err)
	}
	wantLocked(t, s, key)
	left := func() time.Duration {
		info, err := s.stat(t.Context(), key)
		if err != nil || info.Metadata.Get(lockedMode) != string(minio.Governance) {
			t.Fatalf("mode %q, error %v", info.Metadata.Get(lockedMode), err)
		}
		until, err := time.Parse(time.RFC3339, info.Metadata.Get(lockedUntil))
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(until)
	}
	if got := left(); got < s.Lock() {
		t.Errorf("locked for %s; want at least %s", got, s.Lock())
	}
	s.lock *= 2
	if err := s.Retain(t.Context(), key, s.Lock()); err != nil || left() < s.Lock() {
		t.Errorf("extended to %s, error %v; want at least %s", left(), err, s.Lock())
	}
	if err := s.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), key); err != vault.ErrNotFound {
		t.Errorf("removed: error %v; want ErrNotFound", err)
	}
	if _, removed := versions(t, s, key); !removed {
		t.Error("there is no delete marker")
	}
	wantLocked(t, s, key)
	// AWS takes the content again. versitygw does so when the delete marker is gone.
	if err := put(); err != nil && !strings.Contains(err.Error(), "remove its delete marker") {
		t.Errorf("put after the removal: %v", err)
	}
}

// TestPruneOfLockedVault: a prune of a vault in a bucket with object lock takes documents
// and contents out of sight. A check is clean, and the bucket still has all of them.
func TestPruneOfLockedVault(t *testing.T) {
	s := lockingStore(t)
	v := vault.New(s)
	if _, err := v.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	var kept []api.Snapshot
	for i, text := range []string{"first", "second"} {
		sum, _, err := v.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i-9) * time.Hour)
		one := api.Snapshot{ID: vault.NewID("sw1", at), Device: "sw1", Status: api.StatusOK, Started: at,
			Files: []api.File{{Path: "flash:/config.text", Kind: api.KindConfig, Size: int64(len(text)), SHA256: sum}}}
		if i > 0 {
			one.Previous = kept[i-1].Document
		}
		if one, err = v.PutSnapshot(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, one)
	}
	res, err := v.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 1}, Now: time.Now().Add(100 * time.Hour)})
	if err != nil || len(res.Removed) != 1 || res.Blobs != 1 || len(res.Problems) != 0 {
		t.Fatalf("prune: %+v, error %v", res, err)
	}
	if res, err := v.Check(t.Context(), vault.CheckOptions{ReadData: true}); err != nil || !res.OK || res.Snapshots != 1 {
		t.Errorf("check: %+v, error %v", res, err)
	}
	for _, key := range []string{vault.SnapshotKey(kept[0].Document), vault.BlobKey(kept[0].Files[0].SHA256)} {
		if _, removed := versions(t, s, key); !removed {
			t.Errorf("%s is not removed", key)
		}
		wantLocked(t, s, key)
	}
}
