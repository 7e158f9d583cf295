package device

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/vty"
)

const (
	sum     = "6b611cdd2a1d1ba9a5be1ba9a5be1ba9"
	unknown = ": not known to this software"
)

func TestDigest(t *testing.T) {
	d, f := on(map[string]string{"verify /md5 flash:/a.b.c.bin": ".....\n...Done!\nverify /md5 (flash:/a.b.c.bin) = " + sum + "\n\n"})
	var told []int
	got, err := d.Digest(t.Context(), "flash:/a.b.c.bin", 1_000_000, func(marks int) { told = append(told, marks) })
	if err != nil || got.MD5 != sum || got.Damaged != "" || !slices.Equal(got.Tried, []string{"verify /md5: MD5 " + sum}) {
		t.Errorf("digest %+v, %v", got, err)
	}
	// The dots of the echoed name are no progress.
	if !slices.Equal(told, []int{8, 11}) || len(f.typed) != 1 {
		t.Errorf("told %v, typed %q", told, f.typed)
	}
}

// TestDigestFallsBack tests software that lacks one form of verify after the
// other.
func TestDigestFallsBack(t *testing.T) {
	const file = "flash:/x.bin"
	long := strings.Repeat("0123456789abcdef", 8)
	good := "Embedded Hash   MD5 : " + sum + "\nComputed Hash   MD5 : " + sum + "\n"
	bad := "Embedded Hash   MD5 : " + sum + "\nComputed Hash   MD5 : 0" + sum[1:] + "\n"
	cco := "CCO Hash        MD5 : " + strings.ToUpper(sum) + "\n\nSignature Verified\n"
	tests := []struct {
		name    string
		says    map[string]string
		md5     string
		sha512  string
		damaged bool
		tried   []string
	}{
		{"plain verify", map[string]string{"verify " + file: good + cco}, sum, "", false,
			[]string{"verify /md5" + unknown, "verify: MD5 " + sum}},
		{"plain verify, damaged", map[string]string{"verify " + file: bad + cco}, sum, "", true,
			[]string{"verify /md5" + unknown, "verify: MD5 " + sum}},
		{"plain verify without a digest", map[string]string{"verify " + file: "Verified " + file + "\n", "verify /sha512 " + file: "Done!\nverify /sha512 (" + file + ") = " + long + "\n"},
			"", long, false, []string{"verify /md5" + unknown, "verify: no digest of the whole file", "verify /sha512: SHA-512 " + long}},
		{"damaged, and no digest", map[string]string{"verify " + file: "%Error verifying " + file + "\n%ERROR: Not able to process Signature in " + file + ".\n"},
			"", "", true, []string{"verify /md5" + unknown, `verify: the device finds the image damaged: "%Error verifying flash:/x.bin", "%ERROR: Not able to process Signature in flash:/x.bin."`, "verify /sha512" + unknown}},
		{"only sha512", map[string]string{"verify /sha512 " + file: "verify /sha512 (" + file + ") = " + long + "\n"}, "", long, false,
			[]string{"verify /md5" + unknown, "verify" + unknown, "verify /sha512: SHA-512 " + long}},
		{"none", nil, "", "", false, []string{"verify /md5" + unknown, "verify" + unknown, "verify /sha512" + unknown}},
	}
	for _, test := range tests {
		d, f := on(test.says)
		for range 2 {
			got, err := d.Digest(t.Context(), file, 1, nil)
			if err != nil || got.MD5 != test.md5 || got.SHA512 != test.sha512 || (got.Damaged != "") != test.damaged || !slices.Equal(got.Tried, test.tried) {
				t.Errorf("%s: %+v, %v", test.name, got, err)
			}
		}
		if want := 3 + len(test.says); len(f.typed) > want || slices.Index(f.typed[1:], "verify /md5 "+file) >= 0 {
			t.Errorf("%s: an unknown form was tried again: %q", test.name, f.typed)
		}
	}
}

// TestDigestOfOtherFiles checks that plain verify is left out for files without
// an embedded hash.
func TestDigestOfOtherFiles(t *testing.T) {
	d, f := on(map[string]string{"show version": strings.ReplaceAll(showVersion, "SE8.bin", "SE8.odd"), "show boot": showBoot})
	if _, err := d.Facts(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.typed = nil
	for path, asked := range map[string]bool{
		"flash:/config.text": false, "flash:/vlan.dat": false, "nvram:startup-config": false, "flash:/x.PKG": true,
		"disk0:/s72033-adventerprisek9_wan-mz.122-18.SXF7":                          true,
		"flash:c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.odd": true, // the running image
	} {
		if _, err := d.Digest(t.Context(), path, 1, nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		delete(d.unknown, "verify")
		if got := slices.Contains(f.typed, "verify "+path); got != asked {
			t.Errorf("%s: asked with plain verify: %v", path, got)
		}
	}
}

// TestDigestOfAnotherFile does not take the digest of another file for that of the one
// that was asked about.
func TestDigestOfAnotherFile(t *testing.T) {
	const digest = "d41d8cd98f00b204e9800998ecf8427e"
	for answered, right := range map[string]bool{"flash0:/b.bin": true, "b.bin": true, "flash:b.bin": true, "flash:/a.bin": false, "flash:/b.bin.old": false} {
		d, _ := on(map[string]string{"verify /md5 flash:/b.bin": "....Done!\nverify /md5 (" + answered + ") = " + digest + "\n"})
		v, err := d.Digest(t.Context(), "flash:/b.bin", 1, nil)
		if (err == nil) != right || right && v.MD5 != digest || !right && cause.Of(err) != cause.CommandRejected {
			t.Errorf("%s: %+v, %v", answered, v, err)
		}
	}
}

// TestDigestOfOneFile tests a failure of one file. The other files are still
// asked for.
func TestDigestOfOneFile(t *testing.T) {
	tests := []struct {
		says string
		want cause.Cause
	}{
		{"%Error opening flash:/x (No such file or directory)\n", cause.SourceMissing},
		{"%Error verifying flash:/x (Bad file number)\n", ""},
		{"Done!\n", cause.Internal},
	}
	for _, test := range tests {
		d, f := on(map[string]string{"verify /md5 flash:/x": test.says})
		got, err := d.Digest(t.Context(), "flash:/x", 1, nil)
		if cause.Of(err) != test.want || got.Digest != (ios.Digest{}) {
			t.Errorf("%q: %+v, %v", test.says, got, err)
		}
		if len(f.typed) != 1 {
			t.Errorf("%q: typed %q", test.says, f.typed)
		}
		if d.Digest(t.Context(), "flash:/y", 1, nil); f.typed[1] != "verify /md5 flash:/y" {
			t.Errorf("%q: typed %q", test.says, f.typed)
		}
	}
}

// TestPatience tests the limit on a device's silence.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := on(nil)
		p := d.newPatience(1_200_000_000, nil)
		if got := p.heard(nil); got != 45*time.Minute {
			t.Errorf("at first %s", got)
		}
		p.heard([]byte("verify /md5 flash:/x.y.z\r\n"))
		for range 3 {
			if got := p.heard([]byte(".")); got != 45*time.Minute {
				t.Errorf("without a rhythm %s", got)
			}
			time.Sleep(time.Second)
		}
		if got := p.heard([]byte(".")); got != 2*time.Minute {
			t.Errorf("in a quick rhythm %s", got)
		}
		time.Sleep(time.Minute)
		if got := p.heard([]byte(".")); got != 8*time.Minute {
			t.Errorf("in a slow rhythm %s", got)
		}
		time.Sleep(4*time.Hour - time.Since(p.began))
		d.learn(p)
		if got := d.newPatience(1_200_000_000, nil).heard(nil); got != 32*time.Hour+5*time.Minute {
			t.Errorf("after four hours for the same: %s", got)
		}
		if got := d.newPatience(-1, nil).heard(nil); got != 5*time.Minute {
			t.Errorf("of an unknown size %s", got)
		}
	})
}

// slowSwitch is the far end of a Telnet line. It accepts every login and
// answers verify with script.
func slowSwitch(conn net.Conn, typed chan<- byte, script func()) {
	in := bufio.NewReader(conn)
	for {
		io.WriteString(conn, "SW1#")
		line, err := in.ReadString('\r')
		if err != nil {
			close(typed)
			return
		}
		io.WriteString(conn, strings.TrimSpace(line)+"\r\n")
		if strings.HasPrefix(line, "verify") {
			go func() {
				defer close(typed)
				for b, err := in.ReadByte(); err == nil; b, err = in.ReadByte() {
					typed <- b
				}
			}()
			script()
			io.WriteString(conn, "SW1#")
			return
		}
	}
}

func digestOverLine(t *testing.T, script func(conn net.Conn), client func(t *testing.T, d *Device, typed <-chan byte)) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		typed, done := make(chan byte, 4096), make(chan struct{})
		go func() {
			defer close(done)
			slowSwitch(theirs, typed, func() { script(theirs) })
		}()
		d, err := Dial(t.Context(), vty.Config{Name: "sw1", Address: "192.0.2.1", Transport: vty.Telnet,
			Dialer: func(context.Context, string, string) (net.Conn, error) { return ours, nil }})
		if err != nil {
			t.Fatal(err)
		}
		client(t, d, typed)
		d.Close()
		theirs.Close()
		<-done
		for range typed {
		}
	})
}

// TestDigestTakesLong computes 1.2 GB in 20 minutes, on a device that prints
// dots and on one that prints nothing until the end.
func TestDigestTakesLong(t *testing.T) {
	const result = "Done!\r\nverify /md5 (flash:/x.bin) = " + sum + "\r\n\r\n"
	for name, dots := range map[string]int{"dots": 240, "silence": 0} {
		t.Run(name, func(t *testing.T) {
			digestOverLine(t, func(conn net.Conn) {
				for range dots {
					time.Sleep(5 * time.Second)
					io.WriteString(conn, ".")
				}
				time.Sleep(20*time.Minute - time.Duration(dots)*5*time.Second)
				io.WriteString(conn, result)
			}, func(t *testing.T, d *Device, _ <-chan byte) {
				marks, began := 0, time.Now()
				got, err := d.Digest(t.Context(), "flash:/x.bin", 1_200_000_000, func(n int) { marks = n })
				if err != nil || got.MD5 != sum {
					t.Errorf("%+v, %v", got, err)
				}
				if took := time.Since(began); took < 20*time.Minute || marks < dots {
					t.Errorf("took %s, %d marks", took, marks)
				}
			})
		})
	}
}

// TestDigestDies tests a device that becomes silent. Its own rhythm shows this,
// long before the limit for the file's size.
func TestDigestDies(t *testing.T) {
	digestOverLine(t, func(conn net.Conn) {
		for range 20 {
			time.Sleep(5 * time.Second)
			io.WriteString(conn, ".")
		}
		time.Sleep(time.Hour)
	}, func(t *testing.T, d *Device, _ <-chan byte) {
		began := time.Now()
		_, err := d.Digest(t.Context(), "flash:/x.bin", 1_200_000_000, nil)
		if took := time.Since(began); cause.Of(err) != cause.SessionLost || took > 4*time.Minute {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

// TestDigestCancelled checks that Ctrl-C reaches the device, and that a device
// that does not answer it holds us for seconds only.
func TestDigestCancelled(t *testing.T) {
	digestOverLine(t, func(conn net.Conn) {
		io.WriteString(conn, "......")
		time.Sleep(time.Hour)
	}, func(t *testing.T, d *Device, typed <-chan byte) {
		stop := errors.New("stopped")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, stop)
		defer cancel()
		began := time.Now()
		if _, err := d.Digest(ctx, "flash:/x.bin", 1_200_000_000, nil); !errors.Is(err, stop) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took < time.Minute || took > time.Minute+5*time.Second {
			t.Errorf("took %s", took)
		}
		synctest.Wait()
		if a, b := <-typed, <-typed; a != 0x1e || b != 0x03 {
			t.Errorf("the device got %q %q, want Ctrl-Shift-6 and Ctrl-C", a, b)
		}
	})
}
