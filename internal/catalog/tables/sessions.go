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
		_, err := on.exec(ctx, `INSERT INTO session (digest, person, password, created, used, expires) VALUES (?, ?, ?, ?, ?, ?)`,
			digest, s.User, password, s.Created.UnixMilli(), s.Used.UnixMilli(), s.Expires.UnixMilli())
		return err
	})
	return c.wrap("begin a session of "+s.User, err)
}

// Session returns a session and its user.
func (c people) Session(ctx context.Context, digest string) (s catalog.Session, u api.User, known bool, err error) {
	var created, used, expires, userCreated int64
	err = c.queryRow(ctx, `SELECT session.created, session.used, session.expires, person.name, person.role, person.created FROM session
		JOIN person ON person.name = session.person AND person.password = session.password WHERE session.digest = ?`, digest).
		Scan(&created, &used, &expires, &u.Name, &u.Role, &userCreated)
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Session{}, api.User{}, false, nil
	}
	s = catalog.Session{User: u.Name, Created: time.UnixMilli(created).UTC(), Used: time.UnixMilli(used).UTC(), Expires: time.UnixMilli(expires).UTC()}
	u.Created = time.UnixMilli(userCreated).UTC()
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
