package vault

import (
	"fmt"
	"regexp"
	"strings"
)

// The verdicts on an image.
const (
	ImageGood    = "good"    // all checks that the file carries hold
	ImageBad     = "bad"     // one does not: the file is truncated or altered
	ImageUnknown = "unknown" // the file carries no check that is known
)

// Image is what an image file says of itself, and whether it proved whole
// without any device, when it was saved.
type Image struct {
	Format     string        `json:"format"`                // elf-zip, elf, mzip, iosxe, tar, unknown
	Name       string        `json:"name,omitempty"`        // C3750-IPSERVICESK9-M
	Family     string        `json:"family,omitempty"`      // C3750
	FeatureSet string        `json:"feature_set,omitempty"` // as the file has it
	Version    string        `json:"version,omitempty"`     // 15.0(2)SE8
	Verdict    string        `json:"verdict"`               // good, bad, unknown
	Checks     []string      `json:"checks,omitempty"`      // those that held
	Failed     *ImageFailure `json:"failed,omitempty"`      // the one that did not, of a bad image
	Reason     string        `json:"reason,omitempty"`      // why it cannot be judged
}

// ImageFailure is a check that does not hold.
type ImageFailure struct {
	Check    string `json:"check"`
	At       int64  `json:"at"`       // bytes from the beginning of the file
	Expected string `json:"expected"` // by what the file says
	Seen     string `json:"seen"`
}

// String is the verdict in words, for people.
func (i *Image) String() string {
	switch {
	case i.Verdict == ImageBad && i.Failed != nil:
		return fmt.Sprintf("damaged, by its %s at byte %d: expected %s, seen %s", i.Failed.Check, i.Failed.At, i.Failed.Expected, i.Failed.Seen)
	case i.Verdict == ImageGood:
		return "whole, by its " + strings.Join(i.Checks, ", ")
	}
	return "not judged: " + i.Reason
}

// Contradicts reports whether a classic image says that it is of another
// version than the device that runs it says. Packages of IOS-XE count versions
// in more than one way, and are not compared.
func (i *Image) Contradicts(version string) bool {
	switch {
	case i == nil || i.Version == "" || version == "" || i.Format == "iosxe" || i.Format == "unknown":
		return false
	}
	return plainVersion(i.Version) != plainVersion(version)
}

var leadingZeros = regexp.MustCompile(`\b0+(\d)`)

// plainVersion is a version as it can be compared: 15.0(02)se8, is 15.0(2)SE8.
func plainVersion(v string) string {
	return leadingZeros.ReplaceAllString(strings.ToUpper(strings.Trim(v, " ,")), "$1")
}
