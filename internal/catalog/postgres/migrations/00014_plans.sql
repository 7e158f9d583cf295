-- +goose Up

-- Plans of restores, as they were shown. A plan is carried out once.
CREATE TABLE plan (
    id       TEXT COLLATE "C" PRIMARY KEY,
    document TEXT NOT NULL,    -- JSON
    expires  BIGINT NOT NULL,  -- milliseconds since 1970
    used     BIGINT NOT NULL DEFAULT 0 -- a job carries it out, or has done so
);
