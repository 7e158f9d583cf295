package tftpd

import (
	"context"
	"strings"

	"flashwarden/tftp"
)

// unrooted treats names as in.tftpd does without --secure: an absolute name that
// begins with the path of the directory means the file in it. Other names are
// unchanged.
type unrooted struct {
	dir string
	tftp.Handler
}

// OpenRead implements tftp.Handler.
func (u *unrooted) OpenRead(ctx context.Context, r *tftp.Request) (tftp.Reader, error) {
	return u.Handler.OpenRead(ctx, u.below(r))
}

// OpenWrite implements tftp.Handler.
func (u *unrooted) OpenWrite(ctx context.Context, r *tftp.Request) (tftp.Writer, error) {
	return u.Handler.OpenWrite(ctx, u.below(r))
}

func (u *unrooted) below(r *tftp.Request) *tftp.Request {
	name, ok := strings.CutPrefix(r.Filename, strings.TrimSuffix(u.dir, "/")+"/")
	if !ok || name == "" {
		return r
	}
	changed := *r
	changed.Filename = name
	return &changed
}
