package tables

import (
	"context"
	"database/sql"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// PutCare enters the newest run of a task.
func (c care) PutCare(ctx context.Context, r catalog.CareRun) error {
	var succeeded sql.NullInt64
	if !r.Failed {
		succeeded = seconds(r.Started)
	}
	_, err := c.exec(ctx, `INSERT INTO care (kind, name, started, failed, succeeded, cause, message, hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, name) DO UPDATE SET started = excluded.started, failed = excluded.failed, succeeded = coalesce(excluded.succeeded, care.succeeded),
			cause = excluded.cause, message = excluded.message, hint = excluded.hint`,
		r.Kind, r.Name, r.Started.Unix(), r.Failed, succeeded, r.Cause, r.Message, r.Hint)
	return c.wrap("record the end of a "+r.Kind, err)
}

// CareRuns returns the newest run of each task.
func (c care) CareRuns(ctx context.Context) ([]catalog.CareRun, error) {
	rows, err := c.query(ctx, `SELECT kind, name, started, failed, succeeded, cause, message, hint FROM care ORDER BY kind, name`)
	if err != nil {
		return nil, c.wrap("list the tasks of the vault", err)
	}
	defer rows.Close()
	var all []catalog.CareRun
	for rows.Next() {
		var r catalog.CareRun
		var started, succeeded sql.NullInt64
		if err := rows.Scan(&r.Kind, &r.Name, &started, &r.Failed, &succeeded, &r.Cause, &r.Message, &r.Hint); err != nil {
			return nil, c.wrap("list the tasks of the vault", err)
		}
		r.Started, r.Succeeded = moment(started), moment(succeeded)
		all = append(all, r)
	}
	return all, c.wrap("list the tasks of the vault", rows.Err())
}

// CareTurns returns when each task had its turn. The table slot calls their names devices.
func (c care) CareTurns(ctx context.Context) ([]catalog.Turn, error) {
	rows, err := c.query(ctx, `SELECT kind, device, at FROM slot WHERE kind <> ? ORDER BY kind, device`, api.JobBackup)
	if err != nil {
		return nil, c.wrap("read the turns of the tasks", err)
	}
	defer rows.Close()
	var turns []catalog.Turn
	for rows.Next() {
		var t catalog.Turn
		var at sql.NullInt64
		if err := rows.Scan(&t.Kind, &t.Name, &at); err != nil {
			return nil, c.wrap("read the turns of the tasks", err)
		}
		t.Slot = instant(at)
		turns = append(turns, t)
	}
	return turns, c.wrap("read the turns of the tasks", rows.Err())
}

// Totals counts what the catalog has.
func (c care) Totals(ctx context.Context) (catalog.Totals, error) {
	t := catalog.Totals{Jobs: make(map[string]int64)}
	err := c.queryRow(ctx, `SELECT (SELECT count(*) FROM snapshot), count(*), CAST(coalesce(sum(size), 0) AS BIGINT) FROM blob`).Scan(&t.Snapshots, &t.Contents, &t.Bytes)
	if err != nil {
		return t, c.wrap("count the content of the vault", err)
	}
	rows, err := c.query(ctx, `SELECT state, count(*) FROM job GROUP BY state`)
	if err != nil {
		return t, c.wrap("count jobs", err)
	}
	defer rows.Close()
	for rows.Next() {
		var state string
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return t, c.wrap("count jobs", err)
		}
		t.Jobs[state] = n
	}
	return t, c.wrap("count jobs", rows.Err())
}
