package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
)

func TestBackupIsProvedAndKept(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	r := b.backup(Options{})
	wantResult(t, r, api.StatusOK, "")
	var paths []string
	for _, f := range r.Files {
		paths = append(paths, f.Path)
		if f.Copied != (f.Path != api.RunningConfigPath) || f.SHA256 == "" || f.MD5 == "" {
			t.Errorf("%+v: not kept, or copied %v", f, f.Copied)
		}
	}
	slices.Sort(paths[1:3]) // the listing of a map has no order
	want := []string{"flash:/c2960.bin", "flash:/config.text", "flash:/vlan.dat", api.RunningConfigPath}
	if !slices.Equal(paths, want) {
		t.Errorf("took %v, want %v", paths, want)
	}
	if e := file(t, r, "flash:/c2960.bin").Evidence; e != api.EvidenceMD5 {
		t.Errorf("evidence of the image is %q", e)
	}
	if e := file(t, r, api.RunningConfigPath).Evidence; e != api.EvidenceSize {
		t.Errorf("evidence of the running-config is %q", e)
	}
	if r.BytesCopied != 20000+17+4 {
		t.Errorf("copied %d bytes, want the files that crossed the network", r.BytesCopied)
	}
	s, err := b.Vault.Snapshot(t.Context(), r.Snapshot)
	must(t, err)
	if s.BytesCopied != r.BytesCopied || s.Status != api.StatusOK || len(s.Files) != 4 || len(s.Listings) != 1 || len(s.Listings[0].Entries) != 4 {
		t.Errorf("snapshot %+v", s)
	}
	b.wantClean()

	again := b.backup(Options{})
	wantResult(t, again, api.StatusOK, "")
	if again.BytesCopied != 0 || file(t, again, "flash:/c2960.bin").Copied || again.Snapshot == r.Snapshot || again.Snapshot == "" {
		t.Errorf("the second backup copied %d bytes into %q", again.BytesCopied, again.Snapshot)
	}
	recopied := b.backup(Options{Recopy: true})
	if wantResult(t, recopied, api.StatusOK, ""); recopied.BytesCopied != 20000+17+4 {
		t.Errorf("--recopy copied %d bytes", recopied.BytesCopied)
	}
	b.wantClean()
}

// TestLostBlobIsCopiedAgain takes the image out of the vault: the index alone
// is no proof.
func TestLostBlobIsCopiedAgain(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	sum := file(t, b.backup(Options{}), "flash:/c2960.bin").SHA256
	must(t, os.Remove(b.blobPath(sum)))
	r := b.backup(Options{})
	wantResult(t, r, api.StatusOK, "")
	if !file(t, r, "flash:/c2960.bin").Copied {
		t.Error("a blob that is gone was taken as known")
	}
	b.wantClean()
}

func TestWithoutDigestTheEvidenceSaysSo(t *testing.T) {
	b := newBench(t, func(_ int, d *fakeDevice) error { d.noVerify = true; return nil })
	defer b.close()
	for range 2 {
		r := b.backup(Options{})
		wantResult(t, r, api.StatusOK, "")
		if f := file(t, r, "flash:/c2960.bin"); f.Evidence != api.EvidenceSize || !f.Copied {
			t.Errorf("%+v: without a device digest nothing is taken as known", f)
		}
	}
	b.wantClean()
}

func TestDryRunCopiesNothing(t *testing.T) {
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) {
			t.Error("a dry run copied")
			return ios.CopyResult{}, nil
		}
		return nil
	})
	defer b.close()
	r := b.backup(Options{DryRun: true})
	wantResult(t, r, api.StatusOK, "")
	if r.Plan == nil || r.Plan.Bytes != 20021 || r.Snapshot != "" ||
		!slices.Contains(r.Plan.Commands, "copy flash:/c2960.bin tftp://192.0.2.100/TICKET") {
		t.Errorf("plan %+v", r.Plan)
	}
}

// TestDryRunKnowsTheVault: an image of the size of one in the vault is probably not copied, unless
// the device computes no digests, or every file is to be copied.
func TestDryRunKnowsTheVault(t *testing.T) {
	for name, test := range map[string]struct {
		without bool // digests
		recopy  bool
		held    bool
	}{"with digests": {held: true}, "without": {without: true}, "recopy": {recopy: true}} {
		b := newBench(t, func(_ int, d *fakeDevice) error { d.noVerify = test.without; return nil })
		b.backup(Options{})
		device := "sw1"
		if !test.without {
			device = "sw9" // the vault has the image from another device
		}
		r := b.Backup(t.Context(), api.Device{Name: device, Address: "192.0.2.1"}, Options{DryRun: true, Recopy: test.recopy})
		i := slices.IndexFunc(r.Plan.Copies, func(c api.PlannedCopy) bool { return c.Path == "flash:/c2960.bin" })
		if i < 0 || r.Plan.Copies[i].Held != test.held || r.Plan.Copies[i].Shared != test.held || (api.Likely(r.Plan) < r.Plan.Bytes) != test.held {
			t.Errorf("%s: %+v", name, r.Plan)
		}
		b.close()
	}
}

func TestBadCopies(t *testing.T) {
	image := func(c ios.Copy) bool { return path.Base(c.Source) == "c2960.bin" }
	for what, c := range map[string]struct {
		copying func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error)
		cause   cause.Cause
	}{
		"a name that is not the ticket's": {func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			c.Name = "elsewhere"
			return d.send(ctx, c, nil)
		}, cause.RefusedByServer},
		"nothing asked": {func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) {
			return ios.CopyResult{Bytes: -1, Error: "%Error opening tftp://192.0.2.100/x (Timed out)"}, nil
		}, cause.NoRequest},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t, func(_ int, d *fakeDevice) error {
				d.copying = func(ctx context.Context, d *fakeDevice, cp ios.Copy) (ios.CopyResult, error) {
					if image(cp) {
						return c.copying(ctx, d, cp)
					}
					return d.send(ctx, cp, d.flash[path.Base(cp.Source)])
				}
				return nil
			})
			defer b.close()
			r := b.backup(Options{})
			f := file(t, r, "flash:/c2960.bin")
			if f.Cause != c.cause || f.SHA256 != "" || f.Evidence != "" {
				t.Errorf("image: %+v, want cause %s", f, c.cause)
			}
			if r.Cause != c.cause || r.Hint == "" {
				t.Errorf("result: cause %q (%s), hint %q", r.Cause, r.Message, r.Hint)
			}
			b.wantClean()
		})
	}
}

// TestWrongContent has a device that sends another file than it has.
func TestWrongContent(t *testing.T) {
	for what, c := range map[string]struct {
		wrong func(content []byte) []byte
		cause cause.Cause
	}{
		"one block short":  {func(data []byte) []byte { return data[:len(data)-512] }, cause.SizeMismatch},
		"one byte more":    {func(data []byte) []byte { return append(slices.Clone(data), 0) }, cause.SizeMismatch},
		"one flipped byte": {func(data []byte) []byte { data = slices.Clone(data); data[7] ^= 1; return data }, cause.DigestMismatch},
	} {
		t.Run(what, func(t *testing.T) {
			overEach(t, func(t *testing.T, by api.Device, sends func(*fakeDevice, sending, func())) {
				b := newBench(t, func(_ int, d *fakeDevice) error {
					sends(d, func(p string, content []byte) sent {
						if path.Base(p) == "c2960.bin" {
							content = c.wrong(content)
						}
						return sent{content, ends}
					}, nil)
					return nil
				})
				defer b.close()
				r := b.Backup(t.Context(), by, Options{})
				f := file(t, r, "flash:/c2960.bin")
				if f.Cause != c.cause || f.SHA256 != "" || f.Evidence != "" {
					t.Errorf("image: %+v, want cause %s", f, c.cause)
				}
				if r.Cause != c.cause || r.Status != api.StatusIncomplete || r.Hint == "" {
					t.Errorf("result: %s, cause %q (%s), hint %q", r.Status, r.Cause, r.Message, r.Hint)
				}
				b.wantClean()
			})
		})
	}
}

func TestIncompleteKeepsWhatWasProved(t *testing.T) {
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			data := slices.Clone(d.flash[path.Base(c.Source)])
			if path.Base(c.Source) == "vlan.dat" {
				data[0]++
			}
			return d.send(ctx, c, data)
		}
		return nil
	})
	defer b.close()
	r := b.backup(Options{})
	wantResult(t, r, api.StatusIncomplete, cause.DigestMismatch)
	if r.BytesCopied != 20000+17 {
		t.Errorf("copied %d bytes: a file that was refused counts", r.BytesCopied)
	}
	s, err := b.Vault.Snapshot(t.Context(), r.Snapshot)
	must(t, err)
	if s.Status != api.StatusIncomplete {
		t.Errorf("the snapshot says %q", s.Status)
	}
	b.wantClean()
}

// TestTFTPIsRestricted has a device whose software refuses TFTP, at once or after
// some files. The proved files are kept, and so is the running-config, which needs
// no transfer.
func TestTFTPIsRestricted(t *testing.T) {
	for copies, kept := range []int{1, 2, 3} {
		b := newBench(t, func(_ int, d *fakeDevice) error {
			n := 0
			d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
				if n++; n > copies {
					return ios.CopyResult{Bytes: -1, Error: "% Command rejected: tftp is insecure", Cause: cause.TransportRestricted}, nil
				}
				return d.send(ctx, c, d.content(c.Source))
			}
			return nil
		})
		r := b.backup(Options{Policy: api.PolicyRebuild})
		wantResult(t, r, api.StatusIncomplete, cause.TransportRestricted)
		got := 0
		for _, f := range r.Files {
			if f.SHA256 != "" {
				got++
			}
		}
		if got != kept || file(t, r, api.RunningConfigPath).SHA256 == "" || r.Attempts != 1 || !strings.Contains(r.Hint, "system mode insecure") {
			t.Errorf("%d files after %d copies and %d attempts; %s", got, copies, r.Attempts, r.Hint)
		}
		b.wantClean()
		b.close()
	}
}

func TestUnsafePromptEndsTheBackup(t *testing.T) {
	copies := 0
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = func(_ context.Context, _ *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			copies++
			_, stop := c.Answer("Erase flash: before copying? [confirm]")
			return ios.CopyResult{}, stop
		}
		return nil
	})
	defer b.close()
	r := b.backup(Options{})
	wantResult(t, r, api.StatusFailed, cause.UnsafePrompt)
	if copies != 1 || len(b.devices) != 1 || r.Snapshot != "" {
		t.Errorf("%d copies, %d sessions, snapshot %q: want 1, 1 and none", copies, len(b.devices), r.Snapshot)
	}
	b.wantClean()
}

// TestQuestionAtTheConfig ends the backup at a question that the running-config does not
// have: nobody knows what the device would do next.
func TestQuestionAtTheConfig(t *testing.T) {
	for _, c := range []cause.Cause{cause.UnsafePrompt, cause.PromptUnrecognised} {
		asked := 0
		b := newBench(t, func(_ int, d *fakeDevice) error {
			d.config = func() (string, error) {
				if asked++; asked > 1 {
					return plainConfig, nil
				}
				return "", cause.New(c, "the device asked something", nil)
			}
			return nil
		})
		r := b.backup(Options{})
		wantResult(t, r, api.StatusFailed, c)
		if asked != 1 || len(b.devices) != 1 || r.Snapshot != "" {
			t.Errorf("asked %d times in %d sessions, snapshot %q", asked, len(b.devices), r.Snapshot)
		}
		b.close()
	}
}

func TestLineDiesWhileTheCopyGoesOn(t *testing.T) {
	b := newBench(t, func(n int, d *fakeDevice) error {
		if n > 0 {
			return nil
		}
		d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			_, err := d.send(ctx, c, d.flash[path.Base(c.Source)])
			d.copying = func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) {
				return ios.CopyResult{}, cause.New(cause.SessionLost, "line closed", nil)
			}
			return ios.CopyResult{}, errors.Join(err, cause.New(cause.SessionLost, "line closed", nil))
		}
		return nil
	})
	defer b.close()
	r := b.backup(Options{})
	wantResult(t, r, api.StatusOK, "")
	if r.Attempts != 1 || len(b.devices) != 2 {
		t.Errorf("%d attempts on %d sessions, want 1 on 2", r.Attempts, len(b.devices))
	}
}

func TestRetries(t *testing.T) {
	lost := cause.New(cause.SessionLost, "line closed", nil)
	t.Run("succeeds in the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(n int, d *fakeDevice) error {
				if n < 2 {
					return lost
				}
				return nil
			})
			defer b.close()
			began := time.Now()
			r := b.backup(Options{})
			wantResult(t, r, api.StatusOK, "")
			if took := time.Since(began); r.Attempts != 3 || took < 80*time.Second || took > 90*time.Second {
				t.Errorf("%d attempts in %s", r.Attempts, took)
			}
		})
	})
	t.Run("tells the attempt that got furthest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(n int, d *fakeDevice) error {
				if n > 0 {
					return cause.New(cause.ConnectRefused, "refused", nil)
				}
				d.copying = func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) { return ios.CopyResult{}, lost }
				return nil
			})
			defer b.close()
			wantResult(t, b.backup(Options{}), api.StatusFailed, cause.SessionLost)
		})
	})
	t.Run("a wrong password is tried once", func(t *testing.T) {
		b := newBench(t, func(int, *fakeDevice) error { return cause.New(cause.AuthFailed, "refused", nil) })
		defer b.close()
		r := b.backup(Options{})
		wantResult(t, r, api.StatusFailed, cause.AuthFailed)
		if len(b.devices) != 1 || r.Attempts != 1 {
			t.Errorf("%d logins", len(b.devices))
		}
	})
}

// TestStall has a device that sends half a file and goes on saying nothing.
func TestStall(t *testing.T) {
	overEach(t, func(t *testing.T, by api.Device, sends func(*fakeDevice, sending, func())) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(_ int, d *fakeDevice) error {
				sends(d, func(_ string, content []byte) sent { return sent{content[:512], silent} }, nil)
				return nil
			})
			defer b.close()
			b.Waits = []time.Duration{}
			began := time.Now()
			r := b.Backup(t.Context(), by, Options{Policy: api.PolicyImage})
			wantResult(t, r, api.StatusFailed, cause.Stalled)
			if took := time.Since(began); took < time.Minute || took > 62*time.Second {
				t.Errorf("took %s, want the stall timeout", took)
			}
			b.wantClean()
		})
	})
}

// TestCancel ends a backup in the middle of a file, at once.
func TestCancel(t *testing.T) {
	overEach(t, func(t *testing.T, by api.Device, sends func(*fakeDevice, sending, func())) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			b := newBench(t, func(_ int, d *fakeDevice) error {
				sends(d, func(_ string, content []byte) sent { return sent{content[:512], cancels} }, cancel)
				return nil
			})
			defer b.close()
			began := time.Now()
			r := b.Backup(ctx, by, Options{})
			wantResult(t, r, api.StatusFailed, cause.Cancelled)
			if took := time.Since(began); took > time.Second {
				t.Errorf("took %s", took)
			}
			b.wantClean()
		})
	})
}

// TestCancelAfterACopy cancels when a file has just arrived: that is no fault of the vault.
func TestCancelAfterACopy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = except("config.text", func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			r, err := d.send(ctx, c, d.flash["config.text"])
			cancel()
			return r, err
		})
		return nil
	})
	defer b.close()
	r := b.Backup(ctx, api.Device{Name: "sw1", Address: "192.0.2.1"}, Options{})
	wantResult(t, r, api.StatusIncomplete, cause.Cancelled)
	for _, f := range r.Files {
		if f.Cause == cause.VaultError {
			t.Errorf("%s: %s", f.Path, f.Message)
		}
	}
	b.wantClean()
}

// TestCancelKeepsWhatWasProved cancels at the second file: the first one is in
// a snapshot, and the snapshot in the index.
func TestCancelKeepsWhatWasProved(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = except("config.text", func(ctx context.Context, _ *fakeDevice, _ ios.Copy) (ios.CopyResult, error) {
			cancel()
			<-ctx.Done()
			return ios.CopyResult{}, ctx.Err()
		})
		return nil
	})
	defer b.close()
	r := b.Backup(ctx, api.Device{Name: "sw1", Address: "192.0.2.1"}, Options{})
	wantResult(t, r, api.StatusIncomplete, cause.Cancelled)
	rows, err := b.Catalog.Snapshots(t.Context(), "sw1")
	must(t, err)
	if len(rows) != 1 || rows[0].ID != r.Snapshot {
		t.Errorf("the index has %+v, want %s", rows, r.Snapshot)
	}
	b.wantClean()
}

// TestOneCopyPerContent backs ten devices with the same image up at once, by two operations.
func TestOneCopyPerContent(t *testing.T) {
	var imageCopies atomic.Int32
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			if path.Base(c.Source) == "c2960.bin" {
				imageCopies.Add(1)
			}
			return d.send(ctx, c, d.flash[path.Base(c.Source)])
		}
		return nil
	})
	defer b.close()
	b.Contents = new(Contents)
	another := &Runner{Dial: b.Dial, Spool: b.Spool, Vault: b.Vault, Catalog: b.Catalog, Contents: b.Contents}
	devices := fleet(10, "")
	var both sync.WaitGroup
	for i, runner := range []*Runner{b.Runner, another} {
		both.Go(func() {
			for _, r := range runner.All(t.Context(), devices[5*i:5*i+5], Options{}) {
				wantResult(t, r, api.StatusOK, "")
			}
		})
	}
	both.Wait()
	if n := imageCopies.Load(); n != 1 {
		t.Errorf("the image was copied %d times", n)
	}
	b.wantClean()
}

// TestLimits counts how many devices are backed up at once.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		site string
		want int
	}{{"", 8}, {"hq", 4}} {
		t.Run("site "+c.site, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var now, most int
				b := newBench(t, nil)
				defer b.close()
				b.Dial = func(context.Context, api.Device) (Device, error) {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(time.Second) // by the bubble's clock: all that may start have started
					mu.Lock()
					now--
					mu.Unlock()
					return nil, cause.New(cause.AuthFailed, "refused", nil)
				}
				b.All(t.Context(), fleet(20, c.site), Options{})
				if most != c.want {
					t.Errorf("%d at once, want %d", most, c.want)
				}
			})
		})
	}
}

func fleet(n int, site string) []api.Device {
	var out []api.Device
	for i := range n {
		out = append(out, api.Device{Name: fmt.Sprintf("sw%d", i), Site: site})
	}
	return out
}
