package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"flashwarden/api"
)

// deviceColumns are the columns of a Device in the order of deviceFields.
const deviceColumns = `name, address, transport, username, site, device_group, tftp_address, vrf, files, legacy_crypto,
	fingerprint, via, via_fingerprint`

// secretColumns are the columns of Secrets in the order of secretFields.
const secretColumns = `password, enable_password, identity, via_password, via_identity`

// rowMarks stand for rowValues, the values of deviceColumns and
// secretColumns, in a statement.
const rowMarks = `?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?`

// deviceFields returns where a row of deviceColumns goes.
func deviceFields(d *api.Device) []any {
	return []any{&d.Name, &d.Address, &d.Transport, &d.Username, &d.Site, &d.Group, &d.TFTPAddress, &d.VRF, &d.Files,
		&d.LegacyCrypto, &d.Fingerprint, &d.Via, &d.ViaFingerprint}
}

// secretFields returns where a row of secretColumns goes.
func secretFields(s *Secrets) []any {
	return []any{&s.Password, &s.EnablePassword, &s.Identity, &s.ViaPassword, &s.ViaIdentity}
}

func rowValues(d api.Device, s Secrets) []any {
	return []any{d.Name, d.Address, d.Transport, d.Username, d.Site, d.Group, d.TFTPAddress, d.VRF, d.Files,
		d.LegacyCrypto, d.Fingerprint, d.Via, d.ViaFingerprint,
		s.Password, s.EnablePassword, s.Identity, s.ViaPassword, s.ViaIdentity}
}

// AddDevice adds d to the inventory. The error is api.ErrInvalidDevice where
// Validate refuses it, and ErrExists where its name is taken.
func (c *Catalog) AddDevice(ctx context.Context, d api.Device, s Secrets) error {
	if err := d.Validate(); err != nil {
		return err
	}
	_, err := c.db.ExecContext(ctx,
		`INSERT INTO device (`+deviceColumns+`, `+secretColumns+`) VALUES (`+rowMarks+`)`, rowValues(d, s)...)
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return fmt.Errorf("device %q is %w; to change it: flashwarden device edit %s", d.Name, ErrExists, d.Name)
	}
	return c.wrap("add device "+d.Name, err)
}

// Device returns the device with the given name. The error is ErrNotFound,
// and names close ones, where there is none.
func (c *Catalog) Device(ctx context.Context, name string) (api.Device, error) {
	var d api.Device
	err := c.db.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM device WHERE name = ?`, name).Scan(deviceFields(&d)...)
	if errors.Is(err, sql.ErrNoRows) {
		return api.Device{}, c.notFound(ctx, name)
	}
	return d, c.wrap("read device "+name, err)
}

// Devices returns the devices that f selects, sorted by name. Names in f that
// are not in the inventory are an ErrNotFound that lists them all.
func (c *Catalog) Devices(ctx context.Context, f api.Select) ([]api.Device, error) {
	all, err := c.allDevices(ctx)
	if err != nil {
		return nil, c.wrap("list devices", err)
	}
	known := make(map[string]bool, len(all))
	for _, d := range all {
		known[d.Name] = true
	}
	wanted := make(map[string]bool, len(f.Names))
	var unknown []error
	for _, name := range f.Names {
		if !known[name] && !wanted[name] {
			unknown = append(unknown, notFoundAmong(all, name))
		}
		wanted[name] = true
	}
	if len(unknown) > 0 {
		return nil, errors.Join(unknown...)
	}
	return slices.DeleteFunc(all, func(d api.Device) bool {
		return len(wanted) > 0 && !wanted[d.Name] || f.Group != "" && d.Group != f.Group || f.Site != "" && d.Site != f.Site
	}), nil
}

func (c *Catalog) allDevices(ctx context.Context) ([]api.Device, error) {
	rows, err := c.db.QueryContext(ctx, `SELECT `+deviceColumns+` FROM device ORDER BY name`)
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

// UpdateDevice replaces the device of the same name and its secrets. The error
// is api.ErrInvalidDevice or ErrNotFound.
func (c *Catalog) UpdateDevice(ctx context.Context, d api.Device, s Secrets) error {
	if err := d.Validate(); err != nil {
		return err
	}
	return c.changeOne(ctx, d.Name, `UPDATE device SET (`+deviceColumns+`, `+secretColumns+`) = (`+rowMarks+`) WHERE name = ?`,
		append(rowValues(d, s), d.Name)...)
}

// RemoveDevice removes a device, with its passwords, from the inventory. Its
// snapshots stay in the vault. The error is ErrNotFound where there is none.
func (c *Catalog) RemoveDevice(ctx context.Context, name string) error {
	return c.changeOne(ctx, name, `DELETE FROM device WHERE name = ?`, name)
}

// changeOne runs a statement that must find the device.
func (c *Catalog) changeOne(ctx context.Context, name, query string, args ...any) error {
	result, err := c.db.ExecContext(ctx, query, args...)
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

func (c *Catalog) notFound(ctx context.Context, name string) error {
	all, err := c.allDevices(ctx)
	if err != nil {
		return c.wrap("list devices", err)
	}
	return notFoundAmong(all, name)
}

// notFoundAmong says that name is not in the inventory, and what was perhaps
// meant.
func notFoundAmong(all []api.Device, name string) error {
	err := fmt.Errorf("device %q is %w", name, ErrNotFound)
	if len(all) == 0 {
		return fmt.Errorf("%w, which is empty: add one with flashwarden device add", err)
	}
	names := closest(all, name)
	if len(names) == 0 {
		return fmt.Errorf("%w: flashwarden device list shows it", err)
	}
	return fmt.Errorf("%w; did you mean %s?", err, strings.Join(names, ", "))
}

// closest returns up to three names within a few typing errors of name,
// nearest first.
func closest(all []api.Device, name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	limit := max(1, min(3, len(name)/3))
	for _, d := range all {
		if n := distance(strings.ToLower(d.Name), strings.ToLower(name)); n <= limit {
			found = append(found, candidate{d.Name, n})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, f := range found[:min(3, len(found))] {
		names = append(names, f.name)
	}
	return names
}

// distance is the Levenshtein distance of two texts in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
