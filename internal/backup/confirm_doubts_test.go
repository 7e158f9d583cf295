package backup

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// listed is a device whose listings a test edits.
type listed struct {
	*fakeDevice
	edit    func([]ios.Listing) []ios.Listing
	skipped []Skipped
}

func (d listed) Files(ctx context.Context) ([]ios.Listing, error) {
	all, err := d.fakeDevice.Files(ctx)
	return d.edit(all), err
}

func (d listed) List(ctx context.Context, fs string) ([]ios.Listing, error) {
	all, err := d.Files(ctx)
	return slices.DeleteFunc(all, func(l ios.Listing) bool { return l.FileSystem != fs }), err
}

func (d listed) Skipped() []Skipped { return d.skipped }

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
		d.skipped = []Skipped{{Path: "flash2:/.prst_sync", Err: errors.New("busy")}}
		d.edit = func(all []ios.Listing) []ios.Listing {
			return slices.DeleteFunc(all, func(l ios.Listing) bool { return l.FileSystem == "flash2:" })
		}
	})
	first := b.first()
	r := b.backup(Options{Look: true})
	wantFull(t, r, first, "did not see everything")
	wantLook(t, b.backup(Options{Look: true}), r)
}

// TestUnlistedFileSystem: a backup without the files of a whole file system is not
// complete. A directory that cannot be listed, and an empty slot, are only warnings.
func TestUnlistedFileSystem(t *testing.T) {
	busy := errors.New("dir flash2:: device is busy")
	for name, c := range map[string]struct {
		skipped Skipped
		policy  api.Policy
		status  string
	}{
		"flash of a member":       {Skipped{"flash2:", busy, true}, api.PolicyRebuild, api.StatusIncomplete},
		"its images":              {Skipped{"flash2:", busy, true}, api.PolicyImage, api.StatusIncomplete},
		"nvram:":                  {Skipped{"nvram:", busy, true}, api.PolicyAll, api.StatusIncomplete},
		"no images lie in nvram:": {Skipped{"nvram:", busy, true}, api.PolicyImage, api.StatusOK},
		"a row of the table":      {Skipped{"show file systems", busy, true}, api.PolicyRebuild, api.StatusIncomplete},
		"a directory":             {Skipped{"flash:/lost+found", busy, false}, api.PolicyRebuild, api.StatusOK},
		"a slot without its card": {Skipped{"slot0:", busy, false}, api.PolicyRebuild, api.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			b := lookBench(t, nil)
			b.editListings(func(_ int, d *listed) {
				d.skipped = []Skipped{c.skipped}
				d.edit = func(all []ios.Listing) []ios.Listing { return all }
			})
			r := b.backup(Options{Policy: c.policy})
			if r.Status != c.status || !slices.Contains(r.Warnings, c.skipped.Path+" was not listed: "+busy.Error()) {
				t.Errorf("%s: %s; warnings %q", r.Status, r.Message, r.Warnings)
			}
			if f := file(t, b.backup(Options{}), "flash:/c2960.bin"); f.SHA256 == "" {
				t.Errorf("the image is not held: %+v", f)
			}
		})
	}
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

// TestLookAtPatches: a patch can be activated while no file changes. Only a device that had
// one costs the command.
func TestLookAtPatches(t *testing.T) {
	image := ios.InstallPackage{Type: "IMG", State: "C", FilenameVersion: "17.9.4"}
	smu := ios.InstallPackage{Type: "SMU", State: "I", FilenameVersion: "flash:/smu.bin"}
	state := "I"
	b := lookBench(t, nil)
	installed := func(d *fakeDevice, packages ...ios.InstallPackage) {
		d.facts.Install = []ios.InstallLocation{{Location: "R0", Packages: packages}}
	}
	b.prepareNext(func(d *fakeDevice) { smu.State = state; installed(d, image, smu) })
	first := b.first()
	wantLook(t, b.backup(Options{Look: true}), first)
	state = "C"
	wantFull(t, b.backup(Options{Look: true}), first, "show install summary shows other packages")
	b.prepareNext(func(d *fakeDevice) { installed(d, image) })
	first = b.first()
	wantLook(t, b.backup(Options{Look: true}), first)
	if asked := b.devices[len(b.devices)-1].asked; slices.Contains(asked, "installed") {
		t.Errorf("asked for %q although the device had no patch", asked)
	}
}

// TestLookOfAllFiles: logs change every night. No look stands for them, and they alone make no
// new snapshot.
func TestLookOfAllFiles(t *testing.T) {
	b := lookBench(t, nil)
	night := 0
	b.prepareNext(func(d *fakeDevice) {
		delete(d.flash, "html/index.htm")
		night++
		d.flash["boot.log"] = bytes.Repeat([]byte("started\n"), night)
		if night > 2 {
			d.flash["new.log"] = []byte("new")
		}
		if night > 3 {
			d.flash["page.htm"] = []byte("new")
		}
	})
	all := Options{Policy: api.PolicyAll}
	first := b.backup(all)
	wantResult(t, first, api.StatusOK, "")
	file(t, first, "flash:/boot.log")
	all.Look = true
	for range 2 {
		r := b.backup(all)
		wantResult(t, r, api.StatusUnchanged, "")
		if i := slices.IndexFunc(r.Files, func(f api.File) bool { return strings.HasSuffix(f.Path, ".log") }); i >= 0 {
			t.Errorf("the look stands for %s", r.Files[i].Path)
		}
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "writes all the time") }) {
			t.Errorf("notes %q", r.Notes)
		}
	}
	wantFull(t, b.backup(all), first, "flash:/page.htm is new")
}

// TestLookWithUnreadLines: a backup of images alone does not need a line that cannot be read.
func TestLookWithUnreadLines(t *testing.T) {
	b := lookBench(t, nil)
	b.editListings(func(_ int, d *listed) {
		d.edit = func(all []ios.Listing) []ios.Listing { all[0].Unread = []string{"strange"}; return all }
	})
	first := b.backup(Options{Policy: api.PolicyImage})
	wantResult(t, first, api.StatusOK, "")
	wantLook(t, b.backup(Options{Policy: api.PolicyImage, Look: true}), first)
}

// TestNamedSystemOfTwoNames: the configuration calls one file system by two names; it is listed once.
func TestNamedSystemOfTwoNames(t *testing.T) {
	table := []ios.FileSystem{{Size: 1, Type: "flash", Flags: "rw", Prefixes: []string{"flash:"}, Default: true},
		{Size: 1 << 20, Type: "usbflash", Flags: "rw", Prefixes: []string{"usb0:", "usbflash0:"}}}
	listings := []ios.Listing{{FileSystem: "flash:", Path: "flash:/", Table: table}}
	config := "tftp-server usb0:a.cfg\ntftp-server usbflash0:b.cfg\nend\n"
	if got := namedSystems(ios.Facts{}, config, table, flash.NewSystems(ios.Facts{}, listings)); !slices.Equal(got, []string{"usb0:"}) {
		t.Errorf("%q", got)
	}
}

// TestListingOfDeletedFile: a snapshot knows that a file is only marked as deleted.
func TestListingOfDeletedFile(t *testing.T) {
	got := listingsOf([]ios.Listing{{Path: "flash:/", Entries: []ios.Entry{{Name: "x.bin", Deleted: true}, {Name: "y.bin"}}}})
	if e := got[0].Entries; !e[0].Deleted || e[1].Deleted {
		t.Errorf("%+v", e)
	}
}

// TestLookSaysHowFilesWereProved: a look hides neither weak evidence nor warnings.
func TestLookSaysHowFilesWereProved(t *testing.T) {
	b := lookBench(t, nil)
	b.prepareNext(func(d *fakeDevice) {
		d.noVerify = true
		d.facts.Install = nil
		d.facts.Image = "flash:elsewhere.bin" // so BOOT names the image: a warning
	})
	first := b.first()
	if len(first.Warnings) == 0 {
		t.Fatal("no warning")
	}
	r := b.backup(Options{Look: true})
	wantLook(t, r, first)
	if f := file(t, r, "flash:/vlan.dat"); f.ProvedBy != api.EvidenceSize {
		t.Errorf("%+v", f)
	}
	if !slices.Equal(r.Warnings, first.Warnings) || !slices.Contains(r.Notes, first.Warnings[0]) {
		t.Errorf("warnings %q, notes %q; want %q", r.Warnings, r.Notes, first.Warnings)
	}
}
