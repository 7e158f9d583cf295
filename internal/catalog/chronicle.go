package catalog

import (
	"context"
	"time"

	"flashwarden/api"
)

// KeepDays is how many days before the newest one a Chronicle keeps.
const KeepDays = 3 * 366

// Chronicle keeps numbers of each day, for plots. They are in the catalog alone: if it is lost, they
// begin anew.
type Chronicle interface {
	// PutDay enters the numbers of a day in place of earlier ones of that day, and removes days
	// that are too old.
	PutDay(ctx context.Context, d api.Day) error
	// Days returns the days from this date on, the oldest first.
	Days(ctx context.Context, from time.Time) ([]api.Day, error)
	// FlashUse returns how full the file systems of a device were since from, by file system and
	// then the oldest first. Index enters the values of each snapshot that has its listings.
	FlashUse(ctx context.Context, device string, from time.Time) ([]api.FlashUse, error)
}
