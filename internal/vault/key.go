package vault

import (
	"crypto/sha256"
	"path"
	"strings"
)

// The first parts of keys.
const (
	BlobsPart     = "blobs"
	SnapshotsPart = "snapshots"
	PrunesPart    = "prunes"
)

// Parts returns the first parts of keys, in their order.
func Parts() []string { return []string{BlobsPart, PrunesPart, SnapshotsPart} }

// IdentityKey is the key of the document that makes a store a vault.
const IdentityKey = "vault.json"

// fanOut says which directories keys lie in, below each first part. A vault has
// hundreds of thousands of keys, so these are functions: a regular expression takes
// several times as long.
var fanOut = map[string][]func(name string) bool{
	BlobsPart:     {isPrefix, isPrefix}, // the first digits of the SHA-256
	SnapshotsPart: {isYear, isMonth},    // of the time in UTC
	PrunesPart:    {isYear},             // of the time in UTC
}

func isPrefix(s string) bool { return validHex(s, 2) }

func isYear(s string) bool { return len(s) == 4 && only(s, isDigit) }

// isMonth accepts 01 to 12.
func isMonth(s string) bool {
	return len(s) == 2 && only(s, isDigit) && (s[0] == '0' && s[1] != '0' || s[0] == '1' && s[1] <= '2')
}

// isFileName accepts what may be the last part of a key.
func isFileName(s string) bool {
	return s != "" && len(s) <= 192 && s[0] != '.' && only(s, inNames)
}

// isID accepts what NewID returns: 20061122T141503Z-NAME-k3f9.
func isID(s string) bool {
	const stamp, suffix = len("20061122T141503Z-"), len("-k3f9")
	if len(s) <= stamp+suffix || len(s) > stamp+64+suffix {
		return false
	}
	time, name, end := s[:stamp], s[stamp:len(s)-suffix], s[len(s)-suffix:]
	return isYear(time[:4]) && isMonth(time[4:6]) && only(time[6:8], isDigit) && time[8] == 'T' && only(time[9:15], isDigit) && time[15:] == "Z-" &&
		only(name, inNames) && end[0] == '-' && only(end[1:], inSuffix)
}

// only reports whether every byte of s is one that ok accepts.
func only(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// inSuffix accepts the bytes at the end of an ID.
func inSuffix(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'z' }

// inNames accepts the bytes of the name of a device in an ID, and of the names of files.
func inNames(c byte) bool {
	return inSuffix(c) || 'A' <= c && c <= 'Z' || c == '.' || c == '_' || c == '-'
}

// isName reports whether name is that of a snapshot document.
func isName(name string) bool {
	_, _, ok := SplitName(name)
	return ok
}

// BlobKey returns the key of the content with the given SHA-256, which must be
// one: blobs/ab/cd/abcdef….
func BlobKey(sha256 string) string {
	return BlobsPart + "/" + sha256[:2] + "/" + sha256[2:4] + "/" + sha256
}

// SnapshotKey returns the key of the snapshot document with the given name,
// ID.SHA256, which must be one: snapshots/2026/11/ID.SHA256.json.
func SnapshotKey(name string) string { return snapshotPart(name) + name + ".json" }

// PruneKey returns the key of the prune document with the given name, ID.SHA256,
// which must be one: prunes/2026/ID.SHA256.json.
func PruneKey(name string) string { return PrunesPart + "/" + name[:4] + "/" + name + ".json" }

// snapshotPart returns the beginning of the keys of all snapshots of the same
// month: snapshots/2026/11/.
func snapshotPart(id string) string { return SnapshotsPart + "/" + id[:4] + "/" + id[4:6] + "/" }

// documentName returns the name of a snapshot document, ID.SHA256.
func documentName(id, sha256 string) string { return id + "." + sha256 }

// SplitName returns the ID of a snapshot and the SHA-256 of its document.
func SplitName(name string) (id, sha256 string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", "", false
	}
	id, sha256 = name[:i], name[i+1:]
	return id, sha256, isID(id) && validSHA256(sha256)
}

// ValidKey reports whether a store may have this key: IdentityKey, or a part
// that ValidPart accepts, a slash, and a name of letters, digits, dots, dashes
// and underscores that does not begin with a dot.
func ValidKey(key string) bool {
	dir, name := path.Split(key)
	return key == IdentityKey || strings.HasSuffix(dir, "/") && ValidPart(dir[:len(dir)-1]) && isFileName(name)
}

// ValidPart reports whether part is one that contents lie in: blobs/ab/cd,
// snapshots/2026/11.
func ValidPart(part string) bool {
	ok, whole := matchPart(part)
	return ok && whole
}

// LeadsToPart reports whether dir is a part or has parts below it: blobs,
// blobs/ab, blobs/ab/cd.
func LeadsToPart(dir string) bool {
	ok, _ := matchPart(dir)
	return ok
}

// matchPart compares a directory with fanOut: whole where contents lie in it.
func matchPart(dir string) (ok, whole bool) {
	top, rest, deeper := strings.Cut(dir, "/")
	levels, ok := fanOut[top]
	if !ok || !deeper {
		return ok, false
	}
	depth := 0
	for name := range strings.SplitSeq(rest, "/") {
		if depth == len(levels) || !levels[depth](name) {
			return false, false
		}
		depth++
	}
	return true, depth == len(levels)
}

// IsBlob reports whether key is that of a blob.
func IsBlob(key string) bool {
	_, ok := blobOf(key)
	return ok
}

// blobOf returns the SHA-256 in the key of a blob.
func blobOf(key string) (sha256 string, ok bool) {
	sha256 = path.Base(key)
	return sha256, validSHA256(sha256) && key == BlobKey(sha256)
}

// SnapshotOf returns the name in the key of a snapshot: ID.SHA256.
func SnapshotOf(key string) (name string, ok bool) { return snapshotOf(key) }

// snapshotOf returns the name in the key of a snapshot.
func snapshotOf(key string) (name string, ok bool) {
	name, ok = strings.CutSuffix(path.Base(key), ".json")
	return name, ok && isName(name) && key == SnapshotKey(name)
}

// pruneOf returns the name in the key of a prune document.
func pruneOf(key string) (name string, ok bool) {
	name, ok = strings.CutSuffix(path.Base(key), ".json")
	return name, ok && isName(name) && key == PruneKey(name)
}

func validSHA256(s string) bool { return validHex(s, 2*sha256.Size) }

// validHex reports whether s is n lower-case hexadecimal digits.
func validHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
