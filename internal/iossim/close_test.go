package iossim

import (
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
)

// Close ends everything that runs and leaves no goroutine behind.
func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("all at once", func(t *testing.T) {
		st := serveTFTP(t, 0)
		o := Options{TFTPPort: st.port, Pace: 50_000, Username: "admin", Password: "cisco"}
		xl, office := launch(t, "c3500xl", o), launch(t, "c3750", o)
		o.Faults.Stall = After{0, Always}
		core := launch(t, "c9300", o)
		atPrompt(t, xl)
		sendFile(atPrompt(t, office), image["c3750"], "a")
		sendFile(atPrompt(t, core), image["c9300"], "b")
		atPrompt(t, office).send("show version") // no Enter
		silent, err := net.Dial("tcp", core.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		began := time.Now()
		for _, s := range []*Switch{xl, office, core} {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close again: %v", err)
			}
			if _, err := net.DialTimeout("tcp", s.Addr().String(), time.Second); err == nil {
				t.Error("a closed switch takes connections")
			}
		}
		if left := running(); left != "" {
			t.Errorf("Close did not wait for\n%s", left)
		}
		if took := time.Since(began); took > iosTimeout/2 { // it waits for no timer of a transfer
			t.Errorf("closing took %v", took)
		}
	})
	waitFor(t, func() bool { return runtime.NumGoroutine() <= before })
}

// running returns the stacks of goroutines that belong to a switch.
func running() string {
	buf := make([]byte, 1<<20)
	var left []string
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "iossim.(*Switch)") || strings.Contains(stack, "iossim.(*terminal)") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

func TestNewAndStartErrors(t *testing.T) {
	t.Parallel()
	if _, err := New("c9999", Options{}); err == nil || !strings.Contains(err.Error(), "c2900xl, c3750, c3750-stack, c1000-tftpboot") {
		t.Errorf("an unknown profile: %v", err)
	}
	if _, err := New("c3750", Options{HostKeyBits: 100}); err == nil {
		t.Error("a host key of 100 bits")
	}
	s := launch(t, "c3500xl", Options{})
	if err := s.Start(); err == nil {
		t.Error("started twice")
	}
}

// TestTakenAddress wants a switch to give up at last on an address that another has.
func TestTakenAddress(t *testing.T) {
	testlevel.NeedFull(t, "waits for the address")
	t.Parallel()
	s := launch(t, "c3500xl", Options{})
	other, err := New("c3500xl", Options{Listen: s.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a taken address: %v", err)
	}
	if other.Addr().IsValid() {
		t.Error("a switch that does not listen has an address")
	}
	if err := other.Close(); err != nil {
		t.Errorf("close what never started: %v", err)
	}
	if err := other.Start(); err == nil {
		t.Error("started after it was closed")
	}
}
