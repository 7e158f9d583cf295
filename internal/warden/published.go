package warden

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// CompareImages compares the images in the vault with published digests, and
// remembers the result.
func (l *upkeep) CompareImages(ctx context.Context, r api.Hashes) ([]api.Image, error) {
	n, err := l.begin(ctx, working, "compare images with published digests")
	if err != nil {
		return nil, err
	}
	v, err := n.Vault(ctx)
	if err != nil {
		return nil, err
	}
	images, err := n.Catalog.Images(ctx)
	if err != nil {
		return nil, err
	}
	verdicts := make(map[string]string)
	for i := range images {
		if !images[i].InVault {
			continue
		}
		if images[i].Published, err = published(ctx, v, images[i], r.Hashes); err != nil {
			return nil, err
		}
		verdicts[images[i].SHA256] = images[i].Published
	}
	return images, n.Catalog.SetPublished(ctx, verdicts)
}

// published compares one image with a list. SHA-512 is computed only where the
// list has nothing else for its name.
func published(ctx context.Context, v *vault.Vault, i api.Image, list []api.Hash) (string, error) {
	var named []api.Hash
	for _, h := range list {
		if h.MD5 != "" && h.MD5 == i.MD5 || h.SHA256 != "" && h.SHA256 == i.SHA256 {
			return api.PublishedYes, nil
		}
		if slices.Contains(i.Names, h.Name) {
			named = append(named, h)
		}
	}
	if len(named) == 0 {
		return api.PublishedUnknown, nil
	}
	only512 := func(h api.Hash) bool { return h.MD5 == "" && h.SHA256 == "" }
	if !slices.ContainsFunc(named, only512) {
		return api.PublishedDiffers, nil
	}
	sum, err := sha512Of(ctx, v, i.SHA256)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(named, func(h api.Hash) bool { return h.SHA512 == sum }) {
		return api.PublishedYes, nil
	}
	return api.PublishedDiffers, nil
}

func sha512Of(ctx context.Context, v *vault.Vault, sha256 string) (string, error) {
	blob, err := v.OpenBlob(ctx, sha256)
	if err != nil {
		return "", err
	}
	defer blob.Close()
	h := sha512.New()
	if _, err := io.Copy(h, struct{ io.Reader }{blob}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), ctx.Err()
}
