-- +goose Up

-- The files that each device ran at its newest backup: images lists them without a look at
-- older snapshots. It is part of the state of a device, and is written with it. A backup
-- without any such file is one row without a path.
CREATE TABLE running_file (
    device   TEXT NOT NULL,
    version  TEXT NOT NULL, -- that the device ran from it; empty: not known, of another unit
    image    TEXT NOT NULL, -- as show version names it
    path     TEXT,
    kind     TEXT,
    size     BIGINT,
    cause    TEXT,
    snapshot INTEGER NOT NULL, -- snapshot.n of the newest backup
    source   INTEGER,          -- snapshot.n of the one that has the blob: this one, or an older one with the same software and file
    blob     INTEGER           -- blob.n; NULL: the vault has none
);
CREATE INDEX running_file_device ON running_file (device);

INSERT INTO running_file (device, version, image, path, kind, size, cause, snapshot, source, blob)
SELECT snapshot.device, coalesce(file.runs, snapshot.version), snapshot.image, file.path, file.kind, file.size, file.cause,
    snapshot.n, kept.snapshot, kept.blob
FROM snapshot LEFT JOIN file ON file.snapshot = snapshot.n AND file.runs IS NOT NULL
    LEFT JOIN file AS kept ON kept.rowid = CASE WHEN file.blob IS NOT NULL THEN file.rowid ELSE (
        SELECT same.rowid FROM snapshot AS older JOIN file AS same ON same.snapshot = older.n
        WHERE older.device = snapshot.device AND older.version = snapshot.version AND replace(older.image, ':/', ':') = replace(snapshot.image, ':/', ':')
            AND same.runs IS NOT NULL AND same.blob IS NOT NULL AND (file.path IS NULL OR same.path = file.path AND same.size = file.size)
        ORDER BY older.id DESC LIMIT 1) END
WHERE snapshot.id IN (
    SELECT (SELECT id FROM snapshot AS one WHERE one.device = device_state.device AND one.image <> '' ORDER BY one.id DESC LIMIT 1) FROM device_state);

-- In this order of columns, a query can step from one image to the next.
DROP INDEX file_image;
CREATE INDEX file_image ON file (blob, path, kind, runs) WHERE kind IN ('image', 'package');
