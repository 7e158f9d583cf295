package warden

import (
	"context"
	"crypto/rand"
	"time"

	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
	"flashwarden/internal/password"
)

// How long a session on the page lasts.
const (
	sessionLasts = 7 * 24 * time.Hour // in all
	sessionIdle  = 12 * time.Hour     // unused
	sessionEntry = 5 * time.Minute    // the use of a session is entered at most so often
	guestLasts   = 12 * time.Hour     // in all, for a user of a provider: we do not learn that a group was taken away
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
	secret, err = l.beginSession(ctx, n, catalog.Session{User: u.Name}, hash, sessionLasts)
	if err == nil {
		l.log().Info("login", "user", u.Name, "from", from)
	}
	return secret, err == nil, err
}

// beginSession begins a session from now on, and returns its secret.
func (l *people) beginSession(ctx context.Context, n *node.Node, s catalog.Session, hash string, lasts time.Duration) (secret string, err error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	s.Created, s.Used, s.Expires = now, now, now.Add(lasts)
	secret = rand.Text()
	return secret, n.Catalog.AddSession(ctx, s, digestOf(secret), hash)
}

// Guest is a person whom a provider of OpenID Connect knows.
type Guest struct {
	Subject string   // how the provider always names this person
	Name    string   // for people; the provider may change it
	Groups  []string // that the person belongs to now
}

// guestPrefix distinguishes a guest from a user of the same name.
const guestPrefix = "oidc "

// Admit begins a session of a guest, with the highest role that the configuration gives to one of the
// groups, and returns its secret. It reports false if it gives none.
func (l *people) Admit(ctx context.Context, g Guest, from string) (secret string, known bool, err error) {
	n, err := l.existing(ctx)
	if err != nil {
		return "", false, err
	}
	settings := l.config().Web.OIDC
	s := catalog.Session{User: guestPrefix + g.Name, Provider: settings.Digest(), Role: settings.RoleOf(g.Groups)}
	if s.Role == "" || s.Provider == "" {
		l.log().Warn("login refused: no group of this person has a role", "user", s.User, "subject", g.Subject, "groups", g.Groups, "from", from)
		return "", false, nil
	}
	secret, err = l.beginSession(ctx, n, s, "", guestLasts)
	if err == nil {
		l.log().Info("login", "user", s.User, "subject", g.Subject, "role", s.Role, "from", from)
	}
	return secret, err == nil, err
}

// SessionActor returns whose session has a secret. It reports false if there is none, if it has
// ended, or if its user was removed or has another password since. That of a guest also ends if the
// configuration has another provider or other roles.
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
	case !now.Before(s.Expires) || now.Sub(s.Used) >= sessionIdle || s.Provider != "" && s.Provider != l.config().Web.OIDC.Digest():
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
