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
	close func() error
	notes []string // what the store cannot promise
}

// openTarget opens the store that text names: an absolute path of a directory, or
// a URL. The connection to a server ends with ctx.
func openTarget(ctx context.Context, text string) (target, error) {
	if !strings.Contains(text, "://") {
		return openDir(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return target{}, wrongTarget("%q is no URL: %w", text, errors.Unwrap(err))
	}
	switch u.Scheme {
	case sftp.Scheme:
		return openSFTP(ctx, u)
	case s3.Scheme:
		return openS3(ctx, u)
	}
	return target{}, wrongTarget("%q: want a directory, sftp://USER@HOST/DIRECTORY or s3://BUCKET/PREFIX?endpoint=https://HOST", u.Redacted())
}

func wrongTarget(format string, args ...any) error {
	return &api.Problem{Field: "target", Detail: fmt.Errorf(format, args...).Error(), Exit: api.ExitUsage}
}

func openDir(path string) (target, error) {
	if !filepath.IsAbs(path) {
		return target{}, wrongTarget("%q is no absolute path", path)
	}
	store, err := dir.Open(path)
	return target{store: store, close: func() error { return nil }}, err
}

func openSFTP(ctx context.Context, u *url.URL) (target, error) {
	store, err := sftp.Open(ctx, u)
	if errors.Is(err, sftp.ErrURL) {
		return target{}, wrongTarget("%w", err)
	}
	if err != nil {
		return target{}, cause.Wrap(cause.VaultError, err, "the SFTP server", api.Say("log in once by hand, without a password: ").Type(api.OnHost, sftp.Login(u)))
	}
	t := target{store: store, close: store.Close}
	if !store.Synced() {
		t.notes = append(t.notes, "this SFTP server cannot sync: after a power cut there, check the mirror")
	}
	return t, nil
}

func openS3(ctx context.Context, u *url.URL) (target, error) {
	store, err := s3.Open(ctx, u)
	if errors.Is(err, s3.ErrURL) {
		return target{}, wrongTarget("%w", err)
	}
	if errors.Is(err, s3.ErrNoBucket) {
		return target{}, cause.Wrap(cause.VaultError, err, u.Redacted(), api.Say("make the bucket on the server, or name a bucket that exists"))
	}
	if err != nil {
		return target{}, cause.Wrap(cause.VaultError, err, "the S3 server", api.Say("give the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or in ~/.aws/credentials, to the service too, and look at the endpoint in the target"))
	}
	return target{store: store, close: func() error { return nil }}, nil
}

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
