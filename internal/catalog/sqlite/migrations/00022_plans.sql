-- +goose Up

-- Plans of restores, as they were shown. A plan is carried out once.
CREATE TABLE plan (
    id       TEXT PRIMARY KEY,
    document TEXT NOT NULL,     -- JSON
    expires  INTEGER NOT NULL,  -- milliseconds since 1970
    used     INTEGER NOT NULL DEFAULT 0 -- a job carries it out, or has done so
);
