package spool

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"flashwarden/internal/disk/disktest"
	"flashwarden/internal/testlevel"
)

// TestPowerCut cuts the power at every step of an upload, and in many ways. Once
// Commit has returned, which comes before the last ACK, the file is whole.
func TestPowerCut(t *testing.T) {
	s := open(t)
	d := disktest.New(t, s.dir)
	s.disk = d
	ticket := s.Expect(sw1, 6, anHour)
	w, err := s.OpenWrite(context.Background(), write(ticket.Name, sw1))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"abc", "def"} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := ticket.Wait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for at := range d.Steps() + 1 {
		for _, loss := range disktest.Losses(testlevel.Of(20, 40, 1000)) {
			left := d.Cut(t, at, loss)
			got, err := os.ReadFile(filepath.Join(left, filepath.Base(f.Path)))
			if err == nil && string(got) != "abcdef" || err != nil && at == d.Steps() {
				t.Fatalf("power cut after %d steps, %+v: the file has %q, %v", at, loss, got, err)
			}
			if _, err := Open(left); err != nil {
				t.Fatal(err)
			}
			if names, err := os.ReadDir(left); err != nil || len(names) > 0 {
				t.Fatalf("power cut after %d steps, %+v: left %v, %v", at, loss, names, err)
			}
		}
	}
}
