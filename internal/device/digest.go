package device

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/vty"
)

// noCommand matches the answer of software that does not know a command. A
// failure of the command does not match.
var noCommand = lazyregexp.New(`(?mi)^\s*% ?(?:invalid input|incomplete command|ambiguous command|unknown command|unrecognized command)`)

// The forms of verify, in the order in which Digest tries them: /md5 since
// 12.2(4)T; plain verify, which prints the MD5 of the whole file as "CCO Hash
// MD5" on images with an embedded hash; /sha512 since IOS-XE 16.5 (Cisco IOS
// Configuration Fundamentals Command Reference, "verify").
const (
	verifyMD5    = "verify /md5"
	verifyPlain  = "verify"
	verifySHA512 = "verify /sha512"
)

// Digest asks the device for a digest of one of its files. size is in bytes, -1
// if unknown. It tries verify /md5, and the other forms only if the software
// does not know that one. It tries an unknown form once per session. The
// Verification lists the tries; its digest is empty if the device computes
// none.
//
// A digest may take minutes. heard, which may be nil, receives the number of
// progress marks that the device has printed so far.
func (d *Device) Digest(ctx context.Context, path string, size int64, heard func(marks int)) (ios.Verification, error) {
	var v ios.Verification
	for _, form := range []string{verifyMD5, verifyPlain, verifySHA512} {
		if form == verifyPlain && !d.mayBeImage(path) {
			continue
		}
		next, err := d.verify(ctx, form, path, &v, d.newPatience(size, heard))
		if err != nil {
			return ios.Verification{}, err
		}
		if !next {
			break
		}
	}
	return v, nil
}

// verify tries one form. It reports whether to try the next one.
func (d *Device) verify(ctx context.Context, form, path string, v *ios.Verification, p *patience) (next bool, err error) {
	const unknown = ": not known to this software"
	if d.unknown[form] {
		v.Tried = append(v.Tried, form+unknown)
		return true, nil
	}
	command, err := withPath(form, path)
	if err != nil {
		return false, err
	}
	text, err := d.line.RunWatched(ctx, command, p.heard, nil)
	if err != nil {
		return false, err
	}
	if noCommand.MatchString(text) {
		d.unknown[form] = true
		v.Tried = append(v.Tried, form+unknown)
		return true, nil
	}
	d.learn(p)
	came, err := readVerify(form, text, v)
	if err == nil && v.Path != "" && name(v.Path) != name(path) {
		err = cause.New(cause.CommandRejected, fmt.Sprintf("the device answered with the digest of %q", v.Path), nil)
	}
	if err != nil {
		return false, fmt.Errorf("verify %s: %w", path, err)
	}
	v.Tried = append(v.Tried, form+": "+came)
	d.log.Debug("digest", "file", path, "command", form, "came", came)
	return form == verifyPlain && v.MD5 == "", nil
}

// name is the last element of a path. A device may print a file system under another
// name than we type.
func name(p string) string { return p[strings.LastIndexAny(p, ":/")+1:] }

// readVerify adds the output of one form of verify to v and returns the outcome
// in words. A refusal for this file alone is no error.
func readVerify(form, text string, v *ios.Verification) (came string, err error) {
	v.Digest, err = ios.ParseVerify(text)
	if form == verifyPlain {
		v.Damaged = ios.ImageDamage(text)
	}
	switch {
	case v.MD5 != "":
		return "MD5 " + v.MD5, nil
	case v.SHA512 != "":
		return "SHA-512 " + v.SHA512, nil
	case cause.Of(err) == cause.SourceMissing:
		return "", err
	case v.Damaged != "":
		return "the device finds the image damaged: " + v.Damaged, nil
	case err == nil:
		return "no digest of the whole file", nil
	case form == verifyPlain, cause.Of(err) == cause.CommandRejected:
		return err.Error(), nil
	}
	return "", err
}

// mayBeImage reports whether plain verify can work on a file: it reads the hash
// embedded in images and packages.
func (d *Device) mayBeImage(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".bin", ".pkg":
		return true
	}
	_, named := ios.ParseImageName(p)
	return named || ios.CleanPath(p) == ios.CleanPath(d.image)
}

// Limits on the silence of a device that computes a digest.
const (
	// quietAtFirst is for any file. slowest, in bytes per second, adds time
	// for its size: 1.2 GB take 5 to 12 minutes on known devices.
	quietAtFirst = 5 * time.Minute
	slowest      = 500_000
	// The limit after progress marks have appeared: at least quietBetween, and
	// several times the longest pause between two marks so far.
	quietBetween  = 2 * time.Minute
	timesPause    = 8
	pausesToTrust = 3 // a few marks at the start do not show a rhythm
	// slowerThanSeen allows a device to be this many times slower than in its
	// slowest digest so far.
	slowerThanSeen = 8
)

// patience limits the device's silence while it computes a digest. It uses the
// file's size and the pace seen before. It never limits the whole time.
type patience struct {
	size   int64
	first  time.Duration // limit before there is a rhythm
	tell   func(marks int)
	began  time.Time
	echoed bool      // the command's echo has passed
	last   time.Time // time of the last mark
	marks  int
	pauses int
	pause  time.Duration // the longest pause
}

func (d *Device) newPatience(size int64, tell func(int)) *patience {
	now := time.Now()
	p := &patience{size: size, first: quietAtFirst, tell: tell, began: now, last: now}
	pace := float64(slowest)
	if d.pace > 0 {
		pace = min(pace, d.pace/slowerThanSeen)
	}
	p.first += time.Duration(float64(max(size, 0)) / pace * float64(time.Second))
	return p
}

// learn remembers the pace of the slowest digest. A time under one second
// measures the terminal and not the device, so it is ignored.
func (d *Device) learn(p *patience) {
	took := time.Since(p.began).Seconds()
	if pace := float64(p.size) / took; took >= 1 && p.size > 0 && (d.pace == 0 || pace < d.pace) {
		d.pace = pace
	}
}

// heard is the [vty.Watch] of a digest.
func (p *patience) heard(arrived []byte) time.Duration {
	if !p.echoed {
		_, after, found := bytes.Cut(arrived, []byte("\n"))
		p.echoed, arrived = found, after
	}
	if n := bytes.Count(arrived, []byte(".")); n > 0 {
		now := time.Now()
		if p.marks > 0 {
			p.pauses++
			p.pause = max(p.pause, now.Sub(p.last))
		}
		p.marks, p.last = p.marks+n, now
		if p.tell != nil {
			p.tell(p.marks)
		}
	}
	if p.pauses < pausesToTrust {
		return p.first
	}
	return max(quietBetween, timesPause*p.pause)
}

var _ vty.Watch = (*patience)(nil).heard
