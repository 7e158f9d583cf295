-- +goose Up

CREATE TABLE device (
    name            TEXT PRIMARY KEY,
    address         TEXT NOT NULL,
    transport       TEXT NOT NULL,
    username        TEXT NOT NULL,
    site            TEXT NOT NULL,
    device_group    TEXT NOT NULL,
    tftp_address    TEXT NOT NULL,
    vrf             TEXT NOT NULL,
    files           TEXT NOT NULL,
    legacy_crypto   BOOLEAN NOT NULL,
    password        TEXT NOT NULL, -- sealed
    enable_password TEXT NOT NULL  -- sealed
);

-- The rest is the index of the vault. It holds nothing that the vault lacks.

CREATE TABLE snapshot (
    n       INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE, -- begins with the time: its order is that of time
    device  TEXT NOT NULL,
    started BIGINT NOT NULL,      -- seconds since 1970, UTC
    status  TEXT NOT NULL,
    version TEXT NOT NULL,
    image   TEXT NOT NULL,
    files   BIGINT NOT NULL,      -- files that are kept
    bytes   BIGINT NOT NULL       -- of the files that are kept
);
CREATE INDEX snapshot_device ON snapshot (device, id);

CREATE TABLE blob (
    n      INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    md5    TEXT NOT NULL,         -- empty: no snapshot tells it
    size   BIGINT NOT NULL        -- bytes
);
CREATE INDEX blob_md5 ON blob (md5, size);

CREATE TABLE file (
    snapshot INTEGER NOT NULL REFERENCES snapshot (n) ON DELETE CASCADE,
    blob     INTEGER REFERENCES blob (n), -- NULL: missing, for its cause
    path     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    size     BIGINT NOT NULL,
    cause    TEXT NOT NULL,
    runs     TEXT                 -- the version that the device ran from it; NULL: it did not run it
);
CREATE INDEX file_snapshot ON file (snapshot);
CREATE INDEX file_blob ON file (blob);
CREATE INDEX file_image ON file (blob, kind, path, runs) WHERE kind IN ('image', 'package');
