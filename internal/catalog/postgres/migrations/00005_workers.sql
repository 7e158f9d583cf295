-- +goose Up

-- How many workers died while they did a job. One that kills its workers is ended.
ALTER TABLE job ADD COLUMN rescues BIGINT NOT NULL DEFAULT 0;

-- The sites that have workers of their own, and when one was last seen: milliseconds since
-- 1970, UTC.
CREATE TABLE site_worker (
    site TEXT COLLATE "C" PRIMARY KEY,
    seen BIGINT NOT NULL
);

-- The check value of the key that seals the secrets. At most one row.
CREATE TABLE sealing_key (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value TEXT NOT NULL
);

-- The leases that somebody has.
CREATE INDEX lease_holder ON lease (holder) WHERE holder <> '';
