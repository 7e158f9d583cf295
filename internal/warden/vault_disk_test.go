package warden

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
	"flashwarden/tftp"
)

// TestVaultDiskGoesAway replaces the disk of the vault while a Local has the
// data directory open. Each operation must notice it.
func TestVaultDiskGoesAway(t *testing.T) {
	for name, c := range map[string]struct {
		replace func(t *testing.T, place string) error
		want    error
	}{
		"not mounted": {func(_ *testing.T, place string) error { return os.Mkdir(place, 0o700) }, vault.ErrMissing},
		"another disk": {func(t *testing.T, place string) error {
			theirs, _ := checked(t)
			return os.Rename(filepath.Join(theirs, "vault"), place)
		}, vault.ErrOther},
	} {
		t.Run(name, func(t *testing.T) {
			l, n, _ := opened(t, "sw1")
			keep(t, n, "sw1", time.Now().Add(-time.Hour), map[string]string{"flash:/x.bin": "an image"})
			ctx := As(t.Context(), Admin("root", "terminal"))
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			o := l.opts
			o.Config.TFTP.Listen, o.Config.TFTP.PortRange = "127.0.0.1:0", tftp.PortRange{}
			l = New(o)
			defer l.Close()
			if _, err := l.served(ctx); err != nil {
				t.Fatal(err)
			}
			place := filepath.Join(l.opts.Data, "vault")
			if err := errors.Join(os.Rename(place, place+".away"), c.replace(t, place)); err != nil {
				t.Fatal(err)
			}
			for operation, run := range map[string]func() error{
				"status": func() error { _, err := l.Status(ctx, api.StatusQuery{}); return err },
				"prune":  func() error { _, err := l.Prune(ctx, api.Prune{Retention: api.Retention{Last: 1}}); return err },
				"check":  func() error { _, err := l.Check(ctx, api.Check{}, nil); return err },
				"mirror": func() error { _, err := l.Mirror(ctx, api.Mirror{Target: t.TempDir()}, nil); return err },
				"backup": func() error { _, err := l.Backup(ctx, api.Backup{All: true}, nil); return err },
			} {
				if err := run(); !errors.Is(err, c.want) {
					t.Errorf("%s: error %v; want %v", operation, err, c.want)
				}
			}
		})
	}
}
