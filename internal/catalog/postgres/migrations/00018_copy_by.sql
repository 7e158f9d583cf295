-- +goose Up

ALTER TABLE device ADD COLUMN copy_by TEXT COLLATE "C" NOT NULL DEFAULT ''; -- auto, tftp or scp-pull; empty: the configured one

-- The transport that auto has found for a device. since: milliseconds since 1970, UTC.
CREATE TABLE copy_way (
    device TEXT COLLATE "C" PRIMARY KEY,
    way    TEXT COLLATE "C" NOT NULL,
    reason TEXT NOT NULL,
    since  BIGINT NOT NULL
);
