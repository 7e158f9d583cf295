package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/internal/node"
)

// maxIdentity bounds a file with a private key, in bytes.
const maxIdentity = 32 << 10

// sealSecrets puts what the given flags name into the device, sealed; an empty
// value takes it out. What was not given stays.
func (p *program) sealSecrets(n *node.Node, f *deviceFlags, given *pflag.FlagSet) error {
	for _, s := range []struct {
		flag, file string
		sealed     *string
	}{
		{"password-file", f.passwordFile, &f.secrets.Password},
		{"enable-password-file", f.enableFile, &f.secrets.EnablePassword},
		{"via-password-file", f.viaPasswordFile, &f.secrets.ViaPassword},
	} {
		if !given.Changed(s.flag) {
			continue
		}
		*s.sealed = ""
		if s.file == "" {
			continue
		}
		if err := p.sealPassword(n, s.sealed, s.file, ""); err != nil {
			return err
		}
	}
	if given.Changed("identity-file") {
		if err := sealIdentity(n, f.identityFile, &f.secrets.Identity, &f.Fingerprint); err != nil {
			return err
		}
	}
	if given.Changed("via-identity-file") {
		if err := sealIdentity(n, f.viaIdentityFile, &f.secrets.ViaIdentity, &f.ViaFingerprint); err != nil {
			return err
		}
	}
	if f.Transport == api.SSH && f.secrets.Password == "" && f.secrets.Identity == "" {
		return usageError{fmt.Errorf("%s has neither password nor key to log in with: give --password-file or --identity-file", f.Name)}
	}
	return p.settleVia(n, f, given)
}

// sealPassword seals the password in file, or what is typed after prompt.
func (p *program) sealPassword(n *node.Node, sealed *string, file, prompt string) error {
	secret, err := p.password(file, prompt)
	if err != nil {
		return err
	}
	*sealed, err = n.Seal(secret)
	return err
}

// sealIdentity seals the private key in file; without a file there is none.
func sealIdentity(n *node.Node, file string, sealed, fingerprint *string) error {
	*sealed, *fingerprint = "", ""
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return usageError{fmt.Errorf("read private key: %w", err)}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxIdentity+1))
	err = errors.Join(err, f.Close())
	if err == nil && len(text) > maxIdentity {
		err = fmt.Errorf("it has more than %d bytes", maxIdentity)
	}
	if err == nil {
		*sealed, *fingerprint, err = n.SealIdentity(text)
	}
	if err != nil {
		return usageError{fmt.Errorf("private key %s: %w", file, err)}
	}
	return nil
}

// settleVia sees that there is a way to log in to the jump host, and nothing
// of it left where there is none.
func (p *program) settleVia(n *node.Node, f *deviceFlags, given *pflag.FlagSet) error {
	switch {
	case f.Via == "" && (f.viaPasswordFile != "" || f.viaIdentityFile != ""):
		return usageError{errors.New("--via-password-file and --via-identity-file are for a jump host: give --via USER@HOST too")}
	case f.Via == "":
		f.secrets.ViaPassword, f.secrets.ViaIdentity, f.ViaFingerprint = "", "", ""
	case f.secrets.ViaPassword != "" || f.secrets.ViaIdentity != "":
	case terminal(p.in) && !given.Changed("via-password-file"):
		return p.sealPassword(n, &f.secrets.ViaPassword, "", "Password of "+f.Via+": ")
	default:
		return usageError{fmt.Errorf("no way to log in to the jump host %s: give --via-password-file or --via-identity-file", f.Via)}
	}
	return nil
}
