-- +goose Up

-- The index of a vault of format 1 is of no use: `rebuild` makes the new one.
DELETE FROM file;
DELETE FROM snapshot;
DELETE FROM blob;
DELETE FROM device_state;

ALTER TABLE snapshot ADD COLUMN document TEXT NOT NULL DEFAULT ''; -- its name in the vault, ID.SHA256
ALTER TABLE snapshot ADD COLUMN previous TEXT NOT NULL DEFAULT ''; -- that of the device's snapshot before it
CREATE UNIQUE INDEX snapshot_document ON snapshot (document);
CREATE INDEX snapshot_previous ON snapshot (previous);

-- The identity of the vault of this catalog. At most one row.
CREATE TABLE vault (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    identity TEXT NOT NULL
);

-- Snapshots that are being written: their IDs. One that a dead process left is
-- entered into the index, or forgotten, by the next process.
CREATE TABLE intended (id TEXT PRIMARY KEY);
