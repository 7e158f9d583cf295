package vault

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"time"

	"flashwarden/api"
)

// Store keeps contents under keys; ValidKey says what a key is. A method that
// cannot say whether a key exists returns another error than ErrNotFound. All
// methods may be called by several goroutines and processes at once. Package
// vaulttest judges implementations.
type Store interface {
	// Put keeps size bytes of r under key. When it returns nil, the content is
	// complete and on stable storage; after an error the key is as before. It
	// never replaces: the error is ErrExists where the key is taken, and then the
	// content of that key is on stable storage.
	Put(ctx context.Context, key string, r io.Reader, size int64) error
	// Get returns the content of key from the given offset, in bytes, to its end.
	// The caller closes it. The error is ErrNotFound if there is none, and
	// ErrDamaged where something that is no content has the key.
	Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error)
	// Stat returns the size of the content of key. Its errors are those of Get.
	Stat(ctx context.Context, key string) (Info, error)
	// List yields all keys that begin with prefix, in their order, until yield
	// returns an error, which it returns. Where parts of the store cannot be
	// listed, it yields all others and returns an error that joins an
	// *UnlistedError for each part.
	List(ctx context.Context, prefix string, yield func(Info) error) error
	// Delete removes key for good. The error is ErrNotFound if there is none.
	Delete(ctx context.Context, key string) error
}

// Info is what a Store knows of one content without reading it.
type Info struct {
	Key      string
	Size     int64     // bytes; -1 from List: ask Stat
	Modified time.Time // when the content was written; zero from List: ask Stat
}

// UnlistedError says that the keys in a part of a store could not be listed.
type UnlistedError struct {
	Part string // the beginning of those keys, without the slash at its end
	Err  error
}

// Error returns why the part could not be listed.
func (e *UnlistedError) Error() string { return e.Err.Error() }

// Unwrap returns the error behind it.
func (e *UnlistedError) Unwrap() error { return e.Err }

// Hides reports whether a key lies in the part.
func (e *UnlistedError) Hides(key string) bool { return strings.HasPrefix(key, e.Part+"/") }

// UnlistedParts splits an error of Store.List into the parts that could not be
// listed and all other errors.
func UnlistedParts(err error) (parts []*UnlistedError, others error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			some, other := UnlistedParts(e)
			parts, others = append(parts, some...), errors.Join(others, other)
		}
		return parts, others
	}
	if part, ok := err.(*UnlistedError); ok { // not errors.As: a wrapped join has several
		return []*UnlistedError{part}, nil
	}
	return nil, err
}

// Unreadable reports whether err says that a disk cannot return what it holds, as
// of a bad sector. Trying again does not help.
func Unreadable(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EUCLEAN) || errors.Is(err, syscall.EBADMSG)
}

// Forgetter is a Store whose contents this host may have in its memory, so that
// reading them proves nothing about the disk.
type Forgetter interface {
	// Forget drops the content of key from memory: the next Get reads the disk. Its
	// errors are those of Get.
	Forget(ctx context.Context, key string) error
}

// Adopter is a Store that can take over a finished file without another pass
// over its bytes.
type Adopter interface {
	// Adopt is Put with the content of the file path, which is gone from there
	// when Adopt returns nil. The error is errors.ErrUnsupported where this file
	// has to be copied, as from another file system.
	Adopt(ctx context.Context, key, path string) error
}

// Replacer is a Store that can replace a content at once: no reader finds
// neither the old nor the new one.
type Replacer interface {
	// Replace is Put for a key whose content is damaged.
	Replace(ctx context.Context, key string, r io.Reader, size int64) error
}

// BatchDeleter is a Store that removes many keys faster than one after the other.
type BatchDeleter interface {
	// DeleteAll is Delete for many keys. A key that does not exist is no error.
	DeleteAll(ctx context.Context, keys []string) error
}

// Maker is a Store that has to be made before its first use.
type Maker interface {
	// Make makes the store where it is missing.
	Make(ctx context.Context) error
}

// Ager is a Store that may hold a vault of format 1, which is not made of keys.
type Ager interface {
	// IsOld reports whether it does.
	IsOld(ctx context.Context) (bool, error)
}

// Sweeper is a Store that dead processes leave something in.
type Sweeper interface {
	// Sweep removes what dead processes left. No other process may use the store.
	Sweep(ctx context.Context) error
	// SweepOld removes what dead processes left that was last written longer ago than
	// age. Other processes may use the store.
	SweepOld(ctx context.Context, age time.Duration) error
}

// Auditor is a Store that can be damaged in ways that its keys do not show.
type Auditor interface {
	// Audit reports what does not belong to the store, and what others may read
	// or write.
	Audit(ctx context.Context, report func(api.CheckProblem)) error
}
