package node

import (
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// SealDevice returns the device of a change as the catalog keeps it, with its sealed
// secrets. Secrets that the change does not name are taken from had. An error
// quotes nothing of a secret.
func (n *Node) SealDevice(c api.DeviceChange, had catalog.Secrets) (api.Device, catalog.Secrets, error) {
	d, s := c.Device, had
	if err := d.Validate(); err != nil {
		return d, s, err
	}
	for _, p := range []struct {
		secret *string
		sealed *string
	}{
		{c.Password, &s.Password}, {c.EnablePassword, &s.EnablePassword}, {c.ViaPassword, &s.ViaPassword},
	} {
		if err := n.sealInto(p.sealed, p.secret); err != nil {
			return d, s, err
		}
	}
	if err := n.sealIdentity(c.Identity, &s.Identity, &d.Fingerprint); err != nil {
		return d, s, err
	}
	if err := n.sealIdentity(c.ViaIdentity, &s.ViaIdentity, &d.ViaFingerprint); err != nil {
		return d, s, err
	}
	if d.Via == "" {
		s.ViaPassword, s.ViaIdentity, d.ViaFingerprint = "", "", ""
	}
	return d, s, enoughToLogIn(d, s)
}

// sealInto replaces a sealed secret by a new one; nil keeps it, an empty one
// removes it.
func (n *Node) sealInto(sealed, secret *string) error {
	if secret == nil {
		return nil
	}
	*sealed = ""
	if *secret == "" {
		return nil
	}
	var err error
	*sealed, err = n.key.Seal(*secret)
	return err
}

// sealIdentity replaces a sealed private key and its fingerprint. A key that
// cannot be used unattended is an invalid request.
func (n *Node) sealIdentity(key, sealed, fingerprint *string) error {
	if key == nil {
		return nil
	}
	*sealed, *fingerprint = "", ""
	if *key == "" {
		return nil
	}
	var err error
	if *sealed, *fingerprint, err = n.SealIdentity([]byte(*key)); err != nil {
		return invalid(nil, "private key: %w", err)
	}
	return nil
}

// enoughToLogIn refuses a device that nothing is stored to log in to.
func enoughToLogIn(d api.Device, s catalog.Secrets) error {
	switch {
	case d.Transport == api.SSH && s.Password == "" && s.Identity == "":
		return invalid(api.Say("give ").Option("password_file", "").Say(" or ").Option("identity_file", ""),
			"%s has neither password nor key to log in with", d.Name)
	case d.Via != "" && s.ViaPassword == "" && s.ViaIdentity == "":
		return invalid(api.Say("give ").Option("via_password_file", "").Say(" or ").Option("via_identity_file", ""),
			"no way to log in to the jump host %s", d.Via)
	}
	return nil
}

// invalid is the problem of a device that cannot be kept as it is.
func invalid(fix api.Fix, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &api.Problem{Detail: err.Error(), Fix: fix, Exit: api.ExitUsage, Err: err}
}
