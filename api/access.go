package api

import (
	"fmt"
	"slices"
	"time"
)

// Role is how much a user may do. A higher role includes the lower ones.
type Role string

// The roles, the lowest first.
const (
	RoleViewer   Role = "viewer"   // reads; secrets are masked
	RoleOperator Role = "operator" // also starts jobs, offers and receptions
	RoleAdmin    Role = "admin"    // also changes devices, credentials and users, and restores
)

// Roles are all roles, the lowest first.
var Roles = []Role{RoleViewer, RoleOperator, RoleAdmin}

// Includes reports whether a user with the role r may do what needs the role need. An
// unknown role includes nothing, and nothing includes it.
func (r Role) Includes(need Role) bool {
	return slices.Index(Roles, need) >= 0 && slices.Index(Roles, r) >= slices.Index(Roles, need)
}

// Validate returns an error for an unknown role.
func (r Role) Validate() error {
	if !slices.Contains(Roles, r) {
		return fmt.Errorf("role %q: use %s, %s or %s", r, RoleViewer, RoleOperator, RoleAdmin)
	}
	return nil
}

// User is a person who logs in with a password.
type User struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Created time.Time `json:"created"` // UTC
}

// UserChange adds or changes a user.
type UserChange struct {
	Name     string `json:"name"`
	Role     Role   `json:"role,omitempty"`     // empty in a change: it stays
	Password string `json:"password,omitempty"` // empty in a change: it stays
}

// Token is what a program proves itself with. Its secret is shown once, when it is made.
type Token struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Group   string    `json:"group"` // only the devices of this group; empty: of all
	Site    string    `json:"site"`  // only the devices of this site; empty: of all
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

// NewToken asks for a token.
type NewToken struct {
	Name    string        `json:"name"`
	Role    Role          `json:"role"`
	Group   string        `json:"group,omitempty"`
	Site    string        `json:"site,omitempty"`
	Expires time.Duration `json:"expires,omitempty"` // nanoseconds from now; 0: never
}

// IssuedToken is a new token with its secret.
type IssuedToken struct {
	Token
	Secret string `json:"secret"` // fw_…; it cannot be read again
}

// AuditLine records that somebody changed something, or tried to.
type AuditLine struct {
	Number    int64     `json:"number"` // from 1, without a gap
	Time      time.Time `json:"time"`   // UTC, in milliseconds
	User      string    `json:"user"`
	From      string    `json:"from"`      // terminal, socket, or the address of the client
	Operation string    `json:"operation"` // in words
	On        []string  `json:"on"`        // names of devices, snapshots, users, …
	Result    string    `json:"result"`    // AuditAllowed or AuditRefused
	Hash      string    `json:"hash"`      // SHA-256 over the line before and this one, in lower-case hexadecimal
}

// The results of an AuditLine. How an allowed operation ended stands with its job, its
// run, or in the log.
const (
	AuditAllowed = "allowed"
	AuditRefused = "refused"
)

// AuditSelect asks for lines of the audit trail.
type AuditSelect struct {
	Cursor string `json:"cursor,omitempty"` // of the page before; empty: the newest lines
	Limit  int    `json:"limit,omitempty"`  // of a page; 0: 100
}

// Audit is a page of the audit trail, the newest line first.
type Audit struct {
	Lines []AuditLine `json:"audit"`
	Next  string      `json:"next_cursor"` // empty: this is the last page
}

// AuditCheck is the result of reading the whole audit trail.
type AuditCheck struct {
	Lines  int64  `json:"lines"`
	Hash   string `json:"hash"`             // of the last line; empty: there is none
	Broken int64  `json:"broken,omitempty"` // the first line that is not as it was written; 0: all are
	Detail string `json:"detail,omitempty"` // the fault at this place
}
