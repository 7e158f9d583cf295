package vault

import (
	"crypto/sha256"
	"path"
	"strings"

	"flashwarden/internal/lazyregexp"
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

// fanOut says which directories keys lie in, below each first part.
var fanOut = map[string][]*lazyregexp.Regexp{
	BlobsPart:     {validPrefix, validPrefix}, // the first digits of the SHA-256
	SnapshotsPart: {validYear, validMonth},    // of the time in UTC
	PrunesPart:    {validYear},                // of the time in UTC
}

var (
	validID     = lazyregexp.New(`^[0-9]{4}(0[1-9]|1[0-2])[0-9]{2}T[0-9]{6}Z-[A-Za-z0-9._-]{1,64}-[a-z0-9]{4}$`)
	unsafeInID  = lazyregexp.New(`[^A-Za-z0-9._-]`)
	validYear   = lazyregexp.New(`^[0-9]{4}$`)
	validMonth  = lazyregexp.New(`^(0[1-9]|1[0-2])$`)
	validPrefix = lazyregexp.New(`^[0-9a-f]{2}$`)
	validName   = lazyregexp.New(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,191}$`)
)

// isName reports whether name is that of a snapshot document.
func isName(name string) bool {
	_, _, ok := SplitName(name)
	return ok
}

// BlobKey returns the key of the content with the given SHA-256, which must be
// one: blobs/ab/cd/abcdef….
func BlobKey(sha256 string) string { return path.Join(BlobsPart, sha256[:2], sha256[2:4], sha256) }

// SnapshotKey returns the key of the snapshot document with the given name,
// ID.SHA256, which must be one: snapshots/2026/11/ID.SHA256.json.
func SnapshotKey(name string) string { return snapshotPart(name) + name + ".json" }

// PruneKey returns the key of the prune document with the given name, ID.SHA256,
// which must be one: prunes/2026/ID.SHA256.json.
func PruneKey(name string) string { return path.Join(PrunesPart, name[:4], name+".json") }

// snapshotPart returns the beginning of the keys of all snapshots of the same
// month: snapshots/2026/11/.
func snapshotPart(id string) string { return path.Join(SnapshotsPart, id[:4], id[4:6]) + "/" }

// documentName returns the name of a snapshot document, ID.SHA256.
func documentName(id, sha256 string) string { return id + "." + sha256 }

// SplitName returns the ID of a snapshot and the SHA-256 of its document.
func SplitName(name string) (id, sha256 string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", "", false
	}
	id, sha256 = name[:i], name[i+1:]
	return id, sha256, validID.MatchString(id) && validSHA256(sha256)
}

// ValidKey reports whether a store may have this key: IdentityKey, or a part
// that ValidPart accepts, a slash, and a name of letters, digits, dots, dashes
// and underscores that does not begin with a dot.
func ValidKey(key string) bool {
	dir, name := path.Split(key)
	return key == IdentityKey || strings.HasSuffix(dir, "/") && ValidPart(dir[:len(dir)-1]) && validName.MatchString(name)
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
	below := strings.Split(rest, "/")
	if len(below) > len(levels) {
		return false, false
	}
	for i, name := range below {
		if !levels[i].MatchString(name) {
			return false, false
		}
	}
	return true, len(below) == len(levels)
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
