package node

import (
	"context"
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/device"
	"flashwarden/internal/vty"
)

// Dial logs in to a device of the inventory, with the secrets that are stored
// under its name.
func (n *logins) Dial(ctx context.Context, d api.Device) (*device.Device, error) {
	dev, _, err := n.dial(ctx, d)
	return dev, err
}

// CredentialOf returns the name of the credential that a device uses; empty: none.
func (n *logins) CredentialOf(ctx context.Context, d api.Device) (string, error) {
	s, err := n.Catalog.Secrets(ctx, d.Name)
	if err != nil {
		return "", err
	}
	return n.keys.uses(d, s, n.opts.Config.Credentials)
}

// TestLogin logs in to a device and out again. old: it took the old login of its credential.
func (n *logins) TestLogin(ctx context.Context, d api.Device) (old bool, err error) {
	dev, old, err := n.dial(ctx, d)
	if err != nil {
		return false, err
	}
	return old, dev.Close()
}

// dial is Dial. old: the device took the old login of its credential.
func (n *logins) dial(ctx context.Context, d api.Device) (dev *device.Device, old bool, err error) {
	c, s, err := n.ownLogin(ctx, d)
	if err != nil {
		return nil, false, err
	}
	name, err := n.keys.uses(d, s, n.opts.Config.Credentials)
	if err != nil {
		return nil, false, err
	}
	if name == "" {
		dev, err = device.Dial(ctx, c)
		return dev, false, err
	}
	return n.dialShared(ctx, c, name)
}

// ownLogin returns how to log in to a device with the secrets that are stored under its name, and these secrets.
func (n *logins) ownLogin(ctx context.Context, d api.Device) (vty.Config, catalog.Secrets, error) {
	c := vty.Config{
		Name: d.Name, Address: d.Address, Transport: d.Transport, Username: d.Username,
		LegacyCrypto: d.LegacyCrypto, HostKeys: n.noting(d.Name), Log: n.opts.Log.With("device", d.Name),
	}
	s, err := n.Catalog.Secrets(ctx, d.Name)
	if err != nil {
		return c, s, err
	}
	if c.Password, err = n.keys.unseal(s.Password, usePassword, d); err != nil {
		return c, s, fmt.Errorf("password of %s: %w", d.Name, err)
	}
	if c.EnablePassword, err = n.keys.unseal(s.EnablePassword, useEnable, d); err != nil {
		return c, s, fmt.Errorf("enable password of %s: %w", d.Name, err)
	}
	if c.Identity, err = n.identity(s.Identity, useIdentity, d); err != nil {
		return c, s, fmt.Errorf("private key of %s: %w", d.Name, err)
	}
	if c.Via, err = n.jump(d, s); err != nil {
		return c, s, fmt.Errorf("jump host of %s: %w", d.Name, err)
	}
	return c, s, nil
}

// dialShared logs in with a credential. If it has an old login too, that one comes first; the new
// one follows only if the device refuses the old one. So no account sees more than two logins.
func (n *logins) dialShared(ctx context.Context, c vty.Config, name string) (dev *device.Device, old bool, err error) {
	login, err := n.keys.openLogin(ctx, name)
	if err != nil {
		return nil, false, err
	}
	before := ""
	if login.Old != nil {
		first := c
		if err := n.keys.addLogin(ctx, &first, name, *login.Old); err != nil {
			before = "the old login cannot be used: " + err.Error()
		} else if dev, err := device.Dial(ctx, first); !refused(err) {
			return dev, err == nil, err
		} else {
			before = "the old login was refused"
		}
	}
	if err := n.keys.addLogin(ctx, &c, name, login); err != nil {
		return nil, false, err
	}
	dev, err = device.Dial(ctx, c)
	if err != nil && before != "" {
		err = fmt.Errorf("%s; the new one: %w", before, err)
	}
	return dev, false, err
}

// refused reports whether the device, not the jump host on the way, refused a login.
func refused(err error) bool {
	of := cause.Of(err)
	return (of == cause.AuthFailed || of == cause.EnableFailed) && !errors.Is(err, vty.ErrJump)
}

// identity is the private key in a sealed text; nil for "".
func (n *logins) identity(sealed, use string, d api.Device) (*vty.Identity, error) {
	text, err := n.keys.unseal(sealed, use, d)
	if err != nil || text == "" {
		return nil, err
	}
	return vty.ParseIdentity([]byte(text))
}

// jump is how to log in to the jump host of d; nil if there is none.
func (n *logins) jump(d api.Device, s catalog.Secrets) (*vty.Jump, error) {
	if d.Via == "" {
		return nil, nil
	}
	j := &vty.Jump{}
	j.Username, j.Address = d.Jump()
	var err error
	if j.Password, err = n.keys.unseal(s.ViaPassword, useViaPassword, d); err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	if j.Identity, err = n.identity(s.ViaIdentity, useViaIdentity, d); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return j, nil
}

// DialToTransfer is Dial for transfers. A device behind a jump host is refused
// where nobody says which address of ours it is to use: that of the session is
// one on the way to the jump host.
func (n *logins) DialToTransfer(ctx context.Context, d api.Device) (*device.Device, error) {
	if d.Via != "" && d.TFTPAddress == "" && !n.opts.Config.TFTP.Advertise.IsValid() {
		return nil, cause.New(cause.Internal, fmt.Sprintf("%s is reached through the jump host %s: the session does not show the address of this host to which the device can send TFTP", d.Name, d.Via),
			api.Do("device edit", d.Name).With("tftp_address", "IP").Say("; or for all devices ").Set("tftp.advertise", "IP"))
	}
	return n.Dial(ctx, d)
}

// Detail returns the device with the given name and the secrets that are stored to
// log in to it.
func (n *logins) Detail(ctx context.Context, name string) (api.DeviceDetail, error) {
	d, err := n.Catalog.Device(ctx, name)
	if err != nil {
		return api.DeviceDetail{}, err
	}
	s, err := n.Catalog.Secrets(ctx, name)
	if err != nil {
		return api.DeviceDetail{}, err
	}
	host, via, err := pinnedAt(d)
	if err != nil {
		return api.DeviceDetail{}, err
	}
	pinned, err := n.hostKeys.Store.HostKeys(ctx, host, via)
	if err != nil {
		return api.DeviceDetail{}, err
	}
	way, err := n.Catalog.CopyWay(ctx, name)
	if err != nil {
		return api.DeviceDetail{}, err
	}
	keys, err := vty.Fingerprints(pinned)
	return api.DeviceDetail{Device: d, HostKeys: keys, CopyWay: way, Password: s.Password != "",
		EnablePassword: s.EnablePassword != "", ViaPassword: s.ViaPassword != ""}, err
}

// UnknownHostKeys connects to d and returns the host keys on the way, of the
// jump host or of the device, that are not pinned. Nothing secret is sent: the
// connection ends at the first such key.
func (n *logins) UnknownHostKeys(ctx context.Context, d api.Device) []api.HostKey {
	var keys []api.HostKey
	probe := *n // with a policy of its own
	probe.hostKeys = &vty.HostKeys{Store: n.hostKeys.Store, Policy: vty.AskUser, Ask: func(host, fingerprint string) bool {
		keys = append(keys, api.HostKey{Device: d.Name, Host: host, Fingerprint: fingerprint})
		return false
	}}
	dev, err := probe.Dial(ctx, d)
	if err == nil { // all keys are pinned
		err = dev.Close()
	}
	if err != nil {
		n.opts.Log.Debug("look at host keys", "device", d.Name, "err", err)
	}
	return keys
}
