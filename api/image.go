package api

import (
	"fmt"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// Image is one distinct system image, or one package of install mode: in the
// vault, or running on a device and not in the vault.
type Image struct {
	SHA256  string   `json:"sha256"` // empty: not in the vault
	MD5     string   `json:"md5"`    // empty: unknown
	Kind    string   `json:"kind"`   // KindImage or KindPackage
	Names   []string `json:"names"`  // every file name it was found under, sorted
	Version string   `json:"version"`
	Size    int64    `json:"size"`    // bytes; -1: unknown
	Devices []string `json:"devices"` // that ran it at their newest snapshot, sorted
	InVault bool     `json:"in_vault"`
	// Published is what the last list of published digests said of it; empty: it was
	// compared with none.
	Published string `json:"published,omitempty"`
	Cause     Cause  `json:"cause,omitempty"` // why it is not in the vault, where a backup tried
	// Image holds the result of the inspection; nil for files that were saved
	// before inspection existed, or that the vault does not hold.
	Image *Inspection `json:"image,omitempty"`
	// Disagreements name, in words, the devices whose running version differs
	// from the version in the file: the file was replaced after they started.
	Disagreements []string `json:"disagreements,omitempty"`
}

// The verdicts on an image.
const (
	ImageGood    = "good"    // all checks that the file carries hold
	ImageBad     = "bad"     // one does not: the file is truncated or altered
	ImageUnknown = "unknown" // the file carries no known check
)

// Inspection is the result of reading an image file without any device: its
// own labels, and whether its own checks hold.
type Inspection struct {
	Format     string             `json:"format"`                // elf-zip, elf, mzip, iosxe, tar, unknown
	Name       string             `json:"name,omitempty"`        // C3750-IPSERVICESK9-M
	Family     string             `json:"family,omitempty"`      // C3750
	FeatureSet string             `json:"feature_set,omitempty"` // as the file has it
	Version    string             `json:"version,omitempty"`     // 15.0(2)SE8
	Verdict    string             `json:"verdict"`               // good, bad, unknown
	Checks     []string           `json:"checks,omitempty"`      // those that held
	Failed     *InspectionFailure `json:"failed,omitempty"`      // the check that did not hold, of a bad image
	Reason     string             `json:"reason,omitempty"`      // why it cannot be judged
}

// InspectionFailure is a check that does not hold.
type InspectionFailure struct {
	Check    string `json:"check"`
	At       int64  `json:"at"`       // bytes from the beginning of the file
	Expected string `json:"expected"` // by the file's own record
	Seen     string `json:"seen"`
}

// String returns the verdict in words, for people.
func (i *Inspection) String() string {
	switch {
	case i.Verdict == ImageBad && i.Failed != nil:
		return fmt.Sprintf("damaged, by its %s at byte %d: expected %s, seen %s", i.Failed.Check, i.Failed.At, i.Failed.Expected, i.Failed.Seen)
	case i.Verdict == ImageGood:
		return "image checksums OK (" + strings.Join(i.Checks, ", ") + ")"
	}
	return "not judged: " + i.Reason
}

// Contradicts reports whether a classic image names another version than the
// device that runs it. Packages of IOS-XE count versions in more than one way,
// and are not compared.
func (i *Inspection) Contradicts(version string) bool {
	switch {
	case i == nil || i.Version == "" || version == "" || i.Format == "iosxe" || i.Format == "unknown":
		return false
	}
	return plainVersion(i.Version) != plainVersion(version)
}

var leadingZeros = lazyregexp.New(`\b0+(\d)`)

// plainVersion makes versions comparable: 15.0(02)se8, becomes 15.0(2)SE8.
func plainVersion(v string) string {
	return leadingZeros.ReplaceAllString(strings.ToUpper(strings.Trim(v, " ,")), "$1")
}
