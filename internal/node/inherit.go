package node

import (
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/credential"
)

// A device without a login of its own inherits the credential of its group, of its site or the
// default. That is sealed too: whoever can write the catalog must not be able to add a host of his
// that inherits one, or to move a device to a group with another one.

// inherits reports whether a device without a credential of its own has no other login either.
func inherits(s catalog.Secrets) bool { return s.Password == "" && s.Identity == "" }

// placeOf is what the inherited credential follows from.
func placeOf(d api.Device) string { return d.Group + "\n" + d.Site }

// sealInheritance returns the seal with which a device may inherit a credential. It is empty if it
// may not: an edit gives no seal to a device that nobody has entered here.
func (n *keyring) sealInheritance(c api.DeviceChange, was api.Device, had catalog.Secrets) string {
	is := c.Device
	if was.Name != "" && was.Credential == "" && placeOf(was) == placeOf(is) && useOf(useInherited, was) == useOf(useInherited, is) && had.Credential != "" {
		return had.Credential
	}
	if was.Name != "" && !n.entered(c, was, had) {
		return ""
	}
	sealed, err := n.seal(placeOf(is), useInherited, is)
	if err != nil { // without the key; what needs none goes on
		return ""
	}
	return sealed
}

// entered reports whether a person or a list has entered a device here, with its address: something
// is sealed for it, or is entered now.
func (n *keyring) entered(c api.DeviceChange, was api.Device, had catalog.Secrets) bool {
	for _, secret := range []*string{c.Password, c.Identity} {
		if secret != nil && *secret != "" {
			return true
		}
	}
	opens := func(sealed, use string) bool {
		_, err := n.unseal(sealed, use, was)
		return sealed != "" && err == nil
	}
	if was.Credential != "" {
		return n.mayUse(was, had.Credential) == nil
	}
	return opens(had.Password, usePassword) || opens(had.Identity, useIdentity) || had.Credential != "" && n.mayInherit(was, had.Credential, "") == nil
}

// mayInherit refuses a device that was not entered here with its address, its group and its site.
// inherited is the credential that it would inherit, for the next step.
func (n *keyring) mayInherit(d api.Device, sealed, inherited string) error {
	err := errors.New("nothing is sealed for it")
	if sealed != "" {
		var key *credential.Key
		if key, err = n.sealer(); err != nil {
			return err
		}
		var place string
		if place, err = key.Unseal(sealed, useOf(useInherited, d)); err == nil && place != placeOf(d) {
			err = credential.ErrElsewhere
		}
	}
	if err == nil {
		return nil
	}
	return cause.WithFix(fmt.Errorf("%s may not inherit the credential %s: %w", d.Name, inherited, err),
		api.Say("look at its address, group and site with ").Do("device show", d.Name).Say("; if they are right: ").Do("device edit", d.Name).With("credential", inherited))
}
