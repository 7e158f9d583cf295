package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"flashwarden/api"
)

// Checksummer is a Store that computes the SHA-256 of a content itself when the
// content arrives, and keeps it.
type Checksummer interface {
	// Checksum returns the SHA-256 of the content of key in hexadecimal; empty where
	// the store knows none. Its errors are those of Get.
	Checksum(ctx context.Context, key string) (string, error)
}

// Twin is a Mirror that is a vault itself, with the same documents, contents and
// identity.
type Twin struct {
	vault *Vault
	limit *RateLimiter
	sizes map[string]int64 // of the documents, by key, as Store.List has them
}

// NewTwin returns the mirror in a store. limit bounds the reads; nil: it
// does not.
func NewTwin(s Store, limit *RateLimiter) *Twin { return &Twin{vault: New(s), limit: limit} }

// Begin implements Mirror.
func (t *Twin) Begin(ctx context.Context, id Identity, fresh bool) (made bool, err error) {
	if fresh {
		made, err = t.make(ctx, id)
	}
	if err == nil && !made {
		err = t.recognise(ctx, id)
	}
	if err == nil && !made {
		err = t.vault.SweepOld(ctx) // what a run left that was killed long ago
	}
	return made, err
}

// oldAge is the age of files that no living process still writes: generous, because
// the clock of a server may be wrong.
const oldAge = 7 * 24 * time.Hour

// recognise wants the mirror of this vault, encrypted as it should be.
func (t *Twin) recognise(ctx context.Context, want Identity) error {
	err := t.vault.Recognise(ctx, want.Vault)
	if err != nil && !errors.Is(err, ErrSealed) {
		return err
	}
	got, err := t.vault.Identity(ctx)
	switch {
	case err != nil:
		return err
	case want.SealedTo == "" && got.SealedTo != "":
		return fmt.Errorf("%w to %s", ErrSealed, got.SealedTo)
	case got.SealedTo != want.SealedTo:
		return fmt.Errorf("%w: it is encrypted to %q, not to %q", ErrOther, got.SealedTo, want.SealedTo)
	}
	return nil
}

// make gives an empty place the identity of the vault. One that has an identity
// stays as it is.
func (t *Twin) make(ctx context.Context, id Identity) (made bool, err error) {
	if m, ok := t.vault.store.(Maker); ok {
		if err := m.Make(ctx); err != nil {
			return false, err
		}
	}
	if _, err := t.vault.Identity(ctx); !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if err := t.vault.wantEmpty(ctx); err != nil {
		return false, err
	}
	data, err := encodeJSON(id)
	if err != nil {
		return false, err
	}
	err = t.vault.store.Put(ctx, IdentityKey, bytes.NewReader(data), int64(len(data)))
	if errors.Is(err, ErrExists) { // another process made it
		return false, nil
	}
	return err == nil, err
}

// Documents implements Mirror.
func (t *Twin) Documents(ctx context.Context) (func(key string) bool, error) {
	t.sizes = map[string]int64{}
	var errs []error
	for _, part := range []string{SnapshotsPart, PrunesPart} {
		errs = append(errs, t.vault.store.List(ctx, part+"/", func(i Info) error { t.sizes[i.Key] = i.Size; return ctx.Err() }))
	}
	return func(key string) bool { _, have := t.sizes[key]; return have }, errors.Join(errs...)
}

// Content implements Mirror.
func (t *Twin) Content(ctx context.Context, c Original) (Copied, error) {
	err := t.vault.checkBlob(ctx, c.SHA256, c.Size)
	switch {
	case err == nil && !c.Trusted:
		err = t.prove(ctx, BlobKey(c.SHA256), c.SHA256)
	case errors.Is(err, ErrNotFound):
		return WasCopied, t.put(ctx, c)
	}
	if replaceable(err) {
		return WasReplaced, t.replace(ctx, c)
	}
	if err == nil {
		err = t.vault.retain(ctx, BlobKey(c.SHA256))
	}
	return WasThere, err
}

// put copies a content and proves the copy.
func (t *Twin) put(ctx context.Context, c Original) error {
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := t.vault.store.Put(ctx, BlobKey(c.SHA256), r, c.Size); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	return t.prove(ctx, BlobKey(c.SHA256), c.SHA256)
}

// replace copies a content over a damaged one and proves the copy.
func (t *Twin) replace(ctx context.Context, c Original) error {
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := t.vault.replace(ctx, BlobKey(c.SHA256), r, c.Size); err != nil {
		return err
	}
	return t.prove(ctx, BlobKey(c.SHA256), c.SHA256)
}

// prove compares a content of the mirror with its digest: with the checksum of
// the store, else by reading it back. Another digest is an ErrDamaged.
func (t *Twin) prove(ctx context.Context, key, want string) error {
	got := ""
	var err error
	if c, ok := t.vault.store.(Checksummer); ok {
		got, err = c.Checksum(ctx, key)
	}
	if err == nil && got == "" {
		got, err = t.readBack(ctx, key)
	}
	if err == nil && got != want {
		err = fmt.Errorf("the mirror has the SHA-256 %s: %w", got, ErrDamaged)
	}
	return err
}

// readBack returns the SHA-256 of a content of the mirror.
func (t *Twin) readBack(ctx context.Context, key string) (string, error) {
	f, err := t.vault.getFromDisk(ctx, key)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h, buffer := sha256.New(), make([]byte, readBuffer)
	for {
		n, err := f.Read(t.limit.Part(buffer))
		h.Write(buffer[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err := errors.Join(err, t.limit.Wait(ctx, n), ctx.Err()); err != nil {
			return "", err
		}
	}
}

// Document implements Mirror.
func (t *Twin) Document(ctx context.Context, key string, data []byte, _ api.Snapshot) error {
	raw := sha256.Sum256(data)
	sum := hex.EncodeToString(raw[:])
	err := t.vault.store.Put(ctx, key, bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	if err = t.prove(ctx, key, sum); !replaceable(err) {
		return err
	}
	if err := t.vault.replace(ctx, key, bytes.NewReader(data), int64(len(data))); err != nil {
		return err
	}
	return t.prove(ctx, key, sum)
}

// Finish implements Mirror. Broken files were replaced in their places.
func (t *Twin) Finish(context.Context) (int, error) { return 0, nil }
