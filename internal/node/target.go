package node

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
	"flashwarden/internal/vault/s3"
	"flashwarden/internal/vault/sftp"
)

// target is a place for a vault: an open store.
type target struct {
	store vault.Store
	reach func(ctx context.Context) error // asks the server whether it is there, and returns what to do if not
	close func() error
	notes []string // what the store cannot promise
}

// openTarget opens the store that text names, as openPlace does, and reaches it.
func openTarget(ctx context.Context, text string) (target, error) {
	t, err := openPlace(ctx, text)
	if err != nil {
		return t, err
	}
	if err := t.reach(ctx); err != nil {
		return target{}, errors.Join(err, t.close())
	}
	if s, ok := t.store.(*sftp.Store); ok && !s.Synced() {
		t.notes = append(t.notes, "this SFTP server cannot sync: after a power cut there, check the mirror")
	}
	return t, nil
}

// openPlace opens the store that text names: an absolute path of a directory, or
// a URL. It does not look whether the store is there. Connections end with ctx.
func openPlace(ctx context.Context, text string) (target, error) {
	if !isURL(text) {
		return openDir(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return target{}, wrongTarget("%q is not a URL: %w", text, errors.Unwrap(err))
	}
	switch u.Scheme {
	case sftp.Scheme:
		return openSFTP(ctx, u)
	case s3.Scheme:
		return openS3(u)
	}
	return target{}, wrongTarget("%q: want a directory, sftp://USER@HOST/DIRECTORY or s3://BUCKET/PREFIX?endpoint=https://HOST", u.Redacted())
}

func wrongTarget(format string, args ...any) error {
	return &api.Problem{Field: "target", Detail: fmt.Errorf(format, args...).Error(), Exit: api.ExitUsage}
}

func openDir(path string) (target, error) {
	if !filepath.IsAbs(path) {
		return target{}, wrongTarget("%q is not an absolute path", path)
	}
	store, err := dir.Open(path)
	return target{store: store, reach: func(context.Context) error { return nil }, close: func() error { return nil }}, err
}

func openSFTP(ctx context.Context, u *url.URL) (target, error) {
	store, err := sftp.Open(ctx, u)
	if err != nil {
		return target{}, wrongTarget("%w", err)
	}
	return target{store: store, close: store.Close, reach: func(context.Context) error {
		if err := store.Connect(); err != nil {
			return cause.Wrap(cause.VaultError, err, "the SFTP server", api.Say("log in once by hand, without a password: ").Type(api.OnHost, sftp.Login(u)))
		}
		return nil
	}}, nil
}

func openS3(u *url.URL) (target, error) {
	store, err := s3.Open(u)
	if errors.Is(err, s3.ErrURL) {
		return target{}, wrongTarget("%w", err)
	}
	if err != nil {
		return target{}, err
	}
	return target{store: store, close: func() error { return nil }, reach: func(ctx context.Context) error {
		err := store.Reach(ctx)
		switch {
		case errors.Is(err, s3.ErrNoBucket):
			return cause.Wrap(cause.VaultError, err, u.Redacted(), api.Say("make the bucket on the server, or name a bucket that exists"))
		case errors.Is(err, s3.ErrNoLock):
			return cause.Wrap(cause.VaultError, err, u.Redacted(), api.Say("make a bucket with object lock, or leave out lock in the target"))
		case err != nil:
			return cause.Wrap(cause.VaultError, err, "the S3 server", api.Say("give the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or in ~/.aws/credentials, to the service too, and look at the endpoint in the target"))
		}
		return nil
	}}, nil
}

// isURL reports whether the place of a vault is on a server.
func isURL(place string) bool { return strings.Contains(place, "://") }

// samePlace reports whether two places of a vault are one.
func samePlace(a, b string) bool { return a == b || sameDir(a, b) }

// sameDir reports whether two paths are one directory.
func sameDir(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// inside reports whether path is the directory dir or lies below it, whatever
// symbolic links lead there. path need not exist.
func inside(path, dir string) bool {
	real, err := filepath.EvalSymlinks(path)
	for ; err != nil && path != filepath.Dir(path); real, err = filepath.EvalSymlinks(path) {
		path = filepath.Dir(path)
	}
	for ; !sameDir(real, dir); real = filepath.Dir(real) {
		if real == filepath.Dir(real) {
			return false
		}
	}
	return true
}
