package iossim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// verifyDigest implements verify /md5 and verify /sha512, with or without an
// expected digest (Configuration Fundamentals Command Reference, "verify").
func (s *session) verifyDigest(algorithm, typed, want string) {
	if s.rejectsVerify() || algorithm == "md5" && s.rejects(func(f *Faults) *Times { return &f.RejectMD5 }) {
		return
	}
	f, shown, err := s.sw.open(typed)
	if err != nil {
		s.say(readError(shown, err))
		return
	}
	got, err := f.body.digest(algorithm)
	if err != nil {
		s.say(readError(shown, err))
		return
	}
	shown = asTyped(typed, shown)
	if !s.compute(f.size) {
		return
	}
	s.say("Done!\n")
	switch {
	case want == "":
		s.say(fmt.Sprintf("verify /%s (%s) = %s\n\n\n", algorithm, shown, got))
	case strings.EqualFold(want, got):
		s.say(fmt.Sprintf("Verified (%s) = %s\n", shown, got))
	default:
		s.say(fmt.Sprintf("%%Error verifying %s\nComputed signature  = %s\nSubmitted signature = %s\n", shown, got, want))
	}
}

// rejectsVerify prints the error of an IOS without the command, if the fault
// RejectVerify strikes.
func (s *session) rejectsVerify() bool {
	return s.rejects(func(f *Faults) *Times { return &f.RejectVerify })
}

func (s *session) rejects(pick func(*Faults) *Times) bool {
	if !s.sw.strikes(pick) {
		return false
	}
	s.reject(&parseError{"% Invalid input detected at '^' marker.", len("verify ")})
	return true
}

// compute prints the dots of a digest over size bytes, at the speed of the
// switch. It reports false if the person broke off.
func (s *session) compute(size int64) bool {
	if s.sw.o.DigestPace <= 0 {
		s.say(dots(size))
		return true
	}
	each := time.NewTicker(time.Duration(float64(dotBytes) / float64(s.sw.o.DigestPace) * float64(time.Second)))
	defer each.Stop()
	for left := size/dotBytes + 1; left > 0; {
		select {
		case <-each.C:
			s.term.mark(".")
			left--
		case b, ok := <-s.term.keys:
			if !ok || !s.term.keep(b) {
				s.sw.note("^C")
				s.say("\n")
				return false
			}
		case <-s.sw.ctx.Done():
			return false
		}
	}
	return true
}

// dotBytes is the number of bytes for one dot.
const dotBytes = 128 << 10

// asTyped returns a path as it was typed, with its file system. IOS adds no
// slash to it.
func asTyped(typed, shown string) string {
	if strings.Contains(typed, ":") {
		return typed
	}
	return shown
}

// dots returns the progress of a digest over size bytes.
func dots(size int64) string {
	var b strings.Builder
	for i := int64(0); i < size/dotBytes+1; i++ {
		b.WriteByte('.')
		if i%75 == 74 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// verifyPlain implements verify without a digest. It checks the image against
// its embedded hash.
func (s *session) verifyPlain(a []string) {
	if s.rejectsVerify() {
		return
	}
	f, shown, err := s.sw.open(a[0])
	if err != nil {
		s.say(readError(shown, err))
		return
	}
	shown = asTyped(a[0], shown)
	if s.sw.profile.can(verifyFlash) {
		s.say("Verified " + shown + "\n")
		return
	}
	if !isImage(shown) {
		s.say("%Error verifying " + shown + "\n%ERROR: Not able to process Signature in " + shown + ".\n")
		return
	}
	s.say("Verifying file integrity of " + shown + "\n")
	if !s.compute(f.size) {
		return
	}
	s.say("\n")
	s.embedded(f, shown)
}

// embedded prints the digests of an image.
func (s *session) embedded(f file, shown string) {
	check := s.sw.profile.ImageCheck
	inner, err := f.body.digest(strings.ToLower(check))
	whole, err2 := f.body.digest("md5")
	if err != nil || err2 != nil {
		s.say(readError(shown, errors.Join(err, err2)))
		return
	}
	inner = strings.ToUpper(inner)
	if check == "MD5" { // of the sections, not of the whole file
		inner = strings.ToUpper(f.body.embeddedMD5())
	}
	computed := inner
	if f.body.damaged {
		computed = strings.ToUpper(strings.Repeat(whole, 2)[:len(inner)]) // any other
	}
	s.say(fmt.Sprintf("Embedded Hash   %-4s: %s\nComputed Hash   %-4s: %s\n", check, inner, check, computed))
	if f.body.damaged {
		s.say("%Error verifying " + shown + "\n%ERROR: Not able to process Signature in " + shown + ".\n")
		return
	}
	if check == "MD5" {
		s.say(fmt.Sprintf("CCO Hash        MD5 : %s\n\nSignature Verified\n\n", strings.ToUpper(whole)))
		return
	}
	s.say("Embedded hash verification successful.\n\nDigital signature successfully verified in file " + shown + "\n\n")
}
