package tables

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"

	"flashwarden/internal/catalog"
)

// MakeRiver brings the tables of River up to date. Only one process may do so at a time.
func MakeRiver(ctx context.Context, d riverdriver.Driver[*sql.Tx]) error {
	m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return fmt.Errorf("make the tables of the queue: %w", err)
	}
	return nil
}

// ForgetCarried removes what River still carries for workers that hold no lease any more.
// Nobody else does: River never gives up a job without a time limit.
func (c jobs) ForgetCarried(ctx context.Context, w catalog.Worker) error {
	_, err := c.exec(ctx, `DELETE FROM river_job WHERE queue <> ? AND queue NOT IN (SELECT holder FROM lease)`, w.ID)
	return c.wrap("remove the jobs of dead workers", err)
}
