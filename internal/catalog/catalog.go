// Package catalog says what a catalog is: the inventory of devices, and an
// index of the vault. Implementations are in subpackages; package catalogtest
// judges them.
//
// The index holds nothing that the vault lacks: Rebuild makes it again. The
// inventory, with the sealed passwords, is in the catalog alone.
package catalog

import (
	"context"
	"errors"
	"time"

	"flashwarden/api"
)

// Errors that callers branch on; test with errors.Is. A device with a value
// that cannot be is an api.ErrInvalidDevice.
var (
	ErrNotFound = errors.New("not in the inventory")
	ErrExists   = errors.New("already in the inventory")

	// ErrNotIndexed: a snapshot is in the vault, but not in the index.
	ErrNotIndexed = errors.New("the index could not be written")

	// ErrRemoving: a prune removes a content at this moment. Afterwards it has to be
	// copied again.
	ErrRemoving = errors.New("a prune is removing this content from the vault")
)

// RemovingLasts is how long a prune may take to remove the contents of one Condemn, and to
// forget them. If it takes longer, its process has died, and others may use or remove the
// contents.
const RemovingLasts = 15 * time.Minute

// IntentLasts is how long a process may take to write a snapshot after its last sign. Then it
// is dead, or its vault gave up long ago.
const IntentLasts = time.Hour

// Catalog is an open catalog. Several goroutines and several processes may use
// it at once.
type Catalog interface {
	Inventory
	Credentials
	Index
	History
	Mirrors
	HostKeys
	Jobs
	Plans
	Care
	Chronicle
	Notices
	People
	Audit
	// Now returns the time by the clock of the catalog.
	Now(ctx context.Context) (time.Time, error)
	Close() error
}

// Inventory keeps the devices and how to log in to them.
type Inventory interface {
	// AddDevice adds d. The error is api.ErrInvalidDevice where Validate refuses
	// it, and ErrExists where its name is taken.
	AddDevice(ctx context.Context, d api.Device, s Secrets) error
	// UpdateDevice replaces the device of the same name and its secrets. The
	// error is api.ErrInvalidDevice or ErrNotFound.
	UpdateDevice(ctx context.Context, d api.Device, s Secrets) error
	// RemoveDevice removes a device with its secrets, and cancels its jobs. Its snapshots
	// stay in the vault. The error is ErrNotFound if there is none.
	RemoveDevice(ctx context.Context, name string) error
	// Device returns the device with the given name. The error is ErrNotFound,
	// with similar names, if there is none.
	Device(ctx context.Context, name string) (api.Device, error)
	// Devices returns the devices that s selects, sorted by name. Names in s that
	// are not in the inventory are an ErrNotFound that lists them all.
	Devices(ctx context.Context, s api.Select) ([]api.Device, error)
	// DeviceNames returns the names of the devices that begin with prefix, sorted.
	DeviceNames(ctx context.Context, prefix string) ([]string, error)
	// Secrets returns the secrets of the device with the given name. The error
	// is ErrNotFound if there is none.
	Secrets(ctx context.Context, name string) (Secrets, error)
	// Sealed returns the number of devices and credentials that have a secret.
	Sealed(ctx context.Context) (int, error)
	// SealingKey returns the check value of the key that seals the secrets. If there is
	// none yet, it enters first.
	SealingKey(ctx context.Context, first string) (value string, err error)
	// ReplaceSealingKey enters the check value of a new key.
	ReplaceSealingKey(ctx context.Context, value string) error
}

// Secrets are the texts to log in to a device with, each sealed; an empty one
// is not stored. No face sees them: node opens them for one session.
type Secrets struct {
	Password       string
	EnablePassword string
	Identity       string // private key, tried before Password
	ViaPassword    string
	ViaIdentity    string // private key for the jump host
	Credential     string // the name of the credential that the device may use
}

// Index keeps what the snapshots of the vault say.
type Index interface {
	Contents
	// Index enters snapshots of the vault, all or none. One with the same ID is
	// replaced.
	Index(ctx context.Context, snapshots ...api.Snapshot) error
	// Unindex takes out snapshots that the vault no longer has, with the content
	// that no other snapshot names. One that is not indexed is no error.
	Unindex(ctx context.Context, ids ...string) error
	// Documents yields the names of the documents of all indexed snapshots,
	// ID.SHA256, in any order.
	Documents(ctx context.Context, yield func(document string)) error
	// Latest returns the name of the document of the device's last snapshot: the
	// one that no other names as the one before it. So a clock that was set back
	// does not matter. It is empty for a device without snapshots.
	Latest(ctx context.Context, device string) (document string, err error)
	// Intend enters the ID of a snapshot that is going to be written, and claims the
	// contents that it will name, all or nothing. Index takes the ID out again. The error
	// is ErrRemoving if a prune removes one of the contents.
	Intend(ctx context.Context, id string, contents ...string) error
	// Intended returns the IDs that Intend entered and nothing took out.
	Intended(ctx context.Context) ([]string, error)
	// Abandoned returns those of Intended whose process is gone: it gave no sign since a time
	// by the clock of the catalog, and if it had a lease, that has ended. RenewLeases is a sign.
	Abandoned(ctx context.Context, before time.Time) ([]string, error)
	// Forget takes out the ID of a snapshot that was not written.
	Forget(ctx context.Context, id string) error
	// VaultIdentity returns the identity of the vault whose index this is; empty
	// where there was none yet.
	VaultIdentity(ctx context.Context) (string, error)
	// SetVaultIdentity remembers the identity of the vault.
	SetVaultIdentity(ctx context.Context, identity string) error
	// Snapshots returns the snapshots of one device, or of all where device is
	// empty, oldest first.
	Snapshots(ctx context.Context, device string) ([]api.SnapshotRow, error)
	// SnapshotIDs returns the IDs of the newest snapshots, at most so many, newest first: of
	// one device, or of all where device is empty, and only those that begin with prefix.
	SnapshotIDs(ctx context.Context, device, prefix string, most int) ([]string, error)
	// CopyWay returns the transport that SetCopyWay remembered for a device; without a Way if
	// there is none. RemoveDevice forgets it.
	CopyWay(ctx context.Context, device string) (api.CopyWay, error)
	// SetCopyWay remembers the transport that works for a device.
	SetCopyWay(ctx context.Context, device string, w api.CopyWay) error
	// Images returns the distinct images: those in the vault first, then those
	// that devices run and the vault does not have; by name within both.
	Images(ctx context.Context) ([]api.Image, error)
}

// Contents is what the index knows of content, whichever device it came from.
type Contents interface {
	// Remember enters the content of one file that the vault has just taken in,
	// so that Known finds it before a snapshot names it: devices that are backed
	// up at the same time share it, and it is not copied again where a process
	// died before it wrote the snapshot. It claims the content.
	Remember(ctx context.Context, f api.File) error
	// Known returns the SHA-256 of the content with the given MD5, in lower-case
	// hexadecimal, and size in bytes, where a snapshot names such content or
	// Remember has entered it, and no prune removes it. The caller still has to ask the
	// vault for the blob.
	//
	// The MD5 is always one that we computed over the bytes that we received. So
	// it does not matter how that content was proved when it came: a device that
	// now computes the same MD5 proves that it holds these bytes. Two contents
	// with one MD5 and size can only be made on purpose; then neither is known.
	Known(ctx context.Context, md5 string, size int64) (sha256 string, ok bool, err error)
	// HasSize reports whether Known would find a content of this size in bytes, for some MD5.
	HasSize(ctx context.Context, size int64) (bool, error)
	// Inspected returns the result of inspecting the image with the given
	// SHA-256; nil where it was not inspected.
	Inspected(ctx context.Context, sha256 string) (*api.Inspection, error)
	// SetPublished remembers what a list of published digests says of images, by
	// SHA-256.
	SetPublished(ctx context.Context, verdicts map[string]string) error
	// ForgetContents takes out contents that are gone from the vault, by SHA-256. What
	// a snapshot names stays.
	ForgetContents(ctx context.Context, sums ...string) error
	// Condemn marks contents that no snapshot names for removal, and forgets them, so that
	// Known no longer finds them. It returns the contents that an earlier call marked before
	// the time until and that no one has entered since: a backup that found them before has
	// ended by now. Until ForgetContents, or for RemovingLasts, they cannot be claimed.
	// Contents that another prune removes at this moment are not returned.
	Condemn(ctx context.Context, now, until time.Time, sums []string) (ripe []string, err error)
	// Claim is for contents that somebody is about to put, or to look for, in the vault
	// before a snapshot names them: a call of Condemn notes them anew. The error is
	// ErrRemoving, and nothing is claimed, if a prune removes one of them.
	Claim(ctx context.Context, sums ...string) error
	// Proved returns when the content with the given SHA-256 was last read and found
	// whole; the zero time for never, and where it was found damaged since.
	Proved(ctx context.Context, sha256 string) (time.Time, error)
	// RecordProofs enters what content of the vault was found to be. One that is
	// older than the recorded one changes nothing, unless that one is dated in the
	// future: then the clock was wrong.
	RecordProofs(ctx context.Context, proofs ...Proof) error
	// Proofs yields the last result for all content of the vault that was read or
	// looked for, and for the documents that RecordProofs entered: when, and whether it was
	// found whole.
	Proofs(ctx context.Context, yield func(sha256 string, at time.Time, whole bool)) error
}

// Proof is the result of reading one content of the vault.
type Proof struct {
	SHA256 string    // its name, in lower-case hexadecimal; or the name of a document, ID.SHA256
	Size   int64     // bytes
	Read   time.Time // when
	Whole  bool      // it is there and has the digest of its name
}
