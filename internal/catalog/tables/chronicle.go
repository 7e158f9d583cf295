package tables

import (
	"context"
	"database/sql"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// PutDay enters the numbers of a day, and removes days that are too old.
func (c chronicle) PutDay(ctx context.Context, d api.Day) error {
	day, err := time.Parse(time.DateOnly, d.Date)
	if err != nil {
		return c.wrap("record the numbers of a day", err)
	}
	return c.wrap("record the numbers of a day", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		_, err := on.exec(ctx, `INSERT INTO day (date, devices, protected, snapshots, contents, bytes) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (date) DO UPDATE SET devices = excluded.devices, protected = excluded.protected, snapshots = excluded.snapshots,
				contents = excluded.contents, bytes = excluded.bytes`,
			d.Date, d.Devices, d.Protected, d.Snapshots, d.Contents, d.Bytes)
		if err == nil {
			_, err = on.exec(ctx, `DELETE FROM day WHERE date < ?`, day.AddDate(0, 0, -catalog.KeepDays).Format(time.DateOnly))
		}
		return err
	}))
}

// Days returns the days from this date on.
func (c chronicle) Days(ctx context.Context, from time.Time) (all []api.Day, err error) {
	rows, err := c.query(ctx, `SELECT date, devices, protected, snapshots, contents, bytes FROM day WHERE date >= ? ORDER BY date`, from.UTC().Format(time.DateOnly))
	if err != nil {
		return nil, c.wrap("read the numbers of the days", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d api.Day
		if err := rows.Scan(&d.Date, &d.Devices, &d.Protected, &d.Snapshots, &d.Contents, &d.Bytes); err != nil {
			return nil, c.wrap("read the numbers of the days", err)
		}
		all = append(all, d)
	}
	return all, c.wrap("read the numbers of the days", rows.Err())
}

// flashUse enters how full the file systems of a device were, and removes values that are too old.
func (w writer) flashUse(ctx context.Context, s api.Snapshot) error {
	for _, u := range api.FlashUses(s) {
		_, err := w.on.exec(ctx, `INSERT INTO flash_use (device, file_system, at, total, free) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (device, file_system, at) DO UPDATE SET total = excluded.total, free = excluded.free`,
			s.Device, u.FileSystem, u.At.Unix(), u.Total, u.Free)
		if err == nil {
			_, err = w.on.exec(ctx, `DELETE FROM flash_use WHERE device = ? AND file_system = ? AND at < ?`,
				s.Device, u.FileSystem, u.At.AddDate(0, 0, -catalog.KeepDays).Unix())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// FlashUse returns how full the file systems of a device were since from.
func (c chronicle) FlashUse(ctx context.Context, device string, from time.Time) (all []api.FlashUse, err error) {
	rows, err := c.query(ctx, `SELECT file_system, at, total, free FROM flash_use WHERE device = ? AND at >= ? ORDER BY file_system, at`, device, from.Unix())
	if err != nil {
		return nil, c.wrap("read the flash use of "+device, err)
	}
	defer rows.Close()
	for rows.Next() {
		var u api.FlashUse
		var at sql.NullInt64
		if err := rows.Scan(&u.FileSystem, &at, &u.Total, &u.Free); err != nil {
			return nil, c.wrap("read the flash use of "+device, err)
		}
		u.At = moment(at)
		all = append(all, u)
	}
	return all, c.wrap("read the flash use of "+device, rows.Err())
}
