package tables

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// jobColumns are the columns of a job in the order of scanJob, without its result.
const jobColumns = `id, kind, device, site, name, login, person, actor, request, slot, state, created, due, started, ended, tries, cause, message, hint`

// waiting is the condition of a job that waits. The indexes of the table have it too.
const waiting = `state IN ('queued', 'retrying')`

// scanJob scans a row of jobColumns, and what follows.
func scanJob(rows interface{ Scan(...any) error }, more ...any) (j catalog.Job, err error) {
	var request string
	var created, due, slot, started, ended sql.NullInt64
	err = rows.Scan(append([]any{&j.ID, &j.Kind, &j.Device, &j.Site, &j.Name, &j.Login, &j.Person, &j.By, &request, &slot, &j.State, &created, &due, &started, &ended,
		&j.Attempts, &j.Cause, &j.Message, &j.Hint}, more...)...)
	j.Request = json.RawMessage(request)
	j.Slot, j.Created, j.Due, j.Started, j.Ended = instant(slot), instant(created), instant(due), instant(started), instant(ended)
	return j, err
}

// millis is t in the form of the tables of jobs; NULL for the zero time.
func millis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// instant is the opposite of millis.
func instant(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

// now is the time by the clock of the catalog.
func (c *database) now(ctx context.Context, on *statements) (time.Time, error) {
	var ms int64
	err := on.scan(ctx, &ms, `SELECT `+c.engine.Clock())
	return time.UnixMilli(ms).UTC(), err
}

// AddJobs enters jobs.
func (c jobs) AddJobs(ctx context.Context, jobs ...catalog.Job) (added []catalog.Job, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			ok, err := j.Slot.IsZero(), error(nil)
			if !ok {
				ok, err = takeSlot(ctx, on, j, now)
			}
			if err == nil && ok {
				j, err = addJob(ctx, on, j, now)
				added = append(added, j)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, c.wrap("add jobs", err)
	}
	return added, nil
}

func addJob(ctx context.Context, on *statements, j catalog.Job, now time.Time) (catalog.Job, error) {
	j.State, j.Created = api.JobQueued, now
	if j.ID == "" {
		j.ID = catalog.NewJobID(now)
	}
	if j.Due.IsZero() {
		j.Due = now
	}
	_, err := on.exec(ctx, `INSERT INTO job (id, kind, device, site, name, login, person, actor, request, slot, state, created, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		j.ID, j.Kind, j.Device, j.Site, j.Name, j.Login, j.Person, j.By, string(j.Request), millis(j.Slot), j.State, millis(j.Created), millis(j.Due))
	return j, err
}

// takeSlot enters the slot of a job. It reports whether the job is needed: not if the
// slot, or a later one, is taken, or if its job of an earlier slot still waits. A
// slot in the future does not count: then the clock was wrong.
func takeSlot(ctx context.Context, on *statements, j catalog.Job, now time.Time) (needed bool, err error) {
	var at int64
	err = on.scan(ctx, &at, `INSERT INTO slot (kind, device, at) VALUES (?, ?, ?)
		ON CONFLICT (kind, device) DO UPDATE SET at = excluded.at WHERE slot.at < excluded.at OR slot.at > ? RETURNING at`, j.Kind, cmp.Or(j.Device, j.Name), millis(j.Slot), millis(now))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var waits int
	err = on.scan(ctx, &waits, `SELECT count(*) FROM job WHERE device = ? AND kind = ? AND name = ? AND slot IS NOT NULL AND `+waiting, j.Device, j.Kind, j.Name)
	return waits == 0, err
}

// Turns returns when each device had its turn.
func (c jobs) Turns(ctx context.Context, kind string) ([]catalog.Turn, error) {
	rows, err := c.query(ctx, `SELECT d.name, d.device_group, d.site, CASE d.username WHEN '' THEN d.credential ELSE d.username END, slot.at,
			CASE WHEN s.last_failed = s.last_run THEN s.last_started END,
			CASE WHEN s.last_failed = s.last_run THEN coalesce(CASE WHEN s.looked > s.good_started THEN s.looked ELSE s.good_started END,
				(SELECT min(run.started) FROM run WHERE run.device = d.name AND run.kind = 'backup')) END
		FROM device AS d LEFT JOIN device_state AS s ON s.device = d.name LEFT JOIN slot ON slot.device = d.name AND slot.kind = ?
		ORDER BY d.name`, kind)
	if err != nil {
		return nil, c.wrap("read the turns of the schedule", err)
	}
	defer rows.Close()
	var turns []catalog.Turn
	for rows.Next() {
		t := catalog.Turn{Kind: kind}
		var slot, tried, failing sql.NullInt64
		if err := rows.Scan(&t.Device, &t.Group, &t.Site, &t.Username, &slot, &tried, &failing); err != nil {
			return nil, c.wrap("read the turns of the schedule", err)
		}
		t.Slot, t.Tried, t.Failing = instant(slot), moment(tried), moment(failing)
		turns = append(turns, t)
	}
	return turns, c.wrap("read the turns of the schedule", rows.Err())
}

// Job returns one job.
func (c jobs) Job(ctx context.Context, id string) (catalog.Job, error) {
	var result string
	j, err := scanJob(c.queryRow(ctx, `SELECT `+jobColumns+`, result FROM job WHERE id = ?`, id), &result)
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Job{}, fmt.Errorf("%w: %s", catalog.ErrNoJob, id)
	}
	if result != "" {
		j.Result = json.RawMessage(result)
	}
	return j, c.wrap("read job "+id, err)
}

// EndedJobs returns those of these jobs that have ended, with their results.
func (c jobs) EndedJobs(ctx context.Context, ids ...string) (ended []catalog.Job, err error) {
	for part := range slices.Chunk(ids, jobsAtOnce) {
		condition, args := jobConditions(api.JobSelect{IDs: part})
		rows, err := c.query(ctx, `SELECT `+jobColumns+`, result FROM job WHERE ended IS NOT NULL AND `+condition, args...)
		if err != nil {
			return nil, c.wrap("read ended jobs", err)
		}
		for rows.Next() {
			var result string
			j, err := scanJob(rows, &result)
			if err != nil {
				rows.Close()
				return nil, c.wrap("read ended jobs", err)
			}
			if result != "" {
				j.Result = json.RawMessage(result)
			}
			ended = append(ended, j)
		}
		if err := rows.Err(); err != nil {
			return nil, c.wrap("read ended jobs", err)
		}
	}
	return ended, nil
}

// jobsAtOnce is how many jobs one query asks for: an engine has a limit of parameters.
const jobsAtOnce = 1000

// jobsOfPage is how many jobs a page has if nobody says so.
const jobsOfPage = 100

// Jobs returns a page of jobs.
func (c jobs) Jobs(ctx context.Context, s api.JobSelect) (api.Jobs, error) {
	page := api.Jobs{Jobs: []api.Job{}}
	if s.Limit <= 0 {
		s.Limit = jobsOfPage
	}
	conditions, args := jobConditions(s)
	rows, err := c.query(ctx, `SELECT `+jobColumns+` FROM job WHERE `+conditions+` ORDER BY id DESC LIMIT ?`, append(args, s.Limit+1)...)
	if err != nil {
		return page, c.wrap("list jobs", err)
	}
	defer rows.Close()
	for rows.Next() {
		j, err := scanJob(rows)
		if err != nil {
			return page, c.wrap("list jobs", err)
		}
		if len(page.Jobs) == s.Limit {
			page.Next = page.Jobs[s.Limit-1].ID
			break
		}
		page.Jobs = append(page.Jobs, j.Job)
	}
	return page, c.wrap("list jobs", rows.Err())
}

func jobConditions(s api.JobSelect) (text string, args []any) {
	all := []string{"TRUE"}
	add := func(condition string, values ...any) {
		all, args = append(all, condition), append(args, values...)
	}
	if s.State != "" {
		add("state = ?", s.State)
	}
	if s.Device != "" {
		add("device = ?", s.Device)
	}
	if s.Cursor != "" {
		add("id < ?", s.Cursor)
	}
	if len(s.IDs) > 0 {
		var ids []any
		for _, id := range s.IDs {
			ids = append(ids, id)
		}
		add("id IN (?"+strings.Repeat(", ?", len(ids)-1)+")", ids...)
	}
	return strings.Join(all, " AND "), args
}

// CancelJob ends a job that waits, and marks one that runs.
func (c jobs) CancelJob(ctx context.Context, id string) (catalog.Job, error) {
	return c.changeJob(ctx, "cancel", id, func(ctx context.Context, on *statements, now time.Time) (bool, error) {
		return on.changes(ctx, cancelJobs+` AND id = ?2`, millis(now), id)
	})
}

// cancelJobs ends the jobs that wait, and marks those that run. ?1 is the present time; the
// condition goes on.
const cancelJobs = `UPDATE job SET cancelled = TRUE,
	ended = CASE state WHEN 'running' THEN NULL ELSE CAST(?1 AS BIGINT) END,
	state = CASE state WHEN 'running' THEN state ELSE 'cancelled' END
	WHERE (state = 'running' OR ` + waiting + `)`

// RetryJob puts a job back that did not succeed.
func (c jobs) RetryJob(ctx context.Context, id, by string) (catalog.Job, error) {
	return c.changeJob(ctx, "retry", id, func(ctx context.Context, on *statements, now time.Time) (bool, error) {
		return on.changes(ctx, `UPDATE job SET state = 'queued', person = TRUE, actor = ?, slot = NULL, cancelled = FALSE, rescues = 0, due = ?, started = NULL, ended = NULL, result = ''
			WHERE id = ? AND state IN ('failed', 'cancelled', 'interrupted', 'retrying') AND kind <> 'restore'`, by, millis(now), id)
	})
}

// changeJob changes a job and returns it. change reports whether its state allowed that.
func (c jobs) changeJob(ctx context.Context, verb, id string, change func(context.Context, *statements, time.Time) (bool, error)) (catalog.Job, error) {
	var changed bool
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err == nil {
			changed, err = change(ctx, on, now)
		}
		return err
	})
	if err != nil {
		return catalog.Job{}, c.wrap(verb+" job "+id, err)
	}
	j, err := c.Job(ctx, id)
	if err == nil && !changed {
		err = fmt.Errorf("%w: %s is %s", catalog.ErrJobState, id, j.State)
	}
	return j, err
}

// ForgetJobs removes jobs that ended before a time.
func (c jobs) ForgetJobs(ctx context.Context, before time.Time) (n int64, err error) {
	result, err := c.exec(ctx, `DELETE FROM job WHERE ended < ?`, millis(before))
	if err == nil {
		n, err = result.RowsAffected()
	}
	return n, c.wrap("forget old jobs", err)
}
