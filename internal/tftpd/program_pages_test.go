package tftpd

import (
	"slices"
	"testing"
)

// TestUnchanged looks for the mappings whose pages may be forgotten: they are read-only,
// of the program, and have no page that was changed.
func TestUnchanged(t *testing.T) {
	const smaps = `00400000-01c0a000 r-xp 00000000 fe:00 3932218                           /usr/bin/flash warden
Size:              24616 kB
Anonymous:             0 kB
01c0a000-02b00000 r--p 0180a000 fe:00 3932218                           /usr/bin/flash warden
Anonymous:             4 kB
02b00000-02b80000 r--p 02700000 fe:00 3932218                           /usr/bin/flash warden
LazyFree:              0 kB
Anonymous:             0 kB
02b80000-02c00000 rw-p 02780000 fe:00 3932218                           /usr/bin/flash warden
Anonymous:             0 kB
7f0000000000-7f0000021000 r--p 00000000 fe:00 77                        /usr/lib/x86_64-linux-gnu/libc.so.6
Anonymous:             0 kB
7f0000030000-7f0000040000 r--p 00000000 00:00 0
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0x1c0a000}, {0x2b00000, 0x2b80000}}
	if got := unchanged(smaps, "/usr/bin/flash warden"); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if got := unchanged(smaps, "/bin/flash warden"); got != nil {
		t.Errorf("another program: %x", got)
	}
}
