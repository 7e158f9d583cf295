package warden

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/api"
)

// TestMeasures measures a device with a backup and one without. Without the vault, none is
// protected. The series of devices can be switched off, and a limited actor gets nothing.
func TestMeasures(t *testing.T) {
	l, n, ctx := opened(t, "sw1", "sw2")
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	keep(t, n, "sw1", began, map[string]string{"flash:/x.bin": "image"})
	measure := func() api.Measures {
		t.Helper()
		m, err := l.Measures(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := measure()
	protected := make(map[string]bool)
	for _, d := range m.Devices {
		protected[d.Device] = d.Protected
		if (d.Device == "sw1") != d.LastSuccess.Equal(began) {
			t.Errorf("%+v", d)
		}
	}
	if !m.Ready || m.Summary.Devices != 2 || m.Summary.Protected != 1 || !protected["sw1"] || protected["sw2"] || len(protected) != 2 || m.Snapshots != 1 || m.Bytes == 0 {
		t.Errorf("%+v", m)
	}
	l.opts.Config.Metrics.Devices = false
	if m := measure(); len(m.Devices) > 0 || m.Summary.Protected != 1 {
		t.Errorf("without devices: %+v", m)
	}
	l.opts.Config.Metrics.Devices = true
	if err := os.Remove(filepath.Join(l.opts.Data, "vault", "vault.json")); err != nil {
		t.Fatal(err)
	}
	if m := measure(); m.Ready || m.Summary.Protected != 0 || m.Devices[0].Protected {
		t.Errorf("without the vault: %+v", m)
	}
	if _, err := l.Measures(As(t.Context(), Actor{Name: "x", Role: api.RoleViewer, Site: "hq"})); AsProblem(err) == nil || AsProblem(err).Exit != api.ExitRefused {
		t.Errorf("a limited actor: error %v", err)
	}
}
