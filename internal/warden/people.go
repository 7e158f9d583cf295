package warden

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"strconv"
	"time"

	"flashwarden/api"
	"flashwarden/internal/audit"
	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/password"
)

// AddUser adds a user of the page.
func (l *people) AddUser(ctx context.Context, u api.UserChange) (api.User, error) {
	if err := checkUser(u, true); err != nil {
		return api.User{}, err
	}
	n, err := l.beginNew(ctx, directing, "add a user", u.Name)
	if err != nil {
		return api.User{}, err
	}
	user := api.User{Name: u.Name, Role: u.Role, Created: time.Now().UTC().Truncate(time.Millisecond)}
	added, err := n.Catalog.AddUser(ctx, user, password.Hash(u.Password))
	if err == nil && !added {
		p := Invalid("there is a user %s already", u.Name)
		p.Fix = api.Say("change it with ").Do("user edit", u.Name)
		return api.User{}, p
	}
	return user, err
}

// EditUser changes the role or the password of a user.
func (l *people) EditUser(ctx context.Context, u api.UserChange) (api.User, error) {
	if err := checkUser(u, false); err != nil {
		return api.User{}, err
	}
	n, err := l.begin(ctx, directing, "edit a user", u.Name)
	if err != nil {
		return api.User{}, err
	}
	hash := ""
	if u.Password != "" {
		hash = password.Hash(u.Password)
	}
	known, err := n.Catalog.ChangeUser(ctx, u.Name, u.Role, hash)
	if err == nil && !known {
		return api.User{}, noUser(u.Name)
	}
	if err != nil {
		return api.User{}, err
	}
	user, _, err := n.Catalog.Login(ctx, u.Name)
	return user, err
}

// RemoveUser removes a user.
func (l *people) RemoveUser(ctx context.Context, name api.Named) (struct{}, error) {
	n, err := l.begin(ctx, directing, "remove a user", name.Name)
	if err != nil {
		return struct{}{}, err
	}
	known, err := n.Catalog.RemoveUser(ctx, name.Name)
	if err == nil && !known {
		err = noUser(name.Name)
	}
	return struct{}{}, err
}

func noUser(name string) error {
	return unknown(api.Do("user list").Say(" shows the users"), "no user %q", name)
}

// Users lists the users, by name.
func (l *people) Users(ctx context.Context) ([]api.User, error) {
	n, err := l.begin(ctx, need{api.RoleAdmin, false}, "list users")
	if err != nil {
		return nil, err
	}
	return n.Catalog.Users(ctx)
}

// personName is a name of a user or a token. It stands in logs and in paths of the API.
var personName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

func checkPersonName(name string) error {
	if !personName.MatchString(name) {
		return wrongField("name", "the name %q: use up to 64 letters, digits, dots, hyphens, underscores and @", name)
	}
	return nil
}

// checkUser checks the values of a new user, or of a change.
func checkUser(u api.UserChange, isNew bool) error {
	if err := checkPersonName(u.Name); err != nil {
		return err
	}
	if isNew || u.Role != "" {
		if err := u.Role.Validate(); err != nil {
			return wrongField("role", "%w", err)
		}
	}
	if isNew || u.Password != "" {
		if err := password.Check(u.Password); err != nil {
			return wrongField("password", "%w", err)
		}
	}
	if u.Role == "" && u.Password == "" {
		return Invalid("nothing to change: give a role or a password")
	}
	return nil
}

// AddToken makes a token and returns its secret, which cannot be read again.
func (l *people) AddToken(ctx context.Context, t api.NewToken) (api.IssuedToken, error) {
	if err := checkToken(t); err != nil {
		return api.IssuedToken{}, err
	}
	n, err := l.beginNew(ctx, directing, "add a token", t.Name)
	if err != nil {
		return api.IssuedToken{}, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	token := api.Token{Name: t.Name, Role: t.Role, Group: t.Group, Site: t.Site, Created: now}
	if t.Expires > 0 {
		token.Expires = now.Add(t.Expires)
	}
	secret := tokenPrefix + rand.Text()
	added, err := n.Catalog.AddToken(ctx, token, digestOf(secret))
	if err == nil && !added {
		p := Invalid("there is a token %s already", t.Name)
		p.Fix = api.Say("use another name, or remove it first: ").Do("token revoke", t.Name)
		return api.IssuedToken{}, p
	}
	if err != nil {
		return api.IssuedToken{}, err
	}
	return api.IssuedToken{Token: token, Secret: secret}, nil
}

func checkToken(t api.NewToken) error {
	if err := checkPersonName(t.Name); err != nil {
		return err
	}
	if err := t.Role.Validate(); err != nil {
		return wrongField("role", "%w", err)
	}
	if t.Expires < 0 {
		return wrongField("expires", "%s: want 0 or more", t.Expires)
	}
	return nil
}

// tokenPrefix makes a secret known as one of ours, for those who look for leaked secrets.
const tokenPrefix = "fw_"

// digestOf is what the catalog keeps of a token's secret. The secret has 128 random bits:
// a fast hash is enough.
func digestOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// RemoveToken removes a token: who has its secret may do nothing with it any more.
func (l *people) RemoveToken(ctx context.Context, name api.Named) (struct{}, error) {
	n, err := l.begin(ctx, directing, "remove a token", name.Name)
	if err != nil {
		return struct{}{}, err
	}
	known, err := n.Catalog.RemoveToken(ctx, name.Name)
	if err == nil && !known {
		err = unknown(api.Do("token list").Say(" shows the tokens"), "no token %q", name.Name)
	}
	return struct{}{}, err
}

// Tokens lists the tokens, by name, without their secrets.
func (l *people) Tokens(ctx context.Context) ([]api.Token, error) {
	n, err := l.begin(ctx, need{api.RoleAdmin, false}, "list tokens")
	if err != nil {
		return nil, err
	}
	return n.Catalog.Tokens(ctx)
}

// TokenActor returns who has the secret of a token. It reports false for an unknown
// secret and for a token that has expired.
func (l *people) TokenActor(ctx context.Context, secret, from string) (Actor, bool, error) {
	n, err := l.existing(ctx)
	if err != nil {
		return Actor{}, false, err
	}
	t, known, err := n.Catalog.Token(ctx, digestOf(secret))
	if err != nil || !known || !t.Expires.IsZero() && !time.Now().Before(t.Expires) {
		return Actor{}, false, err
	}
	return Actor{Name: "token " + t.Name, From: from, Role: t.Role, Group: t.Group, Site: t.Site}, true, nil
}

// mostAuditLines bounds a page of the audit trail.
const mostAuditLines = 1000

// Audit returns a page of the audit trail, the newest line first.
func (l *people) Audit(ctx context.Context, s api.AuditSelect) (api.Audit, error) {
	before, most := int64(0), s.Limit
	if s.Cursor != "" {
		var err error
		if before, err = strconv.ParseInt(s.Cursor, 10, 64); err != nil || before < 1 {
			return api.Audit{}, wrongField("cursor", "%q is not a cursor of the page before", s.Cursor)
		}
	}
	switch {
	case most == 0:
		most = 100
	case most < 0 || most > mostAuditLines:
		return api.Audit{}, wrongField("limit", "%d: want 1 to %d", most, mostAuditLines)
	}
	n, err := l.begin(ctx, need{api.RoleAdmin, false}, "read the audit trail")
	if err != nil {
		return api.Audit{}, err
	}
	lines, err := n.Catalog.AuditLines(ctx, before, most)
	page := api.Audit{Lines: lines}
	if len(lines) == most && lines[most-1].Number > 1 {
		page.Next = strconv.FormatInt(lines[most-1].Number, 10)
	}
	return page, err
}

// VerifyAudit reads the whole audit trail and reports the first line that is not as it
// was written.
func (l *people) VerifyAudit(ctx context.Context) (api.AuditCheck, error) {
	n, err := l.begin(ctx, need{api.RoleAdmin, false}, "verify the audit trail")
	if err != nil {
		return api.AuditCheck{}, err
	}
	var seen audit.Trail
	err = n.Catalog.Trail(ctx, seen.Next)
	return seen.Result(), err
}
