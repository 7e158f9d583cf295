-- +goose Up

-- The fleet and the vault in numbers, one row a day, for plots.
CREATE TABLE day (
    date      TEXT COLLATE "C" PRIMARY KEY, -- 2026-11-29, UTC
    devices   BIGINT NOT NULL,
    protected BIGINT NOT NULL,
    snapshots BIGINT NOT NULL,
    contents  BIGINT NOT NULL,
    bytes     BIGINT NOT NULL -- of the contents
);

-- How full the file systems of a device were at its backups. Sizes are in bytes.
CREATE TABLE flash_use (
    device      TEXT COLLATE "C" NOT NULL,
    file_system TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL, -- seconds since 1970, UTC
    total       BIGINT NOT NULL,
    free        BIGINT NOT NULL,
    PRIMARY KEY (device, file_system, at)
);

ALTER TABLE run ADD COLUMN retransmits BIGINT NOT NULL DEFAULT 0; -- packets that we repeated
