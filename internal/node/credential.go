package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/credential"
	"flashwarden/internal/vty"
)

// useLogin binds a sealed credential to its name.
func useLogin(name string) string { return "credential\n" + name }

// SetCredential adds a credential, or changes the parts of one that the change names.
func (n *keyring) SetCredential(ctx context.Context, c api.CredentialChange) (api.Credential, error) {
	if err := c.Validate(); err != nil {
		return api.Credential{}, invalid(nil, "%w", err)
	}
	for _, s := range []*api.Secret{c.Password, c.EnablePassword} {
		if s == nil || s.Command == "" {
			continue
		}
		if _, err := credential.Words(s.Command); err != nil {
			return api.Credential{}, invalid(nil, "%w: %w", api.ErrInvalidCredential, err)
		}
	}
	for {
		kept, was, err := n.changed(ctx, c)
		if err != nil {
			return api.Credential{}, err
		}
		if put, err := n.catalog.PutCredential(ctx, kept, was); put || err != nil {
			return kept.Credential, err
		} // else somebody else changed it meanwhile: both changes count
	}
}

// changed returns a credential with a change, and its sealed text before.
func (n *keyring) changed(ctx context.Context, c api.CredentialChange) (kept catalog.Credential, was string, err error) {
	key, err := n.sealer()
	if err != nil {
		return kept, "", err
	}
	kept, known, err := n.catalog.Credential(ctx, c.Name)
	if err != nil {
		return kept, "", err
	}
	var login credential.Login
	if known {
		if login, err = n.unsealLogin(kept); err != nil {
			return kept, "", err
		}
	}
	if err := merge(&login, &kept.Credential, c); err != nil {
		return kept, "", err
	}
	was = kept.Sealed
	text, err := json.Marshal(login)
	if err == nil {
		kept.Sealed, err = key.Seal(string(text), useLogin(c.Name))
	}
	return kept, was, err
}

// merge sets what a change names in a login, and in what people see of it.
func merge(login *credential.Login, shown *api.Credential, c api.CredentialChange) error {
	if err := keepOld(login, c); err != nil {
		return err
	}
	if c.Username != nil {
		login.Username = *c.Username
	}
	if c.Password != nil {
		login.Password = *c.Password
	}
	if c.EnablePassword != nil {
		login.EnablePassword = *c.EnablePassword
	}
	if c.Identity != nil {
		login.Identity, shown.Fingerprint = *c.Identity, ""
		if *c.Identity != "" {
			id, err := vty.ParseIdentity([]byte(*c.Identity))
			if err != nil {
				return invalid(nil, "private key: %w", err)
			}
			shown.Fingerprint = id.Fingerprint()
		}
	}
	shown.Name, shown.Username = c.Name, login.Username
	shown.Password, shown.EnablePassword = login.Password.String(), login.EnablePassword.String()
	if login.Old != nil {
		shown.Password += "; old: " + cmp.Or(login.Old.Password.String(), "a key")
	}
	if login.Password == (api.Secret{}) && login.Identity == "" {
		return invalid(api.Say("give ").Option("password_file", "").Say(", ").Option("password_command", "").Say(" or ").Option("identity_file", ""),
			"%s has neither password nor key to log in with", c.Name)
	}
	return nil
}

// keepOld keeps the login as it was before a change, or drops the one that was kept.
func keepOld(login *credential.Login, c api.CredentialChange) error {
	switch {
	case c.DropOld:
		login.Old = nil
	case c.KeepOld && login.Old != nil:
		return invalid(api.Say("when all devices know the new one: ").Do("credential set", c.Name).With("drop_old", ""), "%s has an old login already", c.Name)
	case c.KeepOld && *login == credential.Login{}:
		return invalid(nil, "%s has no login yet that could be kept", c.Name)
	case c.KeepOld:
		old := *login
		login.Old = &old
	}
	return nil
}

func (n *keyring) unsealLogin(c catalog.Credential) (login credential.Login, err error) {
	key, err := n.sealer()
	if err != nil {
		return login, err
	}
	text, err := key.Unseal(c.Sealed, useLogin(c.Name))
	if err == nil {
		err = json.Unmarshal([]byte(text), &login)
	}
	if err != nil {
		return login, cause.WithFix(fmt.Errorf("credential %s: %w", c.Name, err), api.Say("enter it again: ").Do("credential set", c.Name).With("password_file", "FILE"))
	}
	return login, nil
}

// UnknownCredential is the problem of a name that no credential has.
func UnknownCredential(name string) error {
	err := fmt.Errorf("no credential %q", name)
	return &api.Problem{Detail: err.Error(), Exit: api.ExitUnknown, Fix: api.Do("credential list").Say(" shows them"), Err: err}
}

// sealCredential seals the name of the credential that a device is given. If the device has it
// already, its seal must be good: whoever writes the catalog must not be able to hand the
// credential to a host of his.
func (n *keyring) sealCredential(ctx context.Context, sealed *string, was, is api.Device) error {
	if is.Credential == was.Credential {
		if err := n.mayUse(was, *sealed); err != nil || useOf(useCredential, was) == useOf(useCredential, is) {
			return err
		}
	} else {
		_, known, err := n.catalog.Credential(ctx, is.Credential)
		if err != nil {
			return err
		}
		if !known {
			return UnknownCredential(is.Credential)
		}
	}
	var err error
	*sealed, err = n.seal(is.Credential, useCredential, is)
	return err
}

// mayUse refuses a device whose credential was not given to it here.
func (n *keyring) mayUse(d api.Device, sealed string) error {
	name, err := n.unseal(sealed, useCredential, d)
	if err == nil && name != d.Credential {
		err = credential.ErrElsewhere
	}
	if errors.Is(err, credential.ErrElsewhere) {
		return cause.WithFix(fmt.Errorf("the credential %s of %s was %w: somebody may have changed the database", d.Credential, d.Name, credential.ErrElsewhere),
			api.Say("look at its address with ").Do("device show", d.Name).Say("; then remove the device and add it again: ").Do("device remove", d.Name))
	}
	return err
}

// uses returns the name of the credential that a device uses; empty: none. A device inherits one only
// if it has no login of its own.
func (n *keyring) uses(d api.Device, s catalog.Secrets, shared config.Credentials) (name string, err error) {
	switch {
	case d.Credential != "":
		return d.Credential, n.mayUse(d, s.Credential)
	case !inherits(s):
		return "", nil
	}
	name = shared.Of("", d.Group, d.Site)
	if name == "" {
		return "", nil
	}
	return name, n.mayInherit(d, s.Credential, name)
}

// openLogin returns the login that a credential has.
func (n *keyring) openLogin(ctx context.Context, name string) (login credential.Login, err error) {
	kept, known, err := n.catalog.Credential(ctx, name)
	if err == nil && !known {
		err = UnknownCredential(name)
	}
	if err != nil {
		return login, err
	}
	return n.unsealLogin(kept)
}

// PasswordOf returns the password of a credential, where it is, for something else than a device:
// the token of a server. An old login does not count.
func (n *keyring) PasswordOf(ctx context.Context, name string) (string, error) {
	login, err := n.openLogin(ctx, name)
	if err != nil {
		return "", err
	}
	text, err := n.secrets.Read(ctx, login.Password)
	if err != nil {
		return "", fmt.Errorf("credential %s: %w", name, err)
	}
	if text == "" {
		return "", fmt.Errorf("the credential %s has no password that could be the token", name)
	}
	return text, nil
}

// FindSecrets looks for all secrets of a credential where they are, and says where that is.
func (n *keyring) FindSecrets(ctx context.Context, name string) (found []string, err error) {
	login, err := n.openLogin(ctx, name)
	if err != nil {
		return nil, err
	}
	found, err = n.find(ctx, name, "", login)
	if err != nil || login.Old == nil {
		return found, err
	}
	more, err := n.find(ctx, name, "old ", *login.Old)
	return append(found, more...), err
}

// find looks for the secrets of one login of a credential. which stands before their names.
func (n *keyring) find(ctx context.Context, name, which string, login credential.Login) (found []string, err error) {
	for _, s := range []struct {
		what   string
		secret api.Secret
	}{{"password", login.Password}, {"enable password", login.EnablePassword}} {
		if s.secret == (api.Secret{}) {
			continue
		}
		if _, err := n.secrets.Read(ctx, s.secret); err != nil {
			return nil, fmt.Errorf("%s%s of credential %s: %w", which, s.what, name, err)
		}
		found = append(found, which+s.what+": "+s.secret.String())
	}
	if login.Identity != "" {
		found = append(found, which+"private key: stored")
	}
	return found, nil
}

// addLogin completes how to log in to a device with the login of its credential. What the device
// has of its own comes first.
func (n *keyring) addLogin(ctx context.Context, c *vty.Config, name string, login credential.Login) error {
	c.Username = cmp.Or(c.Username, login.Username)
	read := func(into *string, secret api.Secret) error {
		text, err := n.secrets.Read(ctx, secret)
		if err != nil {
			return fmt.Errorf("credential %s: %w", name, err)
		}
		*into = text
		return nil
	}
	if c.Password == "" && c.Identity == nil {
		c.Credential = name
		if login.Identity != "" {
			var err error
			if c.Identity, err = vty.ParseIdentity([]byte(login.Identity)); err != nil {
				return fmt.Errorf("credential %s: private key: %w", name, err)
			}
		}
		if err := read(&c.Password, login.Password); err != nil {
			return err
		}
	}
	if c.EnablePassword == "" {
		return read(&c.EnablePassword, login.EnablePassword)
	}
	return nil
}
