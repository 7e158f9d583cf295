package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// refresh computes the states of devices again, after a table changed that
// it follows from.
func refresh(ctx context.Context, on *statements, devices ...string) error {
	for _, device := range devices {
		for _, statement := range []string{refreshState, refreshFacts, refreshImage, refreshProofs + ` WHERE device = ?1`} {
			if _, err := on.exec(ctx, statement, device); err != nil {
				return err
			}
		}
	}
	return nil
}

// refreshSnapshots computes the states of devices again, after snapshots changed.
func refreshSnapshots(ctx context.Context, on *statements, devices ...string) error {
	for _, device := range devices {
		for _, statement := range []string{forgetRunning, refreshRunning} {
			if _, err := on.exec(ctx, statement, device); err != nil {
				return err
			}
		}
	}
	return refresh(ctx, on, devices...)
}

// refreshState finds the snapshots and runs that a state consists of.
const refreshState = `INSERT INTO device_state (` + stateColumns + `) SELECT ?1,
		coalesce(newest.id, ''), newest.started, coalesce(newest.status, ''), coalesce(newest.warnings, ''), good.n, coalesce(good.id, ''), good.started,
		(SELECT ended FROM run WHERE device = ?1 AND kind = 'backup' AND status = 'unchanged' AND snapshot = good.id ORDER BY n DESC LIMIT 1),
		last.n, last.started, last.ended, coalesce(last.status, ''),
		(SELECT n FROM run WHERE device = ?1 AND ` + counts + ` AND ended IS NOT NULL AND status NOT IN ` + succeeded + ` ORDER BY started DESC, n DESC LIMIT 1)
	FROM (SELECT 1) AS one
		LEFT JOIN snapshot AS newest ON newest.n = coalesce(` + fromLast + isBackup + lastThat + isBackup + `),
			(SELECT n FROM snapshot WHERE device = ?1 AND NOT received ORDER BY id DESC LIMIT 1))
		LEFT JOIN snapshot AS good ON good.n = coalesce(` + fromLast + isGood + lastThat + isGood + `),
			(SELECT n FROM snapshot WHERE device = ?1 AND NOT received AND status = 'ok' ORDER BY id DESC LIMIT 1))
		LEFT JOIN run AS last ON last.n = (SELECT n FROM run WHERE device = ?1 AND ` + counts + ` ORDER BY started DESC, n DESC LIMIT 1)
	WHERE TRUE
	ON CONFLICT (device) DO UPDATE SET (` + stateColumns + `) = (excluded.device, excluded.newest_id, excluded.newest_started, excluded.newest_status, excluded.warnings,
		excluded.good, excluded.good_id, excluded.good_started, excluded.looked,
		excluded.last_run, excluded.last_started, excluded.last_ended, excluded.last_status, excluded.last_failed)`

// The last backup of a device is found from the end of its chain of snapshots backwards, because
// a clock may have been set back: fromLast, a condition, lastThat and the condition again. If a
// gap in the index ends the chain, the ID decides.
const (
	fromLast = `(WITH RECURSIVE chain(n, document, previous, received, status) AS (
		SELECT * FROM (SELECT n, document, previous, received, status FROM snapshot AS s WHERE device = ?1
			AND NOT EXISTS (SELECT 1 FROM snapshot AS later WHERE later.previous = s.document) ORDER BY id DESC LIMIT 1) AS last
		UNION ALL SELECT s.n, s.document, s.previous, s.received, s.status FROM chain JOIN snapshot AS s ON s.document = chain.previous WHERE NOT (`
	lastThat = `)) SELECT n FROM chain WHERE `
	isBackup = `NOT chain.received`
	isGood   = `NOT chain.received AND chain.status = 'ok'`
)

const stateColumns = `device, newest_id, newest_started, newest_status, warnings, good, good_id, good_started, looked,
	last_run, last_started, last_ended, last_status, last_failed`

// refreshFacts takes the facts of the newest snapshot or run that has some, and
// compares them with the newest complete backup. show version prints flash:x.bin
// for the file that a listing calls flash:/x.bin.
const refreshFacts = `UPDATE device_state SET (seen, model, version, image, holds) = (
		SELECT facts.started, coalesce(facts.model, ''), coalesce(facts.version, ''), coalesce(facts.image, ''), EXISTS (
			SELECT 1 FROM snapshot AS good WHERE good.n = device_state.good AND good.runs AND good.version = facts.version AND replace(good.image, ':/', ':') = replace(facts.image, ':/', ':'))
		FROM (SELECT 1) AS one LEFT JOIN (
			SELECT started, model, version, image FROM (
				SELECT started, model, version, image FROM snapshot WHERE id = (SELECT newest_id FROM device_state WHERE device = ?1)
				UNION ALL SELECT * FROM (SELECT started, model, version, image FROM run WHERE device = ?1 AND version <> '' ORDER BY started DESC, n DESC LIMIT 1) AS run
			) AS newest ORDER BY started DESC LIMIT 1
		) AS facts ON TRUE) WHERE device = ?1`

// refreshImage finds whether the running image in the newest complete backup
// fails its own checksums. The verdict is that of api.Inspection in JSON.
const refreshImage = `UPDATE device_state SET image_bad = EXISTS (
		SELECT 1 FROM file JOIN blob ON blob.n = file.blob
		WHERE file.snapshot = device_state.good AND file.runs IS NOT NULL AND blob.image LIKE '%"verdict":"bad"%') WHERE device = ?1`

// refreshProofs judges the content of the newest complete backup, and its document, whose
// name takes the place of a SHA-256. A condition may follow.
const refreshProofs = `UPDATE device_state SET (proved, damaged) = (
		SELECT CASE WHEN count(*) = count(blob.checked) THEN min(blob.checked) END, count(CASE WHEN blob.damaged THEN 1 END) > 0 OR EXISTS (
			SELECT 1 FROM snapshot JOIN blob AS document ON document.sha256 = snapshot.document WHERE snapshot.n = device_state.good AND document.damaged)
		FROM file JOIN blob ON blob.n = file.blob WHERE file.snapshot = device_state.good)`

// RecordProofs enters what content of the vault was found to be.
func (c history) RecordProofs(ctx context.Context, proofs ...catalog.Proof) error {
	if len(proofs) == 0 {
		return nil
	}
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		for _, p := range proofs {
			if err := prove(ctx, on, p); err != nil {
				return err
			}
		}
		return nil
	})
	return c.wrap("record what content is whole", err)
}

// prove enters what one content was found to be, unless it was read later, for
// all devices whose newest complete backup has it. A read in the future was
// recorded while the clock was wrong, so any other replaces it. Listings are no
// files: the first proof enters them.
func prove(ctx context.Context, on *statements, p catalog.Proof) error {
	_, err := on.exec(ctx, `INSERT INTO blob (sha256, md5, size, checked, damaged) VALUES (?1, '', ?2, ?3, ?4)
		ON CONFLICT (sha256) DO UPDATE SET checked = excluded.checked, damaged = excluded.damaged
		WHERE blob.checked IS NULL OR blob.checked <= excluded.checked OR blob.checked > ?5`, p.SHA256, p.Size, p.Read.Unix(), !p.Whole, time.Now().Unix())
	if err == nil {
		_, err = on.exec(ctx, refreshProofs+` WHERE good IN (SELECT file.snapshot FROM file JOIN blob ON blob.n = file.blob WHERE blob.sha256 = ?1
			UNION ALL SELECT n FROM snapshot WHERE document = ?1)`, p.SHA256)
	}
	return err
}

// Proved returns when a content was last read and found whole.
func (c history) Proved(ctx context.Context, sha256 string) (time.Time, error) {
	var checked sql.NullInt64
	err := c.queryRow(ctx, `SELECT checked FROM blob WHERE sha256 = ? AND NOT damaged`, sha256).Scan(&checked)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return moment(checked), c.wrap("look up the last proof of "+sha256, err)
}

// Proofs yields the last result for all content.
func (c history) Proofs(ctx context.Context, yield func(sha256 string, at time.Time, whole bool)) error {
	rows, err := c.query(ctx, `SELECT sha256, checked, NOT damaged FROM blob WHERE checked IS NOT NULL`)
	if err != nil {
		return c.wrap("list proofs", err)
	}
	defer rows.Close()
	for rows.Next() {
		var sum string
		var checked int64
		var whole bool
		if err := rows.Scan(&sum, &checked, &whole); err != nil {
			return c.wrap("list proofs", err)
		}
		yield(sum, time.Unix(checked, 0).UTC(), whole)
	}
	return c.wrap("list proofs", rows.Err())
}

// selectStates is the one query of States; a condition follows. Every column costs time
// with many devices.
const selectStates = `SELECT device.name, device.site, device.device_group,
		state.model, state.version, state.image, state.seen,
		state.newest_id, state.newest_started, state.newest_status, state.good_id, state.good_started, state.holds,
		state.looked, state.proved, state.damaged, state.image_bad, state.warnings,
		state.last_started, state.last_ended, state.last_status,
		failed.id, failed.started, failed.ended, failed.status, failed.cause, failed.message, failed.hint, failed.attempts, failed.snapshot, failed.bytes, failed.retransmits
	FROM device LEFT JOIN device_state AS state ON state.device = device.name LEFT JOIN run AS failed ON failed.n = state.last_failed
	WHERE (?1 = '' OR device.site = ?1) AND (?2 = '' OR device.device_group = ?2)`

// States returns the states of the devices that s selects, sorted by name.
func (c history) States(ctx context.Context, s api.Select) ([]catalog.State, error) {
	if len(s.Names) == 0 {
		var devices int // room for all of them: growing would copy a large fleet several times
		if err := c.queryRow(ctx, `SELECT count(*) FROM device`).Scan(&devices); err != nil {
			return nil, c.wrap("count the devices", err)
		}
		return c.states(ctx, make([]catalog.State, 0, devices), selectStates+` ORDER BY device.name`, s.Site, s.Group)
	}
	list := []catalog.State{}
	names := slices.Compact(slices.Sorted(slices.Values(s.Names)))
	for _, name := range names {
		var err error
		if list, err = c.states(ctx, list, selectStates+` AND device.name = ?3`, s.Site, s.Group, name); err != nil {
			return nil, err
		}
	}
	if len(list) < len(names) { // some are of another site or group, or unknown
		if _, err := c.inventory.Devices(ctx, s); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// states appends to list the answer of a query that begins with selectStates.
func (c history) states(ctx context.Context, list []catalog.State, query string, args ...any) ([]catalog.State, error) {
	rows, err := c.query(ctx, query, args...)
	if err != nil {
		return nil, c.wrap("read the state of the devices", err)
	}
	defer rows.Close()
	var row stateRow
	for to := row.fields(); rows.Next(); {
		if err := rows.Scan(to...); err != nil {
			return nil, c.wrap("read the state of the devices", err)
		}
		state, err := row.state()
		if err != nil {
			return nil, c.wrap("read the state of "+row.name, err)
		}
		list = append(list, state)
	}
	return list, c.wrap("read the state of the devices", rows.Err())
}

// stateRow is a row of selectStates. Only a device without any history has no
// row in device_state.
type stateRow struct {
	name, site, group                                 string
	model, version, image, newest, newestStatus, good sql.NullString
	lastStatus                                        sql.NullString
	seen, newestStarted, goodStarted, looked, proved  sql.NullInt64
	lastStarted, lastEnded                            sql.NullInt64
	holds, damaged, imageBad                          sql.NullBool
	warnings                                          sql.NullString // JSON
	id, status, cause, message, hint, snapshot        sql.NullString // of the failed run
	started, ended, attempts, bytes, retransmits      sql.NullInt64
}

func (r *stateRow) fields() []any {
	return []any{&r.name, &r.site, &r.group, &r.model, &r.version, &r.image, &r.seen,
		&r.newest, &r.newestStarted, &r.newestStatus, &r.good, &r.goodStarted, &r.holds, &r.looked, &r.proved, &r.damaged, &r.imageBad, &r.warnings,
		&r.lastStarted, &r.lastEnded, &r.lastStatus,
		&r.id, &r.started, &r.ended, &r.status, &r.cause, &r.message, &r.hint, &r.attempts, &r.snapshot, &r.bytes, &r.retransmits}
}

func (r *stateRow) state() (catalog.State, error) {
	s := catalog.State{Name: r.name, Site: r.site, Group: r.group,
		Model: r.model.String, Version: r.version.String, Image: r.image.String, Seen: moment(r.seen),
		Newest: catalog.Saved{ID: r.newest.String, Started: moment(r.newestStarted), Status: r.newestStatus.String},
		Good:   catalog.Saved{ID: r.good.String, Started: moment(r.goodStarted)},
		Holds:  r.holds.Bool, Looked: moment(r.looked), Proved: moment(r.proved), Damaged: r.damaged.Bool, ImageBad: r.imageBad.Bool,
		Last: catalog.Attempt{Status: r.lastStatus.String, Started: moment(r.lastStarted), Ended: moment(r.lastEnded)}}
	if s.Good.ID != "" {
		s.Good.Status = api.StatusOK
	}
	if r.id.Valid {
		s.Failed = &api.Run{ID: r.id.String, Device: r.name, Kind: api.RunBackup, Status: r.status.String, Cause: api.Cause(r.cause.String),
			Message: r.message.String, Hint: r.hint.String, Attempts: int(r.attempts.Int64), Snapshot: r.snapshot.String, BytesCopied: r.bytes.Int64, Retransmits: int(r.retransmits.Int64),
			Started: moment(r.started), Ended: moment(r.ended)}
	}
	if r.warnings.String == "" {
		return s, nil
	}
	var warnings []string // not &s.Warnings: s stays off the heap
	err := json.Unmarshal([]byte(r.warnings.String), &warnings)
	s.Warnings = warnings
	return s, err
}
