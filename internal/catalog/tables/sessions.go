package tables

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// AddSession adds a session, and removes those that have ended.
func (c people) AddSession(ctx context.Context, s catalog.Session, digest, password string) error {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		if _, err := on.exec(ctx, `DELETE FROM session WHERE expires <= ?`, s.Created.UnixMilli()); err != nil {
			return err
		}
		_, err := on.exec(ctx, `INSERT INTO session (digest, person, provider, role, password, created, used, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			digest, s.User, s.Provider, s.Role, password, s.Created.UnixMilli(), s.Used.UnixMilli(), s.Expires.UnixMilli())
		return err
	})
	return c.wrap("begin a session of "+s.User, err)
}

// Session returns a session and its user.
func (c people) Session(ctx context.Context, digest string) (s catalog.Session, u api.User, known bool, err error) {
	var created, used, expires int64
	var role sql.NullString
	var userCreated sql.NullInt64
	err = c.queryRow(ctx, `SELECT session.created, session.used, session.expires, session.person, session.provider, session.role, person.role, person.created FROM session
		LEFT JOIN person ON session.provider = '' AND person.name = session.person AND person.password = session.password
		WHERE session.digest = ? AND (session.provider <> '' OR person.name IS NOT NULL)`, digest).
		Scan(&created, &used, &expires, &s.User, &s.Provider, &s.Role, &role, &userCreated)
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Session{}, api.User{}, false, nil
	}
	s.Created, s.Used, s.Expires = time.UnixMilli(created).UTC(), time.UnixMilli(used).UTC(), time.UnixMilli(expires).UTC()
	u = api.User{Name: s.User, Role: s.Role, Created: s.Created}
	if s.Provider == "" {
		u.Role, u.Created = api.Role(role.String), time.UnixMilli(userCreated.Int64).UTC()
	}
	return s, u, err == nil, c.wrap("look up a session", err)
}

// UseSession enters when a session was last used.
func (c people) UseSession(ctx context.Context, digest string, at time.Time) error {
	_, err := c.exec(ctx, `UPDATE session SET used = ? WHERE digest = ?`, at.UnixMilli(), digest)
	return c.wrap("keep a session", err)
}

// EndSession removes a session.
func (c people) EndSession(ctx context.Context, digest string) error {
	_, err := c.exec(ctx, `DELETE FROM session WHERE digest = ?`, digest)
	return c.wrap("end a session", err)
}
