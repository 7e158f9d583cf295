package warden

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
)

// TestLostKey takes the key file away while passwords are sealed with it: it is not
// replaced until somebody asks for it, and all that needs no password goes on.
func TestLostKey(t *testing.T) {
	l, dir, _ := newLocal(t)
	ctx := As(t.Context(), Admin("ann", "terminal"))
	password := "s3cret"
	change := api.DeviceChange{Device: api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup"}, Password: &password}
	if _, err := l.AddDevice(ctx, change); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Rebuild(ctx, api.Rebuild{NewKey: true}, nil); err == nil || !strings.Contains(err.Error(), "is not lost") {
		t.Errorf("a new key in place of one that is there: %v", err)
	}
	if err := errors.Join(l.Close(), os.Remove(filepath.Join(dir, "key"))); err != nil {
		t.Fatal(err)
	}
	l = New(Options{Data: dir, Config: l.opts.Config})
	defer func() { l.Close() }()
	if rows, err := l.Devices(ctx, api.Select{}); err != nil || len(rows) != 1 {
		t.Errorf("%+v, error %v", rows, err)
	}
	_, err := l.EditDevice(ctx, change)
	if p := AsProblem(err); p == nil || !strings.Contains(p.Detail, "stored passwords cannot be read (devices and credentials: 1)") || !strings.Contains(p.Fix.String(), "put a copy of it back") {
		t.Errorf("error %v", err)
	}
	report, err := l.Doctor(ctx, api.Doctor{}, nil)
	if lost := func(f api.Finding) bool { return strings.Contains(f.Seen, "the key file") }; err != nil || !slices.ContainsFunc(report.Findings, lost) {
		t.Errorf("doctor: %+v, error %v; want a finding about the key", report.Findings, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key file: %v; want none", err)
	}
	if _, err := l.Rebuild(ctx, api.Rebuild{NewKey: true}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.EditDevice(ctx, change); err != nil {
		t.Error(err)
	}
}
