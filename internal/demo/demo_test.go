package demo_test

import (
	"context"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/demo"
	"flashwarden/internal/warden"
)

// TestChoose names each device, also the second one of a profile.
func TestChoose(t *testing.T) {
	fleet, err := demo.Choose([]string{"c2500", "c800m", "c2500"})
	if err != nil || len(fleet) != 3 {
		t.Errorf("%+v, %v", fleet, err)
	}
	if fleet, err = demo.Choose(nil); err != nil || len(fleet) != 3 {
		t.Errorf("by default %+v, %v", fleet, err)
	}
	if _, err := demo.Choose([]string{"c9999"}); err == nil || !strings.Contains(err.Error(), `"c9999"; the names are c2500, `) {
		t.Errorf("error %v", err)
	}
}

// TestStartTwice: a second demonstration in the same directory has the same
// devices, at new addresses.
func TestStartTwice(t *testing.T) {
	ctx := warden.As(context.Background(), warden.Admin("test", "terminal"))
	dir := t.TempDir()
	fleet, err := demo.Choose([]string{"c2500", "c2500"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d, err := demo.Start(ctx, dir, fleet, nil)
		if err != nil {
			t.Fatal(err)
		}
		known, err := d.Warden.Devices(ctx, api.Select{})
		if err != nil || len(known) != 2 || len(d.Devices) != 2 || d.Devices[1].Name != "c2500-no2" || !strings.HasPrefix(d.Devices[1].Address, "127.0.0.12:") {
			t.Errorf("devices %+v, known %+v, %v", d.Devices, known, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
