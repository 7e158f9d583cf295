package warden

import (
	"context"
	"crypto/rand"
	"time"

	"flashwarden/internal/catalog"
	"flashwarden/internal/password"
)

// How long a session on the page lasts.
const (
	sessionLasts = 7 * 24 * time.Hour // in all
	sessionIdle  = 12 * time.Hour     // unused
	sessionEntry = 5 * time.Minute    // the use of a session is entered at most so often
)

// Login begins a session of a user on the page, and returns its secret. It reports false if
// there is no such user or the password is another, and takes the same time for both.
func (l *people) Login(ctx context.Context, name, word, from string) (secret string, known bool, err error) {
	n, err := l.existing(ctx)
	if err != nil {
		return "", false, err
	}
	u, hash, err := n.Catalog.Login(ctx, name)
	if err != nil {
		return "", false, err
	}
	if !password.Matches(hash, word) {
		if !personName.MatchString(name) {
			name = "(no name)" // people type passwords here by mistake
		}
		l.log().Warn("login refused", "user", name, "from", from)
		return "", false, nil
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	secret = rand.Text()
	err = n.Catalog.AddSession(ctx, catalog.Session{User: u.Name, Created: now, Used: now, Expires: now.Add(sessionLasts)}, digestOf(secret), hash)
	if err == nil {
		l.log().Info("login", "user", u.Name, "from", from)
	}
	return secret, err == nil, err
}

// SessionActor returns whose session has a secret. It reports false if there is none, if it has
// ended, or if its user was removed or has another password since.
func (l *people) SessionActor(ctx context.Context, secret, from string) (Actor, bool, error) {
	n, err := l.existing(ctx)
	if err != nil {
		return Actor{}, false, err
	}
	digest, now := digestOf(secret), time.Now()
	s, u, known, err := n.Catalog.Session(ctx, digest)
	switch {
	case err != nil || !known:
		return Actor{}, false, err
	case !now.Before(s.Expires) || now.Sub(s.Used) >= sessionIdle:
		return Actor{}, false, n.Catalog.EndSession(ctx, digest)
	case now.Sub(s.Used) >= sessionEntry:
		if err := n.Catalog.UseSession(ctx, digest, now); err != nil {
			return Actor{}, false, err
		}
	}
	return Actor{Name: u.Name, From: from, Role: u.Role}, true, nil
}

// Logout ends a session.
func (l *people) Logout(ctx context.Context, secret string) error {
	n, err := l.existing(ctx)
	if err != nil {
		return err
	}
	return n.Catalog.EndSession(ctx, digestOf(secret))
}
