package sealed

import (
	"context"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// counting counts the documents that are read.
type counting struct {
	*vaulttest.Memory
	documents atomic.Int64
}

// Get implements vault.Store.
func (c *counting) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	if strings.HasPrefix(key, vault.SnapshotsPart+"/") {
		c.documents.Add(1)
	}
	return c.Memory.Get(ctx, key, offset)
}

// TestMemory: a run does not read the documents again that an earlier one read or wrote. It
// still notices what the mirror lost, and reads all if the memory is lost or damaged.
func TestMemory(t *testing.T) {
	v, from := original(t, false)
	identity, o := pair(t)
	to := &counting{Memory: &vaulttest.Memory{}}
	run := func(why string, snapshots, reads int) {
		t.Helper()
		to.documents.Store(0)
		res := mustMirror(t, v, to, o)
		if res.Snapshots != snapshots || int(to.documents.Load()) != reads {
			t.Errorf("%s: %d snapshots copied, %d documents read; want %d and %d", why, res.Snapshots, to.documents.Load(), snapshots, reads)
		}
		wantBack(t, from, to, identity)
	}
	run("first", 6, 0)
	run("again", 0, 0)
	keep(t, v, "new-switch", "", 2026)
	run("one more", 1, 0)
	run("again", 0, 0)

	text, err := os.ReadFile(o.Memory)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, len(text) / 2, len(text) - 9} {
		if err := os.WriteFile(o.Memory, append(text[:size:size], "\x00\x00garbage"...), 0o600); err != nil {
			t.Fatal(err)
		}
		to.documents.Store(0)
		mustMirror(t, v, to, o)
		if n := to.documents.Load(); n == 0 || size == 0 && n != 7 {
			t.Errorf("%d documents are read after a memory of %d bytes", n, size)
		}
		run("after that", 0, 0)
	}
	if err := os.Remove(o.Memory); err != nil {
		t.Fatal(err)
	}
	run("without it", 0, 7)

	// A dead process left an unfinished file.
	if err := os.WriteFile(o.Memory+".new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run("beside another run", 0, 0)
	old := time.Now().Add(-2 * deadAfter)
	if err := os.Chtimes(o.Memory+".new", old, old); err != nil {
		t.Fatal(err)
	}
	run("after a dead run", 0, 0)
	if _, err := os.Stat(o.Memory + ".new"); err == nil {
		t.Error("the unfinished file stays")
	}
}

// TestMemoryIsRenewed: each document is read again after 15 to 30 days, and one of a clock
// that was wrong at once.
func TestMemoryIsRenewed(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		sum  string
		age  time.Duration
		want bool
	}{
		{"00", 14 * 24 * time.Hour, true}, {"00", 16 * 24 * time.Hour, false},
		{"ff", 29 * 24 * time.Hour, true}, {"ff", 31 * 24 * time.Hour, false},
		{"80", -24 * time.Hour, false},
	} {
		name := vault.NewID("sw1", now) + "." + c.sum + strings.Repeat("0", 62)
		r, ok := remember(api.Snapshot{Document: name}, 1, now.Add(-c.age))
		if !ok || r.fresh(now) != c.want {
			t.Errorf("%s, read %s ago: fresh %v", c.sum, c.age, r.fresh(now))
		}
	}
	if _, ok := remember(api.Snapshot{Files: []api.File{{Path: "flash:/x.bin", SHA256: strings.Repeat("a", 64)}}}, 1, now); ok {
		t.Error("a document of another kind is remembered")
	}
}
