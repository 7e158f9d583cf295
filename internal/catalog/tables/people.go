package tables

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"flashwarden/api"
)

// added distinguishes an INSERT that met a row of the same name from one that failed.
func (c *database) added(doing string, err error) (bool, error) {
	if err != nil && c.engine.IsDuplicate(err) {
		return false, nil
	}
	return err == nil, c.wrap(doing, err)
}

// changed reports whether a statement found a row.
func (c *database) changed(ctx context.Context, doing, statement string, args ...any) (bool, error) {
	result, err := c.exec(ctx, statement, args...)
	if err != nil {
		return false, c.wrap(doing, err)
	}
	n, err := result.RowsAffected()
	return n > 0, c.wrap(doing, err)
}

// AddUser adds a user.
func (c people) AddUser(ctx context.Context, u api.User, password string) (added bool, err error) {
	_, err = c.exec(ctx, `INSERT INTO person (name, role, password, created) VALUES (?, ?, ?, ?)`, u.Name, u.Role, password, u.Created.UnixMilli())
	return c.added("add user "+u.Name, err)
}

// ChangeUser changes a user.
func (c people) ChangeUser(ctx context.Context, name string, role api.Role, password string) (known bool, err error) {
	return c.changed(ctx, "change user "+name, `UPDATE person SET role = CASE WHEN ?2 = '' THEN role ELSE ?2 END,
		password = CASE WHEN ?3 = '' THEN password ELSE ?3 END WHERE name = ?1`, name, string(role), password)
}

// RemoveUser removes a user.
func (c people) RemoveUser(ctx context.Context, name string) (known bool, err error) {
	return c.changed(ctx, "remove user "+name, `DELETE FROM person WHERE name = ?`, name)
}

// Users lists the users.
func (c people) Users(ctx context.Context) ([]api.User, error) {
	users, err := rowsOf(ctx, c.database, func(scan func(...any) error) (u api.User, err error) {
		u, _, err = scanUser(scan)
		return u, err
	}, `SELECT name, role, password, created FROM person ORDER BY name`)
	return users, c.wrap("list users", err)
}

// Login returns a user with the hash of the password.
func (c people) Login(ctx context.Context, name string) (api.User, string, error) {
	u, password, err := scanUser(c.queryRow(ctx, `SELECT name, role, password, created FROM person WHERE name = ?`, name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return api.User{}, "", nil
	}
	return u, password, c.wrap("read user "+name, err)
}

func scanUser(scan func(...any) error) (u api.User, password string, err error) {
	var created int64
	err = scan(&u.Name, &u.Role, &password, &created)
	u.Created = time.UnixMilli(created).UTC()
	return u, password, err
}

// AddToken adds a token.
func (c people) AddToken(ctx context.Context, t api.Token, digest string) (added bool, err error) {
	_, err = c.exec(ctx, `INSERT INTO token (`+tokenColumns+`, digest) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		t.Name, t.Role, t.Group, t.Site, t.Created.UnixMilli(), millis(t.Expires), digest)
	return c.added("add token "+t.Name, err)
}

// RemoveToken removes a token.
func (c people) RemoveToken(ctx context.Context, name string) (known bool, err error) {
	return c.changed(ctx, "remove token "+name, `DELETE FROM token WHERE name = ?`, name)
}

// tokenColumns are the columns of an api.Token.
const tokenColumns = `name, role, device_group, site, created, expires`

// Tokens lists the tokens.
func (c people) Tokens(ctx context.Context) ([]api.Token, error) {
	tokens, err := rowsOf(ctx, c.database, scanToken, `SELECT `+tokenColumns+` FROM token ORDER BY name`)
	return tokens, c.wrap("list tokens", err)
}

// Token finds a token by the digest of its secret.
func (c people) Token(ctx context.Context, digest string) (t api.Token, known bool, err error) {
	t, err = scanToken(c.queryRow(ctx, `SELECT `+tokenColumns+` FROM token WHERE digest = ?`, digest).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return api.Token{}, false, nil
	}
	return t, err == nil, c.wrap("look up a token", err)
}

func scanToken(scan func(...any) error) (t api.Token, err error) {
	var created int64
	var expires sql.NullInt64
	err = scan(&t.Name, &t.Role, &t.Group, &t.Site, &created, &expires)
	t.Created, t.Expires = time.UnixMilli(created).UTC(), instant(expires)
	return t, err
}

// rowsOf returns the rows of a query, each as read makes it.
func rowsOf[T any](ctx context.Context, c *database, read func(scan func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	rows, err := c.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := read(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
