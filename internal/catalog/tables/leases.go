package tables

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

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
		var chosen []catalog.Job
		for _, id := range decide(board) {
			if j, ok := jobs[id]; ok {
				chosen = append(chosen, j)
			}
		}
		return inBatches(oneOfEachLease(chosen), func(some []catalog.Job) error {
			began, err := startSome(ctx, on, w, some, now, lasts)
			started = append(started, began...)
			return err
		})
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
		if err == nil {
			_, err = on.exec(ctx, `DELETE FROM worker WHERE id = ? OR seen < ?`, w.ID, millis(now.Add(-ownSite)))
		}
		return err
	}))
}

// oneOfEachLease leaves out the jobs that need the lease of one before them.
func oneOfEachLease(jobs []catalog.Job) (list []catalog.Job) {
	taken := make(map[string]bool, len(jobs))
	for _, j := range jobs {
		if name := leaseName(j.Job); !taken[name] {
			taken[name], list = true, append(list, j)
		}
	}
	return list
}

// startSome gives jobs their leases, and starts those whose lease no other worker has.
func startSome(ctx context.Context, on *statements, w catalog.Worker, jobs []catalog.Job, now time.Time, lasts time.Duration) (started []catalog.Started, err error) {
	var wanted []catalog.Lease
	for _, j := range jobs {
		wanted = append(wanted, catalog.Lease{Name: leaseName(j.Job), Job: j.ID})
	}
	tokens, err := takeLeases(ctx, on, w, wanted, now, lasts)
	if err != nil {
		return nil, err
	}
	var ids, logins []string
	for i, l := range wanted {
		if token, ok := tokens[l.Name]; ok {
			l.Token = token
			started, ids, logins = append(started, catalog.Started{Job: jobs[i], Lease: l}), append(ids, l.Job), append(logins, jobs[i].Login)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	in, args := oneOf(ids)
	if _, err := on.exec(ctx, `UPDATE job SET state = 'running', started = ?, tries = tries + 1 WHERE id `+in, slices.Concat([]any{millis(now)}, args)...); err != nil {
		return nil, err
	}
	return started, loggedIn(ctx, on, logins, now)
}

// loggedIn records that logins begin now.
func loggedIn(ctx context.Context, on *statements, logins []string, now time.Time) error {
	slices.Sort(logins)
	var args []any
	for _, login := range slices.Compact(logins) {
		if login != "" {
			args = append(args, login, millis(now))
		}
	}
	if len(args) == 0 {
		return nil
	}
	_, err := on.exec(ctx, `INSERT INTO login (login, at) `+valuesOf(`(?, ?)`, len(args)/2)+` ON CONFLICT (login) DO UPDATE SET at = excluded.at`, args...)
	return err
}

// leaseName is the name of the lease that a job needs.
func leaseName(j api.Job) string {
	if j.Device == "" {
		return "/" + j.Kind
	}
	return j.Device
}

// takeLeases takes those of these leases that are free, and returns their tokens by name. Of a run
// on such a device that has not ended nobody will report the end: the catalog was away then.
func takeLeases(ctx context.Context, on *statements, w catalog.Worker, leases []catalog.Lease, now time.Time, lasts time.Duration) (map[string]int64, error) {
	var args []any
	for _, l := range leases {
		args = append(args, l.Name, l.Job, w.ID, millis(now.Add(lasts)))
	}
	tokens := make(map[string]int64, len(leases))
	err := on.each(ctx, func(row *sql.Rows) error {
		var name string
		var token int64
		err := row.Scan(&name, &token)
		tokens[name] = token
		return err
	}, `INSERT INTO lease (name, token, job, holder, until) `+valuesOf(`(?, 1, ?, ?, ?)`, len(leases))+`
		ON CONFLICT (name) DO UPDATE SET token = lease.token + 1, job = excluded.job, holder = excluded.holder, until = excluded.until
		WHERE lease.until <= ? RETURNING name, token`, append(args, millis(now))...)
	if err != nil || len(tokens) == 0 {
		return tokens, err
	}
	in, taken := oneOf(slices.Collect(maps.Keys(tokens)))
	return tokens, interrupt(ctx, on, now, `device `+in, taken...)
}

// TakeLease takes a lease without a job.
func (c jobs) TakeLease(ctx context.Context, w catalog.Worker, name string, lasts time.Duration) (l catalog.Lease, ok bool, err error) {
	l.Name = name
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err == nil {
			err = rescue(ctx, on, w, now, `until <= ? AND name = ?`, millis(now), name)
		}
		if err == nil {
			var tokens map[string]int64
			tokens, err = takeLeases(ctx, on, w, []catalog.Lease{{Name: name}}, now, lasts)
			l.Token, ok = tokens[name]
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
		err = inBatches(leases, func(some []catalog.Lease) error {
			gone, ended, err := renewSome(ctx, on, w, some, now.Add(lasts))
			lost, cancelled = append(lost, gone...), append(cancelled, ended...)
			return err
		})
		if err != nil {
			return err
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

// renewSome prolongs leases until a time, and returns those that are lost, and those whose job
// was cancelled.
func renewSome(ctx context.Context, on *statements, w catalog.Worker, leases []catalog.Lease, until time.Time) (lost, cancelled []catalog.Lease, err error) {
	args, ids := []any{millis(until), w.ID}, []string{}
	for _, l := range leases {
		args, ids = append(args, l.Name, l.Token), append(ids, l.Job)
	}
	renewed := make(map[catalog.Lease]bool, len(leases))
	err = on.each(ctx, func(row *sql.Rows) error {
		var l catalog.Lease
		err := row.Scan(&l.Name, &l.Token)
		renewed[l] = true
		return err
	}, `UPDATE lease SET until = ? WHERE holder = ? AND (name, token) IN (`+valuesOf(`(?, CAST(? AS BIGINT))`, len(leases))+`) RETURNING name, token`, args...)
	if err != nil {
		return nil, nil, err
	}
	in, args := oneOf(ids)
	ended, err := on.texts(ctx, `SELECT id FROM job WHERE cancelled AND id `+in, args...)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range leases {
		switch {
		case !renewed[catalog.Lease{Name: l.Name, Token: l.Token}]:
			lost = append(lost, l)
		case l.Job != "" && slices.Contains(ended, l.Job):
			cancelled = append(cancelled, l)
		}
	}
	return lost, cancelled, nil
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
