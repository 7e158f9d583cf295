package vault

import (
	"crypto/sha256"
	"path"
	"regexp"
	"strings"
)

// The first parts of keys.
const (
	BlobsPart     = "blobs"
	SnapshotsPart = "snapshots"
)

var (
	validID     = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9._-]{1,64}-[a-z0-9]{4}$`)
	unsafeInID  = regexp.MustCompile(`[^A-Za-z0-9._-]`)
	validYear   = regexp.MustCompile(`^[0-9]{4}$`)
	validPrefix = regexp.MustCompile(`^[0-9a-f]{2}$`)
	validName   = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$`)
)

// BlobKey returns the key of the content with the given SHA-256, which must be
// one: blobs/ab/abcdef….
func BlobKey(sha256 string) string { return path.Join(BlobsPart, sha256[:2], sha256) }

// SnapshotKey returns the key of the snapshot with the given ID, which must be
// one: snapshots/2026/ID.json.
func SnapshotKey(id string) string { return path.Join(SnapshotsPart, id[:4], id+".json") }

// ValidKey reports whether a store may have this key: a part that ValidPart
// accepts, a slash, and a name of letters, digits, dots, dashes and
// underscores that does not begin with a dot.
func ValidKey(key string) bool {
	dir, name := path.Split(key)
	return strings.HasSuffix(dir, "/") && ValidPart(dir[:len(dir)-1]) && validName.MatchString(name)
}

// ValidPart reports whether part is one that keys begin with: blobs/ab,
// snapshots/2026.
func ValidPart(part string) bool {
	top, sub, _ := strings.Cut(part, "/")
	return top == BlobsPart && validPrefix.MatchString(sub) || top == SnapshotsPart && validYear.MatchString(sub)
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

// snapshotOf returns the ID in the key of a snapshot.
func snapshotOf(key string) (id string, ok bool) {
	id, ok = strings.CutSuffix(path.Base(key), ".json")
	return id, ok && validID.MatchString(id) && key == SnapshotKey(id)
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
