package tables

import (
	"context"
	"database/sql"
	"errors"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// credentialColumns are the columns of an api.Credential but for the number of its devices.
const credentialColumns = `name, username, password, enable_password, fingerprint`

const selectCredentials = `SELECT ` + credentialColumns + `, (SELECT count(*) FROM device WHERE device.credential = credential.name), sealed FROM credential`

// PutCredential adds or replaces a credential.
func (c credentials) PutCredential(ctx context.Context, n catalog.Credential, was string) (bool, error) {
	values := []any{n.Name, n.Username, n.Password, n.EnablePassword, n.Fingerprint, n.Sealed}
	if was == "" {
		return c.changed(ctx, "add credential "+n.Name, `INSERT INTO credential (`+credentialColumns+`, sealed) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`, values...)
	}
	return c.changed(ctx, "change credential "+n.Name, `UPDATE credential SET username = ?2, password = ?3, enable_password = ?4, fingerprint = ?5, sealed = ?6
		WHERE name = ?1 AND sealed = ?7`, append(values, was)...)
}

// Credential returns one credential.
func (c credentials) Credential(ctx context.Context, name string) (catalog.Credential, bool, error) {
	n, err := scanCredential(c.queryRow(ctx, selectCredentials+` WHERE name = ?`, name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Credential{}, false, nil
	}
	return n, err == nil, c.wrap("read credential "+name, err)
}

// Credentials lists the credentials.
func (c credentials) Credentials(ctx context.Context) ([]api.Credential, error) {
	all, err := rowsOf(ctx, c.database, func(scan func(...any) error) (api.Credential, error) {
		n, err := scanCredential(scan)
		return n.Credential, err
	}, selectCredentials+` ORDER BY name`)
	return all, c.wrap("list credentials", err)
}

func scanCredential(scan func(...any) error) (n catalog.Credential, err error) {
	err = scan(&n.Name, &n.Username, &n.Password, &n.EnablePassword, &n.Fingerprint, &n.Devices, &n.Sealed)
	return n, err
}

// RemoveCredential removes a credential that no device names.
func (c credentials) RemoveCredential(ctx context.Context, name string) (bool, error) {
	return c.changed(ctx, "remove credential "+name, `DELETE FROM credential WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM device WHERE credential = ?1)`, name)
}
