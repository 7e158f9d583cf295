package tables

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"flashwarden/internal/catalog"
)

// allOf is how many waiting jobs without a login a board shows.
const allOf = 100

// ownSite is how long a site belongs to its workers after one was seen. Others leave its
// devices alone meanwhile, because perhaps only these workers reach them.
const ownSite = 7 * 24 * time.Hour

// signEvery is how often a worker gives a sign: not each second, because SQLite would sync each.
const signEvery = 10 * time.Second

// seenAt records that a worker works for its sites.
func seenAt(ctx context.Context, on *statements, w catalog.Worker, now time.Time) error {
	_, err := on.exec(ctx, `INSERT INTO worker (id, everywhere, seen) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET everywhere = excluded.everywhere, seen = excluded.seen
		WHERE worker.seen <= ? OR worker.seen > excluded.seen`, w.ID, len(w.Sites) == 0, millis(now), millis(now.Add(-signEvery)))
	if err != nil {
		return err
	}
	for _, site := range w.Sites {
		_, err := on.exec(ctx, `INSERT INTO site_worker (site, seen) VALUES (?, ?) ON CONFLICT (site) DO UPDATE SET seen = excluded.seen`, site, millis(now))
		if err != nil {
			return err
		}
	}
	return nil
}

// Unserved returns those of these sites on whose devices no living worker works.
func (c jobs) Unserved(ctx context.Context, sites ...string) (unserved []string, err error) {
	now, err := c.Now(ctx)
	if err != nil {
		return nil, err
	}
	alive, own := millis(now.Add(-catalog.ServedFor)), millis(now.Add(-ownSite))
	for _, site := range sites {
		var workers int
		err := c.queryRow(ctx, `SELECT (SELECT count(*) FROM site_worker WHERE site = ?1 AND seen > ?2) +
			(SELECT count(*) FROM worker WHERE everywhere AND seen > ?2 AND NOT EXISTS (SELECT 1 FROM site_worker WHERE site = ?1 AND site_worker.seen > ?3))`, site, alive, own).Scan(&workers)
		if err != nil {
			return nil, c.wrap("see which services run", err)
		}
		if workers == 0 {
			unserved = append(unserved, site)
		}
	}
	return unserved, nil
}

// ScheduleZone returns the time zone of the schedule.
func (c jobs) ScheduleZone(ctx context.Context, first string) (name string, err error) {
	if first != "" {
		_, err = c.exec(ctx, `INSERT INTO schedule_zone (one, name) VALUES (1, ?) ON CONFLICT (one) DO NOTHING`, first)
	}
	if err == nil {
		err = c.queryRow(ctx, `SELECT coalesce(max(name), '') FROM schedule_zone`).Scan(&name)
	}
	return name, c.wrap("read the time zone of the schedule", err)
}

// SetScheduleZone replaces the time zone of the schedule.
func (c jobs) SetScheduleZone(ctx context.Context, name string) error {
	_, err := c.exec(ctx, `INSERT INTO schedule_zone (one, name) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET name = excluded.name`, name)
	return c.wrap("write the time zone of the schedule", err)
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

// readBoard returns the jobs that may concern the next decision. The number of its queries
// does not depend on that of the logins.
func readBoard(ctx context.Context, on *statements, w catalog.Worker, now time.Time) (b catalog.Board, err error) {
	b = catalog.Board{Now: now}
	if b.Running, err = jobsWhere(ctx, on, `SELECT `+jobColumns+` FROM job WHERE state = 'running'`); err != nil {
		return b, err
	}
	ours, sites := mayDo(w, now)
	ours = waiting + ` AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.name = CASE job.device WHEN '' THEN '/' || job.kind ELSE job.device END AND lease.until > ?) AND ` + ours
	args := slices.Concat([]any{millis(now)}, sites)
	logins, first, err := firstOfLogins(ctx, on, ours, args)
	if err != nil {
		return b, err
	}
	if _, ok := logins[""]; ok {
		b.Waiting, err = jobsWhere(ctx, on, `SELECT `+jobColumns+` FROM job WHERE login = '' AND `+ours+` ORDER BY person DESC, due, id LIMIT ?`, slices.Concat(args, []any{allOf})...)
		if err != nil {
			return b, err
		}
	}
	b.Logins = logins
	return b, inBatches(first, func(some []string) error {
		in, ids := oneOf(some)
		jobs, err := jobsWhere(ctx, on, `SELECT `+jobColumns+` FROM job WHERE id `+in, ids...)
		b.Waiting = append(b.Waiting, jobs...)
		return err
	})
}

// firstOfLogins returns each login for which jobs wait, with the time of its newest start; the
// zero time: it never had one. first are the IDs of the first two jobs of each that meet a
// condition, because two logins of one site and credential do not begin at the same moment;
// none of the empty login. It steps through the index, from one login to the next.
func firstOfLogins(ctx context.Context, on *statements, condition string, args []any) (logins map[string]time.Time, first []string, err error) {
	jobs := `job ` + on.engine.ByIndex("job_waiting")
	one := `(SELECT id FROM ` + jobs + ` WHERE next.login <> '' AND job.login = next.login AND ` + condition + ` ORDER BY person DESC, due, id LIMIT 1`
	logins = make(map[string]time.Time)
	err = on.each(ctx, func(row *sql.Rows) error {
		var login string
		var at sql.NullInt64
		var ids [2]sql.NullString
		err := row.Scan(&login, &at, &ids[0], &ids[1])
		logins[login] = instant(at)
		for _, id := range ids {
			if id.Valid {
				first = append(first, id.String)
			}
		}
		return err
	}, `WITH RECURSIVE next(login) AS (
		SELECT min(login) FROM `+jobs+` WHERE `+waiting+`
		UNION ALL SELECT (SELECT min(login) FROM `+jobs+` WHERE `+waiting+` AND job.login > next.login) FROM next WHERE next.login IS NOT NULL)
		SELECT next.login, login.at, `+one+`), `+one+` OFFSET 1)
		FROM next LEFT JOIN login ON login.login = next.login WHERE next.login IS NOT NULL`, slices.Concat(args, args)...)
	return logins, first, err
}

func jobsWhere(ctx context.Context, on *statements, text string, args ...any) (all []catalog.Job, err error) {
	err = on.each(ctx, func(row *sql.Rows) error {
		j, err := scanJob(row)
		all = append(all, j)
		return err
	}, text, args...)
	return all, err
}
