-- +goose Up

-- The processes that do jobs, and when each gave its newest sign: milliseconds since 1970, UTC.
CREATE TABLE worker (
    id         TEXT COLLATE "C" PRIMARY KEY,
    everywhere BOOLEAN NOT NULL, -- it has no sites of its own
    seen       BIGINT NOT NULL
);

-- The time zone of the schedule, which all machines follow. At most one row.
CREATE TABLE schedule_zone (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL
);
