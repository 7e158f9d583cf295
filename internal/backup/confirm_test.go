package backup

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
)

const modified = "Mar 1 1993 00:05:16 +00:00"

var member = ios.Member{Number: 2, Model: "WS-C2960X", Version: "15.2(2)E6", Image: "C2960X", Active: true}

// stacked are facts with something in every field that a look compares.
func stacked() ios.Facts {
	return ios.Facts{Hostname: "sw1", OS: "ios", Version: "15.2(2)E6", Model: "WS-C2960X", Serial: "FOC1", Serials: []string{"FOC1", "FOC2"},
		Mode: "bundle", Image: "flash:c2960.bin", BootPath: "flash:/c2960.bin", Register: "0xF", NextRegister: "0x2102",
		ConfigFile: "flash:/config.text", PrivateFile: "flash:/private-config.text",
		Members: []ios.Member{{Number: 1, Model: "WS-C2960X", Version: "15.2(2)E6", Image: "C2960X"}, member},
		Starts:  []ios.Start{{Unit: "switch 2", Path: "flash:/c2960.bin"}}}
}

const plainConfig = "!\n! Last configuration change at 10:00:00 UTC Mon Jan 5 2026 by admin\nversion 15.2\nhostname sw1\nlogging file flash:syslog.txt\narchive\n path flash:cfg\nntp clock-period 17179\nend\n"

// lookBench is a bench whose devices have dates, facts of a stack and plainConfig. change
// changes every session after the first one.
func lookBench(t *testing.T, change func(d *fakeDevice)) *bench {
	b := newBench(t, func(n int, d *fakeDevice) error {
		d.modified, d.facts = modified, stacked()
		d.config = func() (string, error) { return plainConfig, nil }
		d.flash["html/index.htm"] = []byte("<html>")
		if n > 0 && change != nil {
			change(d)
		}
		return nil
	})
	b.ProvedWithin = 35 * 24 * time.Hour
	t.Cleanup(b.close)
	return b
}

// first makes the snapshot that a look may confirm.
func (b *bench) first() api.BackupResult {
	b.t.Helper()
	r := b.backup(Options{})
	wantResult(b.t, r, api.StatusOK, "")
	return r
}

func wantLook(t *testing.T, r, first api.BackupResult) {
	t.Helper()
	wantResult(t, r, api.StatusUnchanged, "")
	if r.Snapshot != first.Snapshot || r.BytesCopied != 0 || r.Attempts != 1 || r.Facts.Serial != first.Facts.Serial || len(r.Files) != len(first.Files) {
		t.Errorf("got %+v, want a look that confirms %+v", r, first)
	}
	for i, f := range r.Files {
		was := first.Files[i]
		if f.Evidence != api.EvidenceCarried || !f.ProvedAt.Equal(first.Started) || f.Copied || f.SHA256 != was.SHA256 || f.MD5 != was.MD5 || f.Size != was.Size {
			t.Errorf("got %+v, want %+v, carried", f, was)
		}
	}
}

// wantFull expects a new snapshot with this reason among its notes.
func wantFull(t *testing.T, r, first api.BackupResult, reason string) {
	t.Helper()
	wantResult(t, r, api.StatusOK, "")
	if r.Snapshot == first.Snapshot || r.Snapshot == "" {
		t.Errorf("snapshot %q; want a new one", r.Snapshot)
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool {
		return strings.HasPrefix(n, "a new snapshot was made") && strings.Contains(n, reason)
	}) {
		t.Errorf("notes %q; want one with %q", r.Notes, reason)
	}
}

// vaultKeys are all contents and documents of the vault.
func (b *bench) vaultKeys() []string {
	b.t.Helper()
	names, err := b.Vault.Names(b.t.Context())
	must(b.t, err)
	blobs, err := os.ReadDir(b.dir + "/vault/blobs")
	must(b.t, err)
	for _, e := range blobs {
		names = append(names, e.Name())
	}
	return names
}

func TestLookUnchanged(t *testing.T) {
	for name, change := range map[string]func(*fakeDevice){
		"nothing": nil,
		"volatile lines": func(d *fakeDevice) {
			d.config = func() (string, error) {
				return strings.NewReplacer("10:00:00", "11:30:00", "17179", "17180").Replace(plainConfig), nil
			}
		},
		"daylight saving": func(d *fakeDevice) { d.modified = "Mar 1 1993 02:05:16 +02:00" },
		"a log":           func(d *fakeDevice) { d.flash["boothelper.log"] = []byte("started") },
		"crash dumps, archives and a log of the configuration": func(d *fakeDevice) {
			d.flash["crashinfo"], d.flash["crashinfo_2"], d.flash["dc_profile_dir/x"] = []byte("another crash"), []byte("crash"), []byte("x")
			d.flash["cfg-Nov-28-02-00-00.000-3"], d.flash["syslog.txt"] = []byte("archive"), []byte("more lines")
		},
		"a trace":                 func(d *fakeDevice) { d.flash["tracelogs/x"] = []byte("trace") },
		"members with a new role": func(d *fakeDevice) { d.facts.Stack = []ios.StackSwitch{{Number: 1, Role: "Member"}} },
	} {
		t.Run(name, func(t *testing.T) {
			b := lookBench(t, change)
			first := b.first()
			before := b.vaultKeys()
			wantLook(t, b.backup(Options{Look: true}), first)
			if after := b.vaultKeys(); !slices.Equal(before, after) {
				t.Errorf("the vault has %q, before it had %q", after, before)
			}
			if d := b.devices[1]; !slices.Equal(d.asked, []string{"facts", "flash:"}) || !d.closed {
				t.Errorf("asked for %q, closed %t", d.asked, d.closed)
			}
		})
	}
}

// TestLookChanged changes one thing at a time. The reason begins with the thing.
func TestLookChanged(t *testing.T) {
	for reason, change := range map[string]func(*fakeDevice){
		"the running-config changed": func(d *fakeDevice) {
			d.config = func() (string, error) { return strings.Replace(plainConfig, "end\n", "vlan 7\nend\n", 1), nil }
		},
		"flash:/new.txt is new":               func(d *fakeDevice) { d.flash["new.txt"] = []byte("new") },
		"flash:/vlan.dat is gone":             func(d *fakeDevice) { delete(d.flash, "vlan.dat") },
		"flash:/config.text: 3 bytes":         func(d *fakeDevice) { d.flash["config.text"] = []byte("end") },
		"00:05:17 +00:00; was":                func(d *fakeDevice) { d.modified = "Mar 1 1993 00:05:17 +00:00" },
		`hostname "sw2"`:                      func(d *fakeDevice) { d.facts.Hostname = "sw2" },
		`os "iosxe"`:                          func(d *fakeDevice) { d.facts.OS = "iosxe" },
		`version "15.2(2)E7"`:                 func(d *fakeDevice) { d.facts.Version = "15.2(2)E7" },
		`model "WS-C3750"`:                    func(d *fakeDevice) { d.facts.Model = "WS-C3750" },
		`serial "FOC9"`:                       func(d *fakeDevice) { d.facts.Serial = "FOC9" },
		`serial number "FOC3"`:                func(d *fakeDevice) { d.facts.Serials = []string{"FOC1", "FOC3"} },
		`image "flash:/c2960.bin"`:            func(d *fakeDevice) { d.facts.Image = "flash:/c2960.bin" },
		`boot "flash:/other.bin"`:             func(d *fakeDevice) { d.facts.BootPath = "flash:/other.bin" },
		`boot of "switch 2" ""`:               func(d *fakeDevice) { d.facts.Starts[0].Path = "" },
		`config-register "0x2142"`:            func(d *fakeDevice) { d.facts.Register = "0x2142" },
		`next config-register "0x2102"`:       func(d *fakeDevice) { d.facts.NextRegister = "" },
		`manual boot "yes"`:                   func(d *fakeDevice) { d.facts.ManualBoot = "yes" },
		`manual boot of switch 2 "yes"`:       func(d *fakeDevice) { d.facts.Starts[0].ManualBoot = "yes" },
		`config-register of switch 2 "0x2"`:   func(d *fakeDevice) { d.facts.Starts[0].Register = "0x2" },
		`config file "flash:/x.text"`:         func(d *fakeDevice) { d.facts.ConfigFile = "flash:/x.text" },
		`private config file "flash:/x.text"`: func(d *fakeDevice) { d.facts.PrivateFile = "flash:/x.text" },
		`member 2 "WS-C2960X" "15.2(2)E7"`:    func(d *fakeDevice) { d.facts.Members[1].Version = "15.2(2)E7" },
		`member 1 "WS-C2960X" "15.2(2)E6" "C2960X" "" active true`: func(d *fakeDevice) {
			d.facts.Members[0].Active, d.facts.Members[1].Active = true, false
		},
		"the look failed": func(d *fakeDevice) {
			failed := false
			d.listing = func() error {
				if failed {
					return nil
				}
				failed = true
				return cause.New(cause.CommandRejected, "the device answered % Invalid input", nil)
			}
		},
	} {
		t.Run(reason, func(t *testing.T) {
			b := lookBench(t, change)
			first := b.first()
			wantFull(t, b.backup(Options{Look: true}), first, reason)
			if len(b.devices) != 2 {
				t.Errorf("%d sessions, want 2: the look goes on as a full backup", len(b.devices))
			}
		})
	}
}

// TestLookRefused has snapshots that no look may confirm.
func TestLookRefused(t *testing.T) {
	var b *bench
	for reason, c := range map[string]struct {
		spoil func(first api.BackupResult)
		look  Options
	}{
		"selected its files by other rules": {nil, Options{Look: true, Policy: api.PolicyImage}},
		"flash:/c2960.bin is missing from the vault": {func(first api.BackupResult) {
			must(t, os.Remove(b.blobPath(first.Files[0].SHA256)))
		}, Options{Look: true}},
		"the vault's copy of flash:/c2960.bin is damaged": {func(first api.BackupResult) {
			b.ProvedWithin = 0 // so it is read
			b.spoil(first.Files[0].SHA256)
		}, Options{Look: true}},
		"the vault's copy of the running-config is damaged": {func(first api.BackupResult) {
			path := b.blobPath(first.Files[len(first.Files)-1].SHA256)
			must(t, os.Chmod(path, 0o600))
			must(t, os.WriteFile(path, []byte(strings.Replace(plainConfig, "sw1", "sw7", 1)), 0o600))
		}, Options{Look: true}},
		"there is no earlier backup": {func(first api.BackupResult) {
			s, err := b.Vault.Snapshot(t.Context(), first.Snapshot)
			must(t, err)
			must(t, os.Remove(b.dir+"/vault/snapshots/"+s.ID[:4]+"/"+s.ID[4:6]+"/"+s.Document+".json"))
		}, Options{Look: true}},
		"it is time to ask the device for its digests again": {func(api.BackupResult) { b.Looks.Reverify = time.Nanosecond }, Options{Look: true}},
	} {
		t.Run(reason, func(t *testing.T) {
			b = lookBench(t, nil)
			first := b.first()
			if c.spoil != nil {
				c.spoil(first)
			}
			wantFull(t, b.backup(c.look), first, reason)
			if asked := b.devices[1].asked; len(asked) > 0 {
				t.Errorf("asked for %q; nothing can be confirmed", asked)
			}
		})
	}
}

func TestLookAfterIncompleteBackup(t *testing.T) {
	b := lookBench(t, nil)
	b.prepare = func(_ int, d *fakeDevice) error {
		d.modified = modified
		d.facts = ios.Facts{Hostname: "sw1", OS: "ios", Version: "15.0", Mode: "bundle", Image: "flash:gone.bin"}
		return nil
	}
	r := b.backup(Options{})
	wantResult(t, r, api.StatusIncomplete, cause.ImageNotFound)
	again := b.backup(Options{Look: true})
	wantResult(t, again, api.StatusIncomplete, cause.ImageNotFound)
	if again.Snapshot == r.Snapshot {
		t.Error("a look confirmed an incomplete snapshot")
	}
}

// TestLookNoDate: only a digest shows that an image without a date is the same.
func TestLookNoDate(t *testing.T) {
	b := lookBench(t, nil)
	b.prepare = func(_ int, d *fakeDevice) error { return nil }
	first := b.first()
	wantFull(t, b.backup(Options{Look: true}), first, "has no date in the listings")
}

// TestLookFirst: a device without a backup gets one, and a person always gets a snapshot.
func TestLookFirst(t *testing.T) {
	b := lookBench(t, nil)
	first := b.backup(Options{Look: true})
	wantFull(t, first, api.BackupResult{}, "there is no earlier backup")
	if second := b.backup(Options{}); second.Snapshot == first.Snapshot {
		t.Error("a backup without Look confirmed a snapshot")
	}
}

// TestLookSessionLost: a lost session is an attempt of the backup like any other.
func TestLookSessionLost(t *testing.T) {
	lost := true
	b := lookBench(t, func(d *fakeDevice) {
		d.listing = func() error {
			if !lost {
				return nil
			}
			lost = false
			return errLost
		}
	})
	b.Waits = []time.Duration{0}
	first := b.first()
	r := b.backup(Options{Look: true})
	r.Attempts--
	wantLook(t, r, first)
}

func TestLookDangerousQuestion(t *testing.T) {
	b := lookBench(t, func(d *fakeDevice) {
		d.listing = func() error { return cause.New(cause.UnsafePrompt, "Erase flash:?", nil) }
	})
	b.first()
	wantResult(t, b.backup(Options{Look: true}), api.StatusFailed, cause.UnsafePrompt)
	if asked := b.devices[1].asked; len(asked) != 2 {
		t.Errorf("asked for %q after a dangerous question", asked)
	}
}

// TestLookVaultSilent: nobody can say whether the vault has the snapshot, so nothing is
// copied again.
func TestLookVaultSilent(t *testing.T) {
	b := lookBench(t, nil)
	b.first()
	good := b.Catalog.(catalog.Catalog)
	b.Catalog = brokenProofs{good}
	wantResult(t, b.backup(Options{Look: true}), api.StatusFailed, cause.VaultError)
	b.Catalog = good
}

// TestReverifyTurns: the device is asked for digests only if a turn is free.
func TestReverifyTurns(t *testing.T) {
	b := lookBench(t, nil)
	first := b.first()
	b.Looks = LookRules{Reverify: time.Nanosecond, Turns: NewTurns(1)}
	release, _ := b.Looks.Turns.Take()
	r := b.backup(Options{Look: true})
	wantLook(t, r, first)
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "they wait for a later look") {
		t.Errorf("notes %q", r.Notes)
	}
	release()
	b.prepareNext(func(d *fakeDevice) {
		d.verify = func(string) (ios.Verification, error) {
			if _, free := b.Looks.Turns.Take(); free {
				t.Error("the turn is free while the device computes a digest")
			}
			return ios.Verification{}, errors.New("no digest today")
		}
	})
	b.backup(Options{Look: true})
	if _, free := b.Looks.Turns.Take(); !free {
		t.Error("the turn was not given back")
	}
}

// prepareNext changes the next sessions too.
func (b *bench) prepareNext(change func(*fakeDevice)) {
	usual := b.prepare
	b.prepare = func(n int, d *fakeDevice) error {
		err := usual(n, d)
		change(d)
		return err
	}
}

// brokenProofs is an index that cannot say which content was proved.
type brokenProofs struct{ catalog.Catalog }

func (brokenProofs) Proved(context.Context, string) (time.Time, error) {
	return time.Time{}, errors.New("disk I/O error")
}
