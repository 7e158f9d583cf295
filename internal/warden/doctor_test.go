package warden

import (
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
)

// TestDoctorComparesClocks: a newest snapshot from the future is a finding.
func TestDoctorComparesClocks(t *testing.T) {
	l, n, ctx := opened(t, "sw1", "sw2")
	keep(t, n, "sw1", time.Now().Add(time.Hour), map[string]string{"flash:/x.bin": "an image"})
	keep(t, n, "sw2", time.Now(), map[string]string{"flash:/x.bin": "an image"})
	report, err := l.Doctor(ctx, api.Doctor{}, nil)
	future := func(f api.Finding) bool { return strings.Contains(f.Seen, "but the vault has a snapshot from") }
	if err != nil || !slices.ContainsFunc(report.Findings, future) {
		t.Errorf("%+v, error %v; want a finding about the clock", report.Findings, err)
	}
}
