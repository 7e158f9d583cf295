package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/ios"
	"flashwarden/internal/vault"
)

// reuse returns f with content of the vault that has this digest and size. The
// content is not believed: it was read and proved a short time ago, or is read
// now. Without a SHA-256 in the file that is returned, it has to be copied; damage is
// not nil if the vault's copy is damaged.
//
// An error means that nobody can say whether the vault has the content. A fleet is
// not copied again for a disk that does not answer.
func (j job) reuse(ctx context.Context, f api.File, d ios.Digest) (reused api.File, damage, err error) {
	sha, ok, err := j.Catalog.Known(ctx, d.MD5, f.Size)
	if err != nil {
		return f, nil, indexError(err, "look up "+f.Path)
	}
	if !ok {
		return f, nil, nil
	}
	at, err := j.proveHeld(ctx, sha, f.Size)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return f, nil, nil
	case errors.Is(err, vault.ErrDamaged):
		return f, err, j.recordProof(ctx, sha, f.Size, false)
	case err != nil:
		return f, nil, vaultError(err, "look up "+f.Path)
	}
	f.MD5, f.SHA256, f.Evidence = d.MD5, sha, api.EvidenceMD5
	f.Proof = append(f.Proof, "the vault holds this content, read and proved at "+at.UTC().Format(time.RFC3339))
	f, err = j.inspectKnown(ctx, f)
	return f, nil, err
}

// proveHeld makes sure that the vault holds a content, and returns when it was
// last read. It is read now unless that was within ProvedWithin.
func (j job) proveHeld(ctx context.Context, sha string, size int64) (at time.Time, err error) {
	at, err = j.Catalog.Proved(ctx, sha)
	if err != nil {
		return at, err
	}
	now := time.Now()
	if age := now.Sub(at); age >= 0 && age < j.ProvedWithin {
		has, err := j.Vault.HasBlob(ctx, sha, size)
		if has || err != nil {
			return at, err
		}
	}
	if err := j.Vault.Prove(ctx, sha, size); err != nil {
		return at, err
	}
	return now, j.recordProof(ctx, sha, size, true)
}

// mended says in t what became of a file whose content in the vault was damaged.
// err is that of the new copy.
func (j job) mended(ctx context.Context, t taken, damage, err error) (taken, error) {
	if err != nil {
		t.warnings = append(t.warnings, fmt.Sprintf("%s: the vault's copy is damaged: %v", t.file.Path, damage))
		return t, err
	}
	t.warnings = append(t.warnings, fmt.Sprintf("%s: the vault's copy was damaged; it is replaced by a new one: %v", t.file.Path, damage))
	return t, j.recordProof(ctx, t.file.SHA256, t.file.Size, true)
}

// recordProof remembers that a content was read now.
func (j job) recordProof(ctx context.Context, sha string, size int64, whole bool) error {
	proof := catalog.Proof{SHA256: sha, Size: size, Read: time.Now(), Whole: whole}
	if err := j.Catalog.RecordProofs(context.WithoutCancel(ctx), proof); err != nil {
		return indexError(err, "record that content was read")
	}
	return nil
}
