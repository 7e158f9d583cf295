package ios

import (
	"fmt"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

var (
	// verify /md5 (flash:x) = 6b61…   Verified (flash:x) = 8307…
	verifyResult = lazyregexp.New(`(?mi)(?:verify|verified)(?: /(md5|sha512))? \(([^)\n]+)\) = ([0-9a-f]+(?:\n[0-9a-f]+$)*)[ \t]*$`)
	ccoHash      = lazyregexp.New(`(?mi)^[ \t]*CCO Hash[ \t]+MD5[ \t]*:[ \t]*([0-9a-f]{32})[ \t]*$`)
	verifiedFile = lazyregexp.New(`(?m)^[ \t]*(?:Digital signature successfully verified in file|Verifying file integrity of|Verified) (\S+?)\.*(?:Done!)?$`)
	computed     = lazyregexp.New(`(?mi)^[ \t]*Computed signature[ \t]*=[ \t]*([0-9a-f]{32})[ \t]*$`)
	// Embedded Hash MD5 :CFA2…   Computed Hash   SHA2: 0060… over several lines
	imageHash  = lazyregexp.New(`(?mi)^[ \t]*(Embedded|Computed) Hash[ \t]+(\w+)[ \t]*:[ \t]*([0-9a-f]+(?:\n[ \t]+[0-9a-f]+$)*)`)
	verifyBad  = lazyregexp.New(`(?mi)^[ \t]*(%Error verifying \S+|%ERROR:.*\b(?:signature|hash|integrity)\b.*|.*\b(?:verification failed|verification unsuccessful)\b.*)$`)
	mismatched = lazyregexp.New(`(?m)^[ \t]*%Error verifying (\S+)`)
)

// ParseVerify reads verify /md5, verify /sha512 and plain verify (Cisco IOS
// Configuration Fundamentals Command Reference, "verify").
//
// The "CCO Hash MD5" of plain verify is the MD5 of the whole file; its other
// hashes cover parts of an image and are ignored. Plain verify without a digest
// of the whole file gives a Digest of empty strings.
//
// If the command had a digest and the device computed another one, the error is
// digest_mismatch, together with the computed digest. Other errors are those of
// [Rejected]: command_rejected for software without this verify, source_missing
// for a missing file.
func ParseVerify(text string) (Digest, error) {
	text = strings.Join(linesOf(text), "\n")
	if m := verifyResult.FindStringSubmatch(text); m != nil {
		return digestOf(m[1], m[2], strings.ToLower(strings.ReplaceAll(m[3], "\n", "")))
	}
	if m := computed.FindStringSubmatch(text); m != nil {
		d := Digest{Path: first(mismatched, text), MD5: strings.ToLower(m[1])}
		return d, cause.New(cause.DigestMismatch, "digest mismatch: the device computed the MD5  "+d.MD5, api.Say("copy the file again"))
	}
	if err := Rejected(text); err != nil {
		return Digest{}, fmt.Errorf("verify: %w", err)
	}
	d := Digest{Path: first(verifiedFile, text), MD5: strings.ToLower(first(ccoHash, text))}
	if d.Path == "" && d.MD5 == "" {
		return Digest{}, fmt.Errorf("verify: no digest in the output, which ends with %s", quote(lastLine(text)))
	}
	return d, nil
}

// ImageDamage reads plain verify, which compares an image with the digest
// embedded in it. For a damaged image it returns the device's own words, or the
// two hashes that differ. Otherwise it returns "".
func ImageDamage(text string) string {
	text = strings.Join(linesOf(text), "\n")
	embedded := make(map[string]string)
	for _, wanted := range []string{"embedded", "computed"} {
		for _, m := range imageHash.FindAllStringSubmatch(text, -1) {
			algorithm, hash := strings.ToUpper(m[2]), strings.ToLower(strings.Join(strings.Fields(m[3]), ""))
			switch {
			case strings.ToLower(m[1]) != wanted:
			case wanted == "embedded":
				embedded[algorithm] = hash
			case embedded[algorithm] != "" && embedded[algorithm] != hash:
				return fmt.Sprintf("embedded hash %s %s, computed %s", algorithm, embedded[algorithm], hash)
			}
		}
	}
	var words []string
	for _, m := range verifyBad.FindAllString(text, 4) {
		words = append(words, quote(m))
	}
	return strings.Join(words, ", ")
}

// digestOf checks the length of a digest. If the output does not name the
// algorithm (Verified (x) = …), the length decides.
func digestOf(algorithm, path, digest string) (Digest, error) {
	switch {
	case len(digest) == 32 && !strings.EqualFold(algorithm, "sha512"):
		return Digest{Path: path, MD5: digest}, nil
	case len(digest) == 128 && !strings.EqualFold(algorithm, "md5"):
		return Digest{Path: path, SHA512: digest}, nil
	}
	return Digest{}, fmt.Errorf("verify: a digest of %d digits: %s", len(digest), quote(digest))
}

// lastLine returns the last line that is neither blank nor a prompt.
func lastLine(text string) string {
	last := ""
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !promptLine.MatchString(line) {
			last = line
		}
	}
	return last
}
