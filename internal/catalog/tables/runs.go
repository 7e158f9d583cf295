package tables

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// runColumns are the columns of a Run.
const runColumns = `id, device, kind, started, ended, status, cause, message, hint, attempts, snapshot, model, version, image, bytes, retransmits`

// succeeded are the states of a run that did what it was asked for. It is part
// of statements.
const succeeded = `('` + api.StatusOK + `', '` + api.StatusUnchanged + `')`

// counts is the condition of the backup runs that tell something about a device. One that a
// person or a signal stopped tells nothing. It is part of statements.
const counts = `kind = 'backup' AND cause <> '` + string(api.Cancelled) + `'`

// BeginRun enters a run that begins now.
func (c history) BeginRun(ctx context.Context, r api.Run) error {
	r.Status, r.Ended = api.StatusRunning, time.Time{}
	return c.wrap("record the start of a run on "+r.Device, c.recordRun(ctx, r))
}

// EndRun enters the end of a run, and removes runs of this device that are too
// old or too many.
func (c history) EndRun(ctx context.Context, r api.Run) error {
	return c.wrap("record the end of a run on "+r.Device, c.recordRun(ctx, r))
}

func (c history) recordRun(ctx context.Context, r api.Run) error {
	return c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		err := putRun(ctx, on, r)
		if err == nil && !r.Ended.IsZero() {
			err = thinRuns(ctx, on, r.Device, r.Ended.Add(-catalog.KeepRuns))
		}
		if err != nil {
			return err
		}
		return refresh(ctx, on, r.Device)
	})
}

func putRun(ctx context.Context, on *statements, r api.Run) error {
	_, err := on.exec(ctx, `INSERT INTO run (`+runColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET (`+runColumns+`) = (excluded.id, excluded.device, excluded.kind, excluded.started, excluded.ended,
			excluded.status, excluded.cause, excluded.message, excluded.hint, excluded.attempts, excluded.snapshot,
			excluded.model, excluded.version, excluded.image, excluded.bytes, excluded.retransmits)`,
		r.ID, r.Device, r.Kind, r.Started.Unix(), seconds(r.Ended), r.Status, r.Cause, r.Message, r.Hint, r.Attempts, r.Snapshot,
		r.Model, r.Version, r.Image, r.BytesCopied, r.Retransmits)
	return err
}

// thinRuns removes the runs of a device that began before this time or are too
// many. The newest one, the newest good one and the newest failed one stay.
func thinRuns(ctx context.Context, on *statements, device string, before time.Time) error {
	_, err := on.exec(ctx, `DELETE FROM run WHERE device = ?1 AND ended IS NOT NULL
		AND (started < ?2 OR n NOT IN (SELECT n FROM run WHERE device = ?1 ORDER BY started DESC, n DESC LIMIT ?3))
		AND n NOT IN (SELECT n FROM (SELECT n FROM run WHERE device = ?1 ORDER BY started DESC, n DESC LIMIT 1) AS newest
			UNION SELECT n FROM (SELECT n FROM run WHERE device = ?1 AND kind = 'backup' AND status IN `+succeeded+` ORDER BY started DESC, n DESC LIMIT 1) AS good
			UNION SELECT n FROM (SELECT n FROM run WHERE device = ?1 AND `+counts+` ORDER BY started DESC, n DESC LIMIT 1) AS last
			UNION SELECT n FROM (SELECT n FROM run WHERE device = ?1 AND `+counts+` AND ended IS NOT NULL AND status NOT IN `+succeeded+` ORDER BY started DESC, n DESC LIMIT 1) AS failed)`,
		device, before.Unix(), catalog.MostRuns)
	return err
}

// InterruptRuns ends every run that has not ended as interrupted.
func (c history) InterruptRuns(ctx context.Context, at time.Time) error {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error { return interrupt(ctx, on, at, `TRUE`) })
	return c.wrap("end interrupted runs", err)
}

// interrupt ends the runs that meet a condition and have not ended.
func interrupt(ctx context.Context, on *statements, at time.Time, condition string, args ...any) error {
	devices, err := on.texts(ctx, `SELECT DISTINCT device FROM run WHERE ended IS NULL AND `+condition, args...)
	if err != nil || len(devices) == 0 {
		return err
	}
	if _, err = on.exec(ctx, `UPDATE run SET status = ?, ended = ? WHERE ended IS NULL AND `+condition, slices.Concat([]any{api.StatusInterrupted, at.Unix()}, args)...); err != nil {
		return err
	}
	return refresh(ctx, on, devices...)
}

// Runs returns at most so many runs of one device, newest first.
func (c history) Runs(ctx context.Context, device string, most int) ([]api.Run, error) {
	rows, err := c.query(ctx, `SELECT `+runColumns+` FROM run WHERE device = ? ORDER BY started DESC, n DESC LIMIT ?`, device, most)
	if err != nil {
		return nil, c.wrap("list runs", err)
	}
	defer rows.Close()
	list := []api.Run{}
	for rows.Next() {
		var r api.Run
		var started, ended sql.NullInt64
		err := rows.Scan(&r.ID, &r.Device, &r.Kind, &started, &ended, &r.Status, &r.Cause, &r.Message, &r.Hint, &r.Attempts, &r.Snapshot,
			&r.Model, &r.Version, &r.Image, &r.BytesCopied, &r.Retransmits)
		if err != nil {
			return nil, c.wrap("list runs", err)
		}
		r.Started, r.Ended = moment(started), moment(ended)
		list = append(list, r)
	}
	return list, c.wrap("list runs", rows.Err())
}

// seconds is t in the form of the tables; NULL for the zero time.
func seconds(t time.Time) sql.NullInt64 { return sql.NullInt64{Int64: t.Unix(), Valid: !t.IsZero()} }

// moment is the opposite of seconds.
func moment(s sql.NullInt64) time.Time {
	if !s.Valid {
		return time.Time{}
	}
	return time.Unix(s.Int64, 0).UTC()
}
