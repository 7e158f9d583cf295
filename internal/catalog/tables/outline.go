package tables

import (
	"context"
	"database/sql"
	"encoding/json"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// selectOutlines is the one query of Outlines; conditions may follow. The names come from
// an index, so that the rows of the inventory are not read.
const selectOutlines = `SELECT device.name, state.newest_id, state.good_id, state.good_started, state.looked, state.proved,
		coalesce(CASE WHEN state.holds THEN 1 ELSE 0 END + CASE WHEN state.damaged THEN 2 ELSE 0 END + CASE WHEN state.image_bad THEN 4 ELSE 0 END, 0),
		state.warnings, state.last_started, state.last_status, failed.started, failed.status, failed.cause
	FROM device LEFT JOIN device_state AS state ON state.device = device.name
		LEFT JOIN run AS failed ON failed.n = state.last_failed AND state.last_status NOT IN ` + succeeded

// Outlines yields the outlines of devices.
func (c index) Outlines(ctx context.Context, group, site string, yield func(catalog.State)) error {
	query, args := selectOutlines, []any{}
	if group != "" || site != "" {
		query += ` WHERE (?1 = '' OR device.site = ?1) AND (?2 = '' OR device.device_group = ?2)`
		args = []any{site, group}
	}
	rows, err := c.query(ctx, query, args...)
	if err != nil {
		return c.wrap("read the state of the devices", err)
	}
	defer rows.Close()
	var row outlineRow
	for to := row.fields(); rows.Next(); {
		if err := rows.Scan(to...); err != nil {
			return c.wrap("read the state of the devices", err)
		}
		outline, err := row.outline()
		if err != nil {
			return c.wrap("read the state of "+row.name, err)
		}
		yield(outline)
	}
	return c.wrap("read the state of the devices", rows.Err())
}

// outlineRow is a row of selectOutlines.
type outlineRow struct {
	name                                 string
	newest, good, warnings, lastStatus   sql.NullString
	goodStarted, looked, proved, started sql.NullInt64
	flags                                int64
	failedStarted                        sql.NullInt64
	failedStatus, failedCause            sql.NullString
}

func (r *outlineRow) fields() []any {
	return []any{&r.name, &r.newest, &r.good, &r.goodStarted, &r.looked, &r.proved, &r.flags, &r.warnings, &r.started, &r.lastStatus,
		&r.failedStarted, &r.failedStatus, &r.failedCause}
}

func (r *outlineRow) outline() (catalog.State, error) {
	s := catalog.State{Name: r.name, Newest: catalog.Saved{ID: r.newest.String}, Good: catalog.Saved{ID: r.good.String, Started: moment(r.goodStarted)},
		Holds: r.flags&1 != 0, Damaged: r.flags&2 != 0, ImageBad: r.flags&4 != 0, Looked: moment(r.looked), Proved: moment(r.proved),
		Last: catalog.Attempt{Status: r.lastStatus.String, Started: moment(r.started)}}
	if r.failedStatus.Valid {
		s.Failed = &api.Run{Device: r.name, Kind: api.RunBackup, Status: r.failedStatus.String, Cause: api.Cause(r.failedCause.String), Started: moment(r.failedStarted)}
	}
	if r.warnings.String == "" {
		return s, nil
	}
	var warnings []string // not &s.Warnings: s stays off the heap
	err := json.Unmarshal([]byte(r.warnings.String), &warnings)
	s.Warnings = warnings
	return s, err
}
