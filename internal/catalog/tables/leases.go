package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// firstOf is how many waiting jobs of each Login a board shows. Two logins of one site
// and credential do not begin at the same moment, so more are not needed.
const firstOf = 2

// allOf is how many waiting jobs without a login a board shows.
const allOf = 100

// StartJobs starts the jobs that decide chooses.
func (c jobs) StartJobs(ctx context.Context, w catalog.Worker, lasts time.Duration, decide func(catalog.Board) []string) (started []catalog.Started, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err == nil {
			// What w holds itself without a job goes on, even if the clock stepped.
			err = rescue(ctx, on, w, now, `until <= ? AND (job <> '' OR holder <> ?)`, millis(now), w.ID)
		}
		if err == nil {
			err = seenAt(ctx, on, w, now)
		}
		if err != nil {
			return err
		}
		board, err := readBoard(ctx, on, w, now)
		if err != nil {
			return err
		}
		jobs := make(map[string]catalog.Job)
		for _, j := range board.Waiting {
			jobs[j.ID] = j
		}
		for _, id := range decide(board) {
			l, ok, err := startJob(ctx, on, w, jobs[id], now, lasts)
			if err != nil {
				return err
			}
			if ok {
				started = append(started, catalog.Started{Job: jobs[id], Lease: l})
			}
		}
		return nil
	})
	if err != nil {
		return nil, c.wrap("start jobs", err)
	}
	return started, nil
}

// mostRescues is how many workers may die while they do a job. Then it is ended, because it
// may be what kills them.
const mostRescues = 5

// rescue frees the leases of dead workers that meet a condition, puts back their jobs, and
// ends their runs. Jobs on which w works stay.
func rescue(ctx context.Context, on *statements, w catalog.Worker, now time.Time, condition string, args ...any) error {
	ids, err := on.texts(ctx, `SELECT job FROM lease WHERE job <> '' AND `+condition, args...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if slices.Contains(w.Running, id) {
			continue
		}
		if err := rescueJob(ctx, on, id, now); err != nil {
			return fmt.Errorf("free job %s: %w", id, err)
		}
	}
	held, err := on.texts(ctx, `SELECT name FROM lease WHERE job = '' AND holder <> '' AND `+condition, args...)
	for _, name := range held {
		if err == nil {
			err = freeDead(ctx, on, name, now)
		}
	}
	return err
}

// What a restore says whose worker died. Behind restoreDied stands the note of NoteJob.
const (
	restoreDied  = "flashwarden ended during this restore; "
	lookAtDevice = "look at the device before anything else: its files, and what it boots next (show boot). Then make a new plan"
)

// rescueJob puts a job back whose worker died, and frees its lease. A restore is not
// repeated: the device may have changed half-way.
func rescueJob(ctx context.Context, on *statements, id string, now time.Time) error {
	if err := careOfDead(ctx, on, id); err != nil {
		return err
	}
	_, err := on.exec(ctx, `UPDATE job SET rescues = rescues + 1, started = NULL,
		ended = CASE WHEN cancelled OR kind = 'restore' OR rescues + 1 >= ?3 THEN CAST(?1 AS BIGINT) END,
		state = CASE WHEN kind = 'restore' THEN 'interrupted' WHEN cancelled THEN 'cancelled' WHEN rescues + 1 >= ?3 THEN 'failed' ELSE 'queued' END,
		cause = CASE WHEN kind = 'restore' OR NOT cancelled AND rescues + 1 >= ?3 THEN 'internal' ELSE cause END,
		message = CASE WHEN kind = 'restore' THEN ?6 || CASE message WHEN '' THEN 'nothing is known of its steps' ELSE message END WHEN NOT cancelled AND rescues + 1 >= ?3 THEN ?4 ELSE message END,
		hint = CASE WHEN kind = 'restore' THEN ?7 WHEN NOT cancelled AND rescues + 1 >= ?3 THEN ?5 ELSE hint END
		WHERE id = ?2 AND state = 'running'`, millis(now), id, mostRescues,
		fmt.Sprintf("flashwarden ended %d times while it did this job, and does not try it again by itself", mostRescues),
		"look at the log of the service for the reason",
		restoreDied, lookAtDevice)
	if err != nil {
		return err
	}
	names, err := on.texts(ctx, `SELECT name FROM lease WHERE job = ?`, id)
	for _, name := range names {
		if err == nil {
			err = freeDead(ctx, on, name, now)
		}
	}
	return err
}

// careOfDead records that a task of the vault failed because its worker died. A task that
// somebody cancelled is not recorded.
func careOfDead(ctx context.Context, on *statements, id string) error {
	_, err := on.exec(ctx, `INSERT INTO care (kind, name, started, failed, succeeded, cause, message, hint)
		SELECT kind, name, started / 1000, TRUE, NULL, 'internal', ?2, ?3 FROM job
		WHERE id = ?1 AND state = 'running' AND NOT cancelled AND kind IN ('prune', 'check', 'mirror')
		ON CONFLICT (kind, name) DO UPDATE SET started = excluded.started, failed = excluded.failed,
			cause = excluded.cause, message = excluded.message, hint = excluded.hint`,
		id, "flashwarden ended while it did this task", "look at the log of the service for the reason")
	return err
}

// freeDead frees a lease of a dead worker. Its run on the device has ended with it.
func freeDead(ctx context.Context, on *statements, name string, now time.Time) error {
	if _, err := on.exec(ctx, `UPDATE lease SET job = '', holder = '', until = 0 WHERE name = ?`, name); err != nil {
		return err
	}
	return interrupt(ctx, on, now, `device = ?`, name)
}

// FreeWorker frees the leases of a worker that ended.
func (c jobs) FreeWorker(ctx context.Context, w catalog.Worker) error {
	return c.wrap("free the jobs of an earlier process", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err == nil {
			err = rescue(ctx, on, w, now, `holder = ?`, w.ID)
		}
		return err
	}))
}

// ownSite is how long a site belongs to its workers after one was seen. Others leave its
// devices alone meanwhile, because perhaps only these workers reach them.
const ownSite = 7 * 24 * time.Hour

// seenAt records that a worker works for its sites.
func seenAt(ctx context.Context, on *statements, w catalog.Worker, now time.Time) error {
	for _, site := range w.Sites {
		_, err := on.exec(ctx, `INSERT INTO site_worker (site, seen) VALUES (?, ?) ON CONFLICT (site) DO UPDATE SET seen = excluded.seen`, site, millis(now))
		if err != nil {
			return err
		}
	}
	return nil
}

// mayDo is the condition of the jobs that a worker may do: those on devices of its sites, or,
// if it has none, of all sites without workers of their own; and those without a device,
// unless it does none of them.
func mayDo(w catalog.Worker, now time.Time) (condition string, args []any) {
	condition, args = `NOT EXISTS (SELECT 1 FROM site_worker WHERE site_worker.site = job.site AND seen > ?)`, []any{millis(now.Add(-ownSite))}
	if len(w.Sites) > 0 {
		args = nil
		for _, site := range w.Sites {
			args = append(args, site)
		}
		condition = `job.site IN (?` + strings.Repeat(", ?", len(args)-1) + `)`
	}
	if w.Devices {
		return `job.device <> '' AND ` + condition, args
	}
	return `(job.device = '' OR ` + condition + `)`, args
}

// readBoard returns the jobs that may concern the next decision.
func readBoard(ctx context.Context, on *statements, w catalog.Worker, now time.Time) (b catalog.Board, err error) {
	b = catalog.Board{Now: now, Logins: make(map[string]time.Time)}
	if b.Running, err = jobsWhere(ctx, on, `SELECT `+jobColumns+` FROM job WHERE state = 'running'`); err != nil {
		return b, err
	}
	logins, err := waitingLogins(ctx, on)
	if err != nil {
		return b, err
	}
	ours, sites := mayDo(w, now)
	for login, at := range logins {
		most := firstOf
		if login == "" {
			most = allOf
		}
		jobs, err := jobsWhere(ctx, on, `SELECT `+jobColumns+` FROM job WHERE login = ? AND `+waiting+`
			AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.name = CASE job.device WHEN '' THEN '/' || job.kind ELSE job.device END AND lease.until > ?)
			AND `+ours+` ORDER BY person DESC, due, id LIMIT ?`, slices.Concat([]any{login, millis(now)}, sites, []any{most})...)
		if err != nil {
			return b, err
		}
		b.Waiting, b.Logins[login] = append(b.Waiting, jobs...), at
	}
	return b, nil
}

// waitingLogins returns each login for which jobs wait, with the time of its newest start; the
// zero time: it never had one. It steps through the index, from one login to the next.
func waitingLogins(ctx context.Context, on *statements) (map[string]time.Time, error) {
	ready, err := on.prepared(ctx, `WITH RECURSIVE next(login) AS (
		SELECT min(login) FROM job WHERE `+waiting+`
		UNION ALL SELECT (SELECT min(login) FROM job WHERE `+waiting+` AND job.login > next.login) FROM next WHERE next.login IS NOT NULL)
		SELECT next.login, login.at FROM next LEFT JOIN login ON login.login = next.login WHERE next.login IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	rows, err := ready.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	logins := make(map[string]time.Time)
	for rows.Next() {
		var login string
		var at sql.NullInt64
		if err := rows.Scan(&login, &at); err != nil {
			return nil, err
		}
		logins[login] = instant(at)
	}
	return logins, rows.Err()
}

func jobsWhere(ctx context.Context, on *statements, text string, args ...any) ([]catalog.Job, error) {
	ready, err := on.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := ready.QueryContext(ctx, storable(args)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []catalog.Job
	for rows.Next() {
		j, err := scanJob(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, j)
	}
	return all, rows.Err()
}

// startJob gives a job its lease. ok is false if another worker has it.
func startJob(ctx context.Context, on *statements, w catalog.Worker, j catalog.Job, now time.Time, lasts time.Duration) (l catalog.Lease, ok bool, err error) {
	l, ok, err = takeLease(ctx, on, w, catalog.Lease{Name: leaseName(j.Job), Job: j.ID}, now, lasts)
	if err != nil || !ok {
		return l, false, err
	}
	if _, err := on.exec(ctx, `UPDATE job SET state = 'running', started = ?, tries = tries + 1 WHERE id = ?`, millis(now), j.ID); err != nil {
		return l, false, err
	}
	if j.Login != "" {
		_, err = on.exec(ctx, `INSERT INTO login (login, at) VALUES (?, ?) ON CONFLICT (login) DO UPDATE SET at = excluded.at`, j.Login, millis(now))
	}
	return l, true, err
}

// leaseName is the name of the lease that a job needs.
func leaseName(j api.Job) string {
	if j.Device == "" {
		return "/" + j.Kind
	}
	return j.Device
}

func takeLease(ctx context.Context, on *statements, w catalog.Worker, l catalog.Lease, now time.Time, lasts time.Duration) (catalog.Lease, bool, error) {
	err := on.scan(ctx, &l.Token, `INSERT INTO lease (name, token, job, holder, until) VALUES (?1, 1, ?2, ?3, ?4)
		ON CONFLICT (name) DO UPDATE SET token = lease.token + 1, job = excluded.job, holder = excluded.holder, until = excluded.until
		WHERE lease.until <= ?5 RETURNING token`, l.Name, l.Job, w.ID, millis(now.Add(lasts)), millis(now))
	if errors.Is(err, sql.ErrNoRows) {
		return l, false, nil
	}
	return l, err == nil, err
}

// TakeLease takes a lease without a job.
func (c jobs) TakeLease(ctx context.Context, w catalog.Worker, name string, lasts time.Duration) (l catalog.Lease, ok bool, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err == nil {
			err = rescue(ctx, on, w, now, `until <= ? AND name = ?`, millis(now), name)
		}
		if err == nil {
			l, ok, err = takeLease(ctx, on, w, catalog.Lease{Name: name}, now, lasts)
		}
		return err
	})
	return l, ok && err == nil, c.wrap("take the lease of "+name, err)
}

// FreeLeases frees leases.
func (c jobs) FreeLeases(ctx context.Context, leases ...catalog.Lease) error {
	return c.wrap("free leases", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		for _, l := range leases {
			if err := freeLease(ctx, on, l); err != nil {
				return err
			}
		}
		return nil
	}))
}

func freeLease(ctx context.Context, on *statements, l catalog.Lease) error {
	_, err := on.exec(ctx, `UPDATE lease SET job = '', holder = '', until = 0 WHERE name = ? AND token = ?`, l.Name, l.Token)
	return err
}

// RenewLeases prolongs leases.
func (c jobs) RenewLeases(ctx context.Context, w catalog.Worker, lasts time.Duration, leases ...catalog.Lease) (lost, cancelled []catalog.Lease, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err != nil {
			return err
		}
		for _, l := range leases {
			ours, err := on.changes(ctx, `UPDATE lease SET until = ? WHERE name = ? AND token = ? AND holder = ?`, millis(now.Add(lasts)), l.Name, l.Token, w.ID)
			if err != nil {
				return err
			}
			if !ours {
				lost = append(lost, l)
				continue
			}
			var marked int
			if err := on.scan(ctx, &marked, `SELECT count(*) FROM job WHERE id = ? AND cancelled`, l.Job); err != nil {
				return err
			}
			if marked > 0 {
				cancelled = append(cancelled, l)
			}
		}
		return renewIntents(ctx, on, w, now)
	})
	if err != nil {
		return nil, nil, c.wrap("renew leases", err)
	}
	return lost, cancelled, nil
}

// NoteJob enters what a job is about to do.
func (c jobs) NoteJob(ctx context.Context, l catalog.Lease, message string) error {
	return c.wrap("note what job "+l.Job+" does", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		if err := wantLease(ctx, on, l); err != nil {
			return err
		}
		_, err := on.exec(ctx, `UPDATE job SET message = ? WHERE id = ? AND state = 'running'`, message, l.Job)
		return err
	}))
}

// EndJob enters the end of an attempt.
func (c jobs) EndJob(ctx context.Context, l catalog.Lease, end catalog.JobEnd) error {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err == nil {
			err = wantLease(ctx, on, l)
		}
		if err != nil {
			return err
		}
		if err := endJob(ctx, on, l.Job, end, now); err != nil {
			return err
		}
		return freeLease(ctx, on, l)
	})
	return c.wrap("end job "+l.Job, err)
}

func endJob(ctx context.Context, on *statements, id string, end catalog.JobEnd, now time.Time) error {
	switch {
	case end.State == api.JobQueued: // as if it had not started
		_, err := on.exec(ctx, `UPDATE job SET started = NULL, due = ?1, tries = tries - 1,
			ended = CASE WHEN cancelled THEN CAST(?2 AS BIGINT) END, state = CASE WHEN cancelled THEN 'cancelled' ELSE 'queued' END WHERE id = ?3`,
			millis(now.Add(end.Wait)), millis(now), id)
		return err
	case end.State == api.JobRetrying:
		_, err := on.exec(ctx, `UPDATE job SET due = ?1, cause = ?2, message = ?3, hint = ?4,
			ended = CASE WHEN cancelled THEN CAST(?5 AS BIGINT) END, state = CASE WHEN cancelled THEN 'cancelled' ELSE 'retrying' END WHERE id = ?6`,
			millis(now.Add(end.Wait)), end.Cause, end.Message, end.Hint, millis(now), id)
		return err
	}
	_, err := on.exec(ctx, `UPDATE job SET state = ?, ended = ?, cause = ?, message = ?, hint = ?, result = ? WHERE id = ?`,
		end.State, millis(now), end.Cause, end.Message, end.Hint, string(end.Result), id)
	return err
}

// wantLease returns ErrLeaseLost if somebody else took the lease since.
func wantLease(ctx context.Context, on *statements, l catalog.Lease) error {
	var ours int
	err := on.scan(ctx, &ours, `SELECT count(*) FROM lease WHERE name = ? AND token = ? AND until > 0`, l.Name, l.Token)
	if err == nil && ours == 0 {
		err = fmt.Errorf("%w: %s", catalog.ErrLeaseLost, l.Name)
	}
	return err
}

// underLease returns ErrLeaseLost if the work of ctx needs a lease that was lost.
func underLease(ctx context.Context, on *statements) error {
	if l, ok := catalog.LeaseOf(ctx); ok {
		return wantLease(ctx, on, l)
	}
	return nil
}
