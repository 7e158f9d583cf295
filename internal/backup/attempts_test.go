package backup

import (
	"context"
	"errors"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/tftp"
)

var (
	errLost    = cause.New(cause.SessionLost, "line closed", nil)
	errTimeout = cause.New(cause.ConnectTimeout, "nothing answered", nil)
)

// losing is a copy during which the line dies before the device has asked for
// anything.
func losing(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) {
	return ios.CopyResult{}, errLost
}

// asking is a copy at which the device wants to erase.
func asking(_ context.Context, _ *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
	_, stop := c.Answer("Erase flash: before copying? [confirm]")
	return ios.CopyResult{}, stop
}

// except copies as usual, but one file with the given copy.
func except(name string, copying func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error)) func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) {
	return func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
		if path.Base(c.Source) == name {
			return copying(ctx, d, c)
		}
		return d.send(ctx, c, d.flash[path.Base(c.Source)])
	}
}

// flipping sends one changed byte.
func flipping(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
	data := slices.Clone(d.flash[path.Base(c.Source)])
	data[0] ^= 1
	return d.send(ctx, c, data)
}

// TestWhichAttemptIsTold has three attempts that end in different ways.
func TestWhichAttemptIsTold(t *testing.T) {
	refused := cause.New(cause.AuthFailed, "refused", nil)
	for name, c := range map[string]struct {
		prepare  func(n int, d *fakeDevice) error
		want     cause.Cause
		attempts int
	}{
		"a dangerous question after a lost line": {func(n int, d *fakeDevice) error {
			d.copying = []func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error){halfway(4096), asking}[n]
			return nil
		}, cause.UnsafePrompt, 2},
		"a login that was reached after one that was not": {func(n int, _ *fakeDevice) error {
			return []error{errTimeout, refused}[n]
		}, cause.AuthFailed, 2},
		"no answer after a lost login": {func(n int, _ *fakeDevice) error {
			return []error{errLost, errTimeout, errTimeout}[n]
		}, cause.SessionLost, 3},
		"a stall after more bytes": {func(n int, d *fakeDevice) error {
			d.copying = []func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error){losing, halfway(8192), halfway(512)}[n]
			return nil
		}, cause.Stalled, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, c.prepare)
				defer b.close()
				r := b.backup(Options{Policy: api.PolicyImage}) // without the running-config, which needs no transfer
				wantResult(t, r, api.StatusFailed, c.want)
				if r.Attempts != c.attempts {
					t.Errorf("%d attempts, want %d", r.Attempts, c.attempts)
				}
				if c.want == cause.Stalled && !strings.Contains(r.Message, "8192 of 20000") {
					t.Errorf("tells %q, want the attempt with the most bytes", r.Message)
				}
				b.wantClean()
			})
		})
	}
}

// TestSilentDevice accepts the connection and sends nothing: it is tried twice
// at most, and counts as further than a device that cannot be reached.
func TestSilentDevice(t *testing.T) {
	silent := cause.Wrap(cause.ConnectTimeout, cause.ErrSilent, "it sent nothing", nil)
	for name, c := range map[string]struct {
		logins   []error
		attempts int
		want     string // the message
	}{
		"always":                       {[]error{silent, silent, silent}, 2, cause.Text(silent)},
		"after one that was not":       {[]error{errTimeout, silent, silent}, 3, cause.Text(silent)},
		"before one that was not":      {[]error{silent, errTimeout, errTimeout}, 3, cause.Text(silent)},
		"and then a line that is lost": {[]error{silent, errLost, silent}, 3, errLost.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(n int, _ *fakeDevice) error { return c.logins[n] })
				defer b.close()
				r := b.backup(Options{})
				if r.Attempts != c.attempts || r.Message != c.want {
					t.Errorf("%d attempts, %q; want %d, %q", r.Attempts, r.Message, c.attempts, c.want)
				}
			})
		})
	}
}

// TestReconnectsAfterTheCopy loses the line in the middle of the first copy,
// which goes on: the rest is taken over a new line in the same attempt, and the
// dead one is not asked again.
func TestReconnectsAfterTheCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(n int, d *fakeDevice) error {
			if n > 0 {
				return nil
			}
			d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
				data := d.content(c.Source)
				w, err := d.spool.OpenWrite(ctx, d.request(c))
				must(t, err)
				_, err = w.Write(data[:4096])
				must(t, err)
				time.AfterFunc(50*time.Second, func() {
					_, err := w.Write(data[4096:])
					if err = errors.Join(err, w.Commit()); err != nil {
						t.Error(err)
					}
				})
				d.verify = func(string) (ios.Verification, error) {
					t.Error("the dead line was asked again")
					return ios.Verification{}, errLost
				}
				return ios.CopyResult{}, errLost
			}
			return nil
		})
		defer b.close()
		r := b.backup(Options{})
		wantResult(t, r, api.StatusOK, "")
		if r.Attempts != 1 || len(b.devices) != 2 {
			t.Errorf("%d attempts on %d sessions, want 1 on 2", r.Attempts, len(b.devices))
		}
		b.wantClean()
	})
}

// TestFrames counts our frames between the operation and the device's copy.
func TestFrames(t *testing.T) {
	const most = 6
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			var ours []string
			pcs := make([]uintptr, 100)
			frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
			for more := true; more; {
				var f runtime.Frame
				f, more = frames.Next()
				if strings.HasPrefix(f.Function, "flashwarden/") && !strings.HasSuffix(f.File, "_test.go") {
					ours = append(ours, f.Function)
				}
			}
			if len(ours) > most {
				t.Errorf("%d frames, want %d: %v", len(ours), most, ours)
			}
			return d.send(ctx, c, d.content(c.Source))
		}
		return nil
	})
	defer b.close()
	for _, r := range b.All(t.Context(), fleet(1, ""), Options{}) {
		wantResult(t, r, api.StatusOK, "")
	}
}

// halfway sends n bytes and then no more, while the line stays open.
func halfway(n int) func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) {
	return func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
		r := d.request(c)
		w, err := d.spool.OpenWrite(ctx, r)
		if err != nil {
			return ios.CopyResult{}, err
		}
		d.spool.Observe(tftp.Event{Kind: tftp.EventConfirmed, Request: r, BlockSize: 512})
		if _, err := w.Write(make([]byte, n)); err != nil {
			return ios.CopyResult{}, err
		}
		<-ctx.Done()
		w.Abort(ctx.Err())
		return ios.CopyResult{}, context.Cause(ctx)
	}
}

// TestKeptOnceInAllAttempts loses the line at the second file of a device that
// computes no digest: the first one does not cross the wire again.
func TestKeptOnceInAllAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var images atomic.Int32
		b := newBench(t, func(n int, d *fakeDevice) error {
			d.noVerify = true
			d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
				switch {
				case path.Base(c.Source) == "c2960.bin":
					images.Add(1)
				case n < 3: // the session, and the one that follows at once in the same attempt
					return ios.CopyResult{}, errLost
				}
				return d.send(ctx, c, d.flash[path.Base(c.Source)])
			}
			return nil
		})
		defer b.close()
		r := b.backup(Options{})
		wantResult(t, r, api.StatusOK, "")
		if images.Load() != 1 || r.Attempts != 3 {
			t.Errorf("the image was copied %d times in %d attempts", images.Load(), r.Attempts)
		}
		b.wantClean()
	})
}

// TestChangedBetweenAttempts lets a file grow after it was kept.
func TestChangedBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(n int, d *fakeDevice) error {
			if n < 2 {
				d.copying = except("vlan.dat", losing)
				return nil
			}
			d.flash["config.text"] = []byte("hostname sw1\n! changed\nend\n")
			return nil
		})
		defer b.close()
		r := b.backup(Options{})
		wantResult(t, r, api.StatusOK, "")
		if f := file(t, r, "flash:/config.text"); f.Size != 27 {
			t.Errorf("kept %d bytes: not what the device has now", f.Size)
		}
		b.wantClean()
	})
}

// TestListingsOutliveALaterAttempt loses every later attempt while it lists:
// the snapshot still has the listings.
func TestListingsOutliveALaterAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(n int, d *fakeDevice) error {
			d.copying = except("vlan.dat", losing)
			if n >= 2 {
				d.listing = func() error { return errLost }
			}
			return nil
		})
		defer b.close()
		r := b.backup(Options{})
		wantResult(t, r, api.StatusIncomplete, cause.SessionLost)
		s, err := b.Vault.Snapshot(t.Context(), r.Snapshot)
		must(t, err)
		if len(s.Listings) != 1 || len(s.Listings[0].Entries) != 4 {
			t.Errorf("listings %+v", s.Listings)
		}
		if file(t, r, "flash:/c2960.bin").SHA256 == "" || file(t, r, "flash:/vlan.dat").Cause != cause.SessionLost {
			t.Errorf("files %+v", r.Files)
		}
	})
}

// TestMostImportantFileIsTold damages the image and then ends the run with
// something else.
func TestMostImportantFileIsTold(t *testing.T) {
	for what, c := range map[string]struct {
		vlan func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error)
		want cause.Cause
	}{
		"a session that is lost": {losing, cause.DigestMismatch},
		"a dangerous question":   {asking, cause.UnsafePrompt},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(_ int, d *fakeDevice) error {
					d.copying = except("c2960.bin", flipping)
					inner := d.copying
					d.copying = func(ctx context.Context, d *fakeDevice, cp ios.Copy) (ios.CopyResult, error) {
						if path.Base(cp.Source) == "vlan.dat" {
							return c.vlan(ctx, d, cp)
						}
						return inner(ctx, d, cp)
					}
					return nil
				})
				defer b.close()
				wantResult(t, b.backup(Options{}), api.StatusIncomplete, c.want)
				b.wantClean()
			})
		})
	}
}

// TestUnreadableBootPointer backs a device in install mode up whose
// packages.conf says nothing, or may not be read: the rest is saved.
func TestUnreadableBootPointer(t *testing.T) {
	for what, c := range map[string]struct {
		reading func(string) (string, error)
		want    cause.Cause
	}{
		"empty":         {nil, cause.ImageNotFound},
		"not permitted": {func(string) (string, error) { return "", cause.New(cause.NotPermittedOnDevice, "no", nil) }, cause.NotPermittedOnDevice},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t, func(_ int, d *fakeDevice) error {
				d.facts = ios.Facts{Hostname: "sw1", OS: "iosxe", Mode: "install", Image: "flash:packages.conf"}
				d.flash["packages.conf"] = []byte("#! nothing\n")
				d.reading = c.reading
				return nil
			})
			defer b.close()
			r := b.backup(Options{})
			wantResult(t, r, api.StatusIncomplete, c.want)
			if f := file(t, r, "flash:/*.pkg"); f.Kind != api.KindPackage || f.Cause != c.want {
				t.Errorf("packages %+v", f)
			}
			for _, p := range []string{"flash:/packages.conf", "flash:/config.text", api.RunningConfigPath} {
				if file(t, r, p).SHA256 == "" {
					t.Errorf("%s was not saved", p)
				}
			}
			b.wantClean()
		})
	}
}

// TestConfigIsSavedWithoutTFTP has a transfer that fails after the login: the
// running-config, which needs no transfer, is kept all the same, and the cause
// is that of the image. A dangerous question ends everything.
func TestConfigIsSavedWithoutTFTP(t *testing.T) {
	silent := func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error) {
		return ios.CopyResult{Bytes: -1, Error: "%Error opening tftp://192.0.2.100/x (Timed out)"}, nil
	}
	stalling := func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
		defer func() { d.gone = true }() // the end of ctx closes the line
		return halfway(4096)(ctx, d, c)
	}
	for name, c := range map[string]struct {
		copying  func(context.Context, *fakeDevice, ios.Copy) (ios.CopyResult, error)
		policy   api.Policy
		want     cause.Cause
		status   string
		sessions int
	}{
		"no request":         {silent, "", cause.NoRequest, api.StatusIncomplete, 1},
		"only vlan.dat":      {except("vlan.dat", silent), "", cause.NoRequest, api.StatusIncomplete, 1},
		"stalled":            {stalling, "", cause.Stalled, api.StatusIncomplete, 4}, // a new line for the running-config, once
		"the image alone":    {silent, api.PolicyImage, cause.NoRequest, api.StatusFailed, 1},
		"dangerous question": {asking, "", cause.UnsafePrompt, api.StatusFailed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(_ int, d *fakeDevice) error { d.copying = c.copying; return nil })
				defer b.close()
				r := b.backup(Options{Policy: c.policy})
				wantResult(t, r, c.status, c.want)
				if len(b.devices) != c.sessions {
					t.Errorf("%d sessions, want %d", len(b.devices), c.sessions)
				}
				if c.policy == api.PolicyImage {
					return
				}
				config := file(t, r, api.RunningConfigPath)
				if saved := config.SHA256 != "" && config.Cause == ""; saved != (c.status == api.StatusIncomplete) || (r.Snapshot != "") != saved {
					t.Errorf("%+v in the snapshot %q", config, r.Snapshot)
				}
				b.wantClean()
			})
		})
	}
}

// TestSilentCopyIsNoRequest has a device that says nothing and asks nothing.
func TestSilentCopyIsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(_ int, d *fakeDevice) error {
			d.copying = func(ctx context.Context, _ *fakeDevice, _ ios.Copy) (ios.CopyResult, error) {
				<-ctx.Done()
				return ios.CopyResult{}, context.Cause(ctx)
			}
			return nil
		})
		defer b.close()
		r := b.backup(Options{Policy: api.PolicyImage})
		wantResult(t, r, api.StatusFailed, cause.NoRequest)
		if r.Attempts != 1 {
			t.Errorf("%d attempts for what trying again does not cure", r.Attempts)
		}
	})
}

// TestRecopyReachesParallel backs eight devices with the same image up with
// --recopy: nobody waits for another.
func TestRecopyReachesParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		b := newBench(t, func(_ int, d *fakeDevice) error {
			d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Second) // by the bubble's clock: all that may copy do
				now.Add(-1)
				return d.send(ctx, c, d.flash[path.Base(c.Source)])
			}
			return nil
		})
		defer b.close()
		for _, r := range b.All(t.Context(), fleet(8, ""), Options{Recopy: true, Policy: api.PolicyImage}) {
			wantResult(t, r, api.StatusOK, "")
		}
		if most.Load() != 8 {
			t.Errorf("%d copied at once, want 8", most.Load())
		}
		b.wantClean()
	})
}

// TestLeaderFails has the first of three devices with one image send rubbish:
// the others do not take its failure for theirs.
func TestLeaderFails(t *testing.T) {
	var copies atomic.Int32
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.copying = func(ctx context.Context, d *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			if copies.Add(1) == 1 {
				return flipping(ctx, d, c)
			}
			return d.send(ctx, c, d.flash[path.Base(c.Source)])
		}
		return nil
	})
	defer b.close()
	ok := 0
	for _, r := range b.All(t.Context(), fleet(3, ""), Options{Policy: api.PolicyImage}) {
		if r.Status == api.StatusOK {
			ok++
		} else if r.Cause != cause.DigestMismatch {
			t.Errorf("%s: %s", r.Cause, r.Message)
		}
	}
	if ok != 2 || copies.Load() != 2 {
		t.Errorf("%d of 3 are ok after %d copies, want 2 after 2", ok, copies.Load())
	}
	b.wantClean()
}

// TestReasonOfTheEnd cancels with a reason: the result reports it.
func TestReasonOfTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	b := newBench(t, func(int, *fakeDevice) error {
		cancel(cause.New(cause.Internal, "the TFTP server stopped", api.Say("look")))
		return errors.New("dial: interrupted")
	})
	defer b.close()
	r := b.Backup(ctx, fleet(1, "")[0], Options{})
	wantResult(t, r, api.StatusFailed, cause.Internal)
	if r.Message != "the TFTP server stopped" || r.Hint != "look" {
		t.Errorf("tells %q, next %q", r.Message, r.Hint)
	}
}

// TestFilesThatFailAlone has names that cannot be typed and a file that went
// away: each concerns itself alone.
func TestFilesThatFailAlone(t *testing.T) {
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.flash["a b.txt"] = []byte("x")
		d.flash["what?.txt"] = []byte("x")
		d.flash["empty"] = nil
		d.flash["gone"] = []byte("x")
		d.copying = except("gone", func(_ context.Context, _ *fakeDevice, c ios.Copy) (ios.CopyResult, error) {
			return c.Result("%Error opening flash:/gone (No such file or directory)"), nil
		})
		return nil
	})
	defer b.close()
	r := b.backup(Options{Policy: api.PolicyAll})
	for p, want := range map[string]cause.Cause{
		"flash:/a b.txt": cause.CommandRejected, "flash:/what?.txt": cause.CommandRejected, "flash:/gone": cause.SourceMissing,
		"flash:/empty": "", "flash:/c2960.bin": "", "flash:/crashinfo": "", api.RunningConfigPath: "",
	} {
		if f := file(t, r, p); f.Cause != want || (f.SHA256 == "") != (want != "") {
			t.Errorf("%s: %+v, want cause %q", p, f, want)
		}
	}
	if e := file(t, r, "flash:/c2960.bin").Evidence; e != api.EvidenceMD5 || r.Status != api.StatusIncomplete {
		t.Errorf("status %s, evidence of the image %s", r.Status, e)
	}
	b.wantClean()
}

// TestRecopyMendsTheVault damages the blob of the image: --recopy brings it
// back.
func TestRecopyMendsTheVault(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	sum := file(t, b.backup(Options{}), "flash:/c2960.bin").SHA256
	blob := b.blobPath(sum)
	must(t, os.Chmod(blob, 0o600))
	must(t, os.WriteFile(blob, make([]byte, 20000), 0o600))
	wantResult(t, b.backup(Options{Recopy: true}), api.StatusOK, "")
	b.wantClean()
}
