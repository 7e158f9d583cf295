package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/credential"
	"flashwarden/internal/vty"
)

// keyring seals and unseals the secrets of the catalog.
type keyring struct {
	catalog  catalog.Catalog
	file     string          // the path of the key file
	shared   bool            // other machines use the catalog, too
	key      *credential.Key // nil: its file is lost
	sealed   int             // if key is nil: the devices with secrets
	otherKey bool            // the catalog has the check value of another key
	secrets  *credential.Reader
}

// sealer returns the key that seals secrets. Without its file, and with secrets
// that were sealed with it, it is an error that says how to go on: a new key could
// read none of them.
func (n *keyring) sealer() (*credential.Key, error) {
	switch {
	case n.key != nil && n.otherKey:
		return nil, cause.New(cause.Internal, fmt.Sprintf("the key file %s is not the one that seals the passwords in the catalog", n.file),
			api.Say("copy the file key from the data directory of a machine that uses this catalog already"))
	case n.key != nil:
		return n.key, nil
	}
	return nil, cause.New(cause.Internal, fmt.Sprintf("the key file %s is missing: stored passwords cannot be read (devices and credentials: %d)", n.file, n.sealed),
		api.Say("put a copy of it back. If there is no copy, make a new key: ").Do("rebuild").With("new_key", "").
			Say("; then enter the passwords again: ").Do("device edit", "NAME").With("password_file", "FILE"))
}

// ReadsSecrets returns an error if the secrets in the catalog cannot be read: their key is lost.
func (n *keyring) ReadsSecrets() error {
	_, err := n.sealer()
	return err
}

// openKeyring opens the key file at path. It makes a new key only if nothing was sealed with a
// lost one. shared: other machines use the catalog, too.
func openKeyring(ctx context.Context, c catalog.Catalog, path string, shared bool) (*keyring, error) {
	n := &keyring{catalog: c, file: path, shared: shared, secrets: new(credential.Reader)}
	var err error
	n.key, err = credential.Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return n, errors.Join(err, n.compareKey(ctx))
	}
	n.key = nil
	if n.sealed, err = c.Sealed(ctx); err != nil || n.sealed > 0 {
		return n, err
	}
	n.key, err = credential.Open(path)
	return n, errors.Join(err, n.compareKey(ctx))
}

// compareKey compares the key with the check value of a catalog that other machines use too,
// or enters that of the first one.
func (n *keyring) compareKey(ctx context.Context) error {
	if !n.shared || n.key == nil {
		return nil
	}
	value, err := n.catalog.SealingKey(ctx, n.key.CheckValue())
	n.otherKey = err == nil && value != n.key.CheckValue()
	return err
}

// replaceKey makes a new key in place of one that is lost.
func (n *keyring) replaceKey(ctx context.Context) error {
	if n.key != nil {
		return cause.New(cause.Internal, fmt.Sprintf("the key file %s is not lost", n.file),
			api.Say("leave out ").Option("new_key", ""))
	}
	var err error
	if n.key, err = credential.Open(n.file); err == nil {
		err = n.catalog.ReplaceSealingKey(ctx, n.key.CheckValue())
	}
	return err
}

// The uses of secrets.
const (
	usePassword    = "password"
	useEnable      = "enable password"
	useIdentity    = "private key"
	useViaPassword = "password of the jump host"
	useViaIdentity = "private key for the jump host"
	useCredential  = "name of the credential"
	useInherited   = "credential of the group, the site or all"
)

// useOf binds a secret to what it is for: whoever can write the catalog must not
// have it sent to another host.
func useOf(use string, d api.Device) string {
	return strings.Join([]string{use, d.Name, d.Transport, d.Address, d.Via}, "\n")
}

func (n *keyring) seal(secret, use string, d api.Device) (string, error) {
	if secret == "" {
		return "", nil
	}
	key, err := n.sealer()
	if err != nil {
		return "", err
	}
	return key.Seal(secret, useOf(use, d))
}

func (n *keyring) unseal(sealed, use string, d api.Device) (string, error) {
	if sealed == "" {
		return "", nil
	}
	key, err := n.sealer()
	if err != nil {
		return "", err
	}
	secret, err := key.Unseal(sealed, useOf(use, d))
	if err == nil {
		return secret, nil
	}
	fix := api.Say("enter it again: ").Do("device edit", d.Name).With(fieldOf[use], "FILE")
	if use == useCredential {
		fix = api.Say("take the credential away from the device with an empty ").Option("credential", "").Say(", then give it again: ").
			Do("device edit", d.Name).With("credential", d.Credential)
	}
	if errors.Is(err, credential.ErrWrongKey) {
		fix = api.Say("put the old key file back, or ").Then(fix)
	}
	return "", cause.WithFix(err, fix)
}

// fieldOf has the field of each secret in a change of a device.
var fieldOf = map[string]string{usePassword: "password_file", useEnable: "enable_password_file", useIdentity: "identity_file",
	useViaPassword: "via_password_file", useViaIdentity: "via_identity_file"}

// SealDevice returns the device of a change as the catalog keeps it, with its sealed
// secrets. Secrets that the change does not name are those that the device had, as it
// was before. An error quotes nothing of a secret.
func (n *Node) SealDevice(ctx context.Context, c api.DeviceChange, was api.Device, had catalog.Secrets) (api.Device, catalog.Secrets, error) {
	d, s, err := n.sealDevice(ctx, c, was, had)
	if err != nil {
		return d, s, err
	}
	return d, s, n.enoughToLogIn(ctx, d, s)
}

func (n *keyring) sealDevice(ctx context.Context, c api.DeviceChange, was api.Device, had catalog.Secrets) (api.Device, catalog.Secrets, error) {
	d, s := c.Device, had
	if err := d.Validate(); err != nil {
		return d, s, err
	}
	if d.Credential == "" {
		s.Credential = n.sealInheritance(c, was, had)
	} else if err := n.sealCredential(ctx, &s.Credential, was, d); err != nil {
		return d, s, err
	}
	if d.Via == "" {
		s.ViaPassword, s.ViaIdentity, d.ViaFingerprint = "", "", ""
	}
	for _, p := range []struct {
		use         string
		secret      *string // nil: it stays
		sealed      *string
		fingerprint *string // of a private key; nil: it is a password
	}{
		{usePassword, c.Password, &s.Password, nil}, {useEnable, c.EnablePassword, &s.EnablePassword, nil}, {useViaPassword, c.ViaPassword, &s.ViaPassword, nil},
		{useIdentity, c.Identity, &s.Identity, &d.Fingerprint}, {useViaIdentity, c.ViaIdentity, &s.ViaIdentity, &d.ViaFingerprint},
	} {
		var err error
		if p.secret == nil {
			err = n.rebind(p.sealed, p.use, was, d)
		} else {
			err = n.sealInto(p.sealed, p.fingerprint, *p.secret, p.use, d)
		}
		if err != nil {
			return d, s, err
		}
	}
	if d.Via == "" {
		s.ViaPassword, s.ViaIdentity, d.ViaFingerprint = "", "", ""
	}
	return d, s, nil
}

// rebind seals a secret again if the device has another address now.
func (n *keyring) rebind(sealed *string, use string, was, is api.Device) error {
	if *sealed == "" || useOf(use, was) == useOf(use, is) {
		return nil
	}
	secret, err := n.unseal(*sealed, use, was)
	if err == nil {
		*sealed, err = n.seal(secret, use, is)
	}
	return err
}

// sealInto replaces a sealed secret; an empty one removes it. A private key that
// cannot be used unattended is an invalid request.
func (n *keyring) sealInto(sealed, fingerprint *string, secret, use string, d api.Device) (err error) {
	if fingerprint != nil {
		*fingerprint = ""
		if secret != "" {
			id, err := vty.ParseIdentity([]byte(secret))
			if err != nil {
				return invalid(nil, "private key: %w", err)
			}
			*fingerprint = id.Fingerprint()
		}
	}
	*sealed, err = n.seal(secret, use, d)
	return err
}

// enoughToLogIn refuses a device that nothing is stored to log in to.
func (n *Node) enoughToLogIn(ctx context.Context, d api.Device, s catalog.Secrets) error {
	inherited := n.opts.Config.Credentials.Of("", d.Group, d.Site)
	if d.Credential != "" || !inherits(s) || inherited == "" {
		return enoughToLogIn(d, s, d.Credential)
	}
	if _, known, err := n.catalog.Credential(ctx, inherited); err != nil || !known {
		return cmp.Or(err, UnknownCredential(inherited))
	}
	if s.Credential == "" {
		return n.mayInherit(d, "", inherited)
	}
	return enoughToLogIn(d, s, inherited)
}

// enoughToLogIn is that of a Node for a device that uses a credential; empty: it uses none.
func enoughToLogIn(d api.Device, s catalog.Secrets, credential string) error {
	if err := d.CheckUsername(credential); err != nil {
		return err
	}
	switch {
	case d.Transport == api.SSH && s.Password == "" && s.Identity == "" && credential == "":
		return invalid(api.Say("give ").Option("password_file", "").Say(", ").Option("identity_file", "").Say(" or ").Option("credential", ""),
			"%s has neither password nor key to log in with", d.Name)
	case d.Via != "" && s.ViaPassword == "" && s.ViaIdentity == "":
		return invalid(api.Say("give ").Option("via_password_file", "").Say(" or ").Option("via_identity_file", ""),
			"no way to log in to the jump host %s", d.Via)
	}
	return nil
}

// EnoughToLogIn refuses a new device that has nothing to log in with.
func EnoughToLogIn(c api.DeviceChange, shared config.Credentials) error {
	var s catalog.Secrets
	for _, p := range []struct{ secret, in *string }{{c.Password, &s.Password}, {c.Identity, &s.Identity}, {c.ViaPassword, &s.ViaPassword}, {c.ViaIdentity, &s.ViaIdentity}} {
		if p.secret != nil {
			*p.in = *p.secret
		}
	}
	uses := c.Device.Credential
	if inherits(s) {
		uses = shared.Of(uses, c.Device.Group, c.Device.Site)
	}
	return enoughToLogIn(c.Device, s, uses)
}

// invalid is the problem of a device that cannot be kept as it is.
func invalid(fix api.Fix, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &api.Problem{Detail: err.Error(), Fix: fix, Exit: api.ExitUsage, Err: err}
}

// NewPasswords returns the names of the passwords in c that the device does not have
// yet. It takes the others out of c.
func (n *keyring) NewPasswords(c *api.DeviceChange, d api.Device, had catalog.Secrets) (names []string) {
	for _, p := range []struct {
		name, use, sealed string
		secret            **string
	}{{"password", usePassword, had.Password, &c.Password}, {"enable_password", useEnable, had.EnablePassword, &c.EnablePassword}} {
		if *p.secret == nil {
			continue
		}
		// One that does not open is replaced.
		if stored, err := n.unseal(p.sealed, p.use, d); err == nil && stored == **p.secret {
			*p.secret = nil
			continue
		}
		names = append(names, p.name)
	}
	return names
}
