package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"flashwarden/internal/vault"
)

// fakeLock is as much of a server with object lock as a Store needs: objects, without their
// content, and until when they are locked.
type fakeLock struct {
	mu       sync.Mutex
	disabled bool // the bucket has no object lock
	objects  map[string]http.Header
	extended int // calls that set a lock alone
}

// ServeHTTP implements http.Handler.
func (f *fakeLock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	io.Copy(io.Discard, r.Body)
	key := strings.TrimPrefix(r.URL.Path, "/vault/")
	_, bucket := r.URL.Query()["object-lock"]
	_, retention := r.URL.Query()["retention"]
	switch {
	case bucket && f.disabled:
		http.Error(w, `<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>`, http.StatusNotFound)
	case bucket:
		io.WriteString(w, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`)
	case key == "" && r.Method == http.MethodHead: // the bucket exists
	case f.objects[key] == nil && (retention || r.Method == http.MethodHead):
		http.Error(w, `<Error><Code>NoSuchKey</Code></Error>`, http.StatusNotFound)
	case r.Method == http.MethodHead:
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		for _, name := range []string{lockedMode, lockedUntil} {
			w.Header().Set(name, f.objects[key].Get(name))
		}
	case r.Method == http.MethodPut:
		f.objects[key] = r.Header
	}
}

// retention is an answer for PUT ?retention in the body.
type retention struct{ Mode, RetainUntilDate string }

// handler reads the body of an extension before ServeHTTP drops it.
func (f *fakeLock) handler(w http.ResponseWriter, r *http.Request) {
	if _, ok := r.URL.Query()["retention"]; ok && r.Method == http.MethodPut {
		var set retention
		if err := xml.NewDecoder(r.Body).Decode(&set); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.mu.Lock()
		f.extended++
		f.mu.Unlock()
		r.Header.Set(lockedMode, set.Mode)
		r.Header.Set(lockedUntil, set.RetainUntilDate)
	}
	f.ServeHTTP(w, r)
}

// left returns in which mode an object is locked, and for how many days.
func (f *fakeLock) left(t *testing.T, key string) (mode string, days int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	until, err := time.Parse(time.RFC3339, f.objects[key].Get(lockedUntil))
	if err != nil {
		t.Fatal(err)
	}
	return f.objects[key].Get(lockedMode), int(time.Until(until).Round(time.Hour).Hours() / 24)
}

func openLocked(t *testing.T, f *fakeLock, query string) (*Store, error) {
	t.Helper()
	f.objects = map[string]http.Header{}
	server := httptest.NewServer(http.HandlerFunc(f.handler))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	u, err := url.Parse("s3://vault/?region=us-east-1&endpoint=" + server.URL + query)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(u)
	if err != nil {
		t.Fatal(err)
	}
	return s, s.Reach(t.Context())
}

// TestLock: each object is locked when it is put, and its lock is extended if it ends too
// early. A strict lock is not weakened.
func TestLock(t *testing.T) {
	f := &fakeLock{}
	s, err := openLocked(t, f, "&lock=90d")
	if err != nil {
		t.Fatal(err)
	}
	key := vault.BlobKey(strings.Repeat("a", 64))
	if err := s.Retain(t.Context(), key, s.Lock()); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("no object: error %v; want ErrNotFound", err)
	}
	if err := s.Put(t.Context(), key, strings.NewReader("an image"), 8); err != nil {
		t.Fatal(err)
	}
	if mode, days := f.left(t, key); mode != "GOVERNANCE" || days != 91 {
		t.Errorf("put: locked for %d days in mode %s; want 90 and one more", days, mode)
	}
	for _, c := range []struct {
		mode     minio.RetentionMode
		left     time.Duration
		least    time.Duration
		extended int
	}{
		{minio.Governance, 91 * 24 * time.Hour, s.Lock(), 0},
		{minio.Governance, 80 * 24 * time.Hour, s.Lock() / 2, 0},
		{minio.Governance, 40 * 24 * time.Hour, s.Lock() / 2, 1},
		{minio.Compliance, 80 * 24 * time.Hour, s.Lock(), 1},
		{"", 0, s.Lock(), 1}, // no lock, or none that we may read
	} {
		f.extended = 0
		f.objects[key] = http.Header{lockedMode: {string(c.mode)}, lockedUntil: {time.Now().Add(c.left).UTC().Format(time.RFC3339)}}
		if c.mode == "" {
			f.objects[key] = http.Header{}
		}
		if err := s.Retain(t.Context(), key, c.least); err != nil {
			t.Fatal(err)
		}
		if f.extended != c.extended {
			t.Errorf("%+v: %d extensions", c, f.extended)
		}
		if mode, days := f.left(t, key); c.extended == 1 && (days != 91 || mode != string(c.mode) && c.mode != "") {
			t.Errorf("%+v: locked for %d days in mode %s", c, days, mode)
		}
	}
}

// TestWithoutLock: a bucket that cannot lock is refused if objects are to be locked.
func TestWithoutLock(t *testing.T) {
	if _, err := openLocked(t, &fakeLock{disabled: true}, "&lock=90d"); !errors.Is(err, ErrNoLock) {
		t.Errorf("error %v; want ErrNoLock", err)
	}
	s, err := openLocked(t, &fakeLock{disabled: true}, "")
	if err != nil || s.Lock() != 0 {
		t.Errorf("no lock is wanted: error %v, lock %s", err, s.Lock())
	}
}

// TestDeleteMarker: if a delete marker takes the key, the error says what to do.
func TestDeleteMarker(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		status := http.StatusNotFound
		if r.Method == http.MethodPut {
			status = http.StatusPreconditionFailed
		}
		http.Error(w, `<Error><Code>PreconditionFailed</Code></Error>`, status)
	}))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	u, err := url.Parse("s3://vault/?region=us-east-1&endpoint=" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(u)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), vault.BlobKey(strings.Repeat("a", 64)), strings.NewReader("an image"), 8); err == nil || !strings.Contains(err.Error(), "remove its delete marker") {
		t.Errorf("error %v", err)
	}
}
