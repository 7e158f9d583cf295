package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestKill ends a backup with kill -9 at ten moments of its life.
func TestKill(t *testing.T) {
	testlevel.NeedFull(t, "makes ten backups twice")
	whole := newSite(t)
	whole.add("sw1", "c3500xl", iossim.Options{LargestImage: imageSize})
	began := time.Now()
	whole.ok("backup", "sw1")
	life := time.Since(began)
	for i := range 10 {
		t.Run(fmt.Sprintf("at %d tenths", i), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.add("sw1", "c3500xl", iossim.Options{LargestImage: imageSize})
			cmd := s.command("backup", "sw1")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			moment := time.NewTimer(life * time.Duration(2*i+1) / 20)
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case <-moment.C:
				if err := cmd.Process.Kill(); err != nil {
					t.Log("it had ended:", err)
				}
				<-ended
			case <-ended:
			}
			s.wantClean()
			s.ok("backup", "sw1")
			s.wantClean()
			s.wantEmptySpool()
		})
	}
}

// TestDeviceGone cuts terminal and transfer in the middle of the first copy;
// the next attempt succeeds.
func TestDeviceGone(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "waits for the second attempt")
	s := newSite(t)
	s.add("sw1", "c3500xl", iossim.Options{LargestImage: imageSize, Faults: iossim.Faults{Hangup: iossim.After{Bytes: imageSize / 3, Times: 1}}})
	r := parse(t, s.ok("backup", "sw1", "--json")).Results[0]
	if r.Status != "ok" || r.Attempts != 2 {
		t.Errorf("%s after %d attempts (%s)", r.Status, r.Attempts, r.Message)
	}
	s.wantClean()
	s.wantEmptySpool()
}

// TestDemoAsOrdinaryUser runs the README's first command without rights.
func TestDemoAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "images of real size")
	s := nobodysSite(t)
	o := finish(t, asNobody(s.command("demo", "--dir", filepath.Join(filepath.Dir(s.data), "demo"), "--json")))
	if o.code != 0 {
		t.Fatalf("ended with %d\n%s", o.code, o.stderr)
	}
	if n := len(parse(t, o).Results); n != 3 {
		t.Errorf("%d results", n)
	}
}
