package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// SamePlace reports whether two stores are one place under two names, such as a directory and
// the same directory on an SFTP server. It reads their vault.json. Only if the two could be one
// file, it writes into other: a few bytes under a new name, which it looks for in the first
// store and removes.
func SamePlace(ctx context.Context, one, other Store) (bool, error) {
	same, err := sameIdentity(ctx, one, other)
	if err != nil || !same {
		return false, err
	}
	seen, err := showsPut(ctx, one, other)
	if err != nil {
		return false, fmt.Errorf("compare the places of two vaults: %w", err)
	}
	return seen, nil
}

// sameIdentity reports whether vault.json has the same size and time in two stores. A copy
// may have both, too, for example one by cp -a.
func sameIdentity(ctx context.Context, one, other Store) (bool, error) {
	a, err := one.Stat(ctx, IdentityKey)
	if err != nil {
		return false, unlessNotFound(err)
	}
	b, err := other.Stat(ctx, IdentityKey)
	if err != nil {
		return false, unlessNotFound(err)
	}
	second := func(i Info) time.Time { return i.Modified.Truncate(time.Second) } // SFTP has no smaller unit
	return a.Size == b.Size && second(a).Equal(second(b)), nil
}

func unlessNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// showsPut reports whether one store shows an object that is put into the other.
func showsPut(ctx context.Context, one, other Store) (bool, error) {
	data := make([]byte, sha256.Size)
	rand.Read(data) // never fails: crypto/rand.Read ends the program instead
	sum := sha256.Sum256(data)
	key := BlobKey(hex.EncodeToString(sum[:]))
	if err := other.Put(ctx, key, bytes.NewReader(data), int64(len(data))); err != nil {
		return false, err
	}
	_, err := one.Stat(ctx, key)
	other.Delete(ctx, key) // if it stays, a prune removes it like the content of a backup that broke off
	return err == nil, unlessNotFound(err)
}
