package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
)

// deviceColumns are the columns of a Device in the order of deviceFields.
const deviceColumns = `name, address, transport, username, site, device_group, tftp_address, vrf, files, legacy_crypto,
	fingerprint, via, via_fingerprint, credential, source, copy_by`

// secretColumns are the columns of Secrets in the order of secretFields.
const secretColumns = `password, enable_password, identity, via_password, via_identity, credential_use`

// rowMarks stand for rowValues, the values of deviceColumns and
// secretColumns, in a statement.
const rowMarks = `?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?`

// deviceFields returns where a row of deviceColumns goes.
func deviceFields(d *api.Device) []any {
	return []any{&d.Name, &d.Address, &d.Transport, &d.Username, &d.Site, &d.Group, &d.TFTPAddress, &d.VRF, &d.Files,
		&d.LegacyCrypto, &d.Fingerprint, &d.Via, &d.ViaFingerprint, &d.Credential, &d.Source, &d.CopyBy}
}

// secretFields returns where a row of secretColumns goes.
func secretFields(s *catalog.Secrets) []any {
	return []any{&s.Password, &s.EnablePassword, &s.Identity, &s.ViaPassword, &s.ViaIdentity, &s.Credential}
}

func rowValues(d api.Device, s catalog.Secrets) []any {
	return []any{d.Name, d.Address, d.Transport, d.Username, d.Site, d.Group, d.TFTPAddress, d.VRF, d.Files,
		d.LegacyCrypto, d.Fingerprint, d.Via, d.ViaFingerprint, d.Credential, d.Source, d.CopyBy,
		s.Password, s.EnablePassword, s.Identity, s.ViaPassword, s.ViaIdentity, s.Credential}
}

// AddDevice adds d to the inventory.
func (c inventory) AddDevice(ctx context.Context, d api.Device, s catalog.Secrets) error {
	if err := d.Validate(); err != nil {
		return err
	}
	_, err := c.exec(ctx,
		`INSERT INTO device (`+deviceColumns+`, `+secretColumns+`) VALUES (`+rowMarks+`)`, rowValues(d, s)...)
	if err != nil && c.engine.IsDuplicate(err) {
		return cause.WithFix(fmt.Errorf("device %q is %w", d.Name, catalog.ErrExists), api.Say("to change it: ").Do("device edit", d.Name))
	}
	return c.wrap("add device "+d.Name, err)
}

// Device returns the device with the given name.
func (c inventory) Device(ctx context.Context, name string) (api.Device, error) {
	var d api.Device
	err := c.queryRow(ctx, `SELECT `+deviceColumns+` FROM device WHERE name = ?`, name).Scan(deviceFields(&d)...)
	if errors.Is(err, sql.ErrNoRows) {
		return api.Device{}, c.notFound(ctx, name)
	}
	return d, c.wrap("read device "+name, err)
}

// Devices returns the devices that s selects, sorted by name.
func (c inventory) Devices(ctx context.Context, s api.Select) ([]api.Device, error) {
	all, err := c.allDevices(ctx)
	if err != nil {
		return nil, c.wrap("list devices", err)
	}
	return catalog.Select(c.engine.Place(), all, s)
}

// DeviceNames returns the names of the devices that begin with prefix, sorted.
func (c inventory) DeviceNames(ctx context.Context, prefix string) ([]string, error) {
	const last = "\U0010ffff" // sorts behind every other character
	names, err := c.texts(ctx, `SELECT name FROM device WHERE name >= ? AND name < ? ORDER BY name`, prefix, prefix+last)
	return names, c.wrap("list devices", err)
}

func (c inventory) allDevices(ctx context.Context) ([]api.Device, error) {
	rows, err := c.query(ctx, `SELECT `+deviceColumns+` FROM device ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	devices := []api.Device{}
	for rows.Next() {
		var d api.Device
		if err := rows.Scan(deviceFields(&d)...); err != nil {
			return nil, err
		}
		devices = append(devices, d)
	}
	return devices, rows.Err()
}

// UpdateDevice replaces the device of the same name and its secrets.
func (c inventory) UpdateDevice(ctx context.Context, d api.Device, s catalog.Secrets) error {
	if err := d.Validate(); err != nil {
		return err
	}
	return c.changeOne(ctx, d.Name, `UPDATE device SET (`+deviceColumns+`, `+secretColumns+`) = (`+rowMarks+`) WHERE name = ?`,
		append(rowValues(d, s), d.Name)...)
}

// RemoveDevice removes a device with its secrets, and cancels its jobs.
func (c inventory) RemoveDevice(ctx context.Context, name string) error {
	var found bool
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) (err error) {
		if found, err = on.changes(ctx, `DELETE FROM device WHERE name = ?`, name); err != nil || !found {
			return err
		}
		if _, err := on.exec(ctx, `DELETE FROM copy_way WHERE device = ?`, name); err != nil {
			return err
		}
		now, err := c.now(ctx, on)
		if err == nil {
			_, err = on.exec(ctx, cancelJobs+` AND device = ?2`, millis(now), name)
		}
		return err
	})
	if err == nil && !found {
		return c.notFound(ctx, name)
	}
	return c.wrap("remove device "+name, err)
}

// changeOne runs a statement that must find the device.
func (c inventory) changeOne(ctx context.Context, name, query string, args ...any) error {
	result, err := c.exec(ctx, query, args...)
	if err != nil {
		return c.wrap("change device "+name, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return c.wrap("change device "+name, err)
	}
	if n == 0 {
		return c.notFound(ctx, name)
	}
	return nil
}

func (c inventory) notFound(ctx context.Context, name string) error {
	all, err := c.allDevices(ctx)
	if err != nil {
		return c.wrap("list devices", err)
	}
	return catalog.NotFound(c.engine.Place(), all, name)
}

// Secrets returns the secrets of the device with the given name.
func (c inventory) Secrets(ctx context.Context, name string) (catalog.Secrets, error) {
	var s catalog.Secrets
	err := c.queryRow(ctx, `SELECT `+secretColumns+` FROM device WHERE name = ?`, name).Scan(secretFields(&s)...)
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Secrets{}, c.notFound(ctx, name)
	}
	return s, c.wrap("read how to log in to "+name, err)
}

// Sealed returns the number of devices and credentials that have a secret.
func (c inventory) Sealed(ctx context.Context) (int, error) {
	var n int
	err := c.queryRow(ctx, `SELECT (SELECT count(*) FROM device WHERE password || enable_password || identity || via_password || via_identity <> '') + (SELECT count(*) FROM credential)`).Scan(&n)
	return n, c.wrap("count sealed passwords", err)
}
