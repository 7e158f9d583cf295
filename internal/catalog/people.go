package catalog

import (
	"context"
	"time"

	"flashwarden/api"
)

// People keeps who may do what. Names of users and of tokens are independent of each
// other.
type People interface {
	// AddUser adds a user with the hash of a password. It reports false, and changes
	// nothing, if there is a user of this name.
	AddUser(ctx context.Context, u api.User, password string) (added bool, err error)
	// ChangeUser sets the role and the hash of the password of a user; an empty one
	// stays. It reports false if there is no such user.
	ChangeUser(ctx context.Context, name string, role api.Role, password string) (known bool, err error)
	// RemoveUser reports false if there is no such user.
	RemoveUser(ctx context.Context, name string) (known bool, err error)
	// Users returns all users, by name.
	Users(ctx context.Context) ([]api.User, error)
	// Login returns a user with the hash of the password; the hash is empty if there is
	// no such user.
	Login(ctx context.Context, name string) (u api.User, password string, err error)

	// AddSession adds a session on the page, with the digest of its secret and the hash of the
	// password that its user has given; empty for a user of a provider. Sessions that have ended are removed.
	AddSession(ctx context.Context, s Session, digest, password string) error
	// Session returns the session whose secret has this digest, and its user as he is now; a user of a
	// provider is as at the login. known is false if there is none, or if its user was removed or has
	// another password since.
	Session(ctx context.Context, digest string) (s Session, u api.User, known bool, err error)
	// UseSession enters when a session was last used.
	UseSession(ctx context.Context, digest string, at time.Time) error
	// EndSession removes a session. One that there is not is no error.
	EndSession(ctx context.Context, digest string) error

	// AddToken adds a token with the digest of its secret. It reports false, and changes
	// nothing, if there is a token of this name.
	AddToken(ctx context.Context, t api.Token, digest string) (added bool, err error)
	// RemoveToken reports false if there is no such token.
	RemoveToken(ctx context.Context, name string) (known bool, err error)
	// Tokens returns all tokens, by name, those that have expired too.
	Tokens(ctx context.Context) ([]api.Token, error)
	// Token returns the token whose secret has this digest; known is false if there is
	// none.
	Token(ctx context.Context, digest string) (t api.Token, known bool, err error)
}

// Session is a login on the page. Times are UTC, in milliseconds.
type Session struct {
	User     string
	Provider string   // names the provider that knows the user, and its settings; empty: it is a user of the catalog
	Role     api.Role // of a user of a provider; else empty

	Created time.Time
	Used    time.Time // the last time that was entered
	Expires time.Time // however much it is used
}

// Audit keeps the audit trail. Lines are only added.
type Audit interface {
	// Record adds a line. The catalog gives it its number, its hash, and the time of the
	// catalog's clock.
	Record(ctx context.Context, l api.AuditLine) (api.AuditLine, error)
	// AuditLines returns at most so many lines with numbers below before, the newest
	// first; before 0: the newest lines of all.
	AuditLines(ctx context.Context, before int64, most int) ([]api.AuditLine, error)
	// Trail yields all lines, the oldest first, until yield returns an error.
	Trail(ctx context.Context, yield func(api.AuditLine) error) error
}
