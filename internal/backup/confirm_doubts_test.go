package backup

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/ios"
)

// listed is a device whose listings a test edits.
type listed struct {
	*fakeDevice
	edit    func([]ios.Listing) []ios.Listing
	skipped []string
}

func (d listed) Files(ctx context.Context) ([]ios.Listing, error) {
	all, err := d.fakeDevice.Files(ctx)
	return d.edit(all), err
}

func (d listed) List(ctx context.Context, fs string) ([]ios.Listing, error) {
	all, err := d.Files(ctx)
	return slices.DeleteFunc(all, func(l ios.Listing) bool { return l.FileSystem != fs }), err
}

func (d listed) Skipped() []string { return d.skipped }

// editListings has the sessions of a bench show other listings. edit gets the number of
// the session, from 0.
func (b *bench) editListings(edit func(session int, d *listed)) {
	session := 0
	b.Dial = func(ctx context.Context, a api.Device) (Device, error) {
		d, err := b.dial(ctx, a)
		if err != nil {
			return nil, err
		}
		l := listed{fakeDevice: d.(*fakeDevice), edit: func(all []ios.Listing) []ios.Listing { return all }}
		edit(session, &l)
		session++
		return l, nil
	}
}

// TestLookUndatedFile changes a file of the same size that the listings show without a date,
// as those of const_nvram: on a Catalyst 6500.
func TestLookUndatedFile(t *testing.T) {
	b := lookBench(t, func(d *fakeDevice) { d.flash["const_nvram:vlan.dat"] = []byte("VLAN 10 b") })
	usual := b.prepare
	b.prepare = func(n int, d *fakeDevice) error {
		delete(d.flash, "vlan.dat")
		d.flash["const_nvram:vlan.dat"] = []byte("VLAN 10 a")
		return usual(n, d)
	}
	b.editListings(func(_ int, d *listed) {
		d.edit = func(all []ios.Listing) []ios.Listing {
			for _, l := range all {
				for i := range l.Entries {
					if l.FileSystem == "const_nvram:" {
						l.Entries[i].Modified = ""
					}
				}
			}
			return all
		}
	})
	first := b.first()
	changed := b.backup(Options{Look: true})
	wantFull(t, changed, first, "const_nvram:vlan.dat has no date in the listings")
	wantLook(t, b.backup(Options{Look: true}), changed) // its digest is the same now
}

// TestLookAfterSkippedFileSystem: a backup that could not list a member's flash is confirmed
// by no look, because the device may have more than the backup.
func TestLookAfterSkippedFileSystem(t *testing.T) {
	b := lookBench(t, nil)
	usual := b.prepare
	b.prepare = func(n int, d *fakeDevice) error {
		d.flash["flash2:c2960.bin"] = []byte(strings.Repeat("image", 4000))
		return usual(n, d)
	}
	b.editListings(func(session int, d *listed) {
		if session > 0 {
			return
		}
		d.skipped = []string{"flash2: was not listed: busy"}
		d.edit = func(all []ios.Listing) []ios.Listing {
			return slices.DeleteFunc(all, func(l ios.Listing) bool { return l.FileSystem == "flash2:" })
		}
	})
	first := b.first()
	r := b.backup(Options{Look: true})
	wantFull(t, r, first, "did not see everything")
	wantLook(t, b.backup(Options{Look: true}), r)
}

// TestLookAfterAnUnreadConfig: the running-config could not be read when the files were
// selected, so files that it names may be missing.
func TestLookAfterAnUnreadConfig(t *testing.T) {
	b := lookBench(t, nil)
	usual := b.prepare
	b.prepare = func(n int, d *fakeDevice) error {
		err := usual(n, d)
		calls := 0
		d.config = func() (string, error) {
			if calls++; n == 0 && calls == 1 {
				return "", errors.New("show running-config does not end with end")
			}
			return plainConfig, nil
		}
		return err
	}
	first := b.first()
	wantFull(t, b.backup(Options{Look: true}), first, "did not see everything")
}

// TestLookAfterSeveralAttempts: the content of the first attempt stands beside the listings of
// the last one.
func TestLookAfterSeveralAttempts(t *testing.T) {
	b := lookBench(t, nil)
	b.Waits = []time.Duration{0, 0}
	usual := b.prepare
	b.prepare = func(n int, d *fakeDevice) error {
		err := usual(n, d)
		if n < 2 { // the session is opened once more, then the attempt ends
			d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
				if strings.Contains(c.Source, "vlan.dat") {
					return ios.CopyResult{}, errLost
				}
				return d.send(ctx, c, d.content(c.Source))
			}
		}
		return err
	}
	first := b.first()
	wantFull(t, b.backup(Options{Look: true}), first, "did not see everything")
}

// TestLookReadsOldContentAgain: content that was not read lately is read by the look, and no
// device is asked for its digests. A proof of the future counts as none.
func TestLookReadsOldContentAgain(t *testing.T) {
	for name, at := range map[string]time.Time{"old": time.Now().AddDate(0, 0, -40), "in the future": time.Now().AddDate(2, 0, 0)} {
		t.Run(name, func(t *testing.T) {
			b := lookBench(t, nil)
			first := b.first()
			if name == "old" {
				b.ProvedWithin = time.Nanosecond
			}
			for _, f := range first.Files {
				must(t, b.Catalog.RecordProofs(t.Context(), catalog.Proof{SHA256: f.SHA256, Size: f.Size, Read: at, Whole: true}))
			}
			wantLook(t, b.backup(Options{Look: true}), first)
			for _, f := range first.Files {
				read, err := b.Catalog.Proved(t.Context(), f.SHA256)
				if age := time.Since(read); err != nil || age < 0 || age > time.Hour {
					t.Errorf("%s was read at %v, error %v", f.Path, read, err)
				}
			}
		})
	}
}
