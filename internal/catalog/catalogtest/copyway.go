package catalogtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

// testCopyWay remembers the transport of a device, and forgets it with the device.
func testCopyWay(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	if err := c.AddDevice(ctx, Device(), Sealed()); err != nil {
		t.Fatal(err)
	}
	want := func(want api.CopyWay) {
		t.Helper()
		got, err := c.CopyWay(ctx, "sw1")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
		}
	}
	want(api.CopyWay{})
	at := time.Date(2026, 11, 29, 14, 0, 0, 0, time.UTC)
	for _, w := range []api.CopyWay{{Way: api.CopySCPPull, Reason: "tftp: refused", Since: at}, {Way: api.CopyTFTP, Since: at.Add(time.Hour)}} {
		if err := c.SetCopyWay(ctx, "sw1", w); err != nil {
			t.Fatal(err)
		}
		want(w)
	}
	if err := c.RemoveDevice(ctx, "sw1"); err != nil {
		t.Fatal(err)
	}
	want(api.CopyWay{})
}
