package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Identity distinguishes one vault from all others. It is the document vault.json,
// which makes a store a vault.
type Identity struct {
	Format int       `json:"format"` // Format
	Vault  string    `json:"vault"`  // 32 random hexadecimal digits
	Made   time.Time `json:"made"`   // UTC, whole seconds
	// SealedTo is the recipient (age1…) of an encrypted mirror; empty for a vault,
	// and for a mirror that is like it.
	SealedTo string `json:"sealed_to,omitempty"`
}

// Errors of a store that is not the vault that the caller knows; test with
// errors.Is.
var (
	// ErrMissing: the store has no vault.json. Its disk is not mounted, or the vault
	// was moved away.
	ErrMissing = errors.New("the vault is not there")
	// ErrOther: vault.json has another identity.
	ErrOther = errors.New("another vault is in its place")
	// ErrUnknown: there is a vault, but the caller knows of none.
	ErrUnknown = errors.New("the catalog does not know this vault")
	// ErrSealed: the store holds an encrypted mirror of the vault.
	ErrSealed = errors.New("the mirror is encrypted")
	// ErrOldFormat: the store holds a vault of format 1, which had no identity.
	ErrOldFormat = errors.New("the vault has the old format 1")
)

// Identity returns the identity of the store. The error is ErrNotFound where it
// has none, ErrDamaged, or ErrNewer.
func (v *identity) Identity(ctx context.Context) (Identity, error) {
	data, err := v.documents.read(ctx, IdentityKey)
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", IdentityKey, err)
	}
	var id Identity
	if err := decodeJSON(data, &id); err != nil {
		return Identity{}, fmt.Errorf("%s is %w: %w", IdentityKey, ErrDamaged, err)
	}
	if err := checkFormat(id.Format); err != nil {
		return Identity{}, fmt.Errorf("%s: %w", IdentityKey, err)
	}
	if !validHex(id.Vault, 2*identityBytes) {
		return Identity{}, fmt.Errorf("%s is %w: %q is not an identity", IdentityKey, ErrDamaged, id.Vault)
	}
	return id, nil
}

const identityBytes = 16

// Make makes a vault in an empty store and returns its identity. The error is
// ErrExists where the store is a vault already, and ErrOldFormat or another
// error where it is not empty.
func (v *identity) Make(ctx context.Context) (Identity, error) {
	if m, ok := v.store.(Maker); ok {
		if err := m.Make(ctx); err != nil {
			return Identity{}, fmt.Errorf("make vault: %w", err)
		}
	}
	_, err := v.Identity(ctx)
	switch {
	case err == nil:
		err = ErrExists
	case errors.Is(err, ErrNotFound):
		err = v.wantEmpty(ctx)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("make vault: %w", err)
	}
	return v.Identify(ctx, "")
}

// Identify gives the store an identity, whatever it holds; a new one if identity is
// empty. The error is ErrExists where it has one.
func (v *identity) Identify(ctx context.Context, identity string) (Identity, error) {
	if identity == "" {
		raw := make([]byte, identityBytes)
		rand.Read(raw) // never fails: crypto/rand.Read ends the program instead
		identity = hex.EncodeToString(raw)
	}
	id := Identity{Format: Format, Vault: identity, Made: time.Now().UTC().Truncate(time.Second)}
	data, err := encodeJSON(id)
	if err == nil {
		err = v.store.Put(ctx, IdentityKey, bytes.NewReader(data), int64(len(data)))
	}
	if err != nil {
		return Identity{}, fmt.Errorf("make vault: %w", err)
	}
	return id, nil
}

// wantEmpty refuses a store with anything in it.
func (v *identity) wantEmpty(ctx context.Context) error {
	if err := v.wantNew(ctx); err != nil {
		return err
	}
	found := errors.New("found")
	key := ""
	err := v.store.List(ctx, "", func(i Info) error { key = i.Key; return found })
	if !errors.Is(err, found) {
		return unlessAbsent(err)
	}
	return fmt.Errorf("%w: it has no %s, but it has %s", ErrMissing, IdentityKey, key)
}

// wantNew refuses a store with anything of format 1.
func (v *identity) wantNew(ctx context.Context) error {
	o, ok := v.store.(Ager)
	if !ok {
		return nil
	}
	old, err := o.IsOld(ctx)
	if err == nil && old {
		err = ErrOldFormat
	}
	return err
}

// unlessAbsent returns err without the parts of a store that do not exist.
func unlessAbsent(err error) error {
	parts, err := UnlistedParts(err)
	for _, part := range parts {
		if !errors.Is(part.Err, fs.ErrNotExist) {
			err = errors.Join(err, part)
		}
	}
	return err
}

// unknown returns the error for a vault that the caller does not know. An empty vault
// is no error: a process made it a moment ago and died.
func (v *identity) unknown(ctx context.Context, id Identity) error {
	if err := v.wantNew(ctx); err != nil {
		return err
	}
	unknown := fmt.Errorf("%w: %s", ErrUnknown, id.Vault)
	return v.store.List(ctx, "", func(i Info) error {
		if i.Key != IdentityKey {
			return unknown
		}
		return nil
	})
}

// Recognise compares the store with the identity that the caller knows; known
// is empty for none. It returns nil for the same one, and for an empty store or
// an empty vault if none is known. Else the error is ErrMissing, ErrOther, ErrUnknown,
// ErrOldFormat, ErrNewer or ErrDamaged, or says why the store cannot be read.
func (v *identity) Recognise(ctx context.Context, known string) error {
	id, err := v.Identity(ctx)
	switch {
	case errors.Is(err, ErrNotFound) && known == "":
		return v.wantEmpty(ctx)
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w: it has no %s with the identity %s", ErrMissing, IdentityKey, known)
	case err != nil:
		return err
	case known == "":
		return v.unknown(ctx, id)
	case id.Vault != known:
		return fmt.Errorf("%w: it has the identity %s, not %s", ErrOther, id.Vault, known)
	case id.SealedTo != "":
		return fmt.Errorf("%w to %s", ErrSealed, id.SealedTo)
	}
	return nil
}
