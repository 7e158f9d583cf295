//go:build 386 || arm || mips || mipsle

package sqlite

import (
	"context"
	"database/sql"

	"github.com/riverqueue/river/riverdriver"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// River returns an error: River's driver for SQLite does not compile for 32 bits. The
// service needs it; all that runs without a queue works.
func (*Catalog) River(context.Context) (d riverdriver.Driver[*sql.Tx], closeRiver func() error, err error) {
	return nil, nil, cause.New(cause.Internal, "the queue of a catalog in SQLite does not work on a 32-bit system",
		api.Say("use a 64-bit system, or keep the catalog in PostgreSQL: ").Set("catalog", "postgres://user@host/database"))
}
