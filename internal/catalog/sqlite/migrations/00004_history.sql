-- +goose Up

-- The index gets new columns: it is emptied here and made again from the vault.
DELETE FROM file;
DELETE FROM snapshot;
DELETE FROM blob;

ALTER TABLE snapshot ADD COLUMN model    TEXT    NOT NULL DEFAULT '';
ALTER TABLE snapshot ADD COLUMN received BOOLEAN NOT NULL DEFAULT FALSE; -- a file that the device sent: no backup
ALTER TABLE snapshot ADD COLUMN runs     BOOLEAN NOT NULL DEFAULT FALSE; -- all files of the running image are kept

ALTER TABLE blob ADD COLUMN checked BIGINT;                          -- when it was last read, seconds since 1970, UTC; NULL: never
ALTER TABLE blob ADD COLUMN damaged BOOLEAN NOT NULL DEFAULT FALSE;  -- what was found then

-- Runs are in the catalog alone.
CREATE TABLE run (
    n        INTEGER PRIMARY KEY,
    id       TEXT   NOT NULL UNIQUE,
    device   TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    started  BIGINT NOT NULL,     -- seconds since 1970, UTC
    ended    BIGINT,              -- NULL: it runs, or its process died
    status   TEXT   NOT NULL,
    cause    TEXT   NOT NULL,
    message  TEXT   NOT NULL,
    hint     TEXT   NOT NULL,
    attempts BIGINT NOT NULL,
    snapshot TEXT   NOT NULL,     -- its ID; empty: none
    model    TEXT   NOT NULL,
    version  TEXT   NOT NULL,
    image    TEXT   NOT NULL
);
CREATE INDEX run_device ON run (device, started);
CREATE INDEX run_unended ON run (device) WHERE ended IS NULL;

-- What is known now of each device: it follows from the tables above, and is
-- written in the same transaction as they are. One row has all that the status
-- of a device needs, because a fleet has many. Times are seconds since 1970,
-- UTC; NULL and empty texts: there is none.
CREATE TABLE device_state (
    device         TEXT PRIMARY KEY,
    newest_id      TEXT    NOT NULL DEFAULT '',    -- the newest backup
    newest_started BIGINT,
    newest_status  TEXT    NOT NULL DEFAULT '',
    good           BIGINT,                         -- snapshot.n of the newest complete backup
    good_id        TEXT    NOT NULL DEFAULT '',
    good_started   BIGINT,
    holds          BOOLEAN NOT NULL DEFAULT FALSE, -- good has the image of the facts below
    looked         BIGINT,
    proved         BIGINT,                         -- the oldest blob.checked of good; NULL: some content was never read
    damaged        BOOLEAN NOT NULL DEFAULT FALSE,
    last_run       BIGINT,                         -- run.n of the newest backup run
    last_started   BIGINT,
    last_ended     BIGINT,
    last_status    TEXT    NOT NULL DEFAULT '',
    last_failed    BIGINT,                         -- run.n of the newest one that failed
    seen           BIGINT,                         -- when the facts below were true
    model          TEXT    NOT NULL DEFAULT '',
    version        TEXT    NOT NULL DEFAULT '',
    image          TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX device_state_good ON device_state (good);
