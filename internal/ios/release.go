package ios

import (
	"cmp"
	"strconv"
	"strings"

	"flashwarden/internal/lazyregexp"
)

var (
	// 15.2(2)E6, 15.5(3)S4b
	iosRelease = lazyregexp.New(`^(\d+)\.(\d+)\((\d+)([a-z]?)\)([A-Z]+)(\d*)([a-z]?)$`)
	// 03.06.06E, 03.16.04b.S, 3.6.6E
	xe3Release = lazyregexp.New(`^0*3\.(\d+)\.(\d+)([a-z]?)\.?([A-Z]+)$`)
	// 17.09.04a
	xeRelease = lazyregexp.New(`^(\d+)\.(\d+)\.(\d+)([a-z]?)$`)
)

// xe3Minor has the minor number of the IOS-XE 3 release of each IOS 15 release:
// 15.2(2)E is 3.6E, 15.5(3)S is 3.16S (Cisco, "Cisco IOS XE to Cisco IOS
// Software version mapping", release notes of IOS-XE 3S, 3SE, 3SG and 3E).
//
// xe3Train has the letters of its train where they differ.
var (
	xe3Minor = map[string]int{
		"15.1(1)S": 2, "15.1(2)S": 3, "15.1(3)S": 4, "15.2(1)S": 5, "15.2(2)S": 6, "15.2(4)S": 7, "15.3(1)S": 8, "15.3(2)S": 9, "15.3(3)S": 10,
		"15.4(1)S": 11, "15.4(2)S": 12, "15.4(3)S": 13, "15.5(1)S": 14, "15.5(2)S": 15, "15.5(3)S": 16, "15.6(1)S": 17, "15.6(2)S": 18,
		"15.0(2)SG": 2, "15.1(1)SG": 3, "15.1(2)SG": 4,
		"15.0(1)EX": 2, "15.0(1)EZ": 3,
		"15.2(1)E": 5, "15.2(2)E": 6, "15.2(3)E": 7, "15.2(4)E": 8, "15.2(5)E": 9, "15.2(6)E": 10, "15.2(7)E": 11,
	}
	xe3Train = map[string]string{"EX": "SE", "EZ": "SE"}
)

// SameRelease reports whether two versions name one release: 17.09.04a and
// 17.9.4a, 15.2(2)E6 and 03.06.06E.
func SameRelease(a, b string) bool { return release(a) == release(b) }

// release is a version in one form.
func release(version string) string {
	version = strings.TrimSpace(version)
	if m := iosRelease.FindStringSubmatch(version); m != nil {
		base := m[1] + "." + m[2] + "(" + m[3] + ")" + m[5]
		if minor, ok := xe3Minor[base]; ok && m[4] == "" {
			rebuild := m[6]
			if rebuild == "" {
				rebuild = "0"
			}
			return "3." + strconv.Itoa(minor) + "." + rebuild + m[7] + " " + cmp.Or(xe3Train[m[5]], m[5])
		}
		return version
	}
	if m := xe3Release.FindStringSubmatch(version); m != nil {
		return "3." + trimZeros(m[1]) + "." + trimZeros(m[2]) + m[3] + " " + m[4]
	}
	if m := xeRelease.FindStringSubmatch(version); m != nil {
		return trimZeros(m[1]) + "." + trimZeros(m[2]) + "." + trimZeros(m[3]) + m[4]
	}
	return version
}

func trimZeros(number string) string {
	n, _ := strconv.Atoi(number) // only digits
	return strconv.Itoa(n)
}
