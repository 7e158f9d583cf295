package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// maxIdentity is the largest size of a file with a private key, in bytes.
const maxIdentity = 32 << 10

// change returns the device that the flags describe, and the secrets in the
// files that they name. An empty file name removes a secret. If ask is true,
// change asks for the password, and on a terminal for the enable password too.
func change(ctx context.Context, p *program, f deviceFlags, given *pflag.FlagSet, had api.DeviceDetail, ask bool) (api.DeviceChange, error) {
	c := api.DeviceChange{Device: f.Device}
	if ask {
		if err := askSecrets(ctx, p, &c, given); err != nil {
			return c, err
		}
	}
	password := func(secret **string, file string) error { return p.secret(ctx, secret, file, passwordOf(f.Name)) }
	enable := func(secret **string, file string) error { return p.secret(ctx, secret, file, enableOf(f.Name)) }
	via := func(secret **string, file string) error { return p.secret(ctx, secret, file, passwordOf(f.Via)) }
	for _, s := range []struct {
		flag, file string
		secret     **string
		read       func(secret **string, file string) error
	}{
		{"password-file", f.passwordFile, &c.Password, password},
		{"enable-password-file", f.enableFile, &c.EnablePassword, enable},
		{"via-password-file", f.viaPasswordFile, &c.ViaPassword, via},
		{"identity-file", f.identityFile, &c.Identity, identityIn},
		{"via-identity-file", f.viaIdentityFile, &c.ViaIdentity, identityIn},
	} {
		if !given.Changed(s.flag) {
			continue
		}
		if s.file == "" {
			*s.secret = new(string)
		} else if err := s.read(s.secret, s.file); err != nil {
			return c, err
		}
	}
	if err := p.hostKeys(&c, f, given); err != nil {
		return c, err
	}
	return c, settleVia(ctx, p, &c, f, given, had)
}

func passwordOf(name string) string { return "Password of " + name + ": " }
func enableOf(name string) string   { return "Enable password of " + name + " (empty: none): " }

// askSecrets asks for the password of a new device, and for its enable password
// if no file with it was given.
func askSecrets(ctx context.Context, p *program, c *api.DeviceChange, given *pflag.FlagSet) error {
	if err := p.secret(ctx, &c.Password, "", passwordOf(c.Device.Name)); err != nil || given.Changed("enable-password-file") {
		return err
	}
	enable, err := p.askPassword(ctx, enableOf(c.Device.Name))
	if err == nil && enable != "" {
		c.EnablePassword = &enable
	}
	return err
}

// secret reads the password in file, or asks for it with prompt.
func (p *program) secret(ctx context.Context, secret **string, file, prompt string) error {
	text, err := p.password(ctx, file, prompt)
	*secret = &text
	return err
}

// identityIn reads the private key in a file.
func identityIn(secret **string, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return usageError{fmt.Errorf("read private key: %w", err)}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxIdentity+1))
	err = errors.Join(err, f.Close())
	if err == nil && len(text) > maxIdentity {
		err = fmt.Errorf("it has more than %d bytes", maxIdentity)
	}
	if err != nil {
		return usageError{fmt.Errorf("private key %s: %w", file, err)}
	}
	key := string(text)
	*secret = &key
	return nil
}

// settleVia asks for the password of the jump host, unless another way to log
// in there is known.
func settleVia(ctx context.Context, p *program, c *api.DeviceChange, f deviceFlags, given *pflag.FlagSet, had api.DeviceDetail) error {
	if f.Via == "" && (f.viaPasswordFile != "" || f.viaIdentityFile != "") {
		return usageError{errors.New("--via-password-file and --via-identity-file are for a jump host: give --via USER@HOST too")}
	}
	stored := had.ViaPassword && c.ViaPassword == nil || had.ViaFingerprint != "" && c.ViaIdentity == nil
	sent := c.ViaPassword != nil && *c.ViaPassword != "" || c.ViaIdentity != nil && *c.ViaIdentity != ""
	if f.Via == "" || stored || sent || !terminal.IsTerminal(p.in) || given.Changed("via-password-file") {
		return nil
	}
	return p.secret(ctx, &c.ViaPassword, "", passwordOf(f.Via))
}
