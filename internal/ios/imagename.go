package ios

import (
	"path"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// ImageName is the content of an image's file name. Names are free text, so
// trust show version and digests more.
type ImageName struct {
	Platform   string // c3750, isr4300, cat9k
	FeatureSet string // ipservicesk9, universalk9; may be empty
	Version    string // 15.0(2)SE8, 17.09.04a; may be empty
	Signed     string // SPA, SSA; empty for a name without the mark
}

var (
	imageSuffix = lazyregexp.New(`(?i)\.(?:bin|tar|pkg)$`)
	signedMark  = lazyregexp.New(`\.(S[A-Z]A)\b`)
	// c3750-ipservicesk9-mz.150-2.SE8, c3750-i5-mz.121.14-EA1, c7200-js-mz
	classicName = lazyregexp.New(`^([a-z0-9_]+)-([A-Za-z0-9_]+)-(?:[fmrl][zxws]?|vz|tar)(?:\.(\d.*))?$`)
	// 150-2.SE8, 122-12e, 154-2.1.T, 121.14-EA1
	classicVersion = lazyregexp.New(`^(\d{2})(\d)[-.](\d+[a-z]?(?:\.\d+)*)(?:[.-]?([A-Z][A-Za-z0-9]*))?$`)
	// isr4300-universalk9.16.09.04, asr1000rp2-advipservicesk9.03.13.09.S.154-3.S9-ext
	xeName = lazyregexp.New(`^([a-z0-9_]+?)(?:_iosxe|-([a-z0-9_-]+))?\.(\d{2}\.\d{2}\.\d{2}[a-z]?)(?:\.([A-Z]+)\.(\d{3}-[0-9.]+[A-Z][A-Za-z0-9]*))?(?:-[a-z]+)?$`)
)

// patchName matches the names of patches: *.smu.bin, *.apsp.bin, *.apdp.bin.
var patchName = lazyregexp.New(`(?i)\.(?:smu|apsp|apdp)(?:\.|$)`)

// IsPatch reports whether a file name is that of a patch of IOS-XE: a Software
// Maintenance Update (SMU), or a service or device pack for access points (APSP,
// APDP). No device boots from one, although most end in .bin.
func IsPatch(name string) bool { return patchName.MatchString(path.Base(name)) }

// ParseImageName reads the name of an image, with or without directories and
// .bin. ok is false for a name in none of Cisco's forms.
func ParseImageName(name string) (image ImageName, ok bool) {
	base := path.Base(name[strings.LastIndex(name, ":")+1:])
	base = imageSuffix.ReplaceAllString(base, "")
	if m := signedMark.FindStringSubmatchIndex(base); m != nil {
		image.Signed = base[m[2]:m[3]]
		base = base[:m[0]] + base[m[1]:]
	}
	if m := classicName.FindStringSubmatch(base); m != nil {
		image.Platform, image.FeatureSet = m[1], m[2]
		if m[3] == "" {
			return image, true
		}
		image.Version, ok = versionOfName(m[3])
		return image, ok
	}
	m := xeName.FindStringSubmatch(base)
	if m == nil {
		return ImageName{}, false
	}
	image.Platform, image.FeatureSet, image.Version = m[1], m[2], m[3]
	if m[5] != "" {
		image.Version, ok = versionOfName(m[5])
		return image, ok
	}
	return image, true
}

// versionOfName turns 150-2.SE8 into 15.0(2)SE8.
func versionOfName(text string) (string, bool) {
	m := classicVersion.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return m[1] + "." + m[2] + "(" + m[3] + ")" + m[4], true
}
